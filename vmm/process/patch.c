/* SPDX-License-Identifier: Apache-2.0
 * Patched system calls: a jump through a table instead of a trap.
 *
 *	b8 nr nr nr nr	mov $nr,%eax		ff 24 25 lo hi 06 00	jmp *0x0006hilo
 *	0f 05		syscall
 *
 * Both are seven bytes. The table lies at 0x6xxxx so that the jump's last two bytes are 06 00:
 *whoever jumps to where the `syscall` was (to restart it, say) executes 06, which is no instruction
 *in 64-bit mode (SDM vol. 2, A.3), and gets a signal instead of something else. The table's entry
 *leads to code of its own for each place, which says where to go on and which call it is.
 */
#include <string.h>

#include "vmm/process/process_internal.h"

_Static_assert(STUB_PATCH_TABLE >> 16 == 6 && STUB_TABLE_SIZE <= 0x10000, "the byte 06");

static uint8_t *slot_of(struct process_space *s)
{
	return (uint8_t *)s->ctx + STUB_CTX_SIZE;
}

void process_patch_bytes(uint32_t index, uint8_t out[PROCESS_PATCH_LEN])
{
	const uint32_t entry = STUB_PATCH_TABLE + index * 8;

	memcpy(out, "\xff\x24\x25", 3);
	memcpy(out + 3, &entry, sizeof(entry));
}

/* mov $ret,%rcx; mov $nr,%eax; jmp stub_call_entry. The program sees both through private mappings:
 * here nobody else writes. */
void process_patch_set(struct process_space *s, uint32_t index, uint64_t ret, uint32_t nr)
{
	uint8_t *table = slot_of(s), *code = table + STUB_TABLE_SIZE + index * STUB_PATCH_SIZE;
	const uint64_t at = process_patch_address(index);
	const int32_t to_entry = (int32_t)(STUB_CALL_ENTRY - (int64_t)(at + 20));

	memcpy(code, "\x48\xb9", 2);
	memcpy(code + 2, &ret, 8);
	code[10] = 0xb8;
	memcpy(code + 11, &nr, 4);
	code[15] = 0xe9;
	memcpy(code + 16, &to_entry, 4);
	memcpy(table + index * 8, &at, 8);
}
