/* SPDX-License-Identifier: Apache-2.0
 *
 * What is said where there is no KVM, and what is found where there is one.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/vmm/tests.h"
#include "vmm/kvm/kvm_internal.h"

static void test_absent(void **state)
{
	char why[160];

	assert_int_equal(kvm_device_open("/nonexistent/kvm", why, sizeof(why)), -ENOENT);
	assert_string_equal(why, "/nonexistent/kvm does not exist: load the kvm module (modprobe "
				 "kvm_intel or kvm_amd) "
				 "or enable virtualization in firmware");
	assert_int_equal(kvm_device_open("/nonexistent/kvm", NULL, 0), -ENOENT);
	assert_int_equal(kvm_device_open("/nonexistent/kvm", why, 5), -ENOENT);
	assert_string_equal(why, "/non");
}

static void test_not_kvm(void **state)
{
	char why[160];

	assert_int_equal(kvm_device_open("/dev/null", why, sizeof(why)), -ENODEV);
	assert_non_null(strstr(why, "/dev/null is not KVM"));
	assert_int_equal(kvm_device_open("/", why, sizeof(why)), -EISDIR);
	assert_non_null(strstr(why, "/ cannot be opened: "));
}

/* In a child: root may open everything. */
static int denied_child(const char *path, const char *says)
{
	char why[256];

	if (getuid() == 0 && (setgroups(0, NULL) || setresgid(65534, 65534, 65534) ||
				     setresuid(65534, 65534, 65534)))
		return 1;
	if (kvm_device_open(path, why, sizeof(why)) != -EACCES)
		return 2;
	return strstr(why, says) ? 0 : 3;
}

static int denied_status(mode_t mode, gid_t group, const char *says)
{
	char path[] = "/tmp/unit-vmm-XXXXXX";
	int status, fd = mkstemp(path);
	pid_t child;

	assert_true(fd >= 0);
	assert_int_equal(fchown(fd, (uid_t)-1, group), 0);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	child = fork();
	if (child == 0)
		_exit(denied_child(path, says));
	assert_int_equal(waitpid(child, &status, 0), child);
	unlink(path);
	return status;
}

/* The hint is one that would help. */
static void test_denied(void **state)
{
	gid_t group = getuid() ? getgid() : 1;

	assert_int_equal(
		denied_status(0, group, ": permission denied: its mode is 0000, its group "), 0);
	assert_int_equal(denied_status(0, group, "; as root: chgrp kvm "), 0);
	assert_int_equal(
		denied_status(0060, group, ": permission denied: add yourself to group "), 0);
	if (getuid() == 0) /* not to that one */
		assert_int_equal(
			denied_status(0060, 0, ": its mode is 0060, its group root; as root: "), 0);
}

static void test_names(void **state)
{
	for (int i = 0; i < VM_EXIT_REASONS; i++) {
		assert_non_null(vm_exit_name((enum vm_exit_reason)i));
		assert_string_not_equal(vm_exit_name((enum vm_exit_reason)i), "unknown");
	}
	assert_string_equal(vm_exit_name(VM_EXIT_REASONS), "unknown");
	assert_string_equal(vm_kvm_ops.name, "kvm");
	assert_string_equal(vm_vmx_ops.name, "vmx");
}

static void test_ioctls(void **state)
{
	const unsigned long *numbers;
	size_t count = vm_kvm_ops.vcpu_ioctls(&numbers);
	bool run = false;

	assert_true(count > 0);
	for (size_t i = 0; i < count; i++) {
		run = run || numbers[i] == KVM_RUN;
		assert_int_not_equal(numbers[i], KVM_CREATE_VM);
	}
	assert_true(run);
}

