/* SPDX-License-Identifier: Apache-2.0
 * See harness.h: the kernel's surroundings, from the boot block to EXIT.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness_internal.h"
#include "fs/vfs.h"
#include "home/host/host_internal.h"
#include "mm/mm.h"

#define RAM_SIZE  (64u << 20)
#define FREE_FROM 0x100000u /* below: boot block, clock page */
#define BOOT_GPA  0x1000u
#define CLOCK_GPA 0x8000u

struct harness_options harness;
u64 harness_kicks;

static u8 *ram;
static struct chan_ring *ring;
static struct {
	bool exited, failed;
	s32 status;
	u32 stops;
	char log[1100];
	char why[1200];
	struct chan_event events[8];
	u32 nevents;
} host;

struct boot_clock *boot_clock(void)
{
	return (struct boot_clock *)(ram + CLOCK_GPA);
}

void pass_time(u64 ns)
{
	struct boot_clock *c = boot_clock();

	c->mono_ns += ns;
	c->real_ns += ns;
	c->boot_ns += ns;
	c->raw_ns += ns;
}

/* -- ending a run early -- */

void note_failure(const char *why)
{
	if (!host.failed)
		snprintf(host.why, sizeof(host.why), "%s", why);
	host.failed = true;
	kern->ended = true;
}

void leave(void)
{
	static struct kctx nowhere;

	if (!current)
		fail_msg("%s", host.why);
	plat_kctx_switch(&nowhere, &kern->cpus[0].sched);
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
	b->path = b->execfn = boot_text(b, "/program");
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

/* Bounds of the calling thread's stack. */
static void host_stack(u64 *lo, u64 *size)
{
	pthread_attr_t a;
	void *at;
	size_t n;

	pthread_getattr_np(pthread_self(), &a);
	pthread_attr_getstack(&a, &at, &n);
	pthread_attr_destroy(&a);
	*lo = (u64)at;
	*size = n;
}

static void count_kick(void *arg)
{
	(void)arg;
	harness_kicks++;
}

static void host_begin(void)
{
	memset(&host, 0, sizeof(host));
	harness_kicks = 0;
	strands_begin();
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(ram, MAP_FAILED);
	ring = calloc(1, sizeof(*ring));
	assert_non_null(ring);
	host_home.c = (struct host_home_config){.ram = ram,
		.ram_size = RAM_SIZE,
		.boot = (struct boot_block *)(ram + BOOT_GPA),
		.ring = ring,
		.engine = &strand_engine,
		.channel = channel,
		.kicked = count_kick,
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
	host_cpu_begin(0);
	core_boot(k, host_home.c.boot);
	host_stack(&k->cpus[0].sched.stack_lo, &k->cpus[0].sched.stack_size);
	/* another beginning for the task that core_boot made */
	t = k->init->leader;
	plat_kctx_free(&t->kctx);
	assert_int_equal(plat_kctx_init(&t->kctx, first_task, t), 0);
	first_fn = fn;
	core_run(k);
	host_cpu_end();
	host_end(k);
	if (host.failed)
		fail_msg("%s", host.why);
	if (!host.exited)
		fail_msg("the kernel ended without saying EXIT");
	if (host.status != wait_status)
		fail_msg("expected the program to end with wait status %#x, not %#x%s%s",
			wait_status, host.status, *host.log ? "; it logged: " : "", host.log);
}
