/* SPDX-License-Identifier: Apache-2.0
 * One VM with one vCPU that runs a piece of guest.S.
 */
#ifndef KVM_PROBE_MACHINE_H
#define KVM_PROBE_MACHINE_H

#include <linux/kvm.h>
#include <stdint.h>

struct trap {
	uint64_t frame; /* guest address of rax, vector, error, rip, cs, rflags, rsp, ss */
	uint64_t cr2;
};

struct machine {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	char *memory;
	uint32_t exits;
	double seconds;
	char note[128];
};

/* Ends the process with a message if an ioctl gave a negative result. */
void machine_need(int result, const char *what);
void machine_open(struct machine *m);
uint64_t *guest_words(struct machine *m, uint64_t address);
/* Is a bit of ecx ('c'), edx ('d') or ebx ('b') in KVM_GET_SUPPORTED_CPUID? */
int cpuid_offers(int kvm, uint32_t leaf, char reg, unsigned bit);

/* guest.S: into ring 3 at rdi with the flags in r14. */
extern const char kernel_enter_user[];
/* Guest address of a label in ring 0's code. */
uint64_t kernel_at(const char *label);
/* At a label of ring 0 or ring 3, with r15 = flag. */
void vcpu_start(struct machine *m, const char *entry, uint64_t flag);
/* Run to the next exit that is not a report of a system call; its reason. */
uint32_t vcpu_run(struct machine *m);

const struct trap *trap_get(struct machine *m);
uint64_t *trap_frame(struct machine *m);
int stopped_by_trap(const struct machine *m, uint32_t reason);
/* Ended with value? Otherwise m->note says why not. */
int ended_with(struct machine *m, uint32_t reason, uint32_t value);

#endif
