/* SPDX-License-Identifier: Apache-2.0
 *
 * READ, WRITE, SEEK and the like; streams; the window; giving memory back; RANDOM, LOG, EXIT,
 * stats.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

#define RDWR (CHAN_O_READ | CHAN_O_WRITE)

static uint64_t open_hello(struct world *w, uint64_t flags)
{
	int64_t f = call_name(w, OPEN, "hello", w->rw, flags);

	assert_true(f > 0);
	return (uint64_t)f;
}

static void test_segments(void **state)
{
	struct world *w = *state;
	uint64_t f = open_hello(w, RDWR);

	/* three segments, one empty, one at the very end of RAM */
	memset(w->mem.ram, 'x', 64);
	w->msg = (struct chan_msg){.op = CHAN_OP_READ, .nseg = 3, .a = {f, 0, 5, 0}};
	w->msg.seg[0] = (struct chan_seg){10, 2};
	w->msg.seg[1] = (struct chan_seg){RAM_SIZE, 0};
	w->msg.seg[2] = (struct chan_seg){RAM_SIZE - 3, 3};
	service_handle(w->s, &w->msg, (const uint8_t *)"", w->out);
	assert_int_equal(w->msg.result, 5);
	assert_memory_equal(w->mem.ram + 9, "xhex", 4);
	assert_memory_equal(w->mem.ram + RAM_SIZE - 3, "llo", 3);
	/* wild ones */
	assert_int_equal(call_io(w, CHAN_OP_READ, f, 0, RAM_SIZE, 1), -EFAULT);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, f, 0, UINT64_MAX - 1, 4), -EFAULT);
	assert_int_equal(call_io(w, CHAN_OP_READ, f, 0, 0, ~0ull >> 1), -EFAULT);
	assert_string_equal(get_file(w->rw_fd, "hello"), "hello");
	/* none at all */
	assert_int_equal(call(w, READ, f, 0, 100), 0);
}

static void test_write(void **state)
{
	struct world *w = *state;
	uint64_t f = open_hello(w, RDWR);

	memcpy(w->mem.ram, "ABCDEFGH", 8);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, f, 3, 0, 4), 4);
	assert_string_equal(get_file(w->rw_fd, "hello"), "helABCD");
	w->msg = (struct chan_msg){
		.op = CHAN_OP_WRITE, .nseg = 1, .a = {f, 0, 2, CHAN_WRITE_APPEND}};
	w->msg.seg[0] = (struct chan_seg){4, 2};
	service_handle(w->s, &w->msg, (const uint8_t *)"", w->out);
	assert_int_equal(w->msg.result, 2);
	assert_string_equal(get_file(w->rw_fd, "hello"), "helABCDEF");
	/* the description's own position */
	assert_int_equal(call(w, SEEK, f, 1, SEEK_SET), 1);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, f, CHAN_OFF_STREAM, 7, 1), 1);
	assert_int_equal(call(w, SEEK, f, 0, SEEK_CUR), 2);
	assert_string_equal(get_file(w->rw_fd, "hello"), "hHlABCDEF");
	assert_int_equal(call_io(w, CHAN_OP_WRITE, f, INT64_MAX, 0, 8), -EINVAL);
}

