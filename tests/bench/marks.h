/* SPDX-License-Identifier: Apache-2.0
 *
 * System calls that Linux and the shim do not have: `micro -m` says with them where the operations
 * that are to be counted begin and end.
 */
#ifndef TESTS_BENCH_MARKS_H
#define TESTS_BENCH_MARKS_H

#define MARK_BEGIN 0x1eed0001
#define MARK_END   0x1eed0002

#endif
