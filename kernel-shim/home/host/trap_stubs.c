/* SPDX-License-Identifier: Apache-2.0
 * What the trap engine's VM has in ring 0: descriptor tables and stubs, in guest RAM below
 * host_trap_ram(), seen by the guest at TRAP_VA. Formats: SDM vol. 3, 3.4.5, 6.14.1, 7.7.
 */
#include <string.h>

#include "home/host/trap_internal.h"
#include "mm/mm.h"

static void emit_out(u8 **p, u8 port)
{
	*(*p)++ = 0xe6; /* out %al, $port */
	*(*p)++ = port;
}

static void emit_iretq(u8 **p)
{
	*(*p)++ = 0x48;
	*(*p)++ = 0xcf;
}

u32 trap_tss_limit(u32 cpu)
{
	return TRAP_PA_IOMAP + TRAP_IOMAP_SIZE - 1 - (TRAP_PA_TSS + cpu * TRAP_TSS_SIZE);
}

/* again: lodsq; lock orq $0,(%rax); loop again. Locked: the shim may be changing the entry. */
static void emit_sync(u8 **p)
{
	static const u8 code[] = {0x48, 0xad, 0xf0, 0x48, 0x83, 0x08, 0x00, 0xe2, 0xf7};

	memcpy(*p, code, sizeof(code));
	*p += sizeof(code);
}

static void write_tss_descriptor(u64 *gdt, u32 cpu)
{
	u64 tss = TRAP_VA + TRAP_PA_TSS + cpu * TRAP_TSS_SIZE;
	u64 *d = gdt + TRAP_TSS_SEL / 8 + cpu * 2;

	d[0] = trap_tss_limit(cpu) | (tss & 0xffffff) << 16 | 0x89ull << 40 |
	       (tss >> 24 & 0xff) << 56;
	d[1] = tss >> 32;
}

static void write_gdt(u8 *ram, u32 ncpus)
{
	u64 *gdt = (u64 *)(ram + TRAP_PA_GDT);
	gdt[TRAP_KERNEL_CS / 8] = 0x00af9b000000ffffull;
	gdt[TRAP_KERNEL_SS / 8] = 0x00cf93000000ffffull;
	gdt[0x20 / 8] =
		0x00cffb000000ffffull; /* 32-bit user code: SYSRET's layout wants a place for it */
	gdt[0x28 / 8] = 0x00cff3000000ffffull;
	gdt[0x30 / 8] = 0x00affb000000ffffull;
	for (u32 i = 0; i < ncpus; i++)
		write_tss_descriptor(gdt, i);
}

/* All share one I/O map, which lies behind the last: SDM vol. 1, 19.5.2. */
static void write_tss(u8 *ram, u32 cpu, u64 stack_pa)
{
	u8 *tss = ram + TRAP_PA_TSS + cpu * TRAP_TSS_SIZE;
	u64 rsp0 = TRAP_VA + stack_pa + PAGE_SIZE;
	u16 iomap = (u16)(TRAP_PA_IOMAP - (TRAP_PA_TSS + cpu * TRAP_TSS_SIZE));

	memcpy(tss + 4, &rsp0, sizeof(rsp0));
	memcpy(tss + 102, &iomap, sizeof(iomap));
}

/* open_port: ring 3 may write to the system-call port. Needed where `syscall` stays in ring 3; a
 * program that writes to it by itself is recognised by its address. */
static void write_iomap(u8 *ram, bool open_port)
{
	u8 *map = ram + TRAP_PA_IOMAP;

	memset(map, 0xff, TRAP_IOMAP_SIZE);
	if (open_port)
		map[TRAP_PORT_SYSCALL / 8] &= (u8) ~(1u << (TRAP_PORT_SYSCALL % 8));
}

static void write_gate(u8 *ram, u32 vector, u64 target, u32 dpl)
{
	u64 *gate = (u64 *)(ram + TRAP_PA_IDT + vector * 16);

	gate[0] = (target & 0xffff) | (u64)TRAP_KERNEL_CS << 16 | (0x8eull | dpl << 5) << 40 |
		  (target >> 16 & 0xffff) << 48;
	gate[1] = target >> 32;
}

