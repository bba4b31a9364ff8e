/* SPDX-License-Identifier: Apache-2.0
 * See harness.h. How a function is a program: its rip is an address that names the function's
 * stack ("strand"). At +0 is the instruction that it trapped with, at +2 what comes after: the
 * kernel may wind rip back to restart a call, as it does with real ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "fs/vfs.h"
#include "home/host/host_internal.h"
#include "mm/mm.h"

#define RAM_SIZE  (64u << 20)
#define FREE_FROM 0x100000u /* below: boot block, clock page */
#define BOOT_GPA  0x1000u
#define CLOCK_GPA 0x8000u

#define STRAND_VA    0x400000ull
#define STRAND_STEP  16u
#define STRAND_MAX   4096u
#define INSN	     2u /* length of `syscall` */
#define HANDLER_VA   0x500000ull
#define HANDLER_MAX  64u
#define RESTORER_VA  0x600000ull
#define SA_RESTORER_ 0x04000000ull
#define TURN_NS	     1000u /* every return to user mode takes time */
#define TURNS_MAX    2000000u
#define VEC_PAGE     14u

enum after { AFTER_EXIT, AFTER_HANDLER };

struct strand {
	struct kctx ctx, back;
	struct task *owner;
	u32 id;
	enum after after;
	bool done;
	bool retry; /* the function itself tries again what trapped */
	struct trap trap;
	u_fn fn;
	void *arg;
	u_handler handler;
	u_fn child_fn; /* what a clone that just happens runs */
	void *child_arg;
	long (*kernel_fn)(struct task *t, u64 arg);
	u64 kernel_arg;
	long kernel_result;
};

struct harness_options harness;

static u8 *ram;
static struct chan_ring *ring;
static struct strand *strands[STRAND_MAX];
static u32 nstrands;
static struct strand *running;
static u_handler handlers[HANDLER_MAX];
static u64 kick_at, turns;
static struct {
	bool exited, failed;
	s32 status;
	u32 stops;
	char log[1100];
	char why[1200];
	struct chan_event events[8];
	u32 nevents;
} host;

static struct boot_clock *boot_clock(void)
{
	return (struct boot_clock *)(ram + CLOCK_GPA);
}

static void pass_time(u64 ns)
{
	struct boot_clock *c = boot_clock();

	c->mono_ns += ns;
	c->real_ns += ns;
	c->boot_ns += ns;
	c->raw_ns += ns;
}

/* -- ending a run early -- */

static void note_failure(const char *why)
{
	if (!host.failed)
		snprintf(host.why, sizeof(host.why), "%s", why);
	host.failed = true;
	kern->ended = true;
}

/* From whatever stack: back to core_run, which sees that the kernel ended. */
static _Noreturn void leave(void)
{
	static struct kctx nowhere;

	if (!current)
		fail_msg("%s", host.why);
	plat_kctx_switch(&nowhere, &kern->cpu.sched);
	abort();
}

void u_fail(const char *file, int line, const char *fmt, ...)
{
	char text[1000], all[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "%s:%d: tid %d: %s", file, line, current ? current->tid : 0,
		text);
	note_failure(all);
	leave();
}

static __attribute__((noreturn)) void host_panic(void *arg, const char *why)
{
	char all[300];

	(void)arg;
	snprintf(all, sizeof(all), "the kernel panicked: %s", why);
	note_failure(all);
	leave();
}

/* -- the channel -- */

static s64 channel_wait(u64 deadline)
{
	u32 n = host.nevents;
	u64 now = boot_clock()->mono_ns;

	ring->events = 0;
	host.nevents = 0;
	if (n) {
		memcpy(ring->data, host.events, n * sizeof(host.events[0]));
		return (s64)(n * sizeof(host.events[0]));
	}
	if (deadline == TIME_NEVER)
		note_failure("every task sleeps and nothing is there to wake one");
	else if (deadline > now)
		pass_time(deadline - now);
	return 0;
}

