/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What this CPU's VMX can do, by its capability MSRs (SDM appendix A). A control is never assumed:
 * each is asked for as needed or wanted, adjusted by what the MSR allows, and the first needed one
 * that is missing is named.
 */
#include "vmcs.h"
#include "vmx.h"
#include "x86.h"

struct vmx_caps vmx_caps;

#define BASIC_REVISION	  0x7fffffffull
#define BASIC_TRUE	  (1ull << 55)
#define BASIC_MEMORY_TYPE (0xfull << 50)
#define BASIC_WRITE_BACK  (6ull << 50)

#define EPT_CAP_WALK_4	    (1ull << 6)
#define EPT_CAP_WRITE_BACK  (1ull << 14)
#define EPT_CAP_2M	    (1ull << 16)
#define EPT_CAP_1G	    (1ull << 17)
#define EPT_CAP_INVEPT	    (1ull << 20)
#define EPT_CAP_AD	    (1ull << 21)
#define EPT_CAP_INVEPT_ONE  (1ull << 25)
#define EPT_CAP_INVVPID	    (1ull << 32)
#define EPT_CAP_INVVPID_ONE (1ull << 41)
#define EPT_NEEDED	    (EPT_CAP_WALK_4 | EPT_CAP_WRITE_BACK | EPT_CAP_INVEPT | EPT_CAP_INVEPT_ONE)

struct control {
	uint32_t bit;
	bool needed;
	const char *name;
};

static const struct control pin_controls[] = {
	{PIN_EXTERNAL_INTERRUPT, true, "external-interrupt exiting"},
	{PIN_NMI, true, "NMI exiting"},
};

static const struct control primary_controls[] = {
	{PRIMARY_HLT, true, "HLT exiting"},
	{PRIMARY_MWAIT, true, "MWAIT exiting"},
	{PRIMARY_MONITOR, true, "MONITOR exiting"},
	{PRIMARY_RDPMC, true, "RDPMC exiting"},
	{PRIMARY_CR8_LOAD, true, "CR8-load exiting"},
	{PRIMARY_CR8_STORE, true, "CR8-store exiting"},
	{PRIMARY_MOV_DR, true, "MOV-DR exiting"},
	{PRIMARY_IO, true, "unconditional I/O exiting"},
	{PRIMARY_MSR_BITMAPS, true, "MSR bitmaps"},
	{PRIMARY_TSC_OFFSET, true, "TSC offsetting"},
	{PRIMARY_SECONDARY, false, "secondary controls"},
};

static const struct control secondary_controls[] = {
	{SECONDARY_RDTSCP, false, "RDTSCP"},
	{SECONDARY_VPID, false, "VPID"},
	{SECONDARY_WBINVD, false, "WBINVD exiting"},
	{SECONDARY_PLE, false, "PAUSE-loop exiting"},
};

static const struct control exit_controls[] = {
	{EXIT_HOST_64, true, "host address-space size"},
	{EXIT_SAVE_DEBUG, true, "save debug controls"},
	{EXIT_LOAD_EFER, false, "load IA32_EFER at exit"},
};

static const struct control entry_controls[] = {
	{ENTRY_IA32E, true, "IA-32e mode guest"},
	{ENTRY_LOAD_DEBUG, true, "load debug controls"},
	{ENTRY_LOAD_EFER, false, "load IA32_EFER at entry"},
};

/* Low half: bits that must be 1; high half: bits that may be. false: *missing says what. */
static bool adjust(
	uint32_t msr, const struct control *c, size_t n, uint32_t *out, const char **missing)
{
	uint64_t allowed = x86_rdmsr(msr);
	uint32_t value = (uint32_t)allowed, may = (uint32_t)(allowed >> 32);

	for (size_t i = 0; i < n; i++) {
		if (may & c[i].bit) {
			value |= c[i].bit;
		} else if (c[i].needed) {
			*missing = c[i].name;
			return false;
		}
	}
	*out = value;
	return true;
}

static void sentence(char *why, const char *a, const char *b)
{
	size_t n = 0;

	for (; *a && n < 127; a++)
		why[n++] = *a;
	for (; *b && n < 127; b++)
		why[n++] = *b;
	why[n] = 0;
}

