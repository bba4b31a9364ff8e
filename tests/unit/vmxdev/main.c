/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher's side of backend vmx against a made-up device: what is said where it cannot be
 * used, and the run page's words as vm.h's. What the true one does is unit-vmm's to test.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/vmxdev/device.h"

struct pair {
	struct vm *vm;
	struct vcpu *v;
};

static struct pair begin(void)
{
	struct pair p;

	device_reset();
	assert_int_equal(vm_vmx_ops.create(&p.vm), 0);
	assert_int_equal(vm_vmx_ops.vcpu_create(p.vm, 0, &p.v), 0);
	return p;
}

static void end(struct pair *p)
{
	vm_vmx_ops.vcpu_destroy(p->v);
	vm_vmx_ops.destroy(p->vm);
	assert_int_equal(device.closed, device.opened + 1); /* the vCPU's, too */
}

/* --- where it cannot be used --- */

static void assert_refused(int error, const char *part)
{
	char why[256] = "";

	assert_int_equal(vm_vmx_ops.available(why, sizeof(why)), error);
	if (!strstr(why, part))
		fail_msg("\"%s\" does not say \"%s\"", why, part);
	assert_int_equal(device.opened, device.closed);
}

static void test_open_refused(void **state)
{
	device_reset();
	device.open_result = -ENOENT;
	assert_refused(-ENOENT, "/dev/sandbox-vmx does not exist");
	device.open_result = -ENODEV;
	assert_refused(-ENODEV, "no driver behind it");
	device.open_result = -EMFILE;
	assert_refused(-EMFILE, "cannot be opened");
}

static void test_states(void **state)
{
	device_reset();
	device.caps.state = SBV_STATE_NO_VMX;
	assert_refused(-ENODEV, "this CPU has no VMX");
	device.caps.nested = 1;
	assert_refused(-ENODEV, "nested virtualization");
	device.caps.state = SBV_STATE_OFF_IN_FIRMWARE;
	assert_refused(-ENODEV, "off in firmware, and locked");
	device.caps.state = SBV_STATE_IN_USE;
	assert_refused(-EBUSY, "in use by another hypervisor");
	device.caps.state = SBV_STATE_TOO_OLD;
	memset(device.caps.why, 'x', sizeof(device.caps.why)); /* no end */
	assert_refused(-ENODEV, "VMX cannot be used: xxx");
}

static void test_not_ours(void **state)
{
	device_reset();
	device.caps_result = -ENOTTY;
	assert_refused(-ENODEV, "is not the sandbox's module");
	device_reset();
	device.caps.abi_version++;
	assert_refused(-ENOTSUP, "of another version");
	assert_int_equal(vm_vmx_ops.available(NULL, 0), -ENOTSUP);
}

static void test_probe(void **state)
{
	struct vm_caps caps;

	device_reset();
	assert_int_equal(vm_vmx_ops.probe(&caps), 0);
	assert_true(caps.hardware && caps.syscall_ring0 && caps.sysret && caps.xsave);
	assert_int_equal(caps.xsave_size, 576);
	assert_int_equal(caps.phys_bits, 39);
	assert_non_null(strstr(caps.note, "EPT"));
	device.caps.ept = 0;
	device.caps.xcr0 = 0;
	device.caps.nested = 1;
	assert_int_equal(vm_vmx_ops.probe(&caps), 0);
	assert_false(caps.xsave);
	assert_non_null(strstr(caps.note, "shadow paging, nested"));
}

/* --- runs --- */

static void test_exits(void **state)
{
	static const struct {
		struct sbv_run from;
		enum vm_exit_reason to;
		uint64_t gpa;
	} rows[] = {
		{{.reason = SBV_EXIT_HLT}, VM_EXIT_HLT, 0},
		{{.reason = SBV_EXIT_MMIO, .gpa = 0x1234}, VM_EXIT_MMIO, 0x1234},
		{{.reason = SBV_EXIT_INTR}, VM_EXIT_INTR, 0},
		{{.reason = SBV_EXIT_SHUTDOWN}, VM_EXIT_SHUTDOWN, 0},
		{{.reason = SBV_EXIT_MEMORY, .gpa = 0x5000}, VM_EXIT_MEMORY, 0x5000},
		{{.reason = SBV_EXIT_FAIL, .code = SBV_FAIL_STATE, .detail = 0x21}, VM_EXIT_FAIL,
			VMX_FAIL_CODE(SBV_FAIL_STATE, 0x21)},
		{{.reason = 99}, VM_EXIT_FAIL, VMX_FAIL_CODE(0, 99)},
	};
	struct pair p = begin();
	struct vm_stats stats;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vm_exit x = {0};

		device.exit = rows[i].from;
		assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
		assert_int_equal(x.reason, rows[i].to);
		if (rows[i].gpa)
			assert_int_equal(x.gpa, rows[i].gpa);
	}
	vm_vmx_ops.stats(p.v, &stats);
	assert_int_equal(stats.exits[VM_EXIT_FAIL], 2);
	device.run_result = -EIO;
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &(struct vm_exit){0}), -EIO);
	end(&p);
}

