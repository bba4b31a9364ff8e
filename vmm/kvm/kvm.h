/* SPDX-License-Identifier: Apache-2.0
 *
 * What a user of vm_kvm_ops may want to know beyond vm.h.
 *
 * Guest-physical 0xfffbc000..0xfffbffff is not the caller's: on Intel without unrestricted guest
 * KVM itself keeps its real-mode TSS and an identity map there.
 */
#ifndef VMM_KVM_KVM_H
#define VMM_KVM_KVM_H

#include <stdbool.h>

#include "vmm/vm.h"

/* Does the guest read the host's TSC? False: it was only set close to it (MSR 10h). */
bool kvm_vcpu_tsc_is_host(const struct vcpu *v);

/*
 * VM_EXIT_FAIL's code: KVM's exit reason in the upper half; below it the internal error's suberror,
 * the hardware's entry failure reason, or the repeat count of a string port access.
 */
#define KVM_FAIL_CODE(exit_reason, detail) ((uint64_t)(exit_reason) << 32 | (uint32_t)(detail))

#endif
