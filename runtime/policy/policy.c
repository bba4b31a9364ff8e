/* SPDX-License-Identifier: Apache-2.0
 *
 * The request made into a configuration, step by step.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/policy/policy_internal.h"

#define MEM_MIN	  (16ull << 20)
#define PAGE_SIZE 4096u
#define STARTER	  "/.sandbox-relay" /* inside */

struct policy {
	struct launch_config config;
	struct policy_machine machine;
	struct identity identity;
	struct view view;
	char **env;
	char **argv;			/* of a starter; NULL: there is none */
	char host_cwd[POLICY_PATH_MAX]; /* "" when it cannot be told */
	char cwd[POLICY_PATH_MAX], program[POLICY_PATH_MAX];
	char note[POLICY_PATH_MAX + 128];
};

static int fail_errno(struct policy_error *e, const char *what, const char *path, int r)
{
	return policy_fail(e, POLICY_FAILED, "%s %s: %s", what, path, strerror(-r));
}

static int check_request(const struct policy_request *r, struct policy_error *e)
{
	char size[16], most[16];

	if (!r->cpus || r->cpus > LAUNCH_CPUS_MAX)
		return policy_fail(
			e, POLICY_FAILED, "--cpus %u: want 1 to %d", r->cpus, LAUNCH_CPUS_MAX);
	policy_format_size(size, r->mem);
	if (r->mem < MEM_MIN)
		return policy_fail(e, POLICY_FAILED,
			"--mem: %s is too little; a sandbox needs at least 16 MiB (--mem 16M)",
			size);
	policy_format_size(most, LAUNCH_MEM_MAX);
	if (r->mem > LAUNCH_MEM_MAX)
		return policy_fail(
			e, POLICY_FAILED, "--mem: %s is more than the largest, %s", size, most);
	for (size_t i = 0; i < r->nenv; i++)
		if (!*r->env[i] || *r->env[i] == '=')
			return policy_fail(
				e, POLICY_FAILED, "--env %s: want NAME=VALUE or NAME", r->env[i]);
	if (r->image && r->root)
		return policy_fail(e, POLICY_FAILED, "--image and --root: only one can be \"/\"");
	return machine_check_names(r->backend, r->home, e);
}

/* A grant's absolute source and target. */
static int grant_paths(const struct policy *p, const struct policy_grant *g,
	char source[POLICY_PATH_MAX], char target[POLICY_PATH_MAX])
{
	int r = 0;

	*source = 0;
	if (g->source && *g->source != '/' && !*p->host_cwd)
		return -ENOENT;
	if (g->source)
		r = path_normalise(source, p->host_cwd, g->source);
	return r ? r : path_normalise(target, "/", g->target ? g->target : source);
}

static const char *grant_option(const struct policy_grant *g)
{
	static const char *const options[] = {"--ro", "--rw", "--tmpfs"};

	return options[g->kind];
}

static int add_grant(struct policy *p, const struct policy_grant *g, struct policy_error *e)
{
	char source[POLICY_PATH_MAX], target[POLICY_PATH_MAX];
	struct launch_mount m = {.kind = LAUNCH_MOUNT_TMPFS,
		.target = target,
		.source = "tmpfs",
		.fd = -1,
		.writable = true,
		.mode = 0755,
		.size = g->size};
	int r = grant_paths(p, g, source, target);

	if (!r && path_within(target, "/proc"))
		return policy_fail(
			e, POLICY_FAILED, "%s: nothing can be put at %s", grant_option(g), target);
	if (!r && g->kind == POLICY_TMPFS)
		r = view_add(&p->view, &m, VIEW_USER);
	else if (!r)
		r = view_add_host(&p->view, source, target, g->kind == POLICY_RW, VIEW_USER);
	return r ? fail_errno(e, grant_option(g), g->source ? g->source : target, r) : 0;
}

/* What the user gave at a place is all that is there: defaults below it go. "/" too, but for what
 * every program needs. */
static int add_grants(struct policy *p, const struct policy_request *r, struct policy_error *e)
{
	bool whole = r->root || r->image;
	int err = 0;

	if (r->root) {
		err = view_add_host(&p->view, r->root, "/", false, VIEW_DEFAULT);
		if (err)
			return fail_errno(e, "--root", r->root, err);
	}
	for (size_t i = 0; !err && i < r->ngrants; i++)
		err = add_grant(p, &r->grants[i], e);
	if (err)
		return err;
	for (unsigned i = 0; i < p->view.n; i++) {
		const struct launch_mount *m = &p->view.mounts[i];
		char target[POLICY_PATH_MAX];

		if (p->view.ranks[i] != VIEW_USER || m->kind != LAUNCH_MOUNT_HOST)
			continue;
		whole |= !strcmp(m->target, "/");
		strcpy(target, m->target);
		view_drop_below(&p->view, target); /* drops behind i only */
	}
	if (whole && view_add_pseudo(&p->view))
		return policy_fail(e, POLICY_FAILED, "out of memory");
	return 0;
}

