/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * sandbox-vmx.ko: what its files share. The VMX core (../core) does the virtualization; this is
 * what it needs of Linux, and the device in front of it (../abi.h).
 *
 * Locks, outermost first:
 *
 *   sbv_gate (read)      every ioctl of a vCPU; written once, by the reboot notifier
 *   vcpu->mutex          one thread at a time in a vCPU; trylock, nobody waits for a running guest
 *   vm->lock             the VM's list of vCPUs, its doorbell, its slots' changes, VMX held or not
 *   cpus_read_lock, vmx_lock (cpu.c)     VMX of all CPUs on or off
 *   mmap_lock            in get_user_pages
 *   vm->memory_lock      spinlock: slots and tables; the core's lock. Taken by the MMU notifiers
 *
 * Waiting for guests to leave guest mode (sbv_leave_guest) is done with memory_lock held and takes
 * no lock: a CPU in guest mode holds none, and leaves at the interrupt whatever else is going on.
 */
#ifndef SANDBOX_VMX_MODULE_H
#define SANDBOX_VMX_MODULE_H

#include <linux/fs.h>
#include <linux/irq_work.h>
#include <linux/kref.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/percpu-rwsem.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>

#include "../core/vmx.h"

struct dentry;
struct page;

/* Memory whose size the owner says (a log of a slot of terabytes): what is not there is refused,
 * with no warning in the log (kvmalloc has one beyond 2 GiB) and nobody killed for it. */
#define SBV_GFP_SIZED (GFP_KERNEL_ACCOUNT | __GFP_NOWARN | __GFP_RETRY_MAYFAIL)

/**
 * struct sbv_bell - the doorbell's short way, as struct sbv_doorbell says
 * @page: the launcher's page with the three words, pinned; NULL: off
 */
struct sbv_bell {
	struct page *page;
	u16 port;
	u32 wait_ns;
	u32 *bells;
	u32 *served;
	u32 *polling;
};

/**
 * struct sbv_vm - a virtual machine: one open of the device
 * @ref: the device's file and each vCPU's
 * @mm: of the process that opened it, kept from reuse by @notifier
 * @core: the core's half
 * @id: for debugfs
 * @lock: guards @vcpus (with RCU for readers), @bell's change, @holds_vmx
 * @holds_vmx: it is counted among those that want VMX on
 * @memory_lock: the core's lock; guards the four fields below it
 * @invalidating: invalidations of host memory that are going on
 * @invalidated: how many ended; with @invalidating, what frame_stale goes by
 * @from: least address of those going on
 * @to: end of them
 * @dir: in debugfs
 */
struct sbv_vm {
	struct kref ref;
	struct mm_struct *mm;
	struct vmx_vm *core;
	u32 id;

	struct mutex lock;
	struct sbv_vcpu __rcu *vcpus[SBV_VCPUS_MAX];
	struct sbv_bell __rcu *bell;
	bool holds_vmx;

	spinlock_t memory_lock;
	unsigned long invalidating;
	u64 invalidated;
	unsigned long from, to;
	struct mmu_notifier notifier;

	struct dentry *dir;
};

/**
 * struct sbv_vcpu - a virtual CPU: one anonymous file
 * @mutex: held by the thread inside an ioctl of it
 * @run: the page that the owner maps
 * @notifier: armed while an ioctl has the vCPU loaded
 * @loaded: on the list of the CPU that may hold its VMCS; interrupts off, on that CPU
 * @guest_seq: odd while in guest mode
 * @guest_cpu: where, while it is
 * @self: sends an interrupt to the CPU that it is on
 * @in_pending: the last exit was an IN that awaits its answer
 * @flush_l1d: the host's secrets may be in the L1 data cache
 */
struct sbv_vcpu {
	struct sbv_vm *vm;
	struct vmx_vcpu *core;
	u32 index;
	struct mutex mutex;
	struct page *run_page;
	struct sbv_run *run;
	struct preempt_notifier notifier;
	struct list_head loaded;
	unsigned int guest_seq;
	int guest_cpu;
	struct irq_work self;
	bool in_pending;
	bool flush_l1d;
	struct rcu_head rcu;
};

extern const struct vmx_host_ops sbv_host_ops;
extern struct percpu_rw_semaphore sbv_gate;

/* cpu.c: VMX on and off. */
int sbv_cpu_init(void);
void sbv_cpu_exit(void);
int sbv_vmx_hold(void);
void sbv_vmx_release(void);
bool sbv_vmx_is_ours(void);
bool sbv_stopping(void);
/* The CPU's list of vCPUs whose VMCS it may hold; interrupts off. */
void sbv_cpu_adopt(struct sbv_vcpu *v);
/* No CPU holds anything of it any more. Preemption off or on, interrupts on. */
void sbv_cpu_forget(struct sbv_vcpu *v);
/* Each vCPU of the VM that is in guest mode leaves it before this returns. */
void sbv_leave_guest(struct sbv_vm *vm);

/* device.c: the device and its ioctls. */
extern const struct file_operations sbv_device_fops;
void sbv_vm_put(struct sbv_vm *vm);
extern enum sbv_state sbv_state;
extern char sbv_state_why[128];

/* vcpu.c: a vCPU's file. */
int sbv_vcpu_create(struct sbv_vm *vm, u32 index);

/* run.c: SBV_RUN, and a vCPU on a CPU. */
int sbv_vcpu_run(struct sbv_vcpu *v);
void sbv_vcpu_load(struct sbv_vcpu *v);
void sbv_vcpu_unload(struct sbv_vcpu *v);
void sbv_vcpu_run_init(struct sbv_vcpu *v);

/* notify.c: memory that the host takes away. */
int sbv_notify_start(struct sbv_vm *vm);
void sbv_notify_stop(struct sbv_vm *vm);
u64 sbv_notify_sequence(struct sbv_vm *vm);
bool sbv_notify_stale(struct sbv_vm *vm, u64 sequence, unsigned long hva);

/* frame.c: the owner's pages. */
int sbv_frame_get(void *host_vm, uint64_t hva, bool write, struct vmx_frame *out);
uint32_t sbv_frames_at_hand(
	void *host_vm, uint64_t hva, bool write, uint32_t n, struct vmx_frame *out);
void sbv_frame_put(void *host_vm, struct vmx_frame *frame);
int sbv_user_read(void *host_vm, uint64_t hva, void *to, size_t n);
int sbv_user_cmpxchg64(void *host_vm, uint64_t hva, uint64_t old, uint64_t new_value);

/* doorbell.c */
int sbv_bell_set(struct sbv_vm *vm, const struct sbv_doorbell *d);
void sbv_bell_drop(struct sbv_vm *vm);
/* An exit that the service has answered: the guest goes on. */
bool sbv_bell_answered(struct sbv_vcpu *v, const struct vmx_user_exit *e);

/* spec.c: what one guest could learn of another, or of the host, through the CPU. */
void sbv_spec_init(void);
void sbv_spec_load(struct sbv_vcpu *v);
void sbv_spec_enter(struct sbv_vcpu *v);
void sbv_spec_exit(void);

/* host.c: counters. */
long sbv_host_pages(void);

/* debug.c: debugfs. */
void sbv_debug_init(void);
void sbv_debug_exit(void);
void sbv_debug_vm_add(struct sbv_vm *vm);
void sbv_debug_vm_remove(struct sbv_vm *vm);
void sbv_debug_vcpus(int change);

#endif
