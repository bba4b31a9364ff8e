/* SPDX-License-Identifier: Apache-2.0
 *
 * What a hostile guest is made of.
 */
#include <string.h>

#include "tests/security/hostile/hostile.h"

#define STRING(s)                                                                                  \
	{                                                                                          \
		sizeof(s) - 1, s                                                                   \
	}

struct bytes {
	size_t n;
	const char *text;
};

/* Privileged and sensitive instructions; the registers that they use are random, or point at the
 * tables (rdi) and at the stack (rsi). */
static const struct bytes instructions[] = {
	STRING("\x0f\xa2"),				/* cpuid */
	STRING("\x0f\x30"),				/* wrmsr */
	STRING("\x0f\x32"),				/* rdmsr */
	STRING("\x0f\x33"),				/* rdpmc */
	STRING("\x0f\x31"),				/* rdtsc */
	STRING("\x0f\x01\xf9"),				/* rdtscp */
	STRING("\x0f\x01\xd1"),				/* xsetbv */
	STRING("\x0f\x22\xc0"),				/* mov cr0, rax */
	STRING("\x0f\x22\xd0"),				/* mov cr2, rax */
	STRING("\x0f\x22\xd8"),				/* mov cr3, rax */
	STRING("\x0f\x22\xdf"),				/* mov cr3, rdi: back to tables */
	STRING("\x0f\x22\xdf"), STRING("\x0f\x22\xe0"), /* mov cr4, rax */
	STRING("\x44\x0f\x22\xc0"),			/* mov cr8, rax */
	STRING("\x0f\x20\xc0"),				/* mov rax, cr0 */
	STRING("\x0f\x20\xd8"),				/* mov rax, cr3 */
	STRING("\x0f\x20\xe0"),				/* mov rax, cr4 */
	STRING("\x44\x0f\x20\xc0"),			/* mov rax, cr8 */
	STRING("\x0f\x23\xc0"),				/* mov dr0, rax */
	STRING("\x0f\x23\xf0"),				/* mov dr6, rax */
	STRING("\x0f\x23\xf8"),				/* mov dr7, rax */
	STRING("\x0f\x21\xf8"),				/* mov rax, dr7 */
	STRING("\x0f\x01\x38"),				/* invlpg [rax] */
	STRING("\x0f\x01\x3f"),				/* invlpg [rdi] */
	STRING("\x66\x0f\x38\x82\x06"),			/* invpcid rax, [rsi] */
	STRING("\x0f\x08"),				/* invd */
	STRING("\x0f\x09"),				/* wbinvd */
	STRING("\x0f\x06"),				/* clts */
	STRING("\x0f\x01\xf0"),				/* lmsw ax */
	STRING("\x0f\x01\x10"),				/* lgdt [rax] */
	STRING("\x0f\x01\x1e"),				/* lidt [rsi] */
	STRING("\x0f\x00\xd0"),				/* lldt ax */
	STRING("\x0f\x00\xd8"),				/* ltr ax */
	STRING("\x8e\xd8"),				/* mov ds, ax */
	STRING("\x8e\xd0"),				/* mov ss, ax */
	STRING("\x0f\x01\xf8"),				/* swapgs */
	STRING("\xfa"),					/* cli */
	STRING("\xfb"),					/* sti */
	STRING("\xf4"),					/* hlt */
	STRING("\xfb\xf4"),				/* sti; hlt */
	STRING("\xec"),					/* in al, dx */
	STRING("\xef"),					/* out dx, eax */
	STRING("\xf3\x6c"),				/* rep insb */
	STRING("\xf3\x6e"),				/* rep outsb */
	STRING("\x0f\x01\xc1"),				/* vmcall */
	STRING("\x0f\x01\xc2"),				/* vmlaunch */
	STRING("\x0f\x01\xc4"),				/* vmxoff */
	STRING("\x0f\xc7\x36"),				/* vmptrld [rsi] */
	STRING("\xf3\x0f\xc7\x36"),			/* vmxon [rsi] */
	STRING("\x0f\x78\xc8"),				/* vmread */
	STRING("\x0f\x79\xc8"),				/* vmwrite */
	STRING("\x0f\x01\xd4"),				/* vmfunc */
	STRING("\x0f\x01\xc8"),				/* monitor */
	STRING("\x0f\x01\xc9"),				/* mwait */
	STRING("\x0f\x37"),				/* getsec */
	STRING("\x0f\xaa"),				/* rsm */
	STRING("\xf3\x90"),				/* pause */
	STRING("\x0f\x34"),				/* sysenter */
	STRING("\x0f\x05"),				/* syscall */
	STRING("\x48\x0f\x07"),				/* sysretq */
	STRING("\x48\xcf"),				/* iretq */
	STRING("\x48\xcb"),				/* lretq */
	STRING("\xcc"),					/* int3 */
	STRING("\xcd\x80"),				/* int 0x80 */
	STRING("\x0f\x0b"),				/* ud2 */
	STRING("\x9d"),					/* popfq */
	STRING("\x9c\x80\x4c\x24\x01\x01\x9d"),		/* pushfq; set TF; popfq */
	STRING("\x48\x89\x07"),				/* mov [rdi], rax: the tables */
	STRING("\x48\x89\x04\xcf"),			/* mov [rdi + 8 * rcx], rax */
	STRING("\x48\x0f\xba\x2f\x3f"),			/* bts qword [rdi], 63 */
	STRING("\x48\x81\x07\x00\x10\x00\x00"),		/* add qword [rdi], 0x1000 */
	STRING("\x48\x83\x0f\x07"),			/* or qword [rdi], 7 */
	STRING("\x48\x83\x27\xfe"),			/* and qword [rdi], ~1 */
	STRING("\x48\x8b\x00"),				/* mov rax, [rax] */
	STRING("\x48\x89\x00"),				/* mov [rax], rax */
	STRING("\xff\xe0"),				/* jmp rax */
	STRING("\x0f\xae\x06"),				/* fxsave [rsi] */
	STRING("\x0f\xae\x0e"),				/* fxrstor [rsi] */
	STRING("\x0f\xc7\xf0"),				/* rdrand eax */
};