static bool is_dir(const struct view *v, const char *path)
{
	struct view_node node;
	bool yes;

	if (view_lookup(v, path, &node))
		return false;
	yes = S_ISDIR(node.st.st_mode);
	view_node_close(&node);
	return yes;
}

/* Why the current directory is not given by default, or NULL. */
static const char *cwd_withheld(const struct policy *p)
{
	static const char *const never[] = {"/etc", "/proc", "/sys", "/dev", "/boot"};

	if (path_within(p->identity.home, p->host_cwd))
		return "holds your home directory";
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (path_within(p->host_cwd, never[i]))
			return "belongs to the system";
	for (unsigned i = 0; i < p->view.n; i++)
		if (!strcmp(p->view.mounts[i].target, p->host_cwd) &&
			p->view.mounts[i].kind == LAUNCH_MOUNT_TMPFS)
			return p->view.ranks[i] == VIEW_USER ? "" : "is the sandbox's own there";
	return NULL;
}

/* The host's current directory, read-only, unless something there is seen already. */
static int add_cwd(struct policy *p, const struct policy_request *r, struct policy_error *e)
{
	const char *why;
	int err;

	if (r->root || r->image || !*p->host_cwd || !strcmp(p->host_cwd, "/") ||
		view_covering(&p->view, p->host_cwd)->kind == LAUNCH_MOUNT_HOST)
		return 0;
	why = cwd_withheld(p);
	if (why) {
		if (*why)
			snprintf(p->note, sizeof p->note,
				"the program did not see the current directory, which %s: --ro . "
				"gives it",
				why);
		return 0;
	}
	err = view_add_host(&p->view, p->host_cwd, p->host_cwd, false, VIEW_DEFAULT);
	return err ? fail_errno(e, "current directory", p->host_cwd, err) : 0;
}

static int build_view(struct policy *p, const struct policy_request *r, struct policy_error *e)
{
	int err = 0;

	if (!getcwd(p->host_cwd, sizeof p->host_cwd) || *p->host_cwd != '/')
		*p->host_cwd = 0; /* removed, or unreachable from "/" */
	if (r->image)
		err = view_add_image(&p->view, r->image);
	else if (!r->root)
		err = view_add_defaults(&p->view, p->identity.home);
	if (err)
		return policy_fail(e, POLICY_FAILED, "out of memory");
	err = add_grants(p, r, e);
	if (err)
		return err;
	if (!is_dir(&p->view, "/"))
		return policy_fail(e, POLICY_FAILED, "%s%s: not a directory",
			r->root ? "--root " : "--ro, --rw: /", r->root ? r->root : "");
	return add_cwd(p, r, e);
}

static int choose_cwd(struct policy *p, const struct policy_request *r, struct policy_error *e)
{
	const char *base = r->root || r->image || !*p->host_cwd ? "/" : p->host_cwd;
	const char *dir = r->cwd ? r->cwd : r->image ? r->image->workdir : NULL;

	if (path_normalise(p->cwd, base, dir ? dir : ""))
		return policy_fail(e, POLICY_FAILED, "--cwd: path too long");
	if (is_dir(&p->view, p->cwd))
		return 0;
	if (r->cwd)
		return policy_fail(
			e, POLICY_FAILED, "--cwd %s: no such directory in the sandbox", r->cwd);
	if (dir && r->image)
		return policy_fail(e, POLICY_FAILED,
			"image %s wants to start in %s, which is no directory in it; --cwd chooses "
			"another",
			r->image->name, dir);
	strcpy(p->cwd, "/");
	return 0;
}

/* A path that means the same inside stays as it was given: scripts see it as $0. */
static const char *choose_execfn(const struct policy *p, const struct policy_request *r)
{
	bool relative = *r->program != '/', own = r->root || r->image;

	if (!strchr(r->program, '/') || (relative && !own && strcmp(p->cwd, p->host_cwd)))
		return p->program;
	return r->program;
}

static size_t count(const char *const *words)
{
	size_t n = 0;

	while (words && words[n])
		n++;
	return n;
}

