/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates and clones, with fake_template.c in the place of the executable.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "tests/unit/sdk/sdk_test.h"

#define THREADS 4
#define ROUNDS	25

static struct sb_config config_of(const char *what)
{
	return (struct sb_config){.size = sizeof(struct sb_config),
		.executable = getenv("FAKE_TEMPLATE"),
		.program = what};
}

static struct sb_template *start_template(const char *what)
{
	const struct sb_config c = config_of(what);
	struct sb_template *t;
	struct sb_error *e;

	expect_code(sb_template_start(&c, 60000, &t, &e), 0, &e);
	return t;
}

static struct sb_clone_config with_input(const char *text)
{
	return (struct sb_clone_config){.size = sizeof(struct sb_clone_config),
		.in = {.kind = SB_STREAM_MEMORY, .data = text, .size = strlen(text)},
		.out = {.kind = SB_STREAM_MEMORY},
		.err = {.kind = SB_STREAM_MEMORY}};
}

static struct sb *start_clone(struct sb_template *t, const struct sb_clone_config *c)
{
	struct sb_error *e;
	struct sb *s;

	expect_code(sb_clone(t, c, &s, &e), 0, &e);
	return s;
}

static struct sb *call(struct sb_template *t, const char *request)
{
	struct sb_error *e;
	struct sb *s;

	expect_code(sb_call(t, request, strlen(request), NULL, &s, &e), 0, &e);
	return s;
}

/* A pointer, as for expect_code. */
static void expect_refusal(
	int r, int code, struct sb_error **e, const char *text, const char *cause)
{
	expect_code(r, code, e);
	assert_int_equal(sb_error_code(*e), code);
	assert_string_equal(sb_error_text(*e), text);
	if (cause)
		assert_string_equal(sb_error_text(sb_error_cause(*e)), cause);
	else
		assert_null(sb_error_cause(*e));
	sb_error_free(*e);
}

static void calls(void **state)
{
	struct sb_template *t = start_template("serves");
	struct sb_result res;
	struct sb *s;

	for (int i = 0; i < 100; i++) {
		char request[32], want[40];

		snprintf(request, sizeof request, "request %d", i);
		snprintf(want, sizeof want, "<%s>", request);
		s = call(t, request);
		res = end_of(s);
		assert_int_equal(res.end, SB_END_EXITED);
		assert_int_equal(res.cpu_ns, 7000);
		assert_string_equal(out_of(s), want);
		assert_string_equal(err_of(s), "err");
		sb_free(s);
	}
	s = call(t, "exit 9");
	assert_int_equal(end_of(s).exit_code, 9);
	sb_free(s);
	s = call(t, "");
	assert_string_equal(out_of(s), "<>");
	sb_free(s);
	sb_template_free(t);
}

/* More than a pipe takes at once. */
static void large_request(void **state)
{
	struct sb_template *t = start_template("serves");
	static char data[300000] = "size";
	struct sb_error *e;
	struct sb *s;

	expect_code(sb_call(t, data, sizeof data, NULL, &s, &e), 0, &e);
	assert_string_equal(out_of(s), "300000");
	sb_free(s);
	sb_template_free(t);
}

static int take(void *arg, const void *data, size_t size)
{
	strncat(arg, data, size);
	return 0;
}

static ptrdiff_t give(void *arg, void *buf, size_t size)
{
	int *turns = arg;

	memcpy(buf, "ab", 2);
	return (*turns)++ < 2 ? 2 : 0;
}

static void streams_of_a_clone(void **state)
{
	struct sb_template *t = start_template("serves");
	struct sb_clone_config c = {.size = sizeof c};
	char text[64] = "";
	int turns = 0, ends[2];
	struct sb *s;

	c.in = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .read = give, .arg = &turns};
	c.out = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .write = take, .arg = text};
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).output, 6);
	assert_string_equal(text, "<abab>");
	assert_null(out_of(s));
	sb_free(s);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	c = (struct sb_clone_config){.size = sizeof c};
	c.out = (struct sb_stream){.kind = SB_STREAM_FD, .fd = ends[1]};
	s = start_clone(t, &c);
	close(ends[1]);
	memset(text, 0, sizeof text);
	assert_int_equal(read(ends[0], text, sizeof text), 2);
	assert_string_equal(text, "<>");
	end_of(s);
	sb_free(s);
	close(ends[0]);
	sb_template_free(t);
}

