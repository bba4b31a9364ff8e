/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' guest: its memory, its runs.
 */
#include "guest.h"

_Static_assert(METAL_APIC == GUEST_GPA_APIC, "the guest's tables");

uint64_t *guest_word(struct guest *g, uint64_t gpa)
{
	return (uint64_t *)(void *)(g->memory + gpa);
}

uint64_t *guest_pte(struct guest *g, uint64_t va)
{
	return guest_word(g, GUEST_PT + (va >> VMX_PAGE_SHIFT) * 8);
}

void guest_reset(struct guest *g)
{
	guest_image(g->memory, GUEST_GATES_CLEAR_IF);
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
	return GUEST_CR4 | (vmx_caps.xcr0 ? CR4_OSXSAVE : 0);
}

static const struct sbv_sregs ring0 = {
	.cr0 = GUEST_CR0,
	.cr3 = GUEST_PML4,
	.efer = GUEST_EFER,
	.gdt_base = GUEST_GDT,
	.gdt_limit = GUEST_GDT_LIMIT,
	.idt_base = GUEST_IDT,
	.idt_limit = GUEST_IDT_LIMIT,
	.tss_base = GUEST_TSS,
	.tss_limit = GUEST_TSS_LIMIT,
	.cs = GUEST_CS0,
	.ss = GUEST_SS0,
	.tr = GUEST_TR,
};

struct sbv_regs *guest_start(struct guest *g, const char *code, size_t n, int ring)
{
	struct sbv_regs *r = vmx_vcpu_regs(g->v);
	struct sbv_sregs s = ring0;

	memcpy(g->memory + GUEST_CODE, code, n);
	memcpy(g->memory + GUEST_CODE + n, "\xcd\x80", 2); /* int $GUEST_DONE */
	s.cr4 = guest_cr4();
	if (ring == 3) {
		s.cs = GUEST_CS3;
		s.ss = GUEST_SS3;
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
