/* SPDX-License-Identifier: Apache-2.0
 *
 * The server: pages, and submissions that wait in line without holding a thread.
 */
#ifndef JUDGE_HTTP_H
#define JUDGE_HTTP_H

#include "sdk/examples/judge/judge.h"

struct http_options {
	struct settings settings;
	unsigned workers, queue;
	unsigned connections; /* of clients, at most */
};

struct http;

/* Takes the listening socket over. NULL: errno says why. */
struct http *http_start(const struct http_options *o, int socket);
/* Accepts nothing more, finishes what runs, refuses what waits; then frees. */
void http_stop(struct http *h);

#endif
