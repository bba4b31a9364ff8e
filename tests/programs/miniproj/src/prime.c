/* SPDX-License-Identifier: Apache-2.0 */
#include "prime.h"

static int is_prime(int n)
{
	for (int i = 2; i * i <= n; i++)
		if (n % i == 0)
			return 0;
	return n > 1;
}

int prime_count(int below)
{
	int count = 0;

	for (int n = 2; n < below; n++)
		count += is_prime(n);
	return count;
}
