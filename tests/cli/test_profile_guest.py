# SPDX-License-Identifier: Apache-2.0
"""sandbox profile where the shim is in ring 0 of the virtual machine, and samples are taken from outside of it."""

import json
import shutil

import pytest

import launcher
import test_profile
from test_profile import below, folded

compiled = test_profile.compiled  # the fixture

GUEST = ["--backend", "kvm", "--home", "guest"]


@pytest.fixture(autouse=True)
def usable(me):
    said = json.loads(me.call("doctor", "--json").out)
    guest = next(b for b in said["backends"] if (b["name"], b["home"]) == ("kvm", "guest"))
    if not guest["usable"]:
        pytest.skip(f"home guest cannot be used here: {guest['why']}")


def profile(who, *words, options=()):
    return who.call("profile", "-F", "499", "--folded", "-o", "-", "run", "-q", *GUEST, *options, *words)


def test_the_known_hot_function_is_the_widest(who, compiled):
    shutil.copy(compiled["computes"], who.work / "computes")
    got = profile(who, "./computes")
    stacks = folded(got.out)
    assert got.code == 7 and all(stack[0] in ("computes", "sandbox") for stack in stacks), stacks
    assert below(stacks, "main", "hot", "spin") > 3 * below(stacks, "main", "cold", "spin") > 0


def test_the_shims_work_is_a_frame_above_its_caller(me):
    got = profile(me, "/bin/dd", "if=/dev/zero", "of=/dev/null", "bs=32M", "count=40")
    assert got.code == 0 and any(stack[0] == "dd" and stack[-1] == "[syscall read]" for stack in folded(got.out)), got.out


def test_threads_of_several_processors_are_sampled(me, compiled):
    shutil.copy(compiled["computes"], me.work / "computes")
    got = profile(me, "/bin/sh", "-c", "./computes & ./computes & wait", options=["--cpus", "2"])
    assert below(folded(got.out), "main", "hot", "spin") > 20


def test_what_was_made_in_memory_is_named_by_its_file(me, compiled):
    shutil.copy(compiled["computes"], me.work / "computes")
    stacks = folded(profile(me, "/bin/sh", "-c", "cp computes /tmp/other && exec /tmp/other").out)
    assert below(stacks, "[other]") > 0 and below(stacks, "spin") == 0


def test_time_asleep_is_not_sampled(me):
    assert sum(folded(profile(me, "/bin/sh", "-c", "sleep 1").out).values()) < 400


def test_a_stack_that_is_made_up_harms_nobody(me, compiled):
    shutil.copy(compiled["hostile"], me.work / "hostile")
    stacks = folded(profile(me, "./hostile").out)
    assert max(map(len, stacks)) <= 130 and any(stack[-1] == "[anon]" for stack in stacks)


def test_a_running_sandbox_is_sampled_and_goes_on(who, compiled):
    shutil.copy(compiled["computes"], who.work / "computes")
    name = f"profiled-{who.work.parent.name}"[-60:].replace("_", "-")

    def is_sampled():
        got = who.call("profile", "-F", "499", "-d", "1", "--folded", "-o", "-", name)
        assert got.code == 0, got
        return below(folded(got.out), "main", "hot", "spin") > 0

    with launcher.running(who, *GUEST, "--name", name, "/bin/sh", "-c", "echo ready; exec ./computes for-ever") as process:
        for _ in range(2):
            assert launcher.until(is_sampled)
        assert process.poll() is None
