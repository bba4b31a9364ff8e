/* SPDX-License-Identifier: Apache-2.0
 *
 * Who the program is: ids, groups, name, home, limits.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/policy/policy_internal.h"

#define STACK_SOFT  (8ull << 20)
#define NOFILE_SOFT 1024u
#define NOFILE_HARD 4096u

/* An id as a number; 2^32-1 is no id. */
static bool parse_id(const char *s, uint32_t *out)
{
	char *end;
	unsigned long v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoul(s, &end, 10);
	if (errno || *end || v >= UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

static int parse_group(const char *s, struct identity *id, struct policy_error *e)
{
	struct group *g;

	if (parse_id(s, &id->gid))
		return 0;
	g = *s ? getgrnam(s) : NULL;
	if (!g)
		return policy_fail(e, POLICY_FAILED, "--user: no group \"%s\"", s);
	id->gid = g->gr_gid;
	return 0;
}

/* --user UID[:GID]: no other groups. Without GID a name's own group, or for a number the same. */
static int parse_user(const char *spec, struct identity *id, struct policy_error *e)
{
	char name[256];
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
	struct passwd *pw;

	if (!len || len >= sizeof name)
		return policy_fail(e, POLICY_FAILED, "--user %s: want UID[:GID]", spec);
	memcpy(name, spec, len);
	name[len] = 0;
	if (parse_id(name, &id->uid)) {
		pw = getpwuid(id->uid);
		id->gid = pw ? pw->pw_gid : id->uid;
	} else {
		pw = getpwnam(name);
		if (!pw)
			return policy_fail(e, POLICY_FAILED, "--user: no user \"%s\"", name);
		id->uid = pw->pw_uid;
		id->gid = pw->pw_gid;
	}
	if (pw && strlen(pw->pw_name) < sizeof id->user)
		strcpy(id->user, pw->pw_name);
	return colon ? parse_group(colon + 1, id, e) : 0;
}

/* -- of an image: its own /etc/passwd and /etc/group -- */

#define TABLE_MAX  (1u << 20)
#define GROUPS_MAX 256u

/* A small file of the image as a stream, or NULL. *buf is to be freed after it. */
static FILE *image_table(const struct view *v, const char *path, char **buf)
{
	struct flat_node node;
	ssize_t n = -1;

	*buf = NULL;
	if (flat_lookup(v->image, path, true, &node) || !S_ISREG(node.st.st_mode) ||
		node.st.st_size <= 0 || node.st.st_size > TABLE_MAX)
		return NULL;
	*buf = malloc((size_t)node.st.st_size);
	if (*buf)
		n = flat_read(v->image, &node, *buf, (size_t)node.st.st_size, 0);
	return n > 0 ? fmemopen(*buf, (size_t)n, "r") : NULL;
}

/* By name, or by number where name is NULL. */
static bool image_user(const struct view *v, const char *name, struct identity *id)
{
	char *buf;
	FILE *f = image_table(v, "etc/passwd", &buf);
	struct passwd *pw = NULL;

	while (f && (pw = fgetpwent(f)) &&
		!(name ? !strcmp(pw->pw_name, name) : pw->pw_uid == id->uid))
		;
	if (pw) {
		id->uid = pw->pw_uid;
		id->gid = pw->pw_gid;
		snprintf(id->user, sizeof id->user, "%s", pw->pw_name);
		if (pw->pw_dir[0] != '/' || path_normalise(id->home, "/", pw->pw_dir))
			strcpy(id->home, "/");
	}
	if (f)
		fclose(f);
	free(buf);
	return pw;
}

static bool image_group(const struct view *v, const char *name, struct identity *id)
{
	char *buf;
	FILE *f = image_table(v, "etc/group", &buf);
	struct group *g = NULL;

	while (f && (g = fgetgrent(f)) && strcmp(g->gr_name, name))
		;
	if (g)
		id->gid = g->gr_gid;
	if (f)
		fclose(f);
	free(buf);
	return g;
}

static bool is_member(const struct group *g, const char *user)
{
	char *const *m = g->gr_mem;

	while (*m && strcmp(*m, user))
		m++;
	return *m;
}

/* The groups that the image's /etc/group puts its user into, besides his own. */
static int image_groups(const struct view *v, struct identity *id)
{
	char *buf;
	FILE *f = *id->user ? image_table(v, "etc/group", &buf) : NULL;
	struct group *g;
	int r = 0;

	while (f && !r && id->ngroups < GROUPS_MAX && (g = fgetgrent(f))) {
		uint32_t *more;

		if (g->gr_gid == id->gid || !is_member(g, id->user))
			continue;
		more = reallocarray(id->groups, id->ngroups + 1, sizeof *more);
		if (more) {
			id->groups = more;
			more[id->ngroups++] = g->gr_gid;
		} else {
			r = -ENOMEM;
		}
	}
	if (f) {
		fclose(f);
		free(buf);
	}
	return r;
}

/* USER[:GROUP], names or numbers, as podman takes them: --user, else the image's own word, else
 * root. */
static int image_identity(const struct policy_request *r, const struct view *v, struct identity *id,
	struct policy_error *e)
{
	const char *spec = r->user ? r->user : r->image->user, *colon;
	char name[256];

	if (!spec || !*spec)
		spec = "0";
	colon = strchr(spec, ':');
	strcpy(id->home, "/");
	if (snprintf(name, sizeof name, "%.*s", (int)(colon ? colon - spec : (long)strlen(spec)),
		    spec) >= (int)sizeof name)
		return policy_fail(e, POLICY_FAILED, "user %.32s…: name too long", spec);
	if (parse_id(name, &id->uid)) {
		image_user(v, NULL, id); /* one that it does not know is in group 0 */
	} else if (!image_user(v, name, id)) {
		return policy_fail(
			e, POLICY_FAILED, "image %s has no user \"%s\"", r->image->name, name);
	}
	if (colon && !parse_id(colon + 1, &id->gid) && !image_group(v, colon + 1, id))
		return policy_fail(e, POLICY_FAILED, "image %s has no group \"%s\"", r->image->name,
			colon + 1);
	if (!colon && image_groups(v, id))
		return policy_fail(e, POLICY_FAILED, "out of memory");
	return 0;
}

/* -- of the host -- */

static int own_groups(struct identity *id)
{
	int n = getgroups(0, NULL);

	if (n <= 0)
		return 0;
	id->groups = calloc((size_t)n, sizeof *id->groups);
	if (!id->groups)
		return -ENOMEM;
	n = getgroups(n, (gid_t *)id->groups);
	id->ngroups = n > 0 ? (uint32_t)n : 0;
	return 0;
}

/* The caller's name and home; the password file is only asked when the environment is silent. */
static void own_names(struct identity *id)
{
	const char *home = getenv("HOME"), *user = getenv("USER");
	struct passwd *pw = NULL;

	if (!user || !*user)
		user = getenv("LOGNAME");
	if (!home || *home != '/' || !user || !*user)
		pw = getpwuid(getuid());
	if (!home || *home != '/')
		home = pw && pw->pw_dir[0] == '/' ? pw->pw_dir : "/";
	if (!user || !*user)
		user = pw ? pw->pw_name : "";
	if (path_normalise(id->home, "/", home))
		strcpy(id->home, "/");
	if (strlen(user) < sizeof id->user)
		strcpy(id->user, user);
}

int identity_build(const struct policy_request *r, const struct view *v, struct identity *out,
	struct policy_error *e)
{
	memset(out, 0, sizeof *out);
	if (r->image)
		return image_identity(r, v, out, e);
	out->uid = getuid();
	out->gid = getgid();
	own_names(out);
	if (r->user) {
		out->user[0] = 0;
		return parse_user(r->user, out, e);
	}
	if (own_groups(out))
		return policy_fail(e, POLICY_FAILED, "out of memory");
	return 0;
}

void identity_rlimits(struct rlimit out[RLIM_NLIMITS], uint32_t pids)
{
	struct rlimit *nofile = &out[RLIMIT_NOFILE];

	for (int i = 0; i < (int)RLIM_NLIMITS; i++)
		if (getrlimit((__rlimit_resource_t)i, &out[i]))
			out[i] = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
	if (out[RLIMIT_STACK].rlim_cur == RLIM_INFINITY)
		out[RLIMIT_STACK].rlim_cur = STACK_SOFT;
	if (nofile->rlim_cur > NOFILE_SOFT)
		nofile->rlim_cur = NOFILE_SOFT;
	if (nofile->rlim_max < NOFILE_HARD)
		nofile->rlim_max = NOFILE_HARD; /* the guest's own table: costs the host nothing */
	out[RLIMIT_CORE] = (struct rlimit){0, 0};
	out[RLIMIT_NPROC] = (struct rlimit){pids, pids};
}
