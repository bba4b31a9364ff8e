/* SPDX-License-Identifier: Apache-2.0
 * Patched system calls: which places can be, and what runs in their stead.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/process/code.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

/* -- forms -- */

#define RET 0x401009ull /* not far below a multiple of 16 */

static const struct form {
	const char *what;
	uint64_t ret;
	uint32_t nr;
	uint8_t code[PROCESS_LOOK_BEFORE + PROCESS_LOOK_AFTER];
	struct process_patch want; /* ret 0: cannot be patched */
} forms[] = {
	{"the number is moved", RET, 39, {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x90},
		{.at = RET - 7, .ret = RET, .nr = 39, .has_nr = true}},
	{"another number is moved", RET, 40, {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x90}, {0}},
	{"cmp imm32,rax", RET, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0x48, 0x3d, 1, 0xf0, 0xff, 0xff, 0x73},
		{.at = RET - 2,
			.ret = RET,
			.nr = 1,
			.tail = {0x48, 0x3d, 1, 0xf0, 0xff, 0xff},
			.tail_len = 6,
			.next = RET + 6}},
	{"cmp imm32,eax", RET, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0x3d, 0, 0xf0, 0xff, 0xff, 0x77, 5},
		{.at = RET - 2,
			.ret = RET,
			.nr = 1,
			.tail = {0x3d, 0, 0xf0, 0xff, 0xff},
			.tail_len = 5,
			.next = RET + 5}},
	{"jmp back", RET, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0xe9, 0xf0, 0xff, 0xff, 0xff, 0x90},
		{.at = RET - 2, .ret = RET, .nr = 1, .next = RET + 5 - 16}},
	{"ret before filled-up text", RET, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x44, 0, 0, 0x55},
		{.at = RET - 2,
			.ret = RET,
			.nr = 1,
			.tail = {0xc3},
			.tail_len = 1,
			.next = RET + 1}},
	{"ret with long nops", RET, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0},
		{.at = RET - 2,
			.ret = RET,
			.nr = 1,
			.tail = {0xc3},
			.tail_len = 1,
			.next = RET + 1}},
	{"ret before other text", RET, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x55, 0x48, 0x89, 0xe5, 0x90},
		{0}},
	{"ret, but the next function begins within", RET + 3, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x44, 0, 0, 0x55},
		{0}},
	{"ret, and the next function begins at once", RET + 6, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0xc3, 0x0f, 0x1f, 0x44, 0, 0, 0x55},
		{0}},
	{"something else", RET, 1,
		{0x90, 0x90, 0x90, 0x31, 0xc0, 0x0f, 0x05, 0x48, 0x89, 0xc7, 0xe8, 1, 2, 3}, {0}},
	{"no syscall", RET, 39, {0xb8, 39, 0, 0, 0, 0x0f, 0x34, 0x48, 0x3d, 0, 0xf0, 0xff}, {0}},
};

static void forms_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *f = &forms[i];
		struct process_patch got = {0};

		print_message("%s\n", f->what);
		assert_int_equal(
			process_patch_form(f->code, f->ret, f->nr, &got), f->want.ret != 0);
		if (!f->want.ret)
			continue;
		assert_int_equal(got.at, f->want.at);
		assert_int_equal(got.ret, f->want.ret);
		assert_int_equal(got.nr, f->want.nr);
		assert_int_equal(got.has_nr, f->want.has_nr);
		assert_int_equal(got.tail_len, f->want.tail_len);
		assert_memory_equal(got.tail, f->want.tail, sizeof(got.tail));
		assert_int_equal(got.next, f->want.next);
	}
}

/* -- in a process -- */

/* mov $39,%eax; syscall, patched; then a real syscall, so that there is an end. */
static void put_patched(struct rig *r, uint32_t index)
{
	uint8_t code[] = "\0\0\0\0\0\0\0\x0f\x05";
	struct stub_regs *g = process_regs(r->space);

	process_patch_bytes(index, code);
	process_patch_set(r->space, index,
		&(struct process_patch){
			.at = CODE, .ret = CODE + PROCESS_PATCH_LEN, .nr = 39, .has_nr = true});
	memcpy(r->ram + 4096, code, sizeof(code));
	g->rip = CODE;
	g->rsp = DATA + 4096;
	g->rflags = 0x202;
}