static void test_file_ops(void **state)
{
	struct world *w = *state;
	uint64_t f = open_hello(w, RDWR), r = open_hello(w, CHAN_O_READ);
	int fd;

	assert_int_equal(call(w, FSYNC, f, 0), 0);
	assert_int_equal(call(w, FSYNC, f, 1), 0);
	assert_int_equal(call(w, SEEK, f, -1, SEEK_SET), -EINVAL);
	assert_int_equal(call(w, SEEK, f, 0, SEEK_END), 5);
	assert_int_equal(call(w, SEEK, f, 0, SEEK_HOLE), 5);
	assert_int_equal(call(w, FALLOCATE, f, 0, 0, 100), 0);
	assert_int_equal(call(w, FALLOCATE, r, 0, 0, 100), -EBADF);
	/* against another process of the host: never waits */
	fd = openat(w->rw_fd, "hello", O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(call(w, FLOCK, f, LOCK_SH), -EAGAIN);
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(call(w, FLOCK, f, LOCK_EX), 0);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(call(w, FLOCK, f, LOCK_UN), 0);
	close(fd);
	assert_int_equal(call(w, POLL, f, 5), 5);
}

static void test_file_size_limit(void **state)
{
	struct world *w = *state;
	uint64_t f = open_hello(w, RDWR);
	struct rlimit old, rl;

	getrlimit(RLIMIT_FSIZE, &old);
	rl = (struct rlimit){4096, old.rlim_max};
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &rl);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, f, 4096, 0, 10), -EFBIG);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, f, 4090, 0, 10), 6);
	setrlimit(RLIMIT_FSIZE, &old);
}

/* Whatever the stream, a call that would wait says EAGAIN, and the inherited description stays as
 * it was, for other processes share it. */
static void check_stream(struct world *w, int reader, int writer)
{
	int oflags;
	uint64_t in = (uint64_t)service_inherit(w->s, reader, &oflags);
	uint64_t out = (uint64_t)service_inherit(w->s, writer, &oflags);
	int64_t n, total = 0;

	assert_int_equal(fcntl(reader, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(call(w, POLL, in, 1), 0);
	assert_int_equal(call_io(w, CHAN_OP_READ, in, CHAN_OFF_STREAM, 0, 10), -EAGAIN);
	assert_int_equal(call_io(w, CHAN_OP_READ, in, 0, 0, 10), -ESPIPE);
	assert_int_equal(call(w, SEEK, in, 0, SEEK_CUR), -ESPIPE);
	memcpy(w->mem.ram, "stream", 6);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, out, CHAN_OFF_STREAM, 0, 6), 6);
	assert_int_equal(call(w, POLL, in, 1), 1);
	assert_int_equal(call_io(w, CHAN_OP_READ, in, CHAN_OFF_STREAM, 100, 10), 6);
	assert_memory_equal(w->mem.ram + 100, "stream", 6);
	/* fill it, with more at a time than it takes */
	while ((n = call_io(w, CHAN_OP_WRITE, out, CHAN_OFF_STREAM, 0, RAM_SIZE)) > 0)
		total += n;
	assert_int_equal(n, -EAGAIN);
	assert_true(total >= 4096);
	assert_int_equal(call(w, POLL, out, 4), 0);
	while ((n = call_io(w, CHAN_OP_READ, in, CHAN_OFF_STREAM, 0, CONSTANT)) > 0)
		total -= n;
	assert_int_equal(n, -EAGAIN);
	assert_int_equal(total, 0);
	assert_int_equal(call_io(w, CHAN_OP_READ, out, CHAN_OFF_STREAM, 0, 10),
		fcntl(writer, F_GETFL) & O_RDWR ? -EAGAIN : -EBADF);
	assert_int_equal(call(w, FORGET, in), 0);
	assert_int_equal(call(w, FORGET, out), 0);
}

static void test_streams(void **state)
{
	struct world *w = *state;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	check_stream(w, p[0], p[1]);
	close(p[0]);
	close(p[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	check_stream(w, p[0], p[1]);
	close(p[0]);
	close(p[1]);
}

static void test_stream_ends(void **state)
{
	struct world *w = *state;
	int p[2], oflags, null = open("/dev/null", O_RDWR | O_CLOEXEC);
	uint64_t h;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	h = (uint64_t)service_inherit(w->s, p[0], &oflags);
	close(p[1]);
	assert_int_equal(call_io(w, CHAN_OP_READ, h, CHAN_OFF_STREAM, 0, 10), 0);
	close(p[0]);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	h = (uint64_t)service_inherit(w->s, p[1], &oflags);
	assert_int_equal(oflags, O_WRONLY);
	close(p[0]);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, h, CHAN_OFF_STREAM, 0, 10), -EPIPE);
	close(p[1]);
	h = (uint64_t)service_inherit(w->s, null, &oflags);
	close(null);
	assert_int_equal(call(w, GETATTR, h), 0);
	assert_int_equal(last_attr(w).flags, CHAN_ATTR_STREAM);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, h, CHAN_OFF_STREAM, 0, 10), 10);
	assert_int_equal(call_io(w, CHAN_OP_READ, h, CHAN_OFF_STREAM, 0, 10), 0);
	assert_int_equal(call(w, TTY, h, CHAN_TTY_GETS), -ENOTTY);
}

