/* SPDX-License-Identifier: Apache-2.0
 * Assembly of both homes (so clang-format keeps off): what a switch of kernel contexts saves, the
 * callee-saved registers of the System V ABI (3.2.1). MXCSR and the x87 control word are
 * callee-saved too, but nothing that is switched changes them.
 */
#ifndef HOME_KCTX_H
#define HOME_KCTX_H

/* clang-format off */

	.macro push_callee_saved
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	.endm

	.macro pop_callee_saved
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	.endm

/* The body of void …_kctx_switch(u64 *save_rsp, u64 load_rsp). */
	.macro kctx_switch
	push_callee_saved
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	pop_callee_saved
	ret
	.endm

#endif
