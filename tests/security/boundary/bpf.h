/* SPDX-License-Identifier: Apache-2.0
 * The part of classic BPF that seccomp filters may use and ours do, as the kernel's documentation
 * states it (Documentation/networking/filter.rst), to run a filter without a kernel.
 */
#ifndef TEST_SECURITY_BPF_H
#define TEST_SECURITY_BPF_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

/* What a filter without an answer gives: it ran off its end, or holds an instruction that is not
 * known here. No SECCOMP_RET_* value. */
#define BPF_NO_ANSWER 0x12345678u

uint32_t bpf_run(const struct sock_filter *f, uint32_t n, const struct seccomp_data *d);

#endif
