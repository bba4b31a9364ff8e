# SPDX-License-Identifier: Apache-2.0
"""Servers and their clients inside of one sandbox, over loopback and local sockets."""

import fcntl
import shutil
from pathlib import Path

import pytest

import harness
from harness import succeeds

SERVERS = harness.ROOT / "tests" / "programs" / "servers"
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def fixed_ports():
    """Natively they use the host's ports: one at a time, whatever number of workers there are."""
    with open(__file__) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("name", ["redis", "nginx", "openssl", "postgres"])
@pytest.mark.parametrize("cpus", [1, 2])
def test_server(name, cpus, base):
    def setup(directory):
        shutil.copy(SERVERS / f"{name}.sh", directory)

    harness.same(["/bin/sh", f"./{name}.sh"], base, setup=setup, check=succeeds, timeout=200, options=["--cpus", str(cpus)])


def test_programs_are_there():
    """One clear failure instead of many when a package is missing."""
    missing = [p for p in ("redis-server", "redis-cli", "nginx", "openssl", "curl") if not shutil.which(p, path="/usr/sbin:/usr/bin")]
    missing += [] if list(Path("/usr/lib/postgresql").glob("*/bin/initdb")) else ["postgresql"]
    assert not missing, f"missing: {missing}"
