/* SPDX-License-Identifier: Apache-2.0
 * The life of a sandbox, in order: open everything, build the VM, close the jail, run, take down.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/jail/jail.h"
#include "runtime/launch/launch_internal.h"

/* The first reason is the one that counts: the others follow from it. */
__attribute__((format(printf, 2, 0))) static void explain(
	struct launch *l, const char *fmt, va_list ap)
{
	if (!atomic_exchange(&l->explained, true))
		vsnprintf(l->res->error, sizeof(l->res->error), fmt, ap);
}

void launch_fail(struct launch *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	explain(l, fmt, ap);
	va_end(ap);
	atomic_store(&l->failed, true);
}

/* The program did not start, and the shim says why before it ends. */
__attribute__((format(printf, 2, 3))) static void not_started(
	struct launch *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	explain(l, fmt, ap);
	va_end(ap);
	l->res->could_not_start = true;
}

/* -- what the service calls -- */

static void on_kick(void *arg)
{
	struct launch *l = arg;

	__atomic_store_n(&l->ring->events, 1, __ATOMIC_RELEASE);
	l->home->kick(l);
}

static void on_exited(void *arg, int wait_status, const struct chan_report *report)
{
	struct launch *l = arg;

	l->res->wait_status = wait_status;
	l->res->report = *report;
	l->res->out_of_memory = report->flags & CHAN_REPORT_OOM;
	launch_ended(l);
}

static void on_log(void *arg, uint32_t kind, const char *text)
{
	struct launch *l = arg;

	if (kind == CHAN_LOG_FATAL)
		not_started(l, "%s", text);
	else
		l->c->log(l->c->arg, kind, text);
}

static void on_denied(void *arg, const char *operation, const char *path, const char *flag_help)
{
	struct launch *l = arg;

	if (l->c->shown)
		atomic_fetch_add_explicit(&l->c->shown->denials, 1, memory_order_relaxed);
	l->c->denied(l->c->arg, operation, path, flag_help);
}

static bool on_asked(void *arg, const struct chan_msg *msg)
{
	struct launch *l = arg;

	if (!launch_template_stops(l, msg))
		return true;
	return l->snapshot ? launch_snapshot_take(l, msg) : launch_template_serve(l, msg);
}

static void on_handled(void *arg, const struct chan_msg *msg, const uint8_t *in, uint64_t ns)
{
	struct launch *l = arg;
	char text[1024];

	if (msg->op == CHAN_OP_LOG)
		return;
	service_describe(msg, in, text, sizeof(text));
	l->c->crossed(l->c->arg, text, ns);
}

static int on_window_map(void *arg, uint64_t off, uint64_t len, int fd, uint64_t file_off)
{
	struct launch *l = arg;

	return l->home->window_map(l, off, len, fd, file_off);
}

static void on_window_unmap(void *arg, uint64_t off, uint64_t len)
{
	struct launch *l = arg;

	l->home->window_unmap(l, off, len);
}

/* -- steps -- */

/* As exec would hand them on to the program: before anything of it is changed here. */
static void note_signals(struct launch *l)
{
	struct sigaction sa;
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	for (int n = 1; n <= 64; n++) {
		uint64_t bit = 1ull << (n - 1);

		if (sigismember(&blocked, n) == 1)
			l->sig_blocked |= bit;
		if (!sigaction(n, NULL, &sa) && sa.sa_handler == SIG_IGN)
			l->sig_ignored |= bit;
	}
}

/* Signals that go to the program are taken by the watcher alone. */
static void block_signals(struct launch *l)
{
	static const int list[] = {
		SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP, SIGCONT, SIGUSR1, SIGUSR2, SIGWINCH};

	sigemptyset(&l->forwarded);
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		sigaddset(&l->forwarded, list[i]);
	pthread_sigmask(SIG_BLOCK, &l->forwarded, NULL);
	signal(SIGPIPE, SIG_IGN); /* writers get EPIPE, and the program its own SIGPIPE */
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGTTOU, SIG_IGN); /* the program's terminal modes are set from here */
	signal(SIGCHLD, SIG_DFL); /* or the times of children that ended would be nobody's */
}

