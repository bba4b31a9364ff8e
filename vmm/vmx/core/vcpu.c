/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * A vCPU's life: made, on a CPU and off it, into the guest and out.
 */
#include "vcpu.h"

bool vmx_fill_return_buffer = true; /* read by entry.S */

/* --- VPIDs: the TLB's tags, one for each vCPU of the machine; 0 is the host's --- */

static uint64_t vpids[65536 / 64] = {1};

static int vpid_take(uint16_t *out)
{
	for (uint32_t w = 0; w < VMX_ARRAY_SIZE(vpids); w++) {
		uint64_t used = __atomic_load_n(&vpids[w], __ATOMIC_RELAXED);

		while (~used) {
			uint64_t bit = ~used & (used + 1);

			if (__atomic_compare_exchange_n(&vpids[w], &used, used | bit, false,
				    __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
				*out = (uint16_t)(w * 64 + (uint32_t)__builtin_ctzll(bit));
				return 0;
			}
		}
	}
	return -ENOSPC;
}

static void vpid_give(uint16_t vpid)
{
	if (vpid)
		__atomic_and_fetch(&vpids[vpid / 64], ~(1ull << vpid % 64), __ATOMIC_RELAXED);
}

/* --- made and ended --- */

static int vcpu_memory(struct vmx_vcpu *v)
{
	const struct vmx_host_ops *host = v->vm->host;

	v->vmcs = host->page_alloc();
	v->xsave = host->page_alloc();
	if (!v->vmcs || !v->xsave || vmx_caps.xsave_size > VMX_PAGE_SIZE)
		return -ENOMEM;
	if (!vmx_caps.load_efer) {
		v->msr_area = host->page_alloc();
		if (!v->msr_area)
			return -ENOMEM;
	}
	*(uint32_t *)v->vmcs = vmx_caps.revision;
	v->vmcs_pa = host->page_pa(v->vmcs);
	vmx_fpu_reset(v);
	return vmx_caps.vpid ? vpid_take(&v->vpid) : 0;
}

void vmx_vcpu_destroy(struct vmx_vcpu *v)
{
	const struct vmx_host_ops *host = v->vm->host;

	if (v->vm->vcpus[v->index] == v)
		v->vm->vcpus[v->index] = NULL;
	v->vm->mmu->vcpu_destroy(v);
	vmx_cache_drain(v->vm, &v->cache);
	vpid_give(v->vpid);
	if (v->msr_area)
		host->page_free(v->msr_area);
	if (v->xsave)
		host->page_free(v->xsave);
	if (v->vmcs)
		host->page_free(v->vmcs);
	host->free(v);
}

int vmx_vcpu_create(struct vmx_vm *vm, uint32_t index, struct vmx_vcpu **out)
{
	struct vmx_vcpu *v;
	int result;

	if (index >= SBV_VCPUS_MAX || vm->vcpus[index])
		return index >= SBV_VCPUS_MAX ? -EINVAL : -EEXIST;
	v = vm->host->alloc(sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->index = index;
	v->cpu = -1;
	v->irq = SBV_IRQ_NONE;
	result = vcpu_memory(v);
	if (!result)
		result = vm->mmu->vcpu_init(v);
	if (result) {
		vmx_vcpu_destroy(v);
		return result;
	}
	vm->vcpus[index] = v;
	*out = v;
	return 0;
}

/* --- on a CPU and off it --- */

/* Descriptors of 16 bytes: SDM vol. 3A, 8.2.3. */
static uint64_t tss_base(const struct x86_table *gdt, uint16_t selector)
{
	const uint64_t *d = (const uint64_t *)(uintptr_t)(gdt->base + (selector & ~7u));

	return (d[0] >> 16 & 0xffffff) | (d[0] >> 56 & 0xff) << 24 | d[1] << 32;
}

/* What is this CPU's own. */
static void host_cpu_state(struct vmx_vcpu *v)
{
	struct x86_table gdt = x86_gdt(), idt = x86_idt();
	struct vmx_live_msrs *m = &v->host.msrs;

	vmcs_write(VMCS_HOST_TR_BASE, tss_base(&gdt, x86_tr()));
	vmcs_write(VMCS_HOST_GDTR_BASE, gdt.base);
	vmcs_write(VMCS_HOST_IDTR_BASE, idt.base);
	vmcs_write(VMCS_HOST_GS_BASE, x86_rdmsr(MSR_GSBASE_));
	vmcs_write(VMCS_HOST_SYSENTER_ESP, x86_rdmsr(MSR_SYSENTER_ESP));
	vmcs_write(VMCS_HOST_SYSENTER_EIP, x86_rdmsr(MSR_SYSENTER_EIP));
	m->lstar = x86_rdmsr(MSR_LSTAR_);
	m->star = x86_rdmsr(MSR_STAR_);
	m->fmask = x86_rdmsr(MSR_FMASK_);
	m->tsc_aux = vmx_caps.rdtscp ? x86_rdmsr(MSR_TSC_AUX_) : 0;
}

/* ... and this thread's. */
static void host_thread_state(struct vmx_vcpu *v)
{
	struct vmx_host_state *h = &v->host;
	uint64_t fs_base = x86_rdmsr(MSR_FSBASE_);

	h->ds = x86_ds();
	h->es = x86_es();
	h->fs = x86_fs();
	h->gs = x86_gs();
	h->ldtr = x86_ldtr();
	h->debugctl = x86_rdmsr(MSR_DEBUGCTL);
	if (h->fs_base != fs_base) {
		h->fs_base = fs_base;
		vmcs_write(VMCS_HOST_FS_BASE, fs_base);
	}
}

static void first_load(struct vmx_vcpu *v)
{
	vmcs_clear(v->vmcs_pa);
	vmcs_load(v->vmcs_pa);
	vmx_vmcs_setup(v);
	vmcs_write(VMCS_HOST_FS_BASE, 0); /* as v->host.fs_base is */
	v->set_up = true;
}

void vmx_vcpu_load(struct vmx_vcpu *v, int cpu)
{
	if (v->set_up)
		vmcs_load(v->vmcs_pa);
	else
		first_load(v);
	if (v->cpu != cpu) {
		v->cpu = cpu;
		host_cpu_state(v);
		v->tlb_seen = UINT64_MAX; /* this CPU may remember it from before */
	}
	host_thread_state(v);
	vmx_msrs_to_guest(v);
	v->loaded = true;
}

/* Selectors that the exit left null: the thread's may be others, and a load of FS or GS changes its
 * base, too (Linux keeps its own GS base in ring 0). */
static void restore_selectors(const struct vmx_host_state *h)
{
	if (h->ldtr)
		__asm__ volatile("lldt %0" : : "r"(h->ldtr));
	if (h->ds | h->es) {
		__asm__ volatile("mov %0, %%ds" : : "r"(h->ds));
		__asm__ volatile("mov %0, %%es" : : "r"(h->es));
	}
	if (h->fs) {
		__asm__ volatile("mov %0, %%fs" : : "r"(h->fs));
		x86_wrmsr(MSR_FSBASE_, h->fs_base);
	}
	if (h->gs) {
		/* With the thread's base in it: an NMI between finds one that it knows not to be
		 * the kernel's. */
		__asm__ volatile("swapgs\n\tmov %0, %%gs\n\tswapgs" : : "r"(h->gs));
		x86_wrmsr(MSR_KERNEL_GSBASE_, h->msrs.kernel_gs_base);
	}
}

void vmx_vcpu_put(struct vmx_vcpu *v)
{
	v->loaded = false;
	vmx_msrs_to_host(v);
	restore_selectors(&v->host);
}

void vmx_vcpu_clear(struct vmx_vcpu *v)
{
	vmcs_clear(v->vmcs_pa);
	v->launched = false;
	v->cpu = -1;
}

int vmx_vcpu_cpu(const struct vmx_vcpu *v)
{
	return v->cpu;
}

/* --- into the guest and out --- */

static void invvpid(uint16_t vpid)
{
	struct {
		uint64_t vpid, linear;
	} descriptor = {vpid, 0};

	/* type 1: all of this VPID's (SDM 31.3, INVVPID) */
	__asm__ volatile("invvpid %0, %1" : : "m"(descriptor), "r"(1ull) : "cc", "memory");
}

static void flush_own_tlb(struct vmx_vcpu *v)
{
	uint64_t generation = __atomic_load_n(&v->vm->tlb_generation, __ATOMIC_ACQUIRE);

	if (v->tlb_seen == generation)
		return;
	v->tlb_seen = generation;
	if (v->vm->ept_root)
		vmx_ept_invalidate(v);
	if (v->vpid)
		invvpid(v->vpid); /* without VPIDs each entry flushes */
}

/* With shadow paging the root may have gone since, by another vCPU's hand. */
static bool load_root(struct vmx_vcpu *v)
{
	uint64_t root = v->shadow.root_pa;

	if (v->vm->ept_root)
		return true;
	if (!root)
		return false;
	if (v->shadow_root != root) {
		v->shadow_root = root;
		vmcs_write(VMCS_GUEST_CR3, root);
		if (v->vpid)
			invvpid(v->vpid);
	}
	return true;
}

static void host_changing_state(struct vmx_vcpu *v)
{
	uint64_t cr3 = x86_cr3(), cr4 = x86_cr4();

	if (v->host.cr3 != cr3) {
		v->host.cr3 = cr3;
		vmcs_write(VMCS_HOST_CR3, cr3);
	}
	if (v->host.cr4 != cr4) {
		v->host.cr4 = cr4;
		vmcs_write(VMCS_HOST_CR4, cr4);
	}
}

/* The guest's breakpoints are in the CPU only if there are some; the host's own come back. An exit
 * leaves DR7 as after reset (27.5.1). */
static int run_with_debug_registers(struct vmx_vcpu *v)
{
	uint64_t host7 = x86_dr7();
	uint64_t saved[] = {x86_dr0(), x86_dr1(), x86_dr2(), x86_dr3(), x86_dr6()};
	int failed;

	x86_set_dr7(DR7_FIXED);
	x86_set_dr0(v->dr[0]);
	x86_set_dr1(v->dr[1]);
	x86_set_dr2(v->dr[2]);
	x86_set_dr3(v->dr[3]);
	x86_set_dr6(v->dr6);
	failed = vmx_guest_run(&v->regs, v->launched);
	v->dr6 = x86_dr6();
	x86_set_dr0(saved[0]);
	x86_set_dr1(saved[1]);
	x86_set_dr2(saved[2]);
	x86_set_dr3(saved[3]);
	x86_set_dr6(saved[4]);
	x86_set_dr7(host7);
	return failed;
}

static int run(struct vmx_vcpu *v)
{
	uint64_t host7;
	int failed;

	if (v->dr7 & DR7_ENABLED)
		return run_with_debug_registers(v);
	host7 = x86_dr7();
	failed = vmx_guest_run(&v->regs, v->launched);
	if (host7 != DR7_FIXED)
		x86_set_dr7(host7);
	return failed;
}

/* The host's part of what came, while interrupts are still off. */
static void host_events(const struct vmx_vcpu *v)
{
	uint32_t info;

	if ((v->reason & 0xffff) != 0)
		return;
	info = (uint32_t)vmcs_read(VMCS_EXIT_EVENT);
	if ((info & EVENT_TYPE) == EVENT_NMI)
		v->vm->host->nmi();
	else if ((info & EVENT_VECTOR) == X86_VECTOR_MC)
		v->vm->host->machine_check();
}

static void registers_in(const struct vmx_vcpu *v)
{
	vmcs_write(VMCS_GUEST_RIP, v->regs.rip);
	vmcs_write(VMCS_GUEST_RSP, v->regs.rsp);
	vmcs_write(VMCS_GUEST_RFLAGS, (v->regs.rflags & RFLAGS_ALL & ~RFLAGS_VM) | RFLAGS_FIXED);
}

static void registers_out(struct vmx_vcpu *v)
{
	v->regs.rip = vmcs_read(VMCS_GUEST_RIP);
	v->regs.rsp = vmcs_read(VMCS_GUEST_RSP);
	v->regs.rflags = vmcs_read(VMCS_GUEST_RFLAGS);
}

static void after_exit(struct vmx_vcpu *v)
{
	v->launched = true;
	v->reason = (uint32_t)vmcs_read(VMCS_EXIT_REASON);
	if (v->reason & EXIT_ENTRY_FAILED)
		return;
	registers_out(v);
	vmx_event_after_exit(v);
	host_events(v);
	v->stats.exits[(v->reason & 0xffff) < SBV_EXIT_KINDS ? v->reason & 0xffff : 0]++;
}

void vmx_vcpu_enter(struct vmx_vcpu *v)
{
	v->must_prepare = !load_root(v);
	if (v->must_prepare)
		return;
	flush_own_tlb(v);
	vmx_event_before_entry(v);
	registers_in(v);
	host_changing_state(v);
	if (x86_cr2() != v->cr2)
		x86_set_cr2(v->cr2);
	v->entry_failed = run(v);
	v->cr2 = x86_cr2();
	if (v->host.debugctl)
		x86_wrmsr(MSR_DEBUGCTL, v->host.debugctl);
	if (!v->entry_failed)
		after_exit(v);
}

/* --- what the exits' handlers share --- */

uint32_t vmx_cpl(void)
{
	return (uint32_t)vmcs_read(VMCS_GUEST_SS_RIGHTS) >> 5 & 3;
}

/* As the CPU itself would go on: the shadow of STI and MOV SS ends, and a single step is due. */
void vmx_skip(struct vmx_vcpu *v)
{
	uint64_t shadow = vmcs_read(VMCS_GUEST_INTERRUPTIBILITY);

	v->regs.rip += vmcs_read(VMCS_EXIT_INSTRUCTION_LENGTH);
	if (shadow & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS))
		vmcs_write(VMCS_GUEST_INTERRUPTIBILITY,
			shadow & ~(uint64_t)(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
	if (v->regs.rflags & RFLAGS_TF)
		vmcs_set(VMCS_GUEST_PENDING_DEBUG, PENDING_DEBUG_STEP);
}

enum vmx_step vmx_to_user(struct vmx_vcpu *v, uint32_t reason)
{
	v->user.reason = reason;
	v->stats.to_user++;
	return VMX_STEP_USER;
}

enum vmx_step vmx_fail(struct vmx_vcpu *v, uint32_t code, uint64_t detail)
{
	v->user.code = code;
	v->user.detail = detail;
	return vmx_to_user(v, SBV_EXIT_FAIL);
}

/* --- for the host --- */

const struct vmx_user_exit *vmx_vcpu_exit(const struct vmx_vcpu *v)
{
	return &v->user;
}

uint32_t vmx_vcpu_exit_reason(const struct vmx_vcpu *v)
{
	return v->reason;
}

struct sbv_regs *vmx_vcpu_regs(struct vmx_vcpu *v)
{
	return &v->regs;
}

void vmx_vcpu_answer_in(struct vmx_vcpu *v, uint32_t value)
{
	uint64_t mask = v->in_size == 4 ? UINT64_MAX : (1ull << 8 * v->in_size) - 1;

	if (v->in_waits)
		v->regs.rax = (v->regs.rax & ~mask) | (value & mask);
	v->in_waits = false;
}

void vmx_vcpu_set_irq(struct vmx_vcpu *v, uint16_t vector)
{
	v->irq = vector == SBV_IRQ_NONE ? vector : vector & EVENT_VECTOR;
}

uint16_t vmx_vcpu_irq(const struct vmx_vcpu *v)
{
	return v->irq;
}

void vmx_vcpu_stats(const struct vmx_vcpu *v, struct sbv_stats *out)
{
	*out = v->stats;
}

void vmx_vcpu_count_doorbell(struct vmx_vcpu *v)
{
	v->stats.doorbells++;
	v->stats.to_user--;
}
