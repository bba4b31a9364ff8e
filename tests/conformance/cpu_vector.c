/* SPDX-License-Identifier: Apache-2.0 */
/* Vector registers, all of them at each width that this processor has: what a system call, a
 * signal, a fault, a fork and other threads leave in them.
 */
#include "behave.h"

#include <cpuid.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

/* Room for 32 registers of 64 bytes and 8 masks. */
enum { STATE = 32 * 64 + 8 * 8, ROUNDS = 300 };
struct state {
	_Alignas(64) unsigned char byte[STATE];
};

/* Registers are loaded from RDI and stored to RSI by one piece of assembly with the event between
 * them, for a compiler may use any of them at any time. Each returns what the event leaves in RAX.
 */
__asm__(".macro each_register op, reg, count, size, base, store\n"
	".set i, 0\n"
	".rept \\count\n"
	"	one_register \\op, \\reg, %i, \\size, \\base, \\store\n"
	".set i, i + 1\n"
	".endr\n"
	".endm\n"
	".altmacro\n"
	".macro one_register op, reg, n, size, base, store\n"
	".if \\store\n"
	"	\\op %\\reg\\n, \\n * \\size(%\\base)\n"
	".else\n"
	"	\\op \\n * \\size(%\\base), %\\reg\\n\n"
	".endif\n"
	".endm\n"
	".macro move_128 base, store\n"
	"	each_register movdqu, xmm, 16, 16, \\base, \\store\n"
	".endm\n"
	".macro move_256 base, store\n"
	"	each_register vmovdqu, ymm, 16, 32, \\base, \\store\n"
	".endm\n"
	".macro move_512 base, store\n"
	"	each_register vmovdqu64, zmm, 32, 64, \\base, \\store\n"
	"	add $32 * 64, %\\base\n"
	"	each_register kmovq, k, 8, 8, \\base, \\store\n"
	".endm\n"
	".macro leave_128\n.endm\n"
	".macro leave_256\n	vzeroupper\n.endm\n"
	".macro leave_512\n	vzeroupper\n.endm\n"
	/* RDX, RCX: the event's arguments */
	".macro event_call\n	mov %rdx, %rax\n	mov %rcx, %rdi\n	push %rsi\n	"
	"mov %r8, %rsi\n"
	"	mov %r9, %rdx\n	xor %r10d, %r10d\n	xor %r8d, %r8d\n	syscall\n	"
	"pop %rsi\n.endm\n"
	".macro event_usual\n	mov $39, %eax\n	syscall\n.endm\n"
	".macro event_spin\n771:	dec %rdx\n	jnz 771b\n	mov %rdx, %rax\n.endm\n"
	".macro event_touch\n	movb $1, (%rdx)\n	mov $1, %eax\n.endm\n"
	".macro event_trap\n	ud2\n	xor %eax, %eax\n.endm\n"
	".macro hold event, width\n"
	".type hold_\\event\\()_\\width, @function\n"
	"hold_\\event\\()_\\width:\n"
	"	move_\\width rdi, 0\n"
	"	event_\\event\n"
	"	move_\\width rsi, 1\n"
	"	leave_\\width\n"
	"	ret\n"
	".size hold_\\event\\()_\\width, . - hold_\\event\\()_\\width\n"
	".endm\n"
	".text\n"
	".irp width, 128, 256, 512\n"
	"	hold call, \\width\n"
	"	hold usual, \\width\n"
	"	hold spin, \\width\n"
	"	hold touch, \\width\n"
	"	hold trap, \\width\n"
	".endr\n"
	".noaltmacro\n");

typedef long hold(const struct state *in, struct state *out, long a, long b, long c, long d);
hold hold_call_128, hold_call_256, hold_call_512, hold_usual_128, hold_usual_256, hold_usual_512;
hold hold_spin_128, hold_spin_256, hold_spin_512, hold_touch_128, hold_touch_256, hold_touch_512;
hold hold_trap_128, hold_trap_256, hold_trap_512;

struct width {
	int bits;
	size_t size; /* bytes of a state */
	hold *call, *usual, *spin, *touch, *trap;
};
static const struct width widths[] = {
	{128, 16 * 16, hold_call_128, hold_usual_128, hold_spin_128, hold_touch_128, hold_trap_128},
	{256, 16 * 32, hold_call_256, hold_usual_256, hold_spin_256, hold_touch_256, hold_trap_256},
	{512, STATE, hold_call_512, hold_usual_512, hold_spin_512, hold_touch_512, hold_trap_512}};

