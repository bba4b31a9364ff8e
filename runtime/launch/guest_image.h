/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAUNCH_GUEST_IMAGE_H
#define LAUNCH_GUEST_IMAGE_H

#include <stdint.h>

#include "kernel-shim/abi/boot.h"

/* Bytes of RAM from 0 that image and tables take; 0 if ram_size is too small or too large. */
uint64_t guest_image_ram(uint64_t ram_size);
/* Writes image, descriptor and page tables, and what each processor has of its own. 0 or -ENOEXEC.
 */
int guest_image_load(uint8_t *ram, uint64_t ram_size, uint32_t ncpus);
/* Of a processor: the page that traps from ring 3 push into, to its end; the TSS. Guest-physical.
 */
uint64_t guest_image_trap_top(uint32_t cpu);
uint64_t guest_image_tss(uint32_t cpu);
/* The part of the image that is never written: whole pages, guest-physical. */
void guest_image_constant(uint64_t *start, uint64_t *end);
uint64_t guest_image_entry(void);
/* Address of a symbol of the image, or 0. */
uint64_t guest_image_symbol(const char *name);

#endif
