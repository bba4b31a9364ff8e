/* SPDX-License-Identifier: Apache-2.0
 *
 * The boot block: what the launcher hands to the shim before its first instruction. Built by
 * runtime/launch, read by core/boot.c. Offsets are from the start of the block; strings end with
 * NUL. The shim trusts it: the launcher is the shim's host.
 */
#ifndef ABI_BOOT_H
#define ABI_BOOT_H

#include <stdint.h>

#define BOOT_MAGIC   0x30746f6f42786253ull /* "SbxBoot0" */
#define BOOT_VERSION 4u

/* Guest-physical layout. RAM starts at 0; the file window is far above any RAM. */
#define BOOT_WINDOW_GPA	 0x1000000000ull /* 64 GiB */
#define BOOT_WINDOW_SIZE 0x0400000000ull /* 16 GiB of addresses, no memory of its own */

/* Where a program's addresses end: the last page below the canonical border is never mapped, as on
 * Linux (TASK_SIZE_MAX). */
#define BOOT_USER_VA_END   0x00007ffffffff000ull
#define BOOT_USER_VA_START 0x10000ull /* vm.mmap_min_addr of most distributions */

/* Guest-virtual layout of the guest home: physical memory and the image in the upper half. */
#define BOOT_PHYSMAP_VA 0xffff800000000000ull
#define BOOT_IMAGE_VA	0xffffffff80000000ull

enum boot_mount_kind {
	BOOT_MOUNT_HOST,  /* a host directory or file: handle */
	BOOT_MOUNT_TMPFS, /* memory; size in bytes, 0: no limit but --mem */
	BOOT_MOUNT_PROC,
	BOOT_MOUNT_DEV,
	BOOT_MOUNT_SYS,
	BOOT_MOUNT_IMAGE, /* an EROFS image: FILE handle; changes stay in memory, size as for TMPFS
			   */
	BOOT_MOUNT_LINK,  /* not a mount: a symbolic link at target pointing to source */
};
#define BOOT_MOUNT_RO 1u

/* Mounted in order; missing directories of the target are made in the file system below. The first
 * is "/". */
struct boot_mount {
	uint32_t kind;
	uint32_t flags;
	uint32_t handle; /* BOOT_MOUNT_HOST: DIR or FILE handle (file: opened O_PATH, usable as
			    NODE) */
	uint32_t mode;	 /* BOOT_MOUNT_TMPFS: permission bits */
	uint64_t size;
	uint32_t target; /* offset of an absolute, normalised path */
	uint32_t source; /* offset: link target, or the host's path for /proc/mounts and messages */
	uint32_t uid, gid;
};

/* An inherited descriptor: a FILE handle of the channel. */
struct boot_fd {
	uint32_t handle;
	int32_t fd;
	uint32_t oflags; /* Linux's O_ACCMODE | O_APPEND | O_NONBLOCK */
	uint32_t pad;
};

struct boot_block {
	uint64_t magic;
	uint32_t version;
	uint32_t size; /* of the whole block with its strings */

	uint64_t mem_size;   /* bytes of RAM from guest-physical 0 */
	uint64_t free_start; /* guest-physical: first byte that nothing occupies yet */
	uint64_t window_gpa;
	uint64_t window_size;
	uint64_t ring_gpa;
	uint64_t clock_gpa;  /* struct boot_clock, a page of its own */
	uint64_t vclock_gpa; /* the one that programs see, read-only: clock_gpa, or a copy where a
				program could write to it */
	uint64_t user_start; /* guest-physical: the vclock page, then programs' pages; the shim's
				from  below; 0: no such border */
	uint64_t user_va_start; /* first address that a program may map (vm.mmap_min_addr) */
	uint64_t user_va_end; /* first address that no program may map, at most BOOT_USER_VA_END */
	uint64_t cr3;	      /* guest home: the page-table root that the launcher built */
	uint32_t ncpus;
	uint32_t flags; /* BOOT_F_* */

