/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image, sandbox job: in a program of their own (images/), so that the launcher loads none
 * of its libraries.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/cli.h"

int cli_image_tool(const char *verb, int argc, char **argv)
{
	char **args = calloc((size_t)argc + 2, sizeof *args);

	if (!args) {
		cli_say("%s: %s", verb, strerror(errno));
		return POLICY_FAILED;
	}
	args[0] = argv[0];
	args[1] = (char *)verb;
	for (int i = 1; i < argc; i++)
		args[i + 1] = argv[i];
	cli_tool("sandbox-image", verb, args);
	free(args);
	return POLICY_FAILED;
}

int cli_image_run(int argc, char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		/* what it prints is not the program's output */
		if (!freopen("/dev/null", "w", stdout))
			_exit(POLICY_FAILED);
		_exit(cli_image_tool("image", argc, argv));
	}
	if (pid < 0) {
		cli_say("image: %s", strerror(errno));
		return POLICY_FAILED;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : POLICY_FAILED;
}

static int run(int argc, char **argv)
{
	return cli_image_tool("image", argc, argv);
}

static const struct argp argp = {NULL, NULL, "COMMAND [ARG...]",
	"Pack, move and look at images that `sandbox run --image` runs; `sandbox image --help` "
	"lists "
	"the commands.",
	NULL, NULL, NULL};

const struct cli_verb cli_verb_image = {
	"image", "Pack, import and run OCI images", "sandbox image", &argp, run};

static int run_job(int argc, char **argv)
{
	return cli_image_tool("job", argc, argv);
}

static const struct argp job_argp = {NULL, NULL, "[OPTION...] FILE",
	"Run the steps of a CI job file, each in a sandbox of its own; `sandbox job --help` says "
	"more.",
	NULL, NULL, NULL};

const struct cli_verb cli_verb_job = {
	"job", "Run the steps of a CI job file", "sandbox job", &job_argp, run_job};
