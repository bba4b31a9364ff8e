/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The guest's MSRs: the few that a 64-bit kernel needs. All others are #GP, as on a CPU that has
 * them not.
 *
 * The three bases are the guest's to read and write without an exit. What SYSCALL uses, TSC_AUX and
 * KERNEL_GS_BASE are in the CPU while the vCPU is loaded: the host's kernel needs its own only when
 * it returns to user mode or switches threads, and before that comes vmx_vcpu_put.
 */
#include "vcpu.h"

/* Bitmap: read 0.., read c0000000.., write 0.., write c0000000.., 1 KiB each; 1: exit (24.6.9). */
static void pass_through(uint8_t *bitmap, uint32_t msr)
{
	uint32_t bit = msr & 0x1fff;

	bitmap[1024 + bit / 8] &= (uint8_t) ~(1u << bit % 8);
	bitmap[3072 + bit / 8] &= (uint8_t) ~(1u << bit % 8);
}

void vmx_msr_bitmap_init(uint8_t *bitmap)
{
	memset(bitmap, 0xff, VMX_PAGE_SIZE);
	pass_through(bitmap, MSR_FSBASE_);
	pass_through(bitmap, MSR_GSBASE_);
	pass_through(bitmap, MSR_KERNEL_GSBASE_);
}

