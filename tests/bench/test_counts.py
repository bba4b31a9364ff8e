# SPDX-License-Identifier: Apache-2.0
"""What can be counted per operation, against counts.json: {home: {operation: {kind: how many}}}.

`test_counts.py --write FILE` measures what this machine has and writes what FILE then says (`-`: stdout);
look at the difference before it is committed."""

import json
import os
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
# Steps are exact, but not the way that is stepped: where address randomization puts a program decides how many
# page tables a fork copies, and a sandbox's directories how long a path is.
INSTRUCTION_SLACK = 0.02
LOCAL = (
    "getppid",
    "clock_gettime",
    "write-null",
    "pipe-ping-pong",
    "mmap-16k",
    "page-fault",
    "fork-wait",
    "tmp-file",
    "tmp-read-1",
)
FORWARDED = ("read-1", "pread-4k", "stat")


def _expected():
    return json.loads(EXPECTED.read_text()) if EXPECTED.exists() else {}


def _guest():
    return next(world for world in sandboxes() if world.home == "guest")


def _cases():
    for world in sandboxes():
        for operation in counts.OPERATIONS:
            yield pytest.param(world, operation, id=f"{world.name}-{operation}")


@pytest.fixture(scope="session")
def usable():
    """Per world, None or why it cannot be counted here; REQUIRE_GUEST=1: home guest has to be there."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    problems = {world.name: world.problem() for world in sandboxes()}
    if os.environ.get("REQUIRE_GUEST") == "1" and problems[_guest().name]:
        pytest.fail(f"home guest: {problems[_guest().name]}")
    return problems


def skip_unless(problem):
    if problem:
        pytest.skip(problem)


def at_most(expected, found, kind, slack):
    if expected is None:
        pytest.skip("no figure in counts.json")
    assert found <= expected + slack, kind
    # What became less has to be written down, or it may grow again unnoticed.
    assert found >= expected - slack, f"fewer {kind} than counts.json says: --write"


@pytest.mark.parametrize("world, operation", _cases())
def test_counts(world, operation, usable):
    skip_unless(usable[world.name])
    found = counts.measure(world, operation)
    if operation in LOCAL:
        assert found["channel"] <= SLACK, "a local call asks nothing of the host"
    if operation in FORWARDED:
        assert found["channel"] <= 1 + SLACK, "a forwarded call asks once"
    if world.home == "guest":
        assert found["exits"] <= found["channel"] + SLACK, "what asks nothing of the host stays in the VM"
    expected = _expected().get(world.name, {}).get(operation, {})
    for kind in KINDS:
        at_most(expected.get(kind), found[kind], f"{kind} per {operation}", SLACK)


@pytest.mark.parametrize("operation", counts.OPERATIONS)
def test_instructions(operation, usable):
    skip_unless(usable[_guest().name])
    expected = _expected().get(_guest().name, {}).get(operation, {}).get("instructions")
    found = counts.instructions(operation)
    print(f"{operation}: {found} instructions in ring 0")
    at_most(expected, found, f"instructions per {operation}", (expected or 0) * INSTRUCTION_SLACK)


def test_boot_instructions(usable):
    skip_unless(usable[_guest().name])
    expected = _expected().get(_guest().name, {}).get("boot", {}).get("instructions")
    found = counts.boot_instructions()
    print(f"boot: {found} instructions in ring 0")
    at_most(expected, found, "instructions from start to program", (expected or 0) * INSTRUCTION_SLACK)


def _measured():
    SCRATCH.mkdir(parents=True, exist_ok=True)
    table = _expected()
    for world in sandboxes():
        if world.problem():
            continue
        of = table.setdefault(world.name, {})
        for operation in counts.OPERATIONS:
            try:
                found = counts.measure(world, operation)
                of[operation] = {kind: found[kind] for kind in KINDS}
                if world.home == "guest":
                    of[operation]["instructions"] = counts.instructions(operation)
            except (OSError, subprocess.TimeoutExpired) as error:
                print(f"{world.name} {operation}: {error}", file=sys.stderr)
        if world.home == "guest":
            of["boot"] = {"instructions": counts.boot_instructions()}
    return json.dumps(table, indent=1) + "\n"


if __name__ == "__main__" and sys.argv[1:2] == ["--write"]:
    if sys.argv[2:] == ["-"]:
        print(_measured(), end="")
    else:
        EXPECTED.write_text(_measured())
