/* SPDX-License-Identifier: Apache-2.0
 * Puts the shim's image and what its vCPU needs into guest RAM: no BIOS, no boot protocol.
 * Everything that ring 0 would have to set up by instructions is set up here as bytes
 * (kernel-shim/home/guest/guest.h).
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "kernel-shim/home/guest/guest.h"
#include "runtime/launch/guest_image.h"

extern const uint8_t shim_image[], shim_image_end[];

#define PAGE   4096ull
#define LARGE  0x200000ull
#define PTE_P  1ull
#define PTE_W  2ull
#define PTE_A  0x20ull
#define PTE_D  0x40ull
#define PTE_PS 0x80ull
#define PTE_NX (1ull << 63)

static const Elf64_Ehdr *image_header(void)
{
	return (const Elf64_Ehdr *)shim_image;
}

static const Elf64_Phdr *image_segment(unsigned i)
{
	const Elf64_Ehdr *e = image_header();
	const Elf64_Phdr *p = (const Elf64_Phdr *)(shim_image + e->e_phoff) + i;

	return i < e->e_phnum ? p : NULL;
}

uint64_t guest_image_symbol(const char *name)
{
	const Elf64_Ehdr *e = image_header();
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(shim_image + e->e_shoff);

	for (unsigned i = 0; i < e->e_shnum; i++) {
		const Elf64_Sym *sym = (const Elf64_Sym *)(shim_image + sh[i].sh_offset);
		const char *str;

		if (sh[i].sh_type != SHT_SYMTAB)
			continue;
		str = (const char *)shim_image + sh[sh[i].sh_link].sh_offset;
		for (uint64_t n = sh[i].sh_size / sizeof(*sym), k = 0; k < n; k++) {
			if (!strcmp(str + sym[k].st_name, name))
				return sym[k].st_value;
		}
	}
	return 0;
}

const void *guest_image_data(const char *name, uint64_t size)
{
	uint64_t va = guest_image_symbol(name);
	const Elf64_Phdr *p;

	for (unsigned i = 0; va && (p = image_segment(i)); i++) {
		if (va >= p->p_vaddr && va - p->p_vaddr < p->p_filesz &&
			size <= p->p_filesz - (va - p->p_vaddr))
			return shim_image + p->p_offset + (va - p->p_vaddr);
	}
	return NULL;
}

/* The physical map's page directories follow the image: one for each GiB of RAM. */
static uint64_t map_pd_pa(void)
{
	return GUEST_IMAGE_END + PAGE;
}

uint64_t guest_image_ram(uint64_t ram_size)
{
	uint64_t gib = (ram_size + (1ull << 30) - 1) >> 30;

	return ram_size < 2 * LARGE || gib > 512 ? 0 : map_pd_pa() + gib * PAGE;
}

static int load_segments(uint8_t *ram, uint64_t *pt)
{
	const Elf64_Phdr *p;

	for (unsigned i = 0; (p = image_segment(i)); i++) {
		uint64_t flags = PTE_P | PTE_A;

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		if (p->p_paddr < GUEST_IMAGE_PA || p->p_paddr + p->p_memsz > GUEST_IMAGE_END)
			return -ENOEXEC;
		memcpy(ram + p->p_paddr, shim_image + p->p_offset, p->p_filesz);
		if (p->p_flags & PF_W)
			flags |= PTE_W | PTE_D;
		if (!(p->p_flags & PF_X))
			flags |= PTE_NX;
		for (uint64_t pa = p->p_paddr & ~(PAGE - 1); pa < p->p_paddr + p->p_memsz;
			pa += PAGE)
			pt[pa / PAGE] = pa | flags;
	}
	return 0;
}

/* image.lds: text first, constants next, each from a page of its own. */
void guest_image_constant(uint64_t *start, uint64_t *end)
{
	const Elf64_Phdr *p;

	*start = *end = GUEST_IMAGE_PA;
	for (unsigned i = 0; (p = image_segment(i)) && !(p->p_flags & PF_W); i++)
		*end = (p->p_paddr + p->p_memsz + PAGE - 1) & ~(PAGE - 1);
}

static uint64_t trap_top(uint32_t cpu)
{
	return cpu ? GUEST_PA_CPUS + cpu * PAGE : GUEST_PA_TRAP_TOP;
}

