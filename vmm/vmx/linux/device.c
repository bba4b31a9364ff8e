// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * /dev/sandbox-vmx: an open is a virtual machine; its ioctls (../abi.h). Every argument is copied
 * once, the copy is checked and used.
 */
#include <linux/anon_inodes.h>
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/tlbflush.h>

#include "module.h"

static atomic_t last_id = ATOMIC_INIT(0);

/* --- a VM's life --- */

static bool vmx_usable(void)
{
	return sbv_state == SBV_STATE_READY || sbv_state == SBV_STATE_IN_USE;
}

static void vm_free(struct kref *ref)
{
	struct sbv_vm *vm = container_of(ref, struct sbv_vm, ref);

	sbv_debug_vm_remove(vm);
	sbv_notify_stop(vm);
	sbv_bell_drop(vm);
	vmx_vm_destroy(vm->core);
	if (vm->holds_vmx)
		sbv_vmx_release();
	mutex_destroy(&vm->lock);
	kfree(vm);
}

void sbv_vm_put(struct sbv_vm *vm)
{
	kref_put(&vm->ref, vm_free);
}

static int vm_create(struct sbv_vm **out)
{
	struct sbv_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!vm)
		return -ENOMEM;
	kref_init(&vm->ref);
	mutex_init(&vm->lock);
	spin_lock_init(&vm->memory_lock);
	vm->mm = current->mm;
	vm->id = atomic_inc_return(&last_id);
	ret = vmx_vm_create(&sbv_host_ops, vm, &vm->core);
	if (ret)
		goto free;
	ret = sbv_notify_start(vm);
	if (ret)
		goto destroy;
	sbv_debug_vm_add(vm);
	*out = vm;
	return 0;
destroy:
	vmx_vm_destroy(vm->core);
free:
	kfree(vm);
	/* mmu_notifier_register gives up for a signal: again, behind its handler. */
	return ret == -EINTR ? -ERESTARTNOINTR : ret;
}

/* Where VMX cannot be used the file is there for SBV_CAPS alone, without a VM. */
static int device_open(struct inode *inode, struct file *file)
{
	struct sbv_vm *vm = NULL;
	int ret = vmx_usable() ? vm_create(&vm) : 0;

	file->private_data = vm;
	return ret;
}

static int device_release(struct inode *inode, struct file *file)
{
	if (file->private_data)
		sbv_vm_put(file->private_data);
	return 0;
}

/* --- ioctls --- */

/* Of this moment: KVM comes and goes. */
static u32 state_now(void)
{
	if (!vmx_usable())
		return sbv_state;
	if (!sbv_vmx_is_ours() && (cr4_read_shadow() & X86_CR4_VMXE))
		return SBV_STATE_IN_USE;
	return SBV_STATE_READY;
}

static long device_caps(void __user *arg)
{
	struct sbv_caps caps = {
		.abi_version = SBV_ABI_VERSION,
		.state = state_now(),
		.ept = vmx_caps.ept,
		.xsave_size = vmx_caps.xsave_size,
		.xcr0 = vmx_caps.xcr0,
		.phys_bits = vmx_caps.phys_bits,
		.fsgsbase = vmx_caps.fsgsbase,
		.nested = boot_cpu_has(X86_FEATURE_HYPERVISOR),
	};

	if (caps.state == SBV_STATE_IN_USE)
		strscpy(caps.why, "VMX is in use by another hypervisor (KVM)", sizeof(caps.why));
	else if (caps.state != SBV_STATE_READY || sbv_state == SBV_STATE_READY)
		strscpy(caps.why, sbv_state_why, sizeof(caps.why));
	return copy_to_user(arg, &caps, sizeof(caps)) ? -EFAULT : 0;
}

