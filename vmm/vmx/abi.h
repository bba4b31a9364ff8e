/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * /dev/sandbox-vmx: what the launcher and the module say to each other. Both sides compile this
 * file; every struct has the same layout in each, with no padding that is not named.
 *
 * An open of the device is one virtual machine: it lives until the last descriptor of it and of its
 * vCPUs is closed. Only the process (mm) that opened it may use it: others get EIO, but for
 * SBV_NEW. An ioctl's error is -1 with errno; what each may be is said at its struct.
 */
#ifndef VMM_VMX_ABI_H
#define VMM_VMX_ABI_H

#ifdef __KERNEL__
#include <linux/ioctl.h>
#include <linux/types.h>
#else
#include <stdint.h>
#include <sys/ioctl.h>
#endif

#define SBV_DEVICE	"/dev/sandbox-vmx"
#define SBV_ABI_VERSION 2u /* SBV_CAPS tells the module's: they must be equal */

#define SBV_SLOTS     32u
#define SBV_VCPUS_MAX 64u

/* What stands in the way of VMX on this machine: enum sbv_state in struct sbv_caps. */
enum sbv_state {
	SBV_STATE_READY,
	SBV_STATE_NO_VMX,	   /* the CPU has none (or a hypervisor hides it) */
	SBV_STATE_OFF_IN_FIRMWARE, /* IA32_FEATURE_CONTROL is locked without it */
	SBV_STATE_IN_USE,	   /* CR4.VMXE is set by someone else: KVM runs a guest */
	SBV_STATE_TOO_OLD,	   /* a control that is needed is missing: `why` names it */
};

struct sbv_caps {
	uint32_t abi_version;
	uint32_t state; /* enum sbv_state */
	uint32_t ept;	/* 1: EPT, 0: shadow paging */
	uint32_t xsave_size;
	uint64_t xcr0;
	uint32_t phys_bits; /* of guest-physical addresses */
	uint32_t fsgsbase;
	uint32_t nested; /* the CPU says that it is virtual itself */
	uint32_t reserved;
	char why[128]; /* a sentence, NUL-terminated */
};

#define SBV_MEM_READONLY 1u
#define SBV_MEM_LOG	 2u /* the pages that the guest writes are logged: SBV_DIRTY_LOG */

/* EINVAL: slot, alignment (4 KiB), flags or wrap-around; EEXIST: an overlap, or the slot is in use
 * and size is not 0 (0 removes it), but for a change of flags alone; ENOMEM. */
struct sbv_memory {
	uint32_t slot;
	uint32_t flags;
	uint64_t gpa;
	uint64_t hva;
	uint64_t size;
};

/* Bit n of the bitmap: page n of the slot was written since the last call. ENOENT: not logged. */
struct sbv_dirty_log {
	uint32_t slot;
	uint32_t reserved;
	uint64_t bitmap; /* address of (pages + 63) / 64 words */
};

/* In vm.h's order: struct vm_gprs. */
struct sbv_regs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

/* struct vm_sregs. A vCPU is always in 64-bit mode: EINVAL for what is not. */
struct sbv_sregs {
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t gdt_base, idt_base, tss_base;
	uint64_t fs_base, gs_base;
	uint16_t gdt_limit, idt_limit, tss_limit;
	uint16_t cs, ss, tr;
	uint32_t reserved;
};

/* A segment register as a VMCS has it (SDM 24.4.1). */
struct sbv_segment {
	uint64_t base;
	uint32_t limit;
	uint32_t rights; /* bit 16: unusable */
	uint16_t selector;
	uint16_t reserved[3];
};

enum sbv_segment_index {
	SBV_ES,
	SBV_CS,
	SBV_SS,
	SBV_DS,
	SBV_FS,
	SBV_GS,
	SBV_LDTR,
	SBV_TR,
	SBV_SEGMENTS,
};

/*
 * All of a vCPU's state between two runs, but for the FPU's (struct sbv_fpu) and an interrupt that
 * waits (sbv_run.irq). EINVAL: VM entry would refuse it, or no guest can come to it by itself; then
 * nothing has changed. It becomes the run page's registers, which are not dirty then.
 */
struct sbv_vcpu_state {
	struct sbv_regs regs;
	uint64_t cr0, cr2, cr3, cr4, cr8, efer, xcr0;
	uint64_t dr[4], dr6, dr7;
	uint64_t gdt_base, idt_base;
	struct sbv_segment segment[SBV_SEGMENTS];
	uint64_t star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
	uint64_t pat, sysenter_cs, sysenter_esp, sysenter_eip;
	uint64_t tsc_offset; /* to the host's */
	/* What is on its way to the guest, as VM entry takes it (SDM 24.8.3): event 0: nothing. */
	uint32_t event, event_error, event_length;
	uint32_t interruptibility; /* SDM 24.4.2: STI and MOV SS alone */
	uint64_t pending_debug;
	uint16_t gdt_limit, idt_limit;
	uint32_t reserved; /* 0, as those of segments */
};

/* EINVAL: no such MSR here, or a value that WRMSR would refuse. */
struct sbv_msr {
	uint32_t index;
	uint32_t reserved;
	uint64_t value;
};

/* XSAVE image in standard format, sbv_caps.xsave_size bytes. EINVAL: XRSTOR would refuse it. */
struct sbv_fpu {
	uint64_t address;
	uint32_t size;
	uint32_t reserved;
};

