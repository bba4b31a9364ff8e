/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * VMCALL: with shadow paging the guest's kernel announces what it changed in its page tables, many
 * at once, so that it need not be caught at each write. A lie harms only the guest: shadow.h.
 */
#include "announce.h"
#include "vcpu.h"

static int read_entry(struct vmx_vcpu *v, uint64_t gpa, struct vmx_announcement *out)
{
	int result = vmx_guest_read64(v->vm, gpa, &out->cr3);

	if (!result)
		result = vmx_guest_read64(v->vm, gpa + 8, &out->gva);
	return result ? result : vmx_guest_read64(v->vm, gpa + 16, &out->pages);
}

static int announce_list(struct vmx_vcpu *v, uint64_t gpa, uint64_t count)
{
	struct vmx_announcement a;

	if (count > VMX_ANNOUNCE_MAX)
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++) {
		int result = read_entry(v, gpa + i * sizeof(a), &a);

		if (result)
			return result;
		if (a.pages == VMX_ANNOUNCE_ROOT_GONE)
			shadow_announce_root_gone(v, a.cr3);
		else
			shadow_announce(v, a.cr3, a.gva, a.pages);
	}
	return 0;
}

enum vmx_step vmx_exit_vmcall(struct vmx_vcpu *v)
{
	int result = -ENOSYS;

	if (vmx_caps.ept || vmx_cpl())
		return vmx_inject_ud(v);
	if (v->regs.rax == VMX_CALL_ANNOUNCE)
		result = announce_list(v, v->regs.rbx, v->regs.rcx);
	else if (v->regs.rax == VMX_CALL_ANNOUNCE_MODE) {
		shadow_announce_mode(v->vm, v->regs.rbx);
		result = 0;
	}
	v->regs.rax = (uint64_t)(int64_t)result;
	vmx_skip(v);
	return VMX_STEP_ENTER;
}