static void a_patched_call_comes_without_a_signal(void **state)
{
	struct rig *r = *state;
	struct stub_regs *g = process_regs(r->space);
	struct process_exit x;

	*g = (struct stub_regs){.rdi = 1, .rsi = 2, .rdx = 3, .r10 = 4, .r8 = 5, .r9 = 6};
	memset(r->ram, 0xaa, 4096);
	put_patched(r, STUB_PATCHES - 1);
	g->rbp = 7;
	g->rbx = 8;
	g->r12 = 9;
	g->r13 = 10;
	g->r14 = 11;
	g->r15 = 12;
	rig_go(r, &x);
	assert_int_equal(x.kind, PROCESS_CALL);
	assert_int_equal(g->rax, 39);
	assert_int_equal(g->rip, CODE + PROCESS_PATCH_LEN);
	assert_int_equal(g->rcx, g->rip);
	assert_int_equal(g->r11, g->rflags);
	assert_int_equal(g->rdi + g->rsi + g->rdx + g->r10 + g->r8 + g->r9, 21);
	assert_int_equal(g->rbp + g->rbx + g->r12 + g->r13 + g->r14 + g->r15, 57);
	assert_int_equal(g->rsp, DATA + 4096);
	assert_int_equal(r->ram[4095], 0xaa); /* the red zone is the program's */
	rig_go(r, &x);
	assert_int_equal(x.signo, SIGSYS);
}

#define XMM7	  (160 + 7 * 16) /* in an XSAVE area */
#define XMM7_BYTE 0x5a

static void set_xmm7(struct rig *r)
{
	uint8_t fpu[4096] = {0};
	const uint32_t mxcsr = 0x1f80;
	const uint64_t bv = 3;

	memcpy(fpu + 24, &mxcsr, 4);
	memcpy(fpu + 512, &bv, 8);
	memset(fpu + XMM7, XMM7_BYTE, 16);
	process_fpu_set(r->space, fpu);
}

static void assert_xmm7(struct rig *r)
{
	uint8_t fpu[4096];

	process_fpu_get(r->space, fpu);
	for (int i = 0; i < 16; i++)
		assert_int_equal(fpu[XMM7 + i], XMM7_BYTE);
}

static void vector_registers_live_through_a_patched_call(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	set_xmm7(r);
	put_patched(r, 0);
	rig_go(r, &x);
	assert_int_equal(x.kind, PROCESS_CALL);
	assert_xmm7(r);
	rig_go(r, &x);
	assert_xmm7(r);
}

/* Another thread of the program runs next, and new mappings were queued for it: the state is
 * brought before them, and a failure of theirs is not lost. */
static void bringing_the_state_leaves_the_queue_alone(void **state)
{
	const struct stub_op bad = {STUB_OP_PROTECT, PROT_READ, 0x30000000, 4096, 0, 0, 0};
	struct rig *r = *state;
	struct process_exit x;

	set_xmm7(r);
	put_patched(r, 0);
	rig_go(r, &x);
	assert_int_equal(x.kind, PROCESS_CALL);
	process_space_op(r->space, &bad);
	assert_xmm7(r);
	rig_go(r, &x);
	assert_int_equal(x.kind, PROCESS_OP_FAILED);
	assert_int_equal(x.op.addr, bad.addr);
}

static void a_jump_to_where_the_syscall_was_is_sigill(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	put_patched(r, 5);
	process_regs(r->space)->rip = CODE + 5;
	rig_go(r, &x);
	assert_int_equal(x.signo, SIGILL);
	assert_int_equal(process_regs(r->space)->rip, CODE + 5);
}

static void a_step_over_a_patched_call_stops_at_its_code(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	put_patched(r, 5);
	process_regs(r->space)->rflags |= 0x100;
	rig_go(r, &x);
	assert_int_equal(x.signo, SIGTRAP);
	assert_int_equal(process_regs(r->space)->rip, process_patch_address(5));
}

