/* SPDX-License-Identifier: Apache-2.0
 * The shim in ring 0 of the VM (home guest). Two threads: the vCPU's, which may do little more than
 * run it, and this one, which serves the channel.
 *
 * A doorbell is handed over by two counters: the vCPU thread advances `bells` and sleeps until the
 * ring is served; the service advances `served`. Before it sleeps, the service looks for a while by
 * itself (host_polling); then the guest does not ring at all.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel-shim/home/guest/guest.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/guest_image.h"
#include "runtime/launch/launch_internal.h"

#define POLL_NS_MAX 50000ull
#define POLL_NS_MIN 2000ull
#define POLL_EVERY  64u /* looks between two readings of the clock */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

struct home_guest {
	pthread_t vcpu_thread;
	_Atomic uint32_t bells, served, stop;
	uint64_t poll_ns; /* how long looking pays, learned */
	bool may_poll;	  /* more than one processor */
	timer_t timer;
	bool timer_made;
	uint64_t fault_rip, fixup_rip; /* of the shim's soft copy */
};

static long futex(_Atomic uint32_t *word, int op, uint32_t v)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, v, NULL, NULL, 0);
}

/* -- vCPU thread -- */

static void on_timer(int sig, siginfo_t *si, void *uc)
{
	struct launch *l = si->si_value.sival_ptr;

	(void)sig;
	(void)uc;
	l->c->backend->vcpu_kick(l->vcpu[0]);
}

static int make_timer(struct launch *l, struct home_guest *h)
{
	struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN + 1,
		.sigev_value.sival_ptr = l,
	};

	sigfillset(&sa.sa_mask);
	if (sigaction(ev.sigev_signo, &sa, NULL))
		return -errno;
	ev.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &h->timer))
		return -errno;
	h->timer_made = true;
	return 0;
}

static void arm_timer(struct launch *l, struct home_guest *h)
{
	uint64_t when = __atomic_load_n(&l->clock->kick_ns, __ATOMIC_RELAXED);
	struct itimerspec its = {
		.it_value = {(time_t)(when / 1000000000u), (long)(when % 1000000000u)},
	};

	if (its.it_value.tv_sec >= 0) /* the guest wrote it: any nonsense is only its own loss */
		timer_settime(h->timer, TIMER_ABSTIME, &its, NULL);
}

/* One doorbell: returns when the ring was served. */
static void ring_bell(struct home_guest *h)
{
	uint32_t bell = atomic_fetch_add(&h->bells, 1) + 1, served;

	futex(&h->bells, FUTEX_WAKE, 1);
	while ((int32_t)((served = atomic_load(&h->served)) - bell) < 0 && !atomic_load(&h->stop))
		futex(&h->served, FUTEX_WAIT, served);
}

static void guest_panic(struct launch *l, uint32_t n)
{
	char why[256];

	n = n < sizeof(why) - 1 ? n : sizeof(why) - 1;
	memcpy(why, l->ring->data, n);
	why[n] = 0;
	for (uint32_t i = 0; i < n; i++) {
		if ((unsigned char)why[i] < ' ' || (unsigned char)why[i] > '~')
			why[i] = '?';
	}
	launch_fail(l, "the shim failed: %s", why);
}

/* One that is pending already is as good: the fault comes again, and a kick says "look". */
static bool interrupt(struct launch *l, uint8_t vector)
{
	int r = l->c->backend->vcpu_interrupt(l->vcpu[0], vector);

	if (r && r != -EBUSY)
		launch_fail(l, "the vCPU takes no interrupt: %s", strerror(-r));
	return !r || r == -EBUSY;
}

/* The host had no memory behind a page. In the shim's soft copy that is an error to return; in ring
 * 3 it is the program's SIGBUS. true: go on. */
static bool memory_exit(struct launch *l, struct home_guest *h)
{
	struct vm_gprs *g = l->c->backend->vcpu_gprs(l->vcpu[0]);

	if (g->rip == h->fault_rip) {
		g->rip = h->fixup_rip;
		l->c->backend->vcpu_gprs_dirty(l->vcpu[0]);
		return true;
	}
	if (g->rip >= BOOT_PHYSMAP_VA) {
		launch_fail(l, "guest memory could not be had from the host (out of memory?)");
		return false;
	}
	return interrupt(l, GUEST_VEC_BUS);
}

