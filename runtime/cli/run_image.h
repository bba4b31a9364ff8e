/* SPDX-License-Identifier: Apache-2.0
 *
 * --image of `sandbox run`.
 */
#ifndef RUN_IMAGE_H
#define RUN_IMAGE_H

#include "images/open/open.h"
#include "runtime/cli/run_options.h"

struct run_image {
	struct image_run run; /* what the store has */
	struct policy_image policy;
	int keep_fd; /* of --upper; 0: none */
	char **argv; /* entrypoint and arguments; the strings are others' */
};

/* Opens the image, flattening it first if need be, and puts it and what it runs into o->request. 0,
 * or the exit code: said. img lives as long as the policy. */
int run_image_open(struct run_image *img, struct run_options *o);
void run_image_close(struct run_image *img);

#endif