static void killed_clone(void **state)
{
	struct sb_template *t = start_template("serves");
	const struct sb_clone_config c = with_input("hang");
	struct sb *s = start_clone(t, &c);

	assert_int_equal(sb_wait(s, 50, NULL), SB_RUNNING);
	assert_int_equal(sb_kill(s, NULL), 0);
	assert_int_equal(end_of(s).end, SB_END_KILLED);
	assert_int_equal(sb_kill(s, NULL), 0);
	sb_free(s);
	s = call(t, "goes on");
	assert_string_equal(out_of(s), "<goes on>");
	sb_free(s);
	sb_template_free(t);
}

static void limits_of_a_clone(void **state)
{
	struct sb_config tc = config_of("serves");
	struct sb_clone_config c = with_input("hang");
	struct sb_template *t;
	struct sb *s;

	tc.wall_ns = MS(50);
	assert_int_equal(sb_template_start(&tc, -1, &t, NULL), 0);
	usleep(100000); /* it is not the template's */
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).end, SB_END_WALL_TIME);
	sb_free(s);
	c.wall_ns = MS(50000);
	s = start_clone(t, &c);
	assert_int_equal(sb_wait(s, 200, NULL), SB_RUNNING);
	sb_free(s);
	c = with_input("flood");
	c.wall_ns = MS(50000);
	c.output = 100000;
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).end, SB_END_OUTPUT);
	sb_free(s);
	sb_template_free(t);
}

static void crashed_clone(void **state)
{
	struct sb_template *t = start_template("serves");
	struct sb *s = call(t, "crash");
	struct sb_result res = end_of(s);

	assert_int_equal(res.end, SB_END_FAILED);
	assert_non_null(res.message);
	sb_free(s);
	sb_free(call(t, "goes on"));
	sb_template_free(t);
}

/* Its pipes do not end with it: the template has not come to close its own ends. */
static void clone_that_is_not_alone_with_its_pipes(void **state)
{
	struct sb_template *t = start_template("keeps");
	struct sb *s = call(t, "crash");
	struct sb_result res = end_of(s);

	assert_string_equal(res.message, "the sandbox's process ended without a report");
	assert_string_equal(out_of(s), "");
	sb_free(s);
	s = call(t, "word");
	assert_string_equal(out_of(s), "<word>");
	sb_free(s);
	sb_template_free(t);
}

/* R or S, T: stopped; 0: there is none. */
static char state_of_clone(pid_t pid)
{
	char name[64], state = 0;
	FILE *f;

	snprintf(name, sizeof name, "/proc/%d/stat", (int)pid);
	f = fopen(name, "r");
	if (!f)
		return 0;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(f);
	return state;
}

static void paused_clone(void **state)
{
	struct sb_template *t = start_template("serves");
	struct sb_clone_config c = with_input("pid");
	struct sb_error *e;
	struct sb *s;
	int ends[2];
	char text[32] = "";
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	c.out = (struct sb_stream){.kind = SB_STREAM_FD, .fd = ends[1]};
	s = start_clone(t, &c);
	assert_true(read(ends[0], text, sizeof text - 1) > 0);
	pid = atoi(text);
	expect_code(sb_pause(s, &e), 0, &e);
	assert_int_equal(state_of_clone(pid), 'T');
	assert_int_equal(sb_wait(s, 50, NULL), SB_RUNNING);
	sb_free(call(t, "another goes on"));
	expect_code(sb_resume(s, &e), 0, &e);
	assert_int_not_equal(state_of_clone(pid), 'T');
	expect_code(sb_pause(s, &e), 0, &e);
	assert_int_equal(sb_kill(s, NULL), 0);
	assert_int_equal(end_of(s).end, SB_END_KILLED);
	assert_int_equal(sb_pause(s, NULL), SB_ENDED);
	assert_int_equal(sb_resume(s, NULL), SB_ENDED);
	sb_free(s);
	close(ends[0]);
	close(ends[1]);
	sb_template_free(t);
}

