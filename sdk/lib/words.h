/* SPDX-License-Identifier: Apache-2.0
 *
 * A list of strings that grows: an argument vector, an environment. The first failure sticks.
 */
#ifndef SDK_WORDS_H
#define SDK_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct words {
	char **list; /* NULL-terminated once something was added */
	size_t n, room;
	bool failed; /* out of memory */
};

__attribute__((format(printf, 2, 3))) void words_add(struct words *w, const char *fmt, ...);
void words_clear(struct words *w);

#endif
