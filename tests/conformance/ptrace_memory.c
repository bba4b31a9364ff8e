/* SPDX-License-Identifier: Apache-2.0 */
/* Another process's memory: by ptrace, by /proc/PID/mem and by process_vm_readv. */
#include "tracing.h"

#include <sys/mman.h>

static char *none, *readonly_page, *shared_readonly, *file_private, *writable;

static void make_pages(void)
{
	int fd = open_file("shared", O_RDWR | O_CREAT | O_TRUNC);

	MUST(ftruncate(fd, 8192) == 0 && pwrite(fd, "file contents", 13, 0) == 13);
	none = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	readonly_page =
		mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared_readonly = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	file_private = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	writable = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(none != MAP_FAILED && readonly_page != MAP_FAILED && shared_readonly != MAP_FAILED &&
		file_private != MAP_FAILED && writable != MAP_FAILED);
	strcpy(none, "hidden");
	strcpy(readonly_page, "constant");
	strcpy(writable, "variable");
	MUST(mprotect(none, 4096, PROT_NONE) == 0);
	MUST(mprotect(readonly_page, 8192, PROT_READ) == 0);
	MUST(munmap(readonly_page + 4096, 4096) == 0);
	close(fd);
}

static void say_pages(void)
{
	S(readonly_page);
	S(file_private);
	S(shared_readonly);
	S(writable);
	MUST(mprotect(none, 4096, PROT_READ) == 0);
	S(none);
}

static void peek(const char *label, pid_t pid, const char *at)
{
	union {
		unsigned long word;
		char text[9];
	} u = {0};

	u.text[8] = 0;
	if (trace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)at, &u.word) < 0)
		say("%s: %s", label, errno_name(errno));
	else
		say_bytes(label, u.text, strlen(u.text));
}

static void poke(const char *label, pid_t pid, const char *at, const char *text)
{
	unsigned long word = 0;

	memcpy(&word, text, strlen(text) < 8 ? strlen(text) : 8);
	long r = trace(PTRACE_POKEDATA, pid, (void *)(uintptr_t)at, NR(word));
	say("%s: %s", label, r ? errno_name(errno) : "ok");
}

static void words_whatever_the_protection(void)
{
	make_pages();
	pid_t pid = traced_child(say_pages);

	peek("none", pid, none);
	peek("read-only", pid, readonly_page);
	peek("shared", pid, shared_readonly);
	peek("across the end", pid, readonly_page + 4092);
	peek("unaligned", pid, writable + 3);
	poke("none", pid, none, "opened");
	poke("read-only", pid, readonly_page, "changed");
	poke("shared", pid, shared_readonly, "changed");
	poke("private", pid, file_private, "changed");
	poke("writable", pid, writable, "changed");
	poke("across pages", pid, writable + 4092, "12345678");
	poke("across the end", pid, readonly_page + 4092, "x");
	peek("across pages", pid, writable + 4092);
	step_on("end", PTRACE_CONT, pid, 0);
	S(readonly_page);
	S(file_private);
	show_file("shared");
}

static int target(int n)
{
	return n + 1;
}

static int (*volatile function)(int) = target;

static void call_function(void)
{
	say("child got %d", function(1));
	say("child got %d", function(2));
}

static unsigned char first_byte(void)
{
	return *(volatile unsigned char *)(uintptr_t)target;
}

