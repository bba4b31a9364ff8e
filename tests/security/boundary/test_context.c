/* SPDX-License-Identifier: Apache-2.0
 * What the launcher reads from a context is the program's word. None of it may make the launcher
 * crash, wait for ever, touch another context, or say what cannot be.
 */
#include <errno.h>
#include <pthread.h>
#include <sanitizer/asan_interface.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/security/boundary/boundary.h"
#include "tests/security/boundary/hostile.h"
#include "vmm/process/process_internal.h"

/* Of all contexts the launcher may touch that of the space only: AddressSanitizer watches. */
static void guard(struct rig *r)
{
	size_t size = STUB_FILE_CTX + (size_t)SPACES_MAX * STUB_SLOT_SIZE;

	ASAN_POISON_MEMORY_REGION(r->vm->control, size);
	ASAN_UNPOISON_MEMORY_REGION(r->space->ctx, STUB_CTX_SIZE);
}

static void unguard(struct rig *r)
{
	ASAN_UNPOISON_MEMORY_REGION(
		r->vm->control, STUB_FILE_CTX + (size_t)SPACES_MAX * STUB_SLOT_SIZE);
}

static void replace(struct rig *r)
{
	unguard(r);
	process_space_destroy(r->space);
	r->space = rig_space(r);
	guard(r);
}

static int setup(void **state)
{
	int ret = rig_setup(state);

	guard(*state);
	return ret;
}

static int teardown(void **state)
{
	unguard(*state);
	return rig_teardown(state);
}

/* -- forged events, one at a time -- */

static struct stub_event *next_event(struct rig *r)
{
	return (struct stub_event *)r->ram; /* DATA: hostile.S */
}

static void forge(struct rig *r, const struct stub_event *ev, struct process_exit *x)
{
	*next_event(r) = *ev;
	process_run(r->space, x);
}

static void take_over(struct rig *r)
{
	const struct stub_event ev = {.kind = STUB_EV_SIGNAL,
		.signo = SIGSYS,
		.frame_fpu = STUB_CTX + STUB_CTX_SIZE - 4096};
	struct process_exit x;

	*next_event(r) = ev;
	HOSTILE_RUN(r, fake_stub, &x);
	assert_int_equal(x.kind, PROCESS_SIGNAL);
	assert_int_equal(x.signo, SIGSYS);
}

/* The FPU state is read from where the event says, if it is inside. */
static void a_frame_must_lie_in_the_context(void **state)
{
	struct rig *r = *state;
	uint64_t last = STUB_CTX + STUB_CTX_SIZE - r->caps.fpu_size;
	const struct {
		uint64_t at;
		bool inside;
	} list[] = {
		{STUB_CTX, true},
		{STUB_CTX + 1, true},
		{last - 1, true},
		{last, true},
		{last + 1, false},
		{last + 64, false},
		{STUB_CTX + STUB_CTX_SIZE, false},
		{STUB_CTX + STUB_CTX_SIZE - 1, false},
		{STUB_CTX - 1, false},
		{STUB_CTX - STUB_CTX_SIZE, false},
		{0, false},
		{~0ull, false},
		{STUB_CTX + (1ull << 32), false},
		{STUB_CTX - (1ull << 32), false},
		{STUB_CTX ^ 1ull << 63, false},
		{(uint64_t)(uintptr_t)r->vm->control, false},
	};
	uint8_t fpu[4096];
	struct process_exit x;

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const struct stub_event ev = {
			.kind = STUB_EV_SIGNAL,
			.signo = SIGSEGV,
			.frame_fpu = list[i].at,
		};

		take_over(r);
		forge(r, &ev, &x);
		assert_int_equal(x.kind != PROCESS_DIED, list[i].inside);
		process_fpu_get(r->space, fpu);
		if (x.kind == PROCESS_DIED)
			replace(r);
	}
}

static void a_state_that_is_no_state_is_cleaned(void **state)
{
	const struct stub_event ev = {.kind = STUB_EV_SIGNAL, .frame_fpu = STUB_CTX + 8192};
	struct rig *r = *state;
	struct process_exit x;
	uint8_t fpu[4096];
	uint64_t bv, zero[7] = {0};
	uint32_t mxcsr;

	take_over(r);
	memset((uint8_t *)r->space->ctx + 8192, 0xff, 4096);
	forge(r, &ev, &x);
	process_fpu_get(r->space, fpu);
	memcpy(&mxcsr, fpu + 24, 4);
	memcpy(&bv, fpu + 512, 8);
	assert_int_equal(mxcsr & ~0xffffu, 0);
	assert_int_equal(bv & ~r->caps.xcr0, 0);
	assert_memory_equal(fpu + 520, zero, sizeof(zero));
}

