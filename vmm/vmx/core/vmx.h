/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The VMX core as its host sees it: virtual machines and vCPUs on Intel's VMX. Knows nothing of
 * Linux, of the shim or of the channel. Sections named "SDM" are of Intel's Software Developer's
 * Manual, volume 3C, December 2023.
 *
 * How a host runs a vCPU, on one CPU at a time, one thread at a time:
 *
 *	preemption off; vmx_vcpu_load(v);
 *	for (;;) {
 *		if (vmx_vcpu_wants_fpu(v)) { vmx_vcpu_fpu_load(v); }    preemption off until unload
 *		interrupts off; look for signals and the like;
 *		vmx_vcpu_enter(v);                                     guest mode, and out again
 *		step = vmx_vcpu_handle_atomic(v);                      most exits end here
 *		interrupts on;
 *		if (step == VMX_STEP_SLEEP) {
 *			vmx_vcpu_fpu_unload(v); preemption may be on;
 *			step = vmx_vcpu_handle(v);
 *		}
 *		if (step == VMX_STEP_USER) break;                      v->exit says what
 *	}
 *	vmx_vcpu_fpu_unload(v); vmx_vcpu_put(v);
 *
 * Where the thread may be preempted between, the host calls vmx_vcpu_put and vmx_vcpu_load around
 * it: all the core's calls that take a vCPU, but create and destroy, want it loaded.
 *
 * Errors are 0 or -errno.
 */
#ifndef VMX_CORE_VMX_H
#define VMX_CORE_VMX_H

#include "../abi.h"
#include "host.h"
#include "memory.h"

/* --- the CPU --- */

/* What was found in the capability MSRs (SDM appendix A) and is used: caps.c. */
struct vmx_caps {
	uint32_t revision;			       /* of VMCS and VMXON regions */
	uint32_t pin, primary, secondary, exit, entry; /* the controls as they are written */
	uint64_t cr0_fixed0, cr0_fixed1, cr4_fixed0, cr4_fixed1;
	uint64_t xcr0; /* components that guests may have */
	uint64_t ept_vpid_cap;
	uint32_t xsave_size;
	uint8_t phys_bits;
	bool ept, ept_ad, ept_2m, ept_1g, pml;
	bool vpid, preemption_timer, ple, load_efer, rdtscp;
	bool fsgsbase;
};
extern struct vmx_caps vmx_caps;

/* Looks at this CPU; nothing is switched on. Fills vmx_caps if the answer is READY or IN_USE.
 * want_ept false: as if the CPU had none. why: a sentence, of at least 128 bytes. */
enum sbv_state vmx_discover(bool want_ept, char *why);
/* Is this CPU as capable as the one that vmx_discover saw? (every CPU is asked) */
bool vmx_same_cpu(void);
/* VMXON and VMXOFF of this CPU, interrupts off. The host sets CR4.VMXE before and clears it after.
 * region: a page of page_alloc, kept until off. */
int vmx_cpu_on(const struct vmx_host_ops *host, void *region);
void vmx_cpu_off(void);

/* Is the return predictor filled anew after each exit? It is, unless a host that knows its CPU says
 * before the first entry that there is no need. */
extern bool vmx_fill_return_buffer;

/* --- virtual machines --- */

struct vmx_vm {
	const struct vmx_host_ops *host;
	void *host_vm; /* for the host's functions */
	const struct vmx_mmu_ops *mmu;
	void *mmu_state;
	struct vmx_slot slots[VMX_SLOTS]; /* by the host's lock */
	uint32_t slots_end;		  /* beyond the highest that was ever used */
	struct vmx_vcpu *vcpus[SBV_VCPUS_MAX];
	uint64_t tlb_generation; /* advanced by vmx_flush_tlbs; read with acquire */
	void *msr_bitmap;
	uint64_t ept_root;    /* EPTP, 0 without EPT */
	uint64_t table_pages; /* that the MMU holds now, for debugfs */
};

/* id: not 0, unique on this machine as long as the VM is there (VPIDs are made of it). */
int vmx_vm_create(const struct vmx_host_ops *host, void *host_vm, struct vmx_vm **out);
void vmx_vm_destroy(struct vmx_vm *vm); /* its vCPUs are gone */
/* As struct sbv_memory says. May sleep. */
int vmx_vm_set_memory(struct vmx_vm *vm, const struct sbv_memory *m);
/* The host takes [start, end) of the owner's addresses away. Lock held; true: flush the TLBs
 * (vmx_flush_tlbs, under the same lock or after it) before the pages go. */
