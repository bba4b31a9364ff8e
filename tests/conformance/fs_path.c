/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <limits.h>
#include <sys/syscall.h>

static void path_component_length_limit(void)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[255] = 0;
	R(open(name, O_WRONLY | O_CREAT, 0644));
	name[255] = 'n';
	name[256] = 0;
	R(open(name, O_WRONLY | O_CREAT, 0644));
	R(mkdir(name, 0755));
	struct stat st;
	R(stat(name, &st));
	R(unlink(name));
}

static void path_total_length_limit(void)
{
	static char path[PATH_MAX + 16];
	struct stat st;

	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : '.';
	path[PATH_MAX - 1] = 0;
	R(stat(path, &st));
	path[PATH_MAX - 1] = '/';
	path[PATH_MAX] = 0;
	R(stat(path, &st));
	R(open(path, O_RDONLY));
	R(chdir(path));
}

static void path_empty_is_enoent(void)
{
	struct stat st;

	R(open("", O_RDONLY));
	R(stat("", &st));
	R(mkdir("", 0755));
	R(unlink(""));
	R(chdir(""));
	R(rename("", "x"));
	R(symlink("x", ""));
}

static void path_dotdot_above_root_stays_at_root(void)
{
	struct stat root, up;

	R(stat("/", &root));
	R(stat("/../../..", &up));
	T(root.st_ino == up.st_ino && root.st_dev == up.st_dev);
	R(chdir("/.."));
	char cwd[64];
	S(getcwd(cwd, sizeof(cwd)));
	R(access("/../dev/../../dev/null", R_OK));
}

static void path_through_file_is_enotdir(void)
{
	struct stat st;
	make_file("f", "x");

	R(open("f/x", O_RDONLY));
	R(stat("f/x", &st));
	R(stat("f/", &st));
	R(stat("f/.", &st));
	R(stat("f/..", &st));
	R(lstat("f/", &st));
	R(mkdir("f/x", 0755));
	R(unlink("f/x"));
	R(chdir("f"));
	R(access("f/x", F_OK));
}

static void path_dots_and_double_slashes(void)
{
	MUST(mkdir("d", 0755) == 0);
	make_file("d/f", "found");
	show_file(".//d///f");
	show_file("./d/./f");
	show_file("d/../d/f");
	show_file("././././d//.//f");
	R(access("d/", F_OK));
	R(access("d/.", F_OK));
	R(access("d/..", F_OK));
	R(access("d/absent/..", F_OK));
}

static void symlink_loop_is_eloop(void)
{
	struct stat st;
	MUST(symlink("b", "a") == 0 && symlink("a", "b") == 0);
	MUST(symlink("self", "self") == 0);

	R(open("a", O_RDONLY));
	R(stat("self", &st));
	R(lstat("self", &st));
	R(open("self/x", O_RDONLY));
	R(open("a", O_WRONLY | O_CREAT, 0644));
	R(chdir("self"));
}

static void symlink_chain_works_and_one_of_41_fails(void)
{
	char from[16], to[16];

	make_file("l0", "end");
	for (int i = 1; i <= 41; i++) {
		snprintf(from, sizeof(from), "l%d", i);
		snprintf(to, sizeof(to), "l%d", i - 1);
		MUST(symlink(to, from) == 0);
	}
	/* not l40: a walk that Linux has to begin again, because of others' renames, goes on
	 * counting */
	show_file("l20");
	show_file("l41");
}

static void symlink_relative_resolves_from_its_directory(void)
{
	MUST(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0);
	make_file("f", "top");
	make_file("d/f", "middle");
	MUST(symlink("../f", "d/e/link") == 0);
	MUST(symlink("../../f", "d/e/link2") == 0);
	show_file("d/e/link");
	show_file("d/e/link2");
	R(chdir("d/e"));
	show_file("link");
	show_file("link2");
}

