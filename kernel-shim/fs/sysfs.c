/* SPDX-License-Identifier: Apache-2.0
 * /sys: the processors as the sandbox has them, one memory node, the loopback interface, and the
 * settings of memory that allocators read. Nothing of the host's devices.
 */
#include "fs/fs_internal.h"
#include "fs/proc_internal.h"

#define SYSFS_MAGIC 0x62656572u

/* -- processors; a node's fd is the number of its processor -- */

static int show_cpu_list(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, kern->ncpus > 1 ? "0-%u\n" : "0\n", kern->ncpus - 1);
	return 0;
}

static void show_mask(struct seqbuf *s, u64 mask)
{
	if (mask >> 32)
		seq_printf(s, "%x,%08x\n", (u32)(mask >> 32), (u32)mask);
	else
		seq_printf(s, "%x\n", (u32)mask);
}

static int show_cpu_mask(struct seqbuf *s, const struct pseudo_node *n)
{
	show_mask(s, sched_cpus_present());
	return 0;
}

static int show_own_list(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_printf(s, "%d\n", n->fd);
	return 0;
}

static int show_own_mask(struct seqbuf *s, const struct pseudo_node *n)
{
	show_mask(s, 1ull << n->fd);
	return 0;
}

/* One package of cores without hyper-threads. */
static const struct pseudo_def topology_entries[] = {
	PROC_FILE("core_cpus", 0444, show_own_mask),
	PROC_FILE("core_cpus_list", 0444, show_own_list),
	PROC_FILE("core_id", 0444, show_own_list),
	PROC_FILE("core_siblings", 0444, show_cpu_mask),
	PROC_FILE("core_siblings_list", 0444, show_cpu_list),
	PROC_TEXT("die_id", 0444, "0"),
	PROC_FILE("package_cpus", 0444, show_cpu_mask),
	PROC_FILE("package_cpus_list", 0444, show_cpu_list),
	PROC_TEXT("physical_package_id", 0444, "0"),
	PROC_FILE("thread_siblings", 0444, show_own_mask),
	PROC_FILE("thread_siblings_list", 0444, show_own_list),
	PROC_END,
};

static const struct pseudo_def cpu_entries[] = {
	PROC_DIR("topology", 0755, .children = topology_entries),
	PROC_END,
};
static const struct pseudo_def cpu_dir = PROC_DIR("cpu", 0755, .children = cpu_entries);

static int cpu_lookup(
	const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out)
{
	s32 id = len > 3 && !memcmp(name, "cpu", 3) ? pseudo_parse_id(name + 3, len - 3) : -1;

	if (id < 0 || (u32)id >= kern->ncpus)
		return -ENOENT;
	out->def = &cpu_dir;
	out->fd = id;
	return 0;
}

static bool cpu_next(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out)
{
	if (*cursor >= kern->ncpus)
		return false;
	proc_dirent(out, &cpu_dir, (s32)*cursor);
	kfmt(out->name, sizeof(out->name), "cpu%d", (s32)*cursor);
	out->node.fd = (s32)*cursor;
	return true;
}

static const struct pseudo_def processors[] = {
	PROC_TEXT("isolated", 0444, ""),
	PROC_TEXT("kernel_max", 0444, "63"),
	PROC_TEXT("offline", 0444, ""),
	PROC_FILE("online", 0444, show_cpu_list),
	PROC_FILE("possible", 0444, show_cpu_list),
	PROC_FILE("present", 0444, show_cpu_list),
	PROC_END,
};

/* -- memory -- */

static int show_node_meminfo(struct seqbuf *s, const struct pseudo_node *n)
{
	unsigned long long total = pages_total() * 4, left = pages_free_count() * 4;

	seq_printf(s, "Node 0 MemTotal:%15llu kB\n", total);
	seq_printf(s, "Node 0 MemFree: %15llu kB\n", left);
	seq_printf(s, "Node 0 MemUsed: %15llu kB\n", total - left);
	return 0;
}

