/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-metal: the shim and one program on a machine with no operating system. Loaded by
 * multiboot with an EROFS image as its module; the command line is
 *
 *	[ept=0] [mem=MIB] [input=1] -- PROGRAM [ARGS...]
 *
 * mem: of the guest, default 32. input: the serial line is the program's input too, byte by byte.
 * The last line on the console is "metal: exit STATUS, ...": as a shell shows it.
 */
#include "kernel-shim/home/guest/guest.h"
#include "runtime/launch/guest_image.h"
#include "runtime/metal/box.h"

#define MIB	    (1ul << 20)
#define MEM_DEFAULT 32u
#define ARGS_SIZE   2048u

_Noreturn void metal_main(uint32_t magic, const struct multiboot *m);

static struct box box;
static struct guest_fixup fixups[GUEST_FIXUPS];

/* -- the machine for it -- */

static void take_image(struct box *b)
{
	uint64_t start, end, rest;

	if (!metal_module(&start, &end) || end == start)
		metal_die("no image: give an EROFS image as a module");
	if (start % VMX_PAGE_SIZE)
		metal_die("the image does not begin with a page");
	b->image = (const uint8_t *)(uintptr_t)start;
	b->image_size = end - start;
	rest = -b->image_size % VMX_PAGE_SIZE;
	memset((void *)(uintptr_t)end, 0, rest); /* of its last page: nobody's */
}

static void map(struct box *b, uint32_t slot, uint64_t from, uint64_t to, uint32_t flags)
{
	const struct sbv_memory memory = {
		.slot = slot,
		.flags = flags,
		.gpa = from,
		.hva = (uintptr_t)b->mem.ram + from,
		.size = to - from,
	};

	if (to > from && vmx_vm_set_memory(b->vm, &memory))
		metal_die("the guest's memory is refused");
}

/* RAM, in which the shim's text and constants are never written. */
static void make_vm(struct box *b)
{
	uint64_t lo, hi;

	if (vmx_vm_create(&metal_host, b, &b->vm))
		metal_die("no virtual machine");
	guest_image_constant(&lo, &hi);
	guest_image_fixups(fixups);
	b->mem.constant_start = lo;
	b->mem.constant_end = hi;
	map(b, 0, 0, lo, 0);
	map(b, 1, lo, hi, SBV_MEM_READONLY);
	map(b, 2, hi, b->mem.ram_size, 0);
	if (vmx_vcpu_create(b->vm, 0, &b->vcpu))
		metal_die("no vCPU");
}

_Static_assert(sizeof(struct vm_gprs) == sizeof(struct sbv_regs), "the same in both");

static void set_registers(struct box *b)
{
	struct guest_start start;
	const struct vm_sregs *s = &start.sregs;
	struct sbv_sregs sregs;
	int r;

	guest_image_start(
		&start, 0, 1, vmx_caps.xcr0 != 0, (uint64_t)((uint8_t *)b->boot - b->mem.ram));
	sregs = (struct sbv_sregs){
		.cr0 = s->cr0,
		.cr3 = s->cr3,
		.cr4 = s->cr4,
		.efer = s->efer,
		.gdt_base = s->gdt_base,
		.gdt_limit = s->gdt_limit,
		.idt_base = s->idt_base,
		.idt_limit = s->idt_limit,
		.tss_base = s->tss_base,
		.tss_limit = s->tss_limit,
		.cs = s->cs,
		.ss = s->ss,
		.tr = s->tr,
	};
	vmx_vcpu_load(b->vcpu, 0);
	r = vmx_vcpu_set_sregs(b->vcpu, &sregs);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(start.msr) && !r; i++)
		r = vmx_vcpu_set_msr(b->vcpu, start.msr[i].index, start.msr[i].value);
	vmx_vcpu_put(b->vcpu);
	if (r)
		metal_die("the shim's registers are refused");
	memcpy(vmx_vcpu_regs(b->vcpu), &start.gprs, sizeof(start.gprs));
}

/* -- its exits -- */

static _Noreturn void shim_failed(struct box *b, uint32_t n)
{
	metal_print("\nmetal: the shim failed: ");
	box_print(b->ring->data, n < CHAN_DATA_SIZE ? n : CHAN_DATA_SIZE);
	metal_print("\n");
	metal_off();
}

