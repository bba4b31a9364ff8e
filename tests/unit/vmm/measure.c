/* SPDX-License-Identifier: Apache-2.0
 *
 * What vmm/kvm/README.md says of a host's KVM, measured.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "tests/unit/vmm/tlb.h"
#include "vmm/kvm/kvm_internal.h"

#define PATIENCE_MS 20
#define ROUNDS	    2000
#define GUEST_FRAME 0xa0000ull /* what tlb_flush_host flushes */

static const struct vm_ops *const ops = &vm_kvm_ops;

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void measure_make(void)
{
	enum { TIMES = 20 };
	double create = 0, vcpu = 0, end = 0, start;

	for (int i = 0; i < TIMES; i++) {
		struct vm *vm;
		struct vcpu *v;

		start = now_us();
		if (ops->create(&vm) < 0)
			return;
		create += now_us() - start;
		start = now_us();
		if (ops->vcpu_create(vm, 0, &v) < 0)
			return;
		vcpu += now_us() - start;
		start = now_us();
		ops->vcpu_destroy(v);
		ops->destroy(vm);
		end += now_us() - start;
	}
	printf("create VM %.0f us, vCPU %.0f us, destroy both %.0f us\n", create / TIMES,
		vcpu / TIMES, end / TIMES);
}

/* An exit by `out` in ring 0 and back; per round `each` is called. */
static double exit_us(bool sync, void (*each)(struct machine *m))
{
	struct machine m;
	double best = 1e9;

	if (machine_begin(&m, sync) < 0 || machine_start(&m, guest_out_loop) < 0)
		return -1;
	for (int pass = 0; pass < 3; pass++) {
		double start = now_us();

		for (int i = 0; i < ROUNDS; i++) {
			if (machine_run(&m) != VM_EXIT_IO_OUT)
				return -1;
			each(&m);
		}
		start = (now_us() - start) / ROUNDS;
		if (start < best)
			best = start;
	}
	machine_end(&m);
	return best;
}

static void each_nothing(struct machine *m)
{
}

static void each_regs(struct machine *m)
{
	machine_regs(m)->rbx++;
	machine_set_regs(m);
}

static void each_get_sregs(struct machine *m)
{
	struct vm_sregs s;

	ops->vcpu_get_sregs(m->vcpu, &s);
}

static void each_set_sregs(struct machine *m)
{
	struct vm_sregs s;

	machine_sregs(m, 0, &s);
	ops->vcpu_set_sregs(m->vcpu, &s);
}

static void each_cr3(struct machine *m)
{
	struct vm_sregs s;

	machine_sregs(m, 0, &s);
	s.cr3 |= machine_regs(m)->rbx++ & 1 ? 8 : 0;
	machine_set_regs(m);
	ops->vcpu_set_sregs(m->vcpu, &s);
}

static void each_get_fpu(struct machine *m)
{
	static char area[16384];

	ops->vcpu_get_fpu(m->vcpu, area, sizeof(area));
}

static void each_get_regs_ioctl(struct machine *m)
{
	struct kvm_regs regs;

	ioctl(m->vcpu->fd, KVM_GET_REGS, &regs);
}

static void each_get_sregs_ioctl(struct machine *m)
{
	struct kvm_sregs sregs;

	ioctl(m->vcpu->fd, KVM_GET_SREGS, &sregs);
}

static void measure_exits(void)
{
	double plain = exit_us(true, each_nothing);

	printf("out in ring 0 and back %.2f us; more for: regs written %.2f, get_sregs %.2f, "
	       "set_sregs %.2f, cr3 changed %.2f, get_fpu %.2f, ioctl GET_REGS %.2f, GET_SREGS "
	       "%.2f\n",
		plain, exit_us(true, each_regs) - plain, exit_us(true, each_get_sregs) - plain,
		exit_us(true, each_set_sregs) - plain, exit_us(true, each_cr3) - plain,
		exit_us(true, each_get_fpu) - plain, exit_us(true, each_get_regs_ioctl) - plain,
		exit_us(true, each_get_sregs_ioctl) - plain);
	printf("without SYNC_REGS: regs written %.2f us, set_sregs %.2f us more\n",
		exit_us(false, each_regs) - plain, exit_us(false, each_set_sregs) - plain);
}