/* A trap takes a few hundred bytes at the end of its page. */
static uint64_t tss_pa(uint32_t cpu)
{
	return cpu ? trap_top(cpu) - PAGE : GUEST_PA_TSS;
}

static void write_tss(uint8_t *ram, uint32_t cpu)
{
	uint64_t *d = (uint64_t *)(ram + GUEST_PA_GDT) + GUEST_TSS_SEL / 8 + 2 * cpu;
	uint8_t *tss = ram + tss_pa(cpu);
	uint64_t at = BOOT_IMAGE_VA + tss_pa(cpu);
	uint64_t rsp0 = BOOT_IMAGE_VA + trap_top(cpu);
	uint64_t ist1 = BOOT_IMAGE_VA + GUEST_PA_DF_STACK; /* nobody comes back from there */
	uint16_t iomap = GUEST_TSS_LIMIT + 1; /* beyond the limit: no port for ring 3 */

	d[0] = GUEST_TSS_LIMIT | (at & 0xffffff) << 16 | 0x89ull << 40 | (at >> 24 & 0xff) << 56;
	d[1] = at >> 32;
	memcpy(tss + 4, &rsp0, sizeof(rsp0));
	memcpy(tss + 36, &ist1, sizeof(ist1));
	memcpy(tss + 102, &iomap, sizeof(iomap));
}

static void write_gdt(uint8_t *ram)
{
	uint64_t *gdt = (uint64_t *)(ram + GUEST_PA_GDT);

	gdt[GUEST_KERNEL_CS / 8] = 0x00af9b000000ffffull;
	gdt[GUEST_KERNEL_SS / 8] = 0x00cf93000000ffffull;
	gdt[0x20 / 8] = 0x00cffb000000ffffull;
	gdt[0x28 / 8] = 0x00cff3000000ffffull;
	gdt[0x30 / 8] = 0x00affb000000ffffull;
}

static void write_idt(uint8_t *ram, uint64_t vectors)
{
	for (uint64_t v = 0; v < GUEST_VECTORS; v++) {
		uint64_t *gate = (uint64_t *)(ram + GUEST_PA_IDT + v * 16);
		uint64_t to = vectors + v * GUEST_STUB_SIZE;
		uint64_t dpl = v == 3 || v == 4 ? 3 : 0; /* int3 and into are the program's */
		uint64_t ist = v == 8 || v == 2 ? 1 : 0;

		gate[0] = (to & 0xffff) | (uint64_t)GUEST_KERNEL_CS << 16 | ist << 32 |
			  (0x8eull | dpl << 5) << 40 | (to >> 16 & 0xffff) << 48;
		gate[1] = to >> 32;
	}
}

static void write_page_tables(uint8_t *ram, uint64_t ram_size, uint32_t ncpus)
{
	uint64_t *pml4 = (uint64_t *)(ram + GUEST_PA_PML4);
	uint64_t *img_pdpt = (uint64_t *)(ram + GUEST_PA_IMG_PDPT);
	uint64_t *img_pd = (uint64_t *)(ram + GUEST_PA_IMG_PD);
	uint64_t *img_pt = (uint64_t *)(ram + GUEST_PA_IMG_PT);
	uint64_t *map_pdpt = (uint64_t *)(ram + GUEST_PA_MAP_PDPT);
	uint64_t *map_pt = (uint64_t *)(ram + GUEST_PA_MAP_PT);
	uint64_t data = PTE_P | PTE_W | PTE_A | PTE_D | PTE_NX;

	_Static_assert(GUEST_PA_BOOT_STACK == GUEST_PA_CPUS, "mapped as one");
	pml4[BOOT_PHYSMAP_VA >> 39 & 511] = GUEST_PA_MAP_PDPT | PTE_P | PTE_W;
	pml4[BOOT_IMAGE_VA >> 39 & 511] = GUEST_PA_IMG_PDPT | PTE_P | PTE_W;
	img_pdpt[BOOT_IMAGE_VA >> 30 & 511] = GUEST_PA_IMG_PD | PTE_P | PTE_W;
	img_pd[BOOT_IMAGE_VA >> 21 & 511] = GUEST_PA_IMG_PT | PTE_P | PTE_W;
	for (uint64_t pa = PAGE; pa < GUEST_PA_CPUS + (ncpus - 1) * PAGE; pa += PAGE)
		img_pt[pa / PAGE] = pa | data;
	/* the physical map shows the image with the image's own rights: its text is written nowhere
	 */
	for (uint64_t pa = PAGE; pa < LARGE; pa += PAGE) {
		uint64_t e = pa >= GUEST_IMAGE_PA ? img_pt[pa / PAGE] : 0;

		map_pt[pa / PAGE] = pa | (e ? (e & PTE_W) | PTE_P | PTE_A | PTE_D | PTE_NX : data);
	}
	for (uint64_t gib = 0; gib << 30 < ram_size; gib++) {
		uint64_t pd_pa = map_pd_pa() + gib * PAGE;
		uint64_t *pd = (uint64_t *)(ram + pd_pa);

		map_pdpt[gib] = pd_pa | PTE_P | PTE_W;
		for (uint64_t i = 0; i < 512 && (gib << 30) + i * LARGE < ram_size; i++)
			pd[i] = ((gib << 30) + i * LARGE) | data | PTE_PS;
	}
	((uint64_t *)(ram + map_pd_pa()))[0] = GUEST_PA_MAP_PT | PTE_P | PTE_W;
}

