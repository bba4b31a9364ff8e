/* SPDX-License-Identifier: Apache-2.0
 *
 * The paravirtual channel: the only door between the shim kernel and the launcher.
 * Freestanding; the same header serves both sides.
 *
 * The ring lives in guest memory (boot.h says where), one for all vCPUs: who uses it has the kernel
 * lock. The guest fills the slot at sq_tail, stores CHAN_SLOT_READY to its state (release) and
 * advances sq_tail. When host_polling is set nobody need be woken; otherwise one `out` to
 * CHAN_PORT_DOORBELL (one exit). The host handles slots in order, stores result and CHAN_SLOT_DONE
 * (release). Calls are synchronous to the shim: at most the last slot of a batch is waited for;
 * earlier ones may be FORGETs.
 *
 * Small data (names, attributes) goes through data[], which belongs to the call that is waited for.
 * Bulk data goes straight between the host's files and guest pages named by segments.
 *
 * The host treats all of it as hostile: it copies a slot and its input data once, validates the
 * copy by the table in chan_ops.h, and uses the copy.
 */
#ifndef ABI_CHANNEL_H
#define ABI_CHANNEL_H

#include <stdint.h>
#include <stddef.h>

#define CHAN_ABI_VERSION 1u

enum chan_op {
	CHAN_OP_NONE,
#define CHAN_OP(name, ...) CHAN_OP_##name,
#include "chan_ops.h"
#undef CHAN_OP
	CHAN_OP_COUNT
};

#define CHAN_SLOTS     16u
#define CHAN_SEGS_MAX  9u
#define CHAN_DATA_SIZE 65536u

/* Ports of the guest home (DESIGN section 2). A write of any value is the message. */
#define CHAN_PORT_DOORBELL 0x5b0
#define CHAN_PORT_PANIC	   0x5b1 /* data[]: why, as text */
#define CHAN_PORT_TIMER	   0x5b2 /* boot_clock.kick_ns changed: for this vCPU */
/* Several vCPUs. PARK stops this one until somebody has sent it an UNPARK since its last PARK
 * returned, or until the CLOCK_MONOTONIC time in RCX (~0: none); it may return early. */
#define CHAN_PORT_PARK	 0x5b3
#define CHAN_PORT_UNPARK 0x5b4 /* value: which vCPU */
#define CHAN_PORT_KICK	 0x5b5 /* value: which vCPU leaves user mode soon, if it is there */

#define CHAN_OFF_STREAM (~(uint64_t)0) /* OFF: use the open file description's own position */

enum chan_slot_state { CHAN_SLOT_FREE, CHAN_SLOT_READY, CHAN_SLOT_DONE };

/* A range of guest-physical memory: gpa in bytes, len in bytes. May lie in RAM only. */
struct chan_seg {
	uint64_t gpa;
	uint64_t len;
};

struct chan_msg {
	uint32_t state; /* enum chan_slot_state */
	uint16_t op;	/* enum chan_op */
	uint16_t nseg;
	int64_t result;
	uint64_t a[4];
	uint32_t in_len;  /* bytes of data[] that the guest filled */
	uint32_t out_len; /* out: bytes of data[] that the host filled */
	struct chan_seg seg[CHAN_SEGS_MAX];
	uint64_t reserved; /* zero */
};
_Static_assert(sizeof(struct chan_msg) == 208, "channel ABI");

/* What the shim did so far, for who looks at the sandbox from outside (runtime/observe). Only ever
 * shown. */
struct chan_counters {
	uint64_t syscalls;   /* asked by programs */
	uint64_t pages_used; /* guest pages in use, 4 KiB each */
	uint64_t user_ns;    /* in user mode, all programs together */
};

struct chan_ring {
	uint32_t sq_tail; /* guest writes: next slot to fill */
	uint32_t pad0;
	struct chan_counters counters; /* guest writes, as it counts */
	uint32_t pad3[8];	       /* keep the two writers on lines of their own */
	uint32_t sq_head;	       /* host writes: next slot to handle */
	uint32_t host_polling;	       /* host writes: 1 while the service is watching the ring */
	uint32_t events;	       /* host writes: 1 when WAIT would return an event */
	uint32_t pad1[13];
	struct chan_msg slot[CHAN_SLOTS];
	uint8_t pad2[640];
	uint8_t data[CHAN_DATA_SIZE];
};
_Static_assert(offsetof(struct chan_ring, sq_head) == 64, "channel ABI");
_Static_assert(offsetof(struct chan_ring, slot) == 128, "channel ABI");
_Static_assert(offsetof(struct chan_ring, data) == 4096, "channel ABI");

/* Open flags of the channel; not Linux's numbers, so that nothing passes through by accident. */
#define CHAN_O_READ	 0x0001u
#define CHAN_O_WRITE	 0x0002u
#define CHAN_O_CREAT	 0x0004u
#define CHAN_O_EXCL	 0x0008u
#define CHAN_O_TRUNC	 0x0010u
#define CHAN_O_DIRECTORY 0x0020u
#define CHAN_O_SYNC	 0x0040u
#define CHAN_O_TMPFILE	 0x0080u
#define CHAN_O_EXEC	 0x0100u /* will be executed or mapped with PROT_EXEC */
#define CHAN_O_ALL	 0x01ffu