/* They are no children: the template's process says which processes are theirs. */
static void cpu_time_of_clones(void **state)
{
	struct sb_config tc = config_of("serves");
	struct sb_clone_config c = with_input("spin");
	struct sb_template *t;
	struct sb *s;

	tc.cpu_ns = MS(40);
	assert_int_equal(sb_template_start(&tc, -1, &t, NULL), 0);
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).end, SB_END_CPU_TIME);
	assert_true(end_of(s).cpu_ns >= MS(40));
	sb_free(s);
	c.cpu_ns = MS(100000);
	s = start_clone(t, &c);
	assert_int_equal(sb_wait(s, 300, NULL), SB_RUNNING);
	sb_free(s);
	assert_int_equal(sb_template_warm(t, 1, NULL), 0);
	c.cpu_ns = MS(60);
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).end, SB_END_CPU_TIME);
	sb_free(s);
	/* who has an older header has no member for it */
	c = with_input("spin");
	c.size = offsetof(struct sb_clone_config, cpu_ns);
	c.cpu_ns = 1;
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).end, SB_END_CPU_TIME);
	assert_true(end_of(s).cpu_ns >= MS(40));
	sb_free(s);
	sb_template_free(t);
}

/* -- reset -- */

static void reset(struct sb *s, struct sb_template *t, const char *text)
{
	const struct sb_clone_config c = with_input(text);
	struct sb_error *e;

	expect_code(sb_reset(s, t, &c, &e), 0, &e);
}

static void reset_clone(void **state)
{
	unsigned fds = count_fds();
	struct sb_template *t = start_template("serves");
	struct sb_result res = {.size = sizeof res};
	struct sb *s = call(t, "first");
	int fd = sb_fd(s), poller = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ev = {.events = EPOLLIN};
	unsigned used;
	char want[40];

	assert_int_equal(epoll_ctl(poller, EPOLL_CTL_ADD, fd, &ev), 0);
	reset(s, t, "hang"); /* of one that has ended */
	used = count_fds();
	assert_int_equal(sb_fd(s), fd);
	assert_int_equal(sb_get_result(s, &res, NULL), SB_RUNNING);
	assert_null(out_of(s));
	assert_int_equal(epoll_wait(poller, &ev, 1, 50), 0);
	for (int i = 0; i < 50; i++) { /* of one that runs */
		snprintf(want, sizeof want, "hang %d", i);
		reset(s, t, want);
		assert_int_equal(count_fds(), used);
	}
	reset(s, t, "flood");
	assert_int_equal(sb_wait(s, 20, NULL), SB_RUNNING);
	assert_int_equal(sb_pause(s, NULL), 0);
	reset(s, t, "exit 7"); /* and of one that is paused */
	assert_int_equal(epoll_wait(poller, &ev, 1, 30000), 1);
	res = end_of(s);
	assert_int_equal(res.end, SB_END_EXITED);
	assert_int_equal(res.exit_code, 7);
	assert_int_equal(epoll_wait(poller, &ev, 1, 0), 1); /* it is over */
	assert_string_equal(out_of(s), "");
	reset(s, t, "last");
	end_of(s);
	assert_string_equal(out_of(s), "<last>");
	close(poller);
	sb_template_free(t);
	sb_free(s);
	expect_nothing_left(fds);
}

static void reset_to_one_made_in_advance(void **state)
{
	unsigned fds = count_fds();
	struct sb_template *t = start_template("serves"), *other = start_template("serves");
	struct sb_clone_config c = with_input("hang");
	struct sb *s = call(t, "first");

	assert_int_equal(sb_template_warm(t, 2, NULL), 0);
	reset(s, t, "second");
	assert_int_equal(end_of(s).start_ns, 0); /* it waited already */
	assert_string_equal(out_of(s), "<second>");
	c.wall_ns = MS(50);
	assert_int_equal(sb_reset(s, t, &c, NULL), 0);
	assert_int_equal(end_of(s).end, SB_END_WALL_TIME);
	sb_template_free(t); /* it is of no use to the clone any more */
	reset(s, other, "third");
	end_of(s);
	assert_string_equal(out_of(s), "<third>");
	sb_free(s);
	sb_template_free(other);
	expect_nothing_left(fds);
}

static int reset_from_callback(void *arg, const void *data, size_t size)
{
	struct sb **s = arg;
	const struct sb_clone_config c = with_input("");

	return sb_reset(s[0], (struct sb_template *)(void *)s[1], &c, NULL) != SB_BUSY;
}

