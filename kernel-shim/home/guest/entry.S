/* SPDX-License-Identifier: Apache-2.0
 * In and out of ring 3. Interrupts are off in ring 0 throughout: gates are interrupt gates, and
 * SFMASK clears IF.
 *
 * A trap from ring 3 lands on the processor's trap page (TSS.RSP0), where these stubs build a struct
 * guest_trap; then the context that called guest_enter goes on. GS is the processor's own in ring 0 and
 * the program's in ring 3. A trap in ring 0 is a bug of the shim, or the
 * soft copy's; it stays on the stack that it hit.
 */
#include "home/guest/guest.h"
#include "home/kctx.h"

#define USER_CS 0x33
#define USER_SS 0x2b

	.macro push_registers
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm

/* From guest_enter: a struct guest_trap is on the trap page. */
	.macro return_to_kernel
	mov %gs:GUEST_CPU_KERNEL_RSP, %rsp
	pop_callee_saved
	ret
	.endm

/* A struct guest_trap off the stack, in two parts: what sysret has no say in, and the rest. */
	.macro pop_preserved
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	.endm

	.macro pop_rest_iretq
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $16, %rsp
	iretq
	.endm

	.section .text.entry, "ax"

/* First instruction of the guest: rdi = boot block; everything else the launcher has set. */
	.globl guest_start
guest_start:
	xor %ebp, %ebp
	call guest_main
	ud2

/* First instruction of each other processor, on its trap page: edi = which. */
	.globl guest_start_other
guest_start_other:
	xor %ebp, %ebp
	call guest_wait_for_kernel	/* the stack that it is to have */
	mov %rax, %rsp
	xor %ebp, %ebp
	call guest_run_cpu
	ud2

/* One stub for each vector, at guest_vectors + 16 * vector. */
	.balign 16
	.globl guest_vectors
guest_vectors:
	.set vec, 0
	.rept GUEST_VECTORS
	.balign 16
	.if !(vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21 || vec == 29 || vec == 30)
	push $0
	.endif
	push $vec
	jmp trap_common
	.set vec, vec + 1
	.endr

	.balign 16
trap_common:
	push_registers
	cld
	testb $3, 144(%rsp)		/* cs of the interrupted code: 15 registers, vector, error, rip */
	jz 1f
	swapgs
	return_to_kernel
1:	mov %rsp, %rdi
	call guest_kernel_trap		/* returns for the soft copy only */
	pop_preserved
	pop_rest_iretq

/* LSTAR. RCX = user RIP, R11 = user RFLAGS, RSP still the user's (SDM vol. 2, SYSCALL). */
	.balign 16
	.globl guest_syscall
guest_syscall:
	swapgs
	mov %rsp, %gs:GUEST_CPU_USER_RSP
	mov %gs:GUEST_CPU_TRAP_TOP, %rsp
	push $USER_SS
	push %gs:GUEST_CPU_USER_RSP
	push %r11
	push $USER_CS
	push %rcx
	push $0
	push $GUEST_VEC_SYSCALL
	push_registers
	return_to_kernel

/* void guest_enter(bool sysret, struct guest_trap *f): to ring 3 with the registers in f, which is at
 * the end of the trap page; returns at the next
 * trap, when that page holds the new ones. */
	.balign 16
	.globl guest_enter
guest_enter:
	push_callee_saved
	mov %rsp, %gs:GUEST_CPU_KERNEL_RSP
	mov %edi, %eax
	mov %rsi, %rsp
	swapgs
	pop_preserved
	test %eax, %eax
	jnz 2f
	pop_rest_iretq
2:	add $8, %rsp			/* r11 is the flags */
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	add $8, %rsp			/* rcx is the address */
	pop %rdx
	pop %rsi
	pop %rdi
	mov 16(%rsp), %rcx
	mov 32(%rsp), %r11
	mov 40(%rsp), %rsp
	sysretq

/* void guest_kctx_switch(u64 *save_rsp, u64 load_rsp) */
	.balign 16
	.globl guest_kctx_switch
guest_kctx_switch:
	kctx_switch

/* A new context: r12 is the function, r13 its argument. */
	.balign 16
	.globl guest_kctx_entry
guest_kctx_entry:
	mov %r13, %rdi
	xor %ebp, %ebp
	call *%r12
	ud2

/* u64 guest_soft_copy(dst, src, n): bytes not copied. When the host has no memory behind a window page
 * the launcher moves RIP from _fault to _fixup. */
	.balign 16
	.globl guest_soft_copy, guest_soft_copy_fault, guest_soft_copy_fixup
guest_soft_copy:
	mov %rdx, %rcx
guest_soft_copy_fault:
	rep movsb
guest_soft_copy_fixup:
	mov %rcx, %rax
	ret

/* u32 guest_soft_cmpxchg(word, expect, desired, old): 0, or not when there is no memory. */
	.balign 16
	.globl guest_soft_cmpxchg, guest_soft_cmpxchg_fault, guest_soft_cmpxchg_fixup
guest_soft_cmpxchg:
	mov %esi, %eax
guest_soft_cmpxchg_fault:
	lock cmpxchg %edx, (%rdi)
	mov %eax, (%rcx)
	xor %eax, %eax
	ret
guest_soft_cmpxchg_fixup:
	mov $1, %eax
	ret
	.section .note.GNU-stack,"",@progbits
