/* SPDX-License-Identifier: Apache-2.0
 * Where a launcher built with gcc's counters keeps them: in a file that every run maps over the
 * counters themselves, before the jail closes. So all runs count in one place, whatever way they
 * end, and a jail without files needs no exception.
 *
 * With COVERAGE_DUMP in the environment the program writes what was counted, as gcov wants it, and
 * does nothing else. The counters lie together in pages of their own (counters.lds).
 */
#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct gcov_info; /* libgcov's own; one for each source file (-fprofile-info-section=gcov_info) */

void __gcov_init(struct gcov_info *info);
void __gcov_dump(void);

extern char coverage_counters_begin[], coverage_counters_end[];
extern struct gcov_info *__start_gcov_info[], *__stop_gcov_info[];

/* They are gcov's then, which adds them to what it has. */
static void dump(size_t size)
{
	for (struct gcov_info **info = __start_gcov_info; info != __stop_gcov_info; info++)
		__gcov_init(*info);
	__gcov_dump();
	memset(coverage_counters_begin, 0, size);
	exit(0);
}

__attribute__((constructor)) static void share_counters(void)
{
	const size_t size = (uintptr_t)coverage_counters_end - (uintptr_t)coverage_counters_begin;
	int fd = open(COVERAGE_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0 || ftruncate(fd, (off_t)size))
		err(125, "%s", COVERAGE_FILE);
	if (mmap(coverage_counters_begin, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		    0) == MAP_FAILED)
		err(125, "%s", COVERAGE_FILE);
	close(fd);
	if (getenv("COVERAGE_DUMP"))
		dump(size);
}
