/* SPDX-License-Identifier: Apache-2.0
 * The trap engine on vCPUs that end each run as the test says: which trap the shim is told of, and
 * what the vCPU would have run. One thread plays every processor, and says which others would be in
 * user mode.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/task.h"
#include "home/host/trap_internal.h"
#include "mm/mm.h"

#define RAM_SIZE (1u << 20)
#define USER_RIP 0x401000u
#define USER_RSP 0x7ffe0000u
#define PGD	 0x80000u
#define MSEC	 1000000ull
#define NCPUS	 2
#define STACK(n) trap_stack(RAM_SIZE, n)

struct vcpu {
	struct vm_gprs g;
	struct vm_sregs s;
	volatile sig_atomic_t kicked;
	u8 fpu; /* stands for its FPU state */
};

static struct vcpu vcpus[NCPUS];
static struct cpu cpus[NCPUS] = {{.id = 0}, {.id = 1}};
static u32 here;		     /* the processor that runs this */
static const struct mm *user[NCPUS]; /* what the others run in user mode */
static unsigned waited;

static struct vcpu *own(void)
{
	return &vcpus[here];
}

static _Alignas(4096) u8 ram[RAM_SIZE];
static struct mm mm = {.pgd = PGD};
static struct task task;
static u8 fpu[2][512];
static u8 user_code[2];
static unsigned forgotten, runs;
/* Ends the next runs, one after the other; without more the vCPU waits for a kick. */
static void (*const *script)(struct vm_exit *x);
static u64 entered_at; /* rip of the last run */

/* -- what the engine needs of the shim -- */

static u64 now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * NSEC_PER_SEC + (u64)t.tv_nsec;
}

u8 *plat_physmap = ram;

void plat_panic(const char *why)
{
	fail_msg("panic: %s", why);
	abort();
}

/* Behind the host's, as an extrapolated clock may be. */
u64 clock_mono_ns(void)
{
	return now_ns() - MSEC;
}

struct cpu *plat_cpu(void)
{
	return &cpus[here];
}

void host_user_begin(struct mm *m)
{
	user[here] = m;
}

void host_user_end(void)
{
	user[here] = NULL;
}

bool host_user_runs(u32 cpu, const struct mm *m)
{
	return cpu != here && user[cpu] && (!m || user[cpu] == m);
}

void host_user_wait(u32 cpu)
{
	assert_true(vcpus[cpu].kicked);
	vcpus[cpu].kicked = 0;
	user[cpu] = NULL;
	waited++;
}

bool plat_events_pending(void)
{
	return false;
}

int copy_from_mm(struct mm *m, void *dst, u64 uaddr, size_t n)
{
	if (m != &mm || uaddr != USER_RIP || n > sizeof(user_code))
		return -1;
	memcpy(dst, user_code, n);
	return 0;
}

/* One page table for everything. */
u64 *pgtable_entry(u64 pgd, u64 va, bool make)
{
	return (u64 *)(ram + PGD + 4096) + (va >> 12) % 512;
}

/* -- the backend -- */

static void wait_for_kick(struct vm_exit *x)
{
	for (int ms = 0; ms < 2000 && !own()->kicked; ms++)
		nanosleep(&(struct timespec){.tv_nsec = MSEC}, NULL);
	if (!own()->kicked)
		fail_msg("no kick");
	own()->kicked = 0;
	x->reason = VM_EXIT_INTR;
}

static int fake_run(struct vcpu *v, struct vm_exit *x)
{
	runs++;
	entered_at = v->g.rip;
	if (script && *script)
		(*script++)(x);
	else
		wait_for_kick(x);
	return 0;
}

static void fake_kick(struct vcpu *v)
{
	v->kicked = 1;
}

static struct vm_gprs *fake_gprs(struct vcpu *v)
{
	return &v->g;
}

static void fake_dirty(struct vcpu *v)
{
}

static int fake_get_sregs(struct vcpu *v, struct vm_sregs *s)
{
	*s = v->s;
	return 0;
}

static int fake_set_sregs(struct vcpu *v, const struct vm_sregs *s)
{
	v->s = *s;
	return 0;
}

static int fake_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	return 0;
}

static int fake_get_fpu(struct vcpu *v, void *buf, size_t size)
{
	*(u8 *)buf = v->fpu;
	return 0;
}

static int fake_set_fpu(struct vcpu *v, const void *buf, size_t size)
{
	v->fpu = *(const u8 *)buf;
	return 0;
}

static int fake_forget(struct vm *vm)
{
	forgotten++;
	return 0;
}

