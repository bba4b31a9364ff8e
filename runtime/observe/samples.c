/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/observe/samples.h"

#define LEASE_NS 2000000000ull

/* -- records -- */

static bool is_good_file(const struct samples_file *f, size_t size)
{
	return size >= sizeof *f && f->id >= SAMPLES_FIRST_FILE &&
	       f->id < SAMPLES_FIRST_FILE + SAMPLES_FILES && f->type <= SAMPLES_INNER_FILE &&
	       f->path_len < SAMPLES_PATH && f->host_len < SAMPLES_PATH &&
	       sizeof *f + f->path_len + f->host_len <= size;
}

static bool is_good_sample(const struct samples_sample *s, size_t size)
{
	return size >= sizeof *s && s->nframes && s->nframes <= SAMPLES_FRAMES &&
	       size == sizeof *s + s->nframes * sizeof s->frame[0] && s->ticks &&
	       s->ticks <= SAMPLES_HZ_MAX && s->in <= SAMPLES_IN_OTHER &&
	       !s->comm[sizeof s->comm - 1];
}

static bool is_good(const struct samples_head *h)
{
	switch (h->kind) {
	case SAMPLES_BEGIN:
		return h->size == sizeof(struct samples_begin);
	case SAMPLES_FILE:
		return is_good_file((const void *)h, h->size);
	case SAMPLES_SAMPLE:
		return is_good_sample((const void *)h, h->size);
	default:
		return false;
	}
}

int64_t observe_samples_parse(const uint8_t *bytes, size_t n, observe_sample_fn *fn, void *arg)
{
	size_t at = 0;

	while (at < n) {
		/* Aligned for all that a record has, and this process's alone. */
		union {
			struct samples_head head;
			uint8_t bytes[SAMPLES_RECORD_MAX];
		} r;

		if (n - at < sizeof r.head)
			return -EBADMSG;
		memcpy(&r.head, bytes + at, sizeof r.head);
		if (r.head.size < sizeof r.head || r.head.size > sizeof r || r.head.size % 8 ||
			r.head.size > n - at)
			return -EBADMSG;
		memcpy(r.bytes, bytes + at, r.head.size);
		if (!is_good(&r.head))
			return -EBADMSG;
		fn(arg, &r.head);
		at += r.head.size;
	}
	return (int64_t)at;
}

/* -- the ring -- */

static int put_word(const struct observe_samples *s, size_t offset, uint64_t value)
{
	ssize_t n = pwrite(s->fd, &value, sizeof value, (off_t)(s->base + offset));

	return n == (ssize_t)sizeof value ? 0 : n < 0 ? -errno : -EIO;
}

static int get_word(const struct observe_samples *s, size_t offset, uint64_t *value)
{
	ssize_t n = pread(s->fd, value, sizeof *value, (off_t)(s->base + offset));

	return n == (ssize_t)sizeof *value ? 0 : n < 0 ? -errno : -ESRCH;
}

/* The file is still that sandbox's: emptied at its end, its place may be another's by now. */
static bool is_same(const struct observe_samples *s)
{
	struct observe_head h;

	return !s->base || (pread(s->fd, &h, sizeof h, 0) == (ssize_t)sizeof h &&
				   !memcmp(h.id, s->id, sizeof h.id));
}

#define WORD(name) offsetof(struct samples_control, name)

uint64_t observe_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The request comes last: the writer looks at it first. */
static int ask(struct observe_samples *s, uint64_t until)
{
	int r;

	if (getrandom(&s->session, sizeof s->session, 0) != (ssize_t)sizeof s->session)
		return -EIO;
	s->bytes = malloc(SAMPLES_RING);
	if (!s->bytes)
		return -ENOMEM;
	r = get_word(s, WORD(head), &s->tail);
	if (!r)
		r = put_word(s, WORD(tail), s->tail);
	if (!r)
		r = put_word(s, WORD(until_ns), until);
	if (!r)
		r = put_word(s, WORD(request), (uint64_t)s->session << 32 | s->hz);
	return r;
}

