/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel leaves on the stack and how it placed the image. */
#include "behave.h"

#include <elf.h>
#include <sys/auxv.h>

extern char __ehdr_start[];
extern char end[], etext[];

static int constructed;

__attribute__((constructor)) static void construct(void)
{
	constructed = 1;
}

static void auxv_entries_are_present(void)
{
	V(getauxval(AT_PAGESZ));
	V(getauxval(AT_CLKTCK));
	V(getauxval(AT_PHENT));
	T(getauxval(AT_PHDR) != 0);
	T(getauxval(AT_PHNUM) > 0);
	T(getauxval(AT_ENTRY) != 0);
	V(getauxval(AT_FLAGS));
	V(getauxval(AT_SECURE));
	T(getauxval(AT_UID) == getuid());
	T(getauxval(AT_EUID) == geteuid());
	T(getauxval(AT_GID) == getgid());
	T(getauxval(AT_EGID) == getegid());
	T(getauxval(AT_SYSINFO_EHDR) != 0);
	T(getauxval(AT_HWCAP) != 0);
	T(getauxval(AT_RANDOM) != 0);
	T(getauxval(AT_MINSIGSTKSZ) >= 512);
	S((char *)getauxval(AT_PLATFORM));
	errno = 0;
	V(getauxval(9999));
	say("errno %s", errno_name(errno));
}

static void auxv_execfn_is_the_path_given(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);
	T(path != NULL);
	S(strrchr(path, '/'));
	T(strcmp(path, self_path()) == 0);
}

static void auxv_base_only_with_interpreter(void)
{
	const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
	bool interpreter = false, dynamic = false, stack = false;
	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++) {
		interpreter |= ph[i].p_type == PT_INTERP;
		dynamic |= ph[i].p_type == PT_DYNAMIC;
		stack |= ph[i].p_type == PT_GNU_STACK;
	}
	T(interpreter);
	T(dynamic);
	T(stack);
	T((getauxval(AT_BASE) != 0) == interpreter);
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)__ehdr_start;
	V(memcmp(eh->e_ident, ELFMAG, 4));
	V(eh->e_type);
	unsigned long bias = eh->e_type == ET_DYN ? (unsigned long)__ehdr_start : 0;
	T(getauxval(AT_ENTRY) == eh->e_entry + bias);
	T(getauxval(AT_PHDR) == (unsigned long)__ehdr_start + eh->e_phoff);
}

static void auxv_random_differs_between_executions(void)
{
	static unsigned char mine[16], theirs[16];
	int p[2];
	char fd[16];
	memcpy(mine, (void *)getauxval(AT_RANDOM), 16);
	MUST(pipe(p) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		snprintf(fd, sizeof(fd), "%d", p[1]);
		execl(self_path(), "x", "--child", "random", fd, NULL);
		_exit(99);
	}
	R(read(p[0], theirs, 16));
	T(memcmp(mine, theirs, 16) != 0);
	reap("child", pid);
}

int behave_child(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[0], "random") == 0)
		return write(atoi(argv[1]), (void *)getauxval(AT_RANDOM), 16) == 16 ? 0 : 1;
	return 2;
}

static void vdso_is_an_elf_image(void)
{
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	T(eh && memcmp(eh->e_ident, ELFMAG, 4) == 0);
	V(eh->e_machine);
	V(eh->e_type);
	T(eh->e_phnum > 0);
	bool dynamic = false;
	const Elf64_Phdr *ph = (const Elf64_Phdr *)((const char *)eh + eh->e_phoff);
	for (int i = 0; i < eh->e_phnum; i++)
		dynamic |= ph[i].p_type == PT_DYNAMIC;
	T(dynamic);
}

static void initial_stack_is_laid_out(void)
{
	char **e = environ;
	while (*e)
		e++;
	/* The auxiliary vector follows the environment's end. */
	const Elf64_auxv_t *aux = (const Elf64_auxv_t *)(e + 1);
	int entries = 0;
	bool found = false;
	for (; aux->a_type != AT_NULL && entries < 100; aux++, entries++)
		found |= aux->a_type == AT_PAGESZ && aux->a_un.a_val == 4096;
	T(found);
	T(entries >= 15);
	T((uintptr_t)environ % 8 == 0);
}

static void image_sections_work(void)
{
	static int data = 5, bss[50000];
	V(constructed);
	V(data);
	int nonzero = 0;
	for (int i = 0; i < 50000; i++)
		nonzero += bss[i] != 0;
	V(nonzero);
	bss[49999] = data;
	V(bss[49999]);
	T((uintptr_t)etext < (uintptr_t)end);
}

static void text_is_not_writable(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		*(volatile char *)(uintptr_t)image_sections_work = 0;
		_exit(0);
	}
	reap("write to text", pid);
	pid = fork();
	if (pid == 0) {
		*(volatile char *)(uintptr_t) "constant" = 0;
		_exit(0);
	}
	reap("write to read-only data", pid);
}

static void stack_is_not_executable(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		volatile unsigned char code[16] = {0xc3};
		((void (*)(void))(uintptr_t)code)();
		_exit(0);
	}
	reap("execute stack", pid);
}

static void entry_registers_allow_exit(void)
{
	S(strrchr(program_invocation_name, '/'));
	S(program_invocation_short_name);
	T(getpid() > 0);
}

const struct behaviour behaviours[] = {BEHAVIOUR(auxv_entries_are_present),
	BEHAVIOUR(auxv_execfn_is_the_path_given), BEHAVIOUR(auxv_base_only_with_interpreter),
	BEHAVIOUR(auxv_random_differs_between_executions), BEHAVIOUR(vdso_is_an_elf_image),
	BEHAVIOUR(initial_stack_is_laid_out), BEHAVIOUR(image_sections_work),
	BEHAVIOUR(text_is_not_writable), BEHAVIOUR(stack_is_not_executable),
	BEHAVIOUR(entry_registers_allow_exit), {0}};
