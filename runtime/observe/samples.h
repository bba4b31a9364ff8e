/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader's side of abi/samples.h: asks a launcher for samples and takes them out of the ring.
 * What is in the ring was written by some process of the user, of a program that nobody trusts: it
 * is copied and checked before it is handed on.
 */
#ifndef OBSERVE_SAMPLES_H
#define OBSERVE_SAMPLES_H

#include <stdbool.h>

#include "runtime/observe/look.h"

struct observe_samples {
	int fd;
	uint64_t base; /* of the control page in the file; 0: a file of our own */
	char id[16];   /* of the sandbox */
	uint32_t session, hz;
	uint64_t tail, lost; /* lost: of this session */
	bool begun;	     /* the writer has seen the session */
	uint8_t *bytes;	     /* SAMPLES_RING of them: a copy of what is there */
};

uint64_t observe_now_ns(void); /* CLOCK_MONOTONIC */

/* One record that is well-formed. A sample's or file's counts and lengths fit its size. */
typedef void observe_sample_fn(void *arg, const struct samples_head *record);

/* A ring of one's own that a launcher can be given (--samples-fd): a memfd, or -errno. */
int observe_samples_make(struct observe_samples *s, uint32_t hz);
/* The ring of a running sandbox, asked for samples until observe_samples_end, or until renewed no
 * more. 0; -EBUSY: somebody else asks; -ENOTSUP: it has none; -ESRCH: it has ended. */
int observe_samples_open(struct observe_samples *s, const struct observe_seen *of, uint32_t hz);
/* Asks for two more seconds, and hands on what has come. 0, or -EBADMSG: what is there are no
 * samples. -ESRCH: the file is empty, the sandbox has ended. */
int observe_samples_read(struct observe_samples *s, observe_sample_fn *fn, void *arg);
/* Asks for no more. */
void observe_samples_stop(struct observe_samples *s);
void observe_samples_end(struct observe_samples *s);

/* Pure, for tests: n bytes of records, handed on one by one. Bytes that were taken, or -EBADMSG. */
int64_t observe_samples_parse(const uint8_t *bytes, size_t n, observe_sample_fn *fn, void *arg);

#endif
