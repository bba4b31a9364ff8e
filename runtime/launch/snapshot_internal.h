/* SPDX-License-Identifier: Apache-2.0
 *
 * What snapshot.c writes and restore.c reads: the same walks.
 */
#ifndef LAUNCH_SNAPSHOT_INTERNAL_H
#define LAUNCH_SNAPSHOT_INTERNAL_H

#include "runtime/launch/launch_internal.h"
#include "runtime/launch/snapshot.h"
#include "runtime/snapshot/coder.h"

/* snapshot_config.c */
/* What l's clones have of l->c. Read: strings in fresh memory, and mounts' descriptors open. */
void snapshot_config_code(struct coder *c, struct launch_config *config);
/* 0, or -errno with what is to be said in why: it has something that cannot be given again. */
int snapshot_config_check(const struct launch_config *config, char *why, size_t why_size);
void snapshot_config_free(struct launch_config *config);

/* snapshot_needs.c */
void snapshot_needs_here(const struct launch_config *config, struct snapshot_needs *out);
/* NULL, or why `here` is not enough for what `of` says. */
const char *snapshot_needs_missing(
	const struct snapshot_needs *of, const struct snapshot_needs *here);

/* The clocks of the guest when it stopped, ns. */
struct snapshot_clock {
	uint64_t mono;
};
void snapshot_clock_code(struct coder *c, struct snapshot_clock *clock);

#endif
