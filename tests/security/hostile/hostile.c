/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile guests: ring 0 of the guest runs privileged instructions with random operands, loads
 * random control registers and MSRs, and writes random entries into the very tables that it runs
 * on, while the host takes its memory away. From a seed: the same seed makes the same guest.
 *
 * usage: hostile BACKEND [SEED [ROUNDS]]
 *
 * What must hold: every run comes back with an exit that vm.h names, and never with a failure of
 * the backend; a well-behaved VM beside it computes what it should; memory of the module returns to
 * what it was. The host's own survival is the caller's to see.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "tests/security/hostile/hostile.h"

#define EXITS_MAX  400 /* of one guest in one life */
#define LIVES	   4   /* it starts anew after a triple fault */
#define KICK_NS	   1000000
#define RUN_NS_MAX 60000000ull

uint64_t hostile_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15ull); /* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- a VM --- */

static void registers_set(const struct vm_ops *ops, struct hostile_vm *m)
{
	const struct vm_sregs s = {
		.cr0 = 0x80050033,
		.cr3 = HOSTILE_PML4,
		.cr4 = 0x620,
		.efer = 0xd01,
		.gdt_base = HOSTILE_GDT,
		.gdt_limit = 0x3f,
		.idt_base = HOSTILE_IDT,
		.idt_limit = 0xfff,
		.tss_base = HOSTILE_TSS,
		.tss_limit = 0x67,
		.cs = 0x08,
		.ss = 0x10,
		.tr = 0x30,
	};
	struct vm_gprs *g = ops->vcpu_gprs(m->vcpu);

	m->error = ops->vcpu_set_sregs(m->vcpu, &s);
	memset(g, 0, sizeof(*g));
	g->rip = HOSTILE_CODE;
	g->rsp = HOSTILE_STACK;
	g->rflags = 2;
	g->rdi = HOSTILE_PML4;
	g->rsi = HOSTILE_STACK - 256;
	ops->vcpu_gprs_dirty(m->vcpu);
}

