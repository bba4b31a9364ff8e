/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel's end of runtime/metal, on a machine that is made up here. What must hold whatever is
 * asked: the guest is only ever shown the image, read-only and in the window, what it must not
 * change is not changed for it, and nothing waits.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/metal/box.h"

#define RAM_SIZE   (1u << 20)
#define IMAGE_SIZE 10000u
#define CONSTANT   0x4000u
#define STEP_SIZE  64u /* bytes of the input for one request */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t ram[RAM_SIZE], image[3 * VMX_PAGE_SIZE] __attribute__((aligned(4096)));
static struct chan_ring ring;
static uint64_t now;

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* -- the machine -- */

int vmx_vm_set_memory(struct vmx_vm *vm, const struct sbv_memory *m)
{
	require(m->slot >= 3 && m->slot < SBV_SLOTS);
	if (!m->size)
		return 0;
	require(m->flags == SBV_MEM_READONLY && m->size % VMX_PAGE_SIZE == 0);
	require(m->hva >= (uintptr_t)image && m->size <= sizeof(image) &&
		m->hva - (uintptr_t)image <= sizeof(image) - m->size);
	require(m->gpa >= BOOT_WINDOW_GPA && m->size <= BOOT_WINDOW_SIZE &&
		m->gpa - BOOT_WINDOW_GPA <= BOOT_WINDOW_SIZE - m->size);
	return 0;
}

static uint64_t written; /* so that all of it is read */

void metal_console_write(const void *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		written += ((const uint8_t *)bytes)[i];
}

bool metal_console_ready(void)
{
	return now & 1;
}

uint8_t metal_console_read(void)
{
	return (uint8_t)now++;
}

void metal_print(const char *format, ...)
{
}

void metal_interrupts_wait(void)
{
	now = UINT64_MAX; /* whatever it waits for */
}

uint64_t box_now_ns(const struct box *b)
{
	return now;
}

void box_random(void *to, size_t n)
{
	memset(to, 7, n);
}

/* -- requests -- */

static void make_request(struct chan_msg *m, const uint8_t *step)
{
	static const uint64_t likely[] = {0, 1, 2, 0x1000, 0x2000, 0x3000, 10000, UINT64_MAX};

	*m = (struct chan_msg){.state = CHAN_SLOT_READY, .op = step[0] % (CHAN_OP_COUNT + 1)};
	m->nseg = step[1] % (CHAN_SEGS_MAX + 2);
	for (unsigned i = 0; i < 4; i++) {
		if (step[2 + i] < 192)
			m->a[i] = likely[step[2 + i] % VMX_ARRAY_SIZE(likely)];
		else
			memcpy(&m->a[i], step + 8 + 8 * i, 8);
	}
	m->in_len = step[6] < 128 ? 0 : step[6] * 300u;
	for (unsigned i = 0; i < CHAN_SEGS_MAX; i++) {
		memcpy(&m->seg[i].gpa, step + 40 + i, 4);
		m->seg[i].gpa %= RAM_SIZE + 0x1000;
		m->seg[i].len = step[50 + i] * 16u;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct box b = {
		.mem = {.ram = ram, .ram_size = RAM_SIZE, .constant_end = CONSTANT},
		.image = image,
		.image_size = IMAGE_SIZE,
		.ring = &ring,
		.input = size & 1,
	};

	now = 0;
	memset(ram, 1, CONSTANT);
	for (; size >= STEP_SIZE && !b.ended; data += STEP_SIZE, size -= STEP_SIZE) {
		memcpy(ring.data, data, STEP_SIZE);
		make_request(&ring.slot[ring.sq_tail % CHAN_SLOTS], data);
		ring.sq_tail++;
		box_serve(&b);
		require(ring.sq_head == ring.sq_tail);
		if (now == UINT64_MAX)
			now = 0;
	}
	for (size_t i = 0; i < CONSTANT; i++)
		require(ram[i] == 1);
	return 0;
}
