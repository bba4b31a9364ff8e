/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

static int ends[2];

static void pipe_carries_bytes_in_order(void)
{
	char buffer[16] = "";

	R(pipe(ends));
	V(ends[0]);
	V(ends[1]);
	R(write(ends[1], "abc", 3));
	R(write(ends[1], "defg", 4));
	R(read(ends[0], buffer, 2));
	S(buffer);
	memset(buffer, 0, sizeof(buffer));
	R(read(ends[0], buffer, 15));
	S(buffer);
}

static void pipe_directions_are_one_way(void)
{
	char c = 0;

	MUST(pipe(ends) == 0);
	R(write(ends[0], "x", 1));
	R(read(ends[1], &c, 1));
	V(fcntl(ends[0], F_GETFL) & O_ACCMODE);
	V(fcntl(ends[1], F_GETFL) & O_ACCMODE);
}

static void pipe_read_after_writers_close_is_eof(void)
{
	char buffer[8] = "";

	MUST(pipe(ends) == 0);
	int copy = dup(ends[1]);
	R(write(ends[1], "last", 4));
	R(close(ends[1]));
	R(read(ends[0], buffer, 7));
	S(buffer);
	R(fcntl(ends[0], F_SETFL, O_NONBLOCK));
	R(read(ends[0], buffer, 7));
	R(close(copy));
	R(read(ends[0], buffer, 7));
	R(read(ends[0], buffer, 7));
}

static void pipe_write_without_reader_is_epipe(void)
{
	MUST(pipe(ends) == 0);
	signal(SIGPIPE, SIG_IGN);
	R(close(ends[0]));
	R(write(ends[1], "x", 1));
	R(write(ends[1], "", 0));
}

static void write_to_broken_pipe(void)
{
	R(write(ends[1], "x", 1));
	say("not reached");
}

static void pipe_write_without_reader_kills_with_sigpipe(void)
{
	MUST(pipe(ends) == 0);
	R(close(ends[0]));
	in_child("writer", write_to_broken_pipe);
}

static void pipe_nonblocking_empty_and_full(void)
{
	char block[4096] = {0};
	long total = 0;
	ssize_t n;

	R(pipe2(ends, O_NONBLOCK));
	R(read(ends[0], block, 1));
	while ((n = write(ends[1], block, sizeof(block))) > 0)
		total += n;
	say("errno %s", errno_name(errno));
	T(total == fcntl(ends[1], F_GETPIPE_SZ));
	R(read(ends[0], block, sizeof(block)));
	R(write(ends[1], block, sizeof(block)));
	R(write(ends[1], block, 1));
}

static void pipe2_flags(void)
{
	R(pipe2(ends, O_CLOEXEC));
	V(fcntl(ends[0], F_GETFD));
	V(fcntl(ends[1], F_GETFD));
	T(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
	R(pipe2(ends, O_APPEND));
	R(pipe2(ends, 0xffff));
}

static void pipe_small_writes_are_atomic_between_processes(void)
{
	enum { WRITERS = 3, RECORDS = 60, SIZE = 512 };
	char record[SIZE];
	int torn = 0, count[WRITERS] = {0};

	MUST(pipe(ends) == 0);
	pid_t pid[WRITERS];
	for (int w = 0; w < WRITERS; w++) {
		pid[w] = fork();
		if (pid[w] == 0) {
			close(ends[0]);
			memset(record, 'a' + w, SIZE);
			for (int i = 0; i < RECORDS; i++)
				if (write(ends[1], record, SIZE) != SIZE)
					_exit(1);
			_exit(0);
		}
	}
	close(ends[1]);
	size_t have = 0;
	for (ssize_t n; (n = read(ends[0], record + have, SIZE - have)) > 0;) {
		have += (size_t)n;
		if (have < SIZE)
			continue;
		have = 0;
		for (int i = 1; i < SIZE; i++)
			torn += record[i] != record[0];
		if (record[0] >= 'a' && record[0] < 'a' + WRITERS)
			count[record[0] - 'a']++;
	}
	for (int w = 0; w < WRITERS; w++) {
		reap("writer", pid[w]);
		V(count[w]);
	}
	V(torn);
	V(have);
}

static void pipe_blocking_write_larger_than_capacity(void)
{
	enum { SIZE = 300000 };
	static char data[SIZE];

	MUST(pipe(ends) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[0]);
		for (int i = 0; i < SIZE; i++)
			data[i] = (char)(i * 7);
		_exit(write(ends[1], data, SIZE) == SIZE ? 0 : 1);
	}
	close(ends[1]);
	long total = 0, wrong = 0;
	for (ssize_t n; (n = read(ends[0], data, 7000)) > 0;) {
		for (ssize_t i = 0; i < n; i++)
			wrong += data[i] != (char)((total + i) * 7);
		total += n;
	}
	V(total);
	V(wrong);
	reap("writer", pid);
}

static void pipe_capacity_can_be_set(void)
{
	MUST(pipe(ends) == 0);
	V(fcntl(ends[0], F_GETPIPE_SZ) >= 4096);
	R(fcntl(ends[0], F_SETPIPE_SZ, 4096));
	R(fcntl(ends[1], F_GETPIPE_SZ));
	R(fcntl(ends[0], F_SETPIPE_SZ, 5000));
	char data[100] = {0};
	MUST(write(ends[1], data, 100) == 100);
	R(fcntl(ends[0], F_GETPIPE_SZ));
	make_file("a", "");
	R(fcntl(open_file("a", O_RDONLY), F_GETPIPE_SZ));
	V(PIPE_BUF);
}

