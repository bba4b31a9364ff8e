/* SPDX-License-Identifier: Apache-2.0
 * Limits of the tables of IPC objects and of file watches: by number, by memory, and what is given
 * back. Programs that do not clean up leave the rest to the end of the sandbox.
 */
#include <linux/inotify.h>
#include <linux/msg.h>
#include <linux/sem.h>
#include <asm/resource.h>
#include <string.h>

#include "io.h"
#include "fs/vfs.h"
#include "ipc/ipc_internal.h"

#define GET_FLAGS (IPC_CREAT | 0600)
#define INDEX(id) ((id)&0x7fff)
#define MSG_SIZE  8000

static void segments_by_number(void *arg)
{
	long first = u_syscall(__NR_shmget, IPC_PRIVATE, 1, GET_FLAGS), id = first;

	for (u32 i = 1; i < IPC_SHMMNI; i++)
		id = u_syscall(__NR_shmget, IPC_PRIVATE, 1, GET_FLAGS);
	u_check(id > 0);
	u_expect(u_syscall(__NR_shmget, IPC_PRIVATE, 1, GET_FLAGS), -ENOSPC);
	u_expect(u_syscall(__NR_shmctl, first, IPC_RMID, 0), 0);
	u_expect(u_syscall(__NR_shmctl, first, IPC_RMID, 0), -EINVAL);
	id = u_syscall(__NR_shmget, IPC_PRIVATE, 1, GET_FLAGS);
	u_check(id > 0 && id != first);
	u_expect(u_syscall(__NR_shmget, IPC_PRIVATE, 1, GET_FLAGS), -ENOSPC);
}

static void test_segments_are_limited_by_number(void **state)
{
	run_program(segments_by_number, EXITED(0));
}

/* An index comes again with another sequence number, and only after the cycle. */
static void sequence_numbers(void *arg)
{
	long first = u_syscall(__NR_semget, IPC_PRIVATE, 1, GET_FLAGS), id = first;
	u32 rounds = 0;

	do {
		u_expect(u_syscall(__NR_semctl, id, 0, IPC_RMID), 0);
		id = u_syscall(__NR_semget, IPC_PRIVATE, 1, GET_FLAGS);
		rounds++;
	} while (INDEX(id) != INDEX(first));
	u_expect(rounds, 64);
	u_check(id != first);
	u_expect(u_syscall(__NR_semctl, first, 0, GETVAL), -EINVAL);
	u_expect(u_syscall(__NR_semctl, id, 0, GETVAL), 0);
}

static void test_ids_come_again_with_another_sequence(void **state)
{
	run_program(sequence_numbers, EXITED(0));
}

/* Messages in many queues: until IPC has its share of memory, not until the shim has none. */
static void messages_by_memory(void *arg)
{
	u64 share = pages_total() * PAGE_SIZE / 16, sent = 0;
	long id, r = 0, last = -1;

	u_put64(A, 1);
	while (!r && sent <= share) {
		id = u_syscall(__NR_msgget, IPC_PRIVATE, GET_FLAGS);
		if (id < 0) {
			r = id;
			break;
		}
		last = id;
		for (u32 i = 0; i < 2 && !r; i++, sent += MSG_SIZE)
			r = u_syscall(__NR_msgsnd, id, A, MSG_SIZE, IPC_NOWAIT);
	}
	u_expect(r, -ENOMEM);
	u_check(sent > share / 2);
	/* what is removed can be used again */
	u_expect(u_syscall(__NR_msgctl, 0, IPC_RMID, 0), 0);
	u_expect(u_syscall(__NR_msgsnd, last, A, 100, IPC_NOWAIT), 0);
	for (s32 i = 0; i <= ipc_max_index(IPC_MSG_IDS); i++) {
		struct ipc_object *o = ipc_at(IPC_MSG_IDS, i);

		if (o)
			u_expect(u_syscall(__NR_msgctl, o->id, IPC_RMID, 0), 0);
	}
	u_expect(ipc_state()->charged, 0);
	u_expect(ipc_state()->msg_bytes, 0);
}

