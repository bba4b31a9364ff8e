/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the servers among the examples listen.
 */
#ifndef LISTEN_H
#define LISTEN_H

/* A socket that does not wait, or -1 with a sentence of the program's printed. */
int listen_at(const char *program, const char *host, const char *port);
void listen_say_where(int fd); /* its URL, to stdout */

#endif
