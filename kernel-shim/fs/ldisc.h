/* SPDX-License-Identifier: Apache-2.0
 * The line discipline of a pseudo-terminal, as Linux's N_TTY: what is typed becomes lines and
 * signals and is echoed, what is written is processed. No waiting and no files: fs/pty.c has those.
 */
#ifndef FS_LDISC_H
#define FS_LDISC_H

#include <asm/termbits.h>

#include "core/types.h"

#define LDISC_IN     4096u  /* bytes that wait to be read, as in Linux */
#define LDISC_OUT    16384u /* and that wait for the other end */
#define LDISC_EXPAND 8u	    /* bytes that one written byte can become */

struct ldisc {
	struct termios mode;
	u8 in[LDISC_IN];
	u8 line_end[LDISC_IN / 8]; /* a bit for each: it ends a line */
	u8 out[LDISC_OUT];
	/* Positions in the queues count on and are taken modulo the size. */
	u32 head, tail, line_head; /* input; whole lines end before line_head */
	u32 out_head, out_tail;
	u32 column, line_column; /* of the output; where the line being typed began */
	bool literal;		 /* the next byte typed means nothing special (VLNEXT) */
	bool erasing;		 /* between \ and / (ECHOPRT) */
	bool stopped;		 /* output is (VSTOP, TCOOFF) */
};

void ldisc_init(struct ldisc *l);
void ldisc_set_mode(struct ldisc *l, const struct termios *mode);
/* The other end typed c: the signal that it makes, for the group in the foreground, or 0. */
s32 ldisc_type(struct ldisc *l, u8 c);
bool ldisc_may_type(const struct ldisc *l); /* false: whoever types waits until somebody reads */
/* A byte is written; there has to be room. */
void ldisc_write(struct ldisc *l, u8 c);
u32 ldisc_room(const struct ldisc *l); /* bytes that can be written now */
/* Is there something to read: a line, or `min` bytes without ICANON? */
bool ldisc_readable(const struct ldisc *l, u32 min);
/* What a read of n bytes takes: no more than a line with ICANON, and *whole says that its end was
 * reached (0 bytes: end of file was typed). */
u32 ldisc_read(struct ldisc *l, u8 *to, u32 n, bool *whole);
u32 ldisc_queued(const struct ldisc *l); /* FIONREAD */
/* The other end reads. */
u32 ldisc_take_output(struct ldisc *l, u8 *to, u32 n);
u32 ldisc_output_queued(const struct ldisc *l);
/* What was written is dropped, as far as the other end has not got it: in Linux that has a queue of
 * its own. */
void ldisc_take_back(struct ldisc *l);
void ldisc_drop_input(struct ldisc *l);
void ldisc_drop_output(struct ldisc *l);

#endif
