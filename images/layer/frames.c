/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring of jobs: the caller fills one, any worker packs it, the writer takes them in order. A file
 * of several frames is hashed as a whole by the writer, so that no thread has all the hashing.
 * Threads and buffers come with the jobs that need them: most layers are small.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zstd.h>

#include "images/layer/frames.h"

#define LEVEL	    3
#define LEVEL_MAX   19 /* above it, readers need more memory than they are ready to take */
#define WORKERS_MAX 64u

enum job_state { JOB_FREE, JOB_FILLED, JOB_TAKEN, JOB_PACKED };

struct job {
	enum job_state state;
	bool content, first, last;
	uint64_t at, size; /* in its file; of its file */
	size_t n, packed;  /* packed: or zstd's error */
	unsigned char *in, *out;
	struct digest digest;
};

struct frames {
	struct blob_writer *blob;
	struct job *jobs;
	size_t njobs;
	pthread_mutex_t mutex;
	pthread_cond_t filled, packed, freed;
	size_t head, next, tail; /* filled from head on, packed from next on, written from tail on;
				    they only grow */
	bool stop;
	int failed; /* of the writer, with its sentence */
	struct image_error error;
	int level;
	/* The caller's. */
	pthread_t writer, workers[WORKERS_MAX];
	unsigned nworkers, threads; /* of them there are, and may be */
	bool writes;
	struct job *open;
	bool content, first, untold;
	uint64_t at, size;
	/* The writer's. */
	uint64_t end, hashed; /* of the blob; of the file */
	struct hasher *file;
	struct frame *list;
	size_t n, room;
};

/* -- packing -- */

static ZSTD_CCtx *packer_new(int level)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();

	if (z &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(
			z, ZSTD_c_compressionLevel, level ? level : LEVEL)) &&
		!ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1)))
		return z;
	ZSTD_freeCCtx(z);
	return NULL;
}

static void pack(ZSTD_CCtx *z, struct job *j)
{
	j->packed = z ? ZSTD_compress2(z, j->out, ZSTD_compressBound(FRAME_SIZE), j->in, j->n)
		      : (size_t)-1;
	if (j->content)
		digest_of(j->in, j->n, &j->digest);
}

static void *work(void *arg)
{
	struct frames *f = arg;
	ZSTD_CCtx *z = packer_new(f->level);

	pthread_mutex_lock(&f->mutex);
	for (;;) {
		struct job *j;

		while (!f->stop && f->next == f->head)
			pthread_cond_wait(&f->filled, &f->mutex);
		if (f->stop)
			break;
		j = &f->jobs[f->next++ % f->njobs];
		j->state = JOB_TAKEN;
		pthread_mutex_unlock(&f->mutex);
		pack(z, j);
		pthread_mutex_lock(&f->mutex);
		j->state = JOB_PACKED;
		pthread_cond_signal(&f->packed);
	}
	pthread_mutex_unlock(&f->mutex);
	ZSTD_freeCCtx(z);
	return NULL;
}

/* -- writing -- */

static struct frame *new_frame(struct frames *f)
{
	size_t room = f->room ? 2 * f->room : 256;
	struct frame *list;

	if (f->n == f->room) {
		list = reallocarray(f->list, room, sizeof *list);
		if (!list)
			return NULL;
		f->list = list;
		f->room = room;
	}
	return &f->list[f->n++];
}

/* A file of one frame is hashed already. */
static int hash_file(struct frames *f, const struct job *j, struct frame *out)
{
	if (j->first && j->last && j->n == j->size) {
		out->file = j->digest;
		return 0;
	}
	if (j->first) {
		f->file = hasher_new();
		f->hashed = 0;
	}
	if (!f->file)
		return -ENOMEM;
	hasher_add_zeros(f->file, j->at - f->hashed);
	hasher_add(f->file, j->in, j->n);
	f->hashed = j->at + j->n;
	if (j->last) {
		hasher_add_zeros(f->file, j->size - f->hashed);
		hasher_end(f->file, &out->file);
		f->file = NULL;
	}
	return 0;
}

