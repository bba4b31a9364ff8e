/* SPDX-License-Identifier: Apache-2.0
 *
 * A vCPU's whole state: out of one guest and into another, which then goes on as the first would
 * have; and what is refused of it.
 */
#include "../guest/hostile.h"
#include "test.h"

#define CODE(bytes) bytes, sizeof(bytes) - 1
#define VECTOR	    0x50
#define RANDOM	    400 /* states that are spoilt at random */

#define MSR_VALUE 0xffff812345678000ull
#define LATER	  0x123456789ull /* for the TSC */

/* --- between two guests --- */

static void get(struct guest *g, struct sbv_vcpu_state *s)
{
	vmx_vcpu_load(g->v, 0);
	vmx_vcpu_get_state(g->v, s);
	vmx_vcpu_put(g->v);
}

static int set(struct guest *g, const struct sbv_vcpu_state *s)
{
	int result;

	vmx_vcpu_load(g->v, 0);
	result = vmx_vcpu_set_state(g->v, s);
	vmx_vcpu_put(g->v);
	return result;
}

static void copy_fpu(struct guest *from, struct guest *to)
{
	uint8_t *image = metal_pages_alloc(1);

	vmx_vcpu_load(from->v, 0);
	vmx_vcpu_get_fpu(from->v, image);
	vmx_vcpu_put(from->v);
	vmx_vcpu_load(to->v, 0);
	test_expect(!vmx_vcpu_set_fpu(to->v, image), "the FPU's image is refused");
	vmx_vcpu_put(to->v);
	metal_pages_free(image);
}

/* A guest that has all of another's state and memory. */
static void copy(struct guest *from, struct guest *to)
{
	struct sbv_vcpu_state s, back;
	int result;

	if (!guest_make(to))
		metal_die("no second guest");
	memcpy(to->memory, from->memory, GUEST_SIZE);
	get(from, &s);
	result = set(to, &s);
	test_expect(!result, "it is refused: %d", result);
	get(to, &back);
	for (size_t i = 0; i < sizeof(s) / 8; i++)
		test_expect(((uint64_t *)(void *)&s)[i] == ((uint64_t *)(void *)&back)[i],
			"word %lu of it is %lx, not %lx", i, ((uint64_t *)(void *)&back)[i],
			((uint64_t *)(void *)&s)[i]);
	copy_fpu(from, to);
}

static void expect_same(struct guest *a, struct guest *b)
{
	const uint64_t *x = (const uint64_t *)(const void *)vmx_vcpu_regs(a->v);
	const uint64_t *y = (const uint64_t *)(const void *)vmx_vcpu_regs(b->v);

	test_expect(a->exit.reason == b->exit.reason && guest_trap(a) == guest_trap(b),
		"exits %u and %u, code %u, detail %lx", a->exit.reason, b->exit.reason,
		b->exit.code, b->exit.detail);
	for (size_t i = 0; i < sizeof(struct sbv_regs) / 8; i++)
		test_expect(x[i] == y[i], "register %lu is %lx, not %lx", i, y[i], x[i]);
}

/* mov %ebx, %ds; mov %ebx, %fs; wrmsr; mov %rsi, %cr8; mov %rdi, %dr1; mov %rbp, %dr7;
 * movq %r8, %xmm0; hlt. And then all of it read: mov %ds, %r9d; mov %fs, %r10d; rdmsr;
 * mov %cr8, %r11; mov %dr1, %r12; mov %dr7, %r13; movq %xmm0, %r14; hlt */
#define CHANGES                                                                                    \
	"\x8e\xdb\x8e\xe3\x0f\x30\x44\x0f\x22\xc6\x0f\x23\xcf\x0f\x23\xfd\x66\x49\x0f\x6e\xc0\xf4"
#define LOOKS                                                                                      \
	"\x41\x8c\xd9\x41\x8c\xe2\x0f\x32\x45\x0f\x20\xc3\x41\x0f\x21\xcc\x41\x0f\x21\xfd"         \
	"\x66\x49\x0f\x7e\xc6\xf4"

