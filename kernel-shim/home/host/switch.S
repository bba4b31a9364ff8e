/* SPDX-License-Identifier: Apache-2.0
 * void host_kctx_switch(u64 *save_rsp, u64 load_rsp)
 */
#include "home/kctx.h"

	.text
	.globl host_kctx_switch
	.type host_kctx_switch, @function
host_kctx_switch:
	kctx_switch
	.size host_kctx_switch, . - host_kctx_switch

/* A new context begins here: r12 is the function, r13 its argument. */
	.globl host_kctx_entry
	.type host_kctx_entry, @function
host_kctx_entry:
	mov %r12, %rdi
	mov %r13, %rsi
	xor %ebp, %ebp
	call host_kctx_begin
	ud2
	.size host_kctx_entry, . - host_kctx_entry
	.section .note.GNU-stack,"",@progbits
