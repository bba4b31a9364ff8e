/* SPDX-License-Identifier: Apache-2.0
 *
 * The tests' guest: position-independent pieces of ring 0 and ring 3 code, copied to GUEST_CODE0
 * and GUEST_CODE3. A trap of any ring reports to userspace by `out` to the port of its vector, with
 * a frame on the ring-0 stack (struct machine_frame), and resumes by iretq. On the way back it does
 * what r15 says: 1 reloads CR3, 2 invalidates the page of r14. Ring 3 pieces end with ud2.
 */
#ifndef TESTS_UNIT_VMM_GUEST_H
#define TESTS_UNIT_VMM_GUEST_H

#define GUEST_VECTORS 96
#define GUEST_IRQ     0x41
#define GUEST_PORT    0x70 /* ring 0 pieces: something to say */
#define GUEST_PORT_IN 0x71
#define FLUSH_NONE    0
#define FLUSH_CR3     1
#define FLUSH_INVLPG  2
#define FLUSH_PTE     3

extern const char guest_code0[], guest_code0_end[], guest_code3[], guest_code3_end[];
extern const char guest_vectors[]; /* 16 bytes each */

/* Ring 0 */
extern const char guest_outs[];	   /* outb, outw, outl of rax */
extern const char guest_in[];	   /* inl, and out again */
extern const char guest_rep_out[]; /* rep outsb: rcx bytes at rsi */
extern const char guest_rep_in[];  /* rep insb: rcx bytes to rdi */
extern const char guest_hlt[];	   /* hlt; out */
extern const char guest_store[];   /* rax to (rdi), load it to rax; out */
extern const char guest_load[];	   /* (rdi) to rax; out */
extern const char guest_touch[];   /* or of 0 to (rdi), locked; out */
extern const char guest_out_loop[];
extern const char guest_sti[]; /* out; sti; spin at guest_sti_spin */
extern const char guest_sti_spin[];
extern const char guest_rdmsr[]; /* of ecx, to rax; out */
extern const char guest_ud2[];
extern const char guest_loop0[]; /* ecx times; out */

/* Ring 3 */
extern const char guest_spin[];
extern const char guest_ud2_loop[];
extern const char guest_syscall[];
extern const char guest_syscall_loop[];
extern const char guest_read[];	  /* (rdi) to rax; ud2 */
extern const char guest_write[];  /* rax to (rdi); ud2 */
extern const char guest_while[];  /* while (rdi) is rsi, count in rbx; ud2 */
extern const char guest_until[];  /* until (rdi) is rsi; ud2 */
extern const char guest_fs_gs[];  /* %fs:0 to rax, %gs:0 to rbx; ud2 */
extern const char guest_port[];	  /* out */
extern const char guest_tsc[];	  /* rdtsc to rax; ud2 */
extern const char guest_cpuid[];  /* of eax; ud2 */
extern const char guest_sse[];	  /* loads (rdi): xmm0, xmm15; ud2; stores them at (rsi); ud2 */
extern const char guest_avx[];	  /* the same: ymm0, ymm15 */
extern const char guest_avx512[]; /* the same: zmm0, zmm31, and k1 from rbx, back to rcx */

#endif
