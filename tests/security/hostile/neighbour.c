/* SPDX-License-Identifier: Apache-2.0
 *
 * A VM beside the hostile ones: it counts in a register, in memory and in XMM0, and all three must
 * be as many, its other registers and its memory as they were.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/security/hostile/hostile.h"

#define STEPS	500u /* of a round */
#define OUT	0x80
#define XMM0	160 /* in an FXSAVE image */
#define PATTERN 0x1122334455667788ull

/* Numbers in struct vm_gprs; those before are the code's. */
enum { RDX = 3, RSP = 6 };

/* In ring 3: mov $STEPS, %ecx; 1: incq (%rax); inc %rbx; paddq %xmm1, %xmm0; dec %ecx; jnz 1b;
 * ud2; jmp to the first. In ring 0, the handler of #UD: addq $2, (%rsp); out %al, $OUT; iretq. */
static const uint8_t code[] = {0xb9, STEPS & 0xff, STEPS >> 8, 0, 0, 0x48, 0xff, 0x00, 0x48, 0xff,
	0xc3, 0x66, 0x0f, 0xd4, 0xc1, 0xff, 0xc9, 0x75, 0xf2, 0x0f, 0x0b, 0xeb, 0xe9};
static const uint8_t handler[] = {0x48, 0x83, 0x04, 0x24, 2, 0xe6, OUT, 0x48, 0xcf};

struct neighbour {
	const struct options *o;
	struct guest g;
	pthread_t thread;
	uint64_t sum; /* of its memory, but for the counter */
	_Atomic uint64_t rounds, seed;
	uint64_t seen; /* rounds at the last check */
	_Atomic bool stop;
};

static uint64_t *counter(const struct neighbour *n)
{
	return (uint64_t *)(void *)(n->g.memory + GUEST_SCRATCH);
}

static uint64_t sum(const struct neighbour *n)
{
	const uint64_t *p = (const uint64_t *)(const void *)n->g.memory;
	uint64_t s = 0;

	for (size_t i = 0; i < GUEST_SIZE / 8; i++)
		if (p + i != counter(n))
			s = s * 31 + p[i];
	return s;
}

static uint64_t xmm0(struct neighbour *n)
{
	uint8_t *image = calloc(1, n->o->xsave_size);
	uint64_t value = UINT64_MAX;

	if (image && n->o->ops->vcpu_get_fpu(n->g.v, image, n->o->xsave_size) == 0)
		memcpy(&value, image + XMM0, sizeof(value));
	free(image);
	return value;
}

static int begin_guest(struct neighbour *n)
{
	const struct vm_ops *ops = n->o->ops;
	struct vm_sregs sregs = guest_sregs(3);
	uint8_t *image = calloc(1, n->o->xsave_size);
	struct vm_gprs *gprs;
	int result;

	if (!image)
		return -ENOMEM;
	guest_image(n->g.memory, GUEST_GATES_KEEP_IF);
	memcpy(n->g.memory + GUEST_CODE, code, sizeof(code));
	memcpy(n->g.memory + GUEST_ENTRY_POINTS + 4 * X86_VECTOR_UD, handler, sizeof(handler));
	result = ops->vcpu_set_sregs(n->g.v, &sregs);
	if (result == 0)
		result = ops->vcpu_get_fpu(n->g.v, image, n->o->xsave_size);
	memset(image + XMM0, 0, 32);
	image[XMM0 + 16] = 1; /* XMM1 */
	if (n->o->xsave_size > 512)
		image[512] |= 3; /* XSTATE_BV: both are in the image */
	if (result == 0)
		result = ops->vcpu_set_fpu(n->g.v, image, n->o->xsave_size);
	free(image);
	if (result != 0)
		return result;
	gprs = ops->vcpu_gprs(n->g.v);
	for (uint32_t i = 0; i < GUEST_REGS; i++)
		((uint64_t *)(void *)gprs)[i] = PATTERN + i;
	gprs->rax = GUEST_SCRATCH;
	gprs->rbx = 0;
	gprs->rsp = GUEST_STACK3;
	gprs->rip = GUEST_CODE;
	gprs->rflags = RFLAGS_FIXED | RFLAGS_IF;
	ops->vcpu_gprs_dirty(n->g.v);
	return 0;
}

/* It counted right, and the rest is as it was. */
static void check_round(struct neighbour *n)
{
	const struct vm_gprs *gprs = n->o->ops->vcpu_gprs(n->g.v);
	const uint64_t *words = (const void *)gprs;
	uint64_t expected = (n->rounds + 1) * STEPS, seed = n->seed;

	if (gprs->rbx != expected || *counter(n) != expected)
		failed(seed, "the neighbour counted %lu and %lu, not %lu", gprs->rbx, *counter(n),
			expected);
	for (uint32_t i = RDX; i < GUEST_REGS; i++)
		if (i != RSP && words[i] != PATTERN + i)
			failed(seed, "the neighbour's register %u is %#lx", i, words[i]);
	if (n->rounds % 16)
		return;
	if (xmm0(n) != expected)
		failed(seed, "the neighbour's XMM0 is %lu, not %lu", xmm0(n), expected);
	if (!n->rounds) /* now the handler's frame is there */
		n->sum = sum(n);
	if (sum(n) != n->sum)
		failed(seed, "the neighbour's memory has changed");
}

static void *neighbour_live(void *argument)
{
	static const struct timespec moment = {0, 500000};
	struct neighbour *n = argument;
	struct vm_exit exit = {0};

	while (!n->stop) {
		int result = n->o->ops->vcpu_run(n->g.v, &exit);

		if (result == 0 && exit.reason == VM_EXIT_INTR)
			continue;
		if (result != 0 || exit.reason != VM_EXIT_IO_OUT || exit.io.port != OUT) {
			failed(n->seed, "the neighbour ended: %s, port %#x, at %#lx",
				result ? strerror(-result) : vm_exit_name(exit.reason),
				exit.io.port, n->o->ops->vcpu_gprs(n->g.v)->rip);
			break;
		}
		check_round(n);
		n->rounds++;
		nanosleep(&moment, NULL);
	}
	return NULL;
}

struct neighbour *neighbour_begin(const struct options *o)
{
	struct neighbour *n = calloc(1, sizeof(*n));
	int result;

	if (!n)
		return NULL;
	n->o = o;
	result = guest_make(&n->g, o->ops);
	if (result == 0)
		result = begin_guest(n);
	if (result == 0)
		result = -pthread_create(&n->thread, NULL, neighbour_live, n);
	if (result == 0)
		return n;
	failed(0, "no neighbour: %s", strerror(-result));
	guest_end(&n->g);
	free(n);
	return NULL;
}

/* A round was begun and ended since: it is not kept from running either. */
void neighbour_check(struct neighbour *n, uint64_t seed)
{
	static const struct timespec moment = {0, 1000000};
	uint64_t wanted = n->seen + 2;

	for (int i = 0; n->rounds < wanted && i < 10000; i++)
		nanosleep(&moment, NULL);
	if (n->rounds < wanted)
		failed(seed, "the neighbour has stopped");
	n->seen = n->rounds;
	n->seed = seed + 1;
}

uint64_t neighbour_end(struct neighbour *n)
{
	uint64_t rounds;

	n->stop = true;
	pthread_join(n->thread, NULL);
	guest_end(&n->g);
	rounds = n->rounds;
	free(n);
	return rounds;
}
