/* SPDX-License-Identifier: Apache-2.0
 *
 * A vCPU's state from outside: registers, FPU, MSRs, clock, CPUID; and that it goes when told to.
 */
#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <x86intrin.h>

#include "tests/unit/vmm/tests.h"
#include "vmm/kvm/kvm.h"

#define SAVE 0x80000ull /* where ring 3 puts its vector registers */

static void begin(struct machine *m, const char *label)
{
	assert_int_equal(machine_begin(m, true), 0);
	assert_int_equal(machine_start(m, label), 0);
}

static void test_sregs(void **state)
{
	struct vm_sregs set, got;
	struct machine m;

	tests_need_vm();
	for (int sync = 0; sync < 2; sync++) {
		assert_int_equal(machine_begin(&m, sync), 0);
		machine_sregs(&m, 3, &set);
		set.fs_base = 0x7f1234567000;
		set.gs_base = 0x7f7654321000;
		set.cr2 = 0x1234;
		assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &set), 0);
		assert_int_equal(machine_ops->vcpu_get_sregs(m.vcpu, &got), 0);
		set.cr4 = got.cr4; /* OSXSAVE is the backend's */
		/* Up to the last selector: padding follows. */
		assert_memory_equal(&set, &got, offsetof(struct vm_sregs, tr) + sizeof(set.tr));
		machine_end(&m);
	}
}

/* What KVM refuses is refused at once and leaves the vCPU as it was. */
static void test_sregs_bad(void **state)
{
	struct vm_sregs s;
	struct machine m;

	tests_need_vm();
	begin(&m, guest_read);
	machine_regs(&m)->rdi = GUEST_DATA;
	machine_sregs(&m, 3, &s);
	s.cr3 = 1ull << 60;
	assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &s), -EINVAL);
	machine_sregs(&m, 3, &s);
	s.cr4 |= 1ull << 31;
	assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &s), -EINVAL);
	/* Also what waits for the next run. */
	machine_sregs(&m, 3, &s);
	s.fs_base = 0x5000;
	assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &s), 0);
	s.cr4 |= 1ull << 31;
	assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &s), -EINVAL);
	assert_int_equal(machine_ops->vcpu_get_sregs(m.vcpu, &s), 0);
	assert_int_equal(s.fs_base, 0x5000);
	assert_non_null(machine_trap(&m, 6));
	machine_end(&m);
}

static void fs_gs(bool sync_regs)
{
	struct vm_sregs s;
	struct machine m;

	assert_int_equal(machine_begin(&m, sync_regs), 0);
	assert_int_equal(machine_start(&m, guest_fs_gs), 0);
	*machine_words(&m, GUEST_DATA) = 111;
	*machine_words(&m, GUEST_DATA + 0x1000) = 222;
	machine_sregs(&m, 3, &s);
	s.fs_base = GUEST_DATA;
	s.gs_base = GUEST_DATA + 0x1000;
	assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &s), 0);
	assert_non_null(machine_trap(&m, 6));
	assert_int_equal(machine_regs(&m)->rax, 111);
	assert_int_equal(machine_regs(&m)->rbx, 222);

	/* An MSR set after sregs that still wait is the later word. */
	assert_int_equal(machine_start(&m, guest_fs_gs), 0);
	assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &s), 0);
	assert_int_equal(machine_ops->vcpu_set_msr(m.vcpu, 0xc0000100, GUEST_DATA + 0x1000), 0);
	assert_int_equal(machine_ops->vcpu_get_sregs(m.vcpu, &s), 0);
	assert_int_equal(s.fs_base, GUEST_DATA + 0x1000);
	assert_non_null(machine_trap(&m, 6));
	assert_int_equal(machine_regs(&m)->rax, 222);
	machine_end(&m);
}

static void test_fs_gs(void **state)
{
	tests_need_vm();
	fs_gs(true);
	fs_gs(false);
}

static void test_msr(void **state)
{
	struct machine m;

	tests_need_vm();
	begin(&m, guest_rdmsr);
	assert_int_equal(machine_ops->vcpu_set_msr(m.vcpu, 0xc0000102, 0xffff812345678000), 0);
	machine_regs(&m)->rcx = 0xc0000102;
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	assert_true(machine_regs(&m)->rax == 0xffff812345678000);
	assert_int_equal(machine_ops->vcpu_set_msr(m.vcpu, 0xdead0000, 1), -EINVAL);
	machine_end(&m);
}

/* Only what is set dirty counts. */
static void test_gprs_dirty(void **state)
{
	struct machine m;

	tests_need_vm();
	for (int sync = 0; sync < 2; sync++) {
		assert_int_equal(machine_begin(&m, sync), 0);
		assert_int_equal(machine_start(&m, guest_out_loop), 0);
		machine_regs(&m)->r12 = 12;
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(machine_regs(&m)->r12, 12);
		machine_regs(&m)->r12 = 13;
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(machine_regs(&m)->r12, 12);
		machine_regs(&m)->r12 = 14;
		machine_set_regs(&m);
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(machine_regs(&m)->r12, 14);
		machine_end(&m);
	}
}