static void channel(void *arg, struct chan_msg *m)
{
	(void)arg;
	m->result = 0;
	switch (m->op) {
	case CHAN_OP_EXIT:
		host.exited = true;
		host.status = (s32)m->a[0];
		break;
	case CHAN_OP_WAIT:
		m->result = channel_wait(m->a[0]);
		break;
	case CHAN_OP_LOG:
		snprintf(host.log, sizeof(host.log), "%.*s", (int)m->in_len, (char *)ring->data);
		break;
	case CHAN_OP_STOP:
		host.stops++;
		break;
	case CHAN_OP_RANDOM:
		for (u64 i = 0; i < m->a[0]; i++)
			ring->data[i] = (u8)rand();
		m->result = (s64)m->a[0];
		break;
	case CHAN_OP_DISCARD:
		memset(ram + m->a[1], 0, m->a[2]);
		break;
	default:
		if (harness.host)
			harness.host->call(m, ring->data);
		else
			m->result = m->op == CHAN_OP_FORGET ? 0 : -ENOSYS;
	}
}

u32 host_stops(void)
{
	return host.stops;
}

const char *host_log(void)
{
	return host.log;
}

void host_event(u32 kind, u32 value, u64 tag)
{
	assert_true(host.nevents < ARRAY_SIZE(host.events));
	host.events[host.nevents++] = (struct chan_event){kind, value, tag};
	ring->events = 1;
}

/* The terminal's foreground group: the first program's. */
s32 __wrap_tty_foreground_pgrp(struct tty *t);
s32 __wrap_tty_foreground_pgrp(struct tty *t)
{
	(void)t;
	return kern->init ? kern->init->pgrp : 0;
}

/* -- strands -- */

static u64 strand_va(const struct strand *s)
{
	return STRAND_VA + (u64)s->id * STRAND_STEP;
}

static void strand_main(void *arg)
{
	struct strand *s = arg;

	if (s->after == AFTER_HANDLER) {
		struct user_regs *r = &s->owner->regs;

		s->handler((s32)r->rdi, r->rsi, r->rdx);
	} else {
		s->fn(s->arg);
	}
	s->done = true;
	plat_kctx_switch(&s->ctx, &s->back);
	abort();
}

static struct strand *strand_new(struct task *owner, u_fn fn, void *arg)
{
	struct strand *s = calloc(1, sizeof(*s));

	if (!s || nstrands == STRAND_MAX || plat_kctx_init(&s->ctx, strand_main, s)) {
		note_failure("the harness has no stack for another function");
		leave();
	}
	s->owner = owner;
	s->fn = fn;
	s->arg = arg;
	s->id = nstrands;
	strands[nstrands++] = s;
	return s;
}

static struct strand *strand_at(u64 rip)
{
	u64 id = (rip - STRAND_VA) / STRAND_STEP;

	return rip >= STRAND_VA && id < nstrands ? strands[id] : NULL;
}

static void strand_end(struct strand *s)
{
	plat_kctx_free(&s->ctx);
	s->ctx.stack_lo = 0;
}

static void strands_free(void)
{
	for (u32 i = 0; i < nstrands; i++) {
		strand_end(strands[i]);
		free(strands[i]);
	}
	nstrands = 0;
}

/* Runs s until it traps or is done. The engine is on the task's own stack. */
static void strand_resume(struct strand *s)
{
	s->back.stack_lo = s->owner->kctx.stack_lo;
	s->back.stack_size = s->owner->kctx.stack_size;
	running = s;
	plat_kctx_switch(&s->back, &s->ctx);
	running = NULL;
}

/* In a strand: out to the engine with a trap. */
static void strand_trap(struct trap trap)
{
	struct strand *s = running;

	s->retry = false;
	s->trap = trap;
	plat_kctx_switch(&s->ctx, &s->back);
}

/* -- the engine: what runs user code -- */

static void set_syscall(struct task *t, u64 nr, u64 arg)
{
	t->regs.rax = nr;
	t->regs.rdi = arg;
	t->trap = (struct trap){.kind = TRAP_SYSCALL};
}

