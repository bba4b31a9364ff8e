/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * A VMCS as it is before the first entry: controls, the guest's flat 64-bit segments, and of the
 * host what is the same on every CPU. The rest is vcpu.c's at each load.
 */
#include "vcpu.h"

#define RIGHTS_CODE_64	0xa09b /* present, code, readable, accessed; L and G */
#define RIGHTS_DATA	0xc093
#define RIGHTS_TSS_BUSY 0x008b

#define PAT_AFTER_RESET 0x0007040600070406ull

/* Exceptions that always exit: #DB and #AC, since delivering one can raise the next without end
 * (CVE-2015-5307, CVE-2015-8104), and #MC, which is the host's. */
#define EXCEPTIONS (1u << X86_VECTOR_DB | 1u << X86_VECTOR_AC | 1u << X86_VECTOR_MC)

static void setup_controls(const struct vmx_vcpu *v)
{
	vmcs_write(VMCS_PIN_CONTROLS, vmx_caps.pin);
	vmcs_write(VMCS_PRIMARY_CONTROLS, vmx_caps.primary);
	if (vmx_caps.primary & PRIMARY_SECONDARY)
		vmcs_write(VMCS_SECONDARY_CONTROLS, vmx_caps.secondary);
	vmcs_write(VMCS_EXIT_CONTROLS, vmx_caps.exit);
	vmcs_write(VMCS_ENTRY_CONTROLS, vmx_caps.entry);
	vmcs_write(VMCS_EXCEPTION_BITMAP, EXCEPTIONS | (vmx_caps.ept ? 0 : 1u << X86_VECTOR_PF));
	vmcs_write(VMCS_PF_ERROR_MASK, 0); /* all #PFs, if any */
	vmcs_write(VMCS_PF_ERROR_MATCH, 0);
	vmcs_write(VMCS_CR3_TARGET_COUNT, 0);
	vmcs_write(VMCS_MSR_BITMAP, v->vm->host->page_pa(v->vm->msr_bitmap));
	vmcs_write(VMCS_LINK_POINTER, UINT64_MAX);
	vmcs_write(VMCS_TSC_OFFSET, 0);
	vmcs_write(VMCS_CR0_MASK, UINT64_MAX);
	vmcs_write(VMCS_CR4_MASK, UINT64_MAX);
	if (vmx_caps.vpid)
		vmcs_write(VMCS_VPID, v->vpid);
	if (vmx_caps.ept)
		vmcs_write(VMCS_EPTP, v->vm->ept_root);
	if (v->pml) {
		vmcs_write(VMCS_PML_ADDRESS, v->vm->host->page_pa(v->pml));
		vmcs_write(VMCS_GUEST_PML_INDEX, VMX_PML_LAST);
	}
	if (vmx_caps.ple) {
		vmcs_write(VMCS_PLE_GAP, 128); /* cycles: KVM's values, found by its authors */
		vmcs_write(VMCS_PLE_WINDOW, 4096);
	}
}

/* EFER by MSR areas: two entries of 16 bytes, the guest's and the host's (24.7.2, 24.8.2). */
static void setup_msr_areas(const struct vmx_vcpu *v)
{
	uint64_t pa;
	uint32_t *area = v->msr_area;

	vmcs_write(VMCS_EXIT_MSR_STORE_COUNT, 0);
	vmcs_write(VMCS_EXIT_MSR_LOAD_COUNT, v->msr_area ? 1 : 0);
	vmcs_write(VMCS_ENTRY_MSR_LOAD_COUNT, v->msr_area ? 1 : 0);
	if (!v->msr_area)
		return;
	pa = v->vm->host->page_pa(v->msr_area);
	area[0] = area[4] = MSR_EFER_;
	vmcs_write(VMCS_ENTRY_MSR_LOAD, pa);
	vmcs_write(VMCS_EXIT_MSR_LOAD, pa + 16);
}

