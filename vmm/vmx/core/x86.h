/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The instructions and the numbers of the architecture that the core needs (SDM vol. 3A, 2.5 to
 * 2.8; vol. 4 for the MSRs). All run in ring 0.
 */
#ifndef VMX_CORE_X86_H
#define VMX_CORE_X86_H

#include "types.h"

#define CR0_PE (1ull << 0)
#define CR0_MP (1ull << 1)
#define CR0_EM (1ull << 2)
#define CR0_TS (1ull << 3)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_AM (1ull << 18)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)

#define CR4_VME	       (1ull << 0)
#define CR4_PVI	       (1ull << 1)
#define CR4_TSD	       (1ull << 2)
#define CR4_DE	       (1ull << 3)
#define CR4_PSE	       (1ull << 4)
#define CR4_PAE	       (1ull << 5)
#define CR4_MCE	       (1ull << 6)
#define CR4_PGE	       (1ull << 7)
#define CR4_OSFXSR     (1ull << 9)
#define CR4_OSXMMEXCPT (1ull << 10)
#define CR4_UMIP       (1ull << 11)
#define CR4_VMXE       (1ull << 13)
#define CR4_FSGSBASE   (1ull << 16)
#define CR4_OSXSAVE    (1ull << 18)
#define CR4_SMEP       (1ull << 20)
#define CR4_SMAP       (1ull << 21)

#define EFER_SCE (1ull << 0)
#define EFER_LME (1ull << 8)
#define EFER_LMA (1ull << 10)
#define EFER_NXE (1ull << 11)

#define RFLAGS_FIXED (1ull << 1)
#define RFLAGS_TF    (1ull << 8)
#define RFLAGS_IF    (1ull << 9)
#define RFLAGS_VM    (1ull << 17)
#define RFLAGS_AC    (1ull << 18)
#define RFLAGS_ALL   0x3f7fd5ull /* but for bit 1, those that are not always zero */

#define DR6_FIXED    0xffff0ff0ull
#define DR6_WRITABLE 0x0000e00full
#define DR7_FIXED    0x400ull
#define DR7_WRITABLE 0xffff23ffull
#define DR7_ENABLED  0xffull
#define DR7_GD	     (1ull << 13)

#define X86_VECTOR_DB  1u
#define X86_VECTOR_NMI 2u
#define X86_VECTOR_BP  3u
#define X86_VECTOR_OF  4u
#define X86_VECTOR_UD  6u
#define X86_VECTOR_DF  8u
#define X86_VECTOR_GP  13u
#define X86_VECTOR_PF  14u
#define X86_VECTOR_AC  17u
#define X86_VECTOR_MC  18u

#define MSR_TSC		     0x10u
#define MSR_FEATURE_CONTROL  0x3au
#define MSR_SYSENTER_CS	     0x174u
#define MSR_SYSENTER_ESP     0x175u
#define MSR_SYSENTER_EIP     0x176u
#define MSR_DEBUGCTL	     0x1d9u
#define MSR_PAT		     0x277u
#define MSR_VMX_BASIC	     0x480u
#define MSR_VMX_PIN	     0x481u
#define MSR_VMX_PRIMARY	     0x482u
#define MSR_VMX_EXIT	     0x483u
#define MSR_VMX_ENTRY	     0x484u
#define MSR_VMX_MISC	     0x485u
#define MSR_VMX_CR0_FIXED0   0x486u
#define MSR_VMX_CR0_FIXED1   0x487u
#define MSR_VMX_CR4_FIXED0   0x488u
#define MSR_VMX_CR4_FIXED1   0x489u
#define MSR_VMX_SECONDARY    0x48bu
#define MSR_VMX_EPT_VPID     0x48cu
#define MSR_VMX_TRUE_PIN     0x48du
#define MSR_VMX_TRUE_PRIMARY 0x48eu
#define MSR_VMX_TRUE_EXIT    0x48fu
#define MSR_VMX_TRUE_ENTRY   0x490u
#define MSR_EFER_	     0xc0000080u
#define MSR_STAR_	     0xc0000081u
#define MSR_LSTAR_	     0xc0000082u
#define MSR_CSTAR_	     0xc0000083u
#define MSR_FMASK_	     0xc0000084u
#define MSR_FSBASE_	     0xc0000100u
#define MSR_GSBASE_	     0xc0000101u
#define MSR_KERNEL_GSBASE_   0xc0000102u
#define MSR_TSC_AUX_	     0xc0000103u

