/* SPDX-License-Identifier: Apache-2.0
 *
 * Interrupts and exceptions: the host's that end guest mode, the owner's that go in, the guest's
 * own that the core has a hand in.
 */
#include "test.h"

#define VECTOR 0x50 /* the owner's interrupt */

/* Offsets in the APIC's page. */
#define APIC_COMMAND	   0x300
#define APIC_COMMAND_HIGH  0x310
#define COMMAND_NMI	   0x4400
#define COMMAND_FIXED_SELF (0x44000 | METAL_VECTOR_SELF)

#define CODE(bytes) bytes, sizeof(bytes) - 1

/* movl %edx, (%rcx); movl %eax, (%rbx); nop; nop: to the APIC's command, its high half first */
#define SEND CODE("\x89\x11\x89\x03\x90\x90")

static void prepare_send(struct sbv_regs *r, uint32_t command)
{
	r->rflags |= RFLAGS_IF;
	r->rcx = GUEST_VA_APIC + APIC_COMMAND_HIGH;
	r->rbx = GUEST_VA_APIC + APIC_COMMAND;
	r->rdx = 0; /* to the CPU with this number */
	r->rax = command;
}

/* --- the host's. IF is set in these: Bochs 2.7 holds the host's interrupts back as long as it is
 * what it was at entry, clear. It leaves INIT pending at the exit that INIT causes, so that is not
 * tried. --- */

static void test_external(void)
{
	uint64_t before = metal_interrupts;
	struct guest g;

	test_case("an interrupt of the host, pending at entry");
	test_guest_begin(&g);
	guest_start(&g, CODE("\x90"), 0)->rflags |= RFLAGS_IF;
	metal_apic_self(METAL_VECTOR_SELF);
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(g.stats.exits[1] && metal_interrupts > before, "%lu exits, %lu interrupts",
		g.stats.exits[1], metal_interrupts - before);
	test_guest_end(&g);

	test_case("an interrupt of the host, in guest mode");
	test_guest_begin(&g);
	before = metal_interrupts;
	prepare_send(guest_start(&g, SEND, 0), COMMAND_FIXED_SELF);
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(g.stats.exits[1] && metal_interrupts > before, "%lu exits", g.stats.exits[1]);
	test_guest_end(&g);
}

static void test_nmi(void)
{
	uint64_t before = metal_nmis;
	struct guest g;

	test_case("NMI in guest mode");
	test_guest_begin(&g);
	prepare_send(guest_start(&g, SEND, 0), COMMAND_NMI);
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(metal_nmis == before + 1, "the host had %lu", metal_nmis - before);
	test_guest_end(&g);
}

/* A guest that never exits is ended by the host's timer. */
static void test_endless(void)
{
	struct guest g;

	test_case("a guest without end");
	test_guest_begin(&g);
	guest_start(&g, CODE("\xeb\xfe"), 3)->rflags |= RFLAGS_IF;
	guest_run(&g);
	test_expect(g.exit.reason == SBV_EXIT_INTR, "exit %u", g.exit.reason);
	test_guest_end(&g);
}

static void test_pause_loop(void)
{
	struct guest g;

	test_case("a loop of PAUSE");
	test_guest_begin(&g);
	guest_start(&g, CODE("\xf3\x90\xff\xc9\x75\xfa"), 0)->rcx = 20000; /* pause; dec; jnz */
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(!g.stats.exits[40] == !vmx_caps.ple, "%lu exits", g.stats.exits[40]);
	test_guest_end(&g);
}

/* --- the owner's --- */

