/* SPDX-License-Identifier: Apache-2.0
 * The guest. Ring 0 code is copied to KERNEL, ring 3 code to USER; both are position-independent.
 * A syscall with eax != 0 is reported to userspace; it returns by sysretq if r15 is 1, else by
 * iretq. A trap is reported to userspace unless r15 is 2.
 */
#include "layout.h"

#define LABEL(name) .globl name; name:

	.section .rodata
	.balign 16
LABEL(kernel_begin)
/* rdi: user entry, r14: user rflags */
LABEL(kernel_enter_user)
	pushq $0x23
	pushq $USER_STACK
	pushq %r14
	pushq $0x2b
	pushq %rdi
	iretq
LABEL(kernel_syscall)
	testl %eax, %eax
	jz 1f
	outl %eax, $PORT_SYSCALL
1:	cmpl $1, %r15d
	jne 2f
	sysretq
2:	movq %rsp, %r8
	movl $KERNEL_STACK, %esp
	pushq $0x23
	pushq %r8
	pushq %r11
	pushq $0x2b
	pushq %rcx
	iretq
/* Vector stubs, 16 bytes each: make the frames equal, push the vector. */
	.balign 16
LABEL(kernel_vectors)
	.set vector, 0
	.rept VECTORS
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21)
	pushq $0
	.endif
	pushq $vector
	jmp kernel_trap
	.set vector, vector + 1
	.endr
kernel_trap:
	pushq %rax
	movl $TRAP, %eax
	movq %rsp, (%rax)
	pushq %rdx
	movq %cr2, %rdx
	movq %rdx, 8(%rax)
	popq %rdx
	cmpl $2, %r15d
	je 1f
	movl 8(%rsp), %eax
	outl %eax, $PORT_TRAP
1:	popq %rax
	addq $16, %rsp
	iretq
/* Cases in ring 0: end with the result in eax. */
kernel_done:
	outl %eax, $PORT_DONE
	jmp kernel_done
LABEL(kernel_out)
	movl $LOOPS, %ecx
1:	movl %ecx, %eax
	outl %eax, $PORT_SYSCALL
	decl %ecx
	jnz 1b
	movl $1, %eax
	jmp kernel_done
LABEL(kernel_hlt)
	hlt
	movl $1, %eax
	jmp kernel_done
LABEL(kernel_msr)
	movl $0xc0000100, %ecx
	movl $0x12345678, %eax
	movl $0x7f, %edx
	wrmsr
	xorl %eax, %eax
	rdmsr
	cmpl $0x12345678, %eax
	sete %al
	movzbl %al, %eax
	jmp kernel_done
LABEL(kernel_swapgs)
	swapgs
	swapgs
	movl $1, %eax
	jmp kernel_done
LABEL(kernel_cr3)
	movq %cr3, %rax
	movq %rax, %cr3
	movl $1, %eax
	jmp kernel_done
LABEL(kernel_invlpg)
	invlpg HOLE
	movl $1, %eax
	jmp kernel_done
LABEL(kernel_fxsave)
	fxsave SCRATCH
	fxrstor SCRATCH
	movl $1, %eax
	jmp kernel_done
/* CR4.OSXSAVE, then XCR0 = x87 | SSE | AVX, then save and restore. */
LABEL(kernel_xsave)
	movq %cr4, %rax
	orl $0x40000, %eax
	movq %rax, %cr4
	xorl %ecx, %ecx
	xorl %edx, %edx
	movl $7, %eax
	xsetbv
	xsave SCRATCH
	xrstor SCRATCH
	movl $1, %eax
	jmp kernel_done
LABEL(kernel_fsgsbase)
	movq %cr4, %rax
	orl $0x10000, %eax
	movq %rax, %cr4
	movl $0x1234, %ebx
	wrfsbase %rbx
	rdfsbase %rax
	cmpl %ebx, %eax
	sete %al
	movzbl %al, %eax
	jmp kernel_done
LABEL(kernel_cmpxchg16b)
	xorl %eax, %eax
	xorl %edx, %edx
	movl $1, %ebx
	xorl %ecx, %ecx
	lock cmpxchg16b SCRATCH
	movl SCRATCH, %eax
	jmp kernel_done
LABEL(kernel_rep_stos)
	movl $SCRATCH, %edi
	movl $512, %ecx
	movl $1, %eax
	rep stosq
	movl SCRATCH+4088, %eax
	jmp kernel_done
LABEL(kernel_mmio)
	movl $MMIO, %ebx
	movl $0x55, (%rbx)
	movl (%rbx), %eax
	jmp kernel_done
LABEL(kernel_read_only)
	movl $READ_ONLY, %ebx
	movl (%rbx), %eax
	movl %eax, 8(%rbx)
	jmp kernel_done
LABEL(kernel_end)
/* Cases in ring 3: end with ud2 at user_done, the result in eax. */
	.balign 16
LABEL(user_begin)
user_done:
	ud2
	jmp user_done
LABEL(user_one)
	movl $1, %eax
	jmp user_done
LABEL(user_syscall)
	xorl %eax, %eax
	syscall
	jmp user_one
/* Syscalls that ring 0 answers itself. */
LABEL(user_local)
	movl $LOOPS, %ebx
1:	xorl %eax, %eax
	syscall
	decl %ebx
	jnz 1b
	jmp user_one
/* Syscalls that go to userspace and come back. */
LABEL(user_report)
	movl $LOOPS, %ebx
1:	movl %ebx, %eax
	syscall
	decl %ebx
	jnz 1b
	jmp user_one
/* Traps by int3. */
LABEL(user_gate)
	movl $LOOPS, %ebx
1:	int3
	decl %ebx
	jnz 1b
	xorl %r15d, %r15d
	jmp user_one
LABEL(user_fault)
	movl $HOLE, %ebx
	movl (%rbx), %eax
	jmp user_done
LABEL(user_protected)
	movl $SCRATCH, %ebx
	movl $7, (%rbx)
	jmp user_one
LABEL(user_ud2)
	ud2
	jmp user_one
LABEL(user_int3)
	int3
	jmp user_one
LABEL(user_int)
	int $0x50
	jmp user_one
LABEL(user_hlt)
	hlt
	jmp user_one
/* Single step: set TF by popf, two nops. */
LABEL(user_step)
	pushfq
	orl $0x100, (%rsp)
	popfq
	nop
	jmp user_one
LABEL(user_avx)
	vxorps %ymm0, %ymm0, %ymm0
	jmp user_one
LABEL(user_rdtsc)
	rdtsc
	movl %eax, %ebx
	rdtsc
	cmpl %ebx, %eax
	setne %al
	movzbl %al, %eax
	jmp user_done
LABEL(user_spin)
	pause
	jmp user_spin
LABEL(user_end)
	.section .note.GNU-stack,"",@progbits
