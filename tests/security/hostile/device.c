/* SPDX-License-Identifier: Apache-2.0
 *
 * /dev/sandbox-vmx in the hands of an owner that means ill: each ioctl with right, nearly right and
 * wrong structs, on the right descriptor or another, from two threads that close, map and unmap
 * under each other's hands. An answer must be one that vmm/vmx/abi.h speaks of.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/security/hostile/hostile.h"
#include "vmm/vmx/abi.h"

#define CALLS 400
#define VMS   2
#define FILES 6 /* the first VMS of the device, the others of vCPUs */

struct device {
	const struct options *o;
	uint64_t seed;
	uint8_t *memory;
	_Atomic int files[FILES];
	struct sbv_run *_Atomic pages[FILES];
};

/* Of one thread. */
struct hand {
	struct device *d;
	struct hostile h;
};

union argument {
	struct sbv_caps caps;
	struct sbv_memory memory;
	struct sbv_dirty_log log;
	struct sbv_sregs sregs;
	struct sbv_msr msr;
	struct sbv_fpu fpu;
	struct sbv_doorbell doorbell;
	struct sbv_stats stats;
	struct sbv_vcpu_state state;
	uint64_t words[128];
};

static uint32_t below(struct hand *n, uint32_t limit)
{
	return hostile_below(&n->h, limit);
}

/* In our own memory only what is there to be spoilt. */
static uint64_t place(struct hand *n)
{
	switch (below(n, 8)) {
	case 0:
		return hostile_any(&n->h) | 1ull << 47; /* the kernel's, or nobody's */
	case 1:
		return below(n, 0x10000);
	default:
		return (uintptr_t)n->d->memory +
		       below(n, GUEST_AREA / VMX_PAGE_SIZE) * VMX_PAGE_SIZE +
		       (below(n, 4) ? 0 : below(n, VMX_PAGE_SIZE));
	}
}

/* --- structs that are nearly right --- */

static void fill_memory(struct hand *n, struct sbv_memory *m)
{
	static const uint64_t sizes[] = {0, VMX_PAGE_SIZE, GUEST_SIZE, GUEST_AREA, 1ull << 21,
		1ull << 30, 1ull << 39, 1ull << 46, UINT64_MAX & VMX_PAGE_MASK};

	*m = (struct sbv_memory){
		.slot = below(n, SBV_SLOTS + 2),
		.flags = below(n, 5),
		.gpa = below(n, 3) ? below(n, 64) * VMX_PAGE_SIZE : hostile_address(&n->h),
		.hva = place(n),
		.size = sizes[below(n, VMX_ARRAY_SIZE(sizes))],
	};
	if (below(n, 4))
		return;
	/* One with the guest in it, so that there is something to run. */
	*m = (struct sbv_memory){
		.flags = below(n, 2) ? SBV_MEM_LOG : 0,
		.hva = (uintptr_t)n->d->memory,
		.size = GUEST_SIZE,
	};
}

static void fill_sregs(struct hand *n, struct sbv_sregs *s)
{
	*s = (struct sbv_sregs){
		.cr0 = GUEST_CR0,
		.cr3 = GUEST_PML4,
		.cr4 = GUEST_CR4,
		.efer = GUEST_EFER,
		.gdt_base = GUEST_GDT,
		.gdt_limit = GUEST_GDT_LIMIT,
		.idt_base = GUEST_IDT,
		.idt_limit = GUEST_IDT_LIMIT,
		.tss_base = GUEST_TSS,
		.tss_limit = GUEST_TSS_LIMIT,
		.cs = GUEST_CS0,
		.ss = GUEST_SS0,
		.tr = GUEST_TR,
	};
	if (below(n, 2))
		((uint64_t *)(void *)s)[below(n, 10)] = hostile_value(&n->h);
}

/* One that the vCPU has, or nearly so. */
static void fill_state(struct hand *n, int fd, struct sbv_vcpu_state *s)
{
	if (ioctl(fd, SBV_GET_STATE, s))
		return;
	for (uint32_t i = below(n, 3); i; i--)
		((uint64_t *)(void *)s)[below(n, sizeof(*s) / 8)] = hostile_value(&n->h);
	if (n->d->o->keep_if)
		s->regs.rflags |= RFLAGS_IF;
}

