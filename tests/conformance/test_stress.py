# SPDX-License-Identifier: Apache-2.0
"""stress-ng's stressors, each for a moment with its own checks on: they end as natively, and they end."""

import pytest

import harness

# Left out, and why: aiol (no aio of the kernel), icmp-flood and the raw ones (no raw sockets), userfaultfd
# (an absent call), mmapfork and resources (as much memory as there is), forkheavy (natively all of the disk, for a moment in
# which others' tests fail), chdir (8192 directories: its end depends on the load),
# tmpfs (which ones the host has mounted), what stresses devices or settings of the machine, and what ends differently from run to run natively.
GROUPS = {
    "pipe": "pipe pipeherd fifo ring-pipe sendfile splice tee vm-splice oom-pipe",
    "compute": "atomic branch bsearch context cpu crypt fp funccall funcret getrandom goto hash heapsort longjmp",
    "more-compute": "matrix mergesort nop qsort radixsort shellsort skiplist str stream tree tsc vecmath wcs zlib dynlib",
    "vm": "brk malloc mlock mmap mmapaddr mmapfixed mmapmany mprotect mremap msync munmap stack stackmmap bigheap",
    "more-vm": "vm vm-addr vm-rw vm-segv madvise mincore memfd mlockmany msyncmany bad-altstack dev-shm secretmem",
    "files": "access chmod chown copy-file dentry dir dirdeep dirmany dup fallocate fcntl filename fpunch fsize fstat",
    "more-files": "getdent hdd io iomix link locka lockf lockofd flock lease mknod open rename seek symlink sync-file touch",
    "watch": "dnotify inotify eventfd epoll poll utime verity chattr file-ioctl fiemap ioprio readahead revio aio",
    "scheduler": "affinity clone close cyclic daemon exit-group fault fork futex kill mutex nanosleep nice",
    "more-scheduler": "pthread race-sched resched schedpolicy session sleep spawn switch vfork vforkmany wait yield zombie",
    "ipc": "ptrace mq msg sem sem-sysv shm shm-sysv",
    "signals": "sigabrt sigchld sigfd sigfpe sigio signal signest sigpending sigpipe sigq sigrt sigsegv sigsuspend sigtrap",
    "time": "alarm clock itimer timer timerfd hrtimers vdso pidfd",
    "sockets": "sock sockabuse sockfd sockmany sockpair udp udp-flood",
    "calls": "cap enosys env full get key null personality prctl procfs pty rlimit rmap seal seccomp set sysinfo sysbadaddr",
    "more-calls": "membarrier rseq remap tlb-shootdown urandom zero dekker peterson memcpy prefetch list numa",
}
OPS = 20
NO_RESOURCE = "3"  # stress-ng's EXIT_NO_RESOURCE

# One after the other; a stressor that hangs is shown by its status and does not take the others with it.
# 3: it found not enough of something at that moment (what else runs here takes memory too), or its time was over while it
# prepared its files, on a disk that others keep busy: the next try gets more.
SCRIPT = """
for name; do
	for seconds in 1 5 20; do
		timeout -k 2 40 stress-ng --$name 1 --$name-ops OPS -t $seconds --verify --temp-path . >log 2>&1 </dev/null
		status=$?
		[ $status = 3 ] || break
	done
	echo "$name $status"
done
rm -f log
"""


class Natively:
    """A stressor that natively finds not enough of something, time and again, is not compared: that is the machine's."""

    def __init__(self, names):
        self.names, self.without = names, set()

    def check(self, outcome):
        harness.succeeds(outcome)
        ended = dict(line.split() for line in outcome.stdout.splitlines())
        self.without |= {name for name, status in ended.items() if status == NO_RESOURCE}
        assert ended.keys() == set(self.names), f"natively ended: {ended}"
        assert len(self.without) <= len(self.names) // 4, f"natively these find not enough of something: {self.without}"

    def compared(self, output):
        lines = output.splitlines(keepends=True)
        return "".join(line for line in lines if line.partition(" ")[0] not in self.without)


@pytest.mark.slow
@pytest.mark.large
@pytest.mark.parametrize("group", GROUPS)
def test_stressors(group, base):
    natively = Natively(GROUPS[group].split())
    command = ["/bin/bash", "-c", SCRIPT.replace("OPS", str(OPS)), "bash", *natively.names]
    harness.same(command, base, check=natively.check, change=natively.compared, timeout=240)
