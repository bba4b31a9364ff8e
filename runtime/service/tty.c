/* SPDX-License-Identifier: Apache-2.0
 *
 * Terminals that were inherited. A fixed list of requests, none of which types into the terminal or
 * changes who controls it; the mode that was there before the guest is remembered and put back.
 */
#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

_Static_assert(sizeof(struct termios) == TTY_MODE_SIZE, "the kernel's termios");
_Static_assert(sizeof(struct winsize) == 8, "tty_ioctl(2)");

int ttys_init(struct service *s)
{
	s->ttys.own_group = getpgrp(); /* after exec nobody else can change it (setpgid(2)) */
	return -pthread_mutex_init(&s->ttys.lock, NULL);
}

void ttys_destroy(struct service *s)
{
	for (uint32_t i = 0; i < s->ttys.count; i++)
		close(s->ttys.tty[i].fd);
	pthread_mutex_destroy(&s->ttys.lock);
}

static struct tty *tty_find(struct service *s, uint64_t rdev)
{
	for (uint32_t i = 0; i < s->ttys.count; i++)
		if (s->ttys.tty[i].rdev == rdev)
			return &s->ttys.tty[i];
	return NULL;
}

static uint64_t tty_rdev(int fd)
{
	struct statx stx;

	return host_statx(fd, "", &stx) ? 0 : makedev(stx.stx_rdev_major, stx.stx_rdev_minor);
}

void tty_note(struct service *s, int fd)
{
	uint64_t rdev = tty_rdev(fd);
	struct tty *t;

	if (!rdev || tty_find(s, rdev) || s->ttys.count == TTY_MAX)
		return;
	t = &s->ttys.tty[s->ttys.count];
	t->rdev = rdev;
	if (ioctl(fd, TCGETS, t->original))
		return;
	t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (t->fd < 0)
		return;
	atomic_fetch_add(&s->ttys.count, 1); /* after the rest: a signal handler may look */
}

