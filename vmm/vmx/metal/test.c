/* SPDX-License-Identifier: Apache-2.0
 *
 * Cases counted, and the last line.
 */
#include "test.h"
#include <stdarg.h>

uint64_t test_seen[2 * TEST_ENTRY_FAILED];

static struct {
	unsigned passed, failed;
	bool open, bad;
	size_t pages;
	char name[64];
} now;

static void close_case(void)
{
	if (now.open) {
		now.passed += !now.bad;
		now.failed += now.bad;
	}
	now.open = false;
}

void test_case(const char *format, ...)
{
	va_list ap;

	close_case();
	now.open = true;
	now.bad = false;
	va_start(ap, format);
	metal_vformat(now.name, sizeof(now.name), format, ap);
	va_end(ap);
}

void test_expect(bool ok, const char *format, ...)
{
	char words[160];
	va_list ap;

	if (ok)
		return;
	now.bad = true;
	va_start(ap, format);
	metal_vformat(words, sizeof(words), format, ap);
	va_end(ap);
	metal_print("FAIL %s: %s\n", now.name, words);
}

void test_guest_begin(struct guest *g)
{
	now.pages = metal_pages_used();
	if (!guest_make(g))
		metal_die("%s: no guest", now.name);
}

void test_guest_end(struct guest *g)
{
	for (uint32_t i = 0; i < TEST_ENTRY_FAILED; i++)
		test_seen[i] += g->stats.exits[i];
	guest_end(g);
	test_expect(metal_pages_used() == now.pages, "%lu pages left behind",
		(unsigned long)(metal_pages_used() - now.pages));
}

void test_trap(struct guest *g, int vector)
{
	const struct vmx_user_exit *e = &g->exit;

	test_expect(guest_trap(g) == vector,
		"ended with %d, not %d (exit %u port %x gpa %lx code %u detail %lx rip %lx)",
		guest_trap(g), vector, e->reason, e->port, (unsigned long)e->gpa, e->code,
		(unsigned long)e->detail, (unsigned long)vmx_vcpu_regs(g->v)->rip);
}

/* What must have been seen, and where: always (shadow paging is always tested), or if the CPU
 * has... */
enum where { ALWAYS, EPT, VPID, PLE, WBINVD, XSAVE };

static bool can_be(enum where where, bool had_ept)
{
	switch (where) {
	case EPT:
		return had_ept;
	case VPID:
		return vmx_caps.vpid;
	case PLE:
		return vmx_caps.ple;
	case WBINVD:
		return vmx_caps.secondary & SECONDARY_WBINVD;
	case XSAVE:
		return vmx_caps.xcr0;
	default:
		return true;
	}
}

void test_reasons(bool had_ept)
{
	static const struct {
		uint8_t reason;
		enum where where;
	} wanted[] = {
		{0, ALWAYS},
		{1, ALWAYS},
		{2, ALWAYS},
		{7, ALWAYS},
		{10, ALWAYS},
		{12, ALWAYS},
		{13, ALWAYS},
		{14, ALWAYS},
		{15, ALWAYS},
		{18, ALWAYS},
		{19, ALWAYS},
		{20, ALWAYS},
		{21, ALWAYS},
		{22, ALWAYS},
		{23, ALWAYS},
		{24, ALWAYS},
		{25, ALWAYS},
		{26, ALWAYS},
		{27, ALWAYS},
		{28, ALWAYS},
		{29, ALWAYS},
		{30, ALWAYS},
		{31, ALWAYS},
		{32, ALWAYS},
		{36, ALWAYS},
		{39, ALWAYS},
		{40, PLE},
		{48, EPT},
		{49, EPT},
		{50, EPT},
		{53, VPID},
		{54, WBINVD},
		{55, XSAVE},
		{TEST_ENTRY_FAILED + 33, ALWAYS},
		{TEST_ENTRY_FAILED + 34, ALWAYS},
	};

	test_case("every exit reason");
	for (size_t i = 0; i < VMX_ARRAY_SIZE(wanted); i++)
		test_expect(test_seen[wanted[i].reason] || !can_be(wanted[i].where, had_ept),
			"reason %u, %s, was never seen", wanted[i].reason % TEST_ENTRY_FAILED,
			vmx_exit_name(wanted[i].reason % TEST_ENTRY_FAILED));
	close_case();
	metal_print("%u passed, %u failed\n", now.passed, now.failed);
}
