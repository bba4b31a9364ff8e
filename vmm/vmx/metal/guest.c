/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' guest: its tables, its memory, its runs.
 */
#include "guest.h"

#define PTE_PRESENT 1ull
#define PTE_WRITE   2ull
#define PTE_USER    4ull
#define PTE_LARGE   0x80ull
#define PTE_ALL	    (PTE_PRESENT | PTE_WRITE | PTE_USER)

#define CS0 0x08
#define SS0 0x10
#define TR  0x18 /* 16 bytes */
#define CS3 0x2b
#define SS3 0x33

#define TSS_LIMIT 0x67

uint64_t *guest_word(struct guest *g, uint64_t gpa)
{
	return (uint64_t *)(void *)(g->memory + gpa);
}

uint64_t *guest_pte(struct guest *g, uint64_t va)
{
	return guest_word(g, GUEST_PT + (va >> VMX_PAGE_SHIFT) * 8);
}

/* --- its tables --- */

static void make_pages(struct guest *g)
{
	static const uint64_t large[] = {GUEST_GPA_NOWHERE, METAL_APIC, GUEST_GPA_LOST,
		GUEST_GPA_READONLY, GUEST_GPA_LOGGED};

	*guest_word(g, GUEST_PML4) = GUEST_PDPT | PTE_ALL;
	*guest_word(g, GUEST_PDPT) = GUEST_PD | PTE_ALL;
	*guest_word(g, GUEST_PD) = GUEST_PT | PTE_ALL;
	for (uint64_t i = 0; i < VMX_ARRAY_SIZE(large); i++)
		*guest_word(g, GUEST_PD + (i + 1) * 8) = large[i] | PTE_ALL | PTE_LARGE;
	for (uint64_t va = 0; va < GUEST_SIZE; va += VMX_PAGE_SIZE)
		*guest_pte(g, va) = va | PTE_ALL;
}

static void make_segments(struct guest *g)
{
	uint64_t *gdt = guest_word(g, GUEST_GDT);

	gdt[CS0 / 8] = 0x00af9b000000ffff;
	gdt[SS0 / 8] = 0x00cf93000000ffff;
	gdt[TR / 8] = TSS_LIMIT | GUEST_TSS << 16 | 0x8bull << 40;
	gdt[CS3 / 8] = 0x00affb000000ffff;
	gdt[SS3 / 8] = 0x00cff3000000ffff;
	/* Words of the TSS lie across: RSP0 at 4, IST1 at 36. Ports are allowed by no bitmap. */
	memcpy(g->memory + GUEST_TSS + 102, &(uint16_t){TSS_LIMIT + 1}, 2);
	memcpy(g->memory + GUEST_TSS + 4, &(uint64_t){GUEST_STACK}, 8);
	memcpy(g->memory + GUEST_TSS + 36, &(uint64_t){GUEST_STACK1}, 8);
}

/* Entry n is `out %al, $n; hlt`. */
static void make_interrupts(struct guest *g)
{
	for (uint32_t n = 0; n < 256; n++) {
		uint64_t entry_point = GUEST_ENTRY_POINTS + n * 4;
		uint64_t ist = n == X86_VECTOR_DF ? 1 : 0;
		const uint8_t code[4] = {0xe6, (uint8_t)n, 0xf4, 0xf4};

		memcpy(g->memory + entry_point, code, sizeof(code));
		*guest_word(g, GUEST_IDT + n * 16) =
			entry_point | (uint64_t)CS0 << 16 | ist << 32 | 0xeeull << 40;
	}
}

void guest_reset(struct guest *g)
{
	memset(g->memory, 0, GUEST_SIZE);
	make_pages(g);
	make_segments(g);
	make_interrupts(g);
}

/* --- made and ended --- */

static bool make_memory(struct guest *g)
{
	const struct sbv_memory slots[] = {
		{GUEST_SLOT_MAIN, 0, 0, (uintptr_t)g->memory, GUEST_SIZE},
		{GUEST_SLOT_APIC, 0, METAL_APIC, METAL_APIC, VMX_PAGE_SIZE},
		{GUEST_SLOT_LOST, 0, GUEST_GPA_LOST, 0xc0000000, VMX_PAGE_SIZE},
		{GUEST_SLOT_READONLY, SBV_MEM_READONLY, GUEST_GPA_READONLY, (uintptr_t)g->readonly,
			VMX_PAGE_SIZE},
		{GUEST_SLOT_LOGGED, SBV_MEM_LOG, GUEST_GPA_LOGGED, (uintptr_t)g->logged,
			2 * VMX_PAGE_SIZE},
	};

	for (size_t i = 0; i < VMX_ARRAY_SIZE(slots); i++)
		if (vmx_vm_set_memory(g->vm, &slots[i]))
			return false;
	return true;
}

