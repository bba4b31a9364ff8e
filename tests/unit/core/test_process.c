/* SPDX-License-Identifier: Apache-2.0
 * Beginning and end of processes.
 */
#include <asm/signal.h>
#include <linux/prctl.h>

#include "harness.h"

#define A	U_BASE
#define WNOHANG 1

static void exits_7(void *arg)
{
	u_syscall(__NR_exit_group, 7);
}

static void test_exit_status_reaches_the_host(void **state)
{
	run_program(exits_7, EXITED(7));
}
TESTS(process, cmocka_unit_test(test_exit_status_reaches_the_host));
