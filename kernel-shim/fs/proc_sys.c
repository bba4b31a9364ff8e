/* SPDX-License-Identifier: Apache-2.0
 * /proc/sys: the settings that programs look at. Few can be changed.
 */
#include "core/random.h"
#include "fs/pipe.h"
#include "fs/proc_internal.h"
#include "ipc/ipc.h"
#include "mm/mm.h"

#define UUID_SIZE 16u

/* -- names -- */

static long store_name(char dst[65], const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && n < 64 && text[n] && text[n] != '\n')
		n++;
	memset(dst, 0, 65);
	memcpy(dst, text, n);
	return 0;
}

static int show_hostname(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "%s\n", kern->hostname);
	return 0;
}

static long store_hostname(const struct pseudo_node *n, const char *text, size_t len)
{
	return store_name(kern->hostname, text, len);
}

static int show_domainname(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "%s\n", kern->domainname[0] ? kern->domainname : "(none)");
	return 0;
}

static long store_domainname(const struct pseudo_node *n, const char *text, size_t len)
{
	return store_name(kern->domainname, text, len);
}

static int show_osrelease(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "%s\n", (const char *)kern->boot + kern->boot->os_release);
	return 0;
}

static int show_version(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "%s\n", (const char *)kern->boot + kern->boot->os_version);
	return 0;
}

/* -- numbers -- */

static int show_threads_max(struct seqbuf *s, const struct pseudo_node *n)
{
	u32 max = kern->boot->pids_max;

	seq_printf(s, "%u\n", max ? max : 32768u);
	return 0;
}

static int show_file_nr(struct seqbuf *s, const struct pseudo_node *n)
{
	u32 open = 0;
	struct process *p;

	for (s32 pid = 0; (p = process_next(pid)); pid = p->pid + 1) {
		struct task *t = process_task(p);

		for (s32 fd = 0; t && t->files && files_each(t->files, &fd); fd++)
			open++;
	}
	seq_printf(s, "%u\t0\t9223372036854775807\n", open);
	return 0;
}

static int show_pipe_max(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "%u\n", PIPE_SIZE_MAX);
	return 0;
}

/* -- random -- */

/* RFC 4122, version 4. */
static void show_uuid_bytes(struct seqbuf *s, const u8 *b)
{
	for (u32 i = 0; i < UUID_SIZE; i++)
		seq_printf(s, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	seq_puts(s, "\n");
}

static int show_uuid(struct seqbuf *s, const struct pseudo_node *n)
{
	u8 b[UUID_SIZE];

	random_bytes(b, UUID_SIZE);
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	show_uuid_bytes(s, b);
	return 0;
}

static int show_boot_id(struct seqbuf *s, const struct pseudo_node *n)
{
	show_uuid_bytes(s, kern->boot->boot_id);
	return 0;
}

/* Not Linux's: docs/clones.md. */
static int show_generation(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "%lu\n", kern->boot->generation);
	return 0;
}

/* -- the tables -- */

static const struct pseudo_def random_entries[] = {
	PROC_FILE("boot_id", 0444, show_boot_id),
	PROC_TEXT("entropy_avail", 0444, "256"),
	PROC_FILE("generation", 0444, show_generation),
	PROC_TEXT("poolsize", 0444, "256"),
	PROC_TEXT("urandom_min_reseed_secs", 0444, "60"),
	PROC_FILE("uuid", 0444, show_uuid),
	PROC_TEXT("write_wakeup_threshold", 0444, "256"),
	PROC_END,
};

