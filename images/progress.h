/* SPDX-License-Identifier: Apache-2.0
 *
 * Long work tells how far it is. Callers give NULL where nobody watches.
 */
#ifndef IMAGES_PROGRESS_H
#define IMAGES_PROGRESS_H

#include <stdint.h>

struct progress {
	/* what: "layer 2 of 5", "packing"; done and total in bytes, total 0: unknown. Called from
	 * any thread that works, often; must be quick. */
	void (*report)(void *arg, const char *what, uint64_t done, uint64_t total);
	void *arg;
};

static inline void progress_report(
	const struct progress *p, const char *what, uint64_t done, uint64_t total)
{
	if (p)
		p->report(p->arg, what, done, total);
}

#endif
