/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "sdk/examples/server/argument.h"

unsigned long argument_number(struct argp_state *state, const char *arg, unsigned long most)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(arg, &end, 10);
	if (errno || *arg < '0' || *arg > '9' || *end || !n || n > most)
		argp_error(state, "%s: want a number from 1 to %lu", arg, most);
	return n;
}
