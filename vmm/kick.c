/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/kick.h"

static void kick_handler(int signal_number)
{
}

int vm_kick_signal(void)
{
	return SIGRTMIN;
}

int vm_kick_install(void)
{
	struct sigaction action;

	if (sigaction(vm_kick_signal(), NULL, &action) < 0)
		return -errno;
	if ((action.sa_flags & SA_SIGINFO) || action.sa_handler != SIG_DFL)
		return 0;
	memset(&action, 0, sizeof(action));
	action.sa_handler = kick_handler;
	/* The run call is never restarted; what else the thread sleeps in shall not notice. */
	action.sa_flags = SA_RESTART;
	sigemptyset(&action.sa_mask);
	return sigaction(vm_kick_signal(), &action, NULL) < 0 ? -errno : 0;
}

void vm_kick_set(struct vm_kick *k)
{
	atomic_store(&k->kicked, true);
	__atomic_store_n(k->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

void vm_kick_clear(struct vm_kick *k)
{
	atomic_store(&k->kicked, false);
	__atomic_exchange_n(k->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

/* A kick sets its flag before the byte: either it comes after the clearing, or it is seen. */
void vm_kick_restore(struct vm_kick *k)
{
	__atomic_exchange_n(k->immediate_exit, 0, __ATOMIC_SEQ_CST);
	if (atomic_load(&k->kicked))
		__atomic_store_n(k->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

/* The vCPU this thread ran last: a new thread may have an old one's pthread_t, not its variables.
 */
static _Thread_local const struct vm_kick *bound;
static _Thread_local pid_t bound_tid;

/* The runner itself can only be here in a signal handler, and then that signal has ended the call
 * or comes before it. */
void vm_kick(struct vm_kick *k)
{
	int saved = errno;

	vm_kick_set(k);
	if (atomic_load(&k->running) && !(bound == k && bound_tid == atomic_load(&k->owner_tid)))
		syscall(SYS_tgkill, getpid(), atomic_load(&k->owner_tid), vm_kick_signal());
	errno = saved;
}

int vm_kick_bind(struct vm_kick *k)
{
	sigset_t set;
	int result;

	if (bound == k && k->owner_tid && pthread_equal(k->owner, pthread_self()))
		return 0;
	sigemptyset(&set);
	sigaddset(&set, vm_kick_signal());
	result = pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	if (result != 0)
		return -result;
	k->owner = pthread_self();
	bound_tid = (pid_t)syscall(SYS_gettid);
	atomic_store(&k->owner_tid, bound_tid);
	bound = k;
	return 0;
}

void vm_kick_begin(struct vm_kick *k)
{
	atomic_store(&k->running, true);
}

void vm_kick_end(struct vm_kick *k)
{
	atomic_store(&k->running, false);
}
