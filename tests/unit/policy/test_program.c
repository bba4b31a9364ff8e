/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/policy/test_policy.h"

/* The scratch directory is /p of the sandbox. */
static struct view view;

static int setup(void **state)
{
	if (scratch_enter(state))
		return -1;
	memset(&view, 0, sizeof view);
	return view_add_tmpfs(&view, "/", 0755, VIEW_DEFAULT) ||
	       view_add_host(&view, ".", "/p", false, VIEW_DEFAULT);
}

static int teardown(void **state)
{
	view_clear(&view);
	return scratch_leave(state);
}

static void check(const char *path, int code, const char *says)
{
	struct policy_error e = {0};
	int r = program_check(&view, "prog", path, "/p", 0, &e);

	print_message("%s: %d %s\n", path, e.code, e.text);
	assert_int_equal(e.code, code);
	assert_int_equal(r != 0, code != 0);
	if (says)
		assert_non_null(strstr(e.text, says));
}

struct image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	char interp[16];
};

static struct image image_make(const char *interp)
{
	struct image im = {0};

	memcpy(im.eh.e_ident, ELFMAG, SELFMAG);
	im.eh.e_ident[EI_CLASS] = ELFCLASS64;
	im.eh.e_ident[EI_DATA] = ELFDATA2LSB;
	im.eh.e_type = ET_DYN;
	im.eh.e_machine = EM_X86_64;
	im.eh.e_phoff = offsetof(struct image, ph);
	im.eh.e_phentsize = sizeof im.ph;
	im.eh.e_phnum = 1;
	im.ph.p_type = interp ? PT_INTERP : PT_LOAD;
	im.ph.p_offset = offsetof(struct image, interp);
	if (interp) {
		strcpy(im.interp, interp);
		im.ph.p_filesz = strlen(interp) + 1;
	}
	return im;
}

static void write_image(const char *path, const struct image *im)
{
	write_file(path, im, sizeof *im, 0755);
}

static void test_elf(void **state)
{
	struct image im = image_make(NULL);

	write_image("good", &im);
	check("/p/good", 0, NULL);
	im.eh.e_ident[EI_CLASS] = ELFCLASS32;
	im.eh.e_machine = EM_386;
	write_image("i386", &im);
	check("/p/i386", 126, "32-bit program (i386)");
	im = image_make(NULL);
	im.eh.e_machine = EM_AARCH64;
	write_image("arm", &im);
	check("/p/arm", 126, "AArch64");
	im.eh.e_ident[EI_DATA] = ELFDATA2MSB;
	im.eh.e_machine = __builtin_bswap16(EM_S390);
	write_image("s390", &im);
	check("/p/s390", 126, "s390");
	im = image_make(NULL);
	im.eh.e_type = ET_REL;
	write_image("object", &im);
	check("/p/object", 126, "object file");
	im.eh.e_type = ET_CORE;
	write_image("core", &im);
	check("/p/core", 126, "not a program");
	write_file("cut", ELFMAG, SELFMAG, 0755);
	check("/p/cut", 126, "damaged");
}

static void test_loader(void **state)
{
	struct image im = image_make("/p/ld.so");

	write_image("dynamic", &im);
	check("/p/dynamic", 127, "loader /p/ld.so");
	write_file("ld.so", "x", 1, 0755);
	check("/p/dynamic", 0, NULL);
	im.ph.p_offset = UINT64_MAX - 4; /* must not overflow */
	write_image("wild", &im);
	check("/p/wild", 0, NULL);
	im = image_make("/p/ld.so");
	im.eh.e_phoff = UINT64_MAX - 8;
	write_image("wild2", &im);
	check("/p/wild2", 0, NULL);
	im = image_make("/p/ld.so");
	im.ph.p_filesz = UINT64_MAX;
	write_image("wild3", &im);
	check("/p/wild3", 0, NULL);
}

static void write_text(const char *path, const char *text, mode_t mode)
{
	write_file(path, text, strlen(text), mode);
}

static void test_script(void **state)
{
	struct image im = image_make(NULL);
	char lng[5000];

	write_image("sh", &im);
	write_text("script", "#! /p/sh -e\necho\n", 0755);
	check("/p/script", 0, NULL);
	write_text("relative", "#!sh", 0755);
	check("/p/relative", 0, NULL);
	write_text("lost", "#!/usr/bin/none\n", 0755);
	check("/p/lost", 127, "interpreter /usr/bin/none");
	write_text("none", "#!  \n", 0755);
	check("/p/none", 126, "names no interpreter");
	write_text("self", "#!/p/self\n", 0755);
	check("/p/self", 126, "too deep");
	memset(lng, 'a', sizeof lng);
	memcpy(lng, "#!", 2);
	write_file("long", lng, sizeof lng, 0755);
	check("/p/long", 126, "too long");
}

static void test_others(void **state)
{
	write_text("text", "echo hello\n", 0755);
	check("/p/text", 126, "neither");
	write_text("empty", "", 0755);
	check("/p/empty", 126, "empty");
	write_text("plain", "#!/p/sh\n", 0644);
	check("/p/plain", 126, "not executable");
	assert_int_equal(mkfifo("fifo", 0755), 0);
	check("/p/fifo", 126, "not a regular file");
	check("/p", 126, "directory");
	check("/", 126, "directory");
	check("/p/missing", 127, "not found");
	check("/p/text/x", 127, NULL);
}

static int find(const char *program, const char *path_env, char out[POLICY_PATH_MAX])
{
	struct policy_request r = {.program = program, .root = "."};
	struct policy_error e = {0};

	program_find(&view, &r, scratch_dir, "/p", path_env, out, &e);
	return e.code;
}

static void test_search(void **state)
{
	struct image im = image_make(NULL);
	char out[POLICY_PATH_MAX];

	assert_int_equal(mkdir("a", 0755) | mkdir("b", 0755) | mkdir("a/dir", 0755), 0);
	write_file("a/tool", &im, sizeof im, 0644); /* passed over: not executable */
	write_image("b/tool", &im);
	write_image("b/dir", &im);
	write_file("a/data", &im, sizeof im, 0644);
	assert_int_equal(find("tool", "/none:/p/a:/p/b", out), 0);
	assert_string_equal(out, "/p/b/tool");
	assert_int_equal(find("dir", "/p/a:/p/b", out), 0);
	assert_string_equal(out, "/p/b/dir");
	assert_int_equal(find("tool", "a:b", out), 0); /* from the current directory */
	assert_int_equal(find("data", "/p/a:/p/b", out), 126);
	assert_int_equal(find("none", "/p/a:/p/b", out), 127);
	assert_int_equal(find("tool", NULL, out), 127);
	assert_int_equal(find("", "/p/b", out), 127);
	assert_int_equal(find("b/tool", NULL, out), 0);
	assert_string_equal(out, "/p/b/tool");
}

int run_program_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_elf, setup, teardown),
		cmocka_unit_test_setup_teardown(test_loader, setup, teardown),
		cmocka_unit_test_setup_teardown(test_script, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others, setup, teardown),
		cmocka_unit_test_setup_teardown(test_search, setup, teardown),
	};

	return cmocka_run_group_tests_name("policy: program", tests, NULL, NULL);
}