static void test_goes_on(void)
{
	struct guest g, other;
	struct sbv_regs *r;

	test_case("a state goes on in another guest");
	test_guest_begin(&g);
	r = guest_start(&g, CODE(CHANGES LOOKS), 0);
	r->rbx = GUEST_SS3;
	r->rcx = MSR_KERNEL_GSBASE_;
	r->rdx = MSR_VALUE >> 32;
	r->rax = (uint32_t)MSR_VALUE;
	r->rsi = 5;
	r->rdi = 0x7654321;
	r->rbp = DR7_FIXED | 0x10000;
	r->r8 = 0x1122334455667788;
	vmx_vcpu_load(g.v, 0);
	test_expect(!vmx_vcpu_set_msr(g.v, MSR_LSTAR_, MSR_VALUE), "LSTAR is refused");
	test_expect(!vmx_vcpu_set_msr(g.v, MSR_TSC, LATER), "the TSC is refused");
	vmx_vcpu_put(g.v);
	guest_run(&g);
	test_expect(
		g.exit.reason == SBV_EXIT_HLT, "exit %u, trap %d", g.exit.reason, guest_trap(&g));
	copy(&g, &other);
	guest_run(&g);
	guest_run(&other);
	expect_same(&g, &other);
	r = vmx_vcpu_regs(other.v);
	test_expect(r->r9 == GUEST_SS3 && r->r10 == GUEST_SS3, "ds %lx fs %lx", r->r9, r->r10);
	test_expect(
		(r->rdx << 32 | r->rax) == MSR_VALUE, "KERNEL_GS_BASE %lx%08lx", r->rdx, r->rax);
	test_expect(r->r11 == 5 && r->r12 == 0x7654321 && r->r13 == (DR7_FIXED | 0x10000),
		"cr8 %lx dr1 %lx dr7 %lx", r->r11, r->r12, r->r13);
	test_expect(r->r14 == 0x1122334455667788, "xmm0 %lx", r->r14);
	guest_end(&other);
	test_guest_end(&g);
}

/* In ring 3's handler: the stack's selector is null, or ring 0's. */
static void test_from_ring_3(void)
{
	struct guest g, other;

	test_case("a state of a handler that ring 3 called");
	test_guest_begin(&g);
	guest_start(&g, CODE("\x90"), 3);
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	copy(&g, &other);
	guest_run(&g);
	guest_run(&other);
	expect_same(&g, &other);
	test_expect(other.exit.reason == SBV_EXIT_HLT, "exit %u", other.exit.reason);
	guest_end(&other);
	test_guest_end(&g);
}

/* As test_irq_cut_short of test_events.c: the interrupt is on its way. */
static void test_event(void)
{
	struct guest g, other;
	struct sbv_regs *r;

	test_case("a state with an interrupt on its way");
	test_guest_begin(&g);
	r = guest_start(&g, CODE("\x90"), 0);
	r->rflags |= RFLAGS_IF;
	r->rsp = GUEST_VA_NOWHERE + VMX_PAGE_SIZE;
	vmx_vcpu_set_irq(g.v, VECTOR);
	guest_run(&g);
	test_expect(g.exit.reason == SBV_EXIT_MMIO, "exit %u", g.exit.reason);
	copy(&g, &other);
	test_expect(vmx_vcpu_event_in_flight(other.v), "nothing is on its way");
	vmx_vcpu_regs(other.v)->rsp = GUEST_STACK;
	guest_run(&other);
	test_trap(&other, VECTOR);
	guest_end(&other);
	test_guest_end(&g);
}

/* sti; mov (%rax), %bl, and there is nothing: the exit is in STI's shadow. But for Bochs 2.7, which
 * forgets the shadow at a #PF. */
