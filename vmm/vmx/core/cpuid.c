/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * CPUID as the guest sees it: this CPU's, less what a guest cannot have (SDM vol. 2A, CPUID).
 * Leaves that are not in the table are zero.
 */
#include "vcpu.h"

#define LEAF_HYPERVISOR 0x40000000u

struct leaf {
	uint32_t number;
	uint32_t indices;	     /* sub-leaves that are passed on; 0: the leaf has none */
	uint32_t eax, ebx, ecx, edx; /* bits that are passed on */
};

#define ALL	   UINT32_MAX
#define B(n)	   (1u << (n))
#define BITS(a, b) ((uint32_t)((2ull << (b)) - (1ull << (a))))

/* 1 ecx: SSE3 PCLMULQDQ SSSE3 FMA CX16, SSE4.1 and .2, MOVBE POPCNT AES XSAVE, AVX F16C RDRAND */
#define LEAF1_ECX                                                                                  \
	(BITS(0, 1) | B(9) | BITS(12, 13) | BITS(19, 20) | BITS(22, 23) | BITS(25, 26) |           \
		BITS(28, 30))
/* edx: FPU VME DE PSE TSC MSR PAE, CX8 APIC SEP PGE, CMOV PAT PSE36, CLFSH, MMX FXSR SSE SSE2 */
#define LEAF1_EDX (BITS(0, 6) | BITS(8, 9) | B(11) | B(13) | BITS(15, 17) | B(19) | BITS(23, 26))
/* 7 ebx: FSGSBASE BMI1 AVX2 SMEP BMI2 ERMS, AVX512F and DQ, RDSEED ADX SMAP AVX512IFMA, CLFLUSHOPT
 * CLWB, AVX512CD SHA AVX512BW and VL */
#define LEAF7_EBX (B(0) | B(3) | B(5) | BITS(7, 9) | BITS(16, 21) | BITS(23, 24) | BITS(28, 31))
/* ecx: AVX512VBMI UMIP, VBMI2, GFNI VAES VPCLMULQDQ VNNI BITALG, VPOPCNTDQ, RDPID */
#define LEAF7_ECX (BITS(1, 2) | B(6) | BITS(8, 12) | B(14) | B(22))
#define LEAF7_EDX (B(4) | B(8)) /* FSRM, VP2INTERSECT */
/* 80000001 ecx: LAHF LZCNT PREFETCHW; edx: SYSCALL NX, 1 GiB pages, RDTSCP, LM */
#define EXT1_ECX (B(0) | B(5) | B(8))
#define EXT1_EDX (B(11) | B(20) | BITS(26, 27) | B(29))

static const struct leaf leaves[] = {
	{0x0, 0, ALL, ALL, ALL, ALL},
	{0x1, 0, ALL, 0x00ffffff, LEAF1_ECX, LEAF1_EDX},
	{0x2, 0, ALL, ALL, ALL, ALL},
	{0x4, 8, ALL, ALL, ALL, ALL},
	{0x7, 1, 0, LEAF7_EBX, LEAF7_ECX, LEAF7_EDX},
	{0xd, 8, ALL, ALL, ALL, ALL},
	{0x15, 0, ALL, ALL, ALL, 0},
	{0x16, 0, ALL, ALL, ALL, 0},
	{0x80000000, 0, ALL, ALL, ALL, ALL},
	{0x80000001, 0, ALL, 0, EXT1_ECX, EXT1_EDX},
	{0x80000002, 0, ALL, ALL, ALL, ALL},
	{0x80000003, 0, ALL, ALL, ALL, ALL},
	{0x80000004, 0, ALL, ALL, ALL, ALL},
	{0x80000005, 0, ALL, ALL, ALL, ALL},
	{0x80000006, 0, ALL, ALL, ALL, ALL},
	{0x80000007, 0, 0, 0, 0, B(8)}, /* invariant TSC */
	{0x80000008, 0, ALL, 0, 0, 0},
};

static const struct leaf *leaf_find(uint32_t number)
{
	for (size_t i = 0; i < VMX_ARRAY_SIZE(leaves); i++)
		if (leaves[i].number == number)
			return &leaves[i];
	return NULL;
}

/* Sizes for the components that the guest may have, and for those that it has switched on. */
static void xsave_leaf(const struct vmx_vcpu *v, uint32_t index, struct x86_cpuid *r)
{
	if (index == 0) {
		r->eax = (uint32_t)vmx_caps.xcr0;
		r->edx = (uint32_t)(vmx_caps.xcr0 >> 32);
		r->ecx = vmx_caps.xsave_size;
		r->ebx = 512 + 64;
		for (uint32_t i = 2; i < 8; i++) {
			struct x86_cpuid d = x86_cpuid(0xd, i);

			if ((v->xcr0 >> i & 1) && d.eax + d.ebx > r->ebx)
				r->ebx = d.eax + d.ebx;
		}
	} else if (index == 1) {
		*r = (struct x86_cpuid){.eax = r->eax & 7}; /* XSAVEOPT XSAVEC XGETBV(1) */
	} else if (!(vmx_caps.xcr0 >> index & 1)) {
		*r = (struct x86_cpuid){0};
	}
}

static void adjust(const struct vmx_vcpu *v, uint32_t number, uint32_t index, struct x86_cpuid *r)
{
	switch (number) {
	case 0x1:
		r->ebx = (r->ebx & 0x00ffffff) | v->index << 24; /* the APIC's number */
		if (v->cr4 & CR4_OSXSAVE)
			r->ecx |= B(27);
		if (!vmx_caps.xcr0) /* XSAVE, and what needs it */
			r->ecx &= ~(B(26) | B(28) | B(12) | B(29));
		r->ecx |= B(31); /* a hypervisor: it is the truth */
		break;
	case 0x7:
		if (!vmx_caps.rdtscp)
			r->ecx &= ~B(22);
		break;
	case 0xd:
		if (vmx_caps.xcr0)
			xsave_leaf(v, index, r);
		else
			*r = (struct x86_cpuid){0};
		break;
	case 0x80000001:
		if (!vmx_caps.rdtscp)
			r->edx &= ~B(27);
		break;
	case 0x80000008:
		r->eax = (r->eax & 0x0000ff00) | vmx_caps.phys_bits;
		break;
	default:
		break;
	}
}

static struct x86_cpuid guest_cpuid(const struct vmx_vcpu *v, uint32_t number, uint32_t index)
{
	const struct leaf *leaf = leaf_find(number);
	struct x86_cpuid r = {0};
	uint32_t last = x86_cpuid(number & 0x80000000, 0).eax;

	if (number == LEAF_HYPERVISOR) /* no interface of one */
		return (struct x86_cpuid){LEAF_HYPERVISOR, 0x646e6153, 0x56786f62, 0x2020584d};
	if (!leaf || number > last || (leaf->indices && index >= leaf->indices))
		return r;
	r = x86_cpuid(number, index);
	r.eax &= leaf->eax;
	r.ebx &= leaf->ebx;
	r.ecx &= leaf->ecx;
	r.edx &= leaf->edx;
	adjust(v, number, index, &r);
	return r;
}

enum vmx_step vmx_exit_cpuid(struct vmx_vcpu *v)
{
	struct x86_cpuid r = guest_cpuid(v, (uint32_t)v->regs.rax, (uint32_t)v->regs.rcx);

	v->regs.rax = r.eax;
	v->regs.rbx = r.ebx;
	v->regs.rcx = r.ecx;
	v->regs.rdx = r.edx;
	vmx_skip(v);
	return VMX_STEP_ENTER;
}
