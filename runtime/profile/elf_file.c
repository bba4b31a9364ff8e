/* SPDX-License-Identifier: Apache-2.0 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/profile/elf_file.h"

#define SEGMENTS_MAX 64u
#define BACK_MAX     16u /* symbols that begin before a place, and may still hold it */
#define SLOTS_MAX    64u /* words of a frame */
#define DEBUG_DIR    "/usr/lib/debug/.build-id"

struct segment {
	uint64_t offset, size, vaddr;
};

struct symbol {
	uint64_t start, end;
	uint32_t rank; /* of several for one place the highest counts */
	const char *name;
};

/* A file in memory, as libelf reads it: names lie in it. */
struct opened {
	char *bytes;
	Elf *elf;
};

struct elf_file {
	struct opened own, debug;
	Dwarf_CFI *frames; /* how to find callers; NULL: it does not say */
	struct segment segment[SEGMENTS_MAX];
	uint32_t nsegments;
	struct symbol *symbol;
	uint32_t nsymbols;
};

/* All of the file; NULL: it is too large, or changes while it is read. */
static char *read_all(int fd, size_t size)
{
	char *bytes = malloc(size);
	size_t n = 0;

	while (bytes && n < size) {
		ssize_t part = pread(fd, bytes + n, size - n, (off_t)n);

		if (part <= 0) {
			free(bytes);
			return NULL;
		}
		n += (size_t)part;
	}
	return bytes;
}

/* Before a library sees it: of this machine, and without more sections than a header can count,
 * which are nothing but a way to use up memory. */
static bool is_good_header(const char *bytes)
{
	Elf64_Ehdr h;

	memcpy(&h, bytes, sizeof h);
	return !memcmp(h.e_ident, ELFMAG, SELFMAG) && h.e_ident[EI_CLASS] == ELFCLASS64 &&
	       h.e_ident[EI_DATA] == ELFDATA2LSB && h.e_machine == EM_X86_64 &&
	       (!h.e_shoff || h.e_shnum);
}

static bool opened_begin(struct opened *o, int fd, struct elf_budget *budget)
{
	struct stat st;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(Elf64_Ehdr) ||
		(uint64_t)st.st_size > budget->bytes)
		return false;
	budget->bytes -= (uint64_t)st.st_size;
	o->bytes = read_all(fd, (size_t)st.st_size);
	if (!o->bytes || !is_good_header(o->bytes))
		return false;
	o->elf = elf_memory(o->bytes, (size_t)st.st_size);
	return o->elf && elf_kind(o->elf) == ELF_K_ELF;
}

static void opened_end(struct opened *o)
{
	if (o->elf)
		elf_end(o->elf);
	free(o->bytes);
}

/* -- segments: where in memory the bytes of the file are -- */

static void take_segments(struct elf_file *f)
{
	size_t n = 0;

	if (elf_getphdrnum(f->own.elf, &n))
		return;
	for (size_t i = 0; i < n && i < 4096 && f->nsegments < SEGMENTS_MAX; i++) {
		GElf_Phdr p;

		if (gelf_getphdr(f->own.elf, (int)i, &p) && p.p_type == PT_LOAD)
			f->segment[f->nsegments++] =
				(struct segment){p.p_offset, p.p_filesz, p.p_vaddr};
	}
}

/* Segments share pages in the file at their ends, so the one that truly has it comes first. */
static bool to_vaddr(const struct elf_file *f, uint64_t offset, uint64_t *out)
{
	for (uint32_t i = 0; i < f->nsegments; i++) {
		const struct segment *s = &f->segment[i];

		if (offset >= s->offset && offset - s->offset < s->size) {
			*out = s->vaddr + (offset - s->offset);
			return true;
		}
	}
	return false;
}

/* -- symbols -- */

static uint32_t rank(const GElf_Sym *s)
{
	unsigned bind = GELF_ST_BIND(s->st_info);

	return (s->st_size ? 4u : 0) + (bind == STB_GLOBAL ? 2u : bind == STB_WEAK ? 1u : 0);
}

static bool is_function(const GElf_Sym *s)
{
	unsigned type = GELF_ST_TYPE(s->st_info);

	return (type == STT_FUNC || type == STT_GNU_IFUNC) && s->st_shndx != SHN_UNDEF;
}

/* The names of a table. They end inside: so its last one ends with NUL, which is looked at once and
 * not with each name. */
static const Elf_Data *strings(Elf *elf, size_t link)
{
	Elf_Scn *scn = elf_getscn(elf, link);
	GElf_Shdr h;
	const Elf_Data *d;

	if (!scn || !gelf_getshdr(scn, &h) || h.sh_type != SHT_STRTAB ||
		(h.sh_flags & SHF_COMPRESSED))
		return NULL;
	d = elf_getdata(scn, NULL);
	return d && d->d_buf && d->d_size && !((const char *)d->d_buf)[d->d_size - 1] ? d : NULL;
}

