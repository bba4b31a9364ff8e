/* SPDX-License-Identifier: Apache-2.0 */
/* What a program asks the processor and the vDSO without a system call. */
#include "behave.h"

#include <cpuid.h>
#include <elf.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

/* -- the vDSO, looked up as a C library does -- */

struct vdso {
	const char *base, *strings;
	const Elf64_Sym *symbols;
	const Elf64_Versym *versions;
	const Elf64_Verdef *verdef;
	size_t count;
};

static const void *at(const struct vdso *v, uint64_t address)
{
	return v->base + address;
}

static void take_dynamic(struct vdso *v, const Elf64_Dyn *d)
{
	for (; d->d_tag != DT_NULL; d++) {
		switch (d->d_tag) {
		case DT_STRTAB:
			v->strings = at(v, d->d_un.d_ptr);
			break;
		case DT_SYMTAB:
			v->symbols = at(v, d->d_un.d_ptr);
			break;
		case DT_HASH:
			v->count = ((const uint32_t *)at(v, d->d_un.d_ptr))[1];
			break;
		case DT_VERSYM:
			v->versions = at(v, d->d_un.d_ptr);
			break;
		case DT_VERDEF:
			v->verdef = at(v, d->d_un.d_ptr);
			break;
		default:
			break;
		}
	}
}

static struct vdso find_vdso(void)
{
	struct vdso v = {.base = (const char *)getauxval(AT_SYSINFO_EHDR)};
	const Elf64_Ehdr *eh = (const Elf64_Ehdr *)v.base;
	const Elf64_Phdr *ph;

	MUST(eh);
	ph = at(&v, eh->e_phoff);
	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_DYNAMIC)
			take_dynamic(&v, at(&v, ph[i].p_offset));
	MUST(v.strings && v.symbols && v.count);
	return v;
}

static void *vdso_function(const struct vdso *v, const char *name)
{
	for (size_t i = 0; i < v->count; i++) {
		const Elf64_Sym *s = &v->symbols[i];

		if (s->st_shndx != SHN_UNDEF && strcmp(v->strings + s->st_name, name) == 0)
			return (void *)(uintptr_t)(v->base + s->st_value);
	}
	return NULL;
}

static void vdso_has_a_symbol_table(void)
{
	struct vdso v = find_vdso();
	const Elf64_Verdef *d = v.verdef;
	bool found = false;

	T(v.versions && v.verdef);
	for (; d; d = d->vd_next ? (const Elf64_Verdef *)((const char *)d + d->vd_next) : NULL) {
		const Elf64_Verdaux *a = (const Elf64_Verdaux *)((const char *)d + d->vd_aux);
		found |= strcmp(v.strings + a->vda_name, "LINUX_2.6") == 0;
	}
	T(found);
}

static void vdso_has_the_usual_functions(void)
{
	static const char *const names[] = {"__vdso_clock_gettime", "__vdso_gettimeofday",
		"__vdso_time", "__vdso_clock_getres", "__vdso_getcpu", "clock_gettime",
		"gettimeofday", "time", "clock_getres", "getcpu"};
	struct vdso v = find_vdso();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		say("%s: %s", names[i], vdso_function(&v, names[i]) ? "there" : "missing");
}

static void vdso_functions_work(void)
{
	struct vdso v = find_vdso();
	int (*gettime)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))(
		uintptr_t)vdso_function(&v, "__vdso_clock_gettime");
	int (*getres)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))(
		uintptr_t)vdso_function(&v, "__vdso_clock_getres");
	int (*day)(struct timeval *, void *) = (int (*)(struct timeval *, void *))(
		uintptr_t)vdso_function(&v, "__vdso_gettimeofday");
	time_t (*seconds)(time_t *) =
		(time_t(*)(time_t *))(uintptr_t)vdso_function(&v, "__vdso_time");
	int (*cpu)(unsigned *, unsigned *, void *) = (int (*)(unsigned *, unsigned *, void *))(
		uintptr_t)vdso_function(&v, "__vdso_getcpu");
	struct timespec t = {-1, -1}, resolution = {-1, -1}, sys;
	struct timeval tv = {-1, -1};
	unsigned number = 99999, node = 99999;

	MUST(gettime && getres && day && seconds && cpu);
	V(gettime(CLOCK_MONOTONIC, &t));
	MUST(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &sys) == 0);
	T(sys.tv_sec - t.tv_sec >= 0 && sys.tv_sec - t.tv_sec <= 2);
	V(gettime(12345, &t));
	V(getres(CLOCK_MONOTONIC, &resolution));
	V(resolution.tv_sec);
	V(day(&tv, NULL));
	T(tv.tv_usec >= 0 && tv.tv_usec < 1000000);
	T(llabs((long long)seconds(NULL) - (long long)tv.tv_sec) <= 1);
	V(cpu(&number, &node, NULL));
	T(number < (unsigned)sysconf(_SC_NPROCESSORS_CONF));
	V(node);
}

