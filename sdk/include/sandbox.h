/* SPDX-License-Identifier: Apache-2.0
 *
 * libsandbox: untrusted programs in sandboxes, from a process of your own.
 *
 * A sandbox is one program and what it starts. It runs in another process (the `sandbox`
 * executable, jailed), so what goes wrong there is a result here. The calls: fill a struct
 * sb_config, sb_start, sb_wait, sb_get_result, sb_free. With an event loop: watch sb_fd, and call
 * sb_dispatch when it is readable.
 *
 * What the library promises
 *  - It never exits, prints, or handles signals, and changes nothing of the process: not the
 *    current directory, umask, environment, signal handlers or masks (those of the calling thread
 *    for moments only). It makes no thread. Its descriptors are close-on-exec and above 2.
 *  - No descriptor of the caller's reaches a sandbox but those that a configuration names.
 *  - It needs nobody's SIGCHLD: the caller may ignore it, or reap every child with waitpid(-1). It
 *    does not prevent the signal: a handler sees one for each sandbox that ended.
 *  - The sandboxes of a caller that dies end at once, however it dies. Two go on: where an image
 *    is still being prepared, that is done to its end; and one that is paused ends when it is
 *    continued, which the kernel does for a stopped process group that has lost its parent, but
 *    not where the process that takes the dead caller's children is in the same session. A caller
 *    that is process 1 or a subreaper gets orphans of killed sandboxes to reap.
 *  - Memory of a sandbox's making (output, files, the report) stays below the limits given here.
 *
 * Threads: calls on different sandboxes need no lock, sb_start among them. What one sandbox allows
 * is said at each call. The environment (SANDBOX_EXECUTABLE, PATH, HOME, SANDBOX_BACKEND,
 * SANDBOX_HOME_KIND, SANDBOX_STORE, XDG_DATA_HOME) is read with getenv(3) by the calls that take a
 * struct sb_config: no other thread may change it meanwhile. No thread may be cancelled in a call.
 *
 * Errors: calls return 0 or an enum sb_code. Who gives an `error` that is not NULL gets an object
 * for a code that is neither 0 nor SB_RUNNING, to be freed with sb_error_free; else *error is NULL.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

#define SB_VERSION "0.1.0"

enum sb_code {
	SB_OK = 0,
	SB_RUNNING = 1,	    /* the sandbox has not ended yet: no failure, no object */
	SB_INVALID = 2,	    /* an argument or a member of the configuration is wrong */
	SB_UNSUPPORTED = 3, /* this library or this machine is too old for it */
	SB_NO_MEMORY = 4,
	SB_SYSTEM = 5,	  /* a system call failed: the cause says which, and why */
	SB_NOT_FOUND = 6, /* the `sandbox` executable */
	SB_BUSY = 7,	  /* called from a callback of the same sandbox */
	SB_ENDED = 8,	  /* the sandbox has ended already */
};

/* -- errors: belong to who got them; one thread at a time -- */

struct sb_error;
int sb_error_code(const struct sb_error *e);
/* One sentence, without a newline. */
const char *sb_error_text(const struct sb_error *e);
/* What led to it, or NULL. Belongs to e. */
const struct sb_error *sb_error_cause(const struct sb_error *e);
void sb_error_free(struct sb_error *e); /* NULL: nothing */

/* -- configuration: plain data, read by sb_start and not kept -- */

enum sb_stream_kind {
	SB_STREAM_NULL = 0, /* /dev/null */
	/* fd, open for reading or writing, which stays the caller's and may be closed after
	 * sb_start. Output to it is not counted. A terminal works only for output: the sandbox is a
	 * process group of its own. */
	SB_STREAM_FD = 1,
	/* stdin: `size` bytes at `data`, copied. stdout, stderr: the first `limit` bytes (0: 1 MiB)
	 * are kept for sb_output, what comes after them is read and dropped. */
	SB_STREAM_MEMORY = 2,
	/* read or write below, called in sb_dispatch and sb_wait by the thread that calls these.
	 * For sources that may have nothing for a while take SB_STREAM_FD and a pipe. */
	SB_STREAM_CALLBACK = 3,
};

/* stdin: up to size bytes to buf. Returns how many; 0 or less: that was all. */
typedef ptrdiff_t (*sb_read_fn)(void *arg, void *buf, size_t size);
/* stdout, stderr: size bytes of output. Not 0: kill the sandbox. May be called after the program
 * has ended, but not after sb_dispatch or sb_wait have said so. */
typedef int (*sb_write_fn)(void *arg, const void *data, size_t size);

struct sb_stream {
	uint32_t kind; /* enum sb_stream_kind */
	int32_t fd;
	const void *data;
	size_t size, limit;
	sb_read_fn read;
	sb_write_fn write;
	void *arg;
	uint64_t reserved[2]; /* 0 */
};

