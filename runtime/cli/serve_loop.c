/* SPDX-License-Identifier: Apache-2.0
 *
 * What the server waits for, and when it ends.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cli/serve_internal.h"

#define KILL_NS	    1000000000ull /* for clones to end by themselves, and once more */
#define CLOSE_NS    2000000000ull /* for the report of a template that closed its end */
#define PATIENCE_NS 5000000000ull /* then it is said that it is not ready */
#define TEMPLATE_MS 2000	  /* for the template to end */
#define WAIT_MAX_MS 3600000
#define RELAY_PIECE 4096u
#define RELAY_LAST  16u /* pieces that a pipe holds */

/* -- phases -- */

static void set_accepting(struct server *s)
{
	bool want = s->phase == SERVE_SERVING && !s->asked && !s->retry_ns &&
		    s->nconnections < s->options->connections_max;
	struct epoll_event e = {.events = want ? EPOLLIN : 0, .data.ptr = &s->listener};

	if (want != s->accepting && !epoll_ctl(s->epoll, EPOLL_CTL_MOD, s->listener.fd, &e))
		s->accepting = want;
}

/* Nothing more is accepted; running connections may go on for a while. */
static void drain(struct server *s)
{
	source_close(s, &s->listener);
	s->phase = SERVE_DRAINING;
	if (__builtin_add_overflow(serve_now_ns(), s->options->grace_ns, &s->deadline_ns))
		s->deadline_ns = 0;
}

/* Clones end by their until-fd; what does not is killed. */
static void next_phase(struct server *s, uint64_t now_ns)
{
	s->deadline_ns = now_ns + KILL_NS;
	s->phase++;
	if (s->phase == SERVE_KILLING) {
		close(s->until[1]);
		s->until[1] = -1;
	} else if (s->phase == SERVE_KILLED) {
		connection_kill(s);
	} else {
		connection_drop(s);
	}
}

static int end_template(struct server *s, int patience_ms)
{
	s->has_template = false;
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->template.fd, NULL);
	s->from_template.fd = -1;
	return template_end(&s->template, patience_ms);
}

/* All that a program that ended early has said is shown. */
static void ended_early(struct server *s)
{
	int status = end_template(s, TEMPLATE_MS);

	if (s->greeting_size && write(STDERR_FILENO, s->greeting, s->greeting_size) < 0)
		cli_say("stderr: %s", strerror(errno));
	s->code = serve_early_code(s, status);
	s->phase = SERVE_OVER;
}

/* The template is no longer one, and this is why; NULL: as it ended. */
static void template_failed(struct server *s, const char *why)
{
	int status = end_template(s, TEMPLATE_MS);

	s->code = POLICY_FAILED;
	if (why)
		cli_say("serve: %s", why);
	else
		serve_say_end(s, status, "while it was served");
	s->template_closed = true;
	connection_unanswered(s);
	if (s->phase == SERVE_WARMING)
		s->phase = SERVE_OVER;
	else if (s->phase == SERVE_SERVING)
		drain(s);
}

/* -- what becomes ready -- */

static void start_serving(struct server *s)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address at;

	if (listen(s->listener.fd, SOMAXCONN) || source_add(s, &s->listener)) {
		template_failed(s, strerror(errno));
		return;
	}
	s->accepting = true;
	s->deadline_ns = 0;
	s->phase = SERVE_SERVING;
	address_of(&at, s->listener.fd);
	address_text(text, &at);
	if (!s->options->quiet)
		cli_say("serving on %s (pid %d)", text, getpid());
}

/* What the program wrote up to now belongs to every connection. */
static void on_program(struct server *s, void *of)
{
	size_t room = sizeof s->greeting - s->greeting_size;
	ssize_t n = recv(s->program.fd, s->greeting + s->greeting_size, room, MSG_DONTWAIT);

	if (n > 0)
		s->greeting_size += (size_t)n;
	if (!n) /* it has ended */
		epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->program.fd, NULL);
	if (s->greeting_size > SERVE_GREETING_MAX && s->phase == SERVE_WARMING)
		template_failed(
			s, "the program wrote more than 8 KiB before it read its standard input");
}

