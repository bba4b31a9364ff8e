/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/profile.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

#include "kernel-shim/abi/boot.h"
#include "kernel-shim/home/guest/guest.h"

#define FIRST (BOOT_IMAGE_VA + GUEST_IMAGE_PA)
#define SIZE  (GUEST_IMAGE_END - GUEST_IMAGE_PA)

extern const uint8_t shim_image[];

/* For each byte of the image how often an instruction began there. */
static uint32_t begun[SIZE];

struct function {
	const char *name;
	uint64_t instructions;
};

void profile_add(uint64_t va)
{
	if (va - FIRST < SIZE)
		begun[va - FIRST]++;
}

static uint64_t begun_in(const Elf64_Sym *s)
{
	uint64_t sum = 0;

	for (uint64_t at = s->st_value; at < s->st_value + s->st_size; at++)
		if (at - FIRST < SIZE)
			sum += begun[at - FIRST];
	return sum;
}

static const Elf64_Shdr *symbol_table(void)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)(const void *)shim_image;
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(const void *)(shim_image + e->e_shoff);

	for (unsigned i = 0; i < e->e_shnum; i++)
		if (sh[i].sh_type == SHT_SYMTAB)
			return sh + i;
	return NULL;
}

/* No qsort: it asks how much memory there is, which the jail answers with the end. */
static struct function *largest(struct function *of, size_t n)
{
	struct function *best = of;

	for (size_t i = 1; i < n; i++)
		if (of[i].instructions > best->instructions)
			best = of + i;
	return best;
}

void profile_print(FILE *out, unsigned most)
{
	const Elf64_Ehdr *e = (const Elf64_Ehdr *)(const void *)shim_image;
	const Elf64_Shdr *table = symbol_table();
	const Elf64_Shdr *names;
	const Elf64_Sym *sym;
	struct function *found;
	size_t n = 0;

	if (!table)
		return;
	names = (const Elf64_Shdr *)(const void *)(shim_image + e->e_shoff) + table->sh_link;
	sym = (const Elf64_Sym *)(const void *)(shim_image + table->sh_offset);
	found = calloc(table->sh_size / sizeof(*sym), sizeof(*found));
	if (!found)
		return;
	for (uint64_t i = 0; i < table->sh_size / sizeof(*sym); i++)
		if (ELF64_ST_TYPE(sym[i].st_info) == STT_FUNC)
			found[n++] = (struct function){
				(const char *)shim_image + names->sh_offset + sym[i].st_name,
				begun_in(sym + i)};
	for (unsigned i = 0; i < most && n; i++) {
		struct function *f = largest(found, n);

		if (!f->instructions)
			break;
		fprintf(out, "%10" PRIu64 " %s\n", f->instructions, f->name);
		f->instructions = 0;
	}
	free(found);
}
