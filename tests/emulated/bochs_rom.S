/* SPDX-License-Identifier: Apache-2.0
 *
 * What Bochs' CPU executes first, in place of a BIOS: no devices are set up, no disk is read. Memory from 1 MiB on
 * holds what bochs_image made (optramimage), with a header: how many blocks, entry, EAX, EBX. Bochs gives guest
 * memory a place in blocks of 128 KiB when each is first touched, and has read the file into the first
 * places; so each block is touched in turn before anything else is.
 * A second start is a reboot, which ends the machine.
 */
#define HEADER 0x100000
#define BLOCK 0x20000
#define MSR_MTRR_DEF_TYPE 0x2ff /* 0x806: on, write-back */
#define SHUTDOWN_PORT 0x8900

	.code16
	.text
start:
	cli
	lgdtl	%cs:gdtr - start
	mov	$1, %eax
	mov	%eax, %cr0
	ljmpl	$8, $flat

	.code32
flat:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	%eax, %ss
	mov	$HEADER, %esi
	mov	(%esi), %ecx
	jecxz	shutdown
1:	mov	(%esi), %eax
	add	$BLOCK, %esi
	loop	1b
	mov	$MSR_MTRR_DEF_TYPE, %ecx
	mov	$0x806, %eax
	xor	%edx, %edx
	wrmsr
	mov	$HEADER, %esi
	movl	$0, (%esi)
	mov	4(%esi), %edx
	mov	8(%esi), %eax
	mov	12(%esi), %ebx
	jmp	*%edx

shutdown:
	mov	$SHUTDOWN_PORT, %edx
	mov	$word, %esi
	mov	$8, %ecx
	rep outsb
	hlt

word:	.ascii	"Shutdown"
	.balign 8
gdt:	.quad	0, 0xcf9a000000ffff, 0xcf92000000ffff
gdtr:	.word	23
	.long	gdt

	.org	0x8000	/* bochs_image puts the multiprocessor table here */
	.org	0xfff0
	.code16
	jmp	start
	.org	0x10000
