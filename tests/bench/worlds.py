# SPDX-License-Identifier: Apache-2.0
"""Where a program can be run: natively, in the sandbox, in the peers that are installed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("B", ROOT / "build")).resolve()
BENCH = BUILD / "bench"
MICRO = BENCH / "micro"
HELLO = BENCH / "hello"
SCRATCH = BENCH / "scratch"
SANDBOX = os.environ.get("SANDBOX_BIN", str(BUILD / "sandbox"))
HELLO_SAYS = "hello, world\n"
# (backend, home), in the order of the table.
HOMES = (("kvm", "host"), ("kvm", "guest"))


class World:
    """A way to run a command. `words` puts what is needed before it; SCRATCH is writable in all of them."""

    def __init__(self, name, tool=None):
        self.name = name
        self.tool = tool

    def words(self, command):
        return command

    def run(self, command, timeout=20, **options):
        return subprocess.run(
            self.words(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=SCRATCH,
            **options,
        )

    def problem(self):
        """None, or in a few words why nothing can be measured here."""
        if self.tool and not shutil.which(self.tool):
            return f"no {self.tool}" if "/" in self.tool else "not installed"
        try:
            done = self.run([str(HELLO)], timeout=30)
        except subprocess.TimeoutExpired:
            return "hello does not end"
        except OSError as error:
            return str(error.strerror)
        if done.returncode == 0 and done.stdout == HELLO_SAYS:
            return None
        said = done.stderr.strip().splitlines()
        return said[-1] if said else f"hello: exit code {done.returncode}"


class Sandbox(World):
    def __init__(self, backend, home):
        super().__init__(f"{backend}/{home}", SANDBOX)
        self.backend, self.home = backend, home
        self.options = ["--backend", backend, "--home", home]

    def words(self, command, *more):
        grants = ["--ro", str(BENCH), "--rw", str(SCRATCH)]
        return [SANDBOX, "run", "-q", *self.options, *grants, *more, *command]

    def report(self, command, timeout=10):
        """The object that `sandbox run --json` writes. OSError when there is none."""
        path = BENCH / "report.json"
        path.unlink(missing_ok=True)
        done = subprocess.run(
            self.words(command, "--json", str(path)),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=SCRATCH,
        )
        if done.returncode != 0:
            raise OSError(f"exit code {done.returncode}: {done.stderr.strip()}")
        return json.loads(path.read_text())


class Bubblewrap(World):
    def __init__(self):
        super().__init__("bwrap", "bwrap")

    def words(self, command):
        binds = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
        binds += ["--ro-bind", str(BENCH), str(BENCH), "--bind", str(SCRATCH), str(SCRATCH)]
        return ["bwrap", *binds, "--unshare-all", "--chdir", str(SCRATCH), *command]


class Crun(World):
    """A bundle with the host's root, read-only, and the few namespaces and mounts that it takes."""

    def __init__(self):
        super().__init__("crun", "crun")
        self.bundle = BENCH / "crun"

    def words(self, command):
        bind = ["bind", "rbind"]
        config = {
            "ociVersion": "1.0.0",
            "process": {
                "terminal": False,
                "user": {"uid": 0, "gid": 0},
                "args": command,
                "env": ["PATH=/usr/bin:/bin"],
                "cwd": str(SCRATCH),
            },
            "root": {"path": "/", "readonly": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
                {"destination": str(SCRATCH), "source": str(SCRATCH), "options": bind},
            ],
            "linux": {
                "namespaces": [
                    {"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")
                ]
            },
        }
        self.bundle.mkdir(exist_ok=True)
        (self.bundle / "config.json").write_text(json.dumps(config))
        name = f"bench-{os.getpid()}"
        return ["crun", "--cgroup-manager=disabled", "run", "-b", str(self.bundle), name]


class Runsc(World):
    def __init__(self):
        super().__init__("runsc", "runsc")

    def words(self, command):
        options = ["--rootless", "--network=none", "--platform=ptrace", "--ignore-cgroups"]
        return ["runsc", *options, "do", "--cwd", str(SCRATCH), *command]


def sandboxes():
    return [Sandbox(backend, home) for backend, home in HOMES]


def everywhere():
    return [World("native"), *sandboxes(), Bubblewrap(), Crun(), Runsc()]
