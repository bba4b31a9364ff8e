/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * All of a vCPU's state, out and in again. What comes in is checked before any of it is taken: by
 * the rules of VM entry (SDM 26.2.1.3 and 26.3.1), and by what a guest of ours can come to; so that
 * nobody enters with more than a guest could have made itself.
 */
#include "vcpu.h"

#define LIMIT_BYTES_MAX 0xfffffu /* of a descriptor's limit that is not counted in pages */

#define TYPE_LDT      2u
#define TYPE_TSS_BUSY 11u

#define SELECTOR_RPL(s) ((uint32_t)(s)&3)
#define SELECTOR_LDT	4u

/* --- MSRs --- */

static const struct {
	uint32_t index;
	uint16_t at;
} msrs[] = {
	{MSR_STAR_, offsetof(struct sbv_vcpu_state, star)},
	{MSR_LSTAR_, offsetof(struct sbv_vcpu_state, lstar)},
	{MSR_CSTAR_, offsetof(struct sbv_vcpu_state, cstar)},
	{MSR_FMASK_, offsetof(struct sbv_vcpu_state, fmask)},
	{MSR_KERNEL_GSBASE_, offsetof(struct sbv_vcpu_state, kernel_gs_base)},
	{MSR_TSC_AUX_, offsetof(struct sbv_vcpu_state, tsc_aux)},
	{MSR_PAT, offsetof(struct sbv_vcpu_state, pat)},
	{MSR_SYSENTER_CS, offsetof(struct sbv_vcpu_state, sysenter_cs)},
	{MSR_SYSENTER_ESP, offsetof(struct sbv_vcpu_state, sysenter_esp)},
	{MSR_SYSENTER_EIP, offsetof(struct sbv_vcpu_state, sysenter_eip)},
};

static uint64_t msr_value(const struct sbv_vcpu_state *s, size_t i)
{
	return *(const uint64_t *)(const void *)((const char *)s + msrs[i].at);
}

static bool msr_exists(size_t i)
{
	return msrs[i].index != MSR_TSC_AUX_ || vmx_caps.rdtscp;
}

static bool msrs_valid(const struct sbv_vcpu_state *s)
{
	for (size_t i = 0; i < VMX_ARRAY_SIZE(msrs); i++) {
		uint64_t value = msr_value(s, i);

		if (msr_exists(i) ? !vmx_msr_valid(msrs[i].index, value) : value != 0)
			return false;
	}
	return !(s->sysenter_cs >> 32);
}

/* --- segments: 26.3.1.2 --- */

static bool usable(const struct sbv_segment *s)
{
	return !(s->rights & RIGHTS_UNUSABLE);
}

/* Present, with a limit that a descriptor can say. */
static bool present(const struct sbv_segment *s)
{
	return (s->rights & RIGHTS_PRESENT) &&
	       (s->rights & RIGHTS_PAGES ? (s->limit & 0xfff) == 0xfff
					 : s->limit <= LIMIT_BYTES_MAX);
}

static bool code_valid(const struct sbv_segment *s, uint32_t cpl)
{
	const uint32_t must = RIGHTS_S | RIGHTS_CODE | RIGHTS_ACCESSED;
	const uint32_t both = RIGHTS_LONG | RIGHTS_DB;
	uint32_t dpl = RIGHTS_DPL(s->rights);

	return usable(s) && present(s) && (s->rights & must) == must &&
	       (s->rights & both) != both && !(s->base >> 32) && SELECTOR_RPL(s->selector) == cpl &&
	       (s->rights & RIGHTS_CONFORMING ? dpl <= cpl : dpl == cpl);
}

/* Its DPL is the CPL, also where it is null. */
static bool stack_valid(const struct sbv_segment *s)
{
	const uint32_t must = RIGHTS_S | RIGHTS_READABLE | RIGHTS_ACCESSED;

	if (SELECTOR_RPL(s->selector) != RIGHTS_DPL(s->rights))
		return false;
	return !usable(s) ||
	       (present(s) && (s->rights & (must | RIGHTS_CODE)) == must && !(s->base >> 32));
}

