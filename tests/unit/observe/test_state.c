/* SPDX-License-Identifier: Apache-2.0
 *
 * Files and directories: made, found, removed; and what others put in their place. All in a
 * directory of the test's own that XDG_RUNTIME_DIR names.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/observe/test_observe.h"

static char top[64], dir[80];

static int enter(void **unused)
{
	strcpy(top, "/var/tmp/unit-observe-XXXXXX");
	if (!mkdtemp(top) || setenv("XDG_RUNTIME_DIR", top, 1))
		return -1;
	snprintf(dir, sizeof dir, "%s/sandbox", top);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int leave(void **unused)
{
	return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const struct observe_about about = {
	.name = "one",
	.program = "/bin/true",
	.backend = "kvm",
	.home = "host",
	.cpus = 2,
	.pids_max = 64,
	.mem_size = 1 << 20,
};

static void begin(struct observe_writer *w)
{
	char why[256];

	if (observe_create(w, &about, why, sizeof why))
		fail_msg("%s", why);
}

static void end(struct observe_writer *w)
{
	observe_destroy(w);
	for (unsigned i = 0; i < w->nhidden; i++)
		close(w->hidden[i]);
}

/* How many files are in the directory. */
static unsigned files(void)
{
	char command[128];
	unsigned n;
	FILE *f;

	snprintf(command, sizeof command, "ls -A %s 2>/dev/null | wc -l", dir);
	f = popen(command, "r");
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	return n;
}

/* Of those that run here, not of the machine's other sandboxes. */
static unsigned look_count(const char *id)
{
	struct observe_list l;
	unsigned n = 0;

	assert_int_equal(observe_look(&l), 0);
	for (size_t i = 0; i < l.count; i++)
		n += !strcmp(l.seen[i].head.id, id);
	observe_list_clear(&l);
	return n;
}

static void put(const char *name, const void *data, size_t size)
{
	char path[128];
	int fd;

	mkdir(dir, 0700);
	snprintf(path, sizeof path, "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), size);
	close(fd);
}

static void test_a_running_sandbox_is_found_with_its_counts(void **unused)
{
	struct observe_writer w;
	struct observe_list l;
	const struct observe_seen *s;
	bool several;

	begin(&w);
	w.state->cpu[1].exits[VM_EXIT_INTR] = 4;
	assert_int_equal(observe_look(&l), 0);
	s = observe_find(&l, w.state->head.id, &several);
	assert_non_null(s);
	assert_int_equal(s->head.pid, getpid());
	assert_int_equal(s->exits[VM_EXIT_INTR], 4);
	assert_string_equal(s->head.program, "/bin/true");
	assert_true(s->rss_bytes > 0);
	observe_list_clear(&l);
	end(&w);
}

static void test_one_is_held_by_its_id_and_no_other_that_is_called_so(void **unused)
{
	struct observe_about other = about;
	struct observe_writer w;
	struct observe_seen seen;
	char id[16];
	int pidfd;

	begin(&w);
	strcpy(id, w.state->head.id);
	assert_int_equal(observe_hold(id, &seen, &pidfd), 0);
	assert_int_equal(seen.head.pid, getpid());
	assert_int_equal(close(pidfd), 0);
	assert_int_equal(observe_hold("one", &seen, &pidfd), -ESRCH);
	end(&w);
	other.name = id;
	assert_int_equal(observe_create(&w, &other, (char[256]){""}, 256), 0);
	assert_int_equal(observe_see(id, &seen), -ESRCH);
	assert_int_equal(observe_hold(id, &seen, &pidfd), -ESRCH);
	assert_int_equal(pidfd, -1);
	end(&w);
}

static void test_one_that_ended_is_not_found_and_its_file_goes(void **unused)
{
	struct observe_writer w;
	char id[16];

	begin(&w);
	strcpy(id, w.state->head.id);
	assert_int_equal(look_count(id), 1);
	end(&w);
	assert_int_equal(files(), 1); /* it is empty, and waits for the next */
	assert_int_equal(look_count(id), 0);
	assert_int_equal(files(), 0);
}

static void test_one_that_was_killed_is_not_found_and_its_file_goes(void **unused)
{
	int ready[2], status;
	char id[16];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (!pid) {
		struct observe_writer w;

		begin(&w);
		if (write(ready[1], w.state->head.id, 16) == 16)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], id, 16), 16);
	assert_int_equal(look_count(id), 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(files(), 1);
	assert_int_equal(look_count(id), 0);
	assert_int_equal(files(), 0);
	close(ready[0]);
	close(ready[1]);
}

