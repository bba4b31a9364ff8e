/* SPDX-License-Identifier: Apache-2.0 */
/* System V message queues. */
#include "behave.h"

#include <sys/ipc.h>
#include <sys/msg.h>

#ifndef MSG_STAT_ANY
#define MSG_STAT_ANY 13
#endif
#ifndef MSG_COPY
#define MSG_COPY 040000
#endif

static int q = -1;

struct text {
	long type;
	char text[8200];
};

static void clean(void)
{
	msgctl(q, IPC_RMID, NULL);
}

static void queue(int mode)
{
	q = msgget(IPC_PRIVATE, mode);
	MUST(q >= 0);
	atexit(clean);
}

static int put(long type, const char *s, int flags)
{
	struct text m = {.type = type};

	strcpy(m.text, s);
	return msgsnd(q, &m, strlen(s), flags);
}

static void get(long type, size_t max, int flags)
{
	static struct text m;
	ssize_t n;

	memset(&m, 0, sizeof(m));
	errno = 0;
	n = msgrcv(q, &m, max, type, flags);
	if (n < 0)
		say("get %ld: %s", type, errno_name(errno));
	else
		say("get %ld: %zd bytes of type %ld: %.40s", type, n, m.type, m.text);
}

static void say_queue(void)
{
	struct msqid_ds ds;

	if (R(msgctl(q, IPC_STAT, &ds)))
		return;
	say("%lu messages, %lu bytes of %lu, mode %o, lspid %d lrpid %d, times %d %d %d",
		(unsigned long)ds.msg_qnum, (unsigned long)ds.__msg_cbytes,
		(unsigned long)ds.msg_qbytes, ds.msg_perm.mode, ds.msg_lspid == getpid(),
		ds.msg_lrpid == getpid(), ds.msg_stime != 0, ds.msg_rtime != 0, ds.msg_ctime != 0);
}

