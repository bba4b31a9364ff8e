/* SPDX-License-Identifier: Apache-2.0
 *
 * What service_reach does not say is never asked of the host: every operation, on every kind of
 * handle that a launch without it can have, behind a filter that ends the process at those calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

/* The lists of the launcher's table that a launch without their need does not have. */
enum { ALWAYS, JAIL_VM = 0, JAIL_PROCESSES = 0, JAIL_BASES = 0, JAIL_TEMPLATE = 0, JAIL_CLONE = 0 };
enum {
	JAIL_TERMINAL = SERVICE_TERMINAL,
	JAIL_SOCKET = SERVICE_SOCKET,
	JAIL_CHANGES = SERVICE_CHANGES,
	JAIL_NAMES = SERVICE_NAMES,
	/* of templates, of which the service here is none */
	JAIL_ENDS = 0x200,
	JAIL_PEERS = 0x400,
};
enum {
#define JAIL_LIST(name, threads, when, ...) NEED_##name = (when),
#define JAIL_CALL(...)
#include "runtime/jail/calls.h"
#undef JAIL_LIST
#undef JAIL_CALL
};
static const struct {
	unsigned need;
	uint32_t call;
} rows[] = {
#define JAIL_LIST(...)
#define JAIL_CALL(list, name, ...) {NEED_##list, __NR_##name},
#include "runtime/jail/calls.h"
#undef JAIL_LIST
#undef JAIL_CALL
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

/* Ends the process at each call that only a list has whose need is not in `reach`. */
static void forbid_others(unsigned reach)
{
	struct sock_filter f[2 * NROWS + 2];
	struct sock_fprog prog = {.filter = f};
	unsigned short n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < NROWS; i++) {
		if (!rows[i].need || (rows[i].need & reach))
			continue;
		f[n++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, rows[i].call, 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(2);
}

/* -- every operation -- */

static const struct chan_setattr changes[] = {
	{.valid = CHAN_SET_MODE, .mode = 0640},
	{.valid = CHAN_SET_SIZE, .size = 1},
	{.valid = CHAN_SET_UID | CHAN_SET_GID, .uid = 1, .gid = 1},
	{.valid = CHAN_SET_ATIME | CHAN_SET_MTIME_NOW},
};
static const struct {
	const void *p;
	size_t n;
} data[] = {
	{"", 0},
	{"hello", 5},
	{"new", 3},
	{"dir", 3},
	{"fifo", 4},
	{"hello\0new", 10},
	{"\0new", 5},
	{"new\0target", 10},
	{"\0user.x", 8},
	{"hello\0user.x", 13},
	{&changes[0], sizeof(changes[0])},
	{&changes[1], sizeof(changes[0])},
	{&changes[2], sizeof(changes[0])},
	{&changes[3], sizeof(changes[0])},
	{"as long as a terminal's mode: bytes.", 36},
};

/* A handle that came of it is given back. */
static void one(struct world *w, uint16_t op, size_t d, const uint64_t a[4])
{
	int64_t r = call_data(w, op, data[d].p, data[d].n, a[0], a[1], a[2], a[3]);
	uint32_t walked = 0;

	if (op == CHAN_OP_WALK && r > 0)
		walked = walk_ent(w, 0)->handle;
	if (walked)
		call(w, FORGET, walked);
	if ((op == CHAN_OP_OPEN || op == CHAN_OP_OPENDIR) && r > 0)
		call(w, FORGET, r);
}

static void every_operation(struct world *w, uint64_t handle, uint64_t dir)
{
	const uint64_t second[] = {0, 1, 2, 3, 5, 7, 0100644,
		CHAN_O_READ | CHAN_O_WRITE | CHAN_O_CREAT, CHAN_O_WRITE | CHAN_O_TMPFILE,
		CHAN_O_READ | CHAN_O_TRUNC, dir};
	const uint64_t third[] = {0, 1, 4096};

	for (uint16_t op = 1; op < CHAN_OP_COUNT; op++) {
		if (op == CHAN_OP_FORGET || op == CHAN_OP_STOP || op == CHAN_OP_WAIT)
			continue;
		for (size_t i = 0; i < sizeof(second) / sizeof(second[0]); i++)
			for (size_t j = 0; j < 3; j++)
				for (size_t d = 0; d < sizeof(data) / sizeof(data[0]); d++)
					one(w, op, d,
						(uint64_t[4]){handle, second[i], third[j],
							op == CHAN_OP_FALLOCATE ? 1 : 0});
	}
}

/* -- launches -- */

/* What a launch with read-only grants and no terminal may have. `out` is inherited too. */
static unsigned readonly_launch(struct world *w, uint64_t handles[8], int out)
{
	int p[2], fds[] = {-1, -1, -1, -1}, n = 0;
	unsigned reach;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	fds[0] = p[1];
	fds[1] = openat(w->ro_fd, "hello", O_RDONLY | O_CLOEXEC);
	fds[2] = openat(w->ro_fd, "dir", O_RDONLY | O_CLOEXEC);
	fds[3] = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int i = 0; i < 4; i++) {
		handles[n++] = (uint64_t)service_inherit(w->s, fds[i], NULL);
		close(fds[i]);
	}
	if (out >= 0)
		handles[n++] = (uint64_t)service_inherit(w->s, out, NULL);
	handles[n++] = w->ro;
	call(w, FORGET, w->rw);
	reach = service_reach(w->s);
	handles[n++] = (uint64_t)call_name(w, OPEN, "hello", w->ro, CHAN_O_READ);
	handles[n] = (uint64_t)call(w, OPENDIR, w->ro);
	for (int i = 0; i <= n; i++)
		assert_true(handles[i] && handles[i] <= UINT32_MAX);
	return reach;
}

static void survives(struct world *w, int out, unsigned want)
{
	uint64_t handles[8] = {0};
	unsigned reach = readonly_launch(w, handles, out);
	int status;
	pid_t pid;

	assert_int_equal(reach, want);
	pid = fork();
	if (!pid) {
		forbid_others(reach);
		for (size_t i = 0; i < 8 && handles[i]; i++)
			every_operation(w, handles[i], w->ro);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0); /* SIGSYS: it asked the host for what nobody granted */
	assert_string_equal(get_file(w->ro_fd, "hello"), "hello");
}

static void test_readonly(void **state)
{
	survives(*state, -1, 0);
}

static void test_terminal(void **state)
{
	int host, guest;

	assert_int_equal(openpty(&host, &guest, NULL, NULL, NULL), 0);
	survives(*state, guest, SERVICE_TERMINAL);
	close(host);
	close(guest);
}

static void test_socket(void **state)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	survives(*state, pair[0], SERVICE_SOCKET);
	close(pair[0]);
	close(pair[1]);
}

