/* SPDX-License-Identifier: Apache-2.0
 * Rights: bits, ownership, sticky and set-group-ID directories, access(2).
 */
#include "fs.h"

static struct stat st;

#define ME 1000

static void become(u32 uid)
{
	u_expect(u_syscall(__NR_setresuid, -1, 0, -1), 0);
	u_expect(u_syscall(__NR_setresgid, uid, uid, uid), 0);
	u_expect(u_syscall(__NR_setresuid, -1, uid, -1), 0);
}

static void bits(void *arg)
{
	f_put("/f", "x");
	f_mkdir("/d");
	f_put("/d/f", "x");
	u_expect(f_path(__NR_chmod, "/f", 0200, 0), 0);
	u_expect(f_open("/f", O_RDONLY, 0), -EACCES);
	u_check(f_open("/f", O_WRONLY, 0) >= 0);
	u_expect(f_path(__NR_access, "/f", 4, 0), -EACCES);
	u_expect(f_path(__NR_access, "/f", 2, 0), 0);
	u_expect(f_path(__NR_access, "/f", 9, 0), -EINVAL);
	u_expect(f_path(__NR_chmod, "/d", 0600, 0), 0); /* no search */
	u_expect(f_stat("/d/f", &st), -EACCES);
	u_expect(f_stat("/d/none", &st), -EACCES);
	u_expect(f_path(__NR_chmod, "/d", 0500, 0), 0);
	u_expect(f_stat("/d/f", &st), 0);
	u_expect(f_unlink("/d/f"), -EACCES);
	u_expect(f_mkdir("/d/new"), -EACCES);
	u_expect(f_mkdir("/d/f"), -EEXIST);
	u_expect(f_path(__NR_chown, "/f", 0, 0), -EPERM);
	u_expect(f_path(__NR_chown, "/f", ME, ME), 0);
	u_expect(f_path(__NR_mknod, "/dev-node", S_IFCHR | 0600, 0x103), -EPERM);
	u_expect(f_path(__NR_mknod, "/fifo", S_IFIFO | 0600, 0), 0);
	u_expect(f_path(__NR_chroot, "/d", 0, 0), -EPERM);
}

static void other_users(void *arg)
{
	f_put("/roots", "x");
	u_expect(f_path(__NR_mkdir, "/sticky", 0777, 0), 0);
	u_expect(f_path(__NR_chmod, "/sticky", 01777, 0), 0);
	f_put("/sticky/roots", "x");
	f_path(__NR_mkdir, "/sgid", 0777, 0);
	u_expect(f_path(__NR_chown, "/sgid", 0, 50), 0);
	u_expect(f_path(__NR_chmod, "/sgid", 02777, 0), 0);
	become(ME);
	u_expect(f_open("/roots", O_WRONLY, 0), -EACCES);
	u_expect(f_path(__NR_chmod, "/roots", 0777, 0), -EPERM);
	u_expect(f_path(__NR_utimes, "/roots", 0, 0), -EACCES);
	u_expect(f_unlink("/sticky/roots"), -EPERM);
	u_expect(f_two(__NR_rename, "/sticky/roots", "/sticky/x"), -EPERM);
	u_expect(f_two(__NR_link, "/roots", "/sticky/stolen"), -EPERM);
	f_put("/sticky/mine", "x");
	u_expect(f_unlink("/sticky/mine"), 0);
	/* new files in a set-group-ID directory get its group, directories its bit too */
	f_put("/sgid/f", "");
	u_expect(f_stat("/sgid/f", &st), 0);
	u_check(st.st_gid == 50 && st.st_uid == ME);
	u_expect(f_mkdir("/sgid/d"), 0);
	u_expect(f_stat("/sgid/d", &st), 0);
	u_expect(st.st_mode, S_IFDIR | S_ISGID | 0755);
	/* access(2) asks for the real user, who is root here */
	u_expect(f_path(__NR_access, "/roots", 2, 0), 0);
	u_expect(f_at(__NR_faccessat2, AT_FDCWD, "/roots", 2, AT_EACCESS), -EACCES);
	become(0);
	u_expect(
		f_path(__NR_access, "/roots", 1, 0), -EACCES); /* root executes nothing without x */
	/* chown takes set-user-ID */
	u_expect(f_path(__NR_chmod, "/roots", 06755, 0), 0);
	u_expect(f_path(__NR_chown, "/roots", 5, 5), 0);
	u_expect(f_stat("/roots", &st), 0);
	u_expect(st.st_mode, S_IFREG | 0755);
}

static void test_bits(void **state)
{
	run_program(bits, EXITED(0));
}

static void test_other_users(void **state)
{
	harness.root = true;
	run_program(other_users, EXITED(0));
}

TESTS(perm, cmocka_unit_test(test_bits), cmocka_unit_test(test_other_users));