/* Where rip points at something that is not a strand: true when t->trap is set. */
static bool run_elsewhere(struct task *t)
{
	struct user_regs *r = &t->regs;
	struct strand *s;

	if (r->rip == RESTORER_VA) {
		r->rip += INSN;
		set_syscall(t, __NR_rt_sigreturn, r->rdi);
		return true;
	}
	if (r->rip >= HANDLER_VA && r->rip < HANDLER_VA + HANDLER_MAX &&
		handlers[r->rip - HANDLER_VA]) {
		s = strand_new(t, NULL, NULL);
		s->handler = handlers[r->rip - HANDLER_VA];
		s->after = AFTER_HANDLER;
		r->rip = strand_va(s) + INSN;
		return false;
	}
	t->trap = (struct trap){TRAP_FAULT, VEC_PAGE, 0x14, r->rip}; /* user, fetch */
	return true;
}

/* A function returned. */
static bool strand_return(struct task *t, struct strand *s)
{
	u64 to;

	strand_end(s);
	if (s->after == AFTER_EXIT) {
		set_syscall(t, __NR_exit, 0);
		return true;
	}
	if (copy_from_mm(t->mm, &to, t->regs.rsp, sizeof(to))) {
		t->trap = (struct trap){TRAP_FAULT, VEC_PAGE, 4, t->regs.rsp};
		return true;
	}
	t->regs.rsp += sizeof(to);
	t->regs.rip = to;
	return false;
}

/* One step of user code: true when t->trap is set. */
static bool run_step(struct task *t)
{
	struct user_regs *r = &t->regs;
	struct strand *s = strand_at(r->rip);

	if (!s)
		return run_elsewhere(t);
	if (r->rip == strand_va(s) && !s->retry) { /* the same instruction again */
		t->trap = s->trap;
		if (t->trap.kind == TRAP_SYSCALL)
			r->rip += INSN;
		return true;
	}
	if (s->owner != t) { /* a child, fresh out of clone */
		s = strand_new(t, s->child_fn, s->child_arg);
		r->rip = strand_va(s) + INSN;
	}
	strand_resume(s);
	if (s->done)
		return strand_return(t, s);
	if (s->kernel_fn) {
		long (*fn)(struct task *, u64) = s->kernel_fn;

		s->kernel_fn = NULL;
		r->rip = strand_va(s) + INSN;
		s->kernel_result = fn(t, s->kernel_arg);
		t->trap = (struct trap){.kind = TRAP_KICK};
		return true;
	}
	t->trap = s->trap;
	r->rip = strand_va(s) + (t->trap.kind == TRAP_FAULT ? 0 : INSN);
	return true;
}

static void engine_run(void *engine, struct task *t)
{
	(void)engine;
	do {
		pass_time(TURN_NS);
		if (++turns > TURNS_MAX) {
			note_failure("the program runs for ever");
			leave();
		}
		if (ring->events || (kick_at && boot_clock()->mono_ns >= kick_at)) {
			kick_at = 0;
			t->trap = (struct trap){.kind = TRAP_KICK};
			return;
		}
	} while (!run_step(t));
}

static void engine_nothing(void *engine, struct task *t)
{
	(void)engine;
	(void)t;
}

static void engine_set_kick(void *engine, u64 when)
{
	(void)engine;
	kick_at = when;
}

static const struct host_engine_ops engine = {
	.name = "functions",
	.run = engine_run,
	.fpu_save = engine_nothing,
	.fpu_load = engine_nothing,
	.fpu_drop = engine_nothing,
	.set_kick = engine_set_kick,
};

/* -- boot -- */

static u32 boot_put(struct boot_block *b, const void *data, u32 n)
{
	u32 at = b->size;

	memcpy((char *)b + at, data, n);
	b->size = (u32)round_up(at + n, 8);
	return at;
}

static u32 boot_text(struct boot_block *b, const char *s)
{
	return boot_put(b, s, (u32)strlen(s) + 1);
}

