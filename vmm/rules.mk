# SPDX-License-Identifier: Apache-2.0
# The backends and what they share. The unit tests are in tests/unit/vmm/rules.mk.

VMM_SRCS := vmm/kick.c vmm/permission.c vmm/vm.c \
	vmm/kvm/again.c vmm/kvm/cpuid.c vmm/kvm/device.c vmm/kvm/ops.c vmm/kvm/probe.c vmm/kvm/run.c vmm/kvm/sregs.c \
	vmm/kvm/vcpu.c $(addprefix vmm/vmx/user/, again.c device.c ops.c run.c system.c vcpu.c)
include vmm/process/rules.mk
SANDBOX_SRCS += $(VMM_SRCS) $(PROCESS_SRCS)
include vmm/vmx/linux/rules.mk
include vmm/vmx/metal/rules.mk
