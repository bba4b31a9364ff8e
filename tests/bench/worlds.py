# SPDX-License-Identifier: Apache-2.0
"""Where a program can be run: natively, in the sandbox, in the peers that are installed."""

import ctypes
import json
import os
import shutil
import subprocess
from pathlib import Path

import bundle

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("B", ROOT / "build")).resolve()
BENCH = BUILD / "bench"
MICRO = BENCH / "micro"
SCALE = BENCH / "scale"
HELLO = BENCH / "hello"
STEPS = BENCH / "steps"
SCRATCH = BENCH / "scratch"
SANDBOX = os.environ.get("SANDBOX_BIN", str(BUILD / "sandbox"))
HELLO_SAYS = "hello, world\n"
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x00020000, 16384, 1 << 18
# (backend, home), in the order of the table.
HOMES = (("kvm", "host"), ("kvm", "guest"), ("process", "host"))


class World:
    """A way to run a command. `words` puts what is needed before it; SCRATCH is writable in all of them."""

    left_out = ()  # rows that would not measure what they say

    def __init__(self, name, tool=None):
        self.name = name
        self.tool = tool

    def words(self, command):
        return command

    def with_cpus(self, count):
        """Programs see to it themselves, as SCALE does."""
        return self

    def run(self, command, timeout=90, **options):
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

    def with_cpus(self, count):
        """The same with that many processors."""
        other = Sandbox(self.backend, self.home)
        other.options = [*self.options, "--cpus", str(count)]
        return other

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
    """A bundle with the system's directories in an empty root, and the namespaces that a container has."""

    def __init__(self):
        super().__init__("crun", "crun")
        self.bundle = BENCH / "crun"
        self.started = 0

    @staticmethod
    def mounts():
        yield {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}
        # The scratch directory lies in the other, and must be mounted after it.
        for path in ("/usr", "/etc", str(BENCH)):
            yield {"destination": path, "source": path, "options": ["rbind", "ro"]}
        yield {"destination": str(SCRATCH), "source": str(SCRATCH), "options": ["rbind", "rw"]}

    def make_bundle(self, command):
        root = self.bundle / "rootfs"
        root.mkdir(parents=True, exist_ok=True)
        for name in ("bin", "lib", "lib64"):
            if os.path.islink(f"/{name}") and not (root / name).is_symlink():
                (root / name).symlink_to(f"usr/{name}")
        config = bundle.config(command, cwd=SCRATCH, mounts=self.mounts())
        (self.bundle / "config.json").write_text(json.dumps(config))

    def words(self, command):
        self.make_bundle(command)
        self.started += 1
        name = f"bench-{os.getpid()}-{self.started}"
        return bundle.start(self.bundle, name)


class Runsc(World):
    """Files go to the host, as they do from the sandbox's --rw; `do` by itself keeps them in memory."""

    def __init__(self):
        super().__init__("runsc", "runsc")

    def words(self, command):
        options = ["--rootless", "--network=none", "--platform=ptrace", "--ignore-cgroups"]
        return ["runsc", *options, "do", "--force-overlay=false", "--cwd", str(SCRATCH), *command]


class QemuUser(World):
    """No boundary; it is here because it catches every system call of a program as well."""

    left_out = ("fork-exec",)  # what is executed then runs natively

    def __init__(self):
        super().__init__("qemu-user", "qemu-x86_64")

    def words(self, command):
        return ["qemu-x86_64", *command]


def hide_mixed_cgroups():
    """crun takes either kind of cgroups but not both at once. In a mount namespace of our own we show it one: of
    the other peers and of the sandbox none looks at them."""
    libc = ctypes.CDLL(None, use_errno=True)
    mixed = os.path.isdir("/sys/fs/cgroup/unified") and shutil.which("crun")
    if not mixed or os.getuid() != 0 or libc.unshare(CLONE_NEWNS):
        return
    if libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None) == 0:
        libc.mount(b"none", b"/sys/fs/cgroup", b"cgroup2", 0, None)


def sandboxes():
    return [Sandbox(backend, home) for backend, home in HOMES]


def everywhere():
    return [World("native"), *sandboxes(), Bubblewrap(), Crun(), Runsc(), QemuUser()]