bool vmx_vm_zap_hva(struct vmx_vm *vm, uint64_t start, uint64_t end);
/* Copies a slot's log (whole words, the caller's buffer of (pages + 63) / 64) and clears it. */
int vmx_vm_dirty_log(struct vmx_vm *vm, uint32_t slot, uint64_t *bitmap, size_t words);
int vmx_vm_slot_pages(struct vmx_vm *vm, uint32_t slot, uint64_t *pages);
/* Everything made from the guest's page tables is forgotten. */
void vmx_vm_forget(struct vmx_vm *vm);

/* --- vCPUs --- */

enum vmx_step {
	VMX_STEP_ENTER, /* handled: enter again */
	VMX_STEP_SLEEP, /* vmx_vcpu_handle is to be called, where sleeping is allowed */
	VMX_STEP_USER,	/* v->exit is for the owner of the VM */
};

/* What the owner is told, in struct sbv_run's words. */
struct vmx_user_exit {
	uint32_t reason; /* enum sbv_exit_reason */
	uint16_t port, size;
	uint32_t value;
	uint32_t code;
	uint64_t gpa, detail;
};

struct vmx_vcpu;

int vmx_vcpu_create(struct vmx_vm *vm, uint32_t index, struct vmx_vcpu **out);
void vmx_vcpu_destroy(struct vmx_vcpu *v); /* not loaded anywhere */

/* On this CPU, number cpu: preemption off. */
void vmx_vcpu_load(struct vmx_vcpu *v, int cpu);
void vmx_vcpu_put(struct vmx_vcpu *v);
/* This CPU leaves VMX: what it may still hold of this vCPU goes to memory (VMCLEAR). Interrupts
 * off, on the CPU that loaded it last. */
void vmx_vcpu_clear(struct vmx_vcpu *v);
/* The CPU that holds it, -1: none. */
int vmx_vcpu_cpu(const struct vmx_vcpu *v);

bool vmx_vcpu_wants_fpu(const struct vmx_vcpu *v); /* and has it not */
void vmx_vcpu_fpu_load(struct vmx_vcpu *v);
void vmx_vcpu_fpu_unload(struct vmx_vcpu *v); /* nothing if it is not loaded */

/* Interrupts off. */
void vmx_vcpu_enter(struct vmx_vcpu *v);
enum vmx_step vmx_vcpu_handle_atomic(struct vmx_vcpu *v);
enum vmx_step vmx_vcpu_handle(struct vmx_vcpu *v);
/* Before the first enter after the owner had a say, may sleep: what enter must not. */
enum vmx_step vmx_vcpu_prepare(struct vmx_vcpu *v);
/* An event is being delivered to the guest, and must reach it before the owner is asked: the host
 * enters once more with an interrupt of its own pending (and then tells INTR). */
bool vmx_vcpu_event_in_flight(const struct vmx_vcpu *v);

const struct vmx_user_exit *vmx_vcpu_exit(const struct vmx_vcpu *v);
/* The hardware's reason for the last exit, for tracing; bit 31: the entry failed. */
uint32_t vmx_vcpu_exit_reason(const struct vmx_vcpu *v);
/* The general registers, between runs; whoever writes sets *_dirty. */
struct sbv_regs *vmx_vcpu_regs(struct vmx_vcpu *v);
/* The answer to an IN is put into RAX. */
void vmx_vcpu_answer_in(struct vmx_vcpu *v, uint32_t value);
/* Vector to inject as soon as IF allows, SBV_IRQ_NONE: none. After a run: is it still waiting? */
void vmx_vcpu_set_irq(struct vmx_vcpu *v, uint16_t vector);
uint16_t vmx_vcpu_irq(const struct vmx_vcpu *v);

int vmx_vcpu_set_sregs(struct vmx_vcpu *v, const struct sbv_sregs *s);
void vmx_vcpu_get_sregs(struct vmx_vcpu *v, struct sbv_sregs *s);
int vmx_vcpu_set_msr(struct vmx_vcpu *v, uint32_t index, uint64_t value);
/* The image is the caller's private copy of vmx_caps.xsave_size bytes, 64-byte aligned. */
int vmx_vcpu_set_fpu(struct vmx_vcpu *v, const void *image);
void vmx_vcpu_get_fpu(struct vmx_vcpu *v, void *image);
/* All of it but the FPU's image and the owner's interrupt; between two runs, the FPU unloaded. set
 * may sleep. */
void vmx_vcpu_get_state(const struct vmx_vcpu *v, struct sbv_vcpu_state *s);
int vmx_vcpu_set_state(struct vmx_vcpu *v, const struct sbv_vcpu_state *s);
void vmx_vcpu_stats(const struct vmx_vcpu *v, struct sbv_stats *out);
/* The host answered a doorbell itself: counted. */
void vmx_vcpu_count_doorbell(struct vmx_vcpu *v);

/* Names for logs: "EXTERNAL_INTERRUPT", "?" . */
const char *vmx_exit_name(uint32_t basic_reason);
const char *vmx_instruction_error(uint32_t number);

#endif