static void test_file(void **state)
{
	struct world *w = *state;
	int fd = openat(w->rw_fd, "hello", O_WRONLY | O_CLOEXEC);

	survives(w, fd, SERVICE_CHANGES);
	close(fd);
}

static void test_grants(void **state)
{
	struct world *w = *state;

	assert_int_equal(service_reach(w->s), SERVICE_CHANGES | SERVICE_NAMES);
	call(w, FORGET, w->rw);
	assert_int_equal(service_reach(w->s), 0);
}

/* Of /dev/null, of a pipe: the host's, and others use them. */
static void test_stream_attributes(void **state)
{
	struct world *w = *state;
	struct chan_setattr sa = {.valid = CHAN_SET_MODE};
	struct stat st;
	uint64_t h;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fstat(p[1], &st), 0);
	h = (uint64_t)service_inherit(w->s, p[1], NULL);
	sa.mode = 0111;
	assert_int_equal(call_data(w, CHAN_OP_SETATTR, &sa, sizeof(sa), h, 0, 0, 0), -EPERM);
	sa = (struct chan_setattr){.valid = CHAN_SET_UID, .uid = st.st_uid + 1};
	assert_int_equal(call_data(w, CHAN_OP_SETATTR, &sa, sizeof(sa), h, 0, 0, 0), -EPERM);
	sa = (struct chan_setattr){.valid = CHAN_SET_SIZE};
	assert_int_equal(call_data(w, CHAN_OP_SETATTR, &sa, sizeof(sa), h, 0, 0, 0), -EINVAL);
	/* what it is already; as touch(1) does */
	sa = (struct chan_setattr){.valid = CHAN_SET_MODE | CHAN_SET_UID | CHAN_SET_GID,
		.mode = st.st_mode & 07777,
		.uid = st.st_uid,
		.gid = st.st_gid};
	assert_int_equal(call_data(w, CHAN_OP_SETATTR, &sa, sizeof(sa), h, 0, 0, 0), 0);
	sa = (struct chan_setattr){.valid = CHAN_SET_ATIME_NOW | CHAN_SET_MTIME_NOW};
	assert_int_equal(call_data(w, CHAN_OP_SETATTR, &sa, sizeof(sa), h, 0, 0, 0), 0);
	assert_int_equal(call(w, FSYNC, h, 0), -EINVAL);
	assert_int_equal(call(w, FALLOCATE, h, 0, 0, 1), -ENODEV);
	close(p[0]);
	close(p[1]);
}

TESTS(reach, WORLD_TEST(test_readonly), WORLD_TEST(test_terminal), WORLD_TEST(test_socket),
	WORLD_TEST(test_file), WORLD_TEST(test_grants), WORLD_TEST(test_stream_attributes));
