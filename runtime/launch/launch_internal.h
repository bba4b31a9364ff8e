/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAUNCH_INTERNAL_H
#define LAUNCH_INTERNAL_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "kernel-shim/abi/boot.h"
#include "runtime/launch/launch.h"
#include "runtime/snapshot/coder.h"

/* A sandbox while it runs: everything hangs off this. */
struct launch {
	const struct launch_config *c;
	struct launch_result *res;

	struct service_memory mem;
	int ram_fd;	       /* what programs' pages lie in: RAM from shared_start on */
	int ram_read_fd;       /* a template's: the same, opened to read; or -1 */
	uint64_t shared_start; /* guest-physical; 0: all of RAM is one */
	struct service *service;
	struct boot_block *boot;   /* in guest RAM */
	struct chan_ring *ring;	   /* in guest RAM */
	struct boot_clock *clock;  /* in guest RAM */
	struct boot_clock *vclock; /* its copy where programs see another; or the same */
	uint64_t tsc0, mono0;	   /* where the clock's rate is measured from */
	uint64_t clock_fresh_ns;
	uint64_t clock_ahead; /* of the guest's clock before CLOCK_MONOTONIC, modulo 2^64 */

	struct vm *vm;
	struct vcpu *vcpu[LAUNCH_CPUS_MAX]; /* c->cpus of them, with a VM */
	const struct launch_home_ops *home;
	void *home_state;
	unsigned needs; /* JAIL_*: what the threads' filters have besides */

	struct template *template;	  /* or NULL: this is none, or a clone */
	struct snapshot_taking *snapshot; /* or NULL: none is to be made */
	pid_t heir_pid;	     /* of the clone that is being made: what its programs come from */
	bool parked;	     /* it has stopped as these do */
	uint64_t begun_ns;   /* CLOCK_MONOTONIC */
	uint64_t timeout_ns; /* as c->timeout_ns, or a clone's own */
	uint64_t user_ns0;   /* of user mode before this clone began */

	pthread_t watcher, limiter;
	bool watcher_runs, limiter_runs;
	uint64_t deadline_ns; /* of the time limit, CLOCK_MONOTONIC */
	sigset_t forwarded;
	uint64_t sig_ignored, sig_blocked; /* as they were inherited (boot.h) */
	pthread_mutex_t lock;		   /* guards the two below */
	pthread_cond_t ended_cond;
	bool ended;
	atomic_bool timed_out;
	atomic_bool failed;    /* a home could not go on */
	atomic_bool explained; /* res->error says why it did not go well */
};

enum launch_page {
	LAUNCH_PAGE_NONE,
	LAUNCH_PAGE_COPY,
	LAUNCH_PAGE_SHARE, /* with the template, to read */
};

/* Where the shim lives. Called in this order on the thread that called launch_run. */
struct launch_home_ops {
	const char *name;
	unsigned roles; /* of its threads: JAIL_ROLE(…) joined */
	/* What programs may map; 0: BOOT_USER_VA_START, BOOT_USER_VA_END. */
	uint64_t user_va_start, user_va_end;
	/* Bytes of RAM, besides what was asked for, that programs' pages never come from and that
	 * nobody but this process can map. Absent: all of RAM is one. */
	uint64_t (*own_ram)(struct launch *l);
	/* Bytes of RAM from 0 that the home needs for itself: whole pages, or 0 if RAM is too
	 * small. */
	uint64_t (*ram_reserved)(struct launch *l);
	/* RAM that no guest may ever write to, [*start, *end), whole pages: the shim's text and
	 * constants. Absent: none. */
	void (*ram_constant)(uint64_t *start, uint64_t *end);
	/* Writes to RAM what must be there, sets the vCPUs' registers. */
	int (*prepare)(struct launch *l);
	/* Forks what must live in the jail but outside this process, while there is one thread.
	 * Absent: there is nothing. */
	int (*fork)(struct launch *l, bool pid_namespace);
	/* Runs to the end, after the jail closed. */
	int (*run)(struct launch *l);
	/* Any thread: user code returns to the shim soon, because ring->events is set. */
	void (*kick)(struct launch *l);
	/* As in struct service_callbacks; absent where nobody wants to know. */
	int (*window_map)(struct launch *l, uint64_t off, uint64_t len, int fd, uint64_t file_off);
	void (*window_unmap)(struct launch *l, uint64_t off, uint64_t len);
	/* Templates; absent where there can be none. All with the channel's request under way, in
	 * its thread, while nothing else of the sandbox runs. park: once; all of the sandbox is in
	 * this process's memory then, but what the request m is answered into. heir: what a clone
	 * will need that only this process can make. become: in the clone. drop: of a clone, or
	 * instead of one. 0 or -errno. */
	int (*park)(struct launch *l, const struct chan_msg *m);
	int (*heir)(struct launch *l);
	int (*become)(struct launch *l, const uint8_t *seed, size_t n);
	void (*drop)(struct launch *l);
	/* After park: what a clone has of the page at an offset of ram_fd. With own_ram. */
	enum launch_page (*page)(const struct launch *l, uint64_t off);
	/* Snapshots; absent where there are none. snapshot: after park, what is neither in RAM nor
	 * the service's. restore: after prepare and with RAM as it was then, in place of what a
	 * launch begins with. The same walk (coder.h); 0 or -errno. */
	int (*snapshot)(struct launch *l, struct coder *c);
	int (*restore)(struct launch *l, struct coder *c);
	/* Counts of the home's own, into l->res. May be absent. */
	void (*stats)(struct launch *l);
	void (*destroy)(struct launch *l);
};
extern const struct launch_home_ops launch_home_host;
extern const struct launch_home_ops launch_home_guest;
extern const struct launch_home_ops launch_home_process;

