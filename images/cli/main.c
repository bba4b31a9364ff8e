/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-image: `sandbox image VERB …` and `sandbox job …`, started by `sandbox`.
 */
#include <locale.h>
#include <signal.h>
#include <string.h>

#include "images/cli/verb.h"
#include "runtime/cli/text.h"

int verb_failed(const struct image_error *e)
{
	cli_say("%s", e->text);
	return POLICY_FAILED;
}

static const struct cli_verb *find(const char *name)
{
	for (const struct cli_verb *const *v = image_verbs; *v; v++)
		if (!strcmp((*v)->name, name))
			return *v;
	return NULL;
}

static int overview(void)
{
	text_row("", 0, 0, "Usage: sandbox image COMMAND [OPTION...] [ARG...]");
	text_row("", 0, 0, "Packs, moves and looks at images that `sandbox run --image` runs.");
	puts("\nCommands:");
	for (const struct cli_verb *const *v = image_verbs; *v; v++) {
		char head[64];
		int n = snprintf(head, sizeof head, "  %s", (*v)->name);

		text_row(head, 15, (unsigned)n, (*v)->summary);
	}
	putchar('\n');
	text_row("", 0, 0, "`sandbox image COMMAND --help` says more of each.");
	return cli_flush();
}

static int image(int argc, char **argv)
{
	static char name[] = "sandbox";
	const struct cli_verb *v;

	if (argc < 2) {
		cli_say("image: no command given; `sandbox image --help` lists them");
		return POLICY_FAILED;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return overview();
	v = find(argv[1]);
	if (!v) {
		cli_say("image: no command \"%s\"; `sandbox image --help` lists them", argv[1]);
		return POLICY_FAILED;
	}
	argv[1] = name;
	return v->run(argc - 1, argv + 1);
}

static int job(int argc, char **argv)
{
	static char name[] = "sandbox";

	argv[0] = name;
	return job_verb.run(argc, argv);
}

/* A limit on the size of files ends in a sentence (EFBIG). Not SIG_IGN: what is started inherits
 * that.
 */
static void go_on(int sig)
{
}

int main(int argc, char **argv)
{
	argp_err_exit_status = POLICY_FAILED;
	signal(SIGXFSZ, go_on);
	setlocale(LC_CTYPE, "");
	if (argc >= 2 && !strcmp(argv[1], "image"))
		return image(argc - 1, argv + 1);
	if (argc >= 2 && !strcmp(argv[1], "job"))
		return job(argc - 1, argv + 1);
	cli_say("sandbox-image is started by `sandbox image` and `sandbox job`");
	return POLICY_FAILED;
}