static void boot_block_make(struct boot_block *b)
{
	struct boot_mount mounts[5] = {
		{.kind = BOOT_MOUNT_TMPFS, .mode = 01777},
		{.kind = BOOT_MOUNT_DEV},
		{.kind = BOOT_MOUNT_PROC},
		{.kind = BOOT_MOUNT_HOST},
		{.kind = BOOT_MOUNT_HOST, .flags = BOOT_MOUNT_RO},
	};
	u32 nmounts = harness.host ? 5 : 3;
	struct boot_clock *c = boot_clock();

	memset(b, 0, sizeof(*b));
	b->magic = BOOT_MAGIC;
	b->version = BOOT_VERSION;
	b->size = sizeof(*b);
	b->mem_size = RAM_SIZE;
	b->free_start = FREE_FROM;
	b->window_gpa = BOOT_WINDOW_GPA;
	b->clock_gpa = CLOCK_GPA;
	b->vclock_gpa = CLOCK_GPA;
	b->user_va_start = BOOT_USER_VA_START;
	b->user_va_end = USER_VA_END;
	b->ncpus = 1;
	b->path = boot_text(b, "/program");
	b->cwd = boot_text(b, "/");
	b->hostname = boot_text(b, "box");
	b->os_release = boot_text(b, "6.1.0");
	b->os_version = boot_text(b, "#1 SMP");
	mounts[0].target = b->cwd;
	mounts[1].target = boot_text(b, "/dev");
	mounts[2].target = boot_text(b, "/proc");
	mounts[3].target = boot_text(b, "/rw");
	mounts[4].target = boot_text(b, "/ro");
	if (harness.host)
		harness.host->open(ram, RAM_SIZE, &mounts[3].handle, &mounts[4].handle);
	for (u32 i = 0; i < nmounts; i++)
		mounts[i].source = boot_text(b, "none");
	b->mounts = boot_put(b, mounts, nmounts * (u32)sizeof(mounts[0]));
	b->nmounts = nmounts;
	b->uid = harness.root ? 0 : harness.host ? getuid() : 1000;
	b->gid = harness.root ? 0 : harness.host ? getgid() : 1000;
	b->umask = 022;
	b->pids_max = harness.pids_max ? harness.pids_max : 64;
	b->tty_fd = ~0u;
	for (u32 i = 0; i < 16; i++)
		b->rlimits[i][0] = b->rlimits[i][1] = ~0ull;
	b->rlimits[3][0] = 8u << 20;		    /* RLIMIT_STACK */
	b->rlimits[7][0] = b->rlimits[7][1] = 1024; /* RLIMIT_NOFILE */
	if (harness.rlimit_sigpending)
		b->rlimits[11][0] = harness.rlimit_sigpending;
	b->xcr0 = 7;
	b->xsave_size = 1024;
	for (u32 i = 0; i < sizeof(b->random); i++)
		b->random[i] = (u8)(i * 37 + 1);
	/* mult 0: the TSC does not count, only pass_time does */
	*c = (struct boot_clock){.mono_ns = 1000 * NSEC_PER_SEC,
		.real_ns = 1700000000 * NSEC_PER_SEC,
		.boot_ns = 1000 * NSEC_PER_SEC,
		.raw_ns = 1000 * NSEC_PER_SEC};
}

static u_fn first_fn;

/* core/boot.c's boot_task without a program to load. */
static void first_task(void *arg)
{
	struct task *t = arg;
	s64 r;

	sched_finish_switch();
	t->last_stamp = clock_mono_ns();
	r = fs_boot(t);
	if (r)
		u_fail(__FILE__, __LINE__, "fs_boot gave %ld", (long)r);
	if (harness.console)
		kern->console = t->proc->tty = (struct tty *)ring; /* only its address is used */
	t->mm = mm_new();
	if (!t->mm)
		u_fail(__FILE__, __LINE__, "mm_new gave nothing");
	mm_layout(t->mm, 8u << 20, false);
	r = mm_map(t->mm, U_BASE, U_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0);
	if (r != (s64)U_BASE)
		u_fail(__FILE__, __LINE__, "mm_map gave %ld", (long)r);
	t->regs.rip = u_entry(first_fn, NULL);
	t->regs.rsp = U_STACK;
	task_main(t);
}