static void test_ports(void **state)
{
	struct pair p = begin();
	struct vm_exit x = {0};

	device.exit = (struct sbv_run){
		.reason = SBV_EXIT_IO_OUT, .port = 0x510, .size = 2, .value = 0xbeef};
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(x.reason, VM_EXIT_IO_OUT);
	assert_int_equal(x.io.port, 0x510);
	assert_int_equal(x.io.size, 2);
	assert_int_equal(x.io.value, 0xbeef);
	device.exit.reason = SBV_EXIT_IO_IN;
	x.io.value = 0x11; /* nobody asked */
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(device.seen.in_value, 0);
	x.io.value = 0x22;
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(device.seen.in_value, 0x22);
	end(&p);
}

/* What the kernel wanted of the thread is none of the caller's business. */
static void test_again(void **state)
{
	struct pair p = begin();
	struct vm_exit x;

	device.again = 3;
	device.exit.reason = SBV_EXIT_HLT;
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(x.reason, VM_EXIT_HLT);
	assert_int_equal(device.ran, 4);
	end(&p);
}

static void test_interrupts(void **state)
{
	struct pair p = begin();
	struct vm_stats stats;
	struct vm_exit x;

	device.exit.reason = SBV_EXIT_HLT;
	assert_int_equal(vm_vmx_ops.vcpu_interrupt(p.v, 0x40), 0);
	assert_int_equal(vm_vmx_ops.vcpu_interrupt(p.v, 0x41), -EBUSY);
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(device.seen.irq, 0x40);
	assert_int_equal(vm_vmx_ops.vcpu_interrupt(p.v, 0x41), -EBUSY); /* it still waits */
	device.irq_taken = true;
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(vm_vmx_ops.vcpu_interrupt(p.v, 0x41), 0);
	vm_vmx_ops.stats(p.v, &stats);
	assert_int_equal(stats.interrupts, 1);
	end(&p);
}

static void test_kick(void **state)
{
	struct pair p = begin();
	struct vm_exit x;

	vm_vmx_ops.vcpu_kick(p.v);
	device.exit.reason = SBV_EXIT_HLT; /* an exit goes first */
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(device.seen.immediate_exit, 1);
	device.exit.reason = SBV_EXIT_INTR;
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(device.seen.immediate_exit, 1);
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(device.seen.immediate_exit, 0);
	end(&p);
}

/* --- state --- */

static void test_registers(void **state)
{
	struct pair p = begin();
	struct vm_exit x;

	device.exit = (struct sbv_run){.reason = SBV_EXIT_HLT, .regs.r15 = 15, .regs.rip = 77};
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(device.seen.regs_dirty, 0);
	assert_int_equal(vm_vmx_ops.vcpu_gprs(p.v)->r15, 15);
	assert_int_equal(vm_vmx_ops.vcpu_gprs(p.v)->rip, 77);
	vm_vmx_ops.vcpu_gprs(p.v)->rbp = 5;
	vm_vmx_ops.vcpu_gprs_dirty(p.v);
	assert_int_equal(vm_vmx_ops.vcpu_run(p.v, &x), 0);
	assert_int_equal(device.seen.regs_dirty, 1);
	assert_int_equal(device.seen.regs.rbp, 5);
	end(&p);
}

static void test_sregs(void **state)
{
	const struct vm_sregs in = {
		.cr0 = 1,
		.cr2 = 2,
		.cr3 = 3,
		.cr4 = 0x20,
		.efer = 5,
		.gdt_base = 6,
		.idt_base = 7,
		.tss_base = 8,
		.fs_base = 9,
		.gs_base = 10,
		.gdt_limit = 11,
		.idt_limit = 12,
		.tss_limit = 13,
		.cs = 14,
		.ss = 15,
		.tr = 16,
	};
	struct vm_sregs out;
	struct pair p = begin();

	assert_int_equal(vm_vmx_ops.vcpu_set_sregs(p.v, &in), 0);
	assert_int_equal(device.sregs.cr4, 0x20 | 1 << 18); /* there is XSAVE */
	assert_int_equal(vm_vmx_ops.vcpu_get_sregs(p.v, &out), 0);
	out.cr4 = in.cr4;
	assert_memory_equal(&in, &out, offsetof(struct vm_sregs, tr) + sizeof(in.tr));
	end(&p);
}

static void test_fpu(void **state)
{
	unsigned char image[1024], back[1024] = {0};
	struct pair p = begin();

	memset(image, 0x77, sizeof(image));
	memset(device.fpu, 0xff, sizeof(device.fpu));
	assert_int_equal(vm_vmx_ops.vcpu_set_fpu(p.v, image, 512), 0);
	assert_int_equal(device.fpu[511], 0x77);
	assert_int_equal(device.fpu[512], 3); /* x87 and SSE are in it */
	assert_int_equal(device.fpu[513], 0);
	assert_int_equal(device.fpu[576], 0xff); /* not behind the end */
	assert_int_equal(vm_vmx_ops.vcpu_get_fpu(p.v, back, sizeof(back)), 0);
	assert_memory_equal(back, device.fpu, 576);
	assert_int_equal(back[576], 0);
	assert_int_equal(vm_vmx_ops.vcpu_set_fpu(p.v, image, sizeof(image)), -EINVAL);
	end(&p);
}

