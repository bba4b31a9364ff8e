/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the shim's functions the counted instructions were in.
 */
#ifndef TESTS_BENCH_PROFILE_H
#define TESTS_BENCH_PROFILE_H

#include <stdint.h>
#include <stdio.h>

void profile_add(uint64_t va);
/* A line for each of the `most` functions with the largest share. */
void profile_print(FILE *out, unsigned most);

#endif
