/* SPDX-License-Identifier: Apache-2.0
 *
 * A run whose options are known, of `sandbox run` and of the verbs that run something too.
 */
#ifndef RUN_GO_H
#define RUN_GO_H

#include "runtime/cli/run_options.h"

/* With name_of_file it goes on from that snapshot. The exit code; all is said. Clears the options.
 * Once in a process. */
int run_go(struct run_options *o);

#endif
