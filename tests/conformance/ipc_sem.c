/* SPDX-License-Identifier: Apache-2.0 */
/* System V semaphores. */
#include "behave.h"

#include <pthread.h>
#include <sys/ipc.h>
#include <sys/sem.h>

#ifndef SEM_STAT_ANY
#define SEM_STAT_ANY 20
#endif

static int set_id = -1;

static void clean(void)
{
	semctl(set_id, 0, IPC_RMID);
}

/* The set of the behaviour, which goes with it. */
static int array(int n, int mode)
{
	set_id = semget(IPC_PRIVATE, n, mode);
	MUST(set_id >= 0);
	atexit(clean);
	return set_id;
}

static int op1(int num, int op, int flags)
{
	struct sembuf b = {(unsigned short)num, (short)op, (short)flags};

	return semop(set_id, &b, 1);
}

static void say_values(void)
{
	struct semid_ds ds;
	char text[256];
	size_t at = 0;

	MUST(semctl(set_id, 0, IPC_STAT, &ds) == 0);
	for (int i = 0; i < (int)ds.sem_nsems; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %d(%s)",
			semctl(set_id, i, GETVAL),
			semctl(set_id, i, GETPID) == getpid() ? "me"
			: semctl(set_id, i, GETPID)	      ? "other"
							      : "0");
	say("values%s otime %d ctime %d mode %o", text, ds.sem_otime != 0, ds.sem_ctime != 0,
		ds.sem_perm.mode);
}

static key_t a_key(int n)
{
	return (key_t)(0x5b000000 | (getpid() & 0xffff) << 8 | n);
}

static void get_refuses(void)
{
	R(semget(IPC_PRIVATE, 0, 0600));
	R(semget(IPC_PRIVATE, -1, 0600));
	R(semget(IPC_PRIVATE, 32001, 0600));
	R(semget(a_key(1), 1, 0600));
	R(semget(a_key(1), 0, IPC_CREAT | 0600));
}

static void get_by_key(void)
{
	int id = semget(a_key(2), 3, IPC_CREAT | 0600);

	set_id = id;
	T(semget(a_key(2), 3, 0) == id);
	T(semget(a_key(2), 0, 0) == id);
	R(semget(a_key(2), 4, 0));
	R(semget(a_key(2), 4, IPC_CREAT | IPC_EXCL));
	R(semget(a_key(2), 40000, 0));
	say_values();
	R(semctl(id, 0, IPC_RMID));
	R(semctl(id, 0, IPC_RMID));
	R(semget(a_key(2), 3, 0));
}

static void operations_refuse(void)
{
	static struct sembuf many[501];
	struct sembuf b = {0, 1, 0};
	struct timespec bad = {0, -1}, bad2 = {-1, 0};

	array(2, 0600);
	R(semop(set_id, &b, 0));
	R(semop(set_id, many, 501));
	R(semop(set_id, (void *)8, 501));
	R(semop(set_id, (void *)8, 1));
	R(semop(-1, &b, 1));
	R(semop(-1, (void *)8, 1));
	R(semop(set_id + 0x7000000, &b, 1));
	R(semtimedop(set_id, &b, 1, &bad));
	R(semtimedop(set_id, &b, 1, &bad2));
	R(semtimedop(set_id, &b, 1, (void *)8));
	R(semtimedop(-1, (void *)8, 501, (void *)8));
	b.sem_num = 2;
	R(semop(set_id, &b, 1));
	R(semop(set_id, many, 500));
	say_values();
}

static void up_and_down(void)
{
	array(2, 0600);
	R(op1(0, 3, 0));
	R(op1(0, -2, 0));
	R(op1(0, -2, IPC_NOWAIT));
	R(op1(1, 0, 0));
	R(op1(0, 0, IPC_NOWAIT));
	say_values();
}

