/* SPDX-License-Identifier: Apache-2.0
 * Templates and their clones (runtime/abi/template.h). A template stops in the request by which its
 * program asks for its stdin. Each clone is forked there and answers that request itself: with the
 * fork it has the launcher's memory, the shim's and the service's state in it; what is not memory
 * it gets from its home and from the descriptors that came with the message.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/abi/template.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/launch_internal.h"
#include "runtime/launch/proxy_header.h"

#define PAGE	   4096u
#define SEED_BYTES 64

struct template
{
	int socket;
	int ended_fd;		  /* readable when a child has ended: a signalfd */
	bool held;		  /* the last clone's number may be asked for: it is not reaped */
	unsigned living;	  /* clones that were not reaped; the zygote is a child too */
	uint8_t seed[SEED_BYTES]; /* of the clone that is being made */
};

union fd_message {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int) * TEMPLATE_FDS)];
};

/* -- before -- */

static int check(struct launch *l)
{
	if (l->home->park && (l->c->backend->processes || l->c->backend->again))
		return launch_stop_check(l, "template");
	launch_fail(l, "backend %s has no templates (--backend=kvm, --backend=process)",
		l->c->backend->name);
	return -ENOTSUP;
}

int launch_stop_check(struct launch *l, const char *what)
{
	const struct boot_fd *f = (const struct boot_fd *)((const uint8_t *)l->boot + l->boot->fds);

	if (l->c->cpus > 1) {
		launch_fail(l, "a %s has one processor (--cpus 1)", what);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < l->boot->nfds; i++) {
		if (service_is_stream(l->service, f[i].handle))
			continue;
		launch_fail(l, "descriptor %d of a %s must be a pipe, a socket or /dev/null",
			f[i].fd, what);
		return -EINVAL;
	}
	if (l->boot->nfds && service_is_stdin(l->service, f->handle))
		return 0;
	launch_fail(l, "a %s needs a stdin, for it stops when that is asked for", what);
	return -EINVAL;
}

/* Before there are threads, or one of them would take the signal. */
static int watch_children(struct template *t)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	t->ended_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return t->ended_fd < 0 ? -errno : 0;
}

int launch_template_create(struct launch *l)
{
	int r;

	if (!l->c->template_fd)
		return 0;
	r = check(l);
	if (!r)
		r = service_prepare_copies(l->service);
	if (r)
		return r;
	l->template = calloc(1, sizeof(*l->template));
	if (!l->template)
		return -ENOMEM;
	l->template->socket = l->c->template_fd;
	return watch_children(l->template);
}

void launch_template_destroy(struct launch *l)
{
	free(l->template);
	l->template = NULL;
}

bool launch_template_stops(struct launch *l, const struct chan_msg *m)
{
	return launch_stops(l) && !l->parked &&
	       (m->op == CHAN_OP_READ || m->op == CHAN_OP_POLL || m->op == CHAN_OP_WATCH) &&
	       service_is_stdin(l->service, m->a[0]);
}

/* -- messages -- */

