/* SPDX-License-Identifier: Apache-2.0
 *
 * The one interface to hardware virtualization. A backend (kvm, vmx, process) is a `const struct
 * vm_ops`. Knows nothing of the shim, the channel or Linux programs. Nothing here includes
 * runtime/.
 *
 * Errors are 0 or -errno. A vCPU is used by one thread at a time; vcpu_kick is for any thread.
 */
#ifndef VM_H
#define VM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct vcpu;

struct vm_gprs {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp;
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags;
};

/* Flat 64-bit segments only; the selectors' descriptors must be in the GDT at gdt_gva. */
struct vm_sregs {
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t gdt_base, idt_base, tss_base;
	uint64_t fs_base, gs_base;
	uint16_t gdt_limit, idt_limit, tss_limit;
	uint16_t cs, ss, tr; /* selectors; CPL is cs & 3 */
};

/*
 * Registers that the caller writes after an exit are what the guest goes on with. At IO_OUT, IO_IN
 * and MMIO rip may be at the instruction or behind it; unless rip is written, it is not executed
 * again (but at MMIO by vmx, which has no decoder for it). At INTR, while the guest's interrupts
 * are on, no exception of the guest's is in flight: the registers may become another program's.
 */
enum vm_exit_reason {
	VM_EXIT_IO_OUT, /* io.port, io.value, io.size */
	VM_EXIT_IO_IN,	/* the same; answer in io.value of the struct given to the next run */
	VM_EXIT_MMIO,	/* gpa: an access to nothing */
	VM_EXIT_HLT,
	VM_EXIT_INTR,	    /* kicked, or a host signal */
	VM_EXIT_IRQ_WINDOW, /* never seen by callers: a backend that needs it handles it */
	VM_EXIT_SHUTDOWN,   /* triple fault */
	VM_EXIT_FAIL,	    /* entry failed or the backend cannot go on: fail.code */
	/* Host memory behind a guest page could not be had: gpa, or ~0 if the backend cannot tell.
	 * The vCPU is before the instruction and may run again. */
	VM_EXIT_MEMORY,
	VM_EXIT_REASONS
};
const char *vm_exit_name(enum vm_exit_reason reason);

struct vm_exit {
	enum vm_exit_reason reason;
	union {
		struct {
			uint16_t port;
			uint8_t size;
			uint32_t value;
		} io;
		uint64_t gpa;
		struct {
			uint64_t code;
		} fail;
	};
};

struct vm_stats {
	uint64_t exits[VM_EXIT_REASONS];
	uint64_t interrupts; /* injected */
};

/* An exit is counted, and shown where others of the host look (vm_ops.show; NULL: nowhere). */
static inline void vm_count_exit(
	struct vm_stats *s, _Atomic uint64_t *shown, enum vm_exit_reason reason)
{
	s->exits[reason]++;
	if (shown)
		atomic_store_explicit(&shown[reason], s->exits[reason], memory_order_relaxed);
}

/* A vCPU between two exits, as far as a kernel in 64-bit mode that handles no interrupt can tell.
 */
struct vm_saved {
	struct vm_gprs gprs;
	struct vm_sregs sregs;
	uint64_t kernel_gs_base;
	const void *fpu; /* XSAVE image in standard format, in what was saved */
};

#define VM_MEM_READONLY 1u

/*
 * An OUT to `port` that the service sees by itself, while it looks (`polling` is not 0): the
 * backend advances `bells` and lets the vCPU go on when `served` has caught up, within wait_ns.
 * Else the exit is told as usual, and the caller advances `bells` itself. The words are in one
 * page.
 */
struct vm_doorbell {
	uint16_t port;
	uint32_t wait_ns;
	_Atomic uint32_t *bells, *served, *polling;
};

/* What this host's backend can do, probed and not assumed. */
struct vm_caps {
	bool hardware; /* VMX or SVM (or nested) behind it; false: ring 0 is emulated in software */
	bool syscall_ring0; /* `syscall` in ring 3 enters LSTAR in ring 0 */
	bool sysret;	    /* ring-0 features that were tried and worked */
	bool xsave;
	uint64_t xcr0;	     /* components programs can use */
	uint32_t xsave_size; /* bytes of the standard-format area for xcr0; 512 if FXSAVE only */
	uint32_t phys_bits;
	bool announce;	/* the guest's kernel does well to announce changes of its page tables
			   (vmm/vmx/core/announce.h) */
	bool fsgsbase;	/* RDFSBASE and friends work for programs */
	char note[160]; /* why, in a sentence, for `sandbox doctor` */
};

