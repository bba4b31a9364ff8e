/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vmm/guest.h"

#define XSTR(x) #x
#define STR(x)	XSTR(x)

#define PIECE(name) ".globl " #name "\n" #name ":\n"

/* clang-format off */
__asm__(
	".pushsection .rodata\n"
	".balign 16\n"
	PIECE(guest_code0)
	PIECE(guest_vectors)
	".set vector, 0\n"
	".rept " STR(GUEST_VECTORS) "\n"
	"	.balign 16\n"
	/* The frame is the same with the error codes that the CPU pushes (SDM vol. 3, table 6-1). */
	"	.if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && "
		"(vector != 13) && (vector != 14) && (vector != 17) && (vector != 21)\n"
	"	pushq $0\n"
	"	.endif\n"
	"	outb %al, $vector\n"
	"	jmp guest_resume\n"
	"	.set vector, vector + 1\n"
	".endr\n"
	"guest_resume:\n"
	"	testl %r15d, %r15d\n"
	"	jnz 1f\n"
	"0:	addq $8, %rsp\n"
	"	iretq\n"
	"1:	cmpl $" STR(FLUSH_INVLPG) ", %r15d\n"
	"	jb 2f\n"
	"	ja 3f\n"
	"	invlpg (%r14)\n"
	"	jmp 0b\n"
	"2:	movq %cr3, %r13\n"
	"	movq %r13, %cr3\n"
	"	jmp 0b\n"
	"3:	orq $0, (%r14)\n"
	"	jmp 0b\n"

	PIECE(guest_outs)
	"	outb %al, $" STR(GUEST_PORT) "\n"
	"	outw %ax, $" STR(GUEST_PORT) "\n"
	"	outl %eax, $" STR(GUEST_PORT) "\n"
	"	jmp guest_outs\n"
	PIECE(guest_in)
	"	inl $" STR(GUEST_PORT_IN) ", %eax\n"
	"	outl %eax, $" STR(GUEST_PORT) "\n"
	"	inb $" STR(GUEST_PORT_IN) ", %al\n"
	"	outl %eax, $" STR(GUEST_PORT) "\n"
	"	jmp guest_in\n"
	PIECE(guest_rep_out)
	"	movl $" STR(GUEST_PORT) ", %edx\n"
	"	rep outsb\n"
	"	ud2\n"
	PIECE(guest_rep_in)
	"	movl $" STR(GUEST_PORT_IN) ", %edx\n"
	"	rep insb\n"
	"	ud2\n"
	PIECE(guest_hlt)
	"	hlt\n"
	"	outb %al, $" STR(GUEST_PORT) "\n"
	"	jmp guest_hlt\n"
	PIECE(guest_store)
	"	movq %rax, (%rdi)\n"
	PIECE(guest_load)
	"	movq (%rdi), %rax\n"
	"	outb %al, $" STR(GUEST_PORT) "\n"
	"	jmp guest_load\n"
	PIECE(guest_touch)
	"	lock orq $0, (%rdi)\n"
	PIECE(guest_out_loop)
	"	outb %al, $" STR(GUEST_PORT) "\n"
	"	jmp guest_out_loop\n"
	PIECE(guest_sti)
	"	outb %al, $" STR(GUEST_PORT) "\n"
	"	nop\n"
	"	nop\n"
	"	sti\n"
	"	nop\n"
	PIECE(guest_sti_spin)
	"	jmp guest_sti_spin\n"
	PIECE(guest_rdmsr)
	"	rdmsr\n"
	"	shlq $32, %rdx\n"
	"	orq %rdx, %rax\n"
	"	outb %al, $" STR(GUEST_PORT) "\n"
	"	jmp guest_rdmsr\n"
	PIECE(guest_ud2)
	"	ud2\n"
	PIECE(guest_loop0)
	"	decl %ecx\n"
	"	jnz guest_loop0\n"
	"	outb %al, $" STR(GUEST_PORT) "\n"
	"	jmp guest_loop0\n"
	PIECE(guest_code0_end)

	".balign 16\n"
	PIECE(guest_code3)
	PIECE(guest_spin)
	"	incq %rbx\n"
	"	jmp guest_spin\n"
	PIECE(guest_ud2_loop)
	"	ud2\n"
	"	jmp guest_ud2_loop\n"
	PIECE(guest_syscall)
	"	syscall\n"
	"	ud2\n"
PIECE(guest_syscall_loop)
	"	syscall\n"
	"	jmp guest_syscall_loop\n"
		PIECE(guest_read)
	"	movq (%rdi), %rax\n"
	"	ud2\n"
	PIECE(guest_write)
	"	movq %rax, (%rdi)\n"
	"	ud2\n"
	PIECE(guest_while)
	"	incq %rbx\n"
	"	movq (%rdi), %rax\n"
	"	cmpq %rsi, %rax\n"
	"	je guest_while\n"
	"	ud2\n"
	PIECE(guest_until)
	"	movq (%rdi), %rax\n"
	"	cmpq %rsi, %rax\n"
	"	jne guest_until\n"
	"	ud2\n"
	PIECE(guest_fs_gs)
	"	movq %fs:0, %rax\n"
	"	movq %gs:0, %rbx\n"
	"	ud2\n"
	PIECE(guest_port)
	"	outb %al, $" STR(GUEST_PORT) "\n"
	"	ud2\n"
	PIECE(guest_tsc)
	"	rdtsc\n"
	"	shlq $32, %rdx\n"
	"	orq %rdx, %rax\n"
	"	ud2\n"
	PIECE(guest_cpuid)
	"	cpuid\n"
	"	ud2\n"
	PIECE(guest_sse)
	"	movups (%rdi), %xmm0\n"
	"	movups 64(%rdi), %xmm15\n"
	"	ud2\n"
	"	movups %xmm0, (%rsi)\n"
	"	movups %xmm15, 64(%rsi)\n"
	"	ud2\n"
	PIECE(guest_avx)
	"	vmovups (%rdi), %ymm0\n"
	"	vmovups 64(%rdi), %ymm15\n"
	"	ud2\n"
	"	vmovups %ymm0, (%rsi)\n"
	"	vmovups %ymm15, 64(%rsi)\n"
	"	ud2\n"
	PIECE(guest_avx512)
	"	vmovups (%rdi), %zmm0\n"
	"	vmovups 64(%rdi), %zmm31\n"
	"	kmovw %ebx, %k1\n"
	"	ud2\n"
	"	vmovups %zmm0, (%rsi)\n"
	"	vmovups %zmm31, 64(%rsi)\n"
	"	kmovw %k1, %ecx\n"
	"	ud2\n"
	PIECE(guest_code3_end)
	".popsection\n");
/* clang-format on */