/* true: go on. */
static bool handle_exit(struct launch *l, struct home_guest *h, const struct vm_exit *x)
{
	switch (x->reason) {
	case VM_EXIT_IO_OUT:
		if (x->io.port == CHAN_PORT_DOORBELL) {
			ring_bell(h);
		} else if (x->io.port == CHAN_PORT_TIMER) {
			arm_timer(l, h);
		} else if (x->io.port == CHAN_PORT_PANIC) {
			guest_panic(l, x->io.value);
			return false;
		}
		return true;
	case VM_EXIT_INTR:
		return interrupt(l, GUEST_VEC_KICK);
	case VM_EXIT_IRQ_WINDOW:
		return true;
	case VM_EXIT_MEMORY:
		return memory_exit(l, h);
	default:
		launch_fail(l, "the virtual machine stopped: %s (rip %llx)",
			vm_exit_name(x->reason),
			(unsigned long long)l->c->backend->vcpu_gprs(l->vcpu[0])->rip);
		return false;
	}
}

static void *vcpu_main(void *arg)
{
	struct launch *l = arg;
	struct home_guest *h = l->home_state;
	const unsigned long *ioctls;
	size_t n = l->c->backend->vcpu_ioctls(&ioctls);
	struct vm_exit x;
	int r = make_timer(l, h);

	if (!r)
		r = jail_thread(JAIL_VCPU, ioctls, n);
	if (r)
		launch_fail(l, "cannot close the vCPU thread's jail: %s", strerror(-r));
	while (!r && !atomic_load(&h->stop)) {
		r = l->c->backend->vcpu_run(l->vcpu[0], &x);
		if (r)
			launch_fail(l, "the vCPU cannot run: %s", strerror(-r));
		else if (!handle_exit(l, h, &x))
			break;
	}
	atomic_store(&h->stop, 1);
	service_wake(l->service); /* if it sleeps in a WAIT */
	atomic_fetch_add(&h->bells, 1);
	futex(&h->bells, FUTEX_WAKE, 1);
	return NULL;
}

/* -- service -- */

/* Looks at the ring for as long as that has paid before. true: something came. */
static bool poll_ring(struct launch *l, struct home_guest *h)
{
	uint64_t until;
	bool found = false;

	if (!h->may_poll)
		return false;
	until = launch_now_ns() + h->poll_ns;
	__atomic_store_n(&l->ring->host_polling, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 1; !found; i++) {
		found = service_serve_ring(l->service, l->ring) > 0;
		if (!found && i % POLL_EVERY == 0 &&
			(launch_now_ns() >= until || atomic_load(&h->stop)))
			break;
		__builtin_ia32_pause();
	}
	/* sequentially consistent: pairs with plat_channel, which stores the tail and then reads
	 * this */
	__atomic_store_n(&l->ring->host_polling, 0, __ATOMIC_SEQ_CST);
	if (!found)
		found = service_serve_ring(l->service, l->ring) > 0;
	h->poll_ns = found ? POLL_NS_MAX : h->poll_ns / 2;
	if (h->poll_ns < POLL_NS_MIN)
		h->poll_ns = POLL_NS_MIN;
	return found;
}

static void serve(struct launch *l, struct home_guest *h)
{
	uint32_t bell = 0;

	while (!atomic_load(&h->stop)) {
		uint32_t now = atomic_load(&h->bells);

		if (now != bell) {
			bell = now;
			service_serve_ring(l->service, l->ring);
			launch_clock_refresh(l);
			atomic_store(&h->served, bell);
			futex(&h->served, FUTEX_WAKE, 1);
		}
		if (l->ended)
			break;
		if (poll_ring(l, h))
			continue;
		futex(&h->bells, FUTEX_WAIT, bell);
	}
	atomic_store(&h->stop, 1);
	atomic_fetch_add(&h->served, 1u << 16); /* whoever waits for a bell sees stop */
	futex(&h->served, FUTEX_WAKE, 1);
	l->c->backend->vcpu_kick(l->vcpu[0]);
}

/* -- the home -- */

static uint64_t guest_ram_reserved(struct launch *l)
{
	return guest_image_ram(l->mem.ram_size);
}

