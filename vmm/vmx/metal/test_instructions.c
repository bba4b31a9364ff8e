/* SPDX-License-Identifier: Apache-2.0
 *
 * core/instructions.h, row by row: each privileged or sensitive instruction in ring 0 and in
 * ring 3. And what the core refuses of those that it emulates.
 */
#include "../core/instructions.h"
#include "test.h"
#include <string.h>

#define PORT 0x1f0 /* that no vector has */

enum outcome { HARDWARE, EMULATED, USER, UD, GP, BP, SHADOW, RDTSCP, XSAVE, XSAVE_GP, VMCALL };

struct row {
	const char *name, *bytes;
	size_t n;
	enum outcome outcome[2]; /* ring 0, ring 3 */
};

#define ROW(name, bytes, ring0, ring3, note) {name, bytes, sizeof(bytes) - 1, {ring0, ring3}},
static const struct row rows[] = {VMX_INSTRUCTIONS(ROW)};

/* Registers other than: RAX, RCX, RSI and RDI the address of a scratch page, RDX a port. */
static const struct setup {
	const char *name;
	uint64_t rax, rcx, rdx;
} setups[] = {
	{"CPUID", 0, 0, 0},
	{"RDPMC", 0, 0, 0},
	{"RDMSR", 0, MSR_LSTAR_, 0},
	{"WRMSR", 0x1000, MSR_LSTAR_, 0},
	{"XSETBV", 1, 0, 0},
	/* Changes: what stays as it is needs no exit. */
	{"MOV cr0, rax", GUEST_CR0 | CR0_MP, 0, 0},
	{"MOV cr3, rax", GUEST_PML4, 0, 0},
	{"MOV cr4, rax", CR4_PAE | CR4_OSFXSR | CR4_DE, 0, 0},
	{"MOV cr8, rax", 5, 0, 0},
	{"MOV dr7, rax", DR7_FIXED, 0, 0},
	{"LMSW ax", 3, 0, 0},
	{"VMCALL", 0, 0, 0},
};

static void registers(struct guest *g, const struct row *row, struct sbv_regs *r)
{
	uint64_t idt[2] = {0xfff | GUEST_IDT << 16, GUEST_IDT >> 48};
	uint64_t gdt[2] = {0x37 | GUEST_GDT << 16, GUEST_GDT >> 48};

	r->rax = r->rcx = r->rsi = r->rdi = GUEST_SCRATCH;
	r->rdx = PORT;
	for (size_t i = 0; i < VMX_ARRAY_SIZE(setups); i++) {
		if (!strcmp(setups[i].name, row->name)) {
			r->rax = setups[i].rax;
			r->rcx = setups[i].rcx;
			r->rdx = setups[i].rdx;
		}
	}
	/* LGDT and LIDT load what is there already. */
	memcpy(g->memory + GUEST_SCRATCH, !strcmp(row->name, "LIDT [rax]") ? idt : gdt, 16);
}

/* The outcome on this CPU, in this mode. */
static enum outcome resolve(enum outcome o)
{
	switch (o) {
	case SHADOW:
		return vmx_caps.ept ? HARDWARE : EMULATED;
	case VMCALL:
		return vmx_caps.ept ? UD : EMULATED;
	case RDTSCP:
		return vmx_caps.rdtscp ? HARDWARE : UD;
	case XSAVE:
		return vmx_caps.xcr0 ? EMULATED : UD;
	case XSAVE_GP:
		return vmx_caps.xcr0 ? GP : UD;
	default:
		return o;
	}
}

static void expect_exception(struct guest *g, int vector, uint64_t rip)
{
	test_trap(g, vector);
	if (guest_trap(g) != vector)
		return;
	test_expect(guest_trap_rip(g) == rip, "the exception is at %lx", guest_trap_rip(g));
	if (vector == X86_VECTOR_GP)
		test_expect(!guest_trap_error(g), "error code %lx", guest_trap_error(g));
}

