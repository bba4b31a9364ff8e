/* SPDX-License-Identifier: Apache-2.0
 * A processor is a thread.
 */
#ifndef UNIT_PARALLEL_THREADS_H
#define UNIT_PARALLEL_THREADS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/types.h"

#define NCPUS 4u

/* Runs fn(cpu) on as many threads, and waits for them. */
void threads_run(void (*fn)(u32 cpu));

int tests_host_cpu(void);
int tests_guest_lock(void);

#endif
