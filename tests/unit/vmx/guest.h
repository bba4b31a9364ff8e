/* SPDX-License-Identifier: Apache-2.0
 *
 * A guest that keeps page tables, at random: roots with a half of their own and one they share, in
 * which all of RAM is mapped, and through which every change of a table is stored.
 */
#ifndef TESTS_UNIT_VMX_GUEST_H
#define TESTS_UNIT_VMX_GUEST_H

#include "tests/unit/vmx/machine.h"

#define LINEAR	   0xffff800000000000ull
#define SELF_INDEX 511u
#define ROOTS	   4u
#define TABLES	   48u
#define TABLES_GPA 0x100000ull /* of the roots, then the others */
#define FIXED	   3u	       /* tables of the linear map: of levels 3, 2, and 1 */

struct guest {
	struct machine *m;
	bool honest;   /* announces every change at once, reuses a table only after that */
	bool self_map; /* L4[511] is the root itself */
	bool changing; /* honest: one at a time */
	uint64_t root[ROOTS];
	uint64_t hot[3]; /* addresses that are used more than others */
	uint64_t table[TABLES];
	bool used[TABLES];
};

/* Straight into memory: before the guest runs. */
void guest_poke(struct machine *m, uint64_t gpa, uint64_t value);
void guest_init(struct guest *g, struct machine *m, bool self_map);
uint64_t guest_gva(struct guest *g);
uint32_t guest_access_kind(struct guest *g);
/* A word of a table, as the guest's kernel writes it; whether it could. */
bool guest_store(struct guest *g, struct vmx_vcpu *v, uint64_t gpa, uint64_t value);
/* Changes an entry for gva at random. */
void guest_change(struct guest *g, struct vmx_vcpu *v, uint64_t gva);

/* What happens at random. */
enum guest_fun { FUN_HOST = 1, FUN_MODES = 2, FUN_BOUNDS = 4, FUN_BETWEEN = 8 };
void guest_step(struct guest *g, struct vmx_vcpu *v, uint32_t fun);
/* A step, or one that changes what others are just using. */
void guest_interfere(struct guest *g, struct vmx_vcpu *v, uint32_t fun);
void guest_begin(struct guest *g, struct machine *m, bool self_map, bool announce);
/* Fetches the log and compares it with what was written; then nothing is known of it. */
void guest_log_check(struct machine *m);
/* Runs so many steps, on vCPUs at random, and checks the invariants now and then. */
void guest_run(struct machine *m, uint64_t steps, bool self_map, bool announce, uint32_t fun);
/* The same with the parts of steps interleaved. */
void guest_run_crew(struct machine *m, uint64_t steps, bool self_map, bool announce, uint32_t fun);
/* Tables of random words, pointing anywhere; with announcements, of which some are lies. */
void guest_run_hostile(struct machine *m, uint64_t steps, bool announce, uint32_t fun);

#endif
