/* SPDX-License-Identifier: Apache-2.0
 * System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). A segment is a file in memory;
 * an attachment is an open file of its own whose mappings are counted, so that the last one to go
 * takes a removed segment along.
 */
#include <asm/shmbuf.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/resource.h>

#include "fs/fs_internal.h"
#include "fs/seqbuf.h"
#include "fs/tmpfs.h"
#include "ipc/ipc_internal.h"
#include "mm/mm_internal.h"
#include "sys/sys.h"

/* linux/shm.h includes the C library's unistd.h */
#define SHM_RDONLY   010000u
#define SHM_RND	     020000u
#define SHM_REMAP    040000u
#define SHM_EXEC     0100000u
#define SHM_HUGETLB  04000u
#define SHM_DEST     01000u /* in the mode: goes with the last attachment */
#define SHM_LOCKED   02000u
#define SHM_LOCK     11
#define SHM_UNLOCK   12
#define SHM_STAT     13
#define SHM_INFO     14
#define SHM_STAT_ANY 15
struct shm_info {
	s32 used_ids;
	u64 tot, rss, swp, swap_attempts, swap_successes;
};

struct shm {
	struct ipc_object perm;
	u64 size;
	struct file *file; /* never mapped itself */
	u64 nattch;
	s32 cpid, lpid;
	s64 atime, dtime, ctime;
};

static u64 pages_of(const struct shm *s)
{
	return round_up(s->size, PAGE_SIZE) >> PAGE_SHIFT;
}

/* -- segments -- */

static long shm_make(s32 key, u32 flags, u64 size)
{
	struct ipc_state *st = ipc_state();
	struct shm *s;
	char name[16];
	long id;

	if (!size || size > IPC_SHMMAX)
		return -EINVAL;
	if (st->shm_pages + (round_up(size, PAGE_SIZE) >> PAGE_SHIFT) > IPC_SHMMAX)
		return -ENOSPC;
	if (flags & SHM_HUGETLB) /* no huge pages are set aside here */
		return cred_has(&current->cred, CAP_IPC_LOCK) ? -ENOMEM : -EPERM;
	s = ipc_alloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->size = size;
	s->cpid = current->proc->pid;
	s->ctime = ipc_now();
	kfmt(name, sizeof(name), "SYSV%08x", (u32)key);
	s->file = tmpfs_anon_file(name, size);
	if (is_err(s->file)) {
		id = ptr_err(s->file);
	} else {
		s->file->inode->mode = S_IFREG | (flags & PERM_BITS);
		id = ipc_add(IPC_SHM_IDS, &s->perm, key, flags, IPC_SHMMNI);
		if (id < 0)
			file_put(s->file);
	}
	if (id < 0) {
		ipc_free(s, sizeof(*s));
		return id;
	}
	s->file->inode->ino = (u64)id; /* /proc/PID/maps tells the id so */
	st->shm_pages += pages_of(s);
	return id;
}

static int shm_fits(const struct ipc_object *p, u64 size)
{
	return container_of(p, const struct shm, perm)->size < size ? -EINVAL : 0;
}

static void shm_destroy(struct shm *s)
{
	ipc_state()->shm_pages -= pages_of(s);
	ipc_remove(IPC_SHM_IDS, &s->perm);
	file_put(s->file);
	ipc_free(s, sizeof(*s));
}

static void shm_remove(struct shm *s)
{
	if (!s->nattch) {
		shm_destroy(s);
		return;
	}
	s->perm.mode |= SHM_DEST;
	s->perm.key = IPC_PRIVATE;
}

static void detach(struct shm *s)
{
	s->nattch--;
	if (!s->nattch && (s->perm.mode & SHM_DEST))
		shm_destroy(s);
}

long sys_shmget(struct task *t, const u64 *a)
{
	static const struct ipc_maker maker = {IPC_SHM_IDS, IPC_SHMMNI, shm_make, shm_fits};

	return ipc_get(&maker, (s32)a[0], (u32)a[2], a[1]);
}

/* -- attachments -- */

/* A mapping comes or goes: by shmat and shmdt, and by fork, exec, exit, munmap and splits. */
static void shm_mapped(struct file *f, bool more)
{
	struct shm *s = f->priv;

	if (current)
		s->lpid = current->proc->pid;
	if (more) {
		s->atime = ipc_now();
		s->nattch++;
	} else {
		s->dtime = ipc_now();
		detach(s);
	}
}

static const struct file_ops shm_file_ops = {.mapped = shm_mapped};