static void test_places_of_ended_sandboxes_are_used_again(void **unused)
{
	for (unsigned i = 0; i < 300; i++) {
		struct observe_writer w;

		begin(&w);
		end(&w);
	}
	assert_true(files() <= 8);
}

static void test_many_run_at_a_time(void **unused)
{
	enum { MANY = 200 };
	static struct observe_writer w[MANY];
	struct observe_list l;

	for (unsigned i = 0; i < MANY; i++)
		begin(&w[i]);
	assert_int_equal(observe_look(&l), 0);
	assert_true(l.count >= MANY);
	observe_list_clear(&l);
	for (unsigned i = 0; i < MANY; i++)
		end(&w[i]);
}

/* The lock is held, but the process has another one's number. */
static void test_a_reused_pid_is_nobody(void **unused)
{
	struct observe_writer w;
	char id[16];

	begin(&w);
	strcpy(id, w.state->head.id);
	w.state->head.pid_start++;
	assert_int_equal(look_count(id), 0);
	w.state->head.pid_start--;
	assert_int_equal(look_count(id), 1);
	end(&w);
}

static void test_a_hostile_living_file_is_counted_and_left_alone(void **unused)
{
	struct observe_writer w;
	struct observe_list l;

	begin(&w);
	w.state->head.cpus = 0xffffffff;
	assert_int_equal(observe_look(&l), 0);
	assert_true(l.strange >= 1);
	observe_list_clear(&l);
	assert_int_equal(ftruncate(w.fd, 1ll << 40), 0);
	assert_int_equal(observe_look(&l), 0);
	assert_true(l.strange >= 1);
	observe_list_clear(&l);
	end(&w);
}

