/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a server listens, and who connects to it. Numbers only: nothing is looked up.
 */
#ifndef CLI_ADDRESS_H
#define CLI_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_SIZE 160 /* of what address_text writes; a path of AF_UNIX is the longest */

struct address {
	struct sockaddr_storage at;
	socklen_t size;
};

/* 127.0.0.1:9100, [::1]:9100. False: it is none. */
bool address_numeric(struct address *a, const char *text);
/* :9100, every address of this machine. False: it is none. */
bool address_any(struct address *a, const char *text);
/* unix:/path; another end of the text is false too, as is a path that is too long. */
bool address_unix(struct address *a, const char *text);
/* A socket that is bound there and does not listen yet, or -errno. */
int address_bind(const struct address *a);
/* What it is bound to: a port 0 is now the kernel's choice. */
void address_of(struct address *a, int fd);
/* As the three above read it. */
void address_text(char out[ADDRESS_TEXT_SIZE], const struct address *a);

#endif