static bool discover_ept(struct vmx_caps *c)
{
	uint32_t may = (uint32_t)(x86_rdmsr(MSR_VMX_SECONDARY) >> 32);
	uint64_t cap;

	if (!(may & (SECONDARY_EPT | SECONDARY_VPID)))
		return false;
	cap = x86_rdmsr(MSR_VMX_EPT_VPID);
	c->ept_vpid_cap = cap;
	c->vpid = (may & SECONDARY_VPID) && (cap & EPT_CAP_INVVPID) && (cap & EPT_CAP_INVVPID_ONE);
	c->ept = (may & SECONDARY_EPT) && (cap & EPT_NEEDED) == EPT_NEEDED;
	c->ept_ad = cap & EPT_CAP_AD;
	c->ept_2m = cap & EPT_CAP_2M;
	c->ept_1g = cap & EPT_CAP_1G;
	c->pml = c->ept && c->ept_ad && (may & SECONDARY_PML);
	return c->ept;
}

static bool discover_secondary(struct vmx_caps *c, bool want_ept)
{
	const char *missing;
	uint32_t value;

	if (!(c->primary & PRIMARY_SECONDARY))
		return true;
	discover_ept(c);
	if (!want_ept)
		c->ept = c->pml = false;
	if (!adjust(MSR_VMX_SECONDARY, secondary_controls, VMX_ARRAY_SIZE(secondary_controls),
		    &value, &missing))
		return false;
	if (!c->vpid)
		value &= ~SECONDARY_VPID;
	if (c->ept)
		value |= SECONDARY_EPT;
	if (c->pml)
		value |= SECONDARY_PML;
	c->secondary = value;
	c->rdtscp = value & SECONDARY_RDTSCP;
	c->ple = value & SECONDARY_PLE;
	return true;
}

/* With EPT the guest's CR3 is its own; the "true" MSR is then always there (A.2). */
static bool discover_primary(struct vmx_caps *c, bool want_ept, const char **missing)
{
	bool with_true = x86_rdmsr(MSR_VMX_BASIC) & BASIC_TRUE;

	if (!adjust(with_true ? MSR_VMX_TRUE_PIN : MSR_VMX_PIN, pin_controls,
		    VMX_ARRAY_SIZE(pin_controls), &c->pin, missing) ||
		!adjust(with_true ? MSR_VMX_TRUE_PRIMARY : MSR_VMX_PRIMARY, primary_controls,
			VMX_ARRAY_SIZE(primary_controls), &c->primary, missing) ||
		!discover_secondary(c, want_ept))
		return false;
	if (c->ept && (c->primary & (PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE))) {
		c->ept = c->pml = false; /* EPT without the choice to leave CR3 to the guest */
		c->secondary &= ~(SECONDARY_EPT | SECONDARY_PML);
	}
	if (!c->ept)
		c->primary |= PRIMARY_CR3_LOAD | PRIMARY_CR3_STORE | PRIMARY_INVLPG;
	return true;
}

static void discover_cpu(struct vmx_caps *c)
{
	struct x86_cpuid one = x86_cpuid(1, 0), ext = x86_cpuid(0x80000000, 0);

	c->phys_bits = 36;
	if (ext.eax >= 0x80000008)
		c->phys_bits = (uint8_t)x86_cpuid(0x80000008, 0).eax;
	if (c->phys_bits > 48)
		c->phys_bits = 48; /* what four levels of EPT reach */
	c->fsgsbase = x86_cpuid(0, 0).eax >= 7 && (x86_cpuid(7, 0).ebx & 1);
	c->xsave_size = 512;
	if (one.ecx & (1u << 27)) {    /* OSXSAVE: the host uses it */
		uint64_t known = 0xe7; /* x87 SSE AVX and AVX-512's three */

		c->xcr0 = x86_xgetbv() & known;
		c->xsave_size = 512 + 64;
		for (uint32_t i = 2; i < 8; i++) {
			struct x86_cpuid d = x86_cpuid(0xd, i);

			if ((c->xcr0 >> i & 1) && d.eax + d.ebx > c->xsave_size)
				c->xsave_size = d.eax + d.ebx;
		}
	}
}

