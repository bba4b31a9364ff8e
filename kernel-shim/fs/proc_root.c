/* SPDX-License-Identifier: Apache-2.0
 * Files at the top of /proc: the machine as the sandbox sees it.
 */
#include "fs/proc_internal.h"
#include "mm/mm.h"

typedef unsigned long long ull;

/* Name, colon, value to column 24, " kB". */
static void meminfo_row(struct seqbuf *s, const char *name, u64 pages)
{
	size_t start = s->len;

	seq_printf(s, "%s:", name);
	seq_pad(s, start, 16);
	seq_printf(s, "%8llu kB\n", (ull)(pages * (PAGE_SIZE / 1024)));
}

int proc_show_meminfo(struct seqbuf *s, const struct pseudo_node *n)
{
	u64 total = pages_total(), avail = pages_free_count();
	/* what this kernel has no notion of is zero, but there: programs look for it */
	static const char *const before[] = {"Buffers", "Cached", "SwapCached", "Active",
		"Inactive", "Active(anon)", "Inactive(anon)", "Active(file)", "Inactive(file)",
		"Unevictable", "Mlocked", "SwapTotal", "SwapFree", "Dirty", "Writeback"};
	static const char *const after[] = {"Mapped", "Shmem", "KReclaimable", "Slab",
		"SReclaimable", "SUnreclaim", "KernelStack", "PageTables", "NFS_Unstable", "Bounce",
		"WritebackTmp"};

	meminfo_row(s, "MemTotal", total);
	meminfo_row(s, "MemFree", avail);
	meminfo_row(s, "MemAvailable", avail);
	for (u32 i = 0; i < ARRAY_SIZE(before); i++)
		meminfo_row(s, before[i], 0);
	meminfo_row(s, "AnonPages", total - avail);
	for (u32 i = 0; i < ARRAY_SIZE(after); i++)
		meminfo_row(s, after[i], 0);
	meminfo_row(s, "CommitLimit", total);
	meminfo_row(s, "Committed_AS", total - avail);
	seq_puts(s, "VmallocTotal:   34359738367 kB\n"
		    "VmallocUsed:           0 kB\n"
		    "VmallocChunk:          0 kB\n"
		    "HugePages_Total:       0\n"
		    "HugePages_Free:        0\n"
		    "HugePages_Rsvd:        0\n"
		    "HugePages_Surp:        0\n"
		    "Hugepagesize:       2048 kB\n");
	return 0;
}

/* CPU time of the whole sandbox in nanoseconds: of everyone alive, and of the dead they waited for.
 */
static void cpu_times(u64 *user, u64 *sys, u64 *idle)
{
	u64 all = clock_boot_ns() * kern->boot->ncpus;

	*user = *sys = 0;
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);
		u64 u, k;

		process_times(p, &u, &k);
		*user += u + p->child_utime_ns;
		*sys += k + p->child_stime_ns;
	}
	*idle = all > *user + *sys ? all - *user - *sys : 0;
}

static u32 count_runnable(void)
{
	u32 count = 0;

	list_for_each(pos, &kern->tasks)
	{
		if (list_entry(pos, struct task, all_link)->state == TASK_RUNNABLE)
			count++;
	}
	return count;
}

static void cpu_row(struct seqbuf *s, u64 user, u64 sys, u64 idle)
{
	seq_printf(s, " %llu 0 %llu %llu 0 0 0 0 0 0\n", (ull)(user / NSEC_PER_CLOCK_TICK),
		(ull)(sys / NSEC_PER_CLOCK_TICK), (ull)(idle / NSEC_PER_CLOCK_TICK));
}

int proc_show_stat(struct seqbuf *s, const struct pseudo_node *n)
{
	u32 ncpus = kern->boot->ncpus;
	u64 user, sys, idle;

	cpu_times(&user, &sys, &idle);
	seq_puts(s, "cpu ");
	cpu_row(s, user, sys, idle);
	for (u32 i = 0; i < ncpus; i++) {
		seq_printf(s, "cpu%u", i);
		cpu_row(s, user / ncpus, sys / ncpus, idle / ncpus);
	}
	seq_printf(s,
		"intr 0\nctxt %llu\nbtime %llu\nprocesses %llu\nprocs_running %u\nprocs_blocked 0\n"
		"softirq 0 0 0 0 0 0 0 0 0 0 0\n",
		(ull)kern->stats.switches,
		(ull)((clock_real_ns() - clock_boot_ns()) / NSEC_PER_SEC),
		(ull)kern->stats.processes, count_runnable());
	return 0;
}

static void show_seconds(struct seqbuf *s, u64 ns, char end)
{
	u64 cs = ns / (NSEC_PER_SEC / 100);

	seq_printf(s, "%llu.%02llu%c", (ull)(cs / 100), (ull)(cs % 100), end);
}

int proc_show_uptime(struct seqbuf *s, const struct pseudo_node *n)
{
	u64 user, sys, idle;

	cpu_times(&user, &sys, &idle);
	show_seconds(s, clock_boot_ns(), ' ');
	show_seconds(s, idle, '\n');
	return 0;
}

/* No averages are kept: nobody else shares the sandbox's processor. */
int proc_show_loadavg(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "0.00 0.00 0.00 %u/%u %d\n", count_runnable(), kern->ntasks, kern->last_pid);
	return 0;
}

int proc_show_version(struct seqbuf *s, const struct pseudo_node *n)
{
	const char *b = (const char *)kern->boot;

	seq_printf(s, "Linux version %s (sandbox@sandbox) (cc) %s\n", b + kern->boot->os_release,
		b + kern->boot->os_version);
	return 0;
}

int proc_show_filesystems(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_puts(s, "nodev\ttmpfs\nnodev\tproc\nnodev\tsysfs\nnodev\tdevtmpfs\nnodev\tsockfs\nnodev"
		    "\tpipefs\nnodev\tmqueue\nnodev\thost\n");
	return 0;
}