static void test_messages_are_limited_by_memory(void **state)
{
	run_program(messages_by_memory, EXITED(0));
}

static void arrays_by_memory(void *arg)
{
	long r, n = 0;

	while ((r = u_syscall(__NR_semget, IPC_PRIVATE, IPC_SEMMSL, GET_FLAGS)) >= 0)
		n++;
	u_expect(r, -ENOMEM);
	u_check(n > 0 && n < 4096);
	u_expect(u_syscall(__NR_semctl, 0, 0, IPC_RMID), 0);
	u_check(u_syscall(__NR_semget, IPC_PRIVATE, IPC_SEMMSL, GET_FLAGS) >= 0);
}

static void test_arrays_are_limited_by_memory(void **state)
{
	run_program(arrays_by_memory, EXITED(0));
}

/* Undo entries of arrays and of tasks, whichever goes first. */
static void undoes_both(void *arg)
{
	long *id = arg;
	struct sembuf op = {0, 1, SEM_UNDO};

	u_write(A, &op, sizeof(op));
	u_expect(u_syscall(__NR_semop, id[0], A, 1), 0);
	u_expect(u_syscall(__NR_semop, id[1], A, 1), 0);
	u_expect(u_syscall(__NR_semctl, id[0], 0, IPC_RMID), 0);
}

static void undo_and_removal(void *arg)
{
	static long id[2];
	long child;

	id[0] = u_syscall(__NR_semget, IPC_PRIVATE, 3, GET_FLAGS);
	id[1] = u_syscall(__NR_semget, IPC_PRIVATE, 3, GET_FLAGS);
	child = u_fork(undoes_both, id);
	u_expect(u_syscall(__NR_wait4, child, 0, 0, 0), child);
	u_expect(u_syscall(__NR_semctl, id[1], 0, GETVAL), 0);
	u_expect(u_syscall(__NR_semctl, id[1], 0, IPC_RMID), 0);
	u_expect(ipc_state()->charged, 0);
}

static void test_undo_goes_with_its_array_or_its_task(void **state)
{
	run_program(undo_and_removal, EXITED(0));
}

/* A sleeper's object is removed under it. */
static void sleeps_on_queue(void *arg)
{
	long id = *(long *)arg;

	u_put64(A, 1);
	u_expect(u_syscall(__NR_msgrcv, id, A, 100, 0, 0), -EIDRM);
}

static void removed_under_sleepers(void *arg)
{
	static long id;
	long child[2];

	id = u_syscall(__NR_msgget, IPC_PRIVATE, GET_FLAGS);
	child[0] = u_fork(sleeps_on_queue, &id);
	child[1] = u_fork(sleeps_on_queue, &id);
	u_sleep(1000000);
	u_expect(u_syscall(__NR_msgctl, id, IPC_RMID, 0), 0);
	for (u32 i = 0; i < 2; i++) {
		u_expect(u_syscall(__NR_wait4, child[i], A, 0, 0), child[i]);
		u_expect(u_get32(A), 0);
	}
}

static void test_removal_wakes_sleepers(void **state)
{
	run_program(removed_under_sleepers, EXITED(0));
}