int observe_samples_make(struct observe_samples *s, uint32_t hz)
{
	int r;

	*s = (struct observe_samples){.hz = hz};
	s->fd = memfd_create("samples", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->fd < 0)
		return -errno;
	r = ftruncate(s->fd, SAMPLES_SIZE) || fcntl(s->fd, F_ADD_SEALS, F_SEAL_SHRINK) ? -errno : 0;
	if (!r)
		r = ask(s, UINT64_MAX);
	if (r)
		observe_samples_end(s);
	return r;
}

/* One reader at a time. The launcher's own lock on the file is another kind. */
static int lock(int fd)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = OBSERVE_SAMPLES, .l_len = 1};

	return fcntl(fd, F_OFD_SETLK, &l) ? -EBUSY : 0;
}

static int has_samples(int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	return st.st_size >= (off_t)(OBSERVE_SAMPLES + SAMPLES_SIZE) ? 0 : -ENOTSUP;
}

int observe_samples_open(struct observe_samples *s, const struct observe_seen *of, uint32_t hz)
{
	int r;

	*s = (struct observe_samples){.hz = hz, .base = OBSERVE_SAMPLES};
	memcpy(s->id, of->head.id, sizeof s->id);
	s->fd = open(of->file, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (s->fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	r = is_same(s) ? has_samples(s->fd) : -ESRCH;
	if (!r)
		r = lock(s->fd);
	if (!r)
		r = ask(s, observe_now_ns() + LEASE_NS);
	if (r)
		observe_samples_end(s);
	return r;
}

/* [tail, head) of the ring, in order. */
static int copy_out(struct observe_samples *s, uint64_t head)
{
	const uint64_t base = s->base + SAMPLES_CONTROL;
	size_t n = (size_t)(head - s->tail), off = s->tail % SAMPLES_RING;
	size_t first = n < SAMPLES_RING - off ? n : SAMPLES_RING - off;

	if (pread(s->fd, s->bytes, first, (off_t)(base + off)) != (ssize_t)first ||
		pread(s->fd, s->bytes + first, n - first, (off_t)base) != (ssize_t)(n - first))
		return -ESRCH;
	return 0;
}

struct handing {
	struct observe_samples *s;
	observe_sample_fn *fn;
	void *arg;
};

/* What an earlier session left is nobody's. */
static void hand_on(void *arg, const struct samples_head *record)
{
	struct handing *h = arg;

	if (record->kind == SAMPLES_BEGIN)
		h->s->begun = ((const struct samples_begin *)(const void *)record)->session ==
			      h->s->session;
	else if (h->s->begun)
		h->fn(h->arg, record);
}

static int take_records(struct observe_samples *s, struct handing *h, uint64_t head)
{
	int r;

	if (head == s->tail)
		return 0;
	if (head - s->tail > SAMPLES_RING)
		return -EBADMSG;
	r = copy_out(s, head);
	if (!r && observe_samples_parse(s->bytes, (size_t)(head - s->tail), hand_on, h) < 0)
		r = -EBADMSG;
	s->tail = head;
	return r ? r : put_word(s, WORD(tail), s->tail);
}

/* `lost` comes last: until the writer has seen this session it is an earlier one's. */
int observe_samples_read(struct observe_samples *s, observe_sample_fn *fn, void *arg)
{
	struct handing h = {s, fn, arg};
	uint64_t head;
	int r = is_same(s) ? get_word(s, WORD(head), &head) : -ESRCH;

	if (!r && s->base)
		r = put_word(s, WORD(until_ns), observe_now_ns() + LEASE_NS);
	if (!r)
		r = take_records(s, &h, head);
	return r || !s->begun ? r : get_word(s, WORD(lost), &s->lost);
}

void observe_samples_stop(struct observe_samples *s)
{
	if (s->fd >= 0 && s->bytes && is_same(s))
		put_word(s, WORD(request), 0);
}

void observe_samples_end(struct observe_samples *s)
{
	observe_samples_stop(s);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	free(s->bytes);
	s->bytes = NULL;
}
