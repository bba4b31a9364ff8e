/* SPDX-License-Identifier: Apache-2.0 */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/pack/elf.h"

#define SEGMENTS_MAX 512u
#define DYNAMIC_MAX  (1u << 20)
#define STRING_MAX   4096u

struct parse {
	int fd;
	struct image_error *e;
	Elf64_Phdr *segments;
	size_t nsegments;
	uint64_t strings, strings_size; /* offset in the file */
	struct elf *out;
};

static int damaged(struct parse *p, const char *what)
{
	return image_fail(p->e, -ENOEXEC, "is a damaged ELF file: %s", what);
}

/* All n bytes from off on. */
static int copy(struct parse *p, void *to, size_t n, uint64_t off, const char *what)
{
	if (off > INT64_MAX - n || pread(p->fd, to, n, (off_t)off) != (ssize_t)n)
		return damaged(p, what);
	return 0;
}

static int copy_string(struct parse *p, uint64_t off, uint64_t most, const char *what, char **out)
{
	char text[STRING_MAX];
	size_t n = most < sizeof text ? (size_t)most : sizeof text;
	ssize_t got = off > INT64_MAX - n ? -1 : pread(p->fd, text, n, (off_t)off);

	if (got <= 0 || !memchr(text, 0, (size_t)got))
		return damaged(p, what);
	free(*out);
	*out = strdup(text);
	return *out ? 0 : image_fail(p->e, -ENOMEM, "not enough memory");
}

static int read_header(struct parse *p)
{
	Elf64_Ehdr h;

	if (pread(p->fd, &h, sizeof h, 0) != (ssize_t)sizeof h ||
		memcmp(h.e_ident, ELFMAG, SELFMAG))
		return image_fail(p->e, -ENOEXEC, "is no ELF program");
	if (h.e_ident[EI_CLASS] != ELFCLASS64 || h.e_ident[EI_DATA] != ELFDATA2LSB ||
		h.e_machine != EM_X86_64 || (h.e_type != ET_EXEC && h.e_type != ET_DYN))
		return image_fail(p->e, -ENOEXEC, "is no program or library for x86-64");
	if (h.e_phentsize != sizeof(Elf64_Phdr) || !h.e_phnum || h.e_phnum > SEGMENTS_MAX)
		return damaged(p, "its table of segments");
	p->nsegments = h.e_phnum;
	p->segments = calloc(p->nsegments, sizeof *p->segments);
	if (!p->segments)
		return image_fail(p->e, -ENOMEM, "not enough memory");
	return copy(p, p->segments, p->nsegments * sizeof *p->segments, h.e_phoff,
		"its table of segments");
}

static const Elf64_Phdr *segment(const struct parse *p, uint32_t type)
{
	for (size_t i = 0; i < p->nsegments; i++)
		if (p->segments[i].p_type == type)
			return &p->segments[i];
	return NULL;
}

/* Where in the file the byte at this address comes from. */
static bool file_offset(const struct parse *p, uint64_t addr, uint64_t *off)
{
	for (size_t i = 0; i < p->nsegments; i++) {
		const Elf64_Phdr *s = &p->segments[i];

		if (s->p_type != PT_LOAD || addr < s->p_vaddr || addr - s->p_vaddr >= s->p_filesz)
			continue;
		return !__builtin_add_overflow(s->p_offset, addr - s->p_vaddr, off);
	}
	return false;
}

static int read_interp(struct parse *p)
{
	const Elf64_Phdr *s = segment(p, PT_INTERP);

	return s ? copy_string(p, s->p_offset, s->p_filesz, "its interpreter", &p->out->interp) : 0;
}

static int dynamic_string(struct parse *p, uint64_t at, char **out)
{
	if (at >= p->strings_size)
		return damaged(p, "a name beyond its strings");
	if (p->strings > UINT64_MAX - at)
		return damaged(p, "its strings");
	return copy_string(p, p->strings + at, p->strings_size - at, "a name", out);
}

static int add_needed(struct parse *p, uint64_t at)
{
	char *name = NULL;
	int r = dynamic_string(p, at, &name);

	if (!r && !*name)
		r = damaged(p, "an empty name of a library");
	if (!r)
		r = words_add(&p->out->needed, name, strlen(name), p->e);
	free(name);
	return r;
}

static int take(struct parse *p, const Elf64_Dyn *d)
{
	switch (d->d_tag) {
	case DT_NEEDED:
		return add_needed(p, d->d_un.d_val);
	case DT_SONAME:
		return dynamic_string(p, d->d_un.d_val, &p->out->soname);
	case DT_RPATH:
		return dynamic_string(p, d->d_un.d_val, &p->out->rpath);
	case DT_RUNPATH:
		return dynamic_string(p, d->d_un.d_val, &p->out->runpath);
	case DT_FLAGS_1:
		p->out->no_default_dirs = d->d_un.d_val & DF_1_NODEFLIB;
		return 0;
	default:
		return 0;
	}
}

static int take_all(struct parse *p, const Elf64_Dyn *d, size_t n)
{
	uint64_t strings = 0;
	int r = 0;

	for (size_t i = 0; i < n && d[i].d_tag != DT_NULL; i++) {
		if (d[i].d_tag == DT_STRTAB)
			strings = d[i].d_un.d_ptr;
		if (d[i].d_tag == DT_STRSZ)
			p->strings_size = d[i].d_un.d_val;
	}
	if (p->strings_size && !file_offset(p, strings, &p->strings))
		return damaged(p, "its strings");
	for (size_t i = 0; i < n && d[i].d_tag != DT_NULL && !r; i++)
		r = take(p, &d[i]);
	return r;
}

static int read_dynamic(struct parse *p)
{
	const Elf64_Phdr *s = segment(p, PT_DYNAMIC);
	Elf64_Dyn *d;
	int r;

	if (!s || s->p_filesz < sizeof *d)
		return 0; /* static */
	if (s->p_filesz > DYNAMIC_MAX)
		return damaged(p, "its dynamic section");
	d = malloc(s->p_filesz);
	if (!d)
		return image_fail(p->e, -ENOMEM, "not enough memory");
	r = copy(p, d, s->p_filesz, s->p_offset, "its dynamic section");
	if (!r)
		r = take_all(p, d, s->p_filesz / sizeof *d);
	free(d);
	return r;
}

int elf_read(int fd, struct elf *out, struct image_error *e)
{
	struct parse p = {.fd = fd, .e = e, .out = out};
	int r;

	*out = (struct elf){0};
	r = read_header(&p);
	if (!r)
		r = read_interp(&p);
	if (!r)
		r = read_dynamic(&p);
	free(p.segments);
	if (r)
		elf_clear(out);
	return r;
}

void elf_clear(struct elf *f)
{
	free(f->interp);
	free(f->soname);
	free(f->rpath);
	free(f->runpath);
	words_clear(&f->needed);
	*f = (struct elf){0};
}
