/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "sdk/examples/judge/connections.h"

#define LEAST	   512u /* that are wanted */
#define OWN	   64u	/* descriptors of the program */
#define OF_SANDBOX 32u	/* and of each worker's sandbox */

unsigned connections_room(unsigned workers, unsigned queue)
{
	/* half of them read the page, or are refused */
	const unsigned wanted = 2 * (workers + queue) > LEAST ? 2 * (workers + queue) : LEAST;
	const rlim_t own = OWN + (rlim_t)workers * OF_SANDBOX;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return wanted;
	if (limit.rlim_cur < own + wanted) {
		const rlim_t before = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max < own + wanted ? limit.rlim_max : own + wanted;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			limit.rlim_cur = before;
	}
	if (limit.rlim_cur >= own + wanted)
		return wanted;
	return limit.rlim_cur > own ? (unsigned)(limit.rlim_cur - own) : 0;
}
