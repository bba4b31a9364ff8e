/* SPDX-License-Identifier: Apache-2.0
 * /proc/PID and /proc/PID/task/TID: the tables, and the short files.
 */
#include <asm/resource.h>

#include "fs/proc_internal.h"
#include "mm/mm.h"

typedef unsigned long long ull;

/* -- memory of the process -- */

/* Copies [from, to) of mm. What is not mapped ends the text. */
static void show_memory(struct seqbuf *s, struct mm *mm, u64 from, u64 to)
{
	u8 *page = kalloc(PAGE_SIZE);

	while (page && from < to) {
		size_t n = min_u64(to - from, PAGE_SIZE - (from & (PAGE_SIZE - 1)));

		if (copy_from_mm(mm, page, from, n))
			break;
		seq_write(s, page, n);
		from += n;
	}
	kfree(page);
}

/* The arguments. A program that wrote over their end (setproctitle) gets one string, which may run
 * on into the environment (Linux get_mm_cmdline). */
static int show_cmdline(struct seqbuf *s, const struct pseudo_node *n)
{
	struct mm *mm = proc_mm(n);
	char *nul;

	if (!mm || mm->arg_start >= mm->arg_end)
		return 0;
	show_memory(s, mm, mm->arg_start, mm->arg_end);
	if (!s->len || !s->buf[s->len - 1])
		return 0;
	if (mm->env_start == mm->arg_end)
		show_memory(s, mm, mm->env_start, mm->env_end);
	nul = memchr(s->buf, 0, s->len);
	if (nul)
		s->len = (size_t)(nul - s->buf);
	return 0;
}

static int show_environ(struct seqbuf *s, const struct pseudo_node *n)
{
	struct mm *mm = proc_mm(n);

	if (mm)
		show_memory(s, mm, mm->env_start, mm->env_end);
	return 0;
}

static int show_auxv(struct seqbuf *s, const struct pseudo_node *n)
{
	struct mm *mm = proc_mm(n);
	u32 words = 0;

	if (!mm)
		return 0;
	while (words + 2 < ARRAY_SIZE(mm->auxv) && mm->auxv[words]) /* AT_NULL ends it */
		words += 2;
	seq_write(s, mm->auxv, (words + 2) * sizeof(mm->auxv[0]));
	return 0;
}

/* Reads or writes at *pos as an address, in pieces. */
static s64 mem_move(struct file *f, struct uio *u, s64 *pos, bool write)
{
	const struct pseudo_node *n = pseudo_of(f->inode);
	struct mm *mm = proc_mm(n);
	u8 *page;
	s64 done = 0;
	int r = 0;

	if (!mm)
		return 0;
	page = kalloc(PAGE_SIZE);
	if (!page)
		return -ENOMEM;
	while (u->left && !r) {
		size_t part = min_u64(u->left, PAGE_SIZE - ((u64)*pos & (PAGE_SIZE - 1)));
		s64 moved;

		if (write) {
			moved = uio_get(u, page, part);
			if (moved > 0)
				moved = (s64)mm_access(
					mm, (u64)*pos, page, (size_t)moved, MM_DEBUG_POKE);
			moved = moved ? moved : -EIO;
		} else {
			part = mm_access(mm, (u64)*pos, page, part, MM_DEBUG_PEEK);
			moved = part ? uio_put(u, page, part) : -EIO;
		}
		if (moved <= 0) {
			r = (int)moved;
			break;
		}
		*pos += moved;
		done += moved;
	}
	kfree(page);
	return done ? done : r;
}

static s64 mem_read(struct file *f, struct uio *u, s64 *pos)
{
	return mem_move(f, u, pos, false);
}

static s64 mem_write(struct file *f, struct uio *u, s64 *pos)
{
	return mem_move(f, u, pos, true);
}

static const struct file_ops mem_ops = {
	.read = mem_read,
	.write = mem_write,
	.seek = file_seek_set,
};

/* -- names and numbers -- */

static int show_comm(struct seqbuf *s, const struct pseudo_node *n)
{
	struct task *t = proc_task(n);
	struct process *p = proc_process(n);

	if (!p)
		return -ESRCH;
	seq_printf(s, "%s\n", t ? t->comm : p->dead_comm);
	return 0;
}

static long store_comm(const struct pseudo_node *n, const char *text, size_t len)
{
	struct task *t = proc_task(n);

	if (!t)
		return -ESRCH;
	if (t->proc != current->proc)
		return -EINVAL;
	len = strnlen(text, min_u64(len, sizeof(t->comm) - 1));
	memset(t->comm, 0, sizeof(t->comm));
	memcpy(t->comm, text, len);
	return 0;
}

