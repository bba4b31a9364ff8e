/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/process/code.h"

struct process_space *rig_space(struct rig *r)
{
	const struct stub_op data = {
		STUB_OP_MAP, PROT_READ | PROT_WRITE, DATA, 4096, STUB_FD_RAM, 1, 0};
	const struct stub_op code = {
		STUB_OP_MAP, PROT_READ | PROT_EXEC, CODE, 4096, STUB_FD_RAM, 1, 4096};
	struct process_space *s;

	assert_int_equal(process_space_create(r->runner, &s), 0);
	assert_int_equal(process_space_op(s, &data), 0);
	assert_int_equal(process_space_op(s, &code), 0);
	return s;
}

static struct rig *make(bool fsgsbase)
{
	struct rig *r = calloc(1, sizeof(*r));
	char why[160];

	r->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	assert_int_equal(ftruncate(r->ram_fd, RAM_SIZE), 0);
	r->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, r->ram_fd, 0);
	assert_ptr_not_equal(r->ram, MAP_FAILED);
	assert_int_equal(process_probe(&r->caps, why, sizeof(why)), 0);
	r->caps.fsgsbase &= fsgsbase;
	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(process_vm_create(&r->vm, &r->caps, r->ram_fd), 0);
	assert_int_equal(process_vm_start(r->vm, false, NULL, NULL), 0);
	assert_int_equal(process_runner_create(r->vm, &r->runner), 0);
	r->space = rig_space(r);
	return r;
}

int rig_setup(void **state)
{
	*state = make(true);
	return 0;
}

int rig_setup_no_fsgsbase(void **state)
{
	*state = make(false);
	return 0;
}

int rig_teardown(void **state)
{
	struct rig *r = *state;

	process_space_destroy(r->space);
	process_vm_destroy(r->vm);
	munmap(r->ram, RAM_SIZE);
	close(r->ram_fd);
	free(r);
	return 0;
}

void rig_go(struct rig *r, struct process_exit *x)
{
	do
		process_run(r->space, x);
	while (x->kind == PROCESS_NOT_RUN);
}

void rig_run(struct rig *r, const void *code, size_t size, struct process_exit *x)
{
	struct stub_regs *g = process_regs(r->space);

	memcpy(r->ram + 4096, code, size);
	g->rip = CODE;
	g->rsp = DATA + 4096;
	g->rflags = 0x202;
	rig_go(r, x);
}

void *rig_kick_often(void *rig)
{
	struct rig *r = rig;

	while (r->ram[RIG_STOP] != 1) {
		struct timespec ts = {0, 20000};

		process_kick(r->runner);
		nanosleep(&ts, NULL);
	}
	return NULL;
}