static void all_or_nothing(void)
{
	struct sembuf b[] = {{0, 5, 0}, {1, 7, 0}, {0, -3, 0}, {2, -1, IPC_NOWAIT}};
	struct sembuf c[] = {{0, 5, 0}, {0, -2, 0}, {0, -3, 0}, {0, 0, 0}, {1, 1, 0}};
	struct sembuf d[] = {{0, 1, IPC_NOWAIT}, {0, -2, 0}, {1, 0, IPC_NOWAIT}};

	array(3, 0600);
	R(semop(set_id, b, 4));
	say_values();
	R(semop(set_id, c, 5));
	say_values();
	R(op1(0, 1, 0));
	R(semop(set_id, d, 3));
	say_values();
}

static void range(void)
{
	array(1, 0600);
	R(op1(0, 32767, 0));
	R(op1(0, 1, 0));
	R(op1(0, 1, IPC_NOWAIT));
	R(op1(0, -32767, SEM_UNDO));
	R(op1(0, 32767, 0));
	R(op1(0, -32767, SEM_UNDO));
	say_values();
}

static void control_values(void)
{
	unsigned short vals[3] = {4, 5, 6}, big[3] = {1, 32768, 2};

	array(3, 0600);
	R(semctl(set_id, 0, SETALL, vals));
	say_values();
	R(semctl(set_id, 1, SETVAL, 77));
	memset(vals, 0, sizeof(vals));
	R(semctl(set_id, 99, GETALL, vals));
	say("%d %d %d", vals[0], vals[1], vals[2]);
	R(semctl(set_id, 0, SETALL, big));
	R(semctl(set_id, 0, SETALL, (void *)8));
	R(semctl(set_id, 0, GETALL, (void *)8));
	R(semctl(set_id, 0, SETVAL, -1));
	R(semctl(set_id, 0, SETVAL, 32768));
	R(semctl(set_id, 9, SETVAL, 32768));
	R(semctl(set_id, 3, SETVAL, 1));
	R(semctl(set_id, -1, SETVAL, 1));
	R(semctl(set_id, 3, GETVAL));
	R(semctl(set_id, -1, GETPID));
	R(semctl(set_id, 3, GETNCNT));
	R(semctl(set_id, 3, GETZCNT));
	say_values();
}

static void control_refuses(void)
{
	struct semid_ds ds = {0};

	array(1, 0600);
	R(semctl(-1, 0, IPC_STAT, &ds));
	R(semctl(-1, 0, 99, &ds));
	R(semctl(set_id, 0, 99, &ds));
	R(semctl(set_id, 0, -1, &ds));
	R(semctl(set_id + 0x7000000, 0, IPC_STAT, &ds));
	R(semctl(set_id + 0x7000000, 0, GETVAL));
	R(semctl(set_id + 0x7000000, 0, SETVAL, 1));
	R(semctl(set_id, 0, IPC_STAT, (void *)8));
	R(semctl(set_id, 0, IPC_SET, (void *)8));
	R(semctl(0x7fff, 0, SEM_STAT, &ds));
	ds.sem_perm.gid = (gid_t)-1;
	R(semctl(set_id, 0, IPC_SET, &ds));
}

static void set_and_stat(void)
{
	struct semid_ds ds;

	array(2, 0600);
	MUST(semctl(set_id, 0, IPC_STAT, &ds) == 0);
	ds.sem_perm.mode = 0177644;
	ds.sem_perm.uid = 3;
	ds.sem_perm.gid = 4;
	ds.sem_nsems = 9;
	R(semctl(set_id, 0, IPC_SET, &ds));
	R(semctl(set_id, 0, IPC_STAT, &ds));
	say("%o %u %u %d", ds.sem_perm.mode, ds.sem_perm.uid, ds.sem_perm.gid, (int)ds.sem_nsems);
	T(semctl(set_id & 0x7fff, 0, SEM_STAT, &ds) == set_id);
	T(semctl(set_id & 0x7fff, 0, SEM_STAT_ANY, &ds) == set_id);
	T(ds.sem_perm.__seq == set_id >> 15);
}

