/* SPDX-License-Identifier: Apache-2.0
 * Which system calls can be patched: those with the right instructions around them. What compilers
 * and assemblers of C libraries and of Go's runtime write is here; the rest goes on to trap.
 */
#include <string.h>

#include "vmm/process/process.h"

#define SYSCALL_LEN 2
/* What the jump takes of the bytes after the `syscall`, if it begins with it. */
#define TAIL_TAKEN (PROCESS_PATCH_LEN - SYSCALL_LEN)

static bool moves_number(const uint8_t *before, uint32_t nr)
{
	return before[0] == 0xb8 && !memcmp(before + 1, &nr, sizeof(nr));
}

/* Length of the instruction at c if it does nothing and is there to fill: int3, nop, and nops of
 * several bytes in the forms of GNU as. 0: something else. */
static size_t filler(const uint8_t *c)
{
	size_t n = 0;

	if (c[0] == 0xcc || c[0] == 0x90)
		return 1;
	while (n < 4 && (c[n] == 0x66 || c[n] == 0x2e))
		n++;
	if (n && c[n] == 0x90)
		return n + 1;
	if (c[n] != 0x0f || c[n + 1] != 0x1f)
		return 0;
	switch (c[n + 2]) {
	case 0x00:
		return n + 3;
	case 0x40:
		return n + 4;
	case 0x44:
		return n + 5;
	case 0x80:
		return n + 7;
	case 0x84:
		return n + 8;
	default:
		return 0;
	}
}

/* Between the end of a function and the next, which begins at a multiple of 16. */
static bool filled_up(const uint8_t *c, uint64_t va, size_t len)
{
	size_t n = 0;

	if ((va & 15) == 0 || (va & 15) + len > 16)
		return false;
	while (n < len) {
		size_t step = filler(c + n);

		if (!step)
			return false;
		n += step;
	}
	return true;
}

static bool take_tail(const uint8_t *after, uint64_t ret, struct process_patch *p)
{
	int32_t to;

	if (after[0] == 0x48 && after[1] == 0x3d) /* cmp $imm32,%rax */
		p->tail_len = 6;
	else if (after[0] == 0x3d) /* cmp $imm32,%eax */
		p->tail_len = 5;
	else if (after[0] == 0xc3 && filled_up(after + 1, ret + 1, TAIL_TAKEN - 1)) /* ret */
		p->tail_len = 1;
	else if (after[0] != 0xe9) /* jmp rel32 */
		return false;
	memcpy(p->tail, after, p->tail_len);
	p->next = ret + p->tail_len;
	if (after[0] == 0xe9) {
		memcpy(&to, after + 1, sizeof(to));
		p->next = ret + TAIL_TAKEN + (uint64_t)(int64_t)to;
	}
	return true;
}

bool process_patch_form(const uint8_t *code, uint64_t ret, uint32_t nr, struct process_patch *out)
{
	const uint8_t *after = code + PROCESS_LOOK_BEFORE;

	if (after[-2] != 0x0f || after[-1] != 0x05)
		return false;
	*out = (struct process_patch){.ret = ret, .nr = nr};
	if (moves_number(code, nr)) {
		out->has_nr = true;
		out->at = ret - PROCESS_PATCH_LEN;
		return true;
	}
	out->at = ret - SYSCALL_LEN;
	return take_tail(after, ret, out);
}
