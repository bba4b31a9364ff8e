/* SPDX-License-Identifier: Apache-2.0
 * A hostile snapshot: it is read or refused with a sentence, and what was read is within the file
 * and the memory. The checksums are made good first, or none would come past them. Then the
 * service's part, by a service with one grant.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/launch/snapshot_internal.h"
#include "runtime/service/service.h"
#include "runtime/snapshot/coder.h"
#include "runtime/snapshot/file_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend_range(uint8_t *data, size_t size, struct head_range *r)
{
	if (r->off <= size && r->size <= size - r->off)
		r->sum = snapshot_sum(data + r->off, r->size);
}

/* As if whoever made it had computed them. */
static void mend(uint8_t *data, size_t size)
{
	struct snapshot_head h;

	if (size < sizeof(h))
		return;
	memcpy(&h, data, sizeof(h));
	memcpy(h.magic, SNAPSHOT_MAGIC, sizeof(h.magic));
	h.version = SNAPSHOT_VERSION;
	h.page = SNAPSHOT_PAGE;
	h.file_size = size;
	for (unsigned i = 0; i < SNAPSHOT_PARTS; i++)
		mend_range(data, size, &h.part[i]);
	mend_range(data, size, &h.extents);
	h.sum = snapshot_sum(&h, offsetof(struct snapshot_head, sum));
	memcpy(data, &h, sizeof(h));
}

static void check_file(const struct snapshot_file *f, size_t size)
{
	uint64_t from = 0;

	for (uint32_t i = 0; i < f->nextents; i++) {
		const struct snapshot_extent *e = &f->extent[i];

		if (e->gpa < from || e->gpa + e->size > f->needs.mem_size ||
			e->off + e->stored > size || !e->size || e->size % SNAPSHOT_PAGE)
			abort();
		from = e->gpa + e->size;
	}
}

static void unpack(const struct snapshot_file *f)
{
	struct snapshot_zstd z;

	if (!snapshot_file_packed(f) || snapshot_zstd_load(&z))
		return;
	for (uint32_t i = 0; i < f->nextents && i < 4; i++) {
		const struct snapshot_extent *e = &f->extent[i];
		uint8_t *to = e->stored < e->size ? malloc(e->size) : NULL;

		if (to)
			(void)snapshot_file_unpack(f, e, &z, to);
		free(to);
	}
	snapshot_zstd_unload(&z);
}

static void feed_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	uint8_t *copy = malloc(size + 1);
	struct snapshot_file f = {.fd = -1};
	char why[256] = "";

	memcpy(copy, data, size);
	mend(copy, size);
	if (write(fd, copy, size) != (ssize_t)size)
		abort();
	free(copy);
	if (snapshot_file_open(&f, fd, why, sizeof(why))) {
		if (!*why)
			abort();
	} else {
		check_file(&f, size);
		unpack(&f);
		(void)snapshot_file_verify(&f, why, sizeof(why));
		snapshot_file_close(&f);
	}
	close(fd);
}

static void feed_service(const uint8_t *data, size_t size)
{
	static const struct service_callbacks none = {.arg = NULL};
	const struct service_memory mem = {.ram = NULL};
	struct coder c = coder_of(data, size);
	struct service *s;
	char why[512];
	int dir = open("/usr/share", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (service_create(&s, &mem, &none) || service_grant(s, dir, false, "/usr/share") < 0 ||
		service_prepare(s))
		abort();
	(void)service_state(s, &c, why, sizeof(why));
	service_destroy(s);
	close(dir);
}

/* What it says is granted is opened, and nothing more. */
static void feed_config(const uint8_t *data, size_t size)
{
	struct coder c = coder_of(data, size);
	struct launch_config config = {.nmounts = 0};

	snapshot_config_code(&c, &config);
	if (!coder_end(&c) && (!config.program || !config.hostname || !config.nmounts))
		abort();
	snapshot_config_free(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	feed_file(data, size);
	feed_service(data, size);
	feed_config(data, size);
	return 0;
}
