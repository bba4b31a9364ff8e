/* SPDX-License-Identifier: Apache-2.0
 * The filter, live: a trapped process tries every system call by every way into the kernel, and
 * nothing comes of it.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include "tests/security/boundary/boundary.h"
#include "tests/security/boundary/calls.h"
#include "tests/security/boundary/points.h"
#include "tests/security/boundary/policy.h"
#include "tests/security/boundary/witness.h"
#include "vmm/process/process_internal.h"

#define NUMBERS 1024u

/* Should a call be made after all, it must be seen but not hurt the machine that tests: no process
 * number but 0, no signal but HUP, no flag of reboot(2). */
static const uint64_t hostile[][6] = {
	{0, 0, 0, 0, 0, 0},
	{~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull},
	{0, 1, 2, 3, 4, 5},
	{DATA, DATA + 256, DATA + 512, 0, 0, 0},
	{STUB_CTX, 4096, 7, 0, 0, 0},
	{0x30000000, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, ~0ull, 0},
	{STUB_TEXT, STUB_TEXT_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_FIXED, 0,
		0},
};
#define HOSTILE (sizeof(hostile) / sizeof(hostile[0]))

/* The numbers: all that there are and as many that there are not, x32's, negative ones, and with
 * bits above the 32 that count. */
static uint64_t number(unsigned n)
{
	static const uint64_t with[] = {
		0, 0x40000000, 0x80000000, 0xdeadbeef00000000, 0xffffffff00000000};

	if (n < NUMBERS * 5)
		return n % NUMBERS + with[n / NUMBERS];
	return 0ull - (n - NUMBERS * 5) - 1;
}
#define ALL_NUMBERS (NUMBERS * 6)

/* The kernel's own exceptions from all filters (kernel/seccomp.c, since 6.14 and 6.18), for the
 * code that it puts into a process that root traces: uretprobe, uprobe. From anywhere else they do
 * nothing: the one ends in SIGILL, the other gives -ENXIO. Other kernels trap them. */
static bool passes_all_filters(uint64_t nr)
{
	return (uint32_t)nr == 335 || (uint32_t)nr == 336;
}

static bool did_nothing(struct rig *r, const struct call_way *w, const struct call_result *res)
{
	const struct stub_regs *g = process_regs(r->space);

	return res->signo == SIGILL && g->rip == CODE + w->size &&
	       (g->rax == (uint64_t)-ENXIO || g->rax == ~0ull);
}

/* What rt_sigreturn(2) would take: it would go to an instruction that cannot be mistaken, with all
 * signals blocked. */
static void forge_frame(struct rig *r)
{
	ucontext_t uc;

	memset(&uc, 0, sizeof(uc));
	memset(&uc.uc_sigmask, 0xff, 8);
	uc.uc_mcontext.gregs[REG_RIP] = CODE + 0x800;
	uc.uc_mcontext.gregs[REG_RSP] = DATA + 4096;
	uc.uc_mcontext.gregs[REG_EFL] = 0x202;
	uc.uc_mcontext.gregs[REG_CSGSFS] = 0x33;
	memcpy(r->ram + 4096 + 0x800, "\x0f\x0b", 2);
	/* as x86-64 and x32 find it, and before a return address was popped */
	memcpy(r->ram + 2048, &uc, sizeof(uc));
	memcpy(r->ram + 2048 - 8 - sizeof(uc), &uc, sizeof(uc));
}

/* Both processes that a call could have done something to. */
struct before {
	struct witness stub, zygote;
};

static struct before *look(struct rig *r)
{
	static const uint64_t none[6];
	struct before *b = calloc(1, sizeof(*b));

	/* a new process has its filter when it has run */
	assert_int_equal(call_by_way(r, &call_ways[0], 0, none).end, CALL_TRAPPED);
	witness_take(&b->stub, witness_pid(r->space->pidfd));
	witness_take(&b->zygote, r->vm->zygote_pid);
	assert_non_null(strstr(b->stub.text, "Seccomp:\t2"));
	return b;
}

static void same(const char *who, const struct witness *before, const struct witness *now)
{
	const char *line = witness_difference(before, now);

	if (line)
		fail_msg("%s is not as before: %.*s", who, (int)strcspn(line, "\n"), line);
}

static void nothing_changed(struct rig *r, struct before *b, bool same_process)
{
	struct before *now = look(r);

	if (same_process)
		same("the process", &b->stub, &now->stub);
	same("the zygote", &b->zygote, &now->zygote);
	free(now);
	free(b);
}

/* -- the program's own instructions -- */

struct count {
	unsigned tried, trapped, signalled, died;
};

static void count(struct count *c, const struct call_result *res)
{
	c->tried++;
	c->trapped += res->end == CALL_TRAPPED;
	c->signalled += res->end == CALL_SIGNAL;
	c->died += res->end == CALL_DIED;
}

static void say(const char *what, const struct count *c)
{
	print_message("%-30s %7u tried: %u trapped, %u other signals, %u deaths\n", what, c->tried,
		c->trapped, c->signalled, c->died);
}

static bool as_it_should(
	struct rig *r, const struct call_way *w, uint64_t nr, const struct call_result *res)
{
	if (res->end == CALL_TRAPPED)
		return res->arch == w->arch;
	if (w->arch == AUDIT_ARCH_X86_64 && !w->at && passes_all_filters(nr))
		return did_nothing(r, w, res);
	return res->end != CALL_PASSED && !w->must_trap;
}

