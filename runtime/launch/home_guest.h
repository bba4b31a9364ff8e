/* SPDX-License-Identifier: Apache-2.0
 * Home guest's state: vCPU threads, and the service's thread that they ring.
 */
#ifndef LAUNCH_HOME_GUEST_H
#define LAUNCH_HOME_GUEST_H

#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/launch/guest_image.h"
#include "runtime/launch/launch_internal.h"
#include "runtime/sample/sample.h"

struct guest_vcpu {
	struct launch *l;
	uint32_t id;
	pthread_t thread;
	bool runs; /* there is a thread to be joined */
	timer_t timer;
	timer_t nudge;		   /* in a clone, for other threads: it kicks at once */
	bool resumes;		   /* in a clone: the first thing is that a doorbell is answered */
	_Atomic bool begun;	   /* its timers are there */
	_Atomic uint32_t unparked; /* somebody sent UNPARK since its last PARK returned; a futex */
	_Atomic bool kicked;	   /* the shim is to look: not only this thread */
	struct guest_sampling {
		timer_t timer;
		_Atomic bool time; /* it went off */
		_Atomic bool runs; /* the vCPU does: it has to come out then */
		struct sampler_cpu cpu;
	} sampling;
};

struct home_guest {
	/* Also the backend's, if it answers doorbells (vm.h): then polling says that the service
	 * looks at the ring. 16 bytes so aligned are in one page. */
	_Alignas(16) _Atomic uint32_t bells;
	_Atomic uint32_t served, polling, stop;
	/* Of a template: the vCPU's state is wanted by the service, and is there. A futex. */
	_Atomic uint32_t saving;
	void *saved; /* vm_ops.vcpu_save's */
	int save_err;
	struct sampler *sampler; /* or NULL: there is nowhere to put samples */
	uint64_t poll_ns;	 /* how long looking pays, learned */
	bool may_poll;		 /* more than one processor */
	struct guest_fixup soft[GUEST_FIXUPS];
	struct guest_vcpu vcpu[]; /* c->cpus of them */
};

static inline long guest_futex(
	_Atomic uint32_t *word, int op, uint32_t v, const struct timespec *until)
{
	return syscall(
		SYS_futex, word, op | FUTEX_PRIVATE_FLAG, v, until, NULL, FUTEX_BITSET_MATCH_ANY);
}

/* guest_vcpu.c */
/* Starts the threads. 0 or -errno: then some may run. */
int guest_vcpus_start(struct launch *l);
/* All vCPUs end: stop is set, and each notices wherever it is. */
void guest_vcpus_stop(struct launch *l);
void guest_vcpus_join(struct launch *l);
void guest_vcpus_kick(struct launch *l);
int guest_vcpu_set_registers(struct launch *l, uint32_t id);

/* guest_clone.c: what launch_home_ops say of templates, and the vCPU thread's part in a park: while
 * its doorbell waits for an answer. */
int guest_clone_prepare(struct launch *l);
int guest_park(struct launch *l, const struct chan_msg *m);
int guest_become(struct launch *l, const uint8_t *seed, size_t n);
void guest_save_if_wanted(struct guest_vcpu *v);
/* The shim's generator gets what no other sandbox has. */
int guest_add_random(struct launch *l, const uint8_t *seed, size_t n);

/* guest_snapshot.c: what launch_home_ops say of snapshots */
int guest_snapshot(struct launch *l, struct coder *c);
int guest_restore(struct launch *l, struct coder *c);

/* guest_sample.c: samples of user code, if somebody asks */
int guest_sampling_prepare(struct launch *l);
/* On the vCPU's thread, before its jail. */
int guest_sampling_begin(struct guest_vcpu *v);
/* Before each run. slept: since the last one. */
void guest_sampling_look(struct guest_vcpu *v, bool slept);
/* Around each run. What went off since the look did not know that there would be one. */
void guest_sampling_run_begin(struct guest_vcpu *v);
void guest_sampling_run_end(struct guest_vcpu *v);
/* The vCPU came out for nothing but that. */
static inline bool guest_sampling_only(struct guest_vcpu *v)
{
	return !atomic_exchange(&v->kicked, false) && atomic_load(&v->sampling.time);
}

#endif
