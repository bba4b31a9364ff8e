/* SPDX-License-Identifier: Apache-2.0
 * See fake.h.
 */
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "core/exec_internal.h"
#include "core/ptrace.h"
#include "core/random.h"
#include "tests/unit/mm/fake.h"

struct kernel *kern;
u8 *plat_physmap;
struct kernel fake_kernel;
struct boot_block fake_boot;
struct task fake_task;
struct process fake_process;
struct fake_tlb fake_tlb;
static u8 fake_window[FAKE_WINDOW_SIZE];
static u64 window_used;
static u64 start_free;
static u8 fake_fpu[1024] __attribute__((aligned(64)));

struct fake_inode {
	struct inode inode;
	enum fake_kind kind;
	u64 size;
	u64 pages[1024]; /* FAKE_FRAMES: frames */
	u64 window;	 /* FAKE_WINDOW: offset */
	struct fake_inode *next;
};
static struct fake_inode *inodes;
static u32 files_alive;
static struct {
	const char *name;
	struct file *file;
} names[16];

void fake_start_zones(u64 user_start)
{
	if (plat_physmap)
		munmap(plat_physmap, FAKE_MEM);
	plat_physmap = mmap(NULL, FAKE_MEM, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	memset(&fake_kernel, 0, sizeof(fake_kernel));
	memset(&fake_boot, 0, sizeof(fake_boot));
	memset(&fake_task, 0, sizeof(fake_task));
	memset(&fake_process, 0, sizeof(fake_process));
	memset(&fake_tlb, 0, sizeof(fake_tlb));
	memset(names, 0, sizeof(names));
	window_used = 0;
	files_alive = 0;
	kern = &fake_kernel;
	kern->boot = &fake_boot;
	kern->xsave_size = 512;
	kern->user_va_start = BOOT_USER_VA_START;
	kern->user_va_end = USER_VA_END;
	fake_boot.window_gpa = BOOT_WINDOW_GPA;
	fake_boot.window_size = FAKE_WINDOW_SIZE;
	fake_boot.vclock_gpa = 0x3000;
	list_init(&kern->tasks);
	list_add(&kern->tasks, &fake_task.all_link);
	page_init(FAKE_MEM, 0x100000, user_start);
	for (u32 i = 0; i < ARRAY_SIZE(fake_process.rlimits); i++)
		fake_process.rlimits[i][0] = fake_process.rlimits[i][1] = ~0ull;
	fake_process.rlimits[RLIMIT_STACK][0] = 8 << 20;
	fake_task.proc = &fake_process;
	fake_task.fpu = fake_fpu;
	fake_task.cred.uid = fake_task.cred.euid = 1000;
	kern->ncpus = 1;
	kern->cpus[0].task = &fake_task;
	kfree(kalloc(64)); /* the classes' kept slabs are no leak */
	fake_task.mm = mm_new();
	start_free = pages_free_count();
}

void fake_start(void)
{
	fake_start_zones(0);
}

bool fake_stop(void)
{
	u64 slabs = 0;
	bool balanced;

	if (fake_task.mm)
		mm_put(fake_task.mm);
	fake_task.mm = NULL;
	while (inodes) {
		struct fake_inode *next = inodes->next;

		for (u32 i = 0; i < ARRAY_SIZE(inodes->pages); i++)
			if (inodes->pages[i])
				page_put(inodes->pages[i]);
		free(inodes);
		inodes = next;
	}
	for (u32 i = 0; i < SLAB_CLASSES; i++)
		list_for_each(pos, &mm_state()->slab[i].partial) slabs++;
	/* all that is left: kept slabs, the vDSO's frames */
	balanced = pages_total() - pages_free_count() == slabs + mm_state()->vdso_npages;
	if (!balanced)
		fprintf(stderr, "%llu frames in use, %llu of the heap\n",
			(unsigned long long)(pages_total() - pages_free_count()),
			(unsigned long long)slabs);
	return balanced;
}

/* -- the platform -- */

struct cpu *plat_cpu(void)
{
	return &kern->cpus[0];
}

/* One thread, which has it always. */
void plat_assert_locked(const char *where)
{
}

int plat_mm_forked(struct mm *mm, struct mm *old)
{
	return 0;
}

void plat_code_restore(struct mm *mm, u64 va, u64 len)
{
}

void plat_zero_page(u64 pa)
{
	memset(phys_ptr(pa), 0, PAGE_SIZE);
}

void plat_copy_page(u64 dst, u64 src)
{
	memcpy(phys_ptr(dst), phys_ptr(src), PAGE_SIZE);
}

int plat_window_read(void *dst, u64 off, size_t n)
{
	if (off > FAKE_WINDOW_SIZE || n > FAKE_WINDOW_SIZE - off)
		return -EFAULT;
	memcpy(dst, fake_window + off, n);
	return 0;
}

int plat_window_write(u64 off, const void *src, size_t n)
{
	if (off > FAKE_WINDOW_SIZE || n > FAKE_WINDOW_SIZE - off)
		return -EFAULT;
	memcpy(fake_window + off, src, n);
	return 0;
}

int plat_window_cmpxchg(u64 off, u32 expect, u32 desired, u32 *old)
{
	if (plat_window_read(old, off, sizeof(*old)))
		return -EFAULT;
	return *old == expect ? plat_window_write(off, &desired, sizeof(desired)) : 0;
}

void plat_pgd_init(u64 *pgd)
{
	pgd[511] = 0x1; /* the kernel's half: must be left alone */
}

void plat_pgd_destroy(struct mm *mm)
{
}

void plat_tlb_flush(struct mm *mm, u64 va, u64 npages)
{
	fake_tlb.flushes++;
	fake_tlb.flushed_pages += npages;
	fake_tlb.last_va = va;
	fake_tlb.last_pages = npages;
}

void plat_tables_freed(struct mm *mm, u64 va, u64 npages)
{
}

void plat_tlb_added(struct mm *mm, u64 va, u64 npages)
{
	fake_tlb.added_pages += npages;
}

void plat_panic(const char *why)
{
	fprintf(stderr, "panic: %s\n", why);
	abort();
}

void plat_fpu_init(struct task *t)
{
}

void plat_fpu_load(struct task *t)
{
}

void random_bytes(void *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((u8 *)buf)[i] = (u8)rand();
}

/* -- tasks -- */

bool cred_has(const struct cred *c, u32 cap)
{
	return c->euid == 0;
}

int process_kill_other_threads(struct task *t)
{
	return 0;
}

void ptrace_exec_event(struct task *t, s32 old_tid)
{
}

void task_mm_release(struct task *t)
{
}

void task_exec_reset(struct task *t)
{
}

void process_exit(s32 status)
{
	fprintf(stderr, "process_exit(%d)\n", status);
	abort();
}

/* -- files -- */

static int fake_map_page(struct inode *i, struct file *f, u64 index, bool write, u64 *pa)
{
	struct fake_inode *fi = container_of(i, struct fake_inode, inode);

	if (index * PAGE_SIZE >= fi->size)
		return -EIO;
	if (fi->kind == FAKE_WINDOW) {
		*pa = fake_boot.window_gpa + fi->window + index * PAGE_SIZE;
		return 0;
	}
	if (!fi->pages[index])
		fi->pages[index] = page_alloc();
	if (!fi->pages[index])
		return -ENOMEM;
	page_get(fi->pages[index]);
	*pa = fi->pages[index];
	return 0;
}

static const struct inode_ops fake_inode_ops = {.map_page = fake_map_page};
static const struct file_ops fake_file_ops;

struct file *fake_file(enum fake_kind kind, const void *data, size_t size, u32 oflags)
{
	struct fake_inode *fi = calloc(1, sizeof(*fi));
	struct file *f = calloc(1, sizeof(*f));

	fi->next = inodes;
	inodes = fi;
	fi->inode.ops = &fake_inode_ops;
	fi->inode.mode = 0100755;
	fi->kind = kind;
	fi->size = size;
	f->ops = &fake_file_ops;
	f->inode = &fi->inode;
	f->flags = oflags;
	f->refs = 1;
	files_alive++;
	if (kind == FAKE_WINDOW) {
		fi->window = window_used;
		window_used += round_up(size, PAGE_SIZE);
		if (window_used > FAKE_WINDOW_SIZE)
			abort();
		memset(fake_window + fi->window, 0, round_up(size, PAGE_SIZE));
		if (data)
			memcpy(fake_window + fi->window, data, size);
		return f;
	}
	for (u64 at = 0; data && at < size; at += PAGE_SIZE)
		memcpy(fake_file_page(f, at / PAGE_SIZE), (const u8 *)data + at,
			min_u64(PAGE_SIZE, size - at));
	return f;
}

struct file *fake_text(enum fake_kind kind, const char *text, size_t size, u32 oflags)
{
	struct file *f = fake_file(kind, NULL, size, oflags);

	memcpy(fake_file_page(f, 0), text, strlen(text));
	return f;
}

void *fake_file_page(struct file *f, u64 index)
{
	struct fake_inode *fi = container_of(f->inode, struct fake_inode, inode);

	if (fi->kind == FAKE_WINDOW)
		return fake_window + fi->window + index * PAGE_SIZE;
	if (!fi->pages[index])
		fi->pages[index] = page_alloc();
	return phys_ptr(fi->pages[index]);
}

void fake_file_shrink(struct file *f, u64 size)
{
	struct fake_inode *fi = container_of(f->inode, struct fake_inode, inode);

	fi->size = size;
	mm_file_truncated(f->inode, size);
	for (u64 i = round_up(size, PAGE_SIZE) / PAGE_SIZE; i < ARRAY_SIZE(fi->pages); i++) {
		if (fi->pages[i])
			page_put(fi->pages[i]);
		fi->pages[i] = 0;
	}
}

u32 fake_files_alive(void)
{
	return files_alive;
}

void fake_name(const char *name, struct file *f)
{
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].name)
			continue;
		names[i].name = name;
		names[i].file = f;
		return;
	}
	abort();
}