/* Standard format (SDM vol. 1, 13.4): where a register's bytes are. */
static uint32_t component(unsigned number)
{
	uint32_t eax, ebx = 0, ecx, edx;

	__get_cpuid_count(0xd, number, &eax, &ebx, &ecx, &edx);
	return ebx;
}

struct vectors {
	const char *label;
	uint64_t xcr0;
	size_t width;
	unsigned last; /* the second register: 15, or 31 */
};

/* Where in the area a piece of the register is: xmm, the high half of ymm, of zmm; or zmm16..31. */
static char *piece(char *area, unsigned reg, size_t at)
{
	if (reg >= 16)
		return area + component(7) + (reg - 16) * 64 + at;
	if (at < 16)
		return area + 160 + reg * 16 + at;
	if (at < 32)
		return area + component(2) + reg * 16 + at - 16;
	return area + component(6) + reg * 32 + at - 32;
}

static void vectors_round(const struct vectors *v)
{
	static _Alignas(64) char area[16384];
	size_t size = tests_caps()->xsave_size;
	struct machine m;
	char *data, *save;

	begin(&m, v->label);
	data = m.memory + GUEST_DATA;
	save = m.memory + SAVE;
	for (size_t i = 0; i < 128; i++)
		data[i] = (char)(i * 7 + 1);
	machine_regs(&m)->rdi = GUEST_DATA;
	machine_regs(&m)->rsi = SAVE;
	machine_regs(&m)->rbx = 0x5aa5;
	assert_non_null(machine_trap(&m, 6));

	assert_int_equal(machine_ops->vcpu_get_fpu(m.vcpu, area, size), 0);
	for (size_t at = 0; at < v->width; at += 16) {
		assert_memory_equal(piece(area, 0, at), data + at, 16);
		assert_memory_equal(piece(area, v->last, at), data + 64 + at, 16);
	}
	/* Another image; ring 3 finds it in its registers. */
	for (size_t at = 0; at < v->width; at++) {
		data[at] ^= 0x55;
		data[64 + at] ^= 0x33;
	}
	for (size_t at = 0; at < v->width; at += 16) {
		memcpy(piece(area, 0, at), data + at, 16);
		memcpy(piece(area, v->last, at), data + 64 + at, 16);
	}
	assert_int_equal(machine_ops->vcpu_set_fpu(m.vcpu, area, size), 0);
	machine_frame(&m)->rip += 2;
	assert_non_null(machine_trap(&m, 6));
	assert_memory_equal(save, data, v->width);
	assert_memory_equal(save + 64, data + 64, v->width);
	if (v->width == 64)
		assert_int_equal(machine_regs(&m)->rcx, 0x5aa5);
	machine_end(&m);
}

static void test_fpu(void **state)
{
	static const struct vectors kinds[] = {
		{guest_sse, 0, 16, 15},
		{guest_avx, 0x7, 32, 15},
		{guest_avx512, 0xe7, 64, 31},
	};
	unsigned ran = 0;

	tests_need_vm();
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if ((tests_caps()->xcr0 & kinds[i].xcr0) != kinds[i].xcr0)
			continue;
		vectors_round(&kinds[i]);
		ran++;
	}
	print_message("%u of 3 register widths here\n", ran);
	assert_true(ran > 0);
}

/* An image of FXSAVE's size is x87 and SSE, whatever its header's place would hold. */
static void test_fpu_sizes(void **state)
{
	static char area[16384], again[16384];
	struct machine m;

	tests_need_vm();
	begin(&m, guest_out_loop);
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	assert_int_equal(machine_ops->vcpu_get_fpu(m.vcpu, area, 512), 0);
	memset(area + 160, 0x77, 256);
	assert_int_equal(machine_ops->vcpu_set_fpu(m.vcpu, area, 512), 0);
	assert_int_equal(machine_ops->vcpu_get_fpu(m.vcpu, again, sizeof(again)), 0);
	assert_memory_equal(area + 160, again + 160, 256);
	assert_int_equal(machine_ops->vcpu_set_fpu(m.vcpu, again, 1 << 20), -EINVAL);
	machine_end(&m);
}

static bool tsc_is_host(const struct machine *m)
{
	return machine_ops != &vm_kvm_ops || kvm_vcpu_tsc_is_host(m->vcpu);
}

static void test_tsc(void **state)
{
	uint64_t before, after, guest;
	struct machine m;

	tests_need_vm();
	begin(&m, guest_tsc);
	if (!tsc_is_host(&m))
		print_message("the guest's TSC could only be set close to the host's\n");
	for (int i = 0; i < 20; i++) {
		before = __rdtsc();
		assert_non_null(machine_trap(&m, 6));
		after = __rdtsc();
		guest = machine_regs(&m)->rax;
		if (tsc_is_host(&m))
			assert_true(before <= guest && guest <= after);
		machine_redirect(&m, guest_tsc);
	}
	machine_end(&m);
}

