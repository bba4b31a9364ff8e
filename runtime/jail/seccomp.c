/* SPDX-License-Identifier: Apache-2.0
 * System-call filters by thread role (libseccomp), from the lists in calls.h. A call that is not
 * listed ends the process: nothing of ours makes it, so somebody else does.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/jail/jail_internal.h"

#define CALL(name) SCMP_SYS(name)

enum list {
	LIBC,
	KICK,
	FILES,
	WATCHER,
	VCPU,
	MEMORY,
	SIGNALS,
	FCNTL,
	IOCTL,
	ZYGOTE,
};

static const struct {
	enum list list;
	int call;
} calls[] = {
#define JAIL_CALL(list, name, why) {list, CALL(name)},
#include "runtime/jail/calls.h"
#undef JAIL_CALL
};

/* tty_ioctl(2): what the channel's TTY operation performs. */
static const unsigned long ioctls_tty[] = {
	TCGETS,
	TCSETS,
	TCSETSW,
	TCSETSF,
	TIOCGWINSZ,
	TIOCSWINSZ,
	TCFLSH,
	TCSBRK,
	FIONREAD,
	TIOCOUTQ,
	TIOCGPGRP,
};

struct filter {
	scmp_filter_ctx ctx;
	int err;
};

static void allow(struct filter *f, const int *list, size_t n)
{
	for (size_t i = 0; i < n && !f->err; i++)
		f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, list[i], 0);
}

static void allow_list(struct filter *f, enum list list)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls) && !f->err; i++)
		if (calls[i].list == list)
			f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, calls[i].call, 0);
}

/* With one argument as it must be. */
static void allow_list_if(struct filter *f, enum list list, struct scmp_arg_cmp cmp)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls) && !f->err; i++)
		if (calls[i].list == list)
			f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, calls[i].call, 1, cmp);
}

static void allow_ioctls(struct filter *f, const unsigned long *list, size_t n)
{
	for (size_t i = 0; i < n && !f->err; i++)
		allow_list_if(f, IOCTL, SCMP_A1(SCMP_CMP_EQ, list[i], 0));
}

/* Memory may be mapped and protected, never made executable. */
static void allow_memory(struct filter *f)
{
	allow_list_if(f, MEMORY, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* Signals only to this process. */
static void allow_signals(struct filter *f)
{
	allow_list_if(f, SIGNALS, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static void allow_fcntl(struct filter *f)
{
	const int cmds[] = {F_GETFD, F_GETFL, F_DUPFD_CLOEXEC};

	for (size_t i = 0; i < 3 && !f->err; i++)
		allow_list_if(f, FCNTL, SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)cmds[i], 0));
}

static void allow_service(struct filter *f)
{
	allow_list(f, FILES);
	allow_ioctls(f, ioctls_tty, sizeof(ioctls_tty) / sizeof(ioctls_tty[0]));
	allow_memory(f);
	allow_fcntl(f);
}

int jail_thread(enum jail_role role, const unsigned long *ioctls, size_t nioctls)
{
	struct filter f = {.ctx = seccomp_init(SCMP_ACT_KILL_PROCESS)};

	if (!f.ctx)
		return -ENOMEM;
	allow_list(&f, LIBC);
	allow(&f, jail_also, jail_also_count);
	allow_signals(&f);
	switch (role) {
	case JAIL_CORE:
		allow_service(&f);
		allow_list(&f, KICK);
		break;
	case JAIL_SERVICE:
		allow_service(&f);
		allow_list(&f, KICK);
		break;
	case JAIL_VCPU:
		allow_list(&f, VCPU);
		break;
	case JAIL_WATCHER:
		allow_list(&f, WATCHER);
		/* the terminal's mode after SIGCONT */
		allow_ioctls(&f, ioctls_tty, sizeof(ioctls_tty) / sizeof(ioctls_tty[0]));
		allow_memory(&f); /* malloc's arena of a second thread */
		break;
	default:
		f.err = -EINVAL;
	}
	allow_ioctls(&f, ioctls, nioctls);
	if (!f.err)
		f.err = seccomp_load(f.ctx);
	seccomp_release(f.ctx);
	return f.err;
}

int jail_zygote(void)
{
	struct filter f = {.ctx = seccomp_init(SCMP_ACT_TRAP)};
	const scmp_datum_t forks = CLONE_FILES | CLONE_PIDFD | SIGCHLD;

	if (!f.ctx)
		return -ENOMEM;
	/* x32 numbers and 32-bit calls are the programs' to try: trapped like all others, not
	 * killed */
	f.err = seccomp_attr_set(f.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_TRAP);
	allow_list(&f, ZYGOTE);
	if (!f.err)
		f.err = seccomp_rule_add(
			f.ctx, SCMP_ACT_ALLOW, CALL(clone), 1, SCMP_A0(SCMP_CMP_EQ, forks, 0));
	if (!f.err)
		f.err = seccomp_rule_add(f.ctx, SCMP_ACT_ALLOW, CALL(prctl), 1,
			SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0));
	if (!f.err)
		f.err = seccomp_load(f.ctx);
	seccomp_release(f.ctx);
	return f.err;
}

bool jail_seccomp_works(struct launch_jail_state *st)
{
	/* asks without installing: an address that cannot be read gives EFAULT where filters exist
	 */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) == -1 && errno == EFAULT)
		return true;
	jail_missing(st, "seccomp: this kernel has no filters (CONFIG_SECCOMP_FILTER)");
	return false;
}
