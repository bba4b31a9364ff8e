# SPDX-License-Identifier: Apache-2.0
"""What a launcher asks of the host's kernel, seen by that kernel, against docs/host-calls.md: each call is there for the thread that
makes it, each thread makes what it has, and a launch with read-only grants has at most 40. `make host-calls` runs the whole conformance
suite for it."""

import contextlib
import functools
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import threading

import pytest

import harness
import launcher

BUILT = harness.BUILD / "tests" / "conformance" / "dynamic"
# Enough to provoke each row: operations on files and names of the host, streams, mappings; then what makes CPUs wait for each other.
PROGRAMS = ["fs_open", "fs_path", "fs_dir", "fs_stat", "fs_rename_unlink", "fs_rw", "fs_lock", "mm_mmap", "pipe", "poll_select", "sock_file",
            "proc_fork_wait", "proc_exec", "thread_pthread", "sig_basic", "time_sleep", "pty"]
NAME = f"host-calls-{os.getpid()}"  # others may run this at the same time
PATIENCE = 3600 if os.environ.get("HOST_CALLS") == "all" else 300
# Not this page's matter: it wants more memory than there may be.
NEVER = {"fork_large", "hello"}
ROLES = {"cpu": "core", "limiter": "watcher", "trapped": "zygote"}
HOMES = {"guest": {"service", "vcpu", "watcher"}, "host": {"core", "watcher"}}
# When a thread of libc's own makes one of them is libc's matter: of these each is used by one of the threads that have it.
LIBC = "Libc's own"
# What no test can provoke on every machine, and why.
RARE = {
    ("watcher", "write"): "said when the shim does not end in two seconds after the time limit",
    ("watcher", "ioctl"): "after SIGCONT it or the service puts the terminal's mode back, whichever comes first",
    ("core", "clock_gettime"): "only where the host's vDSO cannot tell the time",
}


class Page:
    """docs/host-calls.md: for each row its threads, what a launch must have for it, and the call."""

    def __init__(self):
        self.rows, self.kinds, self.libc, threads, needs, title = [], {}, set(), [], set(), ""
        for line in (harness.ROOT / "docs" / "host-calls.md").read_text().splitlines():
            if line.startswith("## "):
                needs, title = set(), line.removeprefix("## ")
            elif line.startswith("Threads: ") and "`" not in line:
                threads = line.removeprefix("Threads: ").rstrip(".").split()
            elif line.startswith("In a launch with: "):
                needs = set(line.removeprefix("In a launch with: ").rstrip(".").split())
            elif found := re.fullmatch(r"\| (.+) \| (\d+) \| (\d+) \| (\d+) \|", line):
                self.kinds[found[1]] = dict(zip(("process", "host", "guest"), map(int, found.groups()[1:])))
            elif found := re.fullmatch(r"\| `(\w+)` \| (.+) \|", line):
                self.rows.append((frozenset(threads), frozenset(needs), found[1], found[2]))
                if title.startswith(LIBC):
                    self.libc.add(found[1])

    def allows(self, role, call, needs):
        return any(role in threads and name == call and (not wants or wants & needs) for threads, wants, name, _ in self.rows)

    def idle(self, roles, used, needs):
        """What these roles have for such launches and did not use, as (role, call) each; of libc's own calls those that none used."""
        idle = set()
        for threads, wants, call, _ in self.rows:
            pairs = {(role, call) for role in threads & roles if not wants or wants & needs}
            if call not in self.libc or not pairs & used:
                idle |= pairs - used
        return sorted(idle)


@pytest.fixture(scope="module")
def page():
    return Page()


def launch_kind(backend):
    return "process" if backend == "process" else os.environ.get("SANDBOX_HOME_KIND", "host")


def needs_of(backend, *more):
    return {"jail_processes" if backend == "process" else "jail_vm", *more}


# --- the page