static void symlink_absolute_resolves_from_root(void)
{
	char cwd[PATH_MAX], target[PATH_MAX + 8];

	make_file("f", "absolute");
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	snprintf(target, sizeof(target), "%s/f", cwd);
	MUST(symlink(target, "link") == 0);
	show_file("link");
	MUST(symlink("/dev/null", "null") == 0);
	R(open("null", O_RDONLY));
	unlink("link");
}

static void symlink_to_directory_with_dotdot_is_physical(void)
{
	MUST(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
	make_file("a/f", "in a");
	make_file("f", "in top");
	MUST(symlink("a/b", "lb") == 0);
	show_file("lb/../f");
	R(chdir("lb"));
	show_file("../f");
}

static void symlink_trailing_slash_follows(void)
{
	struct stat st;
	MUST(mkdir("d", 0755) == 0);
	make_file("f", "x");
	MUST(symlink("d", "ld") == 0 && symlink("f", "lf") == 0);

	R(lstat("ld", &st));
	T(S_ISLNK(st.st_mode));
	R(lstat("ld/", &st));
	T(S_ISDIR(st.st_mode));
	R(lstat("lf/", &st));
	R(stat("lf", &st));
	T(S_ISREG(st.st_mode));
}

static void symlink_target_may_be_anything(void)
{
	char text[64];

	R(symlink("no such place/at all", "a"));
	R(symlink("", "b"));
	R(symlink("/", "c"));
	R(symlink("x", "a"));
	memset(text, 0, sizeof(text));
	R(readlink("a", text, sizeof(text)));
	S(text);
	memset(text, 0, sizeof(text));
	R(readlink("c", text, sizeof(text)));
	S(text);
	struct stat st;
	R(lstat("a", &st));
	V(st.st_size);
}

static void readlink_truncates_without_terminator(void)
{
	char text[8] = "......";
	MUST(symlink("0123456789", "a") == 0);

	R(readlink("a", text, 4));
	S(text);
	R(readlink("a", text, 0));
	make_file("f", "x");
	R(readlink("f", text, 4));
	R(readlink(".", text, 4));
	R(readlink("absent", text, 4));
}

static void chdir_and_getcwd_agree(void)
{
	char base[PATH_MAX], cwd[PATH_MAX];

	MUST(getcwd(base, sizeof(base)) != NULL);
	MUST(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0);
	R(chdir("d/e"));
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	S(cwd + strlen(base));
	R(chdir(".."));
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	S(cwd + strlen(base));
	R(chdir("absent"));
	R(chdir(base));
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	T(strcmp(cwd, base) == 0);
}

static void chdir_through_symlink_reports_real_path(void)
{
	char base[PATH_MAX], cwd[PATH_MAX];

	MUST(getcwd(base, sizeof(base)) != NULL);
	MUST(mkdir("d", 0755) == 0);
	MUST(symlink("d", "l") == 0);
	R(chdir("l"));
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	S(cwd + strlen(base));
}

static void fchdir_moves_to_open_directory(void)
{
	char base[PATH_MAX], cwd[PATH_MAX];

	MUST(getcwd(base, sizeof(base)) != NULL);
	MUST(mkdir("d", 0755) == 0);
	make_file("f", "x");
	int d = open_file("d", O_RDONLY | O_DIRECTORY);
	int f = open_file("f", O_RDONLY);
	R(fchdir(d));
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	S(cwd + strlen(base));
	R(fchdir(f));
	R(fchdir(77));
}

static void getcwd_of_removed_directory(void)
{
	char cwd[PATH_MAX];
	struct stat st;

	MUST(mkdir("d", 0755) == 0 && chdir("d") == 0);
	R(rmdir("../d"));
	T(getcwd(cwd, sizeof(cwd)) == NULL);
	say("errno %s", errno_name(errno));
	R(open("f", O_WRONLY | O_CREAT, 0644));
	R(mkdir("x", 0755));
	R(stat(".", &st));
	V(st.st_nlink);
	R(chdir(".."));
	T(getcwd(cwd, sizeof(cwd)) != NULL);
}

static void getcwd_buffer_too_small(void)
{
	char cwd[PATH_MAX];

	R(syscall(SYS_getcwd, cwd, 1L));
	R(syscall(SYS_getcwd, cwd, 0L));
	R(chdir("/"));
	R(syscall(SYS_getcwd, cwd, 1L));
	R(syscall(SYS_getcwd, cwd, 2L));
	S(cwd);
}

static void getcwd_follows_renamed_directory(void)
{
	char base[PATH_MAX], cwd[PATH_MAX];

	MUST(getcwd(base, sizeof(base)) != NULL);
	MUST(mkdir("d", 0755) == 0 && chdir("d") == 0);
	R(rename("../d", "../e"));
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	S(cwd + strlen(base));
}

static void deep_directory_tree(void)
{
	char base[PATH_MAX], cwd[PATH_MAX];
	int depth = 0;

	MUST(getcwd(base, sizeof(base)) != NULL);
	while (depth < 60 && mkdir("sub", 0755) == 0 && chdir("sub") == 0)
		depth++;
	V(depth);
	make_file("leaf", "deep");
	MUST(getcwd(cwd, sizeof(cwd)) != NULL);
	V(strlen(cwd) - strlen(base));
	while (depth-- > 0)
		MUST(chdir("..") == 0);
	T(getcwd(cwd, sizeof(cwd)) && strcmp(cwd, base) == 0);
}

static void names_are_bytes_and_case_sensitive(void)
{
	R(open("a b\tc", O_WRONLY | O_CREAT, 0644));
	R(open("\xff\xfe", O_WRONLY | O_CREAT, 0644));
	R(open("UPPER", O_WRONLY | O_CREAT, 0644));
	R(open("upper", O_RDONLY));
	R(open("new\nline", O_WRONLY | O_CREAT, 0644));
	R(open("...", O_WRONLY | O_CREAT, 0644));
	R(open("-", O_WRONLY | O_CREAT, 0644));
	R(access("\xff\xfe", F_OK));
}

static void realpath_resolves_everything(void)
{
	char base[PATH_MAX], real[PATH_MAX];

	MUST(realpath(".", base) != NULL);
	MUST(mkdir("d", 0755) == 0);
	make_file("d/f", "x");
	MUST(symlink("d/../d/f", "l") == 0);
	T(realpath("./l", real) != NULL);
	S(real + strlen(base));
	T(realpath("absent", real) == NULL);
	say("errno %s", errno_name(errno));
}

const struct behaviour behaviours[] = {BEHAVIOUR(path_component_length_limit),
	BEHAVIOUR(path_total_length_limit), BEHAVIOUR(path_empty_is_enoent),
	BEHAVIOUR(path_dotdot_above_root_stays_at_root), BEHAVIOUR(path_through_file_is_enotdir),
	BEHAVIOUR(path_dots_and_double_slashes), BEHAVIOUR(symlink_loop_is_eloop),
	BEHAVIOUR(symlink_chain_works_and_one_of_41_fails),
	BEHAVIOUR(symlink_relative_resolves_from_its_directory),
	BEHAVIOUR(symlink_absolute_resolves_from_root),
	BEHAVIOUR(symlink_to_directory_with_dotdot_is_physical),
	BEHAVIOUR(symlink_trailing_slash_follows), BEHAVIOUR(symlink_target_may_be_anything),
	BEHAVIOUR(readlink_truncates_without_terminator), BEHAVIOUR(chdir_and_getcwd_agree),
	BEHAVIOUR(chdir_through_symlink_reports_real_path),
	BEHAVIOUR(fchdir_moves_to_open_directory), BEHAVIOUR(getcwd_of_removed_directory),
	BEHAVIOUR(getcwd_buffer_too_small), BEHAVIOUR(getcwd_follows_renamed_directory),
	BEHAVIOUR(deep_directory_tree), BEHAVIOUR(names_are_bytes_and_case_sensitive),
	BEHAVIOUR(realpath_resolves_everything), {0}};
