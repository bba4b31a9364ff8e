/* SPDX-License-Identifier: Apache-2.0
 * execve: the first stack, scripts, errors.
 */
#include <fcntl.h>
#include <linux/auxvec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/exec_internal.h"
#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/image.h"
#include "tests/unit/mm/tests.h"

#define BASE 0x400000ull
#define PG   PAGE_SIZE

static struct image im;

static char **strings(const char *const *v, u32 *n)
{
	char **copy;

	for (*n = 0; v[*n];)
		++*n;
	copy = kzalloc((*n + 1) * sizeof(*copy));
	for (u32 i = 0; i < *n; i++)
		copy[i] = kstrndup(v[i], strlen(v[i]));
	return copy;
}

static long run_named(
	struct file *f, const char *path, const char *const *argv, const char *const *envp)
{
	struct exec_args a = {0};

	if (fake_task.mm)
		mm_put(fake_task.mm);
	fake_task.mm = NULL;
	a.argv = strings(argv, &a.argc);
	a.envp = strings(envp, &a.envc);
	return exec_load(&fake_task, f, path, &a);
}

static long run(struct file *f, const char *path)
{
	const char *const argv[] = {"arg0", "arg1", NULL}, *const envp[] = {"A=1", NULL};

	return run_named(f, path, argv, envp);
}

static void end(struct file *f)
{
	if (fake_process.exe)
		file_put(fake_process.exe);
	fake_process.exe = NULL;
	file_put(f);
}

static u64 word(u64 va)
{
	u64 v;

	assert_int_equal(get_user_u64(&v, va), 0);
	return v;
}

static const char *text(u64 va)
{
	static char buf[4096];

	assert_true(strncpy_from_user(buf, va, sizeof(buf)) >= 0);
	return buf;
}

static u64 auxv(u64 sp, u64 key)
{
	u64 at = sp + 8;

	for (u32 nulls = 0; nulls < 2; at += 8)
		nulls += !word(at);
	for (; word(at); at += 16)
		if (word(at) == key)
			return word(at + 8);
	return ~0ull;
}

static void the_first_stack(void **state)
{
	struct file *f;
	struct mm *mm;
	u64 sp;

	image_typical(&im, ET_EXEC, BASE);
	f = fake_file(FAKE_WINDOW, im.data, im.size, O_RDONLY);
	assert_int_equal(run(f, "/bin/prog-with-a-long-name"), 0);
	sp = fake_task.regs.rsp;
	mm = fake_task.mm;
	assert_int_equal(sp % 16, 0);
	assert_int_equal(fake_task.regs.rip, BASE + 0x400);
	assert_int_equal(fake_task.regs.rflags, 0x202);
	assert_false(
		fake_task.regs_replaced); /* nobody called: the first call's result must count */
	assert_int_equal(word(sp), 2);
	assert_string_equal(text(word(sp + 8)), "arg0");
	assert_string_equal(text(word(sp + 16)), "arg1");
	assert_int_equal(word(sp + 24), 0);
	assert_string_equal(text(word(sp + 32)), "A=1");
	assert_int_equal(word(sp + 40), 0);
	assert_int_equal(auxv(sp, AT_PAGESZ), PG);
	assert_int_equal(auxv(sp, AT_ENTRY), BASE + 0x400);
	assert_int_equal(auxv(sp, AT_PHDR), BASE + 64);
	assert_int_equal(auxv(sp, AT_PHNUM), 2);
	assert_int_equal(auxv(sp, AT_BASE), 0);
	assert_int_equal(auxv(sp, AT_UID), 1000);
	assert_int_equal(auxv(sp, AT_SECURE), 0);
	assert_int_equal(auxv(sp, AT_SYSINFO_EHDR), mm->vdso);
	assert_string_equal(text(auxv(sp, AT_EXECFN)), "/bin/prog-with-a-long-name");
	assert_string_equal(text(auxv(sp, AT_PLATFORM)), "x86_64");
	assert_true(word(auxv(sp, AT_RANDOM)) | word(auxv(sp, AT_RANDOM) + 8));
	assert_string_equal(fake_task.comm, "prog-with-a-lon");
	assert_ptr_equal(fake_process.exe, f);
	assert_int_equal(mm->arg_end, mm->env_start);
	assert_int_equal(mm->arg_end - mm->arg_start, 10);
	assert_int_equal(word(mm->stack_top - 8), 0);
	assert_string_equal(mm_find(mm, sp)->name, "[stack]");
	assert_int_equal(prog_access(sp, MM_EXEC), -EFAULT);
	assert_string_equal(mm_find(mm, mm->vdso)->name, "[vdso]");
	assert_string_equal(mm_find(mm, mm->vdso - 1)->name, "[vvar]");
	assert_int_equal(word(mm->vdso) & 0xffffffff, 0x464c457f);
	assert_int_equal(prog_access(mm->vdso, MM_EXEC), 0);
	assert_int_equal(prog_access(mm->vdso, MM_WRITE), -EFAULT);
	/* the heap is near, and the pages below rsp are there without a fault */
	assert_true(mm->brk_start >= BASE + 7 * PG && mm->brk_start <= BASE + 7 * PG + (32 << 20));
	assert_true(prog_pte(sp - PG) & PTE_W);
	end(f);
}

