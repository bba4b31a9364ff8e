/* SPDX-License-Identifier: Apache-2.0
 * Programs that do not keep to the stub's rules. Included by C and assembly.
 */
#ifndef TEST_SECURITY_HOSTILE_H
#define TEST_SECURITY_HOSTILE_H

#define HOSTILE_DATA	   0x20000000
#define HOSTILE_EVENT	   256 /* offsetof(struct stub_ctx, event) */
#define HOSTILE_EVENT_SIZE 56

#ifndef __ASSEMBLER__
#include "tests/unit/process/code.h"
#include "vmm/process/layout.h"

_Static_assert(__builtin_offsetof(struct stub_ctx, event) == HOSTILE_EVENT, "for assembly");
_Static_assert(sizeof(struct stub_event) == HOSTILE_EVENT_SIZE, "for assembly");
_Static_assert(DATA == HOSTILE_DATA, "for assembly");

#define HOSTILE(name) extern const char hostile_##name[], hostile_##name##_end[]
/* Takes the stub's place: each turn it copies the event at DATA to the context and gives the turn
 * back. Its own registers stay as they are. */
HOSTILE(fake_stub);
/* Writes random numbers, seeded by r8, into the first two pages of the context, and the turn away
 * now and then. */
HOSTILE(writer);
/* The same, and system calls between. */
HOSTILE(calling_writer);
/* Gives the turn away and goes on, all the time. */
HOSTILE(turner);

#define HOSTILE_RUN(r, name, x)                                                                    \
	rig_run(r, hostile_##name, (uintptr_t)hostile_##name##_end - (uintptr_t)hostile_##name, x)
#endif
#endif
