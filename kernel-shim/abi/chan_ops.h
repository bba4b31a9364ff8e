/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel's operations, one row each: everything that the guest can ask of the host.
 *
 * CHAN_OP(NAME, "name", A0, A1, A2, A3, DATA_IN, DATA_OUT, SEGS, "what it does")
 *
 * Argument kinds, from which the validators (runtime/service/decode.c), the trace, the fuzzer's
 * dictionary and docs/channel.md are made:
 *   NONE    must be zero
 *   DIR     live handle of a directory            FILE  live handle of an open file
 *   NODE    live handle, directory or file        DIRX  a second directory handle (rename, link)
 *   OFF     file offset: 0 .. 2^63-1, or CHAN_OFF_STREAM for the description's own position
 *   LEN     byte count: 0 .. 2^63-1               U32 / U64 / I64   any value of that width
 *   MODE    permission bits 0..07777              OFLAGS open flags, mask CHAN_O_ALL
 *   WHENCE  SEEK_SET..SEEK_HOLE                   WIN   page-aligned offset into the file window
 *   EVENTS  poll event mask                       FLAGS small op-specific flag word (32 bit)
 * Data, both in the ring's data area (struct chan_ring.data), fetched once by the host:
 *   NIL     none       NAME   one path component: 1..255 bytes, no '/', no NUL, not "." or ".."
 *   NAMEZ   NAME or empty (empty: the handle itself)
 *   NAME2   two components, each followed by NUL  PATH   1..4095 bytes, no NUL
 *   NAMETGT a NAME followed by NUL and a link target of 1..4095 bytes
 *   RAW(n)  exactly n bytes                       VAR    up to CHAN_DATA_SIZE bytes
 * SEGS: NOSEG, SEGOUT (the host fills guest memory), SEGIN (the host reads guest memory).
 *
 * result: >= 0, or a negative Linux errno.
 */
#ifndef CHAN_OP
#error "define CHAN_OP before including chan_ops.h"
#endif

/* -- names: a leaf is (directory handle, name); an empty name is the handle itself -- */
CHAN_OP(WALK, "walk", DIR, NONE, NONE, NONE, PATH, VAR, NOSEG,
	"look up the components of a relative path one after another, never following a link; "
	"result: how many were found; out: a struct chan_walk_ent for each, and for a first one "
	"that was not found an entry with .err set. Stops at the first that is not a directory.")
CHAN_OP(GETATTR, "getattr", NODE, NONE, NONE, NONE, NAMEZ, VAR, NOSEG, "out: struct chan_attr")
CHAN_OP(SETATTR, "setattr", NODE, NONE, NONE, NONE, VAR, VAR, NOSEG,
	"in: struct chan_setattr, then the name (may be empty, no NUL); out: struct chan_attr. A "
	"stream may only be told what it is already: EPERM")
CHAN_OP(READLINK, "readlink", NODE, NONE, NONE, NONE, NAMEZ, VAR, NOSEG,
	"out: the link's target; result: its length")
CHAN_OP(OPEN, "open", NODE, OFLAGS, MODE, NONE, NAMEZ, VAR, NOSEG,
	"open or create (CHAN_O_CREAT) a regular file or what the grant says; result: FILE handle; "
	"out: struct chan_attr. Never follows a link: ELOOP")
CHAN_OP(OPENDIR, "opendir", DIR, NONE, NONE, NONE, NIL, NIL, NOSEG,
	"result: FILE handle for READDIR and FSYNC")
CHAN_OP(MKDIR, "mkdir", DIR, MODE, NONE, NONE, NAME, VAR, NOSEG,
	"out: struct chan_walk_ent of the new directory (with its DIR handle)")
CHAN_OP(MKNOD, "mknod", DIR, U32, NONE, NONE, NAME, VAR, NOSEG,
	"a1: full st_mode, S_IFREG, S_IFIFO or S_IFSOCK only; out: struct chan_attr")
CHAN_OP(SYMLINK, "symlink", DIR, NONE, NONE, NONE, NAMETGT, VAR, NOSEG, "out: struct chan_attr")
CHAN_OP(LINK, "link", NODE, DIRX, NONE, NONE, NAME2, VAR, NOSEG,
	"hard link (a0, name1) as (a1, name2); name1 may be empty: the open file a0; "
	"out: struct chan_attr")
CHAN_OP(UNLINK, "unlink", DIR, FLAGS, NONE, NONE, NAME, NIL, NOSEG, "a1: 0 or CHAN_UNLINK_DIR")
CHAN_OP(RENAME, "rename", DIR, DIRX, FLAGS, NONE, NAME2, NIL, NOSEG,
	"(a0, name1) to (a1, name2); a2: CHAN_RENAME_* as renameat2(2)")