static int vm_make(const struct vm_ops *ops, struct hostile_vm *m)
{
	int r;

	memset(m, 0, sizeof(*m));
	m->memory =
		mmap(NULL, HOSTILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (m->memory == MAP_FAILED)
		return -errno;
	r = ops->create(&m->vm);
	if (!r)
		r = ops->map_memory(m->vm, 0, 0, m->memory, HOSTILE_RAM, 0);
	if (!r) /* and a hole between */
		r = ops->map_memory(m->vm, 1, HOSTILE_ROM_GPA, m->memory + HOSTILE_RAM, HOSTILE_ROM,
			VM_MEM_READONLY);
	if (!r)
		r = ops->vcpu_create(m->vm, 0, &m->vcpu);
	return r;
}

static void vm_end(const struct vm_ops *ops, struct hostile_vm *m)
{
	if (m->vcpu)
		ops->vcpu_destroy(m->vcpu);
	if (m->vm)
		ops->destroy(m->vm);
	if (m->memory && m->memory != MAP_FAILED)
		munmap(m->memory, HOSTILE_SIZE);
}

/* --- the host's side of the mischief: kicks, and memory that goes --- */

struct pest {
	const struct vm_ops *ops;
	struct hostile_vm *m;
	uint64_t random;
	atomic_bool stop;
	pthread_mutex_t mutex; /* held while it, or the other side, has its hands in the memory */
};

static void pest_bite(struct pest *p)
{
	uint64_t r = hostile_random(&p->random);
	unsigned char *page = p->m->memory + (r >> 8) % (HOSTILE_SIZE / 4096) * 4096;

	pthread_mutex_lock(&p->mutex);
	if (r % 8 == 0)
		madvise(page, 4096, MADV_REMOVE);
	else if (r % 8 == 1)
		mprotect(page, 4096, PROT_READ);
	else if (r % 8 == 2)
		mprotect(page, 4096, PROT_READ | PROT_WRITE);
	else if (r % 8 == 3)
		mprotect(page, 4096, PROT_NONE);
	pthread_mutex_unlock(&p->mutex);
}

static void *pest_main(void *arg)
{
	struct pest *p = arg;
	const struct timespec pause = {.tv_nsec = KICK_NS};

	while (!atomic_load(&p->stop)) {
		nanosleep(&pause, NULL);
		p->ops->vcpu_kick(p->m->vcpu);
		pest_bite(p);
	}
	return NULL;
}

/* --- runs --- */

static const char *const why_fail = "the backend failed, which no guest may cause";

/* What the launcher might answer. false: a new life. */
static bool answer(
	struct hostile_vm *m, const struct vm_ops *ops, struct vm_exit *x, uint64_t *random)
{
	struct vm_gprs *g = ops->vcpu_gprs(m->vcpu);

	switch (x->reason) {
	case VM_EXIT_IO_IN:
		x->io.value = (uint32_t)hostile_random(random);
		return true;
	case VM_EXIT_MMIO:
	case VM_EXIT_MEMORY:
	case VM_EXIT_HLT:
		g->rip = HOSTILE_CODE + hostile_random(random) % HOSTILE_CODE_SIZE;
		g->rsp = HOSTILE_STACK;
		ops->vcpu_gprs_dirty(m->vcpu);
		return true;
	case VM_EXIT_INTR:
		ops->vcpu_interrupt(m->vcpu, (uint8_t)(32 + hostile_random(random) % 224));
		return true;
	case VM_EXIT_SHUTDOWN:
		return false;
	default:
		return true;
	}
}

static const char *live(const struct vm_ops *ops, struct hostile_vm *m, uint64_t *random)
{
	uint64_t end = now_ns() + RUN_NS_MAX;
	struct vm_exit x = {0};

	for (int i = 0; i < EXITS_MAX && now_ns() < end; i++) {
		m->error = ops->vcpu_run(m->vcpu, &x);
		if (m->error)
			return "the vCPU cannot run";
		if (x.reason >= VM_EXIT_REASONS)
			return "an exit that has no name";
		m->exits[x.reason]++;
		if (x.reason == VM_EXIT_FAIL) {
			m->code = x.fail.code;
			return why_fail;
		}
		if (!answer(m, ops, &x, random))
			break;
	}
	return NULL;
}

static const char *hostile_run(const struct vm_ops *ops, struct hostile_vm *m, uint64_t seed)
{
	struct pest pest = {
		.ops = ops, .m = m, .random = ~seed, .mutex = PTHREAD_MUTEX_INITIALIZER};
	const char *wrong = NULL;
	pthread_t thread;

	if (pthread_create(&thread, NULL, pest_main, &pest))
		return "no thread";
	for (int i = 0; i < LIVES && !wrong; i++) {
		pthread_mutex_lock(&pest.mutex);
		mprotect(m->memory, HOSTILE_SIZE, PROT_READ | PROT_WRITE);
		hostile_fill(m->memory, &seed);
		pthread_mutex_unlock(&pest.mutex);
		registers_set(ops, m);
		if (m->error)
			wrong = "the first registers are refused";
		else
			wrong = live(ops, m, &seed);
	}
	atomic_store(&pest.stop, true);
	pthread_join(thread, NULL);
	return wrong;
}

/* --- the neighbour --- */

/* A guest that counts: to a number known before. */
static bool neighbour_counts(const struct vm_ops *ops, struct hostile_vm *m)
{
	struct vm_exit x = {0};
	int r = 0;

	hostile_fill_counter(m->memory);
	registers_set(ops, m);
	for (int i = 0; i < 1000 && !r && !m->error; i++) {
		r = ops->vcpu_run(m->vcpu, &x);
		if (x.reason == VM_EXIT_IO_OUT)
			return x.io.value == HOSTILE_COUNT;
	}
	return false;
}

static long module_pages(void)
{
	FILE *f = fopen("/sys/kernel/debug/sandbox-vmx/pages", "r");
	long n = -1;

	if (f && fscanf(f, "%ld", &n) != 1)
		n = -1;
	if (f)
		fclose(f);
	return n;
}

/* --- main --- */

static const char *one_round(
	const struct vm_ops *ops, struct hostile_vm *neighbour, uint64_t seed, struct hostile_vm *m)
{
	int r = vm_make(ops, m);
	const char *wrong = r ? "no VM" : hostile_run(ops, m, seed);

	m->error = r ? r : m->error;
	vm_end(ops, m);
	if (!wrong && !neighbour_counts(ops, neighbour))
		wrong = "another VM did not compute what it should";
	return wrong;
}

static const struct vm_ops *backend(const char *name)
{
	static const struct vm_ops *const all[] = {HOSTILE_BACKENDS};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	fprintf(stderr, "hostile: no backend %s\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	const struct vm_ops *ops = backend(argc > 1 ? argv[1] : "kvm");
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	unsigned long rounds = argc > 3 ? strtoul(argv[3], NULL, 0) : 20, failed = 0;
	uint64_t exits[VM_EXIT_REASONS] = {0};
	struct hostile_vm neighbour, m;
	long before = module_pages(), after;

	if (vm_make(ops, &neighbour)) {
		fprintf(stderr, "hostile: no VM can be made\n");
		return 2;
	}
	for (unsigned long i = 0; i < rounds; i++) {
		const char *wrong = one_round(ops, &neighbour, seed + i, &m);

		for (int k = 0; k < VM_EXIT_REASONS; k++)
			exits[k] += m.exits[k];
		if (wrong)
			printf("seed %llu: %s (error %d, code %llx)\n",
				(unsigned long long)(seed + i), wrong, m.error,
				(unsigned long long)m.code);
		failed += wrong != NULL;
	}
	vm_end(ops, &neighbour);
	for (int k = 0; k < VM_EXIT_REASONS; k++)
		printf("%s %llu%s", vm_exit_name((enum vm_exit_reason)k),
			(unsigned long long)exits[k], k + 1 < VM_EXIT_REASONS ? ", " : "\n");
	after = module_pages();
	if (after != before) {
		printf("the module held %ld pages before, and holds %ld now\n", before, after);
		failed++;
		rounds++;
	}
	printf("%lu passed, %lu failed\n", rounds - failed, failed);
	return failed != 0;
}
