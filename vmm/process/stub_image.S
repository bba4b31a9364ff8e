/* SPDX-License-Identifier: Apache-2.0
 * The stub's code as data of the launcher.
 */
	.section .rodata
	.globl process_stub, process_stub_end
	.hidden process_stub, process_stub_end
	.balign 16
process_stub:
	.incbin IMAGE
process_stub_end:
	.section .note.GNU-stack,"",@progbits
