/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOME_HOST_TRAP_INTERNAL_H
#define HOME_HOST_TRAP_INTERNAL_H

#include "home/host/trap.h"

/* Guest-virtual address of guest-physical 0 for the engine's pages. */
#define TRAP_VA 0xffffffff80000000ull

#define TRAP_PA_GDT	  0x1000u
#define TRAP_PA_TSS	  0x2000u /* with its I/O map: to 0x4068 */
#define TRAP_PA_IDT	  0x5000u
#define TRAP_PA_STUBS	  0x6000u
#define TRAP_PA_IRETQ	  0x6800u
#define TRAP_PA_FLUSH	  0x6810u
#define TRAP_PA_SYNC	  0x6820u
#define TRAP_PA_LSTAR	  0x7000u
#define TRAP_PA_STACK	  0x8000u
#define TRAP_PA_STACK_TOP 0x9000u
#define TRAP_PA_PDPT	  0xa000u
#define TRAP_PA_PD	  0xb000u
#define TRAP_PA_PT	  0xc000u
#define TRAP_PA_MAP_PDPT  0xd000u  /* all RAM at TRAP_MAP_VA, for ring 0 only */
#define TRAP_PA_MAP_PD	  0x10000u /* one page for each GiB */
#define TRAP_MAP_VA	  0xffff800000000000ull
#define TRAP_PA_SYNC_LIST TRAP_PA_STACK /* addresses of entries, below the stack on its page */
#define TRAP_SYNC_MAX	  64u

#define TRAP_VECTORS	  32u
#define TRAP_STUB_SIZE	  16u
#define TRAP_TSS_LIMIT	  (104u + 8192u)
#define TRAP_KERNEL_CS	  0x10u
#define TRAP_KERNEL_SS	  0x18u
#define TRAP_TSS_SEL	  0x40u
#define TRAP_PORT_SYSCALL 0x80u

void trap_stubs_write(u8 *ram, u64 ram_size, bool syscall_ring0);
void trap_pgd_init(u64 *pgd);

#endif
