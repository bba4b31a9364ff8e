/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the channel service share. Nobody outside this folder includes it.
 *
 * Threads: struct handles, struct policy and the buffers belong to the thread that calls
 * service_handle(). struct events is shared and has a lock. struct ttys has a lock for its writers;
 * service_restore_tty() only reads. The two locks are never held together, and no callback is
 * called with one held.
 */
#ifndef SERVICE_INTERNAL_H
#define SERVICE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "runtime/service/service.h"

#define PAGE_BYTES 4096ull

/* -- decode.c: the table of operations -- */

enum arg_kind {
	ARG_NONE,
	ARG_DIR,
	ARG_DIRX,
	ARG_FILE,
	ARG_NODE,
	ARG_OFF,
	ARG_LEN,
	ARG_U32,
	ARG_U64,
	ARG_I64,
	ARG_MODE,
	ARG_OFLAGS,
	ARG_WHENCE,
	ARG_WIN,
	ARG_EVENTS,
	ARG_FLAGS,
};

enum data_kind {
	DATA_NIL,
	DATA_NAME,
	DATA_NAMEZ,
	DATA_NAME2,
	DATA_NAMETGT,
	DATA_PATH,
	DATA_VAR,
	DATA_EXACT, /* RAW(n): n in the upper bits */
};
#define DATA_RAW(n) (DATA_EXACT | ((uint32_t)(n) << 8))

struct op_desc {
	const char *name;
	uint8_t arg[4]; /* enum arg_kind */
	uint8_t seg;
	uint32_t in, out; /* DATA_* */
};
extern const struct op_desc service_op_table[CHAN_OP_COUNT];

/* -- handles.c -- */

enum handle_kind {
	HANDLE_FREE,
	HANDLE_DIR,	/* O_PATH of a directory */
	HANDLE_NODE,	/* O_PATH of a granted single file: to be opened, not to be read */
	HANDLE_FILE,	/* open and seekable */
	HANDLE_DIRFILE, /* an open directory: READDIR, FSYNC */
	HANDLE_STREAM,	/* open, no position of its own */
};

#define RIGHT_READ  1u
#define RIGHT_WRITE 2u
_Static_assert(RIGHT_READ == CHAN_O_READ && RIGHT_WRITE == CHAN_O_WRITE, "rights are open flags");

#define HANDLE_TTY	 0x01u
#define HANDLE_NONBLOCK	 0x02u /* the description itself never waits */
#define HANDLE_SOCKET	 0x04u
#define HANDLE_NO_NOWAIT 0x08u /* RWF_NOWAIT was tried in vain */
#define HANDLE_REGULAR	 0x10u /* S_ISREG */
#define HANDLE_INERT	 0x40u /* a directory of procfs: may be named, not entered */
#define HANDLE_BOUNDED	 0x20u /* pipe or tty: a long write may wait even when poll says ready */

struct handle {
	int fd;
	uint16_t generation;
	uint8_t kind;
	uint8_t rights; /* RIGHT_*: the most that a reopening may ask for */
	uint8_t access; /* RIGHT_*: what this description was opened for */
	uint8_t flags;	/* HANDLE_* */
	uint8_t stream; /* HANDLE_STREAM: the descriptor that it was inherited as */
	uint32_t grant; /* index into struct policy */
	uint32_t watch; /* slot in struct events + 1, or 0 */
	uint32_t index;
	uint32_t next_free;
	bool sync;	 /* it was opened with O_SYNC */
	bool locked;	 /* a FLOCK holds */
	int64_t dir_pos; /* HANDLE_DIRFILE: where the description stands, -1 unknown */
	char *path;	 /* for messages: where it was when it was opened; may be NULL */
};

struct handles {
	struct handle **chunk; /* chunks, so that a struct handle stays where it is */
	uint32_t nchunks;
	uint32_t used; /* indices ever used */
	uint32_t live;
	uint32_t cap;
	uint32_t free_head, free_tail; /* first in, first out: a number is reused late */
};

