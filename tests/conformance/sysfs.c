/* SPDX-License-Identifier: Apache-2.0 */
/* /sys, as far as it is alike on every machine: processors, the loopback interface, huge pages. */
#include "behave.h"

#include <dirent.h>
#include <sys/statfs.h>

#define CPU "/sys/devices/system/cpu"

static const char *text(const char *path)
{
	static char buf[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);

	if (fd >= 0)
		close(fd);
	buf[n < 0 ? 0 : n] = 0;
	return n < 0 ? errno_name(errno) : buf;
}

static void processors_agree_with_sysconf(void)
{
	long n = sysconf(_SC_NPROCESSORS_CONF), last = -1, dirs = 0;
	DIR *d = opendir(CPU);
	int end;

	MUST(d != NULL);
	for (struct dirent *e; (e = readdir(d));)
		if (sscanf(e->d_name, "cpu%ld%n", &last, &end) == 1 && !e->d_name[end])
			dirs++;
	closedir(d);
	T(dirs == n);
	R(access(CPU "/cpu0/topology/core_id", R_OK));
	R(access(CPU "/cpu9999", F_OK));
	R(access(CPU "/cpu00", F_OK));
	T(strtol(text(CPU "/online"), NULL, 10) == 0);
	S(text(CPU "/cpu0/topology/physical_package_id"));
}

static void loopback_interface(void)
{
	S(text("/sys/class/net/lo/address"));
	S(text("/sys/class/net/lo/mtu"));
	S(text("/sys/class/net/lo/ifindex"));
	S(text("/sys/class/net/lo/type"));
}

static void one_memory_node(void)
{
	S(text("/sys/devices/system/node/node0/distance"));
	S(text("/sys/devices/system/node/online"));
}

static void huge_page_setting_is_one_of_three(void)
{
	const char *s = text("/sys/kernel/mm/transparent_hugepage/enabled");

	T(strstr(s, "[always]") || strstr(s, "[madvise]") || strstr(s, "[never]"));
	S(text("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"));
}

static void kind_of_file_system(void)
{
	struct statfs st;

	R(statfs("/sys", &st));
	T(st.f_type == 0x62656572);
	R(mkdir("/sys/kernel/x", 0755) < 0);
	show_type("/sys/kernel/mm");
	show_type("/sys/nothing");
}

const struct behaviour behaviours[] = {
	BEHAVIOUR(processors_agree_with_sysconf),
	BEHAVIOUR(loopback_interface),
	BEHAVIOUR(one_memory_node),
	BEHAVIOUR(huge_page_setting_is_one_of_three),
	BEHAVIOUR(kind_of_file_system),
	{NULL, NULL},
};