static void test_shadow_of_sti(void)
{
	struct sbv_vcpu_state s;
	struct guest g, other;

	test_case("a state in the shadow of STI");
	test_guest_begin(&g);
	guest_start(&g, CODE("\xfb\x8a\x18"), 0)->rax = GUEST_VA_NOWHERE;
	guest_run(&g);
	test_expect(g.exit.reason == SBV_EXIT_MMIO, "exit %u", g.exit.reason);
	get(&g, &s);
	test_expect(s.interruptibility || !vmx_caps.ept, "there is no shadow");
	copy(&g, &other);
	vmx_vcpu_regs(other.v)->rax = GUEST_SCRATCH;
	vmx_vcpu_set_irq(other.v, VECTOR);
	guest_run(&other);
	test_trap(&other, VECTOR);
	test_expect(guest_trap_rip(&other) == GUEST_CODE + (s.interruptibility ? 3 : 1), "at %lx",
		guest_trap_rip(&other));
	guest_end(&other);
	test_guest_end(&g);
}

/* --- what is refused, and what not --- */

struct patch {
	uint16_t at, size; /* size 0: none */
	uint64_t value;
};

#define PUT(field, value)                                                                          \
	{                                                                                          \
		offsetof(struct sbv_vcpu_state, field),                                            \
			sizeof(((struct sbv_vcpu_state *)0)->field), value                         \
	}

struct spoilt {
	const char *name;
	struct patch patch[3];
};

#define EVENT(type, vector) (EVENT_VALID | EVENT_##type | (vector))

