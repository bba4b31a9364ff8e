/* SPDX-License-Identifier: Apache-2.0
 *
 * Which backend and which home: what was asked for, or the best that this host has.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/policy/policy_internal.h"

#ifdef LAUNCH_HAVE_GUEST
#define HAVE_GUEST LAUNCH_HAVE_GUEST
#else
#define HAVE_GUEST 0
#endif

static const struct vm_ops *const backends[] = {&vm_vmx_ops, &vm_kvm_ops, &vm_process_ops};
#define NBACKENDS (sizeof backends / sizeof *backends)
#define WHY_MAX	  256
#define NO_RING0  "system calls of a VM cannot be taken in its ring 0 here"

static int check_backend_name(const char *name, struct policy_error *e)
{
	if (!strcmp(name, "auto"))
		return 0;
	for (size_t i = 0; i < NBACKENDS; i++)
		if (!strcmp(name, backends[i]->name))
			return 0;
	return policy_fail(e, POLICY_FAILED, "--backend %s: want auto, vmx, kvm or process", name);
}

__attribute__((format(printf, 2, 3))) static void say_why(
	struct policy_machine *m, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(m->backend_why, sizeof m->backend_why, fmt, ap);
	va_end(ap);
}

/* 0 with caps if `ops` can be used here. */
static int try_backend(const struct vm_ops *ops, struct vm_caps *caps, char *why, size_t why_size)
{
	int r = ops->available(why, why_size);

	if (r)
		return r;
	r = ops->probe(caps);
	if (r)
		snprintf(why, why_size, "%s failed when it was tried: %s",
			ops->processes ? "trapping a process" : "the device opened, but a VM",
			strerror(-r));
	return r;
}

static int use_named(const struct vm_ops *ops, struct policy_machine *m, struct policy_error *e)
{
	char why[WHY_MAX] = "";

	if (try_backend(ops, &m->caps, why, sizeof why)) {
		say_why(m, "%s", why);
		return policy_fail(
			e, POLICY_FAILED, "--backend %s cannot be used here: %s", ops->name, why);
	}
	m->backend = ops;
	say_why(m, "%s", "asked for");
	return 0;
}

static void pick(struct policy_machine *m, const struct vm_ops *ops, const struct vm_caps *caps)
{
	m->backend = ops;
	m->caps = *caps;
}

/* The sandbox's own hypervisor, where its module is loaded. `why` keeps what is wrong with a module
 * that is there; one that is not there is nothing to tell of. */
static bool use_vmx(struct policy_machine *m, char *why, size_t why_size)
{
	struct vm_caps caps;
	int r = try_backend(&vm_vmx_ops, &caps, why, why_size);

	if (r == -ENOENT)
		*why = 0;
	if (r)
		return false;
	pick(m, &vm_vmx_ops, &caps);
	say_why(m, "%s", "the sandbox's own module, with hardware virtualization");
	return true;
}

/* Why there is no VM: KVM's reason, behind that of our own module. */
static void join_why(char *out, size_t size, const char *vmx_why, const char *kvm_why)
{
	snprintf(out, size, "%s%s%s", vmx_why, *vmx_why ? "; " : "", kvm_why);
}

/* No hardware virtualization, and no VM is insisted upon. */
static int use_process(
	bool have_kvm, const char *no_vm, struct policy_machine *m, struct policy_error *e)
{
	struct vm_caps process;
	char why[WHY_MAX] = "";

	if (try_backend(&vm_process_ops, &process, why, sizeof why)) {
		say_why(m, "%s", why);
		return policy_fail(e, POLICY_FAILED,
			"no backend can be used here: kvm: %s; process: %s",
			have_kvm ? "no VMX or SVM (--backend kvm all the same)" : no_vm, why);
	}
	pick(m, &vm_process_ops, &process);
	m->fallback = !have_kvm;
	if (have_kvm)
		say_why(m, "%s",
			"/dev/kvm has no VMX or SVM behind it, where processes are faster");
	else
		say_why(m, "no virtual machine here: %s", no_vm);
	return 0;
}

/* Virtualization hardware first, by our own module before KVM. Where /dev/kvm has none behind it,
 * processes are several times faster (docs/benchmarks.md), and VMs are what is left for who wants
 * one. */
static int use_best(bool require_vm, struct policy_machine *m, struct policy_error *e)
{
	char vmx_why[WHY_MAX] = "", kvm_why[WHY_MAX] = "", no_vm[2 * WHY_MAX + 2];
	struct vm_caps kvm;
	bool have_kvm;

	if (use_vmx(m, vmx_why, sizeof vmx_why))
		return 0;
	have_kvm = !try_backend(&vm_kvm_ops, &kvm, kvm_why, sizeof kvm_why);
	if (have_kvm && (kvm.hardware || require_vm)) {
		pick(m, &vm_kvm_ops, &kvm);
		say_why(m, "%s",
			kvm.hardware ? "/dev/kvm, with hardware virtualization"
				     : "--require-vm, and /dev/kvm works here, without VMX or SVM");
		return 0;
	}
	join_why(no_vm, sizeof no_vm, vmx_why, kvm_why);
	if (!require_vm)
		return use_process(have_kvm, no_vm, m, e);
	say_why(m, "--require-vm, and %s", no_vm);
	return policy_fail(
		e, POLICY_FAILED, "--require-vm: no virtual machine can be had here: %s", no_vm);
}

