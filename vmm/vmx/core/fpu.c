/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The guest's FPU and vector state. It is loaded whole before the guest runs, and not on the first
 * use: with another's state in the registers and CR0.TS set, a guest on many CPUs can read that
 * state by speculation (CVE-2018-3665).
 */
#include "vcpu.h"

#define MXCSR_RESERVED 0xffff0000u

static void xrstor(const void *image, uint64_t mask)
{
	__asm__ volatile("xrstor64 (%0)"
			 :
			 : "r"(image), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

static void xsave(void *image, uint64_t mask)
{
	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(image), "a"((uint32_t)mask), "d"((uint32_t)(mask >> 32))
			 : "memory");
}

/* XSTATE_BV, the header's first word: XRSTOR refuses components that XCR0 has not. */
static uint64_t *components(void *image)
{
	return (uint64_t *)((uint8_t *)image + 512);
}

bool vmx_vcpu_wants_fpu(const struct vmx_vcpu *v)
{
	return !v->fpu_loaded;
}

void vmx_vcpu_fpu_load(struct vmx_vcpu *v)
{
	v->vm->host->fpu_begin();
	v->fpu_loaded = true;
	if (!vmx_caps.xcr0) {
		__asm__ volatile("fxrstor64 (%0)" : : "r"(v->xsave) : "memory");
		return;
	}
	v->host_xcr0 = x86_xgetbv();
	if (v->host_xcr0 != v->xcr0)
		x86_xsetbv(v->xcr0);
	*components(v->xsave) &= v->xcr0;
	xrstor(v->xsave, v->xcr0);
}

void vmx_vcpu_fpu_unload(struct vmx_vcpu *v)
{
	if (!v->fpu_loaded)
		return;
	v->fpu_loaded = false;
	if (!vmx_caps.xcr0) {
		__asm__ volatile("fxsave64 (%0)" : : "r"(v->xsave) : "memory");
	} else {
		xsave(v->xsave, v->xcr0);
		if (v->host_xcr0 != v->xcr0)
			x86_xsetbv(v->host_xcr0);
	}
	v->vm->host->fpu_end();
}

void vmx_fpu_reset(struct vmx_vcpu *v)
{
	const uint16_t fcw = 0x37f; /* SDM vol. 1, 8.1.5 */
	const uint32_t mxcsr = 0x1f80;

	memset(v->xsave, 0, vmx_caps.xsave_size);
	memcpy(v->xsave, &fcw, sizeof(fcw));
	memcpy((uint8_t *)v->xsave + 24, &mxcsr, sizeof(mxcsr));
	if (vmx_caps.xcr0)
		*components(v->xsave) = 3;
}

/* What XRSTOR would fault on, SDM vol. 1, 13.8. */
int vmx_vcpu_set_fpu(struct vmx_vcpu *v, const void *image)
{
	const uint8_t *p = image;
	uint64_t header[8];
	uint32_t mxcsr;

	memcpy(&mxcsr, p + 24, sizeof(mxcsr));
	if (mxcsr & MXCSR_RESERVED)
		return -EINVAL;
	if (vmx_caps.xcr0) {
		memcpy(header, p + 512, sizeof(header));
		if (header[0] & ~vmx_caps.xcr0)
			return -EINVAL;
		for (int i = 1; i < 8; i++)
			if (header[i])
				return -EINVAL;
	}
	memcpy(v->xsave, image, vmx_caps.xsave_size);
	return 0;
}

void vmx_vcpu_get_fpu(struct vmx_vcpu *v, void *image)
{
	memcpy(image, v->xsave, vmx_caps.xsave_size);
}
