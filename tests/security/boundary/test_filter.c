/* SPDX-License-Identifier: Apache-2.0
 * The filter's program against a second statement of the policy, without a kernel: every field at
 * every border, pairs of fields, and at random. That the comparison would notice a fault is tested
 * by putting one into every instruction.
 */
#include <string.h>

#include "tests/security/boundary/boundary.h"
#include "tests/security/boundary/bpf.h"
#include "tests/security/boundary/points.h"
#include "tests/security/boundary/policy.h"
#include "vmm/process/process_internal.h"

struct subject {
	const struct sock_filter *f;
	uint32_t n;
	bool fsgsbase;
	struct seccomp_data wrong; /* where the two differ */
};

static bool agrees(struct subject *s, const struct seccomp_data *d)
{
	uint32_t want = policy_allows(d, s->fsgsbase) ? SECCOMP_RET_ALLOW : SECCOMP_RET_TRAP;

	if (bpf_run(s->f, s->n, d) == want)
		return true;
	s->wrong = *d;
	return false;
}

/* One field of an allowed point at every border, and with every bit turned. */
static bool one_field(struct subject *s, const struct seccomp_data *from, unsigned field)
{
	struct seccomp_data d = *from;

	for (unsigned i = 0; i < POINT_BORDERS; i++) {
		point_set(&d, field, point_border(i));
		if (!agrees(s, &d))
			return false;
	}
	for (unsigned bit = 0; bit < 64; bit++) {
		point_set(&d, field, point_get(from, field) ^ 1ull << bit);
		if (!agrees(s, &d))
			return false;
	}
	return true;
}

static bool single_fields(struct subject *s)
{
	for (size_t i = 0; i < POINTS_ALLOWED; i++)
		for (unsigned field = 0; field < POINT_FIELDS; field++)
			if (!agrees(s, &points_allowed[i]) ||
				!one_field(s, &points_allowed[i], field))
				return false;
	return true;
}

/* Two fields at once: an allowed point with one field elsewhere, and then the same again. */
static bool pairs(struct subject *s)
{
	for (size_t i = 0; i < POINTS_ALLOWED; i++) {
		for (unsigned field = 0; field < POINT_FIELDS; field++) {
			for (unsigned b = 0; b < POINT_BORDERS; b += POINT_FORMS) {
				struct seccomp_data d = points_allowed[i];

				point_set(&d, field, point_border(b));
				for (unsigned other = field + 1; other < POINT_FIELDS; other++)
					if (!one_field(s, &d, other))
						return false;
			}
		}
	}
	return true;
}

static uint64_t random_value(uint64_t *seed)
{
	uint64_t r = random_next(seed);

	switch (r & 3) {
	case 0:
		return point_border((unsigned)(random_next(seed) % POINT_BORDERS));
	case 1:
		return random_next(seed) >> (r >> 8 & 63);
	case 2:
		return STUB_BASE + (uint64_t)((int64_t)random_next(seed) >> (44 + (r >> 8 & 15)));
	default:
		return r >> 8 & 0xff;
	}
}

static bool at_random(struct subject *s, uint64_t seed, uint32_t times)
{
	while (times--) {
		uint64_t r = random_next(&seed);
		struct seccomp_data d = points_allowed[r % POINTS_ALLOWED];

		for (unsigned field = 0; field < POINT_FIELDS; field++)
			if ((r >> (8 + 2 * field) & 3) == 0)
				point_set(&d, field, random_value(&seed));
		if (!agrees(s, &d))
			return false;
	}
	return true;
}

static void build(struct stub_const *c, bool fsgsbase)
{
	memset(c, 0, sizeof(*c));
	c->fsgsbase = fsgsbase;
	assert_int_equal(process_filter_build(c), 0);
	assert_in_range(c->nfilter, 1, sizeof(c->filter) / sizeof(c->filter[0]));
}

static void say(const struct subject *s)
{
	const struct seccomp_data *d = &s->wrong;

	print_error("nr %d arch %#x ip %#llx args %#llx %#llx %#llx %#llx %#llx %#llx: policy %s\n",
		d->nr, d->arch, d->instruction_pointer, d->args[0], d->args[1], d->args[2],
		d->args[3], d->args[4], d->args[5],
		policy_allows(d, s->fsgsbase) ? "allows" : "traps");
}