static void on_port(struct box *b, uint16_t port, uint32_t value)
{
	switch (port) {
	case CHAN_PORT_DOORBELL:
		box_serve(b);
		break;
	case CHAN_PORT_PANIC:
		shim_failed(b, value);
	default:
		break; /* TIMER: each tick looks at kick_ns; the others are for several vCPUs */
	}
}

/* Nothing is behind a page of the window: an error for the shim's own accesses, SIGBUS for a
 * program. */
static void on_lost_page(struct box *b, uint64_t gpa)
{
	struct sbv_regs *r = vmx_vcpu_regs(b->vcpu);

	for (size_t i = 0; i < VMX_ARRAY_SIZE(fixups); i++) {
		if (r->rip != fixups[i].fault)
			continue;
		r->rip = fixups[i].fixup;
		return;
	}
	if (r->rip >= BOOT_PHYSMAP_VA)
		metal_die("the shim asked for %lx, where nothing is", gpa);
	vmx_vcpu_set_irq(b->vcpu, GUEST_VEC_BUS);
}

static void on_exit(struct box *b, const struct vmx_user_exit *x)
{
	switch (x->reason) {
	case SBV_EXIT_IO_OUT:
		on_port(b, x->port, x->value);
		break;
	case SBV_EXIT_INTR:
		break;
	case SBV_EXIT_MMIO:
	case SBV_EXIT_MEMORY:
		on_lost_page(b, x->gpa);
		break;
	default:
		metal_die("the virtual machine stopped: exit %u, code %u, %lx, at %lx", x->reason,
			x->code, x->detail, vmx_vcpu_regs(b->vcpu)->rip);
	}
}

/* The guest leaves user mode when its time has come, or when there is news. */
static void on_tick(struct box *b)
{
	uint64_t kick = __atomic_load_n(&b->clock->kick_ns, __ATOMIC_RELAXED);
	bool news = box_event(b);

	if (news)
		b->ring->events = 1;
	if (vmx_vcpu_irq(b->vcpu) == SBV_IRQ_NONE && (news || (kick && box_now_ns(b) >= kick)))
		vmx_vcpu_set_irq(b->vcpu, GUEST_VEC_KICK);
}

static uint64_t run(struct box *b)
{
	struct sbv_stats stats;
	uint64_t exits = 0;

	while (!b->ended) {
		if (metal_run(b->vcpu, 1))
			on_exit(b, vmx_vcpu_exit(b->vcpu));
		else
			on_tick(b);
	}
	vmx_vcpu_stats(b->vcpu, &stats);
	for (uint32_t i = 0; i < SBV_EXIT_KINDS; i++)
		exits += stats.exits[i];
	return exits;
}

_Noreturn void metal_main(uint32_t magic, const struct multiboot *m)
{
	static char *words[BOX_ARGS_MAX + 1], text[ARGS_SIZE];
	struct box *b = &box;
	uint64_t exits;

	metal_boot(magic, m);
	if (!metal_words(words, BOX_ARGS_MAX, text, sizeof(text)))
		metal_die("no program: the command line is [ept=0] [mem=MIB] -- PROGRAM [ARGS...]");
	take_image(b);
	b->input = metal_option("input", 0);
	b->mem.ram_size = metal_option("mem", MEM_DEFAULT) * MIB;
	b->mem.ram = metal_pages_alloc(b->mem.ram_size / VMX_PAGE_SIZE);
	if (!b->mem.ram)
		metal_die("no %lu MiB of memory for the guest", b->mem.ram_size / MIB);
	if (metal_vmx_on(metal_option("ept", 1)) != SBV_STATE_READY)
		metal_die("no VMX");
	box_clock_init(b);
	box_block_build(b, words);
	make_vm(b);
	set_registers(b);
	metal_print("metal: %s, %u MiB, an image of %u KiB%s\n",
		vmx_caps.ept ? "EPT" : "shadow paging", (uint32_t)(b->mem.ram_size / MIB),
		(uint32_t)(b->image_size / 1024),
		box_random_is_strong() ? "" : "; this CPU has no RDRAND: random numbers are weak");
	exits = run(b);
	metal_print("metal: exit %u, %lu system calls, %lu exits\n",
		b->status & 0x7f ? 128 + (b->status & 0x7f) : b->status >> 8 & 0xff,
		(unsigned long)b->report.syscalls, (unsigned long)exits);
	metal_off();
}
