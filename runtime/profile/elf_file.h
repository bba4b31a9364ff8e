/* SPDX-License-Identifier: Apache-2.0
 *
 * The functions of one ELF file, by libelf, from the files's .symtab or .dynsym, or from what
 * /usr/lib/debug has under its build id. Whatever the file holds, it is read with read(2) into
 * memory of its own: a file that changes meanwhile makes wrong names and no more.
 */
#ifndef PROFILE_ELF_FILE_H
#define PROFILE_ELF_FILE_H

#include <stdint.h>

struct elf_file;
/* NULL: it is none, or too large, or has no functions. fd stays the caller's. */
struct elf_file *elf_file_open(int fd);
void elf_file_close(struct elf_file *f);
/* What is at a place in the file; NULL: nothing that has a name. Valid until it is closed; any
 * bytes. */
const char *elf_file_function(const struct elf_file *f, uint64_t offset);

#endif
