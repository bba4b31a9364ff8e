/* SPDX-License-Identifier: Apache-2.0 */
#include "gcd.h"

int gcd(int a, int b)
{
	return b ? gcd(b, a % b) : a;
}
