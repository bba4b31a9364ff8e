/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a job: entries side by side, the steps of each in order, every step a child of its own
 * process group. One loop waits for output, ends of children, signals and the next redraw.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "images/job/job_internal.h"
#include "images/launcher.h"
#include "images/scratch.h"
#include "runtime/policy/policy.h"

#define GRACE_NS (5 * 1000000000ull) /* from asking a step to end to ending it */
#define TICK_MS	 100

/* One entry on its way; pid 0: nothing runs in this lane. */
struct lane {
	struct job_runner *runner;
	struct job_entry *entry;
	size_t step;
	pid_t pid;
	int out;
	struct lines lines;
	struct scratch workspace;
};

struct job_runner {
	struct job *job;
	const struct job_options *o;
	char sandbox[PATH_MAX];
	struct lane *lanes;
	size_t next_entry, running;
	int signals; /* signalfd */
	sigset_t old_mask;
	int interrupted;
	uint64_t kill_at;
	struct image_error *e;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct job_step *step_of(struct lane *l)
{
	return &l->entry->steps[l->step];
}

static void take_line(void *arg, const char *line)
{
	struct lane *l = arg;

	tail_add(&step_of(l)->tail, line);
	l->runner->o->view->line(l->runner->o->view, l->entry, line);
}

/* In the child: never returns. */
static void become_step(const struct job_runner *r, char **argv, int out, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* ends its sandbox with it */
	if (getppid() != parent || null < 0)
		_exit(POLICY_FAILED);
	sigprocmask(SIG_SETMASK, &r->old_mask, NULL);
	signal(SIGPIPE, SIG_DFL);
	if (r->o->store)
		setenv("SANDBOX_STORE", r->o->store, 1);
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execv(argv[0], argv);
	dprintf(STDERR_FILENO, "cannot start %s: %s\n", argv[0], strerror(errno));
	_exit(POLICY_FAILED);
}

static int start_child(struct lane *l, char **argv, struct image_error *e)
{
	pid_t self = getpid();
	int pipe[2];

	if (pipe2(pipe, O_CLOEXEC))
		return image_fail(e, -errno, "cannot make a pipe: %s", strerror(errno));
	l->pid = fork();
	if (!l->pid)
		become_step(l->runner, argv, pipe[1], self);
	close(pipe[1]);
	if (l->pid < 0) {
		l->pid = 0;
		close(pipe[0]);
		return image_fail(e, -errno, "cannot start a process: %s", strerror(errno));
	}
	setpgid(l->pid, l->pid); /* before anybody signals the group */
	fcntl(pipe[0], F_SETFL, O_NONBLOCK);
	l->out = pipe[0];
	return 0;
}

static void begin_step(struct lane *l)
{
	struct job_step *s = step_of(l);
	struct job_view *v = l->runner->o->view;
	char **argv;
	int r;

	s->outcome = JOB_RUNNING;
	s->start_ns = now_ns();
	v->step_begin(v, l->entry, s);
	r = step_argv(l->runner->job, s, l->runner->sandbox, l->workspace.path, &argv, &s->why);
	if (!r) {
		r = start_child(l, argv, &s->why);
		step_argv_free(argv);
	}
	if (!r)
		return;
	s->code = POLICY_FAILED;
	s->outcome = s->continue_on_error ? JOB_ALLOWED : JOB_FAILED;
	v->step_end(v, l->entry, s);
}

static void copy_artifacts(struct lane *l, struct job_step *s)
{
	for (size_t i = 0; i < s->nartifacts; i++) {
		struct image_error e = {""};
		int r = artifact_copy(l->workspace.path, &s->artifacts[i], &e);

		if (!r || (s->code && r == -ENOENT)) /* a step that failed may have left none */
			continue;
		if (!*s->why.text) /* names that a step chose are in it */
			policy_clean_text(s->why.text, sizeof s->why.text, e.text);
		if (!s->code)
			s->code = POLICY_FAILED;
	}
}

/* What is in the pipe; stragglers that hold it open are not waited for. */
static void drain(struct lane *l)
{
	char buf[16 << 10];
	ssize_t n;

	/* Bounded: a program that prints without end must not keep the others waiting. */
	for (int i = 0; i < 64; i++) {
		n = read(l->out, buf, sizeof buf);
		if (n <= 0)
			return;
		lines_add(&l->lines, buf, (size_t)n, take_line, l);
	}
}

static void end_step(struct lane *l, int status)
{
	struct job_step *s = step_of(l);
	struct job_view *v = l->runner->o->view;

	drain(l);
	lines_end(&l->lines, take_line, l);
	close(l->out);
	l->out = -1;
	l->pid = 0;
	s->ns = now_ns() - s->start_ns;
	s->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	if (l->runner->interrupted) {
		s->outcome = JOB_INTERRUPTED;
	} else {
		copy_artifacts(l, s);
		s->outcome = !s->code		    ? JOB_PASSED
			     : s->continue_on_error ? JOB_ALLOWED
						    : JOB_FAILED;
	}
	v->step_end(v, l->entry, s);
}

/* A lane without a child: the entry's next step, or the next entry, or nothing. */
static int end_entry(struct lane *l)
{
	int r = scratch_remove(&l->workspace, l->runner->e);

	l->entry = NULL;
	l->runner->running--;
	return r;
}

static int begin_entry(struct lane *l)
{
	struct job_runner *r = l->runner;
	int err;

	if (r->interrupted || r->next_entry == r->job->nentries)
		return 0;
	err = scratch_make(&l->workspace, &scratch_job, r->e);
	if (err)
		return err;
	l->entry = &r->job->entries[r->next_entry++];
	l->step = 0;
	l->lines.n = 0;
	r->running++;
	begin_step(l);
	return 0;
}

static void skip_rest(struct lane *l, enum job_outcome o)
{
	while (++l->step < l->entry->nsteps)
		step_of(l)->outcome = o;
}

static int advance(struct lane *l)
{
	while (!l->pid) {
		enum job_outcome was;
		int err;

		if (!l->entry) {
			err = begin_entry(l);
			if (err || !l->entry)
				return err;
			continue;
		}
		was = step_of(l)->outcome;
		if (was == JOB_PASSED || was == JOB_ALLOWED)
			l->step++;
		else
			skip_rest(l, was == JOB_INTERRUPTED ? JOB_INTERRUPTED : JOB_SKIPPED);
		if (l->step < l->entry->nsteps && !l->runner->interrupted) {
			begin_step(l);
			continue;
		}
		err = end_entry(l);
		if (err)
			return err;
	}
	return 0;
}

static void signal_all(struct job_runner *r, int sig)
{
	for (unsigned i = 0; i < r->o->parallel; i++)
		if (r->lanes[i].pid)
			kill(-r->lanes[i].pid, sig);
}

/* The first time asks, the second time does not. */
static void interrupt(struct job_runner *r, int sig)
{
	signal_all(r, r->interrupted ? SIGKILL : SIGTERM);
	if (!r->interrupted)
		r->kill_at = now_ns() + GRACE_NS;
	r->interrupted = r->interrupted ? r->interrupted : sig;
}

static void reap(struct job_runner *r)
{
	for (unsigned i = 0; i < r->o->parallel; i++) {
		int status;

		if (r->lanes[i].pid && waitpid(r->lanes[i].pid, &status, WNOHANG) > 0)
			end_step(&r->lanes[i], status);
	}
}

static void take_signals(struct job_runner *r)
{
	struct signalfd_siginfo s;

	while (read(r->signals, &s, sizeof s) == sizeof s) {
		if (s.ssi_signo == SIGWINCH)
			r->o->view->resized(r->o->view);
		else if (s.ssi_signo != SIGCHLD)
			interrupt(r, (int)s.ssi_signo);
	}
}

static void wait_for_more(struct job_runner *r, struct pollfd *fds)
{
	fds[0] = (struct pollfd){.fd = r->signals, .events = POLLIN};
	for (unsigned i = 0; i < r->o->parallel; i++)
		fds[i + 1] = (struct pollfd){
			.fd = r->lanes[i].pid ? r->lanes[i].out : -1, .events = POLLIN};
	if (poll(fds, r->o->parallel + 1, TICK_MS) < 0)
		return; /* EINTR: the loop comes again */
	for (unsigned i = 0; i < r->o->parallel; i++) {
		if (fds[i + 1].revents & POLLIN)
			drain(&r->lanes[i]);
		else if (fds[i + 1].revents) { /* closed before its end: no spinning */
			struct timespec t = {0, 10000000};

			nanosleep(&t, NULL);
		}
	}
}

static int loop(struct job_runner *r, struct pollfd *fds)
{
	for (;;) {
		for (unsigned i = 0; i < r->o->parallel; i++) {
			int err = advance(&r->lanes[i]);

			if (err)
				return err;
		}
		if (!r->running)
			return 0;
		wait_for_more(r, fds);
		take_signals(r);
		reap(r);
		if (r->interrupted && now_ns() > r->kill_at)
			signal_all(r, SIGKILL);
		r->o->view->tick(r->o->view);
	}
}

/* After a failure of ours: nothing of the job stays behind. */
static void stop_all(struct job_runner *r)
{
	signal_all(r, SIGKILL);
	for (unsigned i = 0; i < r->o->parallel; i++) {
		struct lane *l = &r->lanes[i];
		int status;

		if (l->pid && waitpid(l->pid, &status, 0) > 0)
			end_step(l, status);
		scratch_remove(&l->workspace, NULL);
	}
}

static int take_over_signals(struct job_runner *r)
{
	static const int ours[] = {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGCHLD, SIGWINCH};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		sigaddset(&set, ours[i]);
	sigprocmask(SIG_BLOCK, &set, &r->old_mask);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? image_fail(r->e, -errno, "signalfd: %s", strerror(errno)) : 0;
}

static void mark_waiting(struct job *j)
{
	for (size_t i = 0; i < j->nentries; i++)
		for (size_t s = 0; s < j->entries[i].nsteps; s++)
			if (j->entries[i].steps[s].outcome == JOB_WAITING)
				j->entries[i].steps[s].outcome = JOB_INTERRUPTED;
}

static int run_lanes(struct job_runner *r, struct pollfd *fds)
{
	int err = take_over_signals(r);

	if (err)
		return err;
	for (unsigned i = 0; i < r->o->parallel; i++) {
		r->lanes[i].runner = r;
		r->lanes[i].out = -1;
	}
	err = loop(r, fds);
	if (err) {
		r->interrupted = r->interrupted ? r->interrupted : SIGTERM;
		stop_all(r);
	}
	close(r->signals);
	return err;
}

int job_run(struct job *j, const struct job_options *o, int *signal, struct image_error *e)
{
	struct job_runner r = {.job = j, .o = o, .e = e};
	struct pollfd *fds = calloc(o->parallel + 1, sizeof *fds);
	uint64_t start = now_ns();
	int err;

	r.lanes = calloc(o->parallel, sizeof *r.lanes);
	if (!fds || !r.lanes)
		err = image_fail(e, -ENOMEM, "out of memory");
	else
		err = launcher_find(r.sandbox, e);
	scratch_sweep(&scratch_job);
	if (!err)
		err = run_lanes(&r, fds);
	mark_waiting(j);
	o->view->end(o->view);
	*signal = r.interrupted;
	j->ns = now_ns() - start;
	free(r.lanes);
	free(fds);
	return err;
}

int job_code(const struct job *j)
{
	for (size_t i = 0; i < j->nentries; i++)
		for (size_t s = 0; s < j->entries[i].nsteps; s++)
			if (j->entries[i].steps[s].outcome == JOB_FAILED)
				return j->entries[i].steps[s].code;
	return 0;
}