static uint32_t enabled_components(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static int widest(void)
{
	uint32_t on = enabled_components();
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_AVX) || (on & 6) != 6)
		return 128;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (on & 0xe6) != 0xe6)
		return 256;
	return (b & bit_AVX512F) && (b & bit_AVX512BW) ? 512 : 256;
}

static void at_each_width(void (*fn)(const struct width *))
{
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++)
		if (widths[i].bits <= widest())
			fn(&widths[i]);
}

static void fill(struct state *s, unsigned seed)
{
	for (size_t i = 0; i < STATE; i++)
		s->byte[i] = (unsigned char)(i * 7 + (i >> 5) * 31 + seed * 101 + 1);
}

/* Two states by turns, so that an old one cannot pass for the new one. */
struct pair {
	struct state in[2], out;
	int wrong;
};

static void compare(const struct width *w, struct pair *p, int round)
{
	p->wrong += memcmp(&p->in[round & 1], &p->out, w->size) != 0;
	memset(&p->out, 0, sizeof(p->out));
}

static struct pair *new_pair(unsigned seed)
{
	struct pair *p = aligned_alloc(64, sizeof(*p));

	MUST(p);
	memset(p, 0, sizeof(*p));
	fill(&p->in[0], seed);
	fill(&p->in[1], seed + 1);
	return p;
}

static void show(const struct width *w, const char *what, const struct pair *p)
{
	say("%d bits, %s: wrong %d", w->bits, what, p->wrong);
}

/* -- system calls -- */

static void call_at(const struct width *w)
{
	struct pair *p = new_pair(1);
	int results = 0;

	for (int i = 0; i < ROUNDS; i++) {
		results += w->call(&p->in[i & 1], &p->out, SYS_getpid, 0, 0, 0) != getpid();
		compare(w, p, i);
	}
	show(w, "trapped", p);
	for (int i = 0; i < 5000; i++) {
		results += w->usual(&p->in[i & 1], &p->out, 0, 0, 0, 0) != getpid();
		compare(w, p, i);
	}
	show(w, "of the usual form, often", p);
	V(results);
}

static void system_calls_keep_them(void)
{
	at_each_width(call_at);
}

/* Another process computes with all registers while this one sleeps. */
static void sleep_at(const struct width *w)
{
	struct timespec t = {0, 2000000};
	struct pair *p = new_pair(2);
	pid_t pid = fork();

	if (pid == 0) {
		struct pair *mine = new_pair(77);
		for (;;)
			w->spin(&mine->in[0], &mine->out, 10000, 0, 0, 0);
	}
	for (int i = 0; i < 30; i++) {
		w->call(&p->in[i & 1], &p->out, SYS_nanosleep, (long)&t, 0, 0);
		compare(w, p, i);
	}
	show(w, "asleep", p);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void sleeping_calls_keep_them(void)
{
	at_each_width(sleep_at);
}

/* -- fork -- */

static void fork_at(const struct width *w)
{
	struct pair *p = new_pair(3);
	int bad_children = 0;

	for (int i = 0; i < 20; i++) {
		pid_t pid = (pid_t)w->call(&p->in[i & 1], &p->out, SYS_fork, 0, 0, 0);
		int status;

		compare(w, p, i);
		if (pid == 0)
			_exit(p->wrong != 0);
		MUST(waitpid(pid, &status, 0) == pid);
		bad_children += status != 0;
	}
	show(w, "parent", p);
	V(bad_children);
}

static void fork_gives_them_to_the_child(void)
{
	at_each_width(fork_at);
}

/* -- signals -- */

static volatile sig_atomic_t ticks;
static const struct width *now;
static struct pair *other;

static void clobber(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info, (void)context;
	ticks++;
	now->spin(&other->in[0], &other->out, 10, 0, 0, 0);
}

static void handle(int signal, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction sa = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO};

	MUST(sigaction(signal, &sa, NULL) == 0);
}

static void signal_at(const struct width *w)
{
	struct itimerval every = {{0, 700}, {0, 700}}, never = {0};
	struct pair *p = new_pair(4);

	now = w;
	other = new_pair(50);
	ticks = 0;
	handle(SIGALRM, clobber);
	MUST(setitimer(ITIMER_REAL, &every, NULL) == 0);
	for (int i = 0; i < 100000 && ticks < 30; i++) {
		w->spin(&p->in[i & 1], &p->out, 30000, 0, 0, 0);
		compare(w, p, i);
	}
	show(w, "computing", p);
	ticks = 0;
	for (int i = 0; i < 1000000 && ticks < 30; i++) {
		w->usual(&p->in[i & 1], &p->out, 0, 0, 0, 0);
		compare(w, p, i);
	}
	show(w, "calling", p);
	setitimer(ITIMER_REAL, &never, NULL);
}