/* A trap of ring 3 to userspace and back by iretq. */
static void measure_trap(void)
{
	struct machine m;
	double start;

	if (machine_begin(&m, true) < 0 || machine_start(&m, guest_read) < 0)
		return;
	machine_regs(&m)->rdi = GUEST_DATA;
	*machine_pte(&m, GUEST_DATA) = 0;
	start = now_us();
	for (int i = 0; i < ROUNDS; i++)
		if (!machine_trap(&m, 14))
			return;
	printf("page fault of ring 3 to userspace and back by iretq %.1f us",
		(now_us() - start) / ROUNDS);
	/* Back by setting ring 3's state, not by the guest's iretq. */
	start = now_us();
	for (int i = 0; i < ROUNDS; i++) {
		struct machine_frame f = *machine_frame(&m);
		struct vm_sregs s;

		machine_sregs(&m, 3, &s);
		ops->vcpu_set_sregs(m.vcpu, &s);
		machine_regs(&m)->rip = f.rip;
		machine_regs(&m)->rsp = f.rsp;
		machine_regs(&m)->rflags = f.rflags;
		machine_set_regs(&m);
		if (!machine_trap(&m, 14))
			return;
	}
	printf(", by set_sregs %.1f us\n", (now_us() - start) / ROUNDS);
	machine_end(&m);
}

/* LSTAR is where ring 3 may go itself, and the TSS lets it use the port: no ring 0 on the way. */
static bool syscall_begin(struct machine *m)
{
	const uint16_t bitmap = 0x68;
	struct vm_sregs s;

	if (machine_begin(m, true) < 0 || machine_start(m, guest_syscall_loop) < 0)
		return false;
	memcpy(m->memory + GUEST_TSS + 0x66, &bitmap, sizeof(bitmap));
	machine_sregs(m, 3, &s);
	s.tss_limit = 0x68 + 0x10; /* ports 0..7fh, and the byte behind */
	return ops->vcpu_set_sregs(m->vcpu, &s) == 0 &&
	       ops->vcpu_set_msr(m->vcpu, 0xc0000081, 0x001b000800000000) == 0 &&
	       ops->vcpu_set_msr(m->vcpu, 0xc0000082, machine_at(guest_port)) == 0 &&
	       ops->vcpu_set_msr(m->vcpu, 0xc0000084, 0x700) == 0;
}

static void measure_syscall(bool ring0)
{
	struct machine m;
	double start = now_us();

	if (!syscall_begin(&m))
		return;
	for (int i = 0; i < ROUNDS; i++) {
		struct vm_gprs *g = machine_regs(&m);

		if (machine_run(&m) != VM_EXIT_IO_OUT || m.exit.io.port != GUEST_PORT) {
			printf("syscall broken\n");
			return;
		}
		g->rip = g->rcx;
		g->rflags = g->r11;
		machine_set_regs(&m);
		if (ring0) {
			struct vm_sregs s;

			machine_sregs(&m, 3, &s);
			ops->vcpu_set_sregs(m.vcpu, &s);
		}
	}
	printf("syscall of ring 3 to userspace (out in ring %d) and back by %s %.1f us\n",
		ring0 ? 0 : 3, ring0 ? "set_sregs" : "rip and rflags", (now_us() - start) / ROUNDS);
	machine_end(&m);
}

static void *kick_soon(void *arg)
{
	struct machine *m = arg;
	static double when;

	nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	when = now_us();
	ops->vcpu_kick(m->vcpu);
	return &when;
}

static void measure_kick(void)
{
	enum { TIMES = 50 };
	struct machine m;
	double total = 0;

	if (machine_begin(&m, true) < 0 || machine_start(&m, guest_spin) < 0)
		return;
	for (int i = 0; i < TIMES; i++) {
		pthread_t thread;
		double end;
		void *when;

		pthread_create(&thread, NULL, kick_soon, &m);
		ops->vcpu_run(m.vcpu, &m.exit);
		end = now_us();
		pthread_join(thread, &when);
		total += end - *(double *)when;
	}
	printf("kick of a spinning ring 3 to INTR %.1f us\n", total / TIMES);
	machine_end(&m);
}

static void measure_interrupt(void)
{
	struct machine m;
	double start;

	if (machine_begin(&m, true) < 0 || machine_start(&m, guest_spin) < 0)
		return;
	start = now_us();
	for (int i = 0; i < ROUNDS; i++) {
		ops->vcpu_interrupt(m.vcpu, GUEST_IRQ);
		if (!machine_trap(&m, GUEST_IRQ))
			return;
	}
	printf("interrupt into ring 3, handler to userspace and back %.1f us\n",
		(now_us() - start) / ROUNDS);
	machine_end(&m);
}

