/* SPDX-License-Identifier: Apache-2.0
 *
 * A host with an untrusted plug-in: plugin-host FILTER [WORD] <in.ppm >out.ppm. The filter gets the
 * image as its standard input, answers on its standard output, and has nothing else: no file of the
 * host but itself, half a second of CPU time, 64 MiB, one process.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sdk/include/sandbox.h"

#define IMAGE_MAX (64u << 20)

struct buffer {
	char *data;
	size_t size;
};

static int fail(const char *what, struct sb_error *e)
{
	fprintf(stderr, "plugin-host: %s", what);
	for (const struct sb_error *x = e; x; x = sb_error_cause(x))
		fprintf(stderr, ": %s", sb_error_text(x));
	fputc('\n', stderr);
	sb_error_free(e);
	return 1;
}

static int read_all(FILE *in, struct buffer *b)
{
	b->data = malloc(IMAGE_MAX + 1);
	if (!b->data)
		return 1;
	b->size = fread(b->data, 1, IMAGE_MAX, in);
	b->data[b->size] = 0;
	return ferror(in) || !feof(in);
}

/* The host's own check of what a stranger answered: a picture of the same size, or nothing. */
static int is_answer(const struct buffer *in, const char *out, size_t size)
{
	unsigned width, height, w, h;
	int head;

	if (sscanf(in->data, "P6 %u %u 255", &width, &height) != 2)
		return 0;
	if (sscanf(out, "P6 %u %u 255%n", &w, &h, &head) != 2 || w != width || h != height)
		return 0;
	return size == (size_t)head + 1 + 3 * (size_t)w * h;
}

/* 0 with the filtered image written to stdout. */
static int filter(const struct buffer *program, const struct buffer *image, const char *word)
{
	const struct sb_file file = {
		.path = "/filter", .mode = 0755, .data = program->data, .size = program->size};
	const char *args[] = {word, NULL};
	struct sb_config c = {
		.size = sizeof c,
		.program = "/filter",
		.args = args,
		.env_clear = 1,
		.in = {.kind = SB_STREAM_MEMORY, .data = image->data, .size = image->size},
		.out = {.kind = SB_STREAM_MEMORY, .limit = IMAGE_MAX},
		.files = &file,
		.nfiles = 1,
		.memory = 64 << 20,
		.processes = 1,
		.cpu_ns = 500000000,
		.wall_ns = 30000000000,
		.output = image->size + 4096,
	};
	struct sb_result r = {.size = sizeof r};
	struct sb_error *e;
	const char *out;
	struct sb *s;
	size_t n;
	int bad = 1;

	if (sb_start(&c, &s, &e))
		return fail("cannot start the filter", e);
	if (sb_wait(s, -1, &e) || sb_get_result(s, &r, &e)) {
		sb_free(s);
		return fail("cannot run the filter", e);
	}
	out = sb_output(s, 1, &n, NULL);
	if (r.message)
		fail(r.message, NULL);
	else if (r.end != SB_END_EXITED || r.exit_code)
		fail("the filter failed", NULL);
	else if (!is_answer(image, out, n))
		fail("the filter's answer is no image of that size", NULL);
	else
		bad = fwrite(out, 1, n, stdout) != n || fflush(stdout);
	sb_free(s);
	return bad;
}

int main(int argc, char **argv)
{
	struct buffer program = {0}, image = {0};
	FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
	int r;

	if (!f)
		return fail("usage: plugin-host FILTER [WORD] <in.ppm >out.ppm", NULL);
	if (read_all(f, &program) || read_all(stdin, &image) || !image.size)
		r = fail("cannot read the filter or the image", NULL);
	else
		r = filter(&program, &image, argc > 2 ? argv[2] : NULL);
	fclose(f);
	free(program.data);
	free(image.data);
	return r;
}
