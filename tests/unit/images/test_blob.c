/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/images/test_images.h"

#define HELLO_HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static void blob_is_found_by_its_digest(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct digest d;
	struct stat st;
	char path[160], *data;
	size_t n;

	assert_int_equal(blob_put(s, "hello", 5, &d, NULL), 0);
	assert_string_equal(d.hex, HELLO_HEX);
	blob_file(&d, path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0444);
	assert_true(blob_has(s, &d));
	assert_int_equal(blob_load(s, &d, &data, &n, NULL), 0);
	assert_int_equal(n, 5);
	assert_string_equal(data, "hello");
	free(data);
	assert_int_equal(blob_verify(s, &d, NULL, NULL), 0);
	assert_int_equal(file_count("s/tmp"), 0);
	store_close(s);
}

static void missing_blob_is_said(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct image_error e;
	struct digest d;
	int fd;

	digest_of("x", 1, &d);
	assert_false(blob_has(s, &d));
	expect_failure(blob_open(s, &d, &fd, NULL, &e), -ENOENT, &e, d.hex);
	store_close(s);
}

static void promised_digest_and_size_are_checked(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct blob_writer *w;
	struct image_error e;
	struct digest other;

	digest_of("other", 5, &other);
	assert_int_equal(blob_begin(s, &w, NULL), 0);
	assert_int_equal(blob_add(w, "hello", 5, NULL), 0);
	expect_failure(blob_end(w, &other, 5, NULL, NULL, &e), -EBADMSG, &e, HELLO_HEX);
	assert_non_null(strstr(e.text, other.hex));
	assert_int_equal(blob_begin(s, &w, NULL), 0);
	assert_int_equal(blob_add(w, "hello", 5, NULL), 0);
	expect_failure(blob_end(w, NULL, 6, NULL, NULL, &e), -EBADMSG, &e, "5 bytes where 6");
	assert_int_equal(file_count("s/blobs/sha256"), 0);
	assert_int_equal(file_count("s/tmp"), 0);
	store_close(s);
}

static void abandoned_blob_leaves_nothing(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct blob_writer *w;

	assert_int_equal(blob_begin(s, &w, NULL), 0);
	assert_int_equal(blob_add(w, "hello", 5, NULL), 0);
	blob_abort(w);
	blob_abort(NULL);
	store_close(s);
	assert_int_equal(file_count("s/tmp"), 0);
	assert_int_equal(file_count("s/blobs/sha256"), 0);
}

static void interrupted_blob_goes_on(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct digest d, got;
	struct blob_writer *w, *second;
	struct image_error e;
	uint64_t have = 99, size;

	digest_of("hello", 5, &d);
	assert_int_equal(blob_resume(s, &d, &w, &have, NULL), 0);
	assert_int_equal(have, 0);
	assert_int_equal(blob_add(w, "hel", 3, NULL), 0);
	expect_failure(blob_resume(s, &d, &second, &have, &e), -EBUSY, &e, "another sandbox");
	blob_abort(w);
	assert_int_equal(blob_resume(s, &d, &w, &have, NULL), 0);
	assert_int_equal(have, 3);
	assert_int_equal(blob_add(w, "lo", 2, NULL), 0);
	assert_int_equal(blob_end(w, &d, 5, &got, &size, NULL), 0);
	assert_true(digest_equal(&d, &got));
	assert_int_equal(size, 5);
	assert_true(blob_has(s, &d));
	assert_int_equal(file_count("s/tmp"), 0);
	store_close(s);
}

static void resumed_blob_that_is_wrong_begins_anew(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct digest d;
	struct blob_writer *w;
	struct image_error e;
	uint64_t have;

	digest_of("hello", 5, &d);
	assert_int_equal(blob_resume(s, &d, &w, &have, NULL), 0);
	assert_int_equal(blob_add(w, "HELLO", 5, NULL), 0);
	expect_failure(blob_end(w, &d, 5, NULL, NULL, &e), -EBADMSG, &e, "digest mismatch");
	assert_int_equal(file_count("s/tmp"), 0);
	store_close(s);
}

static void damaged_blob_is_noticed_and_mended_by_writing_it_again(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct image_error e;
	struct digest d;
	char path[160], *data;
	size_t n;

	assert_int_equal(blob_put(s, "hello", 5, &d, NULL), 0);
	blob_file(&d, path);
	file_write(path, "jello", 5);
	expect_failure(blob_load(s, &d, &data, &n, &e), -EBADMSG, &e, "damaged");
	expect_failure(blob_verify(s, &d, NULL, &e), -EBADMSG, &e, "damaged");
	assert_int_equal(blob_put(s, "hello", 5, &d, NULL), 0);
	assert_int_equal(blob_verify(s, &d, NULL, NULL), 0);
	store_close(s);
}