enum sb_mount_kind { SB_MOUNT_RO = 0, SB_MOUNT_RW = 1, SB_MOUNT_TMPFS = 2 };

/* A directory or file of the host that it may use. It is opened after sb_start has returned: that
 * nobody replaces it meanwhile is the caller's care. */
struct sb_mount {
	uint32_t kind;	    /* enum sb_mount_kind */
	uint32_t reserved0; /* 0 */
	const char *source; /* absolute path of the host; NULL with SB_MOUNT_TMPFS */
	const char *target; /* absolute path inside; NULL: the same as source */
	uint64_t size;	    /* SB_MOUNT_TMPFS: bytes at most; 0: half of the memory */
	uint64_t reserved[2];
};

enum sb_file_kind {
	SB_FILE_IN = 0,	 /* given: read-only */
	SB_FILE_OUT = 1, /* taken out at the end; it can be written from the beginning */
};

/* A file that is in memory only. Inside, it cannot be removed or renamed, nor another be renamed
 * over it. */
struct sb_file {
	uint32_t kind;	  /* enum sb_file_kind */
	uint32_t mode;	  /* permissions such as 0755; 0: 0644 */
	const char *path; /* absolute path inside */
	const void *data; /* its contents, copied; of SB_FILE_OUT those that it begins with */
	size_t size;
	size_t limit;	      /* SB_FILE_OUT: bytes at most; 0: 16 MiB */
	uint64_t reserved[2]; /* 0 */
};

/* All of 0 is the default of each. Begin with: struct sb_config c = {.size = sizeof c}; Callers of
 * an older header are served as theirs said. What a newer header added is refused (SB_UNSUPPORTED)
 * if it is used, that is not 0. */
struct sb_config {
	size_t size;		 /* sizeof(struct sb_config) */
	const char *executable;	 /* `sandbox`; NULL: $SANDBOX_EXECUTABLE, or beside the library */
	const char *program;	 /* a path inside or of the host, absolute; or a name for PATH */
	const char *const *args; /* what follows argv[0], NULL-terminated; or NULL: nothing */
	/* NAME=VALUE besides PATH, HOME, USER, LOGNAME, SHELL and TMPDIR; NULL-terminated, or NULL.
	 * Like args they are seen by all users of the host (ps): no place for secrets. */
	const char *const *env;
	uint32_t env_clear;  /* 1: no variables but those of env */
	uint32_t require_vm; /* 1: fail where there is no virtual machine */
	uint32_t strict;     /* 1: fail where a layer of the jail is missing */
	uint32_t reserved0;  /* 0 */
	const char *cwd;     /* inside; NULL: / */
	const char *user;    /* UID[:GID] inside; NULL: the caller's */
	const char *root;    /* directory of the host that is its /; NULL: the host's programs */
	const char *image;   /* or an image that is: a name, or the absolute path of a file */
	struct sb_stream in, out, err;
	const struct sb_mount *mounts;
	size_t nmounts;
	const struct sb_file *files;
	size_t nfiles;
	/* Limits. 0: the default. */
	uint64_t memory;    /* bytes; default 1 GiB */
	uint32_t cpus;	    /* default 1 */
	uint32_t processes; /* and threads; default 4096 */
	/* Wall time; default: none. The sandbox keeps it by itself, paused or not. Who dispatches
	 * or waits gets the end some seconds later even if the sandbox has gone wrong. */
	uint64_t wall_ns;
	/* CPU time of the sandbox's process and of all that run its programs, those that have ended
	 * too; default: none. Kept while the caller dispatches or waits, and to within 50 ms or so.
	 */
	uint64_t cpu_ns;
	/* Of stdout and stderr together to memory or callbacks. More ends it; default: no limit. */
	uint64_t output;
	/* The largest file that it may write, of the host's and of its own. Default: none, or with
	 * SB_FILE_OUT the largest limit of those. */
	uint64_t file_size;
	/* sb_template_start: the program is a server that accepts connections by itself, and where:
	 * a port of its loopback such as "8080", "unix:" and a path inside, or "" for the only port
	 * (for want of any, path) where it listens. NULL: it is none. */
	const char *accept;
};

/* -- a sandbox -- */

struct sb;

/* Starts it. Says 0 as soon as its process runs: whether the program can be started is in the
 * result. */
int sb_start(const struct sb_config *config, struct sb **out, struct sb_error **error);

/* Ends it if need be (SIGKILL, and waits for that), and frees all of it: also strings and data that
 * other calls returned. No other call on s may be in progress or follow. NULL: nothing. Not from a
 * callback of s. */
void sb_free(struct sb *s);

