/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SERVE_H
#define SERVE_H

#include "runtime/cli/serve_options.h"

/* Starts the template and serves what connects to listener (bound, not listening; closed here)
 * until a signal. json may be NULL. The exit code. */
int serve_run(const struct serve_options *o, int listener, FILE *json);

#endif
