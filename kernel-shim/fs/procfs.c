/* SPDX-License-Identifier: Apache-2.0
 * /proc: the top directory, and what its nodes are about.
 */
#include "core/ptrace.h"
#include "fs/proc_internal.h"
#include "ipc/ipc.h"

#define PROC_SUPER_MAGIC 0x9fa0u

/* -- nodes -- */

struct process *proc_process(const struct pseudo_node *n)
{
	return process_find(n->pid);
}

struct task *proc_task(const struct pseudo_node *n)
{
	struct process *p = proc_process(n);
	struct task *t;

	if (!p || !n->tid)
		return p ? process_task(p) : NULL;
	t = task_find(n->tid);
	return t && t->proc == p ? t : NULL;
}

struct mm *proc_mm(const struct pseudo_node *n)
{
	struct task *t = proc_task(n);

	return t ? t->mm : NULL;
}

int proc_may_look(const struct pseudo_node *n)
{
	struct task *t = proc_task(n);

	if (!t)
		return proc_process(n) ? 0 : -ESRCH;
	return ptrace_may_access(current, t) ? 0 : -EACCES;
}

int proc_show_target(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_puts(s, n->def->target);
	seq_puts(s, "\n");
	return 0;
}

int proc_parse_number(const char *text, s64 *value)
{
	bool minus;
	u64 v = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	minus = *text == '-';
	text += minus;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9' && v < 1ull << 60; text++)
		v = v * 10 + (u64)(*text - '0');
	while (*text == ' ' || *text == '\t' || *text == '\n')
		text++;
	*value = minus ? -(s64)v : (s64)v;
	return *text ? -EINVAL : 0;
}

void proc_dirent(struct pseudo_dirent *e, const struct pseudo_def *def, s32 id)
{
	kfmt(e->name, sizeof(e->name), "%d", id);
	e->type = (u8)((def->mode & S_IFMT) >> 12);
	e->node.def = def;
}

/* The owner: the process's effective ids, root for one that may not be looked into. */
static bool proc_refresh(struct inode *i, const struct pseudo_node *n)
{
	struct process *p;
	struct task *t;

	if (!n->pid)
		return true;
	p = proc_process(n);
	t = proc_task(n);
	if (!p || (n->tid && !t))
		return false;
	i->uid = t ? t->cred.euid : p->dead_euid;
	i->gid = t ? t->cred.egid : 0;
	if (p->dumpable != 1 && n->def != &proc_pid_dir && n->def != &proc_task_dir)
		i->uid = i->gid = 0;
	return !proc_is_fd(n) || proc_fd_refresh(i, n);
}

/* -- the top directory -- */

static int root_lookup(
	const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out)
{
	s32 id = pseudo_parse_id(name, len);
	struct task *t;

	if (id <= 0)
		return -ENOENT;
	out->def = &proc_pid_dir;
	out->pid = id;
	if (process_find(id))
		return 0;
	t = task_find(id); /* a thread's id works, though it is not listed */
	if (!t)
		return -ENOENT;
	out->pid = t->proc->pid;
	return 0;
}

static bool root_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out)
{
	struct process *p = process_next((s32)*cursor);

	if (!p)
		return false;
	*cursor = (u64)p->pid;
	proc_dirent(out, &proc_pid_dir, p->pid);
	out->node.pid = p->pid;
	return true;
}

static s64 self_readlink(const struct pseudo_node *n, char *buf, size_t size)
{
	char text[16];
	size_t len = (size_t)kfmt(text, sizeof(text), "%d", current->proc->pid);

	len = min_u64(len, size);
	memcpy(buf, text, len);
	return (s64)len;
}

static s64 thread_self_readlink(const struct pseudo_node *n, char *buf, size_t size)
{
	char text[32];
	size_t len =
		(size_t)kfmt(text, sizeof(text), "%d/task/%d", current->proc->pid, current->tid);

	len = min_u64(len, size);
	memcpy(buf, text, len);
	return (s64)len;
}

static const struct pseudo_def sysvipc_entries[] = {
	PROC_FILE("msg", 0444, ipc_show_msg),
	PROC_FILE("sem", 0444, ipc_show_sem),
	PROC_FILE("shm", 0444, ipc_show_shm),
	PROC_END,
};

static const struct pseudo_def root_entries[] = {
	PROC_LINK("self", .readlink = self_readlink),
	PROC_LINK("thread-self", .readlink = thread_self_readlink),
	PROC_TEXT("cgroups", 0444, "#subsys_name\thierarchy\tnum_cgroups\tenabled"),
	PROC_TEXT("cmdline", 0444, ""),
	PROC_FILE("cpuinfo", 0444, proc_show_cpuinfo),
	PROC_TEXT("devices", 0444,
		"Character devices:\n  1 mem\n  5 /dev/tty\n136 pts\n\nBlock devices:"),
	PROC_FILE("filesystems", 0444, proc_show_filesystems),
	PROC_FILE("loadavg", 0444, proc_show_loadavg),
	PROC_FILE("meminfo", 0444, proc_show_meminfo),
	PROC_LINK("mounts", .target = "self/mounts"),
	PROC_LINK("net", .target = "self/net"),
	PROC_FILE("stat", 0444, proc_show_stat),
	PROC_TEXT("swaps", 0444, "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority"),
	PROC_DIR("sys", 0555, .children = proc_sys_entries),
	PROC_DIR("sysvipc", 0555, .children = sysvipc_entries),
	PROC_FILE("uptime", 0444, proc_show_uptime),
	PROC_FILE("version", 0444, proc_show_version),
	PROC_TEXT("vmstat", 0444, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0"),
	PROC_END,
};
static const struct pseudo_def proc_root = {
	.mode = S_IFDIR | 0555,
	.children = root_entries,
	.lookup = root_lookup,
	.next = root_next,
};
static const struct pseudo_fs procfs = {
	.type = "proc",
	.root = &proc_root,
	.magic = PROC_SUPER_MAGIC,
	.refresh = proc_refresh,
};

struct super *procfs_mount(void)
{
	return pseudo_mount(&procfs);
}
