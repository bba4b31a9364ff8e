# SPDX-License-Identifier: Apache-2.0
"""What the program asks, what crosses the channel and what the host is asked, by time; and how long things take. Where the
kernel does not let us look: a sentence, and what the launcher itself knows."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess

import pytest

import launcher

WORK = ["/bin/sh", "-c", "echo ready; while :; do cat /etc/passwd >/dev/null; done"]
LINE = re.compile(r"^(\d\d:\d\d:\d\d\.\d{6}) (program|channel|host)  ? *(.+)$")
NO_BTF = ["--tmpfs", "/sys/kernel/btf"]


def joined(got):
    """(time, kind, text) of the trace, and whether the host's part is in it."""
    lines = got.err.splitlines()
    said = [line for line in lines if not LINE.match(line)]
    assert len(said) <= 1 and all("cannot be seen" in line for line in said), said
    return [LINE.match(line).groups() for line in lines if LINE.match(line)], not said


def read_file(who, *options):
    who.file("notes", "text\n", mode=0o644)
    return who.run("--trace", "--host", *options, "/bin/cat", "notes")


def in_order(who):
    """A trace in which nothing was told too late to stand where it belongs, as can be on a busy machine (runtime/trace/join.c)."""

    def is_in_order():
        nonlocal lines, host
        got = read_file(who)
        assert (got.code, got.out) == (0, "text\n"), got
        lines, host = joined(got)
        times = [time for time, _, _ in lines]
        return times == sorted(times)

    lines, host = [], False
    assert launcher.until(is_in_order), lines
    return lines, host


def test_the_trace_joins_what_was_asked_of_whom_by_time(who):
    lines, host = in_order(who)
    kinds = [kind for _, kind, _ in lines]
    texts = [text for _, _, text in lines]
    opened = next(i for i, text in enumerate(texts) if kinds[i] == "channel" and re.match(r'open\(.*"notes"\) = \d+ <', text))
    asked = next(i for i, text in enumerate(texts) if kinds[i] == "program" and re.search(r'openat\(AT_FDCWD, "notes", O_RDONLY.* = \d', text))
    assert opened < asked, "what a call caused stands above it"
    assert any(re.match(r"read\(#\d+, .*\) = 5 <", text) for i, text in enumerate(texts) if kinds[i] == "channel")
    if host:
        assert any(kinds[i] == "host" and re.match(r"\d+ \w+ +openat\(", text) for i, text in enumerate(texts[:opened])), "the host was asked before"
    assert ("host" in kinds) == host


def test_root_sees_the_hosts_part_where_the_kernel_has_it(root):
    if not os.access("/sys/kernel/btf/vmlinux", os.R_OK):
        pytest.skip("no BTF here")
    lines, host = joined(read_file(root))
    if not host:
        pytest.skip("BPF is not allowed here")
    assert {re.match(r"\d+ +(\w+)", text).group(1) for _, kind, text in lines if kind == "host"} >= {"watcher"}


FORKS = ["/bin/sh", "-c", "echo ready; while :; do /bin/true; (sleep 0.01) & wait; done"]


def roles_seen(who, name):
    got = who.call("trace", "--host", name, "--json", "-d", "1")
    if "cannot be seen" in got.err:
        pytest.skip(got.err.strip())
    return got.line(), {call["role"] for call in map(json.loads, got.out.splitlines())}


def test_the_zygote_and_its_processes_are_seen_although_they_began_earlier(root):
    with launcher.running(root, "--backend", "process", "--name", "forks", *FORKS):
        said, _ = until_seen(lambda: roles_seen(root, "forks"), lambda got: got[1] >= {"core", "zygote", "trapped"})
        assert said.endswith(" from the kernel's tracepoints")


def test_the_zygote_is_seen_from_its_beginning(root):
    lines, host = joined(root.run("--backend", "process", "--trace", "--host", "/bin/true"))
    if not host:
        pytest.skip("BPF is not allowed here")
    calls = {tuple(text.split("(")[0].split()[1:]) for _, kind, text in lines if kind == "host"}
    assert calls >= {("zygote", "seccomp"), ("zygote", "recvmsg"), ("zygote", "clone"), ("trapped", "seccomp"), ("trapped", "futex")}