/* Who holds a descriptor could open the device, or was given it by one who could. */
static long device_new(void)
{
	struct sbv_vm *vm;
	int ret;

	if (!vmx_usable())
		return -ENODEV;
	ret = vm_create(&vm);
	if (ret)
		return ret;
	ret = anon_inode_getfd("sandbox-vmx", &sbv_device_fops, vm, O_RDWR | O_CLOEXEC);
	if (ret < 0)
		sbv_vm_put(vm);
	return ret;
}

static long device_map_memory(struct sbv_vm *vm, const void __user *arg)
{
	struct sbv_memory m;
	int ret;

	if (copy_from_user(&m, arg, sizeof(m)))
		return -EFAULT;
	if (!access_ok((void __user *)(unsigned long)m.hva, m.size))
		return -EINVAL;
	mutex_lock(&vm->lock);
	ret = vmx_vm_set_memory(vm->core, &m);
	mutex_unlock(&vm->lock);
	return ret;
}

static long dirty_log_copy(struct sbv_vm *vm, const struct sbv_dirty_log *log)
{
	u64 pages, words, *bitmap;
	long ret;

	ret = vmx_vm_slot_pages(vm->core, log->slot, &pages);
	if (ret)
		return ret;
	words = DIV_ROUND_UP(pages, 64);
	bitmap = kvcalloc(words, sizeof(*bitmap), SBV_GFP_SIZED);
	if (!bitmap)
		return -ENOMEM;
	ret = vmx_vm_dirty_log(vm->core, log->slot, bitmap, words);
	if (!ret && copy_to_user((void __user *)(unsigned long)log->bitmap, bitmap,
			    words * sizeof(*bitmap)))
		ret = -EFAULT;
	kvfree(bitmap);
	return ret;
}

static long device_dirty_log(struct sbv_vm *vm, const void __user *arg)
{
	struct sbv_dirty_log log;
	long ret;

	if (copy_from_user(&log, arg, sizeof(log)))
		return -EFAULT;
	mutex_lock(&vm->lock);
	ret = dirty_log_copy(vm, &log);
	mutex_unlock(&vm->lock);
	return ret;
}

static long device_set_doorbell(struct sbv_vm *vm, const void __user *arg)
{
	struct sbv_doorbell d;

	if (copy_from_user(&d, arg, sizeof(d)))
		return -EFAULT;
	return sbv_bell_set(vm, &d);
}

static long device_vcpu_create(struct sbv_vm *vm, unsigned long index)
{
	int ret = 0;

	if (index >= SBV_VCPUS_MAX)
		return -EINVAL;
	mutex_lock(&vm->lock);
	if (!vm->holds_vmx)
		ret = sbv_vmx_hold();
	if (!ret) {
		vm->holds_vmx = true;
		ret = sbv_vcpu_create(vm, index);
	}
	mutex_unlock(&vm->lock);
	return ret;
}

static long device_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	struct sbv_vm *vm = file->private_data;
	void __user *argp = (void __user *)arg;

	if (request == SBV_NEW)
		return device_new();
	if (vm && vm->mm != current->mm)
		return -EIO;
	if (request == SBV_CAPS)
		return device_caps(argp);
	if (!vm)
		return -ENODEV;
	switch (request) {
	case SBV_MAP_MEMORY:
		return device_map_memory(vm, argp);
	case SBV_DIRTY_LOG:
		return device_dirty_log(vm, argp);
	case SBV_SET_DOORBELL:
		return device_set_doorbell(vm, argp);
	case SBV_FORGET:
		vmx_vm_forget(vm->core);
		return 0;
	case SBV_VCPU_CREATE:
		return device_vcpu_create(vm, arg);
	default:
		return -ENOTTY;
	}
}

/* The owner keeps the module: it cannot be unloaded while one is open (vCPUs' files too). */
const struct file_operations sbv_device_fops = {
	.owner = THIS_MODULE,
	.open = device_open,
	.release = device_release,
	.unlocked_ioctl = device_ioctl,
	.llseek = noop_llseek,
};
