/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of one ELF file, by libelf and libdw, from the file's .symtab or .dynsym, or from
 * what /usr/lib/debug has under its build id. Whatever the file holds, it is read with read(2) into
 * memory of its own: a file that changes meanwhile makes wrong names and no more.
 */
#ifndef PROFILE_ELF_FILE_H
#define PROFILE_ELF_FILE_H

#include <stdint.h>

struct elf_file;
/* What may still be read, of all files together. */
struct elf_budget {
	uint64_t bytes, symbols;
};
/* NULL: it is none of x86-64, or too large. fd stays the caller's. */
struct elf_file *elf_file_open(int fd, struct elf_budget *budget);
void elf_file_close(struct elf_file *f);
/* What is at a place in the file; NULL: nothing that has a name. Valid until it is closed; any
 * bytes. */
const char *elf_file_function(const struct elf_file *f, uint64_t offset);
/* Which word of the stack, counted from where RSP points, is the return address while the
 * instruction there runs; -1: none near, a frame pointer leads to it, or the file does not say. */
int elf_file_caller(const struct elf_file *f, uint64_t offset);

#endif