static bool data_valid(const struct sbv_segment *s)
{
	const uint32_t must = RIGHTS_S | RIGHTS_ACCESSED, open = RIGHTS_CODE | RIGHTS_CONFORMING;

	if (!usable(s))
		return true;
	if (!present(s) || (s->rights & must) != must)
		return false;
	if ((s->rights & RIGHTS_CODE) && !(s->rights & RIGHTS_READABLE))
		return false;
	return (s->rights & open) == open || RIGHTS_DPL(s->rights) >= SELECTOR_RPL(s->selector);
}

static bool system_valid(const struct sbv_segment *s, uint32_t type)
{
	return present(s) && (s->rights & (RIGHTS_TYPE | RIGHTS_S)) == type &&
	       !(s->selector & SELECTOR_LDT) && x86_canonical(s->base);
}

static bool flat_valid(const struct sbv_segment *s)
{
	return data_valid(s) && (!usable(s) || !(s->base >> 32));
}

static bool based_valid(const struct sbv_segment *s)
{
	return data_valid(s) && x86_canonical(s->base);
}

static bool no_more(const struct sbv_segment *s)
{
	return !(s->rights & ~RIGHTS_ALL) && !(s->reserved[0] | s->reserved[1] | s->reserved[2]);
}

static bool segments_valid(const struct sbv_segment *s)
{
	for (int i = 0; i < SBV_SEGMENTS; i++)
		if (!no_more(&s[i]))
			return false;
	return flat_valid(&s[SBV_ES]) && flat_valid(&s[SBV_DS]) && based_valid(&s[SBV_FS]) &&
	       based_valid(&s[SBV_GS]) && stack_valid(&s[SBV_SS]) &&
	       code_valid(&s[SBV_CS], RIGHTS_DPL(s[SBV_SS].rights)) &&
	       (!usable(&s[SBV_LDTR]) || system_valid(&s[SBV_LDTR], TYPE_LDT)) &&
	       usable(&s[SBV_TR]) && system_valid(&s[SBV_TR], TYPE_TSS_BUSY);
}

/* VMCS fields of segment registers are two apart, in the order of enum sbv_segment_index. */
static enum vmcs_field field(enum vmcs_field of_es, int i)
{
	return (enum vmcs_field)((int)of_es + 2 * i);
}

static void segments_read(struct sbv_segment *s)
{
	for (int i = 0; i < SBV_SEGMENTS; i++)
		s[i] = (struct sbv_segment){
			.base = vmcs_read(field(VMCS_GUEST_ES_BASE, i)),
			.limit = (uint32_t)vmcs_read(field(VMCS_GUEST_ES_LIMIT, i)),
			.rights = (uint32_t)vmcs_read(field(VMCS_GUEST_ES_RIGHTS, i)) & RIGHTS_ALL,
			.selector = (uint16_t)vmcs_read(field(VMCS_GUEST_ES, i)),
		};
}

static void segments_write(const struct sbv_segment *s)
{
	for (int i = 0; i < SBV_SEGMENTS; i++) {
		vmcs_write(field(VMCS_GUEST_ES_BASE, i), s[i].base);
		vmcs_write(field(VMCS_GUEST_ES_LIMIT, i), s[i].limit);
		vmcs_write(field(VMCS_GUEST_ES_RIGHTS, i), s[i].rights);
		vmcs_write(field(VMCS_GUEST_ES, i), s[i].selector);
	}
}

/* --- the rest --- */

static bool debug_valid(const struct sbv_vcpu_state *s)
{
	return (s->dr6 & ~DR6_WRITABLE) == DR6_FIXED && (s->dr7 & ~DR7_WRITABLE) == DR7_FIXED;
}

/* 26.3.1.5. That NMIs are held back, or SMIs, is not for an owner to ask for: they are the host's.
 */
static bool interruptibility_valid(const struct sbv_vcpu_state *s)
{
	const uint32_t all = INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS;
	uint32_t blocked = s->interruptibility;

	if ((blocked & ~all) || blocked == all || (s->pending_debug & ~PENDING_DEBUG_ALL))
		return false;
	if ((blocked & INTERRUPTIBILITY_STI) && !(s->regs.rflags & RFLAGS_IF))
		return false;
	return !blocked ||
	       !(s->pending_debug & PENDING_DEBUG_STEP) == !(s->regs.rflags & RFLAGS_TF);
}

