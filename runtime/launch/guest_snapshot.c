/* SPDX-License-Identifier: Apache-2.0
 * Snapshots in home guest. The vCPU is written down as it was saved for clones (guest_clone.c), and
 * of that only what the shim does not have the same in every sandbox: no file says what a control
 * register is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "runtime/launch/home_guest.h"
#include "runtime/snapshot/coder.h"

#define MSR_KERNEL_GS_BASE 0xc0000102u
#define RFLAGS_KEPT	   0x244cd5ull /* arithmetic, DF, IF, AC, ID */

struct guest_state {
	struct vm_gprs gprs;
	uint64_t cr2, cr3, fs_base, gs_base, kernel_gs_base;
	uint8_t *fpu;
};

static void code_state(struct coder *c, struct guest_state *s, uint32_t fpu_size)
{
	coder_bytes(c, &s->gprs, sizeof(s->gprs));
	coder_u64(c, &s->cr2);
	coder_u64(c, &s->cr3);
	coder_u64(c, &s->fs_base);
	coder_u64(c, &s->gs_base);
	coder_u64(c, &s->kernel_gs_base);
	coder_bytes(c, s->fpu, fpu_size);
}

int guest_snapshot(struct launch *l, struct coder *c)
{
	struct home_guest *h = l->home_state;
	struct vm_saved saved;
	struct guest_state s;

	l->c->backend->saved_read(h->saved, &saved);
	s = (struct guest_state){
		.gprs = saved.gprs,
		.cr2 = saved.sregs.cr2,
		.cr3 = saved.sregs.cr3,
		.fs_base = saved.sregs.fs_base,
		.gs_base = saved.sregs.gs_base,
		.kernel_gs_base = saved.kernel_gs_base,
		.fpu = (uint8_t *)(uintptr_t)saved.fpu,
	};
	code_state(c, &s, l->c->caps.xsave_size);
	return c->err;
}

static bool is_canonical(uint64_t v)
{
	return (uint64_t)((int64_t)(v << 16) >> 16) == v;
}

static int load(struct launch *l, const struct guest_state *s)
{
	const struct vm_ops *ops = l->c->backend;
	struct vcpu *v = l->vcpu[0];
	struct vm_sregs sregs;
	int r = ops->vcpu_get_sregs(v, &sregs);

	if (r)
		return r;
	sregs.cr2 = s->cr2;
	sregs.cr3 = s->cr3;
	sregs.fs_base = s->fs_base;
	sregs.gs_base = s->gs_base;
	r = ops->vcpu_set_sregs(v, &sregs);
	if (!r)
		r = ops->vcpu_set_msr(v, MSR_KERNEL_GS_BASE, s->kernel_gs_base);
	if (!r)
		r = ops->vcpu_set_fpu(v, s->fpu, l->c->caps.xsave_size);
	*ops->vcpu_gprs(v) = s->gprs;
	ops->vcpu_gprs(v)->rflags = (s->gprs.rflags & RFLAGS_KEPT) | 2;
	ops->vcpu_gprs_dirty(v);
	return r;
}

static int add_random(struct launch *l)
{
	uint8_t seed[64];
	int r = getrandom(seed, sizeof(seed), 0) == (ssize_t)sizeof(seed) ? 0 : -EIO;

	if (!r)
		r = guest_add_random(l, seed, sizeof(seed));
	explicit_bzero(seed, sizeof(seed));
	return r;
}

/* The vCPU has the registers that it begins with, which the others are changed in. The doorbell in
 * which it stopped rings again. */
int guest_restore(struct launch *l, struct coder *c)
{
	struct home_guest *h = l->home_state;
	struct guest_state s = {.fpu = calloc(1, l->c->caps.xsave_size)};
	int r = s.fpu ? 0 : -ENOMEM;

	if (!r) {
		code_state(c, &s, l->c->caps.xsave_size);
		r = c->err;
	}
	if (!r && !(is_canonical(s.fs_base) && is_canonical(s.gs_base) &&
			  is_canonical(s.kernel_gs_base) && s.cr3 < l->mem.ram_size))
		r = -EBADMSG;
	if (!r)
		r = load(l, &s);
	free(s.fpu);
	if (!r)
		r = add_random(l);
	h->vcpu[0].resumes = true;
	atomic_store(&h->bells, 1);
	return r;
}
