/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples of user code for a profile (kernel-shim/abi/samples.h) where the shim is in the virtual
 * machine: taken from outside, by the vCPUs' threads, out of guest memory. The shim does nothing
 * for it; its image says where its tasks, mappings and files are (home/guest/layout.h).
 *
 * All of guest memory is hostile, and may be changing. Nothing of it is followed but through
 * checked copies, each walk has an end, and the worst that can be there is a wrong sample.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel-shim/abi/samples.h"
#include "kernel-shim/home/guest/layout.h"
#include "runtime/service/service.h"

struct sampler_config {
	const struct service_memory *mem;
	const struct guest_layout *layout;
	volatile struct samples_control *to; /* the ring behind it */
	/* The host's path of a file that programs have at `path`: its length, or 0. */
	size_t (*host_path)(void *arg, const char *path, char *out, size_t size);
	void *arg;
};

struct sampler;
/* While signal handlers can still be installed: what it reads and writes may be gone, which is a
 * SIGBUS. config and what it names stay the caller's and outlive it. 0 or -errno. */
int sampler_create(struct sampler **out, const struct sampler_config *config);
void sampler_destroy(struct sampler *s);

/* Of a vCPU, for its thread alone. Starts as zeroes, but the number. */
struct sampler_cpu {
	uint32_t id;
	uint64_t request; /* as last seen */
	uint64_t due;	  /* the next sample, CLOCK_MONOTONIC; 0: none */
};

/* Somebody asks for something else than before. One look at a word. */
bool sampler_is_asked(const struct sampler *s, const struct sampler_cpu *c);

/* Where the vCPU is. */
struct sampler_at {
	uint64_t rip, rsp, rbp;
};
/* Between two runs of the vCPU. Takes a sample if one is due; at: NULL if the vCPU has slept since
 * it was: that is nobody's time. Returns when this is to be called again, at the latest. */
uint64_t sampler_look(
	struct sampler *s, struct sampler_cpu *c, const struct sampler_at *at, uint64_t now_ns);

#endif