def test_the_page_gives_a_reason_for_each_call(page):
    assert set().union(*(threads for threads, _, _, _ in page.rows)) == {"core", "service", "vcpu", "watcher", "zygote"}
    assert all(why.strip() for _, _, _, why in page.rows)


def test_a_launch_with_read_only_grants_may_make_at_most_40_calls(page):
    plain = {kind: counts for kind, counts in page.kinds.items() if kind.startswith("read-only grants") and "template" not in kind}
    assert len(plain) == 4
    assert {kind: counts for kind, counts in plain.items() if max(counts.values()) > 40} == {}


def test_the_page_counts_what_it_lists(page):
    wants = {"read-only grants": set(), "read-only grants, a terminal": {"jail_terminal"},
             "`--rw DIRECTORY`": {"jail_changes", "jail_names"}}
    for kind, more in wants.items():
        for column, backend, roles in (("process", "process", HOMES["host"]), ("host", "kvm", HOMES["host"]), ("guest", "kvm", HOMES["guest"])):
            calls = {call for threads, needs, call, _ in page.rows
                     if threads & roles and (not needs or needs & needs_of(backend, *more))}
            assert len(calls) == page.kinds[kind][column], (kind, column)


def test_the_zygote_makes_the_calls_of_its_rows_and_no_others(page):
    """It has no libc: what it and its children call is in their sources by number."""
    listed = {call for threads, _, call, _ in page.rows if "zygote" in threads}
    sources = [harness.ROOT / "vmm" / "process" / name for name in ("stub_zygote.c", "stub.c", "stub_entry.S")]
    made = set().union(*(re.findall(r"__NR_(\w+)", source.read_text()) for source in sources))
    assert made == listed


@pytest.mark.parametrize("backend", ["kvm", "process"])
def test_a_launch_has_the_calls_of_its_kind(backend, me, page, tmp_path):
    if me.run("--backend", backend, "/bin/true").code == 125:
        pytest.skip(f"backend {backend} cannot be used here")

    def says(*options, **popen):
        report = tmp_path / "report"
        report.touch()
        report.chmod(0o666)
        assert me.run("--backend", backend, "--json", report, *options, "/bin/true", **popen).code == 0
        return json.loads(report.read_text())["jail"]["host_calls"]

    column, (end, other) = launch_kind(backend), socket.socketpair()
    master, slave = pty.openpty()
    with open(tmp_path / "out", "wb") as out:
        assert says() == page.kinds["read-only grants"][column]
        assert says(stdin=slave) == page.kinds["read-only grants, a terminal"][column]
        assert says(stdin=other) == page.kinds["read-only grants, a socket as standard stream"][column]
        assert says(stdout=out) == page.kinds["output to a file, `--upper`, or `--rw FILE`"][column]
        assert says("--rw", ".") == page.kinds["`--rw DIRECTORY`"][column]
    for fd in (master, slave):
        os.close(fd)
    end.close()
    other.close()


# --- what is made


def made(lines):
    """(role, call) of each."""
    found = ((call["role"].split()[0], call["call"]) for call in map(json.loads, lines))
    return {(ROLES.get(role, role), call) for role, call in found}