static const struct pseudo_def node0[] = {
	PROC_FILE("cpulist", 0444, show_cpu_list),
	PROC_FILE("cpumap", 0444, show_cpu_mask),
	PROC_TEXT("distance", 0444, "10"),
	PROC_FILE("meminfo", 0444, show_node_meminfo),
	PROC_END,
};

static const struct pseudo_def nodes[] = {
	PROC_TEXT("has_cpu", 0444, "0"),
	PROC_TEXT("has_memory", 0444, "0"),
	PROC_TEXT("has_normal_memory", 0444, "0"),
	PROC_DIR("node0", 0755, .children = node0),
	PROC_TEXT("online", 0444, "0"),
	PROC_TEXT("possible", 0444, "0"),
	PROC_END,
};

static const struct pseudo_def huge_pages[] = {
	PROC_TEXT("defrag", 0444, "always defer defer+madvise madvise [never]"),
	PROC_TEXT("enabled", 0444, "always madvise [never]"),
	PROC_TEXT("hpage_pmd_size", 0444, "2097152"),
	PROC_TEXT("shmem_enabled", 0444, "always within_size advise [never] deny force"),
	PROC_END,
};

static const struct pseudo_def empty[] = {PROC_END};

static const struct pseudo_def memory[] = {
	PROC_DIR("hugepages", 0755, .children = empty),
	PROC_DIR("transparent_hugepage", 0755, .children = huge_pages),
	PROC_END,
};

/* -- the loopback interface (net/netdev.c) -- */

static const struct pseudo_def lo[] = {
	PROC_TEXT("addr_len", 0444, "6"),
	PROC_TEXT("address", 0444, "00:00:00:00:00:00"),
	PROC_TEXT("broadcast", 0444, "00:00:00:00:00:00"),
	PROC_TEXT("carrier", 0444, "1"),
	PROC_TEXT("flags", 0444, "0x9"),
	PROC_TEXT("ifindex", 0444, "1"),
	PROC_TEXT("mtu", 0444, "65536"),
	PROC_TEXT("operstate", 0444, "unknown"),
	PROC_TEXT("tx_queue_len", 0444, "1000"),
	PROC_TEXT("type", 0444, "772"),
	PROC_END,
};
static const struct pseudo_def interfaces[] = {PROC_DIR("lo", 0755, .children = lo), PROC_END};

/* -- the tree -- */

static const struct pseudo_def system_entries[] = {
	PROC_DIR("cpu", 0755, .children = processors, .lookup = cpu_lookup, .next = cpu_next),
	PROC_DIR("node", 0755, .children = nodes),
	PROC_END,
};
static const struct pseudo_def devices[] = {
	PROC_DIR("system", 0755, .children = system_entries),
	PROC_END,
};
static const struct pseudo_def classes[] = {
	PROC_DIR("net", 0755, .children = interfaces),
	PROC_END,
};
static const struct pseudo_def file_systems[] = {
	PROC_DIR("cgroup", 0755, .children = empty),
	PROC_END,
};
static const struct pseudo_def kernel_entries[] = {
	PROC_DIR("mm", 0755, .children = memory),
	PROC_END,
};
static const struct pseudo_def root_entries[] = {
	PROC_DIR("block", 0755, .children = empty),
	PROC_DIR("bus", 0755, .children = empty),
	PROC_DIR("class", 0755, .children = classes),
	PROC_DIR("dev", 0755, .children = empty),
	PROC_DIR("devices", 0755, .children = devices),
	PROC_DIR("firmware", 0755, .children = empty),
	PROC_DIR("fs", 0755, .children = file_systems),
	PROC_DIR("kernel", 0755, .children = kernel_entries),
	PROC_DIR("module", 0755, .children = empty),
	PROC_DIR("power", 0755, .children = empty),
	PROC_END,
};
static const struct pseudo_def root = {.mode = S_IFDIR | 0555, .children = root_entries};

static bool refresh(struct inode *i, const struct pseudo_node *n)
{
	return true;
}

static const struct pseudo_fs sysfs = {
	.type = "sysfs",
	.root = &root,
	.magic = SYSFS_MAGIC,
	.refresh = refresh,
};

struct super *sysfs_mount(void)
{
	return pseudo_mount(&sysfs);
}
