/* SPDX-License-Identifier: Apache-2.0 */
/* mount(2) and umount2(2). Natively in a mount namespace of its own (test_behaviour.py). */
#include "behave.h"

#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

static char here[4096];

static void start(void)
{
	MUST(getcwd(here, sizeof(here)) != NULL);
	MUST(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0);
}

/* Root, place below here, what is allowed, and the type: of the mounts below here. */
static void show_mounts(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	char line[4096], root[1024], at[1024], options[512], type[64];
	int n = 0;

	MUST(f != NULL);
	while (fgets(line, sizeof(line), f)) {
		MUST(sscanf(line, "%*d %*d %*s %1023s %1023s %511s", root, at, options) == 3);
		if (strncmp(at, here, strlen(here)) || at[strlen(here)] != '/')
			continue;
		MUST(sscanf(strstr(line, " - "), " - %63s", type) == 1);
		if (!strncmp(root, "/", 1) && strstr(type, "tmpfs") && strlen(type) == 5)
			say("%s on %s: %s, %s", root, at + strlen(here), options, type);
		else
			say("on %s: %s", at + strlen(here), options);
		n++;
	}
	fclose(f);
	say("%d mounts", n);
}

static void mount_tmpfs(void)
{
	struct stat st;
	struct statfs fs;

	start();
	R(mount("mine", "a", "tmpfs", 0, "size=64k,mode=750,uid=7,gid=8"));
	MUST(stat("a", &st) == 0);
	V(st.st_mode);
	V(st.st_uid);
	V(st.st_gid);
	MUST(statfs("a", &fs) == 0);
	V(fs.f_type == 0x01021994);
	V(fs.f_blocks);
	V(fs.f_flags);
	make_file("a/file", "text");
	show_mounts();
	R(rmdir("a"));
	R(rename("a", "c"));
	R(umount("a"));
	R(access("a/file", F_OK));
	R(rmdir("a"));
	show_mounts();
}

static void mount_errors(void)
{
	start();
	make_file("f", "x");
	R(mount("x", "missing", "tmpfs", 0, NULL));
	R(mount("x", "f/x", "tmpfs", 0, NULL));
	R(mount("x", "a", "nosuchfs", 0, NULL));
	R(mount("x", "a", NULL, 0, NULL));
	R(mount("x", "a", "tmpfs", 0, "nosuch=1"));
	R(mount("x", "a", "tmpfs", 0, "size=x"));
	R(mount("x", "a", "tmpfs", 0, "mode=9"));
	R(mount(NULL, "a", NULL, MS_BIND, NULL));
	R(mount("", "a", NULL, MS_BIND, NULL));
	R(mount("missing", "a", NULL, MS_BIND, NULL));
	R(mount("f", "a", NULL, MS_BIND, NULL));
	R(mount("a", "f", NULL, MS_BIND, NULL));
	R(mount(NULL, "a", NULL, MS_REMOUNT, NULL));
	R(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND, NULL));
	R(mount(NULL, "a", NULL, MS_PRIVATE, NULL));
	R(mount(NULL, "a", NULL, MS_PRIVATE | MS_SHARED, NULL));
	R(mount("a", "b", NULL, MS_MOVE, NULL));
	R(mount("x", (char *)8, "tmpfs", 0, NULL));
	R(mount((char *)8, "a", "tmpfs", 0, NULL));
	R(mount("x", "a", (char *)8, 0, NULL));
	R(umount("a"));
	R(umount("f"));
	R(umount("missing"));
	R(umount2("a", 0x40));
	R(umount2((char *)8, 0));
	R(umount2("", 0));
	show_mounts();
}

static void user(void)
{
	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(mount("x", "missing", "tmpfs", 0, NULL));
	R(mount("x", "a", "nosuchfs", 0, NULL));
	R(umount("b"));
	R(umount("a"));
	R(umount2("b", MNT_EXPIRE | MNT_FORCE));
}

static void mount_without_right(void)
{
	start();
	MUST(mount("x", "b", "tmpfs", 0, NULL) == 0);
	in_child("user", user);
	R(umount("b"));
}

static void bind_sees_the_same(void)
{
	start();
	make_file("a/file", "text");
	MUST(mkdir("a/sub", 0755) == 0);
	MUST(mount("x", "a/sub", "tmpfs", 0, NULL) == 0);
	make_file("a/sub/inner", "inner");
	R(mount("a", "b", NULL, MS_BIND, NULL));
	show_file("b/file");
	R(access("b/sub/inner", F_OK));
	make_file("b/new", "new");
	show_file("a/new");
	R(link("a/new", "b/linked"));
	R(rename("a/new", "b/moved"));
	R(umount("b"));
	R(mount("a", "b", NULL, MS_BIND | MS_REC, NULL));
	show_file("b/sub/inner");
	R(umount("b"));
	R(umount2("b", MNT_DETACH));
	R(access("b/file", F_OK));
	show_file("a/sub/inner");
	R(umount("a/sub"));
	show_mounts();
}

