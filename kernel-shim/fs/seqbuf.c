/* SPDX-License-Identifier: Apache-2.0
 * Text that grows.
 */
#include "fs/seqbuf.h"
#include "fs/vfs.h"

#define FIRST_SIZE 1024u
#define PATH_SIZE  4096u

void seq_init(struct seqbuf *s)
{
	memset(s, 0, sizeof(*s));
}

void seq_free(struct seqbuf *s)
{
	kfree(s->buf);
	seq_init(s);
}

/* Room for n more bytes and a NUL. */
static bool grow(struct seqbuf *s, size_t n)
{
	size_t cap = s->cap ? s->cap : FIRST_SIZE;
	char *buf;

	if (s->failed)
		return false;
	while (cap < s->len + n + 1)
		cap *= 2;
	if (cap == s->cap)
		return true;
	buf = kalloc(cap);
	if (!buf) {
		s->failed = true;
		return false;
	}
	if (s->len)
		memcpy(buf, s->buf, s->len);
	kfree(s->buf);
	s->buf = buf;
	s->cap = cap;
	return true;
}

void seq_write(struct seqbuf *s, const void *data, size_t n)
{
	if (!grow(s, n))
		return;
	memcpy(s->buf + s->len, data, n);
	s->len += n;
}

void seq_puts(struct seqbuf *s, const char *text)
{
	seq_write(s, text, strlen(text));
}

void seq_printf(struct seqbuf *s, const char *fmt, ...)
{
	size_t room = s->cap - s->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvfmt(s->buf ? s->buf + s->len : NULL, room, fmt, ap);
	va_end(ap);
	if ((size_t)n >= room) {
		if (!grow(s, (size_t)n))
			return;
		va_start(ap, fmt);
		kvfmt(s->buf + s->len, s->cap - s->len, fmt, ap);
		va_end(ap);
	}
	s->len += (size_t)n;
}

void seq_pad(struct seqbuf *s, size_t start, size_t width)
{
	while (!s->failed && s->len - start < width)
		seq_write(s, " ", 1);
}

void seq_escape(struct seqbuf *s, const char *text, const char *esc)
{
	for (; *text; text++) {
		u8 c = (u8)*text;

		if (c == '\\' || strchr(esc, c))
			seq_printf(
				s, "\\%c%c%c", '0' + (c >> 6), '0' + (c >> 3 & 7), '0' + (c & 7));
		else
			seq_write(s, text, 1);
	}
}

void seq_path(struct seqbuf *s, const struct path *p, const char *esc)
{
	char *buf = kalloc(PATH_SIZE);

	if (!buf) {
		s->failed = true;
		return;
	}
	if (path_string(p, buf, PATH_SIZE) >= 0)
		seq_escape(s, buf, esc);
	kfree(buf);
}
