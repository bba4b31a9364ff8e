/* SPDX-License-Identifier: Apache-2.0
 * Where things are in the guest, for guest.S too. Memory is 2 MiB, identity-mapped with 4 KiB
 * pages; from USER on, pages are open to ring 3.
 */
#ifndef KVM_PROBE_LAYOUT_H
#define KVM_PROBE_LAYOUT_H

#define MEMORY	     0x200000
#define PML4	     0x1000
#define PDPT	     0x2000
#define PD	     0x3000
#define PT	     0x4000
#define GDT	     0x5000
#define IDT	     0x6000
#define TSS	     0x7000
#define TRAP	     0x8000 /* struct trap, written by the guest */
#define SCRATCH	     0x9000
#define KERNEL_STACK 0xc000
#define KERNEL	     0x10000
#define USER	     0x40000
#define USER_STACK   0x60000
#define HOLE	     0x1f0000 /* not present */
#define READ_ONLY    0x300000 /* second memory slot */
#define MMIO	     0x340000 /* mapped, no memory slot */

#define PORT_SYSCALL 0xe0
#define PORT_TRAP    0xe1
#define PORT_DONE    0xe2
#define VECTORS	     96
#define VECTOR_IRQ   0x41

#define LOOPS 2000

#endif
