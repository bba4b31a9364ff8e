/* SPDX-License-Identifier: Apache-2.0
 * Where the host keeps a shadow of our page tables (a CPU without EPT), it need not watch every
 * write to them: what an address space lost is gathered here, and told in one call before user code
 * runs again. Ring 0 itself never uses the user half. What was added is found by the next fault.
 */
#include "home/guest/guest_internal.h"

static u64 call(u64 number, u64 a, u64 b)
{
	u64 result;

	__asm__ volatile("vmcall" : "=a"(result) : "a"(number), "b"(a), "c"(b) : "memory");
	return result;
}

void guest_announce_begin(void)
{
	guest_home.announcements.on = call(BOOT_CALL_ANNOUNCE_MODE, 1, 0) == 0;
}

void guest_announce_flush(void)
{
	struct guest_announcements *a = &guest_home.announcements;

	if (__builtin_expect(!a->n, true))
		return;
	call(BOOT_CALL_ANNOUNCE, (u64)a->list - BOOT_IMAGE_VA, a->n);
	a->n = 0;
}

static void add(u64 root, u64 va, u64 pages)
{
	struct guest_announcements *a = &guest_home.announcements;

	if (a->n == BOOT_ANNOUNCE_MAX)
		guest_announce_flush();
	a->list[a->n++] = (struct boot_announcement){root, va, pages};
}

bool guest_announce(u64 root, u64 va, u64 pages)
{
	if (__builtin_expect(!guest_home.announcements.on, true))
		return false;
	add(root, va, pages);
	return true;
}

void guest_announce_root_gone(u64 root)
{
	if (guest_home.announcements.on)
		add(root, 0, BOOT_ANNOUNCE_ROOT_GONE);
}
