# SPDX-License-Identifier: Apache-2.0
"""Exits and channel calls per operation, against counts.json: {home: {operation: {kind: at most}}}.

`test_counts.py --write` measures and writes the file; look at the difference before it is committed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import counts
from worlds import SCRATCH, sandboxes

EXPECTED = Path(__file__).with_name("counts.json")
KINDS = ("exits", "channel")
# A stray one (a timer, memory given back) among a hundred operations is not a change.
SLACK = 0.05
LOCAL = ("getppid", "clock_gettime", "write-null", "pipe-ping-pong", "mmap-16k", "fork-wait", "tmp-file")
FORWARDED = ("read-1", "pread-4k", "stat")


def _expected():
    return json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}


def _cases():
    for world in sandboxes():
        for operation in counts.OPERATIONS:
            yield pytest.param(world, operation, id=f"{world.name}-{operation}")


@pytest.fixture(scope="session")
def usable():
    SCRATCH.mkdir(parents=True, exist_ok=True)
    return {world.name: world.problem() for world in sandboxes()}


@pytest.mark.parametrize("world, operation", _cases())
def test_counts(world, operation, usable):
    if usable[world.name]:
        pytest.skip(f"{world.name}: {usable[world.name]}")
    found = counts.measure(world, operation)
    expected = _expected().get(world.name, {}).get(operation)
    if operation in LOCAL:
        assert found["channel"] <= SLACK, "a local call asks nothing of the host"
    if operation in FORWARDED:
        assert found["channel"] <= 1 + SLACK, "a forwarded call asks once"
    if expected is None:
        pytest.skip("no figure in counts.json")
    for kind in KINDS:
        assert found[kind] <= expected[kind] + SLACK, f"{kind} per {operation}"


def _write():
    SCRATCH.mkdir(parents=True, exist_ok=True)
    table = _expected()
    for world in sandboxes():
        if world.problem():
            continue
        for operation in counts.OPERATIONS:
            try:
                found = counts.measure(world, operation)
            except (OSError, subprocess.TimeoutExpired) as error:
                print(f"{world.name} {operation}: {error}", file=sys.stderr)
                continue
            table.setdefault(world.name, {})[operation] = {kind: found[kind] for kind in KINDS}
    EXPECTED.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__" and sys.argv[1:] == ["--write"]:
    _write()
