/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole requests, a few at a time, against a temporary directory with a writable and a read-only
 * grant. What must hold whatever is asked: nothing crashes, nothing waits, the read-only tree and
 * the file beside the grants stay as they are.
 */
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/service/service.h"

#define RAM_SIZE     (1u << 20)
#define WINDOW_SIZE  (1u << 20)
#define RUNS_PER_DIR 512 /* then the tree is made anew */
#define HANDLES_KEPT 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One request of the input. Handles and names are chosen from what there is most of the time. */
struct step {
	uint8_t op;
	uint8_t pick[4]; /* of each argument: how it is chosen */
	uint8_t nseg;
	uint8_t name;
	uint8_t raw_len; /* bytes of data that follow, if name says so */
	uint64_t a[4];
	struct chan_seg seg;
};

static const char *const names[] = {"hello", "dir", "out", "none", "ro", "dir/a", "a\0b",
	"hello\0b", "b\0hello", "\0b", "x\0../secret", "hello\0user.a", "\0user.a", "..",
	"dir/none", "out/key"};
static const uint8_t name_len[] = {5, 3, 3, 4, 2, 5, 4, 8, 8, 3, 11, 13, 8, 2, 8, 7};

static struct {
	struct service *s;
	struct service_memory mem;
	char top[64];
	int top_fd;
	struct stat ro;
	unsigned runs;
	uint64_t handle[HANDLES_KEPT];
	unsigned nhandles;
} world;

static void require(int ok)
{
	if (!ok)
		abort();
}

