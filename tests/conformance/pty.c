/* SPDX-License-Identifier: Apache-2.0 */
/* Pseudo-terminals: the line discipline, both ends' requests, sessions and hang-ups. */
#include "behave.h"

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>

static int master, slave;
static struct termios mode;

static void open_pair(void)
{
	MUST(openpty(&master, &slave, NULL, NULL, NULL) == 0);
	MUST(tcgetattr(slave, &mode) == 0);
}

static void set(tcflag_t in_off, tcflag_t in_on, tcflag_t local_off, tcflag_t local_on)
{
	mode.c_iflag = (mode.c_iflag & ~in_off) | in_on;
	mode.c_lflag = (mode.c_lflag & ~local_off) | local_on;
	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
}

static int events(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};

	return poll(&p, 1, ms) < 0 ? -1 : p.revents;
}

/* Linux brings it to the other end, and the echo back, later; or at once for who asks there. */
static void type(const char *keys)
{
	MUST(write(master, keys, strlen(keys)) == (ssize_t)strlen(keys));
	events(slave, 0);
	events(master, 0);
	sleep_ms(50);
}

/* What can be read within a moment; nothing is said of where reads were cut. */
static void show(const char *label, int fd)
{
	char text[4096];
	size_t at = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (at < sizeof(text) && poll(&p, 1, 150) == 1 && (p.revents & POLLIN)) {
		ssize_t n = read(fd, text + at, sizeof(text) - at);

		if (n <= 0) {
			say("%s: then %s", label, n ? errno_name(errno) : "end");
			break;
		}
		at += (size_t)n;
	}
	say_bytes(label, text, at);
}

static void typed(const char *keys)
{
	say_bytes("typed", keys, strlen(keys));
	type(keys);
	show("echo", master);
	show("read", slave);
}

static void first_modes(void)
{
	struct winsize size;

	open_pair();
	V(mode.c_iflag);
	V(mode.c_oflag);
	V(mode.c_cflag);
	V(mode.c_lflag);
	say_bytes("keys", mode.c_cc, 17);
	V(cfgetospeed(&mode));
	R(ioctl(slave, TIOCGWINSZ, &size));
	V(size.ws_row);
	T(isatty(master));
	T(isatty(slave));
}

static void system_v_modes(void)
{
	struct termio {
		unsigned short iflag, oflag, cflag, lflag;
		unsigned char line, cc[8];
	} old = {0};
	struct termios after;

	R(ioctl(slave, TCGETA, &old));
	T(old.iflag == (mode.c_iflag & 0xffff) && old.lflag == (mode.c_lflag & 0xffff));
	V(old.cc[VINTR]);
	old.lflag &= (unsigned short)~ECHO;
	old.cc[VINTR] = 7;
	R(ioctl(slave, TCSETA, &old));
	R(tcgetattr(slave, &after));
	T(after.c_lflag == (mode.c_lflag & ~(tcflag_t)ECHO));
	V(after.c_cc[VINTR]);
	V(after.c_cc[VSUSP]);
	R(ioctl(slave, TCSETAW, &old));
	R(ioctl(slave, TCSETAF, (void *)8));
	R(ioctl(master, TCGETA, (void *)8));
}

static void names(void)
{
	struct stat st;
	unsigned n;
	char *name;

	open_pair();
	name = ptsname(master);
	R(ioctl(master, TIOCGPTN, &n));
	T(name && !strncmp(name, "/dev/pts/", 9) && (unsigned)atoi(name + 9) == n);
	T(!strcmp(ttyname(slave), name));
	MUST(fstat(slave, &st) == 0);
	V(major(st.st_rdev));
	T(minor(st.st_rdev) == n);
	T(st.st_uid == geteuid());
	T(S_ISCHR(st.st_mode));
	MUST(stat(name, &st) == 0);
	T(minor(st.st_rdev) == n);
	close(slave);
	close(master);
	R(stat(name, &st));
}

static void the_slave_is_locked_at_first(void)
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), locked = 7;

	R(ioctl(m, TIOCGPTLCK, &locked));
	V(locked);
	R(open(ptsname(m), O_RDWR | O_NOCTTY));
	R(unlockpt(m));
	R(ioctl(m, TIOCGPTLCK, &locked));
	V(locked);
	OK(open(ptsname(m), O_RDWR | O_NOCTTY));
	OK(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY));
}

