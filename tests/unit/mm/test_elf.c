/* SPDX-License-Identifier: Apache-2.0
 * The ELF loader, with files as they should be and as they should not.
 */
#include <fcntl.h>
#include <string.h>

#include "core/elf.h"
#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/image.h"
#include "tests/unit/mm/tests.h"

#define BASE 0x400000ull
#define PG   PAGE_SIZE

static struct image im;

static int load(u64 base, struct elf_extent *x)
{
	struct file *f = fake_file(FAKE_WINDOW, im.data, im.size, O_RDONLY);
	struct elf_file e;
	int r = elf_open(&e, f, -ENOEXEC);

	if (!r)
		r = elf_map(&e, fake_task.mm, base, x);
	elf_close(&e);
	file_put(f);
	return r;
}

static u8 byte(u64 va)
{
	u8 v;

	assert_int_equal(prog_read(va, &v), 0);
	return v;
}

static void a_static_program(void **state)
{
	struct elf_extent x;

	image_typical(&im, ET_EXEC, BASE);
	assert_int_equal(load(0, &x), 0);
	assert_int_equal(x.bias, 0);
	assert_int_equal(x.start, BASE);
	assert_int_equal(x.end, BASE + 7 * PG);
	assert_int_equal(x.code_start, BASE);
	assert_int_equal(x.data_end, BASE + 3 * PG + 0x210);
	assert_int_equal(byte(BASE + PG), 2);
	assert_int_equal(byte(BASE + 3 * PG + 0x20f), 3);
	assert_int_equal(byte(BASE + 3 * PG + 0x210), 0); /* .bss begins inside the page */
	assert_int_equal(byte(BASE + 3 * PG), 3);	  /* what is before it stays the file's */
	assert_int_equal(byte(BASE + 6 * PG + 0xf), 0);
	assert_int_equal(prog_access(BASE, MM_WRITE), -EFAULT);
	assert_int_equal(prog_access(BASE, MM_EXEC), 0);
	assert_int_equal(prog_access(BASE + 3 * PG, MM_EXEC), -EFAULT);
	assert_int_equal(prog_access(BASE + 6 * PG, MM_WRITE), 0);
	assert_int_equal(prog_access(BASE + 2 * PG, MM_READ), -EFAULT);
}

static void position_independent(void **state)
{
	struct elf_extent x;

	image_typical(&im, ET_DYN, 0);
	assert_int_equal(load(0x555555554000, &x), 0);
	assert_int_equal(x.bias, 0x555555554000);
	assert_int_equal(byte(x.bias + 3 * PG + 0x10), 3);
	image_typical(&im, ET_DYN, 0x7000); /* linked at an odd place */
	assert_int_equal(load(0, &x), 0);
	assert_int_equal(x.bias + 0x7000, x.start);
	assert_true(x.end <= fake_task.mm->mmap_base);
	image_typical(&im, ET_DYN, 0);
	im.ph[0].p_align = 2 << 20;
	assert_int_equal(load(0, &x), 0);
	assert_int_equal(x.bias % (2 << 20), 0);
}

static void bss_only(void **state)
{
	struct elf_extent x;

	image_start(&im, ET_EXEC);
	image_load(&im, 0, BASE, PG, PG, PF_R | PF_X);
	image_load(&im, 0, BASE + 4 * PG + 0x123, 0, 2 * PG, PF_R | PF_W);
	assert_int_equal(load(0, &x), 0);
	assert_int_equal(byte(BASE + 4 * PG), 0);
	assert_int_equal(prog_write(BASE + 6 * PG + 0x122, 1), 0);
	assert_int_equal(prog_write(BASE + 7 * PG, 1), -EFAULT);
}

static void headers_that_are_not_ours(void **state)
{
	struct elf_extent x;

#define REFUSED(change, error)                                                                     \
	do {                                                                                       \
		image_typical(&im, ET_EXEC, BASE);                                                 \
		change;                                                                            \
		assert_int_equal(load(0, &x), error);                                              \
	} while (0)
	REFUSED(im.data[0] = 0, -ENOEXEC);
	REFUSED(im.size = 0, -ENOEXEC);
	REFUSED(im.size = 63, -ENOEXEC);
	REFUSED(im.size = 64 + 56, -ENOEXEC);
	REFUSED(im.h->e_machine = EM_386, -ENOEXEC);
	REFUSED(im.h->e_type = ET_REL, -ENOEXEC);
	REFUSED(im.h->e_phentsize = 32, -ENOEXEC);
	REFUSED(im.h->e_phnum = 0, -ENOEXEC);
	REFUSED(im.h->e_phnum = 0xffff, -ENOEXEC);
	REFUSED(im.h->e_phnum = 74, -ENOEXEC);
	REFUSED(im.h->e_phoff = ~0ull, -ENOEXEC);
	REFUSED(im.h->e_phoff = ~0ull - 111, -ENOEXEC);
	REFUSED(im.h->e_phoff = (u64)INT64_MAX, -ENOEXEC);
	REFUSED(im.h->e_phoff = im.size - 111, -ENOEXEC);
}

