/* SPDX-License-Identifier: Apache-2.0
 *
 * Every reason vcpu_run ends for, with the registers in the run page and by ioctl.
 */
#include <string.h>
#include <linux/kvm.h>

#include "tests/unit/vmm/tests.h"
#include "vmm/kvm/kvm.h"

static void begin(struct machine *m, bool sync_regs, const char *label)
{
	assert_int_equal(machine_begin(m, sync_regs), 0);
	assert_int_equal(machine_start(m, label), 0);
}

static void out_sizes(bool sync_regs)
{
	static const struct {
		uint8_t size;
		uint32_t value;
	} outs[] = {{1, 0x78}, {2, 0x5678}, {4, 0x12345678}};
	struct vm_stats stats;
	struct machine m;

	begin(&m, sync_regs, guest_outs);
	machine_regs(&m)->rax = 0x12345678;
	for (int i = 0; i < 30; i++) {
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(m.exit.io.port, GUEST_PORT);
		assert_int_equal(m.exit.io.size, outs[i % 3].size);
		assert_int_equal(m.exit.io.value, outs[i % 3].value);
		assert_int_equal(machine_regs(&m)->rax, 0x12345678);
	}
	machine_ops->stats(m.vcpu, &stats);
	assert_int_equal(stats.exits[VM_EXIT_IO_OUT], 30);
	assert_int_equal(stats.exits[VM_EXIT_FAIL], 0);
	machine_end(&m);
}

static void test_out(void **state)
{
	tests_need_vm();
	out_sizes(true);
	out_sizes(false);
}

static void in_answers(bool sync_regs)
{
	struct machine m;

	begin(&m, sync_regs, guest_in);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(machine_run(&m), VM_EXIT_IO_IN);
		assert_int_equal(m.exit.io.port, GUEST_PORT_IN);
		assert_int_equal(m.exit.io.size, 4);
		m.exit.io.value = 0xcafe0000u + (uint32_t)i;
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(m.exit.io.value, 0xcafe0000u + (uint32_t)i);
		assert_int_equal(machine_run(&m), VM_EXIT_IO_IN);
		assert_int_equal(m.exit.io.size, 1);
		m.exit.io.value = 0x99;
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(m.exit.io.value, 0xcafe0099u);
	}
	machine_end(&m);
}

static void test_in(void **state)
{
	tests_need_vm();
	in_answers(true);
	in_answers(false);
}

/* The answer is not lost if the vCPU is kicked before it goes on. */
static void test_in_kicked(void **state)
{
	struct machine m;

	tests_need_vm();
	begin(&m, true, guest_in);
	assert_int_equal(machine_run(&m), VM_EXIT_IO_IN);
	m.exit.io.value = 0x1234;
	machine_ops->vcpu_kick(m.vcpu);
	assert_int_equal(machine_ops->vcpu_run(m.vcpu, &m.exit), 0);
	assert_int_equal(m.exit.reason, VM_EXIT_INTR);
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	assert_int_equal(m.exit.io.value, 0x1234);
	machine_end(&m);
}

/* A guest's string port access is nothing we offer: the VM ends, the reason is clear. */
static void test_string_out(void **state)
{
	struct machine m;

	tests_need_vm();
	begin(&m, true, guest_rep_out);
	machine_regs(&m)->rcx = 8;
	machine_regs(&m)->rsi = GUEST_DATA;
	if (machine_ops == &vm_vmx_ops) { /* refused, as where there is no port */
		assert_non_null(machine_trap(&m, 13));
	} else {
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(m.exit.io.size, 1);
	}
	machine_end(&m);
}

/* Many bytes at once: what was not answered reads as ones, and the caller may leave it unfinished.
 */
static void string_in(bool sync_regs, uint64_t bytes)
{
	struct machine m;

	begin(&m, sync_regs, guest_rep_in);
	for (int i = 0; i < 10; i++) {
		machine_regs(&m)->rcx = bytes;
		machine_regs(&m)->rdi = GUEST_DATA + 64;
		assert_int_equal(machine_run(&m), VM_EXIT_IO_IN);
		assert_int_equal(m.exit.io.port, GUEST_PORT_IN);
		assert_int_equal(m.exit.io.size, 1);
		m.exit.io.value = 5;
		assert_int_equal(machine_start(&m, guest_read), 0);
		*machine_words(&m, GUEST_DATA) = 0x1234;
		machine_regs(&m)->rdi = GUEST_DATA;
		assert_non_null(machine_trap(&m, 6));
		assert_int_equal(machine_regs(&m)->rax, 0x1234);
		assert_int_equal(machine_start(&m, guest_rep_in), 0);
	}
	machine_end(&m);
}

