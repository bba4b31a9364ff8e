/* SPDX-License-Identifier: Apache-2.0
 * What the system says of itself, and random bytes (uname(2), sysinfo(2), getrandom(2)).
 */
#include <asm/errno.h>
#include <linux/random.h>
#include <linux/sysinfo.h>

#include "core/random.h"
#include "core/task.h"
#include "mm/mm.h"
#include "sys/sys.h"

#define UTS_LEN	    65
#define RW_MAX	    0x7ffff000ull /* MAX_RW_COUNT: what one call moves at most */
#define RANDOM_PART 256

struct user_utsname {
	char sysname[UTS_LEN], nodename[UTS_LEN], release[UTS_LEN], version[UTS_LEN],
		machine[UTS_LEN], domainname[UTS_LEN];
};

static void put_name(char dst[UTS_LEN], const char *src)
{
	memcpy(dst, src, strnlen(src, UTS_LEN - 1));
}

long sys_uname(struct task *t, const u64 *a)
{
	const struct boot_block *b = kern->boot;
	struct user_utsname u;

	memset(&u, 0, sizeof(u));
	put_name(u.sysname, "Linux");
	put_name(u.nodename, kern->hostname);
	put_name(u.release, (const char *)b + b->os_release);
	put_name(u.version, (const char *)b + b->os_version);
	put_name(u.machine, "x86_64");
	put_name(u.domainname, kern->domainname);
	return copy_to_user(a[0], &u, sizeof(u));
}

static long set_uts(struct task *t, char dst[UTS_LEN], u64 uname, s32 len)
{
	char name[UTS_LEN] = {0};

	if (!cred_has(&t->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len >= UTS_LEN)
		return -EINVAL;
	if (copy_from_user(name, uname, (size_t)len))
		return -EFAULT;
	memcpy(dst, name, UTS_LEN);
	return 0;
}

long sys_sethostname(struct task *t, const u64 *a)
{
	return set_uts(t, kern->hostname, a[0], (s32)a[1]);
}

long sys_setdomainname(struct task *t, const u64 *a)
{
	return set_uts(t, kern->domainname, a[0], (s32)a[1]);
}

long sys_sysinfo(struct task *t, const u64 *a)
{
	struct sysinfo si;
	u16 running = 0;

	list_for_each(pos, &kern->tasks) running++;
	memset(&si, 0, sizeof(si));
	si.uptime = (long)(clock_boot_ns() / NSEC_PER_SEC);
	si.totalram = pages_total() * PAGE_SIZE;
	si.freeram = pages_free_count() * PAGE_SIZE;
	si.procs = running;
	si.mem_unit = 1;
	return copy_to_user(a[0], &si, sizeof(si));
}

long sys_getrandom(struct task *t, const u64 *a)
{
	u64 len = min_u64(a[1], RW_MAX), done = 0;
	u32 flags = (u32)a[2];
	u8 part[RANDOM_PART];

	if (flags & ~(u32)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	if ((flags & (GRND_INSECURE | GRND_RANDOM)) == (GRND_INSECURE | GRND_RANDOM))
		return -EINVAL;
	while (done < len) {
		u64 n = min_u64(len - done, sizeof(part));

		random_bytes(part, n);
		if (copy_to_user(a[0] + done, part, n)) {
			memset(part, 0, sizeof(part));
			return done ? (long)done : -EFAULT;
		}
		done += n;
		/* a long request can be interrupted and shares the processor (random.c) */
		if (done % PAGE_SIZE == 0 && done < len) {
			if (signal_pending(t))
				break;
			if (sched_must_yield(t))
				sched_yield_current();
		}
	}
	memset(part, 0, sizeof(part));
	return (long)done;
}