static int set_registers(struct launch *l)
{
	const struct vm_ops *ops = l->c->backend;
	const struct vm_sregs s = {
		.cr0 = 0x80050033, /* PG AM WP NE ET MP PE */
		.cr3 = GUEST_PA_PML4,
		.cr4 = 0x620 |
		       (l->c->caps.xsave ? 0x40000 : 0), /* PAE OSFXSR OSXMMEXCPT, OSXSAVE */
		.efer = 0xd01,				 /* NXE LMA LME SCE */
		.gdt_base = BOOT_IMAGE_VA + GUEST_PA_GDT,
		.gdt_limit = GUEST_TSS_SEL + 15,
		.idt_base = BOOT_IMAGE_VA + GUEST_PA_IDT,
		.idt_limit = GUEST_VECTORS * 16 - 1,
		.tss_base = BOOT_IMAGE_VA + GUEST_PA_TSS,
		.tss_limit = GUEST_TSS_LIMIT,
		.cs = GUEST_KERNEL_CS,
		.ss = GUEST_KERNEL_SS,
		.tr = GUEST_TSS_SEL,
	};
	struct vm_gprs *g = ops->vcpu_gprs(l->vcpu[0]);
	int r = ops->vcpu_set_sregs(l->vcpu[0], &s);

	if (!r)
		r = ops->vcpu_set_msr(
			l->vcpu[0], 0xc0000081, (uint64_t)GUEST_KERNEL_CS << 32 | 0x23ull << 48);
	if (!r)
		r = ops->vcpu_set_msr(l->vcpu[0], 0xc0000082, guest_image_symbol("guest_syscall"));
	if (!r) /* SFMASK as Linux: TF IF DF IOPL NT AC */
		r = ops->vcpu_set_msr(l->vcpu[0], 0xc0000084, 0x47700);
	memset(g, 0, sizeof(*g));
	g->rip = guest_image_entry();
	g->rsp = BOOT_IMAGE_VA + GUEST_PA_BOOT_STACK;
	g->rdi = BOOT_PHYSMAP_VA + (uint64_t)((uint8_t *)l->boot - l->mem.ram);
	g->rflags = 2;
	ops->vcpu_gprs_dirty(l->vcpu[0]);
	return r;
}

static int guest_prepare(struct launch *l)
{
	struct home_guest *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	l->home_state = h;
	h->may_poll = sysconf(_SC_NPROCESSORS_ONLN) > 1;
	h->poll_ns = POLL_NS_MAX;
	l->boot->cr3 = GUEST_PA_PML4;
	r = guest_image_load(l->mem.ram, l->mem.ram_size);
	if (r)
		return r;
	h->fault_rip = guest_image_symbol("guest_soft_copy_fault");
	h->fixup_rip = guest_image_symbol("guest_soft_copy_fixup");
	return set_registers(l);
}

static int guest_run(struct launch *l)
{
	struct home_guest *h = l->home_state;
	int r = -pthread_create(&h->vcpu_thread, NULL, vcpu_main, l);

	if (r) {
		launch_fail(l, "cannot start the vCPU thread: %s", strerror(-r));
		return r;
	}
	r = jail_thread(JAIL_SERVICE, NULL, 0);
	if (r) {
		launch_fail(l, "cannot close the jail: %s", strerror(-r));
		atomic_store(&h->stop, 1);
		l->c->backend->vcpu_kick(l->vcpu[0]);
	} else {
		serve(l, h);
	}
	pthread_join(h->vcpu_thread, NULL);
	return r ? r : atomic_load(&l->failed) ? -EIO : 0;
}

static void guest_kick(struct launch *l)
{
	l->c->backend->vcpu_kick(l->vcpu[0]);
}

static void guest_destroy(struct launch *l)
{
	struct home_guest *h = l->home_state;

	if (h && h->timer_made)
		timer_delete(h->timer);
	free(h);
	l->home_state = NULL;
}

const struct launch_home_ops launch_home_guest = {
	.name = "guest",
	.ram_reserved = guest_ram_reserved,
	.prepare = guest_prepare,
	.run = guest_run,
	.kick = guest_kick,
	.destroy = guest_destroy,
};