static void take_table(struct elf_file *f, Elf_Data *data, const Elf_Data *names, size_t n)
{
	struct symbol *more = reallocarray(f->symbol, f->nsymbols + n, sizeof *more);

	if (!more)
		return;
	f->symbol = more;
	for (size_t i = 0; i < n; i++) {
		GElf_Sym s;
		const char *name;

		if (!gelf_getsym(data, (int)i, &s) || !is_function(&s) ||
			s.st_name >= names->d_size)
			continue;
		name = (const char *)names->d_buf + s.st_name;
		if (!*name)
			continue;
		f->symbol[f->nsymbols++] = (struct symbol){s.st_value,
			s.st_size <= UINT64_MAX - s.st_value ? s.st_value + s.st_size : UINT64_MAX,
			rank(&s), name};
	}
}

/* The first table of its type is the only one; what it has counts, whether it is used or not. */
static void take_symbols(struct elf_file *f, Elf *elf, GElf_Word type, struct elf_budget *budget)
{
	Elf_Scn *scn = NULL;
	GElf_Shdr h;
	const Elf_Data *names;
	Elf_Data *data;
	size_t n;

	do {
		scn = elf_nextscn(elf, scn);
		if (!scn || !gelf_getshdr(scn, &h))
			return;
	} while (h.sh_type != type);
	n = h.sh_size / sizeof(Elf64_Sym);
	if (!n || n > budget->symbols || (h.sh_flags & SHF_COMPRESSED))
		return;
	budget->symbols -= n;
	names = strings(elf, h.sh_link);
	data = names ? elf_getdata(scn, NULL) : NULL;
	if (data)
		take_table(f, data, names, n);
}

static int by_start(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* One without a size reaches to the next. */
static void sort(struct elf_file *f)
{
	qsort(f->symbol, f->nsymbols, sizeof *f->symbol, by_start);
	for (uint32_t i = 0; i + 1 < f->nsymbols; i++)
		if (f->symbol[i].end == f->symbol[i].start)
			f->symbol[i].end = f->symbol[i + 1].start;
}

/* -- debug files of the distribution: the symbols that were stripped -- */

static void take_debug(struct elf_file *f, struct elf_budget *budget)
{
	const void *id = NULL;
	ssize_t n = dwelf_elf_gnu_build_id(f->own.elf, &id);
	const uint8_t *b = id;
	char path[sizeof DEBUG_DIR + 160];
	int len, fd;

	if (n < 3 || n > 64)
		return;
	len = snprintf(path, sizeof path, DEBUG_DIR "/%02x/", b[0]);
	for (ssize_t i = 1; i < n; i++)
		len += snprintf(path + len, sizeof path - (size_t)len, "%02x", b[i]);
	snprintf(path + len, sizeof path - (size_t)len, ".debug");
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (opened_begin(&f->debug, fd, budget))
		take_symbols(f, f->debug.elf, SHT_SYMTAB, budget);
	close(fd);
}

struct elf_file *elf_file_open(int fd, struct elf_budget *budget)
{
	struct elf_file *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	if (!opened_begin(&f->own, fd, budget)) {
		elf_file_close(f);
		return NULL;
	}
	take_segments(f);
	f->frames = dwarf_getcfi_elf(f->own.elf);
	take_symbols(f, f->own.elf, SHT_SYMTAB, budget);
	if (!f->nsymbols)
		take_debug(f, budget);
	take_symbols(f, f->own.elf, SHT_DYNSYM, budget);
	if (f->nsymbols)
		sort(f);
	return f;
}

void elf_file_close(struct elf_file *f)
{
	if (!f)
		return;
	free(f->symbol);
	if (f->frames)
		dwarf_cfi_end(f->frames);
	opened_end(&f->debug);
	opened_end(&f->own);
	free(f);
}

const char *elf_file_function(const struct elf_file *f, uint64_t offset)
{
	uint32_t lo = 0, hi = f->nsymbols;
	uint64_t at;

	if (!to_vaddr(f, offset, &at))
		return NULL;
	while (lo < hi) { /* the first that begins behind it */
		uint32_t mid = lo + (hi - lo) / 2;

		if (f->symbol[mid].start <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (uint32_t i = 0; i < BACK_MAX && lo > i; i++)
		if (f->symbol[lo - 1 - i].end > at)
			return f->symbol[lo - 1 - i].name;
	return NULL;
}

int elf_file_caller(const struct elf_file *f, uint64_t offset)
{
	Dwarf_Frame *frame = NULL;
	Dwarf_Op *ops = NULL;
	size_t n = 0;
	uint64_t at;
	int slot = -1;

	if (!f->frames || !to_vaddr(f, offset, &at) || dwarf_cfi_addrframe(f->frames, at, &frame))
		return -1;
	/* A rule "register and offset" is one bregx. DWARF's register 7 is RSP (psABI, figure
	 * 3.36), and the return address is below the CFA. */
	if (!dwarf_frame_cfa(frame, &ops, &n) && n == 1 && ops[0].atom == DW_OP_bregx &&
		ops[0].number == 7 && ops[0].number2 >= 8 && ops[0].number2 <= 8 * SLOTS_MAX &&
		!(ops[0].number2 % 8))
		slot = (int)(ops[0].number2 / 8) - 1;
	free(frame);
	return slot;
}
