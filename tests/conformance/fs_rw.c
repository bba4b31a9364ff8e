/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <limits.h>
#include <sys/sendfile.h>
#include <sys/resource.h>
#include <sys/uio.h>

static uint32_t checksum(int fd)
{
	unsigned char buffer[4096];
	uint32_t sum = 2166136261u;
	off_t at = 0;

	for (ssize_t n; (n = pread(fd, buffer, sizeof(buffer), at)) > 0; at += n)
		for (ssize_t i = 0; i < n; i++)
			sum = (sum ^ buffer[i]) * 16777619u;
	return sum;
}

static void pread_and_pwrite_do_not_move(void)
{
	char buffer[16] = "";
	make_file("a", "0123456789");
	int fd = open_file("a", O_RDWR);

	R(pread(fd, buffer, 3, 4));
	S(buffer);
	R(lseek(fd, 0, SEEK_CUR));
	R(pwrite(fd, "XY", 2, 8));
	R(lseek(fd, 0, SEEK_CUR));
	R(pwrite(fd, "end", 3, 12));
	R(pread(fd, buffer, 5, 100));
	R(pread(fd, buffer, 5, -1));
	R(pwrite(fd, buffer, 5, -1));
	show_file("a");
}

static void read_at_and_past_end(void)
{
	char buffer[16] = "";
	make_file("a", "12345");
	int fd = open_file("a", O_RDONLY);

	R(read(fd, buffer, 0));
	R(read(fd, buffer, 3));
	R(read(fd, buffer, 10));
	R(read(fd, buffer, 10));
	R(lseek(fd, 100, SEEK_SET));
	R(read(fd, buffer, 10));
}

static void lseek_forms(void)
{
	make_file("a", "0123456789");
	int fd = open_file("a", O_RDWR);

	R(lseek(fd, 3, SEEK_SET));
	R(lseek(fd, 2, SEEK_CUR));
	R(lseek(fd, -1, SEEK_END));
	R(lseek(fd, -1, SEEK_SET));
	R(lseek(fd, -100, SEEK_CUR));
	R(lseek(fd, -11, SEEK_END));
	R(lseek(fd, 1000, SEEK_END));
	R(lseek(fd, 0, 99));
	R(lseek(fd, 0, SEEK_CUR));
	int p[2];
	MUST(pipe(p) == 0);
	R(lseek(p[0], 0, SEEK_SET));
	R(pread(p[0], &p, 1, 0));
	R(pwrite(p[1], &p, 1, 0));
}

static void write_past_end_leaves_zeros(void)
{
	int fd = open_file("a", O_RDWR | O_CREAT);

	R(write(fd, "ab", 2));
	R(lseek(fd, 6, SEEK_SET));
	R(write(fd, "cd", 2));
	show_file("a");
}

static void sparse_data_and_hole_seeks_are_consistent(void)
{
	int fd = open_file("a", O_RDWR | O_CREAT);

	MUST(ftruncate(fd, 1 << 20) == 0);
	MUST(pwrite(fd, "data", 4, 512 << 10) == 4);
	off_t data = lseek(fd, 0, SEEK_DATA);
	T(data == 0 || data == 512 << 10);
	off_t hole = lseek(fd, 512 << 10, SEEK_HOLE);
	T(hole > 512 << 10 && hole <= 1 << 20);
	R(lseek(fd, 1 << 20, SEEK_DATA));
	R(lseek(fd, 2 << 20, SEEK_HOLE));
	R(lseek(fd, -1, SEEK_DATA));
}

static void large_offsets_beyond_four_gigabytes(void)
{
	char buffer[8] = "";
	struct stat st;
	int fd = open_file("a", O_RDWR | O_CREAT);
	off_t far = 5LL << 30;

	R(pwrite(fd, "far", 3, far));
	R(fstat(fd, &st));
	V(st.st_size);
	R(pread(fd, buffer, 7, far));
	S(buffer);
	R(lseek(fd, far + 1, SEEK_SET));
	R(read(fd, buffer, 1));
	R(ftruncate(fd, 3));
}