static void print_seen(const char *name, int seen, int tries)
{
	if (seen < 0)
		printf(" %s BROKEN;", name);
	else
		printf(" %s %d/%d;", name, seen, tries);
}

static int count_trap(enum tlb_change change, enum tlb_flush flush, int tries)
{
	struct machine m;
	int seen = 0;

	if (machine_begin(&m, true) < 0)
		return -1;
	for (int i = 0; i < tries && seen >= 0; i++) {
		int one = tlb_try_trap(&m, change, flush);

		seen = one < 0 ? -1 : seen + one;
	}
	machine_end(&m);
	return seen;
}

static int count_host(tlb_try_fn *try, enum tlb_flush flush, int tries)
{
	struct machine m;
	int seen = 0;

	if (machine_begin(&m, true) < 0)
		return -1;
	for (int i = 0; i < tries && seen >= 0; i++) {
		int one = try(&m, flush, PATIENCE_MS);

		seen = one < 0 ? -1 : seen + one;
	}
	machine_end(&m);
	return seen;
}

static void measure_host(const char *what, tlb_try_fn *try, int tries, bool running)
{
	printf("  %s:", what);
	for (enum tlb_flush flush = 0; flush <= TLB_FLUSH_HOST_LAST; flush++) {
		/* A running vCPU's registers are its thread's. */
		if (running && (flush == TLB_FLUSH_SREGS_SAME || flush == TLB_FLUSH_SREGS_TOGGLE))
			continue;
		print_seen(tlb_flush_names[flush], count_host(try, flush, tries), tries);
	}
	puts("");
}

/* What a flush costs: itself, and the fault after it that brings the mapping back. */
static double flush_us(enum tlb_flush flush)
{
	struct machine m;
	double start;

	if (machine_begin(&m, true) < 0 || machine_start(&m, guest_read) < 0)
		return -1;
	machine_regs(&m)->rdi = GUEST_FRAME;
	start = now_us();
	for (int i = 0; i < ROUNDS; i++) {
		if (!machine_trap(&m, 6) || tlb_flush_host(&m, flush) < 0)
			return -1;
		machine_redirect(&m, guest_read);
		machine_regs(&m)->r14 = GUEST_PT + (GUEST_FRAME >> 12) * 8;
		machine_regs(&m)->r15 = flush == TLB_FLUSH_GUEST_PTE	  ? FLUSH_PTE
					: flush == TLB_FLUSH_GUEST_INVLPG ? FLUSH_INVLPG
					: flush == TLB_FLUSH_GUEST_CR3	  ? FLUSH_CR3
									  : FLUSH_NONE;
		machine_set_regs(&m);
	}
	start = (now_us() - start) / ROUNDS;
	machine_end(&m);
	return start;
}

static void measure_tlb(void)
{
	enum { TRIES = 50, KICKS = 10 };
	double plain = flush_us(TLB_FLUSH_NONE);

	puts("page-table entries changed by the host, seen by ring 3:");
	for (enum tlb_flush flush = 0; flush < TLB_FLUSHES; flush++) {
		printf("  %s (%.1f us):", tlb_flush_names[flush], flush_us(flush) - plain);
		for (enum tlb_change change = 0; change < TLB_CHANGES; change++)
			print_seen(
				tlb_change_names[change], count_trap(change, flush, TRIES), TRIES);
		puts("");
	}
	measure_host("ring 3 stopped by a kick, remap", tlb_try_kick, KICKS, false);
	measure_host("remap while ring 3 runs", tlb_try_live, KICKS, true);
	measure_host("page table's page used again", tlb_try_reuse, TRIES, false);
}

int main(void)
{
	struct vm_caps caps;
	char why[160];

	setvbuf(stdout, NULL, _IONBF, 0);

	if (ops->available(why, sizeof(why)) < 0) {
		puts(why);
		return 1;
	}
	if (ops->probe(&caps) < 0)
		return 1;
	printf("%s\nsyscall in ring 0 %d, sysret %d, xsave %d, xcr0 %#llx, xsave area %u, %u "
	       "bits\n",
		caps.note, caps.syscall_ring0, caps.sysret, caps.xsave,
		(unsigned long long)caps.xcr0, caps.xsave_size, caps.phys_bits);
	measure_make();
	measure_exits();
	measure_trap();
	measure_syscall(caps.syscall_ring0);
	measure_interrupt();
	measure_kick();
	measure_tlb();
	return 0;
}