static void what_is_no_file_is_no_blob(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct image_error e;
	struct digest d;
	char path[160];
	int fd;

	digest_of("x", 1, &d);
	blob_file(&d, path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_true(blob_open(s, &d, &fd, NULL, &e) < 0);
	assert_false(blob_has(s, &d));
	unlink(path);
	assert_int_equal(mkfifo(path, 0666), 0);
	expect_failure(blob_open(s, &d, &fd, NULL, &e), -EBADMSG, &e, "not a file");
	store_close(s);
}

static void document_that_is_too_large_is_not_loaded(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct image_error e;
	struct digest d;
	char path[160], *data;
	size_t n;

	digest_of("x", 1, &d);
	blob_file(&d, path);
	file_write(path, "", 0);
	assert_int_equal(truncate(path, BLOB_DOCUMENT_MAX + 1), 0);
	expect_failure(blob_load(s, &d, &data, &n, &e), -EFBIG, &e, "too many for a document");
	store_close(s);
}

static void limit_on_size_of_files_ends_in_a_sentence_and_leaves_nothing(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct rlimit was, low;
	struct image_error e = {""};
	struct digest d;
	char *big = calloc(1, 65536);
	int r;

	assert_non_null(big);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	low = was;
	low.rlim_cur = 4096;
	setrlimit(RLIMIT_FSIZE, &low);
	r = blob_put(s, big, 65536, &d, &e);
	setrlimit(RLIMIT_FSIZE, &was);
	free(big);
	expect_failure(r, -EFBIG, &e, "image store s: cannot write: File too large");
	assert_int_equal(file_count("s/tmp"), 0);
	assert_int_equal(file_count("s/blobs/sha256"), 0);
	store_close(s);
}

static void blob_is_removed_only_by_who_is_alone(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct digest d;

	assert_int_equal(blob_put(s, "hello", 5, &d, NULL), 0);
	assert_int_equal(blob_remove(s, &d), -EPERM);
	assert_true(blob_has(s, &d));
	store_close(s);
	s = store_here(STORE_REMOVE);
	assert_int_equal(blob_remove(s, &d), 0);
	assert_false(blob_has(s, &d));
	store_close(s);
}

static int add_size(void *arg, const struct digest *d, uint64_t size)
{
	uint64_t *sum = arg;

	*sum += size;
	return 0;
}

static void each_blob_is_told_and_nothing_else(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct digest d;
	uint64_t sum = 0;

	assert_int_equal(blob_put(s, "hello", 5, &d, NULL), 0);
	assert_int_equal(blob_put(s, "hi", 2, &d, NULL), 0);
	file_write("s/blobs/sha256/README", "x", 1);
	assert_int_equal(blob_each(s, add_size, &sum), 0);
	assert_int_equal(sum, 7);
	store_close(s);
}

static void published_file_is_whole_and_the_first_one_stays(void **state)
{
	struct store *s = store_here(STORE_USE);
	char text[8] = "";
	int fd;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_temp(s, &fd, NULL), 0);
		assert_int_equal(write(fd, i ? "later" : "first", 5), 5);
		assert_int_equal(store_publish(s, fd, "flat/x-1.erofs", NULL), 0);
		close(fd);
	}
	fd = openat(store_fd(s), "flat/x-1.erofs", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, text, sizeof text), 5);
	close(fd);
	assert_string_equal(text, "first");
	assert_int_equal(file_count("s/tmp"), 0);
	assert_int_equal(store_temp(s, &fd, NULL), 0);
	expect_failure(store_publish(s, fd, "../x", NULL), -EINVAL, &(struct image_error){""}, "");
	close(fd);
	store_close(s);
}

int group_blob(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(blob_is_found_by_its_digest),
		WITH_SCRATCH(missing_blob_is_said),
		WITH_SCRATCH(promised_digest_and_size_are_checked),
		WITH_SCRATCH(abandoned_blob_leaves_nothing),
		WITH_SCRATCH(interrupted_blob_goes_on),
		WITH_SCRATCH(resumed_blob_that_is_wrong_begins_anew),
		WITH_SCRATCH(damaged_blob_is_noticed_and_mended_by_writing_it_again),
		WITH_SCRATCH(what_is_no_file_is_no_blob),
		WITH_SCRATCH(document_that_is_too_large_is_not_loaded),
		WITH_SCRATCH(limit_on_size_of_files_ends_in_a_sentence_and_leaves_nothing),
		WITH_SCRATCH(blob_is_removed_only_by_who_is_alone),
		WITH_SCRATCH(each_blob_is_told_and_nothing_else),
		WITH_SCRATCH(published_file_is_whole_and_the_first_one_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
