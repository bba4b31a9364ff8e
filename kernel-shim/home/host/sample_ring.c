/* SPDX-License-Identifier: Apache-2.0
 * The ring that samples go to, and the files that they name. Its pages are a file's that others of
 * the user can shrink, or that finds no room: it is written to as file mappings are, and nothing of
 * the reader's is used but to see whether there is room.
 */
#include "fs/hostfs_internal.h"
#include "home/host/host_internal.h"
#include "home/host/sample.h"

#define SLOTS (2 * SAMPLES_FILES) /* a power of two: of a table with open addresses */

struct sample_key {
	u64 dev, ino;
	u32 type;
	u32 id; /* 0: nothing is here */
};

static struct {
	u64 head;
	u64 lost;
	u32 nfiles;
	struct sample_key slot[SLOTS];
} ring;

/* -- the ring -- */

/* The bytes at `at`, in two pieces where the ring ends. */
static int copy_in(u64 at, const void *bytes, size_t n)
{
	u8 *base = (u8 *)(uintptr_t)host_home.c.samples + SAMPLES_CONTROL;
	size_t off = at % SAMPLES_RING, first = min_u64(n, SAMPLES_RING - off);
	int r = host_soft_copy(base + off, bytes, first);

	return r || first == n ? r : host_soft_copy(base, (const u8 *)bytes + first, n - first);
}

bool sample_ring_put(const struct samples_head *record)
{
	u64 used = ring.head - __atomic_load_n(&host_home.c.samples->tail, __ATOMIC_ACQUIRE);

	if (used > SAMPLES_RING || record->size > SAMPLES_RING - used)
		return false;
	if (copy_in(ring.head, record, record->size))
		return false;
	ring.head += record->size;
	__atomic_store_n(&host_home.c.samples->head, ring.head, __ATOMIC_RELEASE);
	return true;
}

void sample_ring_lost(void)
{
	host_home.c.samples->lost = ++ring.lost;
}

void sample_ring_begin(u64 session)
{
	const struct samples_begin b = {{sizeof(b), SAMPLES_BEGIN}, session};

	memset(ring.slot, 0, sizeof(ring.slot));
	ring.nfiles = 0;
	ring.lost = 0;
	host_home.c.samples->lost = 0;
	if (!sample_ring_put(&b.head))
		sample_ring_lost();
}

/* -- files -- */

/* Where it is, or where it would be. */
static struct sample_key *find(u64 dev, u64 ino, u32 type)
{
	u64 at = (ino ^ (ino >> 11) ^ dev * 31) % SLOTS;
	struct sample_key *k;

	for (k = &ring.slot[at]; k->id; k = &ring.slot[++at % SLOTS])
		if (k->dev == dev && k->ino == ino && k->type == type)
			break;
	return k;
}

static bool is_hosts(const struct inode *i)
{
	return !strcmp(i->super->type, "host");
}

/* Its path inside, and the host's if it is the host's. */
static bool tell(const struct file *f, const struct sample_key *k)
{
	union {
		struct samples_file f;
		u8 bytes[SAMPLES_RECORD_MAX];
	} r;
	char there[SAMPLES_PATH] = "";
	s64 len = f->path.dentry ? path_string(&f->path, r.f.text, SAMPLES_PATH) : 0;
	size_t host = 0;

	if (len < 0)
		len = 0;
	if (len && k->type == SAMPLES_HOST_FILE)
		host = host_home.c.host_path(
			host_home.c.channel_arg, r.f.text, there, sizeof(there));
	memcpy(r.f.text + len, there, host);
	r.f = (struct samples_file){
		.head = {(u32)round_up(sizeof(r.f) + (u64)len + host, 8), SAMPLES_FILE},
		.id = k->id,
		.type = k->type,
		.dev = k->dev,
		.ino = k->ino,
		.path_len = (u16)len,
		.host_len = (u16)host,
	};
	/* up to the record's size nothing of the launcher's stack goes out */
	memset(r.f.text + len + host, 0, r.f.head.size - sizeof(r.f) - (u64)len - host);
	return sample_ring_put(&r.f.head);
}

u32 sample_file(const struct file *f)
{
	const struct inode *i = f->inode;
	struct sample_key k = {.dev = i->super->dev, .ino = i->ino, .type = SAMPLES_INNER_FILE};
	struct sample_key *known;

	if (is_hosts(i)) {
		k.type = SAMPLES_HOST_FILE;
		k.dev = host_inode(i)->host_dev;
	}
	known = find(k.dev, k.ino, k.type);
	if (known->id)
		return known->id;
	k.id = SAMPLES_FIRST_FILE + ring.nfiles;
	if (ring.nfiles == SAMPLES_FILES || !tell(f, &k))
		return SAMPLES_NOWHERE;
	ring.nfiles++;
	*known = k;
	return k.id;
}
