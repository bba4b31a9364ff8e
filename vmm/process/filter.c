/* SPDX-License-Identifier: Apache-2.0
 * The boundary: which system calls of a trapped process reach the host's kernel. All others become
 * SIGSYS (SECCOMP_RET_TRAP), which is how the launcher gets them.
 *
 * The instruction pointer is tested so that the program's own calls of the same numbers are trapped
 * too; it protects nothing, since a program can jump to the stub's instructions. What protects are
 * the arguments: memory of the sandbox may be mapped below the stub, and one word may be waited on.
 * BPF and not libseccomp, which cannot test the instruction pointer.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <asm/prctl.h>

#include "vmm/process/process_internal.h"

#define LO(x) ((uint32_t)(x))
#define HI(x) ((uint32_t)((uint64_t)(x) >> 32))

struct program {
	struct sock_filter *f;
	uint32_t n, max;
};

static void emit(struct program *p, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (p->n < p->max)
		p->f[p->n] = (struct sock_filter){code, jt, jf, k};
	p->n++;
}

static void load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void ret(struct program *p, uint32_t action)
{
	emit(p, BPF_RET | BPF_K, action, 0, 0);
}

/* Each test falls through when it holds and traps when not. */
static void trap_unless(struct program *p, uint16_t op, uint32_t k)
{
	emit(p, BPF_JMP | op | BPF_K, k, 1, 0);
	ret(p, SECCOMP_RET_TRAP);
}

static void trap_if(struct program *p, uint16_t op, uint32_t k)
{
	emit(p, BPF_JMP | op | BPF_K, k, 0, 1);
	ret(p, SECCOMP_RET_TRAP);
}

static size_t arg_lo(int i)
{
	return offsetof(struct seccomp_data, args) + 8u * (size_t)i;
}

static void need_arg(struct program *p, int i, uint64_t value)
{
	load(p, arg_lo(i));
	trap_unless(p, BPF_JEQ, LO(value));
	load(p, arg_lo(i) + 4);
	trap_unless(p, BPF_JEQ, HI(value));
}

/* Only bits of `mask` (below 2^32) may be set. */
static void need_bits(struct program *p, int i, uint32_t mask)
{
	load(p, arg_lo(i));
	trap_if(p, BPF_JSET, ~mask);
	load(p, arg_lo(i) + 4);
	trap_unless(p, BPF_JEQ, 0);
}

/* The argument is an address below the stub. STUB_BASE's lower half is not 0, so two tests do. */
static void need_below_stub(struct program *p, int i)
{
	load(p, arg_lo(i) + 4);
	trap_if(p, BPF_JGT, HI(STUB_BASE));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, HI(STUB_BASE), 0, 3); /* less: it is below */
	load(p, arg_lo(i));
	trap_if(p, BPF_JGE, LO(STUB_BASE));
}

/* Begins the rules of one call; the number is in the accumulator. Returns where the jump is that
 * skips them. */
static uint32_t begin_call(struct program *p, long nr)
{
	load(p, offsetof(struct seccomp_data, nr));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 0);
	return p->n - 1;
}

static void end_call(struct program *p, uint32_t jump)
{
	ret(p, SECCOMP_RET_ALLOW);
	if (jump < p->max)
		p->f[jump].jf = (uint8_t)(p->n - jump - 1);
}

static void in_stub_text(struct program *p)
{
	load(p, offsetof(struct seccomp_data, instruction_pointer) + 4);
	trap_unless(p, BPF_JEQ, HI(STUB_TEXT));
	load(p, offsetof(struct seccomp_data, instruction_pointer));
	trap_unless(p, BPF_JGE, LO(STUB_TEXT));
	trap_if(p, BPF_JGE, LO(STUB_TEXT + STUB_TEXT_SIZE));
}

static void allow_futex(struct program *p)
{
	uint32_t j = begin_call(p, SYS_futex);

	need_arg(p, 0, STUB_CTX + offsetof(struct stub_ctx, turn));
	need_bits(p, 1, FUTEX_WAIT | FUTEX_WAKE); /* 0 and 1: not private */
	need_arg(p, 3, 0);			  /* no time limit: nothing of it is left behind */
	end_call(p, j);
}

static void allow_mmap(struct program *p)
{
	uint32_t j = begin_call(p, SYS_mmap);

	need_below_stub(p, 0);
	need_bits(p, 2, PROT_READ | PROT_WRITE | PROT_EXEC);
	load(p, arg_lo(3));
	emit(p, BPF_ALU | BPF_AND | BPF_K, ~(uint32_t)MAP_POPULATE, 0, 0);
	trap_unless(p, BPF_JEQ, MAP_SHARED | MAP_FIXED);
	load(p, arg_lo(3) + 4);
	trap_unless(p, BPF_JEQ, 0);
	load(p, arg_lo(4)); /* not the contexts and the text: descriptor 0 */
	trap_if(p, BPF_JEQ, STUB_FD_CONTROL);
	end_call(p, j);
}

static void allow_munmap(struct program *p)
{
	uint32_t j = begin_call(p, SYS_munmap);

	need_below_stub(p, 0);
	end_call(p, j);
}

static void allow_mprotect(struct program *p)
{
	uint32_t j = begin_call(p, SYS_mprotect);

	need_below_stub(p, 0);
	need_bits(p, 2, PROT_READ | PROT_WRITE | PROT_EXEC);
	end_call(p, j);
}

/* Where the FS and GS bases cannot be set by instructions. */
static void allow_bases(struct program *p)
{
	uint32_t j = begin_call(p, SYS_arch_prctl);

	load(p, arg_lo(0));
	trap_if(p, BPF_JGT, ARCH_SET_FS);
	trap_unless(p, BPF_JGE, ARCH_SET_GS); /* 0x1001 and 0x1002 */
	end_call(p, j);
}

int process_filter_build(struct stub_const *c)
{
	struct program p = {c->filter, 0, sizeof(c->filter) / sizeof(c->filter[0])};

	load(&p, offsetof(struct seccomp_data, arch));
	trap_unless(&p, BPF_JEQ, AUDIT_ARCH_X86_64);
	in_stub_text(&p);
	allow_futex(&p);
	allow_mmap(&p);
	allow_munmap(&p);
	allow_mprotect(&p);
	if (!c->fsgsbase)
		allow_bases(&p);
	ret(&p, SECCOMP_RET_TRAP);
	if (p.n > p.max)
		return -E2BIG;
	c->nfilter = p.n;
	return 0;
}
