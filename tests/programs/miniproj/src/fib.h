/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
unsigned long fib(int n);