static void setup_data_segment(uint32_t selector, uint32_t limit, uint32_t rights, uint32_t base)
{
	vmcs_write(selector, 0);
	vmcs_write(limit, UINT32_MAX);
	/* DPL 3, as an iretq to ring 3 takes away what is more privileged. */
	vmcs_write(rights, RIGHTS_DATA | RIGHTS_DPL3);
	vmcs_write(base, 0);
}

static void setup_guest(void)
{
	setup_data_segment(
		VMCS_GUEST_ES, VMCS_GUEST_ES_LIMIT, VMCS_GUEST_ES_RIGHTS, VMCS_GUEST_ES_BASE);
	setup_data_segment(
		VMCS_GUEST_DS, VMCS_GUEST_DS_LIMIT, VMCS_GUEST_DS_RIGHTS, VMCS_GUEST_DS_BASE);
	setup_data_segment(
		VMCS_GUEST_FS, VMCS_GUEST_FS_LIMIT, VMCS_GUEST_FS_RIGHTS, VMCS_GUEST_FS_BASE);
	setup_data_segment(
		VMCS_GUEST_GS, VMCS_GUEST_GS_LIMIT, VMCS_GUEST_GS_RIGHTS, VMCS_GUEST_GS_BASE);
	vmcs_write(VMCS_GUEST_LDTR, 0);
	vmcs_write(VMCS_GUEST_LDTR_LIMIT, 0);
	vmcs_write(VMCS_GUEST_LDTR_RIGHTS, RIGHTS_UNUSABLE);
	vmcs_write(VMCS_GUEST_LDTR_BASE, 0);
	vmcs_write(VMCS_GUEST_TR_RIGHTS, RIGHTS_TSS_BUSY);
	vmcs_write(VMCS_GUEST_INTERRUPTIBILITY, 0);
	vmcs_write(VMCS_GUEST_ACTIVITY, 0);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
	vmcs_write(VMCS_GUEST_DEBUGCTL, 0);
	vmcs_write(VMCS_GUEST_DR7, DR7_FIXED);
	vmcs_write(VMCS_GUEST_SYSENTER_CS, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_ESP, 0);
	vmcs_write(VMCS_GUEST_SYSENTER_EIP, 0);
}

static void setup_host(void)
{
	vmcs_write(VMCS_HOST_CR0, x86_cr0() & ~CR0_TS);
	vmcs_write(VMCS_HOST_CS, x86_cs());
	vmcs_write(VMCS_HOST_SS, x86_ss());
	/* Exits load no descriptors: null selectors, put back at vmx_vcpu_put. */
	vmcs_write(VMCS_HOST_DS, 0);
	vmcs_write(VMCS_HOST_ES, 0);
	vmcs_write(VMCS_HOST_FS, 0);
	vmcs_write(VMCS_HOST_GS, 0);
	vmcs_write(VMCS_HOST_TR, x86_tr());
	vmcs_write(VMCS_HOST_RIP, (uint64_t)(uintptr_t)vmx_guest_exit);
	vmcs_write(VMCS_HOST_SYSENTER_CS, (uint32_t)x86_rdmsr(MSR_SYSENTER_CS));
	if (vmx_caps.load_efer)
		vmcs_write(VMCS_HOST_EFER, x86_rdmsr(MSR_EFER_));
}

static void setup_rights(uint16_t cs)
{
	uint64_t dpl = (uint64_t)(cs & 3) << 5;

	vmcs_write(VMCS_GUEST_CS_RIGHTS, RIGHTS_CODE_64 | dpl);
	vmcs_write(VMCS_GUEST_CS_LIMIT, UINT32_MAX);
	vmcs_write(VMCS_GUEST_CS_BASE, 0);
	vmcs_write(VMCS_GUEST_SS_RIGHTS, RIGHTS_DATA | dpl);
	vmcs_write(VMCS_GUEST_SS_LIMIT, UINT32_MAX);
	vmcs_write(VMCS_GUEST_SS_BASE, 0);
}

