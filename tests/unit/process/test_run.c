/* SPDX-License-Identifier: Apache-2.0
 * User code runs until it traps, and its registers are what it left.
 */
#include <errno.h>
#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/process/code.h"
#include "vmm/process/process_internal.h"

#define TEST(f)		 cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
#define RUN(r, bytes, x) rig_run(r, bytes, sizeof(bytes) - 1, x)

static void a_system_call_is_trapped(void **state)
{
	struct rig *r = *state;
	struct stub_regs *g = process_regs(r->space);
	struct process_exit x;

	*g = (struct stub_regs){
		.rdi = 1, .rsi = 2, .rdx = 3, .r10 = 4, .r8 = 5, .r9 = 6, .rbp = 7, .r15 = 8};
	RUN(r, "\xb8\x27\x00\x00\x00\x0f\x05", &x); /* mov $39,%eax; syscall */
	assert_int_equal(x.kind, PROCESS_SIGNAL);
	assert_int_equal(x.signo, SIGSYS);
	assert_int_equal(x.arch, AUDIT_ARCH_X86_64);
	assert_int_equal(g->rax, 39);
	assert_int_equal(g->rip, CODE + 7);
	assert_int_equal(g->rcx, CODE + 7);
	assert_int_equal(g->rdi + g->rsi + g->rdx + g->r10 + g->r8 + g->r9 + g->rbp + g->r15, 36);
	assert_int_equal(g->rsp, DATA + 4096);
}

static void user_code_goes_on_with_the_result(void **state)
{
	struct rig *r = *state;
	struct stub_regs *g = process_regs(r->space);
	struct process_exit x;

	/* syscall; mov %rax,DATA; syscall */
	RUN(r, "\x0f\x05\x48\x89\x04\x25\x00\x00\x00\x20\x0f\x05", &x);
	for (uint64_t i = 0; i < 100; i++) {
		g->rax = 0x1122334455667700 + i;
		g->rip = CODE + 2;
		rig_go(r, &x);
		assert_int_equal(x.signo, SIGSYS);
		assert_int_equal(*(uint64_t *)r->ram, 0x1122334455667700 + i);
	}
}

static void a_page_fault_tells_address_and_kind(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	RUN(r, "\xc6\x04\x25\x00\x00\x00\x30\x01", &x); /* movb $1,0x30000000 */
	assert_int_equal(x.signo, SIGSEGV);
	assert_int_equal(x.trapno, 14);
	assert_int_equal(x.addr, 0x30000000);
	assert_int_equal(x.error, 6); /* a write, by the user, to no page */
	assert_int_equal(process_regs(r->space)->rip, CODE);
}

static void other_exceptions_are_told(void **state)
{
	static const struct {
		const char *code;
		int signo;
		uint64_t trapno;
	} list[] = {
		{"\x31\xc9\x31\xd2\x89\xc8\xf7\xf1", SIGFPE, 0},		      /* div by 0 */
		{"\xcc", SIGTRAP, 3}, {"\x0f\x0b", SIGILL, 6}, {"\xf4", SIGSEGV, 13}, /* hlt */
	};
	struct rig *r = *state;
	struct process_exit x;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		rig_run(r, list[i].code, strlen(list[i].code) + 1, &x);
		assert_int_equal(x.signo, list[i].signo);
		assert_int_equal(x.trapno, list[i].trapno);
	}
}