/* The owner is asked, and the guest goes on behind the instruction. */
static void expect_user(struct guest *g)
{
	uint32_t reason = g->exit.reason;

	test_expect(reason == SBV_EXIT_HLT || g->exit.port == PORT, "exit %u, port %x", reason,
		g->exit.port);
	if (reason == SBV_EXIT_IO_IN)
		vmx_vcpu_answer_in(g->v, 0x5a);
	guest_run(g);
	test_trap(g, GUEST_DONE);
	if (reason == SBV_EXIT_IO_IN)
		test_expect(vmx_vcpu_regs(g->v)->rax == (GUEST_SCRATCH | 0x5a), "rax %lx",
			vmx_vcpu_regs(g->v)->rax);
}

static void expect_outcome(struct guest *g, const struct row *row, enum outcome o)
{
	switch (o) {
	case HARDWARE:
		test_trap(g, GUEST_DONE);
		test_expect(!guest_exits(g), "%lu exits", guest_exits(g));
		break;
	case EMULATED:
		test_trap(g, GUEST_DONE);
		test_expect(guest_exits(g) == 1, "%lu exits", guest_exits(g));
		break;
	case USER:
		expect_user(g);
		break;
	case UD:
		expect_exception(g, X86_VECTOR_UD, GUEST_CODE);
		break;
	case GP:
		expect_exception(g, X86_VECTOR_GP, GUEST_CODE);
		break;
	default:
		expect_exception(g, 3, GUEST_CODE + row->n);
		break;
	}
}

static void run_row(const struct row *row, int ring)
{
	struct guest g;

	test_case("%s, ring %d", row->name, ring);
	test_guest_begin(&g);
	registers(&g, row, guest_start(&g, row->bytes, row->n, ring));
	guest_run(&g);
	expect_outcome(&g, row, resolve(row->outcome[ring != 0]));
	test_guest_end(&g);
}

void test_instructions(void)
{
	for (size_t i = 0; i < VMX_ARRAY_SIZE(rows); i++) {
		run_row(&rows[i], 0);
		run_row(&rows[i], 3);
	}
}

/* --- values that are refused, and some that are not; ring 0 --- */

struct value {
	const char *name, *bytes;
	size_t n;
	uint64_t rax, rcx, rdx;
	int vector; /* GUEST_DONE: it is taken */
};

#define V(name, bytes, rax, rcx, rdx, vector)                                                      \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, rax, rcx, rdx, vector                              \
	}
#define MOV_CR0		   "\x0f\x22\xc0"
#define MOV_CR3		   "\x0f\x22\xd8"
#define MOV_CR4		   "\x0f\x22\xe0"
#define MOV_CR8		   "\x44\x0f\x22\xc0"
#define MOV_DR7		   "\x0f\x23\xf8"
#define RDMSR		   "\x0f\x32"
#define WRMSR		   "\x0f\x30"
#define NON_CANONICAL_HIGH 0x8000u

