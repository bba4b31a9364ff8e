/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said after a run: problems, counts, the JSON object.
 */
#ifndef REPORT_H
#define REPORT_H

#include "runtime/cli/run_options.h"

#define REPORT_DENIALS_MAX 256

struct report_denial {
	char *operation, *path, *flag_help;
};

struct report {
	const struct run_options *options;
	struct launch_config *config; /* NULL: policy refused */
	struct launch_result *result; /* owned; NULL: launch did not begin */
	char *error;		      /* owned; why config or result is NULL */
	int code;		      /* exit code of `sandbox` */
	struct report_denial denials[REPORT_DENIALS_MAX];
	unsigned ndenials;
	uint64_t denials_total;
};

void report_denial(
	struct report *r, const char *operation, const char *path, const char *flag_help);
/* Lines on stderr that the user should see, by -q and -v. note: policy_note. */
void report_problems(const struct report *r, const char *note);
void report_stats(const struct report *r, FILE *out);
bool report_json(const struct report *r, FILE *out);
const char *report_home_name(enum launch_home home);
void report_clear(struct report *r);

/* Names of the channel's operations, by enum chan_op. */
extern const char *const report_op_names[CHAN_OP_COUNT];

/* The layers of the jail by name, for doctor too. Ends with a NULL name. */
struct jail_layer {
	const char *name;
	size_t offset; /* of the bool in struct launch_jail_state */
	const char *what;
};
extern const struct jail_layer jail_layers[];
bool jail_layer_on(const struct launch_jail_state *s, const struct jail_layer *l);

#endif
