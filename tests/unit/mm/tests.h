/* SPDX-License-Identifier: Apache-2.0
 * The groups of tests. Each test starts with a fresh machine and ends with all frames given back.
 */
#ifndef TESTS_UNIT_MM_TESTS_H
#define TESTS_UNIT_MM_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

int mm_setup(void **state);
int mm_teardown(void **state);
#define MM_TEST(f) cmocka_unit_test_setup_teardown(f, mm_setup, mm_teardown)

#define MM_GROUPS(X)                                                                               \
	X(page)                                                                                    \
	X(map) X(fault) X(fork) X(freeze) X(uaccess) X(remap) X(elf) X(exec) X(vdso) X(format)
#define MM_DECLARE(name)                                                                           \
	extern const struct CMUnitTest name##_tests[];                                             \
	extern const size_t name##_tests_count;
MM_GROUPS(MM_DECLARE)

#endif
