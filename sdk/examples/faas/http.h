/* SPDX-License-Identifier: Apache-2.0
 *
 * The server: a thread for each connection, of which a few call functions at one time.
 */
#ifndef FAAS_HTTP_H
#define FAAS_HTTP_H

#include "sdk/examples/faas/function.h"

struct http_options {
	struct function *functions;
	size_t nfunctions;
	unsigned calls; /* at one time */
	size_t body;	/* bytes of a request, at most */
};

struct http;

/* Takes the listening socket over. NULL: errno says why. */
struct http *http_start(const struct http_options *o, int socket);
/* Accepts nothing more, finishes what runs; then frees. */
void http_stop(struct http *h);

#endif