bool guest_make(struct guest *g)
{
	memset(g, 0, sizeof(*g));
	g->memory = metal_pages_alloc(GUEST_SIZE / VMX_PAGE_SIZE);
	g->readonly = metal_pages_alloc(1);
	g->logged = metal_pages_alloc(2);
	if (!g->memory || !g->readonly || !g->logged)
		return false;
	guest_reset(g);
	return !vmx_vm_create(&metal_host, g, &g->vm) && make_memory(g) &&
	       !vmx_vcpu_create(g->vm, 0, &g->v);
}

void guest_end(struct guest *g)
{
	if (g->v) {
		if (vmx_vcpu_cpu(g->v) >= 0)
			vmx_vcpu_clear(g->v);
		vmx_vcpu_destroy(g->v);
	}
	if (g->vm)
		vmx_vm_destroy(g->vm);
	if (g->logged)
		metal_pages_free(g->logged);
	if (g->readonly)
		metal_pages_free(g->readonly);
	if (g->memory)
		metal_pages_free(g->memory);
}

/* --- its runs --- */

uint64_t guest_cr4(void)
{
	return CR4_PAE | CR4_OSFXSR | (vmx_caps.xcr0 ? CR4_OSXSAVE : 0);
}

static const struct sbv_sregs ring0 = {
	.cr0 = GUEST_CR0,
	.cr3 = GUEST_PML4,
	.efer = EFER_LME | EFER_LMA | EFER_SCE,
	.gdt_base = GUEST_GDT,
	.gdt_limit = 0x37,
	.idt_base = GUEST_IDT,
	.idt_limit = 0xfff,
	.tss_base = GUEST_TSS,
	.tss_limit = TSS_LIMIT,
	.cs = CS0,
	.ss = SS0,
	.tr = TR,
};

struct sbv_regs *guest_start(struct guest *g, const char *code, size_t n, int ring)
{
	struct sbv_regs *r = vmx_vcpu_regs(g->v);
	struct sbv_sregs s = ring0;

	memcpy(g->memory + GUEST_CODE, code, n);
	memcpy(g->memory + GUEST_CODE + n, "\xcd\x80", 2); /* int $GUEST_DONE */
	s.cr4 = guest_cr4();
	if (ring == 3) {
		s.cs = CS3;
		s.ss = SS3;
	}
	vmx_vcpu_load(g->v, 0);
	if (vmx_vcpu_set_sregs(g->v, &s))
		metal_die("the guest's control registers are refused");
	vmx_vcpu_put(g->v);
	*r = (struct sbv_regs){
		.rip = GUEST_CODE,
		.rsp = ring == 3 ? GUEST_STACK3 : GUEST_STACK,
		.rflags = RFLAGS_FIXED,
	};
	return r;
}

void guest_sregs(struct guest *g, void (*change)(struct sbv_sregs *s))
{
	struct sbv_sregs s;

	vmx_vcpu_load(g->v, 0);
	vmx_vcpu_get_sregs(g->v, &s);
	change(&s);
	if (vmx_vcpu_set_sregs(g->v, &s))
		metal_die("the test's control registers are refused");
	vmx_vcpu_put(g->v);
}

static void run(struct guest *g, uint64_t ticks)
{
	if (!metal_run(g->v, ticks))
		g->exit = (struct vmx_user_exit){.reason = SBV_EXIT_INTR};
	else
		g->exit = *vmx_vcpu_exit(g->v);
	vmx_vcpu_stats(g->v, &g->stats);
}

void guest_run(struct guest *g)
{
	run(g, 64);
}

void guest_run_briefly(struct guest *g)
{
	run(g, 1);
}

int guest_trap(const struct guest *g)
{
	return g->exit.reason == SBV_EXIT_IO_OUT && g->exit.port < 256 ? g->exit.port : -1;
}

static bool has_error_code(int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

uint64_t guest_trap_rip(struct guest *g)
{
	return *guest_word(g, vmx_vcpu_regs(g->v)->rsp + (has_error_code(guest_trap(g)) ? 8 : 0));
}

uint64_t guest_trap_error(struct guest *g)
{
	return *guest_word(g, vmx_vcpu_regs(g->v)->rsp);
}

uint64_t guest_exits(const struct guest *g)
{
	uint64_t n = 0;

	for (uint32_t reason = 2; reason < SBV_EXIT_KINDS; reason++)
		if (reason != 30 && reason != 48)
			n += g->stats.exits[reason];
	return n;
}