/* memory.c */
int launch_memory_create(struct launch *l);
void launch_memory_destroy(struct launch *l);
/* No process can map ram_fd from now on to write to it; who has it mapped already goes on. 0 or
 * -errno. */
int launch_memory_seal(const struct launch *l);
/* A copy of what ram_fd holds that is to be copied (home->page): a descriptor, or -errno. */
int launch_memory_copy(const struct launch *l);
/* Before a fork: the other process gets RAM that is not ram_fd's. After it, there: fd, which is
 * taken over, in place of ram_fd, and what is shared from ram_read_fd. */
int launch_memory_share(struct launch *l);
int launch_memory_adopt(struct launch *l, int fd);
/* template.c */
int launch_template_create(struct launch *l); /* before the jail; nothing if it is to be none */
void launch_template_destroy(struct launch *l);
/* Is this what a template stops at? Then all that follows is in a clone, unless it is false: nobody
 * wants any more, and the sandbox ends. */
bool launch_template_stops(struct launch *l, const struct chan_msg *m);
bool launch_template_serve(struct launch *l, const struct chan_msg *m);
/* Is there what it can stop at? Says why not, of a `what`. */
int launch_stop_check(struct launch *l, const char *what);
/* It is to stop there, as a template or for its snapshot: then its vCPU can be saved. */
static inline bool launch_stops(const struct launch *l)
{
	return l->template || l->snapshot;
}
/* snapshot.c: as template.c's; take has the sandbox end. */
int launch_snapshot_create(struct launch *l);
void launch_snapshot_destroy(struct launch *l);
bool launch_snapshot_take(struct launch *l, const struct chan_msg *m);
/* restore.c: in this order, before the jail. 0 or -errno; nothing if nothing is to be restored. */
int launch_restore_service(struct launch *l);
int launch_restore_home(struct launch *l);
/* bootblock.c: grants and boot block; RAM from ram_reserved on is used. */
int launch_bootblock_build(struct launch *l);
/* Of a guest that goes on elsewhere: boot_id and generation, never from a seed, which others may
 * know. 0 or -errno. */
int launch_new_identity(struct launch *l);
/* host_path.c: where the host has a file that programs have at `path`, by the mounts as the program
 * found them; whoever opens it compares what the file is. Its length, 0: nowhere, or too long. */
size_t launch_host_path(const struct launch_config *c, const char *path, char *out, size_t size);
/* clock.c */
void launch_clock_begin(struct launch *l); /* first of all: the rate is measured from here */
void launch_clock_init(struct launch *l);  /* last of all, before the shim runs */
void launch_clock_refresh(struct launch *l);
uint64_t launch_now_ns(void);
/* threads.c */
/* What this thread is called by who looks at the process from outside; number -1: there is one.
 * Before it closes its jail. */
void launch_name_thread(const char *role, int number);
void launch_threads_init(struct launch *l); /* the lock and what goes with it */
void launch_threads_destroy(struct launch *l);
/* The watcher, and the limiter if there is a time limit, which begins now. 0 or -errno. */
int launch_threads_start(struct launch *l);
void launch_threads_stop(struct launch *l);
void launch_ended(struct launch *l); /* the program has: nobody need end it */
/* launch.c: what a thread that runs vCPUs needs, and where there are clones makes them again. */
#define LAUNCH_IOCTLS 40
struct launch_ioctls {
	unsigned long number[LAUNCH_IOCTLS];
	size_t n;
};
void launch_ioctls_of_vcpus(const struct launch *l, struct launch_ioctls *out);
void launch_ioctls_add(struct launch_ioctls *to, const unsigned long *list, size_t n);
/* launch.c: in a clone, the VM as make_vm made the first one's, and its vCPU (vm.h, vcpu_again). 0
 * or -errno. */
int launch_vm_again(struct launch *l, const void *saved);
/* launch.c: how large files may be: the shim applies the program's limits, this one the host does
 * too, whatever the shim does. After the memory, which is a file that is larger. */
int launch_limit_files(const struct launch *l);
/* launch.c: remember the first failure, in words. */
void launch_fail(struct launch *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