static const struct spoilt refused[] = {
	{"CR0 without PG", {PUT(cr0, CR0_WP | CR0_NE | CR0_ET | CR0_PE)}},
	{"CR0 without WP", {PUT(cr0, CR0_PG | CR0_NE | CR0_ET | CR0_PE)}},
	{"CR0 with caches off", {PUT(cr0, GUEST_CR0 | CR0_CD)}},
	{"CR0's high half", {PUT(cr0, GUEST_CR0 | 1ull << 32)}},
	{"CR3 beyond the physical addresses", {PUT(cr3, 1ull << 60)}},
	{"CR4 without PAE", {PUT(cr4, CR4_OSFXSR)}},
	{"CR4 with VMXE", {PUT(cr4, GUEST_CR4 | CR4_VMXE)}},
	{"CR4's reserved bits", {PUT(cr4, GUEST_CR4 | 1ull << 31)}},
	{"CR8", {PUT(cr8, 16)}},
	{"EFER without LMA", {PUT(efer, EFER_LME)}},
	{"EFER without LME", {PUT(efer, EFER_LMA)}},
	{"EFER's reserved bits", {PUT(efer, GUEST_EFER | 1 << 16)}},
	{"XCR0 of what no CPU has", {PUT(xcr0, 1ull << 62 | 1)}},
	{"XCR0 with AVX and no SSE", {PUT(xcr0, 5)}},
	{"DR6's high half", {PUT(dr6, DR6_FIXED | 1ull << 32)}},
	{"DR6 without the fixed bits", {PUT(dr6, 0)}},
	{"DR7's high half", {PUT(dr7, DR7_FIXED | 1ull << 32)}},
	{"DR7 without the fixed bit", {PUT(dr7, 0)}},
	{"GDTR's base", {PUT(gdt_base, 1ull << 63)}},
	{"IDTR's base", {PUT(idt_base, 1ull << 63)}},
	{"RIP", {PUT(regs.rip, 1ull << 62)}},
	{"RIP in 32-bit code", {PUT(segment[SBV_CS].rights, 0xc09b), PUT(regs.rip, 1ull << 32)}},
	{"LSTAR", {PUT(lstar, 1ull << 63)}},
	{"CSTAR", {PUT(cstar, 1ull << 63)}},
	{"FMASK", {PUT(fmask, 1ull << 32)}},
	{"KERNEL_GS_BASE", {PUT(kernel_gs_base, 1ull << 63)}},
	{"TSC_AUX", {PUT(tsc_aux, 1ull << 32)}},
	{"PAT", {PUT(pat, 2)}},
	{"SYSENTER_CS", {PUT(sysenter_cs, 1ull << 32)}},
	{"SYSENTER_ESP", {PUT(sysenter_esp, 1ull << 63)}},
	{"SYSENTER_EIP", {PUT(sysenter_eip, 1ull << 63)}},
	{"CS that is data", {PUT(segment[SBV_CS].rights, 0xa093)}},
	{"CS that is not there", {PUT(segment[SBV_CS].rights, 0xa01b)}},
	{"CS that is unusable", {PUT(segment[SBV_CS].rights, 0x1a09b)}},
	{"CS of 16, 32 and 64 bits", {PUT(segment[SBV_CS].rights, 0xe09b)}},
	{"CS of another ring than SS", {PUT(segment[SBV_CS].rights, 0xa0fb)}},
	{"CS with another RPL", {PUT(segment[SBV_CS].selector, GUEST_CS0 | 3)}},
	{"CS's base", {PUT(segment[SBV_CS].base, 1ull << 32)}},
	{"CS's limit, in pages", {PUT(segment[SBV_CS].limit, 0xffffe000)}},
	{"CS's limit, in bytes", {PUT(segment[SBV_CS].rights, 0x209b)}},
	{"CS's reserved rights", {PUT(segment[SBV_CS].rights, 0xa19b)}},
	{"SS that is code", {PUT(segment[SBV_SS].rights, 0xa09b)}},
	{"SS that is read-only", {PUT(segment[SBV_SS].rights, 0xc091)}},
	{"SS of another ring than its selector", {PUT(segment[SBV_SS].rights, 0xc0f3)}},
	{"SS's base", {PUT(segment[SBV_SS].base, 1ull << 32)}},
	{"SS's reserved rights", {PUT(segment[SBV_SS].rights, 0x2c093)}},
	{"DS that was not accessed", {PUT(segment[SBV_DS].rights, 0xc0f2)}},
	{"DS of code that cannot be read", {PUT(segment[SBV_DS].rights, 0xc0f9)}},
	{"DS that is a system segment", {PUT(segment[SBV_DS].rights, 0xc0e3)}},
	{"DS more privileged than its selector",
		{PUT(segment[SBV_DS].rights, 0xc093), PUT(segment[SBV_DS].selector, GUEST_SS3)}},
	{"DS's base", {PUT(segment[SBV_DS].rights, 0xc0f3), PUT(segment[SBV_DS].base, 1ull << 32)}},
	{"DS's reserved word", {PUT(segment[SBV_DS].reserved[2], 1)}},
	{"ES that is not there", {PUT(segment[SBV_ES].rights, 0xc073)}},
	{"ES's base", {PUT(segment[SBV_ES].rights, 0xc0f3), PUT(segment[SBV_ES].base, 1ull << 32)}},
	{"FS's base", {PUT(segment[SBV_FS].base, 1ull << 63)}},
	{"FS's base, unusable",
		{PUT(segment[SBV_FS].rights, 0x10000), PUT(segment[SBV_FS].base, 1ull << 63)}},
	{"GS's base", {PUT(segment[SBV_GS].base, 1ull << 63)}},
	{"LDTR of another type", {PUT(segment[SBV_LDTR].rights, 0x83)}},
	{"LDTR's base",
		{PUT(segment[SBV_LDTR].rights, 0x82), PUT(segment[SBV_LDTR].base, 1ull << 63)}},
	{"LDTR in an LDT",
		{PUT(segment[SBV_LDTR].rights, 0x82), PUT(segment[SBV_LDTR].selector, 4)}},
	{"TR that is not busy", {PUT(segment[SBV_TR].rights, 0x89)}},
	{"TR that is unusable", {PUT(segment[SBV_TR].rights, 0x1008b)}},
	{"TR in an LDT", {PUT(segment[SBV_TR].selector, GUEST_TR | 4)}},
	{"TR's base", {PUT(segment[SBV_TR].base, 1ull << 63)}},
	{"TR's limit", {PUT(segment[SBV_TR].limit, 0x100000)}},
	{"NMIs blocked", {PUT(interruptibility, 8)}},
	{"SMIs blocked", {PUT(interruptibility, 4)}},
	{"the shadow of STI and of MOV SS",
		{PUT(interruptibility, 3), PUT(regs.rflags, RFLAGS_FIXED | RFLAGS_IF)}},
	{"the shadow of STI with IF clear", {PUT(interruptibility, 1)}},
	{"a step that does not pend in a shadow",
		{PUT(interruptibility, 2), PUT(regs.rflags, RFLAGS_FIXED | RFLAGS_TF)}},
	{"a step that pends in a shadow and should not",
		{PUT(interruptibility, 2), PUT(pending_debug, PENDING_DEBUG_STEP)}},
	{"pending debug exceptions of other kinds", {PUT(pending_debug, 1ull << 16)}},
	{"an event that is not valid", {PUT(event, EVENT_HARDWARE | X86_VECTOR_UD)}},
	{"an event's reserved bits", {PUT(event, EVENT(HARDWARE, X86_VECTOR_UD) | 1u << 12)}},
	{"an NMI", {PUT(event, EVENT(NMI, X86_VECTOR_NMI))}},
	{"an event of a reserved type", {PUT(event, EVENT(EXTERNAL, 0x20) | 0x100)}},
	{"an event of type other", {PUT(event, EVENT(EXTERNAL, 0) | 0x700)}},
	{"an interrupt with an error code", {PUT(event, EVENT(EXTERNAL, 0x20) | EVENT_ERROR_CODE)}},
	{"an exception's vector", {PUT(event, EVENT(HARDWARE, 32))}},
	{"#GP without its error code", {PUT(event, EVENT(HARDWARE, X86_VECTOR_GP))}},
	{"#UD with an error code", {PUT(event, EVENT(HARDWARE, X86_VECTOR_UD) | EVENT_ERROR_CODE)}},
	{"an error code's high half",
		{PUT(event, EVENT(HARDWARE, X86_VECTOR_GP) | EVENT_ERROR_CODE),
			PUT(event_error, 1u << 16)}},
	{"INT n without a length", {PUT(event, EVENT(SOFTWARE_INTERRUPT, 0x80))}},
	{"INT n of 16 bytes", {PUT(event, EVENT(SOFTWARE_INTERRUPT, 0x80)), PUT(event_length, 16)}},
	{"INT1 of another vector", {PUT(event, EVENT(PRIVILEGED, 3)), PUT(event_length, 1)}},
	{"INT3 of another vector",
		{PUT(event, EVENT(SOFTWARE_EXCEPTION, 5)), PUT(event_length, 1)}},
	{"the last reserved word", {PUT(reserved, 1)}},
};

