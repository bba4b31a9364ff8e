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
	/* What the user may want to know and nothing failed by; one line, may hold what a stranger
	 * named things. */
	void (*note)(void *arg, const char *text);
};

static inline void progress_report(
	const struct progress *p, const char *what, uint64_t done, uint64_t total)
{
	if (p)
		p->report(p->arg, what, done, total);
}

static inline void progress_note(const struct progress *p, const char *text)
{
	if (p && p->note)
		p->note(p->arg, text);
}

#endif
