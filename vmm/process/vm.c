/* SPDX-License-Identifier: Apache-2.0
 * The whole: control memory, zygote, files.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmm/process/process_internal.h"

#define CONTROL_SIZE (STUB_FILE_CTX + (size_t)SPACES_MAX * STUB_SLOT_SIZE)
#define SPIN_FIRST   1024u
#define PATIENCE     250u /* 5 s */

/* Addresses that a process may have mapped: so many for each byte of RAM, and some anyway. Page
 * tables for them take a quarter of RAM at most, as the shim's own do. */
#define ADDRESSES_PER_BYTE 128u
#define ADDRESSES_MIN	   (16ull << 30)

extern const uint8_t process_stub[], process_stub_end[] __attribute__((visibility("hidden")));

int process_control_make(int *fd)
{
	*fd = memfd_create("sandbox-control", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return -errno;
	if (ftruncate(*fd, (off_t)CONTROL_SIZE) ||
		fcntl(*fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
		return -errno;
	return 0;
}

int process_control_map(struct process_vm *vm, int fd)
{
	void *p =
		mmap(NULL, CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	vm->control = p;
	madvise(p, CONTROL_SIZE, MADV_DONTDUMP);
	madvise(p, CONTROL_SIZE, MADV_DONTFORK);
	return 0;
}

static int control_fill(struct process_vm *vm)
{
	size_t size = (uintptr_t)process_stub_end - (uintptr_t)process_stub;
	struct stub_const *c = (struct stub_const *)(vm->control + STUB_FILE_CONST);
	struct stat st;

	_Static_assert(sizeof(*c) <= 4096, "one page");
	if (size > STUB_TEXT_SIZE)
		return -E2BIG;
	if (fstat(vm->ram_fd, &st))
		return -errno;
	c->address_limit = (uint64_t)st.st_size * ADDRESSES_PER_BYTE;
	if (c->address_limit < ADDRESSES_MIN)
		c->address_limit = ADDRESSES_MIN;
	memcpy(vm->control + STUB_FILE_TEXT, process_stub, size);
	c->xcr0 = vm->caps.xcr0;
	c->fsgsbase = vm->caps.fsgsbase;
	return process_filter_build(c);
}

static uint32_t processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (uint32_t)CPU_COUNT(&set);
}

int process_vm_create(struct process_vm **out, const struct process_caps *caps, int ram_fd)
{
	struct process_vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return -ENOMEM;
	vm->ram_fd = ram_fd;
	vm->control_fd = vm->socket = -1;
	vm->caps = *caps;
	vm->processors = processors();
	vm->patience = PATIENCE;
	process_contexts_init(vm);
	r = process_control_make(&vm->control_fd);
	if (!r)
		r = process_control_map(vm, vm->control_fd);
	if (!r)
		r = control_fill(vm);
	if (r) {
		process_vm_destroy(vm);
		return r;
	}
	*out = vm;
	return 0;
}

int process_runner_create(struct process_vm *vm, struct process_runner **out)
{
	struct process_runner *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->vm = vm;
	atomic_init(&r->running, -1);
	atomic_init(&r->spin_turns, SPIN_FIRST);
	r->next = vm->runners;
	vm->runners = r;
	vm->nrunners++;
	*out = r;
	return 0;
}

int process_vm_start(struct process_vm *vm, bool pid_namespace, int (*limit)(void *arg), void *arg)
{
	return process_zygote_start(vm, pid_namespace, limit, arg);
}

/* The zygote ends when its socket does, and the kernel ends the spaces with it (PR_SET_PDEATHSIG).
 */
void process_vm_destroy(struct process_vm *vm)
{
	process_spaces_end(vm);
	if (vm->socket >= 0)
		close(vm->socket);
	if (vm->zygote_pid)
		waitpid(vm->zygote_pid, NULL, 0);
	for (struct process_runner *r = vm->runners, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	if (vm->control)
		munmap(vm->control, CONTROL_SIZE);
	if (vm->control_fd >= 0)
		close(vm->control_fd);
	free(vm);
}

int process_file_add(struct process_vm *vm, int fd)
{
	return process_zygote_call(vm, ZYGOTE_FILE, 0, &fd, 1, NULL);
}

void process_file_remove(struct process_vm *vm, int number)
{
	process_zygote_call(vm, ZYGOTE_CLOSE, (uint32_t)number, NULL, 0, NULL);
}

void process_stats(const struct process_vm *vm, struct process_stats *out)
{
	*out = (struct process_stats){.spawned = vm->spawned};
	for (struct process_runner *r = vm->runners; r; r = r->next) {
		for (int i = 0; i < PROCESS_EXIT_KINDS; i++)
			out->exits[i] += r->exits[i];
		out->ops += r->ops;
		out->slept += r->slept;
	}
}

/* The list begins with the youngest. */
void process_show(struct process_vm *vm, uint32_t n, _Atomic uint64_t *exits)
{
	struct process_runner *r = vm->runners;

	for (uint32_t i = vm->nrunners; r && i != n + 1; i--)
		r = r->next;
	if (r)
		r->shown = exits;
}