static int tell(struct frames *f, const struct job *j, struct image_error *e)
{
	struct frame *t = j->content ? new_frame(f) : NULL;

	if (!j->content)
		return 0;
	if (t) {
		*t = (struct frame){.from = f->end,
			.to = f->end + j->packed,
			.at = j->at,
			.size = j->n,
			.digest = j->digest,
			.last = j->last};
		if (!hash_file(f, j, t))
			return 0;
	}
	return image_fail(e, -ENOMEM, "not enough memory for the table of a layer");
}

static int write_job(struct frames *f, const struct job *j, struct image_error *e)
{
	int r;

	if (ZSTD_isError(j->packed))
		return image_fail(e, -ENOMEM, "zstd: %s", ZSTD_getErrorName(j->packed));
	r = tell(f, j, e);
	if (!r)
		r = blob_add(f->blob, j->out, j->packed, e);
	f->end += j->packed;
	return r;
}

/* After a failure the rest is taken, too, so that the caller never waits for nothing. */
static void *write_all(void *arg)
{
	struct frames *f = arg;

	pthread_mutex_lock(&f->mutex);
	for (;;) {
		struct job *j = &f->jobs[f->tail % f->njobs];
		struct image_error e;
		int r = f->failed;

		while (!f->stop && (f->tail == f->head || j->state != JOB_PACKED))
			pthread_cond_wait(&f->packed, &f->mutex);
		if (f->stop)
			break;
		pthread_mutex_unlock(&f->mutex);
		if (!r)
			r = write_job(f, j, &e);
		pthread_mutex_lock(&f->mutex);
		if (r && !f->failed)
			f->error = e;
		f->failed = r;
		j->state = JOB_FREE;
		f->tail++;
		pthread_cond_signal(&f->freed);
	}
	pthread_mutex_unlock(&f->mutex);
	return NULL;
}

/* -- the caller's side -- */

/* Those this process may use; more of them than fit into a set: all. */
static long processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? sysconf(_SC_NPROCESSORS_ONLN)
						      : CPU_COUNT(&set);
}

