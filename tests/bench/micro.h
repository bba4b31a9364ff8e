/* SPDX-License-Identifier: Apache-2.0
 * What an operation of micro has to work with, and the table that another file adds.
 */
#ifndef TESTS_BENCH_MICRO_H
#define TESTS_BENCH_MICRO_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct bench {
	const char *dir; /* a directory of the host that may be changed */
	const char *self;
	bool marks;
	char path[PATH_MAX];
	int fd, out[2], back[2];
	pid_t child;
	pthread_t thread;
	uint8_t *memory;
	uint32_t next;
	uint32_t turn; /* a futex */
	volatile uint64_t sink;
};

struct op {
	const char *name;
	unsigned count;
	void (*before)(struct bench *);
	void (*once)(struct bench *);
	void (*after)(struct bench *);
};

#define WAIT_OPS 6
extern const struct op wait_ops[WAIT_OPS];

double now_ns(void);

#endif
