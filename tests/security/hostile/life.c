/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest that means ill and an owner that does not know what it wants. The guest may be ended in
 * every way but one by vmx: that the module could not go on (VM_EXIT_FAIL). KVM may end it so.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/security/hostile/hostile.h"

#define RUNS 24

/* Of one vCPU, in one thread. */
struct runner {
	const struct options *o;
	struct guest *g;
	struct vcpu *v;
	struct tally *tally;
	uint64_t seed;
	struct hostile h;
	struct vm_exit exit;
	bool over; /* beyond use */
};

static uint32_t below(struct runner *r, uint32_t n)
{
	return hostile_below(&r->h, n);
}

/* A call of the owner's: it may be refused, but only in these words. */
static void called(struct runner *r, const char *what, int result)
{
	static const int refusals[] = {0, -EINVAL, -EEXIST, -EBUSY, -EFAULT, -ENOMEM};

	r->tally->calls++;
	for (size_t i = 0; i < VMX_ARRAY_SIZE(refusals); i++)
		if (result == refusals[i])
			return;
	failed(r->seed, "%s: %s", what, strerror(-result));
}

/* --- where it goes on --- */

static void registers(struct runner *r, uint64_t rip, uint64_t rsp)
{
	struct vm_gprs *gprs = r->g->ops->vcpu_gprs(r->v);

	gprs->rip = rip;
	gprs->rsp = rsp;
	gprs->rflags |= r->o->keep_if ? RFLAGS_IF : 0;
	r->g->ops->vcpu_gprs_dirty(r->v);
}

/* The guest's beginning: tables and code are made anew unless somebody else runs in them. */
static void start(struct runner *r, bool image)
{
	int ring = below(r, 3) ? 0 : 3;
	struct vm_sregs sregs = guest_sregs(ring);
	struct vm_gprs *gprs = r->g->ops->vcpu_gprs(r->v);

	if (image) {
		mprotect(r->g->memory, GUEST_SIZE, PROT_READ | PROT_WRITE);
		guest_image(
			r->g->memory, r->o->keep_if ? GUEST_GATES_KEEP_IF : GUEST_GATES_CLEAR_IF);
		hostile_code(&r->h, r->g->memory + GUEST_CODE, GUEST_CODE_SIZE);
		if (r->o->keep_if)
			hostile_code_keeps_if(r->g->memory + GUEST_CODE, GUEST_CODE_SIZE);
		called(r, "forget_translations", r->g->ops->forget_translations(r->g->vm));
	}
	called(r, "vcpu_set_sregs", r->g->ops->vcpu_set_sregs(r->v, &sregs));
	for (uint32_t i = 0; i < GUEST_REGS; i++)
		((uint64_t *)(void *)gprs)[i] = hostile_value(&r->h);
	gprs->rflags = RFLAGS_FIXED | (below(r, 2) ? RFLAGS_IF : 0);
	registers(r, GUEST_CODE, ring ? GUEST_STACK3 : GUEST_STACK);
}

static void go_on(struct runner *r)
{
	struct vm_gprs *gprs = r->g->ops->vcpu_gprs(r->v);
	uint64_t rip = GUEST_CODE + below(r, GUEST_CODE_SIZE);

	if (!below(r, 4))
		gprs->rflags = hostile_any(&r->h);
	if (r->exit.reason == VM_EXIT_IO_IN)
		r->exit.io.value = (uint32_t)hostile_any(&r->h);
	registers(r, rip, below(r, 2) ? gprs->rsp : hostile_address(&r->h));
}

/* --- what the owner does between runs --- */

static void change_slot(struct runner *r)
{
	uint32_t slot = below(r, GUEST_SLOT_LOGGED + 1);

	called(r, "a slot's end", guest_slot_gone(r->g, slot));
	if (below(r, 4))
		called(r, "map_memory", guest_slot(r->g, slot, below(r, 3) ? 0 : VM_MEM_READONLY));
}

