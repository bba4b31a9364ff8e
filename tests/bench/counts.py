# SPDX-License-Identifier: Apache-2.0
"""What one operation costs in things that can be counted: the same in every run."""

import json
import subprocess

from worlds import BENCH, HELLO, MICRO, SCRATCH, STEPS

# How often: the difference of two runs is what the operations cost without the start.
FEW, MORE = 10, 110
# Instructions are counted exactly, and slowly: a step is an exit.
STEPPED, FEW_STEPS = 5, 2
# They come with time, not with operations.
KICKS = ("intr", "kick", "kick-early")
OPERATIONS = (
    "getppid",
    "clock_gettime",
    "write-null",
    "read-1",
    "pread-4k",
    "stat",
    "open-close",
    "tmp-file",
    "tmp-read-1",
    "pipe-ping-pong",
    "mmap-16k",
    "page-fault",
    "fork-wait",
    "fork-exec",
)


def totals(report):
    exits = report["exits"]
    return {
        "exits": sum(count for reason, count in exits.items() if reason not in KICKS),
        "kicks": sum(exits.get(reason, 0) for reason in KICKS),
        # as the host counted them: what the shim says of itself is no measurement
        "channel": sum(op["calls"] for op in report["channel"].values()),
        "syscalls": report["syscalls"]["total"],
        "faults": report["shim"]["faults"],
    }


def measure(world, operation):
    """{"exits", "kicks", "channel", "syscalls", "faults"} for each operation, to two places."""

    def at(count):
        return totals(world.report([str(MICRO), "-r", "-d", str(SCRATCH), operation, str(count)]))

    few, more = at(FEW), at(MORE)
    # a tenth is done in advance, unmeasured
    done = (MORE - FEW) + (MORE // 10 - FEW // 10)
    return {key: round((more[key] - few[key]) / done, 2) for key in few}


def ring0(mode, command):
    """Instructions that the shim executes in ring 0 of the VM, by single steps. OSError: none counted."""
    done = subprocess.run(
        [str(STEPS), mode, str(BENCH), str(SCRATCH), *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        cwd=SCRATCH,
    )
    if done.returncode != 0:
        raise OSError(f"steps: exit code {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stderr.splitlines()[-1])


def boot():
    """{"exits", "instructions"} from the vCPU's start to the first instruction of a static hello, alone in its root."""
    found = ring0("boot", [f"/{HELLO.name}"])
    return {key: found[key] for key in ("exits", "instructions")}


def instructions(operation):
    """For one operation, after one that is not counted."""
    times = FEW_STEPS if operation.startswith("fork") else STEPPED
    found = ring0("marked", [str(MICRO), "-r", "-d", str(SCRATCH), "-m", operation, str(times)])
    return round(found["instructions"] / times)