/* RAM from `from` to `to`, if that is anything. */
static int map_ram(struct launch *l, uint32_t slot, uint64_t from, uint64_t to, uint32_t flags)
{
	return from == to ? 0
			  : l->c->backend->map_memory(
				    l->vm, slot, from, l->mem.ram + from, to - from, flags);
}

/* Whatever a guest does to its page tables, the shim's text stays what it is. */
static int map_memory(struct launch *l)
{
	const uint64_t lo = l->mem.constant_start, hi = l->mem.constant_end;
	int r = map_ram(l, 0, 0, lo, 0);

	if (!r)
		r = map_ram(l, 1, lo, hi, VM_MEM_READONLY);
	if (!r)
		r = map_ram(l, 2, hi, l->mem.ram_size, 0);
	if (!r)
		r = l->c->backend->map_memory(
			l->vm, 3, BOOT_WINDOW_GPA, l->mem.window, l->mem.window_size, 0);
	return r;
}

static int make_vm(struct launch *l)
{
	const struct vm_ops *ops = l->c->backend;
	int r = ops->create(&l->vm);

	if (!r)
		r = map_memory(l);
	if (!r && l->template)
		r = ops->again_keep(l->vm);
	for (uint32_t i = 0; i < l->c->cpus && !r; i++) {
		r = ops->vcpu_create(l->vm, i, &l->vcpu[i]);
		if (!r && l->c->shown)
			ops->show(l->vcpu[i], l->c->shown->cpu[i].exits);
	}
	if (r)
		launch_fail(l, "cannot make a virtual machine: %s", strerror(-r));
	return r;
}

/* One that has no place is one that the filter does not have: the thread ends at it, in tests. */
void launch_ioctls_add(struct launch_ioctls *to, const unsigned long *list, size_t n)
{
	for (size_t i = 0; i < n && to->n < LAUNCH_IOCTLS; i++)
		to->number[to->n++] = list[i];
}

void launch_ioctls_of_vcpus(const struct launch *l, struct launch_ioctls *out)
{
	const unsigned long *list;
	size_t n = l->c->backend->vcpu_ioctls(&list);

	launch_ioctls_add(out, list, n);
	if (!launch_stops(l))
		return;
	n = l->template ? l->c->backend->again_ioctls(&list) : l->c->backend->save_ioctls(&list);
	launch_ioctls_add(out, list, n);
}

int launch_vm_again(struct launch *l, const void *saved)
{
	const struct vm_ops *ops = l->c->backend;
	int r = ops->again(l->vm);

	if (!r)
		r = map_memory(l);
	for (uint32_t i = 0; i < l->c->cpus && !r; i++)
		r = ops->vcpu_again(l->vcpu[i], saved);
	return r;
}

/* Nested in a grant, or not there at all: it is nobody's in the sandbox. */
static int hide(struct launch *l)
{
	int r = 0;

	for (unsigned i = 0; i < l->c->nhidden; i++) {
		if (!r)
			r = service_deny(l->service, l->c->hidden[i], NULL);
		close(l->c->hidden[i]);
	}
	return r;
}

static int make_service(struct launch *l)
{
	const struct service_callbacks cb = {
		.arg = l,
		.kick = on_kick,
		.exited = on_exited,
		.log = on_log,
		.denied = on_denied,
		.asked = l->c->template_fd || l->c->snapshot_fd ? on_asked : NULL,
		.handled = l->c->crossed ? on_handled : NULL,
		.window_map = l->home->window_map ? on_window_map : NULL,
		.window_unmap = l->home->window_unmap ? on_window_unmap : NULL,
	};
	int r = service_create(&l->service, &l->mem, &cb);

	if (!r && l->c->stats)
		service_enable_timing(l->service);
	if (!r && l->c->shown)
		service_show(l->service, &l->c->shown->channel);
	if (!r)
		r = hide(l);
	if (!r)
		r = launch_bootblock_build(l);
	if (!r)
		r = service_prepare(l->service);
	if (!r)
		r = service_watch_begin(l->service, &l->forwarded, l->c->until_fd);
	if (r)
		launch_fail(l, "cannot prepare the channel: %s", strerror(-r));
	return r;
}