/* Who writes to the file does not choose what its launcher unmaps. */
static void test_only_what_was_mapped_is_unmapped(void **unused)
{
	struct observe_writer w;
	unsigned char resident;
	uint8_t *behind;

	begin(&w);
	behind = (uint8_t *)w.state + ((w.size + 4095) & ~4095ul);
	mmap(behind, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_int_equal(mincore(behind, 4096, &resident), 0); /* ours, or what was there */
	w.state->head.cpus = OBSERVE_CPUS;
	end(&w);
	assert_int_equal(mincore(behind, 4096, &resident), 0);
}

static void test_what_is_no_state_file_is_neither_opened_nor_removed(void **unused)
{
	char path[128];

	put("notes.txt", "x", 1);
	put("123456", "x", 1);
	snprintf(path, sizeof path, "%s/1", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof path, "%s/2", dir);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	snprintf(path, sizeof path, "%s/3", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(look_count("0123456789ab"), 0);
	assert_int_equal(files(), 5);
}

static void test_a_run_does_not_use_a_link_or_fifo_in_its_way(void **unused)
{
	char path[128], target[128];
	struct observe_writer w;
	struct stat st;

	mkdir(dir, 0700);
	snprintf(target, sizeof target, "%s/victim", top);
	for (unsigned i = 0; i < 8; i++) {
		snprintf(path, sizeof path, "%s/%u", dir, i);
		assert_int_equal(i % 2 ? mkfifo(path, 0600) : symlink(target, path), 0);
	}
	begin(&w);
	assert_int_equal(lstat(target, &st), -1);
	end(&w);
}

/* Not in dir: then it is in another of the places, whose sandbox has this id. */
static void expect_not_in_dir(void)
{
	unsigned before = files();
	struct observe_writer w;
	char why[256];

	observe_create(&w, &about, why, sizeof why);
	assert_int_equal(files(), before);
	end(&w);
}

static void test_a_directory_that_others_can_enter_is_not_used(void **unused)
{
	mkdir(dir, 0700);
	chmod(dir, 0750);
	assert_int_equal(observe_dir_open(dir), -EPERM);
	expect_not_in_dir();
}

static void test_a_link_to_a_directory_is_not_used(void **unused)
{
	char other[80];

	snprintf(other, sizeof other, "%s/other", top);
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(symlink(other, dir), 0);
	assert_true(observe_dir_open(dir) < 0);
	expect_not_in_dir();
}

static void test_a_directory_below_one_that_others_write_to_is_not_used(void **unused)
{
	assert_int_equal(mkdir(dir, 0700), 0);
	chmod(top, 0777);
	assert_int_equal(observe_dir_open(dir), -EPERM);
	chmod(top, 01777); /* as /tmp is: nobody else may replace it there */
	assert_true(observe_dir_open(dir) >= 0);
}

static void test_another_users_directory_is_not_used(void **unused)
{
	if (geteuid())
		skip();
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chown(dir, 4711, 4711), 0);
	assert_int_equal(observe_dir_open(dir), -EPERM);
	assert_int_equal(chown(dir, 0, 0), 0);
	assert_int_equal(chown(top, 4711, 4711), 0);
	assert_int_equal(observe_dir_open(dir), -EPERM);
}

static void test_without_room_there_is_a_sentence_and_no_state(void **unused)
{
	const struct rlimit none = {0, RLIM_INFINITY};
	struct rlimit was;
	struct observe_writer w;
	char why[256];
	int r;

	getrlimit(RLIMIT_FSIZE, &was);
	setrlimit(RLIMIT_FSIZE, &none);
	r = observe_create(&w, &about, why, sizeof why);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(r, -EFBIG);
	assert_null(w.state);
	assert_non_null(strstr(why, "no place for the state that `sandbox ps` shows: File too"));
	assert_true(w.nhidden >= 1); /* still nobody's in the sandbox */
	end(&w);
}

static void test_a_word_is_an_id_a_part_of_one_or_a_name(void **unused)
{
	struct observe_seen seen[4] = {{.head = {.id = "aaaa00000001", .name = "x"}},
		{.head = {.id = "aabb00000002", .name = "y"}},
		{.head = {.id = "cccc00000003", .name = "y"}},
		{.head = {.id = "dddd00000004", .name = "aabb"}}};
	const struct observe_list l = {seen, 4, 0};
	bool several;

	assert_ptr_equal(observe_find(&l, "aaaa00000001", &several), &seen[0]);
	assert_ptr_equal(observe_find(&l, "c", &several), &seen[2]);
	assert_ptr_equal(observe_find(&l, "x", &several), &seen[0]);
	assert_ptr_equal(observe_find(&l, "aabb", &several), &seen[3]); /* a name is all of it */
	assert_false(several);
	assert_ptr_equal(observe_find(&l, "aabb0", &several), &seen[1]);
	assert_null(observe_find(&l, "aa", &several));
	assert_true(several);
	assert_null(observe_find(&l, "y", &several));
	assert_true(several);
	assert_null(observe_find(&l, "", &several));
	assert_false(several);
	assert_null(observe_find(&l, "zz", &several));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int run_state_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_running_sandbox_is_found_with_its_counts),
		TEST(test_one_is_held_by_its_id_and_no_other_that_is_called_so),
		TEST(test_one_that_ended_is_not_found_and_its_file_goes),
		TEST(test_one_that_was_killed_is_not_found_and_its_file_goes),
		TEST(test_places_of_ended_sandboxes_are_used_again),
		TEST(test_many_run_at_a_time),
		TEST(test_a_reused_pid_is_nobody),
		TEST(test_a_hostile_living_file_is_counted_and_left_alone),
		TEST(test_only_what_was_mapped_is_unmapped),
		TEST(test_what_is_no_state_file_is_neither_opened_nor_removed),
		TEST(test_a_run_does_not_use_a_link_or_fifo_in_its_way),
		TEST(test_a_directory_that_others_can_enter_is_not_used),
		TEST(test_a_link_to_a_directory_is_not_used),
		TEST(test_a_directory_below_one_that_others_write_to_is_not_used),
		TEST(test_another_users_directory_is_not_used),
		TEST(test_without_room_there_is_a_sentence_and_no_state),
		TEST(test_a_word_is_an_id_a_part_of_one_or_a_name),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