static void segments_that_lie(void **state)
{
	struct elf_extent x;

	REFUSED(im.ph[0].p_filesz = im.ph[0].p_memsz + 1, -EINVAL);
	REFUSED(im.ph[1].p_memsz = ~0ull, -EINVAL);
	REFUSED(im.ph[1].p_vaddr = USER_VA_END - PG, -EINVAL);
	REFUSED(im.ph[1].p_vaddr = ~0ull & ~0xfffull, -EINVAL);
	REFUSED(im.ph[1].p_vaddr = BOOT_PHYSMAP_VA, -EINVAL);
	REFUSED(im.ph[1].p_offset += 1, -EINVAL);
	REFUSED(im.ph[1].p_offset = ~0xfefull, -EINVAL);
	REFUSED((im.ph[0].p_type = im.ph[1].p_type = PT_NULL), -EINVAL);
	REFUSED(im.ph[0].p_vaddr = 0, -EPERM);
	REFUSED(im.ph[1].p_memsz = USER_VA_END - im.ph[1].p_vaddr, 0); /* big, but it fits */
	mm_unmap(fake_task.mm, 0x400000, USER_VA_END - 0x400000);
	REFUSED(im.ph[1].p_align = 3, 0);
	/* offsets past the end map; touching them is SIGBUS */
	REFUSED(im.ph[1].p_offset = (1ull << 40) + 0x10, -EFAULT); /* .bss cannot be cleared */
	image_typical(&im, ET_DYN, 0);
	im.ph[1].p_memsz = 1ull << 46;
	assert_int_equal(load(0x555555554000, &x), -ENOMEM);
}

static void interpreters(void **state)
{
	static const struct {
		u64 off, size;
		long error;
	} bad[] = {
		{0x800, 1, -ENOEXEC},
		{0x800, 4097, -ENOEXEC},
		{0x800, 3, -ENOEXEC}, /* no NUL */
		{~0ull - 4, 8, -EIO},
		{sizeof(im.data) - 2, 8, -EIO},
		{1ull << 63, 8, -EIO},
	};
	struct file *f;
	struct elf_file e;
	char *s;

	for (u32 i = 0; i <= ARRAY_SIZE(bad); i++) {
		image_typical(&im, ET_DYN, 0);
		image_interp(&im, "/lib/ld.so");
		if (i < ARRAY_SIZE(bad)) {
			im.ph[2].p_offset = bad[i].off;
			im.ph[2].p_filesz = bad[i].size;
		}
		f = fake_file(FAKE_FRAMES, im.data, im.size, O_RDONLY);
		assert_int_equal(elf_open(&e, f, -ENOEXEC), 0);
		s = elf_interpreter(&e);
		if (i < ARRAY_SIZE(bad)) {
			assert_int_equal(ptr_err(s), bad[i].error);
		} else {
			assert_string_equal(s, "/lib/ld.so");
			kfree(s);
		}
		elf_close(&e);
		file_put(f);
	}
}

static void what_the_headers_say(void **state)
{
	struct file *f;
	struct elf_file e;
	Elf64_Phdr *p;

	image_typical(&im, ET_DYN, 0x5000);
	p = image_load(&im, 0, 0, 0, 0, PF_R | PF_W | PF_X);
	p->p_type = PT_GNU_STACK;
	f = fake_file(FAKE_FRAMES, im.data, im.size, O_RDONLY);
	assert_int_equal(elf_open(&e, f, -ENOEXEC), 0);
	assert_true(elf_exec_stack(&e));
	assert_int_equal(elf_phdr_addr(&e), 0x5040);
	assert_null(elf_interpreter(&e));
	e.ph[2].p_type = PT_NULL;
	assert_false(elf_exec_stack(&e));
	elf_close(&e);
	file_put(f);
}

const struct CMUnitTest elf_tests[] = {
	MM_TEST(a_static_program),
	MM_TEST(position_independent),
	MM_TEST(bss_only),
	MM_TEST(headers_that_are_not_ours),
	MM_TEST(segments_that_lie),
	MM_TEST(interpreters),
	MM_TEST(what_the_headers_say),
};
const size_t elf_tests_count = ARRAY_SIZE(elf_tests);
