/* SPDX-License-Identifier: Apache-2.0
 *
 * --image: a name of the store, or a flattened image's own file. An image that was never run is
 * flattened first, by sandbox-image: the launcher has none of its libraries.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/run_image.h"
#include "runtime/cli/run_upper.h"

static int fail(const char *name, const char *why)
{
	cli_say("--image %s: %s", name, why);
	return POLICY_FAILED;
}

static bool is_file(const char *name)
{
	return *name == '/' || !strncmp(name, "./", 2) || !strncmp(name, "../", 3);
}

static int open_file(struct run_image *img, const char *path)
{
	img->run.fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return img->run.fd < 0 ? fail(path, strerror(errno)) : 0;
}

static int flatten(const struct run_options *o)
{
	char *argv[8] = {(char *)"sandbox", (char *)"flatten"};
	int n = 2;

	if (o->store) {
		argv[n++] = (char *)"--store";
		argv[n++] = (char *)o->store;
	}
	if (o->quiet)
		argv[n++] = (char *)"-q";
	argv[n++] = (char *)"--";
	argv[n++] = (char *)o->image;
	return cli_image_run(n, argv);
}

static int open_name(struct run_image *img, const struct run_options *o)
{
	struct image_error e;

	if (image_open(o->store, o->image, &img->run, &e))
		return fail(o->image, e.text);
	if (img->run.fd >= 0)
		return 0;
	image_run_clear(&img->run);
	if (flatten(o))
		return POLICY_FAILED;
	if (image_open(o->store, o->image, &img->run, &e))
		return fail(o->image, e.text);
	return img->run.fd < 0 ? fail(o->image, "was removed while it was prepared") : 0;
}

static size_t count(char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

static void add(char **argv, size_t *n, char *const *words)
{
	for (size_t i = 0; words && words[i]; i++)
		argv[(*n)++] = words[i];
}

/* As podman and docker put it together: entrypoint, then arguments, or for want of those the
 * image's own. */
static int choose_program(struct run_image *img, struct run_options *o)
{
	char *own[] = {(char *)o->entrypoint, NULL};
	char *const *first = o->entrypoint ? own : img->run.entrypoint;
	char *const *rest = o->request.argv ? o->request.argv : o->entrypoint ? NULL : img->run.cmd;
	size_t n = 0;

	img->argv = calloc(count(first) + count(rest) + 1, sizeof *img->argv);
	if (!img->argv)
		return fail(o->image, "out of memory");
	add(img->argv, &n, first);
	add(img->argv, &n, rest);
	if (!n)
		return fail(o->image, "does not say what to run; give PROGRAM [ARG...]");
	o->request.argv = img->argv;
	o->request.program = img->argv[0];
	return 0;
}

static int open_upper(struct run_image *img, const struct run_options *o)
{
	int flat, code;

	if (is_file(o->image))
		return fail(o->image, "--upper wants the name of an image of the store");
	code = run_upper_open(o, &img->keep_fd, &flat);
	if (flat >= 0) {
		close(img->run.fd);
		img->run.fd = flat;
	}
	return code;
}

int run_image_open(struct run_image *img, struct run_options *o)
{
	int code;

	img->run.fd = -1;
	code = is_file(o->image) ? open_file(img, o->image) : open_name(img, o);
	if (!code)
		code = choose_program(img, o);
	if (!code && o->upper)
		code = open_upper(img, o);
	if (code)
		return code;
	img->policy = (struct policy_image){
		.name = o->image,
		.fd = img->run.fd,
		.env = (const char *const *)img->run.env,
		.user = img->run.user,
		.workdir = img->run.workdir,
		.keep_fd = img->keep_fd,
	};
	o->request.image = &img->policy;
	return 0;
}

void run_image_close(struct run_image *img)
{
	free(img->argv);
	if (img->keep_fd > 0)
		close(img->keep_fd);
	image_run_clear(&img->run);
}
