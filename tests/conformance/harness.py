# SPDX-License-Identifier: Apache-2.0
"""Runs one command natively and in the sandbox, and describes how the two differ."""

import difflib
import functools
import os
import resource
import shlex
import shutil
import signal
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("B", ROOT / "build")).resolve()
PROGRAMS = BUILD / "tests" / "conformance"
SANDBOX = os.environ.get("SANDBOX_BIN", str(BUILD / "sandbox"))
OPTIONS = shlex.split(os.environ.get("SANDBOX_OPTS", ""))
TIMEOUT = float(os.environ.get("CONFORMANCE_TIMEOUT", "120"))
# To look for races (`make races`): how often the sandbox has to do what the native run did.
ROUNDS = int(os.environ.get("CONFORMANCE_ROUNDS", "1"))
# The same in both worlds, so that a difference is never the environment's.
ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",
    "TMPDIR": "/tmp",
    "LANG": "C.UTF-8",
}
NO_END = "no end within"
# What the sandbox program itself may read from ours.
PASSED = ("PATH", "HOME", "SANDBOX_BACKEND", "SANDBOX_OPTS", "XDG_RUNTIME_DIR")

# A script's shell starts what it puts in the background with these ignored, nohup the last of them, and programs would
# inherit that.
for number, action in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, action)


@dataclass
class Outcome:
    stdout: str
    stderr: str
    status: str
    tree: list = field(default_factory=list)

    def lines(self):
        def section(title, text):
            return [f"--- {title}"] + text.splitlines()

        return (
            [f"status: {self.status}"]
            + section("stdout", self.stdout)
            + section("stderr", self.stderr)
            + ["--- directory afterwards"]
            + self.tree
        )


def describe_tree(top):
    """Names, types, modes, contents and link targets, not times and inode numbers."""
    lines = []
    for folder, folders, files in os.walk(os.fsencode(top)):
        folders.sort()
        for name in sorted(folders + files):
            path = os.path.join(folder, name)
            info = os.lstat(path)
            shown = repr(os.path.relpath(path, os.fsencode(top)))[2:-1]
            line = f"{stat.filemode(info.st_mode)} {shown}"
            if stat.S_ISLNK(info.st_mode):
                line += f" -> {os.readlink(path)!r}"
            elif stat.S_ISREG(info.st_mode):
                line += f" {info.st_size} bytes{_contents(path, info.st_size)}"
            lines.append(line)
    return sorted(lines)


def _contents(path, size):
    if size > 64 << 20:
        return ""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except PermissionError:
        return " (unreadable)"
    if len(data) <= 200:
        return f" {data!r}"
    import hashlib

    return " sha256 " + hashlib.sha256(data).hexdigest()


# Inherited by both worlds: no core files in the compared directory, and the same descriptor limit everywhere.
# Set here and not between fork and exec, because then Python could not vfork.
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 4096))


def _run(command, cwd, env, stdin, replace, timeout):
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        restore_signals=True,
    )
    try:
        out, err = process.communicate(stdin, timeout=timeout)
        code = process.returncode
        status = f"exit {128 - code if code < 0 else code}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        try:
            out, err = process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            out, err = b"", b""
        status = f"{NO_END} {timeout:.0f} s"

    def text(data):
        data = data.decode("utf-8", "backslashreplace")
        for old, new in replace:
            data = data.replace(old, new)
        return data

    return Outcome(text(out), text(err), status)


def run_native(command, directory, env=None, stdin=None, timeout=TIMEOUT):
    replace = [(str(directory), "DIRECTORY")]
    outcome = _run(command, directory, ENVIRONMENT | (env or {}), stdin, replace, timeout)
    outcome.tree = describe_tree(directory)
    return outcome


def sandbox_command(command, directory, env=None, readonly=(), options=()):
    words = [SANDBOX, "run", *OPTIONS, *options, "--env-clear", "--rw", str(directory), "--cwd", str(directory)]
    for path in readonly:
        words += ["--ro", str(path)]
    for name, value in (ENVIRONMENT | (env or {})).items():
        words += ["--env", f"{name}={value}"]
    return words + [*command]


def run_sandbox(
    command, directory, env=None, stdin=None, readonly=(), timeout=TIMEOUT, options=()
):
    own = {name: os.environ[name] for name in PASSED if name in os.environ}
    words = sandbox_command(command, directory, env, readonly, options)
    replace = [(str(directory), "DIRECTORY")]
    outcome = _run(words, directory, own, stdin, replace, timeout)
    outcome.tree = describe_tree(directory)
    return outcome


def available_memory():
    """Bytes that programs could have on this machine."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    values = dict(line.split(":") for line in lines)
    return int(values["MemAvailable"].split()[0]) * 1024


@functools.cache
def own_mounts():
    """The words before a command that give it mounts of its own; None if there is no right to them."""
    words = ["unshare", "--mount", "--propagation", "private"]
    done = subprocess.run([*words, "/bin/true"], capture_output=True, timeout=TIMEOUT)
    return None if done.returncode else words


def difference(native, sandbox):
    """None, or a unified diff with what was expected."""
    if native == sandbox:
        return None
    lines = difflib.unified_diff(
        native.lines(),
        sandbox.lines(),
        "native (expected)",
        "sandbox (got)",
        n=4,
        lineterm="",
    )
    return "\n".join(lines)


def succeeds(outcome):
    """A check for `same`: the native run is the model, so it has to be a good one."""
    import pytest

    if outcome.status != "exit 0" or not outcome.stdout:
        pytest.fail("the native run is no model:\n" + "\n".join(outcome.lines()), pytrace=False)


def fresh_directory(base, name):
    path = Path(base) / name
    path.mkdir()
    path.chmod(0o755)
    return path


def remove_tree(path):
    """Behaviours may leave directories without permission bits."""
    for folder, folders, _ in os.walk(path):
        for name in folders:
            full = os.path.join(folder, name)
            if not os.path.islink(full):
                os.chmod(full, 0o700)
    shutil.rmtree(path, ignore_errors=True)


def same(
    command,
    base,
    env=None,
    stdin=None,
    setup=None,
    readonly=(),
    check=None,
    timeout=TIMEOUT,
    options=(),
    change=None,
    prefix=(),
):
    """Runs command (natively after `prefix`) in both worlds in fresh directories; fails the test when they differ,
    by more than what `change` takes out of their output."""
    import pytest

    def run(world):
        # The same path each time, for programs that write their directory's name somewhere.
        directory = fresh_directory(base, "work")
        if setup:
            setup(directory)
        if world == "native":
            outcome = run_native([*prefix, *command], directory, env, stdin, timeout)
        else:
            outcome = run_sandbox(command, directory, env, stdin, readonly, timeout, options)
        remove_tree(directory)
        return outcome

    def changed(outcome):
        if change:
            outcome.stdout, outcome.stderr = change(outcome.stdout), change(outcome.stderr)
        return outcome

    def native():
        outcome = run("native")
        if outcome.status.startswith(NO_END):  # a server that now and then hangs natively is no model, and none of ours
            outcome = run("native")
        if check:
            check(outcome)
        return changed(outcome)

    natives = [native()]
    for number in range(ROUNDS):
        sandbox = changed(run("sandbox"))
        # What is a race natively as well is none of ours.
        while ROUNDS > 1 and sandbox not in natives and len(natives) < 2 * ROUNDS:
            natives.append(native())
        if sandbox not in natives:
            title = shlex.join(map(str, command)) + (f", round {number + 1}" if ROUNDS > 1 else "")
            pytest.fail(f"{title}\n{difference(natives[0], sandbox)}", pytrace=False)