/* The edges of what is not: the CPU must enter with it. */
static const struct spoilt taken[] = {
	{"nothing of it", {{0, 0, 0}}},
	{"null selectors of data",
		{PUT(segment[SBV_DS].rights, 0x10000), PUT(segment[SBV_FS].rights, 0x10000),
			PUT(segment[SBV_DS].selector, 0)}},
	{"a null stack", {PUT(segment[SBV_SS].rights, 0x10000), PUT(segment[SBV_SS].selector, 0)}},
	{"conforming code", {PUT(segment[SBV_CS].rights, 0xa09f)}},
	{"32-bit code", {PUT(segment[SBV_CS].rights, 0xc09b)}},
	{"an LDT", {PUT(segment[SBV_LDTR].rights, 0x82), PUT(segment[SBV_LDTR].selector, 8),
			   PUT(segment[SBV_LDTR].limit, 15)}},
	{"the shadow of MOV SS", {PUT(interruptibility, 2)}},
	{"the shadow of STI",
		{PUT(interruptibility, 1), PUT(regs.rflags, RFLAGS_FIXED | RFLAGS_IF)}},
	{"#PF", {PUT(event, EVENT(HARDWARE, X86_VECTOR_PF) | EVENT_ERROR_CODE),
			PUT(event_error, 4)}},
	{"INT n", {PUT(event, EVENT(SOFTWARE_INTERRUPT, 0x80)), PUT(event_length, 2)}},
	{"INT3", {PUT(event, EVENT(SOFTWARE_EXCEPTION, X86_VECTOR_BP)), PUT(event_length, 1)}},
	{"an interrupt, IF clear", {PUT(event, EVENT(EXTERNAL, VECTOR))}},
};