static void get_queue(void)
{
	key_t key = (key_t)(0x5c000000 | (getpid() & 0xffff) << 8);

	R(msgget(key, 0600));
	q = msgget(key, IPC_CREAT | 0620);
	T(msgget(key, 0) == q);
	T(msgget(key, IPC_CREAT | 0666) == q);
	R(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
	say_queue();
	R(msgctl(q, IPC_RMID, NULL));
	R(msgctl(q, IPC_RMID, NULL));
	R(msgget(key, 0));
}

static void first_in_first_out(void)
{
	queue(0600);
	say_queue();
	R(put(2, "one", 0));
	R(put(1, "two", 0));
	R(put(2, "", 0));
	say_queue();
	get(0, 100, 0);
	get(0, 100, 0);
	get(0, 100, 0);
	get(0, 100, IPC_NOWAIT);
	say_queue();
}

static void by_type(void)
{
	queue(0600);
	put(5, "five", 0);
	put(3, "three", 0);
	put(7, "seven", 0);
	put(3, "another three", 0);
	put(1, "one", 0);
	get(3, 100, 0);
	get(4, 100, IPC_NOWAIT);
	get(-2, 100, 0);
	get(-2, 100, IPC_NOWAIT);
	get(-6, 100, 0);
	get(5, 100, MSG_EXCEPT);
	get(5, 100, MSG_EXCEPT | IPC_NOWAIT);
	get((long)0x8000000000000000, 100, 0);
}

static void sizes(void)
{
	static struct text m = {.type = 1};

	queue(0600);
	put(1, "0123456789", 0);
	get(0, 9, 0);
	get(0, 0, 0);
	say_queue();
	get(0, 4, MSG_NOERROR);
	say_queue();
	R(msgsnd(q, &m, 8192, 0));
	R(msgsnd(q, &m, 8193, 0));
	R(msgsnd(q, &m, (size_t)-1, 0));
	R(msgrcv(q, &m, 8192, 0, 0));
	R(msgrcv(q, &m, (size_t)-1, 0, 0));
	say_queue();
}

static void refusals(void)
{
	struct text m = {.type = 0};

	queue(0600);
	R(msgsnd(q, &m, 1, 0));
	m.type = -1;
	R(msgsnd(q, &m, 1, 0));
	m.type = 1;
	R(msgsnd(-1, &m, 1, 0));
	R(msgsnd(q + 0x7000000, &m, 1, 0));
	R(msgsnd(q, (void *)8, 1, 0));
	R(msgsnd(-1, (void *)8, 1, 0));
	R(msgsnd(q + 0x7000000, &m, 9000, 0));
	R(msgrcv(-1, &m, 1, 0, 0));
	R(msgrcv(q + 0x7000000, &m, 1, 0, IPC_NOWAIT));
	put(1, "x", 0);
	R(msgrcv(q, (void *)8, 1, 0, 0));
	say_queue();
	R(msgctl(q, -1, NULL));
	R(msgctl(q, 99, NULL));
	R(msgctl(-1, IPC_STAT, NULL));
	R(msgctl(q, IPC_STAT, (void *)8));
	R(msgctl(q, IPC_SET, (void *)8));
	R(msgctl(0x7fff, MSG_STAT, NULL));
}

static void full_queue(void)
{
	static struct text m = {.type = 1};

	queue(0600);
	R(msgsnd(q, &m, 8192, IPC_NOWAIT));
	R(msgsnd(q, &m, 8000, IPC_NOWAIT));
	R(msgsnd(q, &m, 193, IPC_NOWAIT));
	R(msgsnd(q, &m, 192, IPC_NOWAIT));
	R(msgsnd(q, &m, 0, IPC_NOWAIT));
	say_queue();
}

static void empty_messages_count(void)
{
	struct msqid_ds ds;
	struct text m = {.type = 1};

	queue(0600);
	MUST(msgctl(q, IPC_STAT, &ds) == 0);
	ds.msg_qbytes = 3;
	R(msgctl(q, IPC_SET, &ds));
	for (int i = 0; i < 4; i++)
		R(msgsnd(q, &m, 0, IPC_NOWAIT));
	say_queue();
}

static void copy_peeks(void)
{
	queue(0600);
	put(5, "zero", 0);
	put(6, "one", 0);
	get(1, 100, MSG_COPY | IPC_NOWAIT);
	get(0, 100, MSG_COPY | IPC_NOWAIT);
	get(2, 100, MSG_COPY | IPC_NOWAIT);
	get(0, 100, MSG_COPY);
	get(0, 100, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT);
	get(0, 2, MSG_COPY | IPC_NOWAIT);
	say_queue();
}

/* Ends with its errno, and prints nothing. */
static pid_t quiet_receiver(long type, size_t max, int flags)
{
	static struct text m;
	pid_t pid = fork();

	if (pid == 0)
		_exit(msgrcv(q, &m, max, type, flags) < 0 ? errno : 0);
	until_asleep(pid);
	return pid;
}

/* Says what it got: until it is waited for, nobody else may say anything. */
static pid_t receiver(long type, size_t max, int flags)
{
	pid_t pid = fork();

	if (pid == 0) {
		get(type, max, flags);
		_exit(0);
	}
	until_asleep(pid);
	return pid;
}

static void receiver_waits(void)
{
	queue(0600);
	pid_t pid = receiver(2, 100, 0);
	R(put(1, "not for you", 0));
	sleep_ms(50);
	int sent = put(2, "for you", 0);
	reap("receiver", pid);
	V(sent);
	say_queue();
}

static void too_long_for_who_waits(void)
{
	queue(0600);
	pid_t small = quiet_receiver(0, 3, 0), cut = quiet_receiver(0, 3, MSG_NOERROR);
	R(put(1, "long text", 0));
	reap("small", small);
	reap("cut", cut);
	say_queue();
}

static pid_t sender(const char *s)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(put(1, s, 0) ? errno : 0);
	until_asleep(pid);
	return pid;
}