static void test_string_in(void **state)
{
	tests_need_vm();
	for (int sync = 0; machine_ops == &vm_kvm_ops && sync < 2; sync++) {
		string_in(sync, 1);
		string_in(sync, 8);
		string_in(sync, 3000);
	}
}

static void test_hlt(void **state)
{
	struct machine m;

	tests_need_vm();
	begin(&m, true, guest_hlt);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(machine_run(&m), VM_EXIT_HLT);
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	}
	machine_end(&m);
}

static void test_mmio(void **state)
{
	struct machine m;

	tests_need_vm();
	begin(&m, true, guest_store);
	machine_regs(&m)->rdi = GUEST_NOTHING + 0x123450;
	assert_int_equal(machine_run(&m), VM_EXIT_MMIO);
	assert_int_equal(m.exit.gpa, GUEST_NOTHING + 0x123450);
	if (machine_ops == &vm_vmx_ops) { /* which executes it again */
		machine_end(&m);
		return;
	}
	/* It may go on: the read finds ones. */
	assert_int_equal(machine_run(&m), VM_EXIT_MMIO);
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	assert_true(machine_regs(&m)->rax == UINT64_MAX);
	machine_end(&m);
}

/* Ring 3, too, may touch an address that nothing answers. */
static void test_mmio_ring3(void **state)
{
	struct machine m;

	tests_need_vm();
	begin(&m, true, guest_read);
	machine_regs(&m)->rdi = GUEST_NOTHING + 8;
	assert_int_equal(machine_run(&m), VM_EXIT_MMIO);
	assert_int_equal(m.exit.gpa, GUEST_NOTHING + 8);
	machine_end(&m);
}

/* Whatever the exit was, the caller may send the vCPU elsewhere: its registers count. */
static void elsewhere(bool sync_regs, const char *from, int reason)
{
	struct machine m;

	begin(&m, sync_regs, from);
	for (int i = 0; i < 20; i++) {
		machine_regs(&m)->rdi = GUEST_NOTHING + 4; /* across two words */
		assert_int_equal(machine_run(&m), reason);
		m.exit.io.value = 5;
		if (i % 3 == 2)
			machine_ops->vcpu_kick(m.vcpu);
		assert_int_equal(machine_start(&m, guest_read), 0);
		*machine_words(&m, GUEST_DATA) = 0x1234;
		machine_regs(&m)->rdi = GUEST_DATA;
		machine_regs(&m)->rbp = 99;
		if (i % 3 == 2) { /* the kick is not forgotten over it */
			assert_int_equal(machine_ops->vcpu_run(m.vcpu, &m.exit), 0);
			assert_int_equal(m.exit.reason, VM_EXIT_INTR);
		}
		assert_non_null(machine_trap(&m, 6));
		assert_int_equal(machine_regs(&m)->rax, 0x1234);
		assert_int_equal(machine_regs(&m)->rbp, 99);
		assert_int_equal(machine_start(&m, from), 0);
	}
	machine_end(&m);
}

static void test_elsewhere(void **state)
{
	tests_need_vm();
	for (int sync = 0; sync < 2; sync++) {
		elsewhere(sync, guest_outs, VM_EXIT_IO_OUT);
		elsewhere(sync, guest_in, VM_EXIT_IO_IN);
		elsewhere(sync, guest_hlt, VM_EXIT_HLT);
		elsewhere(sync, guest_load, VM_EXIT_MMIO);
		elsewhere(sync, guest_store, VM_EXIT_MMIO);
		elsewhere(sync, guest_read, VM_EXIT_MMIO);
		elsewhere(sync, guest_write, VM_EXIT_MMIO);
	}
}