static void apply(struct sbv_vcpu_state *s, const struct spoilt *how)
{
	for (size_t i = 0; i < VMX_ARRAY_SIZE(how->patch); i++)
		memcpy((uint8_t *)s + how->patch[i].at, &how->patch[i].value, how->patch[i].size);
}

/* hlt, whatever it is entered with; then the end. */
static void begin(struct guest *g, struct sbv_vcpu_state *good)
{
	test_guest_begin(g);
	guest_start(g, CODE("\xf4"), 0);
	get(g, good);
}

static void test_refused(void)
{
	struct sbv_vcpu_state good, s;
	struct guest g;

	for (size_t i = 0; i < VMX_ARRAY_SIZE(refused); i++) {
		test_case("a state is refused: %s", refused[i].name);
		begin(&g, &good);
		s = good;
		apply(&s, &refused[i]);
		s.cr2 = 0x1234; /* none of it is taken */
		test_expect(set(&g, &s) == -EINVAL, "it is taken");
		get(&g, &s);
		test_expect(!memcmp(&s, &good, sizeof(s)), "it is another now");
		test_guest_end(&g);
	}
}

static bool entered(const struct guest *g)
{
	return g->exit.reason != SBV_EXIT_FAIL;
}

static void test_taken(void)
{
	struct sbv_vcpu_state s;
	struct guest g;

	for (size_t i = 0; i < VMX_ARRAY_SIZE(taken); i++) {
		test_case("a state is entered: %s", taken[i].name);
		begin(&g, &s);
		apply(&s, &taken[i]);
		test_expect(!set(&g, &s), "it is refused");
		guest_run(&g);
		test_expect(entered(&g), "exit %u code %u detail %lx", g.exit.reason, g.exit.code,
			g.exit.detail);
		test_guest_end(&g);
	}
}

/* One field, or up to three, is what it may be, or not. */
static void spoil(struct hostile *h, struct sbv_vcpu_state *s)
{
	const size_t after = offsetof(struct sbv_vcpu_state, cr0);
	uint8_t *bytes = (uint8_t *)s;

	for (uint32_t n = hostile_below(h, 3) + 1; n; n--) {
		uint32_t at = (uint32_t)after +
			      hostile_below(h, (uint32_t)((sizeof(*s) - after) / 4)) * 4;
		uint64_t value = hostile_below(h, 2) ? hostile_value(h) : hostile_any(h);

		if (hostile_below(h, 2))
			bytes[at + hostile_below(h, 4)] ^= (uint8_t)(1u << hostile_below(h, 8));
		else
			memcpy(bytes + at, &value, hostile_below(h, 2) && at % 8 == 0 ? 8 : 4);
	}
	if (hostile_below(h, 2))
		s->regs.rflags = hostile_any(h);
}

/* Whatever is taken is entered: no check of the CPU's is left out at the door. */
static void test_random(void)
{
	struct sbv_vcpu_state good, s;
	uint32_t n = 0, i;
	struct hostile h;
	struct guest g;

	test_case("states at random");
	hostile_seed(&h, 1, guest_cr4());
	begin(&g, &good);
	for (i = 0; i < RANDOM; i++) {
		s = good;
		spoil(&h, &s);
		if (set(&g, &s))
			continue;
		n++;
		guest_run_briefly(&g);
		test_expect(entered(&g), "number %u: code %u detail %lx", i, g.exit.code,
			g.exit.detail);
	}
	test_expect(n > RANDOM / 10 && n < RANDOM, "%u of %u were taken", n, i);
	test_guest_end(&g);
}

void test_state(void)
{
	test_goes_on();
	test_from_ring_3();
	test_event();
	test_shadow_of_sti();
	test_refused();
	test_taken();
	test_random();
}
