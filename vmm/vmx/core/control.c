/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Control and debug registers, EFER and XCR0: what a guest may set, and the exits of the
 * instructions that do. A vCPU is always in 64-bit mode with write protection on; what would leave
 * it is #GP, as is what the CPUID of the guest does not offer.
 */
#include "vcpu.h"

/* SDM 27.2.1, exit qualification of control-register accesses. */
#define ACCESS_REGISTER(q) ((uint32_t)(q)&15)
#define ACCESS_TYPE(q)	   ((uint32_t)(q) >> 4 & 3)
#define ACCESS_GPR(q)	   ((uint32_t)(q) >> 8 & 15)
#define ACCESS_MOV_TO	   0
#define ACCESS_MOV_FROM	   1
#define ACCESS_CLTS	   2
#define ACCESS_LMSW(q)	   ((uint64_t)(q) >> 16 & 0xffff)
#define ACCESS_DR_FROM	   (1u << 4)

/* A general register by its number in an instruction. RSP lives in the VMCS. */
static uint64_t gpr_read(struct vmx_vcpu *v, uint32_t n)
{
	const uint64_t *const places[16] = {&v->regs.rax, &v->regs.rcx, &v->regs.rdx, &v->regs.rbx,
		&v->regs.rsp, &v->regs.rbp, &v->regs.rsi, &v->regs.rdi, &v->regs.r8, &v->regs.r9,
		&v->regs.r10, &v->regs.r11, &v->regs.r12, &v->regs.r13, &v->regs.r14, &v->regs.r15};

	return *places[n & 15];
}

static void gpr_write(struct vmx_vcpu *v, uint32_t n, uint64_t value)
{
	uint64_t *const places[16] = {&v->regs.rax, &v->regs.rcx, &v->regs.rdx, &v->regs.rbx,
		&v->regs.rsp, &v->regs.rbp, &v->regs.rsi, &v->regs.rdi, &v->regs.r8, &v->regs.r9,
		&v->regs.r10, &v->regs.r11, &v->regs.r12, &v->regs.r13, &v->regs.r14, &v->regs.r15};

	*places[n & 15] = value;
}

/* --- what may be set --- */

bool vmx_cr0_valid(uint64_t cr0)
{
	uint64_t must = CR0_PE | CR0_PG | CR0_WP | CR0_NE | CR0_ET;
	uint64_t may = must | CR0_MP | CR0_EM | CR0_TS | CR0_AM;

	return (cr0 & must) == must && !(cr0 & ~may);
}

static uint64_t cr4_offered(void)
{
	uint64_t may = CR4_VME | CR4_PVI | CR4_TSD | CR4_DE | CR4_PSE | CR4_PAE | CR4_MCE |
		       CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;
	struct x86_cpuid seven = {0};

	if (x86_cpuid(0, 0).eax >= 7)
		seven = x86_cpuid(7, 0);
	if (vmx_caps.xcr0)
		may |= CR4_OSXSAVE;
	if (seven.ebx & 1u)
		may |= CR4_FSGSBASE;
	if (seven.ebx & 1u << 7)
		may |= CR4_SMEP;
	if (seven.ebx & 1u << 20)
		may |= CR4_SMAP;
	if (seven.ecx & 1u << 2)
		may |= CR4_UMIP;
	return may & vmx_caps.cr4_fixed1;
}

bool vmx_cr4_valid(uint64_t cr4)
{
	return (cr4 & CR4_PAE) && !(cr4 & ~cr4_offered());
}

bool vmx_efer_valid(uint64_t efer)
{
	uint64_t must = EFER_LME | EFER_LMA;

	return (efer & must) == must && !(efer & ~(must | EFER_SCE | EFER_NXE));
}

bool vmx_control_valid(uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer)
{
	return vmx_cr0_valid(cr0) && vmx_cr4_valid(cr4) && vmx_efer_valid(efer) &&
	       !(cr3 >> vmx_caps.phys_bits);
}

/* XSETBV's conditions, SDM vol. 1, 13.3. */
bool vmx_xcr0_valid(uint64_t xcr0)
{
	uint64_t avx512 = 0xe0;

	if (!(xcr0 & 1) || (xcr0 & ~vmx_caps.xcr0))
		return false;
	if ((xcr0 & 4) && !(xcr0 & 2))
		return false;
	return !(xcr0 & avx512) || ((xcr0 & avx512) == avx512 && (xcr0 & 4));
}

