/* SPDX-License-Identifier: Apache-2.0
 *
 * From a multiboot loader (32-bit, paging off, EAX the magic, EBX the information) to metal_main in
 * 64-bit mode: the first 4 GiB mapped one to one, SSE and XSAVE switched on, interrupts off.
 */
#define MULTIBOOT_HEADER 0x1badb002
/* modules on whole pages, memory sizes wanted, addresses in the header: an ELF file for 64 bits is not what loaders
 * expect */
#define MULTIBOOT_FLAGS 0x10003

#define CR0_MP (1 << 1)
#define CR0_EM (1 << 2)
#define CR0_NE (1 << 5)
#define CR0_WP (1 << 16)
#define CR0_PG (1 << 31)
#define CR4_PAE (1 << 5)
#define CR4_OSFXSR (1 << 9)
#define CR4_OSXMMEXCPT (1 << 10)
#define MSR_EFER 0xc0000080
#define EFER_SCE (1 << 0)
#define EFER_LME (1 << 8)
#define EFER_NXE (1 << 11)
#define PAGE_TABLE 3		/* present, writable */
#define PAGE_LARGE 0x83
#define TSS_AVAILABLE 0x8900

	.section .multiboot, "a"
	.balign 8
header:
	.long	MULTIBOOT_HEADER, MULTIBOOT_FLAGS, -(MULTIBOOT_HEADER + MULTIBOOT_FLAGS)
	.long	header, metal_start, metal_data_end, metal_end, start

	.text
	.code32
	.globl start
start:
	cli
	mov	%eax, %ebp
	mov	$stack_top, %esp
	xor	%eax, %eax
	mov	$metal_data_end, %edi
	mov	$metal_end, %ecx
	sub	%edi, %ecx
	rep stosb

	/* four page directories, 2 MiB a page */
	mov	$directories, %edi
	mov	$PAGE_LARGE, %eax
1:	mov	%eax, (%edi)
	add	$8, %edi
	add	$0x200000, %eax
	jnc	1b
	movl	$pointers + PAGE_TABLE, root
	mov	$directories + PAGE_TABLE, %eax
	mov	$pointers, %edi
	mov	$4, %ecx
2:	mov	%eax, (%edi)
	add	$8, %edi
	add	$0x1000, %eax
	loop	2b

	mov	$root, %eax
	mov	%eax, %cr3
	mov	$CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT, %eax
	mov	%eax, %cr4
	mov	$MSR_EFER, %ecx
	rdmsr
	or	$EFER_SCE | EFER_LME | EFER_NXE, %eax
	wrmsr
	mov	%cr0, %eax
	and	$~CR0_EM, %eax
	or	$CR0_MP | CR0_NE | CR0_WP | CR0_PG, %eax
	mov	%eax, %cr0

	/* the TSS' address into its descriptor */
	mov	$metal_tss, %eax
	mov	%ax, tss_descriptor + 2
	shr	$16, %eax
	mov	%al, tss_descriptor + 4
	mov	%ah, tss_descriptor + 7
	lgdt	gdtr
	ljmp	$8, $long_mode

	.code64
long_mode:
	mov	$16, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$24, %eax
	ltr	%ax
	mov	%ebp, %edi
	mov	%ebx, %esi
	xor	%ebp, %ebp
	call	metal_main
3:	hlt
	jmp	3b

	.data
	.balign 16
gdt:	.quad	0, 0x00af9a000000ffff, 0x00cf92000000ffff
tss_descriptor:
	.quad	0x67 | TSS_AVAILABLE << 32, 0
gdtr:	.word	. - gdt - 1
	.quad	gdt

	.bss
	.balign 4096
root:	.skip	4096
pointers:
	.skip	4096
directories:
	.skip	4 * 4096
	.globl	metal_tss
metal_tss:
	.skip	104
	.balign 16
	.skip	0x8000
stack_top:
	.section .note.GNU-stack,"",@progbits