int guest_image_load(uint8_t *ram, uint64_t ram_size, uint32_t ncpus)
{
	uint64_t vectors = guest_image_symbol("guest_vectors");
	int r;

	if (memcmp(image_header()->e_ident, ELFMAG, SELFMAG) || !vectors)
		return -ENOEXEC;
	r = load_segments(ram, (uint64_t *)(ram + GUEST_PA_IMG_PT));
	if (r)
		return r;
	write_gdt(ram);
	for (uint32_t i = 0; i < ncpus; i++)
		write_tss(ram, i);
	write_idt(ram, vectors);
	write_page_tables(ram, ram_size, ncpus);
	return 0;
}

void guest_image_fixups(struct guest_fixup out[GUEST_FIXUPS])
{
	out[0] = (struct guest_fixup){guest_image_symbol("guest_soft_copy_fault"),
		guest_image_symbol("guest_soft_copy_fixup")};
	out[1] = (struct guest_fixup){guest_image_symbol("guest_soft_cmpxchg_fault"),
		guest_image_symbol("guest_soft_cmpxchg_fixup")};
}

void guest_image_start(
	struct guest_start *out, uint32_t cpu, uint32_t ncpus, bool xsave, uint64_t boot_gpa)
{
	*out = (struct guest_start){
		.sregs =
			{
				.cr0 = 0x80050033, /* PG AM WP NE ET MP PE */
				.cr3 = GUEST_PA_PML4,
				.cr4 = 0x620 |
				       (xsave ? 0x40000 : 0), /* PAE OSFXSR OSXMMEXCPT, OSXSAVE */
				.efer = 0xd01,		      /* NXE LMA LME SCE */
				.gdt_base = BOOT_IMAGE_VA + GUEST_PA_GDT,
				.gdt_limit = (uint16_t)(GUEST_TSS_SEL + 16 * ncpus - 1),
				.idt_base = BOOT_IMAGE_VA + GUEST_PA_IDT,
				.idt_limit = GUEST_VECTORS * 16 - 1,
				.tss_base = BOOT_IMAGE_VA + tss_pa(cpu),
				.tss_limit = GUEST_TSS_LIMIT,
				.cs = GUEST_KERNEL_CS,
				.ss = GUEST_KERNEL_SS,
				.tr = (uint16_t)(GUEST_TSS_SEL + 16 * cpu),
			},
		.gprs =
			{
				.rip = cpu ? guest_image_symbol("guest_start_other")
					   : image_header()->e_entry,
				.rsp = BOOT_IMAGE_VA + (cpu ? trap_top(cpu) : GUEST_PA_BOOT_STACK),
				.rdi = cpu ? cpu : BOOT_PHYSMAP_VA + boot_gpa,
				.rflags = 2,
			},
		.msr =
			{
				{0xc0000081, (uint64_t)GUEST_KERNEL_CS << 32 | 0x23ull << 48},
				{0xc0000082, guest_image_symbol("guest_syscall")},
				{0xc0000084, 0x47700}, /* SFMASK as Linux: TF IF DF IOPL NT AC */
			},
	};
}

const uint8_t *guest_image_bytes(uint64_t *size)
{
	*size = (uintptr_t)shim_image_end - (uintptr_t)shim_image;
	return shim_image;
}
