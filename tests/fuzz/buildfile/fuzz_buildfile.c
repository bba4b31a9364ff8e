/* SPDX-License-Identifier: Apache-2.0
 *
 * Build files, and the words in them; behind a first byte of 0x7f, ELF files as `pack --binary`
 * reads them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "images/pack/buildfile.h"
#include "images/pack/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_error(int r, const struct image_error *e)
{
	check(r <= 0 && (!r || *e->text));
}

static const char *get(void *arg, const char *name)
{
	check(*name && strlen(name) < 256);
	return *name == 'A' ? "value of $B" : NULL;
}

static void check_words(int r, struct words *w, const struct image_error *e)
{
	check_error(r, e);
	check(w->n <= WORDS_MAX && (!r || !w->n));
	for (size_t i = 0; i < w->n; i++)
		check(w->list[i]);
	check(!w->n || !w->list[w->n]);
	words_clear(w);
}

static void read_step(const struct build_step *step)
{
	static const struct build_vars vars = {get, NULL};
	struct image_error e = {""};
	struct words w;
	bool json;

	check(*step->args && step->line && !strchr(step->text, '\n'));
	check_words(build_words(step->args, &vars, &w, &e), &w, &e);
	check_words(build_assignments(step->args, &vars, &w, &e), &w, &e);
	check_words(words_parse(step->args, &w, &e), &w, &e);
	w = (struct words){0};
	check_words(words_parse_json(step->args, &w, &json, &e), &w, &e);
}

static void read_build_file(const char *text, size_t n)
{
	struct image_error e = {""};
	struct build_file f;
	int r = build_file_parse("Dockerfile", text, n, &f, &e);

	check_error(r, &e);
	if (r)
		return;
	check(f.n && f.steps[0].kind == BUILD_FROM);
	for (size_t i = 0; i < f.n; i++)
		read_step(&f.steps[i]);
	build_file_clear(&f);
}

static void read_elf(const uint8_t *data, size_t n)
{
	struct image_error e = {""};
	struct elf elf;
	int fd = memfd_create("elf", MFD_CLOEXEC), r;

	check(fd >= 0 && write(fd, data, n) == (ssize_t)n);
	r = elf_read(fd, &elf, &e);
	check_error(r, &e);
	if (!r)
		elf_clear(&elf);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size && *data == 0x7f)
		read_elf(data + 1, size - 1);
	else
		read_build_file((const char *)data, size);
	return 0;
}
