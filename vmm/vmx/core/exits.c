/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Every way out of the guest, and what becomes of it: one row for each basic exit reason (SDM
 * appendix C). A row without a function cannot come with the controls that caps.c asks for: should
 * it, the VM ends. docs/vmx-instructions.md says the same by instruction.
 */
#include "vcpu.h"

struct row {
	const char *name;
	enum vmx_step (*atomic)(struct vmx_vcpu *v);
	enum vmx_step (*sleep)(struct vmx_vcpu *v);
};

static enum vmx_step again(struct vmx_vcpu *v)
{
	(void)v;
	return VMX_STEP_ENTER;
}

static enum vmx_step later(struct vmx_vcpu *v)
{
	(void)v;
	return VMX_STEP_SLEEP;
}

static enum vmx_step skip(struct vmx_vcpu *v)
{
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

static enum vmx_step shutdown(struct vmx_vcpu *v)
{
	return vmx_to_user(v, SBV_EXIT_SHUTDOWN);
}

static enum vmx_step halt(struct vmx_vcpu *v)
{
	vmx_skip(v);
	return vmx_to_user(v, SBV_EXIT_HLT);
}

/* Qualification: SDM table 27-5. The string forms are refused: nobody has devices here. */
static enum vmx_step io(struct vmx_vcpu *v)
{
	uint64_t q = v->qualification;
	uint8_t size = (uint8_t)((q & 7) + 1);
	bool in = q & 8, string = q & 16;

	if (string)
		return vmx_inject_gp(v);
	v->user.port = (uint16_t)(q >> 16);
	v->user.size = size;
	v->user.value = in ? 0 : (uint32_t)(v->regs.rax & ((1ull << 8 * size) - 1));
	v->in_waits = in;
	v->in_size = size;
	vmx_skip(v);
	return vmx_to_user(v, in ? SBV_EXIT_IO_IN : SBV_EXIT_IO_OUT);
}

/* --- those that may sleep --- */

static enum vmx_step fault(struct vmx_vcpu *v, struct vmx_fault_info *info)
{
	switch (v->vm->mmu->fault(v, info)) {
	case VMX_FAULT_RESUME:
	case VMX_FAULT_RETRY_LATER: /* the host sees its signal before it enters */
		return VMX_STEP_ENTER;
	case VMX_FAULT_INJECT:
		v->cr2 = info->gva;
		return vmx_inject(v, X86_VECTOR_PF, true, info->inject);
	case VMX_FAULT_MMIO:
		v->user.gpa = info->gpa;
		return vmx_to_user(v, SBV_EXIT_MMIO);
	case VMX_FAULT_MEMORY:
		v->user.gpa = info->gpa;
		return vmx_to_user(v, SBV_EXIT_MEMORY);
	default:
		return vmx_fail(v, SBV_FAIL_NO_MEMORY, info->gpa);
	}
}

static enum vmx_step page_fault(struct vmx_vcpu *v)
{
	struct vmx_fault_info info = {
		.gva = v->qualification,
		.error = (uint32_t)vmcs_read(VMCS_EXIT_EVENT_ERROR),
		.ac = v->regs.rflags & RFLAGS_AC,
	};

	return fault(v, &info);
}

static enum vmx_step ept_violation(struct vmx_vcpu *v)
{
	struct vmx_fault_info info = {
		.gpa = vmcs_read(VMCS_GUEST_PHYSICAL),
		.error = (uint32_t)v->qualification &
			 (VMX_ACCESS_READ | VMX_ACCESS_WRITE | VMX_ACCESS_FETCH),
	};

