/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>
#include <sys/un.h>

#include "runtime/cli/accept.h"

#define PORT_MAX 65535u

static bool is_unix(const char *arg)
{
	size_t n = strlen(arg + 5);

	return n && n < sizeof((struct sockaddr_un *)0)->sun_path;
}

int accept_parse(struct accept *a, const char *arg)
{
	uint32_t port;
	bool ok;

	a->where = arg ? arg : "";
	if (!*a->where)
		return 0;
	if (!strncmp(arg, "unix:", 5))
		ok = is_unix(arg);
	else /* "08" is 8, but no name of a port */
		ok = *arg != '0' && !policy_parse_count(arg, &port) && port <= PORT_MAX;
	if (!ok)
		cli_say("--accept %s: want a port of the server, or unix: and a path of at most "
			"107 bytes",
			arg);
	return ok ? 0 : EINVAL;
}

int accept_parse_within(struct accept *a, const char *arg)
{
	a->has_within = true;
	if (!policy_parse_duration(arg, &a->within_ns))
		return 0;
	cli_say("--accept-within %s: want a duration such as 10, 1.5s, 2m, or 0 for no limit", arg);
	return EINVAL;
}

int accept_parse_proxy(struct accept *a, const char *arg)
{
	if (!arg || !strcmp(arg, "v1"))
		a->proxy_version = 1;
	else if (!strcmp(arg, "v2"))
		a->proxy_version = 2;
	else
		cli_say("--proxy-protocol %s: want v1 or v2", arg);
	return a->proxy_version ? 0 : EINVAL;
}

bool accept_prepare(struct accept *a, struct policy_request *request)
{
	uint64_t ns = a->has_within ? a->within_ns : ACCEPT_WITHIN_NS;

	if (!a->where)
		return true;
	if (!cli_tool_find("sandbox-relay", a->file, sizeof a->file))
		return false;
	snprintf(a->milliseconds, sizeof a->milliseconds, "%" PRIu64, (ns + 999999) / 1000000);
	a->args[0] = a->where;
	a->args[1] = a->milliseconds;
	a->starter = (struct policy_starter){a->file, a->args};
	request->starter = &a->starter;
	return true;
}
