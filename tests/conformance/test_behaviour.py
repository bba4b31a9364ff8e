# SPDX-License-Identifier: Apache-2.0
"""Every behaviour of every conformance program: the native run is the assertion."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

import harness

VARIANTS = ("dynamic", "static", "static-pie", "musl", "musl-static")
# Run a second time on the sandbox's own in-memory /tmp; a real tmpfs is the model.
ON_TMPFS = {
    "fs_open",
    "fs_path",
    "fs_dir",
    "fs_stat",
    "fs_rename_unlink",
    "fs_rw",
    "fs_lock",
    "fs_inotify",
    "mm_mmap",
    "sock_unix",
    "sock_dgram",
}
# Needs more than one processor.
PARALLEL = "parallel"
# Mounts: natively where nobody else sees it.
MOUNTS = {"fs_mount", "ipc_mqfs"}
# Forks with 1 GiB in use; the sandbox has too little memory to copy it.
LARGE = "fork_large"
LARGE_NEEDS = 3 << 30


def _cases():
    cases = []
    for variant in VARIANTS:
        folder = harness.PROGRAMS / variant
        programs = sorted(
            p for p in folder.glob("*") if not p.suffix and os.access(p, os.X_OK) and p.is_file()
        )
        for program in programs:
            if program.name == "hello":
                continue
            listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
            for name in listed.stdout.split():
                cases.append(pytest.param(program, name, id=f"{variant}-{program.name}-{name}"))
    if not cases:
        pytest.exit(f"no programs under {harness.PROGRAMS}: make conformance-programs", 3)
    return cases


CASES = _cases()


@pytest.mark.parametrize("program,name", CASES)
def test_behaviour(program, name, base):
    options = []
    if program.name == PARALLEL:
        options = ["--cpus", "2"]
    if program.name == LARGE:
        if harness.available_memory() < LARGE_NEEDS:
            pytest.skip("too little memory is free here")
        options = ["--mem", "1280M"]
    prefix = harness.own_mounts() if program.name in MOUNTS else []
    if prefix is None:
        pytest.skip("nobody may mount here")
    harness.same([str(program), name], base, readonly=[program.parent], options=options, prefix=prefix)


def _tmpfs():
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"


@pytest.mark.parametrize(
    "program,name",
    [c for c in CASES if c.values[0].name in ON_TMPFS and c.values[0].parent.name == "dynamic"],
)
def test_behaviour_on_tmpfs(program, name, base):
    with tempfile.TemporaryDirectory(dir=_tmpfs()) as parent:
        native = harness.run_native(
            [str(program), name, "--in", parent], harness.fresh_directory(base, "native")
        )
        harness.remove_tree(Path(parent))
        Path(parent).mkdir(exist_ok=True)
    sandbox = harness.run_sandbox(
        [str(program), name, "--in", "/tmp"],
        harness.fresh_directory(base, "sandbox"),
        readonly=[program.parent],
    )
    report = harness.difference(native, sandbox)
    if report:
        pytest.fail(f"{program.name} {name} --in /tmp\n{report}", pytrace=False)
