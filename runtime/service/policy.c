/* SPDX-License-Identifier: Apache-2.0
 *
 * Grants: which files the guest may reach and change, and what it is told when it may not.
 *
 * A grant is known by the identity (device, inode) of its root. Grants nest: what is reached
 * through one of them but is the root of another has the rights of that one, whatever path the shim
 * takes, because a shim that was taken over does not keep to the mounts that it was given.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

int policy_init(struct service *s)
{
	s->policy.grant = calloc(1, sizeof(*s->policy.grant));
	if (!s->policy.grant)
		return -ENOMEM;
	s->policy.count = 1;
	return 0;
}

void policy_destroy(struct service *s)
{
	for (uint32_t i = 0; i < s->policy.count; i++)
		free(s->policy.grant[i].path);
	free(s->policy.grant);
}

int policy_add(struct service *s, const struct statx *stx, uint8_t rights, const char *host_path)
{
	struct policy *p = &s->policy;
	struct grant *more = realloc(p->grant, (p->count + 1) * sizeof(*more));
	char *path;

	if (!more)
		return -ENOMEM;
	p->grant = more;
	path = strdup(host_path ? host_path : "?");
	if (!path)
		return -ENOMEM;
	if (!rights)
		p->nclean = 0; /* some may lie in it */
	more[p->count] = (struct grant){
		.dev = makedev(stx->stx_dev_major, stx->stx_dev_minor),
		.ino = stx->stx_ino,
		.rights = rights,
		.path = path,
	};
	return (int)p->count++;
}

static bool is_denied(const struct policy *p, const struct statx *stx)
{
	uint64_t dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);

	for (uint32_t i = 1; i < p->count; i++)
		if (!p->grant[i].rights && p->grant[i].ino == stx->stx_ino &&
			p->grant[i].dev == dev)
			return true;
	return false;
}

static bool denies_any(const struct policy *p)
{
	for (uint32_t i = 1; i < p->count; i++)
		if (!p->grant[i].rights)
			return true;
	return false;
}

