/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VMX_TESTS_H
#define TESTS_UNIT_VMX_TESTS_H

int tests_announce(void);
int tests_bounds(void);
int tests_host(void);
int tests_random(void);
int tests_sync(void);
int tests_walk(void);

#endif
