/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox serve: a warm program for each connection. What needs to be opened, then serve_loop.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/cli/serve.h"

static const char *unix_path(const struct serve_options *o)
{
	return o->address.at.ss_family == AF_UNIX ? o->listen + strlen("unix:") : NULL;
}

/* A socket's name stays when its server was killed: nobody answers there. */
static bool is_left_over(const struct address *a, const char *path)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;
	bool left = fd >= 0 && !lstat(path, &st) && S_ISSOCK(st.st_mode) &&
		    connect(fd, (const struct sockaddr *)&a->at, a->size) && errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return left;
}

static const char *hint(const struct serve_options *o, int r)
{
	return r == -EACCES && !unix_path(o) ? ": ports below 1024 are for root" : "";
}

/* Bound, not listening: who connects before the program is ready is refused. */
static int open_listener(const struct serve_options *o)
{
	const char *path = unix_path(o);
	int r = address_bind(&o->address);

	if (r == -EADDRINUSE && path && is_left_over(&o->address, path) && !unlink(path))
		r = address_bind(&o->address);
	if (r < 0)
		cli_say("--listen %s: %s%s", o->listen, strerror(-r), hint(o, r));
	else
		fcntl(r, F_SETFL, O_NONBLOCK);
	return r;
}

static FILE *open_json(const char *path)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "ae") : stdout;

	if (!f)
		cli_say("--json %s: %s", path, strerror(errno));
	return f;
}

/* Whatever has taken its place is somebody else's. */
static void remove_socket(const char *path, const struct stat *made)
{
	struct stat now;

	if (!lstat(path, &now) && now.st_ino == made->st_ino && now.st_dev == made->st_dev)
		unlink(path);
}

static int serve(const struct serve_options *o, FILE *json)
{
	int listener = open_listener(o), code;
	const char *path = unix_path(o);
	struct stat made = {0};

	if (listener < 0)
		return POLICY_FAILED;
	if (path)
		lstat(path, &made);
	code = serve_run(o, listener, json);
	if (path)
		remove_socket(path, &made);
	return code;
}

static int run(int argc, char **argv)
{
	struct serve_options o;
	FILE *json = NULL;
	int code = POLICY_FAILED;

	signal(SIGCHLD, SIG_DFL);
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* clones of a template that died are ours */
	if (!serve_options_parse(&o, argc, argv)) {
		json = o.json_file ? open_json(o.json_file) : NULL;
		if (json || !o.json_file)
			code = serve(&o, json);
	}
	if (json && json != stdout)
		fclose(json);
	serve_options_clear(&o);
	return code;
}

const struct cli_verb cli_verb_serve = {"serve", "Serve connections with clones of a warm program",
	"sandbox serve", &serve_argp, run};