static const struct vm_ops fake_ops = {
	.name = "fake",
	.vcpu_run = fake_run,
	.vcpu_kick = fake_kick,
	.vcpu_gprs = fake_gprs,
	.vcpu_gprs_dirty = fake_dirty,
	.vcpu_get_sregs = fake_get_sregs,
	.vcpu_set_sregs = fake_set_sregs,
	.vcpu_set_msr = fake_msr,
	.vcpu_get_fpu = fake_get_fpu,
	.vcpu_set_fpu = fake_set_fpu,
	.forget_translations = fake_forget,
};

static struct host_trap *engine_begin(bool hardware)
{
	const struct vm_caps caps = {.hardware = hardware, .xsave_size = 512};
	struct vcpu *const v[NCPUS] = {&vcpus[0], &vcpus[1]};
	struct host_trap *e;

	memset(vcpus, 0, sizeof(vcpus));
	memset(user, 0, sizeof(user));
	here = 0;
	waited = 0;
	task = (struct task){.mm = &mm, .fpu = fpu[0]};
	task.regs.rip = USER_RIP;
	task.regs.rsp = USER_RSP;
	script = NULL;
	forgotten = runs = 0;
	assert_int_equal(host_trap_create(&e, &fake_ops, NULL, v, NCPUS, &caps, ram, RAM_SIZE), 0);
	assert_int_equal(host_trap_ops.cpu_begin(e, 0), 0);
	return e;
}

static void run(struct host_trap *e, void (*const *s)(struct vm_exit *))
{
	script = s;
	host_trap_ops.run(e, &task);
}

/* -- ends of runs -- */

static void at_stub(struct vm_exit *x, u32 vector, u64 error)
{
	u64 *sp = (u64 *)(ram + STACK(here) + PAGE_SIZE);

	*--sp = USER_SS;
	*--sp = USER_RSP;
	*--sp = 0x202;
	*--sp = USER_CS;
	*--sp = USER_RIP;
	if (vector == 14)
		*--sp = error;
	own()->g.rip = TRAP_VA + TRAP_PA_STUBS + vector * TRAP_STUB_SIZE + 2;
	*x = (struct vm_exit){.reason = VM_EXIT_IO_OUT, .io = {(u16)vector, 1, 0}};
}

static void page_fault(struct vm_exit *x)
{
	own()->s.cr2 = 0x1234;
	at_stub(x, 14, 6);
}

static void undefined(struct vm_exit *x)
{
	at_stub(x, 6, 0);
}

static void kicked_in_stub(struct vm_exit *x)
{
	own()->g.rip = TRAP_VA + TRAP_PA_STUBS + 14 * TRAP_STUB_SIZE;
	x->reason = VM_EXIT_INTR;
}

static void kicked_in_iretq(struct vm_exit *x)
{
	own()->g.rip = TRAP_VA + TRAP_PA_IRETQ;
	x->reason = VM_EXIT_INTR;
}

static void kicked_in_sync(struct vm_exit *x)
{
	own()->g.rip = TRAP_VA + TRAP_PA_SYNC + 2;
	x->reason = VM_EXIT_INTR;
}

static void synced(struct vm_exit *x)
{
	*x = (struct vm_exit){.reason = VM_EXIT_IO_OUT, .io = {TRAP_PORT_SYNCED, 1, 0}};
}

static void kicked_in_sync_now(struct vm_exit *x)
{
	own()->g.rip = TRAP_VA + TRAP_PA_SYNC_NOW + 2;
	x->reason = VM_EXIT_INTR;
}

static void system_call(struct vm_exit *x)
{
	own()->g.rip = TRAP_VA + TRAP_PA_LSTAR + 2;
	own()->g.rcx = USER_RIP;
	*x = (struct vm_exit){.reason = VM_EXIT_IO_OUT, .io = {TRAP_PORT_SYSCALL, 1, 0}};
}

typedef void (*const ends[])(struct vm_exit *);

/* -- tests -- */

/* The shim's clock may be behind the host's: then it wants the kick that it has just had. */
static void test_kick_asked_for_again(void **state)
{
	struct host_trap *e = engine_begin(false);
	u64 when = now_ns() + 5 * MSEC;

	for (int i = 0; i < 3; i++) {
		host_trap_ops.set_kick(e, when);
		run(e, NULL);
		assert_int_equal(task.trap.kind, TRAP_KICK);
		assert_true(now_ns() >= when);
	}
	host_trap_destroy(e);
}

/* An earlier kick serves; a later one is set when the earlier has come. */
static void test_kick_moved(void **state)
{
	struct host_trap *e = engine_begin(false);
	u64 first = now_ns() + 5 * MSEC, second = first + 20 * MSEC;

	host_trap_ops.set_kick(e, second);
	host_trap_ops.set_kick(e, first);
	host_trap_ops.set_kick(e, second);
	run(e, NULL);
	assert_int_equal(task.trap.kind, TRAP_KICK);
	host_trap_ops.set_kick(e, second);
	run(e, NULL);
	assert_true(now_ns() >= second);
	host_trap_destroy(e);
}

