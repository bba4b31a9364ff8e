/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>

#include "runtime/snapshot/file.h"

int snapshot_zstd_load(struct snapshot_zstd *z)
{
	*z = (struct snapshot_zstd){.library = dlopen("libzstd.so.1", RTLD_NOW | RTLD_LOCAL)};
	if (!z->library)
		return -ENOENT;
	*(void **)&z->compress = dlsym(z->library, "ZSTD_compress");
	*(void **)&z->decompress = dlsym(z->library, "ZSTD_decompress");
	*(void **)&z->is_error = dlsym(z->library, "ZSTD_isError");
	if (z->compress && z->decompress && z->is_error)
		return 0;
	snapshot_zstd_unload(z);
	return -ENOENT;
}

void snapshot_zstd_unload(struct snapshot_zstd *z)
{
	if (z->library)
		dlclose(z->library);
	*z = (struct snapshot_zstd){.library = 0};
}
