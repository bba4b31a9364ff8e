/* SPDX-License-Identifier: Apache-2.0
 *
 * Another process of the host changes the tree while the guest walks: it must never get out, and
 * never hang. Each race runs for a time rather than a count, so that the windows are really met: a
 * build without O_NOFOLLOW or O_NONBLOCK fails here.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

#define RACE_NS 1500000000ull

/* Two names of the writable directory that change places all the time. */
static struct {
	int fd;
	const char *a, *b;
	atomic_bool stop;
	unsigned long swaps;
	pthread_t thread;
	uint64_t end;
} race;

static void *race_main(void *arg)
{
	while (!atomic_load(&race.stop))
		race.swaps += !renameat2(race.fd, race.a, race.fd, race.b, RENAME_EXCHANGE);
	return NULL;
}

static void race_start(struct world *w, const char *a, const char *b)
{
	race.fd = w->rw_fd;
	race.a = a;
	race.b = b;
	race.swaps = 0;
	race.end = now_ns() + RACE_NS;
	atomic_store(&race.stop, false);
	pthread_create(&race.thread, NULL, race_main, NULL);
}

static void race_stop(void)
{
	atomic_store(&race.stop, true);
	pthread_join(race.thread, NULL);
	assert_true(race.swaps > 100); /* or it was no race */
}

static void test_directory(void **state)
{
	struct world *w = *state;
	unsigned dirs = 0, links = 0;
	struct stat secret;

	fstatat(w->top_fd, "secret", &secret, 0);
	mkdirat(w->rw_fd, "swap", 0755);
	put_file(w->rw_fd, "swap/key", "decoy");
	race_start(w, "swap", "out");
	while (now_ns() < race.end) {
		int64_t n = call_name(w, WALK, "swap/key", w->rw);
		uint64_t d;

		if (n == 0) {
			assert_int_equal(walk_ent(w, 0)->err, -EAGAIN);
			continue;
		}
		assert_int_not_equal(walk_ent(w, 0)->attr.ino, secret.st_ino);
		d = walk_ent(w, 0)->handle;
		if (!d) {
			assert_true(S_ISLNK(walk_ent(w, 0)->attr.mode));
			assert_int_equal(n, 1);
			links++;
			continue;
		}
		dirs++;
		assert_int_equal(n, 2);
		assert_int_equal(walk_ent(w, 1)->attr.size, 5); /* "decoy", not "key" */
		assert_int_equal(call_name(w, GETATTR, "key", d), 0);
		assert_int_equal(last_attr(w).size, 5);
		assert_int_equal(call(w, FORGET, d), 0);
	}
	race_stop();
	assert_true(dirs && links);
}

/* Opens swapf while it is in turn "decoy" and something that must not be opened. */
static void race_open(struct world *w, const char *other)
{
	unsigned opened = 0, refused = 0;

	race_start(w, "swapf", other);
	while (now_ns() < race.end) {
		uint64_t flags = CHAN_O_READ;
		int64_t f;

		if ((opened + refused) % 8 == 7)
			flags |= CHAN_O_WRITE | CHAN_O_CREAT;
		f = call_name(w, OPEN, "swapf", w->rw, flags, 0600);
		if (f < 0) {
			assert_true(f == -ELOOP || f == -EACCES);
			refused++;
			continue;
		}
		opened++;
		assert_int_equal(call_io(w, CHAN_OP_READ, (uint64_t)f, 0, 0, 100), 5);
		assert_memory_equal(w->mem.ram, "decoy", 5);
		assert_int_equal(call(w, FORGET, f), 0);
	}
	race_stop();
	assert_true(opened && refused);
}

static void test_file(void **state)
{
	struct world *w = *state;

	put_file(w->rw_fd, "swapf", "decoy");
	assert_int_equal(symlinkat("../secret/key", w->rw_fd, "keylink"), 0);
	race_open(w, "keylink");
	assert_string_equal(get_file(w->top_fd, "secret/key"), "key");
}

static void test_fifo(void **state)
{
	struct world *w = *state;

	put_file(w->rw_fd, "swapf", "decoy");
	assert_int_equal(mkfifoat(w->rw_fd, "fifo", 0666), 0);
	alarm(60); /* a hang ends the run */
	race_open(w, "fifo");
	alarm(0);
}

/* A directory moved out of the grant keeps working by its handle, as a dirfd does; but not upwards.
 */
static void test_moved_out(void **state)
{
	struct world *w = *state;
	uint64_t d;

	assert_int_equal(call_name(w, WALK, "dir", w->rw), 1);
	d = walk_ent(w, 0)->handle;
	assert_int_equal(renameat(w->rw_fd, "dir", w->top_fd, "secret/dir"), 0);
	assert_int_equal(call(w, GETATTR, d), 0);
	assert_int_equal(call_name(w, WALK, "..", d), -EINVAL);
	assert_int_equal(call_name(w, GETATTR, "key", d), -ENOENT);
}

TESTS(race, WORLD_TEST(test_directory), WORLD_TEST(test_file), WORLD_TEST(test_fifo),
	WORLD_TEST(test_moved_out));
