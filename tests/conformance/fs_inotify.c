/* SPDX-License-Identifier: Apache-2.0 */
/* inotify. Cookies differ between runs: only whether two are equal is told. */
#include "behave.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

static int in = -1;

static const struct {
	uint32_t bit;
	const char *name;
} bits[] = {{IN_ACCESS, "ACCESS"}, {IN_MODIFY, "MODIFY"}, {IN_ATTRIB, "ATTRIB"},
	{IN_CLOSE_WRITE, "CLOSE_WRITE"}, {IN_CLOSE_NOWRITE, "CLOSE_NOWRITE"}, {IN_OPEN, "OPEN"},
	{IN_MOVED_FROM, "MOVED_FROM"}, {IN_MOVED_TO, "MOVED_TO"}, {IN_CREATE, "CREATE"},
	{IN_DELETE, "DELETE"}, {IN_DELETE_SELF, "DELETE_SELF"}, {IN_MOVE_SELF, "MOVE_SELF"},
	{IN_UNMOUNT, "UNMOUNT"}, {IN_Q_OVERFLOW, "Q_OVERFLOW"}, {IN_IGNORED, "IGNORED"},
	{IN_ISDIR, "ISDIR"}};

static void say_event(const struct inotify_event *e)
{
	static uint32_t last;
	char text[256] = "";

	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
		if (e->mask & bits[i].bit) {
			strcat(text, " ");
			strcat(text, bits[i].name);
		}
	}
	say("  %d:%s%s%s%s len %u", e->wd, text, e->len ? " " : "", e->len ? e->name : "",
		!e->cookie	    ? ""
		: e->cookie == last ? " same cookie"
				    : " new cookie",
		e->len);
	last = e->cookie;
}

static void say_events(const char *what)
{
	static char buffer[65536] __attribute__((aligned(8)));
	ssize_t n = read(in, buffer, sizeof(buffer));

	say("%s: %s", what, n < 0 ? errno_name(errno) : "");
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buffer + at);

		say_event(e);
		at += (ssize_t)(sizeof(*e) + e->len);
	}
}

static void start(void)
{
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	MUST(in >= 0);
}

static void watched_dir(void)
{
	start();
	MUST(mkdir("d", 0755) == 0);
	R(inotify_add_watch(in, "d", IN_ALL_EVENTS));
}

static void make_refuses(void)
{
	in = R(inotify_init1(0x1234));
	in = R(inotify_init1(IN_NONBLOCK));
	V(fcntl(in, F_GETFL));
	V(fcntl(in, F_GETFD));
	int other = R(inotify_init1(IN_CLOEXEC));
	V(fcntl(other, F_GETFL));
	V(fcntl(other, F_GETFD));
	R(inotify_init());
}

static void watch_refuses(void)
{
	start();
	make_file("f", "x");
	R(inotify_add_watch(in, "f", 0));
	R(inotify_add_watch(in, "f", 0x00010000));
	R(inotify_add_watch(99, "f", IN_OPEN));
	R(inotify_add_watch(99, "f", 0));
	R(inotify_add_watch(0, "f", IN_OPEN));
	R(inotify_add_watch(in, "missing", IN_OPEN));
	R(inotify_add_watch(in, "", IN_OPEN));
	R(inotify_add_watch(in, (void *)8, IN_OPEN));
	R(inotify_add_watch(in, "f", IN_OPEN | IN_ONLYDIR));
	R(inotify_add_watch(in, "f/x", IN_OPEN));
	R(inotify_add_watch(in, "f", IN_MASK_ADD | IN_MASK_CREATE | IN_OPEN));
	R(inotify_rm_watch(in, 1));
	R(inotify_rm_watch(99, 1));
	R(inotify_rm_watch(0, 1));
	R(inotify_add_watch(in, "f", IN_OPEN));
	R(inotify_add_watch(in, "f", IN_OPEN | IN_MASK_CREATE));
	R(inotify_add_watch(in, "f", IN_ISDIR));
}

static void watch_needs_the_right_to_read(void)
{
	start();
	make_file("f", "x");
	chmod("f", 0200);
	MUST(chmod(".", 0755) == 0);
	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(inotify_add_watch(in, "f", IN_OPEN));
}

static void empty_queue(void)
{
	char buffer[16];
	int n = -1;

	watched_dir();
	R(read(in, buffer, sizeof(buffer)));
	R(read(in, buffer, 0));
	R(ioctl(in, FIONREAD, &n));
	V(n);
	R(write(in, "x", 1));
	R(lseek(in, 0, SEEK_SET));
}