/* The last mapping of a removed segment takes it along, wherever that goes. */
static void removed_segment(void *arg)
{
	long id = u_syscall(__NR_shmget, IPC_PRIVATE, 3 * PAGE_SIZE, GET_FLAGS);
	u64 at = (u64)u_syscall(__NR_shmat, id, 0, 0);

	u_check((s64)at > 0);
	u_put32(at, 7);
	u_expect(u_syscall(__NR_munmap, at + PAGE_SIZE, PAGE_SIZE), 0); /* two pieces */
	u_expect(u_syscall(__NR_shmctl, id, IPC_RMID, 0), 0);
	u_expect(u_get32(at), 7);
	u_expect(u_syscall(__NR_munmap, at, PAGE_SIZE), 0);
	u_expect(ipc_state()->ids[IPC_SHM_IDS].in_use, 1);
	u_expect(u_syscall(__NR_munmap, at + 2 * PAGE_SIZE, PAGE_SIZE), 0);
	u_expect(ipc_state()->ids[IPC_SHM_IDS].in_use, 0);
	u_expect(ipc_state()->shm_pages, 0);
	u_expect(ipc_state()->charged, 0);
}

static void test_segment_goes_with_its_last_mapping(void **state)
{
	run_program(removed_segment, EXITED(0));
}

static long open_queue(const char *name)
{
	u_write(B, name, strlen(name) + 1);
	return u_syscall(__NR_mq_open, B, O_RDWR | O_CREAT | O_NONBLOCK, 0600, A);
}

static void queues_by_claim(void *arg)
{
	char name[2] = "a";
	u64 attr[8] = {0, 10, 1000};
	long fd = -1, r;

	u_put64s(A + 256, 50000, 50000);
	u_expect(u_syscall(__NR_prlimit64, 0, RLIMIT_MSGQUEUE, A + 256, 0), 0);
	u_write(A, attr, sizeof(attr));
	while ((r = open_queue(name)) >= 0) {
		fd = r;
		name[0]++;
	}
	u_expect(r, -EMFILE);
	u_expect(name[0], 'a' + 4);
	/* an unlinked queue counts until it is closed */
	name[0]--;
	u_write(B, name, 2);
	u_expect(u_syscall(__NR_mq_unlink, B), 0);
	u_expect(open_queue(name), -EMFILE);
	u_expect(u_syscall(__NR_close, fd), 0);
	u_check(open_queue(name) >= 0);
}

static void test_queues_count_against_the_limit(void **state)
{
	run_program(queues_by_claim, EXITED(0));
}

static void watch_events(void *arg)
{
	long in = u_syscall(__NR_inotify_init1, O_NONBLOCK), wd;
	u32 events = 0;
	struct inotify_event e;

	u_write(A, "/dev/shm", 9);
	u_write(B, "/dev/shm/a", 11);
	wd = u_syscall(__NR_inotify_add_watch, in, A, IN_CREATE | IN_DELETE);
	u_expect(wd, 1);
	for (u32 i = 0; i < INOTIFY_QUEUE_MAX; i++) {
		u_expect(u_syscall(__NR_mknod, B, 0100600, 0), 0);
		u_expect(u_syscall(__NR_unlink, B), 0);
	}
	while (io_read(in, &e, sizeof(e)) == -EINVAL) { /* a name follows: not the last */
		char buf[32];

		u_expect(io_read(in, buf, sizeof(buf)), 32);
		events++;
	}
	u_expect(events, INOTIFY_QUEUE_MAX);
	u_expect(e.mask, IN_Q_OVERFLOW);
	u_expect(kern->nwatches, 1);
	u_expect(u_syscall(__NR_close, in), 0);
	u_expect(kern->nwatches, 0);
}

static void test_events_are_limited(void **state)
{
	run_program(watch_events, EXITED(0));
}

TESTS(ipc, cmocka_unit_test(test_segments_are_limited_by_number),
	cmocka_unit_test(test_ids_come_again_with_another_sequence),
	cmocka_unit_test(test_messages_are_limited_by_memory),
	cmocka_unit_test(test_arrays_are_limited_by_memory),
	cmocka_unit_test(test_undo_goes_with_its_array_or_its_task),
	cmocka_unit_test(test_removal_wakes_sleepers),
	cmocka_unit_test(test_segment_goes_with_its_last_mapping),
	cmocka_unit_test(test_queues_count_against_the_limit),
	cmocka_unit_test(test_events_are_limited));
