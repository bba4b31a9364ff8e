/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this test share: a scratch directory, and the groups that main runs.
 */
#ifndef TEST_POLICY_H
#define TEST_POLICY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/policy/policy_internal.h"

/* A directory of its own for a test, which is its current directory; removed by scratch_leave. */
int scratch_enter(void **state);
int scratch_leave(void **state);
extern char scratch_dir[POLICY_PATH_MAX];
void write_file(const char *path, const void *data, size_t size, mode_t mode);

int run_parse_tests(void);
int run_view_tests(void);
int run_program_tests(void);
int run_build_tests(void);

#endif
