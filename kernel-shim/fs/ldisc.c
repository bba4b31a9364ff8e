/* SPDX-License-Identifier: Apache-2.0
 * The line discipline. Order and detail follow Linux's drivers/tty/n_tty.c as seen from outside,
 * and termios(3).
 */
#include <asm/signal.h>

#include "fs/ldisc.h"

#define CONTROL_BIT 0100

void ldisc_init(struct ldisc *l)
{
	static const u8 keys[] = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0};

	memset(l, 0, sizeof(*l));
	l->mode.c_iflag = ICRNL | IXON;
	l->mode.c_oflag = OPOST | ONLCR;
	l->mode.c_cflag = B38400 | CS8 | CREAD;
	l->mode.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	memcpy(l->mode.c_cc, keys, sizeof(keys));
}

static bool iflag(const struct ldisc *l, u32 flag)
{
	return l->mode.c_iflag & flag;
}

static bool oflag(const struct ldisc *l, u32 flag)
{
	return l->mode.c_oflag & flag;
}

static bool lflag(const struct ldisc *l, u32 flag)
{
	return l->mode.c_lflag & flag;
}

/* A key that is 0 is switched off. */
static bool is_key(const struct ldisc *l, u8 c, u32 key)
{
	return c && l->mode.c_cc[key] == c;
}

static bool is_extended_key(const struct ldisc *l, u8 c, u32 key)
{
	return lflag(l, IEXTEN) && is_key(l, c, key);
}

/* Latin-1, as the kernel's. */
static u8 to_lower(u8 c)
{
	bool upper = (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7);

	return upper ? c + 0x20 : c;
}

static u8 to_upper(u8 c)
{
	bool lower = (c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7);

	return lower ? c - 0x20 : c;
}

static bool is_control(u8 c)
{
	return c < 32 || c == 127;
}