class Traced:
    """A sandbox whose launcher is looked at from when its program waits for a line until both end."""

    def __init__(self, who, backend, needs, script, *options, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL):
        words = ["--backend", backend, "--name", NAME, "--timeout", str(PATIENCE), "--cpus", "2", "--ro", BUILT, *options]
        self.needs = needs
        self.run = who.start("run", *words, "/bin/sh", "-c", f"echo ready >&2; read go; {script}", stdin=stdin, stdout=stdout)
        self.expect(b"ready")
        self.trace = who.start("trace", "--host", NAME, "--json")
        said = self.trace.stderr.readline().decode()
        if "cannot be seen" in said:
            self.end()
            pytest.skip(said.strip())
        assert f"process {self.run.pid}" in said
        self.lines = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.trace.stdout:
            self.lines.append(line)

    def tell(self, line):
        self.run.stdin.write(line)
        self.run.stdin.flush()

    def expect(self, word):
        """Reads what the program says until there is the word."""
        for line in self.run.stderr:
            if word in line:
                return
        pytest.fail(f"the program did not say {word}; exit {self.run.wait()}")

    def stopped(self):
        assert launcher.until(lambda: launcher.status_of(self.run.pid, "State")[:1] == ["T"])

    def is_resumed_waiting(self, role):
        """Stops it and lets it go on; whether such a thread was found in a wait with an end."""
        self.run.send_signal(signal.SIGSTOP)
        self.stopped()
        self.run.send_signal(signal.SIGCONT)
        return (role, "restart_syscall") in made(line for line in self.lines if b"restart_syscall" in line)

    def calls(self):
        """What was made, all of it; the launch went well."""
        said = self.run.stderr.read()
        assert self.run.wait(launcher.TIMEOUT) == 0, said
        assert self.trace.wait(launcher.TIMEOUT) == 0
        assert self.trace.stderr.read() == b"", "calls were lost: what is missing here says nothing"
        self.reader.join()
        return made(self.lines)

    def end(self):
        for process in (self.trace, self.run):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def suite():
    if os.environ.get("HOST_CALLS") == "all":
        return sorted(path.name for path in BUILT.iterdir() if not path.suffix and os.access(path, os.X_OK) and path.name not in NEVER)
    return PROGRAMS


def of_programs(programs, who, backend):
    """Conformance programs, one behaviour after the other, each in a session and a directory of the host of its own."""
    one = f"mkdir $p.$b && cd $p.$b && setsid -w {BUILT}/$p $b >out 2>&1 </dev/null && echo $p $b >>{who.work}/ran"
    every = f"for p in {' '.join(programs)}; do for b in $({BUILT}/$p --list); do cd {who.work}; {one}; done; done; exit 0"
    sandbox = Traced(who, backend, needs_of(backend, "jail_changes", "jail_names"), every, "--rw", who.work)
    sandbox.run.stdin.write(b"go\n")
    sandbox.run.stdin.close()
    said, code = sandbox.run.stderr.read(), sandbox.run.wait(PATIENCE)
    ran = (who.work / "ran").read_text().splitlines()
    assert (code, sorted(set(programs) - {line.split()[0] for line in ran})) == (0, []), (said, ran[-1])
    return sandbox


def of_stops(who, backend):
    """Read-only grants: a program that stops itself, one that the user stops while it sleeps, one that wants more random bytes than a
    seed gives."""
    script = "kill -STOP $$; sleep 600 & echo asleep >&2; read go; kill $!; head -c 9000000 /dev/urandom >/dev/null; exit 0"
    sandbox = Traced(who, backend, needs_of(backend), script)
    sandbox.tell(b"go\n")
    sandbox.stopped()
    sandbox.run.send_signal(signal.SIGCONT)
    sandbox.expect(b"asleep")
    sleeper = "watcher" if launch_kind(backend) == "guest" else "core"  # in the guest the program's sleep is no call of the host's
    assert launcher.until(lambda: sandbox.is_resumed_waiting(sleeper))
    sandbox.tell(b"go\n")
    sandbox.run.stdin.close()
    return sandbox


def of_attributes(who, backend):
    """Attributes, file systems and rights of files that are only to be read; paths that together are more than the heap begins with."""
    file = who.file("file", "text")
    deep = who.work.joinpath("deep", *["d" * 200] * 14)
    for n in range(200):
        (deep / str(n)).mkdir(parents=True)
    with contextlib.suppress(OSError):
        os.setxattr(file, "user.x", b"y")
    (who.work / "link").symlink_to("file")
    code = ("import fcntl, os; f = open('file'); print(os.listxattr('file'), os.statvfs('file'), os.readlink('link'), os.access('file', os.R_OK));"
            " fcntl.flock(f, fcntl.LOCK_SH); os.lseek(f.fileno(), 0, os.SEEK_HOLE); print(os.getxattr('file', 'user.x') if os.listxattr('file') else '')")
    script = f'cd {who.work} && python3 -c "{code}" && find deep >/dev/null && exec cat'
    sandbox = Traced(who, backend, needs_of(backend), script, "--ro", who.work)
    sandbox.run.stdin.write(b"go\n")
    sandbox.run.stdin.close()
    return sandbox


