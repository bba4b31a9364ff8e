/* SPDX-License-Identifier: Apache-2.0
 * From the boot block to the first program, and the end of the sandbox.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "fs/vfs.h"
#include "mm/mm.h"

_Static_assert(USER_VA_END == BOOT_USER_VA_END, "one border for both sides");

struct kernel *kern;

static const char *boot_string(const struct boot_block *b, u32 offset)
{
	return (const char *)b + offset;
}

void kernel_exit(s32 wait_status)
{
	struct kernel *k = kern;
	struct chan_report r;
	struct chan_msg m = {.op = CHAN_OP_EXIT, .a = {(u32)wait_status}, .in_len = sizeof(r)};

	fs_end();
	r = (struct chan_report){
		.syscalls = k->stats.syscalls,
		.syscalls_absent = k->stats.syscalls_absent,
		.faults = k->stats.faults,
		.switches = k->stats.switches,
		.channel_calls = k->stats.channel_calls,
		.doorbells = k->stats.doorbells,
		.pages_peak = k->stats.pages_peak,
		.processes = k->stats.processes,
		.flags = k->stats.oom ? CHAN_REPORT_OOM : 0,
	};
	memcpy(plat_chan_data(), &r, sizeof(r));
	plat_channel(&m);
	k->ended = true;
	sched_end_others();
	plat_halt();
	/* The host home goes on: leave this context for the scheduler's, which sees `ended`. */
	if (current)
		sched_exit_current();
	for (;;)
		plat_panic("the kernel ended without a task");
}

/* Copies the boot block's strings for exec, which frees them. NULL when memory is out. */
static char **boot_strings(const struct boot_block *b, u32 n, u32 table)
{
	const u32 *offsets = (const u32 *)boot_string(b, table);
	char **v = kzalloc((n + 1) * sizeof(*v));

	for (u32 i = 0; v && i < n; i++) {
		const char *s = boot_string(b, offsets[i]);

		v[i] = kstrndup(s, strlen(s));
		if (!v[i])
			return NULL;
	}
	return v;
}

static long boot_exec(struct task *t, const struct boot_block *b)
{
	const char *path = boot_string(b, b->path);
	struct exec_args args = {.argc = b->argc, .envc = b->envc};
	struct file *f;
	struct path p;
	long r;

	r = path_lookup_kernel(path, LOOKUP_FOLLOW, &p);
	if (r)
		return r;
	f = file_open_path(&p, 0);
	path_put(&p);
	if (is_err(f))
		return ptr_err(f);
	args.argv = boot_strings(b, b->argc, b->argv);
	args.envp = boot_strings(b, b->envc, b->envp);
	if (!args.argv || !args.envp) {
		file_put(f);
		return -ENOMEM;
	}
	r = exec_load(t, f, boot_string(b, b->execfn), &args);
	file_put(f);
	return r;
}

static const char *boot_exec_error(long err)
{
	switch (err) {
	case -ENOENT:
		return "no such file, or its interpreter is missing";
	case -EACCES:
		return "permission denied: is it an executable file?";
	case -ENOEXEC:
		return "not an executable for 64-bit x86 Linux";
	case -ELIBBAD:
		return "its interpreter is not a valid ELF file";
	case -ENOMEM:
		return "not enough memory (--mem)";
	case -E2BIG:
		return "argument list too long";
	case -ELOOP:
		return "too many symbolic links or nested interpreters";
	case -EISDIR:
		return "is a directory";
	case -EINVAL:
		return "its segments cannot be mapped";
	case -EFAULT:
	case -EIO:
		return "damaged, or cut short: it lacks bytes that its headers promise";
	case -EPERM:
		return "its segments want addresses that no program gets";
	default:
		return NULL;
	}
}

/* Says why there will be no program, and ends the sandbox. */
static void boot_exec_failed(long err)
{
	const char *why = boot_exec_error(err);

	if (why)
		klog(CHAN_LOG_FATAL, "%s", why);
	else
		klog(CHAN_LOG_FATAL, "cannot be run: error %ld", -err);
	kernel_exit((err == -ENOENT ? 127 : 126) << 8);
}

/* First code of the first task: becomes the program. */
static void boot_task(void *arg)
{
	struct task *t = arg;
	const struct boot_block *b = kern->boot;
	long r;

	sched_finish_switch();
	t->last_stamp = clock_mono_ns();
	r = fs_boot(t);
	if (r) {
		klog(CHAN_LOG_FATAL, "cannot mount the sandbox's file systems: error %ld", -r);
		kernel_exit(125 << 8);
	}
	r = boot_exec(t, b);
	if (r)
		boot_exec_failed(r);
	t->regs_replaced = false; /* no execve is waiting for its result to be left alone */
	task_main(t);
}

static void boot_copy(char *dst, size_t n, const char *src)
{
	size_t len = strnlen(src, n - 1);

	memcpy(dst, src, len);
	dst[len] = 0;
}

void core_boot(struct kernel *k, const struct boot_block *b)
{
	struct task *init;

	memset(k, 0, sizeof(*k));
	kern = k;
	k->boot = b;
	k->clock = phys_ptr(b->clock_gpa);
	k->user_va_start = b->user_va_start;
	k->user_va_end = b->user_va_end;
	k->xsave_size = b->xsave_size;
	k->xcr0 = b->xcr0;
	k->verbose = b->flags & BOOT_F_VERBOSE;
	k->trace = b->flags & BOOT_F_TRACE;
	k->ncpus = b->ncpus ? (u32)min_u64(b->ncpus, CPUS_MAX) : 1;
	for (u32 i = 0; i < k->ncpus; i++)
		k->cpus[i].id = i;
	list_init(&k->runq);
	list_init(&k->tasks);
	list_init(&k->processes);
	list_init(&k->timers);
	list_init(&k->dead);
	list_init(&k->mounts);
	boot_copy(k->hostname, sizeof(k->hostname), boot_string(b, b->hostname));
	boot_copy(k->domainname, sizeof(k->domainname), "(none)");
	page_init(b->mem_size, b->free_start, b->user_start);

	init = task_new_init(b);
	if (!init || plat_kctx_init(&init->kctx, boot_task, init)) {
		klog(CHAN_LOG_FATAL, "not enough memory to start (--mem)");
		kernel_exit(125 << 8);
	}
	k->init = init->proc;
	sched_make_runnable(init);
}
