/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image, sandbox job: in a program of their own (images/), so that the launcher loads none
 * of its libraries.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/cli.h"

static const char *const places[] = {"sandbox-image", "../libexec/sandbox/sandbox-image"};

/* Beside this program, or where `make install` puts it. */
static bool cli_image_find(char out[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	if (n <= 0)
		return false;
	self[n] = 0;
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = 0;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		if (snprintf(out, PATH_MAX, "%s/%s", self, places[i]) < PATH_MAX &&
			!access(out, X_OK))
			return true;
	}
	return false;
}

int cli_image_tool(const char *verb, int argc, char **argv)
{
	char tool[PATH_MAX];
	char **args = calloc((size_t)argc + 2, sizeof *args);

	if (!args || !cli_image_find(tool)) {
		cli_say("%s: sandbox-image is not installed beside sandbox", verb);
		free(args);
		return POLICY_FAILED;
	}
	args[0] = argv[0];
	args[1] = (char *)verb;
	for (int i = 1; i < argc; i++)
		args[i + 1] = argv[i];
	execv(tool, args);
	cli_say("%s: cannot start %s: %s", verb, tool, strerror(errno));
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
