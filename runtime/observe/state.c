/* SPDX-License-Identifier: Apache-2.0
 *
 * A launcher's own state file. Its name says nothing: it is one of a row of places, and a place
 * whose sandbox ended is taken over. So there are never many more files than sandboxes ran at one
 * time, although after the jail has closed no launcher can remove its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/observe/state_internal.h"

/* Places are tried at random, among few first: where few sandboxes run there are few files. */
static const struct {
	uint32_t places;
	unsigned tries;
} rounds[] = {{8, 2}, {64, 3}, {1024, 4}, {65536, 8}};

/* A place whose file is ours alone, and still there: a look at it may have removed it meanwhile. */
static int take(int dir, uint32_t place)
{
	char name[16];
	struct stat st;
	int fd;

	snprintf(name, sizeof name, "%u", place);
	fd = openat(dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB) && !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink)
		return fd;
	close(fd);
	return -EAGAIN;
}

static int take_any(int dir, uint32_t random)
{
	int fd = -EAGAIN;

	for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
		for (unsigned n = 0; n < rounds[i].tries && fd == -EAGAIN; n++) {
			random = random * 1664525u + 1013904223u; /* Numerical Recipes */
			fd = take(dir, (random >> 8) % rounds[i].places);
		}
	}
	return fd;
}

/* To what size a file may grow, asked before a signal says so. */
static uint64_t size_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) ? 0 : limit.rlim_cur;
}

/* All of it is written at once: where there is no room now, writing to the mapping later would be
 * SIGBUS. Not posix_fallocate(3), which on a disk waits for its journal. */
static int fill(int fd, const struct observe_head *head, uint64_t limit)
{
	uint8_t bytes[OBSERVE_SIZE_MAX];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) || (st.st_size && ftruncate(fd, 0)))
		return -errno;
	if (head->size > limit)
		return -EFBIG;
	memset(bytes, 0, head->size);
	memcpy(bytes, head, sizeof *head);
	n = pwrite(fd, bytes, head->size, 0);
	if (n < 0)
		return -errno;
	return n == (ssize_t)head->size ? 0 : -ENOSPC;
}

static int map(int fd, const struct observe_head *head, uint64_t limit, struct observe_state **out)
{
	int r = fill(fd, head, limit);
	void *p;

	if (r)
		return r;
	p = mmap(NULL, head->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	madvise(p, head->size, MADV_DONTFORK);
	*out = p;
	return 0;
}

/* The page of control has its room now, as the state has; the ring's pages come when somebody asks
 * for samples, and who writes to them is ready for that there are none. Not there: no samples. */
static void map_samples(struct observe_writer *w, uint64_t limit)
{
	static const uint8_t control[SAMPLES_CONTROL];
	void *p;

	if (OBSERVE_SAMPLES + SAMPLES_SIZE > limit ||
		pwrite(w->fd, control, sizeof control, OBSERVE_SAMPLES) !=
			(ssize_t)sizeof control ||
		ftruncate(w->fd, OBSERVE_SAMPLES + SAMPLES_SIZE))
		return;
	p = mmap(NULL, SAMPLES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, OBSERVE_SAMPLES);
	if (p == MAP_FAILED)
		return;
	madvise(p, SAMPLES_SIZE, MADV_DONTFORK);
	w->samples = p;
}

static int make_in(
	struct observe_writer *w, int dir, const struct observe_head *head, uint32_t random)
{
	const uint64_t limit = size_limit();
	int r;

	w->fd = take_any(dir, random);
	if (w->fd < 0)
		return w->fd;
	r = map(w->fd, head, limit, &w->state);
	w->size = head->size;
	if (!r)
		map_samples(w, limit);
	if (r) {
		if (ftruncate(w->fd, 0)) /* what was taken is given back as far as it can be */
			r = -errno;
		close(w->fd);
		w->fd = -1;
	}
	return r;
}

static void describe(
	struct observe_head *h, const struct observe_about *a, uint64_t pid_start, uint64_t id)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	*h = (struct observe_head){
		.version = OBSERVE_VERSION,
		.size = (uint32_t)observe_size(a->cpus),
		.ops = CHAN_OP_COUNT,
		.exits = a->exits,
		.reasons = a->exits == OBSERVE_EXITS_VM ? (uint32_t)VM_EXIT_REASONS
							: (uint32_t)PROCESS_EXIT_KINDS,
		.cpus = a->cpus,
		.pids_max = a->pids_max,
		.pid = getpid(),
		.pid_start = pid_start,
		.started_ns = now.tv_sec * 1000000000ll + now.tv_nsec,
		.mem_size = a->mem_size,
		.timeout_ns = a->timeout_ns,
	};
	snprintf(h->id, sizeof h->id, "%012llx", (unsigned long long)(id >> 16));
	snprintf(h->name, sizeof h->name, "%s", a->name ? a->name : "");
	snprintf(h->backend, sizeof h->backend, "%s", a->backend);
	snprintf(h->home, sizeof h->home, "%s", a->home);
	snprintf(h->program, sizeof h->program, "%s", a->program);
}

/* Readers take it from the magic number on, which comes last. */
static void publish(struct observe_state *s)
{
	atomic_thread_fence(memory_order_release);
	*(volatile uint64_t *)&s->head.magic = OBSERVE_MAGIC;
}

int observe_create(
	struct observe_writer *w, const struct observe_about *about, char *why, size_t why_size)
{
	char path[OBSERVE_DIRS][256];
	unsigned n = observe_dirs(path);
	struct observe_process self;
	struct observe_head head;
	uint64_t random[2];
	int r = observe_process_read(getpid(), &self), first = 0;

	*w = (struct observe_writer){.fd = -1};
	if (!r && getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		r = -EIO;
	if (!r)
		describe(&head, about, self.start, random[1]);
	/* All are held. One that is not there is made: a guest that was granted what it would lie
	 * in shall not make it. */
	for (unsigned i = 0; i < n; i++) {
		int dir = observe_dir_make(path[i]), tried = dir;

		if (dir >= 0)
			w->hidden[w->nhidden++] = dir;
		if (r || w->state)
			continue;
		if (dir >= 0)
			tried = make_in(w, dir, &head, (uint32_t)random[0]);
		if (tried && (!first || first == -ENOENT))
			first = tried; /* of the place that was meant: not merely absent */
	}
	if (w->state) {
		publish(w->state);
		return 0;
	}
	r = r ? r : first;
	snprintf(why, why_size, "no place for the state that `sandbox ps` shows: %s (%s)",
		strerror(-r), path[0]);
	return r;
}

/* Its pages go, and with them the magic number. Not ftruncate, which the jail has only where files
 * may be changed; a file system that makes no holes keeps the pages, and nobody minds. */
static void empty(void *p, size_t size)
{
	madvise(p, size, MADV_REMOVE);
	munmap(p, size);
}

void observe_destroy(struct observe_writer *w)
{
	if (w->state) {
		w->state->head.magic = 0;
		empty(w->state, w->size);
	}
	w->state = NULL;
	if (w->samples)
		empty((void *)(uintptr_t)w->samples, SAMPLES_SIZE);
	w->samples = NULL;
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}
