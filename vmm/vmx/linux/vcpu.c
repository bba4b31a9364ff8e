// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * A vCPU's file: an anonymous inode with ioctls, and the run page to map.
 */
#include <linux/anon_inodes.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "module.h"

/* --- ioctls, the vCPU's mutex held --- */

static long vcpu_set_sregs(struct sbv_vcpu *v, const void __user *arg)
{
	struct sbv_sregs s;
	int ret;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	sbv_vcpu_load(v);
	ret = vmx_vcpu_set_sregs(v->core, &s);
	sbv_vcpu_unload(v);
	return ret;
}

static long vcpu_get_sregs(struct sbv_vcpu *v, void __user *arg)
{
	struct sbv_sregs s = {};

	sbv_vcpu_load(v);
	vmx_vcpu_get_sregs(v->core, &s);
	sbv_vcpu_unload(v);
	return copy_to_user(arg, &s, sizeof(s)) ? -EFAULT : 0;
}

static long vcpu_get_state(struct sbv_vcpu *v, void __user *arg)
{
	struct sbv_vcpu_state s;

	sbv_vcpu_load(v);
	vmx_vcpu_get_state(v->core, &s);
	sbv_vcpu_unload(v);
	return copy_to_user(arg, &s, sizeof(s)) ? -EFAULT : 0;
}

static long vcpu_set_state(struct sbv_vcpu *v, const void __user *arg)
{
	struct sbv_vcpu_state s;
	int ret;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	sbv_vcpu_load(v);
	ret = vmx_vcpu_set_state(v->core, &s);
	sbv_vcpu_unload(v);
	if (ret)
		return ret;
	v->in_pending = false;
	v->run->regs = s.regs;
	WRITE_ONCE(v->run->regs_dirty, 0);
	return 0;
}

static long vcpu_set_msr(struct sbv_vcpu *v, const void __user *arg)
{
	struct sbv_msr m;
	int ret;

	if (copy_from_user(&m, arg, sizeof(m)))
		return -EFAULT;
	sbv_vcpu_load(v);
	ret = vmx_vcpu_set_msr(v->core, m.index, m.value);
	sbv_vcpu_unload(v);
	return ret;
}

/* XSAVE's alignment: the allocator aligns powers of two by their size. */
static void *fpu_image_alloc(void)
{
	return kzalloc(roundup_pow_of_two(max(vmx_caps.xsave_size, 64u)), GFP_KERNEL_ACCOUNT);
}

static long vcpu_fpu(struct sbv_vcpu *v, const void __user *arg, bool set)
{
	struct sbv_fpu request;
	void __user *user;
	void *image;
	long ret = 0;

	if (copy_from_user(&request, arg, sizeof(request)))
		return -EFAULT;
	if (request.size != vmx_caps.xsave_size)
		return -EINVAL;
	user = (void __user *)(unsigned long)request.address;
	image = fpu_image_alloc();
	if (!image)
		return -ENOMEM;
	if (set && copy_from_user(image, user, request.size))
		ret = -EFAULT;
	if (!ret) {
		sbv_vcpu_load(v);
		if (set)
			ret = vmx_vcpu_set_fpu(v->core, image);
		else
			vmx_vcpu_get_fpu(v->core, image);
		sbv_vcpu_unload(v);
	}
	if (!ret && !set && copy_to_user(user, image, request.size))
		ret = -EFAULT;
	kfree_sensitive(image);
	return ret;
}

static long vcpu_stats(struct sbv_vcpu *v, void __user *arg)
{
	struct sbv_stats *stats = kzalloc(sizeof(*stats), GFP_KERNEL);
	long ret;

	if (!stats)
		return -ENOMEM;
	vmx_vcpu_stats(v->core, stats);
	ret = copy_to_user(arg, stats, sizeof(*stats)) ? -EFAULT : 0;
	kfree(stats);
	return ret;
}

static long vcpu_ioctl_locked(struct sbv_vcpu *v, unsigned int request, void __user *arg)
{
	switch (request) {
	case SBV_RUN:
		return sbv_vcpu_run(v);
	case SBV_SET_SREGS:
		return vcpu_set_sregs(v, arg);
	case SBV_GET_SREGS:
		return vcpu_get_sregs(v, arg);
	case SBV_GET_STATE:
		return vcpu_get_state(v, arg);
	case SBV_SET_STATE:
		return vcpu_set_state(v, arg);
	case SBV_SET_MSR:
		return vcpu_set_msr(v, arg);
	case SBV_SET_FPU:
		return vcpu_fpu(v, arg, true);
	case SBV_GET_FPU:
		return vcpu_fpu(v, arg, false);
	case SBV_STATS:
		return vcpu_stats(v, arg);
	default:
		return -ENOTTY;
	}
}