/* Where ring 3's CPUID is ours to say, it is. */
static void test_cpuid(void **state)
{
	struct machine m;

	tests_need_vm();
	begin(&m, guest_cpuid);
	machine_regs(&m)->rax = 0x40000000;
	assert_non_null(machine_trap(&m, 6));
	if (tests_caps()->hardware) {
		assert_int_equal(machine_regs(&m)->rax, 0x40000000);
		assert_int_equal(machine_regs(&m)->rbx,
			machine_ops == &vm_kvm_ops ? 0x4b4d564b : 0x646e6153); /* KVMK, Sand */
	}
	machine_redirect(&m, guest_cpuid);
	machine_regs(&m)->rax = 1;
	machine_set_regs(&m);
	assert_non_null(machine_trap(&m, 6));
	if (tests_caps()->hardware) {
		assert_true(machine_regs(&m)->rcx & 1u << 31);
		assert_int_equal(machine_regs(&m)->rcx & 1u << 5, 0);
		if (tests_caps()->xcr0)
			assert_true(machine_regs(&m)->rcx & 1u << 27); /* OSXSAVE */
	}
	machine_end(&m);
}

static void *second_vm(void *arg)
{
	struct machine *m = arg;
	uintptr_t good = 0;

	for (int i = 0; i < 500; i++) {
		if (machine_run(m) != VM_EXIT_IO_OUT)
			break;
		good += machine_regs(m)->rbp++ == (uint64_t)i;
		machine_set_regs(m);
	}
	return (void *)good;
}

static void test_two_vms(void **state)
{
	struct machine m[2];
	pthread_t threads[2];

	tests_need_vm();
	for (int i = 0; i < 2; i++) {
		begin(&m[i], guest_out_loop);
		machine_regs(&m[i])->rbp = 0;
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, second_vm, &m[i]), 0);
	for (int i = 0; i < 2; i++) {
		void *good;

		pthread_join(threads[i], &good);
		assert_int_equal((uintptr_t)good, 500);
	}
	for (int i = 0; i < 2; i++)
		machine_end(&m[i]);
}

static void test_two_vcpus(void **state)
{
	struct vm_exit e;
	struct vm_sregs s;
	struct vcpu *second;
	struct machine m;

	tests_need_vm();
	begin(&m, guest_out_loop);
	assert_int_equal(machine_ops->vcpu_create(m.vm, 0, &second), -EEXIST);
	assert_int_equal(machine_ops->vcpu_create(m.vm, 1, &second), 0);
	machine_sregs(&m, 3, &s);
	assert_int_equal(machine_ops->vcpu_set_sregs(second, &s), 0);
	*machine_ops->vcpu_gprs(second) =
		(struct vm_gprs){.rip = machine_at(guest_tsc), .rflags = 0x202};
	machine_ops->vcpu_gprs_dirty(second);
	for (int i = 0; i < 10; i++)
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	do
		assert_int_equal(machine_ops->vcpu_run(second, &e), 0);
	while (e.reason == VM_EXIT_INTR);
	assert_int_equal(e.reason, VM_EXIT_IO_OUT);
	assert_int_equal(e.io.port, 6);
	machine_ops->vcpu_destroy(second);
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	machine_end(&m);
}

static unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

static unsigned count_run_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned count = 0;
	char line[512];

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, "kvm-vcpu") || strstr(line, "sandbox-vmx-vcpu");
	fclose(maps);
	return count;
}

static void test_destroy(void **state)
{
	unsigned before;
	struct machine m;

	tests_need_vm();
	before = count_fds();
	for (int i = 0; i < 10; i++) {
		struct vcpu *second;

		begin(&m, guest_out_loop);
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(machine_ops->vcpu_create(m.vm, 1, &second), 0);
		/* The VM's and two vCPUs': the device is not kept open. */
		assert_int_equal(count_fds(), before + 3);
		machine_ops->vcpu_destroy(second);
		machine_end(&m);
	}
	assert_int_equal(count_fds(), before);
	assert_int_equal(count_run_maps(), 0);
	machine_ops->destroy(NULL);
	machine_ops->vcpu_destroy(NULL);
}

int tests_state(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sregs),
		cmocka_unit_test(test_sregs_bad),
		cmocka_unit_test(test_fs_gs),
		cmocka_unit_test(test_msr),
		cmocka_unit_test(test_gprs_dirty),
		cmocka_unit_test(test_fpu),
		cmocka_unit_test(test_fpu_sizes),
		cmocka_unit_test(test_tsc),
		cmocka_unit_test(test_cpuid),
		cmocka_unit_test(test_two_vms),
		cmocka_unit_test(test_two_vcpus),
		cmocka_unit_test(test_destroy),
	};

	return cmocka_run_group_tests_name("vmm state", tests, NULL, NULL);
}
