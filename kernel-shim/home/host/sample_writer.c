/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "home/host/sample_writer.h"
#include "home/host/soft_copy.h"

/* -- the ring -- */

/* The bytes at `at`, in two pieces where the ring ends. */
static int copy_in(struct sample_writer *w, uint64_t at, const void *bytes, size_t n)
{
	uint8_t *base = (uint8_t *)(uintptr_t)w->to + SAMPLES_CONTROL;
	size_t off = at % SAMPLES_RING, room = SAMPLES_RING - off, first = n < room ? n : room;
	int r = host_soft_copy(base + off, bytes, first);

	return r || first == n ? r
			       : host_soft_copy(base, (const uint8_t *)bytes + first, n - first);
}

bool sample_writer_put(struct sample_writer *w, const struct samples_head *record)
{
	uint64_t used = w->head - __atomic_load_n(&w->to->tail, __ATOMIC_ACQUIRE);

	if (used > SAMPLES_RING || record->size > SAMPLES_RING - used)
		return false;
	if (copy_in(w, w->head, record, record->size))
		return false;
	w->head += record->size;
	__atomic_store_n(&w->to->head, w->head, __ATOMIC_RELEASE);
	return true;
}

void sample_writer_lost(struct sample_writer *w)
{
	w->to->lost = ++w->lost;
}

void sample_writer_begin(struct sample_writer *w, uint64_t session)
{
	const struct samples_begin b = {{sizeof(b), SAMPLES_BEGIN}, session};

	memset(w->slot, 0, sizeof(w->slot));
	w->nfiles = 0;
	w->lost = 0;
	w->to->lost = 0;
	if (!sample_writer_put(w, &b.head))
		sample_writer_lost(w);
}

/* -- files -- */

struct sample_key *sample_writer_find(
	struct sample_writer *w, uint64_t dev, uint64_t ino, uint32_t type)
{
	uint64_t at = (ino ^ (ino >> 11) ^ dev * 31) % SAMPLE_SLOTS;
	struct sample_key *k;

	for (k = &w->slot[at]; k->id; k = &w->slot[++at % SAMPLE_SLOTS])
		if (k->dev == dev && k->ino == ino && k->type == type)
			break;
	return k;
}

uint32_t sample_writer_tell(struct sample_writer *w, struct sample_key *known,
	const struct sample_key *file, const char *text, size_t path_len, size_t host_len)
{
	size_t len = path_len + host_len;
	union {
		struct samples_file f;
		uint8_t bytes[SAMPLES_RECORD_MAX];
	} r;

	if (w->nfiles == SAMPLES_FILES)
		return SAMPLES_NOWHERE;
	/* up to the record's size nothing of the launcher's stack goes out */
	memset(&r, 0, sizeof(r.f) + len + 8);
	memcpy(r.f.text, text, len);
	r.f.head.size = (uint32_t)((sizeof(r.f) + len + 7) & ~(size_t)7);
	r.f.head.kind = SAMPLES_FILE;
	r.f.id = SAMPLES_FIRST_FILE + w->nfiles;
	r.f.type = file->type;
	r.f.dev = file->dev;
	r.f.ino = file->ino;
	r.f.path_len = (uint16_t)path_len;
	r.f.host_len = (uint16_t)host_len;
	if (!sample_writer_put(w, &r.f.head))
		return SAMPLES_NOWHERE;
	w->nfiles++;
	*known = *file;
	known->id = r.f.id;
	return known->id;
}