static void info(void)
{
	struct seminfo i;

	array(5, 0600);
	T(semctl(0, 0, IPC_INFO, &i) >= 0);
	say("%d %d %d %d %d %d %d %d %d %d", i.semmap, i.semmni, i.semmns, i.semmnu, i.semmsl,
		i.semopm, i.semume, i.semusz, i.semvmx, i.semaem);
	T(semctl(0, 0, SEM_INFO, &i) >= 0);
	T(i.semusz >= 1 && i.semaem >= 5);
	R(semctl(0, 0, IPC_INFO, (void *)8));
}

static int waiters(int num)
{
	return semctl(set_id, num, GETNCNT) + semctl(set_id, num, GETZCNT);
}

/* Until it sleeps. */
static pid_t child_that(int num, int op, int flags)
{
	int before = waiters(num);
	pid_t pid = fork();

	if (pid == 0) {
		/* says nothing: it may run before or after what woke it */
		_exit(op1(num, op, flags) ? errno : 0);
	}
	for (int i = 0; i < 500 && waiters(num) == before; i++)
		sleep_ms(10);
	return pid;
}

static void say_counts(int num)
{
	say("ncnt %d zcnt %d", semctl(set_id, num, GETNCNT), semctl(set_id, num, GETZCNT));
}

static void down_waits_for_up(void)
{
	array(1, 0600);
	pid_t pid = child_that(0, -3, 0);
	say_counts(0);
	R(op1(0, 2, 0));
	sleep_ms(50);
	say_counts(0);
	R(op1(0, 2, 0));
	reap("child", pid);
	say_values();
	say_counts(0);
}

static void zero_is_waited_for(void)
{
	array(1, 0600);
	op1(0, 2, 0);
	pid_t pid = child_that(0, 0, 0);
	say_counts(0);
	R(op1(0, -1, 0));
	sleep_ms(50);
	say_counts(0);
	R(op1(0, -1, 0));
	reap("child", pid);
	say_values();
}

static void setval_wakes(void)
{
	array(2, 0600);
	pid_t pid = child_that(1, -5, 0);
	R(semctl(set_id, 1, SETVAL, 5));
	reap("child", pid);
	say_values();
	unsigned short vals[2] = {1, 4};
	pid = child_that(1, -4, 0);
	R(semctl(set_id, 0, SETALL, vals));
	reap("child", pid);
	say_values();
}

static void zero_comes_before_down(void)
{
	array(1, 0600);
	op1(0, 1, 0);
	pid_t down = child_that(0, -2, 0), zero = child_that(0, 0, 0);
	say_counts(0);
	R(op1(0, -1, 0));
	reap("zero", zero);
	R(op1(0, 2, 0));
	reap("down", down);
	say_values();
}

static void a_wake_makes_another(void)
{
	struct sembuf relay[] = {{0, -1, 0}, {1, 1, 0}};

	array(2, 0600);
	pid_t last = child_that(1, -1, 0), pid = fork();
	if (pid == 0)
		_exit(semop(set_id, relay, 2));
	until_asleep(pid);
	R(op1(0, 1, 0));
	reap("relay", pid);
	reap("last", last);
	say_values();
}

static void nowait_of_a_waiter(void)
{
	struct sembuf b[] = {{0, -1, 0}, {1, -1, IPC_NOWAIT}};

	array(2, 0600);
	pid_t pid = fork();
	if (pid == 0)
		_exit(semop(set_id, b, 2) ? errno : 0);
	until_asleep(pid);
	R(op1(0, 1, 0));
	reap("child", pid);
	say_values();
}

static void removal_ends_waits(void)
{
	array(1, 0600);
	pid_t down = child_that(0, -1, 0), undo = child_that(0, -1, SEM_UNDO);
	R(semctl(set_id, 0, IPC_RMID));
	reap("down", down);
	reap("undo", undo);
	R(op1(0, 1, 0));
}

static volatile int handled;
static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void interrupted(int flags)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

	sigaction(SIGUSR1, &sa, NULL);
	array(1, 0600);
	pid_t pid = signal_when_asleep(SIGUSR1);
	R(op1(0, -1, SEM_UNDO));
	V(handled);
	say_counts(0);
	reap("child", pid);
	say_values();
}

