/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/syscall.h>

enum { BEHAVIOUR_SECONDS = 50, ASLEEP_MS = 10000 };

struct name {
	int number;
	const char *text;
};

#define N(x)                                                                                       \
	{                                                                                          \
		x, #x                                                                              \
	}
static const struct name errno_names[] = {N(EPERM), N(ENOENT), N(ESRCH), N(EINTR), N(EIO), N(ENXIO),
	N(E2BIG), N(ENOEXEC), N(EBADF), N(ECHILD), N(EAGAIN), N(ENOMEM), N(EACCES), N(EFAULT),
	N(ENOTBLK), N(EBUSY), N(EEXIST), N(EXDEV), N(ENODEV), N(ENOTDIR), N(EISDIR), N(EINVAL),
	N(ENFILE), N(EMFILE), N(ENOTTY), N(ETXTBSY), N(EFBIG), N(ENOSPC), N(ESPIPE), N(EROFS),
	N(EMLINK), N(EPIPE), N(EDOM), N(ERANGE), N(EDEADLK), N(ENAMETOOLONG), N(ENOLCK), N(ENOSYS),
	N(ENOTEMPTY), N(ELOOP), N(ENODATA), N(ETIME), N(EOVERFLOW), N(EILSEQ), N(ENOTSOCK),
	N(EDESTADDRREQ), N(EMSGSIZE), N(EPROTOTYPE), N(ENOPROTOOPT), N(EPROTONOSUPPORT),
	N(ESOCKTNOSUPPORT), N(EOPNOTSUPP), N(EAFNOSUPPORT), N(EADDRINUSE), N(EADDRNOTAVAIL),
	N(ENETUNREACH), N(ECONNABORTED), N(ECONNRESET), N(ENOBUFS), N(EISCONN), N(ENOTCONN),
	N(ETIMEDOUT), N(ECONNREFUSED), N(EALREADY), N(EINPROGRESS), N(ESTALE), N(EDQUOT),
	N(ECANCELED), N(EOWNERDEAD), N(ENOTRECOVERABLE)};

static const struct name signal_names[] = {N(SIGHUP), N(SIGINT), N(SIGQUIT), N(SIGILL), N(SIGTRAP),
	N(SIGABRT), N(SIGBUS), N(SIGFPE), N(SIGKILL), N(SIGUSR1), N(SIGSEGV), N(SIGUSR2),
	N(SIGPIPE), N(SIGALRM), N(SIGTERM), N(SIGSTKFLT), N(SIGCHLD), N(SIGCONT), N(SIGSTOP),
	N(SIGTSTP), N(SIGTTIN), N(SIGTTOU), N(SIGURG), N(SIGXCPU), N(SIGXFSZ), N(SIGVTALRM),
	N(SIGPROF), N(SIGWINCH), N(SIGIO), N(SIGPWR), N(SIGSYS)};
#undef N

static const char *find_name(
	const struct name *names, size_t count, int number, const char *kind, char *spare)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].number == number)
			return names[i].text;
	snprintf(spare, 32, "%s%d", kind, number);
	return spare;
}

const char *errno_name(int error)
{
	static char spare[32];

	if (error == 0)
		return "0";
	return find_name(
		errno_names, sizeof(errno_names) / sizeof(errno_names[0]), error, "errno", spare);
}

const char *signal_name(int signal)
{
	static char spare[32];

	return find_name(signal_names, sizeof(signal_names) / sizeof(signal_names[0]), signal,
		"signal", spare);
}

static void write_all(const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(STDOUT_FILENO, text, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		text += n;
		size -= (size_t)n;
	}
}

void say(const char *format, ...)
{
	char line[4096];
	int saved = errno;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n > (int)sizeof(line) - 2)
		n = (int)sizeof(line) - 2;
	line[n] = '\n';
	write_all(line, (size_t)n + 1);
	errno = saved;
}

void say_bytes(const char *label, const void *bytes, size_t size)
{
	const unsigned char *p = bytes;
	char text[2048];
	size_t at = 0;

	for (size_t i = 0; i < size && at + 5 < sizeof(text); i++) {
		if (p[i] == '\n')
			at += (size_t)sprintf(text + at, "\\n");
		else if (isprint(p[i]))
			text[at++] = (char)p[i];
		else
			at += (size_t)sprintf(text + at, "\\x%02x", p[i]);
	}
	text[at] = 0;
	say("%s: %zu bytes \"%s\"", label, size, text);
}

long observe_result(const char *label, long result)
{
	if (result == -1)
		say("%s = -1 %s", label, errno_name(errno));
	else
		say("%s = %ld", label, result);
	return result;
}

long observe_ok(const char *label, long result)
{
	if (result == -1)
		say("%s = -1 %s", label, errno_name(errno));
	else
		say("%s = ok", label);
	return result;
}

long observe_value(const char *label, long value)
{
	say("%s: %ld", label, value);
	return value;
}

bool observe_truth(const char *label, bool truth)
{
	say("%s: %s", label, truth ? "yes" : "no");
	return truth;
}

void observe_string(const char *label, const char *text)
{
	if (!text)
		say("%s: null", label);
	else
		say_bytes(label, text, strlen(text));
}

void *observe_pointer(const char *label, void *pointer)
{
	if (pointer == (void *)-1)
		say("%s = -1 %s", label, errno_name(errno));
	else
		say("%s = %s", label, pointer ? "ok" : "null");
	return pointer;
}

