/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/cli.h"

const struct cli_verb *const cli_verbs[] = {&cli_verb_run, &cli_verb_serve, &cli_verb_snapshot,
	&cli_verb_restore, &cli_verb_image, &cli_verb_job, &cli_verb_ps, &cli_verb_top,
	&cli_verb_metrics, &cli_verb_trace, &cli_verb_profile, &cli_verb_doctor, &cli_verb_version,
	&cli_verb_help, &cli_verb_completion, NULL};

const struct cli_verb *cli_verb_find(const char *name)
{
	for (const struct cli_verb *const *v = cli_verbs; *v; v++)
		if (!strcmp((*v)->name, name))
			return *v;
	return NULL;
}

/* A closed standard stream's number must not go to a file that is opened later: it would be taken
 * for the stream. What holds it can be neither read nor written, so it is as good as closed. */
static void hold_closed_streams(void)
{
	int fd;

	do
		fd = open("/", O_PATH | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	static char name[] = "sandbox";
	const struct cli_verb *v;

	hold_closed_streams();
	argp_err_exit_status = POLICY_FAILED;
	if (argc < 2) {
		cli_say("no command given; `sandbox --help` lists them");
		return POLICY_FAILED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		cli_overview();
		return cli_flush();
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		argv[1] = (char *)"version";
	v = cli_verb_find(argv[1]);
	if (!v) {
		cli_say("no command \"%s\"; `sandbox --help` lists them%s", argv[1],
			strchr(argv[1], '/') ? "; to run a program: sandbox run PROGRAM" : "");
		return POLICY_FAILED;
	}
	argv[1] = name;
	return v->run(argc - 1, argv + 1);
}