static bool in_word(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       c == '_' || (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

/* Inside a UTF-8 character: takes no column, and is erased with its beginning. */
static bool is_continued(const struct ldisc *l, u8 c)
{
	return iflag(l, IUTF8) && (c & 0xc0) == 0x80;
}

/* -- output -- */

static void put(struct ldisc *l, u8 c)
{
	if (l->out_head - l->out_tail < LDISC_OUT)
		l->out[l->out_head++ % LDISC_OUT] = c;
}

static void column_forward(struct ldisc *l, u8 c)
{
	if (!is_control(c) && !is_continued(l, c))
		l->column++;
}

static void put_newline(struct ldisc *l)
{
	if (oflag(l, ONLCR)) {
		l->column = l->line_column = 0;
		put(l, '\r');
	} else if (oflag(l, ONLRET)) {
		l->column = 0;
	}
	l->line_column = l->column;
	put(l, '\n');
}

static void put_return(struct ldisc *l)
{
	if (oflag(l, ONOCR) && !l->column)
		return;
	if (oflag(l, OCRNL) && !oflag(l, ONLRET)) {
		put(l, '\n');
		return;
	}
	l->column = l->line_column = 0;
	put(l, oflag(l, OCRNL) ? '\n' : '\r');
}

static void put_tab(struct ldisc *l)
{
	u32 blanks = 8 - (l->column & 7);

	l->column += blanks;
	if ((l->mode.c_oflag & TABDLY) != XTABS) {
		put(l, '\t');
		return;
	}
	while (blanks--)
		put(l, ' ');
}

static void put_processed(struct ldisc *l, u8 c)
{
	switch (c) {
	case '\n':
		put_newline(l);
		return;
	case '\r':
		put_return(l);
		return;
	case '\t':
		put_tab(l);
		return;
	case '\b':
		l->column -= l->column ? 1 : 0;
		break;
	default:
		if (oflag(l, OLCUC))
			c = to_upper(c);
		column_forward(l, c);
	}
	put(l, c);
}

void ldisc_write(struct ldisc *l, u8 c)
{
	if (oflag(l, OPOST))
		put_processed(l, c);
	else
		put(l, c);
}

u32 ldisc_room(const struct ldisc *l)
{
	u32 room = LDISC_OUT - (l->out_head - l->out_tail);

	if (l->stopped)
		return 0;
	return oflag(l, OPOST) ? room / LDISC_EXPAND : room;
}

u32 ldisc_take_output(struct ldisc *l, u8 *to, u32 n)
{
	u32 done = 0;

	while (done < n && l->out_tail != l->out_head)
		to[done++] = l->out[l->out_tail++ % LDISC_OUT];
	return done;
}

u32 ldisc_output_queued(const struct ldisc *l)
{
	return l->out_head - l->out_tail;
}

void ldisc_take_back(struct ldisc *l)
{
	if (ldisc_output_queued(l) > LDISC_IN - 1)
		l->out_head = l->out_tail + LDISC_IN - 1;
}

void ldisc_drop_output(struct ldisc *l)
{
	l->out_tail = l->out_head;
}

/* -- echo -- */

static void echo(struct ldisc *l, u8 c)
{
	if (lflag(l, ECHOCTL) && is_control(c) && c != '\t') {
		put(l, '^');
		put(l, c ^ CONTROL_BIT);
		l->column += 2;
	} else {
		ldisc_write(l, c);
	}
}

static void echo_rubout(struct ldisc *l)
{
	ldisc_write(l, '\b');
	ldisc_write(l, ' ');
	ldisc_write(l, '\b');
}

static void echo_end_of_erasing(struct ldisc *l)
{
	if (l->erasing)
		ldisc_write(l, '/');
	l->erasing = false;
}

/* Where the line began tells how wide tabs in it are. */
static void echo_typed(struct ldisc *l, u8 c)
{
	if (l->line_head == l->head)
		l->line_column = l->column;
	echo(l, c);
}

/* -- the input queue -- */

static u8 typed_at(const struct ldisc *l, u32 at)
{
	return l->in[at % LDISC_IN];
}

static u32 queued(const struct ldisc *l)
{
	return l->head - l->tail;
}

/* A line without an end must leave room for it: what does not fit is lost. */
static void queue(struct ldisc *l, u8 c)
{
	if (queued(l) < LDISC_IN - 1)
		l->in[l->head++ % LDISC_IN] = c;
}

static void queue_line_end(struct ldisc *l, u8 c)
{
	u32 at = l->head % LDISC_IN;

	if (queued(l) == LDISC_IN)
		return;
	l->in[at] = c;
	l->line_end[at / 8] |= (u8)(1u << at % 8);
	l->line_head = ++l->head;
}

static bool ends_line(const struct ldisc *l, u32 at)
{
	at %= LDISC_IN;
	return l->line_end[at / 8] & 1u << at % 8;
}

static void queue_data(struct ldisc *l, u8 c)
{
	if (iflag(l, PARMRK) && c == 0xff)
		queue(l, c);
	queue(l, c);
}

bool ldisc_may_type(const struct ldisc *l)
{
	bool whole_line = l->line_head != l->tail;

	return queued(l) < LDISC_IN - 1 || (lflag(l, ICANON) && !whole_line);
}

bool ldisc_readable(const struct ldisc *l, u32 min)
{
	return lflag(l, ICANON) ? l->line_head != l->tail : queued(l) >= min;
}

static u32 read_line(struct ldisc *l, u8 *to, u32 n, bool *whole)
{
	u32 done = 0;

	while (!*whole && l->tail != l->line_head) {
		u32 at = l->tail % LDISC_IN;
		bool end = ends_line(l, at), eof = end && !l->in[at];

		if (done == n && !eof)
			break;
		l->tail++;
		l->line_end[at / 8] &= (u8) ~(1u << at % 8);
		if (!eof)
			to[done++] = l->in[at];
		*whole = end;
	}
	return done;
}

u32 ldisc_read(struct ldisc *l, u8 *to, u32 n, bool *whole)
{
	u32 done = 0;

	*whole = false;
	if (lflag(l, ICANON))
		return read_line(l, to, n, whole);
	while (done < n && l->tail != l->head)
		to[done++] = typed_at(l, l->tail++);
	l->line_head = l->tail;
	return done;
}

u32 ldisc_queued(const struct ldisc *l)
{
	u32 n = 0;

	if (!lflag(l, ICANON))
		return queued(l);
	for (u32 at = l->tail; at != l->line_head; at++)
		n += !(ends_line(l, at) && !typed_at(l, at));
	return n;
}

void ldisc_drop_input(struct ldisc *l)
{
	l->head = l->tail = l->line_head = 0;
	memset(l->line_end, 0, sizeof(l->line_end));
	l->literal = l->erasing = false;
}

/* -- erasing -- */

/* The columns of what was typed after the last tab, or since the line began. */
static u32 columns_before(const struct ldisc *l)
{
	u32 n = 0, at = l->head;

	while (at != l->line_head) {
		u8 c = typed_at(l, --at);

		if (c == '\t')
			return n;
		if (is_control(c))
			n += lflag(l, ECHOCTL) ? 2 : 0;
		else
			n += !is_continued(l, c);
	}
	return n + l->line_column;
}

static void echo_erased_tab(struct ldisc *l)
{
	u32 back = 8 - (columns_before(l) & 7);

	while (back--) {
		put(l, '\b');
		l->column -= l->column ? 1 : 0;
	}
}

static void echo_erased(struct ldisc *l, u8 c, u32 bytes, bool one)
{
	if (lflag(l, ECHOPRT)) {
		if (!l->erasing)
			ldisc_write(l, '\\');
		l->erasing = true;
		echo(l, c);
		for (u32 i = 1; i < bytes; i++)
			ldisc_write(l, typed_at(l, l->head + i));
	} else if (one && !lflag(l, ECHOE)) {
		echo(l, l->mode.c_cc[VERASE]);
	} else if (c == '\t') {
		echo_erased_tab(l);
	} else {
		if (is_control(c) && lflag(l, ECHOCTL))
			echo_rubout(l);
		if (!is_control(c) || lflag(l, ECHOCTL))
			echo_rubout(l);
	}
}

/* The last character typed: where it begins. False: there is none, or not a whole one. */
static bool last_character(const struct ldisc *l, u32 *begin)
{
	u32 at = l->head;

	do
		at--;
	while (is_continued(l, typed_at(l, at)) && at != l->line_head);
	*begin = at;
	return !is_continued(l, typed_at(l, at));
}

static void erase_characters(struct ldisc *l, bool one, bool word)
{
	bool seen = false;
	u32 begin, bytes;

	while (l->head != l->line_head && last_character(l, &begin)) {
		u8 c = typed_at(l, begin);

		if (word && !in_word(c) && seen)
			break;
		seen |= in_word(c);
		bytes = l->head - begin;
		l->head = begin;
		if (lflag(l, ECHO))
			echo_erased(l, c, bytes, one);
		if (one)
			break;
	}
	if (l->head == l->line_head && lflag(l, ECHO))
		echo_end_of_erasing(l);
}

static void kill_line(struct ldisc *l)
{
	if (lflag(l, ECHO) && lflag(l, ECHOK) && lflag(l, ECHOKE) && lflag(l, ECHOE)) {
		erase_characters(l, false, false);
		return;
	}
	l->head = l->line_head;
	if (!lflag(l, ECHO))
		return;
	echo_end_of_erasing(l);
	echo(l, l->mode.c_cc[VKILL]);
	if (lflag(l, ECHOK))
		ldisc_write(l, '\n');
}

static void reprint(struct ldisc *l)
{
	echo_end_of_erasing(l);
	echo(l, l->mode.c_cc[VREPRINT]);
	ldisc_write(l, '\n');
	for (u32 at = l->line_head; at != l->head; at++)
		echo(l, typed_at(l, at));
}

/* -- typing -- */

static s32 signal_of(const struct ldisc *l, u8 c)
{
	if (!lflag(l, ISIG))
		return 0;
	if (is_key(l, c, VINTR))
		return SIGINT;
	if (is_key(l, c, VQUIT))
		return SIGQUIT;
	return is_key(l, c, VSUSP) ? SIGTSTP : 0;
}

static s32 type_signal(struct ldisc *l, u8 c, s32 signo)
{
	if (!lflag(l, NOFLSH)) {
		ldisc_drop_input(l);
		ldisc_take_back(l);
	}
	if (iflag(l, IXON))
		l->stopped = false;
	if (lflag(l, ECHO))
		echo(l, c);
	return signo;
}

static void literal_follows(struct ldisc *l)
{
	l->literal = true;
	if (!lflag(l, ECHO))
		return;
	echo_end_of_erasing(l);
	if (lflag(l, ECHOCTL)) {
		ldisc_write(l, '^');
		ldisc_write(l, '\b');
	}
}

/* Keys that edit the line. */
static bool edit(struct ldisc *l, u8 c)
{
	if (l->head != l->line_head && (is_key(l, c, VERASE) || is_extended_key(l, c, VWERASE)))
		erase_characters(l, is_key(l, c, VERASE), !is_key(l, c, VERASE));
	else if (l->head != l->line_head && is_key(l, c, VKILL))
		kill_line(l);
	else if (is_extended_key(l, c, VLNEXT))
		literal_follows(l);
	else if (lflag(l, ECHO) && is_extended_key(l, c, VREPRINT))
		reprint(l);
	else
		return is_key(l, c, VERASE) || is_key(l, c, VKILL) ||
		       is_extended_key(l, c, VWERASE);
	return true;
}

/* Keys that end the line. */
static bool finish(struct ldisc *l, u8 c)
{
	if (c == '\n') {
		if (lflag(l, ECHO) || lflag(l, ECHONL))
			ldisc_write(l, '\n');
		queue_line_end(l, c);
	} else if (is_key(l, c, VEOF)) {
		queue_line_end(l, 0);
	} else if (is_key(l, c, VEOL) || is_extended_key(l, c, VEOL2)) {
		if (lflag(l, ECHO))
			echo_typed(l, c);
		if (iflag(l, PARMRK) && c == 0xff)
			queue(l, c);
		queue_line_end(l, c);
	} else {
		return false;
	}
	return true;
}

static void type_data(struct ldisc *l, u8 c)
{
	if (lflag(l, ECHO)) {
		echo_end_of_erasing(l);
		if (c == '\n')
			ldisc_write(l, c);
		else
			echo_typed(l, c);
	}
	queue_data(l, c);
}

/* True: c was for the flow of the output. */
static bool type_flow(struct ldisc *l, u8 c)
{
	if (!iflag(l, IXON))
		return false;
	if (is_key(l, c, VSTART) || is_key(l, c, VSTOP)) {
		l->stopped = !is_key(l, c, VSTART);
		return true;
	}
	if (iflag(l, IXANY) && !signal_of(l, c))
		l->stopped = false;
	return false;
}

s32 ldisc_type(struct ldisc *l, u8 c)
{
	s32 signo;

	if (iflag(l, ISTRIP))
		c &= 0x7f;
	if (iflag(l, IUCLC) && lflag(l, IEXTEN))
		c = to_lower(c);
	if (l->literal) {
		l->literal = false;
		type_data(l, c);
		return 0;
	}
	if (type_flow(l, c))
		return 0;
	signo = signal_of(l, c);
	if (signo)
		return type_signal(l, c, signo);
	if (c == '\r' && iflag(l, IGNCR))
		return 0;
	if (c == '\r' && iflag(l, ICRNL))
		c = '\n';
	else if (c == '\n' && iflag(l, INLCR))
		c = '\r';
	if (!lflag(l, ICANON) || (!edit(l, c) && !finish(l, c)))
		type_data(l, c);
	return 0;
}

/* -- modes -- */

static void canonical_changed(struct ldisc *l)
{
	u32 last = (l->head - 1) % LDISC_IN;

	memset(l->line_end, 0, sizeof(l->line_end));
	l->erasing = l->literal = false;
	l->line_head = l->tail;
	if (!lflag(l, ICANON) || !queued(l))
		return;
	l->line_end[last / 8] |= (u8)(1u << last % 8); /* what was typed so far is a line */
	l->line_head = l->head;
}

void ldisc_set_mode(struct ldisc *l, const struct termios *mode)
{
	bool canonical = lflag(l, ICANON), flow = iflag(l, IXON);

	l->mode = *mode;
	l->mode.c_cflag = (l->mode.c_cflag & ~(u32)(CSIZE | PARENB)) | CS8 | CREAD;
	if (canonical != lflag(l, ICANON))
		canonical_changed(l);
	if (flow && !iflag(l, IXON))
		l->stopped = false;
}
