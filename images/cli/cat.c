/* SPDX-License-Identifier: Apache-2.0
 *
 * `sandbox image cat`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/cli/opened.h"

#define PIECE (256u << 10)

static int put(const uint8_t *data, size_t n, struct image_error *e)
{
	while (n) {
		ssize_t done = write(STDOUT_FILENO, data, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return image_fail(
				e, -errno, "cannot write to standard output: %s", strerror(errno));
		data += done;
		n -= (size_t)done;
	}
	return 0;
}

static int copy(const struct opened *o, const char *path, const struct flat_node *node,
	struct image_error *e)
{
	uint8_t *buf = malloc(PIECE);
	uint64_t off = 0;
	ssize_t n = 0;
	int r = 0;

	if (!buf)
		return image_fail(e, -ENOMEM, "out of memory");
	do {
		n = flat_read(o->image, node, buf, PIECE, off);
		if (n > 0)
			r = put(buf, (size_t)n, e);
		off += n > 0 ? (uint64_t)n : 0;
	} while (n > 0 && !r);
	free(buf);
	return n < 0 ? image_fail(e, (int)n, "%s: %s: %s", o->name, path, opened_why((int)n)) : r;
}

static int cat(const struct opened *o, const char *path, struct image_error *e)
{
	struct flat_node node;
	int r = opened_lookup(o, path, true, &node, e);

	if (r)
		return r;
	if (!S_ISREG(node.st.st_mode))
		return image_fail(e, -EINVAL, "%s: %s: %s", o->name, path,
			S_ISDIR(node.st.st_mode) ? "a directory; `sandbox image extract` copies it"
						 : "no regular file");
	return copy(o, path, &node, e);
}

static const struct argp cat_argp = {NULL, verb_names_parse, "NAME PATH",
	"Writes the content of a file of the image NAME to standard output.", verb_common_child,
	NULL, NULL};

static int run(int argc, char **argv)
{
	struct verb_names v = {.verb = "cat", .min = 2, .max = 2};
	struct image_error e = {""};
	struct opened o;
	int r;

	if (cli_parse(&verb_cat, argc, argv, 0, &v))
		return POLICY_FAILED;
	if (v.common.json) {
		cli_say("cat: --json does not go with the content of a file");
		return POLICY_FAILED;
	}
	if (opened_begin(&v.common, v.names[0], &o, &e))
		return verb_failed(&e);
	r = cat(&o, v.names[1], &e);
	opened_end(&o);
	return r ? verb_failed(&e) : 0;
}

const struct cli_verb verb_cat = {
	"cat", "Write a file of an image to standard output", "sandbox image cat", &cat_argp, run};