static void create_write_read_remove(void)
{
	char buffer[10];

	watched_dir();
	int fd = R(open("d/file", O_CREAT | O_RDWR, 0644));
	say_events("create");
	R(write(fd, "hello", 5));
	R(write(fd, "again", 5));
	say_events("write twice");
	R(pread(fd, buffer, 10, 0));
	R(pread(fd, buffer, 10, 100));
	say_events("read");
	R(close(fd));
	say_events("close");
	fd = open("d/file", O_RDONLY);
	R(read(fd, buffer, 10));
	close(fd);
	say_events("open, read, close");
	R(unlink("d/file"));
	say_events("unlink");
}

static void watch_of_a_file(void)
{
	char buffer[10];

	start();
	make_file("f", "contents");
	R(inotify_add_watch(in, "f", IN_ALL_EVENTS));
	int fd = open("f", O_RDWR);
	R(read(fd, buffer, 3));
	R(write(fd, "x", 1));
	R(fchmod(fd, 0600));
	close(fd);
	say_events("use");
	R(unlink("f"));
	say_events("unlink");
	R(inotify_rm_watch(in, 1));
	make_file("f", "another");
	say_events("another");
}

static void removed_while_open(void)
{
	start();
	make_file("f", "contents");
	int fd = open("f", O_RDWR);
	R(inotify_add_watch(in, "f", IN_ALL_EVENTS));
	R(inotify_add_watch(in, ".", IN_ALL_EVENTS));
	R(unlink("f"));
	say_events("unlink");
	R(write(fd, "x", 1));
	say_events("write");
	close(fd);
	say_events("close");
}

static void excluded_when_unlinked(void)
{
	start();
	make_file("f", "contents");
	int fd = open("f", O_RDWR);
	R(inotify_add_watch(in, ".", IN_ALL_EVENTS | IN_EXCL_UNLINK));
	R(write(fd, "x", 1));
	say_events("write");
	R(unlink("f"));
	say_events("unlink");
	R(write(fd, "x", 1));
	close(fd);
	say_events("write and close");
}

static void directories(void)
{
	watched_dir();
	R(mkdir("d/sub", 0755));
	say_events("mkdir");
	R(inotify_add_watch(in, "d/sub", IN_ALL_EVENTS));
	make_file("d/sub/f", "");
	say_events("file in it");
	R(chmod("d/sub", 0700));
	say_events("chmod");
	R(unlink("d/sub/f"));
	say_events("unlink");
	R(rmdir("d/sub"));
	say_events("rmdir");
	struct stat st;
	R(stat("d/missing", &st));
	R(rmdir("d"));
	say_events("rmdir of the first");
}

static void listing(void)
{
	watched_dir();
	make_file("d/f", "");
	MUST(mkdir("d/sub", 0755) == 0);
	say_events("set up");
	char buffer[1024];
	int fd = open("d", O_RDONLY | O_DIRECTORY);
	R(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)) > 0);
	R(syscall(SYS_getdents64, fd, buffer, sizeof(buffer)));
	close(fd);
	say_events("list");
	fd = open("d/sub", O_RDONLY | O_DIRECTORY);
	close(fd);
	say_events("open sub");
}

static void renames(void)
{
	watched_dir();
	make_file("d/a", "");
	say_events("set up");
	R(inotify_add_watch(in, "d/a", IN_ALL_EVENTS));
	R(rename("d/a", "d/b"));
	say_events("within");
	R(rename("d/b", "c"));
	say_events("out");
	R(rename("c", "d/c"));
	say_events("in");
	R(rename("d/c", "d/c"));
	say_events("to itself");
}

static void rename_replaces(void)
{
	watched_dir();
	make_file("d/a", "a");
	make_file("d/b", "b");
	say_events("set up");
	R(inotify_add_watch(in, "d/b", IN_ALL_EVENTS));
	R(rename("d/a", "d/b"));
	say_events("replace");
}

static void rename_between_watched(void)
{
	watched_dir();
	MUST(mkdir("e", 0755) == 0);
	R(inotify_add_watch(in, "e", IN_ALL_EVENTS));
	MUST(mkdir("d/sub", 0755) == 0);
	R(inotify_add_watch(in, "d/sub", IN_MOVE_SELF | IN_DELETE_SELF | IN_CREATE));
	say_events("set up");
	R(rename("d/sub", "e/sub"));
	say_events("directory moves");
	make_file("e/sub/x", "");
	say_events("its watch goes along");
}

static void rename_exchanges(void)
{
	watched_dir();
	make_file("d/a", "a");
	MUST(mkdir("d/b", 0755) == 0);
	say_events("set up");
	R(syscall(SYS_renameat2, AT_FDCWD, "d/a", AT_FDCWD, "d/b", 2));
	say_events("exchange");
}