#define FEATURE_CONTROL_LOCKED 1ull
#define FEATURE_CONTROL_VMX    4ull /* outside SMX */

struct x86_table {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

struct x86_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline uint64_t x86_rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void x86_wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t index)
{
	struct x86_cpuid r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(index));
	return r;
}

#define X86_READ(name, instruction)                                                                \
	static inline uint64_t name(void)                                                          \
	{                                                                                          \
		uint64_t value;                                                                    \
                                                                                                   \
		__asm__ volatile(instruction : "=r"(value) : : "memory");                          \
		return value;                                                                      \
	}
#define X86_WRITE(name, instruction)                                                               \
	static inline void name(uint64_t value)                                                    \
	{                                                                                          \
		__asm__ volatile(instruction : : "r"(value) : "memory");                           \
	}
X86_READ(x86_cr0, "mov %%cr0, %0")
X86_READ(x86_cr2, "mov %%cr2, %0")
X86_READ(x86_cr3, "mov %%cr3, %0")
X86_READ(x86_cr4, "mov %%cr4, %0")
X86_READ(x86_dr0, "mov %%dr0, %0")
X86_READ(x86_dr1, "mov %%dr1, %0")
X86_READ(x86_dr2, "mov %%dr2, %0")
X86_READ(x86_dr3, "mov %%dr3, %0")
X86_READ(x86_dr6, "mov %%dr6, %0")
X86_READ(x86_dr7, "mov %%dr7, %0")
X86_WRITE(x86_set_cr2, "mov %0, %%cr2")
X86_WRITE(x86_set_dr0, "mov %0, %%dr0")
X86_WRITE(x86_set_dr1, "mov %0, %%dr1")
X86_WRITE(x86_set_dr2, "mov %0, %%dr2")
X86_WRITE(x86_set_dr3, "mov %0, %%dr3")
X86_WRITE(x86_set_dr6, "mov %0, %%dr6")
X86_WRITE(x86_set_dr7, "mov %0, %%dr7")

#define X86_SELECTOR(name)                                                                         \
	static inline uint16_t x86_##name(void)                                                    \
	{                                                                                          \
		uint16_t value;                                                                    \
                                                                                                   \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value));                             \
		return value;                                                                      \
	}
X86_SELECTOR(cs)
X86_SELECTOR(ss)
X86_SELECTOR(ds)
X86_SELECTOR(es)
X86_SELECTOR(fs)
X86_SELECTOR(gs)

static inline uint16_t x86_tr(void)
{
	uint16_t value;

	__asm__ volatile("str %0" : "=r"(value));
	return value;
}

static inline uint16_t x86_ldtr(void)
{
	uint16_t value;

	__asm__ volatile("sldt %0" : "=r"(value));
	return value;
}

static inline struct x86_table x86_gdt(void)
{
	struct x86_table t;

	__asm__ volatile("sgdt %0" : "=m"(t));
	return t;
}

static inline struct x86_table x86_idt(void)
{
	struct x86_table t;

	__asm__ volatile("sidt %0" : "=m"(t));
	return t;
}

static inline uint64_t x86_xgetbv(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static inline void x86_xsetbv(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static inline uint64_t x86_rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}

/* 48 bits: 5-level paging is not offered to guests. */
static inline bool x86_canonical(uint64_t va)
{
	return (uint64_t)((int64_t)(va << 16) >> 16) == va;
}

#endif
