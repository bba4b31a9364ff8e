# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of the launcher at any moment leaves no process, mount, cgroup or temporary file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import launcher

KILLED = Path(__file__).with_name("killed.py")
TIMES = 50
EMPTIED = ["/tmp", "/var/tmp", "/dev/shm", "/run"]
# A bit of everything: processes, files inside and granted, memory.
WORK = "for i in 1 2 3; do sleep 0.01 & done; echo x >/tmp/x; mkdir -p d; echo y >d/y; rm -r d; wait"


@pytest.mark.parametrize("backend", ["kvm", "process"])
@pytest.mark.parametrize("caller", launcher.CALLERS)
def test_killed_at_any_moment(backend, caller, root):
    seed = int(os.environ.get("KILL_SEED", int.from_bytes(os.urandom(4), "big")))
    if root.run("--backend", backend, "/bin/true").code == 125:
        pytest.skip(f"backend {backend} cannot be used here")
    uid = launcher.CALLERS[caller]
    os.chown(root.work, uid, uid)
    # the sandbox's own binary lies below /tmp, which is emptied: it is mounted again beside it
    options = [word for directory in EMPTIED for word in ("--tmpfs", directory)]
    place = Path("/mnt")
    words = [sys.executable, launcher.ELSEWHERE, "--kvm", "666", "--bind", f"{root.work.parent.parent}:{place}", *options, "--own-pids"]
    # as text: the file may lie in what is emptied
    words += [sys.executable, "-c", KILLED.read_text(), TIMES, seed, uid, *EMPTIED, "--"]
    words += [place / "sandbox", "run", "--backend", backend, "--rw", place / root.work.parent.name / "work", "--cwd",
              place / root.work.parent.name / "work", "/bin/sh", "-c", WORK]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300, check=False, cwd="/")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", ""), f"KILL_SEED={seed}"
    assert sorted(os.listdir(root.work)) in ([], ["d"])


def test_killed_doctor(root):
    """It tries the jail in a child."""
    words = [sys.executable, launcher.ELSEWHERE, "--own-pids", sys.executable, KILLED, TIMES, 1, 0, "--", root.sandbox, "doctor"]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")