/* syscall; cmp $-4096,%rax; the first seven bytes patched; then a real syscall. */
static void put_compared(struct rig *r, uint32_t index)
{
	uint8_t code[] = "\x0f\x05\x48\x3d\x00\xf0\xff\xff\x0f\x05";
	struct process_patch p = {.at = CODE, .ret = CODE + 2, .tail_len = 6, .next = CODE + 8};
	struct stub_regs *g = process_regs(r->space);

	memcpy(p.tail, code + 2, 6);
	process_patch_set(r->space, index, &p);
	process_patch_bytes(index, code);
	memcpy(r->ram + 4096, code, sizeof(code));
	g->rip = CODE;
	g->rsp = DATA + 4096;
	g->rflags = 0x202;
}

static void what_followed_is_done_elsewhere(void **state)
{
	struct rig *r = *state;
	struct stub_regs *g = process_regs(r->space);
	struct process_exit x;

	for (int64_t result = -4097; result <= -4095; result++) {
		put_compared(r, 7);
		g->rax = 39;
		rig_go(r, &x);
		assert_int_equal(x.kind, PROCESS_CALL);
		assert_int_equal(g->rax, 39);
		assert_int_equal(g->rip, CODE + 2);
		assert_int_equal(g->rcx, CODE + 2);
		g->rax = (uint64_t)result;
		g->rip = process_patch_tail(7);
		rig_go(r, &x);
		assert_int_equal(x.signo, SIGSYS);
		assert_int_equal(g->rip, CODE + 10);
		assert_int_equal(g->rflags & 0x41, result < -4096 ? 1 : result == -4096 ? 0x40 : 0);
	}
}

/* Each of them has bytes of its own. */
static void a_jump_into_any_replacement_is_sigill(void **state)
{
	struct rig *r = *state;
	struct stub_regs *g = process_regs(r->space);
	struct process_exit x;

	for (uint32_t index = 0; index < STUB_PATCHES; index++) {
		for (uint64_t off = 2; off <= 5; off += off == 2 ? 1 : 2) {
			put_compared(r, index);
			g->rip = CODE + off;
			g->rax = 0x1122334455667788;
			rig_go(r, &x);
			assert_int_equal(x.kind, PROCESS_SIGNAL);
			assert_int_equal(x.signo, SIGILL);
			assert_int_equal(g->rip, CODE + off);
			assert_int_equal(g->rax, 0x1122334455667788);
		}
	}
}

/* The second piece is the program: a kick there ends the run at once, and nothing is done twice. */
static void kicks_in_what_followed_are_not_kept_back(void **state)
{
	struct process_patch p = {.at = CODE + 32, .ret = CODE + 34, .tail_len = 3};
	struct rig *r = *state;
	struct stub_regs *g = process_regs(r->space);
	struct process_exit x;
	uint64_t kicks = 0;
	pthread_t t;

	p.next = process_patch_tail(3); /* a loop of nothing but the piece: inc %rbx; jmp */
	memcpy(p.tail, "\x48\xff\xc3", 3);
	process_patch_set(r->space, 3, &p);
	g->rbx = 0;
	g->rip = p.next;
	g->rsp = DATA + 4096;
	g->rflags = 0x202;
	r->ram[RIG_STOP] = 0;
	pthread_create(&t, NULL, rig_kick_often, r);
	for (int i = 0; i < 200; i++) {
		process_run(r->space, &x);
		assert_true(x.kind == PROCESS_KICK || x.kind == PROCESS_NOT_RUN);
		kicks += x.kind == PROCESS_KICK;
	}
	r->ram[RIG_STOP] = 1;
	pthread_join(t, NULL);
	assert_true(kicks > 0);
	assert_true(g->rbx > 0);
}

const struct CMUnitTest patch_tests[] = {
	cmocka_unit_test(forms_are_told_apart),
	TEST(a_patched_call_comes_without_a_signal),
	TEST(vector_registers_live_through_a_patched_call),
	TEST(bringing_the_state_leaves_the_queue_alone),
	TEST(a_jump_to_where_the_syscall_was_is_sigill),
	TEST(a_step_over_a_patched_call_stops_at_its_code),
	TEST(what_followed_is_done_elsewhere),
	TEST(a_jump_into_any_replacement_is_sigill),
	TEST(kicks_in_what_followed_are_not_kept_back),
};
const size_t patch_tests_count = sizeof(patch_tests) / sizeof(patch_tests[0]);