struct file *file_open(s32 dfd, const char *name, u32 flags, u32 mode)
{
	for (u32 i = 0; i < ARRAY_SIZE(names) && names[i].name; i++) {
		if (strcmp(names[i].name, name))
			continue;
		file_get(names[i].file);
		return names[i].file;
	}
	return err_ptr(-ENOENT);
}

struct file *tmpfs_anon_file(const char *name, u64 size)
{
	return fake_file(FAKE_FRAMES, NULL, size, 2);
}

void file_get(struct file *f)
{
	f->refs++;
}

void file_put(struct file *f)
{
	if (--f->refs)
		return;
	files_alive--;
	free(f);
}

s64 file_read_kernel(struct file *f, void *buf, size_t n, u64 pos)
{
	struct fake_inode *fi = container_of(f->inode, struct fake_inode, inode);
	size_t done = 0;

	while (done < n && pos + done < fi->size) {
		u64 at = pos + done, part = PAGE_SIZE - at % PAGE_SIZE;

		part = min_u64(part, min_u64(n - done, fi->size - at));
		memcpy((u8 *)buf + done, (u8 *)fake_file_page(f, at / PAGE_SIZE) + at % PAGE_SIZE,
			part);
		done += part;
	}
	return (s64)done;
}

int inode_permission(struct inode *i, u32 mask)
{
	return i->mode & 0111 ? 0 : -EACCES;
}