int observe_error(const char *label, int error)
{
	say("%s = %s", label, errno_name(error));
	return error;
}

void say_status(const char *label, int status)
{
	if (WIFEXITED(status))
		say("%s: exited %d", label, WEXITSTATUS(status));
	else if (WIFSIGNALED(status))
		say("%s: killed by %s", label, signal_name(WTERMSIG(status)));
	else if (WIFSTOPPED(status))
		say("%s: stopped by %s", label, signal_name(WSTOPSIG(status)));
	else if (WIFCONTINUED(status))
		say("%s: continued", label);
	else
		say("%s: status %#x", label, (unsigned)status);
}

void reap(const char *label, pid_t pid)
{
	int status = 0;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		say("%s: waitpid failed: %s", label, errno_name(errno));
	else
		say_status(label, status);
}

void in_child(const char *label, void (*fn)(void))
{
	pid_t pid = fork();

	if (pid < 0) {
		say("%s: fork failed: %s", label, errno_name(errno));
		return;
	}
	if (pid == 0) {
		alarm(BEHAVIOUR_SECONDS);
		fn();
		_exit(0);
	}
	reap(label, pid);
}

void must(bool condition, const char *what)
{
	if (condition)
		return;
	say("set-up failed: %s: %s", what, errno_name(errno));
	_exit(99);
}

int open_file(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	if (fd < 0)
		say("set-up: open %s", path);
	MUST(fd >= 0);
	return fd;
}

void make_file(const char *path, const char *contents)
{
	int fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);

	MUST(write(fd, contents, strlen(contents)) == (ssize_t)strlen(contents));
	MUST(close(fd) == 0);
}

void show_file(const char *path)
{
	char buffer[512];
	int fd = open(path, O_RDONLY);

	if (fd < 0) {
		say("%s: %s", path, errno_name(errno));
		return;
	}
	ssize_t n = read(fd, buffer, sizeof(buffer));
	if (n < 0)
		say("%s: read: %s", path, errno_name(errno));
	else
		say_bytes(path, buffer, (size_t)n);
	close(fd);
}

void show_type(const char *path)
{
	static const struct name types[] = {{S_IFREG, "file"}, {S_IFDIR, "directory"},
		{S_IFLNK, "symlink"}, {S_IFIFO, "fifo"}, {S_IFSOCK, "socket"},
		{S_IFCHR, "character device"}, {S_IFBLK, "block device"}};
	char spare[32];
	struct stat st;

	if (lstat(path, &st) < 0) {
		say("%s: %s", path, errno_name(errno));
		return;
	}
	say("%s: %s, mode %04o", path,
		find_name(types, sizeof(types) / sizeof(types[0]), st.st_mode & S_IFMT, "type",
			spare),
		(unsigned)st.st_mode & 07777);
}

int64_t now_ns(clockid_t clock)
{
	struct timespec t = {0};

	MUST(clock_gettime(clock, &t) == 0);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void sleep_ms(int ms)
{
	struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* The letter behind the name, which may be anything. */
static char task_state(const char *path)
{
	char text[512], *name_end;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	text[n > 0 ? n : 0] = 0;
	name_end = strrchr(text, ')');
	return name_end && name_end[1] ? name_end[2] : '?';
}

static void until_sleeps(const char *path)
{
	char state;

	for (int i = 0; (state = task_state(path)) != 'S'; i++) {
		must(i < ASLEEP_MS && !strchr("ZX?", state), "whoever is waited for sleeps");
		sleep_ms(1);
	}
}

void until_asleep(pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	until_sleeps(path);
}

void until_threads_asleep(void)
{
	long self = syscall(SYS_gettid);
	DIR *all = opendir("/proc/self/task");
	char path[300];

	MUST(all != NULL);
	for (struct dirent *e; (e = readdir(all));) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", e->d_name);
		if (e->d_name[0] != '.' && atol(e->d_name) != self)
			until_sleeps(path);
	}
	closedir(all);
}

pid_t signal_when_asleep(int signal)
{
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid)
		return pid;
	until_asleep(getppid());
	_exit(kill(getppid(), signal) != 0);
}

void become_nobody_else(void)
{
	uid_t uid = 200000 + (uid_t)getpid();

	/* root of a namespace with one user stays that */
	if (geteuid() == 0 && setresuid(uid, uid, uid) < 0)
		errno = 0;
}

const char *self_path(void)
{
	static char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	MUST(n > 0);
	path[n] = 0;
	return path;
}

static void enter_fresh_directory(const char *parent)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/behave.XXXXXX", parent);
	MUST(mkdtemp(path) != NULL);
	MUST(chdir(path) == 0);
}

static int usage(void)
{
	fprintf(stderr, "usage: PROGRAM --list | PROGRAM BEHAVIOUR [--in DIRECTORY]\n");
	return 2;
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return usage();
	if (strcmp(argv[1], "--list") == 0) {
		for (const struct behaviour *b = behaviours; b->name; b++)
			puts(b->name);
		return 0;
	}
	if (strcmp(argv[1], "--child") == 0 && argc > 2 && behave_child)
		return behave_child(argc - 2, argv + 2);

	alarm(BEHAVIOUR_SECONDS);
	umask(022);
	if (argc == 4 && strcmp(argv[2], "--in") == 0)
		enter_fresh_directory(argv[3]);
	for (const struct behaviour *b = behaviours; b->name; b++) {
		if (strcmp(b->name, argv[1]) == 0) {
			b->run();
			return 0;
		}
	}
	return usage();
}
