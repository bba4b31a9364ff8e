# SPDX-License-Identifier: Apache-2.0
"""What can be counted per operation, against counts.json: {home: {operation: {kind: how many}}}.

`test_counts.py --write FILE [WORLD]...` measures those worlds, or all that this machine has, and writes what
counts.json then says to FILE (`-`: stdout); look at the difference before it is committed."""

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
# Home guest: after a kick, which comes with time, the next one is set by an exit, or by two if that is late.
EXITS_A_KICK = 2
# Steps are exact, but not the way that is stepped: a sandbox's directories decide how long a path is.
INSTRUCTION_SLACK = 0.02
LOCAL = (
    "getppid",
    "clock_gettime",
    "write-null",
    "pipe-ping-pong",
    "mmap-16k",
    "page-fault",
    "fork-wait",
    "stat",  # of what was looked at before
    "tmp-file",
    "tmp-read-1",
)
# How many calls that the host answers.
FORWARDED = {"read-1": 1, "pread-4k": 1, "open-close": 2}


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
    """Per world, None or why it cannot be counted here; REQUIRE_GUEST=1: home guest has to be there, in
    counts.json too."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    problems = {world.name: world.problem() for world in sandboxes()}
    if os.environ.get("REQUIRE_GUEST") == "1":
        assert not problems[_guest().name], "home guest"
        assert _expected().get(_guest().name, {}).keys() == {*counts.OPERATIONS, "boot"}
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
    slack = SLACK + EXITS_A_KICK * found["kicks"] if world.home == "guest" else SLACK
    if operation in LOCAL:
        assert found["channel"] <= SLACK, "a local call asks nothing of the host"
        if world.home == "guest":
            assert found["exits"] <= slack, "a local call stays in the VM"
    if operation in FORWARDED:
        assert found["channel"] <= FORWARDED[operation] + SLACK, "a forwarded call asks once"
    if world.home == "guest":
        assert found["exits"] <= found["channel"] + slack, "what is asked of the host is one exit"
    expected = _expected().get(world.name, {}).get(operation, {})
    for kind in KINDS:
        at_most(expected.get(kind), found[kind], f"{kind} per {operation}", slack)


@pytest.mark.parametrize("operation", counts.OPERATIONS)
def test_instructions(operation, usable):
    skip_unless(usable[_guest().name])
    expected = _expected().get(_guest().name, {}).get(operation, {}).get("instructions")
    found = counts.instructions(operation)
    print(f"{operation}: {found} instructions in ring 0")
    at_most(expected, found, f"instructions per {operation}", (expected or 0) * INSTRUCTION_SLACK)


def test_boot(usable):
    skip_unless(usable[_guest().name])
    expected = _expected().get(_guest().name, {}).get("boot", {})
    found = counts.boot()
    print(f"boot: {found}")
    at_most(expected.get("exits"), found["exits"], "exits from start to program", 0)
    steps = expected.get("instructions")
    at_most(steps, found["instructions"], "instructions from start to program", (steps or 0) * INSTRUCTION_SLACK)


def _figures(world, operation):
    found = counts.measure(world, operation)
    figures = {kind: found[kind] for kind in KINDS}
    if world.home == "guest":
        figures["instructions"] = counts.instructions(operation)
    return figures


def _measured(names):
    SCRATCH.mkdir(parents=True, exist_ok=True)
    table = _expected()
    for world in sandboxes():
        if names and world.name not in names or world.problem():
            continue
        of = table.setdefault(world.name, {})
        if world.home == "guest":
            of["boot"] = counts.boot()
            print(f"{world.name} boot: {of['boot']}", file=sys.stderr, flush=True)
        for operation in counts.OPERATIONS:
            try:
                of[operation] = _figures(world, operation)
                print(f"{world.name} {operation}: {of[operation]}", file=sys.stderr, flush=True)
            except (OSError, subprocess.TimeoutExpired) as error:
                print(f"{world.name} {operation}: {error}", file=sys.stderr, flush=True)
    return json.dumps(table, indent=1) + "\n"


if __name__ == "__main__" and sys.argv[1:2] == ["--write"]:
    text = _measured(sys.argv[3:])
    if sys.argv[2] == "-":
        print(text, end="")
    else:
        Path(sys.argv[2]).write_text(text)