/* A descriptor that polls readable (level-triggered) when sb_dispatch has something to do, and when
 * all is over. Belongs to s: only poll it. Any thread. */
int sb_fd(const struct sb *s);

/* Does what there is to do without waiting: takes output, calls callbacks, looks at limits.
 * SB_RUNNING, or 0 if all of it is over. Any thread; they take turns. */
int sb_dispatch(struct sb *s, struct sb_error **error);

/* Dispatches until all is over (0), or for timeout_ms milliseconds (SB_RUNNING); -1: no limit. Any
 * thread, several at once too. */
int sb_wait(struct sb *s, int timeout_ms, struct sb_error **error);

/* Kills all of the program at once. The end still has to be dispatched or waited for. 0 also when
 * it has ended. Any thread, callbacks too. */
int sb_kill(struct sb *s, struct sb_error **error);

/* All of it stops, and goes on. Wall time runs on. The program gets a SIGCONT. Callbacks too; any
 * thread, but not sb_pause and sb_resume of the same sandbox at the same time. Needs /proc. */
int sb_pause(struct sb *s, struct sb_error **error);
int sb_resume(struct sb *s, struct sb_error **error);

/* -- how it ended: when sb_dispatch or sb_wait have said 0. Any thread. -- */

enum sb_end {
	SB_END_EXITED = 0,    /* exit_code */
	SB_END_SIGNALLED = 1, /* signal */
	SB_END_WALL_TIME = 2, /* the limit wall_ns */
	SB_END_CPU_TIME = 3,  /* the limit cpu_ns */
	SB_END_OUTPUT = 4,    /* the limit output, or a callback that wanted no more */
	SB_END_MEMORY = 5,    /* the limit memory */
	SB_END_KILLED = 6,    /* sb_kill */
	/* The program is not there or cannot be run; or a snapshot cannot be made here, or cannot
	 * go on: message */
	SB_END_NOT_STARTED = 7,
	SB_END_FAILED = 8,   /* the sandbox failed, or was refused something: message */
	SB_END_SNAPSHOT = 9, /* of sb_snapshot: it is in the file */
};

struct sb_denial {
	const char *operation, *path; /* what it wanted */
	const char *allowed_by;	      /* an option of `sandbox run` that would allow it, or NULL */
};

struct sb_result {
	size_t size;		    /* sizeof(struct sb_result), set by the caller */
	uint32_t end;		    /* enum sb_end */
	int32_t exit_code;	    /* SB_END_EXITED; else -1 */
	int32_t signal;		    /* SB_END_SIGNALLED; else 0 */
	uint32_t reserved0;	    /* 0 */
	const char *message;	    /* one sentence where there is something to say, else NULL */
	uint64_t wall_ns, start_ns; /* all of it; of this until the program's first instruction */
	uint64_t cpu_ns;      /* as cpu_ns above; of one that was killed as far as it was seen */
	uint64_t memory_peak; /* bytes that the program had */
	uint64_t output;      /* bytes of stdout and stderr to memory and callbacks */
	const struct sb_denial *denials; /* what it was refused: the first ones */
	size_t ndenials;
	uint64_t denials_total;
};

/* Fills as much as result->size says. SB_RUNNING if it has not ended. Strings live until sb_free.
 */
int sb_get_result(struct sb *s, struct sb_result *result, struct sb_error **error);

/* Collected output: stream is 1 or 2. NULL if it was not collected or has not ended. truncated (may
 * be NULL): 1 if there was more than the limit. */
const void *sb_output(struct sb *s, int stream, size_t *size, int *truncated);

/* The contents of config.files[index] at the end, as sb_output. NULL if it is no SB_FILE_OUT. */
const void *sb_file_data(struct sb *s, size_t index, size_t *size, int *truncated);

/* -- snapshots: a program that is started once, and goes on from a file, also after a reboot -- */

#define SB_SNAPSHOT_COMPRESS 1u /* smaller, by zstd; restored slower, into memory of its own */

/* Starts the program as sb_start does, lets it run until it first asks for its stdin, and writes
 * all of it to the file at path (absolute), which appears when it is complete, in place of what was
 * there; mode 0600. All calls work on *out. It has ended well with SB_END_SNAPSHOT; whatever else
 * it ended with, message says why, and there is no file but where the disk failed at the very last,
 * the directory's entry. The sb_dispatch or sb_wait that says so has the file written to the disk.
 * flags: 0 or SB_SNAPSHOT_COMPRESS. Members of config are as for sb_start but for these: in, accept
 * and files must be 0; out and err are of what it prints until then, and SB_STREAM_FD is a pipe, a
 * socket or /dev/null; wall_ns is for it to come so far, and is kept while the caller dispatches or
 * waits. Only backends kvm, home guest, and vmx have snapshots (docs/snapshots.md); elsewhere it is
 * SB_END_NOT_STARTED. */