static void readv_and_writev(void)
{
	char a[4] = "", b[8] = "";
	struct iovec out[3] = {{"one", 3}, {"", 0}, {"twothree", 8}};
	struct iovec in[2] = {{a, 3}, {b, 7}};
	int fd = open_file("a", O_RDWR | O_CREAT);

	R(writev(fd, out, 3));
	R(lseek(fd, 0, SEEK_SET));
	R(readv(fd, in, 2));
	S(a);
	S(b);
	R(readv(fd, in, 2));
	R(readv(fd, in, 2));
	R(writev(fd, out, 0));
	volatile int count = -1;
	R(writev(fd, out, count));
	count = IOV_MAX + 1;
	R(writev(fd, out, count));
	out[0].iov_len = (size_t)-1;
	R(writev(fd, out, 3));
	show_file("a");
}

static void preadv_and_pwritev(void)
{
	char a[3] = "", b[8] = "";
	struct iovec out[2] = {{"AB", 2}, {"CD", 2}};
	struct iovec in[2] = {{a, 2}, {b, 7}};
	make_file("a", "0123456789");
	int fd = open_file("a", O_RDWR);

	R(pwritev(fd, out, 2, 3));
	R(preadv(fd, in, 2, 2));
	S(a);
	S(b);
	R(lseek(fd, 0, SEEK_CUR));
	R(preadv2(fd, in, 2, -1, 0));
	R(lseek(fd, 0, SEEK_CUR));
	R(preadv(fd, in, 2, -1));
}

static void truncate_shrinks_and_extends(void)
{
	make_file("a", "0123456789");
	int fd = open_file("a", O_RDWR);

	R(truncate("a", 4));
	show_file("a");
	R(truncate("a", 8));
	show_file("a");
	R(ftruncate(fd, 2));
	show_file("a");
	R(lseek(fd, 0, SEEK_END));
	R(truncate("a", -1));
	R(ftruncate(fd, -1));
	R(truncate("absent", 0));
	R(truncate(".", 0));
	int ro = open_file("a", O_RDONLY);
	R(ftruncate(ro, 0));
	int p[2];
	MUST(pipe(p) == 0);
	R(ftruncate(p[1], 0));
}

static void fallocate_extends_and_keeps_size(void)
{
	struct stat st;
	make_file("a", "abc");
	int fd = open_file("a", O_RDWR);

	R(fallocate(fd, 0, 0, 10000));
	R(fstat(fd, &st));
	V(st.st_size);
	R(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 50000));
	R(fstat(fd, &st));
	V(st.st_size);
	R(fallocate(fd, 0, 0, 0));
	R(fallocate(fd, 0, -1, 10));
	R(fallocate(99, 0, 0, 10));
	int ro = open_file("a", O_RDONLY);
	R(fallocate(ro, 0, 0, 10));
	E(posix_fallocate(fd, 0, 60000));
	R(lseek(fd, 0, SEEK_END));
}

static void fallocate_punch_hole_zeroes(void)
{
	char text[8193];
	int fd = open_file("a", O_RDWR | O_CREAT);
	memset(text, 'x', sizeof(text));
	MUST(write(fd, text, 8192) == 8192);
	long r = OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 4096));
	if (r == 0) {
		MUST(pread(fd, text, 8192, 0) == 8192);
		say_bytes("around", text + 4092, 8);
	}
	R(lseek(fd, 0, SEEK_END));
	R(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096));
}

