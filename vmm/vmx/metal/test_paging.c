/* SPDX-License-Identifier: Apache-2.0
 *
 * The guest's page tables, as the architecture has them (SDM vol. 3A, 4): by the CPU's own walk
 * with EPT, by the core's with shadow paging. The answers are the same.
 */
#include "test.h"

#define CODE(bytes) bytes, sizeof(bytes) - 1

#define PAGE_A (GUEST_FREE)
#define PAGE_B (GUEST_FREE + VMX_PAGE_SIZE)
#define PML4_B (GUEST_FREE + 2 * VMX_PAGE_SIZE) /* a second address space's tables, four pages */
#define BYTE_A 0xaa
#define BYTE_B 0xbb

#define P   1ull
#define W   2ull
#define U   4ull
#define A   0x20ull
#define D   0x40ull
#define PS  0x80ull
#define G   0x100ull
#define NX  (1ull << 63)
#define ALL (P | W | U)

#define ERROR_PRESENT  1u
#define ERROR_WRITE    2u
#define ERROR_USER     4u
#define ERROR_RESERVED 8u
#define ERROR_FETCH    16u

static struct sbv_regs *begin(struct guest *g, const char *code, size_t n, int ring)
{
	struct sbv_regs *r;

	test_guest_begin(g);
	g->memory[PAGE_A] = BYTE_A;
	g->memory[PAGE_B] = BYTE_B;
	r = guest_start(g, code, n, ring);
	r->rax = PAGE_A;
	r->rcx = GUEST_PT + (PAGE_A >> VMX_PAGE_SHIFT) * 8;
	r->rdx = PAGE_B | ALL;
	r->rbx = 0;
	return r;
}

static void expect_bytes(struct guest *g, uint64_t rbx)
{
	test_trap(g, GUEST_DONE);
	test_expect(
		vmx_vcpu_regs(g->v)->rbx == rbx, "rbx %lx, not %lx", vmx_vcpu_regs(g->v)->rbx, rbx);
}

/* --- accessed and dirty --- */

static void test_accessed(void)
{
	struct guest g;

	test_case("paging: accessed at a read, dirty at a write");
	begin(&g, CODE("\x8a\x18"), 3); /* mov (%rax), %bl */
	guest_run(&g);
	expect_bytes(&g, BYTE_A);
	test_expect(
		*guest_pte(&g, PAGE_A) == (PAGE_A | ALL | A), "read: %lx", *guest_pte(&g, PAGE_A));
	test_expect(*guest_pte(&g, PAGE_B) == (PAGE_B | ALL), "its neighbour: %lx",
		*guest_pte(&g, PAGE_B));
	test_expect(*guest_word(&g, GUEST_PD) == (GUEST_PT | ALL | A), "its table: %lx",
		*guest_word(&g, GUEST_PD));
	guest_start(&g, CODE("\x88\x18"), 3)->rax = PAGE_A; /* mov %bl, (%rax) */
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(*guest_pte(&g, PAGE_A) == (PAGE_A | ALL | A | D), "written: %lx",
		*guest_pte(&g, PAGE_A));
	test_guest_end(&g);
}

/* --- tables that change --- */

/* A read of the page, a change of its entry, something, a read of the page; ring 0. */
static void test_change(
	const char *name, const char *code, size_t n, uint64_t before, uint64_t after, uint64_t rbx)
{
	struct guest g;

	test_case("paging: %s", name);
	begin(&g, code, n, 0)->rdx = after;
	*guest_pte(&g, PAGE_A) = before;
	guest_run(&g);
	expect_bytes(&g, rbx);
	test_guest_end(&g);
}

#define READ_BL "\x8a\x18"		   /* mov (%rax), %bl */
#define READ_BH "\x8a\x38"		   /* mov (%rax), %bh */
#define STORE	"\x48\x89\x11"		   /* mov %rdx, (%rcx): the entry */
#define INVLPG	"\x0f\x01\x38"		   /* invlpg (%rax) */
#define RELOAD	"\x0f\x20\xdf\x0f\x22\xdf" /* mov %cr3, %rdi; mov %rdi, %cr3 */

