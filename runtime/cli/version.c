/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox version
 */
#include "runtime/cli/cli.h"

static error_t parse(int key, char *arg, struct argp_state *state)
{
	if (key != ARGP_KEY_ARG)
		return ARGP_ERR_UNKNOWN;
	cli_say("version: takes no argument, not \"%s\"", arg);
	return EINVAL;
}

static const struct argp argp = {
	NULL, parse, NULL, "Show the version of sandbox.", NULL, NULL, NULL};

static int run(int argc, char **argv)
{
	if (cli_parse(&cli_verb_version, argc, argv, 0, NULL))
		return POLICY_FAILED;
	printf("sandbox %s (channel ABI %u)\n", SANDBOX_VERSION, CHAN_ABI_VERSION);
	return cli_flush();
}

const struct cli_verb cli_verb_version = {
	"version", "Show the version", "sandbox version", &argp, run};
