/* SPDX-License-Identifier: Apache-2.0
 *
 * What a client sent: an object with two or three texts, nothing else.
 */
#ifndef JUDGE_SUBMISSION_H
#define JUDGE_SUBMISSION_H

#include <stdbool.h>

#include "sdk/examples/judge/judge.h"

/* False: it is none, or there is no memory. Its texts are copies, together no longer than the
 * body, and belong to s, which begins as zeros. */
bool submission_parse(struct submission *s, const char *body, size_t size);
void submission_free(struct submission *s);

#endif