static void test_irq(void)
{
	struct guest g;

	test_case("an interrupt of the owner, IF set");
	test_guest_begin(&g);
	guest_start(&g, CODE("\x90"), 3)->rflags |= RFLAGS_IF;
	vmx_vcpu_set_irq(g.v, VECTOR);
	guest_run(&g);
	test_trap(&g, VECTOR);
	test_expect(guest_trap_rip(&g) == GUEST_CODE, "at %lx", guest_trap_rip(&g));
	test_expect(vmx_vcpu_irq(g.v) == SBV_IRQ_NONE, "it is waiting still");
	test_expect(g.stats.interrupts == 1, "%lu counted", g.stats.interrupts);
	test_guest_end(&g);

	test_case("an interrupt of the owner, IF clear");
	test_guest_begin(&g);
	guest_start(&g, CODE("\x90"), 0);
	vmx_vcpu_set_irq(g.v, VECTOR);
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(vmx_vcpu_irq(g.v) == VECTOR, "it went in");
	test_guest_end(&g);

	test_case("an interrupt of the owner, at the window");
	test_guest_begin(&g);
	guest_start(&g, CODE("\x90\xfb\x90\x90"), 0); /* nop; sti; nop; nop */
	vmx_vcpu_set_irq(g.v, VECTOR);
	guest_run(&g);
	test_trap(&g, VECTOR);
	test_expect(guest_trap_rip(&g) == GUEST_CODE + 3, "at %lx", guest_trap_rip(&g));
	test_expect(g.stats.exits[7] == 1, "%lu exits", g.stats.exits[7]);
	test_guest_end(&g);
}

/* Its delivery needs a stack, and that is in no slot; then the owner gives the guest other
 * registers. */
static void test_irq_cut_short(void)
{
	struct sbv_regs *r;
	struct guest g;

	test_case("an interrupt of the owner, cut short, and IF cleared then");
	test_guest_begin(&g);
	r = guest_start(&g, CODE("\x90"), 0);
	r->rflags |= RFLAGS_IF;
	r->rsp = GUEST_VA_NOWHERE + VMX_PAGE_SIZE;
	vmx_vcpu_set_irq(g.v, VECTOR);
	guest_run(&g);
	test_expect(g.exit.reason == SBV_EXIT_MMIO, "exit %u", g.exit.reason);
	test_expect(vmx_vcpu_event_in_flight(g.v), "nothing is in flight");
	r->rflags &= ~RFLAGS_IF;
	r->rsp = GUEST_STACK;
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(vmx_vcpu_irq(g.v) == VECTOR, "it does not wait: %x", vmx_vcpu_irq(g.v));
	test_guest_end(&g);
}

/* --- the guest's --- */

/* Run once before, so that all pages are there: Bochs 2.7 saves a step as pending at an EPT
 * violation of the instruction that is yet to be stepped over. */
static void test_step(const char *name, const char *code, size_t n, uint64_t next)
{
	struct guest g;

	test_case("a single step: %s", name);
	test_guest_begin(&g);
	guest_start(&g, code, n, 3);
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	guest_start(&g, code, n, 3)->rflags |= RFLAGS_TF;
	guest_run(&g);
	test_trap(&g, X86_VECTOR_DB);
	test_expect(guest_trap_rip(&g) == GUEST_CODE + next, "at %lx", guest_trap_rip(&g));
	test_expect(g.v->dr6 == (DR6_FIXED | 1u << 14), "dr6 %lx", g.v->dr6);
	test_guest_end(&g);
}

static void test_breakpoint(void)
{
	struct sbv_regs *r;
	struct guest g;

	test_case("a breakpoint in DR0");
	test_guest_begin(&g);
	/* mov %rax, %dr0; mov %rcx, %dr7; nop; nop */
	r = guest_start(&g, CODE("\x0f\x23\xc0\x0f\x23\xf9\x90\x90"), 0);
	r->rax = GUEST_CODE + 7;
	r->rcx = DR7_FIXED | 2;
	guest_run(&g);
	test_trap(&g, X86_VECTOR_DB);
	test_expect(guest_trap_rip(&g) == GUEST_CODE + 7, "at %lx", guest_trap_rip(&g));
	test_expect((g.v->dr6 & 0xf) == 1, "dr6 %lx", g.v->dr6);
	test_expect(x86_dr7() == DR7_FIXED && x86_dr0() != GUEST_CODE + 7, "the host's dr7 %lx",
		x86_dr7());
	test_guest_end(&g);
}

static void alignment_checked(struct sbv_sregs *s)
{
	s->cr0 |= CR0_AM;
}

static void test_alignment(void)
{
	struct sbv_regs *r;
	struct guest g;

	test_case("an alignment check");
	test_guest_begin(&g);
	r = guest_start(&g, CODE("\x8b\x40\x01"), 3); /* mov 1(%rax), %eax */
	r->rax = GUEST_SCRATCH;
	r->rflags |= RFLAGS_AC;
	guest_sregs(&g, alignment_checked);
	guest_run(&g);
	test_trap(&g, X86_VECTOR_AC);
	test_expect(guest_trap_rip(&g) == GUEST_CODE && !guest_trap_error(&g), "at %lx, error %lx",
		guest_trap_rip(&g), guest_trap_error(&g));
	test_guest_end(&g);
}