int sb_snapshot(const struct sb_config *config, const char *path, unsigned flags, struct sb **out,
	struct sb_error **error);

/* A sandbox that goes on from a snapshot at path (absolute), with streams of its own: those of
 * config, of which else only executable, wall_ns (default: as `sandbox snapshot` was told, else
 * none), cpu_ns and output may be there. As sb_start it says 0 as soon as its process runs. What
 * cannot go on, such as a file that is damaged, another user's, or of another build or machine, is
 * SB_END_NOT_STARTED, and message has the sentence of `sandbox restore`. */
int sb_restore(
	const char *path, const struct sb_config *config, struct sb **out, struct sb_error **error);

/* -- templates: a program that is started once, and goes on from there many times -- */

/* A sandbox that stopped where its program first asked for its stdin (a read of it, or whether it
 * could be read). What it did until then, such as loading modules, its clones need not do: each
 * goes on from there, with memory and streams of its own. They share the host's files and
 * directories that it may use. What the kernel gives of random numbers is another in each; what the
 * program made of such before is the same in all (docs/clones.md).
 * Its process goes on until sb_template_free was called and all clones have ended. */
struct sb_template;

/* Starts the program and waits for it to ask for its stdin, or with config->accept to wait for
 * connections, all of it asleep: then a clone's stdin and stdout are a connection, which the server
 * sees as one from its own loopback; the clone ends with it. timeout_ms milliseconds, or -1: no
 * limit. Members of config are as for sb_start but for these: in, out, err and output are the
 * clones' and must be 0, as SB_FILE_OUT may not be there; wall_ns and cpu_ns are the limits of each
 * clone that has none of its own, and the template's are none. What it prints meanwhile is dropped.
 * SB_ENDED: it did not come so far; a sentence says why, and its cause is the last line that it
 * printed (of the first 64 KiB). SB_UNSUPPORTED without /proc or pidfd_open(2). Not every backend
 * makes clones: SB_ENDED. Any thread; *out is NULL after an error. */
int sb_template_start(const struct sb_config *config, int timeout_ms, struct sb_template **out,
	struct sb_error **error);

/* Clones live on, but for those that nobody has taken yet. No other call on t may be in progress or
 * follow. NULL: nothing. */
void sb_template_free(struct sb_template *t);

/* All of 0 is the default of each, and size is as in struct sb_config. */
struct sb_clone_config {
	size_t size; /* sizeof(struct sb_clone_config) */
	/* No terminals. SB_STREAM_MEMORY goes to stdin through a pipe while the caller dispatches
	 * or waits. */
	struct sb_stream in, out, err;
	uint64_t wall_ns; /* default: that of the template */
	uint64_t output;
	uint64_t cpu_ns; /* default: that of the template; from the clone's beginning */
};

/* One more clone: a sandbox like those of sb_start, to be freed before or after its template. It is
 * no child of the caller's. Any thread, several at once: they take turns. SB_ENDED: the template's
 * process is gone, or did not answer for half a minute; that is so from then on. */
int sb_clone(struct sb_template *t, const struct sb_clone_config *config, struct sb **out,
	struct sb_error **error);

/* A used clone of any template becomes a fresh one of t, under the same handle: what it was is
 * killed if need be and freed, with its output, its result and what other calls returned of them,
 * and a clone takes its place, as sb_clone makes it with config; one of those made in advance if
 * there is. sb_fd is the same descriptor, and stays where it is watched. An error: it is killed, as
 * by sb_kill, unless that was the error, or what it was when it had ended; try again or free it.
 * SB_INVALID: it is no clone. No other call on s may be in progress; SB_BUSY from its callbacks. On
 * t as sb_clone. */
int sb_reset(struct sb *s, struct sb_template *t, const struct sb_clone_config *config,
	struct sb_error **error);

/* A clone with request as its stdin, and waits for its end: sb_output(*done, 1) is the answer,
 * sb_get_result tells how it ended, sb_free is to follow. config->in is 0; config may be NULL:
 * stdout and stderr to memory. An error, such as no memory, ends the clone. Any thread. */
int sb_call(struct sb_template *t, const void *request, size_t size,
	const struct sb_clone_config *config, struct sb **done, struct sb_error **error);

/* From now on n clones are to wait for their input, made in advance: now, and by each sb_call while
 * its own clone works. sb_call, sb_clone and sb_reset take those first where no stream is
 * SB_STREAM_FD. The wall time of such a one begins when it is taken, and is kept while the caller
 * dispatches or waits. An error: there are fewer; sb_call tries again. n = 0 ends them. Any thread.
 */
int sb_template_warm(struct sb_template *t, unsigned n, struct sb_error **error);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