static const uint64_t interesting[] = {0, 1, 0x7fff, 0x80050033, 0x620, 0xd01, 0xc0000080,
	0xc0000082, 0xc0000102, 0x10, 0x277, 0x174, 0x1d9, 0x480, 0x1b, 0x53420001, 0x53420002,
	0x8000000000000000ull, 0xffff800000000000ull, 0x0000800000000000ull, ~0ull, HOSTILE_PML4,
	HOSTILE_PDPT, HOSTILE_PD, HOSTILE_PT, HOSTILE_PML4 | 0x87, HOSTILE_PML4 | 7,
	HOSTILE_ROM_GPA, HOSTILE_ROM_GPA | 7, HOSTILE_RAM, 0xfee00000, 0xfffffffff000ull};
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint64_t value(uint64_t *random)
{
	uint64_t r = hostile_random(random);

	switch (r % 4) {
	case 0:
		return interesting[(r >> 8) % COUNT(interesting)];
	case 1: /* an entry of a table */
		return ((r >> 8) & 0x1ff000) | ((r >> 40) & 0x1ff) | (r & 1ull << 63);
	case 2:
		return r >> 8 & 0xfff;
	default:
		return hostile_random(random);
	}
}

/* mov reg, imm64 */
static size_t load(unsigned char *p, unsigned reg, uint64_t v)
{
	p[0] = 0x48;
	p[1] = (unsigned char)(0xb8 + reg);
	memcpy(p + 2, &v, sizeof(v));
	return 10;
}

static size_t piece(unsigned char *p, uint64_t *random)
{
	uint64_t r = hostile_random(random);
	const struct bytes *b = &instructions[(r >> 16) % COUNT(instructions)];
	size_t n = 0;

	if (r % 3 == 0)
		n += load(p + n, 0, value(random)); /* rax */
	if (r % 3 == 1)
		n += load(p + n, 1, value(random)); /* rcx */
	if (r % 5 == 0)
		n += load(p + n, 2, value(random) & 0xffff); /* rdx */
	if (r % 5 == 1)					     /* rdi: an entry of a table of ours */
		n += load(p + n, 7, HOSTILE_PML4 + (hostile_random(random) & 0x3ff8));
	memcpy(p + n, b->text, b->n);
	return n + b->n;
}

