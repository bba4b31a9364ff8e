/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SNAPSHOT_RUN_H
#define SNAPSHOT_RUN_H

#include "runtime/cli/run_options.h"

/* Runs the program in a child until it asks for its stdin, and has its snapshot written to fd. What
 * it prints until then is passed on. The exit code of that; 128 + N after signal N. */
int snapshot_run(struct run_options *o, int fd);

#endif
