/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/policy/test_policy.h"

char scratch_dir[POLICY_PATH_MAX];

int scratch_enter(void **state)
{
	char made[] = "/var/tmp/unit-policy-XXXXXX";

	if (!mkdtemp(made) || !realpath(made, scratch_dir))
		return -1;
	return chdir(scratch_dir);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int scratch_leave(void **state)
{
	if (chdir("/"))
		return -1;
	return nftw(scratch_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void write_file(const char *path, const void *data, size_t size, mode_t mode)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

int main(void)
{
	int failed = run_parse_tests();

	failed += run_view_tests();
	failed += run_program_tests();
	failed += run_build_tests();
	return failed != 0;
}