def of_kicks(who, backend):
    """A program that computes, and gets signals until it has had some."""
    script = "n=0; trap 'n=$((n + 1))' USR1; echo begun >&2; while [ $n -lt 9 ]; do :; done; echo enough >&2; exit 0"
    sandbox = Traced(who, backend, needs_of(backend), script)
    enough = threading.Event()

    def send():
        while not enough.wait(0.01):
            sandbox.run.send_signal(signal.SIGUSR1)

    sandbox.run.stdin.write(b"go\n")
    sandbox.run.stdin.close()
    sandbox.expect(b"begun")
    sender = threading.Thread(target=send)
    sender.start()
    try:
        sandbox.expect(b"enough")
    finally:
        enough.set()
        sender.join()
    return sandbox


def of_a_terminal(who, backend):
    """A program that changes the terminal's mode and stops itself: when it goes on the mode is put back."""
    master, slave = pty.openpty()
    script = f"stty -echo; kill -STOP $$; {BUILT}/tty_ioctl >/dev/null 2>&1; stty echo; exit 0"
    sandbox = Traced(who, backend, needs_of(backend, "jail_terminal"), script, stdin=slave)
    os.close(slave)
    os.write(master, b"go\n")
    sandbox.stopped()
    sandbox.run.send_signal(signal.SIGCONT)
    sandbox.run.wait(launcher.TIMEOUT)
    while select.select([master], [], [], 0)[0]:
        try:
            os.read(master, 4096)
        except OSError:  # the other side is closed
            break
    os.close(master)
    return sandbox


def of_a_socket(who, backend):
    mine, its = socket.socketpair()
    sandbox = Traced(who, backend, needs_of(backend, "jail_socket"), "cat; exit 0", stdin=its, stdout=its)
    its.close()
    mine.sendall(b"go\nthere and back\n")
    mine.shutdown(socket.SHUT_WR)
    assert mine.recv(100) == b"there and back\n"
    mine.close()
    return sandbox


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["kvm", "process"])
def test_every_call_is_listed_and_every_row_is_used(backend, root, page):
    if not all(os.access(BUILT / program, os.X_OK) for program in PROGRAMS):
        pytest.skip("not all conformance programs are built: make conformance-programs")
    if root.run("--backend", backend, "/bin/true").code == 125:
        pytest.skip(f"backend {backend} cannot be used here")
    used, possible, programs = set(), needs_of(backend), suite()
    # some to a launch: each directory that was walked is a descriptor, of which there are 1024 at the worst
    launches = [functools.partial(of_programs, programs[n:n + 8]) for n in range(0, len(programs), 8)]
    for launch in (*launches, of_stops, of_kicks, of_attributes, of_a_terminal, of_a_socket):
        sandbox = launch(root, backend)
        calls = sandbox.calls()
        strange = sorted(f"{role}: {call}" for role, call in calls if not page.allows(role, call, sandbox.needs))
        assert not strange, f"{launch}: host calls that docs/host-calls.md does not list for their thread: {strange}"
        used |= calls
        possible |= sandbox.needs
    assert ("zygote" in {role for role, _ in used}) == (backend == "process")
    roles = {role for role, _ in used} - {"zygote"}  # of its own rows most are made before it is looked at
    assert roles in HOMES.values()
    idle = [f"{role}: {call}" for role, call in page.idle(roles, used | set(RARE), possible)]
    assert not idle, f"host calls of docs/host-calls.md that a thread has and never made: {idle}"


def test_what_is_not_provoked_is_little(page):
    assert len(RARE) <= 3
    assert all(any(role in threads and name == call for threads, _, name, _ in page.rows) for role, call in RARE)