int handles_init(struct service *s);
void handles_destroy(struct service *s);
void handles_set_cap(struct service *s);
/* Takes over the fd and the path of *init, also when it fails: -ENFILE, -ENOMEM. */
int64_t handle_add(struct service *s, const struct handle *init);
struct handle *handle_get(struct service *s, uint64_t id);
uint32_t handle_id(const struct handle *h);
bool handles_full(const struct service *s);
/* Of those that were ever used, free ones too. */
struct handle *handle_at(struct service *s, uint32_t index);
/* A table of `used` indices, none of them in use. 0 or -ENOMEM. */
int handles_make(struct handles *t, uint32_t used);
void handles_free(struct handles *t); /* and closes what is in use */
void handle_drop(struct service *s, struct handle *h);
/* fn for each that is in use, until it does not return 0. */
int handles_each(struct service *s, int (*fn)(struct service *s, struct handle *h, const void *arg),
	const void *arg);

/* -- policy.c: grants, and what is refused -- */

#define GRANT_INHERITED 0u
#define DENIED_REMEMBER 256u
#define CLEAN_REMEMBER	32u

struct grant {
	uint64_t dev, ino;
	uint8_t rights; /* 0: hidden */
	uint32_t root;	/* its handle; 0: it is hidden */
	bool made;	/* a file without a name: there is another one where it is made again */
	uint64_t shown_dev, shown_ino; /* of one that was made: what the guest knows it by */
	char *path;
};

/* A directory, where it is mounted. */
struct place {
	uint64_t mount, dev, ino;
};

struct policy {
	struct grant *grant; /* [0] stands for what was inherited */
	uint32_t count;
	uint64_t plain_dev;		  /* the last device that was found not to be procfs */
	uint64_t denied[DENIED_REMEMBER]; /* hashes of (operation, path) already told */
	uint32_t ndenied;
	struct place clean[CLEAN_REMEMBER]; /* of what was granted: in nothing that is hidden */
	uint32_t nclean;
};

/* A name that was looked up: what is there and whose rights hold. */
struct leaf {
	struct statx stx;
	uint32_t grant;
	uint8_t rights;
	bool nested; /* it is itself the root of a grant, or hidden: not to be moved or removed */
};

struct request {
	struct service *s;
	struct chan_msg *msg;
	const uint8_t *in;
	uint8_t *out;
	struct handle *h;  /* of a0, if it is a handle */
	struct handle *h2; /* of a DIRX */
};

int policy_init(struct service *s);
void policy_destroy(struct service *s);
/* A grant of what *stx is of: its index, or -errno. No rights: it is hidden. */
int policy_add(struct service *s, const struct statx *stx, uint8_t rights, const char *host_path);
/* Is it hidden by service_deny, itself or with what it lies in? */
bool policy_denies(struct service *s, int fd, const struct statx *stx);
/* Which grant holds for a file that was reached through `outer`. */
void policy_leaf(struct service *s, uint32_t outer, struct leaf *leaf);
/* HANDLE_INERT if the directory is one of procfs, else 0. */
uint8_t policy_inert(struct service *s, int fd, const struct statx *stx);
/* 0, or tells of the denial and returns -EROFS: may h (or name in it) be changed? */
int policy_mutate(struct request *rq, const struct handle *h, const char *name, uint8_t rights,
	uint32_t grant);
/* What the shim says that it has no mount for: "--ro PATH" or "--rw PATH". */
void policy_unseen(struct service *s, const char *text);
/* Tells of a denial that no flag would lift; returns -EACCES. */
int policy_refuse(struct request *rq, const struct handle *h, const char *name);

/* -- text.c: names out of a request, paths for messages -- */

/* in[0..len) as a string; len <= 255, as decode made sure. */
void text_name(char out[256], const uint8_t *in, size_t len);
/* "dir/name" in fresh memory, or NULL if there is none or it would be too long. */
char *text_join(const char *dir, const char *name);
char *text_copy(const char *path); /* NULL of NULL, or without memory */
/* Copies at most cap-1 bytes: what a terminal could take as a command becomes '?'. */
void text_clean(char *out, size_t cap, const char *in, size_t len);

