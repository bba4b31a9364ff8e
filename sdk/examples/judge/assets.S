/* SPDX-License-Identifier: Apache-2.0 */
	.section .rodata
.macro asset name, file
	.globl asset_\name, asset_\name\()_end
	.hidden asset_\name, asset_\name\()_end
asset_\name:
	.incbin "\file"
asset_\name\()_end:
.endm
	asset html, "sdk/examples/judge/page/index.html"
	asset js, "sdk/examples/judge/page/judge.js"
	asset css, "sdk/examples/judge/page/judge.css"
	.section .note.GNU-stack, "", @progbits
