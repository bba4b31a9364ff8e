/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_PROFILE_H
#define TEST_PROFILE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* frames.c: a file in memory (a descriptor) with one function, at its beginning, whose frame is
 * described by these bytes, so many times. Without them its return address is on top of the stack.
 */
int frames_file(const void *program, size_t n, size_t times);
/* What elf_file_caller says of it, with a budget of its own. Closes it. */
int frames_caller(int fd);

int run_output_tests(void);

#endif
