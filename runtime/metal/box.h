/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher without an operating system: one VM on one processor, the shim in it, one program
 * from one image, a serial line. What its files offer each other. Addresses of the host are
 * physical ones.
 */
#ifndef RUNTIME_METAL_BOX_H
#define RUNTIME_METAL_BOX_H

#include "kernel-shim/abi/boot.h"
#include "kernel-shim/abi/channel.h"
#include "runtime/service/service.h"
#include "vmm/vmx/metal/metal.h"

/* Handles of the channel: there are two files. */
#define BOX_CONSOLE 1u
#define BOX_IMAGE   2u

#define BOX_ARGS_MAX 32u

struct box {
	struct service_memory mem; /* whole pages, and no window: that is made of slots */
	const uint8_t *image;	   /* an EROFS image, from a page on */
	uint64_t image_size;	   /* bytes, of which the last page may have some */
	bool input;		   /* the console is read; else its end is at once */

	struct vmx_vm *vm;
	struct vmx_vcpu *vcpu;
	struct boot_block *boot; /* these three in RAM */
	struct chan_ring *ring;
	struct boot_clock *clock;

	uint32_t
		watched; /* events of the console that the guest waits for, and its word for them */
	uint64_t watch_tag;
	bool ended;
	uint32_t status; /* then: as wait(2) has it */
	struct chan_report report;
};

/* -- clock.c -- */

/* Measures the processor's clock and the timer against the PIT, and sets the timer. */
void box_clock_init(struct box *b);
/* Fills the clock page. */
void box_clock_publish(struct box *b);
uint64_t box_now_ns(const struct box *b); /* CLOCK_MONOTONIC */

/* -- random.c -- */

bool box_random_is_strong(void);
void box_random(void *to, size_t n);

/* -- block.c -- */

/* Loads the shim, writes clock page, ring and boot block. words: argv, the first the program's
 * path; NULL-terminated. */
void box_block_build(struct box *b, char **words);

/* -- serve.c -- */

/* All requests that are in the ring. */
void box_serve(struct box *b);
/* Has something come that the guest waits for? Then WAIT would return it. */
bool box_event(const struct box *b);
/* Of the guest: any byte may be in it. */
void box_print(const uint8_t *text, size_t n);

#endif