int files_unshare(struct task *t)
{
	return 0;
}

u32 files_each(struct files *fs, s32 *fd)
{
	return 0;
}

struct file *files_lookup(struct files *fs, s32 fd)
{
	return NULL;
}

void files_close_on_exec(struct files *f)
{
}

/* -- the program -- */

u64 prog_pte(u64 va)
{
	u64 *e = pgtable_entry(fake_task.mm->pgd, va, false);

	return e ? *e : 0;
}

static bool hardware_allows(u64 e, enum mm_access how)
{
	if (!(e & PTE_P) || !(e & PTE_U))
		return false;
	return how == MM_WRITE ? e & PTE_W : how == MM_EXEC ? !(e & PTE_NX) : true;
}

int prog_access(u64 va, enum mm_access how)
{
	s32 code;

	for (u32 i = 0; i < 4; i++) {
		int r;

		if (va < USER_VA_END && hardware_allows(prog_pte(va), how))
			return 0;
		r = mm_fault(fake_task.mm, va, how, &code);
		if (r)
			return r;
	}
	abort(); /* faults for ever */
}

int prog_read(u64 va, u8 *v)
{
	int r = prog_access(va, MM_READ);
	u64 pa = (prog_pte(va) & PTE_ADDR) | (va % PAGE_SIZE);

	if (r)
		return r;
	if (!pa_is_ram(pa))
		return plat_window_read(v, pa - fake_boot.window_gpa, 1);
	*v = *(u8 *)phys_ptr(pa);
	return 0;
}

int prog_write(u64 va, u8 v)
{
	int r = prog_access(va, MM_WRITE);
	u64 pa = (prog_pte(va) & PTE_ADDR) | (va % PAGE_SIZE);

	if (r)
		return r;
	if (!pa_is_ram(pa))
		return plat_window_write(pa - fake_boot.window_gpa, &v, 1);
	*(u8 *)phys_ptr(pa) = v;
	return 0;
}

s64 map_anon(u64 addr, u64 pages, u32 prot, u32 flags)
{
	return mm_map(fake_task.mm, addr, pages * PAGE_SIZE, prot, flags | MAP_ANONYMOUS, NULL, 0);
}
