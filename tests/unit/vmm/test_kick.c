/* SPDX-License-Identifier: Apache-2.0
 *
 * Kicks, of which none may be lost, and interrupts.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/vmm/tests.h"
#include "vmm/kick.h"
#include "vmm/kvm/kvm.h"

#define KICKS	  5000
#define KICKS_ONE 250 /* on one processor, where each costs the scheduler's slices */
#define EXCEPTIONS_NS                                                                              \
	5000000000ull /* an emulated machine is in ring 3 for a small part of the time */
#define LOST_NS 2000000000ull

struct game {
	struct machine m;
	atomic_uint asked, answered;
	atomic_bool over;
	unsigned lost, failed;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* One question, one kick; the answer is given by the vCPU's thread after an INTR. */
static void *kicker(void *arg)
{
	struct game *g = arg;
	const unsigned kicks = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? KICKS : KICKS_ONE;

	for (unsigned i = 1; i <= kicks && !g->lost; i++) {
		uint64_t end = now_ns() + LOST_NS;

		atomic_store(&g->asked, i);
		machine_ops->vcpu_kick(g->m.vcpu);
		while (atomic_load(&g->answered) != i) {
			if (now_ns() > end) {
				g->lost = i;
				break;
			}
			if (i % 3 == 0) /* at different distances from the entry */
				sched_yield();
		}
	}
	/* A lost one was lost once; the end must come. */
	atomic_store(&g->over, true);
	while (atomic_load(&g->answered) != UINT32_MAX) {
		machine_ops->vcpu_kick(g->m.vcpu);
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
	}
	return NULL;
}

static void game_play(struct game *g)
{
	while (!atomic_load(&g->over)) {
		if (machine_ops->vcpu_run(g->m.vcpu, &g->m.exit) < 0) {
			g->failed++;
			break;
		}
		if (g->m.exit.reason == VM_EXIT_INTR)
			atomic_store(&g->answered, atomic_load(&g->asked));
		else if (g->m.exit.reason != VM_EXIT_IO_OUT)
			g->failed++;
	}
	atomic_store(&g->answered, UINT32_MAX);
}

static void kicks_none_lost(const char *label)
{
	static struct game g;
	pthread_t thread;

	g = (struct game){0};
	assert_int_equal(machine_begin(&g.m, true), 0);
	assert_int_equal(machine_start(&g.m, label), 0);
	assert_int_equal(pthread_create(&thread, NULL, kicker, &g), 0);
	game_play(&g);
	pthread_join(thread, NULL);
	machine_end(&g.m);
	assert_int_equal(g.lost, 0);
	assert_int_equal(g.failed, 0);
}

static void test_kicks_spin(void **state)
{
	tests_need_vm();
	kicks_none_lost(guest_spin);
}

/* The same with exits all the time, so that kicks meet entries. */
static void test_kicks_exits(void **state)
{
	tests_need_vm();
	kicks_none_lost(guest_out_loop);
}

static void test_kick_before(void **state)
{
	struct machine m;

	tests_need_vm();
	assert_int_equal(machine_begin(&m, true), 0);
	assert_int_equal(machine_start(&m, guest_out_loop), 0);
	for (int i = 0; i < 100; i++) {
		uint64_t rip = machine_regs(&m)->rip;

		machine_ops->vcpu_kick(m.vcpu);
		machine_ops->vcpu_kick(m.vcpu);
		assert_int_equal(machine_ops->vcpu_run(m.vcpu, &m.exit), 0);
		assert_int_equal(m.exit.reason, VM_EXIT_INTR);
		if (i == 0)
			assert_int_equal(machine_regs(&m)->rip, rip);
		/* Cleared: the next one runs. */
		assert_int_equal(machine_ops->vcpu_run(m.vcpu, &m.exit), 0);
		assert_int_equal(m.exit.reason, VM_EXIT_IO_OUT);
	}
	machine_end(&m);
}

static struct vcpu *alarmed;

static void on_alarm(int number)
{
	machine_ops->vcpu_kick(alarmed);
}

struct alarm {
	struct sigaction before;
	timer_t timer;
};

/* Kicks from a signal handler of the thread that runs the vCPU. */
static void alarm_start(struct alarm *a, struct vcpu *vcpu)
{
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};

	alarmed = vcpu;
	assert_int_equal(sigaction(SIGUSR1, &action, &a->before), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &event, &a->timer), 0);
}

