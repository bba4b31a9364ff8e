/* SPDX-License-Identifier: Apache-2.0
 * hostile MODE: attacks of a program on what it runs in, one for each mode. Those that end only
 * themselves run in a child, and the exit code is 0 when the sandbox works after them. hostile
 * --list names them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/security/guest/random.h"
#include "tests/security/guest/stub.h"

#define BELOW	(STUB_BASE - 4096)
#define FIXED	(MAP_SHARED | MAP_FIXED)
#define RWX	(PROT_READ | PROT_WRITE | PROT_EXEC)
#define RAM_AT	0x200000000000ull
#define RAM_LEN (1ull << 30)

static void zero_context(void)
{
	memset((void *)STUB_CTX, 0, STUB_CTX_SIZE);
	getppid();
}

static void random_context(void)
{
	struct random r = random_seeded(1);

	for (int i = 0; i < 10000000; i++)
		((volatile uint64_t *)STUB_CTX)[random_below(&r, STUB_CTX_SIZE / 8)] =
			random_u64(&r);
}

static void random_head(void)
{
	struct random r = random_seeded(2);

	for (int i = 0; i < 10000000; i++)
		((volatile uint64_t *)STUB_CTX)[random_below(&r, 64)] = random_u64(&r);
}

static void give_turn_away(void)
{
	for (int i = 0; i < 10000000; i++)
		CTX->turn = TURN_LAUNCHER;
}

/* Events that never were, with registers that cannot be. */
static void forge_events(void)
{
	struct random r = random_seeded(3);

	for (int i = 0; i < 20000; i++) {
		CTX->regs.rip = random_u64(&r) >> random_below(&r, 64);
		CTX->regs.rsp = random_u64(&r) >> random_below(&r, 64);
		CTX->regs.rax = random_below(&r, 470);
		CTX->regs.rflags = random_u64(&r);
		CTX->event.kind = (uint32_t)random_below(&r, 8);
		CTX->event.signo = (int)random_below(&r, 66);
		CTX->event.trapno = random_below(&r, 40);
		CTX->event.error = random_u64(&r);
		CTX->event.addr = random_u64(&r) >> random_below(&r, 64);
		CTX->event.arch = random_below(&r, 2) ? 0xc000003e : (uint32_t)random_u64(&r);
		CTX->event.value = (int32_t)random_u64(&r);
		CTX->event.index = (uint32_t)random_u64(&r) >> random_below(&r, 32);
		CTX->event.frame_fpu = STUB_CTX + random_below(&r, STUB_CTX_SIZE);
		__atomic_store_n(&CTX->turn, TURN_LAUNCHER, __ATOMIC_SEQ_CST);
		for (int n = 0; n < 100000 && !stub_turn_is_back(); n++)
			__builtin_ia32_pause();
		if (stub_is_recycled())
			stub_die();
	}
}

static void stub_calls(uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	const uint64_t args[6] = {a, b, c, d, e, 0};

	stub_call(stub_site(0), nr, args);
}

static void unmap_all(void)
{
	stub_calls(SYS_munmap, 0, STUB_END, 0, 0, 0);
}

static void unmap_stub(void)
{
	stub_calls(SYS_munmap, BELOW, STUB_END - BELOW, 0, 0, 0);
}

static void protect_stub(void)
{
	stub_calls(SYS_mprotect, BELOW, STUB_END - BELOW, 0, 0, 0);
}

static void ram_over_stub(void)
{
	stub_calls(SYS_mmap, BELOW, STUB_END - BELOW, RWX, FIXED, STUB_FD_RAM);
}

static void wait_for_ever(void)
{
	CTX->turn = 7; /* what nobody gives */
	stub_calls(SYS_futex, STUB_CTX, 0, 7, 0, 0);
}

static void kill_by_stack(void)
{
	__asm__ volatile(
		"mov %0, %%rsp\n\tsyscall" ::"r"(STUB_CTX + offsetof(struct stub_ctx, stack)),
		"a"(39));
}

static void kill_by_fault(void)
{
	stub_die();
}

