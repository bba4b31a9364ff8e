/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/sdk/sdk_test.h"

void shell_init(struct shell *sh, const char *script)
{
	memset(sh, 0, sizeof *sh);
	sh->args[0] = "-c";
	sh->args[1] = script;
	sh->c.size = sizeof sh->c;
	sh->c.program = "/bin/sh";
	sh->c.args = sh->args;
	sh->c.wall_ns = MS(100000); /* a test that fails leaves it behind */
	sh->c.out.kind = sh->c.err.kind = SB_STREAM_MEMORY;
}

void expect_code(int r, int want, struct sb_error **e)
{
	if (r == want)
		return;
	print_error("code %d, expected %d\n", r, want);
	for (const struct sb_error *x = *e; x; x = sb_error_cause(x))
		print_error("  %d: %s\n", sb_error_code(x), sb_error_text(x));
	fail();
}

struct sb *start(const struct sb_config *c)
{
	struct sb_error *e;
	struct sb *s;

	expect_code(sb_start(c, &s, &e), 0, &e);
	return s;
}

struct sb_result end_of(struct sb *s)
{
	struct sb_result res = {.size = sizeof res};
	struct sb_error *e;

	expect_code(sb_wait(s, 60000, &e), 0, &e);
	expect_code(sb_get_result(s, &res, &e), 0, &e);
	return res;
}

const char *out_of(struct sb *s)
{
	size_t n;

	return sb_output(s, 1, &n, NULL);
}

const char *err_of(struct sb *s)
{
	size_t n;

	return sb_output(s, 2, &n, NULL);
}

unsigned count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

unsigned count_children(void)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(d))) {
		char name[300], line[512];
		int parent = 0;
		FILE *f;

		snprintf(name, sizeof name, "/proc/%s/stat", e->d_name);
		f = *e->d_name >= '0' && *e->d_name <= '9' ? fopen(name, "r") : NULL;
		if (!f)
			continue;
		if (fgets(line, sizeof line, f) && strrchr(line, ')'))
			sscanf(strrchr(line, ')') + 1, " %*c %d", &parent);
		n += parent == getpid();
		fclose(f);
	}
	closedir(d);
	return n;
}

void expect_nothing_left(unsigned fds)
{
	for (int i = 0; i < 100 && count_children(); i++)
		usleep(10000);
	assert_int_equal(count_children(), 0);
	assert_int_equal(count_fds(), fds);
}
