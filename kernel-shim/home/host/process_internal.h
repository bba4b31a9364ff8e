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
	u64 ret; /* the address after it */
	u32 nr;
};
/* How often a place trapped, until it is worth a patch. */
#define HIT_PLACES 256u
struct patches {
	u32 n;
	struct patch *list; /* STUB_PATCHES of them, or NULL */
	struct {
		u64 ret;
		u32 count;
	} hits[HIT_PLACES];
};

/* The engine's half of a struct mm. */
struct host_space {
	struct list link; /* host_process.spaces */
	struct process_space *space;
	struct task *fpu_owner; /* whose FPU state the space holds */
	struct mirror mirror;
	struct patches patches;
	bool retried; /* an operation failed and was tried again */
	u32 nstale;
	struct va_range stale[STALE_MAX]; /* may differ from the page tables */
};

struct host_process {
	struct process_vm *vm;
	u64 shared_start;
	struct list spaces;
	struct kick_timer timer;
	struct window_range *window; /* sorted by off */
	u32 nwindow;
};

/* process_mirror.c */
/* Leaf entries for va and how many follow in the same leaf; NULL with the distance to the next that
 * may exist. `make`: allocates (NULL: memory is out). */
u64 *mirror_find(struct mirror *m, u64 va, bool make, u64 *skip);
void mirror_clear(struct mirror *m);

/* process_sync.c */
void space_stale(struct host_space *s, u64 lo, u64 hi);
/* Queues what makes the space's mappings those of mm's tables where they may differ. 0 or -errno.
 */
int space_sync(struct host_process *e, struct host_space *s, struct mm *mm);
/* Forgets all that is mapped, and queues that it goes. */
void space_reset(struct host_space *s);

/* process_patch.c */
/* A system call of t trapped: after some times its place is patched. */
void patch_count(struct host_space *s, struct task *t);
/* The space has a new process: its table is empty. */
void patch_restore(struct host_space *s);
int patch_copy(struct host_space *to, const struct host_space *from);
/* Did this SIGILL (jump) or SIGTRAP (step) come from a patched place? Then t's registers are now as
 * after a system call. */
bool patch_take_jump(struct host_space *s, struct task *t);
bool patch_take_step(struct host_space *s, struct task *t);

/* process_window.c */
const struct window_range *window_find(const struct host_process *e, u64 off);

#endif
