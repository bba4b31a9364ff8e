/* SPDX-License-Identifier: Apache-2.0
 * Which system calls of a trapped process may reach the host's kernel, said once more and in
 * another way than by vmm/process/filter.c.
 */
#ifndef TEST_SECURITY_POLICY_H
#define TEST_SECURITY_POLICY_H

#include <linux/seccomp.h>
#include <stdbool.h>

/* fsgsbase: the processor sets FS and GS bases in user mode. */
bool policy_allows(const struct seccomp_data *d, bool fsgsbase);

#endif
