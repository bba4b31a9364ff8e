/* SPDX-License-Identifier: Apache-2.0
 *
 * Which tracepoints this kernel has is found out by loading what needs them.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>

#include "latency.skel.h"
#include "runtime/trace/latency_groups.h"
#include "runtime/trace/trace.h"

_Static_assert(LATENCY_BUCKETS == HISTOGRAM_BUCKETS &&
		       LATENCY_FIRST_SHIFT == HISTOGRAM_FIRST_SHIFT &&
		       sizeof(struct latency) == sizeof(struct histogram),
	"the kernel's part counts as the launcher does");

static const struct {
	const char *name, *backend; /* NULL: of every backend */
	const char *programs[5];    /* of latency.bpf.c */
} groups[LATENCY_GROUPS] = {
	{"kvm", "kvm", {"kvm_entry", "kvm_exit", "kvm_userspace_exit", "kvm_run"}},
	{"sandbox_vmx", "vmx", {"sandbox_vmx_entry", "sandbox_vmx_exit", "sandbox_vmx_user"}},
	{"handle_mm_fault", NULL, {"memory_begin", "memory_end"}},
	{"exceptions", NULL, {"page_fault_user"}},
	{"sched", NULL, {"sched_wakeup", "sched_wakeup_new", "sched_switch"}},
};

bool latency_group_is_for(enum latency_group g, const struct observe_head *h)
{
	return !groups[g].backend || !strcmp(groups[g].backend, h->backend);
}

const char *latency_group_name(enum latency_group g)
{
	return groups[g].name;
}

static void choose_programs(struct latency_bpf *bpf, enum latency_group g)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, bpf->obj)
	{
		bool wanted = false;

		for (int i = 0; groups[g].programs[i]; i++)
			wanted |= !strcmp(groups[g].programs[i], bpf_program__name(p));
		bpf_program__set_autoload(p, wanted);
	}
}

int latency_group_open(
	struct latency_bpf **out, enum latency_group g, const struct kernel_target *target)
{
	struct latency_bpf *bpf = latency_bpf__open();
	int r;

	if (!bpf)
		return -errno;
	bpf->rodata->target_pid = target->pid;
	bpf->rodata->target_dev = target->dev;
	bpf->rodata->target_ino = target->ino;
	choose_programs(bpf, g);
	r = latency_bpf__load(bpf);
	if (!r)
		r = latency_bpf__attach(bpf);
	if (r)
		latency_bpf__destroy(bpf);
	else
		*out = bpf;
	return r;
}

void latency_group_each(struct latency_bpf *bpf,
	void (*each)(void *arg, const struct latency_key *k, const struct histogram *h), void *arg)
{
	int map = bpf_map__fd(bpf->maps.times);
	struct latency_key key, *before = NULL;

	while (!bpf_map_get_next_key(map, before, &key)) {
		struct latency l;
		struct histogram h;

		if (!bpf_map_lookup_elem(map, &key, &l)) {
			memcpy(&h, &l, sizeof h);
			each(arg, &key, &h);
		}
		before = &key;
	}
}

unsigned long long latency_group_lost(const struct latency_bpf *bpf)
{
	return bpf->bss->lost;
}

void latency_group_close(struct latency_bpf *bpf)
{
	latency_bpf__destroy(bpf);
}
