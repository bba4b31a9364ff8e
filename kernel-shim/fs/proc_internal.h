/* SPDX-License-Identifier: Apache-2.0
 * Between the files of /proc. Their texts are Linux's to the byte: programs parse them.
 */
#ifndef FS_PROC_INTERNAL_H
#define FS_PROC_INTERNAL_H

#include <asm/errno.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/pseudo.h"

#define PROC_DIR(n, perm, ...)                                                                     \
	{                                                                                          \
		.name = n, .mode = S_IFDIR | (perm), __VA_ARGS__                                   \
	}
#define PROC_FILE(n, perm, fn)                                                                     \
	{                                                                                          \
		.name = n, .mode = S_IFREG | (perm), .show = fn                                    \
	}
#define PROC_LINK(n, ...)                                                                          \
	{                                                                                          \
		.name = n, .mode = S_IFLNK | 0777, __VA_ARGS__                                     \
	}
#define PROC_TEXT(n, perm, str)                                                                    \
	{                                                                                          \
		.name = n, .mode = S_IFREG | (perm), .show = proc_show_target, .target = str       \
	}
/* A limit as the text that it is in the source. */
#define PROC_NUMBER_(x) #x
#define PROC_NUMBER(x)	PROC_NUMBER_(x)
#define PROC_END                                                                                   \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* Of a device number as in struct stat. */
#define DEV_MAJOR(dev) ((u32)((dev) >> 8 & 0xfff))
#define DEV_MINOR(dev) ((u32)(((dev)&0xff) | ((dev) >> 12 & 0xffffff00)))

#define NSEC_PER_CLOCK_TICK 10000000ull /* USER_HZ is 100 */

/* -- procfs.c: what a node is about; NULL: gone -- */
struct process *proc_process(const struct pseudo_node *n);
struct task *proc_task(const struct pseudo_node *n); /* NULL for a zombie, too */
struct mm *proc_mm(const struct pseudo_node *n);
/* -EACCES unless the caller may look into the node's process (another user's is closed). */
int proc_may_look(const struct pseudo_node *n);
int proc_show_target(struct seqbuf *s, const struct pseudo_node *n); /* PROC_TEXT */
/* A number that was written, blanks around it ignored. -EINVAL. */
int proc_parse_number(const char *text, s64 *value);
void proc_dirent(struct pseudo_dirent *e, const struct pseudo_def *def, s32 id);

/* -- the tables -- */
extern const struct pseudo_def proc_pid_dir;
extern const struct pseudo_def proc_task_dir; /* one thread, below task/ */
extern const struct pseudo_def proc_sys_entries[], proc_sys_net_entries[];
extern const struct pseudo_def proc_net_entries[]; /* of every process: there is one network */

/* -- proc_fd.c -- */
bool proc_is_fd(const struct pseudo_node *n); /* of fd/ or fdinfo/ */
bool proc_fd_refresh(struct inode *i, const struct pseudo_node *n);
int proc_fd_child(
	const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out);
bool proc_fd_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out);
int proc_fdinfo_child(
	const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out);
bool proc_fdinfo_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out);

/* -- proc_root.c, proc_cpu.c, proc_status.c, proc_maps.c, proc_mounts.c: show functions -- */
int proc_show_meminfo(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_stat(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_uptime(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_loadavg(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_version(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_filesystems(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_cpuinfo(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_pid_stat(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_statm(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_status(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_maps(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_smaps(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_mounts(struct seqbuf *s, const struct pseudo_node *n);
int proc_show_mountinfo(struct seqbuf *s, const struct pseudo_node *n);

#endif
