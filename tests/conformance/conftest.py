# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess

import pytest

import harness
import known_gaps


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds")
    config.addinivalue_line("markers", "large: takes minutes; `make check` runs it with one backend")


def pytest_collection_modifyitems(items):
    for item in items:
        gap = known_gaps.reason(item.name)
        if gap:
            item.add_marker(pytest.mark.xfail(reason=gap[0], strict=gap[1]))
    # PART=N/M: every M-th test, from the N-th, where several machines share the suite.
    part, parts = map(int, os.environ.get("PART", "1/1").split("/"))
    items[:] = items[part - 1 :: parts]


def _check_sandbox():
    """None, or why no test can mean anything."""
    hello = harness.PROGRAMS / "static" / "hello"
    if not hello.exists():
        return f"{hello} is not built: make conformance-programs"
    if not os.access(harness.SANDBOX, os.X_OK):
        return f"no sandbox at {harness.SANDBOX} (set SANDBOX_BIN)"
    try:
        doctor = subprocess.run(
            [harness.SANDBOX, "doctor", "--json"], capture_output=True, text=True, timeout=60
        )
        json.loads(doctor.stdout)
        words = [harness.SANDBOX, "run", *harness.OPTIONS, "--ro", str(hello.parent), str(hello)]
        hi = subprocess.run(words, capture_output=True, text=True, timeout=60)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return f"{harness.SANDBOX}: {error}"
    if doctor.returncode != 0:
        return f"sandbox doctor exits {doctor.returncode}: {doctor.stderr.strip()}"
    if hi.returncode != 0 or hi.stdout != "hello, world\n":
        return (
            f"sandbox run {hello} does not say hello: "
            f"exit {hi.returncode}, stdout {hi.stdout!r}, stderr {hi.stderr!r}"
        )
    return None


def pytest_sessionstart(session):
    # Workers of xdist would only repeat what the controller found.
    if hasattr(session.config, "workerinput") or session.config.option.collectonly:
        return
    problem = _check_sandbox()
    if problem:
        pytest.exit(f"conformance: the sandbox does not work: {problem}", returncode=3)


@pytest.fixture
def base(tmp_path):
    tmp_path.chmod(0o755)
    yield tmp_path
    harness.remove_tree(tmp_path)
