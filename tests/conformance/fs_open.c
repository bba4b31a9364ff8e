/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

static void open_missing_file_is_enoent(void)
{
	R(open("absent", O_RDONLY));
	R(open("absent/below", O_RDONLY));
	R(open("absent", O_WRONLY | O_TRUNC));
}

static void open_creat_makes_empty_file(void)
{
	R(open("new", O_WRONLY | O_CREAT, 0640));
	show_type("new");
	show_file("new");
	R(open("new", O_RDONLY | O_CREAT, 0600));
	show_type("new");
}

static void open_creat_mode_is_masked_by_umask(void)
{
	umask(027);
	R(open("a", O_WRONLY | O_CREAT, 0777));
	umask(0);
	R(open("b", O_WRONLY | O_CREAT, 0666));
	R(open("c", O_WRONLY | O_CREAT, 0));
	show_type("a");
	show_type("b");
	show_type("c");
}

static void open_creat_readonly_mode_still_writes_through_first_fd(void)
{
	int fd = R(open("a", O_RDWR | O_CREAT, 0444));

	R(write(fd, "hello", 5));
	show_type("a");
	show_file("a");
}

static void open_excl_fails_on_existing_file(void)
{
	make_file("a", "keep");
	R(open("a", O_WRONLY | O_CREAT | O_EXCL, 0644));
	R(open("a", O_WRONLY | O_CREAT | O_EXCL | O_TRUNC, 0644));
	show_file("a");
	R(open("b", O_WRONLY | O_CREAT | O_EXCL, 0644));
	show_type("b");
}

static void open_excl_fails_on_dangling_symlink(void)
{
	MUST(symlink("nowhere", "link") == 0);
	R(open("link", O_WRONLY | O_CREAT | O_EXCL, 0644));
	show_type("nowhere");
}

static void open_creat_follows_dangling_symlink(void)
{
	MUST(symlink("target", "link") == 0);
	int fd = R(open("link", O_WRONLY | O_CREAT, 0644));
	R(write(fd, "x", 1));
	show_type("link");
	show_type("target");
	show_file("target");
}

static void open_creat_excl_on_directory(void)
{
	MUST(mkdir("d", 0755) == 0);
	R(open("d", O_WRONLY | O_CREAT | O_EXCL, 0644));
	R(open("d", O_RDONLY | O_CREAT, 0644));
	R(open("d", O_WRONLY));
	R(open("d", O_RDWR));
	R(open("d", O_RDONLY));
}

static void open_creat_with_trailing_slash(void)
{
	make_file("f", "x");
	R(open("new/", O_WRONLY | O_CREAT, 0644));
	R(open("f/", O_RDONLY));
	R(open("f/", O_WRONLY | O_CREAT, 0644));
	show_type("new");
}

static void open_trunc_empties_file(void)
{
	make_file("a", "0123456789");
	int fd = R(open("a", O_WRONLY | O_TRUNC));
	show_file("a");
	R(write(fd, "xy", 2));
	show_file("a");
	R(open("a", O_RDWR | O_TRUNC));
	show_file("a");
}

static void open_append_ignores_seek(void)
{
	make_file("a", "start-");
	int fd = open_file("a", O_RDWR | O_APPEND);
	R(lseek(fd, 0, SEEK_CUR));
	R(write(fd, "one", 3));
	R(lseek(fd, 0, SEEK_CUR));
	R(lseek(fd, 2, SEEK_SET));
	R(write(fd, "two", 3));
	R(lseek(fd, 0, SEEK_CUR));
	show_file("a");
}

static void open_directory_flag_refuses_file(void)
{
	make_file("f", "x");
	MUST(mkdir("d", 0755) == 0);
	MUST(symlink("d", "ld") == 0);
	MUST(symlink("f", "lf") == 0);
	R(open("f", O_RDONLY | O_DIRECTORY));
	R(open("lf", O_RDONLY | O_DIRECTORY));
	R(open("d", O_RDONLY | O_DIRECTORY));
	R(open("ld", O_RDONLY | O_DIRECTORY));
	R(open("absent", O_RDONLY | O_DIRECTORY));
}

