/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel service: the host end of the channel. Performs what kernel-shim/abi/chan_ops.h lists,
 * on the files that the policy granted and on nothing else. Knows nothing of the VM but its memory.
 *
 * Every request: copy -> decode (pure) -> perform -> reply. The guest is hostile.
 *
 * Threads: service_handle() is called by one thread at a time (the service thread in the guest
 * home, the core's thread in the host home). service_watch_loop() runs on a thread of its own. The
 * others say what they need.
 */
#ifndef SERVICE_H
#define SERVICE_H

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel-shim/abi/channel.h"
#include "runtime/service/histogram.h"

struct service;

/* The checked gateway to guest memory: RAM only, [0, size). It outlives the service. */
struct service_memory {
	uint8_t *ram;
	uint64_t ram_size;
	uint8_t *window; /* host address of the file window: a PROT_NONE reservation, or NULL */
	uint64_t window_size;
	/* Of RAM, [constant_start, constant_end): what a guest in ring 0 must not change, and no
	 * request changes for it. */
	uint64_t constant_start, constant_end;
};

/* A guest address is a number that nobody can dereference by accident. */
struct gpa {
	uint64_t v;
};
/* Host pointer to [gpa, gpa+len) if all of it is RAM, else NULL. Overflow-safe. */
void *service_gpa_ptr(const struct service_memory *mem, struct gpa gpa, uint64_t len);
/* The same for writing: NULL, too, if some of it is constant. */
void *service_gpa_ptr_write(const struct service_memory *mem, struct gpa gpa, uint64_t len);

struct service_callbacks {
	void *arg;
	/* An event is pending: set ring->events and make the vCPU leave user mode. Any thread. */
	void (*kick)(void *arg);
	/* EXIT was called. After it the VM is not run again. */
	void (*exited)(void *arg, int wait_status, const struct chan_report *report);
	/* LOG: kind is enum chan_log_kind; text is NUL-terminated and has no control characters. */
	void (*log)(void *arg, uint32_t kind, const char *text);
	/* Something was refused by policy: once per (operation, path). flag_help such as "--rw /x",
	 * or "" where no flag would allow it. Both strings are free of control characters. */
	void (*denied)(void *arg, const char *operation, const char *path, const char *flag_help);
	/* A request is about to be performed; false: it is not, and its answer is EINTR. NULL if
	 * nobody asks. */
	bool (*asked)(void *arg, const struct chan_msg *msg);
	/* A request was answered, also one that was refused (ns 0); NULL if nobody asks. */
	void (*handled)(void *arg, const struct chan_msg *msg, const uint8_t *in, uint64_t ns);
	/* A file was laid into the window at off (bytes from its start), or a range of it was given
	 * back. fd is the service's. 0 or -errno, which MAP answers. */
	int (*window_map)(void *arg, uint64_t off, uint64_t len, int fd, uint64_t file_off);
	void (*window_unmap)(void *arg, uint64_t off, uint64_t len);
};

int service_create(
	struct service **out, const struct service_memory *mem, const struct service_callbacks *cb);
void service_destroy(struct service *s);

/* Before the jail. Each returns a handle > 0 for the boot block, or -errno. The service takes its
 * own duplicate of fd. host_path is for messages only. */
int64_t service_grant(struct service *s, int o_path_fd, bool writable, const char *host_path);
int64_t service_inherit(struct service *s, int fd, int *out_oflags); /* stdin, stdout, stderr */
/* Where a descriptor's file is on the host, which needs /proc: the caller's to free; NULL. */
char *service_path_of(int fd);
/* Hides one directory or file although it lies below a grant (a tmpfs mounted over it, say):
 * EACCES, for whoever grants it or what is below it from now on, too. Grants nest: below /a
 * (writable), /a/b granted read-only is read-only by whatever way it is reached. The host's procfs
 * can be mounted over but not entered, even if it is granted. */
int service_deny(struct service *s, int o_path_fd, const char *host_path);
/* Open what later reopening needs (/proc/self/fd); call in the process that will serve, before the
 * jail closes it in, and after RLIMIT_NOFILE has its final value. Sets the process's umask to 0:
 * the shim applies the program's own. The process must ignore SIGPIPE and SIGXFSZ. */
int service_prepare(struct service *s);

/* Copies: a process that is forked from this one in a request, by its thread, goes on with the
 * service that it finds in its memory. prepare: before the jail. begin, end: in this process,
 * around the fork, lest the watcher be in the middle of something. copied: in that process, before
 * anything else of here: what was inherited as descriptor n is fds[n] from now on, which stay the
 * caller's; until_fd as in service_watch_begin. 0 or -errno. Granted files and what was
 * opened of them are shared with the first process. */
#define SERVICE_STREAMS 3
int service_prepare_copies(struct service *s);
void service_copy_begin(struct service *s);
void service_copy_end(struct service *s);
int service_copied(struct service *s, const int fds[SERVICE_STREAMS], int until_fd);
/* In the first process, when nothing is served any more: its streams are not held open. */
void service_close_streams(struct service *s);
/* In a copy. ends_output: when the guest forgets its stdout, the sending side of what that is ends,
 * if it is a socket. first: what a READ of its stdin gives before that itself; copied. */
#define SERVICE_FIRST_MAX 128
void service_ends_output(struct service *s);
void service_put_first(struct service *s, const void *first, size_t size);
/* An inherited descriptor that can be replaced so: a pipe, a socket, /dev/null. */
bool service_is_stream(struct service *s, uint32_t handle);
/* The program's stdin, also where it has opened that once more. */
bool service_is_stdin(struct service *s, uint64_t handle);

/* Snapshots. note: before the first request, if one is to be made. state: all that the guest can
 * name here, which are handles, watches and what lies in the window, in one walk (coder.h).
 * Written: in a request, by its thread. Read: before the jail, by a service that was made with the
 * same grants and has served nobody; streams are what was inherited then. 0, or -errno, mostly with
 * a sentence in why. */
struct coder;
void service_note_window(struct service *s);
bool service_interrupted(struct service *s); /* a signal has come that nobody has taken */
int service_state(struct service *s, struct coder *c, char *why, size_t why_size);
/* The guest's clock is CLOCK_MONOTONIC and this, modulo 2^64: deadlines come by it. host_ns: such a
 * one by the host's clock; 0 if it would be before that, UINT64_MAX for never. */
void service_set_clock(struct service *s, uint64_t ahead);
uint64_t service_host_ns(const struct service *s, uint64_t guest_ns);

/* What requests can ever come to, by what was granted and inherited: SERVICE_* joined. What it does
 * not say, no request makes the service ask of the host. */
#define SERVICE_TERMINAL 0x1u /* TTY, and reading from one */
#define SERVICE_SOCKET	 0x2u /* READ, WRITE of a socket */
#define SERVICE_CHANGES	 0x4u /* SETATTR, FALLOCATE, FSYNC of a file or directory */
#define SERVICE_NAMES	 0x8u /* MKDIR, MKNOD, SYMLINK, LINK, UNLINK, RENAME */
unsigned service_reach(const struct service *s);

/* Performs one request whose slot the caller already copied out of the ring: `msg` is the private
 * copy, `in` the private copy of in_len bytes of data, `out` room for CHAN_DATA_SIZE bytes. Sets
 * msg->result and msg->out_len. Never blocks, except WAIT. */
void service_handle(struct service *s, struct chan_msg *msg, const uint8_t *in, uint8_t *out);

/* Serves all READY slots of a ring: service_handle behind a fetch-once copy. Returns how many.
 * sq_head and sq_tail run freely, modulo 2^32; slot n % CHAN_SLOTS is the one meant. */
unsigned service_serve_ring(struct service *s, struct chan_ring *ring);

/* Before the jail, once: `signals`, which are blocked in every thread, are the watcher's to take;
 * until_fd (0: none) ends its loop once it can be read or was hung up. */
int service_watch_begin(struct service *s, const sigset_t *signals, int until_fd);
/* Body of the watcher thread: waits for watched files and for signals, queues events, calls kick.
 * Returns 0 after service_shutdown(), 1 because of until_fd, or -errno. */
int service_watch_loop(struct service *s);
void service_shutdown(struct service *s); /* any thread, async-signal-safe */
/* A WAIT in progress, or else the next one, returns now, perhaps with no event: for a doorbell of
 * another vCPU while the service thread sleeps in WAIT. Any thread, async-signal-safe. */
void service_wake(struct service *s);

/* Host-side events, any thread. */
void service_post_event(struct service *s, const struct chan_event *ev);
bool service_events_pending(struct service *s);
/* Sets ring->events to what is pending, losing no kick. service_serve_ring() does it after a WAIT;
 * who calls service_handle() does it himself. A WAIT returns at most 16 events. */
void service_update_events(struct service *s, struct chan_ring *ring);

struct service_stats {
	uint64_t calls[CHAN_OP_COUNT];
	uint64_t ns[CHAN_OP_COUNT]; /* filled when timing was asked for */
	uint64_t rejected;	    /* requests that decode refused */
};
void service_stats(struct service *s, struct service_stats *out);
void service_enable_timing(struct service *s);

/* The same, for others of the host to look at while it runs: written, never read. Some requests are
 * timed whether or not timing was asked for. */
#define SERVICE_SHOWN_OPS 64
struct service_shown {
	_Atomic uint64_t calls[SERVICE_SHOWN_OPS];
	_Atomic uint64_t rejected;
	volatile struct histogram time[SERVICE_SHOWN_OPS]; /* of those that were timed */
};
_Static_assert(CHAN_OP_COUNT <= SERVICE_SHOWN_OPS, "each operation has a place");
/* It stays the caller's and outlives the service. Before the first request. */
void service_show(struct service *s, struct service_shown *shown);

/* Put back the terminal's mode, if the guest changed it. Async-signal-safe. */
void service_restore_tty(struct service *s);

/* A request and its answer in a line; not longer than size, without control characters. */
void service_describe(const struct chan_msg *msg, const uint8_t *in, char *out, size_t size);

/* Decode alone, pure: 0, or the negative errno to reply. What the fuzzer drives. */
int service_decode(const struct chan_msg *msg, const uint8_t *in, uint64_t ram_size);

#endif
