/* SPDX-License-Identifier: Apache-2.0
 * System-call filters by thread role (libseccomp), from the lists in calls.h. A call that is not
 * listed ends the process: nothing of ours makes it, so somebody else does.
 */
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/jail/jail_internal.h"

/* What holds of a call's arguments. */
enum how {
	ANY,
	NOT_EXECUTABLE, /* PROT_EXEC is not among the protections */
	THIS_PROCESS,
	TERMINALS, /* requests_tty */
	VCPUS,	   /* the backend's requests */
	FORKS,	   /* the zygote's, and no others */
	PLAIN_FORKS,
	DEATHS, /* PR_SET_PDEATHSIG */
	COPIES, /* of this process, and threads */
	THREADS,
	FLAGS, /* of descriptors */
	OWN_LIMITS,
	ABSENT, /* is ENOSYS */
};

/* clone(2) as glibc calls it for fork(3) and pthread_create(3). */
#define LIBC_FORK (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | SIGCHLD)
#define LIBC_THREAD                                                                                \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
		CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

/* Words of the table. */
#define ALWAYS	0u
#define CORE	JAIL_ROLE(JAIL_CORE)
#define SERVICE JAIL_ROLE(JAIL_SERVICE)
#define VCPU	JAIL_ROLE(JAIL_VCPU)
#define WATCHER JAIL_ROLE(JAIL_WATCHER)
#define ZYGOTE	JAIL_ROLE(JAIL_ROLES)

enum list_name {
#define JAIL_LIST(name, ...) LIST_##name,
#define JAIL_CALL(...)
#include "runtime/jail/calls.h"
#undef JAIL_LIST
#undef JAIL_CALL
};

static const struct list {
	unsigned roles, when;
	enum how how;
} lists[] = {
#define JAIL_LIST(name, roles, when, how, ...) [LIST_##name] = {roles, when, how},
#define JAIL_CALL(...)
#include "runtime/jail/calls.h"
#undef JAIL_LIST
#undef JAIL_CALL
};

static const struct row {
	enum list_name list;
	int call;
} rows[] = {
#define JAIL_LIST(...)
#define JAIL_CALL(list, name, ...) {LIST_##list, SCMP_SYS(name)},
#include "runtime/jail/calls.h"
#undef JAIL_LIST
#undef JAIL_CALL
};
#define NROWS (sizeof(rows) / sizeof(*rows))

/* tty_ioctl(2): what the channel's TTY operation performs. */
static const unsigned long requests_tty[] = {
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

static bool in_filter(const struct list *l, unsigned roles, unsigned needs)
{
	return (l->roles & roles) && (l->when == ALWAYS || (l->when & needs));
}

/* A call that two lists have counts once. */
unsigned jail_calls(unsigned roles, unsigned needs)
{
	unsigned n = 0;

	for (size_t i = 0; i < NROWS; i++) {
		bool first = in_filter(&lists[rows[i].list], roles, needs);

		for (size_t j = 0; j < i && first; j++)
			first = rows[j].call != rows[i].call ||
				!in_filter(&lists[rows[j].list], roles, needs);
		n += first;
	}
	return n;
}

/* -- filters -- */

struct filter {
	scmp_filter_ctx ctx;
	int err;
	const unsigned long *requests; /* of vCPUs */
	size_t nrequests;
};

static void allow(struct filter *f, int call)
{
	if (!f->err)
		f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, call, 0);
}

/* With one argument as it must be. */
static void allow_if(struct filter *f, int call, struct scmp_arg_cmp cmp)
{
	if (!f->err)
		f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ALLOW, call, 1, cmp);
}

static void allow_requests(struct filter *f, int call, const unsigned long *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		allow_if(f, call, SCMP_A1(SCMP_CMP_EQ, list[i], 0));
}

static void allow_how(struct filter *f, int call, enum how how)
{
	switch (how) {
	case ANY:
		allow(f, call);
		break;
	case NOT_EXECUTABLE:
		allow_if(f, call, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
		break;
	case THIS_PROCESS:
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
		break;
	case TERMINALS:
		allow_requests(
			f, call, requests_tty, sizeof(requests_tty) / sizeof(requests_tty[0]));
		break;
	case VCPUS:
		allow_requests(f, call, f->requests, f->nrequests);
		break;
	case FORKS:
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, CLONE_FILES | CLONE_PIDFD | SIGCHLD, 0));
		break;
	case PLAIN_FORKS:
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, SIGCHLD, 0));
		break;
	case DEATHS:
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, PR_SET_PDEATHSIG, 0));
		break;
	case COPIES:
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, LIBC_FORK, 0));
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, LIBC_THREAD, 0));
		break;
	case THREADS:
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0));
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, PR_SET_NO_NEW_PRIVS, 0));
		break;
	case FLAGS:
		allow_if(f, call, SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0));
		allow_if(f, call, SCMP_A1(SCMP_CMP_EQ, F_ADD_SEALS, 0));
		break;
	case OWN_LIMITS:
		allow_if(f, call, SCMP_A0(SCMP_CMP_EQ, 0, 0));
		break;
	case ABSENT:
		if (!f->err)
			f->err = seccomp_rule_add(f->ctx, SCMP_ACT_ERRNO(ENOSYS), call, 0);
		break;
	}
}

/* Closes the filter of this thread, for good. */
static int load(struct filter *f, unsigned role, unsigned needs)
{
	for (size_t i = 0; i < NROWS; i++)
		if (in_filter(&lists[rows[i].list], role, needs))
			allow_how(f, rows[i].call, lists[rows[i].list].how);
	if (!f->err)
		f->err = seccomp_load(f->ctx);
	return f->err;
}

int jail_thread(enum jail_role role, unsigned needs, const unsigned long *ioctls, size_t nioctls)
{
	struct filter f = {.ctx = seccomp_init(SCMP_ACT_KILL_PROCESS),
		.requests = ioctls,
		.nrequests = nioctls};

	if (!f.ctx)
		return -ENOMEM;
	for (size_t i = 0; i < jail_also_count; i++)
		allow(&f, jail_also[i]);
	load(&f, JAIL_ROLE(role), needs);
	seccomp_release(f.ctx);
	return f.err;
}

int jail_zygote(unsigned needs)
{
	struct filter f = {.ctx = seccomp_init(SCMP_ACT_TRAP)};

	if (!f.ctx)
		return -ENOMEM;
	/* x32 numbers and 32-bit calls are the programs' to try: trapped like all others, not
	 * killed */
	f.err = seccomp_attr_set(f.ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_TRAP);
	/* not released: all that the launcher had mapped goes as it is (stub_zygote.c), and giving
	 * memory back would take a call more */
	return load(&f, ZYGOTE, needs);
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