static void a_layout_without_chance(void **state)
{
	struct file *f, *ld;

	image_typical(&im, ET_DYN, 0);
	ld = fake_file(FAKE_WINDOW, im.data, im.size, O_RDONLY);
	fake_name("/ld", ld);
	image_interp(&im, "/ld");
	f = fake_file(FAKE_WINDOW, im.data, im.size, O_RDONLY);
	fake_process.personality = 0x0040000; /* ADDR_NO_RANDOMIZE */
	assert_int_equal(run(f, "/p"), 0);
	assert_int_equal(auxv(fake_task.regs.rsp, AT_ENTRY), 0x555555554400);
	assert_int_equal(fake_task.mm->brk_start, 0x55555555b000);
	assert_int_equal(fake_task.mm->stack_top, USER_VA_END);
	assert_int_equal(fake_task.regs.rip, auxv(fake_task.regs.rsp, AT_BASE) + 0x400);
	assert_int_equal(f->refs, 4); /* ours, exe, two mappings */
	end(f);
	file_put(ld);
}

static void no_arguments_make_an_empty_one(void **state)
{
	const char *const none[] = {NULL};
	struct file *f;
	u64 sp;

	image_typical(&im, ET_EXEC, BASE);
	f = fake_file(FAKE_FRAMES, im.data, im.size, O_RDONLY);
	assert_int_equal(run_named(f, "/p", none, none), 0);
	sp = fake_task.regs.rsp;
	assert_int_equal(word(sp), 1);
	assert_string_equal(text(word(sp + 8)), "");
	assert_int_equal(word(sp + 16), 0);
	assert_int_equal(word(sp + 24), 0);
	end(f);
}

static void many_arguments(void **state)
{
	static const char *argv[5001];
	const char *const envp[] = {NULL};
	struct file *f;
	u64 sp;

	for (u32 i = 0; i < 5000; i++)
		argv[i] = "an argument of some length";
	image_typical(&im, ET_EXEC, BASE);
	f = fake_file(FAKE_FRAMES, im.data, im.size, O_RDONLY);
	assert_int_equal(run_named(f, "/p", argv, envp), 0);
	sp = fake_task.regs.rsp;
	assert_int_equal(word(sp), 5000);
	for (u32 i = 0; i < 5000; i += 7)
		assert_string_equal(text(word(sp + 8 + 8ull * i)), argv[0]);
	end(f);
}

static long run_script(const char *script, size_t n)
{
	struct file *f = fake_file(FAKE_FRAMES, script, n, O_RDONLY);
	long r = run(f, "/script");

	end(f);
	return r;
}

static void scripts(void **state)
{
	static char line[600];
	struct file *prog;
	u64 sp;

	image_typical(&im, ET_EXEC, BASE);
	prog = fake_file(FAKE_FRAMES, im.data, im.size, O_RDONLY);
	fake_name("/prog", prog);
#define SCRIPT(s) run_script(s, sizeof(s) - 1)
	assert_int_equal(SCRIPT("#!/prog\n"), 0);
	sp = fake_task.regs.rsp;
	assert_int_equal(word(sp), 3);
	assert_string_equal(text(word(sp + 8)), "/prog");
	assert_string_equal(text(word(sp + 16)), "/script");
	assert_string_equal(text(word(sp + 24)), "arg1");
	assert_string_equal(text(auxv(sp, AT_EXECFN)), "/script");
	assert_string_equal(fake_task.comm, "script");
	assert_int_equal(SCRIPT("#! \t/prog   one  two \t\nrest"), 0);
	sp = fake_task.regs.rsp;
	assert_int_equal(word(sp), 4);
	assert_string_equal(text(word(sp + 16)), "one  two"); /* one argument, inner blanks kept */
	assert_int_equal(SCRIPT("#!/prog"), 0);		      /* no newline, end of file */
	assert_int_equal(SCRIPT("#!/nothing\n"), -ENOENT);
	assert_int_equal(SCRIPT("#!\n"), -ENOEXEC);
	assert_int_equal(SCRIPT("#!   \n"), -ENOEXEC);
	assert_int_equal(SCRIPT("#!"), -ENOENT); /* the name is empty: Linux opens "" */
	assert_int_equal(SCRIPT("echo hi\n"), -ENOEXEC);
	assert_int_equal(SCRIPT(""), -ENOEXEC);
	/* a name that may be cut off is refused, an argument that may be is taken */
	memset(line, 'x', sizeof(line));
	memcpy(line, "#!/prog", 7);
	assert_int_equal(run_script(line, sizeof(line)), -ENOEXEC);
	line[7] = ' ';
	assert_int_equal(run_script(line, sizeof(line)), 0);
	assert_int_equal(strlen(text(word(fake_task.regs.rsp + 16))), 255 - 8);
	file_put(prog);
}