static bool pat_valid(uint64_t pat)
{
	for (int i = 0; i < 8; i++, pat >>= 8) {
		uint64_t type = pat & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

bool vmx_msr_valid(uint32_t index, uint64_t value)
{
	switch (index) {
	case MSR_TSC:
	case MSR_SYSENTER_CS:
	case MSR_STAR_:
		return true;
	case MSR_PAT:
		return pat_valid(value);
	case MSR_EFER_: /* a write of LMA is ignored (SDM vol. 3A, 2.2.1) */
		return vmx_efer_valid(value | EFER_LMA);
	case MSR_FMASK_:
		return !(value >> 32);
	case MSR_TSC_AUX_:
		return vmx_caps.rdtscp && !(value >> 32);
	case MSR_SYSENTER_ESP:
	case MSR_SYSENTER_EIP:
	case MSR_LSTAR_:
	case MSR_CSTAR_:
	case MSR_FSBASE_:
	case MSR_GSBASE_:
	case MSR_KERNEL_GSBASE_:
		return x86_canonical(value);
	default:
		return false;
	}
}

/* A value that is in the CPU while the vCPU is loaded. */
static void live_write(const struct vmx_vcpu *v, uint64_t *field, uint32_t msr, uint64_t value)
{
	*field = value;
	if (v->loaded)
		x86_wrmsr(msr, value);
}

static void msr_write(struct vmx_vcpu *v, uint32_t index, uint64_t value)
{
	switch (index) {
	case MSR_TSC:
		v->tsc_offset = value - x86_rdtsc();
		vmcs_write(VMCS_TSC_OFFSET, v->tsc_offset);
		break;
	case MSR_SYSENTER_CS:
		v->sysenter_cs = (uint32_t)value;
		vmcs_write(VMCS_GUEST_SYSENTER_CS, v->sysenter_cs);
		break;
	case MSR_SYSENTER_ESP:
		vmcs_write(VMCS_GUEST_SYSENTER_ESP, value);
		break;
	case MSR_SYSENTER_EIP:
		vmcs_write(VMCS_GUEST_SYSENTER_EIP, value);
		break;
	case MSR_PAT: /* memory is write-back, whatever the guest's tables say */
		v->pat = value;
		break;
	case MSR_EFER_:
		vmx_write_efer(v, value | EFER_LMA);
		break;
	case MSR_STAR_:
		live_write(v, &v->msrs.star, MSR_STAR_, value);
		break;
	case MSR_LSTAR_:
		live_write(v, &v->msrs.lstar, MSR_LSTAR_, value);
		break;
	case MSR_CSTAR_: /* SYSCALL is #UD outside 64-bit mode on Intel: it only keeps a value */
		v->cstar = value;
		break;
	case MSR_FMASK_:
		live_write(v, &v->msrs.fmask, MSR_FMASK_, value);
		break;
	case MSR_FSBASE_:
		vmcs_write(VMCS_GUEST_FS_BASE, value);
		break;
	case MSR_GSBASE_:
		vmcs_write(VMCS_GUEST_GS_BASE, value);
		break;
	case MSR_KERNEL_GSBASE_:
		live_write(v, &v->msrs.kernel_gs_base, MSR_KERNEL_GSBASE_, value);
		break;
	default:
		live_write(v, &v->msrs.tsc_aux, MSR_TSC_AUX_, value);
	}
}

int vmx_msr_write(struct vmx_vcpu *v, uint32_t index, uint64_t value)
{
	if (!vmx_msr_valid(index, value))
		return -EINVAL;
	msr_write(v, index, value);
	return 0;
}

int vmx_msr_read(const struct vmx_vcpu *v, uint32_t index, uint64_t *value)
{
	switch (index) {
	case MSR_TSC:
		*value = x86_rdtsc() + v->tsc_offset;
		return 0;
	case MSR_SYSENTER_CS:
		*value = v->sysenter_cs;
		return 0;
	case MSR_SYSENTER_ESP:
		*value = vmcs_read(VMCS_GUEST_SYSENTER_ESP);
		return 0;
	case MSR_SYSENTER_EIP:
		*value = vmcs_read(VMCS_GUEST_SYSENTER_EIP);
		return 0;
	case MSR_PAT:
		*value = v->pat;
		return 0;
	case MSR_EFER_:
		*value = v->efer;
		return 0;
	case MSR_STAR_:
		*value = v->msrs.star;
		return 0;
	case MSR_LSTAR_:
		*value = v->msrs.lstar;
		return 0;
	case MSR_CSTAR_:
		*value = v->cstar;
		return 0;
	case MSR_FMASK_:
		*value = v->msrs.fmask;
		return 0;
	case MSR_KERNEL_GSBASE_: /* the guest may have changed it since the load */
		*value = x86_rdmsr(MSR_KERNEL_GSBASE_);
		return 0;
	case MSR_TSC_AUX_:
		*value = v->msrs.tsc_aux;
		return vmx_caps.rdtscp ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

enum vmx_step vmx_exit_rdmsr(struct vmx_vcpu *v)
{
	uint64_t value;

	if (vmx_msr_read(v, (uint32_t)v->regs.rcx, &value))
		return vmx_inject_gp(v);
	v->regs.rax = (uint32_t)value;
	v->regs.rdx = value >> 32;
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

static uint64_t written(const struct vmx_vcpu *v)
{
	return v->regs.rdx << 32 | (uint32_t)v->regs.rax;
}

enum vmx_step vmx_exit_wrmsr_sleep(struct vmx_vcpu *v)
{
	uint64_t efer = v->efer;

	if (vmx_msr_write(v, (uint32_t)v->regs.rcx, written(v)))
		return vmx_inject_gp(v);
	if ((v->efer ^ efer) & EFER_NXE)
		vmx_paging_modes_changed(v);
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

/* NXE is how the shadow reads the guest's tables: that change may sleep. */
enum vmx_step vmx_exit_wrmsr(struct vmx_vcpu *v)
{
	if ((uint32_t)v->regs.rcx == MSR_EFER_ && ((v->efer ^ written(v)) & EFER_NXE))
		return VMX_STEP_SLEEP;
	return vmx_exit_wrmsr_sleep(v);
}

int vmx_vcpu_set_msr(struct vmx_vcpu *v, uint32_t index, uint64_t value)
{
	return vmx_msr_write(v, index, value);
}

/* A write costs more than the comparison that saves it. */
static void swap(uint32_t msr, uint64_t from, uint64_t to)
{
	if (from != to)
		x86_wrmsr(msr, to);
}

static void swap_all(const struct vmx_live_msrs *from, const struct vmx_live_msrs *to)
{
	swap(MSR_LSTAR_, from->lstar, to->lstar);
	swap(MSR_STAR_, from->star, to->star);
	swap(MSR_FMASK_, from->fmask, to->fmask);
	swap(MSR_KERNEL_GSBASE_, from->kernel_gs_base, to->kernel_gs_base);
	if (vmx_caps.rdtscp)
		swap(MSR_TSC_AUX_, from->tsc_aux, to->tsc_aux);
}

void vmx_msrs_to_guest(struct vmx_vcpu *v)
{
	v->host.msrs.kernel_gs_base = x86_rdmsr(MSR_KERNEL_GSBASE_);
	swap_all(&v->host.msrs, &v->msrs);
}

void vmx_msrs_to_host(struct vmx_vcpu *v)
{
	v->msrs.kernel_gs_base = x86_rdmsr(MSR_KERNEL_GSBASE_);
	swap_all(&v->msrs, &v->host.msrs);
}
