/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "tests/unit/vmm/machine.h"
#include "vmm/kvm/kvm_internal.h"

#define CS0 0x08
#define DS0 0x10
#define DS3 0x23
#define CS3 0x2b

const struct vm_ops *machine_ops = &vm_kvm_ops;

uint64_t *machine_words(struct machine *m, uint64_t gpa)
{
	return (uint64_t *)(void *)(m->memory + gpa);
}

uint64_t *machine_pte(struct machine *m, uint64_t va)
{
	return machine_words(m, va < GUEST_MEMORY ? GUEST_PT : GUEST_PT_WIN) + (va >> 12) % 512;
}

/* The pieces are labels in one section, to C they are unrelated objects: numbers, then. */
static bool in_ring3(const char *label)
{
	return (uintptr_t)label >= (uintptr_t)guest_code3 &&
	       (uintptr_t)label < (uintptr_t)guest_code3_end;
}

uint64_t machine_at(const char *label)
{
	if (in_ring3(label))
		return GUEST_CODE3 + ((uintptr_t)label - (uintptr_t)guest_code3);
	return GUEST_CODE0 + ((uintptr_t)label - (uintptr_t)guest_code0);
}

static void tables_fill(struct machine *m)
{
	machine_words(m, GUEST_PML4)[0] = GUEST_PDPT | PTE_P | PTE_W | PTE_U;
	machine_words(m, GUEST_PDPT)[0] = GUEST_PD | PTE_P | PTE_W | PTE_U;
	machine_words(m, GUEST_PD)[0] = GUEST_PT | PTE_P | PTE_W | PTE_U;
	machine_words(m, GUEST_PD)[1] = GUEST_PT_WIN | PTE_P | PTE_W | PTE_U;
	machine_words(m, GUEST_PD)[2] = GUEST_NOTHING | 0x80 | PTE_P | PTE_W | PTE_U;
	for (uint64_t va = 0; va < GUEST_NOTHING; va += 0x1000)
		*machine_pte(m, va) = va | PTE_P | PTE_W | (va >= GUEST_CODE3 ? PTE_U : 0);
}

static void descriptors_fill(struct machine *m)
{
	static const uint64_t gdt[] = {
		0,
		0x00af9b000000ffff, /* 08 ring 0 code */
		0x00cf93000000ffff, /* 10 ring 0 data */
		0x00cffb000000ffff, /* 18 ring 3 32-bit code */
		0x00cff3000000ffff, /* 20 ring 3 data */
		0x00affb000000ffff, /* 28 ring 3 code */
		0x00008b0000000067 | GUEST_TSS << 16,
		0,
	};
	const uint64_t stack = GUEST_STACK0;
	const uint16_t bitmap = 0x68;

	memcpy(m->memory + GUEST_GDT, gdt, sizeof(gdt));
	for (uint64_t vector = 0; vector < GUEST_VECTORS; vector++) {
		uint64_t entry = machine_at(guest_vectors) + 16 * vector;

		machine_words(m, GUEST_IDT)[2 * vector] = (entry & 0xffff) | (uint64_t)CS0 << 16 |
							  0x8eull << 40 | (entry >> 16) << 48;
	}
	memcpy(m->memory + GUEST_TSS + 4, &stack, sizeof(stack));
	memcpy(m->memory + GUEST_TSS + 0x66, &bitmap, sizeof(bitmap));
}

static int memory_fill(struct machine *m)
{
	void *memory =
		mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	m->memory = memory;
	tables_fill(m);
	descriptors_fill(m);
	memcpy(m->memory + GUEST_CODE0, guest_code0,
		(uintptr_t)guest_code0_end - (uintptr_t)guest_code0);
	memcpy(m->memory + GUEST_CODE3, guest_code3,
		(uintptr_t)guest_code3_end - (uintptr_t)guest_code3);
	return 0;
}

void machine_end(struct machine *m)
{
	if (m->other)
		machine_ops->vcpu_destroy(m->other);
	if (m->vcpu)
		machine_ops->vcpu_destroy(m->vcpu);
	if (m->vm)
		machine_ops->destroy(m->vm);
	if (m->memory)
		munmap(m->memory, GUEST_MEMORY);
	memset(m, 0, sizeof(*m));
}

int machine_begin(struct machine *m, bool sync_regs)
{
	int result;

	memset(m, 0, sizeof(*m));
	result = memory_fill(m);
	if (result == 0)
		result = machine_ops->create(&m->vm);
	if (result == 0) {
		if (machine_ops == &vm_kvm_ops)
			m->vm->sync_regs = m->vm->sync_regs && sync_regs;
		result = machine_ops->map_memory(m->vm, SLOT_MEMORY, 0, m->memory, GUEST_MEMORY, 0);
	}
	if (result == 0)
		result = machine_ops->vcpu_create(m->vm, 0, &m->vcpu);
	if (result < 0)
		machine_end(m);
	return result;
}

void machine_sregs(const struct machine *m, unsigned ring, struct vm_sregs *s)
{
	*s = (struct vm_sregs){
		.cr0 = 0x80050033, /* PG AM WP NE ET MP PE */
		.cr3 = GUEST_PML4,
		.cr4 = 0x620,  /* PAE OSFXSR OSXMMEXCPT */
		.efer = 0xd01, /* NXE LMA LME SCE */
		.gdt_base = GUEST_GDT,
		.gdt_limit = 0x3f,
		.idt_base = GUEST_IDT,
		.idt_limit = GUEST_VECTORS * 16 - 1,
		.tss_base = GUEST_TSS,
		.tss_limit = 0x67,
		.cs = ring ? CS3 : CS0,
		.ss = ring ? DS3 : DS0,
		.tr = 0x30,
	};
}

struct vm_gprs *machine_regs(struct machine *m)
{
	return machine_ops->vcpu_gprs(m->vcpu);
}

void machine_set_regs(struct machine *m)
{
	machine_ops->vcpu_gprs_dirty(m->vcpu);
}

int machine_start(struct machine *m, const char *label)
{
	unsigned ring = in_ring3(label) ? 3 : 0;
	struct vm_sregs s;
	int result;

	machine_sregs(m, ring, &s);
	result = machine_ops->vcpu_set_sregs(m->vcpu, &s);
	if (result < 0)
		return result;
	*machine_regs(m) = (struct vm_gprs){
		.rip = machine_at(label),
		.rsp = ring ? GUEST_STACK3 : GUEST_STACK0,
		.rflags = RFLAGS_FIXED | (ring ? RFLAGS_IF : 0),
	};
	machine_set_regs(m);
	return 0;
}

struct machine_frame *machine_frame(struct machine *m)
{
	return (struct machine_frame *)(void *)(m->memory + machine_regs(m)->rsp);
}

void machine_redirect(struct machine *m, const char *label)
{
	machine_frame(m)->rip = machine_at(label);
}

int machine_run(struct machine *m)
{
	int result;

	do
		result = machine_ops->vcpu_run(m->vcpu, &m->exit);
	while (result == 0 && m->exit.reason == VM_EXIT_INTR);
	return result < 0 ? result : (int)m->exit.reason;
}

struct machine_frame *machine_trap(struct machine *m, unsigned vector)
{
	if (machine_run(m) != VM_EXIT_IO_OUT || m->exit.io.port != vector)
		return NULL;
	return machine_frame(m);
}
