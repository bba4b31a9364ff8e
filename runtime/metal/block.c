/* SPDX-License-Identifier: Apache-2.0
 *
 * The boot block of the program from the image: root, with the usual file systems over it, and the
 * serial line as its three descriptors.
 */
#include "kernel-shim/home/guest/guest.h"
#include "runtime/launch/boot_builder.h"
#include "runtime/launch/guest_image.h"
#include "runtime/metal/box.h"
#include "vmm/vmx/core/x86.h"

#define ROOM_FOR_SHIM (4u << 20)
#define NOFILE	      1024u
#define O_RDWR	      2u /* of Linux */

enum { RLIMIT_NOFILE = 7, RLIMIT_NPROC = 6, RLIMIT_STACK = 3, RLIMITS = 16 };

static void add_mounts(struct box *b, struct boot_builder *to)
{
	static const struct {
		uint32_t kind, mode;
		const char *target, *source;
	} mounts[] = {
		{BOOT_MOUNT_IMAGE, 0, "/", "image"},
		{BOOT_MOUNT_TMPFS, 01777, "/tmp", "none"},
		{BOOT_MOUNT_PROC, 0, "/proc", "proc"},
		{BOOT_MOUNT_SYS, 0, "/sys", "sysfs"},
		{BOOT_MOUNT_DEV, 0, "/dev", "dev"},
	};
	uint32_t table =
		boot_add_bytes(to, NULL, VMX_ARRAY_SIZE(mounts) * sizeof(struct boot_mount), 8);
	struct boot_mount *m = (struct boot_mount *)(void *)(to->base + table);

	b->boot->mounts = table;
	b->boot->nmounts = VMX_ARRAY_SIZE(mounts);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(mounts) && !to->full; i++)
		m[i] = (struct boot_mount){
			.kind = mounts[i].kind,
			.mode = mounts[i].mode,
			.handle = mounts[i].kind == BOOT_MOUNT_IMAGE ? BOX_IMAGE : 0,
			.target = boot_add_string(to, mounts[i].target),
			.source = boot_add_string(to, mounts[i].source),
		};
}

static void add_descriptors(struct box *b, struct boot_builder *to)
{
	struct boot_fd fds[3];

	for (int fd = 0; fd < 3; fd++)
		fds[fd] = (struct boot_fd){.handle = BOX_CONSOLE, .fd = fd, .oflags = O_RDWR};
	b->boot->nfds = VMX_ARRAY_SIZE(fds);
	b->boot->fds = boot_add_bytes(to, fds, sizeof(fds), 8);
	b->boot->tty_fd = ~0u;
}

static void set_limits(struct boot_block *k)
{
	for (int i = 0; i < RLIMITS; i++)
		k->rlimits[i][0] = k->rlimits[i][1] = UINT64_MAX;
	k->rlimits[RLIMIT_STACK][0] = 8u << 20;
	k->rlimits[RLIMIT_NOFILE][0] = k->rlimits[RLIMIT_NOFILE][1] = NOFILE;
	k->rlimits[RLIMIT_NPROC][0] = k->rlimits[RLIMIT_NPROC][1] = k->pids_max;
}

static void set_machine(struct box *b)
{
	struct boot_block *k = b->boot;
	uint8_t id[sizeof(k->boot_id)];

	k->magic = BOOT_MAGIC;
	k->version = BOOT_VERSION;
	k->mem_size = b->mem.ram_size;
	k->window_gpa = BOOT_WINDOW_GPA;
	k->window_size = BOOT_WINDOW_SIZE;
	k->user_va_start = BOOT_USER_VA_START;
	k->user_va_end = BOOT_USER_VA_END;
	k->cr3 = GUEST_PA_PML4;
	k->ncpus = 1;
	k->hwcap = x86_cpuid(1, 0).edx;
	k->xcr0 = vmx_caps.xcr0;
	k->xsave_size = vmx_caps.xsave_size;
	k->cpu_features = BOOT_CPU_SYSRET | (vmx_caps.xcr0 ? BOOT_CPU_XSAVE : 0) |
			  (vmx_caps.ept ? 0 : BOOT_CPU_ANNOUNCE);
	box_random(k->random, sizeof(k->random));
	box_random(id, sizeof(id));
	boot_set_id(k, id);
}

static void set_program(struct box *b, struct boot_builder *to, char **words)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char home[] = "HOME=/", term[] = "TERM=dumb";
	char *environment[] = {path, home, term, NULL};
	struct boot_block *k = b->boot;

	k->path = boot_add_string(to, words[0]);
	k->execfn = k->path;
	k->argv = boot_add_strings(to, words, &k->argc);
	k->envp = boot_add_strings(to, environment, &k->envc);
	k->cwd = boot_add_string(to, "/");
	k->hostname = boot_add_string(to, "sandbox");
	k->os_release = boot_add_string(to, "6.1.0");
	k->os_version = boot_add_string(to, "#1 sandbox on metal");
	k->umask = 022;
	k->pids_max = 1024;
	set_limits(k);
}

void box_block_build(struct box *b, char **words)
{
	uint64_t clock_gpa = guest_image_ram(b->mem.ram_size), ring_gpa = clock_gpa + VMX_PAGE_SIZE;
	uint64_t boot_gpa = ring_gpa + sizeof(struct chan_ring);
	struct boot_builder to = {.base = b->mem.ram + boot_gpa, .used = sizeof(struct boot_block)};

	if (!clock_gpa || b->mem.ram_size < boot_gpa + ROOM_FOR_SHIM ||
		guest_image_load(b->mem.ram, b->mem.ram_size, 1))
		metal_die("the shim does not fit into %lu MiB", b->mem.ram_size >> 20);
	to.limit = b->mem.ram_size - boot_gpa;
	b->clock = (void *)(b->mem.ram + clock_gpa);
	b->ring = (void *)(b->mem.ram + ring_gpa);
	b->boot = (void *)(b->mem.ram + boot_gpa);
	b->boot->clock_gpa = b->boot->vclock_gpa = clock_gpa;
	b->boot->ring_gpa = ring_gpa;
	box_clock_publish(b);
	set_machine(b);
	set_program(b, &to, words);
	add_mounts(b, &to);
	add_descriptors(b, &to);
	if (to.full)
		metal_die("the boot block does not fit into %lu MiB", b->mem.ram_size >> 20);
	b->boot->size = (uint32_t)to.used;
	b->boot->free_start = (boot_gpa + to.used + VMX_PAGE_SIZE - 1) & VMX_PAGE_MASK;
}