static int show_limits(struct seqbuf *s, const struct pseudo_node *n)
{
	static const struct {
		u32 which;
		const char *name, *unit;
	} rows[] = {
		{RLIMIT_CPU, "Max cpu time", "seconds"},
		{RLIMIT_FSIZE, "Max file size", "bytes"},
		{RLIMIT_DATA, "Max data size", "bytes"},
		{RLIMIT_STACK, "Max stack size", "bytes"},
		{RLIMIT_CORE, "Max core file size", "bytes"},
		{RLIMIT_RSS, "Max resident set", "bytes"},
		{RLIMIT_NPROC, "Max processes", "processes"},
		{RLIMIT_NOFILE, "Max open files", "files"},
		{RLIMIT_MEMLOCK, "Max locked memory", "bytes"},
		{RLIMIT_AS, "Max address space", "bytes"},
		{RLIMIT_LOCKS, "Max file locks", "locks"},
		{RLIMIT_SIGPENDING, "Max pending signals", "signals"},
		{RLIMIT_MSGQUEUE, "Max msgqueue size", "bytes"},
		{RLIMIT_NICE, "Max nice priority", ""},
		{RLIMIT_RTPRIO, "Max realtime priority", ""},
		{RLIMIT_RTTIME, "Max realtime timeout", "us"},
	};
	struct process *p = proc_process(n);

	if (!p)
		return -ESRCH;
	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		seq_printf(s, "%-25s ", rows[i].name);
		for (u32 k = 0; k < 2; k++) {
			u64 v = p->rlimits[rows[i].which][k];

			if (v == RLIM_INFINITY)
				seq_printf(s, "%-20s ", "unlimited");
			else
				seq_printf(s, "%-20llu ", (unsigned long long)v);
		}
		if (rows[i].unit[0])
			seq_printf(s, "%-10s", rows[i].unit);
		seq_puts(s, "\n");
	}
	return 0;
}

static int show_personality(struct seqbuf *s, const struct pseudo_node *n)
{
	struct process *p = proc_process(n);

	seq_printf(s, "%08x\n", p ? p->personality : 0);
	return 0;
}

static int show_timerslack(struct seqbuf *s, const struct pseudo_node *n)
{
	struct task *t = proc_task(n);

	seq_printf(s, "%llu\n", t ? (unsigned long long)t->timer_slack : 0ull);
	return 0;
}

static int show_schedstat(struct seqbuf *s, const struct pseudo_node *n)
{
	struct task *t = proc_task(n);
	u64 user = 0, sys = 0;

	if (t)
		task_times(t, &user, &sys);
	seq_printf(s, "%llu 0 0\n", (unsigned long long)(user + sys));
	return 0;
}

static int show_children(struct seqbuf *s, const struct pseudo_node *n)
{
	struct task *t = proc_task(n);

	if (!t)
		return -ESRCH;
	list_for_each(pos, &t->proc->children)
	{
		const struct process *p = list_entry(pos, struct process, sibling);

		if (process_parent_thread(p) == t)
			seq_printf(s, "%d ", p->pid);
	}
	return 0;
}

static int show_wchan(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_puts(s, "0"); /* no newline: as Linux */
	return 0;
}

/* Blocked: in a call, or for another reason. */
static int show_syscall(struct seqbuf *s, const struct pseudo_node *n)
{
	const struct task *t = proc_task(n);
	const struct user_regs *r;

	if (!t)
		return -ESRCH;
	r = &t->regs;
	if (t != current && t->state == TASK_RUNNABLE)
		seq_puts(s, "running\n");
	else if (!t->in_syscall)
		seq_printf(s, "-1 0x%llx 0x%llx\n", (ull)r->rsp, (ull)r->rip);
	else
		seq_printf(s, "%lld 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx 0x%llx\n",
			(long long)r->orig_rax, (ull)r->rdi, (ull)r->rsi, (ull)r->rdx, (ull)r->r10,
			(ull)r->r8, (ull)r->r9, (ull)r->rsp, (ull)r->rip);
	return 0;
}

static int show_loginuid(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_puts(s, "4294967295"); /* never logged in; no newline either */
	return 0;
}

/* Nothing here kills by score, so any adjustment in range will do. */
static long store_oom_adj(const struct pseudo_node *n, const char *text, size_t len)
{
	s64 v;

	if (proc_parse_number(text, &v) || v < -1000 || v > 1000)
		return -EINVAL;
	return v < 0 && !cred_has(&current->cred, CAP_SYS_RESOURCE) ? -EACCES : 0;
}

/* -- links -- */

static int follow_exe(const struct pseudo_node *n, struct path *out)
{
	struct process *p = proc_process(n);
	int r = proc_may_look(n);

	if (r)
		return r;
	if (!p || !p->exe || !p->exe->path.dentry)
		return -ENOENT;
	*out = p->exe->path;
	path_get(out);
	return 0;
}

static int follow_fs(const struct pseudo_node *n, bool root, struct path *out)
{
	struct task *t = proc_task(n);
	int r = proc_may_look(n);

	if (r)
		return r;
	if (!t || !t->fs)
		return -ENOENT;
	*out = root ? t->fs->root : t->fs->cwd;
	path_get(out);
	return 0;
}

static int follow_cwd(const struct pseudo_node *n, struct path *out)
{
	return follow_fs(n, false, out);
}

