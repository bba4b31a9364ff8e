/* SPDX-License-Identifier: Apache-2.0 */
#include "stack.h"

static int values[64], depth;

int stack_depth(void)
{
	return depth;
}

void stack_push(int value)
{
	if (depth < 64)
		values[depth++] = value;
}

int stack_pop(void)
{
	return depth > 0 ? values[--depth] : 0;
}