static void *late_writer(void *unused)
{
	sleep_ms(50);
	MUST(write(ends[1], "late", 4) == 4);
	return unused;
}

static void pipe_read_blocks_until_a_thread_writes(void)
{
	char buffer[8] = "";
	pthread_t thread;

	MUST(pipe(ends) == 0);
	MUST(pthread_create(&thread, NULL, late_writer, NULL) == 0);
	R(read(ends[0], buffer, 7));
	S(buffer);
	pthread_join(thread, NULL);
}

static void pipe_vectored_io(void)
{
	char a[4] = "", b[16] = "";
	struct iovec out[2] = {{"12345", 5}, {"678", 3}}, in[2] = {{a, 3}, {b, 15}};

	MUST(pipe(ends) == 0);
	R(writev(ends[1], out, 2));
	R(readv(ends[0], in, 2));
	S(a);
	S(b);
}

static int waiting_bytes(void)
{
	int n = -1;

	MUST(ioctl(ends[0], FIONREAD, &n) == 0);
	return n;
}

/* Page by page: a page that does not arrive whole is none. */
static void pipe_buffers_that_end_in_a_hole(void)
{
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *hole = p + 2 * 4096, text[16] = "";
	struct iovec v[3] = {{"good", 4}, {hole - 2, 4}, {"more", 4}};

	MUST(pipe(ends) == 0 && munmap(hole, 4096) == 0);
	memset(p, 'w', 2 * 4096);
	R(write(ends[1], p, 3 * 4096));
	V(waiting_bytes());
	R(write(ends[1], hole - 6000, 3 * 4096));
	V(waiting_bytes());
	R(read(ends[0], hole - 4096, 3 * 4096));
	V(waiting_bytes());
	R(read(ends[0], hole - 4000, 4096));
	V(waiting_bytes());
	R(read(ends[0], p, 2 * 4096));
	V(waiting_bytes());
	R(write(ends[1], "begin", 5));
	R(write(ends[1], hole - 4, 8));
	R(write(ends[1], hole - 4100, 4104));
	R(writev(ends[1], v, 3));
	V(waiting_bytes());
	R(read(ends[0], hole - 4, 8));
	R(read(ends[0], text, 15));
	S(text);
	R(writev(ends[1], v, 3));
	V(waiting_bytes());
}

/* A packet is appended to what another write left open, if that fits. */
static void pipe_packets_after_a_stream(void)
{
	char text[16] = "";

	MUST(pipe(ends) == 0);
	R(write(ends[1], "ab", 2));
	R(fcntl(ends[1], F_SETFL, O_DIRECT));
	R(write(ends[1], "cd", 2));
	R(read(ends[0], text, 15));
	S(text);
	memset(text, 0, sizeof(text));
	R(write(ends[1], "ef", 2));
	R(write(ends[1], "gh", 2));
	R(fcntl(ends[1], F_SETFL, 0));
	R(write(ends[1], "ij", 2));
	for (int i = 0; i < 3; i++)
		R(read(ends[0], text + 4 * i, 2));
	say_bytes("packets", text, sizeof(text));
}

static void pipe_chain_of_processes(void)
{
	enum { STAGES = 8 };
	int in = -1;
	char c = 'a';

	for (int i = 0; i < STAGES; i++) {
		int p[2];
		MUST(pipe(p) == 0);
		if (fork() == 0) {
			if (in >= 0 && read(in, &c, 1) != 1)
				_exit(1);
			c++;
			_exit(write(p[1], &c, 1) == 1 ? 0 : 1);
		}
		close(p[1]);
		in = p[0];
	}
	R(read(in, &c, 1));
	V(c);
	for (int i = 0; i < STAGES; i++)
		reap("stage", -1);
}

static void pipe_reopened_through_proc(void)
{
	char name[64], c = 0;

	MUST(pipe(ends) == 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[1]);
	int again = R(open(name, O_WRONLY));
	R(write(again, "z", 1));
	R(read(ends[0], &c, 1));
	V(c);
}

static void sigpipe_ends_this_process(void)
{
	MUST(pipe(ends) == 0);
	close(ends[0]);
	say("writing");
	write_to_broken_pipe();
}

const struct behaviour behaviours[] = {BEHAVIOUR(pipe_carries_bytes_in_order),
	BEHAVIOUR(pipe_directions_are_one_way), BEHAVIOUR(pipe_read_after_writers_close_is_eof),
	BEHAVIOUR(pipe_write_without_reader_is_epipe),
	BEHAVIOUR(pipe_write_without_reader_kills_with_sigpipe),
	BEHAVIOUR(pipe_nonblocking_empty_and_full), BEHAVIOUR(pipe2_flags),
	BEHAVIOUR(pipe_small_writes_are_atomic_between_processes),
	BEHAVIOUR(pipe_blocking_write_larger_than_capacity), BEHAVIOUR(pipe_capacity_can_be_set),
	BEHAVIOUR(pipe_read_blocks_until_a_thread_writes), BEHAVIOUR(pipe_vectored_io),
	BEHAVIOUR(pipe_buffers_that_end_in_a_hole), BEHAVIOUR(pipe_packets_after_a_stream),
	BEHAVIOUR(pipe_chain_of_processes), BEHAVIOUR(pipe_reopened_through_proc),
	BEHAVIOUR(sigpipe_ends_this_process), {0}};
