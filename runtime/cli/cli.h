/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line: one verb, one file. Options are parsed by glibc's argp.
 */
#ifndef CLI_H
#define CLI_H

#include <argp.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include "runtime/policy/policy.h"

#ifndef SANDBOX_VERSION
#define SANDBOX_VERSION "0.1.0"
#endif

struct cli_verb {
	const char *name;
	const char *summary; /* for `sandbox help` */
	const char *title;   /* "sandbox run": what its usage is headed with */
	const struct argp
		*argp; /* without a parser: another program of ours, which explains itself */
	/* argv[0] is "sandbox", the rest follows the verb. Returns the exit code. */
	int (*run)(int argc, char **argv);
};

extern const struct cli_verb cli_verb_run, cli_verb_serve, cli_verb_snapshot, cli_verb_restore,
	cli_verb_image, cli_verb_job, cli_verb_ps, cli_verb_top, cli_verb_metrics, cli_verb_trace,
	cli_verb_profile, cli_verb_doctor, cli_verb_version, cli_verb_help, cli_verb_completion;
/* All of them; ends with NULL. */
extern const struct cli_verb *const cli_verbs[];
const struct cli_verb *cli_verb_find(const char *name);
void cli_verb_help_text(const struct cli_verb *v, FILE *out);
void cli_overview(void);
/* The file of another program of ours: beside this one, or where `make install` puts it. */
bool cli_tool_find(const char *program, char *out, size_t size);
/* Goes on as another program of ours, args[0] and what follows its arguments (NULL-terminated);
 * returns only when that cannot be started (said). */
int cli_tool(const char *program, const char *verb, char **args);
/* Goes on as sandbox-image with this verb; returns only when that cannot be started (said). */
int cli_image_tool(const char *verb, int argc, char **argv);
/* Runs `sandbox image` with this as a child, without its output. 0, or POLICY_FAILED (said). */
int cli_image_run(int argc, char **argv);

/* "sandbox: …\n" on stderr in one write; control characters are replaced. */
__attribute__((format(printf, 1, 2))) void cli_say(const char *fmt, ...);
/* From now on to this descriptor instead. */
void cli_say_to(int fd);
int cli_said_to(void);
/* The end of a verb that only prints: 0, or POLICY_FAILED when stdout took not all of it (said). */
int cli_flush(void);
/* Parses with argp so that every mistake is one line. 0, or non-zero: said already. */
int cli_parse(const struct cli_verb *v, int argc, char **argv, unsigned flags, void *input);

#endif