/* Setting a terminal from the background stops the process unless SIGTTOU is blocked. */
static int set_quietly(int fd, const void *mode)
{
	sigset_t ttou, old;
	int r;

	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	pthread_sigmask(SIG_BLOCK, &ttou, &old);
	r = ioctl(fd, TCSETS, mode) ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

void service_restore_tty(struct service *s)
{
	uint32_t n = s->ttys.count;

	for (uint32_t i = 0; i < n; i++)
		if (atomic_exchange(&s->ttys.tty[i].changed, false))
			set_quietly(s->ttys.tty[i].fd, s->ttys.tty[i].original);
}

static bool in_foreground(const struct service *s, int fd)
{
	pid_t group;

	/* no controlling terminal: nobody else is there to mind */
	return ioctl(fd, TIOCGPGRP, &group) || group == s->ttys.own_group;
}

/* Stops a background job that reads, as read(2) would: where the terminal could not be opened anew
 * (another user's) it is read only when something is there, so the kernel is never asked. */
void tty_check_reader(struct service *s, int fd)
{
	if (!in_foreground(s, fd))
		tgkill(getpid(), gettid(), SIGTTIN); /* no effect where nobody could continue us */
}

/* Gives the terminal the guest's mode again after a stop, once it is ours again. */
void tty_resume(struct service *s)
{
	pthread_mutex_lock(&s->ttys.lock);
	for (uint32_t i = 0; i < s->ttys.count; i++) {
		struct tty *t = &s->ttys.tty[i];

		if (!t->reapply || !in_foreground(s, t->fd))
			continue;
		t->reapply = false;
		atomic_store(&t->changed, true);
		set_quietly(t->fd, t->guest);
	}
	pthread_mutex_unlock(&s->ttys.lock);
}

/* As the signal would have stopped the program. All but SIGSTOP is left to the kernel to refuse: a
 * job that nobody could continue goes on (POSIX 2.4.3, orphaned process groups). */
static int stop_self(uint64_t signo)
{
	sigset_t tstp, old;
	int r;

	if (signo == SIGSTOP)
		return tgkill(getpid(), gettid(), SIGSTOP) ? -errno : 0;
	sigemptyset(&tstp);
	sigaddset(&tstp, SIGTSTP);
	/* to this thread: one for the process would be the watcher's to read */
	r = tgkill(getpid(), gettid(), SIGTSTP) ? -errno : 0;
	pthread_sigmask(SIG_UNBLOCK, &tstp, &old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

/* Every process of the guest is stopped: so is this one, for the shell's job control to see. */
int64_t stop_op(struct request *rq)
{
	struct service *s = rq->s;
	int r;

	if (s->copied) /* nobody's job: no shell would continue it */
		return -EPERM;
	pthread_mutex_lock(&s->ttys.lock);
	for (uint32_t i = 0; i < s->ttys.count; i++)
		s->ttys.tty[i].reapply = s->ttys.tty[i].changed;
	pthread_mutex_unlock(&s->ttys.lock);
	service_restore_tty(s);
	r = stop_self(rq->msg->a[0]);
	if (r)
		return r;
	tty_resume(s);
	service_post_event(s, &(struct chan_event){.kind = CHAN_EV_SIGNAL, .value = SIGCONT});
	service_post_event(s, &(struct chan_event){.kind = CHAN_EV_WINCH});
	return 0;
}

/* Draining waits for as long as the user holds the output; then the caller has to come again. */
static int drained(int fd)
{
	int left = 0;

	if (ioctl(fd, TIOCOUTQ, &left))
		return -errno;
	return left ? -EAGAIN : 0;
}

static int tty_sets(struct request *rq)
{
	static const unsigned long request[] = {TCSETS, TCSETSW, TCSETSF};
	struct tty *t = tty_find(rq->s, tty_rdev(rq->h->fd));
	struct termios mode, now;
	int r = rq->msg->a[2] ? drained(rq->h->fd) : 0;

	if (r)
		return r;
	memcpy(&mode, rq->in, sizeof(mode));
	if (ioctl(rq->h->fd, TCGETS, &now))
		return -errno;
	mode.c_line = now.c_line; /* the line discipline is the host's */
	if (!t)
		return -ENOTTY;
	pthread_mutex_lock(&rq->s->ttys.lock);
	memcpy(t->guest, &mode, sizeof(mode));
	t->reapply = false;
	atomic_store(&t->changed, true); /* before: a signal may come in between */
	pthread_mutex_unlock(&rq->s->ttys.lock);
	/* SIGTTOU is not blocked: from the background this stops us, as it would the program. */
	return ioctl(rq->h->fd, request[rq->msg->a[2]], &mode) ? -errno : 0;
}

static int64_t tty_get(struct request *rq, unsigned long request, uint32_t size)
{
	if (ioctl(rq->h->fd, request, rq->out))
		return -errno;
	rq->msg->out_len = size;
	return 0;
}

int64_t tty_op(struct request *rq)
{
	int fd = rq->h->fd, r;

	if (!(rq->h->flags & HANDLE_TTY))
		return -ENOTTY;
	switch (rq->msg->a[1]) {
	case CHAN_TTY_GETS:
		return tty_get(rq, TCGETS, TTY_MODE_SIZE);
	case CHAN_TTY_SETS:
		return tty_sets(rq);
	case CHAN_TTY_GETWINSZ:
		return tty_get(rq, TIOCGWINSZ, sizeof(struct winsize));
	case CHAN_TTY_SETWINSZ:
		return ioctl(fd, TIOCSWINSZ, rq->in) ? -errno : 0;
	case CHAN_TTY_FLUSH:
		return ioctl(fd, TCFLSH, (unsigned long)rq->msg->a[2]) ? -errno : 0;
	case CHAN_TTY_DRAIN:
		r = drained(fd);
		return r ? r : ioctl(fd, TCSBRK, 1UL) ? -errno : 0;
	case CHAN_TTY_INQ:
		return tty_get(rq, FIONREAD, sizeof(int));
	case CHAN_TTY_OUTQ:
		return tty_get(rq, TIOCOUTQ, sizeof(int));
	}
	return -EINVAL;
}
