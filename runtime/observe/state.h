/* SPDX-License-Identifier: Apache-2.0
 *
 * What a sandbox shows of itself while it runs: one file for each, in a directory of its user's,
 * mapped by its launcher, which counts there. `sandbox ps` and its like read it.
 *
 * The launcher holds an flock(2) on the file as long as it lives. A file that nobody holds is of a
 * sandbox that ended: the next run takes it over, the next look removes it. So kill -9 leaves
 * nothing for long, and nobody has to be there to clean.
 *
 * Numbers only go out: nothing of the launcher depends on what is in the file, which every process
 * of the user can write to (one that cuts it short ends the launcher, as kill(1) would). No guest
 * can reach the directories as they are when it begins (launch_config.hidden); one that is removed
 * meanwhile, in what a guest may write to, it could make anew. So nothing but what is shown depends
 * on them.
 */
#ifndef OBSERVE_STATE_H
#define OBSERVE_STATE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel-shim/abi/channel.h"
#include "kernel-shim/abi/samples.h"
#include "runtime/service/service.h"
#include "vmm/process/process.h"
#include "vmm/vm.h"

#define OBSERVE_MAGIC	0x65746174536e6253ull /* "SbnState" */
#define OBSERVE_VERSION 2u /* of all below, with the order of operations and reasons of exits */
#define OBSERVE_EXITS	16u
#define OBSERVE_CPUS	64u
#define OBSERVE_ID	12u /* hexadecimal digits */
#define OBSERVE_DIRS	4u

enum observe_exits { OBSERVE_EXITS_VM, OBSERVE_EXITS_PROCESS };

/* Does not change while the sandbox runs. Strings end with NUL. */
struct observe_head {
	uint64_t magic;
	uint32_t version;
	uint32_t size;	       /* of the whole, with its CPUs */
	uint32_t ops, reasons; /* CHAN_OP_COUNT, and of the exits' kind */
	uint32_t exits;	       /* enum observe_exits */
	uint32_t cpus, pids_max;
	int32_t pid;	    /* of the launcher */
	uint64_t pid_start; /* field 22 of /proc/PID/stat: the pid alone may be another's */
	int64_t started_ns; /* CLOCK_REALTIME */
	uint64_t mem_size, timeout_ns; /* limits; timeout 0: none */
	char id[16];
	char name[72]; /* "": none */
	char backend[16], home[16];
	char program[256];
};
_Static_assert(sizeof(struct observe_head) == 448, "as version 2 has it");

struct observe_cpu {
	_Atomic uint64_t exits[OBSERVE_EXITS];
	/* Of a sample of turns: in user mode or the guest, and from the exit to the next entry. */
	volatile struct histogram inside, outside;
};
_Static_assert(VM_EXIT_REASONS <= OBSERVE_EXITS && PROCESS_EXIT_KINDS <= OBSERVE_EXITS,
	"each reason has a place");

struct observe_state {
	struct observe_head head;
	_Atomic uint64_t denials; /* each operation and path once */
	volatile struct chan_counters shim;
	struct service_shown channel;
	struct observe_cpu cpu[]; /* head.cpus of them */
};
_Static_assert(offsetof(struct observe_state, cpu) == 13800, "as version 2 has it");

static inline size_t observe_size(uint32_t cpus)
{
	return sizeof(struct observe_state) + cpus * sizeof(struct observe_cpu);
}

#define OBSERVE_SIZE_MAX (sizeof(struct observe_state) + OBSERVE_CPUS * sizeof(struct observe_cpu))
/* Behind it in the file, from a page's start: SAMPLES_SIZE bytes (abi/samples.h). */
#define OBSERVE_SAMPLES ((OBSERVE_SIZE_MAX + 4095) & ~(size_t)4095)

/* -- where -- */

/* The directories where state may be, the preferred first: $XDG_RUNTIME_DIR/sandbox,
 * /run/user/UID/sandbox, /run/sandbox-UID, /tmp/sandbox-UID. Fills paths; returns how many. */
unsigned observe_dirs(char path[OBSERVE_DIRS][256]);
/* Opens one that is there, is this user's alone, and below nobody else's: a descriptor to
 * read it by, or -errno. */
int observe_dir_open(const char *path);

/* -- the launcher's side -- */

struct observe_about {
	const char *name; /* "" or NULL: none */
	const char *program, *backend, *home;
	enum observe_exits exits;
	uint32_t cpus, pids_max;
	uint64_t mem_size, timeout_ns;
};

struct observe_writer {
	int fd;					  /* holds the lock; -1: there is no state */
	struct observe_state *state;		  /* or NULL */
	volatile struct samples_control *samples; /* or NULL: nobody can ask for samples */
	size_t size;				  /* of it; what the file says others can change */
	int hidden[OBSERVE_DIRS]; /* O_PATH descriptors of the directories that are there */
	unsigned nhidden;
};

/* Makes the state. 0, or -errno with a sentence in why: the run goes on without. hidden is filled
 * either way and becomes the caller's. */
int observe_create(
	struct observe_writer *w, const struct observe_about *about, char *why, size_t why_size);
/* The sandbox ended. Also after the jail closed, where the file cannot be removed: it is emptied.
 */
void observe_destroy(struct observe_writer *w);

#endif
