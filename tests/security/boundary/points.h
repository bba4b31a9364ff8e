/* SPDX-License-Identifier: Apache-2.0
 * Places to try a filter at: calls that it lets through, and values to put into their fields.
 */
#ifndef TEST_SECURITY_POINTS_H
#define TEST_SECURITY_POINTS_H

#include <linux/seccomp.h>
#include <stdint.h>

/* What the filter lets through: the points from which the others are made. */
#define POINTS_ALLOWED 10u
extern const struct seccomp_data points_allowed[POINTS_ALLOWED];

/* Borders of all that the policy mentions, each in several forms: n from 0 on, the plain forms at
 * multiples of POINT_FORMS. */
#define POINT_FORMS   8u
#define POINT_BORDERS (52u * POINT_FORMS)
uint64_t point_border(unsigned n);

#define POINT_FIELDS 9u /* nr, arch, instruction pointer, arguments */
#define POINT_ARG    3u /* the first argument */
void point_set(struct seccomp_data *d, unsigned field, uint64_t v);
uint64_t point_get(const struct seccomp_data *d, unsigned field);

#endif