static void no_reset(void **state)
{
	struct sb_template *t = start_template("serves"), *refuses = start_template("refuses");
	struct sb_clone_config c = with_input("word");
	struct shell sh;
	struct sb_error *e;
	struct sb *s, *both[2];

	shell_init(&sh, "true");
	s = start(&sh.c);
	expect_refusal(sb_reset(s, t, &c, &e), SB_INVALID, &e, "the sandbox is no clone", NULL);
	sb_free(s);
	c.out = (struct sb_stream){
		.kind = SB_STREAM_CALLBACK, .write = reset_from_callback, .arg = both};
	s = start_clone(t, &c);
	both[0] = s;
	both[1] = (struct sb *)(void *)t;
	assert_int_equal(end_of(s).end, SB_END_EXITED);
	assert_int_equal(sb_reset(s, t, NULL, NULL), SB_INVALID);
	/* it stays what it was, or ends; and can be tried again */
	assert_int_equal(sb_reset(s, refuses, &c, NULL), SB_SYSTEM);
	assert_int_equal(end_of(s).end, SB_END_EXITED);
	reset(s, t, "hang");
	assert_int_equal(sb_reset(s, refuses, &c, NULL), SB_SYSTEM);
	assert_int_equal(end_of(s).end, SB_END_KILLED);
	reset(s, t, "again");
	end_of(s);
	assert_string_equal(out_of(s), "<again>");
	sb_free(s);
	sb_template_free(t);
	sb_template_free(refuses);
}

/* In either order, and nothing is left. */
static void clones_outlive_their_template(void **state)
{
	unsigned fds = count_fds();
	struct sb_template *t = start_template("serves");
	int ends[2];
	struct sb_clone_config c = with_input("");
	struct sb *s, *hangs;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	c.in = (struct sb_stream){.kind = SB_STREAM_FD, .fd = ends[0]};
	s = start_clone(t, &c);
	close(ends[0]);
	c = with_input("hang");
	hangs = start_clone(t, &c);
	sb_template_free(t);
	assert_int_equal(count_children(), 1);
	assert_int_equal(write(ends[1], "late", 4), 4);
	close(ends[1]);
	assert_int_equal(end_of(s).exit_code, 0);
	assert_string_equal(out_of(s), "<late>");
	assert_int_equal(sb_kill(hangs, NULL), 0);
	end_of(hangs);
	assert_int_equal(count_children(), 0); /* the last clone has ended */
	sb_free(s);
	sb_free(hangs);
	sb_template_free(NULL);
	expect_nothing_left(fds);
}

static void no_template(void **state)
{
	unsigned fds = count_fds();
	struct sb_config c = config_of("early");
	struct sb_template *t;
	struct sb_error *e;

	expect_refusal(sb_template_start(&c, -1, &t, &e), SB_ENDED, &e,
		"the program ended before it read its stdin: exit code 3", "last words");
	assert_null(t);
	c.program = "silent";
	expect_refusal(sb_template_start(&c, 100, &t, &e), SB_ENDED, &e,
		"the program did not read its stdin within 100 ms", NULL);
	c.program = "babbles";
	expect_refusal(sb_template_start(&c, -1, &t, &e), SB_SYSTEM, &e,
		"the template cannot be understood", "recv: Protocol error");
	c.program = "early";
	c.executable = NULL;
	assert_int_equal(sb_template_start(&c, -1, &t, &e), SB_ENDED);
	assert_non_null(strstr(sb_error_text(e), "could not be started"));
	sb_error_free(e);
	expect_nothing_left(fds);
}

static void servers(void **state)
{
	struct sb_config c = config_of("accepts");
	struct sb_template *t;
	struct sb_error *e;

	c.accept = "8080";
	expect_refusal(sb_template_start(&c, -1, &t, &e), SB_ENDED, &e,
		"the program ended before it listened: exit code 4", "--accept=8080, no limit");
	c.accept = "";
	expect_refusal(sb_template_start(&c, -1, &t, &e), SB_ENDED, &e,
		"the program ended before it listened: exit code 4", "--accept, no limit");
	c.program = "silent";
	expect_refusal(sb_template_start(&c, 100, &t, &e), SB_ENDED, &e,
		"the program did not listen within 100 ms", NULL);
	c.size = offsetof(struct sb_config, accept); /* the header of before */
	c.program = "accepts";
	expect_refusal(sb_template_start(&c, -1, &t, &e), SB_ENDED, &e,
		"the program ended before it read its stdin: exit code 4", NULL);
}

