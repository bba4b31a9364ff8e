/* SPDX-License-Identifier: Apache-2.0
 * The stub of this very process (vmm/process/layout.h), if programs run in trapped processes here.
 */
#ifndef FUZZ_STUB_H
#define FUZZ_STUB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm/process/layout.h"

#define CTX ((volatile struct stub_ctx *)STUB_CTX)

bool stub_is_there(void);
/* Its n-th system-call instruction; 0: there are not so many. */
uint64_t stub_site(unsigned n);
/* Makes one of the calls that the stub may make, by the instruction at `site`, and never comes
 * back: what the stub does with the answer is its business. */
_Noreturn void stub_call(uint64_t site, uint64_t nr, const uint64_t a[6]);
/* Comes back, if `site` is where the stub waits for its turn: it finds that it has it, nothing to
 * do and where to go on. At another site this process ends. */
void stub_call_and_return(uint64_t site, uint64_t nr, const uint64_t a[6]);
/* Takes the stub's place for one turn: the launcher believes that this program made call nr and
 * will go on at `rip`; it does go on here. */
void stub_forge_call(uint64_t nr, const uint64_t a[6], uint64_t rip, uint64_t rsp);
static inline bool stub_turn_is_back(void)
{
	return CTX->turn == TURN_STUB;
}
/* The launcher wants to use this process for another program. */
bool stub_is_recycled(void);
/* Ends this process, so that another takes its place. */
_Noreturn void stub_die(void);

#endif
