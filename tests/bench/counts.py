# SPDX-License-Identifier: Apache-2.0
"""What one operation costs in things that can be counted: the same in every run."""

from worlds import MICRO, SCRATCH

# How often: the difference of two runs is what the operations cost without the start.
FEW, MORE = 10, 110
OPERATIONS = (
    "getppid",
    "clock_gettime",
    "write-null",
    "read-1",
    "pread-4k",
    "stat",
    "open-close",
    "tmp-file",
    "pipe-ping-pong",
    "mmap-16k",
    "fork-wait",
    "fork-exec",
)


def totals(report):
    exits = report["exits"]
    return {
        # kicks come with time, not with operations
        "exits": sum(exits.values()) - exits.get("intr", 0),
        # as the host counted them: what the shim says of itself is no measurement
        "channel": sum(op["calls"] for op in report["channel"].values()),
        "syscalls": report["syscalls"]["total"],
        "faults": report["shim"]["faults"],
    }


def measure(world, operation):
    """{"exits", "channel", "syscalls", "faults"} for each operation, to two places."""

    def at(count):
        return totals(world.report([str(MICRO), "-d", str(SCRATCH), operation, str(count)]))

    few, more = at(FEW), at(MORE)
    # a tenth is done in advance, unmeasured
    done = (MORE - FEW) + (MORE // 10 - FEW // 10)
    return {key: round((more[key] - few[key]) / done, 2) for key in few}
