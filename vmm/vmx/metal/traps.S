/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's own 256 interrupt entries: each makes the frame of traps.c.
 */
#define HAS_ERROR_CODE 0x60227d00	/* bits 8, 10 to 14, 17, 21, 29, 30 */

	.text
	.balign 16
	.globl	metal_trap_entries
metal_trap_entries:			/* 16 bytes each */
	.set	vector, 0
	.rept	256
	.balign 16
	.if	vector > 31
	push	$0
	.elseif	!(HAS_ERROR_CODE >> vector & 1)
	push	$0
	.endif
	push	$vector
	jmp	trap
	.set	vector, vector + 1
	.endr

trap:
	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	mov	%rsp, %rdi
	cld
	call	metal_trap
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq
	.section .note.GNU-stack,"",@progbits
