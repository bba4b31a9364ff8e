/* SPDX-License-Identifier: Apache-2.0 */
/* Capabilities (capabilities(7)): what a change of ids, an exec and prctl(2) make of them. Shown
 * are relations, for a native run may begin with less than all. */
#include "behave.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

struct sets {
	uint64_t effective, permitted, inheritable;
};

static int get(struct sets *s)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	int r = (int)syscall(SYS_capget, &h, d);

	s->effective = d[0].effective | (uint64_t)d[1].effective << 32;
	s->permitted = d[0].permitted | (uint64_t)d[1].permitted << 32;
	s->inheritable = d[0].inheritable | (uint64_t)d[1].inheritable << 32;
	return r;
}

static int set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2] = {
		{(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
		{(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32),
			(uint32_t)(inheritable >> 32)}};

	return (int)syscall(SYS_capset, &h, d);
}

#define BIT(cap) (1ull << (cap))

static void show(const char *label)
{
	struct sets s;

	MUST(get(&s) == 0);
	say("%s: KILL %s%s%s, CHOWN %s%s%s", label, s.effective & BIT(CAP_KILL) ? "e" : "-",
		s.permitted & BIT(CAP_KILL) ? "p" : "-", s.inheritable & BIT(CAP_KILL) ? "i" : "-",
		s.effective & BIT(CAP_CHOWN) ? "e" : "-", s.permitted & BIT(CAP_CHOWN) ? "p" : "-",
		s.inheritable & BIT(CAP_CHOWN) ? "i" : "-");
}

static void sets_at_the_start(void)
{
	struct sets s;

	R(get(&s));
	T(s.effective == s.permitted);
	V(s.inheritable);
	show("start");
	V(prctl(PR_GET_SECUREBITS));
	V(prctl(PR_GET_KEEPCAPS));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
}

static void what_was_given_up_does_not_come_back(void)
{
	struct sets s;

	MUST(get(&s) == 0);
	R(set(s.effective & ~BIT(CAP_KILL), s.permitted, 0));
	show("lowered");
	R(set(s.effective, s.permitted, 0));
	show("raised again");
	R(set(s.effective & ~BIT(CAP_KILL), s.permitted & ~BIT(CAP_KILL), 0));
	R(set(s.effective, s.permitted, 0));
	R(set(s.effective, s.permitted & ~BIT(CAP_KILL), 0));
	show("given up");
}

/* In memory: of the host's files the launcher's rights count, and it has no capabilities. */
static void lowered_capability_takes_the_right(void)
{
	struct sets s;
	char file[64];

	snprintf(file, sizeof(file), "/dev/shm/proc_caps-%d", getpid());
	MUST(close(open(file, O_CREAT | O_RDWR, 0)) == 0 && get(&s) == 0);
	OK(open(file, O_RDWR));
	R(chown(file, 1, 1));
	R(set(0, s.permitted, 0));
	OK(open(file, O_RDWR));
	R(chown(file, 2, 2));
	R(chmod(file, 0600));
	R(setuid(1));
	R(sethostname("x", 1));
	R(chroot("."));
	R(set(s.permitted, s.permitted, 0));
	R(chown(file, 0, 0));
	MUST(unlink(file) == 0);
}

static void ids_take_capabilities_along(void)
{
	R(setresuid(-1, 1, -1));
	show("effective 1");
	R(setresuid(-1, 0, -1));
	show("effective 0 again");
	R(setresuid(1, 1, 1));
	show("all 1");
	R(setuid(0));
}

static void kept_capabilities(void)
{
	struct sets s;

	R(prctl(PR_SET_KEEPCAPS, 2));
	R(prctl(PR_SET_KEEPCAPS, 1));
	V(prctl(PR_GET_SECUREBITS));
	R(setresuid(1, 1, 1));
	show("all 1, kept");
	MUST(get(&s) == 0);
	R(set(s.permitted, s.permitted, s.inheritable));
	show("raised");
	R(setresgid(2, 2, 2));
	R(setgroups(0, NULL));
}

static void file_system_id_takes_its_part(void)
{
	R(syscall(SYS_setfsuid, 1));
	show("fsuid 1");
	R(syscall(SYS_setfsuid, 0));
	show("fsuid 0");
}

static void bounding_set_only_shrinks(void)
{
	R(prctl(PR_CAPBSET_READ, CAP_KILL));
	R(prctl(PR_CAPBSET_READ, 64));
	R(prctl(PR_CAPBSET_DROP, 64));
	R(prctl(PR_CAPBSET_DROP, CAP_KILL));
	R(prctl(PR_CAPBSET_READ, CAP_KILL));
	show("after");
	R(set(0, 0, 0));
	R(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
	R(prctl(PR_CAPBSET_DROP, 64));
}

static void inheritable_and_ambient_rules(void)
{
	struct sets s;

	MUST(get(&s) == 0);
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	R(set(s.effective, s.permitted, BIT(CAP_KILL)));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	R(set(s.effective, s.permitted, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1, 0, 0));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 64, 0, 0));
	R(prctl(PR_CAP_AMBIENT, 99, 1, 0, 0));
}

