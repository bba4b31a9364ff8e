/* SPDX-License-Identifier: Apache-2.0
 * The frames of a user stack, by frame pointers: as home/host/sample_stack.c has it, from outside.
 *
 * The stack is whatever the program made it, and the tables whatever the guest did. Each step goes
 * up, to an aligned place in RAM, and must lead to a page that is executable; there are at most
 * SAMPLES_FRAMES of them.
 */
#include <sys/mman.h>

#include "kernel-shim/abi/boot.h"
#include "runtime/sample/sample_internal.h"

#define NEAR_MAX 16u

static struct samples_frame frame_of(struct sampler *s, const struct sample_task *t, uint64_t ip)
{
	struct samples_frame f = {.value = ip, .file = SAMPLES_NOWHERE};
	struct sample_vma v;

	if (!sample_vma(s, t, ip, &v) || !(v.prot & PROT_EXEC))
		return f;
	if (v.file) {
		f.file = sample_inner_file(s, v.file);
		if (f.file != SAMPLES_NOWHERE)
			f.value = ip - v.start + v.offset;
	} else if (t->vdso && v.start == t->vdso) {
		f.file = SAMPLES_VDSO;
		f.value = ip - v.start;
	} else {
		f.file = SAMPLES_ANONYMOUS;
	}
	return f;
}

/* What may be the caller of a function that has made no frame. */
static uint32_t near_words(struct sampler *s, const struct sample_task *t, uint64_t rsp,
	struct samples_frame out[NEAR_MAX])
{
	uint64_t word;
	uint32_t n = 0;

	for (uint32_t i = 0; i < SAMPLES_WORDS && n < NEAR_MAX; i++) {
		if (!sample_user_word(s, t->pgd, rsp + 8ull * i, &word))
			break;
		if (!word || !sample_is_code(s, t->pgd, word - 1))
			continue;
		out[n] = frame_of(s, t, word - 1);
		out[n++].slot = i + 1;
	}
	return n;
}

uint32_t sample_frames(struct sampler *s, const struct sample_task *t, const struct sampler_at *at,
	struct samples_frame out[SAMPLES_FRAMES])
{
	uint64_t frame = at->rbp, next, back;
	uint32_t n = 0;

	out[n++] = frame_of(s, t, at->rip);
	n += near_words(s, t, at->rsp, out + n);
	while (n < SAMPLES_FRAMES && sample_user_word(s, t->pgd, frame, &next) &&
		sample_user_word(s, t->pgd, frame + 8, &back)) {
		/* of the call: what follows it may be another function */
		if (!back || !sample_is_code(s, t->pgd, back - 1))
			break;
		out[n++] = frame_of(s, t, back - 1);
		if (next <= frame)
			break;
		frame = next;
	}
	return n;
}
