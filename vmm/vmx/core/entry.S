/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Into the guest and out (SDM 31.3, VMLAUNCH/VMRESUME; 27.5: what an exit loads).
 *
 * int vmx_guest_run(struct sbv_regs *regs, bool launched): the general registers but RSP are the
 * guest's from regs, and go back there. 0: there was an exit; 1: the instruction failed.
 */
#ifdef __KERNEL__
#include <linux/linkage.h>
#include <linux/objtool.h>
#else
#define RET ret
#define ANNOTATE_INTRA_FUNCTION_CALL
#define ANNOTATE_NOENDBR
#endif

#define VMCS_HOST_RSP 0x6c14

#define RAX 0
#define RBX 8
#define RCX 16
#define RDX 24
#define RSI 32
#define RDI 40
#define RBP 56
#define R8 64
#define R9 72
#define R10 80
#define R11 88
#define R12 96
#define R13 104
#define R14 112
#define R15 120

	.text
	.balign 16
	.globl vmx_guest_run
vmx_guest_run:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi
	mov $VMCS_HOST_RSP, %eax
	vmwrite %rsp, %rax
	test %sil, %sil			/* the flags live until the branch below */
	mov RAX(%rdi), %rax
	mov RBX(%rdi), %rbx
	mov RCX(%rdi), %rcx
	mov RDX(%rdi), %rdx
	mov RSI(%rdi), %rsi
	mov RBP(%rdi), %rbp
	mov R8(%rdi), %r8
	mov R9(%rdi), %r9
	mov R10(%rdi), %r10
	mov R11(%rdi), %r11
	mov R12(%rdi), %r12
	mov R13(%rdi), %r13
	mov R14(%rdi), %r14
	mov R15(%rdi), %r15
	mov RDI(%rdi), %rdi
	jz 1f
	vmresume
	jmp 2f
1:	vmlaunch
2:	pop %rdi			/* it failed: no register has changed but by us */
	mov $1, %eax
	jmp 3f

	.balign 16
	.globl vmx_guest_exit
vmx_guest_exit:
	ANNOTATE_NOENDBR		/* the CPU comes here by no indirect branch */
	push %rdi
	mov 8(%rsp), %rdi
	mov %rax, RAX(%rdi)
	mov %rbx, RBX(%rdi)
	mov %rcx, RCX(%rdi)
	mov %rdx, RDX(%rdi)
	mov %rsi, RSI(%rdi)
	mov %rbp, RBP(%rdi)
	mov %r8, R8(%rdi)
	mov %r9, R9(%rdi)
	mov %r10, R10(%rdi)
	mov %r11, R11(%rdi)
	mov %r12, R12(%rdi)
	mov %r13, R13(%rdi)
	mov %r14, R14(%rdi)
	mov %r15, R15(%rdi)
	pop RDI(%rdi)
	add $8, %rsp

	/* Calls that the guest made are in the return stack buffer: without this, returns of ours could be
	 * predicted to where it wants (as Linux' FILL_RETURN_BUFFER). */
	cmpb $0, vmx_fill_return_buffer(%rip)
	je 7f
	mov $16, %eax
4:	ANNOTATE_INTRA_FUNCTION_CALL
	call 5f
	int3
5:	ANNOTATE_INTRA_FUNCTION_CALL
	call 6f
	int3
6:	add $16, %rsp
	dec %eax
	jnz 4b
	lfence

7:	/* Nothing of the guest's is left for a mispredicted path; callee-saved ones are popped. */
	xor %eax, %eax			/* there was an exit */
	xor %ecx, %ecx
	xor %edx, %edx
	xor %esi, %esi
	xor %edi, %edi
	xor %r8d, %r8d
	xor %r9d, %r9d
	xor %r10d, %r10d
	xor %r11d, %r11d
3:	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	RET
	.section .note.GNU-stack,"",@progbits