static bool say(const struct template *t, const struct template_message *out)
{
	struct iovec iov = {(void *)(uintptr_t)out, sizeof(*out)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t n;

	do
		n = sendmsg(t->socket, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == sizeof(*out);
}

static void close_all(const int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
}

/* Clones that ended: not those whose end nobody can have noticed yet (abi/template.h). */
static void reap(struct template *t)
{
	while (t->living && waitpid(-1, NULL, WNOHANG) > 0)
		t->living--;
}

/* Until there is a message. */
static void wait_message(struct template *t)
{
	struct pollfd p[2] = {{.fd = t->socket, .events = POLLIN}};
	struct signalfd_siginfo si;
	const struct iovec iov = {&si, sizeof(si)};

	do {
		p[1] = (struct pollfd){.fd = t->held ? -1 : t->ended_fd, .events = POLLIN};
		if (poll(p, 2, -1) < 0)
			continue;
		/* the first one is all, as it is pending only once; as service/watch.c reads */
		if (p[1].revents && syscall(SYS_preadv2, t->ended_fd, &iov, 1L, -1L, 0L, 0L) > 0)
			reap(t);
	} while (!p[0].revents);
}

/* How many descriptors came with it. */
static size_t take_fds(const struct msghdr *m, int fds[TEMPLATE_FDS])
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(m);
	size_t n;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return 0;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	n = n < TEMPLATE_FDS ? n : TEMPLATE_FDS;
	memcpy(fds, CMSG_DATA(c), n * sizeof(int));
	return n;
}

/* false: there are no more. *error: what is to be answered instead of a clone, and then no
 * descriptors came; or 0; or -EALREADY: nothing is to be answered. */
static bool hear_one(
	struct template *t, struct template_message *in, int fds[TEMPLATE_FDS], int *error)
{
	union fd_message control;
	struct iovec iov = {in, sizeof(*in)};
	struct msghdr m = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n;
	size_t nfds;

	wait_message(t);
	do
		n = recvmsg(t->socket, &m, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	nfds = take_fds(&m, fds);
	*error = 0;
	t->held = false;
	reap(t);
	if (n == sizeof(*in) && in->version == TEMPLATE_VERSION && in->kind == TEMPLATE_CLONE &&
		nfds == TEMPLATE_FDS && !(m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return true;
	/* cut off although there was room for them: this process has no numbers left */
	*error = m.msg_flags & MSG_CTRUNC && nfds < TEMPLATE_FDS ? -EMFILE : -EPROTO;
	if (n == sizeof(*in) && in->version == TEMPLATE_VERSION && in->kind == TEMPLATE_TAKEN)
		*error = -EALREADY;
	close_all(fds, nfds);
	return true;
}

static bool hear(struct template *t, struct template_message *in, int fds[TEMPLATE_FDS], int *error)
{
	bool more;

	do
		more = hear_one(t, in, fds, error);
	while (more && *error == -EALREADY);
	return more;
}

/* -- in the clone -- */

static int put_at(int fd, int number)
{
	return !number || dup2(fd, number) == number ? 0 : -errno;
}

/* Those of the launcher itself. The template's own must not stay open here: who reads from its
 * streams waits for their end. */
static int place_fds(const struct launch *l, const int *fds)
{
	int r = put_at(fds[TEMPLATE_FD_REPORT], l->c->report_fd);

	if (!r)
		r = put_at(fds[TEMPLATE_FD_MESSAGES], l->c->messages_fd);
	if (!r && dup2(fds[TEMPLATE_FD_IN], 0) < 0)
		r = -errno;
	if (!r) /* the program's is to be the last, where it tells of its end by closing it */
		r = put_at(fds[l->c->relayed ? TEMPLATE_FD_IN : TEMPLATE_FD_OUT], 1);
	if (!r)
		r = put_at(fds[l->c->messages_fd ? TEMPLATE_FD_ERR : TEMPLATE_FD_MESSAGES], 2);
	return r;
}

/* Others see the template there, and the fork left it out: what the clone counts goes nowhere. */
static int hide(const struct launch *l)
{
	size_t size = (sizeof(*l->c->shown) + PAGE - 1) & ~(size_t)(PAGE - 1);

	if (!l->c->shown)
		return 0;
	close(l->c->shown_fd);
	return mmap(l->c->shown, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
		       ? -errno
		       : 0;
}

/* What was counted so far is the template's. */
static void begin_result(struct launch *l)
{
	struct launch_result *res = l->res;
	const struct launch_jail_state jail = res->jail;
	const unsigned calls = res->jail_calls;

	memset(res, 0, sizeof(*res));
	res->jail = jail;
	res->jail_calls = calls;
	res->clone = true;
	res->start_ns = l->begun_ns;
}

/* What only a template needs, and a clone that begins, it may not do any more: fork, threads, more
 * virtual machines, messages where its own streams are no sockets. Nor has it the template's number
 * for tgkill(2): that filter stays, and this one says its own. */
static int close_jail(struct launch *l)
{
	bool core = l->home->roles & JAIL_ROLE(JAIL_CORE);
	struct launch_ioctls ioctls = {.n = 0};

	l->needs = (l->needs & ~(unsigned)(JAIL_TEMPLATE | JAIL_PEERS | JAIL_SOCKET)) | JAIL_CLONE |
		   (service_reach(l->service) & SERVICE_SOCKET ? JAIL_SOCKET : 0);
	if (l->vm) {
		launch_ioctls_of_vcpus(l, &ioctls);
		launch_ioctls_add(&ioctls, &l->c->backend->forget_ioctl, 1);
	}
	return jail_thread(core ? JAIL_CORE : JAIL_SERVICE, l->needs, core ? ioctls.number : NULL,
		core ? ioctls.n : 0);
}

/* What the program is told of the connection that it is given. */
static void tell_peer(struct launch *l, int in)
{
	uint8_t header[PROXY_HEADER_MAX];

	if (l->c->relayed)
		service_ends_output(l->service);
	if (l->c->proxy_version)
		service_put_first(
			l->service, header, proxy_header(header, l->c->proxy_version, in));
}

static int become_clone(struct launch *l, const struct template_message *in, const int *fds)
{
	int r;

	l->begun_ns = launch_now_ns();
	l->timeout_ns = in->timeout_ns ? in->timeout_ns : l->c->timeout_ns;
	begin_result(l);
	launch_threads_init(l);
	r = hide(l);
	if (!r)
		r = place_fds(l, fds);
	if (!r)
		r = l->home->become(l, l->template->seed, sizeof(l->template->seed));
	if (!r)
		r = launch_new_identity(l);
	if (!r)
		r = service_copied(l->service, fds + TEMPLATE_FD_IN, fds[TEMPLATE_FD_UNTIL]);
	if (!r)
		tell_peer(l, fds[TEMPLATE_FD_IN]);
	if (!r)
		r = launch_limit_files(l);
	if (!r)
		r = launch_threads_start(l);
	launch_clock_refresh(l);
	close(l->template->socket);
	close(l->template->ended_fd);
	close_all(fds, TEMPLATE_FD_UNTIL); /* that one is watched as it is */
	explicit_bzero(l->template->seed, sizeof(l->template->seed));
	launch_template_destroy(l);
	if (!r)
		r = close_jail(l);
	l->res->start_ns = launch_now_ns() - l->begun_ns;
	return r;
}

static _Noreturn void give_up(struct launch *l, int r)
{
	char why[128];

	snprintf(why, sizeof(why), "the clone could not begin: %s", strerror(-r));
	l->c->log(l->c->arg, CHAN_LOG_FATAL, why);
	_exit(125);
}

/* -- in the template -- */

static int park(struct launch *l, const struct chan_msg *m)
{
	int r = launch_memory_share(l);

	l->parked = true;
	if (l->c->shown)
		l->user_ns0 = l->c->shown->shim.user_ns;
	return r ? r : l->home->park(l, m);
}

/* 0 in the clone, its number here, or -errno. */
static pid_t make_clone(struct launch *l, const struct template_message *in, int *fds)
{
	int r = getrandom(l->template->seed, SEED_BYTES, 0) == SEED_BYTES ? 0 : -EIO;
	pid_t pid;

	if (!r && l->home->heir)
		r = l->home->heir(l);
	if (r)
		return r;
	service_copy_begin(l->service);
	pid = fork();
	if (!pid) {
		r = become_clone(l, in, fds);
		if (r)
			give_up(l, r);
		return 0;
	}
	r = pid < 0 ? -errno : 0;
	service_copy_end(l->service);
	l->template->living += !r;
	if (l->home->drop)
		l->home->drop(l);
	return r ? r : pid;
}

/* Whoever ends this launch by a signal ends its clones too. */
static void take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* The trapped processes of the clones live in the template's PID namespace, and end with it. Who
 * asked for this launch need not wait so long. */
static void outlive_clones(struct launch *l)
{
	service_shutdown(l->service); /* not even their end is this one's any more */
	service_close_streams(l->service);
	take_signals();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	while (l->template->living) {
		pid_t pid = waitpid(-1, NULL, 0);

		if (pid < 0 && errno != EINTR)
			break;
		l->template->living -= pid > 0;
	}
}

static struct template_message answer(const struct launch *l, pid_t pid)
{
	return (struct template_message){
		.version = TEMPLATE_VERSION,
		.kind = TEMPLATE_CLONED,
		.error = pid < 0 ? pid : 0,
		.pid = pid > 0 ? pid : 0,
		.leader = pid > 0 ? l->heir_pid : 0,
	};
}

/* true in a clone, false when nobody asks any more. */
static bool make_clones(struct launch *l)
{
	struct template_message out = {.version = TEMPLATE_VERSION, .kind = TEMPLATE_READY};
	struct template_message in = {0};
	int fds[TEMPLATE_FDS];
	int error;
	pid_t pid;

	while (say(l->template, &out) && hear(l->template, &in, fds, &error)) {
		pid = error ? error : make_clone(l, &in, fds);
		if (!pid)
			return true;
		if (!error)
			close_all(fds, TEMPLATE_FDS);
		out = answer(l, pid);
		l->template->held = pid > 0;
	}
	return false;
}

bool launch_template_serve(struct launch *l, const struct chan_msg *m)
{
	const struct chan_event end = {.kind = CHAN_EV_KILL, .value = SIGKILL};
	int r = park(l, m);

	if (r)
		launch_fail(l, "the template cannot stop: %s", strerror(-r));
	else if (make_clones(l))
		return true;
	l->res->template = !r;
	outlive_clones(l);
	service_post_event(l->service, &end);
	return false;
}
