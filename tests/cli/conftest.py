# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "conformance"))

import harness  # noqa: E402
import launcher  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than a few seconds")


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput") and not os.access(harness.SANDBOX, os.X_OK):
        pytest.exit(f"cli: no sandbox at {harness.SANDBOX} (set SANDBOX_BIN)", returncode=3)


@pytest.fixture(scope="session")
def shared():
    directory = launcher.shared_directory()
    shutil.copy(harness.SANDBOX, directory / "sandbox")
    for name in ("sandbox-image", "sandbox-metrics", "sandbox-profile", "sandbox-relay", "sandbox-trace"):  # what some of its verbs start
        shutil.copy(Path(harness.SANDBOX).with_name(name), directory / name)
    yield directory
    harness.remove_tree(directory)


def _caller(name, shared, tmp_path):
    place = shared / tmp_path.name  # unique, and not below pytest's own directory that only root enters
    caller = launcher.Who(name, shared / "sandbox", launcher.CALLERS[name], place)
    yield caller
    caller.end()


@pytest.fixture(params=launcher.CALLERS)
def who(request, shared, tmp_path):
    """Each test once for everybody who can call `sandbox` here."""
    yield from _caller(request.param, shared, tmp_path)


@pytest.fixture
def me(shared, tmp_path):
    """For what does not depend on who calls: whoever runs the tests."""
    yield from _caller(next(iter(launcher.CALLERS)), shared, tmp_path)


@pytest.fixture
def root(shared, tmp_path):
    """For what only root can set up."""
    if "root" not in launcher.CALLERS:
        pytest.skip("only root can make such a machine")
    yield from _caller("root", shared, tmp_path)