static void try_way(struct rig *r, const struct call_way *w)
{
	struct before *b = look(r);
	struct count c = {0};

	/* the vsyscall page does not look at the number */
	for (unsigned n = 0; n < (w->at ? 64 : ALL_NUMBERS); n++) {
		for (size_t h = 0; h < HOSTILE; h++) {
			struct call_result res;

			forge_frame(r);
			res = call_by_way(r, w, number(n), hostile[h]);
			if (!as_it_should(r, w, number(n), &res))
				fail_msg("%s: number %#lx, arguments %zu: end %d, signal %d",
					w->name, number(n), h, res.end, res.signo);
			count(&c, &res);
		}
	}
	say(w->name, &c);
	nothing_changed(r, b, !c.died);
}

static void no_way_of_the_program_leads_into_the_kernel(void **state)
{
	for (size_t i = 0; i < call_ways_count; i++)
		try_way(*state, &call_ways[i]);
}

/* -- the stub's instructions -- */

/* What the filter, or the kernel in spite of it, lets through: what the stub then does with the
 * answer is no call. */
static bool is_allowed(struct rig *r, uint64_t site, uint64_t nr, const uint64_t args[6])
{
	struct seccomp_data d = {(int)nr, AUDIT_ARCH_X86_64, site + 2, {0}};

	memcpy(d.args, args, sizeof(d.args));
	return passes_all_filters(nr) || policy_allows(&d, r->caps.fsgsbase);
}

static void must_trap(
	struct rig *r, struct count *c, uint64_t site, uint64_t nr, const uint64_t args[6])
{
	struct call_result res = call_by_site(r, site, nr, args);

	if (res.end != CALL_TRAPPED || res.arch != AUDIT_ARCH_X86_64)
		fail_msg("stub's instruction at %#lx: number %#lx, %#lx %#lx %#lx %#lx %#lx %#lx: "
			 "end %d, signal %d",
			site, nr, args[0], args[1], args[2], args[3], args[4], args[5], res.end,
			res.signo);
	count(c, &res);
}

static void the_stubs_instructions_are_no_help(void **state)
{
	struct rig *r = *state;
	uint64_t site[CALL_SITES_MAX];
	size_t n = call_sites(site);
	struct before *b = look(r);
	struct count c = {0};

	assert_in_range(n, 5, CALL_SITES_MAX);
	forge_frame(r);
	for (size_t i = 0; i < n; i++)
		for (unsigned nr = 0; nr < ALL_NUMBERS; nr++) {
			size_t h = (nr + i) % HOSTILE;

			if (!is_allowed(r, site[i], number(nr), hostile[h]))
				must_trap(r, &c, site[i], number(nr), hostile[h]);
		}
	say("the stub's instructions", &c);
	nothing_changed(r, b, true);
}

/* The calls that are allowed, with one argument elsewhere than allowed. */
static void nothing_just_outside_the_policy_passes(void **state)
{
	struct rig *r = *state;
	uint64_t site[CALL_SITES_MAX];
	size_t n = call_sites(site), at = 0;
	struct before *b = look(r);
	struct count c = {0};

	for (size_t i = 0; i < POINTS_ALLOWED; i++) {
		for (unsigned field = POINT_ARG; field < POINT_FIELDS; field++) {
			for (unsigned v = 0; v < POINT_BORDERS; v++) {
				struct seccomp_data d = points_allowed[i];
				uint64_t args[6];

				point_set(&d, field, point_border(v));
				memcpy(args, d.args, sizeof(args));
				at = (at + 1) % n;
				if (!is_allowed(r, site[at], (uint64_t)d.nr, args))
					must_trap(r, &c, site[at], (uint64_t)d.nr, args);
			}
		}
	}
	say("just outside the policy", &c);
	assert_true(c.tried > 2000);
	nothing_changed(r, b, true);
}

/* The other side of the proof: what is allowed does reach the kernel, so these tests would see it.
 * mprotect of nothing gives -ENOMEM, and the stub goes on in its own code until that goes wrong. */
static void an_allowed_call_is_told_from_a_trapped_one(void **state)
{
	static const uint64_t args[6] = {0x30000000, 4096, PROT_READ, 0, 0, 0};
	struct rig *r = *state;
	uint64_t site[CALL_SITES_MAX];

	assert_true(call_sites(site) > 0);
	assert_true(is_allowed(r, site[0], SYS_mprotect, args));
	assert_int_not_equal(call_by_site(r, site[0], SYS_mprotect, args).end, CALL_TRAPPED);
}

#define TEST(f)		cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)
#define TEST_NO_FSGS(f) cmocka_unit_test_setup_teardown(f, rig_setup_no_fsgsbase, rig_teardown)

const struct CMUnitTest call_tests[] = {
	TEST(an_allowed_call_is_told_from_a_trapped_one),
	TEST(no_way_of_the_program_leads_into_the_kernel),
	TEST(the_stubs_instructions_are_no_help),
	TEST(nothing_just_outside_the_policy_passes),
	TEST_NO_FSGS(nothing_just_outside_the_policy_passes),
};
const size_t call_tests_count = sizeof(call_tests) / sizeof(call_tests[0]);
