/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/upper/number.h"

unsigned upper_number(const char *name)
{
	char *end;
	unsigned long n = *name >= '1' && *name <= '9' ? strtoul(name, &end, 10) : 0;

	return n && n < UINT32_MAX && !strcmp(end, ".tar") ? (unsigned)n : 0;
}

void upper_name(unsigned number, char out[UPPER_NAME])
{
	snprintf(out, UPPER_NAME, "%u.tar", number);
}