/* Where the user's program was to be it comes now, and has that as an argument. */
static int put_starter(struct policy *p, const struct policy_request *r, struct policy_error *e)
{
	const struct policy_starter *s = r->starter;
	size_t nargs = count(s->args), nwords = count((const char *const *)r->argv), n = 0;
	int err = view_add_host(&p->view, s->file, STARTER, false, VIEW_USER);

	if (err)
		return fail_errno(e, "cannot give the sandbox", s->file, err);
	p->argv = calloc(nargs + nwords + 3, sizeof *p->argv);
	if (!p->argv)
		return policy_fail(e, POLICY_FAILED, "out of memory");
	p->argv[n++] = (char *)STARTER;
	for (size_t i = 0; i < nargs; i++)
		p->argv[n++] = (char *)s->args[i];
	p->argv[n++] = (char *)choose_execfn(p, r);
	memcpy(p->argv + n, r->argv, nwords * sizeof *p->argv);
	return 0;
}

/* The caller's own limit stays when it is the smaller one. */
static void limit_files(struct launch_config *c, uint64_t max)
{
	struct rlimit *l = &c->rlimits[RLIMIT_FSIZE];

	if (l->rlim_cur > max)
		l->rlim_cur = max;
	l->rlim_max = l->rlim_cur;
}

static void fill_config(struct policy *p, const struct policy_request *r)
{
	struct launch_config *c = &p->config;
	mode_t mask = umask(0);

	umask(mask);
	c->backend = p->machine.backend;
	c->caps = p->machine.caps;
	c->home = p->machine.home;
	c->program = p->argv ? STARTER : p->program;
	c->execfn = p->argv ? STARTER : choose_execfn(p, r);
	c->argv = p->argv ? p->argv : r->argv;
	c->envp = p->env;
	c->cwd = p->cwd;
	c->hostname = r->hostname ? r->hostname : "sandbox";
	c->mounts = p->view.mounts;
	c->nmounts = p->view.n;
	c->mem_size = (r->mem + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	c->cpus = r->cpus;
	c->pids_max = r->pids;
	c->timeout_ns = r->timeout_ns;
	c->uid = p->identity.uid;
	c->gid = p->identity.gid;
	c->groups = p->identity.groups;
	c->ngroups = p->identity.ngroups;
	c->umask = mask;
	c->strict = r->strict;
	c->keep_fd = r->image ? r->image->keep_fd : 0;
	identity_rlimits(c->rlimits, r->pids);
	if (r->file_max)
		limit_files(c, r->file_max);
}

static int map_image(struct policy *p, const struct policy_image *image, struct policy_error *e)
{
	struct image_error why;

	if (flat_map(image->fd, &p->view.image, &why))
		return policy_fail(e, POLICY_FAILED, "image %s: %s", image->name, why.text);
	return 0;
}

int policy_build(const struct policy_request *r, struct policy **out, struct policy_error *e)
{
	struct policy *p = calloc(1, sizeof *p);
	int err;

	if (!p)
		return policy_fail(e, POLICY_FAILED, "out of memory");
	err = check_request(r, e);
	if (!err && r->image)
		err = map_image(p, r->image, e);
	if (!err)
		err = identity_build(r, &p->view, &p->identity, e);
	if (!err && environ_build(r, p->identity.home, p->identity.user, &p->env))
		err = policy_fail(e, POLICY_FAILED, "out of memory");
	if (!err)
		err = build_view(p, r, e);
	if (!err)
		err = choose_cwd(p, r, e);
	if (!err)
		err = program_find(&p->view, r, p->host_cwd, p->cwd, environ_get(p->env, "PATH"),
			p->program, e);
	if (!err && !*p->note)
		rights_note(&p->view, p->note, sizeof p->note);
	if (!err && !r->root && !r->image && !*p->note)
		arguments_note(&p->view, r->argv, strcmp(p->cwd, p->host_cwd) ? "" : p->cwd,
			p->note, sizeof p->note);
	if (!err && r->starter)
		err = put_starter(p, r, e);
	if (!err) /* last: it makes a trial VM */
		err = policy_machine_choose(r->backend, r->home, r->require_vm, &p->machine, e);
	if (err) {
		policy_free(p);
		return err;
	}
	fill_config(p, r);
	*out = p;
	return 0;
}

struct launch_config *policy_config(struct policy *p)
{
	return &p->config;
}

const char *policy_program(const struct policy *p)
{
	return p->program;
}

const char *policy_note(const struct policy *p)
{
	return p->note;
}

const char *policy_backend_name(const struct policy *p)
{
	return p->machine.backend->name;
}

const char *policy_fallback(const struct policy *p)
{
	return p->machine.fallback ? p->machine.backend_why : NULL;
}

/* launch_run closes the mounts' descriptors and marks them so. */
void policy_free(struct policy *p)
{
	if (!p)
		return;
	view_clear(&p->view);
	environ_free(p->env);
	free(p->argv);
	free(p->identity.groups);
	free(p);
}