static void tables(unsigned char *memory)
{
	uint64_t *pt = (uint64_t *)(void *)(memory + HOSTILE_PT);

	*(uint64_t *)(void *)(memory + HOSTILE_PML4) = HOSTILE_PDPT | 7;
	*(uint64_t *)(void *)(memory + HOSTILE_PDPT) = HOSTILE_PD | 7;
	*(uint64_t *)(void *)(memory + HOSTILE_PD) = HOSTILE_PT | 7;
	for (uint64_t i = 0; i < 512; i++)
		pt[i] = i << 12 | 7;
}

static void descriptors(unsigned char *memory)
{
	/* null, code 0, data 0, code 32, data 3, code 3, TSS (SDM vol. 3A, 3.4.5) */
	static const uint64_t gdt[] = {0, 0x00af9a000000ffff, 0x00cf92000000ffff,
		0x00cf9a000000ffff, 0x00cff2000000ffff, 0x00affa000000ffff, 0x00008b0070000067, 0};
	uint64_t *idt = (uint64_t *)(void *)(memory + HOSTILE_IDT);

	memcpy(memory + HOSTILE_GDT, gdt, sizeof(gdt));
	for (int i = 0; i < 256; i++) {
		idt[2 * i] = (HOSTILE_HANDLER & 0xffff) | 0x08ull << 16 | 0xee00ull << 32;
		idt[2 * i + 1] = 0;
	}
	*(uint64_t *)(void *)(memory + HOSTILE_TSS + 4) = HOSTILE_STACK; /* RSP0 */
}

/* Any exception or interrupt: on with another piece of the code, on a fresh stack, in ring 0. */
static const unsigned char handler[] = {
	0xbc, 0x00, 0x90, 0x00, 0x00, /* mov esp, HOSTILE_STACK */
	0x81, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00, 0xb5, 0x12, 0x00,
	0x00,					  /* add dword [COUNTER], … */
	0x8b, 0x04, 0x25, 0x00, 0xa0, 0x00, 0x00, /* mov eax, [COUNTER] */
	0x25, 0xff, 0x3f, 0x00, 0x00,		  /* and eax, HOSTILE_CODE_SIZE - 1 */
	0x05, 0x00, 0x00, 0x01, 0x00,		  /* add eax, HOSTILE_CODE */
	0xff, 0xe0,				  /* jmp rax */
};
_Static_assert(HOSTILE_STACK == 0x9000 && HOSTILE_COUNTER == 0xa000 && HOSTILE_CODE == 0x10000 &&
		       HOSTILE_CODE_SIZE == 0x4000,
	"the handler's bytes");

void hostile_fill(unsigned char *memory, uint64_t *random)
{
	size_t n = 0;

	memset(memory, 0, HOSTILE_SIZE);
	tables(memory);
	descriptors(memory);
	memcpy(memory + HOSTILE_HANDLER, handler, sizeof(handler));
	while (n < HOSTILE_CODE_SIZE - 64)
		n += piece(memory + HOSTILE_CODE + n, random);
	memcpy(memory + HOSTILE_CODE + n, "\xe9\x00\x00\x00\x00\xf4", 6);
}

void hostile_fill_counter(unsigned char *memory)
{
	static const unsigned char code[] = {
		0x31, 0xc0,		      /* xor eax, eax */
		0xff, 0xc0,		      /* inc eax */
		0x3d, 0xa0, 0x86, 0x01, 0x00, /* cmp eax, HOSTILE_COUNT */
		0x75, 0xf7,		      /* jne inc */
		0xe7, 0x40,		      /* out 0x40, eax */
		0xf4,			      /* hlt */
	};
	_Static_assert(HOSTILE_COUNT == 0x186a0, "in the code");

	memset(memory, 0, HOSTILE_SIZE);
	tables(memory);
	descriptors(memory);
	memcpy(memory + HOSTILE_CODE, code, sizeof(code));
}
