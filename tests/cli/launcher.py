# SPDX-License-Identifier: Apache-2.0
"""Runs `sandbox` as strangers do: from a shell's point of view, as root and as an ordinary user."""

import contextlib
import copy
import functools
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import harness

ELSEWHERE = Path(__file__).with_name("elsewhere.py")
TIMEOUT = harness.TIMEOUT
# Nobody's: without a line in /etc/passwd, as in many containers.
ORDINARY = 4711


@dataclass
class Result:
    code: int
    out: str
    err: str

    def line(self):
        """The one line that was said."""
        assert self.err.endswith("\n") and self.err.count("\n") == 1, f"want one line: {self.err!r}"
        return self.err[:-1]


@functools.cache
def preferred(sandbox, *wrapper):
    """The backend to ask for. Where `auto` goes without a virtual machine it says so each time, in every test's stderr."""
    words = [*wrapper, sandbox, "run", "--backend", "auto", "/bin/true"]
    said = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT).stderr
    return "process" if "no virtual machine here" in said else None


class Who:
    """Somebody who calls `sandbox`: from `work`, a directory of one's own that is not the home."""

    def __init__(self, name, sandbox, uid, place):
        self.name, self.sandbox, self.uid, self.options, self.started = name, sandbox, uid, [], []
        self.home, self.work = place / "home", place / "work"
        for directory in (place, self.home, self.work):
            directory.mkdir(mode=0o755)
            os.chown(directory, uid, uid)
        if uid != os.getuid():
            self.options = ["--kvm", "666", "--uid", str(uid)]
        self.backend = os.environ.get("SANDBOX_BACKEND") or preferred(sandbox, *self.wrapper)

    def elsewhere(self, *options):
        """The same caller on another machine, see elsewhere.py."""
        other = copy.copy(self)
        other.options = [*self.options, *options]
        return other

    @property
    def wrapper(self):
        return [sys.executable, str(ELSEWHERE), *self.options] if self.options else []

    def file(self, name, data, mode=0o755):
        """A file of one's own in `work`."""
        path = self.work / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        os.chown(path, self.uid, self.uid)
        path.chmod(mode)
        return path

    def environment(self, **more):
        own = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(self.home), "LANG": "C.UTF-8"}
        if self.backend:
            own["SANDBOX_BACKEND"] = self.backend
        if "SANDBOX_HOME_KIND" in os.environ:
            own["SANDBOX_HOME_KIND"] = os.environ["SANDBOX_HOME_KIND"]
        return own | more

    def words(self, verb, *arguments):
        options = harness.OPTIONS if verb == "run" else []
        return [str(w) for w in (*self.wrapper, self.sandbox, verb, *options, *arguments)]

    def start(self, verb, *arguments, env=(), **popen):
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        popen.setdefault("cwd", self.work)
        process = subprocess.Popen(
            self.words(verb, *arguments), env=self.environment(**dict(env)), start_new_session=True, **popen
        )
        self.started.append(process)
        return process

    def end(self):
        """What a failed test left running."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def call(self, verb, *arguments, input=None, timeout=TIMEOUT, **popen):
        if input is not None:
            popen["stdin"] = subprocess.PIPE
        process = self.start(verb, *arguments, **popen)
        try:
            out, err = process.communicate(input, timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        return result(process, out, err)

    def run(self, *arguments, **options):
        return self.call("run", *arguments, **options)

    def refused(self, code, *arguments, **options):
        """A run that fails with one line, which is returned, and changes nothing."""
        before = self.belongings()
        got = self.run(*arguments, **options)
        assert got.code == code, got
        assert self.belongings() == before
        return got.line()

    def belongings(self):
        return harness.describe_tree(self.home), harness.describe_tree(self.work)


@contextlib.contextmanager
def running(who, *arguments, **popen):
    """A sandbox whose program has begun. It is killed with its launcher's last process."""
    process = who.start("run", *arguments, **popen)
    try:
        assert process.stdout.readline() == b"ready\n", process.stderr.read()
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def result(process, out, err):
    def text(data):
        return (data or b"").decode("utf-8", "backslashreplace")

    code = process.returncode
    return Result(128 - code if code < 0 else code, text(out), text(err))


# "root" is missing where the tests themselves run as an ordinary user, who cannot become another.
CALLERS = {"root": 0, "user": ORDINARY} if os.getuid() == 0 else {"user": os.getuid()}


def shared_directory():
    """One that an ordinary user reaches, whatever the umask."""
    path = Path(tempfile.mkdtemp(prefix="sandbox-cli-"))
    path.chmod(0o755)
    return path


def until(condition, patience=TIMEOUT):
    """Waits for it; false when it did not come."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def status_of(pid, name):
    """The words of a line of /proc/PID/status, which everybody may read; none when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return next((line.split()[1:] for line in lines if line.startswith(f"{name}:")), [])


def catches(pid, which):
    """Whether it has a handler for this signal."""
    return any(int(word, 16) >> (which - 1) & 1 for word in status_of(pid, "SigCgt"))


def ended(pid):
    """It may still be there for a parent that does not ask, as process 1 of many containers does not."""
    return status_of(pid, "State")[:1] in ([], ["Z"])