static void nested_scripts(void **state)
{
	static const char *const paths[] = {"/s0", "/s1", "/s2", "/s3", "/s4", "/s5"};
	struct file *prog, *s[6];

	image_typical(&im, ET_EXEC, BASE);
	prog = fake_file(FAKE_FRAMES, im.data, im.size, O_RDONLY);
	fake_name("/prog", prog);
	for (u32 i = 0; i < 6; i++) {
		char line[16];

		snprintf(line, sizeof(line), "#!%s\n", i ? paths[i - 1] : "/prog");
		s[i] = fake_file(FAKE_FRAMES, line, strlen(line), O_RDONLY);
		fake_name(paths[i], s[i]);
	}
	assert_int_equal(run(s[4], "/s4"), 0);
	assert_string_equal(text(word(fake_task.regs.rsp + 16)), "/s0");
	assert_int_equal(run(s[5], "/s5"), -ELOOP);
	for (u32 i = 0; i < 6; i++)
		file_put(s[i]);
	end(prog);
}

static void files_that_do_not_run(void **state)
{
	struct file *f, *ld;

	image_typical(&im, ET_DYN, 0);
	image_interp(&im, "/ld");
	f = fake_file(FAKE_FRAMES, im.data, im.size, O_RDONLY);
	assert_int_equal(run(f, "/p"), -ENOENT);
	ld = fake_file(FAKE_FRAMES, "#!/bin/sh", 9, O_RDONLY);
	fake_name("/ld", ld);
	assert_int_equal(run(f, "/p"), -EIO); /* too short */
	fake_file_shrink(ld, 0);
	assert_int_equal(run(f, "/p"), -EIO);
	f->inode->mode = 0100644;
	assert_int_equal(run(f, "/p"), -EACCES);
	f->inode->mode = 0040755;
	assert_int_equal(run(f, "/p"), -EACCES);
	file_put(ld);
	end(f);
}

static void memory_runs_out_anywhere(void **state)
{
	u64 head = 0, pa;
	struct file *f;

	image_typical(&im, ET_EXEC, BASE);
	f = fake_file(FAKE_WINDOW, im.data, im.size, O_RDONLY);
	for (u32 left = 0; left < 40; left++) {
		const char *const none[] = {NULL};
		u64 reserve = mm_state()->zone[0].reserve;
		struct exec_args a = {0};

		if (fake_task.mm)
			mm_put(fake_task.mm);
		fake_task.mm = NULL;
		a.argv = strings(none, &a.argc);
		a.envp = strings(none, &a.envc);
		mm_state()->zone[0].reserve = 0;
		while (pages_free_count() > left) {
			pa = page_alloc_raw();
			*(u64 *)phys_ptr(pa) = head;
			head = pa;
		}
		exec_load(&fake_task, f, "/p", &a);
		for (; head; head = pa) {
			pa = *(u64 *)phys_ptr(head);
			page_put(head);
		}
		mm_state()->zone[0].reserve = reserve;
	}
	end(f);
}

const struct CMUnitTest exec_tests[] = {
	MM_TEST(the_first_stack),
	MM_TEST(a_layout_without_chance),
	MM_TEST(no_arguments_make_an_empty_one),
	MM_TEST(many_arguments),
	MM_TEST(scripts),
	MM_TEST(nested_scripts),
	MM_TEST(files_that_do_not_run),
	MM_TEST(memory_runs_out_anywhere),
};
const size_t exec_tests_count = ARRAY_SIZE(exec_tests);
