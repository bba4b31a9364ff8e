/* SPDX-License-Identifier: Apache-2.0
 *
 * What the launcher asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/flat/flat.h"
#include "images/open/open.h"
#include "tests/unit/images/test_images.h"

#define CONFIG                                                                                     \
	"{\"Entrypoint\":[\"/bin/app\"],\"Cmd\":[\"-v\",\"x y\"],\"Env\":[\"A=1\",\"B=\"],"        \
	"\"User\":\"7\",\"WorkingDir\":\"/w\"}"

static void open_here(const char *name, struct image_run *run)
{
	struct image_error e = {""};

	if (image_open("s", name, run, &e))
		fail_msg("%s", e.text);
}

static void configuration_comes_as_strings_of_its_own(void **state)
{
	struct store *s = store_here(STORE_USE);
	struct descriptor d;
	struct image_run run;

	image_put(s, "app", CONFIG, &d);
	store_close(s);
	open_here("app", &run);
	assert_string_equal(run.entrypoint[0], "/bin/app");
	assert_null(run.entrypoint[1]);
	assert_string_equal(run.cmd[1], "x y");
	assert_null(run.cmd[2]);
	assert_string_equal(run.env[1], "B=");
	assert_string_equal(run.user, "7");
	assert_string_equal(run.workdir, "/w");
	assert_true(digest_equal(&run.manifest, &d.digest));
	assert_int_equal(run.fd, -1);
	image_run_clear(&run);
	image_run_clear(&run);
}

static void flat_image_is_open_once_it_is_there(void **state)
{
	struct store *s = store_here(STORE_USE);
	char path[128], digest[DIGEST_TEXT], text[8] = "";
	struct descriptor d;
	struct image_run run;
	int fd;

	image_put(s, "app:1", "{}", &d);
	flat_path(&d.digest, path);
	assert_int_equal(store_temp(s, &fd, NULL), 0);
	assert_int_equal(write(fd, "flat", 4), 4);
	assert_int_equal(store_publish(s, fd, path, NULL), 0);
	close(fd);
	store_close(s);
	digest_text(&d.digest, digest);
	open_here(digest, &run);
	assert_null(run.entrypoint);
	assert_int_equal(read(run.fd, text, sizeof text), 4);
	assert_string_equal(text, "flat");
	assert_int_equal(fcntl(run.fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(run.fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	image_run_clear(&run);
}

static void what_is_missing_or_damaged_is_said(void **state)
{
	struct store *s;
	struct store_ref ref;
	struct descriptor d;
	struct image_run run;
	struct image_error e = {""};
	char path[160];

	expect_failure(image_open("s", "app", &run, &e), -ENOENT, &e, "no image store at s");
	s = store_here(STORE_USE);
	expect_failure(image_open("s", "app", &run, &e), -ENOENT, &e, "no image \"app:latest\"");
	expect_failure(image_open("s", "../app", &run, &e), -EINVAL, &e, "no name of an image");
	image_put(s, "app", "{}", &d);
	document_put(s, "other", OCI_INDEX,
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST
		"\",\"size\":1,\"digest\":\"sha256:" HEX_A
		"\",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}}]}",
		&ref);
	expect_failure(image_open("s", "other", &run, &e), -ENOEXEC, &e, "only for linux/arm64");
	memcpy(path, "s/", 2);
	flat_path(&d.digest, path + 2);
	assert_int_equal(mkdir("s/flat", 0755), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_failure(image_open("s", "app", &run, &e), -EBADMSG, &e, "is not a file");
	blob_file(&d.digest, path);
	assert_int_equal(unlink(path), 0);
	expect_failure(image_open("s", "app", &run, &e), -ENOENT, &e, "pull or import");
	file_write("s/index.json", "{", 1);
	expect_failure(image_open("s", "app", &run, &e), -EBADMSG, &e, "index.json is damaged");
	store_close(s);
}

int group_image_open(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(configuration_comes_as_strings_of_its_own),
		WITH_SCRATCH(flat_image_is_open_once_it_is_there),
		WITH_SCRATCH(what_is_missing_or_damaged_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
