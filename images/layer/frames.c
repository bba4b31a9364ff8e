/* SPDX-License-Identifier: Apache-2.0
 *
 * A ring of jobs: the caller fills one, any worker packs it, the writer takes them in order. A job
 * has many small frames: waking a thread costs more than packing one. The archive is hashed by a
 * thread of its own, a file of several frames as a whole by the writer, so that no thread has all
 * the hashing. Threads and buffers come with the jobs that need them: most layers are small.
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

#define JOB_FULL   (256u << 10) /* bytes, when no further frame is begun in a job */
#define JOB_SIZE   (JOB_FULL + FRAME_SIZE)
#define JOB_FRAMES 512u
/* Frames on their own need a little more room each than all of it in one. */
#define JOB_PACKED_SIZE (JOB_SIZE + JOB_SIZE / 128 + JOB_FRAMES * 128)

enum job_state { JOB_FREE, JOB_FILLED, JOB_TAKEN, JOB_DONE };

/* A frame to be. */
struct piece {
	bool content, first, last;
	uint64_t at, size; /* in its file; of its file */
	const unsigned char *in;
	size_t n, packed; /* packed: or zstd's error */
	struct digest digest;
};

struct job {
	enum job_state state;
	unsigned char *in, *out;
	size_t used, packed; /* bytes */
	size_t n;
	struct piece *pieces;
};

