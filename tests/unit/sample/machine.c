/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sample/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/observe/samples.h"

static const struct guest_layout layout = {
	.cpus = BOOT_PHYSMAP_VA + CPUS,
	.cpu_size = 64,
	.ncpus = 2,
	.trap_fault = TRAP_FAULT,
	.trap_bus = TRAP_BUS,
	.cpu = {CPU_TASK},
	.task = {TASK_PROC, TASK_MM, TASK_TID, TASK_COMM, TASK_KIND, TASK_RIP, TASK_RSP, TASK_RBP,
		TASK_IN_CALL, TASK_NR},
	.process = {PROCESS_PID},
	.mm = {MM_PGD, MM_VMAS, MM_NVMAS, MM_VDSO},
	.vma = {VMA_START, VMA_END, VMA_OFFSET, VMA_FILE, VMA_PROT},
	.file = {FILE_INODE, FILE_MOUNT, FILE_DENTRY},
	.inode = {INODE_SUPER, INODE_INO, INODE_HOST},
	.host = {HOST_DEV},
	.super = {SUPER_TYPE, SUPER_DEV},
	.dentry = {DENTRY_PARENT, DENTRY_NAME, DENTRY_LEN, DENTRY_UNHASHED},
	.mount = {MOUNT_ROOT, MOUNT_PARENT, MOUNT_POINT},
};

void put(struct machine *m, uint64_t gpa, uint64_t value)
{
	memcpy(m->mem.ram + gpa, &value, sizeof(value));
}

uint64_t get(struct machine *m, uint64_t gpa)
{
	uint64_t value;

	memcpy(&value, m->mem.ram + gpa, sizeof(value));
	return value;
}

uint64_t shim(uint64_t gpa)
{
	return BOOT_PHYSMAP_VA + gpa;
}

uint64_t take(struct machine *m, uint64_t size)
{
	uint64_t at = m->used;

	m->used += (size + 63) & ~63ull;
	assert_true(m->used <= RAM_SIZE);
	return at;
}

static uint64_t take_page(struct machine *m)
{
	m->used = (m->used + PAGE - 1) & ~(PAGE - 1);
	return take(m, PAGE);
}

uint64_t entry(struct machine *m, uint64_t va, int level)
{
	uint64_t table = m->pgd;

	for (int at = 4;; at--) {
		uint64_t e = table + (va >> (12 + 9 * (at - 1)) & 511) * 8;

		if (at == level)
			return e;
		if (!get(m, e))
			put(m, e, take_page(m) | USER | 2);
		table = get(m, e) & 0x000ffffffffff000ull;
	}
}

uint64_t make_dentry(struct machine *m, uint64_t parent, const char *name, uint32_t len)
{
	uint64_t d = take(m, 64), text = take(m, len + 1);

	memcpy(m->mem.ram + text, name, len);
	put(m, d + DENTRY_PARENT, parent ? shim(parent) : 0);
	put(m, d + DENTRY_NAME, shim(text));
	put(m, d + DENTRY_LEN, len);
	return d;
}

uint64_t make_mount(struct machine *m, uint64_t root, uint64_t parent, uint64_t mountpoint)
{
	uint64_t mount = take(m, 64);

	put(m, mount + MOUNT_ROOT, shim(root));
	put(m, mount + MOUNT_PARENT, parent ? shim(parent) : 0);
	put(m, mount + MOUNT_POINT, mountpoint ? shim(mountpoint) : 0);
	return mount;
}

/* /usr/bin/prog, where /usr is a mount. */
static void make_file(struct machine *m)
{
	uint64_t top = make_dentry(m, 0, "", 0), usr = make_dentry(m, top, "usr", 3);
	uint64_t below = make_dentry(m, 0, "", 0), bin = make_dentry(m, below, "bin", 3);
	uint64_t type = take(m, 8);

	m->dentry = make_dentry(m, bin, "prog", 4);
	m->mount = make_mount(m, below, make_mount(m, top, 0, 0), usr);
	m->file = take(m, 64);
	m->inode = take(m, 64);
	m->super = take(m, 64);
	m->host = take(m, 64);
	memcpy(m->mem.ram + type, "host", 5);
	put(m, m->file + FILE_INODE, shim(m->inode));
	put(m, m->file + FILE_MOUNT, shim(m->mount));
	put(m, m->file + FILE_DENTRY, shim(m->dentry));
	put(m, m->inode + INODE_SUPER, shim(m->super));
	put(m, m->inode + INODE_INO, 77);
	put(m, m->inode + INODE_HOST, shim(m->host));
	put(m, m->host + HOST_DEV, 42);
	put(m, m->super + SUPER_TYPE, shim(type));
	put(m, m->super + SUPER_DEV, 5);
}

