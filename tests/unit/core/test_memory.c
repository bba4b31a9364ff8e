/* SPDX-License-Identifier: Apache-2.0
 * Mappings, faults and copy on write, as programs see them.
 */
#include "harness.h"

#include <asm/signal.h>
#include <asm-generic/siginfo.h>
#include <linux/mman.h>

#include "mm/mm.h"

#define A			    U_BASE
#define RW			    (PROT_READ | PROT_WRITE)
#define ANON			    (MAP_PRIVATE | MAP_ANONYMOUS)
#define map(addr, len, prot, flags) u_syscall(__NR_mmap, addr, len, prot, flags, -1, 0)

static void maps(void *arg)
{
	long at = map(0, 3 * PAGE_SIZE, RW, ANON);

	u_check(at > 0 && at % (long)PAGE_SIZE == 0);
	u_expect(u_get64((u64)at), 0);
	u_put64((u64)at + 2 * PAGE_SIZE + 8, 7);
	u_expect(u_get64((u64)at + 2 * PAGE_SIZE + 8), 7);
	/* a write across a page border */
	u_put64((u64)at + PAGE_SIZE - 4, 0x1122334455667788);
	u_expect(u_get64((u64)at + PAGE_SIZE - 4), 0x1122334455667788);
	u_expect(u_syscall(__NR_munmap, at, 3 * PAGE_SIZE), 0);
	u_check(!mm_find(u_task()->mm, (u64)at));
	u_expect(map(0, 0, RW, ANON), -EINVAL);
	u_expect(map(1, PAGE_SIZE, RW, ANON | MAP_FIXED), -EINVAL);
	u_expect(map(A, PAGE_SIZE, RW, ANON | MAP_FIXED_NOREPLACE), -EEXIST);
	u_expect(u_syscall(__NR_munmap, A + 1, PAGE_SIZE), -EINVAL);
}

static void test_anonymous_memory_is_zero_and_holds_what_is_written(void **state)
{
	run_program(maps, EXITED(0));
}

static s32 fault_code;
static u64 fault_addr;

static void notes_fault(s32 sig, u64 info, u64 uc)
{
	fault_code = (s32)u_get32(info + 8);
	fault_addr = u_get64(info + 16);
	u_exit(sig == SIGSEGV ? 0 : 1);
}

static void writes_read_only(void *arg)
{
	long at = map(0, PAGE_SIZE, PROT_READ, ANON);

	u_expect(u_sigaction(SIGSEGV, notes_fault, SA_SIGINFO, 0), 0);
	u_expect(u_get64((u64)at), 0);
	u_put64((u64)at + 16, 1);
	u_never("a write to read-only memory went through");
}

static void reads_nothing(void *arg)
{
	u_expect(u_sigaction(SIGSEGV, notes_fault, SA_SIGINFO, 0), 0);
	u_get64(0x20000);
}

static void test_write_to_read_only_memory_is_SEGV_ACCERR(void **state)
{
	run_program(writes_read_only, EXITED(0));
	assert_int_equal(fault_code, SEGV_ACCERR);
	assert_int_equal(fault_addr % PAGE_SIZE, 16);
}

static void test_access_to_nothing_is_SEGV_MAPERR(void **state)
{
	run_program(reads_nothing, EXITED(0));
	assert_int_equal(fault_code, SEGV_MAPERR);
	assert_int_equal(fault_addr, 0x20000);
}

static void reads_nothing_unhandled(void *arg)
{
	u_get64(0x20000);
}

static void test_fault_without_a_handler_kills(void **state)
{
	run_program(reads_nothing_unhandled, KILLED(SIGSEGV));
}

static void child_changes(void *arg)
{
	for (u64 i = 0; i < 16; i++)
		u_expect(u_get64(A + i * PAGE_SIZE), i + 1);
	for (u64 i = 0; i < 16; i++)
		u_put64(A + i * PAGE_SIZE, 100 + i);
	u_exit(0);
}

static void copies_on_write(void *arg)
{
	u64 free;

	for (u64 i = 0; i < 16; i++)
		u_put64(A + i * PAGE_SIZE, i + 1);
	free = pages_free_count();
	u_fork(child_changes, NULL);
	u_check(free - pages_free_count() < 12); /* tables, not pages */
	u_expect(u_syscall(__NR_wait4, -1, A + 0x40000, 0, 0), 3);
	u_expect(u_get32(A + 0x40000), EXITED(0));
	for (u64 i = 0; i < 16; i++)
		u_expect(u_get64(A + i * PAGE_SIZE), i + 1);
	for (u64 i = 0; i < 16; i++)
		u_put64(A + i * PAGE_SIZE, 200 + i);
}