static bool control_valid(const struct sbv_vcpu_state *s)
{
	bool wide = s->segment[SBV_CS].rights & RIGHTS_LONG;

	return vmx_control_valid(s->cr0, s->cr3, s->cr4, s->efer) && !(s->cr8 >> 4) &&
	       (vmx_caps.xcr0 ? vmx_xcr0_valid(s->xcr0) : !s->xcr0) && x86_canonical(s->gdt_base) &&
	       x86_canonical(s->idt_base) &&
	       (wide ? x86_canonical(s->regs.rip) : !(s->regs.rip >> 32));
}

static bool state_valid(const struct sbv_vcpu_state *s)
{
	return !s->reserved && control_valid(s) && segments_valid(s->segment) && msrs_valid(s) &&
	       debug_valid(s) && interruptibility_valid(s) && vmx_event_valid(s);
}

void vmx_vcpu_get_state(const struct vmx_vcpu *v, struct sbv_vcpu_state *s)
{
	memset(s, 0, sizeof(*s));
	s->regs = v->regs;
	s->cr0 = v->cr0;
	s->cr2 = v->cr2;
	s->cr3 = vmx_read_cr3(v);
	s->cr4 = v->cr4;
	s->cr8 = v->cr8;
	s->efer = v->efer;
	s->xcr0 = v->xcr0;
	memcpy(s->dr, v->dr, sizeof(s->dr));
	s->dr6 = (v->dr6 & DR6_WRITABLE) | DR6_FIXED;
	s->dr7 = v->dr7;
	s->gdt_base = vmcs_read(VMCS_GUEST_GDTR_BASE);
	s->gdt_limit = (uint16_t)vmcs_read(VMCS_GUEST_GDTR_LIMIT);
	s->idt_base = vmcs_read(VMCS_GUEST_IDTR_BASE);
	s->idt_limit = (uint16_t)vmcs_read(VMCS_GUEST_IDTR_LIMIT);
	segments_read(s->segment);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(msrs); i++)
		if (msr_exists(i))
			(void)vmx_msr_read(
				v, msrs[i].index, (uint64_t *)(void *)((char *)s + msrs[i].at));
	s->tsc_offset = v->tsc_offset;
	s->interruptibility = (uint32_t)vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) &
			      (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS);
	s->pending_debug = vmcs_read(VMCS_GUEST_PENDING_DEBUG) & PENDING_DEBUG_ALL;
	vmx_event_get(v, s);
}

static void state_write(struct vmx_vcpu *v, const struct sbv_vcpu_state *s)
{
	v->regs = s->regs;
	v->in_waits = false;
	vmx_write_control(v, s->cr0, s->cr3, s->cr4, s->efer);
	v->cr2 = s->cr2;
	v->cr8 = s->cr8;
	v->xcr0 = s->xcr0;
	memcpy(v->dr, s->dr, sizeof(v->dr));
	v->dr6 = s->dr6;
	vmx_write_dr7(v, s->dr7);
	vmcs_write(VMCS_GUEST_GDTR_BASE, s->gdt_base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, s->gdt_limit);
	vmcs_write(VMCS_GUEST_IDTR_BASE, s->idt_base);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, s->idt_limit);
	segments_write(s->segment);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(msrs); i++)
		if (msr_exists(i))
			(void)vmx_msr_write(v, msrs[i].index, msr_value(s, i));
	v->tsc_offset = s->tsc_offset;
	vmcs_write(VMCS_TSC_OFFSET, s->tsc_offset);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, s->interruptibility);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, s->pending_debug);
	vmx_event_set(v, s);
}

int vmx_vcpu_set_state(struct vmx_vcpu *v, const struct sbv_vcpu_state *s)
{
	if (!state_valid(s))
		return -EINVAL;
	state_write(v, s);
	vmx_paging_modes_changed(v);
	return 0;
}