def test_the_joined_trace_goes_to_its_file(who):
    got = read_file(who, "--trace-file", who.work / "trace")
    assert (got.code, got.out) == (0, "text\n"), got
    assert not any(LINE.match(line) for line in got.err.splitlines())
    assert {LINE.match(line).group(2) for line in (who.work / "trace").read_text().splitlines()} >= {"program", "channel"}


def test_the_programs_code_is_kept(who):
    assert who.run("--trace=exit_group", "--host", "--trace-file", "/dev/null", "/bin/sh", "-c", "exit 7").code == 7


def test_a_joined_trace_that_cannot_be_written_is_a_failure(who):
    got = who.run("--trace", "--host", "--trace-file", "/dev/full", "/bin/true")
    assert got.code == 125 and "sandbox: --trace --host: not all could be written\n" in got.err


def test_host_is_nothing_without_trace(me):
    assert me.refused(125, "--host", "/bin/true") == "sandbox: --host: only with --trace"


def test_without_its_program_a_joined_trace_is_refused(me):
    alone = me.work / "sandbox"
    shutil.copy(me.sandbox, alone)
    alone.chmod(0o755)
    words = [*me.wrapper, alone, "run", "--trace", "--host", "/bin/echo", "ran"]
    done = subprocess.run(words, capture_output=True, text=True, env=me.environment(), cwd=me.work, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (125, "", "sandbox: run: sandbox-trace is not installed beside sandbox\n")


def children(pid):
    with contextlib.suppress(FileNotFoundError):
        return [int(n) for task in os.listdir(f"/proc/{pid}/task") for n in open(f"/proc/{pid}/task/{task}/children").read().split()]
    return []


def test_a_launcher_that_is_killed_takes_the_tracing_process_with_it(me):
    with launcher.running(me, "--trace", "--host", "--trace-file", "/dev/null", "--name", "join-killed", *WORK):
        pid = next(s["pid"] for s in json.loads(me.call("ps", "--json").out) if s["name"] == "join-killed")
        own = [n for n in children(pid) if launcher.status_of(n, "Name") == ["sandbox-trace"]]
        assert len(own) == 1
        os.kill(pid, signal.SIGKILL)
        assert launcher.until(lambda: launcher.ended(own[0]))


# -- histograms --


def histograms(who, name, seconds="0.5", options=()):
    got = (who.elsewhere(*options) if options else who).call("trace", "--histogram", name, "--json", "-d", seconds)
    assert got.code == 0, got
    return json.loads(got.out), got.err


def check_one(h):
    assert h["count"] == sum(b["count"] for b in h["buckets"]) > 0
    bounds = [b["below_ns"] for b in h["buckets"] if b["below_ns"]]
    assert bounds == sorted(set(bounds)) and all(b & (b - 1) == 0 for b in bounds)
    assert h["total_ns"] >= sum(b["count"] * b["below_ns"] // 2 for b in h["buckets"][1:] if b["below_ns"])


def until_seen(look, has):
    """What `look` gives, once it has that: in a short time on a busy machine little happens."""
    got = None

    def is_seen():
        nonlocal got
        got = look()
        return has(got)

    assert launcher.until(is_seen), got
    return got


def kinds(page):
    return {h["what"] for h in page["histograms"]}


def test_histograms_tell_exits_and_operations_with_their_source(who):
    def has_all(got):
        return kinds(got[0]) >= {"run", "exit", "channel"} and any(h["of"] == "open" for h in got[0]["histograms"])

    with launcher.running(who, "--name", "timed", *WORK):
        page, _ = until_seen(lambda: histograms(who, "timed"), has_all)
        for h in page["histograms"]:
            check_one(h)
        assert {(h["what"], h["of"]): h["source"] for h in page["histograms"]}["channel", "open"] == "launcher"
        a_channel = re.compile(r"^channel: \w+ \(launcher\): \d+, mean [\d.]+ us\n +\d+ \w+ \.\. \d+ \w+ +\d+ \|", re.M)
        text = until_seen(lambda: who.call("trace", "--histogram", "timed", "-d", "0.5").out, a_channel.search)
        assert re.match(r"timed, \d+\.\d s\n\n", text), text


def test_root_sees_waiting_for_a_processor_where_the_kernel_tells(root):
    def waits(got):
        return [h["source"] for h in got[0]["histograms"] if (h["what"], h["of"]) in (("sched", "core"), ("sched", "vcpu 0"))]

    with launcher.running(root, "--name", "waits", *WORK):
        got = until_seen(lambda: histograms(root, "waits"), lambda got: "launcher's own counts\n" in got[1] or waits(got))
        if got[1].endswith("launcher's own counts\n"):
            pytest.skip(got[1].strip())
        assert re.fullmatch(r"sandbox: trace: looking at \w{12}, process \d+: the kernel's tracepoints \(.*sched.*\) and the launcher's own counts; "
                            r"shown when it ends or this is interrupted\n", got[1])
        assert waits(got) == ["sched"]


def test_without_the_kernels_help_the_launchers_own_counts_serve(who):
    """In a container without BTF everybody, and an ordinary user everywhere: one sentence."""
    other = who.elsewhere(*NO_BTF) if os.getuid() == 0 else who
    want = "a kernel with BTF" if other is not who else "the right to use BPF"

    def look(*words):
        got = other.call("trace", *words)
        assert got.code == 0 and want in got.line(), got
        return got

    def has_all(got):
        return kinds(json.loads(got.out)) == {"run", "exit", "channel"}

    with launcher.running(who, "--name", "alone", *WORK):
        got = until_seen(lambda: look("--histogram", "alone", "--json", "-d", "0.5"), has_all)
        assert got.line().endswith("shown instead: the launcher's own counts")
        page = json.loads(got.out)
        assert {h["source"] for h in page["histograms"]} == {"launcher"} and page["counts"] == []
        until_seen(lambda: look("--host", "alone", "-n", "1"), lambda got: got.out.startswith("exits: "))
        line = json.loads(look("--host", "alone", "--json", "-n", "1").out)
        assert line["source"] == "launcher" and line.keys() == {"source", "exits", "channel"}
    got = read_file(other)
    lines, host = joined(got)
    assert (got.code, got.out, host) == (0, "text\n", False)
    assert {kind for _, kind, _ in lines} == {"program", "channel"} and f"this needs {want}" in got.err


def test_a_user_with_the_two_capabilities_sees_it_all(who):
    """What the man page gives those who are not root."""
    if who.uid == 0 or os.getuid():
        pytest.skip("this is root's to try, of an ordinary user")
    with launcher.running(who, "--name", "capable", *WORK):
        caps = "+bpf,+perfmon"
        words = ["setpriv", "--reuid", who.uid, "--regid", who.uid, "--clear-groups", "--inh-caps", caps, "--ambient-caps", caps, who.sandbox, "trace"]

        def look(*options):
            return subprocess.run([*map(str, words), *options, "capable"], capture_output=True, text=True, env=who.environment(), timeout=60, check=True)

        got = look("--host", "-n", "3")
        if "cannot be seen" in got.stderr and not os.access("/sys/kernel/btf/vmlinux", os.R_OK):
            pytest.skip(got.stderr.strip())
        assert got.stderr.endswith(" from the kernel's tracepoints\n") and got.stdout.count("\n") == 3, got
        assert "looking at" in look("--histogram", "-d", "0.5").stderr


def test_an_ordinary_user_is_told_of_the_right_that_lacks(who):
    if who.uid == 0:
        pytest.skip("root may use BPF")
    with launcher.running(who, "--name", "ordinary", *WORK):
        page, said = until_seen(lambda: histograms(who, "ordinary"), lambda got: got[0]["histograms"])
        assert "this needs the right to use BPF" in said and said.count("\n") == 1
        assert {h["source"] for h in page["histograms"]} == {"launcher"}


def test_a_histogram_ends_with_the_sandbox(me):
    with launcher.running(me, "--name", "ends", "/bin/sh", "-c", "echo ready; read go", stdin=subprocess.PIPE) as process:
        looking = me.start("trace", "--histogram", "ends")
        assert launcher.until(lambda: launcher.catches(looking.pid, signal.SIGINT)), "it looks"
        process.stdin.write(b"go\n")
        process.stdin.flush()
        out, said = looking.communicate(timeout=launcher.TIMEOUT)
        assert looking.returncode == 0 and out.startswith(b"ends, "), (out, said)


def test_count_is_not_for_histograms(me):
    with launcher.running(me, "--name", "counted", *WORK):
        got = me.call("trace", "--histogram", "counted", "-n", "3")
        assert (got.code, got.line()) == (125, "sandbox: trace: --count is not for --histogram, --duration is")
