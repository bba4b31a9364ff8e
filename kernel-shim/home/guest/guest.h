/* SPDX-License-Identifier: Apache-2.0
 *
 * Home `guest`: what entry.S, the C part and the launcher's loader share. Plain numbers, so that
 * assembly can include it.
 */
#ifndef HOME_GUEST_GUEST_H
#define HOME_GUEST_GUEST_H

/* Guest-physical places that the launcher fills before the first instruction (SDM vol. 3: 3.4.5
 * GDT, 6.14.1 IDT, 7.7 TSS). All are below GUEST_IMAGE_PA, which is where the image is linked to
 * lie. */
#define GUEST_PA_GDT	    0x1000
#define GUEST_PA_TSS	    0x2000
#define GUEST_PA_IDT	    0x3000
#define GUEST_PA_PML4	    0x4000
#define GUEST_PA_IMG_PDPT   0x5000
#define GUEST_PA_IMG_PD	    0x6000
#define GUEST_PA_IMG_PT	    0x7000 /* maps physical 0..2 MiB at BOOT_IMAGE_VA */
#define GUEST_PA_MAP_PDPT   0x8000
#define GUEST_PA_MAP_PT	    0x9000  /* the first 2 MiB of the physical map, page by page */
#define GUEST_PA_DF_STACK   0xb000  /* top: one page below it is the double-fault stack */
#define GUEST_PA_TRAP_TOP   0xc000  /* top of the page that traps from ring 3 push into */
#define GUEST_PA_BOOT_STACK 0x10000 /* top of the boot and scheduler stack: 16 KiB */
#define GUEST_PA_CPUS                                                                              \
	0x10000 /* of each processor after the first a page: TSS, and traps from its end */
#define GUEST_IMAGE_PA	0x100000
#define GUEST_IMAGE_END 0x1ff000 /* the image must end here: one page table maps it */
#define GUEST_KMAP_PA	0x1ff000 /* its slot in that table is for looking at window pages */

#define GUEST_KERNEL_CS 0x10
#define GUEST_KERNEL_SS 0x18
#define GUEST_TSS_SEL	0x40 /* of the first processor; 16 bytes each */
#define GUEST_TSS_LIMIT 0x67

#define GUEST_VECTORS	  64
#define GUEST_STUB_SIZE	  16
#define GUEST_VEC_KICK	  0x20 /* external interrupts from the launcher */
#define GUEST_VEC_BUS	  0x21
#define GUEST_VEC_SYSCALL 0x100 /* not a vector: how entry.S says it */

/* struct guest_cpu, which GS shows in ring 0. */
#define GUEST_CPU_KERNEL_RSP 8
#define GUEST_CPU_USER_RSP   16
#define GUEST_CPU_TRAP_TOP   24
#define GUEST_TRAP_SIZE	     176 /* struct guest_trap */

#endif