/* --- set --- */

void vmx_write_cr0(struct vmx_vcpu *v, uint64_t cr0)
{
	v->cr0 = cr0;
	vmcs_write(VMCS_CR0_SHADOW, cr0);
	vmcs_write(VMCS_GUEST_CR0, (cr0 | vmx_caps.cr0_fixed0) & vmx_caps.cr0_fixed1);
}

/* MCE is the host's: a machine check must not shut the CPU down. */
void vmx_write_cr4(struct vmx_vcpu *v, uint64_t cr4)
{
	v->cr4 = cr4;
	vmcs_write(VMCS_CR4_SHADOW, cr4);
	vmcs_write(VMCS_GUEST_CR4,
		(cr4 | vmx_caps.cr4_fixed0 | (x86_cr4() & CR4_MCE)) & vmx_caps.cr4_fixed1);
}

void vmx_write_efer(struct vmx_vcpu *v, uint64_t efer)
{
	uint64_t *area = v->msr_area;

	v->efer = efer;
	if (vmx_caps.load_efer) {
		vmcs_write(VMCS_GUEST_EFER, efer);
	} else {
		area[1] = efer;
		area[3] = x86_rdmsr(MSR_EFER_);
	}
}

uint64_t vmx_read_cr3(const struct vmx_vcpu *v)
{
	return vmx_caps.ept ? vmcs_read(VMCS_GUEST_CR3) : v->shadow.guest_cr3;
}

void vmx_write_control(struct vmx_vcpu *v, uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer)
{
	vmx_write_cr0(v, cr0);
	vmx_write_cr4(v, cr4);
	vmx_write_efer(v, efer);
	if (vmx_caps.ept) {
		vmcs_write(VMCS_GUEST_CR3, cr3);
	} else {
		v->shadow.guest_cr3 = cr3;
		v->shadow.root_pa = 0;
	}
}

/* For the shadow's reading of the guest's tables. */
static uint32_t paging_modes(uint64_t cr4, uint64_t efer)
{
	return (efer & EFER_NXE ? SHADOW_NXE : 0) | (cr4 & CR4_SMEP ? SHADOW_SMEP : 0) |
	       (cr4 & CR4_SMAP ? SHADOW_SMAP : 0);
}

void vmx_paging_modes_changed(struct vmx_vcpu *v)
{
	if (!vmx_caps.ept)
		shadow_mode(v, paging_modes(v->cr4, v->efer));
}

/* --- exits --- */

static enum vmx_step cr0_to(struct vmx_vcpu *v, uint64_t value)
{
	value |= CR0_ET; /* writes to it are ignored */
	if (!vmx_cr0_valid(value))
		return vmx_inject_gp(v);
	vmx_write_cr0(v, value);
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

/* What changes how the guest's entries are read makes the shadow's be read anew: that may sleep. */
static enum vmx_step cr4_to(struct vmx_vcpu *v, uint64_t value, bool may_sleep)
{
	uint64_t paging = CR4_PGE | CR4_PSE | CR4_SMEP | CR4_SMAP;
	bool changes;

	if (!vmx_cr4_valid(value))
		return vmx_inject_gp(v);
	changes = !vmx_caps.ept && ((value ^ v->cr4) & paging);
	if (changes && !may_sleep)
		return VMX_STEP_SLEEP;
	vmx_write_cr4(v, value);
	if (changes)
		vmx_paging_modes_changed(v);
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

static enum vmx_step cr3_to(struct vmx_vcpu *v, uint64_t value, bool may_sleep)
{
	int result;

