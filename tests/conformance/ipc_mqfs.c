/* SPDX-License-Identifier: Apache-2.0 */
/* The file system of POSIX message queues, mounted below here. Natively in a mount namespace of its
 * own (test_behaviour.py), with the machine's queues: only ours are looked at. */
#include "behave.h"

#include <dirent.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/xattr.h>

static char name[32], path[64];

static void clean(void)
{
	mq_unlink(name);
}

/* The mount at q; name "/conf-PID", path "q/conf-PID". */
static void start(void)
{
	snprintf(name, sizeof(name), "/conf-%d", getpid());
	snprintf(path, sizeof(path), "q%s", name);
	MUST(mkdir("q", 0755) == 0);
	MUST(mount("none", "q", "mqueue", 0, NULL) == 0);
	atexit(clean);
}

static mqd_t queue(void)
{
	struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 100};
	mqd_t q = mq_open(name, O_CREAT | O_RDWR | O_NONBLOCK, 0640, &a);

	MUST(q >= 0);
	return q;
}

static void show_listed(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0, type = 0;

	MUST(d != NULL);
	while ((e = readdir(d))) {
		if (strcmp(e->d_name, name + 1))
			continue;
		n++;
		type = e->d_type;
	}
	closedir(d);
	say("%s: listed %d times, type %d", dir, n, type);
}

static void show_stat(const char *what)
{
	struct stat st;

	if (stat(what, &st)) {
		say("no stat: %s", errno_name(errno));
		return;
	}
	say("mode %o links %d size %d blocks %d of %d, %d:%d", st.st_mode, (int)st.st_nlink,
		S_ISDIR(st.st_mode) ? 0 : (int)st.st_size, (int)st.st_blocks, (int)st.st_blksize,
		(int)st.st_uid, (int)st.st_gid);
}

static void show_text(void)
{
	char text[200] = "";
	int fd = open(path, O_RDONLY), bytes, how, signo, pid;

	MUST(fd >= 0);
	V(read(fd, text, sizeof(text)));
	R(read(fd, text + 100, 100));
	R(lseek(fd, 0, SEEK_END));
	close(fd);
	MUST(sscanf(text, "QSIZE:%d NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &bytes, &how, &signo,
		     &pid) == 4);
	say("%d bytes, how %d, signal %d, pid %s", bytes, how, signo,
		pid == getpid() ? "own"
		: pid		? "another"
				: "0");
}

static void mounted(void)
{
	struct statfs fs;

	start();
	MUST(statfs("q", &fs) == 0);
	say("type %lx, names %ld, blocks %ld of %ld", (long)fs.f_type, (long)fs.f_namelen,
		(long)fs.f_blocks, (long)fs.f_bsize);
	show_stat("q");
	R(rmdir("q"));
	R(umount("q"));
	R(mount("none", "q", "mqueue", 0, "nosuch=1"));
	R(mount("none", "q", "mqueue", MS_RDONLY, NULL));
	R(open(path, O_RDWR | O_CREAT, 0600));
	R(umount("q"));
}

static void listed_and_read(void)
{
	mqd_t q;

	start();
	show_listed("q");
	show_stat(path);
	q = queue();
	show_listed("q");
	show_stat(path);
	show_text();
	R(mq_send(q, "abc", 3, 0));
	R(mq_send(q, "defgh", 5, 1));
	show_text();
	R(mq_close(q));
	show_text();
	R(mq_unlink(name));
	show_listed("q");
	show_stat(path);
}

static void notice_shown(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	pid_t pid;
	mqd_t q;

	start();
	q = queue();
	pid = fork();
	if (pid == 0) {
		MUST(mq_notify(q, &ev) == 0);
		show_text();
		kill(getpid(), SIGKILL);
	}
	reap("child", pid);
	show_text();
	ev.sigev_notify = SIGEV_NONE;
	R(mq_notify(q, &ev));
	show_text();
}

/* The file is the queue: a descriptor of it does all that one of mq_open's does. */
static void opened_by_path(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	char text[200] = "", link[64], target[4096] = "";
	struct pollfd p;
	int fd, ep = epoll_create1(0);
	mqd_t q;

	start();
	q = queue();
	fd = R(open(path, O_RDWR | O_NONBLOCK));
	R(mq_send(fd, "hello", 5, 3));
	R(mq_receive(q, text, sizeof(text), NULL));
	S(text);
	R(mq_receive(fd, text, sizeof(text), NULL));
	R(write(fd, "x", 1));
	R(ftruncate(fd, 3));
	P(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0));
	p = (struct pollfd){fd, POLLIN | POLLOUT, 0};
	R(poll(&p, 1, 0));
	V(p.revents);
	R(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	R(mq_send(q, "x", 1, 0));
	R(epoll_wait(ep, &ev, 1, 0));
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	MUST(readlink(link, target, sizeof(target) - 1) > 0);
	T(!strcmp(target + strlen(target) - strlen(path), path));
	R(mq_unlink(name));
	R(mq_receive(fd, text, sizeof(text), NULL));
	R(close(open(path, O_RDONLY)));
	R(mq_receive(open(path, O_RDONLY | O_PATH), text, sizeof(text), NULL));
}

