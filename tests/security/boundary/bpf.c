/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

#include "tests/security/boundary/bpf.h"

static bool load(uint32_t *a, uint32_t offset, const struct seccomp_data *d)
{
	if (offset % 4 || offset > sizeof(*d) - 4)
		return false;
	memcpy(a, (const uint8_t *)d + offset, 4);
	return true;
}

/* 1: the jump's test holds, 0: not, -1: no such test. */
static int test(uint16_t code, uint32_t a, uint32_t k)
{
	switch (code) {
	case BPF_JMP | BPF_JEQ | BPF_K:
		return a == k;
	case BPF_JMP | BPF_JGT | BPF_K:
		return a > k;
	case BPF_JMP | BPF_JGE | BPF_K:
		return a >= k;
	case BPF_JMP | BPF_JSET | BPF_K:
		return (a & k) != 0;
	default:
		return -1;
	}
}

uint32_t bpf_run(const struct sock_filter *f, uint32_t n, const struct seccomp_data *d)
{
	uint32_t a = 0;

	for (uint32_t pc = 0; pc < n; pc++) {
		int holds;

		switch (f[pc].code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (!load(&a, f[pc].k, d))
				return BPF_NO_ANSWER;
			break;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f[pc].k;
			break;
		case BPF_RET | BPF_K:
			return f[pc].k;
		default:
			holds = test(f[pc].code, a, f[pc].k);
			if (holds < 0)
				return BPF_NO_ANSWER;
			pc += holds ? f[pc].jt : f[pc].jf;
		}
	}
	return BPF_NO_ANSWER;
}
