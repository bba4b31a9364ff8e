/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * A vCPU, for the core's own files. entry.S knows that the general registers come first.
 */
#ifndef VMX_CORE_VCPU_H
#define VMX_CORE_VCPU_H

#include "shadow.h"
#include "vmcs.h"
#include "vmx.h"
#include "x86.h"

/* MSRs that are the guest's in the CPU while the vCPU is loaded. */
struct vmx_live_msrs {
	uint64_t lstar, star, fmask, tsc_aux, kernel_gs_base;
};

/* Of this CPU and this thread, as they must be again after the guest ran. */
struct vmx_host_state {
	uint64_t cr3, cr4; /* as they are in the VMCS */
	uint64_t fs_base, debugctl;
	uint16_t ds, es, fs, gs, ldtr;
	struct vmx_live_msrs msrs;
};

struct vmx_vcpu {
	struct sbv_regs regs;
	struct vmx_vm *vm;
	uint32_t index;
	uint16_t vpid;
	bool set_up;   /* the VMCS has been filled in */
	bool launched; /* vmresume, not vmlaunch */
	bool loaded;   /* on a CPU now */
	int cpu;       /* whose VMCS cache may hold it; -1 none */
	void *vmcs;
	uint64_t vmcs_pa;
	void *msr_area; /* without load_efer: EFER of both sides, entry's then exit's */

	/* The exit. */
	uint32_t reason; /* VMCS_EXIT_REASON */
	uint64_t qualification;
	struct vmx_user_exit user;
	bool entry_failed; /* the instruction, not the entry's checks: there was no exit */
	bool must_prepare; /* it could not enter: vmx_vcpu_prepare first */

	/* What the next entry delivers: EVENT_*, 0 none. */
	uint32_t event, event_error, event_length;
	uint16_t irq;
	bool window; /* PRIMARY_INTERRUPT_WINDOW is set */

	/* As the guest sees them. */
	uint64_t cr0, cr2, cr4, cr8, efer, xcr0;
	uint64_t dr[4], dr6, dr7;
	uint64_t cstar, pat, sysenter_cs, tsc_offset;
	bool in_waits; /* an IN's answer is due: in_size bytes of RAX */
	uint8_t in_size;

	struct vmx_live_msrs msrs;
	struct vmx_host_state host;
	void *xsave; /* vmx_caps.xsave_size bytes, 64-byte aligned */
	bool fpu_loaded;
	uint64_t host_xcr0;

	uint64_t *pml;	   /* a page: what the CPU notes of pages written; NULL without PML */
	uint64_t tlb_seen; /* vm->tlb_generation that this vCPU's CPU has flushed for */
	struct vmx_page_cache cache;
	struct shadow_vcpu shadow;
	uint64_t shadow_root; /* as in the VMCS */

	struct sbv_stats stats;
};

/* entry.S: 0: there was an exit; 1: the instruction failed. Interrupts off. */
int vmx_guest_run(struct sbv_regs *regs, bool launched);
extern char vmx_guest_exit[];

/* vcpu.c */
/* Behind the instruction that exited. */
void vmx_skip(struct vmx_vcpu *v);
uint32_t vmx_cpl(void);
enum vmx_step vmx_to_user(struct vmx_vcpu *v, uint32_t reason);
enum vmx_step vmx_fail(struct vmx_vcpu *v, uint32_t code, uint64_t detail);

/* event.c */
/* The exception is the guest's; double and triple faults are made as SDM 6.15 says. */
enum vmx_step vmx_inject(struct vmx_vcpu *v, uint32_t vector, bool with_error, uint32_t error);
enum vmx_step vmx_inject_ud(struct vmx_vcpu *v);
enum vmx_step vmx_inject_gp(struct vmx_vcpu *v);
void vmx_event_before_entry(struct vmx_vcpu *v);
void vmx_event_after_exit(struct vmx_vcpu *v);
bool vmx_event_valid(const struct sbv_vcpu_state *s);
void vmx_event_get(const struct vmx_vcpu *v, struct sbv_vcpu_state *s);
void vmx_event_set(struct vmx_vcpu *v, const struct sbv_vcpu_state *s);
enum vmx_step vmx_exit_exception(struct vmx_vcpu *v);
enum vmx_step vmx_exit_window(struct vmx_vcpu *v);

/* control.c: CR0, CR4, EFER, and the exits of MOV to and from control and debug registers */
bool vmx_cr0_valid(uint64_t cr0);
bool vmx_cr4_valid(uint64_t cr4);
bool vmx_efer_valid(uint64_t efer);
bool vmx_control_valid(uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer);
void vmx_write_cr0(struct vmx_vcpu *v, uint64_t cr0);
void vmx_write_cr4(struct vmx_vcpu *v, uint64_t cr4);
void vmx_write_efer(struct vmx_vcpu *v, uint64_t efer);
/* These, and CR3, which waits for vmx_vcpu_prepare with shadow paging. */
void vmx_write_control(struct vmx_vcpu *v, uint64_t cr0, uint64_t cr3, uint64_t cr4, uint64_t efer);
uint64_t vmx_read_cr3(const struct vmx_vcpu *v);
void vmx_write_dr7(struct vmx_vcpu *v, uint64_t dr7);
void vmx_paging_modes_changed(struct vmx_vcpu *v); /* may sleep */
enum vmx_step vmx_exit_cr(struct vmx_vcpu *v);
enum vmx_step vmx_exit_cr_sleep(struct vmx_vcpu *v);
enum vmx_step vmx_exit_dr(struct vmx_vcpu *v);
enum vmx_step vmx_exit_xsetbv(struct vmx_vcpu *v);
bool vmx_xcr0_valid(uint64_t xcr0);

/* msr.c */
void vmx_msr_bitmap_init(uint8_t *bitmap);
/* Would WRMSR take it? Else #GP. */
bool vmx_msr_valid(uint32_t index, uint64_t value);
/* 0, or -EINVAL where it is not valid, or there is none. */
int vmx_msr_write(struct vmx_vcpu *v, uint32_t index, uint64_t value);
int vmx_msr_read(const struct vmx_vcpu *v, uint32_t index, uint64_t *value);
enum vmx_step vmx_exit_rdmsr(struct vmx_vcpu *v);
enum vmx_step vmx_exit_wrmsr(struct vmx_vcpu *v);
enum vmx_step vmx_exit_wrmsr_sleep(struct vmx_vcpu *v);
void vmx_msrs_to_guest(struct vmx_vcpu *v);
void vmx_msrs_to_host(struct vmx_vcpu *v);

/* announce.c */
enum vmx_step vmx_exit_vmcall(struct vmx_vcpu *v);

/* cpuid.c */
enum vmx_step vmx_exit_cpuid(struct vmx_vcpu *v);

/* fpu.c */
void vmx_fpu_reset(struct vmx_vcpu *v);

/* setup.c */
void vmx_vmcs_setup(struct vmx_vcpu *v);

/* ept.c */
#define VMX_PML_LAST 511
void vmx_pml_drain(struct vmx_vcpu *v);
void vmx_ept_invalidate(const struct vmx_vcpu *v);

#endif