static void limit(unsigned long bytes)
{
	struct msqid_ds ds;

	MUST(msgctl(q, IPC_STAT, &ds) == 0);
	ds.msg_qbytes = bytes;
	MUST(msgctl(q, IPC_SET, &ds) == 0);
}

static void sender_waits(void)
{
	queue(0600);
	limit(10);
	put(1, "0123456789", 0);
	pid_t pid = sender("next");
	say_queue();
	get(0, 100, 0);
	reap("sender", pid);
	get(0, 100, 0);
}

static void more_room_wakes_the_sender(void)
{
	queue(0600);
	limit(10);
	put(1, "0123456789", 0);
	pid_t pid = sender("next");
	limit(20);
	reap("sender", pid);
	say_queue();
}

static void removal_ends_waits(void)
{
	queue(0600);
	limit(10);
	pid_t two = quiet_receiver(2, 100, 0);
	put(1, "0123456789", 0);
	pid_t out = sender("next");
	R(msgctl(q, IPC_RMID, NULL));
	reap("receiver", two);
	reap("sender", out);
	get(0, 100, IPC_NOWAIT);
}

static volatile int handled;
static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void interrupted(int flags, bool sending)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

	sigaction(SIGUSR1, &sa, NULL);
	queue(0600);
	limit(4);
	pid_t pid = signal_when_asleep(SIGUSR1);
	if (sending)
		R(put(1, "12345", 0));
	else
		get(0, 100, 0);
	V(handled);
	reap("child", pid);
	say_queue();
}

static void signal_interrupts_receiver(void)
{
	interrupted(0, false);
}
static void signal_interrupts_sender(void)
{
	interrupted(0, true);
}
static void restart_does_not_help(void)
{
	interrupted(SA_RESTART, false);
}

static void stop_and_continue_goes_on(void)
{
	queue(0600);
	pid_t pid = receiver(0, 100, 0);
	int status;
	kill(pid, SIGSTOP);
	MUST(waitpid(pid, &status, WUNTRACED) == pid);
	say_status("receiver", status);
	kill(pid, SIGCONT);
	until_asleep(pid);
	int sent = put(1, "later", 0);
	reap("receiver", pid);
	V(sent);
}

static void set_changes_what_it_may(void)
{
	struct msqid_ds ds;

	queue(0600);
	MUST(msgctl(q, IPC_STAT, &ds) == 0);
	ds.msg_perm.mode = 07644;
	ds.msg_perm.uid = 8;
	ds.msg_perm.gid = 9;
	ds.msg_qbytes = 10000;
	ds.msg_qnum = 5;
	R(msgctl(q, IPC_SET, &ds));
	say_queue();
	MUST(msgctl(q, IPC_STAT, &ds) == 0);
	say("%u %u", ds.msg_perm.uid, ds.msg_perm.gid);
	ds.msg_perm.uid = (uid_t)-1;
	R(msgctl(q, IPC_SET, &ds));
	T(msgctl(q & 0x7fff, MSG_STAT, &ds) == q);
	T(msgctl(q & 0x7fff, MSG_STAT_ANY, &ds) == q);
}

static void info(void)
{
	struct msginfo i;

	queue(0600);
	put(1, "abc", 0);
	T(msgctl(0, IPC_INFO, (void *)&i) >= 0);
	say("%d %d %d %d %d %d %d %u", i.msgpool, i.msgmap, i.msgmax, i.msgmnb, i.msgmni, i.msgssz,
		i.msgtql, i.msgseg);
	T(msgctl(0, MSG_INFO, (void *)&i) >= 0);
	T(i.msgpool >= 1 && i.msgmap >= 1 && i.msgtql >= 3);
	R(msgctl(0, IPC_INFO, (void *)8));
}

static void as_stranger(void)
{
	struct msqid_ds ds;

	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(put(1, "x", IPC_NOWAIT));
	get(0, 100, IPC_NOWAIT);
	R(msgctl(q, IPC_STAT, &ds));
	ds.msg_qbytes = 1;
	R(msgctl(q, IPC_SET, &ds));
	R(msgctl(q, IPC_RMID, NULL));
}