static void a_breakpoint_in_text(void)
{
	pid_t pid = traced_child(call_function);
	unsigned long word = 0, text = (unsigned long)(uintptr_t)target;
	unsigned char before = first_byte();

	MUST(trace(PTRACE_PEEKTEXT, pid, NR(text), &word) == 0);
	T((unsigned char)word == before);
	R(trace(PTRACE_POKETEXT, pid, NR(text), NR((word & ~0xfful) | 0xcc)));
	step_on("breakpoint", PTRACE_CONT, pid, 0);
	T(REG(pid, rip) == text + 1);
	V((int)REG(pid, rdi));
	T(first_byte() == before); /* here nothing has changed */
	R(trace(PTRACE_POKETEXT, pid, NR(text), NR(word)));
	MUST(trace(PTRACE_POKEUSER, pid, NR(offsetof(struct user_regs_struct, rip)), NR(text)) ==
		0);
	step_on("over it", PTRACE_SINGLESTEP, pid, 0);
	R(trace(PTRACE_POKETEXT, pid, NR(text), NR((word & ~0xfful) | 0xcc)));
	step_on("again", PTRACE_CONT, pid, 0);
	V((int)REG(pid, rdi));
	R(trace(PTRACE_POKETEXT, pid, NR(text), NR(word)));
	MUST(trace(PTRACE_POKEUSER, pid, NR(offsetof(struct user_regs_struct, rip)), NR(text)) ==
		0);
	step_on("end", PTRACE_CONT, pid, 0);
	T(target(1) == 2);
}

/* -- /proc/PID/mem -- */

static void the_file_of_a_process(void)
{
	char path[64], text[32] = "";

	make_pages();
	pid_t pid = traced_child(say_pages);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int fd = open_file(path, O_RDWR);
	R(pread(fd, text, 7, (off_t)(uintptr_t)none));
	S(text);
	R(pwrite(fd, "CONST", 5, (off_t)(uintptr_t)readonly_page));
	R(pwrite(fd, "SHARE", 5, (off_t)(uintptr_t)shared_readonly));
	R(pread(fd, text, 20, (off_t)(uintptr_t)readonly_page + 4090));
	R(pread(fd, text, 20, 8));
	R(pwrite(fd, text, 20, 8));
	step_on("end", PTRACE_CONT, pid, 0);
	close(fd);
}

/* -- process_vm_readv -- */

static pid_t sleeper(void)
{
	make_pages();
	return idle_child(NULL);
}

#define VM(call, pid, l, nl, r, nr) call(pid, l, nl, r, nr, 0)

static void vectors_between_processes(void)
{
	char a[4] = "", b[16] = "";
	pid_t pid = sleeper();
	struct iovec local[2] = {{a, 3}, {b, 10}};
	struct iovec remote[3] = {{writable, 5}, {readonly_page, 4}, {writable + 5, 3}};

	R(VM(process_vm_readv, pid, local, 2, remote, 3));
	say("%.3s %.10s", a, b);
	struct iovec text[2] = {{"AB", 2}, {"CDEF", 4}};
	struct iovec to[2] = {{writable + 4094, 4}, {writable, 2}};
	R(VM(process_vm_writev, pid, text, 2, to, 2));
	R(VM(process_vm_readv, pid, &local[1], 1, to, 2));
	say("%.6s", b);
	kill_child(pid);
}

static void vectors_are_stopped_by_protection(void)
{
	char b[64] = "";
	pid_t pid = sleeper();
	struct iovec local = {b, sizeof(b)};
	struct iovec hole = {readonly_page + 4090, 20}, hidden = {none, 4},
		     constant = {readonly_page, 8};
	struct iovec two[2] = {{writable, 8}, {none, 4}};

	R(VM(process_vm_readv, pid, &local, 1, &hole, 1));
	R(VM(process_vm_readv, pid, &local, 1, &hidden, 1));
	R(VM(process_vm_readv, pid, &local, 1, two, 2));
	R(VM(process_vm_writev, pid, &local, 1, &constant, 1));
	R(VM(process_vm_writev, pid, &local, 1, two, 2));
	kill_child(pid);
}

