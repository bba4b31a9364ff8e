/* SPDX-License-Identifier: Apache-2.0
 *
 * What the loader left (Multiboot specification 0.6.96, 3.3), and the machine made ready with it.
 */
#include "../core/x86.h"
#include "metal.h"

#define MULTIBOOT_MAGIC	  0x2badb002u
#define MULTIBOOT_MEMORY  1u
#define MULTIBOOT_LINE	  4u
#define MULTIBOOT_MODULES 8u

#define CPUID_XSAVE (1u << 26)

struct multiboot {
	uint32_t flags, kib_below, kib_above, boot_device, line, nmodules, modules;
};

struct multiboot_module {
	uint32_t start, end, line, reserved;
};

extern char metal_end[];

static const struct multiboot *given;

static const char *line(void)
{
	return given->flags & MULTIBOOT_LINE ? (const char *)(uintptr_t)given->line : "";
}

/* A word ends at a space or with the line. */
static size_t word_length(const char *p)
{
	size_t n = 0;

	while (p[n] && p[n] != ' ')
		n++;
	return n;
}

/* The next word of the line from p on; NULL: none. */
static const char *word_at(const char *p)
{
	while (*p == ' ')
		p++;
	return *p ? p : NULL;
}

static bool is_end_of_options(const char *word)
{
	return word_length(word) == 2 && !memcmp(word, "--", 2);
}

uint64_t metal_option(const char *name, uint64_t otherwise)
{
	size_t n = strlen(name);
	uint64_t value = 0;
	const char *p = word_at(line());

	while (p && !is_end_of_options(p) &&
		(word_length(p) <= n || memcmp(p, name, n) || p[n] != '='))
		p = word_at(p + word_length(p));
	if (!p || is_end_of_options(p))
		return otherwise;
	for (p += n + 1; *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (uint64_t)(*p - '0');
	return value;
}

size_t metal_words(char **words, size_t max, char *buffer, size_t size)
{
	const char *p = word_at(line());
	size_t n = 0;

	while (p && !is_end_of_options(p))
		p = word_at(p + word_length(p));
	p = p ? word_at(p + 2) : NULL;
	for (; p; p = word_at(p + word_length(p))) {
		size_t length = word_length(p);

		if (n == max || length >= size)
			metal_die("the command line is too long");
		memcpy(buffer, p, length);
		buffer[length] = 0;
		words[n++] = buffer;
		buffer += length + 1;
		size -= length + 1;
	}
	return n;
}

bool metal_module(uint64_t *start, uint64_t *end)
{
	const struct multiboot_module *m = (void *)(uintptr_t)given->modules;

	if (!(given->flags & MULTIBOOT_MODULES) || !given->nmodules)
		return false;
	*start = m->start;
	*end = m->end;
	return true;
}

/* All that the CPU has of what the core knows. */
static void xsave_on(void)
{
	struct x86_cpuid d;
	uint64_t cr4 = x86_cr4() | CR4_OSXSAVE;

	if (!(x86_cpuid(1, 0).ecx & CPUID_XSAVE))
		return;
	__asm__ volatile("mov %0, %%cr4" : : "r"(cr4));
	d = x86_cpuid(0xd, 0);
	x86_xsetbv(d.eax & 0xe7);
}

/* Modules lie behind us or, some loaders do that, at the end of memory: ours is what is free behind
 * the last of them, or between. */
static void pages_begin(void)
{
	uint64_t from = (uintptr_t)metal_end, to = 0x100000 + (uint64_t)given->kib_above * 1024;
	uint64_t start, end;

	if (metal_module(&start, &end)) {
		if (start < from || end < start || end > to)
			metal_die("the module lies at %lx, where it cannot be", start);
		if (start - from > to - end)
			to = start;
		else
			from = end;
		metal_memory_lent(start, end);
	}
	metal_pages_init(from, to);
}

void metal_boot(uint32_t magic, const struct multiboot *m)
{
	metal_console_init();
	if (magic != MULTIBOOT_MAGIC || !(m->flags & MULTIBOOT_MEMORY))
		metal_die("not loaded by multiboot");
	given = m;
	pages_begin();
	metal_traps_init();
	metal_apic_init();
	xsave_on();
}
