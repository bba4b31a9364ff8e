/* SPDX-License-Identifier: Apache-2.0
 * void host_kctx_switch(u64 *save_rsp, u64 load_rsp): the callee-saved registers of the System V ABI
 * (3.2.1) go on the old stack and come from the new one. MXCSR and the x87 control word are callee-saved
 * too, but nothing here changes them.
 */
	.text
	.globl host_kctx_switch
	.type host_kctx_switch, @function
host_kctx_switch:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
	.size host_kctx_switch, . - host_kctx_switch

/* A new context begins here: r12 is the function, r13 its argument. */
	.globl host_kctx_entry
	.type host_kctx_entry, @function
host_kctx_entry:
	mov %r12, %rdi
	mov %r13, %rsi
	xor %ebp, %ebp
	call host_kctx_begin
	ud2
	.size host_kctx_entry, . - host_kctx_entry
	.section .note.GNU-stack,"",@progbits
