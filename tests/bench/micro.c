/* SPDX-License-Identifier: Apache-2.0
 *
 * Small operations, one at a time: `micro -d DIR OPERATION COUNT` does OPERATION COUNT times and
 * prints nanoseconds for each, by its own clock. A tenth, at least one, is done before, unmeasured.
 * With `-m` before OPERATION there is a mark (marks.h) before what is measured and one behind; with
 * `-r` in front of all it is at the same addresses each time, so that what is counted is the same.
 * `micro list` names them with a count that is worth measuring; `micro hold` says "ready" and stays
 * until stdin ends.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/marks.h"
#include "tests/bench/micro.h"

#define MEMORY_SIZE (8u << 20)
#define FILES_EACH  5000u
#define FAULT_ROOM  (256u << 20)
#define FAULT_STEP  (128u << 10)
#define LARGE	    (1u << 20)

static void file_make(struct bench *b)
{
	static char page[65536];

	snprintf(b->path, sizeof(b->path), "%s/micro-file", b->dir);
	b->fd = open(b->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (b->fd < 0 || write(b->fd, page, sizeof(page)) != sizeof(page))
		err(1, "%s", b->path);
}

static void file_remove(struct bench *b)
{
	close(b->fd);
	unlink(b->path);
}

static void op_getppid(struct bench *b)
{
	b->sink += (uint64_t)syscall(SYS_getppid);
}

static void op_read1(struct bench *b)
{
	char c;
	ssize_t n = read(b->fd, &c, 1);

	if (n == 0)
		lseek(b->fd, 0, SEEK_SET);
	else if (n < 0)
		err(1, "read");
}

static void file_rewind(struct bench *b)
{
	file_make(b);
	lseek(b->fd, 0, SEEK_SET);
}

/* A file that is only read and that the kernel may therefore keep mapped: this program. */
static void self_open(struct bench *b)
{
	b->fd = open(b->self, O_RDONLY);
	if (b->fd < 0)
		err(1, "%s", b->self);
}

static void op_pread(struct bench *b)
{
	char page[4096];

	if (pread(b->fd, page, sizeof(page), 4096) != sizeof(page))
		err(1, "pread");
}

static void self_close(struct bench *b)
{
	close(b->fd);
}

static void op_open(struct bench *b)
{
	int fd = open(b->self, O_RDONLY);

	if (fd < 0)
		err(1, "open");
	close(fd);
}

static void op_stat(struct bench *b)
{
	struct stat st;

	if (stat(b->self, &st))
		err(1, "stat");
}

static void echo_start(struct bench *b)
{
	char c;

	if (pipe(b->out) || pipe(b->back))
		err(1, "pipe");
	b->child = fork();
	if (b->child < 0)
		err(1, "fork");
	if (b->child)
		return;
	close(b->out[1]);
	while (read(b->out[0], &c, 1) == 1)
		if (write(b->back[1], &c, 1) != 1)
			break;
	_exit(0);
}

static void op_echo(struct bench *b)
{
	char c = 'x';

	if (write(b->out[1], &c, 1) != 1 || read(b->back[0], &c, 1) != 1)
		err(1, "ping-pong");
}

static void echo_stop(struct bench *b)
{
	close(b->out[1]);
	waitpid(b->child, NULL, 0);
}