static const struct pseudo_def kernel_entries[] = {
	PROC_TEXT("cap_last_cap", 0444, "40"),
	PROC_TEXT("core_pattern", 0444, "core"),
	PROC_TEXT("core_uses_pid", 0444, "0"),
	{.name = "domainname",
		.mode = S_IFREG | 0644,
		.show = show_domainname,
		.store = store_domainname},
	{.name = "hostname",
		.mode = S_IFREG | 0644,
		.show = show_hostname,
		.store = store_hostname},
	PROC_TEXT("msgmax", 0444, PROC_NUMBER(IPC_MSGMAX)),
	PROC_TEXT("msgmnb", 0444, PROC_NUMBER(IPC_MSGMNB)),
	PROC_TEXT("msgmni", 0444, PROC_NUMBER(IPC_MSGMNI)),
	PROC_TEXT("ngroups_max", 0444, "65536"),
	PROC_FILE("osrelease", 0444, show_osrelease),
	PROC_TEXT("ostype", 0444, "Linux"),
	PROC_TEXT("overflowgid", 0444, "65534"),
	PROC_TEXT("overflowuid", 0444, "65534"),
	PROC_TEXT("perf_event_paranoid", 0444, "2"),
	PROC_TEXT("pid_max", 0444, "32768"),
	PROC_DIR("random", 0555, .children = random_entries),
	PROC_TEXT("randomize_va_space", 0444, "2"),
	PROC_TEXT("sem", 0444,
		PROC_NUMBER(IPC_SEMMSL) "\t" PROC_NUMBER(IPC_SEMMNS) "\t" PROC_NUMBER(
			IPC_SEMOPM) "\t" PROC_NUMBER(IPC_SEMMNI)),
	PROC_TEXT("shm_rmid_forced", 0444, "0"),
	PROC_TEXT("shmall", 0444, "18446744073692774399"),
	PROC_TEXT("shmmax", 0444, "18446744073692774399"),
	PROC_TEXT("shmmni", 0444, PROC_NUMBER(IPC_SHMMNI)),
	PROC_TEXT("tainted", 0444, "0"),
	PROC_FILE("threads-max", 0444, show_threads_max),
	PROC_FILE("version", 0444, show_version),
	PROC_END,
};

static int show_mmap_min_addr(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "%llu\n", (unsigned long long)kern->user_va_start);
	return 0;
}

static const struct pseudo_def vm_entries[] = {
	PROC_TEXT("max_map_count", 0444, "65530"),
	PROC_FILE("mmap_min_addr", 0444, show_mmap_min_addr),
	PROC_TEXT("nr_hugepages", 0444, "0"),
	PROC_TEXT("overcommit_memory", 0444, "1"),
	PROC_TEXT("overcommit_ratio", 0444, "50"),
	PROC_TEXT("swappiness", 0444, "60"),
	PROC_END,
};

static const struct pseudo_def epoll_entries[] = {
	PROC_TEXT("max_user_watches", 0444, "1048576"),
	PROC_END,
};

static const struct pseudo_def inotify_entries[] = {
	PROC_TEXT("max_queued_events", 0444, PROC_NUMBER(INOTIFY_QUEUE_MAX)),
	PROC_TEXT("max_user_instances", 0444, PROC_NUMBER(INOTIFY_INSTANCES_MAX)),
	PROC_TEXT("max_user_watches", 0444, PROC_NUMBER(INOTIFY_WATCHES_MAX)),
	PROC_END,
};

static const struct pseudo_def mqueue_entries[] = {
	PROC_TEXT("msg_default", 0444, PROC_NUMBER(MQ_MSG_MAX)),
	PROC_TEXT("msg_max", 0444, PROC_NUMBER(MQ_MSG_MAX)),
	PROC_TEXT("msgsize_default", 0444, PROC_NUMBER(MQ_MSGSIZE_MAX)),
	PROC_TEXT("msgsize_max", 0444, PROC_NUMBER(MQ_MSGSIZE_MAX)),
	PROC_TEXT("queues_max", 0444, PROC_NUMBER(MQ_QUEUES_MAX)),
	PROC_END,
};

static const struct pseudo_def fs_entries[] = {
	PROC_DIR("epoll", 0555, .children = epoll_entries),
	PROC_TEXT("file-max", 0444, "9223372036854775807"),
	PROC_FILE("file-nr", 0444, show_file_nr),
	PROC_DIR("inotify", 0555, .children = inotify_entries),
	PROC_DIR("mqueue", 0555, .children = mqueue_entries),
	PROC_TEXT("nr_open", 0444, "1048576"),
	PROC_TEXT("overflowgid", 0444, "65534"),
	PROC_TEXT("overflowuid", 0444, "65534"),
	PROC_FILE("pipe-max-size", 0444, show_pipe_max),
	PROC_TEXT("protected_fifos", 0444, "0"),
	PROC_TEXT("protected_hardlinks", 0444, "1"), /* may_link */
	PROC_TEXT("protected_regular", 0444, "0"),
	PROC_TEXT("protected_symlinks", 0444, "0"),
	PROC_END,
};

const struct pseudo_def proc_sys_entries[] = {
	PROC_DIR("fs", 0555, .children = fs_entries),
	PROC_DIR("kernel", 0555, .children = kernel_entries),
	PROC_DIR("net", 0555, .children = proc_sys_net_entries),
	PROC_DIR("vm", 0555, .children = vm_entries),
	PROC_END,
};
