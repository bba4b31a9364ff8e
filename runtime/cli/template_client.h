/* SPDX-License-Identifier: Apache-2.0
 *
 * The other side of runtime/abi/template.h: starts a template, asks it for clones. Never waits but
 * in template_end.
 */
#ifndef CLI_TEMPLATE_CLIENT_H
#define CLI_TEMPLATE_CLIENT_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/abi/template.h"

struct template_client {
	pid_t pid;
	int fd;	   /* can be read when template_receive has something */
	int pidfd; /* can be read when it has ended; -1: of a kernel that has none */
};

struct template_start {
	const char *program; /* what is executed in place of `sandbox` */
	/* What follows `sandbox run --template-fd N`; NULL-terminated. */
	char **words;
	int in, out, err;	 /* what the template has itself until it is READY */
	int report;		 /* given as --json-fd */
	const sigset_t *signals; /* blocked in it */
};

/* It has a session of its own: what a terminal sends is for its owner. 0 or -errno. */
int template_start(struct template_client *t, const struct template_start *s);
/* 0: a message of the right version. -EAGAIN: none yet. -EPIPE: it has closed its end. -EPROTO:
 * it said what is no message. Otherwise -errno. */
int template_receive(struct template_client *t, struct template_message *m);
/* CLONE. 0 or -errno; -EAGAIN: it has not read what was sent before. */
int template_clone(struct template_client *t, const int fds[TEMPLATE_FDS], uint64_t timeout_ns);
/* Closes our end, which ends it. Returns its status as waitpid(2) has it; -1 when it had not ended
 * after patience_ms and was killed. */
int template_end(struct template_client *t, int patience_ms);

#endif
