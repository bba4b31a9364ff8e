/* SPDX-License-Identifier: Apache-2.0
 * Guest memory as a sample needs it. The guest's RAM is a file whose pages come when they are
 * touched: where the host has none left, the copy says so instead of SIGBUS.
 */
#include "kernel-shim/abi/boot.h"
#include "kernel-shim/home/host/soft_copy.h"
#include "runtime/sample/sample_internal.h"

/* Intel SDM vol. 3, 4.5.4 */
#define PTE_P	 0x001ull
#define PTE_U	 0x004ull
#define PTE_PS	 0x080ull
#define PTE_ADDR 0x000ffffffffff000ull
#define PTE_NX	 (1ull << 63)
#define PAGE	 4096ull
#define LEVELS	 4

bool sample_read(const struct sampler *s, uint64_t gpa, void *out, size_t n)
{
	const void *p = service_gpa_ptr(s->c.mem, (struct gpa){gpa}, n);

	return p && !host_soft_copy(out, p, n);
}

/* The image's addresses are above all of the physical map's. */
bool sample_read_shim(const struct sampler *s, uint64_t va, void *out, size_t n)
{
	if (va >= BOOT_IMAGE_VA)
		return sample_read(s, va - BOOT_IMAGE_VA, out, n);
	return va >= BOOT_PHYSMAP_VA && sample_read(s, va - BOOT_PHYSMAP_VA, out, n);
}

bool sample_page(const struct sampler *s, uint64_t pgd, uint64_t va, struct sample_page *out)
{
	uint64_t e = pgd, rights = PTE_P | PTE_U, never = 0;

	if (va >= BOOT_USER_VA_END)
		return false;
	for (int level = LEVELS; level > 0; level--) {
		uint64_t index = va >> (12 + 9 * (level - 1)) & 511;

		if (!sample_read(s, (e & PTE_ADDR) + index * sizeof(e), &e, sizeof(e)))
			return false;
		rights &= e;
		never |= e;
		if (!(e & PTE_P) || (level > 1 && (e & PTE_PS))) /* the shim has no large pages */
			return false;
	}
	*out = (struct sample_page){e & PTE_ADDR, !(never & PTE_NX)};
	return rights & PTE_U;
}

bool sample_user_word(const struct sampler *s, uint64_t pgd, uint64_t va, uint64_t *out)
{
	struct sample_page page;

	return !(va & 7) && sample_page(s, pgd, va, &page) &&
	       sample_read(s, page.gpa | (va & (PAGE - 1)), out, sizeof(*out));
}

bool sample_is_code(const struct sampler *s, uint64_t pgd, uint64_t va)
{
	struct sample_page page;

	return sample_page(s, pgd, va, &page) && page.code;
}