static void fill_doorbell(struct hand *n, struct sbv_doorbell *d)
{
	*d = (struct sbv_doorbell){
		.port = (uint16_t)below(n, 256),
		.enable = (uint16_t)below(n, 3),
		.wait_ns = (uint32_t)hostile_any(&n->h),
		.bells = place(n),
	};
	d->served = below(n, 4) ? d->bells + 4 : place(n);
	d->polling = below(n, 4) ? d->bells + 8 : place(n);
}

/* For this ioctl, or for another. */
static void fill(struct hand *n, int fd, unsigned long request, union argument *a)
{
	for (size_t i = 0; i < VMX_ARRAY_SIZE(a->words); i++)
		a->words[i] = below(n, 2) ? place(n) : hostile_value(&n->h);
	switch (below(n, 10) ? request : 0) {
	case SBV_MAP_MEMORY:
		fill_memory(n, &a->memory);
		break;
	case SBV_DIRTY_LOG:
		a->log = (struct sbv_dirty_log){below(n, SBV_SLOTS + 2), 0, place(n)};
		break;
	case SBV_SET_SREGS:
		fill_sregs(n, &a->sregs);
		break;
	case SBV_SET_STATE:
		fill_state(n, fd, &a->state);
		break;
	case SBV_SET_MSR:
		a->msr = (struct sbv_msr){(uint32_t)hostile_msr(&n->h), 0, hostile_value(&n->h)};
		break;
	case SBV_SET_FPU:
	case SBV_GET_FPU:
		a->fpu = (struct sbv_fpu){place(n), (uint32_t)n->d->o->xsave_size, 0};
		break;
	case SBV_SET_DOORBELL:
		fill_doorbell(n, &a->doorbell);
		break;
	default:
		break;
	}
}

/* --- calls --- */

static void answered(struct hand *n, unsigned long request, int result)
{
	static const int known[] = {EINVAL, EEXIST, ENOMEM, EFAULT, ENOTTY, EBUSY, ENOENT, EBADF,
		EAGAIN, ENODEV, EINTR};

	if (result >= 0)
		return;
	for (size_t i = 0; i < VMX_ARRAY_SIZE(known); i++)
		if (errno == known[i])
			return;
	failed(n->d->seed, "ioctl %#lx: %s", request, strerror(errno));
}

static void replace_file(struct device *d, uint32_t i, int fd)
{
	int old = atomic_exchange(&d->files[i], fd);

	if (old >= 0)
		close(old);
}

