# SPDX-License-Identifier: Apache-2.0
"""What the host spends on a program that sleeps: all processes that the world starts for it."""

import ctypes
import os
import select
import subprocess
import time
from pathlib import Path

from worlds import MICRO, SCRATCH

SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER: what a world leaves behind still counts as its
COPIES = 3
SETTLE_S = 0.3


def _parents():
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    return parents


def _descendants(top):
    parents = _parents()
    found, new = set(), {top}
    while new:
        found |= new
        new = {pid for pid, parent in parents.items() if parent in new} - found
    return found - {top}


def _kib(pids):
    """(RSS, PSS) of all of them, in KiB."""
    rss = pss = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("Rss:"):
                rss += int(line.split()[1])
            elif line.startswith("Pss:"):
                pss += int(line.split()[1])
    return rss, pss


def measure(world, copies=COPIES):
    """{"rss", "pss"} in KiB for each of `copies` programs at once; OSError if one does not start."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    running = []
    try:
        for _ in range(copies):
            running.append(
                subprocess.Popen(
                    world.words([str(MICRO), "hold"]),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    cwd=SCRATCH,
                )
            )
        for process in running:
            ready, _, _ = select.select([process.stdout], [], [], 30)
            if not ready or process.stdout.readline() != b"ready\n":
                raise OSError("the program does not get ready")
        time.sleep(SETTLE_S)
        rss, pss = _kib(_descendants(os.getpid()))
    finally:
        for process in running:
            process.stdin.close()
        for process in running:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
        _reap()
    return {"rss": rss // copies, "pss": pss // copies}


def _reap():
    """Those that were left to us."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)
        except ChildProcessError:
            return