/* After a patched call the state is asked for in a turn of its own. */
static void a_forged_call_has_no_state_of_another_place(void **state)
{
	const struct stub_event ev = {.kind = STUB_EV_CALL, .frame_fpu = ~0ull};
	struct rig *r = *state;
	struct process_exit x;
	uint8_t fpu[4096], want[16];

	memset(want, 0x77, sizeof(want));
	take_over(r);
	forge(r, &ev, &x);
	assert_int_equal(x.kind, PROCESS_CALL);
	memset(r->space->ctx->fpu, 0x77, 4096);
	process_fpu_get(r->space, fpu);
	assert_memory_equal(fpu + 160, want, sizeof(want));
	assert_int_equal(fpu[520], 0);
}

static void events_that_are_none_end_the_process(void **state)
{
	static const uint32_t kinds[] = {
		STUB_EV_DONE, STUB_EV_STUB_FAULT, STUB_EV_STUB_FAULT + 1, 0x80000000, ~0u};
	struct rig *r = *state;
	struct process_exit x;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct stub_event ev = {.kind = kinds[i], .frame_fpu = STUB_CTX};

		take_over(r);
		forge(r, &ev, &x);
		assert_int_equal(x.kind, PROCESS_DIED);
		replace(r);
	}
}

/* An operation that fails is one that the launcher had queued, whatever the event says. */
static void failed_operations_are_the_launchers_own(void **state)
{
	static const uint32_t index[] = {0, 1, STUB_OPS - 1, STUB_OPS, STUB_OPS + 1, 1u << 26, ~0u};
	const struct stub_op op = {STUB_OP_MAP, PROT_READ, 0x30000000, 4096, STUB_FD_RAM, 0, 0};
	struct rig *r = *state;
	struct process_exit x;

	take_over(r);
	for (size_t i = 0; i < sizeof(index) / sizeof(index[0]); i++) {
		const struct stub_event ev = {
			.kind = STUB_EV_OP_FAILED, .index = index[i], .value = -ENOMEM};

		process_space_op(r->space, &op);
		r->space->ctx->ops[0].addr = 0xbad000; /* what the program made of it */
		forge(r, &ev, &x);
		assert_int_equal(x.kind, PROCESS_OP_FAILED);
		if (index[i] == 0)
			assert_int_equal(x.op.addr, op.addr);
		assert_int_not_equal(x.op.addr, 0xbad000);
	}
}

/* A full queue makes a turn of its own, and its end can be forged as well. */
static void a_queue_that_overflows_believes_nothing(void **state)
{
	static const uint32_t kinds[] = {STUB_EV_CALL, STUB_EV_SIGNAL, STUB_EV_EARLY,
		STUB_EV_OP_FAILED, STUB_EV_STUB_FAULT, 77};
	const struct stub_op op = {STUB_OP_MAP, PROT_READ, 0x30000000, 4096, STUB_FD_RAM, 0, 0};
	struct rig *r = *state;

	take_over(r);
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		uint32_t refused = 0;

		*next_event(r) = (struct stub_event){
			.kind = kinds[k], .index = ~0u, .value = INT32_MIN, .frame_fpu = ~0ull};
		for (uint32_t i = 0; i < 3 * STUB_OPS; i++)
			refused += process_space_op(r->space, &op) != 0;
		assert_in_range(refused, 1, 3 * STUB_OPS);
		process_space_unmap_all(r->space);
	}
}

/* Registers and bases come as they are: any 64 bits. Selectors do not. */
static void any_registers_are_taken(void **state)
{
	const struct stub_event ev = {
		.kind = STUB_EV_SIGNAL, .signo = -1, .frame_fpu = STUB_CTX + 8192};
	struct rig *r = *state;
	struct process_exit x;

	take_over(r);
	for (uint64_t i = 0, seed = 1; i < 100; i++) {
		struct stub_regs *g = process_regs(r->space);

		*next_event(r) = ev;
		for (size_t w = 0; w < sizeof(*g) / 8; w++)
			((uint64_t *)g)[w] = random_next(&seed); /* the fake never takes them */
		process_run(r->space, &x);
		assert_int_equal(x.kind, PROCESS_SIGNAL);
		assert_int_equal(x.signo, -1);
		assert_int_equal(g->cs, 0x33);
		assert_int_equal(g->ss, 0x2b);
	}
}

/* -- garbage, while the launcher works -- */