static void test_kick_behind_a_trap(void **state)
{
	struct host_trap *e = engine_begin(false);

	run(e, (ends){kicked_in_stub, page_fault, NULL});
	assert_int_equal(task.trap.kind, TRAP_FAULT);
	assert_int_equal(task.trap.vector, 14);
	assert_int_equal(task.trap.error, 6);
	assert_int_equal(task.trap.addr, 0x1234);
	run(e, NULL);
	assert_int_equal(task.trap.kind, TRAP_KICK);
	assert_int_equal(runs, 2); /* without a run */
	host_trap_destroy(e);
}

static void test_kick_before_the_program(void **state)
{
	struct host_trap *e = engine_begin(false);

	run(e, (ends){page_fault, NULL});
	run(e, (ends){kicked_in_iretq, NULL});
	assert_int_equal(entered_at, TRAP_VA + TRAP_PA_IRETQ);
	assert_int_equal(task.trap.kind, TRAP_KICK);
	assert_int_equal(task.regs.rip, USER_RIP);
	assert_int_equal(task.regs.rsp, USER_RSP);
	host_trap_destroy(e);
}

static void test_int_n(void **state)
{
	struct host_trap *e = engine_begin(false);

	memcpy(user_code, "\xcd\x33", 2);
	run(e, (ends){undefined, NULL});
	assert_int_equal(task.trap.vector, 13);
	assert_int_equal(task.trap.error, 0x33 * 8 + 2);
	memcpy(user_code, "\x0f\x0b", 2);
	run(e, (ends){undefined, NULL});
	assert_int_equal(task.trap.vector, 6);
	host_trap_destroy(e);
	e = engine_begin(true); /* a processor means what it says */
	memcpy(user_code, "\xcd\x33", 2);
	run(e, (ends){undefined, NULL});
	assert_int_equal(task.trap.vector, 6);
	host_trap_destroy(e);
}

/* Entries that the shim changed are written by ring 0 before the program runs, once. */
static void test_sync(void **state)
{
	struct host_trap *e = engine_begin(false);
	const u64 *list = (const u64 *)(ram + STACK(0)), pt = PGD + 4096;

	host_trap_ops.tlb_flush(e, &mm, 0x5000, 2);
	run(e, (ends){kicked_in_sync, NULL});
	assert_int_equal(task.trap.kind, TRAP_KICK);
	run(e, (ends){system_call, NULL});
	assert_int_equal(entered_at, TRAP_VA + TRAP_PA_SYNC);
	assert_int_equal(list[0], TRAP_MAP_VA + pt + 5 * 8);
	assert_int_equal(list[1], TRAP_MAP_VA + pt + 6 * 8);
	assert_int_equal(task.trap.kind, TRAP_SYSCALL);
	run(e, (ends){system_call, NULL});
	assert_int_equal(entered_at, USER_RIP);
	assert_int_equal(forgotten, 0);
	host_trap_ops.tlb_flush(e, &mm, 0x5000, TRAP_SYNC_MAX + 1);
	run(e, (ends){system_call, NULL});
	assert_int_equal(entered_at, USER_RIP);
	assert_int_equal(forgotten, 1);
	host_trap_destroy(e);
}

/* What one processor's ring 0 has written, no other need write; what it was only given, it must. */
static void test_sync_by_another(void **state)
{
	struct host_trap *e = engine_begin(false);
	const u64 *list = (const u64 *)(ram + STACK(1)), pt = PGD + 4096;

	host_trap_ops.tlb_flush(e, &mm, 0x5000, 1);
	run(e, (ends){kicked_in_sync, NULL});
	here = 1;
	run(e, (ends){system_call, NULL});
	assert_int_equal(entered_at, TRAP_VA + TRAP_PA_SYNC);
	assert_int_equal(list[0], TRAP_MAP_VA + pt + 5 * 8);
	assert_int_equal(vcpus[1].s.tr, TRAP_TSS_SEL + 16);
	here = 0;
	run(e, (ends){system_call, NULL});
	assert_int_not_equal(entered_at, TRAP_VA + TRAP_PA_SYNC);
	host_trap_destroy(e);
}

