/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher's side of /dev/sandbox-vmx: vm_vmx_ops.
 */
#ifndef VMM_VMX_USER_H
#define VMM_VMX_USER_H

#include "vmm/kick.h"
#include "vmm/vm.h"
#include "vmm/vmx/abi.h"

/* VM_EXIT_FAIL's code: enum sbv_fail in the highest byte, its detail below. */
#define VMX_FAIL_CODE(code, detail) ((uint64_t)(code) << 56 | ((detail)&0xffffffffffffffull))

struct vm {
	int fd;
	struct sbv_caps caps;
};

struct vcpu {
	struct vm *vm;
	uint32_t index;
	int fd; /* -1: none */
	struct sbv_run *run;
	bool io_in;  /* the last exit was an IN that awaits its answer */
	void *xsave; /* bounce buffer, vm->caps.xsave_size */
	struct vm_kick kick;
	struct vm_stats stats;
	_Atomic uint64_t *shown; /* stats.exits, for the outside; or NULL */
};

/* system.c, or the tests' made-up device: the system calls. A descriptor or -errno. */
int vmx_system_open(const char *path);
int vmx_system_ioctl(int fd, unsigned long request, void *argument); /* 0 or more, or -errno */
void *vmx_system_map(int fd);					     /* the run page; NULL */
void vmx_system_unmap(void *page);
void vmx_system_close(int fd);

/* device.c */
/* The device, asked and usable, or -errno with a sentence in why[]. */
int vmx_device_open(struct sbv_caps *caps, char *why, size_t why_size);
int vmx_device_probe(struct vm_caps *out);

/* vcpu.c */
int vmx_vcpu_create(struct vm *vm, uint32_t index, struct vcpu **out);
void vmx_vcpu_destroy(struct vcpu *v);
int vmx_vcpu_open(struct vcpu *v); /* its descriptor and its run page */
void vmx_vcpu_close(struct vcpu *v);
int vmx_vcpu_set_sregs(struct vcpu *v, const struct vm_sregs *s);
int vmx_vcpu_get_sregs(struct vcpu *v, struct vm_sregs *s);
int vmx_vcpu_set_msr(struct vcpu *v, uint32_t msr, uint64_t value);
int vmx_vcpu_get_fpu(struct vcpu *v, void *buf, size_t size);
int vmx_vcpu_set_fpu(struct vcpu *v, const void *buf, size_t size);
struct vm_gprs *vmx_vcpu_gprs(struct vcpu *v);
void vmx_vcpu_gprs_dirty(struct vcpu *v);

/* again.c */
int vmx_again_keep(struct vm *vm);
int vmx_again(struct vm *vm);
size_t vmx_vcpu_saved_size(const struct vcpu *v);
int vmx_vcpu_save(struct vcpu *v, void *saved);
int vmx_vcpu_again(struct vcpu *v, const void *saved);
void vmx_saved_read(const void *saved, struct vm_saved *out);

/* run.c */
int vmx_vcpu_run(struct vcpu *v, struct vm_exit *out);
int vmx_vcpu_interrupt(struct vcpu *v, uint8_t vector);
void vmx_vcpu_kick(struct vcpu *v);
void vmx_vcpu_stats(struct vcpu *v, struct vm_stats *out);
void vmx_vcpu_show(struct vcpu *v, _Atomic uint64_t *exits);

#endif