int launch_limit_files(const struct launch *l)
{
	struct rlimit now;

	if (l->c->snapshot_fd) /* is as large as memory */
		return 0;
	if (l->c->keep_fd) /* all changed files together may well be more than one may be */
		return 0;
	if (l->template && !l->res->clone && l->c->backend->processes) /* clones' memory is files */
		return 0;
	if (getrlimit(RLIMIT_FSIZE, &now))
		return -errno;
	now.rlim_cur = l->c->rlimits[RLIMIT_FSIZE].rlim_cur;
	if (now.rlim_cur > now.rlim_max)
		now.rlim_cur = now.rlim_max;
	return setrlimit(RLIMIT_FSIZE, &now) ? -errno : 0;
}

static int fork_children(void *arg, bool pid_namespace)
{
	struct launch *l = arg;
	int r = l->home->fork(l, pid_namespace);

	if (r && !pid_namespace) /* the last try */
		launch_fail(l, "cannot fork the process that programs come from: %s", strerror(-r));
	return r;
}

static const struct launch_home_ops *home_of(const struct launch_config *c)
{
	if (c->backend->processes)
		return &launch_home_process;
	return c->home == LAUNCH_HOME_GUEST ? &launch_home_guest : &launch_home_host;
}

/* What the jail has to leave open, besides what every launch needs. */
static unsigned needs_of(const struct launch *l)
{
	const unsigned reach = service_reach(l->service);
	/* a clone's stream may be one, whatever the template's are */
	const bool socket = (reach & SERVICE_SOCKET) || l->template;

	return (l->c->backend->processes ? JAIL_PROCESSES : JAIL_VM) |
	       (reach & SERVICE_TERMINAL ? JAIL_TERMINAL : 0) | (socket ? JAIL_SOCKET : 0) |
	       (reach & SERVICE_CHANGES ? JAIL_CHANGES : 0) |
	       (reach & SERVICE_NAMES ? JAIL_NAMES : 0) | (l->template ? JAIL_TEMPLATE : 0) |
	       (l->c->relayed ? JAIL_ENDS : 0) | (l->c->proxy_version ? JAIL_PEERS : 0);
}

static int run(struct launch *l)
{
	const struct jail_children children = {fork_children, l};
	int r;

	launch_clock_begin(l);
	/* 1. what is forwarded is blocked before any thread exists, so that none takes it by
	 * default */
	note_signals(l);
	block_signals(l);
	/* 2. memory, 3. everything that the program may reach, opened and granted */
	r = launch_memory_create(l);
	if (r) {
		launch_fail(l, "cannot map %llu MiB of guest memory: %s (%s)",
			(unsigned long long)(l->c->mem_size >> 20), strerror(-r),
			r == -EFBIG ? "ulimit -f" : "--mem");
		return r;
	}
	r = make_service(l);
	if (!r)
		r = launch_template_create(l);
	if (!r)
		r = launch_snapshot_create(l);
	if (!r)
		r = launch_restore_service(l);
	if (r) {
		l->res->could_not_start = true;
		return r;
	}
	l->needs = needs_of(l);
	/* 4. the VM, while /dev/kvm can still be opened */
	r = l->c->backend->processes ? 0 : make_vm(l);
	if (r)
		return r;
	r = l->home->prepare(l);
	if (r) {
		launch_fail(l, "cannot set the %s up: %s",
			l->c->backend->processes ? "processes" : "virtual machine", strerror(-r));
		return r;
	}
	r = launch_restore_home(l);
	if (r) {
		l->res->could_not_start = true;
		launch_fail(l, "the snapshot cannot go on: %s", strerror(-r));
		return r;
	}
	r = launch_limit_files(l);
	if (r) {
		launch_fail(l, "cannot limit the size of files: %s", strerror(-r));
		return r;
	}
	/* 5. nothing more is opened: close the jail while there is one thread */
	l->res->jail_calls = jail_calls(l->home->roles, l->needs);
	r = jail_enter(l->c, &l->res->jail, l->home->fork ? &children : NULL);
	if (r == -ECHILD) {
		launch_fail(l, "no_new_privs cannot be had, and without it nothing traps programs");
		return r;
	}
	if (r) {
		launch_fail(l, "the jail is not complete and --strict was given: %s",
			l->res->jail.missing);
		return r;
	}
	/* 6. each thread closes its own filter; 7. the shim runs */
	r = launch_threads_start(l);
	if (r) {
		launch_fail(l, "cannot start a thread: %s", strerror(-r));
		return r;
	}
	launch_clock_init(l);
	l->res->start_ns = launch_now_ns() - l->res->start_ns;
	return l->home->run(l);
}

