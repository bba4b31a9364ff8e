/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory slots over host mappings that change: files that end, pages that may not be had, windows.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/vmm/tests.h"

#define WINDOW 0x200000ull

struct window {
	struct machine m;
	char *base;
};

/* A reservation, as the launcher makes it, behind the second slot. */
static void window_begin(struct window *w)
{
	assert_int_equal(machine_begin(&w->m, true), 0);
	w->base = mmap(NULL, WINDOW, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(w->base, MAP_FAILED);
	assert_int_equal(
		machine_ops->map_memory(w->m.vm, SLOT_WINDOW, GUEST_WINDOW, w->base, WINDOW, 0), 0);
}

static void window_end(struct window *w)
{
	machine_end(&w->m);
	munmap(w->base, WINDOW);
}

static void window_map(struct window *w, uint64_t at, int fd, int prot)
{
	int flags = MAP_FIXED | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED);

	assert_ptr_not_equal(mmap(w->base + at, 0x1000, prot, flags, fd, 0), MAP_FAILED);
}

static int file_make(uint64_t value, size_t size)
{
	int fd = memfd_create("unit-vmm", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (size)
		assert_int_equal(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
	return fd;
}

static void read_start(struct machine *m, const char *label, uint64_t va)
{
	assert_int_equal(machine_start(m, label), 0);
	machine_regs(m)->rdi = va;
	machine_regs(m)->rax = 0x99;
	machine_regs(m)->rbp = 0x1234;
	machine_set_regs(m);
}

/* The vCPU stands before the instruction; nothing of the guest has changed. */
static void assert_memory_exit(struct machine *m, const char *label, uint64_t va)
{
	struct vm_sregs s;

	assert_int_equal(machine_run(m), VM_EXIT_MEMORY);
	assert_int_equal(machine_regs(m)->rip, machine_at(label));
	assert_int_equal(machine_regs(m)->rdi, va);
	assert_int_equal(machine_regs(m)->rax, 0x99);
	assert_int_equal(machine_regs(m)->rbp, 0x1234);
	assert_int_equal(machine_ops->vcpu_get_sregs(m->vcpu, &s), 0);
	assert_int_equal(s.cs & 3, 3);
	assert_int_equal(s.cr2, 0); /* it is no fault of the guest's */
	assert_true(m->exit.gpa == UINT64_MAX || (m->exit.gpa & ~0xfffull) == (va & ~0xfffull));
}

/* Past the file's end: the caller decides; once the file has grown the same access works. */
static void test_past_end(void **state)
{
	uint64_t value = 0xfeedull;
	struct window w;
	int fd;

	tests_need_vm();
	window_begin(&w);
	fd = file_make(0, 0);
	window_map(&w, 0x3000, fd, PROT_READ | PROT_WRITE);
	read_start(&w.m, guest_read, GUEST_WINDOW + 0x3000);
	assert_memory_exit(&w.m, guest_read, GUEST_WINDOW + 0x3000);
	assert_memory_exit(&w.m, guest_read, GUEST_WINDOW + 0x3000);
	print_message(
		"VM_EXIT_MEMORY says %s address\n", w.m.exit.gpa == UINT64_MAX ? "no" : "the");

	assert_int_equal(ftruncate(fd, 0x1000), 0);
	assert_int_equal(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
	assert_non_null(machine_trap(&w.m, 6));
	assert_int_equal(machine_regs(&w.m)->rax, 0xfeed);
	close(fd);
	window_end(&w);
}

/* Nothing is there: read, write, and instead of going on the caller makes it the program's fault.
 */
static void test_prot_none(void **state)
{
	struct window w;
	uint64_t va = GUEST_WINDOW + 0x5000;

	tests_need_vm();
	window_begin(&w);
	read_start(&w.m, guest_write, va);
	assert_memory_exit(&w.m, guest_write, va);
	window_map(&w, 0x5000, -1, PROT_READ | PROT_WRITE);
	assert_non_null(machine_trap(&w.m, 6));
	assert_int_equal(*(uint64_t *)(void *)(w.base + 0x5000), 0x99);

	window_map(&w, 0x5000, -1, PROT_NONE);
	read_start(&w.m, guest_read, va);
	assert_memory_exit(&w.m, guest_read, va);
	/* Elsewhere with it: what a signal's delivery does. */
	machine_regs(&w.m)->rip = machine_at(guest_tsc);
	machine_set_regs(&w.m);
	assert_non_null(machine_trap(&w.m, 6));
	window_end(&w);
}

/* Where it was: taken out of the page tables, the same access is a page fault, with the address. */
static void test_memory_to_fault(void **state)
{
	uint64_t va = GUEST_WINDOW + 0x9000;
	struct machine_frame *frame;
	struct vm_sregs s;
	struct window w;

	tests_need_vm();
	window_begin(&w);
	for (int i = 0; i < 20; i++) {
		*machine_pte(&w.m, va) = va | PTE_P | PTE_W | PTE_U;
		read_start(&w.m, guest_read, va);
		assert_memory_exit(&w.m, guest_read, va);
		*machine_pte(&w.m, va) = 0;
		frame = machine_trap(&w.m, 14);
		assert_non_null(frame);
		assert_int_equal(frame->rip, machine_at(guest_read));
		assert_int_equal(machine_ops->vcpu_get_sregs(w.m.vcpu, &s), 0);
		assert_int_equal(s.cr2, va);
	}
	window_end(&w);
}

/* The same from ring 0; an interpreter of ring 0 may see a hole there (MMIO) or fail. */
static void test_prot_none_ring0(void **state)
{
	struct window w;
	int reason;

	tests_need_vm();
	window_begin(&w);
	assert_int_equal(machine_start(&w.m, guest_load), 0);
	machine_regs(&w.m)->rdi = GUEST_WINDOW;
	reason = machine_run(&w.m);
	print_message("ring 0 reads what the host has not: %s\n", vm_exit_name((unsigned)reason));
	if (tests_caps()->hardware)
		assert_int_equal(reason, VM_EXIT_MEMORY);
	else
		assert_true(reason == VM_EXIT_MEMORY || reason == VM_EXIT_MMIO ||
			    reason == VM_EXIT_FAIL);
	window_end(&w);
}

/* Written through a host mapping that allows reading only. */
static void test_read_only_mapping(void **state)
{
	struct window w;
	uint64_t va = GUEST_WINDOW;
	int fd;

	tests_need_vm();
	window_begin(&w);
	fd = file_make(7, 0x1000);
	window_map(&w, 0, fd, PROT_READ);
	read_start(&w.m, guest_read, va);
	assert_non_null(machine_trap(&w.m, 6));
	assert_int_equal(machine_regs(&w.m)->rax, 7);
	read_start(&w.m, guest_write, va);
	assert_memory_exit(&w.m, guest_write, va);
	close(fd);
	window_end(&w);
}

/* A read-only slot: reads work, a write is an access to nothing. */
static void test_read_only_slot(void **state)
{
	struct machine m;
	char *page = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	tests_need_vm();
	assert_int_equal(machine_begin(&m, true), 0);
	memcpy(page, "ABCDEFGH", 8);
	assert_int_equal(machine_ops->map_memory(
				 m.vm, SLOT_WINDOW, GUEST_WINDOW, page, 0x1000, VM_MEM_READONLY),
		0);
	read_start(&m, guest_read, GUEST_WINDOW);
	assert_non_null(machine_trap(&m, 6));
	assert_true(machine_regs(&m)->rax == 0x4847464544434241);
	read_start(&m, guest_write, GUEST_WINDOW);
	assert_int_equal(machine_run(&m), VM_EXIT_MMIO);
	assert_int_equal(m.exit.gpa, GUEST_WINDOW);
	assert_memory_equal(page, "ABCDEFGH", 8);
	machine_end(&m);
	munmap(page, 0x1000);
}

/* KVM follows each change of the host's mapping at once (MMU notifiers). */
static void test_remap(void **state)
{
	uint64_t va = GUEST_WINDOW + 0x7000;
	struct window w;
	int a, b;

	tests_need_vm();
	window_begin(&w);
	a = file_make(0xa, 0x1000);
	b = file_make(0xb, 0x1000);
	for (int i = 0; i < 200; i++) {
		window_map(&w, 0x7000, i % 2 ? a : b, PROT_READ);
		read_start(&w.m, guest_read, va);
		assert_non_null(machine_trap(&w.m, 6));
		assert_int_equal(machine_regs(&w.m)->rax, i % 2 ? 0xa : 0xb);
		if (i % 5 == 0) {
			window_map(&w, 0x7000, -1, PROT_NONE);
			read_start(&w.m, guest_read, va);
			assert_memory_exit(&w.m, guest_read, va);
		}
	}
	/* What is written to the file is seen through the mapping, and the other way round. */
	window_map(&w, 0x7000, a, PROT_READ | PROT_WRITE);
	assert_int_equal(pwrite(a, &(uint64_t){0xc}, 8, 0), 8);
	read_start(&w.m, guest_read, va);
	assert_non_null(machine_trap(&w.m, 6));
	assert_int_equal(machine_regs(&w.m)->rax, 0xc);
	read_start(&w.m, guest_write, va);
	assert_non_null(machine_trap(&w.m, 6));
	assert_int_equal(pread(a, &va, 8, 0), 8);
	assert_int_equal(va, 0x99);
	close(a);
	close(b);
	window_end(&w);
}

struct remapper {
	struct window *w;
	int fd;
};

static void *remap_later(void *arg)
{
	const struct remapper *r = arg;

	nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	return mmap(r->w->base, 0x1000, PROT_READ, MAP_FIXED | MAP_SHARED, r->fd, 0);
}

/* While ring 3 looks at it. */
static void test_remap_running(void **state)
{
	struct window w;
	int fds[2];

	tests_need_vm();
	window_begin(&w);
	fds[0] = file_make(1, 0x1000);
	fds[1] = file_make(2, 0x1000);
	window_map(&w, 0, fds[0], PROT_READ);
	for (int i = 0; i < 20; i++) {
		struct remapper r = {.w = &w, .fd = fds[!(i % 2)]};
		pthread_t thread;

		read_start(&w.m, guest_until, GUEST_WINDOW);
		machine_regs(&w.m)->rsi = i % 2 ? 1 : 2;
		assert_int_equal(pthread_create(&thread, NULL, remap_later, &r), 0);
		assert_non_null(machine_trap(&w.m, 6));
		pthread_join(thread, NULL);
	}
	close(fds[0]);
	close(fds[1]);
	window_end(&w);
}

static void test_map_errors(void **state)
{
	struct machine m;

	tests_need_vm();
	assert_int_equal(machine_begin(&m, true), 0);
	assert_int_equal(
		machine_ops->map_memory(m.vm, 32, GUEST_WINDOW, m.memory, 0x1000, 0), -EINVAL);
	assert_int_equal(
		machine_ops->map_memory(m.vm, 1, GUEST_WINDOW, m.memory, 0x1000, 8), -EINVAL);
	assert_int_equal(
		machine_ops->map_memory(m.vm, 1, GUEST_WINDOW + 1, m.memory, 0x1000, 0), -EINVAL);
	assert_int_equal(
		machine_ops->map_memory(m.vm, 1, GUEST_WINDOW, m.memory, 0x123, 0), -EINVAL);
	assert_int_equal(machine_ops->map_memory(m.vm, 1, 0x1000, m.memory, 0x1000, 0), -EEXIST);
	machine_end(&m);
}

int tests_memory(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_past_end),
		cmocka_unit_test(test_prot_none),
		cmocka_unit_test(test_memory_to_fault),
		cmocka_unit_test(test_prot_none_ring0),
		cmocka_unit_test(test_read_only_mapping),
		cmocka_unit_test(test_read_only_slot),
		cmocka_unit_test(test_remap),
		cmocka_unit_test(test_remap_running),
		cmocka_unit_test(test_map_errors),
	};

	return cmocka_run_group_tests_name("vmm memory", tests, NULL, NULL);
}