static void no_clone(const char *what, int code, const char *text, const char *cause, int after)
{
	struct sb_template *t = start_template(what);
	const struct sb_clone_config c = with_input("");
	struct sb_error *e;
	struct sb *s;

	expect_refusal(sb_clone(t, &c, &s, &e), code, &e, text, cause);
	assert_null(s);
	assert_int_equal(sb_call(t, "", 0, NULL, &s, NULL), after);
	assert_null(s);
	sb_template_free(t);
}

static void templates_that_make_no_clone(void **state)
{
	unsigned fds = count_fds();

	no_clone("refuses", SB_SYSTEM, "the template made no clone",
		"clone: Resource temporarily unavailable", SB_SYSTEM);
	no_clone("gone", SB_ENDED, "the template has ended: exit code 5", NULL, SB_ENDED);
	no_clone("raves", SB_SYSTEM, "the template made no clone", "clone: Protocol error",
		SB_ENDED);
	/* the test itself is not taken for a clone, and killed */
	no_clone("lies", SB_SYSTEM, "the template's answer names no child of it", NULL, SB_ENDED);
	expect_nothing_left(fds);
}

static void warm_clones(void **state)
{
	unsigned fds = count_fds(), before;
	struct sb_template *t = start_template("serves");
	struct sb_clone_config c = {.size = sizeof c};
	struct sb_error *e;
	struct sb *s;
	char text[64] = "";

	before = count_fds();
	expect_code(sb_template_warm(t, 2, &e), 0, &e);
	assert_true(count_fds() > before);
	for (int i = 0; i < 5; i++) { /* more than there are: calls make more */
		s = call(t, "word");
		assert_string_equal(out_of(s), "<word>");
		assert_string_equal(err_of(s), "err");
		assert_int_equal(end_of(s).start_ns, 0);
		sb_free(s);
	}
	c.out = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .write = take, .arg = text};
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).output, 2); /* stderr is not wanted, and not counted */
	assert_string_equal(text, "<>");
	assert_null(err_of(s));
	sb_free(s);
	expect_code(sb_template_warm(t, 0, &e), 0, &e);
	assert_int_equal(count_fds(), before);
	assert_int_equal(sb_template_warm(t, 1000000, NULL), SB_INVALID);
	expect_code(sb_template_warm(t, 3, &e), 0, &e);
	sb_template_free(t);
	expect_nothing_left(fds);
}

static void limits_of_a_warm_clone(void **state)
{
	struct sb_template *t = start_template("serves");
	struct sb_clone_config c = with_input("hang");
	int turns = 0;
	struct sb *s;

	assert_int_equal(sb_template_warm(t, 2, NULL), 0);
	usleep(100000); /* it has not begun */
	c.wall_ns = MS(50);
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).end, SB_END_WALL_TIME);
	sb_free(s);
	c.wall_ns = 0;
	c.output = 3;
	c.in = (struct sb_stream){.kind = SB_STREAM_CALLBACK, .read = give, .arg = &turns};
	s = start_clone(t, &c);
	assert_int_equal(end_of(s).end, SB_END_OUTPUT);
	sb_free(s);
	sb_template_free(t);
}

static void refused(struct sb_config *c, int code, const char *about)
{
	struct sb_template *t;
	struct sb_error *e;

	expect_code(sb_template_start(c, -1, &t, &e), code, &e);
	assert_null(t);
	assert_non_null(strstr(sb_error_text(e), about));
	sb_error_free(e);
}

static void refused_clone(
	struct sb_template *t, const struct sb_clone_config *c, int code, const char *about)
{
	struct sb_error *e;
	struct sb *s;

	expect_code(sb_clone(t, c, &s, &e), code, &e);
	assert_null(s);
	assert_non_null(strstr(sb_error_text(e), about));
	sb_error_free(e);
}