/* What a directory lies in; of a file, which cannot be asked, what its path says. */
static int open_above(int fd, const struct statx *stx)
{
	char link[32], path[PATH_MAX], *slash;
	ssize_t n;

	if (S_ISDIR(stx->stx_mode))
		return openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = 0;
	slash = strrchr(path, '/');
	if (!slash)
		return -1;
	slash[1] = 0;
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/* By its mount too: a directory that is mounted in two places lies in two. */
static struct place place_of(const struct statx *stx)
{
	return (struct place){
		.mount = stx->stx_mask & STATX_MNT_ID ? stx->stx_mnt_id : 0,
		.dev = makedev(stx->stx_dev_major, stx->stx_dev_minor),
		.ino = stx->stx_ino,
	};
}

static bool is_same(const struct place *a, const struct place *b)
{
	return a->ino == b->ino && a->dev == b->dev && a->mount == b->mount;
}

/* Was it found to lie in nothing that is hidden? */
static bool is_clean(const struct policy *p, const struct place *at)
{
	for (uint32_t i = 0; i < p->nclean; i++)
		if (is_same(&p->clean[i], at))
			return true;
	return false;
}

enum climb { CLIMBS, ENDS_CLEAN, ENDS_HIDDEN, IS_LOST };

/* One step up, to what was opened as `at`. *stx is of what it was a step up from, and then its own.
 */
static enum climb step(const struct policy *p, int at, struct statx *stx)
{
	const struct place below = place_of(stx);
	struct place here;

	if (at < 0 || host_statx(at, "", stx))
		return IS_LOST;
	here = place_of(stx);
	if (is_same(&here, &below) || is_clean(p, &here))
		return ENDS_CLEAN;
	return is_denied(p, stx) ? ENDS_HIDDEN : CLIMBS;
}

/* Grants lie near each other: each climbs no further than to where one before it came by. What
 * another process moves meanwhile stays where it was: grants are asked about one after another
 * before anything of the guest runs, and once granted a directory may be moved anyway. */
bool policy_denies(struct service *s, int fd, const struct statx *of)
{
	struct policy *p = &s->policy;
	struct statx stx = *of;
	uint32_t passed = p->nclean;
	enum climb climb = CLIMBS;
	int at = -1;

	if (is_denied(p, of))
		return true;
	if (!denies_any(p))
		return false;
	while (climb == CLIMBS) {
		int above = open_above(at < 0 ? fd : at, &stx);

		if (at >= 0)
			close(at);
		at = above;
		climb = step(p, at, &stx);
		/* a kernel that does not tell the mount (before 5.8): nothing is remembered */
		if (climb == CLIMBS && passed < CLEAN_REMEMBER && stx.stx_mask & STATX_MNT_ID)
			p->clean[passed++] = place_of(&stx);
	}
	if (at >= 0)
		close(at);
	if (climb == ENDS_CLEAN)
		p->nclean = passed;
	return climb == ENDS_HIDDEN;
}

void policy_leaf(struct service *s, uint32_t outer, struct leaf *leaf)
{
	const struct policy *p = &s->policy;
	uint64_t dev = makedev(leaf->stx.stx_dev_major, leaf->stx.stx_dev_minor);

	leaf->grant = outer;
	leaf->rights = p->grant[outer].rights;
	leaf->nested = false;
	for (uint32_t i = 1; i < p->count; i++) {
		const struct grant *g = &p->grant[i];

		if (g->ino != leaf->stx.stx_ino || g->dev != dev)
			continue;
		/* The same root granted twice: the lesser rights, for we cannot tell which was
		 * meant. */
		if (!leaf->nested || g->rights < leaf->rights) {
			leaf->grant = i;
			leaf->rights = g->rights;
		}
		leaf->nested = true;
	}
}

/* The host's procfs holds /proc/PID/mem of this very process, which a process may always write:
 * with
 * "/" granted the guest would have it. The shim has a procfs of its own to mount there. */
uint8_t policy_inert(struct service *s, int fd, const struct statx *stx)
{
	uint64_t dev = makedev(stx->stx_dev_major, stx->stx_dev_minor);
	struct statfs st;

	if (stx->stx_dev_major || dev == s->policy.plain_dev)
		return 0; /* procfs has no device, hence major number 0 */
	if (fstatfs(fd, &st) || st.f_type == PROC_SUPER_MAGIC)
		return HANDLE_INERT;
	s->policy.plain_dev = dev;
	return 0;
}

static uint64_t hash_text(uint64_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
	return (h ^ 0xff) * 0x100000001b3ull;
}

/* Once for each operation and path. When the table is full nothing more is told: a guest that makes
 * up paths shall not fill anybody's disk. */
static bool first_time(struct policy *p, const char *operation, const char *path)
{
	uint64_t h = hash_text(hash_text(0xcbf29ce484222325ull, operation), path);

	for (uint32_t i = 0; i < p->ndenied; i++)
		if (p->denied[i] == h)
			return false;
	if (p->ndenied == DENIED_REMEMBER)
		return false;
	p->denied[p->ndenied++] = h;
	return true;
}

static void tell(struct request *rq, const struct handle *h, const char *name, const char *flag,
	const char *flag_path)
{
	const char *operation = service_op_table[rq->msg->op].name;
	char path[PATH_MAX], help[PATH_MAX + 8], *joined = NULL;
	const char *where = h->path;

	if (!rq->s->cb.denied)
		return;
	if (name && *name)
		where = joined = text_join(h->path, name);
	if (!where)
		where = name && *name ? name : "?";
	text_clean(path, sizeof(path), where, strlen(where));
	free(joined);
	if (!first_time(&rq->s->policy, operation, path))
		return;
	snprintf(help, sizeof(help), "%s", flag);
	if (flag_path) {
		size_t n = strlen(help);

		text_clean(help + n, sizeof(help) - n, flag_path, strlen(flag_path));
	}
	rq->s->cb.denied(rq->s->cb.arg, operation, path, help);
}

int policy_mutate(struct request *rq, const struct handle *h, const char *name, uint8_t rights,
	uint32_t grant)
{
	if (rights & RIGHT_WRITE)
		return 0;
	if (grant == GRANT_INHERITED) {
		tell(rq, h, name, "", NULL);
		return -EPERM; /* the descriptor was not opened for it; its file system may be
				  writable */
	}
	if (!rights)
		return policy_refuse(rq, h, name);
	tell(rq, h, name, "--rw ", rq->s->policy.grant[grant].path);
	return -EROFS;
}

int policy_refuse(struct request *rq, const struct handle *h, const char *name)
{
	tell(rq, h, name, "", NULL);
	return -EACCES;
}

void policy_unseen(struct service *s, const char *text)
{
	bool create = !strncmp(text, "--rw /", 6);
	const char *path = text + 5, *operation = create ? "create" : "look up";
	char help[PATH_MAX];

	if (!create && strncmp(text, "--ro /", 6))
		return;
	snprintf(help, sizeof(help), "%s", text);
	if (create) { /* what must be there to be granted is the directory; "/" is nobody's to give
		       */
		char *slash = strrchr(help, '/');

		help[slash == help + 5 ? 0 : slash - help] = 0;
	}
	if (s->cb.denied && first_time(&s->policy, operation, path))
		s->cb.denied(s->cb.arg, operation, path, help);
}