static void alarm_set(struct alarm *a, long after_ns, long every_ns)
{
	const struct itimerspec spec = {{0, every_ns}, {0, after_ns}};

	assert_int_equal(timer_settime(a->timer, 0, &spec, NULL), 0);
}

static void alarm_stop(struct alarm *a)
{
	timer_delete(a->timer);
	sigaction(SIGUSR1, &a->before, NULL);
}

static void test_kick_from_handler(void **state)
{
	struct machine m;
	struct alarm a;

	tests_need_vm();
	assert_int_equal(machine_begin(&m, true), 0);
	assert_int_equal(machine_start(&m, guest_spin), 0);
	alarm_start(&a, m.vcpu);
	alarm_set(&a, 1000000, 1000000);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(machine_ops->vcpu_run(m.vcpu, &m.exit), 0);
		assert_int_equal(m.exit.reason, VM_EXIT_INTR);
	}
	alarm_stop(&a);
	machine_end(&m);
}

/* Until a kick, `after_ns` from now, that finds the guest in ring 3; false: not before `end`. */
static bool run_to_kick(struct machine *m, struct alarm *a, long after_ns, uint64_t end)
{
	do {
		if (m->exit.reason == VM_EXIT_INTR) {
			if (now_ns() > end)
				return false;
			alarm_set(a, after_ns, 0);
		}
		assert_int_equal(machine_ops->vcpu_run(m->vcpu, &m->exit), 0);
	} while (m->exit.reason != VM_EXIT_INTR || machine_regs(m)->rip < GUEST_CODE3);
	return true;
}

/* Ring 3 faults all the time; once a kick finds it between two faults, another program gets the
 * vCPU: it must not be given an exception that it did not raise. */
static void exceptions_stay(const char *label)
{
	const uint64_t end = now_ns() + EXCEPTIONS_NS;
	struct machine m;
	struct alarm a;
	int i;

	assert_int_equal(machine_begin(&m, true), 0);
	*machine_pte(&m, GUEST_DATA) = 0;
	alarm_start(&a, m.vcpu);
	m.exit.reason = VM_EXIT_INTR;
	for (i = 0; i < 300; i++) {
		assert_int_equal(machine_start(&m, label), 0);
		machine_regs(&m)->rdi = GUEST_DATA;
		if (!run_to_kick(&m, &a, 100000 + i % 100 * 1000, end))
			break;
		assert_int_equal(machine_start(&m, guest_spin), 0);
		alarm_set(&a, 100000, 0);
		assert_int_equal(machine_ops->vcpu_run(m.vcpu, &m.exit), 0);
		if (m.exit.reason != VM_EXIT_INTR)
			fail_msg("round %d: exit %s, port %u", i, vm_exit_name(m.exit.reason),
				m.exit.io.port);
	}
	alarm_stop(&a);
	machine_end(&m);
	print_message("%d kicks between exceptions\n", i);
	assert_int_not_equal(i, 0);
}

static void test_kick_exception(void **state)
{
	tests_need_vm();
	exceptions_stay(guest_read);
	exceptions_stay(guest_ud2_loop);
}

static void *run_once(void *arg)
{
	struct machine *m = arg;

	if (machine_ops->vcpu_run(m->vcpu, &m->exit) < 0)
		m->exit.reason = VM_EXIT_FAIL;
	return NULL;
}

/*
 * One thread after the other, each with the kick signal blocked, and likely with the last one's
 * pthread_t: the kick goes to the one that runs.
 */
static void test_kick_threads(void **state)
{
	sigset_t set, before;
	struct machine m;

	tests_need_vm();
	assert_int_equal(machine_begin(&m, true), 0);
	assert_int_equal(machine_start(&m, guest_spin), 0);
	sigemptyset(&set);
	sigaddset(&set, vm_kick_signal());
	pthread_sigmask(SIG_BLOCK, &set, &before);
	for (int i = 0; i < 50; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, run_once, &m), 0);
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		machine_ops->vcpu_kick(m.vcpu);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_int_equal(m.exit.reason, VM_EXIT_INTR);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	machine_end(&m);
}

