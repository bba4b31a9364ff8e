# SPDX-License-Identifier: Apache-2.0
"""What is said about a run: denials and the options that would lift them, -q, -v, --trace, --stats, --json."""

import json
import os
import re
import subprocess

import pytest

import launcher

OPS = {"exit", "program", "backend", "home", "times_ns", "memory", "exits", "channel", "syscalls", "shim", "jail", "denied", "denied_total"}


def sh(script):
    return ["/bin/sh", "-c", script]


def report(who, *arguments, **options):
    got = who.run("--json", "-", *arguments, **options)
    return json.loads(got.out), got


# --- denials


def test_write_to_what_is_read_only(who):
    """One line when the program failed; each with its option under -v."""
    who.file("file", "x")
    line = who.refused(1, "/bin/sh", "-c", "exec 2>/dev/null; rm file; rm file")
    assert line == f"sandbox: denied: unlink {who.work}/file: --rw {who.work} would allow it"
    got = who.run("-v", *sh("exec 2>/dev/null; rm file; mkdir d"))
    assert f"sandbox: denied: unlink {who.work}/file; allowed by --rw {who.work}\n" in got.err
    assert f"sandbox: denied: mkdir {who.work}/d; allowed by --rw {who.work}\n" in got.err


def test_several_denials(who):
    got = who.run(*sh("exec 2>/dev/null; mkdir a; mkdir b; mkdir c"))
    assert got.line() == f"sandbox: denied: mkdir {who.work}/a: --rw {who.work} would allow it (and 2 more: -v shows them)"


def test_no_word_of_denials_when_all_went_well(who):
    assert who.run(*sh("mkdir d 2>/dev/null; exit 0")) == launcher.Result(0, "", "")
    assert who.run("-q", *sh("mkdir d 2>/dev/null; exit 3")) == launcher.Result(3, "", "")


def test_flag_of_a_denial_helps(who):
    """What the line says is typed, and it works."""
    said = who.run(*sh("exec 2>/dev/null; echo x >file; exit 1")).line()
    option, path = re.search(r": (--rw) (\S+) would allow it", said).groups()
    assert who.run(option, path, *sh("echo x >file")).code == 0
    assert (who.work / "file").read_text() == "x\n"


def test_unseen_argument(who):
    secret = who.home / "secret"
    secret.write_text("text\n")
    got = who.run("/bin/cat", secret)
    assert got.code == 1
    assert f"sandbox: the program did not see {secret}, which its command line names: --ro {secret} gives it\n" in got.err
    assert who.run("--ro", secret, "/bin/cat", secret) == launcher.Result(0, "text\n", "")


def test_unseen_path_under_verbose(who):
    got = who.run("-v", *sh("test -e /opt/nothing; echo x 2>/dev/null >/etc/new; exit 0"))
    assert "sandbox: denied: look up /opt; allowed by --ro /opt\n" in got.err
    assert "sandbox: denied: create /etc/new; allowed by --rw /etc\n" in got.err


def test_denials_are_in_the_report(who):
    found, _ = report(who, *sh("mkdir d 2>/dev/null; exit 0"))
    assert found["denied"] == [{"operation": "mkdir", "path": f"{who.work}/d", "allowed_by": f"--rw {who.work}"}]


def test_hostile_names_are_shown_harmless(who):
    got = who.run("-v", *sh("mkdir \"$(printf 'a\\033[31m\\nb')\" 2>/dev/null; exit 1"))
    assert "\x1b" not in got.err and "/a?[31m?b; allowed by" in got.err


def test_absent_call_is_named(who):
    """A call that no kernel has."""
    script = "import ctypes; print(ctypes.CDLL(None, use_errno=True).syscall(499))"
    got = who.run("-v", "/usr/bin/python3", "-c", script)
    assert got.out == "-1\n" and "sandbox: system call 499 is not supported: it got ENOSYS\n" in got.err


# --- -q and -v