static void links(void)
{
	watched_dir();
	make_file("f", "");
	R(inotify_add_watch(in, "f", IN_ALL_EVENTS));
	R(link("f", "d/hard"));
	say_events("link");
	R(symlink("nowhere", "d/soft"));
	say_events("symlink");
	R(unlink("f"));
	say_events("unlink one name");
	int fd = open("d/hard", O_WRONLY);
	close(fd);
	say_events("by the other");
	R(unlink("d/hard"));
	say_events("the last");
}

static void nodes_and_sockets(void)
{
	struct sockaddr_un a = {AF_UNIX, "d/sock"};

	watched_dir();
	R(mkfifo("d/fifo", 0600));
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	R(bind(s, (void *)&a, sizeof(a)));
	say_events("made");
}

static void attributes(void)
{
	struct timespec one[2] = {{1, 0}, {0, UTIME_OMIT}}, other[2] = {{0, UTIME_OMIT}, {1, 0}};

	watched_dir();
	make_file("d/f", "text");
	say_events("set up");
	R(chmod("d/f", 0600));
	say_events("chmod");
	R(chown("d/f", getuid(), getgid()));
	say_events("chown");
	R(utimensat(AT_FDCWD, "d/f", NULL, 0));
	say_events("utimes");
	R(utimensat(AT_FDCWD, "d/f", one, 0));
	say_events("atime");
	R(utimensat(AT_FDCWD, "d/f", other, 0));
	say_events("mtime");
	R(truncate("d/f", 2));
	say_events("truncate");
	R(truncate("d/f", 2));
	say_events("truncate to the same");
	R(chmod("d", 0700));
	say_events("chmod of the directory");
}

static void truncating_open(void)
{
	watched_dir();
	make_file("d/f", "text");
	say_events("set up");
	/* which of the two comes first has changed in Linux 6.5 */
	R(inotify_add_watch(in, "d", IN_MODIFY));
	close(open("d/f", O_WRONLY | O_TRUNC));
	say_events("truncating");
	R(inotify_add_watch(in, "d", IN_ALL_EVENTS & ~IN_MODIFY));
	int fd = open("d/f", O_WRONLY | O_TRUNC);
	say_events("open");
	R(inotify_add_watch(in, "d", IN_ALL_EVENTS));
	R(ftruncate(fd, 100));
	say_events("ftruncate");
	R(posix_fallocate(fd, 0, 200));
	say_events("fallocate");
	close(fd);
	say_events("close");
}

static void opens_that_do_not_count(void)
{
	watched_dir();
	make_file("d/f", "text");
	say_events("set up");
	R(open("d/missing", O_RDONLY));
	R(open("d/f", O_CREAT | O_EXCL | O_RDWR, 0600));
	int fd = open("d/f", O_PATH);
	close(fd);
	R(access("d/f", R_OK));
	struct stat st;
	R(stat("d/f", &st));
	say_events("nothing");
}

static void duplicates_close_once(void)
{
	watched_dir();
	int fd = open("d/f", O_CREAT | O_WRONLY, 0600), two = dup(fd);
	say_events("open");
	close(fd);
	say_events("first");
	close(two);
	say_events("second");
}

static void mapping_keeps_open(void)
{
	watched_dir();
	make_file("d/f", "text");
	say_events("set up");
	int fd = open("d/f", O_RDWR);
	char *p = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[0] = 'T';
	close(fd);
	say_events("mapped");
	munmap(p, 4);
	say_events("unmapped");
}

/* One kind at a time: kernels before 6.8 say MODIFY twice, around ACCESS. */
static void copies(void)
{
	static const struct {
		const char *name;
		uint32_t mask;
	} kinds[] = {{"modify", IN_MODIFY}, {"access", IN_ACCESS}};

	watched_dir();
	make_file("d/from", "0123456789");
	int from = open("d/from", O_RDONLY), to = open("d/to", O_CREAT | O_WRONLY, 0600);
	say_events("set up");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		MUST(inotify_add_watch(in, "d", kinds[i].mask) == 1);
		say("%s", kinds[i].name);
		R(sendfile(to, from, NULL, 2));
		say_events("sendfile");
		R(copy_file_range(from, NULL, to, NULL, 2, 0));
		say_events("copy_file_range");
	}
}

