/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile guests: numbers from a seed, and the code made of them.
 */
#include "hostile.h"
#include "../core/announce.h"
#include "../core/instructions.h"

void hostile_seed(struct hostile *h, uint64_t seed, uint64_t cr4)
{
	h->state = seed * 0x9e3779b97f4a7c15 + 1;
	h->cr4 = cr4;
}

/* Marsaglia's xorshift64. */
uint64_t hostile_any(struct hostile *h)
{
	h->state ^= h->state << 13;
	h->state ^= h->state >> 7;
	h->state ^= h->state << 17;
	return h->state;
}

uint32_t hostile_below(struct hostile *h, uint32_t n)
{
	return (uint32_t)(hostile_any(h) >> 32) % n;
}

/* --- what they are made of --- */

static const uint64_t addresses[] = {0, GUEST_PML4, GUEST_PDPT, GUEST_PD, GUEST_PT, GUEST_GDT,
	GUEST_TSS, GUEST_IDT, GUEST_CODE, GUEST_SCRATCH, GUEST_STACK - 8, GUEST_FREE,
	GUEST_SIZE - VMX_PAGE_SIZE, GUEST_SIZE, GUEST_VA_NOWHERE, GUEST_VA_LOST, GUEST_VA_READONLY,
	GUEST_VA_LOGGED, GUEST_GPA_READONLY, 0x7fffffffffff, 0x800000000000, 0xffff800000000000,
	0xfffffffffffff000, 0xffffff8000000000, 1ull << 39, 1ull << 51, 1ull << 52};

uint64_t hostile_address(struct hostile *h)
{
	uint64_t a = addresses[hostile_below(h, VMX_ARRAY_SIZE(addresses))];

	return hostile_below(h, 3) ? a : a + hostile_any(h) % VMX_PAGE_SIZE;
}

/* Of a page table: likely present, often of a table, now and then nonsense. */
static uint64_t entry(struct hostile *h)
{
	uint64_t e = (hostile_address(h) & VMX_PAGE_MASK) | (hostile_any(h) & 0x1ff);

	if (hostile_below(h, 8))
		e |= 7;
	if (!hostile_below(h, 6))
		e |= 1ull << 63;
	return hostile_below(h, 16) ? e : hostile_any(h);
}

uint64_t hostile_value(struct hostile *h)
{
	switch (hostile_below(h, 8)) {
	case 0:
		return hostile_any(h);
	case 1:
		return GUEST_CR0 ^ (1ull << hostile_below(h, 32));
	case 2:
		return h->cr4 ^ (1ull << hostile_below(h, 24));
	case 3:
		return GUEST_EFER ^ (1ull << hostile_below(h, 16));
	case 4:
		return entry(h);
	case 5:
		return hostile_below(h, 256);
	default:
		return hostile_address(h);
	}
}

uint64_t hostile_msr(struct hostile *h)
{
	static const uint32_t known[] = {MSR_TSC, MSR_FEATURE_CONTROL, MSR_SYSENTER_CS,
		MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_DEBUGCTL, MSR_PAT, MSR_VMX_BASIC, MSR_EFER_,
		MSR_STAR_, MSR_LSTAR_, MSR_CSTAR_, MSR_FMASK_, MSR_FSBASE_, MSR_GSBASE_,
		MSR_KERNEL_GSBASE_, MSR_TSC_AUX_, 0x1b, 0x8b, 0x1a0, 0x200, 0x2ff, 0x800, 0xda0};

	switch (hostile_below(h, 4)) {
	case 0:
		return hostile_any(h) & UINT32_MAX;
	case 1:
		return (hostile_below(h, 2) ? 0xc0000000u : 0) + hostile_below(h, 0x2000);
	default:
		return known[hostile_below(h, VMX_ARRAY_SIZE(known))];
	}
}

/* --- code --- */

struct code {
	uint8_t *at, *end;
};

static void bytes(struct code *c, const void *p, size_t n)
{
	if (n > (size_t)(c->end - c->at))
		n = (size_t)(c->end - c->at);
	memcpy(c->at, p, n);
	c->at += n;
}

enum reg { RAX, RCX, RDX, RBX };

static void load(struct code *c, enum reg reg, uint64_t n)
{
	const uint8_t head[2] = {0x48, (uint8_t)(0xb8 + reg)};

	bytes(c, head, 2);
	bytes(c, &n, 8);
}

