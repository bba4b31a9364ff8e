/* SPDX-License-Identifier: Apache-2.0
 *
 * Kill, pause, resume. The launcher is a process; where there is no virtual machine, programs run
 * in other processes, which are one process group and would run on while the launcher is stopped.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sdk/lib/error.h"
#include "sdk/lib/proc.h"
#include "sdk/lib/sandbox_internal.h"
#include "sdk/lib/spawn.h"

#define STOP_TRIES 2000 /* of a millisecond, for the kernel to stop a process */

#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1u << 2) /* Linux 6.9 */
#endif

int sb_fd(const struct sb *s)
{
	return s->epoll;
}

int sb_kill(struct sb *s, struct sb_error **error)
{
	int r;

	if (error)
		*error = NULL;
	if (atomic_load(&s->over))
		return 0;
	r = sandbox_end(s, SB_END_KILLED);
	return r ? error_system(error, "pidfd_send_signal", -r, "cannot kill the sandbox") : 0;
}

/* To the programs' processes, if there are some. The leader lives as long as the sandbox's process:
 * that is looked at when the leader's pidfd is there, which is used where the kernel can. */
static int signal_group(struct sb *s, int signo)
{
	struct proc_group g;
	int r = proc_find(s->pid, &s->clone, &g), fd;

	if (!r && !g.leader && s->clone.leader && !sandbox_process_ended(s))
		r = -EAGAIN; /* there is one, which could not be read */
	if (r || !g.leader)
		return r;
	fd = (int)syscall(SYS_pidfd_open, g.leader, 0);
	if (fd < 0 && (errno == ENOSYS || errno == EPERM)) { /* as in spawn.c */
		if (sandbox_process_ended(s))
			return 0;
		return kill(-g.leader, signo) && errno != ESRCH ? -errno : 0;
	}
	if (fd < 0)
		return errno == ESRCH ? 0 : -errno;
	if (sandbox_process_ended(s)) {
		close(fd);
		return 0;
	}
	r = (int)syscall(SYS_pidfd_send_signal, fd, signo, NULL, PIDFD_SIGNAL_PROCESS_GROUP);
	if (r && errno == EINVAL && !sandbox_process_ended(s))
		r = kill(-g.leader, signo);
	r = r && errno != ESRCH ? -errno : 0;
	close(fd);
	return r;
}

/* True when it is stopped, or has ended. */
static bool wait_stopped(const struct sb *s)
{
	const struct timespec ms = {0, 1000000};

	for (int i = 0; i < STOP_TRIES; i++) {
		char state = proc_state(s->pid);

		if (state == 'T' || state == 't' || sandbox_process_ended(s))
			return true;
		nanosleep(&ms, NULL);
	}
	return false;
}

static int ended(struct sb_error **error)
{
	return error_set(error, SB_ENDED, "the sandbox has ended");
}

int sb_pause(struct sb *s, struct sb_error **error)
{
	int r;

	if (error)
		*error = NULL;
	if (sandbox_process_ended(s))
		return ended(error);
	/* the launcher first: it makes the other processes */
	r = spawn_signal(s->pid, s->pidfd, SIGSTOP) ? -errno : 0;
	if (!r && !wait_stopped(s))
		r = -ETIMEDOUT;
	if (!r)
		r = signal_group(s, SIGSTOP);
	if (r == -ESRCH || sandbox_process_ended(s))
		return ended(error);
	if (!r)
		return 0;
	spawn_signal(s->pid, s->pidfd, SIGCONT);
	return error_system(error, "stopping its processes", -r, "cannot pause the sandbox");
}

int sb_resume(struct sb *s, struct sb_error **error)
{
	int r;

	if (error)
		*error = NULL;
	if (sandbox_process_ended(s))
		return ended(error);
	r = signal_group(s, SIGCONT);
	if (!r)
		r = spawn_signal(s->pid, s->pidfd, SIGCONT) ? -errno : 0;
	if (r == -ESRCH)
		return ended(error);
	return r ? error_system(error, "continuing its processes", -r, "cannot resume the sandbox")
		 : 0;
}