/* -- walk.c, names.c, open.c -- */

int leaf_stat(struct request *rq, struct handle *dir, const char *name, struct leaf *leaf);
void attr_from_leaf(struct chan_attr *out, const struct leaf *leaf);
void attr_from_handle(const struct service *s, struct chan_attr *out, const struct handle *h,
	const struct statx *stx);
int host_statx(int fd, const char *name, struct statx *stx);
/* openat with O_CLOEXEC; the error is -errno, with EMFILE as ENFILE: it is not the program's limit.
 */
int host_openat(int dirfd, const char *name, int flags, mode_t mode);
uint8_t service_access_of(int oflags); /* RIGHT_* */
/* Opens what fd refers to once more, by /proc/self/fd. */
int host_reopen(struct service *s, int fd, int flags);
/* Looks up one component and fills *ent; 0 or the error, which is in ent->err too. */
int walk_one(struct request *rq, struct handle *dir, const char *name, struct chan_walk_ent *ent);

/* -- wait.c, watch.c -- */

#define READY_MAX  1024u
#define EVENTS_MAX (READY_MAX + 64u + 2u) /* and every signal, one WINCH, one KILL */

struct watch {
	uint64_t tag;
	uint32_t seq;
	uint32_t events; /* while armed */
	bool used;
	bool armed;
};

struct events {
	pthread_mutex_t lock;
	struct chan_event queue[EVENTS_MAX];
	uint32_t count;
	uint32_t ready; /* READY events in the queue */
	uint32_t armed; /* watches that will make one more; ready + armed <= READY_MAX */
	struct watch watch[READY_MAX];
	uint32_t watch_used;	  /* slots ever used */
	_Atomic uint32_t seq;	  /* futex: changes with every event */
	_Atomic uint32_t pending; /* count, to be read without the lock */
	_Atomic bool wake;
	_Atomic bool shutdown;
	int epoll_fd;
	int stop_fd;   /* eventfd */
	int signal_fd; /* -1: there are none to be taken */
};

int events_init(struct service *s);
void events_destroy(struct service *s);
/* Queues under the lock; false: no room, or already there. */
bool events_push_locked(struct events *e, const struct chan_event *ev);
void events_announce(struct service *s);
void watch_forget(struct service *s, struct handle *h);
/* In a copy of the process (copied.c): descriptors of its own for events, and then what is watched
 * by each handle. */
int events_anew(struct service *s, int until_fd);
int watch_anew(struct service *s, struct handle *h);

/* -- window.c -- */

/* What lies in the window, for snapshots: sorted, disjoint. */
struct window_part {
	uint64_t off, len, file_off;
	uint32_t grant;
	uint8_t access;
	char *path; /* as a handle's */
	uint64_t dev, ino;
};
struct window {
	bool noted; /* somebody wants to know */
	bool lost;  /* and cannot be told: memory was out */
	struct window_part *part;
	uint32_t n, room;
};
void window_destroy(struct window *w);
/* The file of h lies at [off, off + len) now; NULL: nothing does. */
void window_note(
	struct service *s, uint64_t off, uint64_t len, const struct handle *h, uint64_t file_off);
/* Maps a file there. 0 or -errno. */
int window_lay(
	struct service *s, uint64_t off, uint64_t len, int fd, uint8_t access, uint64_t file_off);

/* -- kept.c: a file of a snapshot -- */

/* Where a file is found again, and what it must be then. */
struct kept {
	uint32_t grant; /* index of this service */
	char *path;
	uint64_t dev, ino, size;
	int64_t mtime_s;
	uint32_t mtime_ns, mode;
};
struct coder;
void kept_code(struct coder *c, struct kept *k);
void kept_clear(struct kept *k);
/* The path below the grant's root, "" for the root itself; NULL: it is not below it. */
const char *kept_below(const struct service *s, const struct kept *k);
/* Fills in what the file is, and makes sure that it is still where its path says: 0 or -errno. fd:
 * of the file, or -1 with dev and ino filled in. path becomes a copy. */
