/* SPDX-License-Identifier: Apache-2.0
 * Patched system calls: a jump through a table instead of a trap. The jump takes seven bytes and a
 * `syscall` two, so it takes the place of what is before it or after it as well:
 *
 *	b8 nr nr nr nr	mov $nr,%eax		ff 24 65 lo hi 06 00	jmp *0x0006hilo
 *	0f 05		syscall
 *
 *	0f 05		syscall			ff 24 65 lo hi 06 00	jmp *0x0006hilo
 *	48 3d imm32	cmp $imm32,%rax		.. (and other tails)
 *
 * Whoever jumps to an instruction in the middle of what was replaced must not execute half a jump:
 * he gets a signal. So there is no instruction in 64-bit mode (SDM vol. 2, A.3) at any place where
 * one can have begun: at byte 5 is the table's 06; byte 2, a SIB byte with no index, whose scale
 * does nothing, is the prefix 65 here; and byte 3 that follows it is chosen from the opcodes that
 * are none.
 *
 * The table's entry leads to code of its own for each place. It says where to go on and which call
 * it is; and a second piece does what followed the `syscall`, for those who return there.
 */
#include <string.h>

#include "vmm/process/process_internal.h"

/* No instructions, and eight bytes from each to the next. */
static const uint8_t low_bytes[] = {
	0x06, 0x0e, 0x16, 0x1e, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x82, 0x9a, 0xce, 0xd6, 0xea};
#define ENTRIES (sizeof(low_bytes)) /* in 256 bytes of the table */

_Static_assert(STUB_PATCH_TABLE == 0x60000 && STUB_TABLE_SIZE <= 0x10000, "the byte 06");
_Static_assert((STUB_PATCHES + ENTRIES - 1) / ENTRIES * 256 <= STUB_TABLE_SIZE, "room for all");

static uint32_t entry_offset(uint32_t index)
{
	return (uint32_t)(index / ENTRIES * 256 + low_bytes[index % ENTRIES]);
}

static uint8_t *slot_of(struct process_space *s)
{
	return (uint8_t *)s->ctx + STUB_CTX_SIZE;
}

void process_patch_bytes(uint32_t index, uint8_t out[PROCESS_PATCH_LEN])
{
	const uint32_t entry = STUB_PATCH_TABLE + entry_offset(index);

	memcpy(out, "\xff\x24\x65", 3);
	memcpy(out + 3, &entry, sizeof(entry));
}

/* mov $ret,%rcx; mov $nr,%eax if it was replaced; jmp stub_call_entry */
static void put_call(uint8_t *code, const struct process_patch *p, uint64_t at)
{
	uint8_t *c = code;
	int32_t to_entry;

	*c++ = 0x48;
	*c++ = 0xb9;
	memcpy(c, &p->ret, 8);
	c += 8;
	if (p->has_nr) {
		*c++ = 0xb8;
		memcpy(c, &p->nr, 4);
		c += 4;
	}
	*c++ = 0xe9;
	to_entry = (int32_t)(STUB_CALL_ENTRY - (int64_t)(at + (uint64_t)(c - code) + 4));
	memcpy(c, &to_entry, 4);
}

/* The instructions that were replaced; jmp *next(%rip) */
static void put_tail(uint8_t *code, const struct process_patch *p)
{
	memcpy(code, p->tail, p->tail_len);
	memcpy(code + p->tail_len, "\xff\x25\0\0\0\0", 6);
	memcpy(code + p->tail_len + 6, &p->next, 8);
}

/* The program sees table and code through private mappings: here nobody else writes. */
void process_patch_set(struct process_space *s, uint32_t index, const struct process_patch *p)
{
	uint8_t *table = slot_of(s), *code = table + STUB_TABLE_SIZE + index * STUB_PATCH_SIZE;
	const uint64_t at = process_patch_address(index);

	_Static_assert(sizeof(p->tail) + 14 <= STUB_PATCH_SIZE - STUB_PATCH_TAIL, "room");
	put_call(code, p, at);
	put_tail(code + STUB_PATCH_TAIL, p);
	memcpy(table + entry_offset(index), &at, 8);
}
