/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of `sandbox run`.
 */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include "runtime/cli/accept.h"

struct run_options {
	struct policy_request request;
	bool quiet, verbose, stats;
	bool host;	   /* the trace has the host's part too */
	const char *trace; /* NULL: off; "": all */
	const char *trace_file, *json_file;
	const char *name; /* for `sandbox ps`; NULL: none */
	int json_fd, messages_fd, until_fd, samples_fd, template_fd; /* 0: not given */
	struct accept accept;
	int snapshot_fd;				/* 0: none is made */
	bool snapshot_packed;				/* it is compressed */
	const char *name_of_file;			/* of what sandbox restore goes on from */
	const char *image, *store, *entrypoint, *upper; /* NULL: not given */
};

extern const struct argp run_argp;
/* The part of it that any run of a program can have, `sandbox serve` too; the parser's input is a
 * struct run_options. */
extern const struct argp_option run_shared_options[];
error_t run_shared_parse(int key, char *arg, struct argp_state *state);
/* What a program gives that starts one, with sandbox restore too. */
extern const struct argp run_caller_argp;

/* As without any option. */
void run_options_init(struct run_options *o);
/* Fills o; 0, or non-zero when a mistake was said. */
int run_options_parse(struct run_options *o, int argc, char **argv);
void run_options_clear(struct run_options *o);

#endif
