/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OBSERVE_STATE_INTERNAL_H
#define OBSERVE_STATE_INTERNAL_H

#include "runtime/observe/state.h"

/* dirs.c: as observe_dir_open, but makes it if it is not there, and to be held only (O_PATH). */
int observe_dir_make(const char *path);

/* process.c: of /proc/PID/stat. 0 or -errno. */
struct observe_process {
	uint64_t start;		    /* clock ticks since boot */
	uint64_t cpu_ns, rss_bytes; /* of all its threads */
};
int observe_process_read(int pid, struct observe_process *out);

#endif
