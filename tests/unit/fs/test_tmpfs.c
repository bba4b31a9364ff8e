/* SPDX-License-Identifier: Apache-2.0
 * Files in memory: holes, sizes, listings, mappings, seals, attributes.
 */
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>

#include "fs.h"

#define GIB (1ull << 30)

static struct stat st;

static void sparse(void *arg)
{
	long fd = f_open("/f", O_RDWR | O_CREAT, 0644);
	char text[16];

	u_expect(f_pwrite(fd, "far", 100 * GIB), 3);
	u_expect(f_pwrite(fd, "near", 5000), 4);
	u_expect(f_fstat(fd, &st), 0);
	u_check(st.st_size == 100 * GIB + 3 && st.st_blocks == 16);
	u_expect(u_syscall(__NR_pread64, fd, BUF, 8, 50 * GIB), 8);
	u_expect(u_get64(BUF), 0);
	u_expect(u_syscall(__NR_lseek, fd, 0, SEEK_DATA), 4096);
	u_expect(u_syscall(__NR_lseek, fd, 5000, SEEK_DATA), 5000);
	u_expect(u_syscall(__NR_lseek, fd, 5000, SEEK_HOLE), 8192);
	u_expect(u_syscall(__NR_lseek, fd, 8192, SEEK_DATA), 100 * GIB);
	u_expect(u_syscall(__NR_lseek, fd, 100 * GIB + 1, SEEK_HOLE), 100 * GIB + 3);
	u_expect(u_syscall(__NR_lseek, fd, 100 * GIB + 3, SEEK_DATA), -ENXIO);
	u_expect(u_syscall(__NR_ftruncate, fd, 5002), 0);
	u_expect(u_syscall(__NR_ftruncate, fd, 6000), 0);
	u_expect(u_syscall(__NR_lseek, fd, 5000, SEEK_SET), 5000);
	u_expect(f_read(fd, text, 9), 8); /* what was cut off does not come back */
	u_check(!memcmp(text, "ne\0\0\0\0\0\0", 8));
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_blocks, 8);
	u_expect(u_syscall(__NR_ftruncate, fd, -1), -EINVAL);
	u_expect(f_path(__NR_truncate, "/", 0, 0), -EISDIR);
}

static void allocation(void *arg)
{
	long fd = f_open("/f", O_RDWR | O_CREAT, 0644);
	char text[16];

	u_expect(u_syscall(__NR_fallocate, fd, 0, 0, 10000), 0);
	u_expect(f_fstat(fd, &st), 0);
	u_check(st.st_size == 10000 && st.st_blocks == 24);
	u_expect(u_syscall(__NR_fallocate, fd, FALLOC_FL_KEEP_SIZE, 10000, 10000), 0);
	u_expect(f_fstat(fd, &st), 0);
	u_check(st.st_size == 10000 && st.st_blocks == 40);
	u_expect(f_pwrite(fd, "abcdefgh", 4094), 8);
	u_expect(u_syscall(__NR_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4095, 2),
		0);
	u_expect(u_syscall(__NR_lseek, fd, 4094, SEEK_SET), 4094);
	u_expect(f_read(fd, text, 9), 8);
	u_check(!memcmp(text, "a\0\0defgh", 8));
	u_expect(u_syscall(__NR_fallocate, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096,
			 8192),
		0);
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_blocks, 24);
	u_expect(u_syscall(__NR_fallocate, fd, 0, 0, 0), -EINVAL);
	u_expect(u_syscall(__NR_fallocate, fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), -EOPNOTSUPP);
}

static void listing(void *arg)
{
	static char names[8192];
	char path[32];
	long fd;

	f_mkdir("/d");
	for (int i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), "/d/%03d", i);
		f_put(path, "");
	}
	fd = f_open("/d", O_RDONLY | O_DIRECTORY, 0);
	u_expect(f_list(fd, names, sizeof(names)), 202);
	u_check(!strncmp(names, ". .. 000 001 ", 13));
	u_expect(f_list(fd, names, sizeof(names)), 0);
	u_expect(u_syscall(__NR_lseek, fd, 0, SEEK_SET), 0);
	/* names that go and come while the list is read */
	u_check(u_syscall(__NR_getdents64, fd, BUF, 256) > 0);
	for (int i = 0; i < 150; i++) {
		snprintf(path, sizeof(path), "/d/%03d", i);
		u_expect(f_unlink(path), 0);
	}
	f_put("/d/new", "");
	u_expect(f_list(fd, names, sizeof(names)), 51);
	u_check(!strncmp(names, "150 ", 4) && strstr(names, "199 new "));
	u_expect(u_syscall(__NR_lseek, fd, 0, SEEK_SET), 0);
	u_expect(u_syscall(__NR_getdents64, fd, BUF, 10), -EINVAL);
	u_expect(u_syscall(__NR_getdents64, fd, 16, 100), -EFAULT);
	u_expect(f_stat("/d", &st), 0);
	u_expect(st.st_nlink, 2);
}