	if (!may_sleep)
		return VMX_STEP_SLEEP;
	if (value >> vmx_caps.phys_bits)
		return vmx_inject_gp(v);
	result = shadow_load(v, value);
	if (result == -EFAULT)
		return vmx_to_user(v, SBV_EXIT_SHUTDOWN);
	if (result)
		return vmx_fail(v, SBV_FAIL_NO_MEMORY, 0);
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

static enum vmx_step cr8_to(struct vmx_vcpu *v, uint64_t value)
{
	if (value >> 4)
		return vmx_inject_gp(v);
	v->cr8 = value;
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

static enum vmx_step cr_to(struct vmx_vcpu *v, uint32_t cr, uint64_t value, bool may_sleep)
{
	switch (cr) {
	case 0:
		return cr0_to(v, value);
	case 3:
		return cr3_to(v, value, may_sleep);
	case 4:
		return cr4_to(v, value, may_sleep);
	case 8:
		return cr8_to(v, value);
	default:
		return vmx_inject_ud(v);
	}
}

static enum vmx_step cr_access(struct vmx_vcpu *v, bool may_sleep)
{
	uint32_t cr = ACCESS_REGISTER(v->qualification), gpr = ACCESS_GPR(v->qualification);

	switch (ACCESS_TYPE(v->qualification)) {
	case ACCESS_MOV_TO:
		return cr_to(v, cr, gpr_read(v, gpr), may_sleep);
	case ACCESS_MOV_FROM: /* CR0 and CR4 are read from the VMCS, without an exit */
		gpr_write(v, gpr, cr == 8 ? v->cr8 : v->shadow.guest_cr3);
		vmx_skip(v);
		return VMX_STEP_ENTER;
	case ACCESS_CLTS:
		return cr0_to(v, v->cr0 & ~CR0_TS);
	default: /* LMSW: the low four bits, and PE cannot be cleared by it */
		return cr0_to(v, (v->cr0 & ~0xeull) | (ACCESS_LMSW(v->qualification) & 0xf));
	}
}

enum vmx_step vmx_exit_cr(struct vmx_vcpu *v)
{
	return cr_access(v, false);
}

enum vmx_step vmx_exit_cr_sleep(struct vmx_vcpu *v)
{
	return cr_access(v, true);
}

/* GD is for the exits: MOV to and from them never gets so far. */
void vmx_write_dr7(struct vmx_vcpu *v, uint64_t dr7)
{
	v->dr7 = dr7;
	vmcs_write(VMCS_GUEST_DR7, dr7 & ~DR7_GD);
}

static uint64_t dr_read(const struct vmx_vcpu *v, uint32_t n)
{
	return n < 4 ? v->dr[n] : n == 6 ? v->dr6 : v->dr7;
}

static bool dr_write(struct vmx_vcpu *v, uint32_t n, uint64_t value)
{
	if (n < 4) {
		v->dr[n] = value;
		return true;
	}
	if (value >> 32)
		return false;
	if (n == 6) {
		v->dr6 = (value & DR6_WRITABLE) | DR6_FIXED;
	} else {
		vmx_write_dr7(v, (value & DR7_WRITABLE) | DR7_FIXED);
	}
	return true;
}

/* The exit comes before the CPU looks at CPL and CR4.DE (25.1.3). */
enum vmx_step vmx_exit_dr(struct vmx_vcpu *v)
{
	uint32_t n = (uint32_t)v->qualification & 7, gpr = ACCESS_GPR(v->qualification);

	if (vmx_cpl())
		return vmx_inject_gp(v);
	if (n == 4 || n == 5) {
		if (v->cr4 & CR4_DE)
			return vmx_inject_ud(v);
		n += 2;
	}
	if (v->dr7 & DR7_GD) {
		v->dr7 &= ~DR7_GD;
		v->dr6 |= DR7_GD; /* BD has the same place in DR6 */
		return vmx_inject(v, X86_VECTOR_DB, false, 0);
	}
	if ((uint32_t)v->qualification & ACCESS_DR_FROM)
		gpr_write(v, gpr, dr_read(v, n));
	else if (!dr_write(v, n, gpr_read(v, gpr)))
		return vmx_inject_gp(v);
	vmx_skip(v);
	return VMX_STEP_ENTER;
}

enum vmx_step vmx_exit_xsetbv(struct vmx_vcpu *v)
{
	uint64_t value = v->regs.rdx << 32 | (uint32_t)v->regs.rax;

	if (!(v->cr4 & CR4_OSXSAVE))
		return vmx_inject_ud(v);
	if (vmx_cpl() || (uint32_t)v->regs.rcx || !vmx_xcr0_valid(value))
		return vmx_inject_gp(v);
	v->xcr0 = value;
	if (v->fpu_loaded)
		x86_xsetbv(value);
	vmx_skip(v);
	return VMX_STEP_ENTER;
}