static struct file *attachment(struct shm *s, u32 flags)
{
	struct file *f = file_from_path(&s->file->path, flags);

	if (!f)
		return err_ptr(-ENOMEM);
	f->ops = &shm_file_ops;
	f->priv = s;
	return f;
}

/* Where it goes: *addr, 0 for anywhere. */
static int attach_place(u64 *addr, u32 flags)
{
	if (!*addr)
		return flags & SHM_REMAP ? -EINVAL : 0;
	if (!(*addr & (PAGE_SIZE - 1)))
		return 0;
	if (!(flags & SHM_RND))
		return -EINVAL;
	*addr &= ~(PAGE_SIZE - 1);
	return !*addr && (flags & SHM_REMAP) ? -EINVAL : 0;
}

static bool place_taken(struct mm *mm, u64 addr, u64 size)
{
	struct vma *v;

	if (addr + size < addr)
		return true;
	v = mm_find_after(mm, addr);
	return v && v->start < addr + size;
}

static s64 attach(struct mm *mm, struct shm *s, u64 addr, u32 flags)
{
	u32 prot = PROT_READ | (flags & SHM_RDONLY ? 0 : PROT_WRITE) |
		   (flags & SHM_EXEC ? PROT_EXEC : 0);
	struct file *f;
	s64 r;

	if (addr && !(flags & SHM_REMAP) && place_taken(mm, addr, s->size))
		return -EINVAL;
	f = attachment(s, flags & SHM_RDONLY ? O_RDONLY : O_RDWR);
	if (is_err(f))
		return ptr_err(f);
	s->nattch++; /* what SHM_REMAP replaces may be the last attachment */
	r = mm_map(mm, addr, s->size, prot, MAP_SHARED | (addr ? MAP_FIXED : 0), f, 0);
	file_put(f);
	detach(s);
	return r;
}

long sys_shmat(struct task *t, const u64 *a)
{
	u64 addr = a[1];
	u32 flags = (u32)a[2], want = flags & SHM_RDONLY ? 0444 : 0666;
	int r = (s32)a[0] < 0 ? -EINVAL : attach_place(&addr, flags);
	struct ipc_object *p;

	if (r)
		return r;
	p = ipc_find(IPC_SHM_IDS, (s32)a[0]);
	if (!p)
		return -EINVAL;
	r = ipc_may(p, want | (flags & SHM_EXEC ? 0111 : 0));
	return r ? r : attach(t->mm, container_of(p, struct shm, perm), addr, flags);
}

/* A piece of the attachment that began at addr, of the file if that is known already. */
static bool is_piece(const struct vma *v, u64 addr, const struct file *f)
{
	return v->file && v->file->ops == &shm_file_ops && v->start - addr == v->offset &&
	       (!f || v->file == f);
}

/* All pieces that are left of the attachment, and no other (ksys_shmdt, ipc/shm.c). */
long sys_shmdt(struct task *t, const u64 *a)
{
	u64 addr = a[0], at = addr, size = 0;
	struct file *f = NULL;
	struct vma *v;

	if (addr & (PAGE_SIZE - 1))
		return -EINVAL;
	while ((v = mm_find_after(t->mm, at)) && (!f || v->end - addr <= size)) {
		u64 start = v->start, end = v->end;

		at = end;
		if (!is_piece(v, addr, f))
			continue;
		if (!f) {
			f = v->file;
			file_get(f);
			size = round_up(f->inode->size, PAGE_SIZE);
		}
		mm_unmap(t->mm, start, end - start);
	}
	if (!f)
		return -EINVAL;
	file_put(f);
	return 0;
}

/* -- control -- */

static long shm_stat(s32 id, s32 cmd, u64 ubuf)
{
	struct ipc_object *p = ipc_find_stat(IPC_SHM_IDS, id, cmd != IPC_STAT, cmd == SHM_STAT_ANY);
	struct shmid64_ds ds = {0};
	const struct shm *s;
	long r;

	if (is_err(p))
		return ptr_err(p);
	s = container_of(p, struct shm, perm);
	ipc_fill_perm(&ds.shm_perm, p);
	ds.shm_segsz = s->size;
	ds.shm_atime = s->atime;
	ds.shm_dtime = s->dtime;
	ds.shm_ctime = s->ctime;
	ds.shm_cpid = s->cpid;
	ds.shm_lpid = s->lpid;
	ds.shm_nattch = s->nattch;
	r = cmd == IPC_STAT ? 0 : p->id;
	return copy_to_user(ubuf, &ds, sizeof(ds)) ? -EFAULT : r;
}

