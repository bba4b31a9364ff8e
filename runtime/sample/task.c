/* SPDX-License-Identifier: Apache-2.0
 * The shim's tasks and mappings, seen from outside. The other vCPUs go on meanwhile and may change
 * them: what is copied may be half of this and half of that, and is nothing that could be relied on
 * anyway.
 */
#include <string.h>

#include "runtime/sample/sample_internal.h"

#define VMAS_MAX (1u << 17) /* more than a process has (vm.max_map_count) */

#define GET(s, base, offset, to) sample_read_shim(s, (base) + (offset), to, sizeof(*(to)))

static bool mappings(const struct sampler *s, uint64_t mm, struct sample_task *out)
{
	const struct guest_layout *l = s->c.layout;

	return mm && GET(s, mm, l->mm.pgd, &out->pgd) && GET(s, mm, l->mm.vmas, &out->vmas) &&
	       GET(s, mm, l->mm.nvmas, &out->nvmas) && GET(s, mm, l->mm.vdso, &out->vdso);
}

static bool registers(const struct sampler *s, uint64_t task, struct sample_task *out)
{
	const struct guest_layout *l = s->c.layout;

	return GET(s, task, l->task.trap_kind, &out->trap_kind) &&
	       GET(s, task, l->task.rip, &out->rip) && GET(s, task, l->task.rsp, &out->rsp) &&
	       GET(s, task, l->task.rbp, &out->rbp) &&
	       GET(s, task, l->task.in_syscall, &out->in_syscall) &&
	       GET(s, task, l->task.orig_rax, &out->orig_rax);
}

static bool identity(const struct sampler *s, uint64_t task, struct sample_task *out)
{
	const struct guest_layout *l = s->c.layout;
	uint64_t process;
	bool r = GET(s, task, l->task.proc, &process) &&
		 GET(s, process, l->process.pid, &out->pid) &&
		 GET(s, task, l->task.tid, &out->tid) && GET(s, task, l->task.comm, &out->comm);

	out->comm[sizeof(out->comm) - 1] = 0;
	return r;
}

bool sample_task(const struct sampler *s, uint32_t cpu, struct sample_task *out)
{
	const struct guest_layout *l = s->c.layout;
	uint64_t task, mm;

	*out = (struct sample_task){0};
	return cpu < l->ncpus &&
	       GET(s, l->cpus + (uint64_t)cpu * l->cpu_size, l->cpu.task, &task) && task &&
	       identity(s, task, out) && registers(s, task, out) && GET(s, task, l->task.mm, &mm) &&
	       mappings(s, mm, out);
}

static bool read_vma(
	const struct sampler *s, const struct sample_task *t, uint32_t i, struct sample_vma *out)
{
	const struct guest_layout *l = s->c.layout;
	uint64_t vma;

	return GET(s, t->vmas, i * sizeof(vma), &vma) && GET(s, vma, l->vma.start, &out->start) &&
	       GET(s, vma, l->vma.end, &out->end) && GET(s, vma, l->vma.offset, &out->offset) &&
	       GET(s, vma, l->vma.file, &out->file) && GET(s, vma, l->vma.prot, &out->prot);
}

/* They are sorted. */
bool sample_vma(
	const struct sampler *s, const struct sample_task *t, uint64_t va, struct sample_vma *out)
{
	uint32_t lo = 0, hi = t->nvmas < VMAS_MAX ? t->nvmas : 0;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (!read_vma(s, t, mid, out))
			return false;
		if (va < out->start)
			hi = mid;
		else if (va >= out->end)
			lo = mid + 1;
		else
			return true;
	}
	return false;
}
