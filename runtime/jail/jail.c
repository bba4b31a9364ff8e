/* SPDX-License-Identifier: Apache-2.0
 * Closing the jail, while there is one thread and everything is open. The order:
 *   1. namespaces: as an ordinary user they need a user namespace, and that comes with the
 *      capabilities that the next steps use;
 *   2. an empty root: what was granted is held by descriptors;
 *   3. Landlock, which needs no_new_privs, and no_new_privs itself;
 *   4. processes that share the jail, which need a capability for their PID namespace;
 *   5. capabilities: last, because 2 and 4 need them.
 * Each thread closes its system-call filter afterwards (jail_thread).
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/jail/jail.h"
#include "runtime/jail/jail_internal.h"

void jail_missing(struct launch_jail_state *st, const char *fmt, ...)
{
	size_t used = strlen(st->missing);
	va_list ap;

	if (used && used + 2 < sizeof(st->missing)) {
		st->missing[used++] = '\n';
		st->missing[used] = 0;
	}
	va_start(ap, fmt);
	vsnprintf(st->missing + used, sizeof(st->missing) - used, fmt, ap);
	va_end(ap);
}

/* -- namespaces -- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		r = -errno;
	close(fd);
	return r;
}

/* Own ids map to themselves: files keep their owners, and no other id exists. */
static int map_ids(uid_t uid, gid_t gid)
{
	char map[64];
	int r;

	snprintf(map, sizeof(map), "%u %u 1", uid, uid);
	r = write_file("/proc/self/uid_map", map);
	if (!r)
		r = write_file("/proc/self/setgroups", "deny");
	snprintf(map, sizeof(map), "%u %u 1", gid, gid);
	if (!r)
		r = write_file("/proc/self/gid_map", map);
	return r;
}

static void enter_user_ns(struct launch_jail_state *st)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWUSER)) {
		jail_missing(st,
			"user namespace: %s (sysctl kernel.unprivileged_userns_clone, "
			"user.max_user_namespaces, or the container's seccomp profile)",
			strerror(errno));
		return;
	}
	st->user_ns = true;
	if (map_ids(uid, gid)) /* the ids show as nobody: nothing depends on it */
		jail_missing(st, "user namespace: the id map cannot be written");
}

static bool try_unshare(struct launch_jail_state *st, int flag, const char *name)
{
	if (!unshare(flag))
		return true;
	jail_missing(st, "%s namespace: %s", name, strerror(errno));
	return false;
}

static void enter_namespaces(struct launch_jail_state *st)
{
	enter_user_ns(st);
	st->mount_ns = try_unshare(st, CLONE_NEWNS, "mount");
	st->net_ns = try_unshare(st, CLONE_NEWNET, "network");
	st->ipc_ns = try_unshare(st, CLONE_NEWIPC, "IPC");
	st->uts_ns = try_unshare(st, CLONE_NEWUTS, "UTS");
}

/* -- empty root -- */

/* On any directory that every system has. */
static int mount_nothing(void)
{
	static const char *const places[] = {"/tmp", "/proc", "/dev", "/usr"};

	for (size_t i = 0; i < sizeof places / sizeof *places; i++)
		if (!mount("sandbox", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
			    "size=4k,mode=0500"))
			return chdir(places[i]) ? -errno : 0;
	return -errno;
}

/* The new root is the current directory. pivot_root(".", ".") stacks it on the old one, which then
 * goes (pivot_root(2), NOTES); in a chroot whose "/" is no mount, a chroot has to do. */
static int leave_old_root(void)
{
	if (!syscall(SYS_pivot_root, ".", "."))
		return umount2(".", MNT_DETACH) ? -errno : 0;
	return errno == EINVAL && !chroot(".") ? 0 : -errno;
}

/* A read-only tmpfs with nothing in it; the old tree is held only by the granted descriptors. */
static int empty_root(void)
{
	int r;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) && errno != EINVAL)
		return -errno;
	r = mount_nothing();
	if (!r)
		r = leave_old_root();
	if (r)
		return r;
	if (mount(NULL, "/", NULL,
		    MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
		return -errno;
	return chdir("/") ? -errno : 0;
}

static void enter_empty_root(struct launch_jail_state *st)
{
	int r;

	if (!st->mount_ns) {
		jail_missing(st, "empty root: needs a mount namespace");
		return;
	}
	r = empty_root();
	if (r)
		jail_missing(st, "empty root: %s", strerror(-r));
	else
		st->empty_root = true;
}

/* -- capabilities -- */

static void drop_capabilities(struct launch_jail_state *st)
{
	cap_t none = cap_init();

	for (int c = 0; c <= CAP_LAST_CAP; c++)
		prctl(PR_CAPBSET_DROP, c, 0, 0,
			0); /* may need what is gone already: capset decides */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (none && !cap_set_proc(none))
		st->capabilities = true;
	else
		jail_missing(st, "capabilities: %s", strerror(errno));
	if (none)
		cap_free(none);
}

static bool complete(const struct launch_jail_state *st)
{
	return st->capabilities && st->no_new_privs && st->user_ns && st->mount_ns && st->net_ns &&
	       st->ipc_ns && st->uts_ns && st->empty_root && st->landlock && st->seccomp;
}

/* A PID namespace of theirs: with its first process all others end. */
static int fork_children(const struct jail_children *children, struct launch_jail_state *st)
{
	int r = children->fork(children->arg, true);

	st->pid_ns = !r;
	if (!r)
		return 0;
	jail_missing(st, "PID namespace: %s", strerror(-r));
	return children->fork(children->arg, false);
}

int jail_enter(const struct launch_config *c, struct launch_jail_state *st,
	const struct jail_children *children)
{
	memset(st, 0, sizeof(*st));
	/* one heap: for each thread's own malloc asks how many processors there are, and reads in
	 * /proc; where the threads take turns anyway it would gain nothing */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_MAX, 0); /* no block by itself: for one that grows it asks for mremap */
	enter_namespaces(st);
	enter_empty_root(st);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		jail_missing(st, "no_new_privs: %s", strerror(errno));
	else
		st->no_new_privs = true;
	jail_landlock(c, st);
	/* without this nothing could trap them */
	if (children && (!st->no_new_privs || fork_children(children, st)))
		return -ECHILD;
	drop_capabilities(st);
	st->seccomp = jail_seccomp_works(st);
	/* without these two the launcher's own mistakes would have the user's full rights */
	if (!st->no_new_privs || !st->seccomp)
		return -EPERM;
	if (!c->strict)
		return 0;
	return complete(st) && (!children || st->pid_ns) ? 0 : -EPERM;
}

/* -- for doctor -- */

void jail_probe(struct launch_jail_state *out)
{
	const struct launch_config none = {.nmounts = 0};
	int fds[2], status;
	pid_t pid;

	memset(out, 0, sizeof(*out));
	if (pipe2(fds, O_CLOEXEC)) {
		jail_missing(out, "cannot try: %s", strerror(errno));
		return;
	}
	pid = fork();
	if (pid == 0) {
		struct launch_jail_state st;

		jail_enter(&none, &st, NULL);
		_exit(write(fds[1], &st, sizeof(st)) == (ssize_t)sizeof(st) ? 0 : 1);
	}
	close(fds[1]);
	if (pid < 0 || read(fds[0], out, sizeof(*out)) != (ssize_t)sizeof(*out)) {
		memset(out, 0, sizeof(*out));
		jail_missing(out, "cannot try: the child that tries it failed");
	}
	close(fds[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
}