static void test_changes(void)
{
	uint64_t both = BYTE_B << 8 | BYTE_A;

	test_change("another page, then INVLPG", CODE(READ_BL STORE INVLPG READ_BH), PAGE_A | ALL,
		PAGE_B | ALL, both);
	test_change("another page, then CR3", CODE(READ_BL STORE RELOAD READ_BH), PAGE_A | ALL,
		PAGE_B | ALL, both);
	test_change("another page, global before, then INVLPG", CODE(READ_BL STORE INVLPG READ_BH),
		PAGE_A | ALL | G, PAGE_B | ALL, both);
	/* What is not there is not remembered (4.10.2.3). */
	test_change("a page where none was", CODE(STORE READ_BH), 0, PAGE_B | ALL, BYTE_B << 8);
	test_change("a page written right after", CODE(STORE "\xc6\x00\x77" READ_BH), 0,
		PAGE_B | ALL, 0x7700);
}

/* The page becomes less than it was; ring 0 does it, and then uses it: mov %bl, (%rax). */
static void test_less(const char *name, uint64_t after, uint32_t error)
{
	struct guest g;

	test_case("paging: %s", name);
	begin(&g, CODE("\x88\x18" STORE INVLPG "\x88\x18"), 0)->rdx = after;
	guest_run(&g);
	test_trap(&g, X86_VECTOR_PF);
	test_expect(guest_trap_error(&g) == error && guest_trap_rip(&g) == GUEST_CODE + 8,
		"error %lx at %lx", guest_trap_error(&g), guest_trap_rip(&g));
	test_guest_end(&g);
}

/* --- what an entry forbids --- */

static void with_nx(struct sbv_sregs *s)
{
	s->efer |= EFER_NXE;
}

static void with_smep(struct sbv_sregs *s)
{
	s->cr4 |= CR4_SMEP;
}

static void with_smap(struct sbv_sregs *s)
{
	s->cr4 |= CR4_SMAP;
}

/* Only the kernel's: what ring 0 runs on. */
static void kernel_pages(struct guest *g)
{
	for (uint64_t va = 0; va < PAGE_A; va += VMX_PAGE_SIZE)
		*guest_pte(g, va) &= ~U;
}

#define READ  CODE(READ_BL)
#define FETCH CODE("\xff\xe0") /* jmp *%rax */

static const struct {
	const char *name, *code;
	size_t n;
	uint64_t entry; /* of the page */
	void (*modes)(struct sbv_sregs *s);
	uint64_t needs; /* of CR4: not every CPU has it */
	int ring;
	bool ac, kernel; /* RFLAGS.AC; ring 0 on pages of its own */
	int error;	 /* -1: it is allowed */
} forbidden[] = {
	{"fetch, NX", FETCH, PAGE_A | ALL | NX, with_nx, 0, 3, false, false,
		ERROR_PRESENT | ERROR_USER | ERROR_FETCH},
	{"fetch, NX, ring 0", FETCH, PAGE_A | ALL | NX, with_nx, 0, 0, false, false,
		ERROR_PRESENT | ERROR_FETCH},
	{"read, NX", READ, PAGE_A | ALL | NX, with_nx, 0, 3, false, false, -1},
	{"read, NX without NXE", READ, PAGE_A | ALL | NX, NULL, 0, 3, false, false,
		ERROR_PRESENT | ERROR_USER | ERROR_RESERVED},
	{"read, a reserved bit", READ, PAGE_A | ALL | 1ull << 51, NULL, 0, 3, false, false,
		ERROR_PRESENT | ERROR_USER | ERROR_RESERVED},
	{"fetch, SMEP", FETCH, PAGE_A | ALL, with_smep, CR4_SMEP, 0, false, true,
		ERROR_PRESENT | ERROR_FETCH},
	{"read, SMEP", READ, PAGE_A | ALL, with_smep, CR4_SMEP, 0, false, true, -1},
	{"read, SMAP", READ, PAGE_A | ALL, with_smap, CR4_SMAP, 0, false, true, ERROR_PRESENT},
	{"read, SMAP and AC", READ, PAGE_A | ALL, with_smap, CR4_SMAP, 0, true, true, -1},
};

static void test_forbidden(size_t i)
{
	bool can = vmx_cr4_valid(guest_cr4() | forbidden[i].needs);
	struct sbv_regs *r;
	struct guest g;

	if (!can)
		return;
	test_case("paging: %s", forbidden[i].name);
	r = begin(&g, forbidden[i].code, forbidden[i].n, forbidden[i].ring);
	*guest_pte(&g, PAGE_A) = forbidden[i].entry;
	if (forbidden[i].kernel)
		kernel_pages(&g);
	if (forbidden[i].ac)
		r->rflags |= RFLAGS_AC;
	if (forbidden[i].modes)
		guest_sregs(&g, forbidden[i].modes);
	guest_run(&g);
	if (forbidden[i].error < 0) {
		expect_bytes(&g, BYTE_A);
	} else {
		test_trap(&g, X86_VECTOR_PF);
		test_expect(guest_trap_error(&g) == (uint64_t)forbidden[i].error, "error %lx",
			guest_trap_error(&g));
	}
	test_guest_end(&g);
}

