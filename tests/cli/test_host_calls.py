# SPDX-License-Identifier: Apache-2.0
"""Each host call that a launcher makes, seen by the host's kernel, is in docs/host-calls.md for the thread that makes it."""

import contextlib
import json
import os
import re
import signal

import pytest

import harness

PROGRAMS = ["fs_open", "fs_dir", "fs_rename_unlink", "fs_rw", "pipe", "mm_mmap", "proc_fork_wait", "thread_pthread", "sig_basic", "time_sleep", "tty_ioctl"]
CPUS = {"core": "core", "cpu": "core", "service": "service", "vcpu": "vcpu", "watcher": "watcher", "limiter": "watcher"}
BUILT = harness.BUILD / "tests" / "conformance" / "dynamic"


def documented():
    """Thread -> the calls that it may make."""
    calls, threads = {}, []
    for line in (harness.ROOT / "docs" / "host-calls.md").read_text().splitlines():
        if line.startswith("Threads: ") and line.endswith(".") and "`" not in line:
            threads = line.removeprefix("Threads: ").rstrip(".").split()
        elif found := re.match(r"\| `(\w+)` \| (.+) \|$", line):
            for thread in threads:
                calls.setdefault(thread, {})[found.group(1)] = found.group(2)
    return calls


def seen(who, backend, program):
    """(thread's role, call) of all that the launcher did while the program ran."""
    words = ["--backend", backend, "--name", "host-calls", "--timeout", "60", "--cpus", "2", "--ro", BUILT, "--tmpfs", "/data", "--cwd", "/data",
             "/bin/sh", "-c", 'echo ready; read go; "$0" >/dev/null 2>&1; exit 0', BUILT / program]
    run = who.start("run", *words, stdin=-1)
    try:
        assert run.stdout.readline() == b"ready\n", run.stderr.read()
        pid = next(s["pid"] for s in json.loads(who.call("ps", "--json").out) if s["name"] == "host-calls")
        trace = who.start("trace", "--host", "host-calls", "--json")
        said = trace.stderr.readline().decode()
        if "cannot be seen" in said:
            trace.terminate()
            pytest.skip(said.strip())
        assert f"process {pid}" in said
        run.stdin.write(b"go\n")
        run.stdin.close()
        out, err = trace.communicate(timeout=120)
        assert trace.returncode == 0 and err == b"", err
        assert run.wait(10) == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    return {(c["role"], c["call"]) for c in map(json.loads, out.splitlines())}


def test_the_page_gives_a_reason_for_each_call():
    calls = documented()
    assert set(calls) == {"core", "service", "vcpu", "watcher", "zygote"}
    assert all(why.strip() for one in calls.values() for why in one.values())


@pytest.mark.parametrize("backend", ["kvm", "process"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_host_call_is_documented(backend, program, root):
    if not os.access(BUILT / program, os.X_OK):
        pytest.skip(f"{program} is not built: make conformance-programs")
    if root.run("--backend", backend, "/bin/true").code == 125:
        pytest.skip(f"backend {backend} cannot be used here")
    allowed = documented()
    found = seen(root, backend, program)
    roles = {role.split()[0] for role, _ in found}
    assert {"core", "watcher"} <= roles or {"service", "vcpu"} <= roles, roles
    strange = sorted((role, call) for role, call in found if call not in allowed[CPUS[role.split()[0]]])
    assert not strange, f"host calls that docs/host-calls.md does not list for their thread: {strange}"