def test_quiet_says_errors_only(who):
    assert who.run("-q", "--mem", "32M", "/usr/bin/python3", "-c", "x = bytearray(1 << 30)\nwhile True: x += x").err.count("sandbox:") == 0
    assert "not found" in who.refused(127, "-q", "./missing")
    assert "want a size" in who.refused(125, "-q", "--mem", "x", "/bin/true")


# --- --trace


def test_trace_all(who):
    got = who.run("--trace", "/bin/echo", "hi")
    assert got.out == "hi\n" and got.code == 0
    for call in ("mmap", "openat", "write", "exit_group"):
        assert re.search(rf"\b{call}\(", got.err), call


def test_trace_filter(who):
    got = who.run("--trace=openat,write", "/bin/cat", "/etc/passwd")
    calls = set(re.findall(r"\b([a-z_0-9]+)\(", got.err))
    assert calls == {"openat", "write"}
    assert "/etc/passwd" in got.err


def test_trace_names_errors(who):
    got = who.run("--trace=openat,nanosleep", "/bin/cat", "/none")
    assert re.search(r'openat\(AT_FDCWD, "/none", O_RDONLY[^)]*\) = -1 ENOENT <', got.err), got.err


def test_trace_of_an_unknown_call(me):
    line = me.refused(125, "--trace=openat,no_such_call", "/bin/true")
    assert line == "sandbox: --trace: no system call \"no_such_call\""


def test_trace_file(who):
    got = who.run("--trace=write", "--trace-file", "trace", "/bin/echo", "hi")
    assert got == launcher.Result(0, "hi\n", "")
    assert "write(1" in (who.work / "trace").read_text()
    assert who.refused(125, "--trace", "--trace-file", "no/dir", "/bin/true") == "sandbox: --trace-file no/dir: No such file or directory"


def test_trace_survives_a_kill(who):
    process = who.start("run", "--trace", "--trace-file", "trace", *sh("echo ready; sleep 100"))
    assert process.stdout.readline() == b"ready\n"
    assert launcher.until(lambda: "write(1" in (who.work / "trace").read_text(), 20)
    process.kill()
    process.wait()


# --- --stats and --json


def test_stats(who):
    got = who.run("--stats", "/bin/echo", "hi")
    assert got.out == "hi\n"
    for word in ("whole run", "guest, peak", "system calls", "page faults", "channel", "jail", "no_new_privs", "host calls allowed"):
        assert word in got.err


def test_json(who):
    found, got = report(who, "/bin/true")
    assert got.code == 0 and got.err == "" and set(found) - {"processes"} == OPS
    assert found["exit"] == {"kind": "exited", "code": 0, "signal": None, "out_of_memory": False, "error": None}
    assert found["program"] == "/bin/true" and found["syscalls"]["total"] > 5
    assert found["times_ns"]["wall"] > found["times_ns"]["start"] > 0
    assert 0 < found["memory"]["guest_peak_bytes"] <= found["memory"]["limit"] == 1 << 30