static void permissions_of_the_name(void)
{
	struct stat st;
	char *name;

	open_pair();
	name = ptsname(master);
	R(fchmod(slave, 0600));
	MUST(stat(name, &st) == 0);
	V(st.st_mode & 07777);
	R(chmod(name, 0622));
	MUST(fstat(slave, &st) == 0);
	V(st.st_mode & 07777);
	R(chown(name, -1, getegid()));
	MUST(stat(name, &st) == 0);
	T(st.st_gid == getegid());
	T(st.st_uid == geteuid());
}

static void lines(void)
{
	open_pair();
	typed("one\n");
	typed("two");
	typed(" and\nthree\n");
	typed("cr\r");
	typed("\n");
}

static void a_read_gets_one_line(void)
{
	char text[16];

	open_pair();
	type("first\nsecond\n");
	say_bytes("read", text, (size_t)R(read(slave, text, 3)));
	say_bytes("read", text, (size_t)R(read(slave, text, sizeof(text))));
	say_bytes("read", text, (size_t)R(read(slave, text, sizeof(text))));
}

static void erasing(void)
{
	open_pair();
	typed("abc\177\177d\n");
	typed("\177\177x\n");
	typed("two words\027w\n");
	typed("two, \027w\n");
	typed("gone\025here\n");
	typed("a\tb\177\177\177c\n");
	typed("ctl\001\177\n");
	typed("lit\026\003\177\026\177\n");
	typed("again\022\n");
}

static void erasing_utf8(void)
{
	open_pair();
	set(0, IUTF8, 0, 0);
	typed("\303\244\303\266\177u\n");
	typed("\342\202\254\t\177\177e\n");
	set(IUTF8, 0, 0, 0);
	typed("\303\244\177\177u\n");
}

static void echo_modes(void)
{
	static const struct {
		const char *name;
		tcflag_t off, on;
	} list[] = {{"no ECHO", ECHO, 0}, {"ECHONL", ECHO, ECHONL}, {"no ECHOE", ECHOE, 0},
		{"no ECHOK", ECHOK, 0}, {"no ECHOKE", ECHOKE, 0}, {"ECHOPRT", 0, ECHOPRT},
		{"no ECHOCTL", ECHOCTL, 0}, {"no IEXTEN", IEXTEN, 0}};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		say("-- %s", list[i].name);
		open_pair();
		set(0, 0, list[i].off, list[i].on);
		typed("ab\177c\n");
		typed("ab\177\177\177c\n");
		typed("kill\025me\001\n");
		typed("w x\027y\n");
		typed("\026\001\n");
	}
}

static void ends_of_file(void)
{
	char text[8];

	open_pair();
	type("part\004");
	say_bytes("read", text, (size_t)R(read(slave, text, sizeof(text))));
	type("\004");
	R(read(slave, text, sizeof(text)));
	type("\026\004\n");
	show("literal", slave);
	show("echo", master);
}

static void other_line_ends(void)
{
	open_pair();
	mode.c_cc[VEOL] = ';';
	mode.c_cc[VEOL2] = ':';
	set(0, 0, 0, 0);
	typed("a;");
	typed("b:");
	set(0, 0, IEXTEN, 0);
	typed("b:");
	typed("\n");
}

static void input_modes(void)
{
	static const struct {
		const char *name;
		tcflag_t off, on;
	} list[] = {{"INLCR", ICRNL, INLCR}, {"IGNCR", 0, IGNCR}, {"no ICRNL", ICRNL, 0},
		{"ISTRIP", 0, ISTRIP}, {"IUCLC", 0, IUCLC}, {"PARMRK", 0, PARMRK}};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		say("-- %s", list[i].name);
		open_pair();
		set(list[i].off, list[i].on, 0, 0);
		typed("A\rb\303\377\n");
		typed("\n");
		typed("\r\n");
	}
}

static void output_modes(void)
{
	static const struct {
		const char *name;
		tcflag_t flags;
	} list[] = {{"none", 0}, {"OPOST", OPOST}, {"ONLCR", OPOST | ONLCR},
		{"OCRNL", OPOST | OCRNL}, {"ONOCR", OPOST | ONOCR}, {"ONLRET", OPOST | ONLRET},
		{"OLCUC", OPOST | OLCUC}, {"XTABS", OPOST | XTABS}};

	open_pair();
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		mode.c_oflag = list[i].flags;
		MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
		MUST(write(slave, "\rab\tc\b\td\r\r\nx\n", 14) == 14);
		show(list[i].name, master);
	}
}

