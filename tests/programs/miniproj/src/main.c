/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"
#include "sum.h"
#include "prime.h"
#include "text.h"
#include "hash.h"
#include "matrix.h"
#include "gcd.h"
#include "count.h"
#include "fib.h"

#include <stdio.h>

int main(void)
{
	char text[] = "report";

	stack_push(sum_to(10));
	stack_push(gcd(84, 36));
	text_reverse(text);
	printf("%s %d %d %d\n", text, stack_pop(), stack_pop(), stack_depth());
	printf("%d primes, hash %08x, trace %.1f\n", prime_count(1000), hash_of(text),
		matrix_trace(9));
	printf("%d bits, fib %lu\n", count_bits(0xf0f0), fib(50));
	return 0;
}
