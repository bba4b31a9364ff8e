/* SPDX-License-Identifier: Apache-2.0
 *
 * The random guest with a thread for each vCPU, of which one runs at a time: wherever the core
 * holds no lock, another may get its turn, and the first goes on when it is its turn again. So the
 * parts of what vCPUs do interleave in every way, and yet the same for the same seed.
 */
#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/vmx/guest.h"

struct crew {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint32_t turn;
	bool done[VCPUS];
	uint64_t left;
	uint32_t fun;
	struct guest guest;
};

static struct crew crew;

static void turn_wait(uint32_t me)
{
	while (crew.turn != me)
		pthread_cond_wait(&crew.moved, &crew.lock);
}

/* To any that has something left to do. */
static void turn_pass(struct machine *m)
{
	do
		crew.turn = machine_below(m, VCPUS);
	while (crew.done[crew.turn]);
	pthread_cond_broadcast(&crew.moved);
}

static void crew_between(struct machine *m)
{
	uint32_t me = crew.turn;
	const struct vmx_vcpu *now = m->now;
	uint64_t gva = m->now_gva;
	uint32_t access = m->now_access;

	if (!machine_chance(m, 30))
		return;
	turn_pass(m);
	turn_wait(me);
	m->now = now;
	m->now_gva = gva;
	m->now_access = access;
}

static void member_step(struct machine *m, struct vmx_vcpu *v)
{
	past_prune(m);
	if (m->pasts > 100 && v->flushed_all < m->past[m->pasts / 2].time)
		cpu_load_cr3(v, v->shadow.guest_cr3);
	guest_interfere(&crew.guest, v, crew.fun);
	if (crew.left % 512 == 0)
		invariants_check(m);
}

static void *member(void *arg)
{
	struct vmx_vcpu *v = arg;
	struct machine *m = v->machine;
	bool last = true;

	pthread_mutex_lock(&crew.lock);
	turn_wait(v->index);
	while (crew.left) {
		crew.left--;
		member_step(m, v);
	}
	crew.done[v->index] = true;
	for (uint32_t i = 0; i < VCPUS; i++)
		last &= crew.done[i];
	if (!last)
		turn_pass(m);
	pthread_mutex_unlock(&crew.lock);
	return NULL;
}

void guest_run_crew(struct machine *m, uint64_t steps, bool self_map, bool announce, uint32_t fun)
{
	pthread_t thread[VCPUS];

	/* A failure in a thread ends the program. */
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	crew = (struct crew){
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .left = steps, .fun = fun};
	guest_begin(&crew.guest, m, self_map, announce);
	m->host.between = crew_between;
	for (uint32_t i = 0; i < VCPUS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, member, &m->vcpu[i]), 0);
	for (uint32_t i = 0; i < VCPUS; i++)
		pthread_join(thread[i], NULL);
	m->host.between = NULL;
	invariants_check(m);
	unsetenv("CMOCKA_TEST_ABORT");
}
