/* SPDX-License-Identifier: Apache-2.0
 * Ids, keys and rights of System V objects (sysvipc(7)). An index is not used again before the
 * cycle comes round, and then with another sequence number: a stale id finds nothing.
 */
#include "ipc/ipc_internal.h"

#define MIN_CYCLE   64u
#define FIRST_CAP   16u
#define INDEX_MAX   (1u << IPC_ID_SHIFT)
#define INDEX_MASK  (INDEX_MAX - 1)
#define SHARE_SHIFT 4 /* IPC may take a sixteenth of memory */

struct ipc_state *ipc_state(void)
{
	struct ipc_state *s = kern->ipc_state;

	if (s)
		return s;
	s = kzalloc(sizeof(*s));
	if (!s)
		return NULL;
	for (u32 i = 0; i < IPC_KINDS; i++)
		s->ids[i].last = -1;
	list_init(&s->mqueues);
	kern->ipc_state = s;
	return s;
}

void *ipc_alloc(size_t n)
{
	struct ipc_state *s = ipc_state();
	void *p;

	if (!s || s->charged + n > (pages_total() << PAGE_SHIFT) >> SHARE_SHIFT)
		return NULL;
	p = kzalloc(n);
	if (p)
		s->charged += n;
	return p;
}

void ipc_free(void *p, size_t n)
{
	if (!p)
		return;
	ipc_state()->charged -= n;
	kfree(p);
}

s64 ipc_now(void)
{
	return (s64)(clock_real_ns() / NSEC_PER_SEC);
}

static struct ipc_ids *ids_of(enum ipc_kind kind)
{
	struct ipc_state *s = ipc_state();

	return s ? &s->ids[kind] : NULL;
}

struct ipc_object *ipc_at(enum ipc_kind kind, s32 index)
{
	struct ipc_ids *ids = ids_of(kind);
	u32 i = (u32)index & INDEX_MASK;

	return ids && i < ids->cap ? ids->slot[i] : NULL;
}

struct ipc_object *ipc_find(enum ipc_kind kind, s32 id)
{
	struct ipc_object *p = id < 0 ? NULL : ipc_at(kind, id);

	return p && p->id == id ? p : NULL;
}

static struct ipc_object *find_key(struct ipc_ids *ids, s32 key)
{
	for (u32 i = 0; i < ids->cap; i++) {
		if (ids->slot[i] && ids->slot[i]->key == key)
			return ids->slot[i];
	}
	return NULL;
}

s32 ipc_max_index(enum ipc_kind kind)
{
	struct ipc_ids *ids = ids_of(kind);
	s32 i = ids ? (s32)ids->cap - 1 : 0;

	while (i > 0 && !ids->slot[i])
		i--;
	return i < 0 ? 0 : i;
}

static int ids_grow(struct ipc_ids *ids, u32 index)
{
	u32 cap = ids->cap ? ids->cap : FIRST_CAP;
	struct ipc_object **more;

	while (cap <= index)
		cap *= 2;
	if (cap == ids->cap)
		return 0;
	more = kzalloc(cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (ids->cap)
		memcpy(more, ids->slot, ids->cap * sizeof(*more));
	kfree(ids->slot);
	ids->slot = more;
	ids->cap = cap;
	return 0;
}

/* The next free index after the last one, round a cycle that is half as long again as what is in
 * use. There is one: in_use is below the limit. */
static u32 next_index(const struct ipc_ids *ids)
{
	u32 cycle = (u32)min_u64(max_u64(ids->in_use * 3 / 2, MIN_CYCLE), INDEX_MAX);
	u32 i = (u32)(ids->last + 1);

	for (;; i++) {
		if (i >= cycle)
			i = 0;
		if (i >= ids->cap || !ids->slot[i])
			return i;
	}
}

long ipc_add(enum ipc_kind kind, struct ipc_object *p, s32 key, u32 flags, u32 limit)
{
	struct ipc_ids *ids = ids_of(kind);
	u32 index;

	if (ids->in_use >= limit)
		return -ENOSPC;
	index = next_index(ids);
	if (ids_grow(ids, index))
		return -ENOMEM;
	if ((s32)index <= ids->last)
		ids->seq = (ids->seq + 1) % IPC_SEQ_MAX;
	ids->last = (s32)index;
	ids->in_use++;
	ids->slot[index] = p;
	p->key = key;
	p->mode = flags & PERM_BITS;
	p->uid = p->cuid = current->cred.euid;
	p->gid = p->cgid = current->cred.egid;
	p->id = (s32)(ids->seq << IPC_ID_SHIFT | index);
	return p->id;
}

void ipc_remove(enum ipc_kind kind, struct ipc_object *p)
{
	struct ipc_ids *ids = ids_of(kind);

	ids->slot[(u32)p->id & INDEX_MASK] = NULL;
	ids->in_use--;
}

long ipc_get(const struct ipc_maker *m, s32 key, u32 flags, u64 size)
{
	struct ipc_ids *ids = ids_of(m->kind);
	struct ipc_object *p;
	int r;

	if (!ids)
		return -ENOMEM;
	p = key == IPC_PRIVATE ? NULL : find_key(ids, key);
	if (!p) {
		if (key != IPC_PRIVATE && !(flags & IPC_CREAT))
			return -ENOENT;
		return m->make(key, flags, size);
	}
	if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
		return -EEXIST;
	r = m->fits ? m->fits(p, size) : 0;
	if (!r)
		r = ipc_may(p, flags);
	return r ? r : p->id;
}

/* -- rights -- */

static bool owns(const struct ipc_object *p)
{
	u32 uid = current->cred.euid;

	return uid == p->uid || uid == p->cuid;
}

int ipc_may(const struct ipc_object *p, u32 want)
{
	const struct cred *c = &current->cred;
	u32 granted = p->mode;

	want |= want >> 6 | want >> 3;
	if (owns(p))
		granted >>= 6;
	else if (cred_in_group(c, p->cgid) || cred_in_group(c, p->gid))
		granted >>= 3;
	return (want & ~granted & 7) && !cred_has(c, CAP_IPC_OWNER) ? -EACCES : 0;
}

struct ipc_object *ipc_find_owned(enum ipc_kind kind, s32 id)
{
	struct ipc_object *p = ipc_find(kind, id);

	if (!p)
		return err_ptr(-EINVAL);
	return owns(p) || cred_has(&current->cred, CAP_SYS_ADMIN) ? p : err_ptr(-EPERM);
}

struct ipc_object *ipc_find_stat(enum ipc_kind kind, s32 id, bool by_index, bool any)
{
	struct ipc_object *p = by_index ? ipc_at(kind, id) : ipc_find(kind, id);

	if (!p)
		return err_ptr(-EINVAL);
	return !any && ipc_may(p, 0444) ? err_ptr(-EACCES) : p;
}

int ipc_set_perm(struct ipc_object *p, const struct ipc64_perm *in)
{
	if (in->uid == ~0u || in->gid == ~0u)
		return -EINVAL;
	p->uid = in->uid;
	p->gid = in->gid;
	p->mode = (p->mode & ~PERM_BITS) | (in->mode & PERM_BITS);
	return 0;
}

void ipc_fill_perm(struct ipc64_perm *out, const struct ipc_object *p)
{
	out->key = p->key;
	out->uid = p->uid;
	out->gid = p->gid;
	out->cuid = p->cuid;
	out->cgid = p->cgid;
	out->mode = p->mode;
	out->seq = (unsigned short)((u32)p->id >> IPC_ID_SHIFT);
}