CHAN_OP(ACCESS, "access", NODE, FLAGS, NONE, NONE, NAMEZ, NIL, NOSEG,
	"a1: R_OK|W_OK|X_OK as the launcher's own user, without following a link")
CHAN_OP(STATFS, "statfs", NODE, NONE, NONE, NONE, NIL, VAR, NOSEG, "out: struct chan_statfs")
CHAN_OP(FORGET, "forget", NODE, NONE, NONE, NONE, NIL, NIL, NOSEG,
	"drop a handle of either kind; may be queued without a doorbell")

/* -- open files -- */
CHAN_OP(READ, "read", FILE, OFF, LEN, NONE, NIL, NIL, SEGOUT,
	"result: bytes read into the segments; EAGAIN where it would wait")
CHAN_OP(WRITE, "write", FILE, OFF, LEN, FLAGS, NIL, NIL, SEGIN,
	"result: bytes written; a3: CHAN_WRITE_APPEND; EAGAIN where it would wait")
CHAN_OP(READDIR, "readdir", FILE, U64, NONE, NONE, NIL, VAR, NOSEG,
	"a1: cookie, 0 at first; out: packed struct chan_dirent; result: bytes used, 0 at the end")
CHAN_OP(SEEK, "seek", FILE, I64, WHENCE, NONE, NIL, NIL, NOSEG,
	"move the description's own position (streams shared with the host; SEEK_DATA, SEEK_HOLE)")
CHAN_OP(FSYNC, "fsync", FILE, FLAGS, NONE, NONE, NIL, NIL, NOSEG, "a1: 1 for data only")
CHAN_OP(FALLOCATE, "fallocate", FILE, U32, OFF, LEN, NIL, NIL, NOSEG, "a1: mode of fallocate(2)")
CHAN_OP(FLOCK, "flock", FILE, U32, NONE, NONE, NIL, NIL, NOSEG,
	"a1: LOCK_SH, LOCK_EX or LOCK_UN; never waits: EAGAIN. Against other host processes")
CHAN_OP(XATTR, "xattr", NODE, FLAGS, NONE, NONE, VAR, VAR, NOSEG,
	"a1: CHAN_XATTR_GET or CHAN_XATTR_LIST; in: leaf name NUL attribute name NUL")

/* -- the file window (DAX) -- */
CHAN_OP(MAP, "map", FILE, OFF, LEN, WIN, NIL, NIL, NOSEG,
	"map pages of a regular file at an offset of the window; writable if the handle is")
CHAN_OP(UNMAP, "unmap", NONE, WIN, LEN, NONE, NIL, NIL, NOSEG, "give a range of the window back")

/* -- streams, terminal, waiting -- */
CHAN_OP(POLL, "poll", FILE, EVENTS, NONE, NONE, NIL, NIL, NOSEG,
	"result: events ready now, as poll(2) with no time-out")
CHAN_OP(WATCH, "watch", FILE, EVENTS, U64, NONE, NIL, NIL, NOSEG,
	"report once, as a struct chan_event with tag a2, when one of a1 is ready; a1 0 cancels")
CHAN_OP(WAIT, "wait", U64, NONE, NONE, NONE, NIL, VAR, NOSEG,
	"wait until CLOCK_MONOTONIC a0 (ns; 0: do not wait) or an event; out: struct chan_event "
	"array, result: its size in bytes. Events: ready files, host signals, window size")
CHAN_OP(TTY, "tty", FILE, U32, U32, NONE, VAR, VAR, NOSEG,
	"a1: CHAN_TTY_*; in, out: the structure of tty_ioctl(2) that goes with it")

/* -- memory and life -- */
CHAN_OP(RANDOM, "random", LEN, NONE, NONE, NONE, NIL, VAR, NOSEG,
	"out: up to 256 bytes of getrandom(2)")
CHAN_OP(DISCARD, "discard", NONE, U64, LEN, NONE, NIL, NIL, NOSEG,
	"guest-physical range a1, a2 is free: give its host memory back; reads as zero afterwards")
CHAN_OP(LOG, "log", FLAGS, NONE, NONE, NONE, VAR, NIL, NOSEG,
	"a line for the launcher: a0 is CHAN_LOG_*")
CHAN_OP(STOP, "stop", FLAGS, NONE, NONE, NONE, NIL, NIL, NOSEG,
	"every process is stopped: stop the launcher until SIGCONT; a0: the signal, SIGSTOP or one "
	"of SIGTSTP, SIGTTIN, SIGTTOU, which the host does not obey where no shell could continue "
	"it")
CHAN_OP(EXIT, "exit", U32, NONE, NONE, NONE, VAR, NIL, NOSEG,
	"the first program ended; a0: wait status as wait(2); in: struct chan_report")