static void owner_may_not_raise_the_limit(void)
{
	struct msqid_ds ds;

	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	MUST(msgctl(q, IPC_STAT, &ds) == 0);
	ds.msg_qbytes = 16385;
	R(msgctl(q, IPC_SET, &ds));
	ds.msg_qbytes = 16384;
	R(msgctl(q, IPC_SET, &ds));
	R(msgctl(q, IPC_RMID, NULL));
}

static void rights(void)
{
	struct msqid_ds ds;
	static const int modes[][2] = {{0600, 0}, {0604, 0}, {0602, 0}, {0660, 1234}};

	queue(0600);
	MUST(msgctl(q, IPC_STAT, &ds) == 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		ds.msg_perm.mode = modes[i][0];
		ds.msg_perm.gid = modes[i][1];
		MUST(msgctl(q, IPC_SET, &ds) == 0);
		say("-- %o %d", modes[i][0], modes[i][1]);
		in_child("stranger", as_stranger);
	}
	ds.msg_perm.uid = 1234;
	MUST(msgctl(q, IPC_SET, &ds) == 0);
	in_child("owner", owner_may_not_raise_the_limit);
}

static void losing_the_right_ends_the_wait(void)
{
	struct msqid_ds ds;

	queue(0606);
	pid_t pid = fork();
	if (pid == 0) {
		MUST(setgid(1234) == 0 && setuid(1234) == 0);
		_exit(msgrcv(q, &ds, 0, 0, 0) < 0 ? errno : 0);
	}
	until_asleep(pid);
	MUST(msgctl(q, IPC_STAT, &ds) == 0);
	ds.msg_perm.mode = 0600;
	R(msgctl(q, IPC_SET, &ds));
	reap("stranger", pid);
}

static void proc_lists(void)
{
	FILE *f = fopen("/proc/sysvipc/msg", "r");
	char line[256];
	int key, id, mode, bytes, n;

	queue(0640);
	put(1, "abcd", 0);
	MUST(fgets(line, sizeof(line), f) != NULL);
	S(line);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%d %d %d %d %d", &key, &id, &mode, &bytes, &n) == 5 && id == q)
			say("%d %d %d %d %zu", key, mode, bytes, n, strlen(line));
	}
	fclose(f);
}

static void thousands_pass(void)
{
	pid_t pid;
	long sum = 0;
	struct {
		long type, v;
	} m = {1, 0};

	queue(0600);
	pid = fork();
	if (pid == 0) {
		for (m.v = 0; m.v < 3000; m.v++)
			if (msgsnd(q, &m, sizeof(m.v), 0))
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < 3000; i++) {
		if (msgrcv(q, &m, sizeof(m.v), 0, 0) != sizeof(m.v) || m.v != i)
			say("lost %d", i);
		sum += m.v;
	}
	V(sum);
	reap("sender", pid);
}

const struct behaviour behaviours[] = {BEHAVIOUR(get_queue), BEHAVIOUR(first_in_first_out),
	BEHAVIOUR(by_type), BEHAVIOUR(sizes), BEHAVIOUR(refusals), BEHAVIOUR(full_queue),
	BEHAVIOUR(empty_messages_count), BEHAVIOUR(copy_peeks), BEHAVIOUR(receiver_waits),
	BEHAVIOUR(too_long_for_who_waits), BEHAVIOUR(sender_waits),
	BEHAVIOUR(more_room_wakes_the_sender), BEHAVIOUR(removal_ends_waits),
	BEHAVIOUR(signal_interrupts_receiver), BEHAVIOUR(signal_interrupts_sender),
	BEHAVIOUR(restart_does_not_help), BEHAVIOUR(stop_and_continue_goes_on),
	BEHAVIOUR(set_changes_what_it_may), BEHAVIOUR(info), BEHAVIOUR(rights),
	BEHAVIOUR(losing_the_right_ends_the_wait), BEHAVIOUR(proc_lists), BEHAVIOUR(thousands_pass),
	{0}};