/* Not later, when another processor could see the old entries. */
static void test_sync_at_once(void **state)
{
	static struct mm other = {.pgd = PGD};
	struct host_trap *e = engine_begin(false);
	const u64 *list = (const u64 *)(ram + STACK(0)), pt = PGD + 4096;

	user[1] = &other;
	script = (ends){synced, NULL};
	host_trap_ops.tlb_flush(e, &mm, 0x5000, 1);
	assert_int_equal(runs, 0);
	user[1] = &mm;
	host_trap_ops.tlb_flush(e, &mm, 0x6000, 1);
	assert_int_equal(runs, 1);
	assert_int_equal(entered_at, TRAP_VA + TRAP_PA_SYNC_NOW);
	assert_int_equal(vcpus[0].g.rcx, 2);
	assert_int_equal(list[0], TRAP_MAP_VA + pt + 5 * 8);
	assert_int_equal(list[1], TRAP_MAP_VA + pt + 6 * 8);
	assert_int_equal(vcpus[0].s.cs, TRAP_KERNEL_CS);
	run(e, (ends){system_call, NULL});
	assert_int_not_equal(entered_at, TRAP_VA + TRAP_PA_SYNC);
	script = (ends){kicked_in_sync_now, synced, NULL};
	host_trap_ops.tlb_flush(e, &mm, 0x5000, 1);
	run(e, NULL);
	assert_int_equal(task.trap.kind, TRAP_KICK);
	assert_int_equal(waited, 0); /* KVM takes it out of the other's TLB */
	host_trap_ops.tlb_flush(e, &mm, 0x5000, TRAP_SYNC_MAX + 1);
	assert_int_equal(forgotten, 1);
	host_trap_destroy(e);
}

/* A freed table may be any address space's next. */
static void test_tables_freed(void **state)
{
	static struct mm other = {.pgd = 2 * PGD};
	struct host_trap *e = engine_begin(false);

	host_trap_ops.tables_freed(e, &mm);
	assert_int_equal(forgotten, 0);
	run(e, (ends){system_call, NULL});
	assert_int_equal(forgotten, 1);
	user[1] = &other;
	host_trap_ops.tables_freed(e, &mm);
	assert_int_equal(forgotten, 2);
	run(e, (ends){system_call, NULL});
	assert_int_equal(forgotten, 2);
	host_trap_destroy(e);
}

/* With hardware for page tables each processor reloads CR3 for itself. */
static void test_flush(void **state)
{
	struct host_trap *e = engine_begin(true);

	run(e, (ends){page_fault, NULL});
	here = 1;
	run(e, (ends){page_fault, NULL});
	here = 0;
	host_trap_ops.tlb_flush(e, &mm, 0x5000, 1);
	assert_int_equal(waited, 0);
	user[1] = &mm;
	host_trap_ops.tlb_flush(e, &mm, 0x5000, 1);
	assert_int_equal(waited, 1);
	for (u32 i = 0; i < NCPUS; i++) {
		here = i;
		run(e, (ends){page_fault, NULL});
		assert_int_equal(entered_at, TRAP_VA + TRAP_PA_FLUSH);
		run(e, (ends){page_fault, NULL});
		assert_int_equal(entered_at, TRAP_VA + TRAP_PA_IRETQ);
	}
	host_trap_destroy(e);
}

/* A task's FPU state follows it to another processor. */
static void test_fpu_moves(void **state)
{
	struct host_trap *e = engine_begin(false);
	struct task second = {.mm = &mm, .fpu = fpu[1]};

	fpu[0][0] = 1;
	run(e, (ends){system_call, NULL});
	assert_int_equal(vcpus[0].fpu, 1);
	vcpus[0].fpu = 2; /* the program changed it */
	here = 1;
	run(e, (ends){system_call, NULL});
	assert_int_equal(vcpus[1].fpu, 2);
	vcpus[1].fpu = 3;
	second.regs = task.regs;
	fpu[1][0] = 9;
	script = (ends){system_call, NULL};
	host_trap_ops.run(e, &second);
	assert_int_equal(vcpus[1].fpu, 9);
	assert_int_equal(fpu[0][0], 3);
	host_trap_destroy(e);
}

static void test_kick_another(void **state)
{
	struct host_trap *e = engine_begin(false);

	host_trap_ops.kick(e, 1);
	assert_true(vcpus[1].kicked);
	assert_false(vcpus[0].kicked);
	host_trap_kick(e);
	assert_true(vcpus[0].kicked);
	host_trap_destroy(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kick_asked_for_again),
		cmocka_unit_test(test_kick_moved),
		cmocka_unit_test(test_kick_behind_a_trap),
		cmocka_unit_test(test_kick_before_the_program),
		cmocka_unit_test(test_int_n),
		cmocka_unit_test(test_sync),
		cmocka_unit_test(test_sync_by_another),
		cmocka_unit_test(test_sync_at_once),
		cmocka_unit_test(test_tables_freed),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_fpu_moves),
		cmocka_unit_test(test_kick_another),
	};

	return cmocka_run_group_tests_name("trap engine", tests, NULL, NULL);
}
