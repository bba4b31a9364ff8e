/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-profile: what `sandbox profile` starts, which has checked the arguments.
 *
 *   sandbox-profile HZ svg|folded|json FILE DURATION|"" DIR|"" id ID
 *   sandbox-profile HZ svg|folded|json FILE DURATION|"" DIR|"" run SANDBOX ARG…
 *
 * Samples come from the launcher; the names of functions are found here, as the user that asks, and
 * only when all samples are there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/profile/session.h"

enum { ARG_HZ = 1, ARG_FORMAT, ARG_FILE, ARG_DURATION, ARG_DIR, ARG_FORM, ARG_WHAT, ARGS };

/* Not by a link or into a pipe: where it goes may be a directory that a sandbox could write to. */
static FILE *open_output(const char *path)
{
	int fd = strcmp(path, "-") ? open(path,
					     O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
						     O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
					     0666)
				   : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

	if (!f)
		cli_say("profile: --output %s: %s", path,
			errno == ELOOP ? "it is a symbolic link" : strerror(errno));
	return f;
}

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
	uint64_t *work;

	if (!strcmp(format, "folded")) {
		folded_write(out, t, s->names);
		return 0;
	}
	if (!strcmp(format, "json"))
		return json_write(out, t, s->names, &about);
	work = calloc(t->by_name.count, sizeof *work);
	if (!work)
		return -ENOMEM;
	flame_write(out, t, s->names, &about, work);
	free(work);
	return 0;
}

static int finish(FILE *out, char **argv, struct session *s)
{
	struct tree t;
	int r = tree_make(&t, &s->stacks, s->symbols, s->names);

	if (!r) {
		r = write_page(out, argv[ARG_FORMAT], s, &t);
		cli_say("profile: %llu samples%s%s", (unsigned long long)t.by_name.node[0].total,
			strcmp(argv[ARG_FILE], "-") ? " in " : "",
			strcmp(argv[ARG_FILE], "-") ? argv[ARG_FILE] : "");
		tree_free(&t);
	}
	if (s->ring.lost)
		cli_say("profile: %llu samples were lost, there were too many at a time",
			(unsigned long long)s->ring.lost);
	if (s->stacks.cut)
		cli_say("profile: %llu samples were cut short, there are too many different stacks",
			(unsigned long long)s->stacks.cut);
	if (!r && !fflush(out) && !ferror(out))
		return 0;
	cli_say("profile: --output %s: could not be written: %s", argv[ARG_FILE],
		strerror(r ? -r : errno));
	return POLICY_FAILED;
}

static int profile(FILE *out, char **argv, struct session *s)
{
	int code = strcmp(argv[ARG_FORM], "run") ? session_attach(s, argv[ARG_WHAT])
						 : session_run(s, argv + ARG_WHAT);
	int r = s->sampled ? finish(out, argv, s) : 0;

	return r ? r : code;
}

int main(int argc, char **argv)
{
	struct session s = {0};
	FILE *out;
	int code = POLICY_FAILED;

	if (argc < ARGS || policy_parse_count(argv[ARG_HZ], &s.hz) || s.hz > SAMPLES_HZ_MAX ||
		(*argv[ARG_DURATION] &&
			policy_parse_duration(argv[ARG_DURATION], &s.duration_ns))) {
		cli_say("this is started by `sandbox profile`");
		return POLICY_FAILED;
	}
	out = open_output(argv[ARG_FILE]);
	if (!out)
		return POLICY_FAILED;
	if (session_init(&s, *argv[ARG_DIR] ? argv[ARG_DIR] : NULL))
		cli_say("profile: %s", strerror(ENOMEM));
	else
		code = profile(out, argv, &s);
	session_free(&s);
	if (fclose(out) && !code) {
		cli_say("profile: --output %s: %s", argv[ARG_FILE], strerror(errno));
		code = POLICY_FAILED;
	}
	return code;
}
