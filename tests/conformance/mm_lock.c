/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is kept: mlock and its kin, what /proc says of it, and what it refuses. */
#include "behave.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define PAGE 4096ul

static long locked_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kib = -1;

	MUST(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmLck: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

static char *pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p != MAP_FAILED);
	return p;
}

static void counted(void)
{
	char *p = pages(8);

	R(mlock(p + 100, PAGE));
	V(locked_kib());
	R(mlock(p, 4 * PAGE));
	V(locked_kib());
	R(munlock(p + PAGE, PAGE));
	V(locked_kib());
	R(munmap(p, PAGE));
	V(locked_kib());
	R(munlock(p + PAGE, 7 * PAGE));
	V(locked_kib());
}

static void on_fault(void)
{
	char *p = pages(4);
	unsigned char there[4] = {0};

	R(syscall(SYS_mlock2, p, 4 * PAGE, 1));
	V(locked_kib());
	R(mincore(p, 4 * PAGE, there));
	V(there[0] + there[1] + there[2] + there[3]);
	R(syscall(SYS_mlock2, p, 4 * PAGE, 0));
	R(mincore(p, 4 * PAGE, there));
	V(there[0] + there[1] + there[2] + there[3]);
	R(syscall(SYS_mlock2, p, PAGE, 2));
}

static void not_all_there(void)
{
	char *p = pages(3);

	R(munmap(p + PAGE, PAGE));
	R(mlock(p, 3 * PAGE));
	R(munlock(p, 3 * PAGE));
	R(mprotect(p, PAGE, PROT_NONE));
	R(mlock(p, PAGE));
	R(mlock(p, 0));
	R(mlock((void *)-PAGE, 2 * PAGE));
}

static void all_of_it(void)
{
	char *before = pages(4), *after;
	unsigned char there[4] = {0};

	R(mlockall(0));
	R(mlockall(8));
	R(mlockall(MCL_ONFAULT));
	R(mlockall(MCL_CURRENT));
	T(locked_kib() >= 16);
	R(mincore(before, 4 * PAGE, there));
	V(there[0] + there[1] + there[2] + there[3]);
	R(munlockall());
	V(locked_kib());
	R(mlockall(MCL_FUTURE));
	V(locked_kib());
	after = pages(4);
	V(locked_kib());
	R(mincore(after, 4 * PAGE, there));
	V(there[0] + there[1] + there[2] + there[3]);
	R(munlockall());
	V(locked_kib());
	pages(1);
	V(locked_kib());
}

static void not_for_children(void)
{
	char *p = pages(2);

	R(mlock(p, 2 * PAGE));
	pid_t pid = fork();

	MUST(pid >= 0);
	if (!pid) {
		V(locked_kib());
		_exit(0);
	}
	reap("child", pid);
	V(locked_kib());
}

static void user_with_limit(void)
{
	const struct rlimit some = {2 * PAGE, 2 * PAGE}, none = {0, 0};
	char *p = pages(4);

	MUST(setrlimit(RLIMIT_MEMLOCK, &some) == 0);
	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(mlock(p, 2 * PAGE));
	R(mlock(p, PAGE));
	R(mlock(p + 2 * PAGE, PAGE));
	R(mlockall(MCL_CURRENT));
	P(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
	R(munlock(p, 2 * PAGE));
	MUST(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
	R(mlock(p, PAGE));
	R(mlockall(MCL_FUTURE));
	P(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0));
}

static void limited(void)
{
	in_child("user", user_with_limit);
}

static void advice_on_locked(void)
{
	char *p = pages(2);

	p[0] = 1;
	R(mlock(p, PAGE));
	R(madvise(p, 2 * PAGE, MADV_DONTNEED));
	R(madvise(p, PAGE, MADV_FREE));
	V(p[0]);
	R(madvise(p, 2 * PAGE, 24)); /* MADV_DONTNEED_LOCKED */
	V(p[0]);
}

static void holes_by_advice(void)
{
	int fd = (int)syscall(SYS_memfd_create, "holes", 0);
	char *shared, *private;

	MUST(fd >= 0 && ftruncate(fd, 3 * PAGE) == 0);
	shared = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	private = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	MUST(shared != MAP_FAILED && private != MAP_FAILED);
	memset(shared, 'x', 3 * PAGE);
	R(madvise(shared + PAGE, PAGE, MADV_REMOVE));
	V(shared[0]);
	V(shared[PAGE]);
	V(private[PAGE]);
	R(madvise(private, PAGE, MADV_REMOVE));
	R(madvise(pages(1), PAGE, MADV_REMOVE));
	R(mlock(shared, PAGE));
	R(madvise(shared, PAGE, MADV_REMOVE));
}

const struct behaviour behaviours[] = {BEHAVIOUR(counted), BEHAVIOUR(on_fault),
	BEHAVIOUR(not_all_there), BEHAVIOUR(all_of_it), BEHAVIOUR(not_for_children),
	BEHAVIOUR(limited), BEHAVIOUR(advice_on_locked), BEHAVIOUR(holes_by_advice), {0}};
