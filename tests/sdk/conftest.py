# SPDX-License-Identifier: Apache-2.0
"""Where the library, the executable and the examples of this build are."""
import os
import signal
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("SANDBOX_BIN", ROOT / "build" / "sandbox")).resolve().parent
os.environ.setdefault("LIBSANDBOX", str(BUILD / "libsandbox.so"))
sys.path.insert(0, str(ROOT / "sdk" / "python"))
# A script's shell starts what it puts in the background with it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Held:
    """What a process holds: descriptors and descendants; the latter with or without those that ended and were not reaped."""

    def __init__(self, pid, zombies=True):
        self.pid, self.zombies = pid, zombies

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def descendants(self):
        parents = {}
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                state, parent = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()[:2]
            except (ValueError, OSError, IndexError):
                continue
            if self.zombies or state != "Z":
                parents[int(name)] = int(parent)
        known, size = {self.pid}, 0
        while len(known) != size:
            size = len(known)
            known |= {pid for pid, parent in parents.items() if parent in known}
        return len(known) - 1

    def now(self):
        return self.descriptors(), self.descendants()

    def comes_back_to(self, before, seconds=5):
        """Processes that were killed get a moment to go."""
        end = time.monotonic() + seconds
        while self.now() != before and time.monotonic() < end:
            time.sleep(0.02)
        assert self.now() == before, f"descriptors and processes: {self.now()}, were {before}"


@pytest.fixture
def held():
    return Held


@pytest.fixture(scope="session")
def build():
    return BUILD
