/* SPDX-License-Identifier: Apache-2.0
 * The host of these tests: the channel's own service.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fs.h"
#include "runtime/service/service.h"

int fs_host_rw;
u64 fs_host_calls[CHAN_OP_COUNT];

static struct service *service;
static struct service_memory memory;
static u8 *in;
static char top[32];

static u32 grant(const char *name, bool writable)
{
	char path[64];
	int64_t handle;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(mkdir(path, 0755), 0);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	handle = service_grant(service, fd, writable, path);
	assert_true(handle > 0);
	if (writable)
		fs_host_rw = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else
		assert_int_equal(close(openat(fd, "there", O_CREAT | O_WRONLY, 0644)), 0);
	close(fd);
	return (u32)handle;
}

static void host_open(u8 *ram, u64 ram_size, u32 *rw, u32 *ro)
{
	static const struct service_callbacks none;

	snprintf(top, sizeof(top), "/tmp/unit-fs.XXXXXX");
	assert_non_null(mkdtemp(top));
	memset(fs_host_calls, 0, sizeof(fs_host_calls));
	in = malloc(CHAN_DATA_SIZE);
	assert_non_null(in);
	memory = (struct service_memory){.ram = ram, .ram_size = ram_size};
	assert_int_equal(service_create(&service, &memory, &none), 0);
	umask(0); /* as service_prepare */
	*rw = grant("rw", true);
	*ro = grant("ro", false);
	assert_int_equal(service_prepare(service), 0);
}

static void host_call(struct chan_msg *m, u8 *data)
{
	fs_host_calls[m->op]++;
	memcpy(in, data, m->in_len);
	m->out_len = 0;
	service_handle(service, m, in, data);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static void host_close(void)
{
	service_destroy(service);
	free(in);
	close(fs_host_rw);
	assert_int_equal(nftw(top, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const struct harness_host fs_host = {host_open, host_call, host_close};
