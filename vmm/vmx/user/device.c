/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev/sandbox-vmx: opened, asked, and what is wrong with it in a sentence.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/permission.h"
#include "vmm/vmx/user/user.h"

#define LEAF1_ECX_VMX	     (1u << 5)
#define LEAF1_ECX_HYPERVISOR (1u << 31)

static uint32_t cpu_features(void)
{
	uint32_t eax, ebx, ecx, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) ? ecx : 0;
}

/* Without VMX there is no use in a module. */
static void explain_absent(char *why, size_t why_size)
{
	uint32_t features = cpu_features();

	if (features & LEAF1_ECX_VMX)
		snprintf(why, why_size,
			"%s does not exist: load the module (modprobe sandbox-vmx; to build it: "
			"make "
			"install-dkms)",
			SBV_DEVICE);
	else
		snprintf(why, why_size, "%s does not exist, and %s", SBV_DEVICE,
			features & LEAF1_ECX_HYPERVISOR
				? "this virtual machine has no VMX: its host would have to allow "
				  "nested virtualization on an Intel CPU"
				: "this CPU has no VMX (Intel's virtualization)");
}

static int open_explained(char *why, size_t why_size)
{
	int fd = vmx_system_open(SBV_DEVICE);

	switch (fd) {
	case -ENOENT:
		explain_absent(why, why_size);
		break;
	case -ENXIO:
	case -ENODEV:
		snprintf(why, why_size,
			"%s has no driver behind it: load the module (modprobe sandbox-vmx)",
			SBV_DEVICE);
		break;
	case -EACCES:
	case -EPERM:
		vm_permission_explain(SBV_DEVICE, why, why_size);
		break;
	default:
		if (fd < 0)
			snprintf(why, why_size, "%s cannot be opened: %s", SBV_DEVICE,
				strerror(-fd));
	}
	return fd;
}

/* One sentence for each state, with what would change it; the module's own says more where it knows
 * more. */
static void explain_state(const struct sbv_caps *caps, char *why, size_t why_size)
{
	switch (caps->state) {
	case SBV_STATE_NO_VMX:
		snprintf(why, why_size, "%s",
			caps->nested ? "this virtual machine has no VMX: its host would have to "
				       "allow nested virtualization"
				     : "this CPU has no VMX");
		break;
	case SBV_STATE_OFF_IN_FIRMWARE:
		snprintf(why, why_size,
			"VMX is off in firmware, and locked: enable virtualization (VT-x) in the "
			"firmware's setup");
		break;
	case SBV_STATE_IN_USE:
		snprintf(why, why_size,
			"VMX is in use by another hypervisor: end KVM's virtual machines, or "
			"unload "
			"it (modprobe -r kvm_intel)");
		break;
	default:
		snprintf(why, why_size, "VMX cannot be used: %.*s", (int)sizeof(caps->why) - 1,
			caps->why);
	}
}

/* 0 if it is the module of this version, and can make VMs. */
static int device_ask(int fd, struct sbv_caps *caps, char *why, size_t why_size)
{
	int result = vmx_system_ioctl(fd, SBV_CAPS, caps);

	if (result < 0) {
		snprintf(why, why_size, "%s is not the sandbox's module: it answers %s", SBV_DEVICE,
			strerror(-result));
		return -ENODEV;
	}
	if (caps->abi_version != SBV_ABI_VERSION) {
		snprintf(why, why_size,
			"the module sandbox-vmx is of another version (its ABI is %u, needed is "
			"%u): make install-dkms, and load it anew",
			caps->abi_version, SBV_ABI_VERSION);
		return -ENOTSUP;
	}
	if (caps->state == SBV_STATE_READY)
		return 0;
	explain_state(caps, why, why_size);
	return caps->state == SBV_STATE_IN_USE ? -EBUSY : -ENODEV;
}

int vmx_device_open(struct sbv_caps *caps, char *why, size_t why_size)
{
	int fd = open_explained(why, why_size);
	int result;

	if (fd < 0)
		return fd;
	result = device_ask(fd, caps, why, why_size);
	if (result < 0) {
		vmx_system_close(fd);
		return result;
	}
	return fd;
}

/* Nothing is tried: the module asked the CPU for each control that it uses. */
int vmx_device_probe(struct vm_caps *out)
{
	struct sbv_caps caps;
	char why[256];
	int fd = vmx_device_open(&caps, why, sizeof(why));

	if (fd < 0)
		return fd;
	vmx_system_close(fd);
	*out = (struct vm_caps){
		.hardware = true,
		.syscall_ring0 = true,
		.sysret = true,
		.xsave = caps.xcr0 != 0,
		.xcr0 = caps.xcr0,
		.xsave_size = caps.xsave_size,
		.phys_bits = caps.phys_bits,
		.fsgsbase = caps.fsgsbase,
	};
	snprintf(out->note, sizeof(out->note), "ring 0 runs on the CPU, memory by %s%s",
		caps.ept ? "EPT" : "shadow paging", caps.nested ? ", nested" : "");
	return 0;
}