static int choose_backend(
	const char *name, bool require_vm, struct policy_machine *m, struct policy_error *e)
{
	for (size_t i = 0; i < NBACKENDS; i++) {
		if (strcmp(name, backends[i]->name))
			continue;
		if (require_vm && backends[i]->processes)
			return policy_fail(e, POLICY_FAILED,
				"--require-vm and --backend %s exclude each other", name);
		return use_named(backends[i], m, e);
	}
	return use_best(require_vm, m, e);
}

static enum launch_home best_home(struct policy_machine *m)
{
	if (m->backend->processes)
		strcpy(m->home_why, "without a virtual machine the shim runs in the launcher");
	else if (!HAVE_GUEST)
		strcpy(m->home_why, "the guest home is not in this version");
	else if (!m->caps.hardware)
		strcpy(m->home_why, "without VMX or SVM, ring 0 of a VM is emulated and slow");
	else if (!m->caps.syscall_ring0)
		strcpy(m->home_why, NO_RING0);
	else
		strcpy(m->home_why, "the CPU runs the shim kernel in the VM");
	return HAVE_GUEST && m->caps.hardware && m->caps.syscall_ring0 ? LAUNCH_HOME_GUEST
								       : LAUNCH_HOME_HOST;
}

int machine_check_names(const char *backend, const char *home, struct policy_error *e)
{
	int r = check_backend_name(backend, e);

	if (r || !strcmp(home, "auto") || !strcmp(home, "host"))
		return r;
	if (strcmp(home, "guest"))
		return policy_fail(e, POLICY_FAILED, "--home %s: want auto, guest or host", home);
	if (!HAVE_GUEST)
		return policy_fail(
			e, POLICY_FAILED, "--home guest: the guest home is not in this version");
	return 0;
}

static int choose_home(const char *name, struct policy_machine *m, struct policy_error *e)
{
	m->home = best_home(m);
	if (!strcmp(name, "auto"))
		return 0;
	if (m->backend == &vm_vmx_ops && !strcmp(name, "host"))
		return policy_fail(e, POLICY_FAILED,
			"--home host is for the backends kvm and process; with vmx the shim is in "
			"the VM");
	if (m->backend->processes && !strcmp(name, "guest"))
		return policy_fail(e, POLICY_FAILED,
			"--home guest needs a virtual machine, and the backend is process");
	if (!strcmp(name, "guest") && !m->caps.syscall_ring0)
		return policy_fail(
			e, POLICY_FAILED, "--home guest cannot be used here: %s", NO_RING0);
	m->home = !strcmp(name, "guest") ? LAUNCH_HOME_GUEST : LAUNCH_HOME_HOST;
	strcpy(m->home_why, "asked for");
	return 0;
}

int policy_machine_choose(const char *backend, const char *home, bool require_vm,
	struct policy_machine *out, struct policy_error *e)
{
	int r;

	memset(out, 0, sizeof *out);
	r = machine_check_names(backend, home, e);
	if (!r)
		r = choose_backend(backend, require_vm, out, e);
	if (!r)
		r = choose_home(home, out, e);
	return r;
}

static void list_one(struct policy_choice *c, const struct vm_ops *ops, enum launch_home home)
{
	struct vm_caps caps;

	c->backend = ops->name;
	c->home = home;
	c->usable = !try_backend(ops, &caps, c->why, sizeof c->why);
	if (c->usable)
		snprintf(c->why, sizeof c->why, "%s", caps.note);
	if (!c->usable || home == LAUNCH_HOME_HOST || (HAVE_GUEST && caps.syscall_ring0))
		return;
	c->usable = false;
	strcpy(c->why, HAVE_GUEST ? NO_RING0 : "the guest home is not in this version");
}

void policy_machine_list(struct policy_choice out[POLICY_CHOICES])
{
	list_one(&out[POLICY_VMX], &vm_vmx_ops, LAUNCH_HOME_GUEST);
	list_one(&out[POLICY_KVM_GUEST], &vm_kvm_ops, LAUNCH_HOME_GUEST);
	list_one(&out[POLICY_KVM_HOST], &vm_kvm_ops, LAUNCH_HOME_HOST);
	list_one(&out[POLICY_PROCESS], &vm_process_ops, LAUNCH_HOME_HOST);
}