static void host_begin(void)
{
	memset(&host, 0, sizeof(host));
	memset(handlers, 0, sizeof(handlers));
	kick_at = turns = 0;
	running = NULL;
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(ram, MAP_FAILED);
	ring = calloc(1, sizeof(*ring));
	assert_non_null(ring);
	host_home.c = (struct host_home_config){.ram = ram,
		.ram_size = RAM_SIZE,
		.boot = (struct boot_block *)(ram + BOOT_GPA),
		.ring = ring,
		.engine = &engine,
		.channel = channel,
		.panic = host_panic};
	plat_physmap = ram;
}

static void host_end(struct kernel *k)
{
	list_for_each(pos, &k->tasks) plat_kctx_free(&list_entry(pos, struct task, all_link)->kctx);
	strands_free();
	heap_free_all();
	if (harness.host)
		harness.host->close();
	free(k);
	kern = NULL;
	free(ring);
	ring = NULL;
	munmap(ram, RAM_SIZE);
	memset(&harness, 0, sizeof(harness));
}

void run_program(u_fn fn, int wait_status)
{
	struct kernel *k = calloc(1, sizeof(*k));
	struct task *t;

	assert_non_null(k);
	host_begin();
	boot_block_make((struct boot_block *)(ram + BOOT_GPA));
	core_boot(k, host_home.c.boot);
	host_stack(&k->cpu.sched.stack_lo, &k->cpu.sched.stack_size);
	/* another beginning for the task that core_boot made */
	t = k->init->leader;
	plat_kctx_free(&t->kctx);
	assert_int_equal(plat_kctx_init(&t->kctx, first_task, t), 0);
	first_fn = fn;
	core_run(k);
	host_end(k);
	if (host.failed)
		fail_msg("%s", host.why);
	if (!host.exited)
		fail_msg("the kernel ended without saying EXIT");
	if (host.status != wait_status)
		fail_msg("expected the program to end with wait status %#x, not %#x%s%s",
			wait_status, host.status, *host.log ? "; it logged: " : "", host.log);
}

/* -- what programs call -- */

struct task *u_task(void)
{
	return running->owner;
}

u64 u_here(void)
{
	return strand_va(running);
}

u64 u_after(void)
{
	return strand_va(running) + INSN;
}

u64 u_entry(u_fn fn, void *arg)
{
	return strand_va(strand_new(current, fn, arg)) + INSN;
}

long u_syscall_(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	struct task *t = u_task();
	struct user_regs *r = &t->regs;

	r->rax = nr;
	r->rdi = a;
	r->rsi = b;
	r->rdx = c;
	r->r10 = d;
	r->r8 = e;
	r->r9 = f;
	strand_trap((struct trap){.kind = TRAP_SYSCALL});
	return (long)t->regs.rax;
}

static void set_child(u_fn fn, void *arg)
{
	running->child_fn = fn;
	running->child_arg = arg;
}

long u_fork(u_fn fn, void *arg)
{
	set_child(fn, arg);
	return u_syscall(__NR_fork);
}

long u_vfork(u_fn fn, void *arg)
{
	set_child(fn, arg);
	return u_syscall(__NR_vfork);
}

long u_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls, u_fn fn, void *arg)
{
	set_child(fn, arg);
	return u_syscall(__NR_clone, flags, stack, parent_tid, child_tid, tls);
}

void u_exit(int code)
{
	u_syscall(__NR_exit_group, code);
	u_fail(__FILE__, __LINE__, "exit_group returned");
}

void u_sleep(u64 ns)
{
	const u64 at = U_BASE + U_SIZE - 32;

	u_put64s(at, ns / NSEC_PER_SEC, ns % NSEC_PER_SEC);
	u_expect(u_syscall(__NR_nanosleep, at, 0), 0);
}

