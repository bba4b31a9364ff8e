/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <sys/resource.h>

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void environment_is_exactly_what_was_given(void)
{
	char *sorted[64];
	size_t n = 0;
	for (char **e = environ; *e && n < 64; e++)
		sorted[n++] = *e;
	qsort(sorted, n, sizeof(sorted[0]), compare);
	for (size_t i = 0; i < n; i++)
		S(sorted[i]);
}

static void standard_descriptors_are_open_and_no_others(void)
{
	for (int fd = 0; fd < 20; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			say("descriptor %d is open", fd);
}

static void process_starts_with_default_signals(void)
{
	sigset_t set;
	int blocked = 0, handled = 0;
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int s = 1; s < 65; s++) {
		struct sigaction sa;
		blocked += sigismember(&set, s) == 1;
		if (s == 32 || s == 33)
			continue;
		if (sigaction(s, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
			handled++;
	}
	V(blocked);
	V(handled);
	sigpending(&set);
	V(sigismember(&set, SIGCHLD));
}

static void working_directory_is_usable(void)
{
	struct stat st;
	R(stat(".", &st));
	say("mode %o", st.st_mode);
	T(st.st_uid == geteuid());
	make_file("f", "written");
	show_file("f");
	char *cwd = getcwd(NULL, 0);
	T(cwd && cwd[0] == '/');
	free(cwd);
}

static void descriptor_limit_is_the_one_given(void)
{
	struct rlimit l;
	R(getrlimit(RLIMIT_NOFILE, &l));
	V(l.rlim_cur);
	T(l.rlim_max >= l.rlim_cur);
}

static void standard_directories_exist(void)
{
	static const char *const paths[] = {"/", "/bin/sh", "/usr/bin/env", "/dev/null",
		"/proc/self", "/tmp", "/lib64/ld-linux-x86-64.so.2"};
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		say("%s: %s", paths[i], access(paths[i], F_OK) == 0 ? "exists" : errno_name(errno));
	struct stat st;
	R(stat("/tmp", &st));
	T(S_ISDIR(st.st_mode) && access("/tmp", W_OK) == 0);
}

static void output_to_both_streams_keeps_order_in_each(void)
{
	for (int i = 0; i < 5; i++) {
		say("out %d", i);
		dprintf(2, "err %d\n", i);
	}
}

static void large_output_arrives_whole(void)
{
	char line[101];
	memset(line, 'o', 100);
	line[100] = 0;
	for (int i = 0; i < 5000; i++)
		say("%d %s", i, line);
}

static void binary_output_arrives_unchanged(void)
{
	char all[256];
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	T(write(1, all, sizeof(all)) == sizeof(all));
}

static void setenv_and_getenv(void)
{
	S(getenv("LANG"));
	S(getenv("NOT_SET_ANYWHERE"));
	R(setenv("NEW", "value", 0));
	R(setenv("NEW", "other", 0));
	S(getenv("NEW"));
	R(unsetenv("NEW"));
	S(getenv("NEW"));
	R(setenv("A=B", "x", 1));
}

const struct behaviour behaviours[] = {BEHAVIOUR(environment_is_exactly_what_was_given),
	BEHAVIOUR(standard_descriptors_are_open_and_no_others),
	BEHAVIOUR(process_starts_with_default_signals), BEHAVIOUR(working_directory_is_usable),
	BEHAVIOUR(descriptor_limit_is_the_one_given), BEHAVIOUR(standard_directories_exist),
	BEHAVIOUR(output_to_both_streams_keeps_order_in_each),
	BEHAVIOUR(large_output_arrives_whole), BEHAVIOUR(binary_output_arrives_unchanged),
	BEHAVIOUR(setenv_and_getenv), {0}};
