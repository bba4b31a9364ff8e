/* SPDX-License-Identifier: Apache-2.0 */
#include "matrix.h"

double matrix_trace(int n)
{
	double trace = 0;

	for (int i = 0; i < n; i++)
		trace += i * 0.5;
	return trace;
}