@pytest.mark.parametrize(
    "words,kind,code,signal",
    [
        (sh("exit 3"), "exited", 3, None),
        (sh("kill -TERM $$"), "signaled", 143, 15),
        (["--timeout", "0.2", "/bin/sleep", "9"], "timeout", 124, 9),
        (["./missing"], "not-started", 127, None),
        (["/usr"], "not-started", 126, None),
        (["--ro", "/missing", "/bin/true"], "failed", 125, None),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_json_tells_ends_apart(words, kind, code, signal, me):
    found, got = report(me, *words)
    assert got.code == code
    assert (found["exit"]["kind"], found["exit"]["code"], found["exit"]["signal"]) == (kind, code, signal)
    assert (found["exit"]["error"] is None) == (kind in ("exited", "signaled", "timeout"))


def test_json_file(who):
    got = who.run("--json", "report", "/bin/echo", "hi")
    assert got == launcher.Result(0, "hi\n", "")
    found = json.loads((who.work / "report").read_text())
    assert found["exit"]["kind"] == "exited"
    assert (who.work / "report").stat().st_uid == who.uid


def test_json_file_that_cannot_be_made(me):
    assert me.refused(125, "--json", "no/dir", "/bin/true") == "sandbox: --json no/dir: No such file or directory"


def test_report_on_a_full_disk(who):
    """A report that was asked for and is not there is 125, said in a line; the program has run."""
    who.run("--rw", ".", *sh("true"))
    line = who.refused(125, "--json", "/dev/full", "/bin/true")
    assert line == "sandbox: --json /dev/full: could not be written: No space left on device"
    line = who.refused(125, "--trace", "--trace-file", "/dev/full", "/bin/true")
    assert line == "sandbox: --trace-file /dev/full: not all could be written: No space left on device"


def test_report_files_are_not_the_programs(who):
    got = who.run("--json", "report", "--trace-file", "trace", "--trace", *sh("ls -l /proc/self/fd | wc -l"))
    assert got.out == "5\n"  # the total, 0, 1, 2, and that of ls
    assert os.path.exists(who.work / "trace")


@pytest.mark.parametrize("words", [sh("exit 3"), ["./missing"], ["--ro", "/missing", "/bin/true"]], ids=["exit", "missing", "grant"])
def test_descriptors_for_report_and_messages(words, me):
    """Nothing of the sandbox's own is in the program's streams."""
    ours, report_end = os.pipe()
    said, messages_end = os.pipe()
    with open(ours) as report_file, open(said) as messages:
        descriptors = ["--messages-fd", str(messages_end), "--json-fd", str(report_end)]
        got = me.run(*descriptors, *words, pass_fds=(report_end, messages_end))
        os.close(report_end)
        os.close(messages_end)
        assert (got.out, got.err) == ("", "")
        assert json.load(report_file)["exit"]["code"] == got.code != 0
        assert bool(messages.read()) == (words != sh("exit 3"))


def test_descriptors_are_not_the_programs(me):
    ours, report_end = os.pipe()
    got = me.run("--json-fd", str(report_end), *sh("ls /proc/self/fd"), pass_fds=(report_end,))
    os.close(report_end)
    os.close(ours)
    assert got.out.split() == ["0", "1", "2", "3"]  # the last is that of ls


def test_descriptor_that_is_not_open(me):
    assert me.refused(125, "--json-fd", "77", "/bin/true") == "sandbox: --json-fd 77: Bad file descriptor"
    for number in ("2", "0", "x", "99999999999"):
        assert "want the number of an open descriptor" in me.refused(125, "--json-fd", number, "/bin/true")
    assert me.refused(125, "--json-fd", "0x3", "/bin/true").startswith("sandbox: --json-fd 0x3: want")


def test_largest_file(who):
    """Both in the sandbox's own files and in the host's; the signal is the program's to see."""
    got = who.run("--file-size", "64K", "--rw", ".", *sh("head -c 70000 /dev/zero >file; head -c 70000 /dev/zero >/tmp/f; wc -c <file; wc -c </tmp/f"))
    assert got.out.split() == ["65536", "65536"], got
    assert who.run("--file-size", "64K", *sh("ulimit -f; ulimit -Hf")).out.split() == ["128", "128"]  # dash: of 512 bytes


def test_grant_of_a_memory_file(me):
    """A memfd is a file like others, and costs no layer of the jail."""
    memory = os.memfd_create("data")
    os.write(memory, b"text")
    found, _ = report(me, "--ro", f"/proc/self/fd/{memory}:/in/file", *sh("cat /in/file >&2"), pass_fds=(memory,))
    plain, _ = report(me, "/bin/true")
    os.close(memory)
    assert found["exit"]["code"] == 0 and found["jail"] == plain["jail"]


def test_times_have_those_of_the_programs(me):
    """Whatever runs them, and whoever has been their parent."""
    words = ["/usr/bin/python3", "-c", "for i in range(4000000): pass"]
    before = os.times().children_user
    subprocess.run(words, check=True)
    native = os.times().children_user - before
    times = report(me, *words)[0]["times_ns"]
    assert times["user"] + times["system"] >= native * 1e9 / 2
