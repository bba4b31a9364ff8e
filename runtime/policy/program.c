/* SPDX-License-Identifier: Apache-2.0
 *
 * The program: found, made visible, and looked at, so that what cannot run is said in a sentence
 * before anything is started. The shim decides again, on what it reads itself.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/policy/policy_internal.h"

#define HEAD_SIZE    4096u
#define SCRIPT_DEPTH 5 /* scripts run by scripts, as Linux */

/* What is being checked, for the messages. */
struct check {
	const struct view *view;
	const char *name; /* as the user gave it */
	const char *cwd;  /* inside the sandbox */
	struct policy_error *e;
};

static const char *machine_name(unsigned m)
{
	static const struct {
		unsigned number;
		const char *name;
	} names[] = {
		{EM_386, "i386"},
		{EM_ARM, "ARM"},
		{EM_AARCH64, "AArch64"},
		{EM_RISCV, "RISC-V"},
		{EM_PPC, "PowerPC"},
		{EM_PPC64, "64-bit PowerPC"},
		{EM_S390, "s390"},
		{EM_MIPS, "MIPS"},
		{EM_SPARCV9, "SPARC"},
		{EM_LOONGARCH, "LoongArch"},
		{EM_X86_64, "x32"},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].number == m)
			return names[i].name;
	return "another machine";
}

/* An interpreter of an ELF file or script must be in the view, and executable. */
static int check_interpreter(const struct check *c, const char *what, const char *interp)
{
	char path[POLICY_PATH_MAX];
	struct view_node node;
	bool runnable;

	if (path_normalise(path, c->cwd, interp) || view_lookup(c->view, path, &node)) {
		bool host_has = *interp == '/' && !access(interp, X_OK);

		return policy_fail(c->e, POLICY_NOT_FOUND,
			"%s: its %s %s is not in the sandbox%s%s%s", c->name, what, interp,
			host_has ? " (--ro " : "", host_has ? interp : "",
			host_has ? " gives it)" : "");
	}
	runnable =
		view_node_is_file(&node) && S_ISREG(node.st.st_mode) && view_node_executable(&node);
	view_node_close(&node);
	return runnable ? 0
			: policy_fail(c->e, POLICY_NOT_RUNNABLE, "%s: its %s %s is not executable",
				  c->name, what, interp);
}

static int check_elf(const struct check *c, const char *head, size_t n)
{
	Elf64_Ehdr eh;
	char interp[POLICY_PATH_MAX];

	if (n < EI_NIDENT)
		return policy_fail(c->e, POLICY_NOT_RUNNABLE, "%s: a damaged ELF file", c->name);
	memset(&eh, 0, sizeof eh);
	memcpy(&eh, head, n < sizeof eh ? n : sizeof eh);
	if (eh.e_ident[EI_CLASS] != ELFCLASS64)
		return policy_fail(c->e, POLICY_NOT_RUNNABLE,
			"%s: a 32-bit program (%s); only 64-bit x86-64 programs run here", c->name,
			machine_name(eh.e_machine));
	if (eh.e_ident[EI_DATA] != ELFDATA2LSB || eh.e_machine != EM_X86_64)
		return policy_fail(c->e, POLICY_NOT_RUNNABLE,
			"%s: a program for %s; only 64-bit x86-64 programs run here", c->name,
			eh.e_ident[EI_DATA] == ELFDATA2LSB
				? machine_name(eh.e_machine)
				: machine_name(__builtin_bswap16(eh.e_machine)));
	if (eh.e_type == ET_REL)
		return policy_fail(
			c->e, POLICY_NOT_RUNNABLE, "%s: an object file, not linked yet", c->name);
	if (n < sizeof eh || (eh.e_type != ET_EXEC && eh.e_type != ET_DYN) || !eh.e_phnum ||
		eh.e_phentsize != sizeof(Elf64_Phdr))
		return policy_fail(
			c->e, POLICY_NOT_RUNNABLE, "%s: an ELF file, but not a program", c->name);
	for (unsigned i = 0; i < eh.e_phnum; i++) {
		uint64_t at = eh.e_phoff + (uint64_t)i * sizeof(Elf64_Phdr);
		Elf64_Phdr ph;

		if (at > n || n - at < sizeof ph)
			break; /* beyond what was read: the shim will see */
		memcpy(&ph, head + at, sizeof ph);
		if (ph.p_type != PT_INTERP || ph.p_offset > n || n - ph.p_offset < ph.p_filesz ||
			!ph.p_filesz || ph.p_filesz > sizeof interp)
			continue;
		memcpy(interp, head + ph.p_offset, ph.p_filesz);
		interp[ph.p_filesz - 1] = 0;
		return check_interpreter(c, "loader", interp);
	}
	return 0;
}

