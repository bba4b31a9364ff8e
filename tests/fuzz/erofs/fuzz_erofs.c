/* SPDX-License-Identifier: Apache-2.0
 * Hostile flat images: the input is the file.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel-shim/abi/erofs.h"
#include "tests/unit/flat/read_all.h"

#define SIZE_MAX_HERE (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* No fuzzer guesses checksums: the image says that it has none. Whole blocks, as each image has. */
static size_t prepare(uint8_t *image, const uint8_t *data, size_t size)
{
	uint8_t *compat = image + EROFS_SUPER_OFFSET + offsetof(struct erofs_super, feature_compat);

	memcpy(image, data, size);
	*compat &= (uint8_t)~EROFS_COMPAT_CHECKSUM;
	return (size + EROFS_BLOCK - 1) / EROFS_BLOCK * EROFS_BLOCK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	uint8_t *image;
	size_t n;

	if (size > SIZE_MAX_HERE)
		return 0;
	if (fd < 0)
		fd = memfd_create("image", MFD_CLOEXEC);
	image = calloc(1, size + 2 * EROFS_BLOCK);
	if (fd < 0 || !image)
		abort();
	n = prepare(image, data, size);
	if (ftruncate(fd, 0) || pwrite(fd, image, n, 0) != (ssize_t)n)
		abort();
	free(image);
	read_all(fd);
	return 0;
}
