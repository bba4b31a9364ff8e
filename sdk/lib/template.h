/* SPDX-License-Identifier: Apache-2.0
 *
 * A template: its process, and who needs it. When nobody does any more, SIGKILL ends that: as long
 * as a clone has not ended this must not be, for clones are in the template's PID namespace.
 */
#ifndef SDK_TEMPLATE_H
#define SDK_TEMPLATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "sdk/lib/sandbox_internal.h"

struct sb_template {
	atomic_uint needed;	   /* by its owner, and by each clone that has not ended */
	pthread_mutex_t lock;	   /* for a request and its answer, and the members after it */
	int socket;		   /* -1: it answers no more */
	struct sb *s;		   /* its process */
	pthread_mutex_t pool_lock; /* for the members after it; none is waited for with it */
	struct sb *spare;	   /* pool.c: a list of nspare */
	unsigned nspare, coming, warm;
	/* constant */
	int input; /* the other end of its program's stdin, or nobody would have that */
	int self;  /* pidfd of this process: with it clones end */
	uint64_t wall_ns, cpu_ns; /* of each clone */
	bool accepts;		  /* it is a server that accepts by itself */
};

void template_release(struct sb_template *t);
/* spare: for pool.c, without limits. */
int clone_make(struct sb_template *t, const struct sb_clone_config *c, bool spare, struct sb **out,
	struct sb_error **error);
/* One that was made in advance, or is made now. *out is NULL after an error. */
int clone_get(struct sb_template *t, const struct sb_clone_config *c, struct sb **out,
	struct sb_error **error);
/* SB_ENDED, with what is known of why. With the lock. */
int template_ended(struct sb_template *t, struct sb_error **error);

#endif
