/* SPDX-License-Identifier: Apache-2.0 */
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

#define SIZE_MAX_FILE (1ll << 30)
#define SYMBOLS_MAX   (1u << 22)
#define SEGMENTS_MAX  64u
#define BACK_MAX      16u /* symbols that begin before a place, and may still hold it */
#define DEBUG_DIR     "/usr/lib/debug/.build-id"

struct segment {
	uint64_t offset, size, vaddr;
};

struct symbol {
	uint64_t start, end;
	uint32_t rank; /* of several for one place the highest counts */
	const char *name;
};

/* An open file of libelf's: names lie in it. */
struct opened {
	int fd;
	Elf *elf;
};

struct elf_file {
	struct opened own, debug;
	struct segment segment[SEGMENTS_MAX];
	uint32_t nsegments;
	struct symbol *symbol;
	uint32_t nsymbols;
};

static bool opened_begin(struct opened *o, int fd)
{
	struct stat st;

	o->fd = fd;
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > SIZE_MAX_FILE)
		return false;
	o->elf = elf_begin(fd, ELF_C_READ, NULL);
	return o->elf && elf_kind(o->elf) == ELF_K_ELF;
}

static void opened_end(struct opened *o)
{
	if (o->elf)
		elf_end(o->elf);
	if (o->fd >= 0)
		close(o->fd);
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

/* `link` is the section with the names. */
static void take_table(struct elf_file *f, Elf *elf, Elf_Data *data, size_t link, size_t n)
{
	struct symbol *more = reallocarray(f->symbol, f->nsymbols + n, sizeof *more);

	if (!more)
		return;
	f->symbol = more;
	for (size_t i = 0; i < n; i++) {
		GElf_Sym s;
		const char *name;

		if (!gelf_getsym(data, (int)i, &s) || !is_function(&s))
			continue;
		name = elf_strptr(elf, link, s.st_name);
		if (!name || !*name)
			continue;
		f->symbol[f->nsymbols++] = (struct symbol){s.st_value,
			s.st_size <= UINT64_MAX - s.st_value ? s.st_value + s.st_size : UINT64_MAX,
			rank(&s), name};
	}
}

static void take_symbols(struct elf_file *f, Elf *elf, GElf_Word type)
{
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(elf, scn));) {
		GElf_Shdr h;
		Elf_Data *data;
		size_t n;

		if (!gelf_getshdr(scn, &h) || h.sh_type != type || !h.sh_entsize)
			continue;
		n = h.sh_size / h.sh_entsize;
		data = n && n <= SYMBOLS_MAX - f->nsymbols ? elf_getdata(scn, NULL) : NULL;
		if (data)
			take_table(f, elf, data, h.sh_link, n);
	}
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

static void take_debug(struct elf_file *f)
{
	const void *id = NULL;
	ssize_t n = dwelf_elf_gnu_build_id(f->own.elf, &id);
	const uint8_t *b = id;
	char path[sizeof DEBUG_DIR + 160];
	int len;

	if (n < 3 || n > 64)
		return;
	len = snprintf(path, sizeof path, DEBUG_DIR "/%02x/", b[0]);
	for (ssize_t i = 1; i < n; i++)
		len += snprintf(path + len, sizeof path - (size_t)len, "%02x", b[i]);
	snprintf(path + len, sizeof path - (size_t)len, ".debug");
	if (opened_begin(&f->debug, open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)))
		take_symbols(f, f->debug.elf, SHT_SYMTAB);
}

struct elf_file *elf_file_open(int fd)
{
	struct elf_file *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->debug.fd = -1;
	if (!opened_begin(&f->own, fcntl(fd, F_DUPFD_CLOEXEC, 3))) {
		elf_file_close(f);
		return NULL;
	}
	take_segments(f);
	take_symbols(f, f->own.elf, SHT_SYMTAB);
	if (!f->nsymbols)
		take_debug(f);
	take_symbols(f, f->own.elf, SHT_DYNSYM);
	if (f->nsymbols)
		sort(f);
	return f;
}

void elf_file_close(struct elf_file *f)
{
	if (!f)
		return;
	free(f->symbol);
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