static bool sregs_valid(const struct sbv_sregs *s)
{
	uint16_t cpl = s->cs & 3;

	return vmx_control_valid(s->cr0, s->cr3, s->cr4, s->efer) && x86_canonical(s->gdt_base) &&
	       x86_canonical(s->idt_base) && x86_canonical(s->tss_base) &&
	       x86_canonical(s->fs_base) && x86_canonical(s->gs_base) && s->tss_limit >= 0x67 &&
	       (cpl == 0 || cpl == 3) && (s->ss & 3) == cpl && !((s->cs | s->ss) & 4) &&
	       (s->cs & 0xfff8) && s->tr && !(s->tr & 7);
}

static void sregs_write(struct vmx_vcpu *v, const struct sbv_sregs *s)
{
	v->cr2 = s->cr2;
	vmx_write_control(v, s->cr0, s->cr3, s->cr4, s->efer);
	vmcs_write(VMCS_GUEST_GDTR_BASE, s->gdt_base);
	vmcs_write(VMCS_GUEST_GDTR_LIMIT, s->gdt_limit);
	vmcs_write(VMCS_GUEST_IDTR_BASE, s->idt_base);
	vmcs_write(VMCS_GUEST_IDTR_LIMIT, s->idt_limit);
	vmcs_write(VMCS_GUEST_TR, s->tr);
	vmcs_write(VMCS_GUEST_TR_BASE, s->tss_base);
	vmcs_write(VMCS_GUEST_TR_LIMIT, s->tss_limit);
	vmcs_write(VMCS_GUEST_FS_BASE, s->fs_base);
	vmcs_write(VMCS_GUEST_GS_BASE, s->gs_base);
	vmcs_write(VMCS_GUEST_CS, s->cs);
	vmcs_write(VMCS_GUEST_SS, s->ss);
	setup_rights(s->cs);
}

void vmx_vmcs_setup(struct vmx_vcpu *v)
{
	setup_controls(v);
	setup_msr_areas(v);
	setup_guest();
	setup_host();
	v->pat = PAT_AFTER_RESET;
	v->dr6 = DR6_FIXED;
	v->dr7 = DR7_FIXED;
	v->xcr0 = vmx_caps.xcr0; /* programs have all there is; no shim sets it */
	v->regs.rflags = RFLAGS_FIXED;
	/* Something that passes the entry's checks, until the owner says what it wants. */
	sregs_write(v, &(struct sbv_sregs){
			       .cr0 = CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE,
			       .cr4 = CR4_PAE,
			       .efer = EFER_LME | EFER_LMA,
			       .tss_limit = 0x67,
			       .cs = 8,
			       .ss = 16,
			       .tr = 24,
		       });
}

int vmx_vcpu_set_sregs(struct vmx_vcpu *v, const struct sbv_sregs *s)
{
	if (!sregs_valid(s))
		return -EINVAL;
	sregs_write(v, s);
	vmx_paging_modes_changed(v);
	return 0;
}

void vmx_vcpu_get_sregs(struct vmx_vcpu *v, struct sbv_sregs *s)
{
	*s = (struct sbv_sregs){
		.cr0 = v->cr0,
		.cr2 = v->cr2,
		.cr3 = vmx_read_cr3(v),
		.cr4 = v->cr4,
		.efer = v->efer,
		.gdt_base = vmcs_read(VMCS_GUEST_GDTR_BASE),
		.idt_base = vmcs_read(VMCS_GUEST_IDTR_BASE),
		.tss_base = vmcs_read(VMCS_GUEST_TR_BASE),
		.fs_base = vmcs_read(VMCS_GUEST_FS_BASE),
		.gs_base = vmcs_read(VMCS_GUEST_GS_BASE),
		.gdt_limit = (uint16_t)vmcs_read(VMCS_GUEST_GDTR_LIMIT),
		.idt_limit = (uint16_t)vmcs_read(VMCS_GUEST_IDTR_LIMIT),
		.tss_limit = (uint16_t)vmcs_read(VMCS_GUEST_TR_LIMIT),
		.cs = (uint16_t)vmcs_read(VMCS_GUEST_CS),
		.ss = (uint16_t)vmcs_read(VMCS_GUEST_SS),
		.tr = (uint16_t)vmcs_read(VMCS_GUEST_TR),
	};
}