/* Not there; read-only to ring 3; the kernel's. */
static void test_page_faults(void)
{
	static const struct {
		const char *name, *code;
		size_t n;
		uint64_t flags; /* of the page */
		uint32_t error;
		int ring;
	} cases[] = {
		{"read of what is not there", CODE("\x8a\x00"), 0, 0, 0},
		{"write to what is not there", CODE("\x88\x00"), 0, 6, 3},
		{"write to a read-only page", CODE("\x88\x00"), 5, 7, 3},
		{"write to a read-only page", CODE("\x88\x00"), 1, 3, 0},
		{"read of the kernel's page", CODE("\x8a\x00"), 3, 5, 3},
		{"a jump to the kernel's page", CODE("\xff\xe0"), 3, 5, 3},
	};

	for (size_t i = 0; i < VMX_ARRAY_SIZE(cases); i++) {
		uint64_t at = cases[i].code[0] == '\xff' ? GUEST_FREE : GUEST_CODE;
		struct sbv_sregs s;
		struct guest g;

		test_case("#PF: %s, ring %d", cases[i].name, cases[i].ring);
		test_guest_begin(&g);
		guest_start(&g, cases[i].code, cases[i].n, cases[i].ring)->rax = GUEST_FREE;
		*guest_pte(&g, GUEST_FREE) = GUEST_FREE | cases[i].flags;
		guest_run(&g);
		test_trap(&g, X86_VECTOR_PF);
		test_expect(
			guest_trap_error(&g) == cases[i].error, "error %lx", guest_trap_error(&g));
		test_expect(guest_trap_rip(&g) == at, "at %lx", guest_trap_rip(&g));
		vmx_vcpu_load(g.v, 0);
		vmx_vcpu_get_sregs(g.v, &s);
		vmx_vcpu_put(g.v);
		test_expect(s.cr2 == GUEST_FREE, "cr2 %lx", s.cr2);
		test_guest_end(&g);
	}
}

static void no_interrupts(struct sbv_sregs *s)
{
	s->idt_limit = 0;
}

static void test_shutdown(void)
{
	struct guest g;

	test_case("a triple fault");
	test_guest_begin(&g);
	guest_start(&g, CODE("\x0f\x0b"), 0);
	guest_sregs(&g, no_interrupts);
	guest_run(&g);
	test_expect(g.exit.reason == SBV_EXIT_SHUTDOWN && g.stats.exits[2] == 1, "exit %u",
		g.exit.reason);
	test_guest_end(&g);
}

/* RDPMC's #GP is the core's to inject; its frame faults, and so does that of the fault: #DF, which
 * has a stack of its own. */
static void test_double_fault(void)
{
	struct guest g;

	test_case("a double fault");
	test_guest_begin(&g);
	guest_start(&g, CODE("\x0f\x33"), 0)->rsp = GUEST_FREE + VMX_PAGE_SIZE;
	*guest_pte(&g, GUEST_FREE) = 0;
	guest_run(&g);
	test_trap(&g, X86_VECTOR_DF);
	test_expect(!guest_trap_error(&g), "error %lx", guest_trap_error(&g));
	test_guest_end(&g);

	test_case("a fault in the delivery of a double fault");
	test_guest_begin(&g);
	guest_start(&g, CODE("\x0f\x33"), 0)->rsp = GUEST_FREE + VMX_PAGE_SIZE;
	*guest_pte(&g, GUEST_FREE) = 0;
	*guest_pte(&g, GUEST_STACK1 - 8) = 0;
	guest_run(&g);
	test_expect(g.exit.reason == SBV_EXIT_SHUTDOWN, "exit %u, trap %d", g.exit.reason,
		guest_trap(&g));
	test_guest_end(&g);
}

void test_events(void)
{
	test_external();
	test_nmi();
	test_endless();
	test_pause_loop();
	test_irq();
	test_irq_cut_short();
	test_step("NOP", CODE("\x90\x90"), 1);
	test_step("CPUID, which is emulated", CODE("\x0f\xa2\x90"), 2);
	test_breakpoint();
	test_alignment();
	test_page_faults();
	test_shutdown();
	test_double_fault();
}