static void in_a_child(void)
{
	vdso_functions_work();
}

static void *in_a_thread(void *unused)
{
	vdso_functions_work();
	return unused;
}

static void vdso_functions_work_in_children_and_threads(void)
{
	pthread_t t;

	in_child("child", in_a_child);
	MUST(pthread_create(&t, NULL, in_a_thread, NULL) == 0);
	MUST(pthread_join(t, NULL) == 0);
}

/* -- the time stamp counter -- */

static uint64_t rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence\n\trdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static void time_stamps_never_run_backwards(void)
{
	uint64_t last = rdtsc(), next;
	int wrong = 0;

	for (int i = 0; i < 200000; i++, last = next) {
		next = rdtsc();
		wrong += next < last;
	}
	V(wrong);
}

/* Both clocks at one time: read again when something came in between. */
struct moment {
	int64_t ns;
	uint64_t stamp;
};

static struct moment this_moment(void)
{
	for (int i = 0; i < 100000; i++) {
		struct moment m = {.ns = now_ns(CLOCK_MONOTONIC), .stamp = rdtsc()};

		if (now_ns(CLOCK_MONOTONIC) - m.ns < 100000)
			return m;
	}
	say("the clocks are never read at once");
	exit(99);
}

static uint64_t khz_since(struct moment from)
{
	struct moment now = this_moment();

	return (now.stamp - from.stamp) * 1000000 / (uint64_t)(now.ns - from.ns);
}

static void time_stamps_follow_the_clock(void)
{
	struct moment start = this_moment();
	uint64_t computing, asleep;

	while (now_ns(CLOCK_MONOTONIC) - start.ns < 50000000)
		;
	computing = khz_since(start);
	start = this_moment();
	sleep_ms(50);
	asleep = khz_since(start);
	T(computing > 100000);
	T(asleep > computing / 100 * 98 && asleep < computing / 100 * 102);
}

static void rdtscp_reads_the_same_counter(void)
{
	unsigned a, b, c, d, lo, hi, aux;
	uint64_t before = rdtsc(), between;

	if (!__get_cpuid(0x80000001, &a, &b, &c, &d) || !(d & 1u << 27)) {
		say("no rdtscp");
		return;
	}
	__asm__ volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux)::"memory");
	between = (uint64_t)hi << 32 | lo;
	T(before <= between && between <= rdtsc());
}

static void reading_the_counter_is_allowed(void)
{
	int mode = -1;

	R(prctl(PR_GET_TSC, &mode));
	V(mode);
	R(prctl(PR_SET_TSC, PR_TSC_ENABLE));
	R(prctl(PR_SET_TSC, 77));
}

/* -- CPUID -- */

static void cpuid_answers_and_names_a_vendor(void)
{
	unsigned a, b, c, d;
	char vendor[13] = "";

	__cpuid(0, a, b, c, d);
	memcpy(vendor, &b, 4);
	memcpy(vendor + 4, &d, 4);
	memcpy(vendor + 8, &c, 4);
	S(vendor);
	T(a >= 7);
	__cpuid(1, a, b, c, d);
	T(d & bit_SSE2);
	/* what a program may use of it works: it would be SIGILL else */
	if ((c & bit_OSXSAVE)) {
		unsigned lo, hi;
		__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
		T(lo & 1);
	}
}

const struct behaviour behaviours[] = {BEHAVIOUR(vdso_has_a_symbol_table),
	BEHAVIOUR(vdso_has_the_usual_functions), BEHAVIOUR(vdso_functions_work),
	BEHAVIOUR(vdso_functions_work_in_children_and_threads),
	BEHAVIOUR(time_stamps_never_run_backwards), BEHAVIOUR(time_stamps_follow_the_clock),
	BEHAVIOUR(rdtscp_reads_the_same_counter), BEHAVIOUR(reading_the_counter_is_allowed),
	BEHAVIOUR(cpuid_answers_and_names_a_vendor), {0}};
