/* SPDX-License-Identifier: Apache-2.0
 * Registers of a stopped task as ptrace(2) has them: struct user_regs_struct, and the register
 * sets of core notes (arch/x86/kernel/ptrace.c, fpu/regset.c).
 */
#include <asm/errno.h>
#include <asm/ptrace-abi.h>
#include <linux/elf.h>

#include "core/ptrace.h"
#include "core/signal.h"
#include "mm/mm.h"

enum { /* words of struct user_regs_struct; those before the segments are struct user_regs */
	W_ORIG_RAX = 15,
	W_CS = 17,
	W_FLAGS = 18,
	W_SS = 20,
	W_FS_BASE = 21,
	W_GS_BASE = 22,
};
#define FLAGS_MASK    0x50dd5ull /* a tracer may set: AC RF OF DF TF SF ZF AF PF CF */
#define FXSAVE_SIZE   512
#define FX_SW_OFFSET  464 /* struct _fpx_sw_bytes: the first word is XCR0, here */
#define XSTATE_LEGACY 3ull
#define SELECTOR_RPL  3

u64 ptrace_reg_get(struct task *t, u32 word)
{
	switch (word) {
	case W_FS_BASE:
		return t->fs_base;
	case W_GS_BASE:
		return t->gs_base;
	default:
		return word < W_FS_BASE ? ((const u64 *)&t->regs)[word] : 0;
	}
}

static int set_base(u64 *base, u64 v)
{
	if (v >= USER_VA_END)
		return -EIO;
	*base = v;
	return 0;
}

/* Segments are as they are; what could not be one is refused. */
static int check_selector(u32 word, u64 v)
{
	bool zero_ok = word != W_CS && word != W_SS;

	if (!(u16)v)
		return zero_ok ? 0 : -EIO;
	return (v & SELECTOR_RPL) == SELECTOR_RPL ? 0 : -EIO;
}

int ptrace_reg_set(struct task *t, u32 word, u64 v)
{
	switch (word) {
	case W_FS_BASE:
		return set_base(&t->fs_base, v);
	case W_GS_BASE:
		return set_base(&t->gs_base, v);
	case W_FLAGS:
		t->regs.rflags = (t->regs.rflags & ~FLAGS_MASK) | (v & FLAGS_MASK);
		return 0;
	case W_ORIG_RAX:
		t->regs.orig_rax = v;
		t->in_syscall = (s32)v != -1; /* whether signal delivery may restart it */
		return 0;
	default:
		if (word > W_GS_BASE || word == W_CS || word == W_SS)
			return check_selector(word, v);
		((u64 *)&t->regs)[word] = v;
		return 0;
	}
}

/* -- register sets -- */

static long general_set(struct task *t, const struct ptrace_iov *iov)
{
	u64 v;

	for (u32 i = 0; i < iov->len / sizeof(v); i++) {
		int r = get_user_u64(&v, iov->base + i * sizeof(v));

		if (!r)
			r = ptrace_reg_set(t, i, v);
		if (r)
			return r;
	}
	return 0;
}

static long general(struct task *t, struct ptrace_iov *iov, bool set)
{
	u64 words[USER_REGS_WORDS];

	iov->len = min_u64(iov->len, sizeof(words));
	if (set)
		return general_set(t, iov);
	for (u32 i = 0; i < USER_REGS_WORDS; i++)
		words[i] = ptrace_reg_get(t, i);
	return copy_to_user(iov->base, words, iov->len);
}

static long float_get(struct task *t, const struct ptrace_iov *iov, u64 size)
{
	u64 sw[6] = {kern->xcr0};
	u64 n = iov->len > FX_SW_OFFSET ? min_u64(iov->len - FX_SW_OFFSET, sizeof(sw)) : 0;

	plat_fpu_save(t);
	if (copy_to_user(iov->base, t->fpu, iov->len))
		return -EFAULT;
	return size > FXSAVE_SIZE ? copy_to_user(iov->base + FX_SW_OFFSET, sw, n) : 0;
}

/* The image is checked beside the task's own, which stays as it is if that fails. */
static long float_set(struct task *t, const struct ptrace_iov *iov)
{
	u8 *image = kalloc(kern->xsave_size);
	long r = image ? 0 : -ENOMEM;

	if (r)
		return r;
	plat_fpu_save(t);
	memcpy(image, t->fpu, kern->xsave_size);
	r = copy_from_user(image, iov->base, iov->len);
	if (!r && kern->xsave_size > FXSAVE_SIZE && iov->len <= FXSAVE_SIZE)
		*(u64 *)(image + FXSAVE_SIZE) |= XSTATE_LEGACY;
	if (!r)
		r = fpstate_sanitise(image, kern->xsave_size, ~0ull);
	if (!r) {
		memcpy(t->fpu, image, kern->xsave_size);
		plat_fpu_load(t);
	}
	kfree(image);
	return r;
}

static long floating(struct task *t, struct ptrace_iov *iov, bool set, u64 size)
{
	iov->len = min_u64(iov->len, size);
	if (!set)
		return float_get(t, iov, size);
	/* only the whole of an XSAVE image makes sense (xstateregs_set) */
	return size > FXSAVE_SIZE && iov->len != size ? -EFAULT : float_set(t, iov);
}

long ptrace_regset(struct task *t, u32 type, struct ptrace_iov *iov, bool set)
{
	if (iov->len % sizeof(u64))
		return -EINVAL;
	switch (type) {
	case NT_PRSTATUS:
		return general(t, iov, set);
	case NT_PRFPREG:
		return floating(t, iov, set, FXSAVE_SIZE);
	case NT_X86_XSTATE:
		return kern->xsave_size > FXSAVE_SIZE ? floating(t, iov, set, kern->xsave_size)
						      : -ENODEV;
	default:
		return -EINVAL;
	}
}