static void bind_of_file(void)
{
	start();
	make_file("f", "one");
	make_file("g", "two");
	R(mount("f", "g", NULL, MS_BIND, NULL));
	show_file("g");
	R(unlink("g"));
	R(umount("g"));
	show_file("g");
}

static void bind_in_itself(void)
{
	start();
	MUST(mount("x", "a", "tmpfs", 0, NULL) == 0);
	MUST(mkdir("a/d", 0755) == 0);
	R(mount("a", "a/d", NULL, MS_BIND, NULL));
	R(access("a/d/d", F_OK));
	R(mount("a", "a/d/d", NULL, MS_BIND | MS_REC, NULL));
	show_mounts();
	R(umount("a"));
	R(umount2("a", MNT_DETACH));
	show_mounts();
}

static void readonly_and_back(void)
{
	int fd;

	start();
	MUST(mount("x", "a", "tmpfs", 0, NULL) == 0);
	make_file("a/file", "text");
	MUST(mount("a", "b", NULL, MS_BIND, NULL) == 0);
	R(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL));
	R(open("b/file", O_WRONLY));
	R(open("b/new", O_WRONLY | O_CREAT, 0600));
	R(unlink("b/file"));
	R(mkdir("b/d", 0700));
	R(chmod("b/file", 0600));
	R(access("b/file", W_OK));
	R(access("b/file", R_OK));
	R(symlink("x", "b/s"));
	R(rename("b/file", "b/file2"));
	fd = open_file("a/file", O_RDWR);
	show_mounts();
	R(mount(NULL, "a", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	R(close(fd));
	R(mount(NULL, "a", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	R(open("a/file", O_WRONLY));
	R(mount(NULL, "b", NULL, MS_REMOUNT | MS_BIND, NULL));
	R(open("b/file", O_WRONLY));
	show_mounts();
	R(mount(NULL, "a", NULL, MS_REMOUNT, NULL));
	R(close(open_file("a/file", O_WRONLY)));
	R(close(open_file("b/file", O_WRONLY)));
	R(umount("b"));
	R(umount("a"));
}

static void flags_shown(void)
{
	static const unsigned long flags[] = {MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME,
		MS_NODIRATIME, MS_STRICTATIME, MS_RELATIME, MS_RDONLY,
		MS_NOSUID | MS_NODEV | MS_NOEXEC, MS_NODIRATIME | MS_NOATIME, MS_SILENT,
		MS_MGC_VAL | MS_NODEV};
	struct statfs fs;

	start();
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		R(mount("x", "a", "tmpfs", flags[i], NULL));
		MUST(statfs("a", &fs) == 0);
		V(fs.f_flags);
		show_mounts();
		R(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | MS_NODEV, NULL));
		show_mounts();
		R(umount("a"));
	}
}

static void flags_obeyed(void)
{
	int fd;

	start();
	MUST(mount("x", "a", "tmpfs", MS_NOEXEC | MS_NODEV, NULL) == 0);
	make_file("a/script", "#!/bin/sh\n");
	MUST(chmod("a/script", 0755) == 0);
	R(access("a/script", X_OK));
	R(execl("a/script", "script", NULL));
	fd = open_file("a/script", O_RDONLY);
	P(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
	P(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
	R(close(fd));
	MUST(mknod("a/null", S_IFCHR | 0666, 1 << 8 | 3) == 0);
	R(open("a/null", O_RDONLY));
	MUST(symlink("script", "a/link") == 0);
	R(mount(NULL, "a", NULL, MS_REMOUNT | MS_BIND | 256, NULL));
	R(open("a/link", O_RDONLY));
	R(access("a/script", X_OK));
}

static void busy(void)
{
	char path[64];
	int fd;

	start();
	MUST(mount("x", "a", "tmpfs", 0, NULL) == 0);
	make_file("a/file", "text");
	fd = open_file("a/file", O_RDONLY);
	R(umount("a"));
	close(fd);
	R(umount2("a", MNT_EXPIRE));
	R(umount2("a", MNT_EXPIRE | MNT_DETACH));
	R(access("a/file", F_OK));
	R(umount2("a", MNT_EXPIRE));
	R(umount2("a", MNT_EXPIRE));
	MUST(mount("x", "a", "tmpfs", 0, NULL) == 0);
	MUST(chdir("a") == 0);
	R(umount("../a"));
	make_file("file", "text");
	fd = open_file("file", O_RDONLY);
	R(umount2("../a", MNT_DETACH));
	R(access("file", F_OK));
	R(access("../a", F_OK));
	MUST(read(fd, path, 4) == 4);
	say_bytes("still", path, 4);
	R(chdir(here));
	R(access("a/file", F_OK));
	MUST(pread(fd, path, 4, 0) == 4);
	R(close(fd));
	R(rmdir("a"));
}

static void stacked_and_moved(void)
{
	start();
	MUST(mount("x", "a", "tmpfs", 0, NULL) == 0);
	make_file("a/first", "1");
	MUST(mount("x", "a", "tmpfs", MS_NODEV, NULL) == 0);
	make_file("a/second", "2");
	R(access("a/first", F_OK));
	show_mounts();
	R(mount("a", "b", NULL, MS_MOVE, NULL));
	R(access("a/first", F_OK));
	R(access("b/second", F_OK));
	MUST(mkdir("b/in", 0755) == 0);
	R(mount("b", "b/in", NULL, MS_MOVE, NULL));
	show_mounts();
	R(umount("b"));
	R(umount("a"));
	R(umount("a"));
}

static void dotdot(void)
{
	char path[8192];

	start();
	MUST(mount("x", "a", "tmpfs", 0, NULL) == 0);
	MUST(mkdir("a/d", 0755) == 0);
	MUST(mount("a/d", "b", NULL, MS_BIND, NULL) == 0);
	MUST(chdir("b") == 0);
	MUST(getcwd(path, sizeof(path)) != NULL);
	S(path + strlen(here));
	MUST(chdir("..") == 0);
	MUST(getcwd(path, sizeof(path)) != NULL);
	S(path + strlen(here));
	show_mounts();
}

static void watched(void)
{
	char buf[4096];
	ssize_t n;
	int fd = inotify_init1(IN_NONBLOCK);

	start();
	MUST(mount("x", "a", "tmpfs", 0, NULL) == 0);
	MUST(mkdir("a/d", 0755) == 0);
	make_file("a/d/file", "x");
	MUST(mount("a/d", "b", NULL, MS_BIND, NULL) == 0);
	MUST(inotify_add_watch(fd, "a/d/file", IN_DELETE_SELF) > 0);
	R(umount("a"));
	R(read(fd, buf, sizeof(buf)));
	R(umount("b"));
	n = read(fd, buf, sizeof(buf));
	for (char *p = buf; n > 0 && p < buf + n;) {
		struct inotify_event *e = (struct inotify_event *)p;

		say("wd %d mask %#x", e->wd, e->mask);
		p += sizeof(*e) + e->len;
	}
	R(inotify_rm_watch(fd, 1));
	close(fd);
}

/* What is unmounted is given back. */
static void memory_comes_back(void)
{
	static char piece[1 << 20] = "x";
	int failed = 0;

	start();
	for (int i = 0; i < 48 && !failed; i++) {
		failed |= mount("x", "a", "tmpfs", 0, "size=32m");
		for (int d = 0; d < 3; d++) {
			char name[64];
			int fd;

			snprintf(name, sizeof(name), "a/%d", d);
			mkdir(name, 0755);
			strcat(name, "/file");
			fd = open(name, O_WRONLY | O_CREAT, 0600);
			for (int p = 0; p < 8; p++)
				failed |= write(fd, piece, sizeof(piece)) != sizeof(piece);
			close(fd);
		}
		failed |= umount("a");
	}
	V(failed);
}

static void own_proc(void)
{
	char text[8] = "";
	ssize_t n;

	start();
	R(mount("proc", "a", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL));
	n = readlink("a/self", text, sizeof(text));
	T(n > 0 && atoi(text) == getpid());
	R(umount("a"));
}

static void remount_size(void)
{
	struct statfs fs;

	start();
	MUST(mount("x", "a", "tmpfs", MS_NODEV | MS_NOATIME, "size=64k") == 0);
	R(mount(NULL, "a", NULL, MS_REMOUNT, "size=128k"));
	MUST(statfs("a", &fs) == 0);
	V(fs.f_blocks);
	make_file("a/file", "text");
	R(truncate("a/file", 65536));
	int fd = open_file("a/file", O_WRONLY);
	R(posix_fallocate(fd, 0, 65536));
	close(fd);
	R(mount(NULL, "a", NULL, MS_REMOUNT, "size=16k"));
	R(mount(NULL, "a", NULL, MS_REMOUNT, "bad=16k"));
	show_mounts();
	R(umount("a"));
}

const struct behaviour behaviours[] = {
	BEHAVIOUR(mount_tmpfs),
	BEHAVIOUR(mount_errors),
	BEHAVIOUR(mount_without_right),
	BEHAVIOUR(bind_sees_the_same),
	BEHAVIOUR(bind_of_file),
	BEHAVIOUR(bind_in_itself),
	BEHAVIOUR(readonly_and_back),
	BEHAVIOUR(flags_shown),
	BEHAVIOUR(flags_obeyed),
	BEHAVIOUR(busy),
	BEHAVIOUR(stacked_and_moved),
	BEHAVIOUR(dotdot),
	BEHAVIOUR(watched),
	BEHAVIOUR(memory_comes_back),
	BEHAVIOUR(own_proc),
	BEHAVIOUR(remount_size),
	{NULL, NULL},
};