struct vm_ops {
	const char *name;
	/* No virtual machine: programs run in trapped processes, whose interface is
	 * vmm/process/process.h. Of what follows only available and probe are there. */
	bool processes;
	/* 0 if usable by this process now, else -errno and a sentence in why[]. Makes no VM. */
	int (*available)(char *why, size_t why_size);
	/* Makes a throw-away VM and tries things. */
	int (*probe)(struct vm_caps *out);
	int (*create)(struct vm **out);
	void (*destroy)(struct vm *vm);
	/* Slot numbers are the caller's, 0..31. hva must stay mapped until destroy. */
	int (*map_memory)(struct vm *vm, uint32_t slot, uint64_t gpa, void *hva, uint64_t size,
		uint32_t flags);
	/* The caller changed guest page tables behind the guest's back: forget all translations
	 * made from them (needed where ring 0 is emulated; KVM's shadow follows only the guest's
	 * writes). */
	int (*forget_translations)(struct vm *vm);
	unsigned long forget_ioctl; /* the ioctl number that it needs */
	/* Optional, NULL if there is none: doorbells that are answered below the launcher. d NULL:
	 * no more. */
	int (*set_doorbell)(struct vm *vm, const struct vm_doorbell *d);
	/* Optional, NULL where it cannot be done: a process that was forked from this one makes the
	 * VM and its vCPUs anew, from what it finds in memory; what the kernel has of the first
	 * ones is of no use there. again_keep: before, while the device can be opened. again:
	 * there; then all memory is mapped as at first, and vcpu_again for each vCPU. Its
	 * registers, but for the general ones, are then those of a new one; or, with `saved`, all
	 * of its state is what vcpu_save wrote after an exit, on its thread: vcpu_saved_size bytes.
	 */
	int (*again_keep)(struct vm *vm);
	int (*again)(struct vm *vm);
	size_t (*vcpu_saved_size)(const struct vcpu *v);
	int (*vcpu_save)(struct vcpu *v, void *saved);
	int (*vcpu_again)(struct vcpu *v, const void *saved);
	size_t (*again_ioctls)(const unsigned long **out); /* the numbers that these need */
	/* What vcpu_save wrote, in words that outlive this process. With vcpu_save, which needs
	 * save_ioctls. */
	size_t (*save_ioctls)(const unsigned long **out);
	void (*saved_read)(const void *saved, struct vm_saved *out);
	int (*vcpu_create)(struct vm *vm, uint32_t index, struct vcpu **out);
	int (*vcpu_set_sregs)(struct vcpu *v, const struct vm_sregs *s);
	int (*vcpu_get_sregs)(struct vcpu *v, struct vm_sregs *s);
	/* The general registers at the last exit; the next run takes over changes if set dirty. */
	struct vm_gprs *(*vcpu_gprs)(struct vcpu *v);
	void (*vcpu_gprs_dirty)(struct vcpu *v);
	int (*vcpu_set_msr)(struct vcpu *v, uint32_t msr, uint64_t value);
	/* XSAVE image in standard format, caps.xsave_size bytes. */
	int (*vcpu_get_fpu)(struct vcpu *v, void *buf, size_t size);
	int (*vcpu_set_fpu)(struct vcpu *v, const void *buf, size_t size);
	/* Runs until an exit. 0, or -errno when the vCPU is beyond use. */
	int (*vcpu_run)(struct vcpu *v, struct vm_exit *out);
	/* Inject external interrupt `vector` as soon as RFLAGS.IF allows. -EBUSY: one is pending.
	 */
	int (*vcpu_interrupt)(struct vcpu *v, uint8_t vector);
	/* Make vcpu_run return VM_EXIT_INTR soon, or the next one at once. Async-signal-safe. */
	void (*vcpu_kick)(struct vcpu *v);
	void (*vcpu_destroy)(struct vcpu *v);
	void (*stats)(struct vcpu *v, struct vm_stats *out);
	/* From now on exits[VM_EXIT_REASONS] follows the vCPU's count: written by its thread, never
	 * read. */
	void (*show)(struct vcpu *v, _Atomic uint64_t *exits);
	/* The ioctl numbers that a vCPU's thread needs. */
	size_t (*vcpu_ioctls)(const unsigned long **out);
};

extern const struct vm_ops vm_kvm_ops;
extern const struct vm_ops vm_process_ops;
extern const struct vm_ops vm_vmx_ops;

#endif
