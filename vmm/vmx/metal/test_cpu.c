/* SPDX-License-Identifier: Apache-2.0
 *
 * The CPU: what is found, on and off, and that it is the host's again after a run.
 */
#include "test.h"

static void ud2(void)
{
	__asm__ volatile("ud2");
}

static void vmxoff(void)
{
	__asm__ volatile("vmxoff");
}

void test_cpu_first(void)
{
	char why[128];

	test_case("an exception of the host");
	test_expect(metal_try(ud2) == X86_VECTOR_UD, "#UD was not seen");
	test_expect(metal_try(vmxoff) == X86_VECTOR_UD, "VMXOFF where VMX is off");

	test_case("discovery");
	test_expect(vmx_discover(true, why) == SBV_STATE_READY, "%s", why);
	metal_print("revision %x pin %x primary %x secondary %x exit %x entry %x\n",
		vmx_caps.revision, vmx_caps.pin, vmx_caps.primary, vmx_caps.secondary,
		vmx_caps.exit, vmx_caps.entry);
	metal_print("ept %u vpid %u ad %u pml %u ple %u efer %u rdtscp %u xcr0 %lx of %u bytes, %u "
		    "bits\n",
		vmx_caps.ept, vmx_caps.vpid, vmx_caps.ept_ad, vmx_caps.pml, vmx_caps.ple,
		vmx_caps.load_efer, vmx_caps.rdtscp, vmx_caps.xcr0, vmx_caps.xsave_size,
		vmx_caps.phys_bits);
	test_expect(vmx_same_cpu(), "the CPU is not like itself");
	test_expect(vmx_discover(false, why) == SBV_STATE_READY && !vmx_caps.ept && !vmx_caps.pml,
		"EPT although it is not wanted");
}

static void test_on(void)
{
	char why[128];
	void *region;

	test_case("VMX is on");
	test_expect(x86_rdmsr(MSR_FEATURE_CONTROL) & FEATURE_CONTROL_LOCKED, "and not locked");
	test_expect(vmx_discover(vmx_caps.ept, why) == SBV_STATE_IN_USE, "in use, and not said so");
	test_expect(why[0], "no reason given");
	region = metal_pages_alloc(1);
	test_expect(vmx_cpu_on(&metal_host, region) == -EIO, "VMXON twice");
	metal_pages_free(region);
	test_expect(vmx_same_cpu(), "the CPU is not like itself");
}

/* Nothing of the host's is lost in a run that changes all it can. */
static void test_host_state(void)
{
	static const uint32_t msrs[] = {MSR_LSTAR_, MSR_STAR_, MSR_FMASK_, MSR_KERNEL_GSBASE_,
		MSR_FSBASE_, MSR_GSBASE_, MSR_EFER_, MSR_SYSENTER_CS};
	uint64_t before[VMX_ARRAY_SIZE(msrs)];
	struct x86_table gdt, idt;
	struct sbv_regs *r;
	struct guest g;

	test_case("the host's state");
	test_guest_begin(&g);
	x86_wrmsr(MSR_LSTAR_, 0x1111);
	x86_wrmsr(MSR_FSBASE_, 0x2222);
	x86_wrmsr(MSR_KERNEL_GSBASE_, 0x3333);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(msrs); i++)
		before[i] = x86_rdmsr(msrs[i]);
	/* swapgs; wrmsr of LSTAR; load ds, es from a selector */
	r = guest_start(&g, "\x0f\x01\xf8\x0f\x30\x8e\xdb\x8e\xc3", 9, 0);
	r->rax = 0x4444;
	r->rbx = 0x10;
	r->rcx = MSR_LSTAR_;
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(msrs); i++)
		test_expect(x86_rdmsr(msrs[i]) == before[i], "MSR %x is %lx", msrs[i],
			x86_rdmsr(msrs[i]));
	gdt = x86_gdt();
	idt = x86_idt();
	test_expect(x86_ds() == 0x10 && x86_es() == 0x10, "ds %x es %x", x86_ds(), x86_es());
	test_expect(gdt.base != GUEST_GDT && idt.base != GUEST_IDT, "the guest's tables");
	test_expect(!metal_interrupts || x86_dr7() == DR7_FIXED, "dr7 %lx", x86_dr7());
	test_guest_end(&g);
}

/* The program's vector registers come in by an image and go out by it. */
static void test_fpu(void)
{
	uint8_t *image = metal_pages_alloc(1);
	struct guest g;

	test_case("the FPU's image");
	test_guest_begin(&g);
	guest_start(&g, "\x66\x0f\x6f\xc8", 4, 3); /* movdqa %xmm0, %xmm1 */
	vmx_vcpu_load(g.v, 0);
	vmx_vcpu_get_fpu(g.v, image);
	memset(image + 160, 0x77, 16); /* XMM0 */
	test_expect(!vmx_vcpu_set_fpu(g.v, image), "an image is refused");
	image[27] = 0xff; /* MXCSR's reserved bits */
	test_expect(vmx_vcpu_set_fpu(g.v, image) == -EINVAL, "MXCSR's reserved bits are taken");
	vmx_vcpu_put(g.v);
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	vmx_vcpu_load(g.v, 0);
	vmx_vcpu_get_fpu(g.v, image);
	vmx_vcpu_put(g.v);
	test_expect(!memcmp(image + 160, image + 176, 16) && image[176] == 0x77, "XMM1 has %x",
		image[176]);
	test_guest_end(&g);
	metal_pages_free(image);
}

static void test_index(void)
{
	struct vmx_vcpu *more;
	struct guest g;

	test_case("vCPUs by their number");
	test_guest_begin(&g);
	test_expect(vmx_vcpu_create(g.vm, 0, &more) == -EEXIST, "number 0 twice");
	test_expect(vmx_vcpu_create(g.vm, SBV_VCPUS_MAX, &more) == -EINVAL, "number 64");
	test_expect(!vmx_vcpu_create(g.vm, 63, &more), "number 63");
	test_expect(more->vpid != g.v->vpid || !vmx_caps.vpid, "the same VPID");
	vmx_vcpu_destroy(more);
	test_guest_end(&g);
}

void test_cpu(void)
{
	test_on();
	test_host_state();
	test_fpu();
	test_index();
}
