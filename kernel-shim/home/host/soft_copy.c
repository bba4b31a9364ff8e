/* SPDX-License-Identifier: Apache-2.0
 * Access to memory that may be a file mapping whose file has shrunk: the SIGBUS of the access's own
 * instruction becomes an error. Any other SIGBUS is a bug and kills as usual.
 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <ucontext.h>

#include "home/host/host_internal.h"

/* rep movsb restarts where it stopped, so one instruction is all that can fault. */
__asm__(".text\n"
	".type host_soft_copy_insn, @function\n"
	"host_soft_copy_insn:\n" /* rdi dst, rsi src, rdx n; returns bytes not copied */
	"	mov %rdx, %rcx\n"
	".globl host_soft_copy_fault\n"
	".hidden host_soft_copy_fault\n"
	"host_soft_copy_fault:\n"
	"	rep movsb\n"
	".globl host_soft_copy_fixup\n"
	".hidden host_soft_copy_fixup\n"
	"host_soft_copy_fixup:\n"
	"	mov %rcx, %rax\n"
	"	ret\n"
	".type host_soft_cmpxchg_insn, @function\n"
	"host_soft_cmpxchg_insn:\n" /* rdi word, esi expect, edx desired, rcx old; 0 if it was done
				     */
	"	mov %esi, %eax\n"
	".globl host_soft_cmpxchg_fault\n"
	".hidden host_soft_cmpxchg_fault\n"
	"host_soft_cmpxchg_fault:\n"
	"	lock cmpxchg %edx, (%rdi)\n"
	"	mov %eax, (%rcx)\n"
	"	xor %eax, %eax\n"
	"	ret\n"
	".globl host_soft_cmpxchg_fixup\n"
	".hidden host_soft_cmpxchg_fixup\n"
	"host_soft_cmpxchg_fixup:\n"
	"	mov $1, %eax\n"
	"	ret\n");
extern const char host_soft_copy_fault[], host_soft_copy_fixup[];
extern const char host_soft_cmpxchg_fault[], host_soft_cmpxchg_fixup[];
u64 host_soft_copy_insn(void *dst, const void *src, size_t n);
u32 host_soft_cmpxchg_insn(u32 *word, u32 expect, u32 desired, u32 *old);

static const struct {
	const char *fault, *fixup;
} accesses[] = {
	{host_soft_copy_fault, host_soft_copy_fixup},
	{host_soft_cmpxchg_fault, host_soft_cmpxchg_fixup},
};

static void on_sigbus(int sig, siginfo_t *si, void *uc_arg)
{
	ucontext_t *uc = uc_arg;
	greg_t *rip = &uc->uc_mcontext.gregs[REG_RIP];

	if (si->si_code <= 0)
		return; /* somebody sent it: no memory was lost */
	for (size_t i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		if (*rip == (greg_t)(uintptr_t)accesses[i].fault) {
			*rip = (greg_t)(uintptr_t)accesses[i].fixup;
			return;
		}
	}
	/* the instruction runs again, and a fault whose signal is blocked ends the process */
	sigaddset(&uc->uc_sigmask, sig);
}

int host_soft_copy_init(void)
{
	struct sigaction sa = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER};

	sigemptyset(&sa.sa_mask);
	return sigaction(SIGBUS, &sa, NULL) ? -errno : 0;
}

int host_soft_copy(void *dst, const void *src, size_t n)
{
	return host_soft_copy_insn(dst, src, n) ? -EFAULT : 0;
}

int host_soft_cmpxchg(u32 *word, u32 expect, u32 desired, u32 *old)
{
	return host_soft_cmpxchg_insn(word, expect, desired, old) ? -EFAULT : 0;
}