static void open_nofollow_refuses_final_symlink(void)
{
	make_file("f", "x");
	MUST(symlink("f", "lf") == 0);
	MUST(symlink("nowhere", "dangling") == 0);
	R(open("lf", O_RDONLY | O_NOFOLLOW));
	R(open("dangling", O_RDONLY | O_NOFOLLOW));
	R(open("dangling", O_RDONLY | O_NOFOLLOW | O_CREAT, 0644));
	R(open("f", O_RDONLY | O_NOFOLLOW));
}

static void open_nofollow_allows_symlink_in_the_middle(void)
{
	MUST(mkdir("d", 0755) == 0);
	make_file("d/f", "x");
	MUST(symlink("d", "ld") == 0);
	R(open("ld/f", O_RDONLY | O_NOFOLLOW));
	R(open("ld", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
	R(open("ld/", O_RDONLY | O_NOFOLLOW));
}

static void open_wrong_direction_is_ebadf(void)
{
	char buffer[8];
	make_file("a", "hello");
	int r = open_file("a", O_RDONLY);
	int w = open_file("a", O_WRONLY);

	R(write(r, "x", 1));
	R(read(w, buffer, sizeof(buffer)));
	R(pread(w, buffer, sizeof(buffer), 0));
	R(pwrite(r, "x", 1, 0));
	R(ftruncate(r, 0));
	show_file("a");
}

static void open_path_descriptor_only_names_the_file(void)
{
	char buffer[8];
	struct stat st;
	make_file("a", "hello");
	int fd = R(open("a", O_PATH));

	R(read(fd, buffer, sizeof(buffer)));
	R(write(fd, "x", 1));
	R(lseek(fd, 0, SEEK_SET));
	R(fchmod(fd, 0600));
	R(ftruncate(fd, 0));
	R(fstat(fd, &st));
	V(st.st_size);
	T((fcntl(fd, F_GETFL) & O_PATH) != 0);
	R(fcntl(fd, F_GETFD));
	R(close(fd));
}

static void open_path_of_symlink_itself(void)
{
	char text[32] = "";
	struct stat st;
	MUST(symlink("nowhere", "link") == 0);
	int fd = R(open("link", O_PATH | O_NOFOLLOW));

	R(fstat(fd, &st));
	T(S_ISLNK(st.st_mode));
	R(readlinkat(fd, "", text, sizeof(text)));
	S(text);
	R(open("link", O_PATH));
}

static void open_path_directory_serves_openat(void)
{
	MUST(mkdir("d", 0755) == 0);
	make_file("d/f", "inside");
	int d = R(open("d", O_PATH | O_DIRECTORY));
	int fd = R(openat(d, "f", O_RDONLY));
	char buffer[8] = "";

	R(read(fd, buffer, 7));
	S(buffer);
	R(fchdir(d));
	show_file("f");
}

static void open_path_reopens_through_proc(void)
{
	char name[64], buffer[8] = "";
	make_file("a", "hello");
	int fd = open_file("a", O_PATH);

	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int again = R(open(name, O_RDWR));
	R(read(again, buffer, 5));
	S(buffer);
	R(write(again, "!", 1));
	show_file("a");
}

static void openat_is_relative_to_directory_fd(void)
{
	MUST(mkdir("d", 0755) == 0);
	make_file("d/f", "in d");
	make_file("f", "in cwd");
	int d = open_file("d", O_RDONLY | O_DIRECTORY);
	char buffer[16] = "";

	int fd = R(openat(d, "f", O_RDONLY));
	R(read(fd, buffer, 15));
	S(buffer);
	fd = R(openat(AT_FDCWD, "f", O_RDONLY));
	memset(buffer, 0, sizeof(buffer));
	R(read(fd, buffer, 15));
	S(buffer);
	fd = R(openat(d, "../f", O_RDONLY));
	memset(buffer, 0, sizeof(buffer));
	R(read(fd, buffer, 15));
	S(buffer);
	R(openat(d, "new", O_WRONLY | O_CREAT, 0600));
	show_type("d/new");
}

static void openat_bad_directory_fd(void)
{
	make_file("f", "x");
	int fd = open_file("f", O_RDONLY);

	R(openat(99, "f", O_RDONLY));
	R(openat(-5, "f", O_RDONLY));
	R(openat(fd, "f", O_RDONLY));
	R(openat(fd, "", O_RDONLY));
	R(openat(99, "/dev/null", O_RDONLY));
	R(openat(fd, "/dev/null", O_RDONLY));
}

static void openat_follows_directory_after_rename(void)
{
	MUST(mkdir("d", 0755) == 0);
	make_file("d/f", "moved");
	int d = open_file("d", O_RDONLY | O_DIRECTORY);

	R(rename("d", "e"));
	R(openat(d, "f", O_RDONLY));
	R(openat(d, "g", O_WRONLY | O_CREAT, 0644));
	show_type("e/g");
}

static void openat_in_removed_directory(void)
{
	MUST(mkdir("d", 0755) == 0);
	int d = open_file("d", O_RDONLY | O_DIRECTORY);

	R(rmdir("d"));
	R(openat(d, "f", O_WRONLY | O_CREAT, 0644));
	R(openat(d, ".", O_RDONLY));
	R(mkdirat(d, "x", 0755));
}

static void open_returns_lowest_free_fd(void)
{
	make_file("a", "x");
	int a = R(open("a", O_RDONLY));
	int b = R(open("a", O_RDONLY));
	R(open("a", O_RDONLY));
	R(close(a));
	R(close(b));
	R(open("a", O_RDONLY));
	R(close(0));
	R(open("a", O_RDONLY));
	R(open("a", O_RDONLY));
}

static void open_flags_are_reported_by_getfl(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDWR | O_APPEND | O_NONBLOCK | O_CREAT | O_TRUNC | O_CLOEXEC);
	int flags = fcntl(fd, F_GETFL);

	V(flags & O_ACCMODE);
	T(flags & O_APPEND);
	T(flags & O_NONBLOCK);
	T(flags & O_CREAT);
	T(flags & O_TRUNC);
	T(flags & O_CLOEXEC);
	V(fcntl(fd, F_GETFD));
	fd = open_file("a", O_WRONLY);
	V(fcntl(fd, F_GETFL) & O_ACCMODE);
	V(fcntl(fd, F_GETFD));
}

static void open_tmpfile_has_no_name_until_linked(void)
{
	char name[64];
	struct stat st;
	int fd = OK(open(".", O_TMPFILE | O_RDWR, 0600));

	if (fd < 0)
		return;
	R(fstat(fd, &st));
	V(st.st_nlink);
	R(write(fd, "anonymous", 9));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	R(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	show_type("named");
	show_file("named");
}

static void creat_is_write_create_truncate(void)
{
	make_file("a", "old");
	int fd = R(creat("a", 0600));
	show_file("a");
	show_type("a");
	V(fcntl(fd, F_GETFL) & O_ACCMODE);
	R(creat("b", 0600));
	show_type("b");
}

static void open_two_descriptors_see_each_others_writes(void)
{
	char buffer[8] = "";
	make_file("a", "");
	int w = open_file("a", O_WRONLY);
	int r = open_file("a", O_RDONLY);

	R(read(r, buffer, 7));
	R(write(w, "one", 3));
	R(read(r, buffer, 7));
	S(buffer);
	R(write(w, "two", 3));
	R(read(r, buffer, 7));
	S(buffer);
	R(read(r, buffer, 7));
}

static void open_file_with_no_permission_bits(void)
{
	make_file("a", "secret");
	MUST(chmod("a", 0) == 0);
	int fd = open("a", O_RDONLY);
	T((fd < 0 && errno == EACCES) || geteuid() == 0);
	fd = open("a", O_WRONLY);
	T((fd < 0 && errno == EACCES) || geteuid() == 0);
	MUST(mkdir("d", 0755) == 0);
	make_file("d/f", "x");
	MUST(chmod("d", 0) == 0);
	fd = open("d/f", O_RDONLY);
	T((fd < 0 && errno == EACCES) || geteuid() == 0);
	MUST(chmod("d", 0755) == 0);
	MUST(chmod("a", 0644) == 0);
}

static void open_fifo_nonblocking_writer_without_reader(void)
{
	MUST(mkfifo("p", 0644) == 0);
	show_type("p");
	R(open("p", O_WRONLY | O_NONBLOCK));
	int r = R(open("p", O_RDONLY | O_NONBLOCK));
	int w = R(open("p", O_WRONLY | O_NONBLOCK));
	char buffer[8] = "";
	R(read(r, buffer, 7));
	R(write(w, "fifo", 4));
	R(read(r, buffer, 7));
	S(buffer);
	R(close(w));
	R(read(r, buffer, 7));
}

static void open_fifo_blocks_until_other_end(void)
{
	MUST(mkfifo("p", 0644) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		int w = open("p", O_WRONLY);
		_exit(write(w, "through", 7) == 7 ? 0 : 1);
	}
	int r = R(open("p", O_RDONLY));
	char buffer[16] = "";
	R(read(r, buffer, 15));
	S(buffer);
	reap("writer", pid);
	R(read(r, buffer, 15));
}

const struct behaviour behaviours[] = {BEHAVIOUR(open_missing_file_is_enoent),
	BEHAVIOUR(open_creat_makes_empty_file), BEHAVIOUR(open_creat_mode_is_masked_by_umask),
	BEHAVIOUR(open_creat_readonly_mode_still_writes_through_first_fd),
	BEHAVIOUR(open_excl_fails_on_existing_file), BEHAVIOUR(open_excl_fails_on_dangling_symlink),
	BEHAVIOUR(open_creat_follows_dangling_symlink), BEHAVIOUR(open_creat_excl_on_directory),
	BEHAVIOUR(open_creat_with_trailing_slash), BEHAVIOUR(open_trunc_empties_file),
	BEHAVIOUR(open_append_ignores_seek), BEHAVIOUR(open_directory_flag_refuses_file),
	BEHAVIOUR(open_nofollow_refuses_final_symlink),
	BEHAVIOUR(open_nofollow_allows_symlink_in_the_middle),
	BEHAVIOUR(open_wrong_direction_is_ebadf),
	BEHAVIOUR(open_path_descriptor_only_names_the_file), BEHAVIOUR(open_path_of_symlink_itself),
	BEHAVIOUR(open_path_directory_serves_openat), BEHAVIOUR(open_path_reopens_through_proc),
	BEHAVIOUR(openat_is_relative_to_directory_fd), BEHAVIOUR(openat_bad_directory_fd),
	BEHAVIOUR(openat_follows_directory_after_rename), BEHAVIOUR(openat_in_removed_directory),
	BEHAVIOUR(open_returns_lowest_free_fd), BEHAVIOUR(open_flags_are_reported_by_getfl),
	BEHAVIOUR(open_tmpfile_has_no_name_until_linked), BEHAVIOUR(creat_is_write_create_truncate),
	BEHAVIOUR(open_two_descriptors_see_each_others_writes),
	BEHAVIOUR(open_file_with_no_permission_bits),
	BEHAVIOUR(open_fifo_nonblocking_writer_without_reader),
	BEHAVIOUR(open_fifo_blocks_until_other_end), {0}};