static void signal_interrupts(void)
{
	interrupted(0);
}

static void signal_interrupts_even_with_restart(void)
{
	interrupted(SA_RESTART);
}

static void timeout(void)
{
	struct sembuf b = {0, -1, 0};
	struct timespec t = {0, 60000000}, zero = {0, 0};
	int64_t start = now_ns(CLOCK_MONOTONIC);

	array(1, 0600);
	R(semtimedop(set_id, &b, 1, &t));
	T(now_ns(CLOCK_MONOTONIC) - start >= 60000000);
	R(semtimedop(set_id, &b, 1, &zero));
	b.sem_op = 1;
	R(semtimedop(set_id, &b, 1, &zero));
	b.sem_op = -1;
	R(semtimedop(set_id, &b, 1, NULL));
	say_counts(0);
}

static void exit_undoes(void)
{
	array(2, 0600);
	op1(0, 5, 0);
	pid_t pid = fork();
	if (pid == 0) {
		R(op1(0, -3, SEM_UNDO));
		R(op1(1, 4, SEM_UNDO));
		R(op1(1, 1, 0));
		say_values();
		_exit(0);
	}
	reap("child", pid);
	say_values();
}

static void undo_is_cut_at_zero(void)
{
	array(1, 0600);
	pid_t pid = fork();
	if (pid == 0) {
		op1(0, 5, SEM_UNDO);
		op1(0, -3, 0);
		_exit(0);
	}
	reap("child", pid);
	say_values();
}

static void undo_wakes(void)
{
	array(1, 0600);
	op1(0, 1, 0);
	pid_t holder = fork();
	if (holder == 0) {
		op1(0, -1, SEM_UNDO);
		pause();
	}
	until_asleep(holder);
	pid_t waiter = child_that(0, -1, 0);
	kill(holder, SIGKILL);
	reap("holder", holder);
	reap("waiter", waiter);
	say_values();
}

static void setval_forgets_undo(void)
{
	array(2, 0600);
	pid_t pid = fork();
	if (pid == 0) {
		unsigned short vals[2] = {8, 9};

		op1(0, 5, SEM_UNDO);
		op1(1, 5, SEM_UNDO);
		semctl(set_id, 0, SETVAL, 7);
		say_values();
		op1(0, 1, SEM_UNDO);
		semctl(set_id, 0, SETALL, vals);
		_exit(0);
	}
	reap("child", pid);
	say_values();
}

static void fork_does_not_inherit_undo(void)
{
	array(1, 0600);
	pid_t pid = fork();
	if (pid == 0) {
		op1(0, 5, SEM_UNDO);
		pid_t inner = fork();
		if (inner == 0)
			_exit(0);
		waitpid(inner, NULL, 0);
		say_values();
		_exit(0);
	}
	reap("child", pid);
	say_values();
}

int behave_child(int argc, char **argv)
{
	(void)argc;
	set_id = atoi(argv[0]);
	say_values();
	return 0;
}

static void exec_keeps_undo(void)
{
	char id[16];

	array(1, 0600);
	snprintf(id, sizeof(id), "%d", set_id);
	pid_t pid = fork();
	if (pid == 0) {
		op1(0, 5, SEM_UNDO);
		execl(self_path(), self_path(), "--child", id, NULL);
		_exit(1);
	}
	reap("child", pid);
	say_values();
}

static void *thread_up(void *arg)
{
	op1(0, 2, SEM_UNDO);
	return arg;
}

static void threads_share_undo(void)
{
	array(1, 0600);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_t t;

		pthread_create(&t, NULL, thread_up, NULL);
		pthread_join(t, NULL);
		say_values();
		op1(0, -1, SEM_UNDO);
		say_values();
		_exit(0);
	}
	reap("child", pid);
	say_values();
}

static void *thread_down(void *arg)
{
	*(int *)arg = op1(0, -1, 0);
	return arg;
}

