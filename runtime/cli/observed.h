/* SPDX-License-Identifier: Apache-2.0
 *
 * What ps, top and metrics share: looking, numbers as text, one sandbox as JSON.
 */
#ifndef CLI_OBSERVED_H
#define CLI_OBSERVED_H

#include <jansson.h>

#include "runtime/observe/look.h"

/* As observe_look; says what went wrong, and with the verb's name what had to be left out. 0, or
 * POLICY_FAILED. */
int observed_look(const char *verb, struct observe_list *out);
/* Its name, or else its id. */
const char *observed_name(const struct observe_seen *s);
/* The program's path, fit to be printed. */
void observed_program(char *out, size_t size, const struct observe_seen *s);
/* Prints text in exactly `columns` columns, cut or filled; as it is if `columns` is 0. */
void observed_cell(const char *text, unsigned columns);
/* The last cell of a line: what fits behind `used` columns. */
void observed_rest(const char *text, unsigned used);
/* "3d04h", "12m07s", "9s" */
void observed_age(char out[16], uint64_t ns);
/* "0.04s", "12m07s" */
void observed_cpu(char out[16], uint64_t ns);
json_t *observed_json(const struct observe_seen *s);
/* Writes o, which it takes, and a newline. */
void observed_print_json(json_t *o, size_t flags);

/* metrics_text.c: all of them, in Prometheus' text format. 0 or -ENOMEM. */
int metrics_print(FILE *out, const struct observe_list *l);

#endif
