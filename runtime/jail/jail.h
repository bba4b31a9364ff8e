/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher's jail. Order matters, see jail.c: namespaces and empty root while single-threaded,
 * then capabilities and no_new_privs, Landlock; each thread closes its own seccomp filter last.
 */
#ifndef JAIL_H
#define JAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/launch/launch.h"

enum jail_role {
	JAIL_VCPU,    /* guest home: runs its vCPU */
	JAIL_SERVICE, /* guest home: serves the channel */
	JAIL_CORE,    /* host home: the shim's core, the vCPU and the service in one thread */
	JAIL_WATCHER, /* waits for files and signals */
	JAIL_ROLES
};
#define JAIL_ROLE(role) (1u << (role)) /* of a set of them */

/* What a launch has that most have not, joined: lists of calls.h that depend on it are in the
 * filters only then. */
enum jail_need {
	JAIL_VM = 0x1,	      /* a virtual machine */
	JAIL_PROCESSES = 0x2, /* trapped processes */
	JAIL_BASES = 0x4,     /* whose FS and GS bases cannot be set by instructions */
	JAIL_TERMINAL = 0x8,  /* a terminal was inherited */
	JAIL_SOCKET = 0x10,   /* a socket was */
	JAIL_CHANGES = 0x20,  /* a file may be changed */
	JAIL_NAMES = 0x40,    /* names in a directory may be */
	JAIL_TEMPLATE = 0x80, /* clones may be made */
	JAIL_CLONE = 0x100,   /* one was, and has begun: in the place of JAIL_TEMPLATE */
	JAIL_ENDS = 0x200,    /* a socket's sending side may be ended */
	JAIL_PEERS = 0x400,   /* a clone that begins looks who is at the other end of its stdin */
};

/* Processes that live in the jail beside this one, forked when its namespaces, root and rules are
 * in force. Not 0: -ECHILD from jail_enter. */
struct jail_children {
	int (*fork)(void *arg, bool pid_namespace);
	void *arg;
};

/* While the process has one thread and everything is open: namespaces, empty root, capabilities,
 * no_new_privs, Landlock, resource limits. Fills *state; a layer that cannot be had is not an error
 * unless strict (then -EPERM). keep: the granted O_PATH descriptors, for Landlock's rules. */
int jail_enter(const struct launch_config *c, struct launch_jail_state *state,
	const struct jail_children *children);

/* Each thread, last of all: its seccomp filter. needs: JAIL_* of the launch; ioctls: what its vCPU
 * needs. 0 or -errno. */
int jail_thread(enum jail_role role, unsigned needs, const unsigned long *ioctls, size_t nioctls);

/* How many different calls the filters of all these threads let through. */
unsigned jail_calls(unsigned roles, unsigned needs);

/* For the process that trapped processes are forked from (vmm/process); they inherit it and each
 * closes a narrower one behind it. What is not listed gives SIGSYS, which is how those trap. */
int jail_zygote(unsigned needs);

/* What can be had here, without entering it (for doctor). Forks a child to try. */
void jail_probe(struct launch_jail_state *state);

#endif
