# SPDX-License-Identifier: Apache-2.0
"""The launcher while its program runs, seen from the host's /proc: what it could still do if it were taken over."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

import launcher

LAYERS = ["user_ns", "mount_ns", "net_ns", "ipc_ns", "uts_ns", "empty_root", "capabilities", "no_new_privs", "landlock", "seccomp"]
SPACES = ["user", "mnt", "net", "ipc", "uts"]
# What the launcher may hold besides files of the grants and its standard streams.
OWN_FILES = re.compile(r"anon_inode:.*|pipe:.*|socket:.*|/memfd:.*|/proc|(/proc)?/\d+/fd|/dev/pts/\d+|/dev/null"
                       r"|(/run(/user/\d+)?|/tmp)/sandbox(-\d+)?/\w+")  # the last: what `sandbox ps` reads


def backends(who):
    """All that work here, not only the one that `auto` picks."""
    found = [b for b in ("kvm", "process") if who.run("--backend", b, "/bin/true").code == 0]
    assert found
    return found


@pytest.fixture(params=["kvm", "process"])
def running(request, who):
    """A launcher whose program runs and waits for the end of its input."""
    process = who.start("run", "--backend", request.param, "--rw", ".", "/bin/sh", "-c", "echo ready; cat", stdin=subprocess.PIPE)
    if process.stdout.readline() != b"ready\n":
        said = process.stderr.read().decode()
        if "cannot be used here" in said:
            pytest.skip(said)
        pytest.fail(said)
    process.who = who
    yield process
    process.stdin.close()
    assert process.wait(launcher.TIMEOUT) == 0


def tasks(pid):
    """Status of each thread, as {name: value}."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        yield dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def descendants(pid):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == pid:
                found += [int(stat.parent.name), *descendants(int(stat.parent.name))]
        except OSError:
            pass  # it has ended
    return found


def ours(status):
    """Not a thread that KVM made in the kernel's name."""
    return not status["Name"].startswith("kvm-")


def test_every_thread_is_without_rights(running):
    seen = 0
    for pid in [running.pid, *descendants(running.pid)]:
        for status in filter(ours, tasks(pid)):
            for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                assert int(status[name], 16) == 0, (status["Name"], name)
            assert status["NoNewPrivs"] == "1"
            assert status["Seccomp"] == "2"
            seen += 1
    assert seen >= 2  # the shim's and the watcher's


def test_cannot_gain_rights_by_a_program(running):
    """The bounding set is empty too."""
    for status in filter(ours, tasks(running.pid)):
        assert int(status["CapBnd"], 16) == 0


def test_own_namespaces(running):
    for space in SPACES:
        assert os.readlink(f"/proc/{running.pid}/ns/{space}") != os.readlink(f"/proc/self/ns/{space}")


def test_empty_root(running):
    root = Path(f"/proc/{running.pid}/root")
    assert list(root.iterdir()) == []
    assert os.readlink(f"/proc/{running.pid}/cwd") == "/"
    mounts = Path(f"/proc/{running.pid}/mountinfo").read_text().splitlines()
    assert len(mounts) == 1 and " / / ro," in mounts[0] and " tmpfs " in mounts[0]