static void take_vcpu_stats(struct launch *l)
{
	struct vm_stats *sum = &l->res->vm, one;

	for (uint32_t i = 0; i < l->c->cpus && l->vcpu[i]; i++) {
		l->c->backend->stats(l->vcpu[i], &one);
		for (unsigned reason = 0; reason < VM_EXIT_REASONS; reason++)
			sum->exits[reason] += one.exits[reason];
		sum->interrupts += one.interrupts;
	}
}

static void take_stats(struct launch *l)
{
	if (l->service)
		service_stats(l->service, &l->res->channel);
	take_vcpu_stats(l);
	if (l->home->stats)
		l->home->stats(l);
}

static uint64_t timeval_ns(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * 1000000000u + (uint64_t)t->tv_usec * 1000u;
}

/* When the trapped processes have ended: then theirs are known too. What was waited for before the
 * launch, as the process that prepared an image, is not the program's. */
static void take_times(struct launch *l, const struct rusage *before)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	l->res->user_ns += timeval_ns(&self.ru_utime) + timeval_ns(&children.ru_utime) -
			   timeval_ns(&before->ru_utime);
	l->res->system_ns += timeval_ns(&self.ru_stime) + timeval_ns(&children.ru_stime) -
			     timeval_ns(&before->ru_stime);
	l->res->host_rss_peak_kib = (uint64_t)self.ru_maxrss;
}

static void take_down(struct launch *l, const struct rusage *before)
{
	launch_threads_stop(l);
	if (l->service)
		service_restore_tty(l->service);
	take_stats(l);
	l->home->destroy(l);
	take_times(l, before);
	for (uint32_t i = 0; i < l->c->cpus && l->vcpu[i]; i++)
		l->c->backend->vcpu_destroy(l->vcpu[i]);
	if (l->vm)
		l->c->backend->destroy(l->vm);
	if (l->service)
		service_destroy(l->service);
	launch_template_destroy(l);
	launch_snapshot_destroy(l);
	launch_memory_destroy(l);
}

/* The shim ends with 125 when it has not come as far as the program, else with 126 or 127. */
static bool boot_failed(const struct launch_result *res)
{
	return res->could_not_start && WIFEXITED(res->wait_status) &&
	       WEXITSTATUS(res->wait_status) == 125;
}

int launch_run(const struct launch_config *c, struct launch_result *out)
{
	struct launch l = {
		.c = c, .res = out, .ram_fd = -1, .ram_read_fd = -1, .begun_ns = launch_now_ns()};
	struct rusage before;
	bool ended;
	int r;

	getrusage(RUSAGE_CHILDREN, &before);
	memset(out, 0, sizeof(*out));
	out->start_ns = l.begun_ns;
	/* a template has all the time, and so has what a snapshot is made of */
	l.timeout_ns = c->template_fd || c->snapshot_fd ? 0 : c->timeout_ns;
	launch_threads_init(&l);
	l.home = home_of(c);

	r = run(&l);
	ended = l.ended;
	take_down(&l, &before);
	launch_threads_destroy(&l);

	out->wall_ns = launch_now_ns() - l.begun_ns;
	out->timeout_ns = l.timeout_ns;
	if (r || !ended || boot_failed(out)) {
		if (!atomic_load(&l.explained))
			snprintf(out->error, sizeof(out->error), "the shim stopped: %s",
				r ? strerror(-r) : "without an exit status");
		out->end = LAUNCH_FAILED;
	} else if (atomic_load(&l.timed_out)) {
		out->end = LAUNCH_TIMEOUT;
	} else {
		out->end = LAUNCH_EXITED;
	}
	return 0;
}