static void vector_registers_are_kept_and_changed(void **state)
{
	struct rig *r = *state;
	uint8_t fpu[4096] = {0}, back[4096];
	struct process_exit x;
	const uint16_t fcw = 0x37f;
	const uint32_t mxcsr = 0x1f80;
	const uint64_t bv = 3;

	memcpy(fpu, &fcw, 2);
	memcpy(fpu + 24, &mxcsr, 4);
	memcpy(fpu + 512, &bv, 8);
	memset(fpu + 160 + 3 * 16, 0xa5, 16); /* xmm3 */
	process_fpu_set(r->space, fpu);
	/* movaps %xmm3,%xmm5; syscall; movaps %xmm5,%xmm6; syscall */
	RUN(r, "\x0f\x28\xeb\x0f\x05\x0f\x28\xf5\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSYS);
	rig_go(r, &x); /* nothing said: it goes on with what it had */
	process_fpu_get(r->space, back);
	assert_memory_equal(back + 160 + 5 * 16, fpu + 160 + 3 * 16, 16);
	assert_memory_equal(back + 160 + 6 * 16, fpu + 160 + 3 * 16, 16);
}

static void bases_are_set(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	process_bases_set(r->space, (struct process_bases){DATA + 0x100, DATA + 0x200});
	/* movl $1,%fs:0; movl $2,%gs:0; syscall */
	RUN(r, "\x64\xc7\x04\x25\0\0\0\0\x01\0\0\0\x65\xc7\x04\x25\0\0\0\0\x02\0\0\0\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSYS);
	assert_int_equal(r->ram[0x100], 1);
	assert_int_equal(r->ram[0x200], 2);
}

static void *kick_later(void *runner)
{
	usleep(20000);
	process_kick(runner);
	return NULL;
}

static void a_kick_ends_a_loop(void **state)
{
	struct rig *r = *state;
	struct process_exit x;
	pthread_t t;

	for (int i = 0; i < 5; i++) {
		pthread_create(&t, NULL, kick_later, r->runner);
		RUN(r, "\xeb\xfe", &x); /* jmp . */
		pthread_join(t, NULL);
		assert_int_equal(x.kind, PROCESS_KICK);
		assert_int_equal(process_regs(r->space)->rip, CODE);
	}
}

static void a_kick_before_the_run_is_not_lost(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	process_kick(r->runner);
	memcpy(r->ram + 4096, "\xeb\xfe", 2);
	process_regs(r->space)->rip = CODE;
	process_run(r->space, &x);
	assert_int_equal(x.kind, PROCESS_NOT_RUN);
}

/* The stub serves the next turn without having left: on no more stack than for the first. */
static void kicks_before_the_program_runs_use_up_no_stack(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	memcpy(r->ram + 4096, "\x0f\x05", 2);
	process_regs(r->space)->rip = CODE;
	for (int i = 0; i < 5000; i++) {
		r->space->ctx->kicked = 1; /* as the stub's handler sets it */
		process_run(r->space, &x);
		assert_int_equal(x.kind, PROCESS_NOT_RUN);
	}
	process_run(r->space, &x);
	assert_int_equal(x.kind, PROCESS_SIGNAL);
}

/* Kicks at all moments, while the program counts: none is lost, no register is. */
static void kicks_leave_registers_alone(void **state)
{
	struct rig *r = *state;
	struct stub_regs *g = process_regs(r->space);
	struct process_exit x;
	pthread_t t;
	uint64_t calls = 0;

	g->rbx = 0;
	memcpy(r->ram + 4096, "\x48\xff\xc3\x0f\x05\xeb\xf9", 7); /* inc %rbx; syscall; jmp back */
	g->rip = CODE;
	g->rsp = DATA + 4096;
	g->rflags = 0x202;
	pthread_create(&t, NULL, rig_kick_often, r);
	while (calls < 20000) {
		process_run(r->space, &x);
		assert_int_not_equal(x.kind, PROCESS_DIED);
		if (x.kind == PROCESS_SIGNAL) {
			assert_int_equal(x.signo, SIGSYS);
			assert_int_equal(g->rbx, ++calls);
		}
	}
	r->ram[RIG_STOP] = 1;
	pthread_join(t, NULL);
}

static void memory_is_mapped_protected_and_unmapped(void **state)
{
	struct rig *r = *state;
	const struct stub_op map = {STUB_OP_MAP, PROT_READ, 0x30000000, 8192, STUB_FD_RAM, 0, 8192};
	const struct stub_op protect = {
		STUB_OP_PROTECT, PROT_READ | PROT_WRITE, 0x30000000, 4096, 0, 0, 0};
	const struct stub_op unmap = {STUB_OP_UNMAP, 0, 0x30000000, 8192, 0, 0, 0};
	static const char store[] = "\xc6\x04\x25\x00\x00\x00\x30\x07\x0f\x05"; /* movb; syscall */
	struct process_exit x;

	process_space_op(r->space, &map);
	RUN(r, store, &x);
	assert_int_equal(x.error & 6, 6); /* a write by the user */
	assert_int_equal(x.code, SEGV_ACCERR);
	process_space_op(r->space, &protect);
	rig_go(r, &x);
	assert_int_equal(x.signo, SIGSYS);
	assert_int_equal(r->ram[8192], 7);
	process_space_op(r->space, &unmap);
	RUN(r, store, &x);
	assert_int_equal(x.code, SEGV_MAPERR);
}

static void an_operation_that_fails_is_told(void **state)
{
	struct rig *r = *state;
	const struct stub_op bad = {STUB_OP_PROTECT, PROT_READ, 0x30000000, 4096, 0, 0, 0};
	struct process_exit x;

	process_space_op(r->space, &bad);
	RUN(r, "\x0f\x05", &x);
	assert_int_equal(x.kind, PROCESS_OP_FAILED);
	assert_int_equal((int64_t)x.error, -ENOMEM);
	assert_int_equal(x.op.addr, bad.addr);
	rig_go(r, &x);
	assert_int_equal(x.signo, SIGSYS);
}

static void more_operations_than_fit_are_done(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	for (uint64_t i = 0; i < 3 * STUB_OPS; i++) {
		const struct stub_op map = {
			STUB_OP_MAP, PROT_READ, 0x30000000 + i * 8192, 4096, STUB_FD_RAM, 0, 8192};

		assert_int_equal(process_space_op(r->space, &map), 0);
	}
	RUN(r, "\x8a\x04\x25\x00\x00\x00\x30\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSYS);
}

static void spaces_are_separate_and_used_again(void **state)
{
	struct rig *r = *state;
	const struct stub_op map = {STUB_OP_MAP, PROT_READ, 0x30000000, 4096, STUB_FD_RAM, 0, 8192};
	struct process_space *first = r->space;
	struct process_stats st;
	struct process_exit x;

	process_space_op(first, &map);
	RUN(r, "\x8a\x04\x25\x00\x00\x00\x30\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSYS);
	r->space = rig_space(r);
	RUN(r, "\x8a\x04\x25\x00\x00\x00\x30\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSEGV);
	process_space_destroy(first);
	first = r->space;
	r->space = rig_space(r); /* the same process as before, with nothing left in it */
	RUN(r, "\x8a\x04\x25\x00\x00\x00\x30\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSEGV);
	process_stats(r->vm, &st);
	assert_int_equal(st.spawned, 2);
	process_space_destroy(first);
}

static void a_space_that_is_killed_is_noticed(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	/* unmaps the stub, by the stub's own right to munmap: mov $11,%eax; and so on is its
	 * business; here the whole of the text is asked to go by an operation */
	const struct stub_op suicide = {STUB_OP_UNMAP, 0, CODE, STUB_END - CODE, 0, 0, 0};

	process_space_op(r->space, &suicide);
	process_run(r->space, &x);
	assert_int_equal(x.kind, PROCESS_DIED);
	process_space_destroy(r->space);
	r->space = rig_space(r);
	RUN(r, "\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSYS);
}

const struct CMUnitTest run_tests[] = {
	TEST(a_system_call_is_trapped),
	TEST(user_code_goes_on_with_the_result),
	TEST(a_page_fault_tells_address_and_kind),
	TEST(other_exceptions_are_told),
	TEST(vector_registers_are_kept_and_changed),
	TEST(bases_are_set),
	TEST(a_kick_ends_a_loop),
	TEST(a_kick_before_the_run_is_not_lost),
	TEST(kicks_before_the_program_runs_use_up_no_stack),
	TEST(kicks_leave_registers_alone),
	TEST(memory_is_mapped_protected_and_unmapped),
	TEST(an_operation_that_fails_is_told),
	TEST(more_operations_than_fit_are_done),
	TEST(spaces_are_separate_and_used_again),
	TEST(a_space_that_is_killed_is_noticed),
};
const size_t run_tests_count = sizeof(run_tests) / sizeof(run_tests[0]);