/*
 * The doorbell's short way: an OUT of the guest to `port` is answered in the module, if the service
 * looks at the ring by itself (`polling` is not 0): bells is advanced, and the vCPU waits for up to
 * wait_ns until `served` has caught up. All three are 32-bit words of the launcher, in one page.
 * Otherwise, and after that time, the exit goes to the launcher as usual.
 */
struct sbv_doorbell {
	uint16_t port;
	uint16_t enable;
	uint32_t wait_ns;
	uint64_t bells, served, polling; /* addresses, 4-byte aligned */
};

#define SBV_EXIT_KINDS 96u /* basic exit reasons (SDM vol. 3, appendix C), by number */

struct sbv_stats {
	uint64_t exits[SBV_EXIT_KINDS]; /* all, by the hardware's reason */
	uint64_t to_user;		/* exits that SBV_RUN returned with */
	uint64_t interrupts;		/* injected for sbv_run.irq */
	uint64_t doorbells;		/* answered in the module */
};

enum sbv_exit_reason {
	SBV_EXIT_NONE,
	SBV_EXIT_IO_OUT, /* port, size, value; rip is behind the instruction */
	SBV_EXIT_IO_IN,	 /* the answer is in_value of the next run */
	SBV_EXIT_MMIO,	 /* gpa: no slot there; rip is at the instruction */
	SBV_EXIT_HLT,
	SBV_EXIT_INTR, /* immediate_exit, or a signal is pending */
	SBV_EXIT_SHUTDOWN,
	SBV_EXIT_MEMORY, /* gpa: the host has no memory behind it */
	SBV_EXIT_FAIL,	 /* code and detail: enum sbv_fail */
};

enum sbv_fail {
	SBV_FAIL_ENTRY = 1, /* VM entry failed: detail is the VM-instruction error (SDM 31.4) */
	SBV_FAIL_STATE,	    /* ... for guest state: detail is the exit qualification (27.8) */
	SBV_FAIL_EXIT,	    /* an exit that cannot be: detail is the exit reason */
	SBV_FAIL_MISCONFIG, /* EPT misconfiguration: detail is the guest-physical address */
	SBV_FAIL_NO_MEMORY, /* for the module's own tables */
};

#define SBV_IRQ_NONE 0xffffu

/* The page that mmap of a vCPU's descriptor shows (offset 0, 4096 bytes). */
struct sbv_run {
	/* To the module. */
	uint8_t immediate_exit; /* SBV_RUN returns with SBV_EXIT_INTR instead of entering */
	uint8_t regs_dirty;	/* regs are to be taken over; the module clears it */
	uint16_t irq;		/* vector to inject as soon as IF allows; SBV_IRQ_NONE once it is */
	uint32_t in_value;
	/* From it. */
	uint32_t reason; /* enum sbv_exit_reason */
	uint32_t value;
	uint16_t port;
	uint16_t size;
	uint32_t code;
	uint64_t gpa;
	uint64_t detail;
	/* Both ways. */
	struct sbv_regs regs;
};

#define SBV_IOCTL 0xb5

/* On the device's descriptor. */
#define SBV_CAPS	 _IOR(SBV_IOCTL, 0x00, struct sbv_caps)
#define SBV_MAP_MEMORY	 _IOW(SBV_IOCTL, 0x01, struct sbv_memory)
#define SBV_DIRTY_LOG	 _IOW(SBV_IOCTL, 0x02, struct sbv_dirty_log)
#define SBV_SET_DOORBELL _IOW(SBV_IOCTL, 0x03, struct sbv_doorbell)
#define SBV_FORGET	 _IO(SBV_IOCTL, 0x04) /* translations made from the guest's tables */
#define SBV_VCPU_CREATE                                                                            \
	_IO(SBV_IOCTL, 0x05) /* argument: index; a descriptor. EEXIST, EBUSY: VMX                  \
				is somebody else's, ENODEV: see sbv_caps.state */
/* A virtual machine more, of the process that asks, whose ever this one is: a descriptor, as by an
 * open. For a process forked from one that could open the device. ENODEV: see sbv_caps.state. */
#define SBV_NEW _IO(SBV_IOCTL, 0x06)
/* On a vCPU's. */
/* EBUSY: another thread runs it; EAGAIN: the kernel wants the thread in user mode for a moment,
 * call again; ESHUTDOWN: the machine restarts. */
#define SBV_RUN	      _IO(SBV_IOCTL, 0x10)
#define SBV_SET_SREGS _IOW(SBV_IOCTL, 0x11, struct sbv_sregs)
#define SBV_GET_SREGS _IOR(SBV_IOCTL, 0x12, struct sbv_sregs)
#define SBV_SET_MSR   _IOW(SBV_IOCTL, 0x13, struct sbv_msr)
#define SBV_SET_FPU   _IOW(SBV_IOCTL, 0x14, struct sbv_fpu)
#define SBV_GET_FPU   _IOW(SBV_IOCTL, 0x15, struct sbv_fpu)
#define SBV_STATS     _IOR(SBV_IOCTL, 0x16, struct sbv_stats)
#define SBV_GET_STATE _IOR(SBV_IOCTL, 0x17, struct sbv_vcpu_state)
#define SBV_SET_STATE _IOW(SBV_IOCTL, 0x18, struct sbv_vcpu_state)

#endif
