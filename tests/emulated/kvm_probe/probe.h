/* SPDX-License-Identifier: Apache-2.0
 * The table of probes (cases.c), and what KVM says of itself (offers.c).
 */
#ifndef KVM_PROBE_PROBE_H
#define KVM_PROBE_PROBE_H

#include <stddef.h>
#include <stdint.h>

struct machine;

struct probe {
	const char *name, *entry;
	int (*run)(struct machine *m); /* 1 ok, 0 not, -1 not offered here */
	uint64_t flag;		       /* r15 */
};
extern const struct probe probes[];
extern const size_t nprobes;

void offers_print(int kvm);

#endif
