/* SPDX-License-Identifier: Apache-2.0 */
#include "fib.h"

unsigned long fib(int n)
{
	unsigned long a = 0, b = 1;

	while (n-- > 0) {
		unsigned long c = a + b;
		a = b;
		b = c;
	}
	return a;
}