static long vcpu_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	struct sbv_vcpu *v = file->private_data;
	long ret;

	if (v->vm->mm != current->mm)
		return -EIO;
	if (!mutex_trylock(&v->mutex))
		return -EBUSY;
	percpu_down_read(&sbv_gate);
	ret = sbv_stopping() ? -ESHUTDOWN : vcpu_ioctl_locked(v, request, (void __user *)arg);
	percpu_up_read(&sbv_gate);
	mutex_unlock(&v->mutex);
	return ret;
}

/* --- the run page --- */

static vm_fault_t run_page_fault(struct vm_fault *vmf)
{
	struct sbv_vcpu *v = vmf->vma->vm_file->private_data;

	if (vmf->pgoff)
		return VM_FAULT_SIGBUS;
	get_page(v->run_page);
	vmf->page = v->run_page;
	return 0;
}

static const struct vm_operations_struct run_page_ops = {
	.fault = run_page_fault,
};

static int vcpu_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct sbv_vcpu *v = file->private_data;

	if (v->vm->mm != current->mm)
		return -EIO;
	if (vma->vm_pgoff || vma_pages(vma) != 1 || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vma->vm_ops = &run_page_ops;
	return 0;
}

/* --- life --- */

static void vcpu_free(struct sbv_vcpu *v)
{
	if (v->core) {
		sbv_cpu_forget(v);
		vmx_vcpu_destroy(v->core);
	}
	irq_work_sync(&v->self);
	__free_page(v->run_page);
	/* sbv_leave_guest may still look at its sequence. */
	kfree_rcu(v, rcu);
}

static int vcpu_release(struct inode *inode, struct file *file)
{
	struct sbv_vcpu *v = file->private_data;
	struct sbv_vm *vm = v->vm;

	mutex_lock(&vm->lock);
	RCU_INIT_POINTER(vm->vcpus[v->index], NULL);
	mutex_unlock(&vm->lock);
	sbv_debug_vcpus(-1);
	vcpu_free(v);
	sbv_vm_put(vm);
	return 0;
}

static const struct file_operations vcpu_fops = {
	.owner = THIS_MODULE,
	.release = vcpu_release,
	.unlocked_ioctl = vcpu_ioctl,
	.mmap = vcpu_mmap,
	.llseek = noop_llseek,
};

static struct sbv_vcpu *vcpu_alloc(struct sbv_vm *vm, u32 index)
{
	struct sbv_vcpu *v = kzalloc(sizeof(*v), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!v)
		return ERR_PTR(-ENOMEM);
	v->vm = vm;
	v->index = index;
	mutex_init(&v->mutex);
	sbv_vcpu_run_init(v);
	v->run_page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!v->run_page) {
		kfree(v);
		return ERR_PTR(-ENOMEM);
	}
	v->run = page_address(v->run_page);
	v->run->irq = SBV_IRQ_NONE;
	ret = vmx_vcpu_create(vm->core, index, &v->core);
	if (ret) {
		v->core = NULL;
		vcpu_free(v);
		return ERR_PTR(ret);
	}
	v->run->regs = *vmx_vcpu_regs(v->core);
	return v;
}

/**
 * sbv_vcpu_create - a vCPU and its descriptor
 * @vm: its VM, lock held
 * @index: less than SBV_VCPUS_MAX
 *
 * Return: the descriptor; -EEXIST, -ENOMEM, the core's error, or the table of descriptors is full.
 */
int sbv_vcpu_create(struct sbv_vm *vm, u32 index)
{
	struct sbv_vcpu *v;
	int fd;

	if (rcu_access_pointer(vm->vcpus[index]))
		return -EEXIST;
	v = vcpu_alloc(vm, index);
	if (IS_ERR(v))
		return PTR_ERR(v);
	/* Everything first: the descriptor can be used, and closed, as soon as it is there. */
	kref_get(&vm->ref);
	rcu_assign_pointer(vm->vcpus[index], v);
	sbv_debug_vcpus(1);
	fd = anon_inode_getfd("sandbox-vmx-vcpu", &vcpu_fops, v, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		RCU_INIT_POINTER(vm->vcpus[index], NULL);
		sbv_debug_vcpus(-1);
		vcpu_free(v);
		sbv_vm_put(vm); /* the device's file has one too: not the last */
	}
	return fd;
}
