/* SPDX-License-Identifier: Apache-2.0
 *
 * VM entries that fail: each kind is made by spoiling a VMCS that was good, and the owner is told
 * which it was.
 */
#include "test.h"

#define REASON_GUEST_STATE	     33ull
#define REASON_MSR_LOADING	     34ull
#define STATE(reason, qualification) ((reason) << 32 | (qualification))

static void *msr_page; /* for an MSR area */

static void spoil_count(struct guest *g)
{
	vmcs_write(VMCS_CR3_TARGET_COUNT, 511);
}

static void spoil_pin(struct guest *g)
{
	vmcs_write(VMCS_PIN_CONTROLS, 0);
}

static void spoil_bitmap(struct guest *g)
{
	vmcs_write(VMCS_MSR_BITMAP, 0x123);
}

static void spoil_host_cs(struct guest *g)
{
	vmcs_write(VMCS_HOST_CS, 0);
}

static void spoil_host_tr(struct guest *g)
{
	vmcs_write(VMCS_HOST_TR, 0);
}

static void spoil_launched(struct guest *g)
{
	g->v->launched = true; /* and it is not: VMRESUME */
}

static void spoil_clear(struct guest *g)
{
	vmx_vcpu_regs(g->v)->rip = GUEST_CODE;
	g->v->launched = false; /* after a run: VMLAUNCH */
}

static void spoil_gdtr(struct guest *g)
{
	vmcs_write(VMCS_GUEST_GDTR_BASE, 1ull << 63);
}

static void spoil_cr0(struct guest *g)
{
	vmcs_write(VMCS_GUEST_CR0, CR0_PG); /* without PE */
}

static void spoil_cs(struct guest *g)
{
	vmcs_write(VMCS_GUEST_CS_RIGHTS, 0x93); /* data */
}

static void spoil_tr(struct guest *g)
{
	vmcs_write(VMCS_GUEST_TR_RIGHTS, 0x89); /* not busy */
}

static void spoil_activity(struct guest *g)
{
	vmcs_write(VMCS_GUEST_ACTIVITY, 7);
}

static void spoil_link(struct guest *g)
{
	vmcs_write(VMCS_LINK_POINTER, 0x123);
}

static void spoil_msr(struct guest *g)
{
	uint64_t *entry = msr_page;

	entry[0] = MSR_FSBASE_; /* the area may not have it */
	entry[1] = 0;
	vmcs_write(VMCS_ENTRY_MSR_LOAD, (uintptr_t)msr_page);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, 1);
}

static const struct {
	const char *name;
	void (*spoil)(struct guest *g);
	bool after_run;
	uint32_t code;
	uint64_t detail;
} cases[] = {
	{"CR3-target count", spoil_count, false, SBV_FAIL_ENTRY, 7},
	{"pin-based controls", spoil_pin, false, SBV_FAIL_ENTRY, 7},
	{"address of the MSR bitmap", spoil_bitmap, false, SBV_FAIL_ENTRY, 7},
	{"host's CS", spoil_host_cs, false, SBV_FAIL_ENTRY, 8},
	{"host's TR", spoil_host_tr, false, SBV_FAIL_ENTRY, 8},
	{"VMRESUME before VMLAUNCH", spoil_launched, false, SBV_FAIL_ENTRY, 5},
	{"VMLAUNCH after VMLAUNCH", spoil_clear, true, SBV_FAIL_ENTRY, 4},
	{"guest's GDTR", spoil_gdtr, false, SBV_FAIL_STATE, STATE(REASON_GUEST_STATE, 0)},
	{"guest's CR0", spoil_cr0, false, SBV_FAIL_STATE, STATE(REASON_GUEST_STATE, 0)},
	{"guest's CS", spoil_cs, false, SBV_FAIL_STATE, STATE(REASON_GUEST_STATE, 0)},
	{"guest's TR", spoil_tr, false, SBV_FAIL_STATE, STATE(REASON_GUEST_STATE, 0)},
	{"guest's activity state", spoil_activity, false, SBV_FAIL_STATE,
		STATE(REASON_GUEST_STATE, 0)},
	{"VMCS link pointer", spoil_link, false, SBV_FAIL_STATE, STATE(REASON_GUEST_STATE, 4)},
	{"MSR to load", spoil_msr, false, SBV_FAIL_STATE, STATE(REASON_MSR_LOADING, 1)},
};

static void run_case(size_t i)
{
	const struct vmx_user_exit *e;
	struct guest g;

	test_case("entry fails: %s", cases[i].name);
	test_guest_begin(&g);
	guest_start(&g, "\x90", 1, 0);
	if (cases[i].after_run)
		guest_run(&g);
	vmx_vcpu_load(g.v, 0);
	cases[i].spoil(&g);
	vmx_vcpu_put(g.v);
	guest_run(&g);
	e = &g.exit;
	test_expect(e->reason == SBV_EXIT_FAIL && e->code == cases[i].code &&
			    e->detail == cases[i].detail,
		"exit %u, code %u, detail %lx", e->reason, e->code, e->detail);
	if (e->code == SBV_FAIL_STATE)
		test_seen[TEST_ENTRY_FAILED + (e->detail >> 32) % TEST_ENTRY_FAILED]++;
	else
		test_expect(
			vmx_instruction_error((uint32_t)e->detail)[0] != '?', "no words for it");
	test_guest_end(&g);
}

void test_entry(void)
{
	msr_page = metal_pages_alloc(1);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(cases); i++)
		run_case(i);
	metal_pages_free(msr_page);
}
