// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * /sys/kernel/debug/sandbox-vmx: what is there now (vms, vcpus, pages: all 0 when nobody has the
 * device open), and for each VM its counters.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "module.h"

static struct dentry *root;
static atomic_t vms = ATOMIC_INIT(0);
static atomic_t vcpus = ATOMIC_INIT(0);

static int pages_get(void *unused, u64 *value)
{
	*value = sbv_host_pages();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(pages_fops, pages_get, NULL, "%llu\n");

static void stats_add(struct sbv_stats *sum, const struct sbv_stats *one)
{
	int i;

	for (i = 0; i < SBV_EXIT_KINDS; i++)
		sum->exits[i] += one->exits[i];
	sum->to_user += one->to_user;
	sum->interrupts += one->interrupts;
	sum->doorbells += one->doorbells;
}

static void stats_sum(struct sbv_vm *vm, struct sbv_stats *sum, struct sbv_stats *one)
{
	int i;

	mutex_lock(&vm->lock);
	for (i = 0; i < SBV_VCPUS_MAX; i++) {
		const struct sbv_vcpu *v =
			rcu_dereference_protected(vm->vcpus[i], lockdep_is_held(&vm->lock));

		if (!v)
			continue;
		vmx_vcpu_stats(v->core, one);
		stats_add(sum, one);
	}
	mutex_unlock(&vm->lock);
}

static void stats_print(struct seq_file *m, const struct sbv_stats *s)
{
	int i;

	seq_printf(m, "to_user %llu\ninterrupts %llu\ndoorbells %llu\n", s->to_user, s->interrupts,
		s->doorbells);
	for (i = 0; i < SBV_EXIT_KINDS; i++)
		if (s->exits[i])
			seq_printf(m, "exit %s(%d) %llu\n", vmx_exit_name(i), i, s->exits[i]);
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct sbv_stats *s = kcalloc(2, sizeof(*s), GFP_KERNEL);
	struct sbv_vm *vm = m->private;

	if (!s)
		return -ENOMEM;
	stats_sum(vm, &s[0], &s[1]);
	seq_printf(m, "mmu %s\ntable_pages %llu\n", vm->core->mmu->name,
		READ_ONCE(vm->core->table_pages));
	stats_print(m, &s[0]);
	kfree(s);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

void sbv_debug_init(void)
{
	root = debugfs_create_dir("sandbox-vmx", NULL);
	debugfs_create_atomic_t("vms", 0400, root, &vms);
	debugfs_create_atomic_t("vcpus", 0400, root, &vcpus);
	debugfs_create_file_unsafe("pages", 0400, root, NULL, &pages_fops);
}

void sbv_debug_exit(void)
{
	debugfs_remove(root);
}

/* Named by process and number, as KVM's are. */
void sbv_debug_vm_add(struct sbv_vm *vm)
{
	char name[32];

	atomic_inc(&vms);
	snprintf(name, sizeof(name), "%d-%u", task_tgid_nr(current), vm->id);
	vm->dir = debugfs_create_dir(name, root);
	debugfs_create_file("stats", 0400, vm->dir, vm, &stats_fops);
}

/* Waits for readers. */
void sbv_debug_vm_remove(struct sbv_vm *vm)
{
	debugfs_remove(vm->dir);
	atomic_dec(&vms);
}

void sbv_debug_vcpus(int change)
{
	atomic_add(change, &vcpus);
}