void u_spin(u64 ns)
{
	u64 end = boot_clock()->mono_ns + ns;

	while (boot_clock()->mono_ns < end) {
		pass_time(TURN_NS);
		if (ring->events || (kick_at && boot_clock()->mono_ns >= kick_at)) {
			kick_at = 0;
			strand_trap((struct trap){.kind = TRAP_KICK});
		}
	}
}

void u_fault(u32 vector, u64 error, u64 addr)
{
	strand_trap((struct trap){TRAP_FAULT, vector, error, addr});
}

long u_kernel(long (*fn)(struct task *t, u64 arg), u64 arg)
{
	running->kernel_fn = fn;
	running->kernel_arg = arg;
	strand_trap((struct trap){.kind = TRAP_KICK});
	return running->kernel_result;
}

/* One page's worth of a user address, through the page tables as a processor would. */
static u8 *user_page(u64 va, bool write)
{
	u32 faults = 0;

	for (;;) {
		u64 *e = pgtable_entry(u_task()->mm->pgd, va, false);
		u64 error = 4 | (write ? 2 : 0);

		if (e && (*e & PTE_P)) {
			if (!write || (*e & PTE_W)) {
				*e |= PTE_A | (write ? PTE_D : 0);
				return (u8 *)phys_ptr(*e & PTE_ADDR) + va % PAGE_SIZE;
			}
			error |= 1;
		}
		if (++faults > 8)
			u_fail(__FILE__, __LINE__, "page fault at %#lx comes back for ever",
				(unsigned long)va);
		running->retry = true;
		running->trap = (struct trap){TRAP_FAULT, VEC_PAGE, error, va};
		plat_kctx_switch(&running->ctx, &running->back);
	}
}

void u_read(void *dst, u64 va, size_t n)
{
	u8 *d = dst;

	while (n) {
		size_t part = min_u64(n, PAGE_SIZE - va % PAGE_SIZE);

		memcpy(d, user_page(va, false), part);
		d += part;
		va += part;
		n -= part;
	}
}

void u_write(u64 va, const void *src, size_t n)
{
	const u8 *s = src;

	while (n) {
		size_t part = min_u64(n, PAGE_SIZE - va % PAGE_SIZE);

		memcpy(user_page(va, true), s, part);
		s += part;
		va += part;
		n -= part;
	}
}

u32 u_get32(u64 va)
{
	u32 v;

	u_read(&v, va, sizeof(v));
	return v;
}

u64 u_get64(u64 va)
{
	u64 v;

	u_read(&v, va, sizeof(v));
	return v;
}

void u_put32(u64 va, u32 v)
{
	u_write(va, &v, sizeof(v));
}

void u_put64(u64 va, u64 v)
{
	u_write(va, &v, sizeof(v));
}

void u_put64s(u64 va, u64 a, u64 b)
{
	u_put64(va, a);
	u_put64(va + 8, b);
}

void u_zero(u64 va, size_t n)
{
	for (size_t i = 0; i < n; i++)
		u_write(va + i, "", 1);
}

static long sigaction_at(s32 sig, u64 handler, u64 flags, sigmask mask)
{
	const u64 at = U_BASE + U_SIZE - 0x1000; /* far below every stack that the tests use */

	u_put64s(at, handler, flags | SA_RESTORER_);
	u_put64s(at + 16, RESTORER_VA, mask);
	return u_syscall(__NR_rt_sigaction, sig, at, 0, 8);
}

long u_sigaction(s32 sig, u_handler fn, u64 flags, sigmask mask)
{
	u32 i = 0;

	while (i < HANDLER_MAX && handlers[i] && handlers[i] != fn)
		i++;
	u_check(i < HANDLER_MAX);
	handlers[i] = fn;
	return sigaction_at(sig, HANDLER_VA + i, flags, mask);
}

long u_sigignore(s32 sig)
{
	return sigaction_at(sig, 1, 0, 0);
}

int main(void)
{
	int failed = 0;

#define X(noun)                                                                                    \
	failed += _cmocka_run_group_tests("core: " #noun, noun##_tests, noun##_count, NULL, NULL);
	CORE_GROUPS(X)
#undef X
	return failed ? 1 : 0;
}
