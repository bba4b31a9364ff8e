/* SPDX-License-Identifier: Apache-2.0
 *
 * --accept: a program that is a server is a template where it first accepts, which sandbox-relay
 * finds out inside.
 */
#ifndef CLI_ACCEPT_H
#define CLI_ACCEPT_H

#include <limits.h>

#include "runtime/cli/cli.h"

#define ACCEPT_WITHIN_NS 30000000000ull /* unless --accept-within says another */

struct accept {
	const char *where;  /* NULL: not asked for; "": its only port */
	uint64_t within_ns; /* 0: no limit */
	bool has_within;
	uint32_t proxy_version; /* --proxy-protocol: 1 or 2; 0: none */
	struct policy_starter starter;
	const char *args[3];
	char file[PATH_MAX], milliseconds[24];
};

/* The options' arguments, NULL: none. 0, or EINVAL (said). */
int accept_parse(struct accept *a, const char *arg);
int accept_parse_within(struct accept *a, const char *arg);
int accept_parse_proxy(struct accept *a, const char *arg);
/* Where it is asked for, fills request->starter, which is a's. False: there is no sandbox-relay. */
bool accept_prepare(struct accept *a, struct policy_request *request);

#endif