static void listed(struct hostile *h, struct code *c)
{
#define ROW(name, text, ring0, ring3, note) {text, sizeof(text) - 1},
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {VMX_INSTRUCTIONS(ROW)
		/* What goes on in hardware: mov to es, ds and ss; lldt, ltr, str; popf, iretq,
		 * retf, syscall, sysret, swapgs, int 3, into ring 3 and back; xsave; cmpxchg16b;
		 * rdfsbase, wrgsbase */
		{"\x8e\xc0", 2},
		{"\x8e\xd8", 2}, {"\x8e\xd0", 2}, {"\x0f\x00\xd0", 3}, {"\x0f\x00\xd8", 3},
		{"\x0f\x00\xc8", 3}, {"\x9d", 1}, {"\x48\xcf", 2}, {"\x48\xcb", 2}, {"\x0f\x05", 2},
		{"\x48\x0f\x07", 3}, {"\x0f\x01\xf8", 3}, {"\xcd\x03", 2}, {"\x0f\xae\x21", 3},
		{"\x48\x0f\xc7\x09", 4}, {"\xf3\x48\x0f\xae\xc0", 5}, {"\xf3\x48\x0f\xae\xd8", 5},
		{"\x50", 1}, {"\x58", 1}, {"\x9c", 1}, {"\x5c", 1}};
	size_t i = hostile_below(h, VMX_ARRAY_SIZE(rows));

	bytes(c, rows[i].text, rows[i].n);
}

static void step(struct hostile *h, struct code *c)
{
	uint64_t noise = hostile_any(h);

	switch (hostile_below(h, 12)) {
	case 0:
	case 1: /* an entry of a table, or what is taken for one */
		load(c, RCX, (hostile_address(h) & VMX_PAGE_MASK) | hostile_below(h, 512) * 8);
		load(c, RDX, entry(h));
		bytes(c, "\x48\x89\x11", 3);
		break;
	case 2:
		load(c, RAX, hostile_address(h));
		bytes(c, hostile_below(h, 2) ? "\x0f\x01\x38" : "\x8a\x00",
			hostile_below(h, 2) ? 3 : 2);
		break;
	case 3:
		load(c, RAX, hostile_address(h));
		bytes(c, hostile_below(h, 2) ? "\x88\x00" : "\xff\xe0", 2);
		break;
	case 4: /* mov %rax, %cr0, %cr3, %cr4, %cr8 */
		load(c, RAX, hostile_value(h));
		bytes(c,
			&"\x0f\x22\xc0\x90\x0f\x22\xd8\x90\x0f\x22\xe0\x90\x44\x0f\x22\xc0"
				[4 * hostile_below(h, 4)],
			4);
		break;
	case 5:
		load(c, RCX, hostile_msr(h));
		load(c, RAX, hostile_value(h));
		bytes(c, hostile_below(h, 2) ? "\x0f\x30" : "\x0f\x32", 2);
		break;
	case 6:
		load(c, RAX, VMX_CALL_ANNOUNCE_MODE + hostile_below(h, 3));
		load(c, RBX, hostile_below(h, 2) ? hostile_below(h, 2) : hostile_address(h));
		load(c, RCX, hostile_below(h, 8) ? hostile_below(h, 200) : hostile_any(h));
		bytes(c, "\x0f\x01\xc1", 3);
		break;
	case 7:
		bytes(c, &noise, 1 + hostile_below(h, 7));
		break;
	case 8: /* into debug registers */
		load(c, RAX, hostile_below(h, 2) ? hostile_address(h) : hostile_value(h));
		bytes(c, (const uint8_t[3]){0x0f, 0x23, (uint8_t)(0xc0 + 8 * hostile_below(h, 8))},
			3);
		break;
	case 9:
		load(c, (enum reg)hostile_below(h, 4), hostile_value(h));
		break;
	default:
		listed(h, c);
		break;
	}
}

void hostile_code(struct hostile *h, uint8_t *code, size_t n)
{
	struct code c = {code, code + n};

	while (c.at < c.end)
		step(h, &c);
}

/* Is it CLI, POPF or IRET; behind 0fh, SYSCALL or SYSRET? They become STI and UD2. */
void hostile_code_keeps_if(uint8_t *code, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (code[i] == 0xfa || code[i] == 0x9d || code[i] == 0xcf)
			code[i] = 0xfb;
		else if (i && code[i - 1] == 0x0f && (code[i] == 0x05 || code[i] == 0x07))
			code[i] = 0x0b;
	}
}
