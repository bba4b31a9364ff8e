/* SPDX-License-Identifier: Apache-2.0
 * Apart from the rest because <pthread.h> and the core both have a sched_yield.
 */
#include <pthread.h>
#include <stdint.h>

void host_stack(uint64_t *lo, uint64_t *size);

void host_stack(uint64_t *lo, uint64_t *size)
{
	pthread_attr_t a;
	void *at;
	size_t n;

	pthread_getattr_np(pthread_self(), &a);
	pthread_attr_getstack(&a, &at, &n);
	pthread_attr_destroy(&a);
	*lo = (uint64_t)at;
	*size = n;
}
