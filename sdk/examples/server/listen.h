/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the servers among the examples listen.
 */
#ifndef LISTEN_H
#define LISTEN_H

#include <argp.h>

struct listen_address {
	char host[256], port[16];
};

/* Of ADDRESS:PORT or [ADDRESS]:PORT; else the program ends with argp's message. */
void listen_parse(struct listen_address *at, struct argp_state *state, const char *arg);
/* A socket that does not wait, or -1 with a sentence of the program's printed. */
int listen_at(const char *program, const struct listen_address *at);
void listen_say_where(int fd); /* its URL, to stdout */

#endif
