/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox image pull, sandbox image push
 */
#include <string.h>
#include <unistd.h>

#include "images/cli/verb.h"
#include "images/transfer/transfer.h"

#define PASSWORD_MAX 512

struct registry_args {
	struct verb_names names;
	const char *name; /* pull -t */
	struct registry_options o;
	bool password_stdin;
	char password[PASSWORD_MAX];
};

enum registry_key { KEY_USER = 0x100, KEY_PASSWORD, KEY_PLAIN };

#define REGISTRY_OPTIONS                                                                           \
	{"user", KEY_USER, "NAME", 0, "Log in as NAME; with --password-stdin", 1},                 \
		{"password-stdin", KEY_PASSWORD, 0, 0, "Read the password from stdin", 1},         \
		{"plain-http", KEY_PLAIN, 0, 0,                                                    \
			"Without encryption, as always for localhost and 127.0.0.1", 1},

static const struct argp_option pull_options[] = {
	{"tag", 't', "NAME[:TAG]", 0, "What the image is called here", 0}, REGISTRY_OPTIONS{0}};
static const struct argp_option push_options[] = {REGISTRY_OPTIONS{0}};

static int check_login(const struct registry_args *a)
{
	if (!a->o.user == !a->password_stdin)
		return 0;
	cli_say("%s: --user and --password-stdin go together", a->names.verb);
	return EINVAL;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct registry_args *a = state->input;
	error_t r;

	switch (key) {
	case 't':
		a->name = arg;
		return 0;
	case KEY_USER:
		a->o.user = arg;
		return 0;
	case KEY_PASSWORD:
		a->password_stdin = true;
		return 0;
	case KEY_PLAIN:
		a->o.plain_http = true;
		return 0;
	case ARGP_KEY_END:
		return check_login(a);
	default:
		state->input = &a->names;
		r = verb_names_parse(key, arg, state);
		state->input = a;
		return r;
	}
}

#define LOGIN_TEXT                                                                                 \
	"Without --user, what `docker login` or `podman login` left is used "                      \
	"($XDG_RUNTIME_DIR/containers/auth.json, ~/.docker/config.json)."

static const char pull_doc[] =
	"Fetch an image from a registry, Docker Hub if no HOST is named. What is in the store "
	"already "
	"is not fetched again, and what was interrupted goes on where it ended."
	"\v"
	"Examples:\n"
	"  sandbox image pull debian:12\n"
	"  sandbox image pull ghcr.io/org/app@sha256:… -t app:1\n"
	"\n" LOGIN_TEXT;

static const char push_doc[] = "Send an image to a registry: to the one in its name, or to TARGET. "
			       "A TARGET that ends with "
			       "\"/\" keeps the image's own name."
			       "\v"
			       "Examples:\n"
			       "  sandbox image push app:1 registry.example.org/team/\n"
			       "  sandbox image push app:1 localhost:5000/app:test\n"
			       "\n" LOGIN_TEXT;

static const struct argp pull_argp = {pull_options, parse,
	"[HOST[:PORT]/]NAME[:TAG|@sha256:DIGEST]", pull_doc, verb_common_child, NULL, NULL};
static const struct argp push_argp = {
	push_options, parse, "NAME [TARGET]", push_doc, verb_common_child, NULL, NULL};

/* One line, which must be all there is. */
static int read_password(struct registry_args *a)
{
	size_t n = 0;
	ssize_t got = 1;

	while (n < sizeof a->password - 1 && got > 0) {
		got = read(STDIN_FILENO, a->password + n, sizeof a->password - 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	a->password[n] = 0;
	while (n && (a->password[n - 1] == '\n' || a->password[n - 1] == '\r'))
		a->password[--n] = 0;
	if (n && n < sizeof a->password - 1 && strlen(a->password) == n &&
		!strpbrk(a->password, "\r\n")) {
		a->o.password = a->password;
		return 0;
	}
	cli_say("--password-stdin: no password on stdin, or more than one line");
	return POLICY_FAILED;
}

static int tell(const struct registry_args *a, const char *name, const struct digest *d)
{
	char digest[DIGEST_TEXT];

	digest_text(d, digest);
	if (a->names.common.json)
		return verb_json(
			json_pack("{s:o, s:s}", "name", verb_text(name), "digest", digest));
	printf("%s  %s\n", name, digest);
	return cli_flush();
}

static int pull(const struct registry_args *a, struct store *s)
{
	struct bar *bar = bar_begin(&a->names.common);
	struct store_ref got;
	struct image_error e;
	int r = transfer_pull(s, a->names.names[0], a->name, &a->o, bar_progress(bar), &got, &e);

	bar_end(bar);
	return r ? verb_failed(&e) : tell(a, got.name, &got.digest);
}

static int push(const struct registry_args *a, struct store *s)
{
	struct bar *bar = bar_begin(&a->names.common);
	const char *to = a->names.n > 1 ? a->names.names[1] : NULL;
	struct image_error e;
	struct store_ref sent;
	int r = transfer_push(s, a->names.names[0], to, &a->o, bar_progress(bar), &sent, &e);

	bar_end(bar);
	return r ? verb_failed(&e) : tell(a, sent.name, &sent.digest);
}

static int with_store(struct registry_args *a, enum store_mode mode,
	int (*fn)(const struct registry_args *a, struct store *s))
{
	struct image_error e;
	struct store *s;
	int r;

	if (a->password_stdin && read_password(a))
		return POLICY_FAILED;
	if (store_open(a->names.common.store, mode, false, &s, &e))
		return verb_failed(&e);
	r = fn(a, s);
	store_close(s);
	explicit_bzero(a->password, sizeof a->password);
	return r;
}

static int run_pull(int argc, char **argv)
{
	struct registry_args a = {.names = {.verb = "pull", .min = 1, .max = 1}};

	return cli_parse(&verb_pull, argc, argv, 0, &a) ? POLICY_FAILED
							: with_store(&a, STORE_USE, pull);
}

static int run_push(int argc, char **argv)
{
	struct registry_args a = {.names = {.verb = "push", .min = 1, .max = 2}};

	return cli_parse(&verb_push, argc, argv, 0, &a) ? POLICY_FAILED
							: with_store(&a, STORE_READ, push);
}

const struct cli_verb verb_pull = {
	"pull", "Fetch an image from a registry", "sandbox image pull", &pull_argp, run_pull};
const struct cli_verb verb_push = {
	"push", "Send an image to a registry", "sandbox image push", &push_argp, run_push};
