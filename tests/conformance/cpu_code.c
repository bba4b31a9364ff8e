/* SPDX-License-Identifier: Apache-2.0 */
/* Code that changes: what was written last is what runs, whoever wrote it and however often the old
 * code ran before. */
#include "behave.h"

#include <link.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096, HOT = 200 };

typedef long function(void);

/* Bytes in hand, at a place that may not be written to through this pointer. */
static function *function_at(void *p)
{
	return (function *)(uintptr_t)p;
}

static unsigned char *map_code(int prot, int flags, int fd)
{
	unsigned char *p = mmap(NULL, PAGE, prot, flags, fd, 0);

	MUST(p != MAP_FAILED);
	return p;
}

/* mov $value,%eax; ret */
static void put_constant(unsigned char *at, int value)
{
	at[0] = 0xb8;
	memcpy(at + 1, &value, 4);
	at[5] = 0xc3;
}

/* mov $number,%eax; syscall; ret: the form that the C library has. */
static void put_call(unsigned char *at, int number)
{
	put_constant(at, number);
	memcpy(at + 5, "\x0f\x05\xc3", 3);
}

static int memory_file(const void *contents, size_t size)
{
	int fd = memfd_create("code", 0);

	MUST(fd >= 0 && ftruncate(fd, PAGE) == 0);
	MUST(pwrite(fd, contents, size, 0) == (ssize_t)size);
	return fd;
}

static void run_often(const char *label, function *fn, long want)
{
	int wrong = 0;

	for (int i = 0; i < HOT; i++)
		wrong += fn() != want;
	say("%s: wrong %d", label, wrong);
}

/* -- what was written is what runs -- */