/* --- once more --- */

static void *save(struct pair *p)
{
	void *saved = malloc(vm_vmx_ops.vcpu_saved_size(p->v));

	assert_non_null(saved);
	assert_int_equal(vm_vmx_ops.vcpu_save(p->v, saved), 0);
	return saved;
}

/* The registers count that the next run would have gone on with, and an interrupt that waits. */
static void test_made_again(void **state)
{
	struct pair p = begin();
	void *saved;

	device.state.regs.rax = 1;
	device.state.star = 2;
	memset(device.fpu, 3, sizeof(device.fpu));
	vm_vmx_ops.vcpu_gprs(p.v)->rax = 4;
	assert_int_equal(vm_vmx_ops.vcpu_interrupt(p.v, 0x40), 0);
	saved = save(&p);
	memset(&device.state, 0, sizeof(device.state));
	memset(device.fpu, 0, sizeof(device.fpu));
	assert_int_equal(vm_vmx_ops.again_keep(p.vm), 0);
	assert_int_equal(vm_vmx_ops.again(p.vm), 0);
	device.page.irq = SBV_IRQ_NONE;
	assert_int_equal(vm_vmx_ops.vcpu_again(p.v, saved), 0);
	assert_int_equal(device.state.regs.rax, 1);
	assert_int_equal(device.state.star, 2);
	assert_int_equal(device.fpu[575], 3);
	assert_int_equal(device.page.irq, 0x40);
	free(saved);
	vm_vmx_ops.vcpu_gprs_dirty(p.v);
	saved = save(&p);
	assert_int_equal(vm_vmx_ops.vcpu_again(p.v, saved), 0);
	assert_int_equal(device.state.regs.rax, 4);
	device.state_result = -EINVAL;
	assert_int_equal(vm_vmx_ops.vcpu_again(p.v, saved), -EINVAL);
	free(saved);
	device.closed -= 3; /* of vCPUs made before the last */
	end(&p);
}

static void test_saved_is_read(void **state)
{
	struct pair p = begin();
	struct vm_saved out;
	void *saved;

	device.state = (struct sbv_vcpu_state){
		.regs.rip = 1,
		.cr0 = 2,
		.cr3 = 3,
		.segment[SBV_TR] = {.base = 4, .limit = 0x67, .selector = 5},
		.segment[SBV_FS].base = 6,
		.segment[SBV_GS].base = 7,
		.segment[SBV_CS].selector = 8,
		.kernel_gs_base = 9,
	};
	device.fpu[0] = 10;
	saved = save(&p);
	vm_vmx_ops.saved_read(saved, &out);
	assert_int_equal(out.gprs.rip, 1);
	assert_int_equal(out.sregs.cr0, 2);
	assert_int_equal(out.sregs.cr3, 3);
	assert_int_equal(out.sregs.tss_base, 4);
	assert_int_equal(out.sregs.tr, 5);
	assert_int_equal(out.sregs.fs_base, 6);
	assert_int_equal(out.sregs.gs_base, 7);
	assert_int_equal(out.sregs.cs, 8);
	assert_int_equal(out.kernel_gs_base, 9);
	assert_int_equal(*(const unsigned char *)out.fpu, 10);
	free(saved);
	end(&p);
}

static void test_memory(void **state)
{
	struct pair p = begin();
	_Atomic uint32_t words[3];
	const struct vm_doorbell bell = {0x510, 1000, &words[0], &words[1], &words[2]};

	assert_int_equal(vm_vmx_ops.map_memory(p.vm, 3, 0x1000, words, 0x2000, VM_MEM_READONLY), 0);
	assert_int_equal(device.memory.slot, 3);
	assert_int_equal(device.memory.flags, SBV_MEM_READONLY);
	assert_int_equal(device.memory.hva, (uintptr_t)words);
	assert_int_equal(vm_vmx_ops.map_memory(p.vm, 32, 0, words, 0x1000, 0), -EINVAL);
	assert_int_equal(vm_vmx_ops.map_memory(p.vm, 0, 0, words, 0x1000, 2), -EINVAL);
	assert_int_equal(vm_vmx_ops.set_doorbell(p.vm, &bell), 0);
	assert_int_equal(device.bell.enable, 1);
	assert_int_equal(device.bell.polling, (uintptr_t)&words[2]);
	assert_int_equal(vm_vmx_ops.set_doorbell(p.vm, NULL), 0);
	assert_int_equal(device.bell.enable, 0);
	end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_refused),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_not_ours),
		cmocka_unit_test(test_probe),
		cmocka_unit_test(test_exits),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_interrupts),
		cmocka_unit_test(test_kick),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_sregs),
		cmocka_unit_test(test_fpu),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_made_again),
		cmocka_unit_test(test_saved_is_read),
	};

	return cmocka_run_group_tests_name("vmx, the launcher's side", tests, NULL, NULL);
}
