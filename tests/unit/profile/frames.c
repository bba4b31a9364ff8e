/* SPDX-License-Identifier: Apache-2.0
 *
 * ELF files with a .eh_frame of one's own making (LSB core, 10.6: a CIE, then an FDE).
 */
#include <elf.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/profile/elf_file.h"
#include "tests/unit/profile/test_profile.h"

#define VADDR 0x400000u

/* For each function: the CFA is RSP + 8, the return address is at CFA - 8. */
static const uint8_t cie[] = {20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1,
	0 /* absptr */, 0x0c, 7, 8, 0x90, 1, 0, 0};

struct fde {
	uint32_t length, cie;
	uint64_t start, size;
} __attribute__((packed));

static const char names[] = "\0.eh_frame\0.shstrtab";
enum { NAME_FRAMES = 1, NAME_NAMES = 11 };

static void put(int fd, const void *bytes, size_t n)
{
	assert_int_equal(write(fd, bytes, n), n);
}

static void put_times(int fd, const uint8_t *program, size_t n, size_t times)
{
	uint8_t many[4096];
	size_t each = n ? sizeof many / n : 0;

	for (size_t i = 0; i < each; i++)
		memcpy(many + i * n, program, n);
	for (; n && times > each; times -= each)
		put(fd, many, each * n);
	put(fd, many, times * n);
}

int frames_file(const void *program, size_t n, size_t times)
{
	const size_t all = n * times, at = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	const size_t frames = sizeof cie + sizeof(struct fde) + 1 + all + 4;
	const struct fde fde = {(uint32_t)(sizeof fde - 4 + 1 + all), sizeof cie + 4, VADDR, 4096};
	const Elf64_Ehdr h = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				      ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof h,
		.e_shoff = at + frames + sizeof names,
		.e_ehsize = sizeof h,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 1,
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = 3,
		.e_shstrndx = 2};
	const Elf64_Phdr p = {.p_type = PT_LOAD, .p_vaddr = VADDR, .p_filesz = 4096};
	const Elf64_Shdr s[] = {{0},
		{.sh_name = NAME_FRAMES,
			.sh_type = SHT_PROGBITS,
			.sh_flags = SHF_ALLOC,
			.sh_addr = VADDR + at,
			.sh_offset = at,
			.sh_size = frames},
		{.sh_name = NAME_NAMES,
			.sh_type = SHT_STRTAB,
			.sh_offset = at + frames,
			.sh_size = sizeof names}};
	int fd = memfd_create("frames", MFD_CLOEXEC);

	assert_true(fd >= 0);
	put(fd, &h, sizeof h);
	put(fd, &p, sizeof p);
	put(fd, cie, sizeof cie);
	put(fd, &fde, sizeof fde);
	put(fd, "", 1);
	put_times(fd, program, n, times);
	put(fd, "\0\0\0", 4);
	put(fd, names, sizeof names);
	put(fd, s, sizeof s);
	return fd;
}

int frames_caller(int fd)
{
	struct elf_budget budget = {.bytes = 1 << 26, .symbols = 1 << 16};
	struct elf_file *f = elf_file_open(fd, &budget);
	int slot;

	close(fd);
	assert_non_null(f);
	slot = elf_file_caller(f, 0);
	elf_file_close(f);
	return slot;
}