static void mask_filters(void)
{
	start();
	MUST(mkdir("d", 0755) == 0);
	R(inotify_add_watch(in, "d", IN_CREATE));
	make_file("d/f", "x");
	say_events("create only");
	R(inotify_add_watch(in, "d", IN_DELETE));
	make_file("d/g", "x");
	unlink("d/f");
	say_events("delete only");
	R(inotify_add_watch(in, "d", IN_CREATE | IN_MASK_ADD));
	make_file("d/f", "x");
	unlink("d/f");
	say_events("both");
}

static void one_shot(void)
{
	start();
	MUST(mkdir("d", 0755) == 0);
	R(inotify_add_watch(in, "d", IN_CREATE | IN_ONESHOT));
	make_file("d/a", "");
	make_file("d/b", "");
	say_events("once");
	R(inotify_rm_watch(in, 1));
	R(inotify_add_watch(in, "d", IN_CREATE));
}

static void remove_watch(void)
{
	watched_dir();
	make_file("d/a", "");
	R(inotify_rm_watch(in, 1));
	make_file("d/b", "");
	say_events("until removed");
	R(inotify_rm_watch(in, 1));
	R(inotify_add_watch(in, "d", IN_CREATE));
	R(inotify_add_watch(in, ".", IN_CREATE));
}

static void links_are_followed_or_not(void)
{
	start();
	make_file("f", "x");
	MUST(symlink("f", "l") == 0);
	T(inotify_add_watch(in, "f", IN_ATTRIB) == inotify_add_watch(in, "l", IN_ATTRIB));
	R(inotify_add_watch(in, "l", IN_ATTRIB | IN_DONT_FOLLOW));
	R(chmod("l", 0600));
	say_events("chmod through the link");
	R(unlink("l"));
	say_events("unlink of the link");
}

static void coalescing(void)
{
	watched_dir();
	int fd = open("d/a", O_CREAT | O_RDWR, 0600), other = open("d/b", O_CREAT | O_RDWR, 0600);
	say_events("set up");
	for (int i = 0; i < 5; i++)
		MUST(write(fd, "x", 1) == 1);
	MUST(write(other, "x", 1) == 1);
	for (int i = 0; i < 5; i++)
		MUST(write(fd, "x", 1) == 1);
	say_events("writes");
}

static void small_buffers(void)
{
	char buffer[64];
	int n;

	watched_dir();
	int fd = open("d/name", O_CREAT | O_RDWR, 0600);
	R(ioctl(in, FIONREAD, &n));
	V(n);
	R(read(in, buffer, 16));
	R(read(in, buffer, 31));
	R(read(in, buffer, 33));
	R(ioctl(in, FIONREAD, &n));
	V(n);
	R(syscall(SYS_read, in, 8, 64));
	R(read(in, buffer, 64));
	close(fd);
	fd = open("d/a name that is longer than 16", O_CREAT | O_RDWR, 0600);
	say_events("padding");
}

static void polling(void)
{
	watched_dir();
	struct pollfd p = {in, POLLIN | POLLOUT, 0};
	struct epoll_event e = {.events = EPOLLIN};
	int ep = epoll_create1(0);

	V(poll(&p, 1, 0));
	R(epoll_ctl(ep, EPOLL_CTL_ADD, in, &e));
	pid_t pid = fork();
	if (pid == 0) {
		sleep_ms(100);
		make_file("d/f", "");
		_exit(0);
	}
	V(poll(&p, 1, 5000));
	V(p.revents);
	V(epoll_wait(ep, &e, 1, 5000));
	reap("child", pid);
	say_events("event");
	V(poll(&p, 1, 0));
}

static void blocking_read(void)
{
	char buffer[256];

	start();
	MUST(mkdir("d", 0755) == 0);
	R(inotify_add_watch(in, "d", IN_CREATE));
	fcntl(in, F_SETFL, 0);
	pid_t pid = fork();
	if (pid == 0) {
		sleep_ms(100);
		_exit(mkdir("d/sub", 0755));
	}
	R(read(in, buffer, sizeof(buffer)));
	say_event((void *)buffer);
	reap("child", pid);
}

static void overflow(void)
{

	start();
	MUST(mkdir("d", 0755) == 0);
	R(inotify_add_watch(in, "d", IN_ATTRIB));
	make_file("d/a", "");
	make_file("d/b", "");
	for (int i = 0; i < 8300; i++) {
		chmod("d/a", 0600);
		chmod("d/b", 0600);
	}
	int total = 0, last = 0, n;
	static char buffer[65536] __attribute__((aligned(8)));
	while ((n = (int)read(in, buffer, sizeof(buffer))) > 0) {
		for (int at = 0; at < n;) {
			const struct inotify_event *e = (const void *)(buffer + at);

			total++;
			last = e->wd == -1 && e->mask == IN_Q_OVERFLOW;
			at += (int)(sizeof(*e) + e->len);
		}
	}
	V(total);
	V(last);
	chmod("d/a", 0644);
	say_events("goes on");
}

