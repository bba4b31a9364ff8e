# SPDX-License-Identifier: Apache-2.0
"""The process that uses the library: what becomes of its sandboxes when it dies."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import ROOT
from sandbox import End, Sandbox

# Prints a line for each thing that was done, and then waits to be killed.
CALLER = """
import os, sys, threading
from sandbox import Sandbox, Template

def start():
    if "template" in sys.argv:
        kept.append(Template("/bin/sh", "-c", "read x; echo on; exec sleep 300"))
        kept.append(kept[0].clone(stdin=b"x", stdout=1))
    else:
        kept.append(Sandbox("/bin/sh", "-c", "echo on; exec sleep 300", stdout=1))

kept = []
t = threading.Thread(target=start)
t.start()
t.join()
if "pause" in sys.argv:
    sys.stdin.readline()
    kept[-1].pause()
    print("paused", flush=True)
child = os.fork() if "fork" in sys.argv else None
if child == 0:
    os.closerange(0, 3)
    sys.argv.append("child")
elif child:
    os.write(1, b"%d\\n" % child)  # at once: the sandbox writes there too
while "child" not in sys.argv or os.getppid() == int(sys.argv[1]):
    threading.Event().wait(0.2)
if "child" in sys.argv:
    threading.Event().wait(300)
"""


@pytest.fixture
def caller():
    started = []

    def start(*words):
        env = {**os.environ, "PYTHONPATH": str(ROOT / "sdk" / "python")}
        p = subprocess.Popen([sys.executable, "-c", "import os, sys; sys.argv.insert(1, str(os.getpid()))\n" + CALLER, *words],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        started.append(p)
        return p

    yield start
    for p in started:
        p.kill()
        p.wait()
        p.stdin.close()
        p.stdout.close()


def launchers(pid):
    """Children that are `sandbox run`, and theirs, with the time of their start: a number alone may be another's by then."""
    found = children_of(pid)
    return found.union(*(children_of(child) for child, _ in found))


def children_of(pid):
    found = set()
    for name in os.listdir("/proc"):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()
            if name.isdigit() and int(fields[1]) == pid and b"--until-fd" in Path(f"/proc/{name}/cmdline").read_bytes():
                found.add((int(name), fields[19]))
        except (OSError, IndexError):
            continue
    return found


def stat(pid):
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def lives(pid, began):
    try:
        fields = stat(pid)
    except OSError:
        return False
    return fields[19] == began and fields[0] not in "ZX"


def expect_gone(found):
    deadline = time.monotonic() + 30
    while any(lives(*f) for f in found) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(lives(*f) for f in found), "the sandbox outlives the process that started it"


def kill_and_expect_gone(p, launched=1):
    found = launchers(p.pid)
    assert len(found) == launched and all(lives(*f) for f in found)
    p.send_signal(signal.SIGKILL)
    p.wait()
    expect_gone(found)


@pytest.mark.parametrize("words", [[], ["pause"]], ids=["running", "paused"])
def test_sandbox_ends_with_a_caller_that_is_killed(caller, words):
    """It was started by a thread that is gone: that alone ends nothing."""
    p = caller(*words)
    assert p.stdout.readline() == "on\n"
    if "pause" in words:
        p.stdin.write("\n")
        p.stdin.flush()
        assert p.stdout.readline() == "paused\n"
    kill_and_expect_gone(p)


@pytest.mark.parametrize("words", [[], ["pause"]], ids=["running", "paused"])
def test_template_and_clone_end_with_a_caller_that_is_killed(caller, monkeypatch, words):
    monkeypatch.setenv("SANDBOX_BACKEND", "process")
    p = caller("template", *words)
    assert p.stdout.readline() == "on\n"
    if words:
        p.stdin.write("\n")
        p.stdin.flush()
        assert p.stdout.readline() == "paused\n"
    kill_and_expect_gone(p, 2)


@pytest.mark.parametrize("words", [[], ["template"]], ids=["sandbox", "clone"])
def test_forked_child_of_a_caller_that_is_killed_does_not_hold_the_sandbox(caller, monkeypatch, words):
    if words:
        monkeypatch.setenv("SANDBOX_BACKEND", "process")
    p = caller("fork", *words)
    lines = {p.stdout.readline(), p.stdout.readline()} - {"on\n"}
    child = int(lines.pop())
    began = stat(child)[19]
    try:
        kill_and_expect_gone(p, 1 + len(words))
        assert lives(child, began), "the child has ended, so this shows nothing"
    finally:
        if lives(child, began):
            os.kill(child, signal.SIGKILL)


def test_sandbox_outlives_the_thread_that_started_it(caller):
    p = caller()
    assert p.stdout.readline() == "on\n"
    found = launchers(p.pid)
    assert len(found) == 1, found
    time.sleep(0.3)
    assert all(lives(*f) for f in found)


def interrupt_after(seconds):
    return subprocess.Popen(["/bin/sh", "-c", f"sleep {seconds}; kill -INT {os.getpid()}"])


def test_wait_is_interrupted_by_ctrl_c():
    with Sandbox("/bin/sleep", "60") as s:
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            killer = interrupt_after(0.3)
            s.wait()
        assert time.monotonic() - began < 50
        killer.wait()
        s.kill()
        assert s.wait().end == End.KILLED


@pytest.mark.parametrize("timeout", [0, -1, -0.0001, float("nan")])
def test_timeout_of_nothing_does_not_wait(timeout):
    with Sandbox("/bin/sleep", "60") as s:
        with pytest.raises(TimeoutError):
            s.wait(timeout)
        s.kill()
        assert s.wait(1e12).end == End.KILLED
        assert s.wait(timeout).end == End.KILLED