/* -- with what the stub may map -- */

/* The site that comes back: each is tried in a process of its own. */
static uint64_t returning_site(void)
{
	static const uint64_t nothing[6] = {0x30000000, 4096, 0, 0, 0, 0}; /* munmap of nothing */
	uint64_t site;

	for (unsigned n = 0; (site = stub_site(n)); n++) {
		int status = 0;
		pid_t pid = fork();

		if (!pid) {
			stub_call_and_return(site, SYS_munmap, nothing);
			_exit(42);
		}
		waitpid(pid, &status, 0);
		if (WIFEXITED(status) && WEXITSTATUS(status) == 42)
			return site;
	}
	printf("no instruction of the stub's comes back\n");
	_exit(3);
}

static volatile uint64_t *map_ram(void)
{
	const uint64_t args[6] = {RAM_AT, RAM_LEN, PROT_READ | PROT_WRITE, FIXED, STUB_FD_RAM, 0};

	stub_call_and_return(returning_site(), SYS_mmap, args);
	return (volatile uint64_t *)RAM_AT;
}

/* All programs' memory: their stacks, the arguments of their calls, the vDSO, the clock page. */
static void scribble(void)
{
	volatile uint64_t *ram = map_ram();
	struct random r = random_seeded(4);

	/* those that are in use first: they are handed out from the beginning */
	for (uint64_t pages = 64; pages <= RAM_LEN / 4096; pages *= 4)
		for (int i = 0; i < 200000; i++)
			ram[random_below(&r, pages * 512)] = random_u64(&r);
}

/* The files that programs have mapped are at hand: those of read-only grants must stay so. The
 * first argument after the mode names one. */
static const char *victim;

static void write_files(void)
{
	int fd = open(victim, O_RDONLY);
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	uint64_t site = returning_site();

	if (fd < 0 || p == MAP_FAILED || *p != 'v') /* now the file is one of those */
		_exit(3);
	for (uint64_t n = 0; n < 64; n++) {
		pid_t pid = fork();
		const uint64_t args[6] = {RAM_AT, 4096, PROT_READ | PROT_WRITE, FIXED, n, 0};

		if (!pid) {
			stub_call_and_return(site, SYS_mmap, args);
			memcpy((void *)RAM_AT, "overwritten", 11); /* SIGSEGV if it did not work */
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
}

struct mode {
	const char *name;
	void (*run)(void);
	bool shared; /* what it does it does to all processes of the sandbox */
};

static const struct mode modes[] = {
	{"zero-context", zero_context, false},
	{"random-context", random_context, false},
	{"random-head", random_head, false},
	{"give-turn-away", give_turn_away, false},
	{"forge-events", forge_events, false},
	{"unmap-all", unmap_all, false},
	{"unmap-stub", unmap_stub, false},
	{"protect-stub", protect_stub, false},
	{"ram-over-stub", ram_over_stub, false},
	{"wait-for-ever", wait_for_ever, false},
	{"kill-by-stack", kill_by_stack, false},
	{"kill-by-fault", kill_by_fault, false},
	{"write-files", write_files, false},
	{"scribble", scribble, true},
};

static int run_mode(const struct mode *m)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		alarm(3);
		m->run();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 2;
	if (WIFEXITED(status) && WEXITSTATUS(status))
		return WEXITSTATUS(status);
	/* whatever became of it, the sandbox works */
	pid = fork();
	if (!pid)
		_exit(getpid() > 1 ? 5 : 6);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5 ? 0
												: 4;
}

int main(int argc, char **argv)
{
	bool list = argc > 1 && !strcmp(argv[1], "--list");

	victim = argc > 2 ? argv[2] : "/dev/null";
	if (!list && !stub_is_there()) {
		printf("programs do not run in trapped processes here\n");
		return 3;
	}
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (list)
			printf("%s%s\n", modes[i].name, modes[i].shared ? " shared" : "");
		else if (argc > 1 && !strcmp(argv[1], modes[i].name))
			return run_mode(&modes[i]);
	}
	return list ? 0 : 2;
}
