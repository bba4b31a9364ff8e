/* SPDX-License-Identifier: Apache-2.0
 * Makes ELF files to load.
 */
#ifndef TESTS_UNIT_MM_IMAGE_H
#define TESTS_UNIT_MM_IMAGE_H

#include <linux/elf.h>

#include "core/types.h"

struct image {
	u8 data[16 * 4096]; /* byte i of page p is (u8)(p + 1) where no header is */
	size_t size;
	Elf64_Ehdr *h;
	Elf64_Phdr *ph;
};

void image_start(struct image *im, u32 type);
/* A PT_LOAD of `filesz` bytes from `off` at `va`, `memsz` in memory. */
Elf64_Phdr *image_load(struct image *im, u64 off, u64 va, u64 filesz, u64 memsz, u32 flags);
void image_interp(struct image *im, const char *path);
/* Text at page 0, data with .bss after it: 3 pages of file, 6 of memory. */
void image_typical(struct image *im, u32 type, u64 base);

#endif