static void test_shutdown(void **state)
{
	struct vm_sregs s;
	struct machine m;

	tests_need_vm();
	begin(&m, true, guest_ud2);
	machine_sregs(&m, 0, &s);
	s.idt_limit = 0;
	assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &s), 0);
	assert_int_equal(machine_run(&m), VM_EXIT_SHUTDOWN);
	machine_end(&m);
}

/* Ring 3 must not do what only ring 0 may. */
static void test_ring3_port(void **state)
{
	struct machine_frame *frame;
	struct machine m;

	tests_need_vm();
	begin(&m, true, guest_port);
	frame = machine_trap(&m, 13);
	assert_non_null(frame);
	assert_int_equal(frame->rip, machine_at(guest_port));
	assert_int_equal(frame->cs & 3, 3);
	machine_end(&m);
}

static void fault_delivered(bool sync_regs)
{
	struct machine_frame *frame;
	struct vm_sregs s;
	struct machine m;

	begin(&m, sync_regs, guest_read);
	*machine_pte(&m, GUEST_DATA) = 0;
	*machine_words(&m, GUEST_DATA) = 0x1122334455667788;
	machine_regs(&m)->rdi = GUEST_DATA + 0;
	machine_regs(&m)->rbp = 77;
	frame = machine_trap(&m, 14);
	assert_non_null(frame);
	assert_int_equal(frame->error, 4);
	assert_int_equal(frame->rip, machine_at(guest_read));
	assert_int_equal(frame->rsp, GUEST_STACK3);
	assert_int_equal(frame->cs & 3, 3);
	assert_int_equal(machine_regs(&m)->rbp, 77);
	assert_int_equal(machine_ops->vcpu_get_sregs(m.vcpu, &s), 0);
	assert_int_equal(s.cr2, GUEST_DATA);
	assert_int_equal(s.cs & 3, 0);

	*machine_pte(&m, GUEST_DATA) = GUEST_DATA | PTE_P | PTE_W | PTE_U;
	assert_non_null(machine_trap(&m, 6));
	assert_true(machine_regs(&m)->rax == 0x1122334455667788);
	machine_end(&m);
}

static void test_page_fault(void **state)
{
	tests_need_vm();
	fault_delivered(true);
	fault_delivered(false);
}

/* Where the probe says so, a system call is in ring 0 at LSTAR; elsewhere it is there in ring 3. */
static void test_syscall(void **state)
{
	struct vm_sregs s;
	struct machine m;

	tests_need_vm();
	begin(&m, true, guest_syscall);
	assert_int_equal(machine_ops->vcpu_set_msr(m.vcpu, 0xc0000081, 0x001b000800000000), 0);
	assert_int_equal(
		machine_ops->vcpu_set_msr(m.vcpu, 0xc0000082, machine_at(guest_out_loop)), 0);
	assert_int_equal(machine_ops->vcpu_set_msr(m.vcpu, 0xc0000084, 0x700), 0);
	if (tests_caps()->syscall_ring0) {
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(m.exit.io.port, GUEST_PORT);
		assert_int_equal(machine_ops->vcpu_get_sregs(m.vcpu, &s), 0);
		assert_int_equal(s.cs & 3, 0);
		assert_int_equal(machine_regs(&m)->rcx, machine_at(guest_syscall) + 2);
	} else {
		struct machine_frame *frame = machine_trap(&m, 14);

		assert_non_null(frame);
		assert_int_equal(frame->error, 0x15);
		assert_int_equal(frame->rip, machine_at(guest_out_loop));
		assert_int_equal(frame->cs & 3, 3);
	}
	machine_end(&m);
}

int tests_exits(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_out),
		cmocka_unit_test(test_in),
		cmocka_unit_test(test_in_kicked),
		cmocka_unit_test(test_string_out),
		cmocka_unit_test(test_string_in),
		cmocka_unit_test(test_hlt),
		cmocka_unit_test(test_mmio),
		cmocka_unit_test(test_mmio_ring3),
		cmocka_unit_test(test_elsewhere),
		cmocka_unit_test(test_shutdown),
		cmocka_unit_test(test_ring3_port),
		cmocka_unit_test(test_page_fault),
		cmocka_unit_test(test_syscall),
	};

	return cmocka_run_group_tests_name("vmm exits", tests, NULL, NULL);
}
