/* SPDX-License-Identifier: Apache-2.0
 * ELF files of 64-bit x86 (elf(5)): read the headers, then map.
 */
#ifndef CORE_ELF_H
#define CORE_ELF_H

#include <linux/elf.h>

#include "core/types.h"

struct file;
struct mm;

struct elf_file {
	struct file *file; /* borrowed */
	u8 *head;	   /* the first page of the file */
	size_t have;	   /* how much of it there is */
	Elf64_Ehdr h;
	Elf64_Phdr *ph;
};

/* Where a mapped file is. */
struct elf_extent {
	u64 bias;	/* added to the file's addresses */
	u64 start, end; /* of all segments */
	u64 code_start, code_end, data_start, data_end;
};

/* Reads and checks the headers. bad is the error for a file that is no ELF for us: -ENOEXEC,
 * -ELIBBAD. elf_close after, whatever was returned. */
int elf_open(struct elf_file *e, struct file *f, int bad);
void elf_close(struct elf_file *e);
/* PT_INTERP's string, kalloc'ed; NULL: none; or err_ptr. */
char *elf_interpreter(struct elf_file *e);
bool elf_exec_stack(const struct elf_file *e);
u64 elf_phdr_addr(const struct elf_file *e); /* without the bias */

/* Maps all segments: ET_EXEC where it says, ET_DYN at or near `base` (0: wherever there is room).
 */
int elf_map(struct elf_file *e, struct mm *mm, u64 base, struct elf_extent *x);

#endif