static int check_script(const struct check *c, char *head, size_t n, unsigned depth)
{
	char path[POLICY_PATH_MAX];
	char *end = memchr(head, '\n', n), *s = head + 2;
	int r;

	if (!end && n == HEAD_SIZE)
		return policy_fail(
			c->e, POLICY_NOT_RUNNABLE, "%s: its first line (#!) is too long", c->name);
	*(end ? end : head + n) = 0;
	s += strspn(s, " \t");
	s[strcspn(s, " \t\r")] = 0;
	if (!*s)
		return policy_fail(c->e, POLICY_NOT_RUNNABLE,
			"%s: its first line (#!) names no interpreter", c->name);
	r = check_interpreter(c, "interpreter", s);
	if (r)
		return r;
	if (path_normalise(path, c->cwd, s))
		return policy_fail(
			c->e, POLICY_NOT_FOUND, "%s: its interpreter's path is too long", c->name);
	return program_check(c->view, c->name, path, c->cwd, depth + 1, c->e);
}

int program_check(const struct view *v, const char *name, const char *path, const char *cwd,
	unsigned depth, struct policy_error *e)
{
	struct check c = {v, name, cwd, e};
	char head[HEAD_SIZE + 1];
	struct view_node node;
	ssize_t n;
	bool may, from_host;
	int r = view_lookup(v, path, &node);

	if (r == -ENOENT)
		return policy_fail(e, POLICY_NOT_FOUND, "%s: not found", name);
	if (r)
		return policy_fail(e, r == -ENOTDIR ? POLICY_NOT_FOUND : POLICY_NOT_RUNNABLE,
			"%s: %s", name, strerror(-r));
	if (!view_node_is_file(&node) || S_ISDIR(node.st.st_mode)) {
		view_node_close(&node);
		return policy_fail(e, POLICY_NOT_RUNNABLE, "%s: a directory, not a program", name);
	}
	if (!S_ISREG(node.st.st_mode)) {
		view_node_close(&node);
		return policy_fail(e, POLICY_NOT_RUNNABLE, "%s: not a regular file", name);
	}
	may = view_node_executable(&node);
	n = may ? view_node_read(v, &node, head, HEAD_SIZE) : 0;
	from_host = node.fd >= 0;
	view_node_close(&node);
	if (!may)
		return policy_fail(e, POLICY_NOT_RUNNABLE,
			"%s: not executable (chmod +x, or a file system mounted noexec)", name);
	if (n < 0)
		return policy_fail(
			e, POLICY_NOT_RUNNABLE, "%s: cannot be read: %s", name, strerror((int)-n));
	if (from_host && !rights_allow(&node.st, 04))
		return policy_fail(e, POLICY_NOT_RUNNABLE,
			"%s: belongs to user %u, and root's right to read it does not go into the "
			"sandbox: run it as that user",
			name, (unsigned)node.st.st_uid);
	if (n >= SELFMAG && !memcmp(head, ELFMAG, SELFMAG))
		return check_elf(&c, head, (size_t)n);
	if (n >= 2 && head[0] == '#' && head[1] == '!')
		return depth < SCRIPT_DEPTH ? check_script(&c, head, (size_t)n, depth)
					    : policy_fail(e, POLICY_NOT_RUNNABLE,
						      "%s: scripts run by scripts, too deep", name);
	return policy_fail(e, POLICY_NOT_RUNNABLE,
		n ? "%s: neither an ELF program nor a script that starts with #!"
		  : "%s: an empty file",
		name);
}

static bool is_program(const char *host_path)
{
	struct stat st;

	return !stat(host_path, &st) && S_ISREG(st.st_mode) && !access(host_path, X_OK);
}

/* "." and ".." are looked up nowhere: they are directories, not names. */
static bool is_path(const char *program)
{
	return strchr(program, '/') || !strcmp(program, ".") || !strcmp(program, "..");
}

/* The first file of that name in `dirs` that an execvp would try, seen through the view (v) or on
 * the host (v NULL). */