static void two_groups(void)
{
	watched_dir();
	int first = in;

	start();
	R(inotify_add_watch(in, "d", IN_OPEN | IN_CREATE));
	make_file("d/f", "");
	say_events("second");
	in = first;
	say_events("first");
}

static void both_watched(void)
{
	watched_dir();
	make_file("d/f", "x");
	say_events("set up");
	R(inotify_add_watch(in, "d/f", IN_ALL_EVENTS));
	int fd = open("d/f", O_RDONLY);
	close(fd);
	say_events("parent and self");
}

static void execution(void)
{
	start();
	R(inotify_add_watch(in, self_path(), IN_OPEN | IN_ACCESS | IN_CLOSE));
	pid_t pid = fork();
	if (pid == 0) {
		execl(self_path(), self_path(), "--child", "nothing", NULL);
		_exit(1);
	}
	reap("child", pid);
	/* others may execute this file too: only that it was opened is known */
	static char buffer[4096] __attribute__((aligned(8)));
	ssize_t n = read(in, buffer, sizeof(buffer));
	uint32_t seen = 0;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buffer + at);

		seen |= e->mask;
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	T(seen & IN_OPEN);
}

int behave_child(int argc, char **argv)
{
	(void)argc, (void)argv;
	return 0;
}

static void another_process_changes(void)
{
	watched_dir();
	pid_t pid = fork();
	if (pid == 0) {
		make_file("d/from the child", "x");
		_exit(0);
	}
	reap("child", pid);
	say_events("child");
}

static void proc_name(void)
{
	char path[64], target[64] = "";

	start();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", in);
	R(readlink(path, target, sizeof(target) - 1));
	S(target);
	struct stat st;
	R(fstat(in, &st));
	say("%o", st.st_mode);
	show_file("/proc/sys/fs/inotify/max_queued_events");
	show_file("/proc/sys/fs/inotify/max_user_instances");
}

static void instances_are_limited(void)
{
	int n = 0;

	become_nobody_else();
	while (n < 1000 && inotify_init1(0) >= 0)
		n++;
	say("%s", errno_name(errno));
	T(n > 10 && n <= 128);
}

static void temporary_files(void)
{
	watched_dir();
	int fd = R(open("d", O_TMPFILE | O_RDWR, 0600));
	if (fd < 0)
		return;
	R(write(fd, "x", 1));
	close(fd);
	static char buffer[4096] __attribute__((aligned(8)));
	ssize_t n = read(in, buffer, sizeof(buffer));
	int names = 0;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *e = (const void *)(buffer + at);

		names += (e->mask & (IN_CREATE | IN_DELETE)) != 0;
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	V(names);
}

const struct behaviour behaviours[] = {BEHAVIOUR(make_refuses), BEHAVIOUR(watch_refuses),
	BEHAVIOUR(watch_needs_the_right_to_read), BEHAVIOUR(empty_queue),
	BEHAVIOUR(create_write_read_remove), BEHAVIOUR(watch_of_a_file),
	BEHAVIOUR(removed_while_open), BEHAVIOUR(excluded_when_unlinked), BEHAVIOUR(directories),
	BEHAVIOUR(listing), BEHAVIOUR(renames), BEHAVIOUR(rename_replaces),
	BEHAVIOUR(rename_between_watched), BEHAVIOUR(rename_exchanges), BEHAVIOUR(links),
	BEHAVIOUR(nodes_and_sockets), BEHAVIOUR(attributes), BEHAVIOUR(truncating_open),
	BEHAVIOUR(opens_that_do_not_count), BEHAVIOUR(duplicates_close_once),
	BEHAVIOUR(mapping_keeps_open), BEHAVIOUR(copies), BEHAVIOUR(mask_filters),
	BEHAVIOUR(one_shot), BEHAVIOUR(remove_watch), BEHAVIOUR(links_are_followed_or_not),
	BEHAVIOUR(coalescing), BEHAVIOUR(small_buffers), BEHAVIOUR(polling),
	BEHAVIOUR(blocking_read), BEHAVIOUR(overflow), BEHAVIOUR(two_groups),
	BEHAVIOUR(both_watched), BEHAVIOUR(execution), BEHAVIOUR(another_process_changes),
	BEHAVIOUR(proc_name), BEHAVIOUR(instances_are_limited), BEHAVIOUR(temporary_files), {0}};
