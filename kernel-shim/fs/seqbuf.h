/* SPDX-License-Identifier: Apache-2.0
 * Text that grows: the contents of a file of /proc.
 */
#ifndef FS_SEQBUF_H
#define FS_SEQBUF_H

#include "core/types.h"

struct path;

struct seqbuf {
	char *buf;
	size_t len, cap;
	bool failed; /* memory ran out: what follows is dropped */
};

void seq_init(struct seqbuf *s);
void seq_free(struct seqbuf *s);
void seq_printf(struct seqbuf *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void seq_puts(struct seqbuf *s, const char *text);
void seq_write(struct seqbuf *s, const void *data, size_t n);
/* Blanks up to column `width` after `start` (a former s->len). */
void seq_pad(struct seqbuf *s, size_t start, size_t width);
/* With \ooo for each of `esc` and for the backslash, as Linux's mangle_path. */
void seq_escape(struct seqbuf *s, const char *text, const char *esc);
/* Absolute path, escaped. */
void seq_path(struct seqbuf *s, const struct path *p, const char *esc);

#endif
