/* SPDX-License-Identifier: Apache-2.0
 * Carries the vDSO inside the core.
 */
	.section .rodata, "a"
	.balign 4096
	.globl vdso_image, vdso_image_end
	.hidden vdso_image, vdso_image_end
vdso_image:
	.incbin "kernel-shim/vdso.so"
vdso_image_end:
	.balign 4096
	.section .note.GNU-stack, "", @progbits
