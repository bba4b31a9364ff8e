/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/upper/number.h"
#include "runtime/cli/run_upper.h"

static int fail(const char *dir, const char *what, int err)
{
	cli_say("--upper %s: %s%s%s", dir, what, *what ? ": " : "", strerror(err));
	return POLICY_FAILED;
}

static unsigned last_archive(DIR *dir)
{
	unsigned last = 0;
	struct dirent *d;

	while ((d = readdir(dir))) {
		unsigned n = upper_number(d->d_name);

		if (n > last)
			last = n;
	}
	return last;
}

static int stack(const struct run_options *o, int dirfd, int *flat_fd)
{
	char *argv[10] = {(char *)"sandbox", (char *)"stack", (char *)"--upper", (char *)o->upper};
	int n = 4, code;

	if (o->store) {
		argv[n++] = (char *)"--store";
		argv[n++] = (char *)o->store;
	}
	if (o->quiet)
		argv[n++] = (char *)"-q";
	argv[n++] = (char *)"--";
	argv[n++] = (char *)o->image;
	code = cli_image_run(n, argv);
	if (code)
		return code;
	*flat_fd = openat(dirfd, "flat.erofs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *flat_fd < 0 ? fail(o->upper, "flat.erofs", errno) : 0;
}

int run_upper_open(const struct run_options *o, int *keep_fd, int *flat_fd)
{
	unsigned last;
	char name[UPPER_NAME];
	DIR *dir;
	int code = 0;

	*flat_fd = -1;
	if (mkdir(o->upper, 0777) && errno != EEXIST)
		return fail(o->upper, "", errno);
	dir = opendir(o->upper);
	if (!dir)
		return fail(o->upper, "", errno);
	last = last_archive(dir);
	if (last)
		code = stack(o, dirfd(dir), flat_fd);
	upper_name(last + 1, name);
	if (!code) {
		*keep_fd = openat(dirfd(dir), name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (*keep_fd < 0 || flock(*keep_fd, LOCK_EX | LOCK_NB)) /* while we live */
			code = fail(o->upper, name, errno);
	}
	closedir(dir);
	return code;
}
