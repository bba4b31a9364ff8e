/* SPDX-License-Identifier: Apache-2.0
 * See image.h.
 */
#include <string.h>

#include "tests/unit/mm/image.h"

void image_start(struct image *im, u32 type)
{
	for (size_t i = 0; i < sizeof(im->data); i++)
		im->data[i] = (u8)(i / PAGE_SIZE + 1);
	im->size = sizeof(im->data);
	im->h = (Elf64_Ehdr *)im->data;
	im->ph = (Elf64_Phdr *)(im->data + sizeof(*im->h));
	memset(im->h, 0, sizeof(*im->h));
	memcpy(im->h->e_ident, ELFMAG, SELFMAG);
	im->h->e_ident[EI_CLASS] = ELFCLASS64;
	im->h->e_ident[EI_DATA] = ELFDATA2LSB;
	im->h->e_ident[EI_VERSION] = EV_CURRENT;
	im->h->e_type = (u16)type;
	im->h->e_machine = EM_X86_64;
	im->h->e_phoff = sizeof(*im->h);
	im->h->e_phentsize = sizeof(Elf64_Phdr);
}

Elf64_Phdr *image_load(struct image *im, u64 off, u64 va, u64 filesz, u64 memsz, u32 flags)
{
	Elf64_Phdr *p = &im->ph[im->h->e_phnum++];

	*p = (Elf64_Phdr){.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = off,
		.p_vaddr = va,
		.p_filesz = filesz,
		.p_memsz = memsz,
		.p_align = PAGE_SIZE};
	return p;
}

void image_interp(struct image *im, const char *path)
{
	Elf64_Phdr *p = image_load(im, 0x800, 0, strlen(path) + 1, 0, PF_R);

	p->p_type = PT_INTERP;
	memcpy(im->data + 0x800, path, strlen(path) + 1);
}

void image_typical(struct image *im, u32 type, u64 base)
{
	image_start(im, type);
	image_load(im, 0, base, PAGE_SIZE + 100, PAGE_SIZE + 100, PF_R | PF_X);
	image_load(im, 2 * PAGE_SIZE + 0x10, base + 3 * PAGE_SIZE + 0x10, 0x200, 3 * PAGE_SIZE,
		PF_R | PF_W);
	im->h->e_entry = base + 0x400;
}