static void on_ready(struct server *s)
{
	size_t before;

	do {
		before = s->greeting_size;
		on_program(s, NULL);
	} while (s->phase == SERVE_WARMING && s->greeting_size > before);
	if (s->phase != SERVE_WARMING)
		return;
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->program.fd, NULL);
	start_serving(s);
}

/* Its report may be still on the way: on_report goes on. */
static void on_closed(struct server *s)
{
	if (s->phase != SERVE_WARMING) {
		template_failed(s, NULL);
		return;
	}
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, s->template.fd, NULL);
	s->template_closed = true;
	s->deadline_ns = serve_now_ns() + CLOSE_NS;
	if (s->report.source.fd < 0)
		ended_early(s);
}

static void on_template(struct server *s, void *of)
{
	struct template_message m;
	int r = template_receive(&s->template, &m);

	if (r == -EAGAIN)
		return;
	if (r == -EPIPE)
		on_closed(s);
	else if (r == -EPROTO)
		template_failed(s, "what the template said is no message");
	else if (r)
		template_failed(s, strerror(-r));
	else if (m.kind == TEMPLATE_READY && s->phase == SERVE_WARMING)
		on_ready(s);
	else if (m.kind == TEMPLATE_CLONED && s->asked)
		connection_cloned(s, &m);
	else
		template_failed(s, "the template said what was not asked for");
}

static void on_report(struct server *s, void *of)
{
	if (gather_more(s, &s->report) && s->template_closed && s->phase == SERVE_WARMING)
		ended_early(s);
}

/* False: there is nothing now. */
static bool relay(struct server *s)
{
	char piece[RELAY_PIECE];
	ssize_t n = read(s->relay.fd, piece, sizeof piece);

	return n > 0 && write(STDERR_FILENO, piece, (size_t)n) > 0;
}

static void on_relay(struct server *s, void *of)
{
	relay(s);
}

static void on_signal(struct server *s, void *of)
{
	struct signalfd_siginfo info;

	if (read(s->signals.fd, &info, sizeof info) != sizeof info)
		return;
	if (s->phase == SERVE_WARMING) {
		kill(s->template.pid, (int)info.ssi_signo);
		s->code = 128 + (int)info.ssi_signo;
		s->phase = SERVE_OVER;
	} else if (s->phase == SERVE_SERVING) {
		drain(s);
		if (s->nconnections && !s->options->quiet)
			cli_say("no more connections are taken; %u may go on for %.3g s",
				s->nconnections, (double)s->options->grace_ns / 1e9);
	} else if (s->phase == SERVE_DRAINING) {
		next_phase(s, serve_now_ns());
	}
}

/* -- making and ending -- */

static bool is_open(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && !(flags & O_PATH);
}

static bool is_stream(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

/* A template takes streams only: what a terminal or a file shall get goes through here. */
static int choose_stderr(struct server *s)
{
	int ends[2];

	if (is_open(STDERR_FILENO) && is_stream(STDERR_FILENO)) {
		s->clone_err = STDERR_FILENO;
		return 0;
	}
	if (!is_open(STDERR_FILENO)) {
		s->clone_err = s->relay_end = open("/dev/null", O_WRONLY | O_CLOEXEC);
		return s->relay_end < 0 ? -errno : 0;
	}
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	s->clone_err = s->relay_end = ends[1];
	s->relay = (struct source){ends[0], on_relay, s};
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return source_add(s, &s->relay);
}

static int take_signals(struct server *s)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigprocmask(SIG_BLOCK, &ends, &s->outer);
	s->signals = (struct source){signalfd(-1, &ends, SFD_CLOEXEC), on_signal, s};
	return s->signals.fd < 0 ? -errno : source_add(s, &s->signals);
}

/* A socket, as connections are: programs look at once what kind of stream they have. */
static int make_stream(struct server *s)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	s->program = (struct source){ends[0], on_program, s};
	s->program_end = ends[1];
	return source_add(s, &s->program);
}