static void copy_file_range_copies(void)
{
	off64_t from = 2, to = 1;
	make_file("a", "0123456789");
	make_file("b", "abcdefgh");
	int a = open_file("a", O_RDONLY), b = open_file("b", O_RDWR);

	R(copy_file_range(a, &from, b, &to, 4, 0));
	V(from);
	V(to);
	show_file("b");
	R(copy_file_range(a, NULL, b, NULL, 100, 0));
	show_file("b");
	R(copy_file_range(a, NULL, b, NULL, 100, 0));
	R(lseek(a, 0, SEEK_CUR));
	R(copy_file_range(b, NULL, a, NULL, 1, 0));
	R(copy_file_range(a, NULL, b, NULL, 1, 1));
	R(copy_file_range(99, NULL, b, NULL, 1, 0));
}

static void sendfile_to_file_and_pipe(void)
{
	char buffer[16] = "";
	off_t offset = 3;
	int p[2];
	make_file("a", "0123456789");
	int a = open_file("a", O_RDONLY), b = open_file("b", O_WRONLY | O_CREAT);

	MUST(pipe(p) == 0);
	R(sendfile(b, a, &offset, 4));
	V(offset);
	R(lseek(a, 0, SEEK_CUR));
	R(sendfile(p[1], a, NULL, 100));
	R(lseek(a, 0, SEEK_CUR));
	R(read(p[0], buffer, 15));
	S(buffer);
	R(sendfile(p[1], a, NULL, 100));
	show_file("b");
	R(sendfile(b, p[0], NULL, 1));
	R(sendfile(a, a, NULL, 1));
}

static void sync_calls_succeed(void)
{
	int p[2];
	make_file("a", "x");
	int fd = open_file("a", O_RDWR), d = open_file(".", O_RDONLY | O_DIRECTORY);

	MUST(pipe(p) == 0);
	R(fsync(fd));
	R(fdatasync(fd));
	R(fsync(d));
	R(syncfs(fd));
	R(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	R(fsync(p[0]));
	R(fsync(99));
	E(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
	E(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL));
	E(posix_fadvise(fd, 0, 0, 77));
	R(readahead(fd, 0, 100));
}

static void append_from_two_descriptors_interleaves(void)
{
	int a = open_file("a", O_WRONLY | O_CREAT | O_APPEND);
	int b = open_file("a", O_WRONLY | O_APPEND);

	R(write(a, "1", 1));
	R(write(b, "22", 2));
	R(write(a, "333", 3));
	R(write(b, "4444", 4));
	show_file("a");
	R(pwrite(a, "appended", 8, 0));
	show_file("a");
}

static void append_from_two_processes_loses_nothing(void)
{
	pid_t pid[2];
	struct stat st;
	make_file("a", "");

	for (int k = 0; k < 2; k++) {
		pid[k] = fork();
		if (pid[k] == 0) {
			int fd = open("a", O_WRONLY | O_APPEND);
			for (int i = 0; i < 200; i++)
				if (write(fd, k ? "bbbb\n" : "aaaa\n", 5) != 5)
					_exit(1);
			_exit(0);
		}
	}
	reap("first", pid[0]);
	reap("second", pid[1]);
	R(stat("a", &st));
	V(st.st_size);
	FILE *f = fopen("a", "r");
	char line[16];
	int a = 0, b = 0, other = 0;
	while (fgets(line, sizeof(line), f))
		*(!strcmp(line, "aaaa\n") ? &a : !strcmp(line, "bbbb\n") ? &b : &other) += 1;
	fclose(f);
	V(a);
	V(b);
	V(other);
	/* Who wrote when is chance, so the file is not left to be compared. */
	R(unlink("a"));
}

static void offset_is_shared_after_dup_and_fork(void)
{
	char buffer[8] = "";
	make_file("a", "0123456789");
	int fd = open_file("a", O_RDONLY), other = open_file("a", O_RDONLY);
	int copy = dup(fd);

	R(read(fd, buffer, 2));
	R(lseek(copy, 0, SEEK_CUR));
	R(lseek(other, 0, SEEK_CUR));
	pid_t pid = fork();
	if (pid == 0)
		_exit(read(fd, buffer, 3) == 3 ? 0 : 1);
	reap("child reads three", pid);
	R(lseek(fd, 0, SEEK_CUR));
	memset(buffer, 0, sizeof(buffer));
	R(read(copy, buffer, 7));
	S(buffer);
}

static void large_write_and_read_back(void)
{
	enum { SIZE = 3 << 20 };
	unsigned char *data = malloc(SIZE), *back = calloc(1, SIZE);
	uint32_t x = 12345;
	int fd = open_file("a", O_RDWR | O_CREAT);

	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
	R(write(fd, data, SIZE));
	R(lseek(fd, 0, SEEK_SET));
	R(read(fd, back, SIZE));
	T(memcmp(data, back, SIZE) == 0);
	say("checksum %08x", checksum(fd));
	R(pwrite(fd, "patched", 7, 1 << 20));
	say("checksum %08x", checksum(fd));
	R(ftruncate(fd, 100));
	free(data);
	free(back);
}

static void unaligned_small_writes_accumulate(void)
{
	char text[97];
	int fd = open_file("a", O_RDWR | O_CREAT), short_writes = 0;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i % 26);
	for (int i = 0; i < 500; i++)
		short_writes += write(fd, text, sizeof(text)) != sizeof(text);
	V(short_writes);
	R(lseek(fd, 0, SEEK_CUR));
	say("checksum %08x", checksum(fd));
}

