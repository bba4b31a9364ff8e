# SPDX-License-Identifier: Apache-2.0
"""sandbox snapshot and restore: what goes on is the program, and what cannot is refused with a sentence."""
import json
import os
import re
import signal
import subprocess
import time

import harness
import pytest

PYTHON = "/usr/bin/python3"
BUILT = harness.PROGRAMS
BOX = harness.BUILD / "box.erofs"


@pytest.fixture
def snap(who):
    """Makes one and returns its name; skips where there are none."""
    if "has no snapshots" in who.call("snapshot", "-o", "try.snap", "/bin/cat").err:
        pytest.skip("no backend here has snapshots")

    def make(*words, options=(), name="x.snap"):
        made = who.call("snapshot", "-o", name, *options, "--", *words)
        assert made.code == 0 and made.out == "", (made, words)
        return name

    return make


def shell(script):
    return ["/bin/sh", "-c", script]


def restored(who, name, text="", code=0, options=()):
    got = who.call("restore", *options, name, input=text.encode())
    assert got.code == code, got
    return got.out


def refused(who, name, sentence, text=""):
    got = who.call("restore", name, input=text.encode())
    assert got.code == 125 and got.out == "", got
    assert re.search(sentence, got.line()), got.err


# --- it goes on


def test_goes_on_as_often_as_wanted_and_ends_as_the_program_does(who, snap):
    name = snap(*shell("a=before; echo start >&2; read line; echo $a $line; exit 7"))
    assert restored(who, name, "one\n", code=7) == "before one\n"
    assert restored(who, name, "two\n", code=7) == "before two\n"
    assert oct(os.stat(who.work / name).st_mode & 0o777) == "0o600"


def test_what_it_prints_before_is_passed_on_once(who, snap):
    got = who.call("snapshot", "-o", "p.snap", "--", *shell("echo out; echo err >&2; read a; echo $a"))
    assert (got.code, got.out, got.err) == (0, "out\n", "err\n")
    assert restored(who, "p.snap", "x\n") == "x\n"


def test_children_pipes_and_files_in_memory_go_on(who, snap):
    name = snap(*shell("echo kept >/tmp/f; (while read l; do echo child $l; done) | sed s/child/CHILD/ & read a; cat /tmp/f; echo $a; wait"))
    assert sorted(restored(who, name, "1\n").split("\n")) == ["", "1", "kept"]


def test_sleeps_and_clocks_go_on(who, snap):
    name = snap(*shell("(sleep 1; echo slept) & read a; wait; date +%s"))
    time.sleep(2)
    slept, now = restored(who, name, "\n").split()
    assert slept == "slept" and abs(int(now) - time.time()) < 5


def test_random_numbers_differ(who, snap):
    name = snap(*shell("cat /proc/sys/kernel/random/uuid >/dev/null; read a; cat /proc/sys/kernel/random/uuid"))
    assert restored(who, name, "\n") != restored(who, name, "\n")


def test_python_with_modules_and_threads(who, snap):
    source = ("import json, threading, time, sys, queue, decimal, email.message\nq = queue.Queue()\n"
              "def work():\n    while True:\n        q.put(q.get() * 2) if False else out.append(q.get() * 2)\n        q.task_done()\n"
              "out = []\nt = threading.Thread(target=work, daemon=True)\nt.start()\nq.put(1)\nq.join()\nbefore = time.monotonic()\n"
              "n = json.load(sys.stdin)['n']\nq.put(n)\nq.join()\nprint(out, decimal.Decimal(n) / 4, time.monotonic() >= before)\n")
    name = snap(PYTHON, "-c", source)
    assert restored(who, name, '{"n": 3}') == "[2, 6] 0.75 True\n"
    assert restored(who, name, '{"n": 5}') == "[2, 10] 1.25 True\n"


def test_compressed(who, snap):
    words = shell("a=before; read line; echo $a $line")
    plain, packed = snap(*words), snap(*words, options=("--compress",), name="y.snap")
    assert os.stat(who.work / packed).st_size < os.stat(who.work / plain).st_size / 2
    assert restored(who, packed, "one\n") == restored(who, plain, "one\n") == "before one\n"
    data = bytearray((who.work / packed).read_bytes())
    data[-5000] ^= 1
    who.file("bad.snap", bytes(data), mode=0o600)
    refused(who, "bad.snap", "is damaged: its memory")


def test_report_and_time_limit(who, snap):
    name = snap(*shell("read a; while :; do :; done"))
    got = who.call("restore", "--timeout", "0.5", "--json", "r.json", name, input=b"\n")
    assert got.code == 124 and "killed after 0.5 s" in got.err
    assert json.loads((who.work / "r.json").read_text())["exit"]["kind"] == "timeout"


def test_a_file_that_the_sandbox_made_is_there_again(who, snap):
    # /etc/hosts of an image; the guest has looked at it before, and it is another file of the host after
    script = "ls -i /etc/hosts >/dev/null; wc -l </etc/hosts; read line; cat /etc/hosts"
    made = who.call("snapshot", "-o", "h.snap", "--image", str(BOX), "--", *shell(script))
    assert (made.code, made.out) == (0, "2\n"), made
    for _ in range(2):
        assert restored(who, "h.snap", "\n").startswith("127.0.0.1\tlocalhost\n")