static void mapping(void *arg)
{
	long fd = f_open("/f", O_RDWR | O_CREAT, 0644);
	char text[8];
	u64 va;

	u_expect(f_pwrite(fd, "0123", 0), 4);
	va = (u64)u_syscall(__NR_mmap, 0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	u_check((s64)va > 0);
	u_read(text, va, 4);
	u_check(!memcmp(text, "0123", 4));
	u_write(va + 2, "XY", 2);
	f_holds("/f", "01XY");
	u_expect(f_pwrite(fd, "__", 0), 2);
	u_read(text, va, 4);
	u_check(!memcmp(text, "__XY", 4));
	u_expect(u_syscall(__NR_ftruncate, fd, 0), 0);
	u_expect(u_syscall(__NR_ftruncate, fd, 4), 0);
	u_read(text, va, 4);
	u_check(!memcmp(text, "\0\0\0\0", 4));
	u_expect(f_unlink("/f"), 0);
	f_close(fd);
	u_write(va, "alive", 5); /* the mapping holds the file */
}

static void seals(void *arg)
{
	long fd = f_path(__NR_memfd_create, "m", MFD_ALLOW_SEALING, 0), plain;
	u64 va;

	u_check(fd >= 0);
	plain = f_path(__NR_memfd_create, "p", 0, 0);
	u_expect(u_syscall(__NR_fcntl, plain, F_GET_SEALS), F_SEAL_SEAL);
	u_expect(u_syscall(__NR_fcntl, plain, F_ADD_SEALS, F_SEAL_GROW), -EPERM);
	u_expect(f_write(fd, "12345678"), 8);
	u_expect(u_syscall(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	u_expect(f_write(fd, "9"), -EPERM);
	u_expect(f_pwrite(fd, "x", 0), 1);
	u_expect(u_syscall(__NR_ftruncate, fd, 100), -EPERM);
	u_expect(u_syscall(__NR_ftruncate, fd, 7), 0);
	va = (u64)u_syscall(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	u_expect(u_syscall(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE), -EBUSY);
	u_expect(u_syscall(__NR_munmap, va, 4096), 0);
	u_expect(u_syscall(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK), 0);
	u_expect(f_pwrite(fd, "x", 0), -EPERM);
	u_expect(u_syscall(__NR_ftruncate, fd, 0), -EPERM);
	u_expect(u_syscall(__NR_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), -EPERM);
	u_expect(u_syscall(__NR_fcntl, fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	u_expect(u_syscall(__NR_fcntl, fd, F_GET_SEALS),
		F_SEAL_SEAL | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SHRINK);
	u_expect(u_syscall(__NR_fcntl, f_open("/", O_RDONLY, 0), F_GET_SEALS), -EINVAL);
}

static void attributes(void *arg)
{
	f_put("/f", "");
	u_put64s(BUF, 11, 12);
	u_put64s(BUF + 16, 13, 14);
	u_expect(f_at(__NR_utimensat, AT_FDCWD, "/f", BUF, 0), 0);
	u_expect(f_stat("/f", &st), 0);
	u_check(st.st_atim.tv_sec == 11 && st.st_atim.tv_nsec == 12);
	u_check(st.st_mtim.tv_sec == 13 && st.st_mtim.tv_nsec == 14);
	u_put64s(BUF, 0, UTIME_OMIT);
	u_put64s(BUF + 16, 0, UTIME_NOW);
	u_expect(f_at(__NR_utimensat, AT_FDCWD, "/f", BUF, 0), 0);
	u_expect(f_stat("/f", &st), 0);
	u_check(st.st_atim.tv_sec == 11 && st.st_mtim.tv_sec >= 1700000000);
	u_put64s(BUF, 0, 1000000000);
	u_expect(f_at(__NR_utimensat, AT_FDCWD, "/f", BUF, 0), -EINVAL);
	u_write(BUF, "user.a", 7);
	u_write(BUF + 16, "value", 5);
	u_expect(f_path(__NR_getxattr, "/f", BUF, BUF + 64), -ENODATA);
	u_write(BUF + 100, "/f", 3);
	u_expect(u_syscall(__NR_setxattr, BUF + 100, BUF, BUF + 16, 5, 0), 0);
	u_expect(u_syscall(__NR_setxattr, BUF + 100, BUF, BUF + 16, 5, 1), -EEXIST);
	u_expect(u_syscall(__NR_getxattr, BUF + 100, BUF, 0, 0), 5);
	u_expect(u_syscall(__NR_getxattr, BUF + 100, BUF, BUF + 200, 2), -ERANGE);
	u_expect(u_syscall(__NR_listxattr, BUF + 100, BUF + 200, 100), 7);
	u_expect(u_syscall(__NR_removexattr, BUF + 100, BUF), 0);
	u_expect(u_syscall(__NR_removexattr, BUF + 100, BUF), -ENODATA);
}

/* Every allocation in turn fails; nothing may break, and a later try works. */
static void without_memory(void *arg)
{
	for (u64 n = 1; n < 12; n++) {
		long r;

		heap_fail_at = n;
		r = f_two(__NR_symlink, "/some/where", "/link");
		heap_fail_at = 0;
		u_check(r == 0 || r == -ENOMEM);
		r = f_unlink("/link");
		u_check(r == 0 || r == -ENOENT);
		heap_fail_at = n;
		r = f_open("/file", O_RDWR | O_CREAT, 0644);
		heap_fail_at = 0;
		u_check(r >= 0 || r == -ENOMEM);
		if (r >= 0)
			f_close(r);
		f_put("/from", "x");
		heap_fail_at = n;
		r = f_two(__NR_rename, "/from", "/to");
		heap_fail_at = 0;
		u_check(r == 0 || r == -ENOMEM);
		f_holds(r ? "/from" : "/to", "x");
	}
}

#define RUN(fn)                                                                                    \
	static void test_##fn(void **state)                                                        \
	{                                                                                          \
		run_program(fn, EXITED(0));                                                        \
	}
RUN(sparse)
RUN(allocation)
RUN(listing)
RUN(mapping)
RUN(seals)
RUN(attributes)
RUN(without_memory)

TESTS(tmpfs, cmocka_unit_test(test_sparse), cmocka_unit_test(test_allocation),
	cmocka_unit_test(test_listing), cmocka_unit_test(test_mapping),
	cmocka_unit_test(test_seals), cmocka_unit_test(test_attributes),
	cmocka_unit_test(test_without_memory));
