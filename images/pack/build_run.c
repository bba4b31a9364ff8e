/* SPDX-License-Identifier: Apache-2.0
 *
 * RUN: the command in a sandbox on the image so far; what it changed is a layer.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "images/pack/build_internal.h"
#include "images/scratch.h"

#define ARGV_FIXED 20

static int words_of(struct build *b, const struct build_step *step, struct words *out)
{
	bool json = false;
	int r = 0;

	*out = (struct words){0};
	if (*step->args == '-' && step->args[1] == '-')
		return image_fail(b->e, -ENOTSUP, "flags of RUN are not supported");
	if (*step->args == '[')
		r = words_parse_json(step->args, out, &json, b->e);
	if (!r && json && !out->n)
		r = image_fail(b->e, -EINVAL, "the array is empty");
	if (r || json)
		return r;
	r = words_add(out, "/bin/sh", 7, b->e);
	if (!r)
		r = words_add(out, "-c", 2, b->e);
	return r ? r : words_add(out, step->args, strlen(step->args), b->e);
}

/* In the child. */
static void start(const char *program, char **argv, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(125);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	/* What a step prints is no output of ours. */
	if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
		execv(program, argv);
	_exit(125);
}

/* As system(3): a Ctrl-C ends the step, then we tidy up. */
static int spawn(struct build *b, char **argv)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, on_int, on_quit;
	pid_t self = getpid(), pid;
	int status = 0, r;

	sigaction(SIGINT, &ignore, &on_int);
	sigaction(SIGQUIT, &ignore, &on_quit);
	pid = fork();
	if (!pid)
		start(b->o->sandbox, argv, self);
	r = pid < 0 ? -errno : 0;
	while (!r && waitpid(pid, &status, 0) < 0)
		r = errno == EINTR ? 0 : -errno;
	sigaction(SIGINT, &on_int, NULL);
	sigaction(SIGQUIT, &on_quit, NULL);
	if (r)
		return image_fail(b->e, r, "cannot start %s: %s", b->o->sandbox, strerror(-r));
	if (WIFSIGNALED(status))
		return image_fail(b->e, -ECANCELED, "ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status))
		return image_fail(b->e, -ECANCELED, "the command ended with exit code %d",
			WEXITSTATUS(status));
	return 0;
}

static int run_sandbox(struct build *b, const struct words *w, const char *dir)
{
	char image[DIGEST_TEXT], **argv;
	struct descriptor self;
	size_t n = 0;
	int r = draft_write(b->store, b->draft, NULL, &self, b->e);

	if (r)
		return r;
	argv = calloc(w->n + ARGV_FIXED, sizeof *argv);
	if (!argv)
		return image_fail(b->e, -ENOMEM, "not enough memory");
	digest_text(&self.digest, image);
	argv[n++] = (char *)"sandbox";
	argv[n++] = (char *)"run";
	argv[n++] = (char *)"-q";
	argv[n++] = (char *)"--store";
	argv[n++] = (char *)store_dir(b->store);
	argv[n++] = (char *)"--image";
	argv[n++] = image;
	argv[n++] = (char *)"--upper";
	argv[n++] = (char *)dir;
	if (b->o->mem) {
		argv[n++] = (char *)"--mem";
		argv[n++] = (char *)b->o->mem;
	}
	argv[n++] = (char *)"--entrypoint";
	argv[n++] = w->list[0];
	argv[n++] = (char *)"--";
	for (size_t i = 1; i < w->n; i++)
		argv[n++] = w->list[i];
	r = spawn(b, argv);
	free(argv);
	return r;
}

static int run_and_keep(struct build *b, const struct build_step *step, const struct words *w)
{
	struct scratch kept;
	int r = scratch_make(&kept, &scratch_build, b->e);

	if (r)
		return r;
	r = run_sandbox(b, w, kept.path);
	if (!r)
		r = pack_upper(b->store, b->draft, kept.path, step->text, &b->o->layers,
			b->o->progress, b->e);
	scratch_remove(&kept, NULL);
	return r;
}

int build_run(struct build *b, const struct build_step *step)
{
	const char *texts[] = {"RUN", step->args};
	struct digest key;
	struct words w;
	int r;

	if (!b->draft->nlayers)
		return image_fail(
			b->e, -EINVAL, "there is nothing in the image yet that could run");
	r = words_of(b, step, &w);
	if (!r)
		r = cache_key(b, texts, 2, &key);
	if (!r)
		r = cache_use(b, &key, step->text);
	if (!r) {
		r = run_and_keep(b, step, &w);
		if (!r)
			cache_put(b, &key);
	}
	words_clear(&w);
	return r < 0 ? r : 0;
}
