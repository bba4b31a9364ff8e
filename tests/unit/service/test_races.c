/* SPDX-License-Identifier: Apache-2.0
 *
 * Another process of the host changes the tree while the guest walks: it must never get out.
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

#define ROUNDS 30000

static atomic_bool stop;
static int rw_fd;

/* "swap" is in turn a directory, and a link to the secret. */
static void *swap_dir(void *arg)
{
	while (!atomic_load(&stop))
		renameat2(rw_fd, "swap", rw_fd, "out", RENAME_EXCHANGE);
	return NULL;
}

/* "swapf" is in turn a file, a link to the secret's key, and a FIFO. */
static void *swap_file(void *arg)
{
	while (!atomic_load(&stop)) {
		renameat2(rw_fd, "swapf", rw_fd, "keylink", RENAME_EXCHANGE);
		renameat2(rw_fd, "swapf", rw_fd, "fifo", RENAME_EXCHANGE);
	}
	return NULL;
}

static void test_directory(void **state)
{
	struct world *w = *state;
	unsigned dirs = 0, links = 0;
	struct stat secret;
	pthread_t t;

	fstatat(w->top_fd, "secret", &secret, 0);
	mkdirat(w->rw_fd, "swap", 0755);
	put_file(w->rw_fd, "swap/key", "decoy");
	rw_fd = w->rw_fd;
	atomic_store(&stop, false);
	pthread_create(&t, NULL, swap_dir, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
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
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	assert_true(dirs && links); /* or it was no race */
}

static void test_file(void **state)
{
	struct world *w = *state;
	unsigned opened = 0, refused = 0;
	pthread_t t;

	put_file(w->rw_fd, "swapf", "decoy");
	assert_int_equal(symlinkat("../secret/key", w->rw_fd, "keylink"), 0);
	assert_int_equal(mkfifoat(w->rw_fd, "fifo", 0666), 0);
	rw_fd = w->rw_fd;
	atomic_store(&stop, false);
	pthread_create(&t, NULL, swap_file, NULL);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t flags = i & 1 ? CHAN_O_READ : CHAN_O_READ | CHAN_O_WRITE | CHAN_O_CREAT;
		int64_t f = call_name(w, OPEN, "swapf", w->rw, flags, 0600);

		if (f < 0) {
			assert_true(f == -ELOOP || f == -EACCES || f == -ENXIO);
			refused++;
			continue;
		}
		opened++;
		assert_int_equal(call_io(w, CHAN_OP_READ, (uint64_t)f, 0, 0, 100), 5);
		assert_memory_equal(w->mem.ram, "decoy", 5);
		assert_int_equal(call(w, FORGET, f), 0);
	}
	atomic_store(&stop, true);
	pthread_join(t, NULL);
	assert_true(opened && refused);
	assert_string_equal(get_file(w->top_fd, "secret/key"), "key");
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

TESTS(race, WORLD_TEST(test_directory), WORLD_TEST(test_file), WORLD_TEST(test_moved_out));
