/* SPDX-License-Identifier: Apache-2.0
 *
 * Home `host`: the core linked into the launcher (or a test). What the launcher calls, and the
 * engine interface: how user code is run. Engines: trap (a vCPU whose ring 0 is a handful of
 * instructions), process (trapped processes of the host); tests bring their own.
 *
 * The core runs on the thread that calls host_home_run, with tasks as contexts of their own stacks.
 */
#ifndef HOME_HOST_HOST_H
#define HOME_HOST_HOST_H

#include "abi/boot.h"
#include "abi/channel.h"
#include "core/types.h"

struct task;
struct mm;
struct host_home;

struct host_engine_ops {
	const char *name;
	/* As plat_user_run. Called on the core's thread, on the task's kernel stack. */
	void (*run)(void *engine, struct task *t);
	/* mm is a copy of old. 0 or -ENOMEM. May be absent. */
	int (*mm_forked)(void *engine, struct mm *mm, struct mm *old);
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
	/* Make run() return TRAP_KICK at monotonic time when_ns (0: cancel). */
	void (*set_kick)(void *engine, u64 when_ns);
};

struct host_home_config {
	u8 *ram; /* where guest-physical 0 is mapped */
	u64 ram_size;
	u8 *window;
	u64 window_size;
	const struct boot_block *boot; /* in ram */
	struct chan_ring *ring;	       /* its data area and events flag are used; slots are not */
	const struct host_engine_ops *engine;
	void *engine_arg;
	/* One request of the channel, performed at once: the service. `in` is the data area. */
	void (*channel)(void *arg, struct chan_msg *m);
	/* User code was kicked: the one thing that is sure to happen to a program that only
	 * computes. May be absent. */
	void (*kicked)(void *arg);
	void *channel_arg; /* for channel, kicked and panic */
	__attribute__((noreturn)) void (*panic)(void *arg, const char *why);
};

/* Runs the sandbox until its first program ends. 0, or -errno when it could not be built. */
int host_home_run(const struct host_home_config *c);

#endif
