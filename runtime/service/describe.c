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

static bool is_text(uint32_t data)
{
	return data == DATA_NAME || data == DATA_NAMEZ || data == DATA_NAME2 ||
	       data == DATA_NAMETGT || data == DATA_PATH;
}

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

static void put_argument(struct line *l, enum arg_kind kind, uint64_t v)
{
	if (kind == ARG_NONE)
		return;
	put(l, "%s", l->comma);
	l->comma = ", ";
	switch (kind) {
	case ARG_DIR:
	case ARG_DIRX:
	case ARG_FILE:
	case ARG_NODE:
		put(l, "#%" PRIu64, v);
		break;
	case ARG_OFF:
		if (v == CHAN_OFF_STREAM)
			put(l, "stream");
		else
			put(l, "%" PRId64, (int64_t)v);
		break;
	case ARG_MODE:
		put(l, "0%" PRIo64, v);
		break;
	case ARG_OFLAGS:
	case ARG_FLAGS:
	case ARG_EVENTS:
	case ARG_WIN:
		put(l, "0x%" PRIx64, v);
		break;
	default:
		put(l, "%" PRId64, (int64_t)v);
	}
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
	const struct op_desc *d = msg->op < CHAN_OP_COUNT ? &service_op_table[msg->op] : NULL;

	if (!d || !d->name) {
		put(&l, "operation-%u(", msg->op);
	} else {
		put(&l, "%s(", d->name);
		for (unsigned i = 0; i < 4; i++)
			put_argument(&l, (enum arg_kind)d->arg[i], msg->a[i]);
		if (is_text(d->in) && msg->in_len <= CHAN_DATA_SIZE)
			put_text(&l, in, msg->in_len);
	}
	put_result(&l, msg->result);
}
