/* SPDX-License-Identifier: Apache-2.0
 *
 * What an ELF file asks of its loader.
 */
#ifndef IMAGES_PACK_ELF_H
#define IMAGES_PACK_ELF_H

#include "images/pack/words.h"

struct elf {
	char *interp, *soname, *rpath, *runpath; /* or NULL */
	struct words needed;
	bool no_default_dirs; /* DF_1_NODEFLIB */
};

/* The file may be anybody's: every part is copied, then checked. -ENOEXEC with a sentence that goes
 * behind the file's name: no ELF file, not for this machine, damaged. */
int elf_read(int fd, struct elf *out, struct image_error *e);
void elf_clear(struct elf *f);

#endif