static void thread_waits_while_another_ups(void)
{
	int down = -1;
	pthread_t t;

	array(1, 0600);
	pthread_create(&t, NULL, thread_down, &down);
	until_threads_asleep();
	say_counts(0);
	R(op1(0, 1, 0));
	pthread_join(t, NULL);
	say("thread: %d", down);
	say_values();
}

static void as_stranger(void)
{
	struct semid_ds ds;
	unsigned short vals[1] = {0};

	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(op1(0, 1, 0));
	R(op1(0, 0, IPC_NOWAIT));
	R(op1(5, 1, 0));
	R(semctl(set_id, 0, GETVAL));
	R(semctl(set_id, 7, GETVAL));
	R(semctl(set_id, 0, SETVAL, 0));
	R(semctl(set_id, 0, SETALL, vals));
	R(semctl(set_id, 0, IPC_STAT, &ds));
	R(semctl(set_id, 0, IPC_RMID));
}

static void rights(void)
{
	struct semid_ds ds;
	static const int modes[][2] = {{0600, 0}, {0604, 0}, {0602, 0}, {0640, 1234}, {0606, 0}};

	array(1, 0600);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		MUST(semctl(set_id, 0, IPC_STAT, &ds) == 0);
		ds.sem_perm.mode = modes[i][0];
		ds.sem_perm.gid = modes[i][1];
		MUST(semctl(set_id, 0, IPC_SET, &ds) == 0);
		say("-- %o %d", modes[i][0], modes[i][1]);
		in_child("stranger", as_stranger);
	}
}

static void many_operations(void)
{
	static struct sembuf b[500];

	array(500, 0600);
	for (int i = 0; i < 500; i++)
		b[i] = (struct sembuf){(unsigned short)i, (short)(i + 1), 0};
	R(semop(set_id, b, 500));
	V(semctl(set_id, 499, GETVAL));
	b[499].sem_op = -1000;
	b[499].sem_flg = IPC_NOWAIT;
	R(semop(set_id, b, 500));
	V(semctl(set_id, 0, GETVAL));
}

static void proc_lists(void)
{
	FILE *f = fopen("/proc/sysvipc/sem", "r");
	char line[256];
	int key, id, mode, n;

	array(7, 0640);
	MUST(fgets(line, sizeof(line), f) != NULL);
	S(line);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%d %d %d %d", &key, &id, &mode, &n) == 4 && id == set_id)
			say("%d %d %d %zu", key, mode, n, strlen(line));
	}
	fclose(f);
}

const struct behaviour behaviours[] = {BEHAVIOUR(get_refuses), BEHAVIOUR(get_by_key),
	BEHAVIOUR(operations_refuse), BEHAVIOUR(up_and_down), BEHAVIOUR(all_or_nothing),
	BEHAVIOUR(range), BEHAVIOUR(control_values), BEHAVIOUR(control_refuses),
	BEHAVIOUR(set_and_stat), BEHAVIOUR(info), BEHAVIOUR(down_waits_for_up),
	BEHAVIOUR(zero_is_waited_for), BEHAVIOUR(setval_wakes), BEHAVIOUR(zero_comes_before_down),
	BEHAVIOUR(a_wake_makes_another), BEHAVIOUR(nowait_of_a_waiter),
	BEHAVIOUR(removal_ends_waits), BEHAVIOUR(signal_interrupts),
	BEHAVIOUR(signal_interrupts_even_with_restart), BEHAVIOUR(timeout), BEHAVIOUR(exit_undoes),
	BEHAVIOUR(undo_is_cut_at_zero), BEHAVIOUR(undo_wakes), BEHAVIOUR(setval_forgets_undo),
	BEHAVIOUR(fork_does_not_inherit_undo), BEHAVIOUR(exec_keeps_undo),
	BEHAVIOUR(threads_share_undo), BEHAVIOUR(thread_waits_while_another_ups), BEHAVIOUR(rights),
	BEHAVIOUR(many_operations), BEHAVIOUR(proc_lists), {0}};