static void open_file(struct hand *n)
{
	uint32_t i = below(n, FILES);
	int fd;

	if (i < VMS && below(n, 2)) {
		fd = ioctl(n->d->files[below(n, FILES)], SBV_NEW);
		answered(n, SBV_NEW, fd);
	} else if (i < VMS) {
		fd = open(SBV_DEVICE, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			failed(n->d->seed, "open: %s", strerror(errno));
	} else {
		fd = ioctl(n->d->files[below(n, VMS)], SBV_VCPU_CREATE, below(n, 3));
		answered(n, SBV_VCPU_CREATE, fd);
	}
	if (fd >= 0)
		replace_file(n->d, i, fd);
}

/* The run page of a vCPU, or what is none. The last one stays where it was, for the other hand may
 * look at it: one in all for each vCPU. */
static void map_page(struct hand *n)
{
	uint32_t i = below(n, FILES);
	int prot = below(n, 4) ? PROT_READ | PROT_WRITE : (int)below(n, 8);
	size_t size = VMX_PAGE_SIZE * (below(n, 4) ? 1 : below(n, 3) + 1);
	void *p = mmap(NULL, size, prot, below(n, 8) ? MAP_SHARED : MAP_PRIVATE, n->d->files[i],
		below(n, 4) ? 0 : (off_t)(below(n, 3) * VMX_PAGE_SIZE));

	if (p == MAP_FAILED)
		return;
	if (prot != (PROT_READ | PROT_WRITE) || size != VMX_PAGE_SIZE || i < VMS) {
		munmap(p, size);
		return;
	}
	p = atomic_exchange(&n->d->pages[i], p);
	if (p)
		mprotect(p, VMX_PAGE_SIZE, PROT_READ | PROT_WRITE);
}

/* What the module reads at each run, at any time. */
static void scribble(struct hand *n, uint32_t i)
{
	struct sbv_run *run = n->d->pages[i];
	uint64_t *words;

	if (!run)
		return;
	run->regs_dirty = 1;
	run->immediate_exit = !below(n, 4);
	run->irq = below(n, 4) ? SBV_IRQ_NONE : (uint16_t)hostile_any(&n->h);
	run->in_value = (uint32_t)hostile_any(&n->h);
	words = (void *)&run->regs;
	for (uint32_t w = 0; w < GUEST_REGS; w++)
		words[w] = hostile_value(&n->h);
	run->regs.rip = below(n, 8) ? GUEST_CODE + below(n, GUEST_CODE_SIZE) : hostile_value(&n->h);
	run->regs.rflags = below(n, 2) ? hostile_any(&n->h) : RFLAGS_FIXED;
	if (n->d->o->keep_if)
		run->regs.rflags |= RFLAGS_IF;
}

static void call(struct hand *n)
{
	static const unsigned long device[] = {SBV_CAPS, SBV_MAP_MEMORY, SBV_MAP_MEMORY,
		SBV_MAP_MEMORY, SBV_DIRTY_LOG, SBV_SET_DOORBELL, SBV_FORGET};
	static const unsigned long vcpu[] = {SBV_SET_SREGS, SBV_GET_SREGS, SBV_SET_MSR, SBV_SET_FPU,
		SBV_GET_FPU, SBV_STATS, SBV_GET_STATE, SBV_SET_STATE, SBV_SET_STATE};
	uint32_t i = below(n, FILES);
	unsigned long request = i < VMS ? device[below(n, VMX_ARRAY_SIZE(device))]
					: vcpu[below(n, VMX_ARRAY_SIZE(vcpu))];
	union argument a;
	void *argument = &a;

	fill(n, n->d->files[i], request, &a);
	if (!below(n, 16))
		i = below(n, FILES);
	if (!below(n, 16))
		request ^= 1ul << below(n, 32);
	if (!below(n, 16))
		argument = (void *)(uintptr_t)place(n); /* NOLINT: may be nowhere */
	if (request == SBV_RUN || request == SBV_VCPU_CREATE || request == SBV_NEW)
		return;
	answered(n, request, ioctl(n->d->files[i], request, argument));
}

/* Where interrupts would be held back only with registers of ours. */
static void run(struct hand *n)
{
	uint32_t i = VMS + below(n, FILES - VMS);

	if (n->d->o->keep_if && !n->d->pages[i])
		return;
	if (below(n, 4) || n->d->o->keep_if)
		scribble(n, i);
	answered(n, SBV_RUN, ioctl(n->d->files[i], SBV_RUN, 0));
}

static void *hand(void *argument)
{
	struct hand *n = argument;
	int result = kicks_begin();

	if (result < 0)
		failed(n->d->seed, "no timer: %s", strerror(-result));
	for (int i = 0; result == 0 && i < CALLS; i++) {
		uint32_t what = below(n, 32);

		if (what < 4)
			open_file(n);
		else if (what < 6)
			map_page(n);
		else if (what == 6)
			replace_file(n->d, below(n, FILES), -1);
		else if (what < 14)
			run(n);
		else if (what == 14)
			madvise(n->d->memory + below(n, 32) * VMX_PAGE_SIZE, VMX_PAGE_SIZE,
				MADV_DONTNEED);
		else
			call(n);
	}
	kicks_end();
	return NULL;
}

static void memory_fill(struct device *d)
{
	struct hostile h;

	hostile_seed(&h, d->seed, GUEST_CR4);
	guest_image(d->memory, d->o->keep_if ? GUEST_GATES_KEEP_IF : GUEST_GATES_CLEAR_IF);
	hostile_code(&h, d->memory + GUEST_CODE, GUEST_CODE_SIZE);
	if (d->o->keep_if)
		hostile_code_keeps_if(d->memory + GUEST_CODE, GUEST_CODE_SIZE);
}

void device_trial(const struct options *o, uint64_t seed)
{
	struct device d = {.o = o, .seed = seed, .memory = guest_memory()};
	struct hand hands[2] = {{.d = &d}, {.d = &d}};
	pthread_t thread;

	if (!d.memory) {
		failed(seed, "no memory");
		return;
	}
	memory_fill(&d);
	for (uint32_t i = 0; i < FILES; i++)
		d.files[i] = -1;
	hostile_seed(&hands[0].h, seed + (1ull << 32), GUEST_CR4);
	hostile_seed(&hands[1].h, seed + (2ull << 32), GUEST_CR4);
	if (pthread_create(&thread, NULL, hand, &hands[1]) != 0) {
		failed(seed, "no thread");
		return;
	}
	hand(&hands[0]);
	pthread_join(thread, NULL);
}
