/* SPDX-License-Identifier: Apache-2.0
 *
 * A sandbox while it runs: everything hangs off struct sb.
 *
 * The lock is for what sb_dispatch changes; callbacks are called with it. pid, pidfd, epoll and the
 * limits are constant from its start on; reason and over are atomic; what follows over is written
 * before over is set, and only read after. So kill, pause, resume and the results take no lock.
 * sb_reset changes all of it, and is the only call then.
 */
#ifndef SDK_SANDBOX_INTERNAL_H
#define SDK_SANDBOX_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "runtime/cli/whole.h"
#include "sdk/lib/proc.h"
#include "sdk/lib/report.h"
#include "sdk/lib/stream.h"

#define REPORT_MAX   (4u << 20)
#define MESSAGES_MAX 4096u
#define NO_REASON    (-1)

enum { SINK_OUT, SINK_ERR, SINK_REPORT, SINK_MESSAGES, SINKS };

struct out_file {
	int fd; /* -1: it is given, not taken */
	size_t limit, size;
	char *data;
	bool truncated;
};

struct sb {
	pthread_mutex_t lock; /* of the kind that tells when its owner takes it again */
	int epoll;
	/* What follows is one run's: sb_reset puts another one's in its place. */
	pid_t pid; /* pidfd's; nobody else's only while that has not ended */
	int pidfd, timer;
	int tie; /* end of a pipe: the sandbox ends when it is closed; or -1 */
	struct sink sinks[SINKS];
	struct source source;
	struct sb_template *template; /* of a clone, until it has ended */
	bool is_clone;
	struct proc_clone clone;
	bool was_spare; /* its own clock began earlier than started_ns: its limit is kept here */
	struct sb *next_spare;
	bool stops; /* a snapshot is made of it: nobody but us keeps wall_ns */
	struct whole snapshot;
	int input; /* the other end of the stdin of one that stops, or nobody would have that; -1 */
	struct out_file *files;
	size_t nfiles;

	uint64_t started_ns; /* CLOCK_MONOTONIC */
	uint64_t wall_ns, cpu_limit_ns, output_max;
	uint32_t cpus;
	bool disarmed;			   /* the timer could not be set */
	uint64_t cpu_seen_ns, cpu_look_ns; /* when to look again */

	atomic_int reason; /* enum sb_end: why it was killed from here; the first one counts */
	atomic_bool over;
	bool reaped, unreadable; /* the report could not be read once */
	struct report report;
	struct sb_result result;
	char message[256];
};

uint64_t sandbox_now_ns(void);
/* What is started, besides a program from its beginning to its end. Begin with SANDBOX_PLAIN. */
struct sandbox_kind {
	int template;	     /* descriptor that makes it one, or -1 */
	int snapshot;	     /* of the file that it is written to, or -1 */
	bool compress;	     /* that */
	const char *restore; /* path of what it goes on from; then there is no program; or NULL */
};
#define SANDBOX_PLAIN                                                                              \
	{                                                                                          \
		.template = -1, .snapshot = -1                                                     \
	}
/* sb_start with a configuration that was read. */
int sandbox_start(const struct sb_config *c, const struct sandbox_kind *kind, struct sb **out,
	struct sb_error **error);
/* Kills it for that reason. 0 or -errno. */
int sandbox_end(struct sb *s, enum sb_end reason);
bool sandbox_process_ended(const struct sb *s);
/* finish.c: SIGKILL ends everything: this waits for the kernel only. */
void sandbox_end_process(struct sb *s);
/* The first look at limits of time; 0 or -errno. */
int sandbox_set_timer(struct sb *s);
/* finish.c: its process has ended and all output was taken: makes the result. 0 or a code, after
 * which it can be called again. */
int sandbox_finish(struct sb *s, struct sb_error **error);
/* snapshot.c: a complete one gets its name, else there is none. 0 or -errno. */
int sandbox_keep_snapshot(struct sb *s, bool complete);

#endif
