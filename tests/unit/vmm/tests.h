/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VMM_TESTS_H
#define TESTS_UNIT_VMM_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/vmm/machine.h"

/* First line of a test that makes a VM: where the backend cannot be used it is skipped, and says
 * so. */
void tests_need_vm(void);
/* What the host can do, probed once. */
const struct vm_caps *tests_caps(void);

int tests_again(void);
int tests_available(void);
int tests_exits(void);
int tests_kick(void);
int tests_memory(void);
int tests_state(void);
int tests_tlb(void);

#endif
