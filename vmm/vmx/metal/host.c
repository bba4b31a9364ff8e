/* SPDX-License-Identifier: Apache-2.0
 *
 * What the core asks of its host: one CPU, one thread, and the owner's addresses are physical ones.
 */
#include "../core/x86.h"
#include "metal.h"

static void *vmxon_region;
static bool locked;

static void *page_alloc(void)
{
	return metal_pages_alloc(1);
}

static uint64_t page_pa(const void *page)
{
	return (uintptr_t)page;
}

static void *page_va(uint64_t pa)
{
	return (void *)(uintptr_t)pa;
}

static void *alloc(size_t size)
{
	return metal_pages_alloc((size + VMX_PAGE_SIZE - 1) / VMX_PAGE_SIZE);
}

static void lock(void *host_vm)
{
	if (locked)
		metal_die("the VM's lock is taken twice");
	locked = true;
}

static void unlock(void *host_vm)
{
	if (!locked)
		metal_die("the VM's lock is not held");
	locked = false;
}

static uint64_t frame_sequence(void *host_vm)
{
	return 0;
}

static int frame_get(void *host_vm, uint64_t hva, bool write, struct vmx_frame *out)
{
	if (locked)
		metal_die("frame_get under the lock");
	if (!metal_is_memory(hva) && (hva & VMX_PAGE_MASK) != METAL_APIC)
		return -EFAULT;
	*out = (struct vmx_frame){.pa = hva & VMX_PAGE_MASK, .writable = true, .level = 3};
	return 0;
}

static uint32_t frames_at_hand(
	void *host_vm, uint64_t hva, bool write, uint32_t n, struct vmx_frame *out)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (frame_get(host_vm, hva + i * VMX_PAGE_SIZE, write, &out[i]))
			break;
		out[i].level = 1;
	}
	return i;
}

static bool frame_stale(void *host_vm, uint64_t sequence, uint64_t hva)
{
	return false;
}

static void frame_put(void *host_vm, struct vmx_frame *frame)
{
}

static int user_read(void *host_vm, uint64_t hva, void *to, size_t n)
{
	if (!metal_is_memory(hva))
		return -EFAULT;
	memcpy(to, (const void *)(uintptr_t)hva, n);
	return 0;
}

static int user_cmpxchg64(void *host_vm, uint64_t hva, uint64_t old, uint64_t new_value)
{
	uint64_t *p = (uint64_t *)(uintptr_t)hva;

	if (!metal_is_memory(hva))
		return -EFAULT;
	if (*p != old)
		return 1;
	*p = new_value;
	return 0;
}

/* There is no other CPU on which a vCPU could be. */
static void leave_guest(void *host_vm)
{
}

/* The host has no FPU state of its own: it is compiled without. */
static void fpu_begin(void)
{
}

/* The CPU holds further ones back until an IRET (27.5.5): the host's own handler, and its. */
static void nmi(void)
{
	__asm__ volatile("int $2" : : : "memory");
}

static void machine_check(void)
{
	metal_die("machine check");
}

const struct vmx_host_ops metal_host = {
	.page_alloc = page_alloc,
	.page_free = metal_pages_free,
	.page_pa = page_pa,
	.page_va = page_va,
	.alloc = alloc,
	.free = metal_pages_free,
	.lock = lock,
	.unlock = unlock,
	.frame_sequence = frame_sequence,
	.frame_get = frame_get,
	.frames_at_hand = frames_at_hand,
	.frame_stale = frame_stale,
	.frame_put = frame_put,
	.user_read = user_read,
	.user_cmpxchg64 = user_cmpxchg64,
	.leave_guest = leave_guest,
	.fpu_begin = fpu_begin,
	.fpu_end = fpu_begin,
	.nmi = nmi,
	.machine_check = machine_check,
	.log = metal_log,
};

/* --- VMX on this CPU --- */

static void set_cr4(uint64_t cr4)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
}

/* A function that the core has asked for since, and that is not here, would be address 0: memory.
 */
static void check_host(void)
{
	void *ops[sizeof(metal_host) / sizeof(void *)];

	memcpy(ops, &metal_host, sizeof(ops));
	for (size_t i = 0; i < VMX_ARRAY_SIZE(ops); i++)
		if (!ops[i])
			metal_die("host.c lacks function %lu of struct vmx_host_ops", i);
}

enum sbv_state metal_vmx_on(bool want_ept)
{
	char why[128];
	enum sbv_state state;

	check_host();
	state = vmx_discover(want_ept, why);
	if (state != SBV_STATE_READY) {
		metal_print("vmx: %s\n", why);
		return state;
	}
	vmxon_region = metal_pages_alloc(1);
	set_cr4(x86_cr4() | CR4_VMXE);
	if (!vmxon_region || vmx_cpu_on(&metal_host, vmxon_region))
		metal_die("VMXON failed");
	return state;
}

void metal_vmx_off(void)
{
	vmx_cpu_off();
	set_cr4(x86_cr4() & ~CR4_VMXE);
	metal_pages_free(vmxon_region);
}

/* --- a vCPU's run, as core/vmx.h says --- */

static enum vmx_step enter(struct vmx_vcpu *v)
{
	enum vmx_step step;

	if (vmx_vcpu_wants_fpu(v))
		vmx_vcpu_fpu_load(v);
	vmx_vcpu_enter(v);
	step = vmx_vcpu_handle_atomic(v);
	metal_interrupts_window();
	return step;
}

bool metal_run(struct vmx_vcpu *v, uint64_t ticks)
{
	uint64_t begun = metal_interrupts;
	enum vmx_step step;

	vmx_vcpu_load(v, 0);
	step = vmx_vcpu_prepare(v);
	while (step != VMX_STEP_USER && metal_interrupts - begun < ticks) {
		if (step == VMX_STEP_SLEEP) {
			vmx_vcpu_fpu_unload(v);
			step = vmx_vcpu_handle(v);
		} else {
			step = enter(v);
		}
	}
	vmx_vcpu_fpu_unload(v);
	vmx_vcpu_put(v);
	return step == VMX_STEP_USER;
}