static void the_filter_is_the_policy(void **state)
{
	(void)state;
	for (int fsgsbase = 0; fsgsbase < 2; fsgsbase++) {
		struct stub_const c;
		struct subject s;

		build(&c, fsgsbase);
		s = (struct subject){c.filter, c.nfilter, fsgsbase, {0}};
		if (single_fields(&s) && pairs(&s) && at_random(&s, 1, 3000000))
			continue;
		say(&s);
		fail();
	}
}

/* All numbers that there are, and more: only those of the policy pass, from the stub alone. */
static void every_number_is_answered(void **state)
{
	(void)state;
	for (int fsgsbase = 0; fsgsbase < 2; fsgsbase++) {
		struct stub_const c;
		struct subject s;

		build(&c, fsgsbase);
		s = (struct subject){c.filter, c.nfilter, fsgsbase, {0}};
		for (int64_t nr = -4096; nr < 4096; nr++)
			for (uint64_t x32 = 0; x32 < 4; x32++)
				for (size_t i = 0; i < POINTS_ALLOWED; i++) {
					struct seccomp_data d = points_allowed[i];

					d.nr = (int)((uint64_t)nr ^ x32 << 30);
					assert_true(agrees(&s, &d));
				}
	}
}

/* -- would a fault be noticed? -- */

#define MUTATIONS 12

/* Changes an instruction; false: there is no such change of it. */
static bool mutate(struct sock_filter *i, unsigned how)
{
	bool jump = BPF_CLASS(i->code) == BPF_JMP;

	if (BPF_CLASS(i->code) == BPF_RET) {
		i->k = i->k == SECCOMP_RET_ALLOW ? SECCOMP_RET_TRAP : SECCOMP_RET_ALLOW;
		return how == 0;
	}
	if (how < 6) { /* another constant */
		static const uint32_t turn[] = {1, 2, 8, 0x100, 0x10000, 0x80000000};

		i->k ^= turn[how];
		return true;
	}
	if (!jump)
		return false;
	if (how == 6) { /* always the way of a test that holds, or never */
		i->jf = i->jt;
	} else if (how == 7) {
		i->jt = i->jf;
	} else if (how == 8) {
		uint8_t jt = i->jt;

		i->jt = i->jf;
		i->jf = jt;
	} else {
		static const uint16_t ops[] = {BPF_JEQ, BPF_JGT, BPF_JSET};
		uint16_t code = BPF_JMP | BPF_K | ops[how - 9];

		if (i->code == code)
			return false;
		i->code = code;
	}
	return true;
}

static bool noticed(struct subject *s)
{
	return !single_fields(s) || !at_random(s, 1, 100000);
}

static void a_fault_in_any_instruction_is_noticed(void **state)
{
	uint32_t tried = 0, survived = 0;

	(void)state;
	for (int fsgsbase = 0; fsgsbase < 2; fsgsbase++) {
		struct stub_const c;

		build(&c, fsgsbase);
		for (uint32_t at = 0; at < c.nfilter; at++) {
			for (unsigned how = 0; how < MUTATIONS; how++) {
				struct stub_const m = c;
				struct subject s = {m.filter, m.nfilter, fsgsbase, {0}};

				if (!mutate(&m.filter[at], how))
					continue;
				tried++;
				if (noticed(&s))
					continue;
				survived++;
				print_error("instruction %u (code %#x k %#x): change %u\n", at,
					c.filter[at].code, c.filter[at].k, how);
			}
		}
	}
	print_message("%u faults put in\n", tried);
	assert_int_equal(survived, 0);
	assert_true(tried > 500);
}

const struct CMUnitTest filter_tests[] = {
	cmocka_unit_test(the_filter_is_the_policy),
	cmocka_unit_test(every_number_is_answered),
	cmocka_unit_test(a_fault_in_any_instruction_is_noticed),
};
const size_t filter_tests_count = sizeof(filter_tests) / sizeof(filter_tests[0]);