static unsigned workers(unsigned wanted)
{
	long n = wanted ? (long)wanted : processors();

	return n < 1 ? 1 : n > (long)WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

int frames_new(int level, unsigned threads, struct blob_writer *blob, struct frames **out,
	struct image_error *e)
{
	struct frames *f;

	if (level < 0 || level > LEVEL_MAX)
		return image_fail(
			e, -EINVAL, "compression level %d: zstd has 1 to %d", level, LEVEL_MAX);
	f = calloc(1, sizeof *f);
	if (!f)
		return image_fail(e, -ENOMEM, "not enough memory to compress");
	f->threads = workers(threads);
	f->njobs = 3 * f->threads + 1;
	f->jobs = calloc(f->njobs, sizeof *f->jobs);
	if (!f->jobs) {
		free(f);
		return image_fail(e, -ENOMEM, "not enough memory to compress");
	}
	f->blob = blob;
	f->level = level;
	pthread_mutex_init(&f->mutex, NULL);
	pthread_cond_init(&f->filled, NULL);
	pthread_cond_init(&f->packed, NULL);
	pthread_cond_init(&f->freed, NULL);
	*out = f;
	return 0;
}

static int failure(struct frames *f, struct image_error *e)
{
	return f->failed ? image_fail(e, f->failed, "%s", f->error.text) : 0;
}

/* With each job one more worker, until there are enough; one does. */
static int hire(struct frames *f, struct image_error *e)
{
	if (!f->writes)
		f->writes = !pthread_create(&f->writer, NULL, write_all, f);
	if (f->nworkers < f->threads && !pthread_create(&f->workers[f->nworkers], NULL, work, f))
		f->nworkers++;
	return f->writes && f->nworkers
		       ? 0
		       : image_fail(e, -ENOMEM, "zstd: cannot start a compressor with threads");
}

static int equip(struct job *j, struct image_error *e)
{
	if (!j->in)
		j->in = malloc(FRAME_SIZE);
	if (!j->out)
		j->out = malloc(ZSTD_compressBound(FRAME_SIZE));
	return j->in && j->out ? 0 : image_fail(e, -ENOMEM, "not enough memory to compress");
}

/* The next free job becomes the open one. */
static int open_job(struct frames *f, struct image_error *e)
{
	struct job *j = &f->jobs[f->head % f->njobs];
	int r;

	pthread_mutex_lock(&f->mutex);
	while (f->head - f->tail == f->njobs)
		pthread_cond_wait(&f->freed, &f->mutex);
	r = failure(f, e);
	pthread_mutex_unlock(&f->mutex);
	if (!r)
		r = equip(j, e);
	if (!r)
		r = hire(f, e);
	if (r)
		return r;
	j->n = 0;
	j->content = f->content && !f->untold;
	j->first = f->first;
	j->last = false;
	j->at = f->at;
	j->size = f->size;
	f->first = false;
	f->open = j;
	return 0;
}

static void close_job(struct frames *f)
{
	if (!f->open)
		return;
	f->open = NULL;
	pthread_mutex_lock(&f->mutex);
	f->jobs[f->head % f->njobs].state = JOB_FILLED;
	f->head++;
	pthread_cond_signal(&f->filled);
	pthread_mutex_unlock(&f->mutex);
}

void frames_begin_file(struct frames *f, uint64_t size)
{
	close_job(f);
	f->content = f->first = true;
	f->at = 0;
	f->size = size;
}

void frames_untold(struct frames *f)
{
	f->untold = true;
}

void frames_seek(struct frames *f, uint64_t at)
{
	if (at == f->at)
		return;
	close_job(f);
	f->at = at;
}

/* A full frame stays open until it is known whether anything follows: the open one is the last. */
void frames_end_file(struct frames *f)
{
	if (f->open)
		f->open->last = true;
	close_job(f);
	f->content = false;
}

int frames_add(struct frames *f, const void *data, size_t n, struct image_error *e)
{
	const unsigned char *p = data;

	while (n) {
		struct job *j;
		size_t part;
		int r;

		if (f->open && f->open->n == FRAME_SIZE)
			close_job(f);
		r = f->open ? 0 : open_job(f, e);
		if (r)
			return r;
		j = f->open;
		part = n < FRAME_SIZE - j->n ? n : FRAME_SIZE - j->n;
		memcpy(j->in + j->n, p, part);
		j->n += part;
		f->at += part;
		p += part;
		n -= part;
	}
	return 0;
}

int frames_finish(struct frames *f, const struct frame **list, size_t *n, uint64_t *end,
	struct image_error *e)
{
	int r;

	close_job(f);
	pthread_mutex_lock(&f->mutex);
	while (f->tail != f->head)
		pthread_cond_wait(&f->freed, &f->mutex);
	r = failure(f, e);
	pthread_mutex_unlock(&f->mutex);
	*list = f->list;
	*n = f->n;
	*end = f->end;
	return r;
}

static void stop(struct frames *f)
{
	pthread_mutex_lock(&f->mutex);
	f->stop = true;
	pthread_cond_broadcast(&f->filled);
	pthread_cond_broadcast(&f->packed);
	pthread_mutex_unlock(&f->mutex);
	for (unsigned i = 0; i < f->nworkers; i++)
		pthread_join(f->workers[i], NULL);
	if (f->writes)
		pthread_join(f->writer, NULL);
}

void frames_free(struct frames *f)
{
	if (!f)
		return;
	stop(f);
	for (size_t i = 0; f->jobs && i < f->njobs; i++) {
		free(f->jobs[i].in);
		free(f->jobs[i].out);
	}
	if (f->file)
		hasher_end(f->file, NULL);
	pthread_cond_destroy(&f->filled);
	pthread_cond_destroy(&f->packed);
	pthread_cond_destroy(&f->freed);
	pthread_mutex_destroy(&f->mutex);
	free(f->jobs);
	free(f->list);
	free(f);
}