static void test_fork_copies_pages_when_they_are_written(void **state)
{
	run_program(copies_on_write, EXITED(0));
}

static void protects(void *arg)
{
	long at = map(0, 4 * PAGE_SIZE, RW, ANON);
	u64 p = (u64)at;

	u_put64(p + PAGE_SIZE, 5);
	u_expect(u_syscall(__NR_mprotect, p + PAGE_SIZE, PAGE_SIZE, PROT_NONE), 0);
	u_expect(u_syscall(__NR_mprotect, p + PAGE_SIZE, PAGE_SIZE, PROT_READ), 0);
	u_expect(u_get64(p + PAGE_SIZE), 5); /* kept meanwhile */
	u_expect(u_syscall(__NR_gettimeofday, p + PAGE_SIZE, 0), -EFAULT);
	u_expect(u_syscall(__NR_mprotect, p + PAGE_SIZE, PAGE_SIZE, RW), 0);
	u_expect(u_syscall(__NR_gettimeofday, p + PAGE_SIZE, 0), 0);
	u_expect(u_syscall(__NR_munmap, p + PAGE_SIZE, PAGE_SIZE), 0);
	u_expect(u_syscall(__NR_mprotect, p, 4 * PAGE_SIZE, PROT_READ), -ENOMEM);
}

static void test_mprotect_keeps_contents_and_rules_the_kernel_too(void **state)
{
	run_program(protects, EXITED(0));
}

static void remaps(void *arg)
{
	u64 p = (u64)map(0, 2 * PAGE_SIZE, RW, ANON);
	long q;

	u_put64(p, 11);
	u_put64(p + PAGE_SIZE, 22);
	q = u_syscall(__NR_mremap, p, 2 * PAGE_SIZE, 64 * PAGE_SIZE, MREMAP_MAYMOVE, 0);
	u_check(q > 0);
	u_expect(u_get64((u64)q), 11);
	u_expect(u_get64((u64)q + PAGE_SIZE), 22);
	u_expect(u_get64((u64)q + 63 * PAGE_SIZE), 0);
	u_expect(u_syscall(__NR_madvise, q, PAGE_SIZE, MADV_DONTNEED), 0);
	u_expect(u_get64((u64)q), 0);
	u_expect(u_get64((u64)q + PAGE_SIZE), 22);
}

static void test_mremap_moves_contents_and_DONTNEED_zeroes(void **state)
{
	run_program(remaps, EXITED(0));
}

static void uses_all_memory(void *arg)
{
	u64 n = pages_total() * 2;
	u64 p = (u64)map(0, n * PAGE_SIZE, RW, ANON | MAP_NORESERVE);

	for (u64 i = 0; i < n; i++)
		u_put64(p + i * PAGE_SIZE, i);
	u_never("wrote more memory than there is");
}

static void survives_its_child(void *arg)
{
	u64 before = pages_free_count();

	u_fork(uses_all_memory, NULL);
	u_expect(u_syscall(__NR_wait4, -1, A, 0, 0), 3);
	u_expect(u_get32(A), KILLED(SIGKILL));
	u_check(kern->stats.oom);
	u_check(before - pages_free_count() < 16);
}

static void test_program_that_uses_all_memory_is_killed_and_gives_it_back(void **state)
{
	run_program(survives_its_child, EXITED(0));
}

TESTS(memory, cmocka_unit_test(test_anonymous_memory_is_zero_and_holds_what_is_written),
	cmocka_unit_test(test_write_to_read_only_memory_is_SEGV_ACCERR),
	cmocka_unit_test(test_access_to_nothing_is_SEGV_MAPERR),
	cmocka_unit_test(test_fault_without_a_handler_kills),
	cmocka_unit_test(test_fork_copies_pages_when_they_are_written),
	cmocka_unit_test(test_mprotect_keeps_contents_and_rules_the_kernel_too),
	cmocka_unit_test(test_mremap_moves_contents_and_DONTNEED_zeroes),
	cmocka_unit_test(test_program_that_uses_all_memory_is_killed_and_gives_it_back));
