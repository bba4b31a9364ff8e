#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the hostile programs in the real sandbox. Whatever they do, the launcher ends as it should: with
the program's status and nothing left behind. FUZZ_SECONDS: how long each fuzzer runs; FUZZ_SEED."""

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BUILD = Path(os.environ.get("B", "build")).resolve()
GUEST = BUILD / "tests" / "security" / "guest"
LAUNCHERS = [BUILD / "sandbox", BUILD / "asan" / "sandbox"]
SECONDS = int(os.environ.get("FUZZ_SECONDS", "5"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
PR_SET_CHILD_SUBREAPER = 36
SANITIZER = (b"AddressSanitizer", b"runtime error")
# The sandbox failed, a sanitizer found something, the launcher used a forbidden call, aborted.
NEVER = (125, 99, -31, -6)


def left_behind():
    """Children that the launcher should have ended come to us: we are their subreaper."""
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.02)
        except ChildProcessError:
            return False
    return True


def run(launcher, options, program, limit):
    command = [str(launcher), "run", "--timeout", f"{limit}s", *options, *map(str, program)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, start_new_session=True) as p:
        try:
            out, err = p.communicate(timeout=limit + 30)
        except subprocess.TimeoutExpired:
            p.kill()
            return "it hangs", b"", b""
        status = p.returncode
    if status in NEVER or status < 0 or any(s in err for s in SANITIZER):
        return f"the launcher failed: status {status}", out, err
    if left_behind():
        return "a process is left behind", out, err
    return status, out, err


class Results:
    passed = 0
    failed = 0

    def say(self, name, problem, out=b"", err=b""):
        if problem is None:
            self.passed += 1
            print(f"ok   {name}: {out.decode(errors='replace').strip()}", flush=True)
            return
        self.failed += 1
        print(f"FAIL {name}: {problem}\n{(out + err).decode(errors='replace')}", flush=True)


def problem_of(status, wanted=0):
    if isinstance(status, str):
        return status
    return None if wanted is None or status == wanted else f"status {status}, not {wanted}"


def hostile(results, launcher, folder):
    victim = folder / "victim"
    victim.write_text("victim\n")
    modes = subprocess.run([GUEST / "hostile", "--list"], check=True, capture_output=True, text=True)
    for line in modes.stdout.splitlines():
        mode, *shared = line.split()
        # what is done to all processes of the sandbox ends the first one, too
        status, out, err = run(launcher, ["--backend=process", "--ro", folder],
                               [GUEST / "hostile", mode, victim], 30)
        problem = problem_of(status, None if shared else 0)
        if victim.read_text() != "victim\n":
            problem = "a read-only file was changed"
        results.say(f"{launcher.parent.name}: {mode}", problem, out, err)


def fuzz(results, launcher, backend):
    status, out, err = run(launcher, [f"--backend={backend}", "--pids", "200"],
                           [GUEST / "fuzz", SEED, SECONDS], SECONDS + 60)
    # in trapped processes a child may write to memory that has become its parent's
    died = backend == "process" and isinstance(status, int) and status > 128
    results.say(f"{launcher.parent.name}: fuzz, {backend}", None if died else problem_of(status), out, err)


def main():
    results = Results()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    backends = ["process"] + (["kvm"] if os.access("/dev/kvm", os.R_OK | os.W_OK) else [])
    with tempfile.TemporaryDirectory() as name:
        for launcher in LAUNCHERS:
            hostile(results, launcher, Path(name))
            for backend in backends:
                fuzz(results, launcher, backend)
    print(f"security-guest: {results.passed} passed, {results.failed} failed")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