static void test_append_inherited(void **state)
{
	struct world *w = *state;
	int oflags, fd = openat(w->rw_fd, "hello", O_WRONLY | O_APPEND | O_CLOEXEC);
	uint64_t h = (uint64_t)service_inherit(w->s, fd, &oflags);

	close(fd);
	assert_int_equal(oflags, O_WRONLY | O_APPEND);
	memcpy(w->mem.ram, "!", 1);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, h, 0, 0, 1), 1);
	assert_int_equal(call_io(w, CHAN_OP_WRITE, h, CHAN_OFF_STREAM, 0, 1), 1);
	assert_string_equal(get_file(w->rw_fd, "hello"), "hello!!");
}

static bool readable(const void *p)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), pp[2];
	bool ok;

	close(fd);
	assert_int_equal(pipe2(pp, O_CLOEXEC), 0);
	ok = write(pp[1], p, 1) == 1; /* EFAULT where the page is not there */
	close(pp[0]);
	close(pp[1]);
	return ok;
}

static void test_window(void **state)
{
	struct world *w = *state;
	uint64_t rw = open_hello(w, RDWR), ro, wo = open_hello(w, CHAN_O_WRITE);
	int p[2], oflags;

	ro = (uint64_t)call_name(w, OPEN, "hello", w->ro, CHAN_O_READ);
	assert_int_equal(call(w, MAP, rw, 0, PAGE, PAGE), 0);
	assert_memory_equal(w->mem.window + PAGE, "hello", 5);
	w->mem.window[PAGE] = 'J'; /* shared */
	assert_string_equal(get_file(w->rw_fd, "hello"), "Jello");
	assert_false(readable(w->mem.window));
	assert_false(readable(w->mem.window + 2 * PAGE));
	/* over it, a read-only one: mprotect shows that the file's rights, not ours, hold */
	assert_int_equal(call(w, MAP, ro, 0, 5, PAGE), 0);
	assert_memory_equal(w->mem.window + PAGE, "hello", 5);
	assert_int_equal(mprotect(w->mem.window + PAGE, PAGE, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(call(w, UNMAP, 0, PAGE, PAGE), 0);
	assert_false(readable(w->mem.window + PAGE));
	assert_int_equal(call(w, UNMAP, 0, 0, WINDOW_SIZE), 0);
	/* bounds */
	assert_int_equal(call(w, MAP, rw, 0, PAGE, WINDOW_SIZE), -EINVAL);
	assert_int_equal(call(w, MAP, rw, 0, 2 * PAGE, WINDOW_SIZE - PAGE), -EINVAL);
	assert_int_equal(call(w, MAP, rw, 0, INT64_MAX, 0), -EINVAL);
	assert_int_equal(call(w, MAP, rw, 0, PAGE, ~0xfffull), -EINVAL);
	assert_int_equal(call(w, UNMAP, 0, WINDOW_SIZE, PAGE), -EINVAL);
	assert_int_equal(call(w, UNMAP, 0, PAGE, WINDOW_SIZE), -EINVAL);
	assert_int_equal(call(w, MAP, rw, 0, PAGE, WINDOW_SIZE - PAGE), 0);
	/* not what cannot be mapped */
	assert_int_equal(call(w, MAP, wo, 0, PAGE, 0), -EACCES);
	assert_int_equal(call(w, MAP, call(w, OPENDIR, w->rw), 0, PAGE, 0), -ENODEV);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(call(w, MAP, service_inherit(w->s, p[0], &oflags), 0, PAGE, 0), -ENODEV);
	close(p[0]);
	close(p[1]);
}

static void check_discard(struct world *w)
{
	memset(w->mem.ram, 0xaa, 4 * PAGE);
	assert_int_equal(call(w, DISCARD, 0, PAGE, 2 * PAGE), 0);
	for (unsigned i = 0; i < 4 * PAGE; i++)
		assert_int_equal(w->mem.ram[i], i >= PAGE && i < 3 * PAGE ? 0 : 0xaa);
	assert_int_equal(call(w, DISCARD, 0, 0, 0), 0);
	assert_int_equal(call(w, DISCARD, 0, RAM_SIZE, 0), 0);
}

/* The same for each kind of memory that RAM may be. */
static void test_discard(void **state)
{
	struct world *w = *state;
	int fd = memfd_create("snapshot", MFD_CLOEXEC);

	check_discard(w);
	mmap(w->mem.ram, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		-1, 0);
	check_discard(w);
	assert_int_equal(ftruncate(fd, RAM_SIZE), 0);
	assert_int_equal(pwrite(fd, "snapshot", 8, PAGE), 8);
	mmap(w->mem.ram, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0);
	check_discard(w);
	close(fd);
}

/* What the shim's text is in: a request is no way around its pages' rights. */
static void test_constant(void **state)
{
	static const struct {
		uint64_t gpa, len;
		bool may;
	} ranges[] = {{CONSTANT - 8, 8, true}, {CONSTANT - 8, 9, false}, {CONSTANT, 1, false},
		{CONSTANT + PAGE - 1, 2, false}, {CONSTANT + PAGE, 2, true}, {CONSTANT, 0, true}};
	struct world *w = *state;
	uint64_t f = open_hello(w, RDWR);

	memset(w->mem.ram + CONSTANT, 7, PAGE);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint64_t gpa = ranges[i].gpa, len = ranges[i].len;
		int64_t r = call_io(w, CHAN_OP_READ, f, 0, gpa, len);

		if (ranges[i].may ? r < 0 : r != -EFAULT)
			fail_msg("read to 0x%llx + %llu: %lld", (unsigned long long)gpa,
				(unsigned long long)len, (long long)r);
		assert_true(call_io(w, CHAN_OP_WRITE, f, 0, gpa, len) >= 0);
	}
	assert_int_equal(call(w, DISCARD, 0, CONSTANT, PAGE), -EFAULT);
	assert_int_equal(call(w, DISCARD, 0, CONSTANT - PAGE, 3 * PAGE), -EFAULT);
	assert_int_equal(call(w, DISCARD, 0, CONSTANT - PAGE, PAGE), 0);
	for (unsigned i = 0; i < PAGE; i++)
		assert_int_equal(w->mem.ram[CONSTANT + i], 7);
}

static void test_random(void **state)
{
	struct world *w = *state;
	uint8_t first[32];

	assert_int_equal(call(w, RANDOM, 32), 32);
	assert_int_equal(w->msg.out_len, 32);
	memcpy(first, w->out, 32);
	assert_int_equal(call(w, RANDOM, 32), 32);
	assert_memory_not_equal(first, w->out, 32);
	assert_int_equal(call(w, RANDOM, 100000), 256);
	assert_int_equal(call(w, RANDOM, 0), 0);
}

static void test_log(void **state)
{
	struct world *w = *state;
	char big[3000];

	assert_int_equal(call_name(w, LOG, "plain \033]0;x\a text\n", CHAN_LOG_VERBOSE), 0);
	assert_int_equal(w->logs, 1);
	assert_int_equal(w->log_kind, CHAN_LOG_VERBOSE);
	assert_string_equal(w->log, "plain ?]0;x? text");
	assert_int_equal(call_name(w, LOG, "one\ntwo\nthree", CHAN_LOG_TRACE), 0);
	assert_int_equal(w->logs, 4);
	assert_string_equal(w->log, "three");
	assert_int_equal(call_data(w, CHAN_OP_LOG, "a\0b\xff\xe2\x82", 6, 0, 0, 0, 0), 0);
	assert_string_equal(w->log, "a?b???");
	assert_int_equal(call_name(w, LOG, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", 0), 0);
	assert_string_equal(w->log, "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
	memset(big, 'x', sizeof(big));
	assert_int_equal(call_data(w, CHAN_OP_LOG, big, sizeof(big), 0, 0, 0, 0), 0);
	assert_true(strlen(w->log) > 1000);
}

/* What the shim has no mount for, told as a denial; nothing else passes for one. */
static void test_log_of_denials(void **state)
{
	struct world *w = *state;

	call_name(w, LOG, "--ro /opt/x\033", CHAN_LOG_DENIED);
	assert_int_equal(w->denied, 1);
	assert_string_equal(w->denied_op, "look up");
	assert_string_equal(w->denied_path, "/opt/x?");
	assert_string_equal(w->denied_flag, "--ro /opt/x?");
	call_name(w, LOG, "--ro /opt/x\033", CHAN_LOG_DENIED); /* once is enough */
	call_name(w, LOG, "--root /", CHAN_LOG_DENIED);
	call_name(w, LOG, "--rw", CHAN_LOG_DENIED);
	call_name(w, LOG, "", CHAN_LOG_DENIED);
	assert_int_equal(w->denied, 1);
	call_name(w, LOG, "--rw /etc/x", CHAN_LOG_DENIED);
	assert_string_equal(w->denied_op, "create");
	assert_string_equal(w->denied_flag, "--rw /etc");
	call_name(w, LOG, "--rw /x", CHAN_LOG_DENIED);
	assert_string_equal(w->denied_path, "/x");
	assert_string_equal(w->denied_flag, "");
	assert_int_equal(w->logs, 0);
}

static void test_exit(void **state)
{
	struct world *w = *state;
	struct chan_report report = {.syscalls = 7, .processes = 9};

	assert_int_equal(call_data(w, CHAN_OP_EXIT, &report, sizeof(report), 0x2a00, 0, 0, 0), 0);
	assert_int_equal(w->exits, 1);
	assert_int_equal(WEXITSTATUS(w->wait_status), 42);
	assert_int_equal(w->report.processes, 9);
	/* an older shim's shorter report */
	assert_int_equal(call_data(w, CHAN_OP_EXIT, &report, 8, 9, 0, 0, 0), 0);
	assert_int_equal(w->report.syscalls, 7);
	assert_int_equal(w->report.processes, 0);
}

static void test_stats(void **state)
{
	struct world *w = *state;
	struct service_stats st;

	call(w, GETATTR, w->rw);
	service_enable_timing(w->s);
	call(w, GETATTR, w->rw);
	call_name(w, GETATTR, "..", w->rw);
	call(w, GETATTR, 12345);
	service_stats(w->s, &st);
	assert_int_equal(st.calls[CHAN_OP_GETATTR], 3);
	assert_int_equal(st.rejected, 1);
	assert_true(st.ns[CHAN_OP_GETATTR] > 0);
}

TESTS(io, WORLD_TEST(test_segments), WORLD_TEST(test_write), WORLD_TEST(test_file_ops),
	WORLD_TEST(test_file_size_limit), WORLD_TEST(test_streams), WORLD_TEST(test_stream_ends),
	WORLD_TEST(test_append_inherited), WORLD_TEST(test_window), WORLD_TEST(test_discard),
	WORLD_TEST(test_constant), WORLD_TEST(test_random), WORLD_TEST(test_log),
	WORLD_TEST(test_log_of_denials), WORLD_TEST(test_exit), WORLD_TEST(test_stats));
