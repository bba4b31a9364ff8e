/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments of the servers among the examples.
 */
#ifndef ARGUMENT_H
#define ARGUMENT_H

#include <argp.h>

/* From 1 to most; else the program ends with argp's message. */
unsigned long argument_number(struct argp_state *state, const char *arg, unsigned long most);

#endif
