/* SPDX-License-Identifier: Apache-2.0 */
/* The runner gives no terminal; test_programs.py covers the case with one. */
#include "behave.h"

#include <sys/ioctl.h>
#include <termios.h>

static void terminal_calls_on_files_are_enotty(void)
{
	struct termios t;
	struct winsize w;
	make_file("a", "x");
	int fd = open_file("a", O_RDWR);
	R(tcgetattr(fd, &t));
	R(ioctl(fd, TIOCGWINSZ, &w));
	R(ioctl(fd, TIOCGPGRP, &w));
	R(isatty(fd));
	R(tcflush(fd, TCIFLUSH));
	R(tcgetattr(99, &t));
	R(isatty(99));
}

static void terminal_calls_on_pipes_and_null_are_enotty(void)
{
	struct termios t;
	struct winsize w;
	int p[2];
	MUST(pipe(p) == 0);
	R(tcgetattr(p[0], &t));
	R(ioctl(p[1], TIOCGWINSZ, &w));
	R(isatty(p[0]));
	int fd = open_file("/dev/null", O_RDWR);
	R(tcgetattr(fd, &t));
	R(isatty(fd));
	R(ioctl(fd, FIONREAD, &w));
}

static void standard_descriptors_are_no_terminals(void)
{
	for (int fd = 0; fd < 3; fd++) {
		R(isatty(fd));
		T(fcntl(fd, F_GETFL) >= 0);
	}
	char c;
	R(read(0, &c, 1));
}

static void no_controlling_terminal(void)
{
	R(open("/dev/tty", O_RDWR));
	R(tcgetpgrp(0));
	R(tcsetpgrp(0, getpgrp()));
	S(ttyname(0));
	S(ctermid(NULL));
}

static void unknown_ioctls_are_enotty(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDWR), d = open_file(".", O_RDONLY);
	R(ioctl(fd, 0xdeadbeef, 0));
	R(ioctl(d, 0xdeadbeef, 0));
	R(ioctl(99, 0xdeadbeef, 0));
	int p = open_file("a", O_PATH);
	R(ioctl(p, FIONREAD, &d));
}

static void standard_descriptors_can_be_closed_and_replaced(void)
{
	make_file("in", "from file");
	char buffer[16] = "";
	R(close(0));
	R(open("in", O_RDONLY));
	R(read(0, buffer, 15));
	S(buffer);
	int saved = R(dup(1));
	R(close(1));
	int out = open("out", O_WRONLY | O_CREAT, 0644);
	say("this goes to the file");
	dup2(saved, 1);
	V(out);
	show_file("out");
}

const struct behaviour behaviours[] = {BEHAVIOUR(terminal_calls_on_files_are_enotty),
	BEHAVIOUR(terminal_calls_on_pipes_and_null_are_enotty),
	BEHAVIOUR(standard_descriptors_are_no_terminals), BEHAVIOUR(no_controlling_terminal),
	BEHAVIOUR(unknown_ioctls_are_enotty),
	BEHAVIOUR(standard_descriptors_can_be_closed_and_replaced), {0}};