int kept_find(struct service *s, struct kept *k, int fd);
/* Opens it again, O_PATH: the descriptor, or -errno; -ESTALE: it is another one. */
int kept_open(struct service *s, const struct kept *k, struct statx *stx);
/* Is it unchanged? */
bool kept_same(const struct service *s, const struct kept *k, const struct statx *stx);

/* -- tty.c -- */

#define TTY_MAX	      4u
#define TTY_MODE_SIZE 36u /* struct termios of the kernel */

struct tty {
	uint64_t rdev;
	int fd;
	_Atomic bool changed; /* by the guest: original differs from what is set */
	bool reapply;	      /* put the guest's mode back when we are in the foreground again */
	uint8_t original[TTY_MODE_SIZE];
	uint8_t guest[TTY_MODE_SIZE];
};

struct ttys {
	pthread_mutex_t lock;
	struct tty tty[TTY_MAX];
	_Atomic uint32_t count;
	pid_t own_group;
};

int ttys_init(struct service *s);
void ttys_destroy(struct service *s);
void tty_note(struct service *s, int fd); /* remember the original mode of an inherited terminal */
void tty_resume(struct service *s);
void tty_check_reader(struct service *s, int fd);

/* -- copied.c -- */

/* Of such a handle: something of service_put_first was not read. */
bool stream_has_first(const struct service *s, const struct handle *h);
size_t stream_take_first(struct service *s, const struct iovec *iov, int n);
/* The guest forgets it. */
void stream_end(struct service *s, const struct handle *h);

/* -- grant.c -- */

/* kind, flags and, if it must be another, descriptor of a stream; h->fd is -1 if it need not be. */
void describe_stream(
	struct service *s, int fd, int oflags, struct handle *h, const struct statx *stx);

/* -- the service -- */

struct service {
	struct service_memory mem;
	struct service_callbacks cb;
	struct handles handles;
	struct policy policy;
	struct events events;
	struct ttys ttys;
	struct window window;
	uint64_t clock_ahead; /* of the guest's clock before CLOCK_MONOTONIC, modulo 2^64 */
	int proc_fd;	      /* O_PATH of /proc/self/fd */
	int proc_root;	      /* of /proc, while there may be copies; or -1 */
	bool copied;	      /* this process is not the one that closed the jail */
	bool ends_output;     /* to forget stdout is to shut it down */
	uint8_t first[SERVICE_FIRST_MAX]; /* of stdin, before what it has itself */
	size_t first_at, first_size;
	_Atomic bool timing;
	_Atomic uint64_t calls[CHAN_OP_COUNT];
	_Atomic uint64_t ns[CHAN_OP_COUNT];
	_Atomic uint64_t rejected;
	struct service_shown *shown;	     /* or NULL */
	_Alignas(16) uint8_t scratch[49152]; /* dir.c: host's entries; xattr.c: host's list */
	uint8_t in[CHAN_DATA_SIZE];
	uint8_t out[CHAN_DATA_SIZE];
};

/* Before and after an operation is performed; stats_rejected: decode refused it. */
uint64_t stats_begin(struct service *s, uint16_t op);
uint64_t stats_count(struct service *s, uint16_t op, uint64_t since);
void stats_rejected(struct service *s);

/* -- one function for each operation: performs a decoded request -- */

typedef int64_t op_fn(struct request *rq);
op_fn walk_op, getattr_op, setattr_op, readlink_op, open_op, opendir_op, mkdir_op, mknod_op,
	symlink_op, link_op, unlink_op, rename_op, access_op, statfs_op, forget_op, read_op,
	write_op, readdir_op, seek_op, fsync_op, fallocate_op, flock_op, xattr_op, map_op, unmap_op,
	poll_op, watch_op, wait_op, tty_op, discard_op, log_op, stop_op;

#endif