	uint32_t path;	     /* program, absolute, inside the sandbox */
	uint32_t argc, argv; /* argv: offset of argc uint32_t offsets */
	uint32_t envc, envp;
	uint32_t cwd;
	uint32_t hostname;
	uint32_t nmounts, mounts; /* offset of struct boot_mount[nmounts] */
	uint32_t nfds, fds;	  /* offset of struct boot_fd[nfds] */
	uint32_t uid, gid;
	uint32_t ngroups, groups; /* offset of uint32_t[ngroups] */
	uint32_t umask;
	uint32_t pids_max;
	uint32_t trace;	 /* offset of the --trace filter: "" all, or names by comma; 0: no trace */
	uint32_t tty_fd; /* descriptor number of the controlling terminal, or ~0u */
	uint32_t keep; /* FILE handle, open for writing: what became of the image at "/"; 0: nobody
			  asks */

	uint64_t rlimits[16][2]; /* RLIMIT_* soft, hard */
	uint64_t hwcap, hwcap2;	 /* AT_HWCAP, AT_HWCAP2 to announce */
	uint64_t xcr0;		 /* state components that programs may use (host's XGETBV) */
	uint64_t
		xsave_size; /* bytes of an XSAVE area for them, standard format; 512: FXSAVE only */
	uint8_t random[64];
	uint32_t cpu_features; /* BOOT_CPU_*: what ring 0 may use, probed by the launcher */
	uint32_t pad1;
	uint32_t os_release; /* offset: host's utsname release, and version */
	uint32_t os_version;
	/* Signals as the program finds them, handed on by who started it: bit N-1 is signal N. */
	uint64_t sig_ignored, sig_blocked;
	uint32_t
		execfn; /* offset: what the program is told that it was called by (AT_EXECFN, $0) */
	uint32_t pad2;
	/* Who this sandbox is: a UUID (RFC 4122, version 4), and a number that is 0, but another in
	 * each clone, where the launcher writes both again. */
	uint8_t boot_id[16];
	uint64_t generation;
};

#define BOOT_F_VERBOSE 0x01u /* log what is absent, once each */
#define BOOT_F_TRACE   0x02u
#define BOOT_F_STATS   0x04u

#define BOOT_CPU_SYSRET	  0x01u
#define BOOT_CPU_XSAVE	  0x02u
#define BOOT_CPU_FSGSBASE 0x04u
#define BOOT_CPU_PCID	  0x08u
#define BOOT_CPU_SMAP	  0x10u
#define BOOT_CPU_SMEP	  0x20u
#define BOOT_CPU_XSAVEOPT 0x40u
#define BOOT_CPU_ANNOUNCE 0x80u /* changes of page tables are announced: BOOT_CALL_* */

/*
 * VMCALL in ring 0, where the host keeps a shadow of the page tables (vmm/vmx/core/announce.h says
 *the same): rax = BOOT_CALL_ANNOUNCE_MODE, rbx = 1: changes are announced from now on rax =
 *BOOT_CALL_ANNOUNCE, rbx = guest-physical address of struct boot_announcement[rcx]
 */
#define BOOT_CALL_ANNOUNCE_MODE 0x53420001u
#define BOOT_CALL_ANNOUNCE	0x53420002u
#define BOOT_ANNOUNCE_MAX	128u

/* Entries that lead to [va, va + pages * 4096) in this root lost something; or all of it is gone.
 */
struct boot_announcement {
	uint64_t root, va, pages;
};
#define BOOT_ANNOUNCE_ROOT_GONE UINT64_MAX

/* Clocks without an exit: ns = base_ns + ((tsc - base_tsc) * mult >> shift), 128-bit product.
 * The host rewrites it; readers retry while seq is odd or changes (pairs with the host's release
 * stores). The TSC is the guest's. */
struct boot_clock {
	uint32_t seq;
	uint32_t shift;
	uint64_t mult;
	uint64_t base_tsc;
	uint64_t mono_ns; /* CLOCK_MONOTONIC at base_tsc */
	uint64_t real_ns; /* CLOCK_REALTIME at base_tsc */
	uint64_t boot_ns; /* CLOCK_BOOTTIME at base_tsc */
	uint64_t raw_ns;  /* CLOCK_MONOTONIC_RAW at base_tsc */
	int64_t tai_offset_s;
	uint64_t kick_ns; /* guest writes: monotonic time of the next wanted kick, 0: none */
	uint32_t ncpus;	  /* for the vDSO */
	uint32_t pad;
};

#endif