struct frames {
	struct blob_writer *blob;
	struct job *jobs;
	size_t njobs;
	pthread_mutex_t mutex;
	pthread_cond_t filled, given, packed, freed; /* given: to the one that hashes */
	size_t head, next, tail; /* filled from head on, packed from next on, written from tail on;
				    they only grow */
	size_t hashed_jobs;	 /* as they do */
	bool stop;
	int failed; /* of the writer, with its sentence */
	struct image_error error;
	int level;
	/* The caller's. */
	pthread_t writer, reader, workers[WORKERS_MAX];
	unsigned nworkers, threads; /* of them there are, and may be */
	bool writes, reads;
	struct job *job;    /* being filled */
	struct piece *open; /* its last */
	bool content, first, untold;
	uint64_t at, size;
	struct hasher *tar; /* the reader's, between the first job and the end; not ours */
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

static void pack_piece(ZSTD_CCtx *z, struct job *j, struct piece *p)
{
	p->packed =
		z ? ZSTD_compress2(z, j->out + j->packed, JOB_PACKED_SIZE - j->packed, p->in, p->n)
		  : (size_t)-1;
	if (p->content)
		digest_of(p->in, p->n, &p->digest);
	if (!ZSTD_isError(p->packed))
		j->packed += p->packed;
}

static void pack(ZSTD_CCtx *z, struct job *j)
{
	j->packed = 0;
	for (size_t i = 0; i < j->n; i++)
		pack_piece(z, j, &j->pieces[i]);
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
		j->state = JOB_DONE;
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
static int hash_file(struct frames *f, const struct piece *p, struct frame *out)
{
	if (p->first && p->last && p->n == p->size) {
		out->file = p->digest;
		return 0;
	}
	if (p->first) {
		f->file = hasher_new();
		f->hashed = 0;
	}
	if (!f->file)
		return -ENOMEM;
	hasher_add_zeros(f->file, p->at - f->hashed);
	hasher_add(f->file, p->in, p->n);
	f->hashed = p->at + p->n;
	if (p->last) {
		hasher_add_zeros(f->file, p->size - f->hashed);
		hasher_end(f->file, &out->file);
		f->file = NULL;
	}
	return 0;
}

static int tell(struct frames *f, const struct piece *p, struct image_error *e)
{
	struct frame *t = p->content ? new_frame(f) : NULL;

	if (!p->content)
		return 0;
	if (t) {
		*t = (struct frame){.from = f->end,
			.to = f->end + p->packed,
			.at = p->at,
			.size = p->n,
			.digest = p->digest,
			.last = p->last};
		if (!hash_file(f, p, t))
			return 0;
	}
	return image_fail(e, -ENOMEM, "not enough memory for the table of a layer");
}

static int write_job(struct frames *f, const struct job *j, struct image_error *e)
{
	for (size_t i = 0; i < j->n; i++) {
		const struct piece *p = &j->pieces[i];
		int r;

		if (ZSTD_isError(p->packed))
			return image_fail(e, -ENOMEM, "zstd: %s", ZSTD_getErrorName(p->packed));
		r = tell(f, p, e);
		if (r)
			return r;
		f->end += p->packed;
	}
	return blob_add(f->blob, j->out, j->packed, e);
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

		while (!f->stop && (f->tail == f->head || j->state != JOB_DONE))
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

/* -- hashing the archive -- */

static void *read_all(void *arg)
{
	struct frames *f = arg;

	pthread_mutex_lock(&f->mutex);
	for (;;) {
		const struct job *j = &f->jobs[f->hashed_jobs % f->njobs];

		while (!f->stop && f->hashed_jobs == f->head)
			pthread_cond_wait(&f->given, &f->mutex);
		if (f->stop)
			break;
		pthread_mutex_unlock(&f->mutex);
		hasher_add(f->tar, j->in, j->used);
		pthread_mutex_lock(&f->mutex);
		f->hashed_jobs++;
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

int frames_new(int level, unsigned threads, struct blob_writer *blob, struct hasher *tar,
	struct frames **out, struct image_error *e)
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
	f->tar = tar;
	f->level = level;
	pthread_mutex_init(&f->mutex, NULL);
	pthread_cond_init(&f->filled, NULL);
	pthread_cond_init(&f->given, NULL);
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
	if (!f->reads)
		f->reads = !pthread_create(&f->reader, NULL, read_all, f);
	if (f->nworkers < f->threads && !pthread_create(&f->workers[f->nworkers], NULL, work, f))
		f->nworkers++;
	return f->writes && f->reads && f->nworkers
		       ? 0
		       : image_fail(e, -ENOMEM, "zstd: cannot start a compressor with threads");
}

static int equip(struct job *j, struct image_error *e)
{
	if (!j->in)
		j->in = malloc(JOB_SIZE);
	if (!j->out)
		j->out = malloc(JOB_PACKED_SIZE);
	if (!j->pieces)
		j->pieces = calloc(JOB_FRAMES, sizeof *j->pieces);
	return j->in && j->out && j->pieces
		       ? 0
		       : image_fail(e, -ENOMEM, "not enough memory to compress");
}

/* Jobs that nobody needs any longer. */
static size_t done(const struct frames *f)
{
	return f->tail < f->hashed_jobs ? f->tail : f->hashed_jobs;
}

/* The next free job becomes the one to fill. */
static int begin_job(struct frames *f, struct image_error *e)
{
	struct job *j = &f->jobs[f->head % f->njobs];
	int r;

	pthread_mutex_lock(&f->mutex);
	while (f->head - done(f) == f->njobs)
		pthread_cond_wait(&f->freed, &f->mutex);
	r = failure(f, e);
	pthread_mutex_unlock(&f->mutex);
	if (!r)
		r = equip(j, e);
	if (!r)
		r = hire(f, e);
	if (r)
		return r;
	j->used = j->n = 0;
	f->job = j;
	return 0;
}

static void end_job(struct frames *f)
{
	if (!f->job)
		return;
	f->job = NULL;
	pthread_mutex_lock(&f->mutex);
	f->jobs[f->head % f->njobs].state = JOB_FILLED;
	f->head++;
	pthread_cond_signal(&f->filled);
	pthread_cond_signal(&f->given);
	pthread_mutex_unlock(&f->mutex);
}

static int open_piece(struct frames *f, struct image_error *e)
{
	int r = f->job ? 0 : begin_job(f, e);

	if (r)
		return r;
	f->open = &f->job->pieces[f->job->n++];
	*f->open = (struct piece){.content = f->content && !f->untold,
		.first = f->first,
		.at = f->at,
		.size = f->size,
		.in = f->job->in + f->job->used};
	f->first = false;
	return 0;
}

static void close_piece(struct frames *f)
{
	if (!f->open)
		return;
	f->open = NULL;
	if (f->job->used >= JOB_FULL || f->job->n == JOB_FRAMES)
		end_job(f);
}

void frames_begin_file(struct frames *f, uint64_t size)
{
	close_piece(f);
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
	close_piece(f);
	f->at = at;
}

/* A full frame stays open until it is known whether anything follows: the open one is the last. */
void frames_end_file(struct frames *f)
{
	if (f->open)
		f->open->last = true;
	close_piece(f);
	f->content = false;
}

int frames_add(struct frames *f, const void *data, size_t n, struct image_error *e)
{
	const unsigned char *p = data;

	while (n) {
		size_t part;
		int r;

		if (f->open && f->open->n == FRAME_SIZE)
			close_piece(f);
		r = f->open ? 0 : open_piece(f, e);
		if (r)
			return r;
		part = n < FRAME_SIZE - f->open->n ? n : FRAME_SIZE - f->open->n;
		memcpy(f->job->in + f->job->used, p, part);
		f->open->n += part;
		f->job->used += part;
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

	close_piece(f);
	end_job(f);
	pthread_mutex_lock(&f->mutex);
	while (done(f) != f->head)
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
	pthread_cond_signal(&f->given);
	pthread_cond_broadcast(&f->packed);
	pthread_mutex_unlock(&f->mutex);
	for (unsigned i = 0; i < f->nworkers; i++)
		pthread_join(f->workers[i], NULL);
	if (f->reads)
		pthread_join(f->reader, NULL);
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
		free(f->jobs[i].pieces);
	}
	if (f->file)
		hasher_end(f->file, NULL);
	pthread_cond_destroy(&f->filled);
	pthread_cond_destroy(&f->given);
	pthread_cond_destroy(&f->packed);
	pthread_cond_destroy(&f->freed);
	pthread_mutex_destroy(&f->mutex);
	free(f->jobs);
	free(f->list);
	free(f);
}