static void a_writable_executable_page_runs_what_was_written(void)
{
	unsigned char *p =
		map_code(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int wrong = 0;

	for (int i = 0; i < 1000; i++) {
		put_constant(p, i);
		wrong += function_at(p)() != i;
	}
	V(wrong);
}

static void write_and_run_by_turns_of_mprotect(void)
{
	unsigned char *p = map_code(PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int wrong = 0;

	for (int i = 0; i < 200; i++) {
		MUST(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0);
		put_constant(p, i);
		MUST(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
		wrong += function_at(p)() != i;
	}
	V(wrong);
}

static void two_views_of_one_memory_file(void)
{
	int fd = memory_file("", 1), wrong = 0;
	unsigned char *w = map_code(PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	unsigned char *x = map_code(PROT_READ | PROT_EXEC, MAP_SHARED, fd);

	for (int i = 0; i < 1000; i++) {
		put_constant(w, i);
		wrong += function_at(x)() != i;
	}
	V(wrong);
}

static void code_comes_by_a_system_call(void)
{
	unsigned char *p =
		map_code(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	unsigned char code[6];
	int fds[2], wrong = 0;

	MUST(pipe(fds) == 0);
	for (int i = 0; i < 200; i++) {
		put_constant(code, i);
		MUST(write(fds[1], code, 6) == 6 && read(fds[0], p, 6) == 6);
		wrong += function_at(p)() != i;
	}
	V(wrong);
}

static void code_comes_from_another_process(void)
{
	unsigned char *p =
		map_code(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1);
	int wrong = 0;

	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();
		if (pid == 0) {
			put_constant(p, i);
			_exit(0);
		}
		MUST(waitpid(pid, NULL, 0) == pid);
		wrong += function_at(p)() != i;
	}
	V(wrong);
}

/* -- system calls in it that ran often before -- */

static void change_in_steps(unsigned char *w, function *fn)
{
	put_call(w, SYS_getpid);
	run_often("getpid", fn, getpid());
	w[1] = SYS_getppid;
	run_often("another number", fn, getppid());
	put_call(w, SYS_getuid);
	run_often("another call", fn, getuid());
	memcpy(w + 5, "\x90\x90", 2);
	run_often("no call any more", fn, SYS_getuid);
	put_call(w, SYS_getpid);
	run_often("the first again", fn, getpid());
}

static void a_hot_call_changes_in_a_writable_executable_page(void)
{
	unsigned char *p =
		map_code(PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	change_in_steps(p, function_at(p));
}

static void a_hot_call_changes_through_another_view(void)
{
	int fd = memory_file("", 1);

	change_in_steps(map_code(PROT_READ | PROT_WRITE, MAP_SHARED, fd),
		function_at(map_code(PROT_READ | PROT_EXEC, MAP_SHARED, fd)));
}

/* getpid, in a private mapping of a file: as in a program's or a library's text. */
static unsigned char *hot_text(void)
{
	unsigned char code[8], *p;

	put_call(code, SYS_getpid);
	p = map_code(PROT_READ | PROT_EXEC, MAP_PRIVATE, memory_file(code, sizeof(code)));
	run_often("hot", function_at(p), getpid());
	return p;
}

static void a_hot_call_of_a_text_changes_by_mprotect(void)
{
	unsigned char *p = hot_text();

	for (int i = 0; i < 3; i++) {
		MUST(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0);
		T(p[0] == 0xb8 && p[5] == 0x0f && p[6] == 0x05);
		p[1] = i % 2 ? SYS_getpid : SYS_getppid;
		MUST(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
		run_often("after it", function_at(p), i % 2 ? getpid() : getppid());
	}
}

static void a_hot_call_of_a_text_changes_while_executable(void)
{
	unsigned char *p = hot_text();

	MUST(mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	change_in_steps(p, function_at(p));
}

static void a_hot_call_of_a_text_changes_through_proc_self_mem(void)
{
	unsigned char *p = hot_text();
	unsigned char number = SYS_getppid;
	int fd = open_file("/proc/self/mem", O_RDWR);

	R(pwrite(fd, &number, 1, (off_t)(uintptr_t)p + 1));
	run_often("after it", function_at(p), getppid());
	R(pwrite(fd, "\x90\x90", 2, (off_t)(uintptr_t)p + 5));
	run_often("no call any more", function_at(p), SYS_getppid);
}

static void hot_text_moves(void)
{
	unsigned char *p = hot_text(), *to = map_code(PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	P(mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to));
	run_often("there", function_at(to), getpid());
	/* Something else where it was. */
	MUST(mmap(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	put_constant(p, 77);
	V(function_at(p)());
	run_often("there, again", function_at(to), getpid());
}

static void hot_text_is_copied(void)
{
	unsigned char *p = hot_text(), *to = map_code(PROT_READ | PROT_WRITE | PROT_EXEC,
					       MAP_PRIVATE | MAP_ANONYMOUS, -1);

	memcpy(to, p, PAGE);
	run_often("the copy", function_at(to), getpid());
	run_often("the text", function_at(p), getpid());
}

static void a_child_changes_its_own_hot_text(void)
{
	unsigned char *p = hot_text();
	pid_t pid = fork();

	if (pid == 0) {
		MUST(mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
		p[1] = SYS_getppid;
		run_often("child", function_at(p), getppid());
		_exit(0);
	}
	reap("child", pid);
	run_often("parent", function_at(p), getpid());
}

static void hot_text_goes_and_comes_back(void)
{
	unsigned char *p = hot_text(), code[8];

	for (int number = SYS_getuid; number <= SYS_getgid; number += SYS_getgid - SYS_getuid) {
		put_call(code, number);
		MUST(mmap(p, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
			     memory_file(code, sizeof(code)), 0) == p);
		run_often("another text", function_at(p),
			number == SYS_getuid ? (long)getuid() : (long)getgid());
	}
	R(madvise(p, PAGE, MADV_DONTNEED));
	run_often("read in anew", function_at(p), getgid());
}

/* -- the C library's text -- */

/* The number in `mov $number,%eax; syscall` near the start of fn. */
static unsigned char *number_in(void *fn, int number)
{
	unsigned char *p = fn, want[8];

	put_call(want, number);
	for (int i = 0; i < 32; i++)
		if (memcmp(p + i, want, 7) == 0)
			return p + i + 1;
	say("set-up failed: no system call %d there", number);
	exit(99);
}

static void a_program_rewrites_a_hot_call_of_its_library(void)
{
	void *handle = (void *)(uintptr_t)&getppid;
	unsigned char *number = number_in(handle, SYS_getppid);
	unsigned char *page = number - (uintptr_t)number % PAGE;

	run_often("before", (function *)(uintptr_t)getppid, syscall(SYS_getppid));
	MUST(mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	*number = SYS_getpid;
	run_often("writable", (function *)(uintptr_t)getppid, getpid());
	MUST(mprotect(page, 2 * PAGE, PROT_READ | PROT_EXEC) == 0);
	run_often("read-only again", (function *)(uintptr_t)getppid, getpid());
	MUST(mprotect(page, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	*number = SYS_getppid;
	MUST(mprotect(page, 2 * PAGE, PROT_READ | PROT_EXEC) == 0);
	run_often("as it was", (function *)(uintptr_t)getppid, syscall(SYS_getppid));
}

/* -- what a program sees when it reads its text -- */

struct text_check {
	int texts, wrong, unequal, memory;
	unsigned char *file, *again;
};

/* A byte of text may differ from the file's in one way: as part of a hot call, seven bytes with the
 * `syscall` in them (docs/processor.md). */
static bool in_call(const unsigned char *file, size_t size, size_t at)
{
	for (size_t i = at < 6 ? 0 : at - 6; i <= at + 5 && i + 2 <= size; i++)
		if (file[i] == 0x0f && file[i + 1] == 0x05)
			return true;
	return false;
}

static void check_text(
	struct text_check *c, const char *path, const unsigned char *p, size_t size, off_t offset)
{
	int fd = open_file(path, O_RDONLY);

	c->file = malloc(size);
	c->again = malloc(size);
	MUST(c->file && c->again);
	MUST(pread(fd, c->file, size, offset) == (ssize_t)size);
	MUST(pread(c->memory, c->again, size, (off_t)(uintptr_t)p) == (ssize_t)size);
	for (size_t i = 0; i < size; i++) {
		c->wrong += p[i] != c->file[i] && !in_call(c->file, size, i);
		c->unequal += p[i] != c->again[i];
	}
	c->texts++;
	free(c->file);
	free(c->again);
	close(fd);
}

static int each_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *path = info->dlpi_name[0] ? info->dlpi_name : self_path();

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		const unsigned char *p =
			(const unsigned char *)(uintptr_t)(info->dlpi_addr + ph->p_vaddr);

		if (ph->p_type == PT_LOAD && (ph->p_flags & PF_X) && path[0] == '/')
			check_text(arg, path, p, ph->p_filesz, (off_t)ph->p_offset);
	}
	return 0;
}

static void text_is_the_files_but_for_hot_calls(void)
{
	struct text_check c = {.memory = open_file("/proc/self/mem", O_RDONLY)};

	for (int i = 0; i < HOT; i++)
		MUST(getppid() == getppid());
	dl_iterate_phdr(each_object, &c);
	T(c.texts > 0);
	V(c.wrong);
	V(c.unequal);
}

const struct behaviour behaviours[] = {BEHAVIOUR(a_writable_executable_page_runs_what_was_written),
	BEHAVIOUR(write_and_run_by_turns_of_mprotect), BEHAVIOUR(two_views_of_one_memory_file),
	BEHAVIOUR(code_comes_by_a_system_call), BEHAVIOUR(code_comes_from_another_process),
	BEHAVIOUR(a_hot_call_changes_in_a_writable_executable_page),
	BEHAVIOUR(a_hot_call_changes_through_another_view),
	BEHAVIOUR(a_hot_call_of_a_text_changes_by_mprotect),
	BEHAVIOUR(a_hot_call_of_a_text_changes_while_executable),
	BEHAVIOUR(a_hot_call_of_a_text_changes_through_proc_self_mem), BEHAVIOUR(hot_text_moves),
	BEHAVIOUR(hot_text_is_copied), BEHAVIOUR(a_child_changes_its_own_hot_text),
	BEHAVIOUR(hot_text_goes_and_comes_back),
	BEHAVIOUR(a_program_rewrites_a_hot_call_of_its_library),
	BEHAVIOUR(text_is_the_files_but_for_hot_calls), {0}};
