/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts the instructions that the shim executes in ring 0 (home guest), one by one:
 *
 *   steps boot   RO-DIR RW-DIR PROGRAM...   from the vCPU's start to the program's first
 * instruction steps marked RO-DIR RW-DIR PROGRAM...   between the program's two marks (micro -m)
 *
 * STEPS_PROFILE=1 says by function where they were.
 *
 * The backend is KVM's with a vcpu_run that single-steps (KVM_SET_GUEST_DEBUG): no line of the shim
 * or the launcher is other than in a run. An instruction is counted when the vCPU stands before it,
 * so one that is begun twice (a page had to be found first) or repeats itself (`rep`) counts once.
 * Ring 3 runs at full speed: where it enters ring 0 an HLT stands in the shim's code while the vCPU
 * is elsewhere. (Neither breakpoint registers nor INT3 stop a nested guest under QEMU's TCG.)
 * The guest's clock stands as long as it steps and no kick comes: a step takes as long as thousands
 * of instructions, and tasks would use up their slices before they reach ring 3.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <x86intrin.h>

#include "kernel-shim/abi/boot.h"
#include "kernel-shim/home/guest/guest.h"
#include "runtime/launch/guest_image.h"
#include "runtime/policy/policy.h"
#include "tests/bench/marks.h"
#include "tests/bench/profile.h"
#include "vmm/kvm/kvm_internal.h"

#define VECTOR_PF 14
#define RFLAGS_TF 0x100
#define HLT	  0xf4

/* Where counting stops the vCPU: the first instruction of all, and those of an entry from ring 3.
 */
enum stop { STOP_START, STOP_SYSCALL, STOP_FAULT, STOP_KICK, STOPS };

enum phase {
	WAITING,   /* for the first mark */
	BEGINNING, /* in the call that is the first mark */
	COUNTING,
	DONE,
};

/* One vCPU to a process, and vm_ops has no room for an argument of ours. */
static struct {
	enum phase phase;
	bool boot;
	uint8_t *ram; /* where the guest's address 0 is */
	struct {
		uint64_t va;
		uint8_t byte; /* what HLT stands in place of */
		bool planted;
	} stop[STOPS];
	uint64_t last_rip;   /* of the instruction that was counted last */
	bool kick;	     /* in an entry that came with time, not with the program */
	bool stepping;	     /* as KVM was told */
	uint64_t tsc;	     /* the guest's, which moves by 1 a step */
	uint64_t tsc_offset; /* from the host's, as KVM was told */
	uint64_t instructions, entries, kicks, exits;
} steps;

static uint8_t *code(uint64_t va)
{
	return steps.ram + (va - BOOT_IMAGE_VA);
}

static void plant_all(bool planted)
{
	for (int i = 0; i < STOPS; i++) {
		if (steps.stop[i].planted == planted)
			continue;
		if (planted)
			steps.stop[i].byte = *code(steps.stop[i].va);
		*code(steps.stop[i].va) = planted ? HLT : steps.stop[i].byte;
		steps.stop[i].planted = planted;
	}
}

/* The stop that the vCPU has just met, or -1: an HLT of ours ends behind it. */
static int stop_met(uint64_t rip)
{
	for (int i = 0; i < STOPS; i++)
		if (steps.stop[i].planted && rip == steps.stop[i].va + 1)
			return i;
	return -1;
}

static void step(struct vcpu *v, bool on)
{
	struct kvm_guest_debug debug = {
		.control = on ? KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP : 0};

	if (steps.stepping == on)
		return;
	if (kvm_ioctl(v->fd, KVM_SET_GUEST_DEBUG, &debug) < 0) {
		perror("KVM_SET_GUEST_DEBUG");
		_exit(2);
	}
	steps.stepping = on;
}

/* Before each step; whatever runs at full speed goes on from where the clock then is. */
static void clock_hold(struct vcpu *v, bool goes_on)
{
	struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&steps.tsc_offset};

	steps.tsc = goes_on ? steps.tsc + 1 : __rdtsc() + steps.tsc_offset;
	steps.tsc_offset = steps.tsc - __rdtsc();
	if (kvm_ioctl(v->fd, KVM_SET_DEVICE_ATTR, &attr) < 0) {
		perror("KVM_VCPU_TSC_OFFSET");
		_exit(2);
	}
}

/* The program enters ring 0, or the shim its first instruction. */
static void entered(enum stop stop, uint64_t rax)
{
	bool call = stop == STOP_SYSCALL;

	steps.last_rip = 0;
	steps.kick = stop == STOP_KICK;
	if (steps.boot ? steps.phase == COUNTING
		       : steps.phase >= BEGINNING && call && (uint32_t)rax == MARK_END)
		steps.phase = DONE;
	else if (steps.phase == BEGINNING || (steps.boot && stop == STOP_START))
		steps.phase = COUNTING;
	else if (steps.phase == WAITING && call && (uint32_t)rax == MARK_BEGIN)
		steps.phase = BEGINNING;
	if (steps.phase == COUNTING) {
		steps.entries += !steps.kick;
		steps.kicks += steps.kick;
	}
}

