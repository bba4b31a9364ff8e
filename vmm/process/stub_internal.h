/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROCESS_STUB_INTERNAL_H
#define PROCESS_STUB_INTERNAL_H

#include <signal.h>
#include <ucontext.h>

#include "vmm/process/layout.h"

/* Hidden: addresses are taken relative to RIP, for the code runs elsewhere than it was linked. */
#pragma GCC visibility push(hidden)

/* A fresh trapped process: takes turns for ever. */
_Noreturn void stub_serve(void);
/* Assembly: where signals arrive. */
void stub_signal_entry(void);
_Noreturn void stub_leave(struct stub_regs *r);
_Noreturn void stub_resume(struct stub_regs *r);
extern const char stub_leave_begin[], stub_leave_end[];
/* Called from assembly. */
_Noreturn void zygote_main(void);
_Noreturn void stub_early(void);
_Noreturn void stub_early_entry(void); /* stub_early on an empty stack */
_Noreturn void stub_call(void);
_Noreturn void stub_signal(int signo, const siginfo_t *si, ucontext_t *uc);

#pragma GCC visibility pop

#endif
