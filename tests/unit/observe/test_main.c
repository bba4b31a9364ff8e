/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/observe/test_observe.h"

void make_state(struct made *m, uint32_t cpus)
{
	struct observe_head *h = &m->state.head;

	memset(m, 0, sizeof *m);
	m->size = observe_size(cpus);
	h->magic = OBSERVE_MAGIC;
	h->version = OBSERVE_VERSION;
	h->size = (uint32_t)m->size;
	h->ops = CHAN_OP_COUNT;
	h->reasons = VM_EXIT_REASONS;
	h->cpus = cpus;
	h->pid = getpid();
	strcpy(h->id, "0123456789ab");
	strcpy(h->name, "web-1");
	strcpy(h->backend, "kvm");
	strcpy(h->home, "host");
	strcpy(h->program, "/bin/sh");
}

int main(void)
{
	int failed = run_check_tests();

	failed += run_state_tests();
	failed += run_show_tests();
	return failed != 0;
}
