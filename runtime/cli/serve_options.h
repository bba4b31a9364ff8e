/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `sandbox serve`: its own, and those of `sandbox run` for the template.
 */
#ifndef SERVE_OPTIONS_H
#define SERVE_OPTIONS_H

#include "runtime/cli/address.h"
#include "runtime/cli/run_options.h"

struct serve_options {
	struct run_options run; /* what was given of it, checked */
	const char *listen;
	struct address address;
	const char *json_file; /* NULL: none */
	bool quiet, log;
	uint32_t connections_max;
	uint64_t timeout_ns, grace_ns;
	const char *template_program; /* for tests; NULL: this one */
	const char *title;	      /* what is served, for messages */
	char **words;		      /* for `sandbox run`; NULL-terminated */
	size_t nwords;
};

extern const struct argp serve_argp;

/* Fills o; 0, or non-zero when a mistake was said. */
int serve_options_parse(struct serve_options *o, int argc, char **argv);
void serve_options_clear(struct serve_options *o);

#endif