def test_files_given_are_there_again(who, snap):
    (who.work / "d").mkdir()
    os.chown(who.work / "d", who.uid, who.uid)
    who.file("d/in", "data\n")
    name = snap(*shell("cd d; exec 3<in; read a; cat <&3; cat in; echo $a >out"), options=("--rw", "d"))
    assert restored(who, name, "x\n") == "data\ndata\n"
    assert (who.work / "d" / "out").read_text() == "x\n"


# --- it is refused


@pytest.mark.parametrize("damage,sentence", [("head", "is damaged: its head"), ("parts", "is damaged: what is before the memory"),
                                             ("memory", "is damaged: its memory"), ("cut", "is cut off"), ("longer", "is longer"),
                                             ("magic", "is not a snapshot")])
def test_damaged(who, snap, damage, sentence):
    name = snap("/bin/cat")
    data = bytearray((who.work / name).read_bytes())
    at = {"head": 100, "parts": 4100, "memory": len(data) - 5000, "magic": 3}.get(damage)
    if at:
        data[at] ^= 0x10
    data = data[:-1] if damage == "cut" else data + b"x" if damage == "longer" else data
    who.file("bad.snap", bytes(data), mode=0o600)
    refused(who, "bad.snap", sentence)


@pytest.mark.parametrize("text,sentence", [("", "is not a snapshot"), ("x" * 9000, "is not a snapshot")])
def test_foreign(who, text, sentence):
    who.file("foreign", text, mode=0o600)
    refused(who, "foreign", sentence)


def test_absent_a_directory_and_what_others_can_write(who):
    refused(who, "absent", "absent: No such file")
    refused(who, ".", "is not a file")
    who.file("open", "x" * 9000, mode=0o622)
    refused(who, "open", "can be written by others")


def test_of_another_user(root):
    path = root.file("theirs", "x" * 9000, mode=0o644)
    os.chown(path, 4712, 4712)
    refused(root, "theirs", "belongs to another user")


def test_a_file_that_has_changed(who, snap):
    path = who.file("in", "data\n")
    name = snap(*shell("exec 3<in; read a; cat <&3"))
    path.write_text("other data\n")
    refused(who, name, "in was (open|mapped) and has changed", "\n")


def test_a_directory_that_is_another_now(who, snap):
    (who.work / "d").mkdir()
    name = snap("/bin/cat", options=("--ro", "d"))
    os.rename(who.work / "d", who.work / "e")
    (who.work / "d").mkdir()
    refused(who, name, "d was granted, and is not what it was")
    os.rmdir(who.work / "d")
    refused(who, name, "was given .*d, which cannot be opened")


@pytest.mark.parametrize("script,sentence", [("exec 3<>f; rm f; read a", "is open in the program, and was removed"),
                                             ("exec 3<>f; flock 3; read a", "is locked by the program"),
                                             ("exit 0", "the program ended before it asked")])
def test_what_cannot_be_written_down(who, snap, script, sentence):
    (who.work / "d").mkdir()
    os.chown(who.work / "d", who.uid, who.uid)
    got = who.call("snapshot", "-o", "no.snap", "--rw", "d", "--", *shell("cd d; >f; " + script))
    assert got.code == 125 and re.search(sentence, got.line()), got
    assert not (who.work / "no.snap").exists()


def test_backends_without(who):
    got = who.call("snapshot", "-o", "no.snap", "--backend", "process", "--home", "auto", "/bin/cat")
    assert got.code == 125 and "has no snapshots" in got.line() and not (who.work / "no.snap").exists()


def test_where_it_cannot_be_written(who):
    got = who.call("snapshot", "-o", "no/x.snap", "/bin/cat")
    assert got.code == 125 and got.line() == "sandbox: no/x.snap: No such file or directory"


def test_usage(who):
    assert who.call("snapshot", "/bin/cat").line() == "sandbox: snapshot: want -o FILE"
    assert "no program given" in who.call("snapshot", "-o", "x").line()
    assert "takes one snapshot" in who.call("restore", "a", "b").line()


@pytest.mark.parametrize("signo", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(who, snap, signo):
    process = who.start("snapshot", "-o", "no.snap", "--", *shell("echo on; sleep 60; read a"))
    assert process.stdout.readline() == b"on\n"
    before = set(os.listdir(who.work))
    process.send_signal(signo)
    assert process.wait(harness.TIMEOUT) == 128 + signo
    assert set(os.listdir(who.work)) == before - {"no.snap"} == before


def test_a_full_disk_leaves_nothing(root, tmp_path):
    if "has no snapshots" in root.call("snapshot", "-o", "try.snap", "/bin/cat").err:
        pytest.skip("no backend here has snapshots")
    small = root.work / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", small], capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        got = root.call("snapshot", "-o", "small/x.snap", "/bin/cat")
        assert got.code == 125 and "No space left on device" in got.line() and not os.listdir(small)
    finally:
        subprocess.run(["umount", small], check=True)
