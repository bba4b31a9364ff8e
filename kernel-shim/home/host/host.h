/* SPDX-License-Identifier: Apache-2.0
 *
 * Home `host`: the core linked into the launcher (or a test). What the launcher calls, and the
 * engine interface: how user code is run. Engines: trap (vCPUs whose ring 0 is a handful of
 * instructions), process (trapped processes of the host); tests bring their own.
 *
 * Each processor of the sandbox is a thread that calls host_home_run; the core runs on them, one at
 * a time (the kernel lock), with tasks as contexts of their own stacks. Engines are called with the
 * lock, on a processor's thread.
 */
#ifndef HOME_HOST_HOST_H
#define HOME_HOST_HOST_H

#include "abi/boot.h"
#include "abi/channel.h"
#include "abi/samples.h"
#include "core/types.h"

struct task;
struct mm;
struct host_home;

struct host_engine_ops {
	const char *name;
	/* On the thread of processor `cpu`, before all others. 0 or -errno. May be absent. */
	int (*cpu_begin)(void *engine, u32 cpu);
	/* As plat_user_run. Called on the task's kernel stack. Engines that let user code run in
	 * parallel call host_user_begin and host_user_end around it. */
	void (*run)(void *engine, struct task *t);
	/* mm is a copy of old. 0 or -ENOMEM. May be absent. */
	int (*mm_forked)(void *engine, struct mm *mm, struct mm *old);
	/* As plat_code_restore. May be absent. */
	void (*code_restore)(void *engine, struct mm *mm, u64 va, u64 len);
	/* Entries of mm were removed or lost rights. */
	void (*tlb_flush)(void *engine, struct mm *mm, u64 va, u64 npages);
	/* Entries of mm were added or gained rights. May be absent. */
	void (*tlb_added)(void *engine, struct mm *mm, u64 va, u64 npages);
	/* Page-table frames of mm are freed: they may come back as anything. May be absent. */
	void (*tables_freed)(void *engine, struct mm *mm);
	void (*pgd_init)(void *engine, u64 *pgd);
	void (*mm_gone)(void *engine, struct mm *mm);
	void (*fpu_save)(void *engine, struct task *t);
	void (*fpu_load)(void *engine, struct task *t);
	void (*fpu_drop)(void *engine, struct task *t);
	/* Make run() return TRAP_KICK at monotonic time when_ns (0: cancel); on this processor. */
	void (*set_kick)(void *engine, u64 when_ns);
	/* Make run() return TRAP_KICK soon on processor `cpu`, another one. Absent where there is
	 * one. */
	void (*kick)(void *engine, u32 cpu);
};

struct host_home_config {
	u8 *ram; /* where guest-physical 0 is mapped */
	u64 ram_size;
	u8 *window;
	u64 window_size;
	const struct boot_block *boot; /* in ram */
	struct chan_ring *ring;	       /* its data area and events flag are used; slots are not */
	volatile struct chan_counters *counters; /* where they are shown; NULL: nowhere */
	/* Where samples of user code go (abi/samples.h), the ring behind it; NULL: nowhere. */
	volatile struct samples_control *samples;
	const struct host_engine_ops *engine;
	void *engine_arg;
	/* One request of the channel, performed at once: the service. `in` is the data area. */
	void (*channel)(void *arg, struct chan_msg *m);
	/* User code was kicked: the one thing that is sure to happen to a program that only
	 * computes. May be absent. */
	void (*kicked)(void *arg);
	/* A turn of user code was timed, as one of some is: how long it took, and then until the
	 * next one began on this processor (0: it waited for something). May be absent. */
	void (*turned)(void *arg, u32 cpu, u64 inside_ns, u64 outside_ns);
	/* The host's path of a file that programs have at `path`: its length, 0 if there is none or
	 * it is too long. Wanted only with samples. */
	size_t (*host_path)(void *arg, const char *path, char *out, size_t size);
	void *channel_arg; /* for channel, kicked, turned, host_path and panic */
	__attribute__((noreturn)) void (*panic)(void *arg, const char *why);
};

/* First of all, while signal handlers can still be installed. 0 or -errno. */
int host_home_prepare(void);
/* Takes the kernel lock and builds the sandbox. 0, or -errno when it could not be built. */
int host_home_boot(const struct host_home_config *c);
/* Runs the sandbox on processor `cpu` until its first program ends. Processor 0 is the thread that
 * called host_home_boot, which drops the lock when there is nothing to do; the others' threads come
 * after that. */
void host_home_run(u32 cpu);
/* All processors have left. */
void host_home_free(void);
/* This process is a copy of the one that booted, in a call of the channel: seed is what no other
 * copy has. There was one processor, whose thread this is. */
void host_home_copied(const u8 *seed, size_t n);

/* User code of mm runs on this processor between these two, without the lock. */
void host_user_begin(struct mm *mm);
void host_user_end(void);
/* Does user code of mm (NULL: any) run on `cpu`? Only if it is another processor. */
bool host_user_runs(u32 cpu, const struct mm *mm);
/* Until it has left user mode. It was kicked. */
void host_user_wait(u32 cpu);

#endif
