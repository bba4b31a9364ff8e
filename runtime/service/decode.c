/* SPDX-License-Identifier: Apache-2.0
 *
 * Decode: is a request well formed? Pure: reads the private copy and nothing else, so that a fuzzer
 * can drive it alone. Whether a handle is live and what may be done with it comes later.
 *
 * The rows of chan_ops.h become a table of kinds; what the kinds cannot say is in decode_op().
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

enum seg_kind { SEG_NOSEG, SEG_SEGOUT, SEG_SEGIN };

const struct op_desc service_op_table[CHAN_OP_COUNT] = {
#define CHAN_OP(op, str, a0, a1, a2, a3, din, dout, segs, doc)                                     \
	[CHAN_OP_##op] = {.name = (str),                                                           \
		.arg = {ARG_##a0, ARG_##a1, ARG_##a2, ARG_##a3},                                   \
		.seg = SEG_##segs,                                                                 \
		.in = DATA_##din,                                                                  \
		.out = DATA_##dout},
#include "kernel-shim/abi/chan_ops.h"
#undef CHAN_OP
};

static int decode_arg(enum arg_kind kind, uint64_t v)
{
	switch (kind) {
	case ARG_NONE:
		return v ? -EINVAL : 0;
	case ARG_DIR:
	case ARG_DIRX:
	case ARG_FILE:
	case ARG_NODE:
		return v && v <= UINT32_MAX ? 0 : -EBADF;
	case ARG_OFF:
		return v <= INT64_MAX || v == CHAN_OFF_STREAM ? 0 : -EINVAL;
	case ARG_LEN:
		return v <= INT64_MAX ? 0 : -EINVAL;
	case ARG_U32:
	case ARG_FLAGS:
		return v <= UINT32_MAX ? 0 : -EINVAL;
	case ARG_U64:
	case ARG_I64:
		return 0;
	case ARG_MODE:
		return v <= 07777 ? 0 : -EINVAL;
	case ARG_OFLAGS:
		return v & ~(uint64_t)CHAN_O_ALL ? -EINVAL : 0;
	case ARG_WHENCE:
		return v <= SEEK_HOLE ? 0 : -EINVAL;
	case ARG_WIN:
		return v & (PAGE_BYTES - 1) ? -EINVAL : 0;
	case ARG_EVENTS:
		return v <= UINT16_MAX ? 0 : -EINVAL;
	}
	return -EINVAL;
}

static bool is_dots(const uint8_t *s, size_t len)
{
	return s[0] == '.' && (len == 1 || (len == 2 && s[1] == '.'));
}

static int decode_name(const uint8_t *s, size_t len)
{
	if (!len || memchr(s, 0, len) || memchr(s, '/', len) || is_dots(s, len))
		return -EINVAL;
	return len <= 255 ? 0 : -ENAMETOOLONG;
}

/* Components without "", "." and "..": the shim has resolved those. A component that is too long is
 * for WALK to report, after those before it. */
static int decode_path(const uint8_t *s, size_t len)
{
	if (!len || memchr(s, 0, len))
		return -EINVAL;
	if (len > 4095)
		return -ENAMETOOLONG;
	for (size_t start = 0; start <= len;) {
		const uint8_t *slash = start < len ? memchr(s + start, '/', len - start) : NULL;
		size_t end = slash ? (size_t)(slash - s) : len;

		if (end == start || is_dots(s + start, end - start))
			return -EINVAL;
		start = end + 1;
	}
	return 0;
}

static int decode_name2(const uint8_t *s, size_t len, bool first_may_be_empty)
{
	const uint8_t *nul = len ? memchr(s, 0, len) : NULL;
	size_t first;
	int r;

	if (!nul || s[len - 1] != 0)
		return -EINVAL;
	first = (size_t)(nul - s);
	if (first + 1 == len)
		return -EINVAL;
	r = !first && first_may_be_empty ? 0 : decode_name(s, first);
	return r ? r : decode_name(nul + 1, len - first - 2);
}

static int decode_nametgt(const uint8_t *s, size_t len)
{
	const uint8_t *nul = len ? memchr(s, 0, len) : NULL;
	size_t first, rest;
	int r;

	if (!nul)
		return -EINVAL;
	first = (size_t)(nul - s);
	rest = len - first - 1;
	r = decode_name(s, first);
	if (r)
		return r;
	if (!rest || memchr(nul + 1, 0, rest))
		return -EINVAL;
	return rest <= 4095 ? 0 : -ENAMETOOLONG;
}