static void mistakes(void **state)
{
	const struct sb_file f = {.kind = SB_FILE_OUT, .path = "/x"};
	struct sb_clone_config cc = {.size = sizeof cc};
	struct sb_template *t = start_template("serves");
	struct sb_config c;
	struct sb *s;

#define REFUSED(member, value, about)                                                              \
	do {                                                                                       \
		c = config_of("serves");                                                           \
		c.files = &f;                                                                      \
		c.member = value;                                                                  \
		refused(&c, SB_INVALID, about);                                                    \
	} while (0)
	REFUSED(size, 0, "size");
	REFUSED(in.kind, SB_STREAM_MEMORY, "in: ");
	REFUSED(out.kind, SB_STREAM_MEMORY, "out: ");
	REFUSED(err.kind, SB_STREAM_MEMORY, "err: ");
	REFUSED(output, 1, "output");
	c = config_of("serves");
	c.files = &f;
	c.nfiles = 1;
	refused(&c, SB_INVALID, "files");
#undef REFUSED
	refused_clone(t, NULL, SB_INVALID, "config");
	cc.size = 8;
	refused_clone(t, &cc, SB_INVALID, "size");
	cc.size = sizeof cc;
	cc.in.kind = SB_STREAM_CALLBACK;
	refused_clone(t, &cc, SB_INVALID, "in");
	cc.in.kind = SB_STREAM_MEMORY;
	assert_int_equal(sb_call(t, "", 0, &cc, &s, NULL), SB_INVALID);
	assert_int_equal(sb_call(t, NULL, 1, NULL, &s, NULL), SB_INVALID);
	cc.in = (struct sb_stream){.kind = SB_STREAM_FD, .fd = 9999};
	refused_clone(t, &cc, SB_INVALID, "9999");
	sb_template_free(t);
}

static void terminal(void **state)
{
	struct sb_template *t = start_template("serves");
	struct sb_clone_config c = {.size = sizeof c};
	int fd = posix_openpt(O_RDWR | O_NOCTTY);

	if (fd >= 0) {
		c.out = (struct sb_stream){.kind = SB_STREAM_FD, .fd = fd};
		refused_clone(t, &c, SB_INVALID, "terminal");
		close(fd);
	}
	sb_template_free(t);
}

static void *call_often(void *arg)
{
	intptr_t failed = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct sb *s;

		if (sb_call(arg, "x", 1, NULL, &s, NULL))
			return (void *)1;
		failed += strcmp(out_of(s), "<x>") != 0;
		sb_free(s);
	}
	return (void *)failed;
}

static void *reset_often(void *arg)
{
	struct sb_clone_config c = with_input("x");
	intptr_t failed = 0;
	struct sb *s;

	if (sb_call(arg, "x", 1, NULL, &s, NULL))
		return (void *)1;
	for (int i = 0; i < ROUNDS; i++)
		failed += sb_reset(s, arg, &c, NULL) || sb_wait(s, 30000, NULL) ||
			  strcmp(out_of(s), "<x>") != 0;
	sb_free(s);
	return (void *)failed;
}

static void many_threads(void *(*work)(void *), unsigned warm)
{
	unsigned fds = count_fds();
	struct sb_template *t = start_template("serves");
	pthread_t thread[THREADS];
	void *failed;

	assert_int_equal(sb_template_warm(t, warm, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, work, t), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &failed);
		assert_ptr_equal(failed, NULL);
	}
	sb_template_free(t);
	expect_nothing_left(fds);
}

static void many_threads_call_one_template(void **state)
{
	many_threads(call_often, 0);
	many_threads(call_often, 3);
	many_threads(reset_often, 0);
	many_threads(reset_often, 3);
}

int run_tests_template(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls),
		cmocka_unit_test(large_request),
		cmocka_unit_test(streams_of_a_clone),
		cmocka_unit_test(killed_clone),
		cmocka_unit_test(limits_of_a_clone),
		cmocka_unit_test(crashed_clone),
		cmocka_unit_test(clone_that_is_not_alone_with_its_pipes),
		cmocka_unit_test(paused_clone),
		cmocka_unit_test(cpu_time_of_clones),
		cmocka_unit_test(reset_clone),
		cmocka_unit_test(reset_to_one_made_in_advance),
		cmocka_unit_test(no_reset),
		cmocka_unit_test(clones_outlive_their_template),
		cmocka_unit_test(no_template),
		cmocka_unit_test(servers),
		cmocka_unit_test(templates_that_make_no_clone),
		cmocka_unit_test(warm_clones),
		cmocka_unit_test(limits_of_a_warm_clone),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(terminal),
		cmocka_unit_test(many_threads_call_one_template),
	};

	if (getenv("UNDER_VALGRIND")) /* which has no pidfd_open (3.19) */
		return 0;
	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
