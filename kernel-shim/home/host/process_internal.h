/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOME_HOST_PROCESS_INTERNAL_H
#define HOME_HOST_PROCESS_INTERNAL_H

#include "core/task.h"
#include "home/host/kick_timer.h"
#include "home/host/process.h"
#include "mm/mm.h"

#define STALE_MAX 8

/* Where what lies in the window comes from. */
struct window_range {
	u64 off, len;
	u64 file_off;
	int file; /* process_file_add's number */
};

struct va_range {
	u64 lo, hi;
};

/* What a space has mapped: a tree like the page tables, whose leaves are a physical address and
 * SEEN_* bits, 0: nothing. */
struct mirror {
	void *root;
};
#define SEEN_R 1ull
#define SEEN_W 2ull
#define SEEN_X 4ull

/* A system call that was patched in the text of an address space. */
struct patch {
	struct process_patch form;
	u8 replaced[PROCESS_PATCH_LEN];
	bool undone; /* and never patched again */
	u16 next;    /* in its bucket: index + 1, 0: the last */
};
#define PATCH_BUCKETS 256u
struct patch_table {
	u64 lo, hi; /* all that is patched lies between */
	u32 n, room;
	u16 bucket[PATCH_BUCKETS]; /* by form.ret: index + 1 */
	struct patch list[];
};
/* How often a place trapped, until it is worth a patch. Places that share a set do not push out
 * each other while there are no more of them than it holds. */
#define HIT_SETS 64u
#define HIT_WAYS 4u
struct hit {
	u64 ret;
	u32 count;
};
struct patches {
	struct patch_table *table; /* NULL: there is none yet */
	struct hit hits[HIT_SETS][HIT_WAYS];
};

/* An address space on one processor. All of it is looked at and changed with the kernel lock, also
 * while its process runs; only the process itself (space) is then left alone. */
struct host_space {
	struct process_space *space;
	struct task *fpu_owner; /* whose FPU state the space holds */
	struct mirror mirror;
	bool retried; /* an operation failed and was tried again */
	u32 nstale;
	struct va_range stale[STALE_MAX]; /* may differ from the page tables */
};

/* The engine's half of a struct mm. */
struct host_mm {
	struct list link; /* host_process.mms */
	struct patches patches;
	struct host_space *on[]; /* each processor; NULL: it has not run there */
};

struct host_process_cpu {
	struct process_runner *runner;
	struct kick_timer timer;
};

struct host_process {
	struct process_vm *vm;
	u64 shared_start;
	u32 ncpus;
	bool parked; /* once: address spaces may have been in use before their processes were made
		      */
	struct host_process_cpu cpu[CPUS_MAX];
	struct list mms;
	u64 *frozen; /* a bit for each frame of RAM; NULL: none is */
	u32 frozen_file;
	struct window_range *window; /* sorted by off */
	u32 nwindow, window_room;
};

/* process_mirror.c */
/* Leaf entries for va and how many follow in the same leaf; NULL with the distance to the next that
 * may exist. `make`: allocates (NULL: memory is out). */
u64 *mirror_find(struct mirror *m, u64 va, bool make, u64 *skip);
void mirror_clear(struct mirror *m);
/* Is anything of [lo, hi) mapped? */
bool mirror_any(struct mirror *m, u64 lo, u64 hi);

/* process_sync.c */
void space_stale(struct host_space *s, u64 lo, u64 hi);
/* Queues what makes the space's mappings those of mm's tables where they may differ. 0 or -errno.
 */
int space_sync(struct host_process *e, struct host_space *s, struct mm *mm);
/* Forgets all that is mapped, and queues that it goes. */
void space_reset(struct host_space *s);

/* process.c: no processor but this one is in user code of mm any more, if it could see [lo, hi). */
void process_shoot_down(struct host_process *e, struct mm *mm, u64 lo, u64 hi);
static inline struct host_mm *host_mm(struct mm *mm)
{
	return (struct host_mm *)mm->home_private[0];
}

/* process_patch.c */
/* A system call of t trapped: after some times its place is patched. */
void patch_count(struct host_process *e, struct task *t);
/* The space has a new process: its table is empty. */
void patch_restore(const struct patches *p, struct host_space *s);
int patch_copy(struct patches *to, const struct patches *from);
/* What is mapped at [lo, hi) has changed: text that can be written to now is as it was. */
void patch_changed(struct host_process *e, struct mm *mm, u64 lo, u64 hi);
/* All text in [lo, hi) is as it was. */
void patch_restore_text(struct host_process *e, struct mm *mm, u64 lo, u64 hi);
/* Where user code really goes on that goes on at rip, and the reverse. */
u64 patch_enter(struct mm *mm, u64 rip);
u64 patch_leave(struct mm *mm, u64 rip);
/* What a signal of t means that came from a patched place; its registers are then made good. */
enum patch_signal {
	PATCH_NONE, /* it did not */
	PATCH_CALL, /* the system call */
	PATCH_MEND, /* nothing: go on */
};
enum patch_signal patch_take_jump(struct task *t); /* of SIGILL */
enum patch_signal patch_take_step(struct task *t); /* of SIGTRAP */

/* process_window.c */
const struct window_range *window_find(const struct host_process *e, u64 off);

/* process_frozen.c */
/* t's write to va faulted: if it will get a page of its own in place of a frozen one, so do some
 * beside it. */
void copy_frozen_around(const struct host_process *e, struct task *t, u64 va);
bool page_is_frozen(const struct host_process *e, u64 pa);

#endif
