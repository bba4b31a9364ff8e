/* SPDX-License-Identifier: Apache-2.0
 *
 * A VM that is made again in a process forked from the one that has it.
 */
#include <string.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/vmm/tests.h"

#define SAVE  0x80000ull /* where ring 3 puts its vector registers */
#define XMM   16
#define XMM15 64 /* where it is */

static void need_again(void)
{
	tests_need_vm();
	if (!machine_ops->again)
		skip();
}

static void begin(struct machine *m, const char *label)
{
	assert_int_equal(machine_begin(m, true), 0);
	assert_int_equal(machine_ops->again_keep(m->vm), 0);
	assert_int_equal(machine_start(m, label), 0);
}

static void *save(struct machine *m)
{
	void *saved = malloc(machine_ops->vcpu_saved_size(m->vcpu));

	assert_non_null(saved);
	assert_int_equal(machine_ops->vcpu_save(m->vcpu, saved), 0);
	return saved;
}

/* In the forked process: memory is the same, mapped again. */
static bool again(struct machine *m, const void *saved)
{
	return !machine_ops->again(m->vm) &&
	       !machine_ops->map_memory(m->vm, SLOT_MEMORY, 0, m->memory, GUEST_MEMORY, 0) &&
	       !machine_ops->vcpu_again(m->vcpu, saved);
}

/* What `check` says in a process of its own, which ends without its parent's memory being freed. */
static bool in_copy(
	struct machine *m, const void *saved, bool (*check)(struct machine *m, const void *saved))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid)
		_exit(check(m, saved) ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool says_next(struct machine *m, const void *saved)
{
	return again(m, saved) && machine_run(m) == VM_EXIT_IO_OUT && m->exit.io.size == 2 &&
	       machine_regs(m)->rax == 0x12345678 && machine_run(m) == VM_EXIT_IO_OUT &&
	       m->exit.io.size == 4;
}

/* The `out` of the exit is over, in the copy and, later, here. */
static void test_goes_on_behind_the_last_exit(void **state)
{
	struct machine m;
	void *saved;

	need_again();
	begin(&m, guest_outs);
	machine_regs(&m)->rax = 0x12345678;
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	assert_int_equal(m.exit.io.size, 1);
	saved = save(&m);
	for (int i = 0; i < 3; i++)
		assert_true(in_copy(&m, saved, says_next));
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	assert_int_equal(m.exit.io.size, 2);
	free(saved);
	machine_end(&m);
}

static bool stores_vectors(struct machine *m, const void *saved)
{
	if (!again(m, saved))
		return false;
	machine_frame(m)->rip += 2; /* behind the ud2 */
	return machine_trap(m, 6) && !memcmp(m->memory + SAVE, m->memory + GUEST_DATA, XMM) &&
	       !memcmp(m->memory + SAVE + XMM15, m->memory + GUEST_DATA + XMM15, XMM);
}

static void test_vector_registers_and_ring_3_go_along(void **state)
{
	struct machine m;
	void *saved;

	need_again();
	begin(&m, guest_sse);
	for (size_t i = 0; i < XMM15 + XMM; i++)
		m.memory[GUEST_DATA + i] = (char)(i * 7 + 1);
	machine_regs(&m)->rdi = GUEST_DATA;
	machine_regs(&m)->rsi = SAVE;
	assert_non_null(machine_trap(&m, 6));
	saved = save(&m);
	assert_true(in_copy(&m, saved, stores_vectors));
	free(saved);
	machine_end(&m);
}

static bool starts_anew(struct machine *m, const void *saved)
{
	(void)saved;
	if (!again(m, NULL) || machine_start(m, guest_outs))
		return false;
	machine_regs(m)->rax = 1;
	return machine_run(m) == VM_EXIT_IO_OUT && m->exit.io.size == 1;
}

static void test_without_a_saved_state_it_is_a_new_one(void **state)
{
	struct machine m;

	need_again();
	begin(&m, guest_outs);
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	assert_true(in_copy(&m, NULL, starts_anew));
	machine_end(&m);
}

static bool is_kicked(struct machine *m, const void *saved)
{
	struct vm_exit x;

	if (!again(m, saved))
		return false;
	machine_ops->vcpu_kick(m->vcpu);
	return !machine_ops->vcpu_run(m->vcpu, &x) && x.reason == VM_EXIT_INTR;
}

static void test_a_kick_is_for_the_copys_own(void **state)
{
	struct machine m;
	void *saved;

	need_again();
	begin(&m, guest_out_loop);
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	saved = save(&m);
	assert_true(in_copy(&m, saved, is_kicked));
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	free(saved);
	machine_end(&m);
}

int tests_again(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_on_behind_the_last_exit),
		cmocka_unit_test(test_vector_registers_and_ring_3_go_along),
		cmocka_unit_test(test_without_a_saved_state_it_is_a_new_one),
		cmocka_unit_test(test_a_kick_is_for_the_copys_own),
	};

	return cmocka_run_group_tests_name("again", tests, NULL, NULL);
}