def test_network_has_nothing(running):
    lines = Path(f"/proc/{running.pid}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in lines] == ["lo"]
    assert Path(f"/proc/{running.pid}/net/route").read_text().count("\n") <= 1


def test_environment_is_not_the_programs(who):
    """Variables of the caller that are not in the policy do not come in."""
    got = who.run("/usr/bin/env", env={"SECRET": "s3cret"})
    assert got.code == 0 and "s3cret" not in got.out


def test_open_files(running):
    """No door to new virtual machines, nothing of the caller's but the standard streams, nothing but the grants."""
    grants = ("/usr", "/bin", "/sbin", "/lib", "/etc/", "/opt/", str(running.who.work))
    for entry in Path(f"/proc/{running.pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
        except FileNotFoundError:
            continue  # closed meanwhile
        assert target != "/dev/kvm"
        assert OWN_FILES.fullmatch(target.removesuffix(" (deleted)")) or target.startswith(grants), target


def test_descriptors_of_the_caller_stay_outside(who):
    secret = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(secret, True)
    got = who.run("/bin/ls", "/proc/self/fd", pass_fds=[secret])
    os.close(secret)
    assert got.out.split() == ["0", "1", "2", "3"], got  # 3 is ls's own


def test_processes_of_the_process_backend(who):
    """They die with the launcher, and share a PID namespace that is not the host's."""
    process = who.start("run", "--backend", "process", "/bin/sh", "-c", "echo ready; cat", stdin=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    children = descendants(process.pid)
    assert children
    for pid in children:
        assert len(launcher.status_of(pid, "NSpid")) > len(launcher.status_of("self", "NSpid"))
    process.kill()
    process.wait()
    assert launcher.until(lambda: all(map(launcher.ended, children)), 10)


# --- which layers there are, and who says so


def jail(who, *options, **popen):
    got = who.run(*options, "--json", "-", "/bin/true", **popen)
    assert got.code == 0, got
    return got, json.loads(got.out)["jail"]


def test_all_layers_here(who):
    """As root and as an ordinary user; a machine that lacks one says so in doctor."""
    doctor = json.loads(who.call("doctor", "--json").out)["jail"]
    _, layers = jail(who)
    for name in LAYERS:
        assert layers[name] == doctor[name], name
        assert doctor[name] or doctor["missing"]


def test_strict(who):
    complete = all(json.loads(who.call("doctor", "--json").out)["jail"][name] for name in LAYERS)
    for backend in backends(who):
        got = who.run("--backend", backend, "--strict", "/bin/echo", "in")
        assert (got.code, got.out) == ((0, "in\n") if complete else (125, ""))


@pytest.fixture
def lacking(root):
    """A machine that lets nobody make a user namespace: nested in one whose limit is 0."""

    class Lacking:
        words = ["unshare", "--user", "--map-root-user", "sh", "-c",
                 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"', "sh"]

        def run(self, verb, *arguments):
            done = subprocess.run([*self.words, *root.words(verb, *arguments)], cwd=root.work, env=root.environment(),
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=launcher.TIMEOUT, check=False)
            return launcher.Result(done.returncode, done.stdout, done.stderr)

    if subprocess.run([*Lacking.words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces on this machine")
    return Lacking()


def test_missing_layer_is_named_by_doctor(lacking):
    got = lacking.run("doctor")
    assert "-- " in got.out and "-> user namespace: " in got.out
    assert json.loads(lacking.run("doctor", "--json").out)["jail"]["user_ns"] is False


def test_missing_layer_is_named_under_verbose(lacking):
    got = lacking.run("run", "-v", "/bin/echo", "in")
    assert (got.code, got.out) == (0, "in\n")
    assert "sandbox: jail: user namespace: " in got.err
    assert lacking.run("run", "/bin/echo", "in") == launcher.Result(0, "in\n", "")


def test_missing_layer_and_strict(lacking):
    got = lacking.run("run", "--strict", "/bin/echo", "in")
    assert (got.code, got.out) == (125, "")
    assert got.line().startswith("sandbox: the jail is not complete and --strict was given: user namespace: ")


def test_in_a_chroot(root):
    """Where there is no user namespace to be had, and "/" is no mount that could be put away: root still empties it."""
    inner = 'mount --rbind / /mnt && exec chroot /mnt "$@"'
    words = ["unshare", "--mount", "sh", "-c", inner, "sh", *root.words("run", "--json", "-", "/bin/true")]
    done = subprocess.run(words, env=root.environment(), capture_output=True, text=True, timeout=launcher.TIMEOUT, check=False)
    layers = json.loads(done.stdout)["jail"]
    assert done.returncode == 0 and layers["empty_root"] and not layers["user_ns"]
