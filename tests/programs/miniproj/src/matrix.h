/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
double matrix_trace(int n);
