/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' guest: its tables.
 */
#include "layout.h"

#define PTE_PRESENT 1ull
#define PTE_WRITE   2ull
#define PTE_USER    4ull
#define PTE_LARGE   0x80ull
#define PTE_ALL	    (PTE_PRESENT | PTE_WRITE | PTE_USER)

static uint64_t *word(uint8_t *memory, uint64_t gpa)
{
	return (uint64_t *)(void *)(memory + gpa);
}

static void make_pages(uint8_t *memory)
{
	static const uint64_t large[] = {GUEST_GPA_NOWHERE, GUEST_GPA_APIC, GUEST_GPA_LOST,
		GUEST_GPA_READONLY, GUEST_GPA_LOGGED};

	*word(memory, GUEST_PML4) = GUEST_PDPT | PTE_ALL;
	*word(memory, GUEST_PDPT) = GUEST_PD | PTE_ALL;
	*word(memory, GUEST_PD) = GUEST_PT | PTE_ALL;
	for (uint64_t i = 0; i < VMX_ARRAY_SIZE(large); i++)
		*word(memory, GUEST_PD + (i + 1) * 8) = large[i] | PTE_ALL | PTE_LARGE;
	for (uint64_t page = 0; page < GUEST_SIZE / VMX_PAGE_SIZE; page++)
		*word(memory, GUEST_PT + page * 8) = page << VMX_PAGE_SHIFT | PTE_ALL;
}

static void make_segments(uint8_t *memory)
{
	uint64_t *gdt = word(memory, GUEST_GDT);

	gdt[GUEST_CS0 / 8] = 0x00af9b000000ffff;
	gdt[GUEST_SS0 / 8] = 0x00cf93000000ffff;
	gdt[GUEST_TR / 8] = GUEST_TSS_LIMIT | GUEST_TSS << 16 | 0x8bull << 40;
	gdt[GUEST_CS3 / 8] = 0x00affb000000ffff;
	gdt[GUEST_SS3 / 8] = 0x00cff3000000ffff;
	/* Words of the TSS lie across: RSP0 at 4, IST1 at 36. Ports are allowed by no bitmap. */
	memcpy(memory + GUEST_TSS + 102, &(uint16_t){GUEST_TSS_LIMIT + 1}, 2);
	memcpy(memory + GUEST_TSS + 4, &(uint64_t){GUEST_STACK}, 8);
	memcpy(memory + GUEST_TSS + 36, &(uint64_t){GUEST_STACK1}, 8);
}

/* Entry n is `out %al, $n; hlt`. */
static void make_interrupts(uint8_t *memory, enum guest_gates gates)
{
	for (uint32_t n = 0; n < 256; n++) {
		uint64_t entry_point = GUEST_ENTRY_POINTS + n * 4;
		uint64_t ist = n == X86_VECTOR_DF ? 1 : 0;
		const uint8_t code[4] = {0xe6, (uint8_t)n, 0xf4, 0xf4};

		memcpy(memory + entry_point, code, sizeof(code));
		*word(memory, GUEST_IDT + n * 16) =
			entry_point | (uint64_t)GUEST_CS0 << 16 | ist << 32 | (uint64_t)gates << 40;
	}
}

void guest_image(uint8_t *memory, enum guest_gates gates)
{
	memset(memory, 0, GUEST_SIZE);
	make_pages(memory);
	make_segments(memory);
	make_interrupts(memory, gates);
}