static void op_fork(struct bench *b)
{
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void op_exec(struct bench *b)
{
	char *argv[] = {(char *)b->self, (char *)"nothing", NULL};
	int status = 1;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (!pid) {
		execv(b->self, argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		errx(1, "exec: status %x", (unsigned)status);
}

static void op_mmap(struct bench *b)
{
	char *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	for (unsigned i = 0; i < 4; i++)
		((volatile char *)p)[i * 4096] = 1;
	munmap(p, 16384);
}

static void op_clock(struct bench *b)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	b->sink += (uint64_t)ts.tv_nsec;
}

static void null_open(struct bench *b)
{
	b->fd = open("/dev/null", O_WRONLY);
	if (b->fd < 0)
		err(1, "/dev/null");
}

static void op_null(struct bench *b)
{
	if (write(b->fd, "x", 1) != 1)
		err(1, "write");
}

/* A file of the shim's own memory. */
static void tmp_open(struct bench *b)
{
	snprintf(b->path, sizeof(b->path), "/tmp/micro-read");
	b->fd = open(b->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (b->fd < 0 || ftruncate(b->fd, 65536))
		err(1, "%s", b->path);
}

/* Memory that is touched here and there, downwards: the page itself is wanted, not what lies ahead.
 */
static void pages_make(struct bench *b)
{
	b->memory =
		mmap(NULL, FAULT_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (b->memory == MAP_FAILED)
		err(1, "mmap");
	b->next = FAULT_ROOM;
}

static void op_fault(struct bench *b)
{
	b->next = b->next ? b->next - FAULT_STEP : FAULT_ROOM - FAULT_STEP;
	b->memory[b->next] = 1;
}

/* As an allocator does with what it hands back at once. */
static void op_mmap_large(struct bench *b)
{
	char *p = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		err(1, "mmap");
	for (unsigned i = 0; i < LARGE; i += 4096)
		((volatile char *)p)[i] = 1;
	munmap(p, LARGE);
}

static void pages_free(struct bench *b)
{
	munmap(b->memory, FAULT_ROOM);
}

static void write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, "some text\n", 10) != 10)
		err(1, "%s", path);
	close(fd);
}

static void op_tmpfile(struct bench *b)
{
	write_file("/tmp/micro-file");
	if (unlink("/tmp/micro-file"))
		err(1, "unlink");
}

/* A name that comes and goes, in memory natively as well. */
static void shm_name(struct bench *b)
{
	snprintf(b->path, sizeof(b->path), "%s/micro-name",
		access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
}

static void op_create(struct bench *b)
{
	int fd = open(b->path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	if (fd < 0 || close(fd) || unlink(b->path))
		err(1, "%s", b->path);
}

/* Written, looked at, read and removed. */
static void op_files(struct bench *b)
{
	char path[PATH_MAX], text[16];
	struct stat st;

	for (unsigned i = 0; i < FILES_EACH; i++) {
		snprintf(path, sizeof(path), "%s/small-%u", b->dir, i);
		write_file(path);
	}
	for (unsigned i = 0; i < FILES_EACH; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/small-%u", b->dir, i);
		fd = open(path, O_RDONLY);
		if (stat(path, &st) || fd < 0 || read(fd, text, sizeof(text)) != 10)
			err(1, "%s", path);
		close(fd);
		unlink(path);
	}
}

static void op_integer(struct bench *b)
{
	uint64_t x = b->sink | 1;

	for (unsigned i = 0; i < 1000000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	b->sink = x;
}

static void memory_make(struct bench *b)
{
	b->memory = malloc(MEMORY_SIZE);
	if (!b->memory)
		err(1, "malloc");
	memset(b->memory, 1, MEMORY_SIZE);
}

/* A step of a page and a line: through the TLB as well as the cache. */
static void op_memory(struct bench *b)
{
	uint64_t sum = 0;

	for (uint32_t i = 0, at = 0; i < 1000000; i++, at = (at + 4096 + 64) % MEMORY_SIZE)
		sum += b->memory[at]++;
	b->sink += sum;
}

static void memory_free(struct bench *b)
{
	free(b->memory);
}

static const struct op ops[] = {
	{"getppid", 5000, NULL, op_getppid, NULL},
	{"clock_gettime", 5000, NULL, op_clock, NULL},
	{"write-null", 5000, null_open, op_null, self_close},
	{"read-1", 2000, file_rewind, op_read1, file_remove},
	{"tmp-read-1", 2000, tmp_open, op_read1, file_remove},
	{"pread-4k", 2000, self_open, op_pread, self_close},
	{"stat", 2000, NULL, op_stat, NULL},
	{"open-close", 2000, NULL, op_open, NULL},
	{"tmp-file", 500, NULL, op_tmpfile, NULL},
	{"tmpfs-create", 1000, shm_name, op_create, NULL},
	{"pipe-ping-pong", 1000, echo_start, op_echo, echo_stop},
	{"mmap-16k", 1000, NULL, op_mmap, NULL},
	{"mmap-1m", 50, NULL, op_mmap_large, NULL},
	{"page-fault", 2000, pages_make, op_fault, pages_free},
	{"fork-wait", 100, NULL, op_fork, NULL},
	{"fork-exec", 50, NULL, op_exec, NULL},
	{"files-5000", 1, NULL, op_files, NULL},
	{"compute-integer", 50, NULL, op_integer, NULL},
	{"compute-memory", 50, memory_make, op_memory, memory_free},
};
#define NOPS (sizeof(ops) / sizeof(ops[0]))

double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static const struct op *op_at(size_t i)
{
	return i < NOPS ? &ops[i] : &wait_ops[i - NOPS];
}

static void mark(const struct bench *b, long which)
{
	if (b->marks)
		syscall(which);
}

static void run(struct bench *b, const struct op *op, unsigned count)
{
	double start;

	if (op->before)
		op->before(b);
	for (unsigned i = 0; i < (count + 9) / 10; i++)
		op->once(b);
	start = now_ns();
	mark(b, MARK_BEGIN);
	for (unsigned i = 0; i < count; i++)
		op->once(b);
	mark(b, MARK_END);
	printf("%.1f\n", (now_ns() - start) / count);
	if (op->after)
		op->after(b);
}

static int hold(void)
{
	char c;

	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}

/* Executes itself again without address randomization, unless it is off. */
static void same_addresses(char **argv)
{
	int now = personality(0xffffffff);

	if (now < 0)
		err(1, "personality");
	if (now & ADDR_NO_RANDOMIZE)
		return;
	if (personality((unsigned)now | ADDR_NO_RANDOMIZE) < 0)
		err(1, "personality");
	execv(argv[0], argv);
	err(1, "%s", argv[0]);
}

int main(int argc, char **argv)
{
	struct bench b = {.self = argv[0], .dir = "."};

	if (argc > 1 && !strcmp(argv[1], "-r")) {
		same_addresses(argv);
		argv++;
		argc--;
	}
	if (argc > 2 && !strcmp(argv[1], "-d")) {
		b.dir = argv[2];
		argv += 2;
		argc -= 2;
	}
	if (argc > 1 && !strcmp(argv[1], "-m")) {
		b.marks = true;
		argv++;
		argc--;
	}
	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "hold"))
		return hold();
	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (size_t i = 0; i < NOPS + WAIT_OPS; i++)
			printf("%s %u\n", op_at(i)->name, op_at(i)->count);
		return 0;
	}
	for (size_t i = 0; argc == 3 && i < NOPS + WAIT_OPS; i++) {
		if (!strcmp(argv[1], op_at(i)->name)) {
			run(&b, op_at(i), (unsigned)atoi(argv[2]));
			return 0;
		}
	}
	errx(2, "usage: micro [-r] [-d DIR] [-m] list | hold | OPERATION COUNT");
}
