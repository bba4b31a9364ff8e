/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAUNCH_GUEST_IMAGE_H
#define LAUNCH_GUEST_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel-shim/abi/boot.h"
#include "vmm/vm.h"

/* Bytes of RAM from 0 that image and tables take; 0 if ram_size is too small or too large. */
uint64_t guest_image_ram(uint64_t ram_size);
/* Writes image, descriptor and page tables, and what each processor has of its own. 0 or -ENOEXEC.
 */
int guest_image_load(uint8_t *ram, uint64_t ram_size, uint32_t ncpus);
/* What a vCPU begins with, besides no FPU state. */
struct guest_start {
	struct vm_sregs sregs;
	struct vm_gprs gprs;
	struct {
		uint32_t index;
		uint64_t value;
	} msr[3];
};
/* The first begins at the shim's entry, with the boot block at boot_gpa; the others wait for a
 * kernel. xsave: programs may use it. */
void guest_image_start(
	struct guest_start *out, uint32_t cpu, uint32_t ncpus, bool xsave, uint64_t boot_gpa);
/* As it was built. */
const uint8_t *guest_image_bytes(uint64_t *size);
/* A constant of the image, as it was built: `size` bytes of it, or NULL. */
const void *guest_image_data(const char *name, uint64_t size);
/* The part of the image that is never written: whole pages, guest-physical. */
void guest_image_constant(uint64_t *start, uint64_t *end);
/* Address of a symbol of the image, or 0. */
uint64_t guest_image_symbol(const char *name);
/* Accesses of the shim's that may find no memory, and where they go on then: the values of RIP. */
#define GUEST_FIXUPS 2u
struct guest_fixup {
	uint64_t fault, fixup;
};
void guest_image_fixups(struct guest_fixup out[GUEST_FIXUPS]);

#endif
