/* SPDX-License-Identifier: Apache-2.0
 * A process_vm in a process that is forked from the one that made it: with a zygote, contexts and
 * RAM of its own. The zygote is forked from the first one, for a child of this process would have
 * its system-call filter.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vmm/process/process_internal.h"

void process_heir_drop(struct process_heir *h)
{
	if (h->control_fd >= 0)
		close(h->control_fd);
	if (h->socket >= 0)
		close(h->socket);
	h->control_fd = h->socket = -1;
}

int process_heir_make(struct process_vm *vm, int ram_fd, struct process_heir *out)
{
	int pair[2], r;

	*out = (struct process_heir){-1, -1, 0};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	out->socket = pair[0];
	r = process_control_make(&out->control_fd);
	if (!r) {
		const int fds[ZYGOTE_FDS_MAX] = {out->control_fd, ram_fd, pair[1]};

		r = process_zygote_call(vm, ZYGOTE_FORK, 0, fds, ZYGOTE_FDS_MAX, NULL);
	}
	close(pair[1]);
	if (r < 0) {
		process_heir_drop(out);
		return r;
	}
	out->pid = r;
	return 0;
}

/* No space lives: what others had is not for this process. The memory of contexts is not either
 * (MADV_DONTFORK). */
int process_heir_become(struct process_vm *vm, int ram_fd, const struct process_heir *h)
{
	close(vm->socket);
	close(vm->control_fd);
	vm->socket = h->socket;
	vm->control_fd = h->control_fd;
	vm->ram_fd = ram_fd;
	vm->zygote_pid = 0; /* not this one's child */
	vm->spawned = 0;
	for (struct process_runner *r = vm->runners; r; r = r->next) {
		memset((void *)r->exits, 0, sizeof(r->exits));
		r->ops = r->slept = 0;
	}
	process_contexts_init(vm);
	return process_control_map(vm, vm->control_fd);
}

void process_vm_empty(struct process_vm *vm)
{
	process_spaces_end(vm);
}
