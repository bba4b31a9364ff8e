/* SPDX-License-Identifier: Apache-2.0
 * Gives programs the vDSO: the clock page, then the image, whose frames all programs share.
 */
#include "core/exec_internal.h"
#include "mm/mm_internal.h"

extern const u8 vdso_image[], vdso_image_end[] __attribute__((visibility("hidden")));

/* The image in the launcher or in the shim is not RAM that can be mapped: copy it once. */
static bool vdso_load(struct mm_state *s)
{
	u64 size = (u64)vdso_image_end - (u64)vdso_image, done = 0;

	if (s->vdso_npages)
		return true;
	if (size > sizeof(s->vdso_frames) / sizeof(s->vdso_frames[0]) * PAGE_SIZE)
		return false;
	for (u32 i = 0; done < size; i++, done += PAGE_SIZE) {
		if (!s->vdso_frames[i]) /* not left from a try that ran out of memory */
			s->vdso_frames[i] = page_alloc_user();
		if (!s->vdso_frames[i])
			return false;
		memcpy(phys_ptr(s->vdso_frames[i]), vdso_image + done,
			min_u64(PAGE_SIZE, size - done));
	}
	s->vdso_npages = (u32)(done >> PAGE_SHIFT);
	return true;
}

u64 vdso_map(struct mm *mm)
{
	struct mm_state *s = mm_state();
	u64 clock = kern->boot->vclock_gpa;
	s64 at;

	if (!clock || !vdso_load(s))
		return 0;
	at = mm_find_space(mm, 0, (s->vdso_npages + 1) * PAGE_SIZE, 0);
	if (at < 0)
		return 0;
	at = mm_map_special(mm, (u64)at, &clock, 1, PROT_READ, "[vvar]");
	if (at < 0)
		return 0;
	at = mm_map_special(mm, (u64)at + PAGE_SIZE, s->vdso_frames, s->vdso_npages,
		PROT_READ | PROT_EXEC, "[vdso]");
	return at < 0 ? 0 : (u64)at;
}