static void without_lines(void)
{
	char text[16];

	open_pair();
	cfmakeraw(&mode);
	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
	typed("a\003\177\004\r\n");
	mode.c_cc[VMIN] = 3;
	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
	type("xy");
	show("too few", slave);
	type("z");
	R(read(slave, text, sizeof(text)));
	mode.c_cc[VMIN] = 0;
	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
	R(read(slave, text, sizeof(text)));
	mode.c_cc[VTIME] = 1;
	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
	R(read(slave, text, sizeof(text)));
	mode.c_cc[VMIN] = 5;
	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
	type("xy");
	R(read(slave, text, sizeof(text)));
	fcntl(slave, F_SETFL, O_NONBLOCK);
	R(read(slave, text, sizeof(text)));
}

static void changing_between(void)
{
	open_pair();
	type("line\nrest");
	set(0, 0, ICANON, 0);
	show("all of it", slave);
	type("raw");
	set(0, 0, 0, ICANON);
	show("what was typed is a line", slave);
	type("x\n");
	MUST(tcsetattr(slave, TCSAFLUSH, &mode) == 0);
	show("dropped", slave);
}

static void queues(void)
{
	int n = -1;

	open_pair();
	type("line\nab\004rest");
	R(ioctl(slave, FIONREAD, &n));
	V(n);
	R(ioctl(master, FIONREAD, &n));
	V(n);
	R(ioctl(slave, TIOCOUTQ, &n));
	V(n);
	R(tcflush(slave, TCIFLUSH));
	R(ioctl(slave, FIONREAD, &n));
	V(n);
	R(tcflush(slave, TCOFLUSH));
	show("echo", master);
	R(tcflush(slave, 9));
	R(tcdrain(slave));
	R(tcsendbreak(slave, 0));
}

static void flow_control(void)
{
	open_pair();
	type("\023");
	fcntl(slave, F_SETFL, O_NONBLOCK);
	R(write(slave, "x", 1));
	type("\021");
	R(write(slave, "y", 1));
	show("output", master);
	R(tcflow(slave, TCOOFF));
	R(write(slave, "x", 1));
	R(tcflow(slave, TCOON));
	R(write(slave, "z", 1));
	show("output", master);
	R(tcflow(slave, TCIOFF));
	R(tcflow(slave, TCION));
	show("keys", master);
	set(0, IXANY, 0, 0);
	type("\023");
	R(write(slave, "x", 1));
	type("a");
	R(write(slave, "b", 1));
	show("output", master);
}

static void packets(void)
{
	char text[32];
	int on = 1;

	open_pair();
	R(ioctl(master, TIOCPKT, &on));
	R(ioctl(master, TIOCGPKT, &on));
	MUST(write(slave, "data", 4) == 4);
	say_bytes("packet", text, (size_t)R(read(master, text, sizeof(text))));
	R(tcflush(slave, TCIFLUSH));
	say_bytes("packet", text, (size_t)R(read(master, text, sizeof(text))));
	R(tcflow(slave, TCOOFF));
	say_bytes("packet", text, (size_t)R(read(master, text, sizeof(text))));
	R(tcflow(slave, TCOON));
	say_bytes("packet", text, (size_t)R(read(master, text, sizeof(text))));
}

static void polling_and_closing_the_slave(void)
{
	char text[8];

	open_pair();
	V(events(master, 200));
	V(events(slave, 200));
	MUST(write(slave, "last", 4) == 4);
	close(slave);
	V(events(master, 200));
	say_bytes("read", text, (size_t)R(read(master, text, sizeof(text))));
	R(read(master, text, sizeof(text)));
	V(events(master, 200));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	V(events(master, 200));
	MUST(write(slave, "new", 3) == 3);
	say_bytes("read", text, (size_t)R(read(master, text, sizeof(text))));
}

static void closing_the_master(void)
{
	struct winsize size;
	char text[8];

	open_pair();
	type("unread\n");
	close(master);
	V(events(slave, 200));
	R(read(slave, text, sizeof(text)));
	R(write(slave, "x", 1));
	R(ioctl(slave, TIOCGWINSZ, &size));
	R(tcgetpgrp(slave));
	R(tcsetpgrp(slave, getpgrp()));
}

static void a_full_queue(void)
{
	static char many[8192];
	char text[4096];
	ssize_t n, all = 0;

	memset(many, 'x', sizeof(many));
	open_pair();
	set(0, 0, ECHO, 0);
	R(write(master, many, 5000)); /* of a line that is too long the end is lost */
	type("\n");
	R(read(slave, text, sizeof(text)));
	cfmakeraw(&mode);
	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
	fcntl(slave, F_SETFL, O_NONBLOCK);
	while ((n = write(slave, many, sizeof(many))) > 0)
		all += n;
	say("then %s", errno_name(errno));
	T(all >= 4096);
}

