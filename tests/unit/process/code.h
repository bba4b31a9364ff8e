/* SPDX-License-Identifier: Apache-2.0
 * A trapped process with a page of machine code at CODE and a page of memory at DATA.
 */
#ifndef TEST_PROCESS_CODE_H
#define TEST_PROCESS_CODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vmm/process/process.h"

#define CODE	 0x10000000ull
#define DATA	 0x20000000ull
#define RAM_SIZE (1u << 20)

struct rig {
	int ram_fd;
	uint8_t *ram; /* page 0 is DATA, page 1 is CODE */
	struct process_caps caps;
	struct process_vm *vm;
	struct process_runner *runner;
	struct process_space *space;
};

int rig_setup(void **state);
/* As on a processor without FSGSBASE. */
int rig_setup_no_fsgsbase(void **state);
int rig_teardown(void **state);
/* Another address space with the same two pages. */
struct process_space *rig_space(struct rig *r);
/* Runs `code` from its beginning until something happens; KICKs that nobody asked for are passed
 * over. */
void rig_run(struct rig *r, const void *code, size_t size, struct process_exit *x);
/* A thread that kicks the rig all the time, until ram[RIG_STOP] is 1. */
#define RIG_STOP 100
void *rig_kick_often(void *rig);
/* Goes on. */
void rig_go(struct rig *r, struct process_exit *x);

extern const struct CMUnitTest run_tests[];
extern const size_t run_tests_count;
extern const struct CMUnitTest patch_tests[];
extern const size_t patch_tests_count;

#endif
