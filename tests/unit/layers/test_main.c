/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/layers/test_layers.h"

static char scratch[64];

int scratch_enter(void **state)
{
	snprintf(scratch, sizeof scratch, "/var/tmp/unit-layers-XXXXXX");
	return mkdtemp(scratch) ? chdir(scratch) : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int scratch_leave(void **state)
{
	return chdir("/") || nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct store *store_here(void)
{
	struct image_error e = {""};
	struct store *s = NULL;

	if (store_open("s", STORE_USE, true, &s, &e))
		fail_msg("store_open: %s", e.text);
	return s;
}

int main(void)
{
	int failed = _cmocka_run_group_tests("read", read_tests, read_ntests, NULL, NULL);

	failed += _cmocka_run_group_tests("write", write_tests, write_ntests, NULL, NULL);
	failed += _cmocka_run_group_tests("tree", tree_tests, tree_ntests, NULL, NULL);
	failed += _cmocka_run_group_tests("sorted", sorted_tests, sorted_ntests, NULL, NULL);
	failed += _cmocka_run_group_tests("stock", stock_tests, stock_ntests, NULL, NULL);
	return failed != 0;
}