static bool is_plausible(const struct rig *r, const struct process_exit *x)
{
	switch (x->kind) {
	case PROCESS_CALL:
		return r->space->fpu == FPU_LIVE;
	case PROCESS_SIGNAL:
	case PROCESS_KICK:
		return r->space->frame_fpu <= STUB_CTX_SIZE - r->caps.fpu_size;
	case PROCESS_NOT_RUN:
	case PROCESS_DIED:
		return true;
	case PROCESS_OP_FAILED:
		return x->op.addr == 0 || x->op.addr == CODE || x->op.addr == DATA ||
		       x->op.addr == 0x30000000 || x->op.addr == STUB_LOW_END;
	default:
		return false;
	}
}

/* One round of all that the launcher does with a space. */
static void use(struct rig *r, uint64_t *seed)
{
	const struct stub_op op = {STUB_OP_MAP, PROT_READ, 0x30000000, 4096, STUB_FD_RAM, 0, 0};
	uint8_t fpu[4096] = {0};
	struct process_exit x;

	for (uint64_t n = random_next(seed) % (STUB_OPS + 10); n; n--)
		process_space_op(r->space, &op);
	if (random_next(seed) & 1)
		process_fpu_set(r->space, fpu);
	if (!(random_next(seed) & 7))
		process_kick(r->runner);
	process_bases_set(r->space, (struct process_bases){random_next(seed), 0});
	process_regs(r->space)->rip = CODE;
	process_regs(r->space)->r8 = random_next(seed) | 1;
	process_run(r->space, &x);
	assert_true(is_plausible(r, &x));
	process_fpu_get(r->space, fpu);
	if (x.kind == PROCESS_DIED)
		replace(r);
}

#define ROUNDS_MIN 50u
#define ROUNDS_NS  1500000000u /* more rounds than that for so long */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void survive(struct rig *r, const char *code, const char *end)
{
	uint64_t seed = 1, until = now_ns() + ROUNDS_NS;
	unsigned i = 0;

	r->vm->patience = 2;
	for (; i < ROUNDS_MIN || now_ns() < until; i++) {
		memcpy(r->ram + 4096, code, (size_t)(end - code));
		use(r, &seed);
	}
	print_message("%u rounds\n", i);
}

#define SURVIVE(r, name) survive(r, hostile_##name, hostile_##name##_end)

static void a_process_that_writes_garbage_is_survived(void **state)
{
	SURVIVE(*state, writer);
}

static void garbage_between_calls_is_survived(void **state)
{
	SURVIVE(*state, calling_writer);
}

static void a_process_that_gives_the_turn_away_is_survived(void **state)
{
	SURVIVE(*state, turner);
}

/* The same from another processor, faster than a process can that is stopped now and then. */
struct vandal {
	struct rig *r;
	_Atomic(struct stub_ctx *) ctx;
	_Atomic bool stop;
};

__attribute__((no_sanitize("address", "undefined"))) static void *vandalize(void *arg)
{
	struct vandal *v = arg;
	uint64_t seed = 7;

	while (!atomic_load(&v->stop)) {
		volatile uint64_t *c = (volatile uint64_t *)(void *)atomic_load(&v->ctx);
		uint64_t r = random_next(&seed);

		if (c)
			c[r >> 54] = r & 3 ? random_next(&seed) : r >> 8 & 3;
	}
	return NULL;
}

static void a_context_that_changes_at_any_moment_is_survived(void **state)
{
	struct vandal v = {.r = *state};
	uint64_t seed = 2, until = now_ns() + ROUNDS_NS;
	unsigned i = 0;
	pthread_t t;

	v.r->vm->patience = 2;
	assert_int_equal(pthread_create(&t, NULL, vandalize, &v), 0);
	for (; i < ROUNDS_MIN || now_ns() < until; i++) {
		memcpy(v.r->ram + 4096, "\x0f\x05\xeb\xfc", 4); /* syscall; jmp back */
		atomic_store(&v.ctx, v.r->space->ctx);
		use(v.r, &seed);
		atomic_store(&v.ctx, NULL);
	}
	print_message("%u rounds\n", i);
	atomic_store(&v.stop, true);
	pthread_join(t, NULL);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

const struct CMUnitTest context_tests[] = {
	TEST(a_frame_must_lie_in_the_context),
	TEST(a_state_that_is_no_state_is_cleaned),
	TEST(a_forged_call_has_no_state_of_another_place),
	TEST(events_that_are_none_end_the_process),
	TEST(failed_operations_are_the_launchers_own),
	TEST(a_queue_that_overflows_believes_nothing),
	TEST(any_registers_are_taken),
	TEST(a_process_that_writes_garbage_is_survived),
	TEST(garbage_between_calls_is_survived),
	TEST(a_process_that_gives_the_turn_away_is_survived),
	TEST(a_context_that_changes_at_any_moment_is_survived),
};
const size_t context_tests_count = sizeof(context_tests) / sizeof(context_tests[0]);
