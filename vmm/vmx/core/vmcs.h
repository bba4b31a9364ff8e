/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The VMCS: encodings of its fields (SDM appendix B), the bits of its controls (24.6 to 24.8), and
 * the instructions on it. `vmlaunch` and `vmresume` are in entry.S.
 */
#ifndef VMX_CORE_VMCS_H
#define VMX_CORE_VMCS_H

#include "types.h"

enum vmcs_field {
	VMCS_VPID = 0x0000,
	VMCS_GUEST_ES = 0x0800,
	VMCS_GUEST_CS = 0x0802,
	VMCS_GUEST_SS = 0x0804,
	VMCS_GUEST_DS = 0x0806,
	VMCS_GUEST_FS = 0x0808,
	VMCS_GUEST_GS = 0x080a,
	VMCS_GUEST_LDTR = 0x080c,
	VMCS_GUEST_TR = 0x080e,
	VMCS_GUEST_PML_INDEX = 0x0812,
	VMCS_HOST_ES = 0x0c00,
	VMCS_HOST_CS = 0x0c02,
	VMCS_HOST_SS = 0x0c04,
	VMCS_HOST_DS = 0x0c06,
	VMCS_HOST_FS = 0x0c08,
	VMCS_HOST_GS = 0x0c0a,
	VMCS_HOST_TR = 0x0c0c,
	VMCS_MSR_BITMAP = 0x2004,
	VMCS_EXIT_MSR_STORE = 0x2006,
	VMCS_EXIT_MSR_LOAD = 0x2008,
	VMCS_ENTRY_MSR_LOAD = 0x200a,
	VMCS_PML_ADDRESS = 0x200e,
	VMCS_TSC_OFFSET = 0x2010,
	VMCS_EPTP = 0x201a,
	VMCS_GUEST_PHYSICAL = 0x2400,
	VMCS_LINK_POINTER = 0x2800,
	VMCS_GUEST_DEBUGCTL = 0x2802,
	VMCS_GUEST_EFER = 0x2806,
	VMCS_HOST_EFER = 0x2c02,
	VMCS_PIN_CONTROLS = 0x4000,
	VMCS_PRIMARY_CONTROLS = 0x4002,
	VMCS_EXCEPTION_BITMAP = 0x4004,
	VMCS_PF_ERROR_MASK = 0x4006,
	VMCS_PF_ERROR_MATCH = 0x4008,
	VMCS_CR3_TARGET_COUNT = 0x400a,
	VMCS_EXIT_CONTROLS = 0x400c,
	VMCS_EXIT_MSR_STORE_COUNT = 0x400e,
	VMCS_EXIT_MSR_LOAD_COUNT = 0x4010,
	VMCS_ENTRY_CONTROLS = 0x4012,
	VMCS_ENTRY_MSR_LOAD_COUNT = 0x4014,
	VMCS_ENTRY_EVENT = 0x4016,
	VMCS_ENTRY_EVENT_ERROR = 0x4018,
	VMCS_ENTRY_INSTRUCTION_LENGTH = 0x401a,
	VMCS_SECONDARY_CONTROLS = 0x401e,
	VMCS_PLE_GAP = 0x4020,
	VMCS_PLE_WINDOW = 0x4022,
	VMCS_INSTRUCTION_ERROR = 0x4400,
	VMCS_EXIT_REASON = 0x4402,
	VMCS_EXIT_EVENT = 0x4404,
	VMCS_EXIT_EVENT_ERROR = 0x4406,
	VMCS_IDT_VECTORING = 0x4408,
	VMCS_IDT_VECTORING_ERROR = 0x440a,
	VMCS_EXIT_INSTRUCTION_LENGTH = 0x440c,
	VMCS_EXIT_INSTRUCTION_INFO = 0x440e,
	VMCS_GUEST_ES_LIMIT = 0x4800,
	VMCS_GUEST_CS_LIMIT = 0x4802,
	VMCS_GUEST_SS_LIMIT = 0x4804,
	VMCS_GUEST_DS_LIMIT = 0x4806,
	VMCS_GUEST_FS_LIMIT = 0x4808,
	VMCS_GUEST_GS_LIMIT = 0x480a,
	VMCS_GUEST_LDTR_LIMIT = 0x480c,
	VMCS_GUEST_TR_LIMIT = 0x480e,
	VMCS_GUEST_GDTR_LIMIT = 0x4810,
	VMCS_GUEST_IDTR_LIMIT = 0x4812,
	VMCS_GUEST_ES_RIGHTS = 0x4814,
	VMCS_GUEST_CS_RIGHTS = 0x4816,
	VMCS_GUEST_SS_RIGHTS = 0x4818,
	VMCS_GUEST_DS_RIGHTS = 0x481a,
	VMCS_GUEST_FS_RIGHTS = 0x481c,
	VMCS_GUEST_GS_RIGHTS = 0x481e,
	VMCS_GUEST_LDTR_RIGHTS = 0x4820,
	VMCS_GUEST_TR_RIGHTS = 0x4822,
	VMCS_GUEST_INTERRUPTIBILITY = 0x4824,
	VMCS_GUEST_ACTIVITY = 0x4826,
	VMCS_GUEST_SYSENTER_CS = 0x482a,
	VMCS_PREEMPTION_TIMER = 0x482e,
	VMCS_HOST_SYSENTER_CS = 0x4c00,
	VMCS_CR0_MASK = 0x6000,
	VMCS_CR4_MASK = 0x6002,
	VMCS_CR0_SHADOW = 0x6004,
	VMCS_CR4_SHADOW = 0x6006,
	VMCS_EXIT_QUALIFICATION = 0x6400,
	VMCS_GUEST_LINEAR = 0x640a,
	VMCS_GUEST_CR0 = 0x6800,
	VMCS_GUEST_CR3 = 0x6802,
	VMCS_GUEST_CR4 = 0x6804,
	VMCS_GUEST_ES_BASE = 0x6806,
	VMCS_GUEST_CS_BASE = 0x6808,
	VMCS_GUEST_SS_BASE = 0x680a,
	VMCS_GUEST_DS_BASE = 0x680c,
	VMCS_GUEST_FS_BASE = 0x680e,
	VMCS_GUEST_GS_BASE = 0x6810,
	VMCS_GUEST_LDTR_BASE = 0x6812,
	VMCS_GUEST_TR_BASE = 0x6814,
	VMCS_GUEST_GDTR_BASE = 0x6816,
	VMCS_GUEST_IDTR_BASE = 0x6818,
	VMCS_GUEST_DR7 = 0x681a,
	VMCS_GUEST_RSP = 0x681c,
	VMCS_GUEST_RIP = 0x681e,
	VMCS_GUEST_RFLAGS = 0x6820,
	VMCS_GUEST_PENDING_DEBUG = 0x6822,
	VMCS_GUEST_SYSENTER_ESP = 0x6824,
	VMCS_GUEST_SYSENTER_EIP = 0x6826,
	VMCS_HOST_CR0 = 0x6c00,
	VMCS_HOST_CR3 = 0x6c02,
	VMCS_HOST_CR4 = 0x6c04,
	VMCS_HOST_FS_BASE = 0x6c06,
	VMCS_HOST_GS_BASE = 0x6c08,
	VMCS_HOST_TR_BASE = 0x6c0a,
	VMCS_HOST_GDTR_BASE = 0x6c0c,
	VMCS_HOST_IDTR_BASE = 0x6c0e,
	VMCS_HOST_SYSENTER_ESP = 0x6c10,
	VMCS_HOST_SYSENTER_EIP = 0x6c12,
	VMCS_HOST_RSP = 0x6c14, /* entry.S */
	VMCS_HOST_RIP = 0x6c16,
};

