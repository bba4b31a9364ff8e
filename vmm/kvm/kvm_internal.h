/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_KVM_KVM_INTERNAL_H
#define VMM_KVM_KVM_INTERNAL_H

#include <linux/kvm.h>

#include "vmm/kick.h"
#include "vmm/kvm/kvm.h"

#define KVM_SLOTS 32

/* Newer than some distributions' headers (Linux 6.8): KVM_RUN's EFAULT says which page. */
#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#endif

struct vm {
	/* What forget_translations maps for a moment: page-aligned. */
	uint8_t scratch[4096] __attribute__((aligned(4096)));
	int fd;
	int device;	/* -1, but while it may be made again */
	bool sync_regs; /* KVM_RUN carries the registers */
	bool osxsave;	/* XSAVE is offered: CR4.OSXSAVE and XCR0 are set for the program */
	uint64_t xcr0;
	uint32_t phys_bits;
	size_t run_size;
	size_t xsave_size; /* of KVM_GET_XSAVE2, at least 4096 */
	struct kvm_cpuid2 *cpuid;
};

struct vcpu {
	struct vm *vm;
	uint32_t index;
	int fd;
	struct kvm_run *run;

	/* In the run page with sync_regs, else in `own`. */
	struct kvm_regs *regs;
	struct kvm_sregs *sregs;
	bool regs_valid, regs_dirty;
	bool sregs_valid, sregs_dirty;
	uint32_t sregs_hot; /* exits for which KVM_RUN shall bring the sregs too */
	/* The combination that KVM accepted last: with it a set_sregs cannot be refused. */
	uint64_t good_cr0, good_cr4, good_efer;
	struct kvm_sync_regs own;

	bool io_in;	 /* the last exit was an IN that awaits its answer */
	bool unfinished; /* ... was one whose instruction KVM completes on its next entry */
	int irq;	 /* vector to inject, -1 none */
	bool tsc_is_host;
	void *xsave; /* bounce buffer, vm->xsave_size */
	struct vm_stats stats;
	_Atomic uint64_t *shown; /* stats.exits, for the outside; or NULL */

	struct vm_kick kick;
};

/* device.c */
#define KVM_DEVICE "/dev/kvm"
/* The device, checked, or -errno with a sentence in why[] (which may be NULL with size 0). */
int kvm_device_open(const char *path, char *why, size_t why_size);
int kvm_ioctl(int fd, unsigned long request, void *arg);

/* cpuid.c */
int kvm_cpuid_supported(int device, struct kvm_cpuid2 **out);
const struct kvm_cpuid_entry2 *kvm_cpuid_find(
	const struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t index);
/* Takes out what programs must not rely on. */
void kvm_cpuid_trim(struct kvm_cpuid2 *cpuid);
int kvm_cpuid_set(const struct vm *vm, int vcpu_fd, uint32_t index);
bool kvm_cpuid_has_xsave(const struct kvm_cpuid2 *cpuid);
uint64_t kvm_cpuid_xcr0(const struct kvm_cpuid2 *cpuid);
uint32_t kvm_cpuid_phys_bits(const struct kvm_cpuid2 *cpuid);
/* Bytes of the standard-format XSAVE area for xcr0, by the CPU itself. */
uint32_t kvm_xsave_size(uint64_t xcr0);
/* What ring 3 sees where KVM does not control it; 0 without XSAVE. */
uint64_t kvm_host_xcr0(void);
bool kvm_host_has_vmx_or_svm(void);

/* vcpu.c */
int kvm_vcpu_create(struct vm *vm, uint32_t index, struct vcpu **out);
void kvm_vcpu_destroy(struct vcpu *v);
int kvm_vcpu_set_msr(struct vcpu *v, uint32_t msr, uint64_t value);
int kvm_vcpu_get_fpu(struct vcpu *v, void *buf, size_t size);
int kvm_vcpu_set_fpu(struct vcpu *v, const void *buf, size_t size);
void kvm_vcpu_stats(struct vcpu *v, struct vm_stats *out);
void kvm_vcpu_show(struct vcpu *v, _Atomic uint64_t *exits);

/* sregs.c */
int kvm_vcpu_set_sregs(struct vcpu *v, const struct vm_sregs *s);
int kvm_vcpu_get_sregs(struct vcpu *v, struct vm_sregs *s);
void kvm_sregs_read(const struct kvm_sregs *k, struct vm_sregs *s);
/* Hand sregs that wait for the next run to KVM now. */
int kvm_sregs_flush(struct vcpu *v);

/* again.c */
size_t kvm_vcpu_saved_size(const struct vcpu *v);
int kvm_vcpu_save(struct vcpu *v, void *saved);
int kvm_vcpu_again(struct vcpu *v, const void *saved);
void kvm_saved_read(const void *saved, struct vm_saved *out);
/* vcpu.c: the parts of making one. */
void kvm_vcpu_close(struct vcpu *v);
int kvm_vcpu_open(struct vcpu *v);
int kvm_vcpu_begin(struct vcpu *v);
int kvm_vcpu_first_registers(struct vcpu *v); /* as KVM has them now */
/* run.c: what the last exit left to do is done, without the guest running. 0 or -errno. */
int kvm_vcpu_finish(struct vcpu *v);

/* run.c */
int kvm_vcpu_run(struct vcpu *v, struct vm_exit *out);
int kvm_vcpu_interrupt(struct vcpu *v, uint8_t vector);
void kvm_vcpu_kick(struct vcpu *v);
struct vm_gprs *kvm_vcpu_gprs(struct vcpu *v);
void kvm_vcpu_gprs_dirty(struct vcpu *v);

/* probe.c */
int kvm_probe(struct vm_caps *out);

#endif
