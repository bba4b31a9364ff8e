/* SPDX-License-Identifier: Apache-2.0
 *
 * A VM with the tests' guest in it.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/security/hostile/hostile.h"

struct place {
	uint64_t gpa, offset, size;
};

static const struct place places[] = {
	[GUEST_SLOT_MAIN] = {0, 0, GUEST_SIZE},
	[GUEST_SLOT_LOST] = {GUEST_GPA_LOST, GUEST_PAGE_LOST, VMX_PAGE_SIZE},
	[GUEST_SLOT_READONLY] = {GUEST_GPA_READONLY, GUEST_PAGE_READONLY, VMX_PAGE_SIZE},
	[GUEST_SLOT_LOGGED] = {GUEST_GPA_LOGGED, GUEST_PAGE_LOGGED, 2 * VMX_PAGE_SIZE},
};

uint8_t *guest_memory(void)
{
	uint8_t *m =
		mmap(NULL, GUEST_AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return NULL;
	mprotect(m + GUEST_PAGE_LOST, VMX_PAGE_SIZE, PROT_NONE);
	return m;
}

int guest_slot(struct guest *g, uint32_t i, uint32_t flags)
{
	const struct place *p = &places[i];

	if (!p->size)
		return 0;
	return g->ops->map_memory(g->vm, i, p->gpa, g->memory + p->offset, p->size, flags);
}

int guest_slot_gone(struct guest *g, uint32_t i)
{
	const struct place *p = &places[i];

	if (!p->size)
		return 0;
	return g->ops->map_memory(g->vm, i, p->gpa, g->memory + p->offset, 0, 0);
}

int guest_make(struct guest *g, const struct vm_ops *ops)
{
	int result;

	memset(g, 0, sizeof(*g));
	g->ops = ops;
	g->memory = guest_memory();
	if (!g->memory)
		return -ENOMEM;
	result = ops->create(&g->vm);
	for (uint32_t i = 0; result == 0 && i < VMX_ARRAY_SIZE(places); i++)
		result = guest_slot(g, i, i == GUEST_SLOT_READONLY ? VM_MEM_READONLY : 0);
	if (result == 0)
		result = ops->vcpu_create(g->vm, 0, &g->v);
	return result;
}

void guest_end(struct guest *g)
{
	if (g->v)
		g->ops->vcpu_destroy(g->v);
	if (g->vm)
		g->ops->destroy(g->vm);
	if (g->memory)
		munmap(g->memory, GUEST_AREA);
}

struct vm_sregs guest_sregs(int ring)
{
	return (struct vm_sregs){
		.cr0 = GUEST_CR0,
		.cr3 = GUEST_PML4,
		.cr4 = GUEST_CR4,
		.efer = GUEST_EFER,
		.gdt_base = GUEST_GDT,
		.gdt_limit = GUEST_GDT_LIMIT,
		.idt_base = GUEST_IDT,
		.idt_limit = GUEST_IDT_LIMIT,
		.tss_base = GUEST_TSS,
		.tss_limit = GUEST_TSS_LIMIT,
		.cs = ring ? GUEST_CS3 : GUEST_CS0,
		.ss = ring ? GUEST_SS3 : GUEST_SS0,
		.tr = GUEST_TR,
	};
}