static int decode_data(const struct chan_msg *m, const uint8_t *in, uint32_t kind)
{
	switch (kind & 0xff) {
	case DATA_NIL:
		return m->in_len ? -EINVAL : 0;
	case DATA_NAME:
		return decode_name(in, m->in_len);
	case DATA_NAMEZ:
		return m->in_len ? decode_name(in, m->in_len) : 0;
	case DATA_NAME2:
		return decode_name2(in, m->in_len, m->op == CHAN_OP_LINK);
	case DATA_NAMETGT:
		return decode_nametgt(in, m->in_len);
	case DATA_PATH:
		return decode_path(in, m->in_len);
	case DATA_VAR:
		return 0;
	case DATA_EXACT:
		return m->in_len == kind >> 8 ? 0 : -EINVAL;
	}
	return -EINVAL;
}

/* Segments lie in RAM, and are no more than LEN (a2 of READ and WRITE) together. */
static int decode_segs(const struct chan_msg *m, enum seg_kind kind, uint64_t ram_size)
{
	uint64_t total = 0;

	if (kind == SEG_NOSEG)
		return m->nseg ? -EINVAL : 0;
	if (m->nseg > CHAN_SEGS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < m->nseg; i++) {
		const struct chan_seg *g = &m->seg[i];

		if (g->gpa > ram_size || g->len > ram_size - g->gpa)
			return -EFAULT;
		if (g->len > m->a[2] - total)
			return -EINVAL;
		total += g->len;
	}
	return 0;
}

static int decode_open(const struct chan_msg *m)
{
	uint64_t f = m->a[1];

	if (!(f & (CHAN_O_READ | CHAN_O_WRITE | CHAN_O_EXEC | CHAN_O_DIRECTORY)))
		return -EINVAL;
	if ((f & CHAN_O_DIRECTORY) && (f & (CHAN_O_CREAT | CHAN_O_TMPFILE)))
		return -EINVAL;
	if ((f & CHAN_O_TMPFILE) && (!(f & CHAN_O_WRITE) || (f & CHAN_O_CREAT) || m->in_len))
		return -EINVAL;
	return 0;
}

static int decode_setattr(const struct chan_msg *m, const uint8_t *in)
{
	struct chan_setattr sa;

	if (m->in_len < sizeof(sa))
		return -EINVAL;
	memcpy(&sa, in, sizeof(sa));
	if (sa.valid & ~CHAN_SET_ALL)
		return -EINVAL;
	if ((sa.valid & CHAN_SET_MODE) && sa.mode > 07777)
		return -EINVAL;
	/* -1 means "as it is" to chown(2), which is not what was asked for. */
	if (((sa.valid & CHAN_SET_UID) && sa.uid == UINT32_MAX) ||
		((sa.valid & CHAN_SET_GID) && sa.gid == UINT32_MAX))
		return -EINVAL;
	if ((sa.valid & CHAN_SET_SIZE) && sa.size > INT64_MAX)
		return -EINVAL;
	/* UTIME_NOW and UTIME_OMIT are above this: they come from the flags only. */
	if (((sa.valid & CHAN_SET_ATIME) && sa.atime_ns >= 1000000000) ||
		((sa.valid & CHAN_SET_MTIME) && sa.mtime_ns >= 1000000000))
		return -EINVAL;
	if (m->in_len == sizeof(sa))
		return 0;
	return decode_name(in + sizeof(sa), m->in_len - sizeof(sa));
}

static int decode_xattr(const struct chan_msg *m, const uint8_t *in)
{
	const uint8_t *nul = m->in_len ? memchr(in, 0, m->in_len) : NULL;
	size_t first, rest;
	int r;

	if (m->a[1] != CHAN_XATTR_GET && m->a[1] != CHAN_XATTR_LIST)
		return -EINVAL;
	if (!nul || in[m->in_len - 1] != 0)
		return -EINVAL;
	first = (size_t)(nul - in);
	r = first ? decode_name(in, first) : 0;
	if (r)
		return r;
	rest = m->in_len - first - 1; /* with its NUL; a list needs no name */
	if (rest < 2)
		return m->a[1] == CHAN_XATTR_LIST ? 0 : -EINVAL;
	if (rest > 256)
		return -ERANGE;
	return memchr(nul + 1, 0, rest - 1) ? -EINVAL : 0;
}

