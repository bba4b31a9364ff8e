/* SPDX-License-Identifier: Apache-2.0
 *
 * Snapshots: a sandbox that stops, whose launcher writes it to a file that gets its name here, and
 * one that goes on from there.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdk/lib/config.h"
#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/sandbox_internal.h"

/* As all descriptors of the library; it stays as it is where that fails. 0, or -1 with errno. */
static int raise_fd(int *fd)
{
	int high;

	if (*fd > STDERR_FILENO)
		return 0;
	high = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (high < 0)
		return -1;
	close(*fd);
	*fd = high;
	return 0;
}

static int open_file(struct whole *w, const char *path, struct sb_error **error)
{
	int r = whole_open(w, AT_FDCWD, path, S_IRUSR | S_IWUSR);

	if (!r && (raise_fd(&w->dir) || raise_fd(&w->fd))) {
		r = -errno;
		whole_abort(w);
	}
	return r ? error_system(error, "open", -r, "%s cannot be made", path) : 0;
}

int sandbox_keep_snapshot(struct sb *s, bool complete)
{
	if (s->snapshot.fd < 0)
		return 0;
	if (complete)
		return whole_end(&s->snapshot);
	whole_abort(&s->snapshot);
	return 0;
}

/* Its stdin is a pipe, as most of those will be that go on from it, and nothing comes. */
static int start(struct sb_config *c, const struct sandbox_kind *kind, struct sb **out,
	struct sb_error **error)
{
	int input[2], r;

	if (fd_pipe(input, 1))
		return error_system(error, "pipe2", errno, "cannot prepare the sandbox");
	c->in = (struct sb_stream){.kind = SB_STREAM_FD, .fd = input[0]};
	r = sandbox_start(c, kind, out, error);
	fd_close(&input[0]);
	if (r)
		fd_close(&input[1]);
	else
		(*out)->input = input[1];
	return r;
}

int sb_snapshot(const struct sb_config *config, const char *path, unsigned flags, struct sb **out,
	struct sb_error **error)
{
	struct sandbox_kind kind = SANDBOX_PLAIN;
	struct sb_config c;
	struct whole file;
	int r;

	*out = NULL;
	if (error)
		*error = NULL;
	r = config_read_snapshot(config, &c, error);
	if (!r && flags & ~(unsigned)SB_SNAPSHOT_COMPRESS)
		r = error_set(error, SB_UNSUPPORTED, "flags: %#x is not known", flags);
	if (!r)
		r = config_check_path(path, error);
	if (!r)
		r = open_file(&file, path, error);
	if (r)
		return r;
	kind.snapshot = file.fd;
	kind.compress = flags & SB_SNAPSHOT_COMPRESS;
	r = start(&c, &kind, out, error);
	if (r)
		whole_abort(&file);
	else
		(*out)->snapshot = file;
	return r;
}

int sb_restore(
	const char *path, const struct sb_config *config, struct sb **out, struct sb_error **error)
{
	struct sandbox_kind kind = SANDBOX_PLAIN;
	struct sb_config c;
	int r;

	*out = NULL;
	if (error)
		*error = NULL;
	r = config_read_restore(config, &c, error);
	if (!r)
		r = config_check_path(path, error);
	kind.restore = path;
	return r ? r : sandbox_start(&c, &kind, out, error);
}