static void test_cpuid_trim(void **state)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 8 * sizeof(cpuid->entries[0]));
	const struct kvm_cpuid_entry2 *e;

	assert_non_null(cpuid);
	cpuid->nent = 5;
	cpuid->entries[0] = (struct kvm_cpuid_entry2){.function = 1, .ecx = INT32_MAX};
	cpuid->entries[1] = (struct kvm_cpuid_entry2){.function = 0x40000000, .eax = 0x40000001};
	cpuid->entries[2] = (struct kvm_cpuid_entry2){.function = 0x40000001, .eax = 0xffff};
	cpuid->entries[3] = (struct kvm_cpuid_entry2){.function = 0x80000001, .ecx = UINT32_MAX};
	cpuid->entries[4] = (struct kvm_cpuid_entry2){.function = 0x80000008, .eax = 0x3028};
	kvm_cpuid_trim(cpuid);
	assert_int_equal(cpuid->nent, 4);
	assert_null(kvm_cpuid_find(cpuid, 0x40000001, 0));
	e = kvm_cpuid_find(cpuid, 0x40000000, 0);
	assert_int_equal(e->eax, 0x40000000);
	assert_memory_equal(&e->ebx, "KVMKVMKVM\0\0\0", 12);
	e = kvm_cpuid_find(cpuid, 1, 0);
	assert_int_equal(e->ecx & (1u << 5 | 1u << 21 | 1u << 24), 0);
	assert_true(e->ecx & 1u << 31); /* there is a hypervisor */
	assert_int_equal(kvm_cpuid_find(cpuid, 0x80000001, 0)->ecx & 4, 0);
	assert_int_equal(kvm_cpuid_phys_bits(cpuid), 40);
	free(cpuid);
}

static void test_xsave_size(void **state)
{
	assert_int_equal(kvm_xsave_size(0), 512);
	assert_int_equal(kvm_xsave_size(3), 576);
	assert_true(kvm_xsave_size(kvm_host_xcr0()) >= kvm_xsave_size(kvm_host_xcr0() & 3));
}

static void test_available(void **state)
{
	char why[160] = "untouched";

	tests_need_vm();
	assert_int_equal(machine_ops->available(why, sizeof(why)), 0);
	assert_int_equal(machine_ops->available(NULL, 0), 0);
}

/* VMX is one hypervisor's at a time: the second is told so, and nothing happens to the first. */
static void test_two_hypervisors(void **state)
{
	struct vm *ours, *kvm;
	struct vcpu *v;
	char why[256];

	if (vm_vmx_ops.available(why, sizeof(why)) || vm_kvm_ops.available(why, sizeof(why)))
		skip();
	assert_int_equal(vm_vmx_ops.create(&ours), 0);
	assert_int_equal(vm_vmx_ops.vcpu_create(ours, 0, &v), 0);
	assert_int_equal(vm_kvm_ops.create(&kvm), -EBUSY);
	assert_int_equal(vm_vmx_ops.available(why, sizeof(why)), 0); /* it is ours */
	vm_vmx_ops.vcpu_destroy(v);
	vm_vmx_ops.destroy(ours);

	assert_int_equal(vm_kvm_ops.create(&kvm), 0);
	assert_int_equal(vm_vmx_ops.available(why, sizeof(why)), -EBUSY);
	assert_non_null(strstr(why, "in use by another hypervisor"));
	assert_int_equal(vm_vmx_ops.create(&ours), -EBUSY);
	vm_kvm_ops.destroy(kvm);
	assert_int_equal(vm_vmx_ops.available(why, sizeof(why)), 0);
}

static void test_probe(void **state)
{
	const struct vm_caps *caps;

	tests_need_vm();
	caps = tests_caps();
	print_message("%s\n", caps->note);
	assert_true(caps->note[0]);
	assert_true(caps->xsave_size >= 512);
	assert_true(caps->phys_bits >= 32 && caps->phys_bits <= 57);
	if (!caps->hardware) {
		assert_false(caps->sysret);
		assert_false(caps->xsave);
	}
	/* Said by who runs this in a machine whose KVM is known. */
	if (getenv("EXPECT_HARDWARE")) {
		assert_true(caps->hardware);
		assert_true(caps->syscall_ring0);
		assert_true(caps->sysret);
		assert_true(caps->xsave);
		assert_true((caps->xcr0 & 7) == 7);
	}
}

int tests_available(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_not_kvm),
		cmocka_unit_test(test_denied),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_ioctls),
		cmocka_unit_test(test_cpuid_trim),
		cmocka_unit_test(test_xsave_size),
		cmocka_unit_test(test_available),
		cmocka_unit_test(test_two_hypervisors),
		cmocka_unit_test(test_probe),
	};

	return cmocka_run_group_tests_name("vmm available", tests, NULL, NULL);
}