/* -- sessions -- */

static volatile sig_atomic_t heard;
/* A byte in there for all that has been done and said. */
static int done[2];

static void tell(void)
{
	if (done[1])
		MUST(write(done[1], "d", 1) == 1);
}

/* False when nobody is left to tell. */
static bool told(void)
{
	char c;

	return read(done[0], &c, 1) == 1;
}

static void on_signal(int signal)
{
	heard = signal;
	say("heard %s", signal_name(signal));
	tell();
}

/* In a child that leads a session and has the terminal. */
static void in_session(const char *label, void (*fn)(void))
{
	bool lives;
	pid_t pid;

	say("-- %s", label);
	open_pair();
	MUST(pipe(done) == 0);
	pid = fork();
	if (pid == 0) {
		MUST(setsid() > 0);
		MUST(ioctl(slave, TIOCSCTTY, 0) == 0);
		close(master);
		fn();
		_exit(0);
	}
	close(slave);
	close(done[1]);
	lives = told();
	show("output", master);
	for (const char *key = "\003\034\032"; *key && lives; key++) {
		(void)!write(master, key, 1);
		lives = told();
		show("after a key", master);
	}
	ioctl(master, TIOCSWINSZ, &(struct winsize){.ws_row = 5, .ws_col = 6});
	if (lives)
		told();
	kill(pid, SIGTERM);
	reap("child", pid);
}

static void handles_keys(void)
{
	signal(SIGINT, on_signal);
	signal(SIGQUIT, on_signal);
	signal(SIGTSTP, on_signal);
	signal(SIGWINCH, on_signal);
	tell();
	for (;;)
		pause();
}

static void does_nothing(void)
{
	tell();
	for (;;)
		pause();
}

static void keys_are_signals(void)
{
	in_session("handled", handles_keys);
	in_session("not handled", does_nothing);
}

static void requests_of_a_session(void)
{
	T(tcgetpgrp(slave) == getpgrp());
	T(tcgetsid(slave) == getpid());
	R(tcsetpgrp(slave, 0x7ffffff));
	R(tcsetpgrp(slave, getppid()));
	R(tcsetpgrp(slave, -1));
	R(ioctl(slave, TIOCSCTTY, 0));
	OK(open("/dev/tty", O_RDWR));
	R(ioctl(slave, TIOCNOTTY));
	R(open("/dev/tty", O_RDWR));
	R(tcgetpgrp(slave));
	does_nothing();
}

static void requests(void)
{
	in_session("requests", requests_of_a_session);
}

static void from_the_master(void)
{
	pid_t group = 0;

	open_pair();
	R(ioctl(master, TIOCGPGRP, &group));
	V(group);
	R(ioctl(master, TIOCGSID, &group));
	R(ioctl(slave, TIOCGPGRP, &group));
	R(tcsetpgrp(master, getpgrp()));
	R(ioctl(master, TIOCSIG, 99));
	R(ioctl(slave, TIOCGPTN, &group));
	R(ioctl(slave, TIOCPKT, &group));
}

static void opening_takes_it(void)
{
	pid_t pid;

	open_pair();
	pid = fork();
	if (pid == 0) {
		const char *name = ptsname(master);
		int fd;

		MUST(setsid() > 0);
		fd = open(name, O_RDWR | O_NOCTTY);
		R(tcgetpgrp(fd));
		fd = open(name, O_RDWR);
		T(tcgetpgrp(fd) == getpid());
		_exit(0);
	}
	reap("child", pid);
}

