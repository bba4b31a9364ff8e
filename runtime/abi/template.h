/* SPDX-License-Identifier: Apache-2.0
 *
 * A template: a sandbox that stopped where its program first asks for its stdin (a read of it, or
 * whether it could be read), and that makes clones of itself on request. Each clone is a process,
 * goes on from there with streams of its own, and ends like any other run, with its own report.
 *
 * Its own stdin, stdout and stderr are pipes, sockets or /dev/null; what the program prints before
 * it stops goes there.
 *
 * `sandbox run --template-fd N`: N is a SOCK_SEQPACKET socket of AF_UNIX on which these messages
 * go, one in a packet. The template says READY once. Each CLONE is answered with one CLONED, in
 * order. When the other side closes its end the template ends; its clones do not. If the
 * program ends before it asks for its stdin there is no READY: the template ends as the program
 * does, and its report says how.
 *
 * The other side is the user's, and trusted: it started the template.
 */
#ifndef RUNTIME_ABI_TEMPLATE_H
#define RUNTIME_ABI_TEMPLATE_H

#include <stdint.h>

#define TEMPLATE_VERSION 1u

enum template_kind {
	TEMPLATE_READY = 1, /* from the template */
	TEMPLATE_CLONE,	    /* to it, with TEMPLATE_FDS descriptors (SCM_RIGHTS) */
	TEMPLATE_CLONED,    /* from it */
	TEMPLATE_TAKEN,	    /* to it: pid is not needed any more. There is no answer. */
};

/* What comes with CLONE, in this order: all of them, /dev/null where nothing is wanted. No
 * terminals. The sender may close its own at once. */
enum template_fd {
	TEMPLATE_FD_IN, /* the program's stdin, stdout and stderr */
	TEMPLATE_FD_OUT,
	TEMPLATE_FD_ERR,
	TEMPLATE_FD_REPORT,   /* in place of --json-fd */
	TEMPLATE_FD_MESSAGES, /* in place of --messages-fd, or of the stderr of `sandbox` */
	TEMPLATE_FD_UNTIL,    /* in place of --until-fd: the clone ends when it can be read or
				 was hung up; never with /dev/null */
	TEMPLATE_FDS
};

struct template_message {
	uint32_t version; /* TEMPLATE_VERSION */
	uint32_t kind;	  /* enum template_kind */
	int32_t error;	  /* CLONED: 0 or -errno, and then there is no clone */
	/* CLONED: the clone's process, as the template's PID namespace has it. Not reused before
	 * the next message to the template: time to ask for a pidfd, and then to say TAKEN, for the
	 * template reaps it when it ends, but not before. */
	int32_t pid;
	uint64_t timeout_ns; /* CLONE: the clone's wall time, from now; 0: as --timeout, or none */
	/* CLONED: who leads the process group in which its programs run, the last of its numbers
	 * (NSpid in proc(5), status); a child of the template's child that leads one. 0: they run
	 * in the clone's process. */
	int32_t leader;
	uint32_t reserved0;   /* 0 */
	uint64_t reserved[2]; /* 0 */
};
_Static_assert(sizeof(struct template_message) == 48, "template ABI");

#endif
