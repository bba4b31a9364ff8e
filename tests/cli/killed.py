#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills launchers at random moments and looks for what is left. As process 1 of a PID namespace (elsewhere.py), to
which every orphan comes, with file systems of its own, where nobody else leaves files.

    killed.py TIMES SEED UID DIRECTORY... -- COMMAND...

Prints a line for each thing that was left, and exits with 1 if there was any."""

import os
import random
import signal
import subprocess
import sys
import time

PATIENCE = 5  # the kernel ends what it ends when the launcher goes, but not at once


def processes():
    return {int(name) for name in os.listdir("/proc") if name.isdigit()} - {os.getpid()}


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def mounts():
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        return set(f)


def files(directories):
    return {os.path.join(at, name) for top in directories for at, d, f in os.walk(top) for name in d + f}


def cgroups():
    return {at for at, _, _ in os.walk("/sys/fs/cgroup") if "sandbox" in at}


def state(directories):
    return {"mount": mounts(), "file": files(directories), "cgroup": cgroups()}


def start(command, uid):
    def become():
        if uid:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)

    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=become)


def processes_left():
    deadline = time.monotonic() + PATIENCE
    while (left := processes()) and time.monotonic() < deadline:
        reap()
        time.sleep(0.01)
    return {f"{pid}: {open(f'/proc/{pid}/comm').read().strip()}" for pid in left}


def whole_run(command, uid):
    begin = time.monotonic()
    if start(command, uid).wait() != 0:
        sys.exit("the command fails when it is not killed")
    return time.monotonic() - begin


def main():
    times, seed, uid = (int(word) for word in sys.argv[1:4])
    split = sys.argv.index("--")
    directories, command = sys.argv[4:split], sys.argv[split + 1 :]
    chance = random.Random(seed)
    longest = max(whole_run(command, uid) for _ in range(3))
    before, left = state(directories), []
    for _ in range(times):
        launcher = start(command, uid)
        moment = chance.uniform(0, longest * 1.1)
        time.sleep(moment)
        launcher.send_signal(signal.SIGKILL)
        launcher.wait()
        left += [f"killed after {moment:.4f} s: process {p}" for p in processes_left()]
        if left:
            break
    # what it showed to `sandbox ps` is forgotten by the next one
    start([command[0], "ps"], uid).wait()
    after = state(directories)
    left += [f"{kind} {name}" for kind in before for name in after[kind] - before[kind]]
    print("\n".join(left))
    sys.exit(bool(left))


main()