static bool discover_controls(struct vmx_caps *c, bool want_ept, const char **missing)
{
	uint64_t basic = x86_rdmsr(MSR_VMX_BASIC);
	bool with_true = basic & BASIC_TRUE;

	c->revision = (uint32_t)(basic & BASIC_REVISION);
	*missing = "write-back VMCS memory";
	if ((basic & BASIC_MEMORY_TYPE) != BASIC_WRITE_BACK)
		return false;
	if (!discover_primary(c, want_ept, missing) ||
		!adjust(with_true ? MSR_VMX_TRUE_EXIT : MSR_VMX_EXIT, exit_controls,
			VMX_ARRAY_SIZE(exit_controls), &c->exit, missing) ||
		!adjust(with_true ? MSR_VMX_TRUE_ENTRY : MSR_VMX_ENTRY, entry_controls,
			VMX_ARRAY_SIZE(entry_controls), &c->entry, missing))
		return false;
	c->load_efer = (c->exit & EXIT_LOAD_EFER) && (c->entry & ENTRY_LOAD_EFER);
	if (!c->load_efer) {
		c->exit &= ~EXIT_LOAD_EFER;
		c->entry &= ~ENTRY_LOAD_EFER;
	}
	c->preemption_timer = x86_rdmsr(MSR_VMX_PIN) >> 32 & PIN_PREEMPTION_TIMER;
	c->cr0_fixed0 = x86_rdmsr(MSR_VMX_CR0_FIXED0);
	c->cr0_fixed1 = x86_rdmsr(MSR_VMX_CR0_FIXED1);
	c->cr4_fixed0 = x86_rdmsr(MSR_VMX_CR4_FIXED0);
	c->cr4_fixed1 = x86_rdmsr(MSR_VMX_CR4_FIXED1);
	discover_cpu(c);
	return true;
}

static enum sbv_state firmware_state(char *why)
{
	uint64_t control = x86_rdmsr(MSR_FEATURE_CONTROL);

	if (!(control & FEATURE_CONTROL_LOCKED)) /* ours to set, as vmx_cpu_on does */
		return SBV_STATE_READY;
	if (control & FEATURE_CONTROL_VMX)
		return SBV_STATE_READY;
	sentence(why, "VMX is switched off, and locked, in the firmware's settings: ",
		"enable virtualization (VT-x) there");
	return SBV_STATE_OFF_IN_FIRMWARE;
}

static enum sbv_state discover(struct vmx_caps *c, bool want_ept, char *why)
{
	const char *missing = "?";

	memset(c, 0, sizeof(*c)); /* padding too: vmx_same_cpu compares */
	why[0] = 0;
	if (!(x86_cpuid(1, 0).ecx & (1u << 5))) {
		sentence(why, "the CPU has no VMX", "");
		return SBV_STATE_NO_VMX;
	}
	if (firmware_state(why) != SBV_STATE_READY)
		return SBV_STATE_OFF_IN_FIRMWARE;
	if (!discover_controls(c, want_ept, &missing)) {
		sentence(why, "the CPU's VMX lacks a control that is needed: ", missing);
		return SBV_STATE_TOO_OLD;
	}
	if (x86_cr4() & CR4_VMXE) {
		sentence(why, "VMX is in use: KVM or another hypervisor runs a guest", "");
		return SBV_STATE_IN_USE;
	}
	return SBV_STATE_READY;
}

enum sbv_state vmx_discover(bool want_ept, char *why)
{
	return discover(&vmx_caps, want_ept, why);
}

bool vmx_same_cpu(void)
{
	struct vmx_caps here;
	char why[128];
	enum sbv_state state = discover(&here, vmx_caps.ept, why);

	return (state == SBV_STATE_READY || state == SBV_STATE_IN_USE) &&
	       !memcmp(&here, &vmx_caps, sizeof(here));
}

int vmx_cpu_on(const struct vmx_host_ops *host, void *region)
{
	uint64_t control = x86_rdmsr(MSR_FEATURE_CONTROL), pa = host->page_pa(region);
	bool failed;

	if (!(control & FEATURE_CONTROL_LOCKED))
		x86_wrmsr(MSR_FEATURE_CONTROL,
			control | FEATURE_CONTROL_LOCKED | FEATURE_CONTROL_VMX);
	*(uint32_t *)region = vmx_caps.revision;
	__asm__ volatile("vmxon %1" : "=@ccbe"(failed) : "m"(pa) : "memory");
	return failed ? -EIO : 0;
}

void vmx_cpu_off(void)
{
	__asm__ volatile("vmxoff" : : : "cc", "memory");
}
