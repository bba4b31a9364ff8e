/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <dirent.h>
#include <sys/syscall.h>

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Order is the file system's affair, so entries are printed sorted. */
static void show_directory(const char *path)
{
	char *names[64];
	size_t count = 0;
	DIR *d = opendir(path);

	if (!d) {
		say("%s: %s", path, errno_name(errno));
		return;
	}
	for (struct dirent *e; (e = readdir(d)) && count < 64;) {
		names[count] = malloc(strlen(e->d_name) + 16);
		sprintf(names[count++], "%s type %d", e->d_name, e->d_type);
	}
	closedir(d);
	qsort(names, count, sizeof(names[0]), compare_names);
	say("%s: %zu entries", path, count);
	for (size_t i = 0; i < count; i++) {
		say("  %s", names[i]);
		free(names[i]);
	}
}

static void mkdir_on_existing_name(void)
{
	make_file("f", "x");
	MUST(symlink("nowhere", "dangling") == 0);
	R(mkdir("d", 0755));
	R(mkdir("d", 0755));
	R(mkdir("f", 0755));
	R(mkdir("dangling", 0755));
	R(mkdir(".", 0755));
	R(mkdir("..", 0755));
	R(mkdir("/", 0755));
}

static void mkdir_mode_is_masked_by_umask(void)
{
	umask(077);
	R(mkdir("a", 0777));
	umask(0);
	R(mkdir("b", 0777));
	R(mkdir("c", 0));
	R(mkdir("s", 01777));
	show_type("a");
	show_type("b");
	show_type("c");
	show_type("s");
	MUST(chmod("c", 0755) == 0);
}

static void mkdir_path_forms(void)
{
	R(mkdir("absent/d", 0755));
	R(mkdir("d/", 0755));
	R(mkdir("d//e///", 0755));
	R(mkdir("d/../f", 0755));
	R(mkdir("d/.", 0755));
	show_directory(".");
	show_directory("d");
}

static void rmdir_refusals(void)
{
	MUST(mkdir("d", 0755) == 0 && mkdir("d/e", 0755) == 0);
	make_file("f", "x");
	MUST(symlink("d/e", "l") == 0);
	R(rmdir("d"));
	R(rmdir("f"));
	R(rmdir("l"));
	R(rmdir("absent"));
	R(rmdir("d/."));
	R(rmdir("d/e/.."));
	R(rmdir("d/e/"));
	R(rmdir("d"));
	show_directory(".");
}

static void rmdir_of_open_directory(void)
{
	MUST(mkdir("d", 0755) == 0);
	int fd = open_file("d", O_RDONLY | O_DIRECTORY);
	struct stat st;
	char buffer[256];

	R(rmdir("d"));
	R(fstat(fd, &st));
	V(st.st_nlink);
	R(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
	R(mkdir("d", 0755));
}

static void readdir_lists_every_type(void)
{
	make_file("file", "x");
	MUST(mkdir("dir", 0755) == 0 && symlink("x", "link") == 0 && mkfifo("fifo", 0644) == 0);
	show_directory(".");
}

static void readdir_of_empty_directory_has_dots(void)
{
	MUST(mkdir("d", 0755) == 0);
	show_directory("d");
	show_directory("absent");
	make_file("f", "");
	show_directory("f");
}

static void getdents_lists_a_thousand_files(void)
{
	enum { COUNT = 1000 };
	static unsigned char seen[COUNT];
	char name[32];
	int rounds = 0, others = 0, twice = 0, found = 0;

	MUST(mkdir("d", 0755) == 0 && chdir("d") == 0);
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "file-with-number-%d", i);
		int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0644);
		MUST(fd >= 0);
		close(fd);
	}
	int fd = open_file(".", O_RDONLY | O_DIRECTORY);
	_Alignas(8) char buffer[4096];
	for (long n; (n = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0; rounds++) {
		for (long at = 0; at < n;) {
			struct dirent64 *e = (struct dirent64 *)(buffer + at);
			int number;
			at += e->d_reclen;
			if (sscanf(e->d_name, "file-with-number-%d", &number) != 1)
				others++;
			else if (seen[number]++)
				twice++;
			else
				found++;
		}
	}
	V(found);
	V(twice);
	V(others);
	T(rounds > 5);
	R(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "file-with-number-%d", i);
		MUST(unlink(name) == 0);
	}
	show_directory(".");
}

static void getdents_refusals(void)
{
	char buffer[256];
	make_file("f", "x");
	MUST(mkdir("d", 0755) == 0);
	int f = open_file("f", O_RDONLY);
	int d = open_file("d", O_RDONLY | O_DIRECTORY);

	R(syscall(SYS_getdents64, f, buffer, sizeof(buffer)));
	R(syscall(SYS_getdents64, 88, buffer, sizeof(buffer)));
	R(syscall(SYS_getdents64, d, buffer, 8));
	R(syscall(SYS_getdents64, d, (void *)8, sizeof(buffer)));
	R(read(d, buffer, sizeof(buffer)));
}

