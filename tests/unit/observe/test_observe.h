/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this test share.
 */
#ifndef TEST_OBSERVE_H
#define TEST_OBSERVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "runtime/observe/look.h"
#include "runtime/observe/state_internal.h"

/* A state as a launcher with that many CPUs writes it; room for two. */
struct made {
	size_t size;
	union {
		struct observe_state state;
		uint8_t bytes[16384];
	};
};
void make_state(struct made *m, uint32_t cpus);

int run_check_tests(void);
int run_state_tests(void);
int run_show_tests(void);

#endif