#define PIN_EXTERNAL_INTERRUPT (1u << 0)
#define PIN_NMI		       (1u << 3)
#define PIN_PREEMPTION_TIMER   (1u << 6)

#define PRIMARY_INTERRUPT_WINDOW (1u << 2)
#define PRIMARY_TSC_OFFSET	 (1u << 3)
#define PRIMARY_HLT		 (1u << 7)
#define PRIMARY_INVLPG		 (1u << 9)
#define PRIMARY_MWAIT		 (1u << 10)
#define PRIMARY_RDPMC		 (1u << 11)
#define PRIMARY_RDTSC		 (1u << 12)
#define PRIMARY_CR3_LOAD	 (1u << 15)
#define PRIMARY_CR3_STORE	 (1u << 16)
#define PRIMARY_CR8_LOAD	 (1u << 19)
#define PRIMARY_CR8_STORE	 (1u << 20)
#define PRIMARY_MOV_DR		 (1u << 23)
#define PRIMARY_IO		 (1u << 24)
#define PRIMARY_IO_BITMAPS	 (1u << 25)
#define PRIMARY_MSR_BITMAPS	 (1u << 28)
#define PRIMARY_MONITOR		 (1u << 29)
#define PRIMARY_PAUSE		 (1u << 30)
#define PRIMARY_SECONDARY	 (1u << 31)