static void make_space(struct machine *m)
{
	uint64_t vmas = take(m, 64);

	m->pgd = take_page(m);
	put(m, entry(m, CODE, 1), BOOT_WINDOW_GPA | USER);
	m->stack = take_page(m);
	take(m, (PAGES - 1) * PAGE);
	for (uint64_t i = 0; i < PAGES; i++)
		put(m, entry(m, STACK + i * PAGE, 1), (m->stack + i * PAGE) | USER | NX);
	m->vma = take(m, 64);
	put(m, m->vma + VMA_START, CODE);
	put(m, m->vma + VMA_END, CODE + PAGE);
	put(m, m->vma + VMA_OFFSET, 0x3000);
	put(m, m->vma + VMA_FILE, shim(m->file));
	put(m, m->vma + VMA_PROT, PROT_READ | PROT_EXEC);
	put(m, vmas, shim(m->vma));
	m->mm = take(m, 64);
	put(m, m->mm + MM_PGD, m->pgd);
	put(m, m->mm + MM_VMAS, shim(vmas));
	put(m, m->mm + MM_NVMAS, 1);
}

static void make_task(struct machine *m)
{
	uint64_t process = take(m, 64);

	m->task = take(m, 128);
	put(m, process, 2ull << 32); /* the pid, at 4 */
	put(m, m->task + TASK_PROC, shim(process));
	put(m, m->task + TASK_MM, shim(m->mm));
	put(m, m->task + TASK_TID, 3);
	memcpy(m->mem.ram + m->task + TASK_COMM, "prog", 5);
	put(m, m->task + TASK_RIP, CODE + 0x10);
	put(m, m->task + TASK_RSP, STACK);
	put(m, m->task + TASK_RBP, STACK);
	put(m, CPUS + CPU_TASK, shim(m->task));
}

static size_t host_path(void *arg, const char *path, char *out, size_t size)
{
	assert_true(strlen(path) < SAMPLES_PATH);
	return (size_t)snprintf(out, size, "/outside%.900s", path);
}

int machine_setup(void **state)
{
	struct machine *m = calloc(1, sizeof(*m));

	m->fd = memfd_create("ram", MFD_CLOEXEC);
	assert_int_equal(ftruncate(m->fd, RAM_SIZE), 0);
	m->mem.ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	m->mem.ram_size = RAM_SIZE;
	m->control = mmap(
		NULL, SAMPLES_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	m->config = (struct sampler_config){&m->mem, &layout, m->control, host_path, m};
	m->used = FREE;
	make_file(m);
	make_space(m);
	make_task(m);
	assert_int_equal(sampler_create(&m->s, &m->config), 0);
	*state = m;
	return 0;
}

int machine_teardown(void **state)
{
	struct machine *m = *state;

	sampler_destroy(m->s);
	munmap(m->mem.ram, RAM_SIZE);
	munmap(m->control, SAMPLES_SIZE);
	close(m->fd);
	free(m);
	return 0;
}

struct sample_task task_now(struct machine *m)
{
	struct sample_task t;

	assert_true(sample_task(m->s, 0, &t));
	return t;
}

static void note(void *arg, const struct samples_head *record)
{
	struct records *r = arg;
	const struct samples_file *f = (const void *)record;
	const struct samples_sample *s = (const void *)record;

	switch (record->kind) {
	case SAMPLES_BEGIN:
		r->begins++;
		break;
	case SAMPLES_FILE:
		r->files++;
		r->file.type = f->type;
		r->file.dev = f->dev;
		r->file.ino = f->ino;
		snprintf(r->path, sizeof(r->path), "%.*s", f->path_len, f->text);
		snprintf(r->host, sizeof(r->host), "%.*s", f->host_len, f->text + f->path_len);
		break;
	default:
		r->samples++;
		r->sample.pid = s->pid;
		r->sample.tid = s->tid;
		r->sample.ticks = s->ticks;
		r->sample.in = s->in;
		r->sample.nr = s->nr;
		r->sample.cpu = s->cpu;
		memcpy(r->sample.comm, s->comm, sizeof(s->comm));
		memcpy(r->frame, s->frame, s->nframes * sizeof(s->frame[0]));
	}
}

struct records records_now(struct machine *m)
{
	const uint8_t *ring = (const uint8_t *)m->control + SAMPLES_CONTROL;
	size_t n = m->control->head - m->read;
	uint8_t *copy = malloc(n + 1);
	struct records r = {0};

	for (size_t i = 0; i < n; i++)
		copy[i] = ring[(m->read + i) % SAMPLES_RING];
	assert_int_equal(observe_samples_parse(copy, n, note, &r), (int64_t)n);
	m->read = m->control->tail = m->control->head;
	free(copy);
	return r;
}

void ask(struct machine *m, uint32_t session, uint32_t hz, uint64_t until)
{
	m->control->until_ns = until;
	m->control->request = (uint64_t)session << 32 | hz;
}