static void put_file(const char *name, const char *text)
{
	int fd = openat(world.top_fd, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

	require(fd >= 0);
	require(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static void check_file(const char *name, const char *text)
{
	char buf[16] = "";
	int fd = openat(world.top_fd, name, O_RDONLY | O_CLOEXEC);

	require(fd >= 0);
	require(read(fd, buf, sizeof(buf) - 1) >= 0);
	require(!strcmp(buf, text));
	close(fd);
}

static uint64_t grant(const char *name, bool writable)
{
	int fd = openat(world.top_fd, name, O_PATH | O_CLOEXEC);
	int64_t h = service_grant(world.s, fd, writable, name);

	require(h > 0);
	close(fd);
	return (uint64_t)h;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (type == FTW_D || type == FTW_DP)
		chmod(path, 0700);
	return remove(path);
}

static void nothing_logged(void *arg, uint32_t kind, const char *text)
{
	for (; *text; text++)
		require((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void world_open(void)
{
	struct service_callbacks cb = {.log = nothing_logged};
	const char *tmp = getenv("TMPDIR");

	snprintf(world.top, sizeof(world.top), "%.40s/svcfuzz-XXXXXX", tmp ? tmp : "/tmp");
	require(mkdtemp(world.top) != NULL);
	world.top_fd = open(world.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(!mkdirat(world.top_fd, "rw", 0755) && !mkdirat(world.top_fd, "rw/dir", 0755));
	require(!mkdirat(world.top_fd, "rw/ro", 0755) && !mkdirat(world.top_fd, "secret", 0755));
	require(!symlinkat("../secret", world.top_fd, "rw/out"));
	put_file("rw/hello", "hello");
	put_file("rw/dir/a", "a");
	put_file("rw/ro/hello", "read");
	put_file("secret/key", "key");
	require(!service_create(&world.s, &world.mem, &cb));
	world.nhandles = 0;
	world.handle[world.nhandles++] = grant("rw", true);
	world.handle[world.nhandles++] = grant("rw/ro", false); /* nested */
	require(!service_prepare(world.s));
	require(!fstatat(world.top_fd, "rw/ro", &world.ro, 0));
}

static void world_close(void)
{
	if (!world.s)
		return;
	service_destroy(world.s);
	world.s = NULL;
	close(world.top_fd);
	nftw(world.top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void world_check(void)
{
	struct stat now;

	check_file("secret/key", "key");
	check_file("rw/ro/hello", "read"); /* still there, too: its root is held */
	require(!fstatat(world.top_fd, "rw/ro", &now, 0));
	require(now.st_ino == world.ro.st_ino && now.st_mode == world.ro.st_mode);
	require(now.st_mtim.tv_sec == world.ro.st_mtim.tv_sec &&
		now.st_mtim.tv_nsec == world.ro.st_mtim.tv_nsec);
}

static void world_init(void)
{
	struct rlimit files = {4096, 4096}, fsize = {1 << 20, 1 << 20};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_FSIZE,
		&fsize); /* a hostile FALLOCATE must not fill the disk of a developer */
	world.mem.ram_size = RAM_SIZE;
	world.mem.ram =
		mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	world.mem.window_size = WINDOW_SIZE;
	world.mem.window = mmap(
		NULL, WINDOW_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	require(world.mem.ram != MAP_FAILED && world.mem.window != MAP_FAILED);
	atexit(world_close);
}

static uint64_t argument(const struct step *st, unsigned i)
{
	uint8_t p = st->pick[i];

	if (p < 128)
		return world.handle[p % world.nhandles];
	if (p < 192)
		return st->a[i] & 0xffff;
	if (p < 208)
		return st->a[i] & ~0xfffull;
	return st->a[i];
}

static void keep(int64_t h)
{
	if (h <= 0)
		return;
	if (world.nhandles < HANDLES_KEPT)
		world.handle[world.nhandles++] = (uint64_t)h;
	else
		world.handle[2 + (uint64_t)h % (HANDLES_KEPT - 2)] = (uint64_t)h;
}

/* Performs one step; returns how many bytes of raw data it used. */
static size_t perform(const struct step *st, const uint8_t *raw, size_t left)
{
	static uint8_t out[CHAN_DATA_SIZE];
	struct chan_msg m = {.op = (uint16_t)(st->op % CHAN_OP_COUNT), .nseg = st->nseg % 12};
	bool named = st->name < 160;
	size_t used = named ? 0 : (st->raw_len < left ? st->raw_len : left);
	const uint8_t *from = named ? (const uint8_t *)names[st->name % 16] : raw;
	uint8_t *in;

	if (m.op == CHAN_OP_STOP)
		return used; /* it would stop the fuzzer */
	m.in_len = named ? name_len[st->name % 16] : (uint32_t)used;
	if (m.op == CHAN_OP_SETATTR && named)
		m.in_len = 0;
	in = malloc(m.in_len + 1u);
	require(in != NULL);
	memcpy(in, from, m.in_len);
	for (unsigned i = 0; i < 4; i++)
		m.a[i] = argument(st, i);
	if (m.op == CHAN_OP_WAIT)
		m.a[0] = 0;
	for (unsigned i = 0; i < m.nseg && i < CHAN_SEGS_MAX; i++)
		m.seg[i] = st->seg;
	service_handle(world.s, &m, in, out);
	require(m.out_len <= CHAN_DATA_SIZE);
	if (m.op == CHAN_OP_OPEN || m.op == CHAN_OP_OPENDIR)
		keep(m.result);
	if ((m.op == CHAN_OP_WALK && m.result > 0) || (m.op == CHAN_OP_MKDIR && !m.result)) {
		struct chan_walk_ent e;

		memcpy(&e, out, sizeof(e));
		keep(e.handle);
	}
	free(in);
	return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct step st;

	if (!world.mem.ram)
		world_init();
	if (!world.s)
		world_open();
	while (size >= sizeof(st)) {
		size_t used;

		memcpy(&st, data, sizeof(st));
		used = sizeof(st) + perform(&st, data + sizeof(st), size - sizeof(st));
		data += used;
		size -= used;
	}
	world_check();
	if (++world.runs % RUNS_PER_DIR == 0)
		world_close();
	return 0;
}