static u64 resident(const struct shm *s)
{
	return s->file->inode->blocks / (PAGE_SIZE / 512);
}

static long shm_info(s32 cmd, u64 ubuf)
{
	struct shminfo64 limits = {.shmmax = IPC_SHMMAX,
		.shmmin = 1,
		.shmmni = IPC_SHMMNI,
		.shmseg = IPC_SHMMNI,
		.shmall = IPC_SHMMAX};
	struct ipc_state *st = ipc_state();
	struct shm_info use = {.used_ids = (s32)st->ids[IPC_SHM_IDS].in_use, .tot = st->shm_pages};
	s32 max = ipc_max_index(IPC_SHM_IDS);

	for (s32 i = 0; i <= max; i++) {
		struct ipc_object *p = ipc_at(IPC_SHM_IDS, i);

		if (p)
			use.rss += resident(container_of(p, struct shm, perm));
	}
	if (cmd == SHM_INFO ? copy_to_user(ubuf, &use, sizeof(use))
			    : copy_to_user(ubuf, &limits, sizeof(limits)))
		return -EFAULT;
	return max;
}

static long shm_change(s32 id, s32 cmd, u64 ubuf)
{
	struct shmid64_ds ds;
	struct ipc_object *p;
	struct shm *s;
	int r;

	if (cmd == IPC_SET && copy_from_user(&ds, ubuf, sizeof(ds)))
		return -EFAULT;
	p = ipc_find_owned(IPC_SHM_IDS, id);
	if (is_err(p))
		return ptr_err(p);
	s = container_of(p, struct shm, perm);
	if (cmd == IPC_RMID) {
		shm_remove(s);
		return 0;
	}
	r = ipc_set_perm(p, &ds.shm_perm);
	if (!r)
		s->ctime = ipc_now();
	return r;
}

/* Nothing is ever swapped out here: the mark is all. */
static long shm_lock(struct task *t, s32 id, s32 cmd)
{
	struct ipc_object *p = ipc_find(IPC_SHM_IDS, id);

	if (!p)
		return -EINVAL;
	if (!cred_has(&t->cred, CAP_IPC_LOCK)) {
		if (t->cred.euid != p->uid && t->cred.euid != p->cuid)
			return -EPERM;
		if (cmd == SHM_LOCK && !mm_rlimit(RLIMIT_MEMLOCK))
			return -EPERM;
	}
	p->mode = (p->mode & ~SHM_LOCKED) | (cmd == SHM_LOCK ? SHM_LOCKED : 0);
	return 0;
}

long sys_shmctl(struct task *t, const u64 *a)
{
	s32 id = (s32)a[0], cmd = (s32)a[1];

	if (id < 0 || cmd < 0)
		return -EINVAL;
	if (!ipc_state())
		return -ENOMEM;
	switch (cmd) {
	case IPC_INFO:
	case SHM_INFO:
		return shm_info(cmd, a[2]);
	case IPC_STAT:
	case SHM_STAT:
	case SHM_STAT_ANY:
		return shm_stat(id, cmd, a[2]);
	case IPC_SET:
	case IPC_RMID:
		return shm_change(id, cmd, a[2]);
	case SHM_LOCK:
	case SHM_UNLOCK:
		return shm_lock(t, id, cmd);
	default:
		return -EINVAL;
	}
}

int ipc_show_shm(struct seqbuf *out, const struct pseudo_node *n)
{
	typedef unsigned long long ull;

	seq_puts(out,
		"       key      shmid perms                  size  cpid  lpid nattch   uid   "
		"gid  cuid  cgid      atime      dtime      ctime                   rss      "
		"            swap\n");
	for (s32 i = 0; i <= ipc_max_index(IPC_SHM_IDS); i++) {
		struct ipc_object *p = ipc_at(IPC_SHM_IDS, i);
		const struct shm *s = container_of(p, struct shm, perm);

		if (!p)
			continue;
		seq_printf(out,
			"%10d %10d  %4o %21llu %5d %5d  %5llu %5u %5u %5u %5u %10llu %10llu "
			"%10llu %21llu %21llu\n",
			p->key, p->id, p->mode, (ull)s->size, s->cpid, s->lpid, (ull)s->nattch,
			p->uid, p->gid, p->cuid, p->cgid, (ull)s->atime, (ull)s->dtime,
			(ull)s->ctime, (ull)(resident(s) * PAGE_SIZE), 0ull);
	}
	return 0;
}
