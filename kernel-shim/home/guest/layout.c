/* SPDX-License-Identifier: Apache-2.0 */
#include "home/guest/layout.h"

#include "core/task.h"
#include "fs/hostfs_internal.h"
#include "fs/vfs.h"
#include "home/guest/guest_internal.h"
#include "mm/mm.h"

#define AT(type, member) ((uint16_t)offsetof(struct type, member))

_Static_assert(sizeof(struct task) <= UINT16_MAX && sizeof(struct process) <= UINT16_MAX &&
		       sizeof(struct mm) <= UINT16_MAX,
	"offsets fit");

/* In no header: nothing of the shim reads it. */
extern const struct guest_layout guest_layout;
const struct guest_layout guest_layout __attribute__((used)) = {
	.cpus = (u64)guest_home.kernel.cpus,
	.random = (u64)guest_home.kernel.random_state,
	.cpu_size = sizeof(struct cpu),
	.ncpus = CPUS_MAX,
	.trap_fault = TRAP_FAULT,
	.trap_bus = TRAP_BUS,
	.cpu = {AT(cpu, task)},
	.task = {AT(task, proc), AT(task, mm), AT(task, tid), AT(task, comm), AT(task, trap.kind),
		AT(task, regs.rip), AT(task, regs.rsp), AT(task, regs.rbp), AT(task, in_syscall),
		AT(task, regs.orig_rax)},
	.process = {AT(process, pid)},
	.mm = {AT(mm, pgd), AT(mm, vmas), AT(mm, nvmas), AT(mm, vdso)},
	.vma = {AT(vma, start), AT(vma, end), AT(vma, offset), AT(vma, file), AT(vma, prot)},
	.file = {AT(file, inode), AT(file, path.mnt), AT(file, path.dentry)},
	.inode = {AT(inode, super), AT(inode, ino), AT(inode, priv)},
	.host = {AT(host_inode, host_dev)},
	.super = {AT(super, type), AT(super, dev)},
	.dentry = {AT(dentry, parent), AT(dentry, name), AT(dentry, len), AT(dentry, unhashed)},
	.mount = {AT(mount, root), AT(mount, parent), AT(mount, mountpoint)},
};