static int start_template(struct server *s)
{
	struct template_start start = {
		.program = s->options->template_program ?: "/proc/self/exe",
		.words = s->options->words,
		.in = s->program_end,
		.out = s->program_end,
		.err = s->clone_err,
		.signals = &s->outer,
	};
	int report[2], r;

	if (pipe2(report, O_CLOEXEC))
		return -errno;
	fcntl(report[0], F_SETPIPE_SZ, SERVE_REPORT_MAX);
	start.report = report[1];
	r = gather_add(s, &s->report, report[0], on_report, s);
	if (!r)
		r = template_start(&s->template, &start);
	close(report[1]);
	close(s->program_end);
	s->program_end = -1;
	if (r)
		return r;
	s->has_template = true;
	s->deadline_ns = serve_now_ns() + PATIENCE_NS;
	s->from_template = (struct source){s->template.fd, on_template, s};
	return source_add(s, &s->from_template);
}

static int make(struct server *s)
{
	int r;

	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0 || pipe2(s->until, O_CLOEXEC))
		return -errno;
	r = take_signals(s);
	if (!r)
		r = choose_stderr(s);
	if (!r)
		r = make_stream(s);
	if (!r)
		r = start_template(s);
	return r;
}

static void close_one(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void destroy(struct server *s)
{
	connection_drop(s);
	if (s->has_template)
		end_template(s, TEMPLATE_MS);
	for (unsigned i = 0; i < RELAY_LAST && s->relay.fd >= 0 && relay(s); i++)
		; /* what was said last */
	source_close(s, &s->listener);
	source_close(s, &s->signals);
	source_close(s, &s->program);
	source_close(s, &s->relay);
	gather_clear(s, &s->report);
	close_one(s->program_end);
	close_one(s->relay_end);
	for (int i = 0; i < 2; i++) {
		close_one(s->until[i]);
		close_one(s->spare[i]);
	}
	close_one(s->epoll);
	sigprocmask(SIG_SETMASK, &s->outer, NULL);
}

/* -- the loop -- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return !a || (b && b < a) ? b : a;
}

static int wait_ms(const struct server *s, uint64_t now_ns)
{
	uint64_t next = earlier(earlier(s->deadline_ns, s->retry_ns), connection_next_ns(s));
	uint64_t ms = next > now_ns ? (next - now_ns) / 1000000u + 1 : 0;

	return !next ? -1 : ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)ms;
}

/* A program that never asks would else be taken for one that takes its time. */
static void say_waiting(struct server *s)
{
	s->deadline_ns = 0;
	if (!s->options->quiet)
		cli_say("waiting for %s to %s", s->options->title,
			s->options->run.accept.where ? "listen" : "read its standard input");
}

static void on_time(struct server *s)
{
	uint64_t now = serve_now_ns();

	if (s->retry_ns && now >= s->retry_ns)
		s->retry_ns = 0;
	connection_tick(s, now);
	if (s->deadline_ns && now >= s->deadline_ns) {
		if (s->phase != SERVE_WARMING)
			next_phase(s, now);
		else if (s->template_closed)
			ended_early(s);
		else
			say_waiting(s);
	}
	if (s->phase >= SERVE_DRAINING && !s->connections)
		s->phase = SERVE_OVER;
}

/* One event at a time: what it ends could be the owner of another. */
static void loop(struct server *s)
{
	struct epoll_event e;

	while (s->phase != SERVE_OVER) {
		const struct source *source;

		if (s->phase == SERVE_SERVING)
			set_accepting(s);
		if (epoll_wait(s->epoll, &e, 1, wait_ms(s, serve_now_ns())) == 1) {
			source = e.data.ptr;
			source->ready(s, source->of);
		}
		on_time(s);
	}
}

int serve_run(const struct serve_options *o, int listener, FILE *json)
{
	struct server s = {.options = o,
		.log = {o->log, json, false},
		.epoll = -1,
		.listener = {listener, connection_accept, NULL},
		.from_template.fd = -1,
		.signals.fd = -1,
		.program.fd = -1,
		.relay.fd = -1,
		.report.source.fd = -1,
		.program_end = -1,
		.relay_end = -1,
		.until = {-1, -1},
		.spare = {-1, -1}};
	int r = make(&s);

	signal(SIGPIPE, SIG_IGN); /* not before there is a template: it would have that too */
	if (r) {
		cli_say("serve: %s", strerror(-r));
		s.code = POLICY_FAILED;
	} else {
		loop(&s);
	}
	destroy(&s);
	return s.log.failed ? POLICY_FAILED : s.code;
}