static void background_reads_and_writes(void)
{
	pid_t pid;
	int status;
	char c;

	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
	signal(SIGTTOU, SIG_DFL);
	pid = fork();
	if (pid == 0) {
		MUST(setpgid(0, 0) == 0);
		(void)!read(slave, &c, 1);
		_exit(1);
	}
	MUST(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("reads", status);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = fork();
	if (pid == 0) {
		MUST(setpgid(0, 0) == 0);
		signal(SIGTTIN, SIG_IGN);
		R(read(slave, &c, 1));
		R(write(slave, "", 0));
		tcsetattr(slave, TCSANOW, &mode);
		_exit(1);
	}
	MUST(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("changes modes", status);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	mode.c_lflag |= TOSTOP;
	MUST(tcsetattr(slave, TCSANOW, &mode) == 0);
	pid = fork();
	if (pid == 0) {
		MUST(setpgid(0, 0) == 0);
		(void)!write(slave, "x", 1);
		_exit(1);
	}
	MUST(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("writes with TOSTOP", status);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	does_nothing();
}

static void job_control(void)
{
	in_session("background", background_reads_and_writes);
}

static void leads_until_hung_up(void)
{
	MUST(setsid() > 0);
	MUST(ioctl(slave, TIOCSCTTY, 0) == 0);
	close(master);
	if (fork() == 0)
		does_nothing();
	signal(SIGHUP, on_signal);
	while (!heard)
		pause();
	R(open("/dev/tty", O_RDWR));
	R(write(slave, "x", 1));
	_exit(3);
}

/* The leader hears of it, and its group when the leader ends. */
static void a_hangup_is_told(void)
{
	int alive[2];
	pid_t pid;
	char c;

	MUST(pipe(alive) == 0);
	open_pair();
	pid = fork();
	if (pid == 0)
		leads_until_hung_up();
	close(alive[1]);
	until_asleep(pid);
	close(slave);
	close(master);
	reap("leader", pid);
	R(read(alive[0], &c, 1));
}

static void the_leader_ends(void)
{
	pid_t pid;

	open_pair();
	pid = fork();
	if (pid == 0) {
		MUST(setsid() > 0);
		MUST(ioctl(slave, TIOCSCTTY, 0) == 0);
		_exit(0);
	}
	reap("leader", pid);
	R(write(slave, "x", 1));
	show("output", master);
	pid = fork();
	if (pid == 0) {
		MUST(setsid() > 0);
		R(ioctl(slave, TIOCSCTTY, 0));
		_exit(0);
	}
	reap("another leader", pid);
}

static void exclusive_use(void)
{
	int on = -1;

	open_pair();
	R(ioctl(slave, TIOCEXCL));
	R(ioctl(slave, TIOCGEXCL, &on));
	V(on);
	R(ioctl(slave, TIOCNXCL));
	OK(open(ptsname(master), O_RDWR | O_NOCTTY));
}

static void locked_modes(void)
{
	/* the kernel's struct is the start of the library's */
	struct termios locked;

	open_pair();
	memset(&locked, 0xff, sizeof(locked));
	R(ioctl(slave, TIOCGLCKTRMIOS, &locked));
	V(locked.c_lflag);
	locked.c_lflag = ECHO | ICANON;
	locked.c_cc[VINTR] = 1;
	R(ioctl(master, TIOCSLCKTRMIOS, &locked));
	R(ioctl(slave, TIOCGLCKTRMIOS, &locked));
	V(locked.c_lflag);
	mode.c_cc[VINTR] = 'x';
	mode.c_cc[VQUIT] = 'y';
	set(0, 0, ECHO | ICANON | ISIG, 0);
	MUST(tcgetattr(slave, &mode) == 0);
	V(mode.c_lflag);
	V(mode.c_cc[VINTR]);
	V(mode.c_cc[VQUIT]);
	R(ioctl(slave, TIOCSLCKTRMIOS, (void *)8));
	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(ioctl(slave, TIOCSLCKTRMIOS, (void *)8));
	R(ioctl(slave, TIOCGLCKTRMIOS, (void *)8));
}

const struct behaviour behaviours[] = {BEHAVIOUR(first_modes), BEHAVIOUR(system_v_modes),
	BEHAVIOUR(names), BEHAVIOUR(the_slave_is_locked_at_first),
	BEHAVIOUR(permissions_of_the_name), BEHAVIOUR(lines), BEHAVIOUR(a_read_gets_one_line),
	BEHAVIOUR(erasing), BEHAVIOUR(erasing_utf8), BEHAVIOUR(echo_modes), BEHAVIOUR(ends_of_file),
	BEHAVIOUR(other_line_ends), BEHAVIOUR(input_modes), BEHAVIOUR(output_modes),
	BEHAVIOUR(without_lines), BEHAVIOUR(changing_between), BEHAVIOUR(queues),
	BEHAVIOUR(flow_control), BEHAVIOUR(packets), BEHAVIOUR(polling_and_closing_the_slave),
	BEHAVIOUR(closing_the_master), BEHAVIOUR(a_full_queue), BEHAVIOUR(keys_are_signals),
	BEHAVIOUR(requests), BEHAVIOUR(from_the_master), BEHAVIOUR(opening_takes_it),
	BEHAVIOUR(job_control), BEHAVIOUR(a_hangup_is_told), BEHAVIOUR(the_leader_ends),
	BEHAVIOUR(exclusive_use), BEHAVIOUR(locked_modes), {0}};
