/* SPDX-License-Identifier: Apache-2.0 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host.skel.h"
#include "runtime/trace/calls.h"
#include "runtime/trace/trace.h"

struct calls {
	struct host_bpf *bpf;
	struct ring_buffer *ring;
	void (*each)(void *arg, const struct trace_call *c);
	void *arg;
};

static int on_call(void *arg, void *data, size_t size)
{
	struct calls *c = arg;
	struct trace_call call;

	if (size < sizeof call)
		return 0;
	memcpy(&call, data, sizeof call);
	c->each(c->arg, &call);
	return 0;
}

static int begin(struct calls *c, int pid, const char **missing)
{
	struct kernel_target target;
	int r = kernel_target(&target, pid, missing);

	if (r)
		return r;
	*missing = kernel_needs_right;
	c->bpf = host_bpf__open();
	if (!c->bpf)
		return -errno;
	c->bpf->rodata->target_pid = target.pid;
	c->bpf->rodata->target_dev = target.dev;
	c->bpf->rodata->target_ino = target.ino;
	r = host_bpf__load(c->bpf);
	if (r)
		return r;
	c->ring = ring_buffer__new(bpf_map__fd(c->bpf->maps.done), on_call, c, NULL);
	if (!c->ring)
		return -errno;
	*missing = "the kernel's raw_syscalls tracepoints";
	return host_bpf__attach(c->bpf);
}

int calls_open(struct calls **out, int pid, void (*each)(void *arg, const struct trace_call *c),
	void *arg, const char **missing)
{
	struct calls *c = calloc(1, sizeof *c);
	int r;

	*missing = "memory";
	if (!c)
		return -ENOMEM;
	c->each = each;
	c->arg = arg;
	r = begin(c, pid, missing);
	if (r)
		calls_close(c);
	else
		*out = c;
	return r;
}

void calls_poll(struct calls *c, int wait_ms)
{
	ring_buffer__poll(c->ring, wait_ms);
}

int calls_fd(struct calls *c)
{
	return ring_buffer__epoll_fd(c->ring);
}

unsigned long long calls_lost(const struct calls *c)
{
	return c->bpf->bss->lost;
}

void calls_close(struct calls *c)
{
	ring_buffer__free(c->ring);
	host_bpf__destroy(c->bpf);
	free(c);
}
