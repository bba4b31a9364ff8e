/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

static sigjmp_buf escape;
static volatile int caught;

static void on_fault(int signal)
{
	caught = signal;
	siglongjmp(escape, 1);
}

/* "read", "write" or the signal that the access raised. */
static void say_touch(const char *label, volatile char *p, bool write)
{
	caught = 0;
	signal(SIGSEGV, on_fault);
	signal(SIGBUS, on_fault);
	if (sigsetjmp(escape, 1) == 0) {
		if (write)
			*p = 'w';
		else
			(void)*p;
	}
	say("%s: %s", label, caught ? signal_name(caught) : write ? "written" : "read");
}

static char *map(size_t pages, int prot, int flags, int fd, off_t at)
{
	char *p = mmap(NULL, pages * PAGE, prot, flags, fd, at);

	MUST(p != MAP_FAILED);
	return p;
}

static char *anonymous(size_t pages)
{
	return map(pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int file_of_pages(const char *name, int pages)
{
	char page[PAGE];
	int fd = open_file(name, O_RDWR | O_CREAT | O_TRUNC);

	for (int i = 0; i < pages; i++) {
		memset(page, 'a' + i, PAGE);
		MUST(write(fd, page, PAGE) == PAGE);
	}
	return fd;
}

static void mmap_anonymous_is_zero_and_writable(void)
{
	char *p = anonymous(64);
	size_t nonzero = 0;
	for (size_t i = 0; i < 64 * PAGE; i++)
		nonzero += p[i] != 0;
	V(nonzero);
	T((uintptr_t)p % PAGE == 0);
	memset(p, 7, 64 * PAGE);
	V(p[64 * PAGE - 1]);
	R(munmap(p, 64 * PAGE));
	say_touch("after munmap", p, false);
}

static void mmap_refusals(void)
{
	int fd = file_of_pages("a", 1);
	int ro = open_file("a", O_RDONLY), wo = open_file("a", O_WRONLY);
	int p[2];
	MUST(pipe(p) == 0);

	P(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	P(mmap(NULL, PAGE, PROT_READ, MAP_ANONYMOUS, -1, 0));
	P(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, -1, 0));
	P(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 99, 0));
	P(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 100));
	P(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0));
	P(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0));
	P(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, wo, 0));
	P(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[0], 0));
	P(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open_file(".", O_RDONLY), 0));
	P(mmap((void *)1, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	P(mmap(NULL, (size_t)1 << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	P(mmap(NULL, (size_t)-PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

static void mmap_private_file_copies_on_write(void)
{
	int fd = file_of_pages("a", 2);
	char *p = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char c = 0;

	V(p[0]);
	V(p[PAGE]);
	p[0] = 'X';
	R(pread(fd, &c, 1, 0));
	V(c);
	R(pwrite(fd, "Z", 1, PAGE - 1));
	V(p[0]);
	R(munmap(p, 2 * PAGE));
	char *again = map(1, PROT_READ, MAP_PRIVATE, fd, 0);
	V(again[0]);
	V(again[PAGE - 1]);
}

static void mmap_shared_file_is_coherent_with_read_and_write(void)
{
	int fd = file_of_pages("a", 2);
	char *p = map(2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char c = 0;

	p[10] = 'M';
	R(pread(fd, &c, 1, 10));
	V(c);
	R(pwrite(fd, "W", 1, PAGE + 5));
	V(p[PAGE + 5]);
	int other = open_file("a", O_RDWR);
	R(pwrite(other, "O", 1, 20));
	V(p[20]);
	R(msync(p, 2 * PAGE, MS_SYNC));
	R(munmap(p, 2 * PAGE));
	R(pread(fd, &c, 1, 10));
	V(c);
}

static void mmap_shared_file_survives_close_and_unlink(void)
{
	int fd = file_of_pages("a", 1);
	char *p = map(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	R(close(fd));
	V(p[100]);
	p[100] = '!';
	R(unlink("a"));
	V(p[100]);
	p[101] = '?';
	V(p[101]);
}

static void mmap_shared_is_seen_by_second_mapping_and_child(void)
{
	int fd = file_of_pages("a", 1);
	char *p = map(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *q = map(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	T(p != q);
	p[0] = 1;
	V(q[0]);
	pid_t pid = fork();
	if (pid == 0) {
		q[1] = 2;
		_exit(p[0]);
	}
	reap("child", pid);
	V(p[1]);
}

static void mmap_shared_anonymous_is_inherited(void)
{
	volatile int *p =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	MUST(p != MAP_FAILED);
	p[0] = 1;
	pid_t pid = fork();
	if (pid == 0) {
		p[0] += 41;
		_exit(0);
	}
	reap("child", pid);
	V(p[0]);
}

static void mmap_private_anonymous_is_copied_on_fork(void)
{
	volatile int *p = (int *)anonymous(2);
	p[0] = 1;
	pid_t pid = fork();
	if (pid == 0) {
		p[0] = 99;
		p[PAGE / 4] = 98;
		_exit(p[0]);
	}
	reap("child", pid);
	V(p[0]);
	V(p[PAGE / 4]);
}

static void mmap_offset_selects_page(void)
{
	int fd = file_of_pages("a", 4);
	char *p = map(1, PROT_READ, MAP_PRIVATE, fd, 2 * PAGE);
	char *q = map(2, PROT_READ, MAP_SHARED, fd, 1 * PAGE);
	V(p[0]);
	V(q[0]);
	V(q[PAGE]);
}

static void mmap_tail_of_last_page_is_zero(void)
{
	make_file("a", "short");
	int fd = open_file("a", O_RDWR);
	char *p = map(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int nonzero = 0;
	for (int i = 5; i < PAGE; i++)
		nonzero += p[i] != 0;
	V(nonzero);
	p[10] = 'x';
	struct stat st;
	R(fstat(fd, &st));
	V(st.st_size);
	p[0] = 'S';
	show_file("a");
}

static void mmap_access_past_end_of_file_is_sigbus(void)
{
	int fd = file_of_pages("a", 1);
	char *p = map(3, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say_touch("first page", p, false);
	say_touch("second page, read", p + PAGE, false);
	say_touch("third page, write", p + 2 * PAGE, true);
	char *q = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	say_touch("private second page", q + PAGE, true);
	R(ftruncate(fd, 2 * PAGE));
	say_touch("second page after growing", p + PAGE, false);
	V(p[PAGE]);
}

static void mmap_truncate_takes_mapped_pages_away(void)
{
	int fd = file_of_pages("a", 2);
	char *p = map(2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	say_touch("before", p + PAGE, false);
	R(ftruncate(fd, 100));
	say_touch("after", p + PAGE, false);
	V(p[99]);
	V(p[100]);
	R(ftruncate(fd, 2 * PAGE));
	V(p[100]);
	V(p[PAGE]);
}

static void mmap_fixed_replaces(void)
{
	char *p = anonymous(4);
	memset(p, 'o', 4 * PAGE);
	char *q = mmap(p + PAGE, 2 * PAGE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	T(q == p + PAGE);
	V(p[0]);
	V(p[PAGE]);
	V(p[3 * PAGE - 1]);
	V(p[3 * PAGE]);
	int fd = file_of_pages("a", 1);
	P(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0));
	V(p[5]);
	say_touch("file page is read-only", p, true);
	P(mmap(p + 1, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, -1, 0));
}

static void mmap_fixed_noreplace_refuses_overlap(void)
{
	char *p = anonymous(4);
	P(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
		0));
	R(munmap(p + PAGE, PAGE));
	char *q = mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
		-1, 0);
	T(q == p + PAGE);
}

static void mmap_hint_is_used_when_free(void)
{
	char *p = anonymous(8);
	R(munmap(p, 8 * PAGE));
	char *q = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T(q == p);
	char *r = mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	T(r != p && r != MAP_FAILED);
}

static void munmap_part_of_a_mapping(void)
{
	char *p = anonymous(5);
	memset(p, 'k', 5 * PAGE);
	R(munmap(p + 2 * PAGE, PAGE));
	say_touch("before hole", p + 2 * PAGE - 1, false);
	say_touch("hole", p + 2 * PAGE, false);
	say_touch("after hole", p + 3 * PAGE, true);
	R(munmap(p, PAGE));
	say_touch("head", p, false);
	R(munmap(p, 5 * PAGE));
	say_touch("all", p + 4 * PAGE, false);
	R(munmap(p, 5 * PAGE));
}

static void munmap_refusals(void)
{
	char *p = anonymous(1);
	R(munmap(p + 1, PAGE));
	R(munmap(p, 0));
	R(munmap(p, 10));
	R(munmap((void *)0x7ffffffff000, (size_t)1 << 50));
	say_touch("rounded up to a page", p + PAGE - 1, false);
}

static void mmap_prot_none_reserves(void)
{
	char *p = map(1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	say_touch("reserved", p, false);
	R(mprotect(p + 10 * PAGE, PAGE, PROT_READ | PROT_WRITE));
	say_touch("committed", p + 10 * PAGE, true);
	say_touch("neighbour", p + 11 * PAGE, false);
}

static void mmap_many_small_mappings(void)
{
	enum { COUNT = 2000 };
	static char *p[COUNT];
	int wrong = 0;
	for (int i = 0; i < COUNT; i++) {
		p[i] = mmap(NULL, PAGE, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		MUST(p[i] != MAP_FAILED);
		if (i % 2 == 0)
			p[i][0] = (char)i;
	}
	for (int i = 0; i < COUNT; i += 2)
		wrong += p[i][0] != (char)i;
	V(wrong);
	for (int i = 0; i < COUNT; i += 3)
		MUST(munmap(p[i], PAGE) == 0);
	for (int i = 1; i < COUNT; i++)
		if (i % 3 && i % 2 == 0)
			wrong += p[i][0] != (char)i;
	V(wrong);
}

static void mmap_large_sparse_region_is_cheap(void)
{
	size_t size = (size_t)8 << 30;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	T(p != MAP_FAILED);
	p[0] = 1;
	p[size / 2] = 2;
	p[size - 1] = 3;
	V(p[0] + p[size / 2] + p[size - 1]);
	V(p[size / 3]);
	R(munmap(p, size));
}

static void read_and_write_into_mapped_memory(void)
{
	int fd = file_of_pages("a", 3);
	char *shared = map(3, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int out = open_file("b", O_RDWR | O_CREAT);
	R(write(out, shared, 3 * PAGE));
	R(pread(out, shared, PAGE, 2 * PAGE));
	V(shared[0]);
	char *hole = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	R(munmap(hole + PAGE, PAGE));
	R(pread(out, hole, 2 * PAGE, 0));
	R(pread(out, hole + PAGE, PAGE, 0));
	V(hole[PAGE - 1]);
	R(ftruncate(out, 0));
}

static void mmap_executable_code_runs(void)
{
	/* mov $42,%eax; ret */
	static const unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
	char *p = anonymous(1);
	memcpy(p, code, sizeof(code));
	R(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	V(((int (*)(void))(uintptr_t)p)());
	R(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
	p[1] = 43;
	R(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	V(((int (*)(void))(uintptr_t)p)());
	char *q = map(1, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 3; i++) {
		memcpy(q, code, sizeof(code));
		q[1] = (char)(50 + i);
		V(((int (*)(void))(uintptr_t)q)());
	}
}

static void mincore_msync_mlock(void)
{
	unsigned char vec[4];
	char *p = anonymous(4);
	memset(p, 1, 4 * PAGE);
	R(mincore(p, 4 * PAGE, vec));
	V(vec[0] & 1);
	R(mincore(p + 1, PAGE, vec));
	R(msync(p, PAGE, MS_ASYNC));
	R(msync(p, PAGE, MS_ASYNC | MS_SYNC));
	R(msync(p + 1, PAGE, MS_SYNC));
	R(mlock(p, PAGE));
	R(munlock(p, PAGE));
	R(munmap(p, 4 * PAGE));
	R(msync(p, PAGE, MS_SYNC));
	R(mincore(p, PAGE, vec));
}

const struct behaviour behaviours[] = {BEHAVIOUR(mmap_anonymous_is_zero_and_writable),
	BEHAVIOUR(mmap_refusals), BEHAVIOUR(mmap_private_file_copies_on_write),
	BEHAVIOUR(mmap_shared_file_is_coherent_with_read_and_write),
	BEHAVIOUR(mmap_shared_file_survives_close_and_unlink),
	BEHAVIOUR(mmap_shared_is_seen_by_second_mapping_and_child),
	BEHAVIOUR(mmap_shared_anonymous_is_inherited),
	BEHAVIOUR(mmap_private_anonymous_is_copied_on_fork), BEHAVIOUR(mmap_offset_selects_page),
	BEHAVIOUR(mmap_tail_of_last_page_is_zero),
	BEHAVIOUR(mmap_access_past_end_of_file_is_sigbus),
	BEHAVIOUR(mmap_truncate_takes_mapped_pages_away), BEHAVIOUR(mmap_fixed_replaces),
	BEHAVIOUR(mmap_fixed_noreplace_refuses_overlap), BEHAVIOUR(mmap_hint_is_used_when_free),
	BEHAVIOUR(munmap_part_of_a_mapping), BEHAVIOUR(munmap_refusals),
	BEHAVIOUR(mmap_prot_none_reserves), BEHAVIOUR(mmap_many_small_mappings),
	BEHAVIOUR(mmap_large_sparse_region_is_cheap), BEHAVIOUR(read_and_write_into_mapped_memory),
	BEHAVIOUR(mmap_executable_code_runs), BEHAVIOUR(mincore_msync_mlock), {0}};