static void test_handler_kept(void **state)
{
	struct sigaction mine = {.sa_handler = on_alarm}, before, now;
	struct machine m;

	tests_need_vm();
	assert_int_equal(sigaction(vm_kick_signal(), &mine, &before), 0);
	assert_int_equal(machine_begin(&m, true), 0);
	machine_end(&m);
	assert_int_equal(sigaction(vm_kick_signal(), &before, &now), 0);
	assert_ptr_equal(now.sa_handler, on_alarm);
}

static void interrupts_taken(bool sync_regs)
{
	struct machine_frame *frame;
	struct vm_stats stats;
	struct machine m;

	assert_int_equal(machine_begin(&m, sync_regs), 0);
	assert_int_equal(machine_start(&m, guest_spin), 0);
	for (int i = 0; i < 500; i++) {
		if (i % 2) { /* also from the middle of ring 3 */
			machine_ops->vcpu_kick(m.vcpu);
			assert_int_equal(machine_ops->vcpu_run(m.vcpu, &m.exit), 0);
			assert_int_equal(m.exit.reason, VM_EXIT_INTR);
		}
		assert_int_equal(machine_ops->vcpu_interrupt(m.vcpu, GUEST_IRQ), 0);
		assert_int_equal(machine_ops->vcpu_interrupt(m.vcpu, GUEST_IRQ + 1), -EBUSY);
		frame = machine_trap(&m, GUEST_IRQ);
		assert_non_null(frame);
		assert_int_equal(frame->cs & 3, 3);
		assert_true(frame->rflags & RFLAGS_IF);
		/* The handler runs with interrupts off: the gate is one that clears IF. */
		assert_false(machine_regs(&m)->rflags & RFLAGS_IF);
	}
	machine_ops->stats(m.vcpu, &stats);
	assert_int_equal(stats.interrupts, 500);
	assert_int_equal(stats.exits[VM_EXIT_IRQ_WINDOW], 0);
	machine_end(&m);
}

static void test_interrupt_ring3(void **state)
{
	tests_need_vm();
	interrupts_taken(true);
	interrupts_taken(false);
}

/* With IF clear it waits for the guest's sti and comes after the instruction behind it. */
static void test_interrupt_window(void **state)
{
	struct machine_frame *frame;
	struct machine m;

	tests_need_vm();
	for (int i = 0; i < 50; i++) {
		assert_int_equal(machine_begin(&m, i % 2), 0);
		assert_int_equal(machine_start(&m, guest_sti), 0);
		assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
		assert_int_equal(m.exit.io.port, GUEST_PORT);
		assert_int_equal(machine_ops->vcpu_interrupt(m.vcpu, GUEST_IRQ), 0);
		frame = machine_trap(&m, GUEST_IRQ);
		assert_non_null(frame);
		assert_true(frame->rip >= machine_at(guest_sti_spin) - 1);
		machine_end(&m);
	}
}

/* The caller may clear IF between the exit and the run: then it is not the time. */
static void test_interrupt_if_cleared(void **state)
{
	struct machine_frame *frame;
	struct machine m;

	tests_need_vm();
	assert_int_equal(machine_begin(&m, true), 0);
	assert_int_equal(machine_start(&m, guest_spin), 0);
	assert_int_equal(machine_ops->vcpu_interrupt(m.vcpu, GUEST_IRQ), 0);
	assert_non_null(machine_trap(&m, GUEST_IRQ));
	assert_int_equal(machine_start(&m, guest_sti), 0);
	assert_int_equal(machine_ops->vcpu_interrupt(m.vcpu, GUEST_IRQ), 0);
	assert_int_equal(machine_run(&m), VM_EXIT_IO_OUT);
	assert_int_equal(m.exit.io.port, GUEST_PORT);
	frame = machine_trap(&m, GUEST_IRQ);
	assert_non_null(frame);
	machine_end(&m);
}

int tests_kick(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kicks_spin),
		cmocka_unit_test(test_kicks_exits),
		cmocka_unit_test(test_kick_before),
		cmocka_unit_test(test_kick_from_handler),
		cmocka_unit_test(test_kick_exception),
		cmocka_unit_test(test_kick_threads),
		cmocka_unit_test(test_handler_kept),
		cmocka_unit_test(test_interrupt_ring3),
		cmocka_unit_test(test_interrupt_window),
		cmocka_unit_test(test_interrupt_if_cleared),
	};

	return cmocka_run_group_tests_name("vmm kicks and interrupts", tests, NULL, NULL);
}
