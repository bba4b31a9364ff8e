/* SPDX-License-Identifier: Apache-2.0
 *
 * Which backend and which home: what was asked for, or the best that this host has.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/policy/policy_internal.h"

#ifdef LAUNCH_HAVE_GUEST
#define HAVE_GUEST LAUNCH_HAVE_GUEST
#else
#define HAVE_GUEST 0
#endif

/* In order of preference. */
static const struct vm_ops *const backends[] = {&vm_kvm_ops};

/* Names that the design has and this version does not. */
static const struct {
	const char *name, *what;
} later[] = {
	{"vmx", "the sandbox's own VMX module"},
	{"process", "running without virtualization"},
};

static int check_backend_name(const char *name, struct policy_error *e)
{
	if (!strcmp(name, "auto"))
		return 0;
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
		if (!strcmp(name, backends[i]->name))
			return 0;
	for (size_t i = 0; i < sizeof later / sizeof *later; i++)
		if (!strcmp(name, later[i].name))
			return policy_fail(e, POLICY_FAILED,
				"--backend %s: %s is not in this version; use auto or kvm", name,
				later[i].what);
	return policy_fail(e, POLICY_FAILED, "--backend %s: want auto or kvm", name);
}

static int choose_backend(const char *name, struct policy_machine *out, struct policy_error *e)
{
	char why[160] = "";
	const struct vm_ops *ops;

	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
		ops = backends[i];
		if (strcmp(name, "auto") && strcmp(name, ops->name))
			continue;
		if (!ops->available(why, sizeof why) && !ops->probe(&out->caps)) {
			out->backend = ops;
			snprintf(out->backend_why, sizeof out->backend_why, "%s",
				out->caps.hardware ? "/dev/kvm, with hardware virtualization"
						   : "/dev/kvm works here, without VMX or SVM");
			return 0;
		}
	}
	snprintf(out->backend_why, sizeof out->backend_why, "%s",
		*why ? why : "/dev/kvm opened, but a trial VM failed");
	return policy_fail(e, POLICY_FAILED,
		"no backend can be used here: %s (kvm is the only one in this version; the process "
		"backend "
		"is not in it)",
		out->backend_why);
}

static enum launch_home best_home(struct policy_machine *m)
{
	if (!HAVE_GUEST)
		strcpy(m->home_why, "the guest home is not in this version");
	else if (!m->caps.hardware)
		strcpy(m->home_why, "without VMX or SVM, ring 0 of a VM is emulated and slow");
	else if (!m->caps.syscall_ring0)
		strcpy(m->home_why, "system calls of a VM cannot be taken in its ring 0 here");
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

static void choose_home(const char *name, struct policy_machine *m)
{
	m->home = best_home(m);
	if (!strcmp(name, "auto"))
		return;
	m->home = !strcmp(name, "guest") ? LAUNCH_HOME_GUEST : LAUNCH_HOME_HOST;
	strcpy(m->home_why, "asked for");
}

/* require_vm asks for what every backend of this version is: a virtual machine. */
int policy_machine_choose(const char *backend, const char *home, bool require_vm,
	struct policy_machine *out, struct policy_error *e)
{
	int r;

	memset(out, 0, sizeof *out);
	(void)require_vm;
	r = machine_check_names(backend, home, e);
	if (!r)
		r = choose_backend(backend, out, e);
	if (!r)
		choose_home(home, out);
	return r;
}
