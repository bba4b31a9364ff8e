/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>

#include "tests/security/boundary/calls.h"
#include "vmm/process/process_internal.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1 /* si_code (sigaction(2)) */
#endif

extern const uint8_t process_stub[], process_stub_end[];

/* Into the 32-bit code segment (arch/x86/include/asm/segment.h: 0x23), to what follows at CODE + 9:
 * push $0x23; push $CODE + 9; lretq */
#define TO_32BIT "\x6a\x23\x68\x09\x00\x00\x10\x48\xcb"

#define CODE_OF(bytes) bytes, sizeof(bytes) - 1

#define VSYSCALL 0xffffffffff600000 /* gettimeofday, time, getcpu */

const struct call_way call_ways[] = {
	{"syscall", CODE_OF("\x0f\x05"), 0, 0, true, AUDIT_ARCH_X86_64},
	{"int 0x80", CODE_OF("\xcd\x80"), 0, 0, false, AUDIT_ARCH_I386},
	{"sysenter", CODE_OF("\x0f\x34"), 0, 0, false, AUDIT_ARCH_I386},
	{"32-bit int 0x80", CODE_OF(TO_32BIT "\xcd\x80"), 0, 0, false, AUDIT_ARCH_I386},
	{"32-bit syscall", CODE_OF(TO_32BIT "\x0f\x05"), 0, 0, false, AUDIT_ARCH_I386},
	{"32-bit sysenter", CODE_OF(TO_32BIT "\x0f\x34"), 0, 0, false, AUDIT_ARCH_I386},
	{"vsyscall gettimeofday", CODE_OF(""), VSYSCALL, 96, false, AUDIT_ARCH_X86_64},
	{"vsyscall time", CODE_OF(""), VSYSCALL + 0x400, 201, false, AUDIT_ARCH_X86_64},
	{"vsyscall getcpu", CODE_OF(""), VSYSCALL + 0x800, 309, false, AUDIT_ARCH_X86_64},
	{"amidst a vsyscall", CODE_OF(""), VSYSCALL + 7, 0, false, AUDIT_ARCH_X86_64},
};
const size_t call_ways_count = sizeof(call_ways) / sizeof(call_ways[0]);

static bool enters_kernel(const uint8_t *p)
{
	return (p[0] == 0x0f && (p[1] == 0x05 || p[1] == 0x34)) || (p[0] == 0xcd && p[1] == 0x80);
}

size_t call_sites(uint64_t site[CALL_SITES_MAX])
{
	/* as numbers: to C they are two objects */
	size_t size = (uintptr_t)process_stub_end - (uintptr_t)process_stub, n = 0;

	for (size_t i = 0; i + 1 < size; i++) {
		if (!enters_kernel(process_stub + i))
			continue;
		assert_true(n < CALL_SITES_MAX);
		site[n++] = STUB_TEXT + i;
	}
	return n;
}

static void set_registers(struct rig *r, uint64_t rip, uint64_t nr, const uint64_t args[6])
{
	*process_regs(r->space) = (struct stub_regs){
		.rax = nr,
		.rdi = args[0],
		.rsi = args[1],
		.rdx = args[2],
		.r10 = args[3],
		.r8 = args[4],
		.r9 = args[5],
		.rbx = args[0], /* 32-bit calls: ebx, ecx, edx, esi, edi, ebp */
		.rcx = args[1],
		.rbp = args[5],
		.r12 = 0x1212,
		.r15 = 0x1515,
		.rip = rip,
		.rsp = DATA + 2048, /* of a page that the test filled: a forged signal frame */
		.rflags = 0x202,
	};
}

static void replace(struct rig *r)
{
	process_space_destroy(r->space);
	r->space = rig_space(r);
}

static struct call_result of_signal(int signo, int code, uint32_t arch)
{
	if (signo == SIGSYS && code == SYS_SECCOMP)
		return (struct call_result){CALL_TRAPPED, signo, arch};
	return (struct call_result){signo == SIGSYS ? CALL_PASSED : CALL_SIGNAL, signo, arch};
}

/* What the kernel finds in rax when it delivers SIGSYS it may take for its own note that a call was
 * interrupted (linux/errno.h: ERESTARTSYS to ERESTART_RESTARTBLOCK), and say EINTR. */
static bool looks_interrupted(uint32_t nr)
{
	return nr >= -516u && nr <= -512u;
}

/* A call that was made has its result in rax. 32-bit code has lost the upper half. */
static bool unchanged(const struct stub_regs *g, uint64_t nr)
{
	bool same = (uint32_t)g->rax == (uint32_t)nr ||
		    (looks_interrupted((uint32_t)nr) && (int32_t)g->rax == -EINTR);

	return same && g->r12 == 0x1212 && g->r15 == 0x1515;
}

struct call_result call_by_way(
	struct rig *r, const struct call_way *w, uint64_t nr, const uint64_t args[6])
{
	struct call_result c;
	struct process_exit x;

	memcpy(r->ram + 4096, w->code, w->size);
	r->ram[4096 + w->size] = 0x0f; /* ud2: what goes on is told from what traps */
	r->ram[4096 + w->size + 1] = 0x0b;
	set_registers(r, w->at ? w->at : CODE, nr, args);
	rig_go(r, &x);
	if (x.kind == PROCESS_DIED) {
		replace(r);
		return (struct call_result){CALL_DIED, 0, 0};
	}
	assert_int_equal(x.kind, PROCESS_SIGNAL);
	c = of_signal(x.signo, x.code, x.arch);
	/* past the instruction without a signal of its own: it did nothing, or it did something */
	if (c.end == CALL_SIGNAL && process_regs(r->space)->rip == CODE + w->size)
		c.end = CALL_PASSED;
	if (c.end == CALL_TRAPPED && !unchanged(process_regs(r->space), w->as ? w->as : nr))
		c.end = CALL_PASSED;
	return c;
}

struct call_result call_by_site(struct rig *r, uint64_t site, uint64_t nr, const uint64_t args[6])
{
	const struct stub_event *ev = &r->space->ctx->event;
	struct process_exit x;

	r->space->ctx->event.kind = STUB_EV_DONE;
	set_registers(r, site, nr, args);
	rig_go(r, &x);
	assert_int_equal(x.kind, PROCESS_DIED);
	if (ev->kind != STUB_EV_STUB_FAULT) {
		replace(r);
		return (struct call_result){CALL_DIED, 0, 0};
	}
	r->space->dead =
		false; /* it lives: the launcher does not want to know, but the test does */
	return of_signal(ev->signo, ev->code, ev->arch);
}
