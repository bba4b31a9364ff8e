/* SPDX-License-Identifier: Apache-2.0
 * The shim's ELF image as data of the launcher.
 */
	.section .rodata
	.globl shim_image, shim_image_end
	.balign 16
shim_image:
	.incbin IMAGE
shim_image_end:
	.section .note.GNU-stack,"",@progbits
