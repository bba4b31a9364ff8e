/* SPDX-License-Identifier: Apache-2.0
 *
 * Stands for `sandbox run --template-fd N … -- WHAT`: speaks runtime/abi/template.h, and forks.
 * With
 * --snapshot-fd it writes a word to that file.
 * WHAT says how it behaves. A clone does what the first word of its stdin says.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/abi/template.h"

static int sock = -1, report = -1, until = -1, snapshot = -1;
static const char *what = "", *accepts;
static bool within; /* its limit of time came after it */

static void say_end(const char *kind, const char *member, int value)
{
	dprintf(report,
		"{\n  \"exit\": {\"kind\": \"%s\", \"%s\": %d},\n"
		"  \"times_ns\": {\"wall\": 1000, \"start\": 10, \"user\": 3000, \"system\": "
		"4000},\n"
		"  \"memory\": {\"guest_peak_bytes\": 4096}\n}\n",
		kind, member, value);
}

static _Noreturn void end(int code)
{
	say_end("exited", "code", code);
	_exit(code);
}

static void say(uint32_t kind, int error, pid_t pid)
{
	const struct template_message m = {
		.version = TEMPLATE_VERSION, .kind = kind, .error = error, .pid = pid};

	if (send(sock, &m, sizeof m, MSG_NOSIGNAL) < 0)
		_exit(1);
}

/* Until it is killed, or its time is over, or its owner is gone. */
static _Noreturn void hang(uint64_t timeout_ns)
{
	struct pollfd p = {.fd = until, .events = POLLIN};

	if (!poll(&p, 1, timeout_ns ? (int)(timeout_ns / 1000000) : -1)) {
		say_end("timeout", "code", 124);
		_exit(124);
	}
	_exit(1);
}

static _Noreturn void flood(void)
{
	char block[4096];

	memset(block, 'x', sizeof block);
	while (write(STDOUT_FILENO, block, sizeof block) > 0)
		;
	end(1);
}

static size_t read_all(char *buf, size_t room)
{
	size_t size = 0;
	ssize_t n;

	while (size < room && (n = read(STDIN_FILENO, buf + size, room - size)) > 0)
		size += (size_t)n;
	return size;
}

static _Noreturn void be_clone(const struct template_message *m, const int *fds)
{
	static char text[1 << 20];
	size_t size;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(sock);
	report = fds[TEMPLATE_FD_REPORT];
	until = fds[TEMPLATE_FD_UNTIL];
	size = read_all(text, sizeof text - 1);
	if (!strncmp(text, "hang", 4))
		hang(m->timeout_ns);
	if (!strncmp(text, "pid", 3)) {
		dprintf(STDOUT_FILENO, "%d", (int)getpid());
		hang(m->timeout_ns);
	}
	if (!strncmp(text, "flood", 5))
		flood();
	if (!strncmp(text, "spin", 4))
		for (;;)
			__asm__ volatile("pause");
	if (!strncmp(text, "exit ", 5))
		end(atoi(text + 5));
	if (!strncmp(text, "crash", 5))
		_exit(139);
	if (!strncmp(text, "size", 4))
		dprintf(STDOUT_FILENO, "%zu", size);
	else
		dprintf(STDOUT_FILENO, "<%s>", text);
	dprintf(STDERR_FILENO, "err");
	end(0);
}

static void answer(const struct template_message *m, int *fds)
{
	pid_t pid;

	while (waitpid(-1, NULL, WNOHANG) > 0) /* of earlier requests */
		;
	if (!strcmp(what, "gone"))
		end(5);
	if (!strcmp(what, "refuses")) {
		say(TEMPLATE_CLONED, -EAGAIN, 0);
	} else if (!strcmp(what, "lies")) {
		say(TEMPLATE_CLONED, 0, getppid());
	} else if (!strcmp(what, "raves")) {
		say(TEMPLATE_CLONED, 7, 0);
	} else {
		pid = fork();
		if (!pid)
			be_clone(m, fds);
		say(TEMPLATE_CLONED, pid < 0 ? -errno : 0, pid);
	}
	for (int i = 0; i < TEMPLATE_FDS && strcmp(what, "keeps"); i++)
		close(fds[i]);
}

/* False: the other side has closed its end. */
static bool serve(void)
{
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(TEMPLATE_FDS * sizeof(int))];
	} control;
	struct template_message m;
	struct iovec iov = {&m, sizeof m};
	struct msghdr h = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control.data};
	int fds[TEMPLATE_FDS];

	if (recvmsg(sock, &h, MSG_CMSG_CLOEXEC) != sizeof m)
		return false;
	if (m.version == TEMPLATE_VERSION && m.kind == TEMPLATE_TAKEN)
		return true;
	if (m.version != TEMPLATE_VERSION || m.kind != TEMPLATE_CLONE || !CMSG_FIRSTHDR(&h) ||
		CMSG_FIRSTHDR(&h)->cmsg_len != CMSG_LEN(sizeof fds))
		_exit(2);
	memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof fds);
	answer(&m, fds);
	return true;
}

static void read_command(char **argv)
{
	for (; *argv && strcmp(*argv, "--"); argv++) {
		if (!strcmp(*argv, "--template-fd"))
			sock = atoi(argv[1]);
		if (!strcmp(*argv, "--snapshot-fd"))
			snapshot = atoi(argv[1]);
		if (!strcmp(*argv, "--json-fd"))
			report = atoi(argv[1]);
		if (!strcmp(*argv, "--until-fd"))
			until = atoi(argv[1]);
		if (!strcmp(*argv, "--accept-within=0") && accepts)
			within = true;
		if (!strcmp(*argv, "--accept") || !strncmp(*argv, "--accept=", 9))
			accepts = *argv;
	}
	what = *argv && argv[1] ? argv[1] : "";
}

int main(int argc, char **argv)
{
	read_command(argv);
	if (!strcmp(what, "early")) {
		fprintf(stderr, "first words\nlast words\n\n");
		end(3);
	}
	if (snapshot >= 0) {
		dprintf(snapshot, "written");
		say_end("snapshot", "code", 0);
		_exit(0);
	}
	if (!strcmp(what, "accepts")) {
		fprintf(stderr, "%s%s", accepts ? accepts : "", within ? ", no limit" : "");
		end(4);
	}
	if (!strcmp(what, "silent"))
		hang(0);
	if (!strcmp(what, "babbles") && send(sock, "word", 4, 0) == 4)
		hang(0);
	say(TEMPLATE_READY, 0, 0);
	for (;;) {
		struct pollfd p[2] = {
			{.fd = sock, .events = POLLIN}, {.fd = until, .events = POLLIN}};

		if (poll(p, 2, -1) < 0 || p[1].revents || !serve())
			break;
	}
	while (wait(NULL) > 0)
		;
	end(0);
}