static bool search_path(const struct view *v, const char *dirs, const char *cwd, const char *name,
	char out[POLICY_PATH_MAX])
{
	char dir[POLICY_PATH_MAX], file[POLICY_PATH_MAX], found[POLICY_PATH_MAX] = "";

	for (;;) {
		size_t n = strcspn(dirs, ":");
		struct view_node node;
		bool usable = false;

		if (n < sizeof file) {
			memcpy(file, dirs, n);
			file[n] = 0;
			if (!path_normalise(dir, cwd, file) && !path_normalise(file, dir, name)) {
				if (!v) {
					usable = is_program(file);
				} else if (!view_lookup(v, file, &node)) {
					bool is_file = view_node_is_file(&node) &&
						       S_ISREG(node.st.st_mode);

					usable = is_file && view_node_executable(&node);
					if (is_file && !*found)
						strcpy(found, file);
					view_node_close(&node);
				}
			}
		}
		if (usable) {
			strcpy(out, file);
			return true;
		}
		if (!dirs[n])
			break;
		dirs += n + 1;
	}
	if (*found)
		strcpy(out, found); /* not executable: 126 and not 127, as a shell */
	return *found;
}

static int find_by_name(struct view *v, const struct policy_request *r, const char *sandbox_cwd,
	const char *path_env, char out[POLICY_PATH_MAX], struct policy_error *e)
{
	char host[POLICY_PATH_MAX];
	const char *host_path = getenv("PATH");

	if (strlen(r->program) > NAME_MAX)
		return policy_fail(e, POLICY_NOT_FOUND, "%s: name too long", r->program);
	if (path_env && search_path(v, path_env, sandbox_cwd, r->program, out))
		return 0;
	if (r->image)
		return policy_fail(e, POLICY_NOT_FOUND,
			"%s: not found in the PATH of image %s (%s)", r->program, r->image->name,
			path_env ? path_env : "none");
	if (!r->root && host_path && search_path(NULL, host_path, "/", r->program, host))
		return policy_fail(e, POLICY_NOT_FOUND,
			"%s: not found in the sandbox's PATH; the host has %s: give that path",
			r->program, host);
	if (!path_env)
		return policy_fail(e, POLICY_NOT_FOUND,
			"%s: not found: the sandbox has no PATH; give a path with a slash",
			r->program);
	return policy_fail(e, POLICY_NOT_FOUND, "%s: not found in PATH (%s)", r->program, path_env);
}

static bool is_seen(const struct view *v, const char *path)
{
	struct view_node node;
	bool seen = !view_lookup(v, path, &node) && view_node_is_file(&node);

	if (seen)
		view_node_close(&node);
	return seen;
}

/* A program outside the view: its file at its real path, and a link where it was called. */
static int expose(struct view *v, const char *name, const char *path, struct policy_error *e)
{
	struct launch_mount link = {.kind = LAUNCH_MOUNT_LINK, .target = path, .fd = -1};
	char *real = realpath(path, NULL);
	struct stat st;
	int r = 0;

	if (!real && (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG))
		return policy_fail(e, POLICY_NOT_FOUND, "%s: not found", name);
	if (!real)
		return policy_fail(e, POLICY_NOT_RUNNABLE, "%s: %s", name, strerror(errno));
	if (stat(real, &st) || !S_ISREG(st.st_mode)) {
		free(real);
		return policy_fail(e, POLICY_NOT_RUNNABLE, "%s: %s", name,
			S_ISDIR(st.st_mode) ? "a directory, not a program" : "not a regular file");
	}
	if (view_covering(v, real)->kind != LAUNCH_MOUNT_HOST)
		r = view_add_host(v, real, real, false, VIEW_DEFAULT);
	link.source = real;
	if (!r && !is_seen(v, path)) /* not when a link of the host's leads there */
		r = view_add(v, &link, VIEW_DEFAULT);
	free(real);
	return r ? policy_fail(e, POLICY_NOT_RUNNABLE, "%s: %s", name, strerror(-r)) : 0;
}

int program_find(struct view *v, const struct policy_request *r, const char *host_cwd,
	const char *sandbox_cwd, const char *path_env, char config_path[POLICY_PATH_MAX],
	struct policy_error *e)
{
	int err;

	if (!is_path(r->program)) {
		err = *r->program ? find_by_name(v, r, sandbox_cwd, path_env, config_path, e)
				  : policy_fail(e, POLICY_NOT_FOUND, "PROGRAM is an empty name");
		return err ? err : program_check(v, r->program, config_path, sandbox_cwd, 0, e);
	}
	if (path_normalise(config_path, r->root || r->image ? sandbox_cwd : host_cwd, r->program))
		return policy_fail(e, POLICY_NOT_FOUND, "%s: path too long", r->program);
	if (!r->root && !r->image && !is_seen(v, config_path)) {
		err = expose(v, r->program, config_path, e);
		if (err)
			return err;
	}
	return program_check(v, r->program, config_path, sandbox_cwd, 0, e);
}
