/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LAUNCH_HOST_CORE_H
#define LAUNCH_HOST_CORE_H

#include "kernel-shim/home/host/host.h"
#include "runtime/launch/launch_internal.h"

/* Runs the core to the end, on this thread and on one more for each processor after the first; each
 * closes its jail. ioctls: what the engine needs. */
int launch_core_run(struct launch *l, const struct host_engine_ops *engine, void *engine_arg,
	const unsigned long *ioctls, size_t nioctls);

#endif