static void file_size_limit_raises_sigxfsz(void)
{
	struct rlimit limit = {100, 100};
	char text[200];
	memset(text, 'x', sizeof(text));
	int fd = open_file("a", O_RDWR | O_CREAT);

	signal(SIGXFSZ, SIG_IGN);
	R(setrlimit(RLIMIT_FSIZE, &limit));
	R(write(fd, text, 150));
	R(write(fd, text, 1));
	R(ftruncate(fd, 200));
	R(lseek(fd, 0, SEEK_END));
}

static void stdio_round_trip(void)
{
	char line[64];
	FILE *f = fopen("a", "w+");
	MUST(f != NULL);
	V(fprintf(f, "%d %s %.3f\n", 42, "text", 3.14159));
	V(fputs("second\n", f) >= 0);
	V(fseek(f, 0, SEEK_SET));
	S(fgets(line, sizeof(line), f));
	V(ftell(f));
	S(fgets(line, sizeof(line), f));
	T(fgets(line, sizeof(line), f) == NULL);
	V(feof(f) != 0);
	V(fclose(f));
	f = fopen("a", "a");
	V(fputs("third\n", f) >= 0);
	V(fclose(f));
	show_file("a");
	T(fopen("absent/x", "w") == NULL);
}

const struct behaviour behaviours[] = {BEHAVIOUR(pread_and_pwrite_do_not_move),
	BEHAVIOUR(read_at_and_past_end), BEHAVIOUR(lseek_forms),
	BEHAVIOUR(write_past_end_leaves_zeros),
	BEHAVIOUR(sparse_data_and_hole_seeks_are_consistent),
	BEHAVIOUR(large_offsets_beyond_four_gigabytes), BEHAVIOUR(readv_and_writev),
	BEHAVIOUR(preadv_and_pwritev), BEHAVIOUR(truncate_shrinks_and_extends),
	BEHAVIOUR(fallocate_extends_and_keeps_size), BEHAVIOUR(fallocate_punch_hole_zeroes),
	BEHAVIOUR(copy_file_range_copies), BEHAVIOUR(sendfile_to_file_and_pipe),
	BEHAVIOUR(sync_calls_succeed), BEHAVIOUR(append_from_two_descriptors_interleaves),
	BEHAVIOUR(append_from_two_processes_loses_nothing),
	BEHAVIOUR(offset_is_shared_after_dup_and_fork), BEHAVIOUR(large_write_and_read_back),
	BEHAVIOUR(unaligned_small_writes_accumulate), BEHAVIOUR(file_size_limit_raises_sigxfsz),
	BEHAVIOUR(stdio_round_trip), {0}};