	return fault(v, &info);
}

static enum vmx_step ept_misconfiguration(struct vmx_vcpu *v)
{
	return vmx_fail(v, SBV_FAIL_MISCONFIG, vmcs_read(VMCS_GUEST_PHYSICAL));
}

static enum vmx_step invlpg(struct vmx_vcpu *v)
{
	shadow_invlpg(v, v->qualification);
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

static const struct row rows[] = {
	[0] = {"EXCEPTION_OR_NMI", vmx_exit_exception, page_fault},
	[1] = {"EXTERNAL_INTERRUPT", again, NULL},
	[2] = {"TRIPLE_FAULT", shutdown, NULL},
	[3] = {"INIT", again, NULL},
	[4] = {"SIPI", again, NULL},
	[7] = {"INTERRUPT_WINDOW", vmx_exit_window, NULL},
	[9] = {"TASK_SWITCH", NULL, NULL}, /* there is none in 64-bit mode */
	[10] = {"CPUID", vmx_exit_cpuid, NULL},
	[11] = {"GETSEC", vmx_inject_ud, NULL},
	[12] = {"HLT", halt, NULL},
	[13] = {"INVD", skip, NULL}, /* memory is coherent: there is nothing to lose */
	[14] = {"INVLPG", later, invlpg},
	[15] = {"RDPMC", vmx_inject_gp, NULL}, /* no such counter */
	[18] = {"VMCALL", later, vmx_exit_vmcall},
	[19] = {"VMCLEAR", vmx_inject_ud, NULL},
	[20] = {"VMLAUNCH", vmx_inject_ud, NULL},
	[21] = {"VMPTRLD", vmx_inject_ud, NULL},
	[22] = {"VMPTRST", vmx_inject_ud, NULL},
	[23] = {"VMREAD", vmx_inject_ud, NULL},
	[24] = {"VMRESUME", vmx_inject_ud, NULL},
	[25] = {"VMWRITE", vmx_inject_ud, NULL},
	[26] = {"VMXOFF", vmx_inject_ud, NULL},
	[27] = {"VMXON", vmx_inject_ud, NULL},
	[28] = {"CONTROL_REGISTER", vmx_exit_cr, vmx_exit_cr_sleep},
	[29] = {"MOV_DR", vmx_exit_dr, NULL},
	[30] = {"IO", io, NULL},
	[31] = {"RDMSR", vmx_exit_rdmsr, NULL},
	[32] = {"WRMSR", vmx_exit_wrmsr, vmx_exit_wrmsr_sleep},
	[36] = {"MWAIT", vmx_inject_ud, NULL},
	[39] = {"MONITOR", vmx_inject_ud, NULL},
	[40] = {"PAUSE", again, NULL},
	[48] = {"EPT_VIOLATION", later, ept_violation},
	[49] = {"EPT_MISCONFIGURATION", ept_misconfiguration, NULL},
	[50] = {"INVEPT", vmx_inject_ud, NULL},
	[53] = {"INVVPID", vmx_inject_ud, NULL},
	[54] = {"WBINVD", skip, NULL},
	[55] = {"XSETBV", vmx_exit_xsetbv, NULL},
	[59] = {"VMFUNC", vmx_inject_ud, NULL},
	[62] = {"PML_FULL", again, NULL}, /* drained, as after every exit */
};

const char *vmx_exit_name(uint32_t basic)
{
	return basic < VMX_ARRAY_SIZE(rows) && rows[basic].name ? rows[basic].name : "?";
}

static const struct row *row_of(const struct vmx_vcpu *v)
{
	uint32_t basic = v->reason & 0xffff;

	return basic < VMX_ARRAY_SIZE(rows) ? &rows[basic] : &rows[9];
}

enum vmx_step vmx_vcpu_handle_atomic(struct vmx_vcpu *v)
{
	const struct row *row = row_of(v);

	if (v->must_prepare)
		return VMX_STEP_SLEEP;
	if (v->entry_failed)
		return vmx_fail(v, SBV_FAIL_ENTRY, vmcs_read(VMCS_INSTRUCTION_ERROR));
	vmx_pml_drain(v);
	v->qualification = vmcs_read(VMCS_EXIT_QUALIFICATION);
	if (v->reason & EXIT_ENTRY_FAILED)
		return vmx_fail(v, SBV_FAIL_STATE,
			(uint64_t)(v->reason & 0xffff) << 32 | (uint32_t)v->qualification);
	if (!row->atomic)
		return vmx_fail(v, SBV_FAIL_EXIT, v->reason);
	return row->atomic(v);
}

enum vmx_step vmx_vcpu_handle(struct vmx_vcpu *v)
{
	return v->must_prepare ? vmx_vcpu_prepare(v) : row_of(v)->sleep(v);
}

enum vmx_step vmx_vcpu_prepare(struct vmx_vcpu *v)
{
	int result = 0;

	if (!v->vm->ept_root && !v->shadow.root_pa)
		result = shadow_load(v, v->shadow.guest_cr3);
	if (result == -EFAULT) /* no instruction can be fetched, no exception delivered */
		return vmx_to_user(v, SBV_EXIT_SHUTDOWN);
	return result ? vmx_fail(v, SBV_FAIL_NO_MEMORY, 0) : VMX_STEP_ENTER;
}

/* SDM 31.4. */
const char *vmx_instruction_error(uint32_t number)
{
	static const char *const names[] = {
		[1] = "VMCALL in VMX root operation",
		[2] = "VMCLEAR with an invalid address",
		[3] = "VMCLEAR with the VMXON pointer",
		[4] = "VMLAUNCH with a VMCS that is not clear",
		[5] = "VMRESUME with a VMCS that is not launched",
		[6] = "VMRESUME after VMXOFF",
		[7] = "VM entry with invalid control fields",
		[8] = "VM entry with invalid host-state fields",
		[9] = "VMPTRLD with an invalid address",
		[10] = "VMPTRLD with the VMXON pointer",
		[11] = "VMPTRLD with a wrong VMCS revision",
		[12] = "VMREAD or VMWRITE of a field that does not exist",
		[13] = "VMWRITE to a read-only field",
		[15] = "VMXON in VMX root operation",
		[16] = "VM entry with an invalid executive VMCS",
		[20] = "VMCALL with a VMCS that is not clear",
		[22] = "VMCALL with invalid exit-control fields",
		[26] = "VM entry with events blocked by MOV SS",
		[28] = "invalid operand to INVEPT or INVVPID",
	};

	return number < VMX_ARRAY_SIZE(names) && names[number] ? names[number] : "?";
}