static void made_by_path(void)
{
	struct mq_attr a = {0};
	int fd;
	mqd_t q;

	start();
	umask(027);
	fd = R(open(path, O_CREAT | O_EXCL | O_WRONLY, 0666));
	show_stat(path);
	R(open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
	R(mq_getattr(fd, &a));
	say("flags %lx max %ld size %ld now %ld", a.mq_flags, a.mq_maxmsg, a.mq_msgsize,
		a.mq_curmsgs);
	q = R(mq_open(name, O_RDONLY | O_NONBLOCK));
	R(mq_send(fd, "x", 1, 0));
	show_text();
	close(q);
	R(unlink(path));
	R(mq_open(name, O_RDONLY));
	R(mknod(path, S_IFREG | 0600, 0));
	R(mq_unlink(name));
	R(mknod(path, S_IFIFO | 0600, 0));
	R(mkdir("q/conf-dir", 0755));
	R(symlink("x", "q/conf-link"));
	R(open("q", O_TMPFILE | O_RDWR, 0600));
}

static void names_do_not_move(void)
{
	start();
	queue();
	make_file("f", "x");
	R(rename(path, "q/conf-other"));
	R(link(path, "q/conf-other"));
	R(rename(path, "f"));
	R(rename("f", "q/conf-other"));
	R(rmdir(path));
	R(setxattr(path, "user.x", "y", 1, 0));
	show_listed("q");
}

static void attributes(void)
{
	struct timespec ts[2] = {{1, 2}, {3, 4}};

	start();
	queue();
	R(chmod(path, 0604));
	R(chown(path, 7, 8));
	R(utimensat(AT_FDCWD, path, ts, 0));
	show_stat(path);
	R(chmod(path, 0));
	R(truncate(path, 0));
	R(access(path, R_OK));
}

/* Names that were looked at are forgotten when the queue goes, and seen when it comes. */
static void by_both_ways(void)
{
	start();
	for (int i = 0; i < 2; i++) {
		R(access(path, F_OK));
		mq_close(queue());
		R(access(path, F_OK));
		R(mq_unlink(name));
		R(access(path, F_OK));
		mq_close(queue());
		R(unlink(path));
		R(unlink(path));
		R(mq_unlink(name));
	}
}

static void as_stranger(void)
{
	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(open(path, O_RDONLY));
	R(unlink(path));
	R(open("q/conf-mine", O_CREAT | O_RDWR, 0600));
	R(unlink("q/conf-mine"));
	R(mount("none", "q", "mqueue", 0, NULL));
}

static void rights(void)
{
	start();
	queue();
	in_child("stranger", as_stranger);
	R(chmod(path, 0604));
	in_child("stranger", as_stranger);
}

/* More than may be there at once. */
static void nothing_is_left(void)
{
	int failed = 0;

	start();
	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	for (int i = 0; i < 300; i++) {
		mqd_t q = mq_open(name, O_CREAT | O_RDWR, 0600, NULL);

		failed += q < 0 || access(path, R_OK) || mq_unlink(name) || mq_close(q);
	}
	V(failed);
}

static void two_mounts(void)
{
	start();
	MUST(mkdir("r", 0755) == 0);
	R(mount("none", "r", "mqueue", MS_NODEV, NULL));
	queue();
	show_listed("q");
	show_listed("r");
	R(umount("q"));
	show_listed("r");
	R(umount2("r", MNT_DETACH));
	R(mount("none", "q", "mqueue", 0, NULL));
	show_listed("q");
	R(unlink(path));
	show_listed("q");
}

const struct behaviour behaviours[] = {BEHAVIOUR(mounted), BEHAVIOUR(listed_and_read),
	BEHAVIOUR(notice_shown), BEHAVIOUR(opened_by_path), BEHAVIOUR(made_by_path),
	BEHAVIOUR(names_do_not_move), BEHAVIOUR(attributes), BEHAVIOUR(by_both_ways),
	BEHAVIOUR(rights), BEHAVIOUR(nothing_is_left), BEHAVIOUR(two_mounts), {0}};