static void words_of_vectors(void)
{
	char b[8];
	pid_t pid = sleeper();
	struct iovec ok = {b, 8}, empty = {b, 0}, bad = {(void *)8, 8}, negative = {b, (size_t)-1};

	R(process_vm_readv(pid, &ok, 1, &ok, 1, 1));
	R(VM(process_vm_readv, pid, &ok, 1025, &ok, 1));
	R(VM(process_vm_readv, pid, &ok, 1, &ok, 1025));
	R(VM(process_vm_readv, pid, &negative, 1, &ok, 1));
	R(VM(process_vm_readv, pid, &ok, 1, &negative, 1));
	R(VM(process_vm_readv, 4190000, &ok, 1, &ok, 1));
	R(VM(process_vm_readv, 4190000, &empty, 1, &ok, 1));
	R(VM(process_vm_readv, 4190000, &ok, 1, &empty, 1));
	R(VM(process_vm_readv, pid, &bad, 1, &ok, 1));
	R(VM(process_vm_readv, pid, &ok, 1, &bad, 1));
	R(VM(process_vm_readv, pid, NR(8), 1, &ok, 1));
	R(VM(process_vm_readv, pid, &ok, 1, NR(8), 1));
	R(VM(process_vm_readv, getpid(), &ok, 1, &ok, 1));
	kill_child(pid);
}

/* -- text that is executed often -- */

long often(void);
__asm__(".text\n.type often, @function\noften:\n\tmov $39, %eax\n\tsyscall\n\tnop\n\tret\n"
	".size often, . - often\n");

static void make_often(void)
{
	for (int i = 0; i < 1000; i++)
		MUST(often() == getpid());
}

static void say_same(const char *label, const unsigned char *bytes)
{
	static const unsigned char code[8] = {0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0x90};

	say("%s: %s", label, memcmp(bytes, code, 8) ? "changed" : "as written");
}

static void text_reads_as_it_was_written(void)
{
	unsigned char bytes[8] = "";
	struct iovec local = {bytes, 8}, remote = {(void *)(uintptr_t)often, 8};
	char path[64];
	pid_t pid;

	pid = idle_child(make_often);
	R(process_vm_readv(pid, &local, 1, &remote, 1, 0));
	say_same("vector", bytes);
	kill_child(pid);
	pid = idle_child(make_often);
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	int fd = open_file(path, O_RDONLY);
	memset(bytes, 0, 8);
	R(pread(fd, bytes, 8, (off_t)(uintptr_t)often));
	close(fd);
	say_same("file", bytes);
	kill_child(pid);
	pid = idle_child(make_often);
	MUST(trace(PTRACE_ATTACH, pid, NULL, NULL) == 0);
	next_stop("attached", pid);
	memset(bytes, 0, 8);
	MUST(trace(PTRACE_PEEKTEXT, pid, NR((uintptr_t)often), bytes) == 0);
	say_same("word", bytes);
	kill_child(pid);
}

static void often_again(void)
{
	make_often();
	raise(SIGUSR1);
	make_often();
	say("child is well");
}

/* A breakpoint goes into a call that was made often, and is taken out again. */
static void a_breakpoint_in_a_hot_call(void)
{
	pid_t pid = traced_child(often_again);
	unsigned long word = 0, text = (unsigned long)(uintptr_t)often;

	step_on("hot", PTRACE_CONT, pid, 0);
	MUST(trace(PTRACE_PEEKTEXT, pid, NR(text), &word) == 0);
	MUST(trace(PTRACE_POKETEXT, pid, NR(text), NR((word & ~0xfful) | 0xcc)) == 0);
	step_on("breakpoint", PTRACE_CONT, pid, 0);
	T(REG(pid, rip) == text + 1);
	MUST(trace(PTRACE_POKETEXT, pid, NR(text), NR(word)) == 0);
	MUST(trace(PTRACE_POKEUSER, pid, NR(offsetof(struct user_regs_struct, rip)), NR(text)) ==
		0);
	step_on("end", PTRACE_CONT, pid, 0);
}

const struct behaviour behaviours[] = {BEHAVIOUR(words_whatever_the_protection),
	BEHAVIOUR(a_breakpoint_in_text), BEHAVIOUR(the_file_of_a_process),
	BEHAVIOUR(vectors_between_processes), BEHAVIOUR(vectors_are_stopped_by_protection),
	BEHAVIOUR(words_of_vectors), BEHAVIOUR(text_reads_as_it_was_written),
	BEHAVIOUR(a_breakpoint_in_a_hot_call), {0}};
