/* SPDX-License-Identifier: Apache-2.0
 * What the sanitizers call besides (libsanitizer, as strace shows it): their memory, in any thread;
 * AddressSanitizer's report and its own threads' stacks, and libc under it. Without them an error
 * would end as a forbidden call, unread.
 */
#include <seccomp.h>

#include "runtime/jail/jail_internal.h"

const int jail_also[] = {SCMP_SYS(readlink), SCMP_SYS(stat), SCMP_SYS(access), SCMP_SYS(prctl),
	SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(sched_yield), SCMP_SYS(prlimit64),
	SCMP_SYS(open), SCMP_SYS(fcntl), SCMP_SYS(pipe), SCMP_SYS(pipe2), SCMP_SYS(sigaltstack),
	SCMP_SYS(rt_sigaction), SCMP_SYS(read), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
	SCMP_SYS(mmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(writev)};
const size_t jail_also_count = sizeof(jail_also) / sizeof(jail_also[0]);