static int follow_root(const struct pseudo_node *n, struct path *out)
{
	return follow_fs(n, true, out);
}

/* The text of a link is the path of what it leads to. */
static s64 readlink_by_path(const struct pseudo_node *n, char *buf, size_t size)
{
	struct path p;
	char *text;
	s64 len = n->def->follow(n, &p);

	if (len)
		return len;
	text = kalloc(PAGE_SIZE);
	len = text ? path_string(&p, text, PAGE_SIZE) : -ENOMEM;
	if (len > 0) {
		len = (s64)min_u64((u64)len, size);
		memcpy(buf, text, (size_t)len);
	}
	kfree(text);
	path_put(&p);
	return len;
}

/* -- task/ -- */

static int task_lookup(
	const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out)
{
	struct task *t = task_find(pseudo_parse_id(name, len));

	if (!t || t->proc->pid != dir->pid)
		return -ENOENT;
	out->def = &proc_task_dir;
	out->tid = t->tid;
	return 0;
}

static bool task_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out)
{
	struct process *p = proc_process(dir);
	s32 best = 0;

	if (!p)
		return false;
	list_for_each(pos, &p->threads)
	{
		s32 tid = list_entry(pos, struct task, thread_link)->tid;

		if ((u64)tid >= *cursor && (!best || tid < best))
			best = tid;
	}
	if (!best)
		return false;
	*cursor = (u64)best;
	proc_dirent(out, &proc_task_dir, best);
	out->node.tid = best;
	return true;
}

/* -- the tables -- */

#define IDENTITY_MAP "         0          0 4294967295"
#define PRIVATE_FILE(n, perm, fn)                                                                  \
	{                                                                                          \
		.name = n, .mode = S_IFREG | (perm), .show = fn, .open = proc_may_look             \
	}

static const struct pseudo_def entries[] = {
	PRIVATE_FILE("auxv", 0400, show_auxv),
	PROC_TEXT("cgroup", 0444, "0::/"),
	PROC_FILE("cmdline", 0444, show_cmdline),
	{.name = "comm", .mode = S_IFREG | 0644, .show = show_comm, .store = store_comm},
	PROC_LINK("cwd", .readlink = readlink_by_path, .follow = follow_cwd),
	PRIVATE_FILE("environ", 0400, show_environ),
	PROC_LINK("exe", .readlink = readlink_by_path, .follow = follow_exe),
	PROC_DIR("fd", 0500, .lookup = proc_fd_child, .next = proc_fd_next),
	PROC_DIR("fdinfo", 0555, .lookup = proc_fdinfo_child, .next = proc_fdinfo_next),
	PROC_TEXT("gid_map", 0644, IDENTITY_MAP),
	PROC_TEXT("io", 0400,
		"rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\nwrite_bytes: 0\n"
		"cancelled_write_bytes: 0"),
	PROC_FILE("limits", 0444, show_limits),
	PROC_FILE("loginuid", 0444, show_loginuid),
	PRIVATE_FILE("maps", 0444, proc_show_maps),
	{.name = "mem", .mode = S_IFREG | 0600, .fops = &mem_ops, .open = proc_may_look},
	PROC_FILE("mountinfo", 0444, proc_show_mountinfo),
	PROC_FILE("mounts", 0444, proc_show_mounts),
	PROC_DIR("net", 0555, .children = proc_net_entries),
	PROC_TEXT("oom_score", 0444, "0"),
	{.name = "oom_score_adj",
		.mode = S_IFREG | 0644,
		.show = proc_show_target,
		.target = "0",
		.store = store_oom_adj},
	PROC_FILE("personality", 0400, show_personality),
	PROC_LINK("root", .readlink = readlink_by_path, .follow = follow_root),
	PROC_FILE("schedstat", 0444, show_schedstat),
	PROC_TEXT("setgroups", 0644, "allow"),
	PRIVATE_FILE("smaps", 0444, proc_show_smaps),
	PROC_FILE("stat", 0444, proc_show_pid_stat),
	PROC_FILE("statm", 0444, proc_show_statm),
	PROC_FILE("status", 0444, proc_show_status),
	PROC_TEXT("uid_map", 0644, IDENTITY_MAP),
	PRIVATE_FILE("syscall", 0400, show_syscall),
	PROC_FILE("wchan", 0444, show_wchan),
	PROC_END,
};
static const struct pseudo_def process_entries[] = {
	PROC_TEXT("coredump_filter", 0644, "00000033"),
	PROC_DIR("task", 0555, .lookup = task_lookup, .next = task_next),
	PROC_FILE("timerslack_ns", 0666, show_timerslack),
	PROC_END,
};

const struct pseudo_def proc_pid_dir = {
	.mode = S_IFDIR | 0555,
	.children = entries,
	.more = process_entries,
};
static const struct pseudo_def task_entries[] = {
	PROC_FILE("children", 0444, show_children),
	PROC_END,
};
const struct pseudo_def proc_task_dir = {
	.mode = S_IFDIR | 0555,
	.children = entries,
	.more = task_entries,
};
