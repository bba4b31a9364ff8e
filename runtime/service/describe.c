/* SPDX-License-Identifier: Apache-2.0
 *
 * A request that was answered, as a line for who traces it: open(#7, 0x1, 0644, "notes") = 12
 */
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/service/service_internal.h"

enum shown_as {
	AS_NOTHING,
	AS_HANDLE,
	AS_OFFSET,
	AS_OCTAL,
	AS_BITS,
	AS_NUMBER,
};
#define SHOW_NONE   AS_NOTHING
#define SHOW_DIR    AS_HANDLE
#define SHOW_DIRX   AS_HANDLE
#define SHOW_FILE   AS_HANDLE
#define SHOW_NODE   AS_HANDLE
#define SHOW_OFF    AS_OFFSET
#define SHOW_MODE   AS_OCTAL
#define SHOW_OFLAGS AS_BITS
#define SHOW_FLAGS  AS_BITS
#define SHOW_EVENTS AS_BITS
#define SHOW_WIN    AS_BITS
#define SHOW_LEN    AS_NUMBER
#define SHOW_U32    AS_NUMBER
#define SHOW_U64    AS_NUMBER
#define SHOW_I64    AS_NUMBER
#define SHOW_WHENCE AS_NUMBER

/* Is the data text? */
#define TEXT_NIL     false
#define TEXT_VAR     false
#define TEXT_RAW(n)  false
#define TEXT_NAME    true
#define TEXT_NAMEZ   true
#define TEXT_NAME2   true
#define TEXT_NAMETGT true
#define TEXT_PATH    true

static const struct {
	const char *name;
	uint8_t arg[4]; /* enum shown_as */
	bool text;
} ops[CHAN_OP_COUNT] = {
#define CHAN_OP(op, str, a0, a1, a2, a3, din, dout, segs, doc)                                     \
	[CHAN_OP_##op] = {(str), {SHOW_##a0, SHOW_##a1, SHOW_##a2, SHOW_##a3}, TEXT_##din},
#include "kernel-shim/abi/chan_ops.h"
#undef CHAN_OP
};

struct line {
	char *at;
	size_t left;
	const char *comma;
};

__attribute__((format(printf, 2, 3))) static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(l->at, l->left, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= l->left)
		n = (int)l->left - 1;
	l->at += n;
	l->left -= (size_t)n;
}

static void put_argument(struct line *l, enum shown_as as, uint64_t v)
{
	if (as == AS_NOTHING)
		return;
	put(l, "%s", l->comma);
	l->comma = ", ";
	if (as == AS_OFFSET && v == CHAN_OFF_STREAM)
		put(l, "stream");
	else if (as == AS_HANDLE)
		put(l, "#%" PRIu64, v);
	else if (as == AS_OCTAL)
		put(l, "0%" PRIo64, v);
	else if (as == AS_BITS)
		put(l, "0x%" PRIx64, v);
	else
		put(l, "%" PRId64, (int64_t)v);
}

/* One name, or two with NUL between them. */
static void put_text(struct line *l, const uint8_t *in, size_t len)
{
	char clean[PATH_MAX];

	while (len) {
		size_t n = strnlen((const char *)in, len);

		text_clean(clean, sizeof(clean), (const char *)in, n);
		put(l, "%s\"%s\"", l->comma, clean);
		l->comma = ", ";
		n += n < len;
		in += n;
		len -= n;
	}
}

static void put_result(struct line *l, int64_t result)
{
	const char *error = result < 0 && result >= -4095 ? strerrorname_np((int)-result) : NULL;

	if (error)
		put(l, ") = %s", error);
	else
		put(l, ") = %" PRId64, result);
}

void service_describe(const struct chan_msg *msg, const uint8_t *in, char *out, size_t size)
{
	struct line l = {out, size, ""};
	bool known = msg->op < CHAN_OP_COUNT && ops[msg->op].name;

	if (!known) {
		put(&l, "operation-%u(", msg->op);
	} else {
		put(&l, "%s(", ops[msg->op].name);
		for (unsigned i = 0; i < 4; i++)
			put_argument(&l, (enum shown_as)ops[msg->op].arg[i], msg->a[i]);
		if (ops[msg->op].text && msg->in_len <= CHAN_DATA_SIZE)
			put_text(&l, in, msg->in_len);
	}
	put_result(&l, msg->result);
}
