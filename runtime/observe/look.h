/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking at the sandboxes of this user. What a state file says was written by some process of the
 * user: it is copied once, checked, and believed as far as it is only shown.
 */
#ifndef OBSERVE_LOOK_H
#define OBSERVE_LOOK_H

#include <stdbool.h>

#include "runtime/observe/state.h"

/* One sandbox at one moment. */
struct observe_seen {
	struct observe_head head; /* checked; program is any bytes, the other strings are words */
	uint64_t denials;
	struct chan_counters shim;
	uint64_t calls[SERVICE_SHOWN_OPS], rejected;
	struct histogram op_time[SERVICE_SHOWN_OPS]; /* of a sample */
	uint64_t exits[OBSERVE_EXITS];		     /* of all CPUs, as what follows */
	struct histogram inside, outside;	     /* struct observe_cpu */
	/* of the launcher, from the host's kernel; with trapped processes, their user time too */
	uint64_t cpu_ns, rss_bytes;
	char file[272];		/* where this was read */
	uint64_t at_ns, age_ns; /* CLOCK_MONOTONIC when it was looked at; since its start */
};

struct observe_list {
	struct observe_seen *seen; /* oldest first */
	size_t count;
	unsigned strange; /* files that live, but are of another version or damaged */
};

/* All that live. Files of those that do not are removed. 0 or -ENOMEM. */
int observe_look(struct observe_list *out);
void observe_list_clear(struct observe_list *l);
/* By id, else by name, else by the id's beginning. NULL; *several: more than one. */
const struct observe_seen *observe_find(
	const struct observe_list *l, const char *word, bool *several);

/* The one with this id as it is now. 0, -ESRCH or -ENOMEM. */
int observe_see(const char *id, struct observe_seen *out);
/* The same, and its process held: a PID file descriptor. 0 or -errno, then *pidfd is -1. */
int observe_hold(const char *id, struct observe_seen *out, int *pidfd);

/* A copy of a state file, checked. 0, or -EBADMSG. Pure: process and time are not filled. */
int observe_check(const void *bytes, size_t size, struct observe_seen *out);

/* "read"; NULL beyond the last, and for the place that no operation has. */
const char *observe_op_name(unsigned op);
const char *observe_exit_name(const struct observe_seen *s, unsigned reason);

#endif