static const struct value values[] = {
	V("CR0 without PG", MOV_CR0, GUEST_CR0 & ~CR0_PG, 0, 0, X86_VECTOR_GP),
	V("CR0 without PE", MOV_CR0, GUEST_CR0 & ~(CR0_PG | CR0_PE), 0, 0, X86_VECTOR_GP),
	V("CR0 without WP", MOV_CR0, GUEST_CR0 & ~CR0_WP, 0, 0, X86_VECTOR_GP),
	V("CR0 with CD", MOV_CR0, GUEST_CR0 | CR0_CD, 0, 0, X86_VECTOR_GP),
	V("CR0 with a reserved bit", MOV_CR0, GUEST_CR0 | 1ull << 40, 0, 0, X86_VECTOR_GP),
	V("CR0 with TS", MOV_CR0, GUEST_CR0 | CR0_TS, 0, 0, GUEST_DONE),
	V("CR3 beyond memory", MOV_CR3, 1ull << 52, 0, 0, X86_VECTOR_GP),
	V("CR4 without PAE", MOV_CR4, CR4_OSFXSR, 0, 0, X86_VECTOR_GP),
	V("CR4 with VMXE", MOV_CR4, CR4_PAE | CR4_VMXE, 0, 0, X86_VECTOR_GP),
	V("CR4 with a reserved bit", MOV_CR4, CR4_PAE | 1ull << 31, 0, 0, X86_VECTOR_GP),
	V("CR4 with PGE", MOV_CR4, CR4_PAE | CR4_PGE, 0, 0, GUEST_DONE),
	V("CR8 of 16", MOV_CR8, 16, 0, 0, X86_VECTOR_GP),
	V("CR2", "\x0f\x22\xd0", 0x1234, 0, 0, GUEST_DONE),
	V("DR7 of 33 bits", MOV_DR7, 1ull << 32, 0, 0, X86_VECTOR_GP),
	V("DR4", "\x0f\x23\xe0", 0, 0, 0, GUEST_DONE), /* is DR6 without CR4.DE */
	V("DR7 with GD, then DR0", "\x0f\x23\xf8\x0f\x23\xc0", DR7_FIXED | DR7_GD, 0, 0,
		X86_VECTOR_DB),
	V("XCR0 without x87", "\x0f\x01\xd1", 2, 0, 0, X86_VECTOR_GP),
	V("XCR0 with AVX and no SSE", "\x0f\x01\xd1", 5, 0, 0, X86_VECTOR_GP),
	V("XCR1", "\x0f\x01\xd1", 1, 1, 0, X86_VECTOR_GP),
	V("EFER without LME", WRMSR, EFER_LMA, MSR_EFER_, 0, X86_VECTOR_GP),
	V("EFER with SVME", WRMSR, EFER_LMA | EFER_LME | 1u << 12, MSR_EFER_, 0, X86_VECTOR_GP),
	V("EFER with NXE", WRMSR, EFER_LMA | EFER_LME | EFER_NXE, MSR_EFER_, 0, GUEST_DONE),
	V("LSTAR not canonical", WRMSR, 0, MSR_LSTAR_, NON_CANONICAL_HIGH, X86_VECTOR_GP),
	V("CSTAR not canonical", WRMSR, 0, MSR_CSTAR_, NON_CANONICAL_HIGH, X86_VECTOR_GP),
	V("FMASK of 33 bits", WRMSR, 0, MSR_FMASK_, 1, X86_VECTOR_GP),
	V("PAT of an unknown type", WRMSR, 2, MSR_PAT, 0, X86_VECTOR_GP),
	V("PAT", WRMSR, 0x00070406, MSR_PAT, 0x00070406, GUEST_DONE),
	V("FSBASE", WRMSR, 0x1000, MSR_FSBASE_, 0, GUEST_DONE),
	V("SYSENTER_EIP not canonical", WRMSR, 0, MSR_SYSENTER_EIP, NON_CANONICAL_HIGH,
		X86_VECTOR_GP),
	V("TSC", WRMSR, 0, MSR_TSC, 0, GUEST_DONE),
	V("FEATURE_CONTROL", RDMSR, 0, MSR_FEATURE_CONTROL, 0, X86_VECTOR_GP),
	V("VMX_BASIC", RDMSR, 0, MSR_VMX_BASIC, 0, X86_VECTOR_GP),
	V("an MSR outside the bitmap", RDMSR, 0, 0x12345678, 0, X86_VECTOR_GP),
	V("APIC_BASE", WRMSR, 0, 0x1b, 0, X86_VECTOR_GP),
};

void test_refusals(void)
{
	for (size_t i = 0; i < VMX_ARRAY_SIZE(values); i++) {
		const struct value *x = &values[i];
		bool xsetbv = x->bytes[1] == 1;
		struct sbv_regs *r;
		struct guest g;

		test_case("%s", x->name);
		test_guest_begin(&g);
		r = guest_start(&g, x->bytes, x->n, 0);
		r->rax = x->rax;
		r->rcx = x->rcx;
		r->rdx = x->rdx;
		guest_run(&g);
		test_trap(&g, xsetbv && !vmx_caps.xcr0 ? (int)X86_VECTOR_UD : x->vector);
		test_guest_end(&g);
	}
}
