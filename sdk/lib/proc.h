/* SPDX-License-Identifier: Apache-2.0
 *
 * The host's processes of a sandbox, found in /proc: the launcher, and where there is no virtual
 * machine those that it forked (vmm/process: one leads a process group, in which are all others).
 * What those of a clone come from is a child of what the template forked.
 */
#ifndef SDK_PROC_H
#define SDK_PROC_H

#include <stdint.h>
#include <sys/types.h>

struct proc_clone {
	pid_t template; /* 0: it is no clone */
	int leader;	/* as in abi/template.h */
};

struct proc_group {
	pid_t leader;	 /* of the group; 0: none */
	uint64_t cpu_ns; /* of the launcher and of the group */
};

/* 0 or -errno (no /proc, no memory). If somebody has reaped launcher meanwhile it may be the group
 * of another. */
int proc_find(pid_t launcher, const struct proc_clone *clone, struct proc_group *out);
/* 'R', 'S', 'T', …; 0 if it is gone or cannot be read. */
char proc_state(pid_t pid);
/* 0: as above. */
pid_t proc_parent(pid_t pid);

#endif
