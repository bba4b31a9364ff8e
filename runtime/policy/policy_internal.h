/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside runtime/policy: paths, the view of the file system, the program's check.
 */
#ifndef POLICY_INTERNAL_H
#define POLICY_INTERNAL_H

#include <limits.h>
#include <sys/stat.h>

#include "images/flat/flat_read.h"
#include "runtime/policy/policy.h"

#define POLICY_PATH_MAX PATH_MAX

/* Fills e (cleaning what the arguments brought in); returns -EINVAL, for `return policy_fail(…)`.
 */
__attribute__((format(printf, 3, 4))) int policy_fail(
	struct policy_error *e, int code, const char *fmt, ...);

/* -- path.c: text only -- */
/* Absolute path of `path` seen from `base`, without ".", ".." and "//". -ENAMETOOLONG. */
int path_normalise(char out[POLICY_PATH_MAX], const char *base, const char *path);
/* path is dir or below it. Both normalised. */
bool path_within(const char *path, const char *dir);
/* What follows dir in path, without a leading '/'. path is within dir. */
const char *path_below(const char *path, const char *dir);

/* -- view.c: what the program will see -- */
enum view_rank { VIEW_DEFAULT, VIEW_USER }; /* a user's mount replaces a default at its target */

struct view {
	struct launch_mount *mounts; /* sorted: parents before children; strings are the view's */
	enum view_rank *ranks;	     /* of each mount */
	unsigned n, room;
	struct flat_image *image; /* what LAUNCH_MOUNT_IMAGE shows, or NULL */
};

/* Takes over m->fd, also on failure; copies the strings. -ENOMEM. */
int view_add(struct view *v, const struct launch_mount *m, enum view_rank rank);
/* The mount that path lies on: the one with the longest target. NULL: none. */
const struct launch_mount *view_covering(const struct view *v, const char *path);
/* Drops default mounts below dir (dir itself stays). */
void view_drop_below(struct view *v, const char *dir);
void view_clear(struct view *v);

/* A path followed through mounts and links as the program would. */
struct view_node {
	int fd;	       /* O_PATH, the caller's; -1: not a file of the host */
	bool in_image; /* flat is it; neither fd nor this: a directory that only the sandbox has */
	struct flat_node flat;
	struct stat st;
	char path[POLICY_PATH_MAX]; /* with every link resolved */
};
/* 0; -ENOENT, -ENOTDIR, -ELOOP, -EACCES, … */
int view_lookup(const struct view *v, const char *path, struct view_node *out);
void view_node_close(struct view_node *n);
static inline bool view_node_is_file(const struct view_node *n) /* of the host or the image */
{
	return n->fd >= 0 || n->in_image;
}
/* The first bytes of a regular file: length, or -errno. */
ssize_t view_node_read(const struct view *v, const struct view_node *n, void *buf, size_t size);
bool view_node_executable(const struct view_node *n);

/* -- defaults.c -- */
/* The host's directories, /etc, /proc, /dev and the tmpfs: see docs/man/sandbox-run.1. */
int view_add_defaults(struct view *v, const char *home);
int view_add_tmpfs(struct view *v, const char *target, uint32_t mode, enum view_rank rank);
int view_add_host(
	struct view *v, const char *source, const char *target, bool writable, enum view_rank rank);
int view_add_image(struct view *v, const struct policy_image *image);
int view_add_pseudo(struct view *v); /* /proc, /dev, /tmp: also with --root and --image */

/* -- program.c -- */
/* Finds r->program, makes it visible if need be, checks that it can be run. config_path gets its
 * absolute path inside the sandbox. */
int program_find(struct view *v, const struct policy_request *r, const char *host_cwd,
	const char *sandbox_cwd, const char *path_env, char config_path[POLICY_PATH_MAX],
	struct policy_error *e);
/* Checks the file behind path (absolute, visible): 0 or an error with 126 or 127. */
int program_check(const struct view *v, const char *name, const char *path, const char *cwd,
	unsigned depth, struct policy_error *e);

/* -- arguments.c -- */
/* A remark in note, if argv names a file that the host has and the view has not. cwd: where
 * relative names are looked up, "" if that cannot be told. */
void arguments_note(const struct view *v, char **argv, const char *cwd, char *note, size_t size);

/* -- rights.c -- */
/* What would be left of root's rights: may st's file be used so (04 read, 02 write, 01 search)?
 * True for everybody else, whom the kernel asks now as later. */
bool rights_allow(const struct stat *st, unsigned want);
/* A remark in note, if a grant is another user's and closed to root without his rights. */
void rights_note(const struct view *v, char *note, size_t size);

/* -- machine.c -- */
/* The words of --backend and --home alone, before anything is tried. */
int machine_check_names(const char *backend, const char *home, struct policy_error *e);

/* -- environ.c -- */
int environ_build(const struct policy_request *r, const char *home, const char *user, char ***out);
void environ_free(char **env);
const char *environ_get(char **env, const char *name);

/* -- identity.c -- */
struct identity {
	uint32_t uid, gid;
	uint32_t *groups;
	uint32_t ngroups;
	char user[256];
	char home[POLICY_PATH_MAX]; /* absolute and normalised */
};
/* With an image: who its configuration says, by its own /etc/passwd and /etc/group. */
int identity_build(const struct policy_request *r, const struct view *v, struct identity *out,
	struct policy_error *e);
void identity_rlimits(struct rlimit out[RLIM_NLIMITS], uint32_t pids);

#endif