#define CHAN_UNLINK_DIR	      1u
#define CHAN_RENAME_NOREPLACE 1u
#define CHAN_RENAME_EXCHANGE  2u
#define CHAN_WRITE_APPEND     1u
#define CHAN_XATTR_GET	      1u
#define CHAN_XATTR_LIST	      2u

/* st_mode and the rest as stat(2) of x86-64 Linux; times in seconds and nanoseconds. */
struct chan_attr {
	uint64_t ino;
	uint64_t dev; /* host device, makedev(3) encoding */
	uint64_t size;
	uint64_t blocks; /* 512 bytes */
	uint64_t rdev;
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint32_t blksize;
	uint32_t flags; /* CHAN_ATTR_* */
	int64_t atime, mtime, ctime, btime;
	uint32_t atime_ns, mtime_ns, ctime_ns, btime_ns;
};
_Static_assert(sizeof(struct chan_attr) == 112, "channel ABI");
#define CHAN_ATTR_READONLY 1u /* on a read-only grant: writes give EROFS */
#define CHAN_ATTR_STREAM   2u /* not seekable by OFF: use CHAN_OFF_STREAM (pipe, tty, socket) */
#define CHAN_ATTR_TTY	   4u

struct chan_walk_ent {
	struct chan_attr attr;
	uint32_t handle; /* DIR handle if it is a directory, else 0 */
	int32_t err;	 /* 0, or a negative errno (then attr is zero) */
};
_Static_assert(sizeof(struct chan_walk_ent) == 120, "channel ABI");
#define CHAN_WALK_MAX 32u

#define CHAN_SET_MODE	   0x01u
#define CHAN_SET_UID	   0x02u
#define CHAN_SET_GID	   0x04u
#define CHAN_SET_SIZE	   0x08u
#define CHAN_SET_ATIME	   0x10u
#define CHAN_SET_MTIME	   0x20u
#define CHAN_SET_ATIME_NOW 0x40u
#define CHAN_SET_MTIME_NOW 0x80u
#define CHAN_SET_ALL	   0xffu
struct chan_setattr {
	uint32_t valid; /* CHAN_SET_* */
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint64_t size;
	int64_t atime, mtime;
	uint32_t atime_ns, mtime_ns;
};
_Static_assert(sizeof(struct chan_setattr) == 48, "channel ABI");

struct chan_statfs {
	uint64_t type, bsize, blocks, bfree, bavail, files, ffree, namelen, frsize, flags;
};

/* Packed, 8-byte aligned. */
struct chan_dirent {
	uint64_t ino;
	uint64_t cookie; /* pass to READDIR to go on after this entry */
	uint16_t reclen; /* of this record, a multiple of 8 */
	uint8_t type;	 /* DT_* */
	uint8_t namelen;
	char name[4]; /* namelen bytes, then NUL */
};

enum chan_event_kind {
	CHAN_EV_READY = 1, /* tag: of WATCH; value: poll events */
	CHAN_EV_SIGNAL,	   /* value: a host signal: SIGINT, SIGTERM, …; tag: chan_signal_from */
	CHAN_EV_WINCH,	   /* the terminal's size changed */
	CHAN_EV_KILL,	   /* end now (time limit); value: signal number to report */
};
enum chan_signal_from {
	CHAN_SIGNAL_PROCESS, /* kill(2): for the program alone */
	CHAN_SIGNAL_KERNEL,  /* a terminal's key or its end: for all in the foreground */
};
struct chan_event {
	uint32_t kind;
	uint32_t value;
	uint64_t tag;
};

enum chan_tty_op {
	CHAN_TTY_GETS,	   /* out: struct termios of the kernel (asm/termbits.h), 36 bytes */
	CHAN_TTY_SETS,	   /* in: the same; a2: 0 now, 1 drain, 2 flush */
	CHAN_TTY_GETWINSZ, /* out: struct winsize */
	CHAN_TTY_SETWINSZ, /* in: struct winsize */
	CHAN_TTY_FLUSH,	   /* a2: TCIFLUSH… */
	CHAN_TTY_DRAIN,
	CHAN_TTY_INQ,  /* out: int */
	CHAN_TTY_OUTQ, /* out: int */
};

/* DENIED: "--ro PATH" or "--rw PATH", what would give the program what it missed. FATAL: why it
 * could not be started. */
enum chan_log_kind {
	CHAN_LOG_VERBOSE,
	CHAN_LOG_TRACE,
	CHAN_LOG_DENIED,
	CHAN_LOG_FATAL,
	CHAN_LOG_WARN
};

/* What EXIT reports: counters for --stats and --json. */
struct chan_report {
	uint64_t syscalls;	  /* asked by programs */
	uint64_t syscalls_absent; /* answered ENOSYS because no row is there */
	uint64_t faults;	  /* page faults taken */
	uint64_t switches;	  /* task switches */
	uint64_t channel_calls;
	uint64_t doorbells;  /* calls that cost an exit */
	uint64_t pages_peak; /* most guest pages in use, 4 KiB each */
	uint64_t processes;  /* ever made */
	uint64_t flags;	     /* CHAN_REPORT_* */
};
#define CHAN_REPORT_OOM 1u /* a program was killed because guest memory ran out */

#endif