#define SECONDARY_EPT	 (1u << 1)
#define SECONDARY_RDTSCP (1u << 3)
#define SECONDARY_VPID	 (1u << 5)
#define SECONDARY_WBINVD (1u << 6)
#define SECONDARY_PLE	 (1u << 10)
#define SECONDARY_PML	 (1u << 17)

#define EXIT_SAVE_DEBUG (1u << 2)
#define EXIT_HOST_64	(1u << 9)
#define EXIT_LOAD_EFER	(1u << 21)

#define ENTRY_LOAD_DEBUG (1u << 2)
#define ENTRY_IA32E	 (1u << 9)
#define ENTRY_LOAD_EFER	 (1u << 15)

/* Events: VM-entry and VM-exit interruption information, IDT vectoring (24.8.3, 24.9.2, 24.9.3). */
#define EVENT_VECTOR		 0xffu
#define EVENT_TYPE		 0x700u
#define EVENT_EXTERNAL		 0x000u
#define EVENT_NMI		 0x200u
#define EVENT_HARDWARE		 0x300u
#define EVENT_SOFTWARE_INTERRUPT 0x400u
#define EVENT_PRIVILEGED	 0x500u
#define EVENT_SOFTWARE_EXCEPTION 0x600u
#define EVENT_ERROR_CODE	 (1u << 11)
#define EVENT_VALID		 (1u << 31)

#define INTERRUPTIBILITY_STI	1u
#define INTERRUPTIBILITY_MOV_SS 2u

#define PENDING_DEBUG_STEP (1ull << 14)
#define PENDING_DEBUG_ALL  0x500full /* and breakpoints; without TSX's */

/* Access rights of segments (24.4.1). */
#define RIGHTS_TYPE	  0x0000fu
#define RIGHTS_ACCESSED	  0x00001u
#define RIGHTS_READABLE	  0x00002u /* of code; of data: writable */
#define RIGHTS_CONFORMING 0x00004u /* of code */
#define RIGHTS_CODE	  0x00008u
#define RIGHTS_S	  0x00010u /* code or data */
#define RIGHTS_DPL(r)	  ((r) >> 5 & 3)
#define RIGHTS_DPL3	  0x00060u
#define RIGHTS_PRESENT	  0x00080u
#define RIGHTS_LONG	  0x02000u
#define RIGHTS_DB	  0x04000u
#define RIGHTS_PAGES	  0x08000u /* the limit is counted in pages: G */
#define RIGHTS_UNUSABLE	  0x10000u
#define RIGHTS_ALL	  0x1f0ffu

#define EXIT_ENTRY_FAILED (1u << 31)

/* Entry point and failures are counted by the host's own tables; these return 0 or -EIO with the
 * reason in VMCS_INSTRUCTION_ERROR where there is a current VMCS. */
static inline int vmcs_clear(uint64_t pa)
{
	bool failed;

	__asm__ volatile("vmclear %1" : "=@ccbe"(failed) : "m"(pa) : "memory");
	return failed ? -EIO : 0;
}

static inline int vmcs_load(uint64_t pa)
{
	bool failed;

	__asm__ volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(pa) : "memory");
	return failed ? -EIO : 0;
}

static inline uint64_t vmcs_read(enum vmcs_field field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=r"(value) : "r"((uint64_t)field) : "cc");
	return value;
}

static inline void vmcs_write(enum vmcs_field field, uint64_t value)
{
	__asm__ volatile("vmwrite %1, %0" : : "r"((uint64_t)field), "r"(value) : "cc");
}

static inline void vmcs_set(enum vmcs_field field, uint64_t bits)
{
	vmcs_write(field, vmcs_read(field) | bits);
}

static inline void vmcs_clear_bits(enum vmcs_field field, uint64_t bits)
{
	vmcs_write(field, vmcs_read(field) & ~bits);
}

#endif