static void secure_bits_and_their_locks(void)
{
	R(prctl(PR_SET_SECUREBITS, 1 << 20));
	R(prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP));
	R(setresuid(1, 1, 1));
	show("no fix-up");
	R(setresuid(0, 0, 0));
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED));
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT_LOCKED));
	R(prctl(PR_SET_SECUREBITS, 0));
	V(prctl(PR_GET_SECUREBITS));
	R(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS_LOCKED));
	R(prctl(PR_SET_KEEPCAPS, 1));
}

int behave_child(int argc, char **argv)
{
	show(argv[0]);
	V(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0));
	V(prctl(PR_GET_KEEPCAPS));
	return 0;
}

static void execute(const char *what)
{
	pid_t pid = fork();

	if (!pid) {
		execl(self_path(), self_path(), "--child", what, NULL);
		_exit(99);
	}
	reap(what, pid);
}

static void exec_as_root_gives_the_bounding_set(void)
{
	struct sets s;

	MUST(get(&s) == 0);
	R(set(0, 0, 0));
	execute("root again");
	MUST(s.permitted || geteuid());
}

static void exec_as_root_without_a_bounding_capability(void)
{
	R(prctl(PR_CAPBSET_DROP, CAP_KILL));
	execute("without KILL");
}

static void exec_as_another_keeps_the_ambient_set(void)
{
	struct sets s;

	R(prctl(PR_SET_KEEPCAPS, 1));
	R(setresuid(1, 1, 1));
	execute("kept, then executed");
	MUST(get(&s) == 0);
	R(set(s.permitted, s.permitted, BIT(CAP_KILL)));
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0));
	execute("ambient");
	R(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
	execute("inheritable only");
}

static void capset_checks(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 1};
	struct __user_cap_data_struct d[2] = {{0}};

	R(syscall(SYS_capset, &h, d));
	h.pid = 0;
	R(syscall(SYS_capset, &h, 8));
	h.version = 7;
	R(syscall(SYS_capset, &h, d));
	T(h.version == _LINUX_CAPABILITY_VERSION_3);
	R(syscall(SYS_capset, 8, d));
	h = (struct __user_cap_header_struct){_LINUX_CAPABILITY_VERSION_3, -1};
	R(syscall(SYS_capget, &h, d));
	h.pid = 0x3fffffff;
	R(syscall(SYS_capget, &h, d));
}

const struct behaviour behaviours[] = {
	BEHAVIOUR(sets_at_the_start),
	BEHAVIOUR(what_was_given_up_does_not_come_back),
	BEHAVIOUR(lowered_capability_takes_the_right),
	BEHAVIOUR(ids_take_capabilities_along),
	BEHAVIOUR(kept_capabilities),
	BEHAVIOUR(file_system_id_takes_its_part),
	BEHAVIOUR(bounding_set_only_shrinks),
	BEHAVIOUR(inheritable_and_ambient_rules),
	BEHAVIOUR(secure_bits_and_their_locks),
	BEHAVIOUR(exec_as_root_gives_the_bounding_set),
	BEHAVIOUR(exec_as_root_without_a_bounding_capability),
	BEHAVIOUR(exec_as_another_keeps_the_ambient_set),
	BEHAVIOUR(capset_checks),
	{NULL, NULL},
};