static void write_stubs(u8 *ram)
{
	for (u32 v = 0; v < TRAP_VECTORS; v++) {
		u8 *p = ram + TRAP_PA_STUBS + v * TRAP_STUB_SIZE;

		emit_out(&p, (u8)v);
		emit_iretq(&p);
		/* int3 and into are the program's to execute; the rest of `int n` is #GP, as on
		 * Linux without 32-bit emulation */
		write_gate(ram, v, TRAP_VA + TRAP_PA_STUBS + v * TRAP_STUB_SIZE,
			v == 3 || v == 4 ? 3 : 0);
	}
	u8 *p = ram + TRAP_PA_IRETQ;

	emit_iretq(&p);
	p = ram + TRAP_PA_FLUSH; /* mov %rax,%cr3; pop %rax; iretq */
	memcpy(p, "\x0f\x22\xd8\x58", 4);
	p += 4;
	emit_iretq(&p);
	p = ram + TRAP_PA_SYNC;
	emit_sync(&p);
	memcpy(p, "\x58\x59\x5e", 3); /* pop %rax; pop %rcx; pop %rsi */
	p += 3;
	emit_iretq(&p);
	p = ram + TRAP_PA_SYNC_NOW;
	emit_sync(&p);
	emit_out(&p, TRAP_PORT_SYNCED);
	p = ram + TRAP_PA_LSTAR;
	emit_out(&p, TRAP_PORT_SYSCALL);
	emit_iretq(&p);
}

u64 trap_stack(u64 ram_size, u32 cpu)
{
	return TRAP_PA_MAP_PD + ((round_up(ram_size, 1ull << 30) >> 30) + cpu) * PAGE_SIZE;
}

u64 host_trap_ram(u64 ram_size, u32 ncpus)
{
	return trap_stack(ram_size, ncpus);
}

/* All of RAM in large pages: the sync stub writes page-table entries through it. */
static void write_map(u8 *ram, u64 ram_size)
{
	u64 *pdpt = (u64 *)(ram + TRAP_PA_MAP_PDPT);
	u64 *pd = (u64 *)(ram + TRAP_PA_MAP_PD);

	for (u64 pa = 0; pa < ram_size; pa += 1ull << 21) {
		pdpt[pa >> 30] = (TRAP_PA_MAP_PD + (pa >> 30) * PAGE_SIZE) | PTE_P | PTE_W;
		pd[pa >> 21] = pa | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX | 0x80; /* PS */
	}
}

static void write_page_tables(u8 *ram, u64 ram_size, u32 ncpus)
{
	u64 *pdpt = (u64 *)(ram + TRAP_PA_PDPT), *pd = (u64 *)(ram + TRAP_PA_PD);
	u64 *pt = (u64 *)(ram + TRAP_PA_PT);

	pdpt[TRAP_VA >> 30 & 511] = TRAP_PA_PD | PTE_P | PTE_W | PTE_U;
	pd[TRAP_VA >> 21 & 511] = TRAP_PA_PT | PTE_P | PTE_W | PTE_U;
	for (u64 pa = TRAP_PA_GDT; pa < TRAP_PA_STUBS; pa += PAGE_SIZE)
		pt[pa >> 12] = pa | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
	pt[TRAP_PA_STUBS >> 12] = TRAP_PA_STUBS | PTE_P | PTE_A;
	/* user-accessible: where `syscall` does not raise the privilege the stub runs in ring 3 */
	pt[TRAP_PA_LSTAR >> 12] = TRAP_PA_LSTAR | PTE_P | PTE_U | PTE_A;
	for (u32 i = 0; i < ncpus; i++) {
		u64 pa = trap_stack(ram_size, i);

		pt[pa >> 12] = pa | PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;
	}
}

void trap_stubs_write(u8 *ram, u64 ram_size, u32 ncpus, bool syscall_ring0)
{
	memset(ram, 0, host_trap_ram(ram_size, ncpus));
	write_map(ram, ram_size);
	write_gdt(ram, ncpus);
	for (u32 i = 0; i < ncpus; i++)
		write_tss(ram, i, trap_stack(ram_size, i));
	write_iomap(ram, !syscall_ring0);
	write_stubs(ram);
	write_page_tables(ram, ram_size, ncpus);
}

void trap_pgd_init(u64 *pgd)
{
	pgd[TRAP_MAP_VA >> 39 & 511] = TRAP_PA_MAP_PDPT | PTE_P | PTE_W;
	pgd[TRAP_VA >> 39 & 511] = TRAP_PA_PDPT | PTE_P | PTE_W | PTE_U;
}
