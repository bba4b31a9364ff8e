/* SPDX-License-Identifier: Apache-2.0
 * See hostile.h. Position-independent: copied to where the trapped process has its code.
 */
#include "tests/security/boundary/hostile.h"
#include "vmm/process/layout.h"

#define BEGIN(name) .globl hostile_##name; hostile_##name:
#define END(name)   .globl hostile_##name##_end; hostile_##name##_end:

	.section .rodata
BEGIN(fake_stub)
	movabs $STUB_CTX, %rbx
1:	mov $HOSTILE_DATA, %esi
	lea HOSTILE_EVENT(%rbx), %rdi
	mov $(HOSTILE_EVENT_SIZE / 8), %ecx
	rep movsq
	xor %eax, %eax
	xchg %eax, (%rbx)
2:	pause
	cmpl $TURN_STUB, (%rbx)
	jne 2b
	jmp 1b
END(fake_stub)

	/* xorshift in r8; the offset in r9 */
	.macro write_garbage
	mov %r8, %r9
	shl $13, %r9
	xor %r9, %r8
	mov %r8, %r9
	shr $7, %r9
	xor %r9, %r8
	mov %r8, %r9
	shl $17, %r9
	xor %r9, %r8
	mov %r8, %r9
	shr $20, %r9
	and $0x1ff8, %r9d
	mov %r8, (%rbx,%r9)
	.endm

BEGIN(writer)
	movabs $STUB_CTX, %rbx
1:	write_garbage
	test $0x3f, %r8b
	jnz 1b
	movl $0, (%rbx)
	jmp 1b
END(writer)

BEGIN(calling_writer)
	movabs $STUB_CTX, %rbx
1:	write_garbage
	test $0x3f, %r8b
	jnz 1b
	syscall
	jmp 1b
END(calling_writer)

BEGIN(turner)
	movabs $STUB_CTX, %rbx
1:	movl $0, (%rbx)
	jmp 1b
END(turner)
	.section .note.GNU-stack,"",@progbits
