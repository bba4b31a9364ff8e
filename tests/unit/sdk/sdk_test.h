/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SDK_TEST_H
#define SDK_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sdk/include/sandbox.h"

#define MS(n) ((n)*1000000ull)

/* `/bin/sh -c script` with output into memory; the rest is 0. script must outlive sb_start. */
struct shell {
	const char *args[3];
	struct sb_config c;
};
void shell_init(struct shell *sh, const char *script);

/* Fails the test with the error's sentence, and those of its causes, unless r is `want`. A pointer,
 * for the call that gives r comes first. */
void expect_code(int r, int want, struct sb_error **e);
struct sb *start(const struct sb_config *c);
/* Waits for the end; fails after a minute. */
struct sb_result end_of(struct sb *s);
const char *out_of(struct sb *s);
const char *err_of(struct sb *s);

/* Descriptors of this process, and host processes that descend from it. */
unsigned count_fds(void);
unsigned count_children(void);
/* Fails unless both are as they were; processes that were killed get a moment to go. */
void expect_nothing_left(unsigned fds);

int run_tests_run(void);
int run_tests_limits(void);
int run_tests_control(void);
int run_tests_abi(void);
int run_tests_host(void);
int run_tests_snapshot(void);
int run_tests_template(void);

#endif
