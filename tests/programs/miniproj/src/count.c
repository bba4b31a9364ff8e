/* SPDX-License-Identifier: Apache-2.0 */
#include "count.h"

int count_bits(unsigned value)
{
	return __builtin_popcount(value);
}
