/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's end of runtime/abi/template.h. What comes from the other end is taken as the word
 * of a stranger: its process has had an untrusted program in it.
 */
#ifndef SDK_WIRE_H
#define SDK_WIRE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "runtime/abi/template.h"

/* Both ends; 0 or -1 with errno. */
int wire_make(int *ours, int *theirs);
/* 1: READY came; 0: nothing yet; -ECONNRESET: the other end was closed; -EPROTO: nonsense. */
int wire_ready(int socket);
struct wire_clone {
	pid_t pid;  /* nobody else's until wire_taken or the next request */
	int leader; /* as in abi/template.h */
};
/* Asks for a clone and waits for the answer. 0 or -errno. *usable: the next request makes sense. */
int wire_clone(int socket, const int fds[TEMPLATE_FDS], uint64_t timeout_ns,
	struct wire_clone *made, bool *usable);
void wire_taken(int socket);

#endif