static void rewinddir_sees_new_entries(void)
{
	int first = 0, second = 0;
	MUST(mkdir("d", 0755) == 0);
	make_file("d/a", "");
	DIR *d = opendir("d");

	while (readdir(d))
		first++;
	make_file("d/b", "");
	make_file("d/c", "");
	rewinddir(d);
	while (readdir(d))
		second++;
	closedir(d);
	V(first);
	V(second);
}

static void seekdir_returns_to_told_position(void)
{
	char name[16];
	MUST(mkdir("d", 0755) == 0);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		make_file(name, "");
	}
	DIR *d = opendir("d");
	for (int i = 0; i < 10; i++)
		readdir(d);
	long at = telldir(d);
	char eleventh[256];
	strcpy(eleventh, readdir(d)->d_name);
	int rest = 0;
	while (readdir(d))
		rest++;
	V(rest);
	seekdir(d, at);
	struct dirent *e = readdir(d);
	T(e && strcmp(e->d_name, eleventh) == 0);
	rest = 0;
	while (readdir(d))
		rest++;
	V(rest);
	closedir(d);
}

static void unlink_while_reading_directory(void)
{
	char name[16];
	int removed = 0, left = 0;
	MUST(mkdir("d", 0755) == 0 && chdir("d") == 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		make_file(name, "");
	}
	DIR *d = opendir(".");
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] == 'n' && unlink(e->d_name) == 0)
			removed++;
	rewinddir(d);
	for (struct dirent *e; (e = readdir(d));)
		left++;
	closedir(d);
	V(removed);
	V(left);
}

static void dotdot_entry_names_the_parent(void)
{
	struct stat parent, dots, self, dot;
	MUST(mkdir("d", 0755) == 0);

	R(stat(".", &parent));
	R(stat("d/..", &dots));
	T(parent.st_ino == dots.st_ino && parent.st_dev == dots.st_dev);
	R(stat("d", &self));
	R(stat("d/.", &dot));
	T(self.st_ino == dot.st_ino);
	T(self.st_ino != parent.st_ino);
}

static void dirent_inode_matches_stat(void)
{
	struct stat st;
	int wrong = 0, count = 0;
	make_file("a", "");
	make_file("b", "");
	MUST(mkdir("c", 0755) == 0);
	DIR *d = opendir(".");
	for (struct dirent *e; (e = readdir(d)); count++)
		if (strcmp(e->d_name, "..") != 0 && lstat(e->d_name, &st) == 0 &&
			st.st_ino != e->d_ino)
			wrong++;
	closedir(d);
	V(count);
	V(wrong);
}

static void directory_link_count_counts_subdirectories(void)
{
	struct stat before, after, gone;
	MUST(mkdir("d", 0755) == 0);
	R(stat("d", &before));
	MUST(mkdir("d/a", 0755) == 0 && mkdir("d/b", 0755) == 0);
	R(stat("d", &after));
	MUST(rmdir("d/a") == 0);
	R(stat("d", &gone));
	V(before.st_nlink);
	V(after.st_nlink);
	V(gone.st_nlink);
}

static void fdopendir_and_openat_walk(void)
{
	MUST(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
	make_file("a/b/leaf", "walked");
	int a = R(open("a", O_RDONLY | O_DIRECTORY));
	int b = R(openat(a, "b", O_RDONLY | O_DIRECTORY));
	DIR *d = fdopendir(b);
	int names = 0;
	for (struct dirent *e; (e = readdir(d));)
		names += strcmp(e->d_name, "leaf") == 0;
	V(names);
	closedir(d);
	R(close(b));
	R(unlinkat(a, "b/leaf", 0));
	R(unlinkat(a, "b", 0));
	R(unlinkat(a, "b", AT_REMOVEDIR));
	show_directory("a");
}

const struct behaviour behaviours[] = {BEHAVIOUR(mkdir_on_existing_name),
	BEHAVIOUR(mkdir_mode_is_masked_by_umask), BEHAVIOUR(mkdir_path_forms),
	BEHAVIOUR(rmdir_refusals), BEHAVIOUR(rmdir_of_open_directory),
	BEHAVIOUR(readdir_lists_every_type), BEHAVIOUR(readdir_of_empty_directory_has_dots),
	BEHAVIOUR(getdents_lists_a_thousand_files), BEHAVIOUR(getdents_refusals),
	BEHAVIOUR(rewinddir_sees_new_entries), BEHAVIOUR(seekdir_returns_to_told_position),
	BEHAVIOUR(unlink_while_reading_directory), BEHAVIOUR(dotdot_entry_names_the_parent),
	BEHAVIOUR(dirent_inode_matches_stat), BEHAVIOUR(directory_link_count_counts_subdirectories),
	BEHAVIOUR(fdopendir_and_openat_walk), {0}};