static void handlers_may_clobber_them(void)
{
	at_each_width(signal_at);
}

/* The upper halves lie in the frame's XSAVE area, where CPUID says; changed there they come back
 * changed. */
static void raise_upper_half(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	unsigned char *fp = (unsigned char *)uc->uc_mcontext.fpregs;
	unsigned size, offset, c, d, magic;

	(void)signal, (void)info;
	__cpuid_count(0xd, 2, size, offset, c, d);
	memcpy(&magic, fp + 464, sizeof(magic));
	T(magic == 0x46505853); /* FP_XSTATE_MAGIC1 */
	V(size);
	say_bytes("upper half of register 5 in the frame", fp + offset + 5 * 16, 16);
	for (int i = 0; i < 16; i++)
		fp[offset + 5 * 16 + (unsigned)i] ^= 0xff;
	uc->uc_mcontext.gregs[REG_RIP] += 2;
}

static void change_at(const struct width *w)
{
	struct pair *p = new_pair(5);

	if (w->bits != 256)
		return;
	handle(SIGILL, raise_upper_half);
	w->trap(&p->in[0], &p->out, 0, 0, 0, 0);
	for (size_t i = 5 * 32 + 16; i < 6 * 32; i++)
		p->in[0].byte[i] ^= 0xff;
	compare(w, p, 0);
	show(w, "changed in the frame", p);
}

static void a_handler_changes_an_upper_half(void)
{
	V(widest() >= 256);
	at_each_width(change_at);
}

/* -- faults -- */

static void touch_at(const struct width *w)
{
	enum { PAGES = 200 };
	char *fresh = mmap(
		NULL, PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct pair *p = new_pair(6);

	MUST(fresh != MAP_FAILED);
	for (int i = 0; i < PAGES; i++) {
		w->touch(&p->in[i & 1], &p->out, (long)(fresh + i * 4096), 0, 0, 0);
		compare(w, p, i);
	}
	show(w, "pages brought in", p);
}

static void page_faults_keep_them(void)
{
	at_each_width(touch_at);
}

/* -- threads -- */

static void *compute(void *number)
{
	struct pair *p = new_pair((unsigned)(long)number * 10);

	for (int i = 0; i < ROUNDS; i++) {
		now->spin(&p->in[i & 1], &p->out, 30000, 0, 0, 0);
		compare(now, p, i);
		if (i % 8 == 0)
			now->call(&p->in[i & 1], &p->out, SYS_sched_yield, 0, 0, 0);
		else
			now->usual(&p->in[i & 1], &p->out, 0, 0, 0, 0);
		compare(now, p, i);
	}
	return (void *)(long)p->wrong;
}

static void threads_at(const struct width *w)
{
	enum { THREADS = 4 };
	pthread_t t[THREADS];
	long wrong = 0;

	now = w;
	for (long i = 0; i < THREADS; i++)
		MUST(pthread_create(&t[i], NULL, compute, (void *)i) == 0);
	for (int i = 0; i < THREADS; i++) {
		void *one;
		MUST(pthread_join(t[i], &one) == 0);
		wrong += (long)one;
	}
	say("%d bits, threads: wrong %ld", w->bits, wrong);
}

static void each_thread_has_its_own(void)
{
	at_each_width(threads_at);
}

static void processes_at(const struct width *w)
{
	now = w;
	for (long i = 0; i < 4; i++)
		if (fork() == 0)
			_exit(compute((void *)i) != NULL);
	for (int i = 0; i < 4; i++)
		reap("process", -1);
}

static void each_process_has_its_own(void)
{
	at_each_width(processes_at);
}

static void widths_are_the_same_everywhere(void)
{
	V(widest());
	/* but AMX and memory keys, which not every backend has (docs/processor.md) */
	say("components %#x", enabled_components() & 0xe7);
}

const struct behaviour behaviours[] = {BEHAVIOUR(widths_are_the_same_everywhere),
	BEHAVIOUR(system_calls_keep_them), BEHAVIOUR(sleeping_calls_keep_them),
	BEHAVIOUR(fork_gives_them_to_the_child), BEHAVIOUR(handlers_may_clobber_them),
	BEHAVIOUR(a_handler_changes_an_upper_half), BEHAVIOUR(page_faults_keep_them),
	BEHAVIOUR(each_thread_has_its_own), BEHAVIOUR(each_process_has_its_own), {0}};