/* --- shapes of tables --- */

static void test_large(void)
{
	uint64_t va = 6 * 0x200000, *entry;
	struct guest g;

	test_case("paging: a large page");
	begin(&g, CODE(READ_BL), 3)->rax = va + PAGE_B;
	entry = guest_word(&g, GUEST_PD + 6 * 8);
	*entry = ALL | PS;
	guest_run(&g);
	expect_bytes(&g, BYTE_B);
	test_expect(*entry == (ALL | PS | A), "read: %lx", *entry);
	guest_start(&g, CODE("\x88\x18"), 3)->rax = va + PAGE_B;
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(*entry == (ALL | PS | A | D), "written: %lx", *entry);
	test_guest_end(&g);

	/* What its table is given by another way is seen by this one. */
	test_case("paging: a table changed through a large page");
	begin(&g, CODE(READ_BL STORE INVLPG READ_BH), 0)->rcx =
		va + GUEST_PT + (PAGE_A >> VMX_PAGE_SHIFT) * 8;
	*guest_word(&g, GUEST_PD + 6 * 8) = ALL | PS;
	guest_run(&g);
	expect_bytes(&g, BYTE_B << 8 | BYTE_A);
	test_guest_end(&g);
}

static void test_self(void)
{
	struct guest g;

	test_case("paging: a table that refers to itself");
	begin(&g, CODE("\x48\x8b\x18"), 3)->rax = 0xfffffffffffff000; /* mov (%rax), %rbx */
	*guest_word(&g, GUEST_PML4 + 511 * 8) = GUEST_PML4 | ALL;
	guest_run(&g);
	expect_bytes(&g, GUEST_PDPT | ALL | A);
	test_guest_end(&g);

	/* Its own entries are written by it: the page's, at the address where the tables show it.
	 */
	test_case("paging: an entry written where the table shows itself");
	begin(&g, CODE(READ_BL STORE INVLPG READ_BH), 0)->rcx =
		0xffffff8000000000 + (PAGE_A >> VMX_PAGE_SHIFT) * 8;
	*guest_word(&g, GUEST_PML4 + 511 * 8) = GUEST_PML4 | ALL;
	guest_run(&g);
	expect_bytes(&g, BYTE_B << 8 | BYTE_A);
	test_guest_end(&g);
}

/* Two address spaces that differ in one page; there and back. */
static void test_spaces(void)
{
	struct guest g;
	struct sbv_regs *r;

	test_case("paging: two address spaces");
	/* mov (%rax), %bl; mov %rdx, %cr3; mov (%rax), %bh; mov %rcx, %cr3; mov (%rax), %dl */
	r = begin(&g, CODE(READ_BL "\x0f\x22\xda" READ_BH "\x0f\x22\xd9\x8a\x10"), 0);
	r->rdx = PML4_B;
	r->rcx = GUEST_PML4;
	memcpy(g.memory + PML4_B, g.memory + GUEST_PML4, 4 * VMX_PAGE_SIZE);
	for (uint64_t i = 0; i < 3; i++)
		*guest_word(&g, PML4_B + i * VMX_PAGE_SIZE) =
			(PML4_B + (i + 1) * VMX_PAGE_SIZE) | ALL;
	*guest_word(&g, PML4_B + 3 * VMX_PAGE_SIZE + (PAGE_A >> VMX_PAGE_SHIFT) * 8) = PAGE_B | ALL;
	guest_run(&g);
	expect_bytes(&g, BYTE_B << 8 | BYTE_A);
	test_expect(
		(vmx_vcpu_regs(g.v)->rdx & 0xff) == BYTE_A, "back: %lx", vmx_vcpu_regs(g.v)->rdx);
	test_guest_end(&g);
}

void test_paging(void)
{
	test_accessed();
	test_changes();
	test_less("gone after INVLPG", 0, ERROR_WRITE);
	test_less("read-only after INVLPG", PAGE_A | P | U, ERROR_PRESENT | ERROR_WRITE);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(forbidden); i++)
		test_forbidden(i);
	test_large();
	test_self();
	test_spaces();
}
