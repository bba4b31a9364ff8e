/* SPDX-License-Identifier: Apache-2.0
 * The stub's entries and exits. The blob begins with zygote_entry (stub.lds), where the launcher's
 * child jumps to.
 */
#include "vmm/process/layout.h"

	.section .text.head, "ax"
	.globl zygote_entry
zygote_entry:
	movabs $(STUB_ZYGOTE_STACK + STUB_ZYGOTE_SIZE - 8), %rsp
	xor %ebp, %ebp
	jmp zygote_main

/* A patched system call (patch.c) comes here with the program's registers, but that RCX is where it
 * goes on and RAX the number, as SYSCALL and the code before it would have them; R11 is free. The
 * program's stack is not touched: there may be a red zone below it. */
	.balign 64
	.globl stub_call_entry
stub_call_entry:
	movabs $(STUB_CTX + STUB_CTX_REGS), %r11
	mov %r15, 0(%r11)
	mov %r14, 8(%r11)
	mov %r13, 16(%r11)
	mov %r12, 24(%r11)
	mov %rbp, 32(%r11)
	mov %rbx, 40(%r11)
	mov %r10, 56(%r11)
	mov %r9, 64(%r11)
	mov %r8, 72(%r11)
	mov %rax, 80(%r11)
	mov %rcx, 88(%r11)
	mov %rdx, 96(%r11)
	mov %rsi, 104(%r11)
	mov %rdi, 112(%r11)
	mov %rcx, 128(%r11)
	mov %rsp, 152(%r11)
	movabs $(STUB_CTX + STUB_CTX_SIZE), %rsp
	pushfq
	pop %rax
	mov %rax, 48(%r11)
	mov %rax, 144(%r11)
	pushq $0x202
	popfq
	call stub_call
	ud2

	.text
/* Every signal comes here, on the context's stack. Flags that the program left could hurt: NT makes
 * IRETQ fault, AC makes misaligned accesses fault. */
	.globl stub_signal_entry
stub_signal_entry:
	pushq $0x202
	popfq
	and $-16, %rsp
	call stub_signal
	ud2

/* void stub_leave(struct stub_regs *): all registers, then user code. A kick on this way, once it
 * has looked at `kicked`, is told by its address (STUB_EV_EARLY). */
	.globl stub_leave, stub_leave_begin, stub_leave_end
stub_leave:
stub_leave_begin:
	movabs $(STUB_CTX + STUB_CTX_KICKED), %rax
	cmpl $0, (%rax)
	jne stub_early_entry
	mov %rdi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $8, %rsp
	iretq
stub_leave_end:

	.globl stub_early_entry
stub_early_entry:
	movabs $(STUB_CTX + STUB_CTX_SIZE), %rsp
	call stub_early
	ud2

/* The same to go on inside the stub: another range of addresses. */
	.globl stub_resume
stub_resume:
	mov %rdi, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $8, %rsp
	iretq
	.section .note.GNU-stack,"",@progbits