/* The vCPU stands somewhere: what of it counts, and how it goes on. */
static void stopped(struct vcpu *v)
{
	struct vm_gprs *g = kvm_vcpu_gprs(v);
	const bool stepped = steps.stepping;
	int met = stop_met(g->rip);

	if (met >= 0) {
		entered((enum stop)met, g->rax);
		g->rip = steps.stop[met].va;
		/* From registers that are written KVM takes the flag that makes a step, too. */
		if (steps.phase != DONE)
			g->rflags |= RFLAGS_TF;
		kvm_vcpu_gprs_dirty(v);
	}
	if (g->rip >= BOOT_PHYSMAP_VA && g->rip != steps.last_rip) {
		steps.last_rip = g->rip;
		if (steps.phase == COUNTING && !steps.kick) {
			steps.instructions++;
			profile_add(g->rip);
		}
	}
	/* The instruction itself is met once the HLT is away, and the HLT is back a step later. */
	plant_all(steps.phase != DONE && met < 0);
	step(v, steps.phase == COUNTING || (steps.phase != DONE && met >= 0));
	if (steps.stepping)
		clock_hold(v, stepped);
}

/* true: the exit is of our making. */
static bool is_ours(struct vcpu *v, const struct vm_exit *e)
{
	if (e->reason == VM_EXIT_HLT)
		return stop_met(kvm_vcpu_gprs(v)->rip) >= 0;
	return e->reason == VM_EXIT_FAIL && e->fail.code >> 32 == KVM_EXIT_DEBUG;
}

static int steps_run(struct vcpu *v, struct vm_exit *out)
{
	int result;

	do {
		stopped(v);
		result = vm_kvm_ops.vcpu_run(v, out);
	} while (result == 0 && is_ours(v, out));
	steps.exits += steps.phase == COUNTING && out->reason != VM_EXIT_INTR;
	return result;
}

static int steps_interrupt(struct vcpu *v, uint8_t vector)
{
	if (steps.phase == COUNTING && vector == GUEST_VEC_KICK)
		return 0;
	return vm_kvm_ops.vcpu_interrupt(v, vector);
}

static int steps_map_memory(
	struct vm *vm, uint32_t slot, uint64_t gpa, void *hva, uint64_t size, uint32_t flags)
{
	if (gpa == 0)
		steps.ram = hva;
	return vm_kvm_ops.map_memory(vm, slot, gpa, hva, size, flags);
}

static size_t steps_ioctls(const unsigned long **out)
{
	static unsigned long numbers[32] = {KVM_SET_GUEST_DEBUG, KVM_SET_DEVICE_ATTR};
	const unsigned long *own;
	size_t n = vm_kvm_ops.vcpu_ioctls(&own);

	memcpy(numbers + 2, own, n * sizeof(*own));
	*out = numbers;
	return n + 2;
}

static void on_log(void *arg, uint32_t kind, const char *text)
{
	fprintf(stderr, "steps: %s\n", text);
}

static void on_denied(void *arg, const char *operation, const char *path, const char *flag_help)
{
	fprintf(stderr, "steps: denied: %s %s\n", operation, path);
}

/* Makes ops the backend of a run of argv that is like any other; false when there is none. For
 * `boot` ro is all that there is to see: each thing of the host's in sight costs, and the default
 * view is another on each machine. */
static bool run(char **argv, const char *ro, const char *rw, const struct vm_ops *ops)
{
	static struct launch_result result;
	struct policy_grant grants[2];
	const struct policy_request request = {.program = argv[0],
		.argv = argv,
		.grants = grants,
		.ngrants = steps.boot ? 0 : 2,
		.root = steps.boot ? ro : NULL,
		.cwd = steps.boot ? "/" : rw,
		.env_clear = true,
		.cpus = 1,
		.pids = 4096,
		.mem = 1ull << 30,
		.backend = "kvm",
		.home = "guest"};
	struct launch_config *c;
	struct policy_error e;
	struct policy *policy;

	if (policy_parse_grant(POLICY_RO, ro, &grants[0]) ||
		policy_parse_grant(POLICY_RW, rw, &grants[1]))
		return false;
	if (policy_build(&request, &policy, &e)) {
		fprintf(stderr, "steps: %s\n", e.text);
		return false;
	}
	c = policy_config(policy);
	c->backend = ops;
	c->log = on_log;
	c->denied = on_denied;
	if (launch_run(c, &result) || result.end != LAUNCH_EXITED || result.wait_status) {
		fprintf(stderr, "steps: %s\n", *result.error ? result.error : "the program failed");
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	const uint64_t vectors = guest_image_symbol("guest_vectors");
	struct vm_ops ops = vm_kvm_ops;

	if (argc < 5 || (strcmp(argv[1], "boot") != 0 && strcmp(argv[1], "marked") != 0)) {
		fprintf(stderr, "usage: steps boot|marked RO-DIR RW-DIR PROGRAM...\n");
		return 2;
	}
	steps.boot = !strcmp(argv[1], "boot");
	steps.stop[STOP_START].va = guest_image_symbol("guest_start");
	steps.stop[STOP_SYSCALL].va = guest_image_symbol("guest_syscall");
	steps.stop[STOP_FAULT].va = vectors + VECTOR_PF * GUEST_STUB_SIZE;
	steps.stop[STOP_KICK].va = vectors + GUEST_VEC_KICK * GUEST_STUB_SIZE;
	ops.vcpu_run = steps_run;
	ops.vcpu_interrupt = steps_interrupt;
	ops.vcpu_ioctls = steps_ioctls;
	ops.map_memory = steps_map_memory;
	if (!run(argv + 4, argv[2], argv[3], &ops))
		return 2;
	if (steps.phase != DONE) {
		fprintf(stderr, "steps: the program made no mark\n");
		return 2;
	}
	if (getenv("STEPS_PROFILE"))
		profile_print(stderr, 40);
	fprintf(stderr,
		"{\"instructions\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"kicks\": %" PRIu64
		", \"exits\": %" PRIu64 "}\n",
		steps.instructions, steps.entries, steps.kicks, steps.exits);
	return 0;
}
