/* SPDX-License-Identifier: Apache-2.0 */
#include "hash.h"

unsigned hash_of(const char *text)
{
	unsigned h = 2166136261u;

	while (*text)
		h = (h ^ (unsigned char)*text++) * 16777619u;
	return h;
}
