/* SPDX-License-Identifier: Apache-2.0
 *
 * What the host has, before and after.
 */
#include <stdio.h>
#include <string.h>

#include "tests/security/hostile/hostile.h"

#define DEBUGFS "/sys/kernel/debug/sandbox-vmx/"

static bool number_read(const char *path, long *n)
{
	FILE *f = fopen(path, "re");
	bool ok = f && fscanf(f, "%ld", n) == 1;

	if (f)
		fclose(f);
	return ok;
}

bool host_counts_read(struct host_counts *c)
{
	return number_read(DEBUGFS "vms", &c->vms) && number_read(DEBUGFS "vcpus", &c->vcpus) &&
	       number_read(DEBUGFS "pages", &c->pages);
}

/* What is free, or has an owner that /proc/meminfo counts: a page that the module forgot is in none
 * of these rows. */
static bool is_accounted(const char *name)
{
	static const char *const names[] = {"MemFree:", "Buffers:", "Cached:", "SReclaimable:",
		"AnonPages:", "PageTables:", "KernelStack:"};

	for (size_t i = 0; i < VMX_ARRAY_SIZE(names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static long sum_rows(const char *path, bool (*counts)(const char *name))
{
	FILE *f = fopen(path, "re");
	char line[256], name[64];
	long n, sum = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, " %63s %ld", name, &n) == 2 && counts(name))
			sum += n;
	if (f)
		fclose(f);
	return sum;
}

/* Of a CPU's lists of free pages, which MemFree does not count: up to tens of MiB. */
static bool is_pageset(const char *name)
{
	return !strcmp(name, "count:");
}

long host_memory_accounted(void)
{
	return sum_rows("/proc/meminfo", is_accounted) + sum_rows("/proc/zoneinfo", is_pageset) * 4;
}
