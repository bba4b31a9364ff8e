/* SPDX-License-Identifier: Apache-2.0
 * Carries flame.js inside the program.
 */
	.section .rodata, "a"
	.globl flame_script, flame_script_end
	.hidden flame_script, flame_script_end
flame_script:
	.incbin "runtime/profile/flame.js"
flame_script_end:
	.section .note.GNU-stack, "", @progbits