/* Memory goes, comes back empty, changes its rights. */
static void change_memory(struct runner *r)
{
	static const int rights[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
	uint8_t *at = r->g->memory + below(r, GUEST_SIZE / VMX_PAGE_SIZE) * VMX_PAGE_SIZE;
	int prot = rights[below(r, 3)];

	r->tally->calls++;
	switch (below(r, 3)) {
	case 0:
		madvise(at, VMX_PAGE_SIZE, MADV_DONTNEED);
		break;
	case 1:
		mprotect(at, VMX_PAGE_SIZE, prot);
		break;
	default:
		if (mmap(at, VMX_PAGE_SIZE, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
			MAP_FAILED)
			failed(r->seed, "mmap: %s", strerror(errno));
	}
}

static void change_fpu(struct runner *r)
{
	uint8_t *image = calloc(1, r->o->xsave_size);

	if (!image)
		return;
	called(r, "vcpu_get_fpu", r->g->ops->vcpu_get_fpu(r->v, image, r->o->xsave_size));
	for (uint32_t n = below(r, 64); n; n--)
		image[below(r, (uint32_t)r->o->xsave_size)] = (uint8_t)hostile_any(&r->h);
	called(r, "vcpu_set_fpu", r->g->ops->vcpu_set_fpu(r->v, image, r->o->xsave_size));
	free(image);
}

_Static_assert(offsetof(struct vm_sregs, gdt_limit) == 10 * 8, "words");
_Static_assert(offsetof(struct vm_sregs, tr) == 10 * 8 + 5 * 2, "halves");

/* One of them is something else. */
static void change_sregs(struct runner *r)
{
	struct vm_sregs s;
	uint64_t *words = (void *)&s;			  /* 10, to the bases */
	uint16_t *halves = (void *)((char *)&s + 10 * 8); /* 6: limits and selectors */

	called(r, "vcpu_get_sregs", r->g->ops->vcpu_get_sregs(r->v, &s));
	if (below(r, 4))
		words[below(r, 10)] = hostile_value(&r->h);
	else
		halves[below(r, 6)] = (uint16_t)hostile_value(&r->h);
	called(r, "vcpu_set_sregs", r->g->ops->vcpu_set_sregs(r->v, &s));
}

static void change_doorbell(struct runner *r)
{
	static const uint16_t ports[] = {3, 6, 13, 14, 0x80};
	_Atomic uint32_t *words = (void *)(r->g->memory + GUEST_PAGE_BELL);
	struct vm_doorbell d = {
		.port = ports[below(r, 5)],
		.wait_ns = below(r, 100000),
		.bells = &words[below(r, 4)],
		.served = &words[below(r, 4)],
		.polling = &words[below(r, 4)],
	};

	if (!r->g->ops->set_doorbell)
		return;
	words[below(r, 4)] = (uint32_t)hostile_any(&r->h);
	called(r, "set_doorbell", r->g->ops->set_doorbell(r->g->vm, below(r, 4) ? &d : NULL));
}

static void meddle(struct runner *r)
{
	const struct vm_ops *ops = r->g->ops;

	switch (below(r, 12)) {
	case 0:
		called(r, "forget_translations", ops->forget_translations(r->g->vm));
		break;
	case 1:
		change_slot(r);
		break;
	case 2:
	case 3:
		change_memory(r);
		break;
	case 4:
		change_fpu(r);
		break;
	case 5:
		called(r, "vcpu_set_msr",
			ops->vcpu_set_msr(
				r->v, (uint32_t)hostile_msr(&r->h), hostile_value(&r->h)));
		break;
	case 6:
		change_sregs(r);
		break;
	case 7:
		change_doorbell(r);
		break;
	case 8:
	case 9:
		called(r, "vcpu_interrupt", ops->vcpu_interrupt(r->v, (uint8_t)below(r, 256)));
		break;
	case 10:
		ops->vcpu_kick(r->v);
		break;
	default:
		break;
	}
}

/* --- its life --- */

static void run(struct runner *r, int n)
{
	int result;

	kicks_target(r->g->ops, r->v);
	result = r->g->ops->vcpu_run(r->v, &r->exit);
	kicks_target(NULL, NULL);
	r->over = result != 0 || r->exit.reason == VM_EXIT_FAIL;
	if (result == 0)
		r->tally->ends[r->exit.reason % VM_EXIT_REASONS]++;
	if (!r->over || !r->o->is_vmx)
		return;
	if (result != 0)
		failed(r->seed, "run %d: %s", n, strerror(-result));
	else
		failed(r->seed, "run %d: VM_EXIT_FAIL, code %#lx, at %#lx", n, r->exit.fail.code,
			r->g->ops->vcpu_gprs(r->v)->rip);
}

/* The second vCPU: it goes on in what the first one makes. */
static void *mate(void *argument)
{
	struct runner *r = argument;
	int result = kicks_begin();

	if (result < 0)
		failed(r->seed, "no timer: %s", strerror(-result));
	for (int i = 0; result == 0 && i < RUNS && !r->over; i++) {
		if (!i || r->exit.reason == VM_EXIT_SHUTDOWN || !below(r, 8))
			start(r, false);
		else
			go_on(r);
		run(r, i);
	}
	kicks_end();
	return NULL;
}

/* Once in a while nobody waits for its end. */
static void first(struct runner *r)
{
	for (int i = 0; i < RUNS && !r->over && (i < RUNS / 2 || below(r, 24)); i++) {
		if (!i || r->exit.reason == VM_EXIT_SHUTDOWN || !below(r, 8))
			start(r, true);
		else
			go_on(r);
		if (below(r, 2))
			meddle(r);
		run(r, i);
	}
}

static void live_both(struct runner *r)
{
	struct runner second = *r;
	pthread_t thread;
	int result = r->g->ops->vcpu_create(r->g->vm, 1 + below(r, 3), &second.v);

	if (result != 0) {
		failed(r->seed, "no second vCPU: %s", strerror(-result));
		return;
	}
	hostile_seed(&second.h, ~r->seed, GUEST_CR4);
	result = pthread_create(&thread, NULL, mate, &second);
	if (result != 0)
		failed(r->seed, "no thread: %s", strerror(result));
	first(r);
	if (result == 0)
		pthread_join(thread, NULL);
	r->g->ops->vcpu_destroy(second.v);
}

void live(const struct options *o, uint64_t seed, struct tally *t)
{
	struct guest g;
	struct runner r = {.o = o, .g = &g, .tally = t, .seed = seed};
	int result = guest_make(&g, o->ops);

	hostile_seed(&r.h, seed, GUEST_CR4);
	r.v = g.v;
	if (result != 0)
		failed(seed, "no VM: %s", strerror(-result));
	else if (below(&r, 3))
		first(&r);
	else
		live_both(&r);
	guest_end(&g);
}
