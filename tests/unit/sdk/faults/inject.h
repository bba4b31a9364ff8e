/* SPDX-License-Identifier: Apache-2.0
 *
 * The linker puts these in the library's way (--wrap): the n-th allocation or system call from
 * inject_begin on fails.
 */
#ifndef INJECT_H
#define INJECT_H

#include <stdbool.h>

void inject_begin(unsigned n);
/* What failed, or NULL if there were fewer calls than that. Nothing fails any more. */
const char *inject_end(void);
/* As where the kernel, or a filter, has neither pidfd_open nor pidfd_send_signal. */
extern bool inject_without_pidfds;

#endif
