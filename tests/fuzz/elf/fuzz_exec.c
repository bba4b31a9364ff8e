/* SPDX-License-Identifier: Apache-2.0
 * execve of a hostile file: the input is the program, and its own dynamic linker too. Whatever it
 * is, the machine must come out of it with every frame given back.
 */
#include <fcntl.h>
#include <stdlib.h>

#include "tests/unit/mm/fake.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

/* What a program would do first: run, use its stack, and its data. */
static void touch(struct mm *mm)
{
	prog_access(fake_task.regs.rip, MM_EXEC);
	prog_access(fake_task.regs.rsp - 8, MM_WRITE);
	for (u32 i = 0; i < mm->nvmas && i < 64; i++) {
		prog_access(mm->vmas[i]->start, MM_READ);
		prog_access(mm->vmas[i]->end - 1, MM_WRITE);
	}
	mm_brk(mm, mm->brk + 3 * PAGE_SIZE);
	fake_task.mm = mm_fork(mm);
	mm_put(mm);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct exec_args a = {0};
	struct file *f;

	if (size > 1 << 20)
		return 0;
	fake_start();
	mm_put(fake_task.mm);
	fake_task.mm = NULL;
	f = fake_file(size & 1 ? FAKE_WINDOW : FAKE_FRAMES, size ? data : NULL, size, O_RDONLY);
	fake_name("/ld", f);
	a.argv = kzalloc(sizeof(*a.argv));
	a.envp = kzalloc(sizeof(*a.envp));
	if (!exec_load(&fake_task, f, "/prog", &a) && fake_task.mm)
		touch(fake_task.mm);
	if (fake_process.exe)
		file_put(fake_process.exe);
	fake_process.exe = NULL;
	if (!fake_stop())
		abort();
	if (f->refs != 1)
		abort();
	file_put(f);
	return 0;
}
