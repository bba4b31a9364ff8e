/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the shim's own data is, for who looks at it from outside: the launcher, when it takes
 * samples of user code (runtime/sample). The image has it as the constant `guest_layout`; the
 * launcher reads it out of its own copy of the image, never out of guest memory.
 *
 * Offsets in bytes. What is there: pointers and sizes of 8 bytes; s32 where `i`, u32 where `u`, one
 * byte where `b` is said.
 */
#ifndef HOME_GUEST_LAYOUT_H
#define HOME_GUEST_LAYOUT_H

#include <stdint.h>

struct guest_layout {
	uint64_t cpus;	 /* address of the first struct cpu */
	uint64_t random; /* of the generator's state: 32 bytes of key, and 8 that are 0 until it was
			    seeded, from the boot block */
	uint32_t cpu_size, ncpus;
	uint32_t trap_fault, trap_bus; /* values of a trap's kind */
	struct {
		uint16_t task; /* or NULL: nobody runs */
	} cpu;
	struct {
		uint16_t proc, mm, tid; /* tid: i */
		uint16_t comm;		/* 16 bytes */
		uint16_t trap_kind;	/* u */
		uint16_t rip, rsp, rbp; /* of user code, as it came to the shim the last time */
		uint16_t in_syscall;	/* b: its trap was one; then */
		uint16_t orig_rax;	/* its number */
	} task;
	struct {
		uint16_t pid; /* i */
	} process;
	struct {
		uint16_t pgd;	      /* guest-physical */
		uint16_t vmas, nvmas; /* pointers by address; nvmas: u */
		uint16_t vdso;
	} mm;
	struct {
		uint16_t start, end, offset, file, prot; /* file: or NULL; prot: u, PROT_* */
	} vma;
	struct {
		uint16_t inode, mount, dentry; /* dentry: or NULL */
	} file;
	struct {
		uint16_t super, ino, host; /* host: of a "host" super's, what follows */
	} inode;
	struct {
		uint16_t dev;
	} host;
	struct {
		uint16_t type, dev; /* type: a string */
	} super;
	struct {
		uint16_t parent, name, len, unhashed; /* len: u; unhashed: b */
	} dentry;
	struct {
		uint16_t root, parent, mountpoint;
	} mount;
};

#endif
