/* SPDX-License-Identifier: Apache-2.0
 * --trace: a line for each system call, in strace's manner, made from the argument letters of
 * table.h. The line ends with where the answer came from: "<shim>", or "<host N>" for N channel
 * calls.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "core/task.h"
#include "mm/mm.h"
#include "sys/errno_names.h"
#include "sys/sys.h"

#define TRACE_LINE   512
#define TRACE_STRING 48

struct line {
	char *buf;
	size_t len;
};

static void put(struct line *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct line *l, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvfmt(l->buf + l->len, TRACE_LINE - l->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		l->len = min_u64(l->len + (u64)n, TRACE_LINE - 1);
}

static void put_string(struct line *l, u64 uaddr)
{
	char s[TRACE_STRING + 1];
	s64 n;

	if (!uaddr) {
		put(l, "NULL");
		return;
	}
	n = strncpy_from_user(s, uaddr, sizeof(s));
	if (n == -EFAULT) {
		put(l, "%p", (void *)uaddr);
		return;
	}
	s[TRACE_STRING] = 0;
	for (char *c = s; *c; c++) { /* the launcher's terminal is not the program's to write to */
		if (*c < ' ' || *c == 127)
			*c = '?';
	}
	put(l, "\"%s\"%s", s, n < 0 ? "..." : "");
}

static void put_open_flags(struct line *l, u32 flags)
{
	static const struct {
		u32 bit;
		const char *name;
	} names[] = {
		{O_CREAT, "O_CREAT"},
		{O_EXCL, "O_EXCL"},
		{O_TRUNC, "O_TRUNC"},
		{O_APPEND, "O_APPEND"},
		{O_NONBLOCK, "O_NONBLOCK"},
		{O_DIRECTORY, "O_DIRECTORY"},
		{O_NOFOLLOW, "O_NOFOLLOW"},
		{O_CLOEXEC, "O_CLOEXEC"},
		{O_PATH, "O_PATH"},
	};
	static const char *const mode[] = {"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"};

	put(l, "%s", mode[flags & O_ACCMODE]);
	flags &= ~(u32)O_ACCMODE;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (flags & names[i].bit)
			put(l, "|%s", names[i].name);
		flags &= ~names[i].bit;
	}
	if (flags)
		put(l, "|0x%x", flags);
}

static void put_argument(struct line *l, char kind, u64 v)
{
	switch (kind) {
	case 'f':
		if ((s32)v == AT_FDCWD)
			put(l, "AT_FDCWD");
		else
			put(l, "%d", (s32)v);
		break;
	case 'd':
	case 'S':
		put(l, "%d", (s32)v);
		break;
	case 'l':
		put(l, "%lld", (long long)v);
		break;
	case 'u':
		put(l, "%llu", (unsigned long long)v);
		break;
	case 'o':
		put(l, "0%o", (u32)v);
		break;
	case 'O':
		put_open_flags(l, (u32)v);
		break;
	case 's':
		put_string(l, v);
		break;
	case 'p':
		if (v)
			put(l, "0x%llx", (unsigned long long)v);
		else
			put(l, "NULL");
		break;
	default:
		put(l, "0x%llx", (unsigned long long)v);
	}
}

static void put_call(struct line *l, struct task *t, u32 nr, const u64 *a)
{
	const struct sys_row *row = nr < SYS_MAX && sys_rows[nr].fn ? &sys_rows[nr] : NULL;

	put(l, "[%d] ", t->tid);
	if (!row) {
		put(l, "syscall_%u(", nr);
		return;
	}
	put(l, "%s(", row->name);
	for (u32 i = 0; row->args[i]; i++) {
		put(l, "%s", i ? ", " : "");
		put_argument(l, row->args[i], a[i]);
	}
}

/* Names that end in a comma or the end; "" takes all. */
bool trace_wants(struct kernel *k, const char *name)
{
	const char *f = (const char *)k->boot + k->boot->trace;
	size_t n = strlen(name);

	if (!*f)
		return true;
	while (*f) {
		if (!strncmp(f, name, n) && (f[n] == ',' || !f[n]))
			return true;
		f = strchr(f, ',');
		if (!f)
			break;
		f++;
	}
	return false;
}

static bool never_returns(u32 nr)
{
	const char *name = nr < SYS_MAX && sys_rows[nr].fn ? sys_rows[nr].name : "";

	return !strcmp(name, "exit") || !strcmp(name, "exit_group") ||
	       !strcmp(name, "rt_sigreturn") || !strcmp(name, "execve") ||
	       !strcmp(name, "execveat");
}

/* A call that may not come back, or comes back with its arguments gone, is printed when it is made.
 */
void trace_enter(struct task *t, u32 nr, const u64 *a)
{
	struct line l = {kalloc(TRACE_LINE), 0};

	if (!l.buf || !never_returns(nr)) {
		kfree(l.buf);
		return;
	}
	put_call(&l, t, nr, a);
	put(&l, ")");
	klog(CHAN_LOG_TRACE, "%s", l.buf);
	kfree(l.buf);
}

/* Those beyond the table are the kernel's own: the call begins anew, or a signal's handler ends it.
 */
static const char *error_name(u64 error)
{
	return error < ARRAY_SIZE(errno_names) ? errno_names[error] : "ERESTARTSYS";
}

void trace_exit(struct task *t, u32 nr, const u64 *a, long result, u64 channel_calls)
{
	struct line l = {kalloc(TRACE_LINE), 0};

	if (!l.buf)
		return;
	if (never_returns(nr))
		put(&l, "[%d] %s", t->tid, sys_rows[nr].name);
	else
		put_call(&l, t, nr, a);
	if (result < 0 && result >= -4095)
		put(&l, "%s = -1 %s", never_returns(nr) ? "" : ")", error_name((u64)-result));
	else if (result > 0xffffff)
		put(&l, "%s = 0x%lx", never_returns(nr) ? "" : ")", (unsigned long)result);
	else
		put(&l, "%s = %ld", never_returns(nr) ? "" : ")", result);
	if (channel_calls)
		put(&l, " <host %llu>", (unsigned long long)channel_calls);
	else
		put(&l, " <shim>");
	klog(CHAN_LOG_TRACE, "%s", l.buf);
	kfree(l.buf);
}
