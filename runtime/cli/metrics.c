/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox metrics: one page on stdout. Serving it is sandbox-metrics' (runtime/metrics), so that
 * the launcher does not load a web server.
 */
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/observed.h"

struct metrics_options {
	bool json;
	char *listen;
};

static const struct argp_option options[] = {
	{"listen", 'l', "ADDR:PORT", 0, "Serve it at http://ADDR:PORT/metrics until stopped", 0},
	{"json", 'j', 0, 0, "Write it as one JSON object", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct metrics_options *o = state->input;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case 'l':
		o->listen = arg;
		return 0;
	case ARGP_KEY_ARG:
		cli_say("metrics: takes no argument, not \"%s\"", arg);
		return EINVAL;
	case ARGP_KEY_END:
		if (!o->json || !o->listen)
			return 0;
		cli_say("metrics: --json is not for --listen");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {options, parse, NULL,
	"Print counts of all running sandboxes of this user in Prometheus' text format, or serve "
	"them.",
	NULL, NULL, NULL};

static int serve(char *address)
{
	char name[] = "sandbox";
	char *args[] = {name, address, NULL};

	return cli_tool("sandbox-metrics", "metrics", args);
}

static void print_json(const struct observe_list *l)
{
	json_t *o = json_object(), *all = json_array();

	for (size_t i = 0; i < l->count; i++)
		json_array_append_new(all, observed_json(&l->seen[i]));
	json_object_set_new(o, "running", json_integer((json_int_t)l->count));
	json_object_set_new(o, "sandboxes", all);
	observed_print_json(o, JSON_INDENT(2));
}

static int run(int argc, char **argv)
{
	struct metrics_options o = {0};
	struct observe_list l;

	if (cli_parse(&cli_verb_metrics, argc, argv, 0, &o))
		return POLICY_FAILED;
	if (o.listen)
		return serve(o.listen);
	if (observed_look("metrics", &l))
		return POLICY_FAILED;
	if (o.json)
		print_json(&l);
	else
		metrics_print(stdout, &l);
	observe_list_clear(&l);
	return cli_flush();
}

const struct cli_verb cli_verb_metrics = {
	"metrics", "Print counts for Prometheus", "sandbox metrics", &argp, run};