static int decode_mknod(uint64_t mode)
{
	uint64_t type = mode & S_IFMT;

	if (mode & ~(uint64_t)(S_IFMT | 07777))
		return -EINVAL;
	return type == S_IFREG || type == S_IFIFO || type == S_IFSOCK ? 0 : -EPERM;
}

static int decode_tty(const struct chan_msg *m)
{
	uint32_t want = 0;

	if (m->a[1] > CHAN_TTY_OUTQ)
		return -EINVAL;
	if (m->a[1] == CHAN_TTY_SETS)
		want = TTY_MODE_SIZE;
	else if (m->a[1] == CHAN_TTY_SETWINSZ)
		want = 8;
	if (m->a[2] > 2)
		return -EINVAL;
	return m->in_len == want ? 0 : -EINVAL;
}

/* Two ranges of bytes that end in the address space: offset a, length b. */
static int decode_range(uint64_t off, uint64_t len)
{
	return off > INT64_MAX || len > INT64_MAX - off ? -EINVAL : 0;
}

static int decode_map(const struct chan_msg *m)
{
	if ((m->a[1] & (PAGE_BYTES - 1)) || !m->a[2] || decode_range(m->a[1], m->a[2]))
		return -EINVAL;
	return decode_range(m->a[3], m->a[2]);
}

static int decode_discard(const struct chan_msg *m, uint64_t ram_size)
{
	if ((m->a[1] | m->a[2]) & (PAGE_BYTES - 1))
		return -EINVAL;
	return m->a[1] > ram_size || m->a[2] > ram_size - m->a[1] ? -EFAULT : 0;
}

static int decode_op(const struct chan_msg *m, const uint8_t *in, uint64_t ram_size)
{
	switch (m->op) {
	case CHAN_OP_OPEN:
		return decode_open(m);
	case CHAN_OP_SETATTR:
		return decode_setattr(m, in);
	case CHAN_OP_XATTR:
		return decode_xattr(m, in);
	case CHAN_OP_MKNOD:
		return decode_mknod(m->a[1]);
	case CHAN_OP_UNLINK:
		return m->a[1] & ~(uint64_t)CHAN_UNLINK_DIR ? -EINVAL : 0;
	case CHAN_OP_RENAME:
		return m->a[2] > CHAN_RENAME_EXCHANGE ? -EINVAL : 0; /* one of the two, or none */
	case CHAN_OP_ACCESS:
		return m->a[1] & ~(uint64_t)(R_OK | W_OK | X_OK) ? -EINVAL : 0;
	case CHAN_OP_WRITE:
		return m->a[3] & ~(uint64_t)CHAN_WRITE_APPEND ? -EINVAL : 0;
	case CHAN_OP_FSYNC:
		return m->a[1] > 1 ? -EINVAL : 0;
	case CHAN_OP_FALLOCATE:
		return decode_range(m->a[2], m->a[3]);
	case CHAN_OP_FLOCK:
		return m->a[1] == LOCK_SH || m->a[1] == LOCK_EX || m->a[1] == LOCK_UN ? 0 : -EINVAL;
	case CHAN_OP_MAP:
		return decode_map(m);
	case CHAN_OP_UNMAP:
		return m->a[2] ? decode_range(m->a[1], m->a[2]) : -EINVAL;
	case CHAN_OP_TTY:
		return decode_tty(m);
	case CHAN_OP_DISCARD:
		return decode_discard(m, ram_size);
	case CHAN_OP_LOG:
		return m->a[0] > CHAN_LOG_WARN ? -EINVAL : 0;
	case CHAN_OP_STOP:
		return m->a[0] >= SIGSTOP && m->a[0] <= SIGTTOU ? 0 : -EINVAL;
	case CHAN_OP_EXIT:
		return m->in_len > sizeof(struct chan_report) ? -EINVAL : 0;
	}
	return 0;
}

int service_decode(const struct chan_msg *msg, const uint8_t *in, uint64_t ram_size)
{
	const struct op_desc *d;
	int r;

	if (msg->op >= CHAN_OP_COUNT || !service_op_table[msg->op].name)
		return -ENOSYS;
	if (msg->in_len > CHAN_DATA_SIZE || msg->reserved)
		return -EINVAL;
	d = &service_op_table[msg->op];
	for (unsigned i = 0; i < 4; i++) {
		r = decode_arg((enum arg_kind)d->arg[i], msg->a[i]);
		if (r)
			return r;
	}
	r = decode_segs(msg, (enum seg_kind)d->seg, ram_size);
	if (!r)
		r = decode_data(msg, in, d->in);
	return r ? r : decode_op(msg, in, ram_size);
}
