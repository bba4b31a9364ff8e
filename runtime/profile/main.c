/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-profile: what `sandbox profile` starts, which has checked the arguments.
 *
 *   sandbox-profile HZ svg|folded|json FILE DURATION|"" DIR|"" id ID
 *   sandbox-profile HZ svg|folded|json FILE DURATION|"" DIR|"" run SANDBOX ARG…
 *
 * Samples come from the launcher; callers and names of functions are found here, as the user that
 * asks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/profile/limits.h"
#include "runtime/profile/output.h"
#include "runtime/profile/session.h"

enum { ARG_HZ = 1, ARG_FORMAT, ARG_FILE, ARG_DURATION, ARG_DIR, ARG_FORM, ARG_WHAT, ARGS };

static int write_page(FILE *out, const char *format, struct session *s, const struct tree *t)
{
	struct profile_about about = {
		.title = names_text(s->names, s->title),
		.hz = s->hz,
		.samples = t->by_name.node[0].total,
		.lost = s->ring.lost,
		.cut = s->stacks.cut,
		.backend = s->backend,
	};

	if (!strcmp(format, "folded")) {
		folded_write(out, t, s->names);
		return 0;
	}
	if (!strcmp(format, "json"))
		return json_write(out, t, s->names, &about);
	return flame_write(out, t, s->names, &about);
}

/* In memory: what is where it goes stays until the page is whole. */
static int put_page(
	const struct output *out, const char *format, struct session *s, const struct tree *t)
{
	char *bytes = NULL;
	size_t n = 0;
	FILE *page = open_memstream(&bytes, &n);
	int r;

	if (!page)
		return -errno;
	r = write_page(page, format, s, t);
	if (ferror(page) && !r)
		r = -ENOMEM;
	if (fclose(page) && !r)
		r = -errno;
	if (!r)
		r = output_put(out, bytes, n);
	free(bytes);
	return r;
}

static void say_what_is_in_it(const char *file, const struct session *s, uint64_t samples)
{
	bool named = strcmp(file, "-") != 0;

	cli_say("profile: %llu samples%s%s", (unsigned long long)samples, named ? " in " : "",
		named ? file : "");
	if (s->ring.lost)
		cli_say("profile: %llu samples were lost, there were too many at a time",
			(unsigned long long)s->ring.lost);
	if (s->stacks.cut)
		cli_say("profile: %llu samples were cut short, there are too many different stacks",
			(unsigned long long)s->stacks.cut);
}

static int finish(const struct output *out, char **argv, struct session *s)
{
	struct tree t = {0};
	int r;

	observe_samples_end(&s->ring); /* the next profile need not wait for names */
	r = limits_set();
	if (!r)
		r = tree_make(&t, &s->stacks, s->symbols, s->names);
	if (r) {
		cli_say("profile: %s", strerror(-r));
		return POLICY_FAILED;
	}
	r = put_page(out, argv[ARG_FORMAT], s, &t);
	if (!r)
		say_what_is_in_it(argv[ARG_FILE], s, t.by_name.node[0].total);
	tree_free(&t);
	if (!r)
		return 0;
	cli_say("profile: --output %s: could not be written: %s", argv[ARG_FILE], strerror(-r));
	return POLICY_FAILED;
}

static int profile(const struct output *out, char **argv, struct session *s)
{
	int code = strcmp(argv[ARG_FORM], "run") ? session_attach(s, argv[ARG_WHAT])
						 : session_run(s, argv + ARG_WHAT);
	int r = s->sampled ? finish(out, argv, s) : 0;

	return r ? r : code;
}

int main(int argc, char **argv)
{
	struct session s = {0};
	struct output out;
	int r, code = POLICY_FAILED;

	if (argc < ARGS || policy_parse_count(argv[ARG_HZ], &s.hz) || s.hz > SAMPLES_HZ_MAX ||
		(*argv[ARG_DURATION] &&
			policy_parse_duration(argv[ARG_DURATION], &s.duration_ns))) {
		cli_say("this is started by `sandbox profile`");
		return POLICY_FAILED;
	}
	r = output_begin(&out, argv[ARG_FILE]);
	if (r) {
		cli_say("profile: --output %s: %s", argv[ARG_FILE],
			r == -ELOOP ? "it is a symbolic link" : strerror(-r));
		return POLICY_FAILED;
	}
	if (session_init(&s, *argv[ARG_DIR] ? argv[ARG_DIR] : NULL))
		cli_say("profile: %s", strerror(ENOMEM));
	else
		code = profile(&out, argv, &s);
	session_free(&s);
	output_end(&out);
	return code;
}
