/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

static void on_kick(void *arg)
{
	struct world *w = arg;

	w->kicks++;
}

static void on_exited(void *arg, int wait_status, const struct chan_report *report)
{
	struct world *w = arg;

	w->exits++;
	w->wait_status = wait_status;
	w->report = *report;
}

static void on_log(void *arg, uint32_t kind, const char *text)
{
	struct world *w = arg;

	w->logs++;
	w->log_kind = kind;
	snprintf(w->log, sizeof(w->log), "%s", text);
}

static void on_denied(void *arg, const char *operation, const char *path, const char *flag_help)
{
	struct world *w = arg;

	w->denied++;
	snprintf(w->denied_op, sizeof(w->denied_op), "%s", operation);
	snprintf(w->denied_path, sizeof(w->denied_path), "%s", path);
	snprintf(w->denied_flag, sizeof(w->denied_flag), "%s", flag_help);
}

void put_file(int dirfd, const char *name, const char *text)
{
	int fd = openat(dirfd, name, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

const char *get_file(int dirfd, const char *name)
{
	static char text[256];
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	return text;
}

static int64_t grant(struct world *w, const char *name, bool writable)
{
	char path[96];
	int fd = openat(w->top_fd, name, O_PATH | O_CLOEXEC);
	int64_t h;

	assert_true(fd >= 0);
	snprintf(path, sizeof(path), "%s/%s", w->top, name);
	h = service_grant(w->s, fd, writable, path);
	assert_true(h > 0);
	close(fd);
	return h;
}

static void make_tree(struct world *w)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(w->top, sizeof(w->top), "%.40s/svc-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(w->top));
	w->top_fd = open(w->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(w->top_fd, "rw", 0755), 0);
	assert_int_equal(mkdirat(w->top_fd, "ro", 0755), 0);
	assert_int_equal(mkdirat(w->top_fd, "rw/dir", 0755), 0);
	assert_int_equal(mkdirat(w->top_fd, "ro/dir", 0755), 0);
	assert_int_equal(mkdirat(w->top_fd, "secret", 0755), 0);
	assert_int_equal(symlinkat("../secret", w->top_fd, "rw/out"), 0);
	assert_int_equal(mkfifoat(w->top_fd, "ro/fifo", 0644), 0);
	put_file(w->top_fd, "rw/hello", "hello");
	put_file(w->top_fd, "ro/hello", "hello");
	put_file(w->top_fd, "secret/key", "key");
	w->rw_fd = openat(w->top_fd, "rw", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->ro_fd = openat(w->top_fd, "ro", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void begin(struct world *w)
{
	const struct service_callbacks cb = {
		.arg = w, .kick = on_kick, .exited = on_exited, .log = on_log, .denied = on_denied};

	assert_int_equal(service_create(&w->s, &w->mem, &cb), 0);
	w->rw = (uint64_t)grant(w, "rw", true);
	w->ro = (uint64_t)grant(w, "ro", false);
	assert_int_equal(service_prepare(w->s), 0);
}

void world_anew(struct world *w)
{
	service_destroy(w->s);
	assert_true(mmap(w->mem.window, WINDOW_SIZE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
			    0) != MAP_FAILED);
	begin(w);
}

int world_open(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	int fd = memfd_create("ram", MFD_CLOEXEC);

	assert_non_null(w);
	umask(022);
	make_tree(w);
	assert_int_equal(ftruncate(fd, RAM_SIZE), 0);
	w->mem.ram_size = RAM_SIZE;
	w->mem.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	w->mem.constant_start = CONSTANT;
	w->mem.constant_end = CONSTANT + PAGE;
	w->mem.window_size = WINDOW_SIZE;
	w->mem.window = mmap(
		NULL, WINDOW_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_true(w->mem.ram != MAP_FAILED && w->mem.window != MAP_FAILED);
	close(fd);
	begin(w);
	*state = w;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int world_close(void **state)
{
	struct world *w = *state;

	service_destroy(w->s);
	munmap(w->mem.ram, RAM_SIZE);
	munmap(w->mem.window, WINDOW_SIZE);
	close(w->top_fd);
	close(w->rw_fd);
	close(w->ro_fd);
	nftw(w->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

static int64_t run(struct world *w, const void *in, size_t in_len)
{
	uint8_t *copy =
		malloc(in_len ? in_len : 1); /* its own block: ASan sees a read past in_len */

	assert_non_null(copy);
	if (in_len)
		memcpy(copy, in, in_len);
	w->msg.in_len = (uint32_t)in_len;
	service_handle(w->s, &w->msg, copy, w->out);
	free(copy);
	assert_true(w->msg.out_len <= CHAN_DATA_SIZE);
	return w->msg.result;
}

int64_t call_data(struct world *w, unsigned op, const void *in, size_t in_len, uint64_t a0,
	uint64_t a1, uint64_t a2, uint64_t a3)
{
	w->msg = (struct chan_msg){.op = (uint16_t)op, .a = {a0, a1, a2, a3}};
	return run(w, in, in_len);
}

int64_t call_io(
	struct world *w, unsigned op, uint64_t handle, uint64_t off, uint64_t gpa, uint64_t len)
{
	w->msg = (struct chan_msg){.op = (uint16_t)op, .nseg = 1, .a = {handle, off, len, 0}};
	w->msg.seg[0] = (struct chan_seg){.gpa = gpa, .len = len};
	return run(w, NULL, 0);
}

const struct chan_walk_ent *walk_ent(struct world *w, unsigned i)
{
	static struct chan_walk_ent ent;

	assert_true(w->msg.out_len >= (i + 1) * sizeof(ent));
	memcpy(&ent, w->out + i * sizeof(ent), sizeof(ent));
	return &ent;
}

struct chan_attr last_attr(struct world *w)
{
	struct chan_attr a;

	assert_int_equal(w->msg.out_len, sizeof(a));
	memcpy(&a, w->out, sizeof(a));
	return a;
}

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int main(void)
{
	int failed = 0;

	failed += _cmocka_run_group_tests("decode", decode_tests, decode_count, NULL, NULL);
	failed += _cmocka_run_group_tests("names", name_tests, name_count, NULL, NULL);
	failed += _cmocka_run_group_tests("open", open_tests, open_count, NULL, NULL);
	failed += _cmocka_run_group_tests("create", create_tests, create_count, NULL, NULL);
	failed += _cmocka_run_group_tests("io", io_tests, io_count, NULL, NULL);
	failed += _cmocka_run_group_tests("events", event_tests, event_count, NULL, NULL);
	failed += _cmocka_run_group_tests("tty", tty_tests, tty_count, NULL, NULL);
	failed += _cmocka_run_group_tests("ring", ring_tests, ring_count, NULL, NULL);
	failed += _cmocka_run_group_tests("races", race_tests, race_count, NULL, NULL);
	failed += _cmocka_run_group_tests("reach", reach_tests, reach_count, NULL, NULL);
	failed += _cmocka_run_group_tests("snapshot", snapshot_tests, snapshot_count, NULL, NULL);
	return failed != 0;
}
