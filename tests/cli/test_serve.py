# SPDX-License-Identifier: Apache-2.0
"""sandbox serve: connections that are each a clone of a warm program. Mistakes of the protocol are made by template.py."""

import json
import os
import pty
import re
import resource
import signal
import socket
import stat
import struct
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import launcher
from serving import LOCAL, Server, children, everything, in_session, serving

FAKE = ["--template-program", str(Path(__file__).with_name("template.py"))]
PYTHON = "/usr/bin/python3"


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


# --- ordinary use


def test_cat(who):
    with serving(who, "/bin/cat") as server:
        assert server.talk(b"hello\n") == b"hello\n"
        assert server.talk(b"") == b""
        assert server.said().count("\n") == 1


def test_shell(me):
    with serving(me, "--", "/bin/sh", "-c", "read name; echo hello $name") as server:
        assert server.talk(b"you\n") == b"hello you\n"
        assert server.talk(b"") == b"hello\n"


@pytest.mark.parametrize(
    "wait",
    ["select.select([0], [], [])", "p = select.poll(); p.register(0, 1); p.poll()", "e = select.epoll(); e.register(0, 1); e.poll()", "threading.Thread(target=time.sleep, args=[0.1]).start()"],
    ids=["select", "poll", "epoll", "thread"],
)
def test_ways_to_ask_for_input(wait, me):
    with serving(me, PYTHON, "-c", f"import os, select, threading, time; {wait}; os.write(1, os.read(0, 100))") as server:
        for data in (b"one", b"two"):
            assert server.talk(data) == data


PROGRAM = """
import sys
seen = 0
big = list(range(100000))
for line in sys.stdin:
    seen += 1
    print(seen, sum(big) + int(line), flush=True)
"""


def test_python_is_fresh_each_time(me):
    with serving(me, PYTHON, "-c", PROGRAM) as server:
        for _ in range(3):
            assert server.talk(b"1\n2\n") == b"1 4999950001\n2 4999950002\n"


def test_what_changes_is_gone(me):
    script = "read word; cat /tmp/kept 2>/dev/null; echo $word >/tmp/kept; cat /tmp/kept"
    with serving(me, "--", "/bin/sh", "-c", script) as server:
        assert server.talk(b"one\n") == b"one\n"
        assert server.talk(b"two\n") == b"two\n"


def test_writable_grants_are_shared(me):
    with serving(me, "--rw", ".", "--", "/bin/sh", "-c", "read word; echo $word >>kept; cat kept") as server:
        assert server.talk(b"one\n") == b"one\n"
        assert server.talk(b"two\n") == b"one\ntwo\n"


def test_what_was_written_before_is_for_everybody(me):
    with serving(me, "--", "/bin/sh", "-c", "echo 220 ready; read word; echo $word") as server:
        assert server.talk(b"one\n") == b"220 ready\none\n"
        with server.connect() as s:
            assert s.recv(100) == b"220 ready\n"
            s.sendall(b"two\n")
            assert everything(s) == b"two\n"


def test_many_clients_at_a_time(me):
    def one(server, n):
        with server.connect() as s:
            s.sendall(b"%d\n" % n)
            assert s.recv(100) == b"%d\n" % n
            time.sleep(0.2)
            s.sendall(b"%d\n" % -n)
            s.shutdown(socket.SHUT_WR)
            return everything(s) == b"%d\n" % -n

    with serving(me, "/bin/cat") as server, ThreadPoolExecutor(20) as pool:
        assert all(pool.map(lambda n: one(server, n), range(40)))


def test_much_data_both_ways(me):
    data = os.urandom(1 << 20) * 10
    with serving(me, "/bin/cat") as server, server.connect() as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        assert everything(s) == data
        sender.join()


def test_a_client_that_sends_nothing_holds_up_nobody(me):
    with serving(me, "/bin/cat") as server, server.connect():
        assert server.talk(b"x") == b"x"


def test_a_client_that_reads_nothing_holds_up_nobody(me):
    with serving(me, "--grace", "0", "--", "/bin/sh", "-c", "read x; while :; do echo $x$x$x$x$x; done") as server, server.connect() as slow:
        slow.sendall(b"x" * 1000 + b"\n")
        with server.connect() as s:
            s.sendall(b"y\n")
            assert s.recv(5) == b"yyyyy"


def test_input_that_nobody_reads_does_not_cost_the_output(me):
    """To close a socket that has input would reset it."""
    with serving(me, "--", "/bin/sh", "-c", "read x; echo $x; head -c 100000 /dev/zero | tr '\\0' y") as server:
        for _ in range(5):
            with server.connect() as s:
                s.sendall(b"one\n" + b"z" * 50000)
                assert everything(s) == b"one\n" + b"y" * 100000


def test_a_client_that_leaves(me):
    with serving(me, "--log", "--", "/bin/sh", "-c", "read x; cat; echo >&2 left") as server:
        server.connect().close()
        assert launcher.until(lambda: "exit code" in server.said()), server.said()
        assert "left\n" in server.said()


def test_stderr_is_the_servers(me):
    with serving(me, "--", "/bin/sh", "-c", "echo early >&2; read x; echo $x >&2") as server:
        assert server.talk(b"late\n") == b""
        assert launcher.until(lambda: "late\n" in server.said())
        assert server.said().startswith("early\n")


# --- where


@pytest.mark.parametrize("at,where", [("127.0.0.1:0", r"127\.0\.0\.1:\d+"), ("[::1]:0", r"\[::1\]:\d+"), (":0", r"(0\.0\.0\.0|\[::\]):\d+")])
def test_addresses(at, where, me):
    if "::1" in at and not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    with serving(me, "/bin/cat", at=["--listen", at]) as server:
        assert re.fullmatch(where, server.serving())
        assert server.talk(b"x") == b"x"


def test_unix_socket(who):
    path = who.work / "socket"
    with serving(who, "--log", "/bin/cat", at=["--listen", f"unix:{path}"]) as server:
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert server.talk(b"x") == b"x"
        assert launcher.until(lambda: f"uid {os.getuid()}, pid {os.getpid()}: exit code 0" in server.said()), server.said()
        got = who.call("serve", "--listen", f"unix:{path}", "/bin/cat")
        assert (got.code, got.line()) == (125, f"sandbox: --listen unix:{path}: Address already in use")
    assert not path.exists()


def test_unix_socket_that_was_left(me):
    path = me.work / "socket"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
    with serving(me, "/bin/cat", at=["--listen", f"unix:{path}"]) as server:
        assert server.talk(b"x") == b"x"
    path.write_text("a file")
    got = me.call("serve", "--listen", f"unix:{path}", "/bin/cat")
    assert got.code == 125 and "in use" in got.line() and path.read_text() == "a file"


def test_port_in_use(who):
    with socket.create_server(("127.0.0.1", 0)) as s:
        at = f"127.0.0.1:{s.getsockname()[1]}"
        got = who.call("serve", "--listen", at, "/bin/cat")
    assert (got.code, got.line()) == (125, f"sandbox: --listen {at}: Address already in use")


def test_privileged_port(who):
    if who.uid == 0 or int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) < 1024:
        pytest.skip("no port is privileged here")
    assert who.call("serve", "--listen", "127.0.0.1:1", "/bin/cat").line() == "sandbox: --listen 127.0.0.1:1: Permission denied: ports below 1024 are for root"


@pytest.mark.parametrize(
    "words,says",
    [
        (["/bin/cat"], "serve: want --listen ADDR:PORT"),
        (LOCAL, "no program given: sandbox serve"),
        (["--listen", "8080", "x"], "--listen 8080: want ADDR:PORT"),
        (["--listen", "localhost:1", "x"], "--listen localhost:1: want ADDR:PORT"),
        (["--listen", "127.0.0.1:65536", "x"], "want ADDR:PORT"),
        (["--listen", "::1:80", "x"], "want ADDR:PORT"),
        (["--listen", "unix:", "x"], "want ADDR:PORT"),
        (["--listen", "unix:" + "x" * 108, "x"], "at most 107 bytes"),
        (["--listen", "192.0.2.1:80", "x"], "--listen 192.0.2.1:80: Cannot assign requested address"),
        ([*LOCAL, "--max-connections", "0", "x"], "--max-connections 0: want a number"),
        ([*LOCAL, "--grace", "x", "x"], "--grace x: want a duration"),
        ([*LOCAL, "--timeout", "0", "x"], "--timeout 0: want a duration"),
        ([*LOCAL, "--mem", "x", "x"], "--mem x: want a size"),
        ([*LOCAL, "--json", "/nothing/here", "x"], "--json /nothing/here: No such file"),
        ([*LOCAL, "--stats", "x"], "--stats: not with serve: --json tells of each connection"),
        ([*LOCAL, "--json-fd", "9", "x"], "--json-fd: not with serve"),
        ([*LOCAL, "--upper", "d", "x"], "--upper: not with serve"),
        ([*LOCAL, "--trace", "x"], "--trace: not with serve"),
        ([*LOCAL, "--trace=read", "x"], "--trace: not with serve"),
        ([*LOCAL, "--trace-file", "f", "x"], "--trace-file: not with serve"),
        ([*LOCAL, "--until-fd", "9", "x"], "--until-fd: not with serve"),
        ([*LOCAL, "--snapshot-fd", "9", "x"], "--snapshot-fd: not with serve"),
        ([*LOCAL, "--messages-fd", "9", "x"], "--messages-fd: not with serve"),
        ([*LOCAL, "--host", "x"], "--host: not with serve"),
        ([*LOCAL, "--nothing", "x"], "nothing"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_mistakes(words, says, me):
    got = me.call("serve", *words)
    assert got.code == 125 and got.out == "" and says in got.line()


def test_nothing_listens_before_the_program_is_ready(me):
    with socket.create_server(("127.0.0.1", 0)) as s:
        port = s.getsockname()[1]
    server = Server(me, ["--listen", f"127.0.0.1:{port}", "--", "/bin/sh", "-c", "sleep 1; read x; echo $x"])
    time.sleep(0.3)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert server.talk(b"x\n") == b"x\n"
    assert server.stop() == 0


def test_a_program_that_never_reads(me):
    server = Server(me, [*LOCAL, "/bin/sleep", "300"])
    assert launcher.until(lambda: server.said()), "after five seconds"
    assert server.said() == "sandbox: waiting for /bin/sleep to read its standard input\n"
    assert server.stop() == 143


# --- programs that end early


def test_missing_program(who):
    got = who.call("serve", *LOCAL, "no-such-program")
    assert got.code == 127 and "no-such-program" in got.line()


def test_program_that_cannot_be_run(me):
    me.file("data", "\x7fnothing", 0o755)
    assert me.call("serve", *LOCAL, "./data").code == 126


def test_program_that_does_not_read(me):
    got = me.call("serve", *LOCAL, "--", "/bin/sh", "-c", "echo out; exit 3")
    assert got.code == 125
    assert got.err == "out\nsandbox: serve: /bin/sh ended with exit code 3 before it read its standard input: there is nothing to serve\n"


def test_program_that_crashes_early(me):
    got = me.call("serve", *LOCAL, "--", "/bin/sh", "-c", "kill -SEGV $$")
    assert (got.code, got.line()) == (125, "sandbox: serve: /bin/sh was killed by signal 11 before it read its standard input")


def test_option_that_run_refuses(me):
    got = me.call("serve", *LOCAL, "--entrypoint", "x", "/bin/cat")
    assert got.code == 125 and "--entrypoint: only with --image" in got.line()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_signal_before_it_is_ready(sig, me):
    server = Server(me, [*LOCAL, "--", "/bin/sh", "-c", "echo begun >&2; sleep 300"])
    assert launcher.until(lambda: "begun" in server.said())
    (template,) = children(server.pid)
    assert server.stop(sig) == 128 + sig
    assert launcher.until(lambda: not in_session(template))


# --- what is told


def test_log(me):
    with serving(me, "--log", "--", "/bin/sh", "-c", "read code; exit $code") as server:
        for code in (0, 3, 130):
            server.talk(b"%d\n" % code)
        assert launcher.until(lambda: server.said().count("exit code") == 3), server.said()
        found = re.findall(r"^sandbox: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) 127\.0\.0\.1:\d+: exit code (\d+) after (\d+\.\d{3}) s$", server.said(), re.M)
        assert [code for _, code, _ in found] == ["0", "3", "130"]


def test_log_of_a_crash(me):
    with serving(me, "--log", "--", "/bin/sh", "-c", "read sig; kill -$sig $$") as server:
        server.talk(b"SEGV\n")
        server.talk(b"KILL\n")
        assert launcher.until(lambda: server.said().count(" after ") == 2), server.said()
        assert ": signal 11 after " in server.said() and ": signal 9 after " in server.said()


def test_denials_are_counted(me):
    with serving(me, "--log", "--", "/bin/sh", "-c", "read x; echo x >/usr/x; exit 0") as server:
        server.talk(b"\n")
        assert launcher.until(lambda: ", 1 denied\n" in server.said()), server.said()


def test_json(me):
    with serving(me, "--json", "log.json", "--", "/bin/sh", "-c", "read code; exit $code") as server:
        server.talk(b"0\n")
        server.talk(b"7\n")
        assert launcher.until(lambda: len(lines(me.work / "log.json")) == 2)
    one, two = lines(me.work / "log.json")
    assert (one["connection"], two["connection"]) == (1, 2)
    assert set(one) == {"connection", "peer", "began", "seconds", "error", "report"}
    assert re.fullmatch(r"127\.0\.0\.1:\d+", one["peer"]) and one["error"] is None and 0 < one["seconds"] < launcher.TIMEOUT
    assert [r["report"]["exit"]["code"] for r in (one, two)] == [0, 7]
    with serving(me, "--json", "log.json", "--", "/bin/cat") as server:
        server.talk(b"")
        assert launcher.until(lambda: len(lines(me.work / "log.json")) == 3), "it goes on at the end"


def test_json_on_stdout(me):
    with serving(me, "--json", "-", "/bin/cat") as server:
        server.talk(b"x")
        assert json.loads(server.process.stdout.readline())["report"]["exit"]["kind"] == "exited"


def test_json_that_cannot_be_written(me):
    with serving(me, "--json", "/dev/full", "/bin/cat") as server:
        server.talk(b"x")
        server.talk(b"x")
        assert launcher.until(lambda: "could not be written" in server.said())
        assert server.stop() == 125
    assert server.said().count("could not be written: No space left") == 1


def test_quiet(me):
    path = me.work / "socket"
    server = Server(me, ["--listen", f"unix:{path}", "-q", "/bin/cat"])
    with socket.socket(socket.AF_UNIX) as s:
        assert launcher.until(lambda: path.exists() and not s.connect_ex(str(path)))
        s.sendall(b"x")
        s.shutdown(socket.SHUT_WR)
        assert everything(s) == b"x"
    assert server.stop() == 0 and server.said() == ""


def test_stderr_that_is_a_terminal(me):
    ours, theirs = pty.openpty()
    server = Server(me, [*LOCAL, "--", "/bin/sh", "-c", "read x; test -t 2 || echo $x >&2"], stderr=theirs)
    os.close(theirs)
    said = b""
    while b"\n" not in said:
        said += os.read(ours, 1000)
    port = int(re.search(rb"127.0.0.1:(\d+)", said)[1])
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(b"late\n")
        assert everything(s) == b""
    said = b""
    while b"late\r\n" not in said:
        said += os.read(ours, 1000)
    assert server.stop() == 0
    os.close(ours)


# --- limits and the end


def test_timeout_is_of_each_connection(me):
    with serving(me, "--timeout", "1", "--log", "/bin/cat") as server:
        time.sleep(1.5)  # the template's time is not counted
        with server.connect() as s:
            begun = time.monotonic()
            assert everything(s) == b""
            assert 0.8 < time.monotonic() - begun < 10
        assert launcher.until(lambda: ": timeout after 1." in server.said()), server.said()
        assert server.talk(b"x") == b"x"


def test_max_connections(me):
    with serving(me, "--max-connections", "2", "/bin/cat") as server:
        with server.connect() as one, server.connect() as two, server.connect() as three:
            for s in (one, two, three):
                s.sendall(b"x")
            assert one.recv(1) == two.recv(1) == b"x"
            three.settimeout(0.5)
            with pytest.raises(TimeoutError):
                three.recv(1)
            three.settimeout(launcher.TIMEOUT)
            one.close()
            assert three.recv(1) == b"x"


def test_connections_may_finish(me):
    with serving(me, "/bin/cat") as server, server.connect() as s:
        s.sendall(b"one")
        assert s.recv(3) == b"one"
        server.process.send_signal(signal.SIGTERM)
        assert launcher.until(lambda: "1 may go on for 5 s" in server.said())
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        s.sendall(b"two")
        assert s.recv(3) == b"two"
        assert server.process.poll() is None
        s.shutdown(socket.SHUT_WR)
        assert everything(s) == b""
        assert server.process.wait(launcher.TIMEOUT) == 0


def test_grace_ends(me):
    with serving(me, "--grace", "0.5", "--log", "/bin/cat") as server, server.connect() as s:
        s.sendall(b"one")
        assert s.recv(3) == b"one"
        begun = time.monotonic()
        assert server.stop() == 0
        assert 0.4 < time.monotonic() - begun < 4
        assert ": killed: the server ended after " in server.said()


def test_second_signal(me):
    with serving(me, "--grace", "100", "/bin/cat") as server, server.connect() as s:
        s.sendall(b"one")
        assert s.recv(3) == b"one"
        server.process.send_signal(signal.SIGINT)
        assert launcher.until(lambda: "may go on" in server.said())
        assert server.stop(signal.SIGINT) == 0


def test_control_c(me):
    """The terminal's signal reaches the whole foreground, and connections go on all the same."""
    with serving(me, "/bin/cat") as server, server.connect() as s:
        s.sendall(b"one")
        assert s.recv(3) == b"one"
        os.killpg(server.pid, signal.SIGINT)
        assert launcher.until(lambda: "may go on" in server.said())
        s.sendall(b"two")
        assert s.recv(3) == b"two"
        s.close()
        assert server.process.wait(launcher.TIMEOUT) == 0


@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGHUP])
def test_nothing_is_left_when_it_is_killed(sig, me):
    server = Server(me, [*LOCAL, "/bin/cat"])
    with server.connect() as s:
        s.sendall(b"one")
        assert s.recv(3) == b"one"
        (template,) = children(server.pid)
        assert len(in_session(template)) > 1
        assert server.stop(sig) == -sig
        assert launcher.until(lambda: not {p for p in in_session(template) if not launcher.ended(p)})


def test_nothing_is_kept_of_connections(me):
    with serving(me, "/bin/cat") as server:
        (template,) = children(server.pid)
        idle = server.fds()
        server.talk(b"x")
        assert launcher.until(lambda: server.fds() == idle)
        before = (server.fds(), len(os.listdir(f"/proc/{template}/fd")))
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(lambda n: server.talk(b"%d" % n) == b"%d" % n, range(300)))
        same = lambda: (server.fds(), len(os.listdir(f"/proc/{template}/fd"))) == before  # noqa: E731
        assert launcher.until(same), (before, server.fds(), os.listdir(f"/proc/{template}/fd"))
        server.talk(b"x")  # the template reaps those that ended before it is asked again
        assert launcher.until(lambda: sum(launcher.ended(p) for p in in_session(template)) <= 1), in_session(template)


def test_few_descriptors(me):
    """Accepting waits when they have run out, without burning the CPU."""
    server = Server(me, [*LOCAL, *FAKE, "/bin/cat"], preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)))
    connections = [server.connect() for _ in range(12)]
    try:
        for s in connections:
            s.sendall(b"x")
        assert launcher.until(lambda: "Too many open files: waiting" in server.said()), server.said()
        assert connections[0].recv(1) == b"x"
        ticks = lambda: sum(int(t) for t in Path(f"/proc/{server.pid}/stat").read_text().split()[13:15])  # noqa: E731
        before = ticks()
        time.sleep(1)
        assert ticks() - before < 20
        connections[0].close()
        for s in connections[1:]:
            assert s.recv(1) == b"x"
            s.close()
        assert server.stop() == 0
    finally:
        server.process.kill()


def test_clients_that_reset(me):
    with serving(me, "/bin/cat") as server:
        for _ in range(30):
            s = server.connect()
            s.sendall(b"x")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        assert server.talk(b"x") == b"x"


# --- templates that do not keep to the protocol


@pytest.mark.parametrize(
    "mistake,code,says",
    [
        ("ended", 125, "ended ended with exit code 3 before it read its standard input"),
        ("crashed", 125, "crashed was killed by signal 11 before it read its standard input"),
        ("not-started", 127, "sandbox: nothing: not found"),
        ("killed", 125, "its sandbox was killed by signal 9 before it was ready"),
        ("closes", 125, "before it was ready"),
        ("garbage", 125, "what the template said is no message"),
        ("version", 125, "what the template said is no message"),
        ("unasked", 125, "the template said what was not asked for"),
        ("talks", 125, "the program wrote more than 8 KiB before it read its standard input"),
    ],
)
def test_template_that_is_none(mistake, code, says, me):
    got = me.call("serve", *LOCAL, *FAKE, "--", mistake)
    assert got.code == code and says in got.err, got


def test_template_that_is_not_there(me):
    got = me.call("serve", *LOCAL, "--template-program", "/nothing", "/bin/cat")
    assert got.code == 125 and got.err.startswith("sandbox: serve: cannot start /nothing: No such file")


def test_template_that_is_never_ready(me):
    server = Server(me, [*LOCAL, *FAKE, "--", "never"])
    assert launcher.until(lambda: launcher.catches(server.pid, signal.SIGPIPE) or server.process.poll() is None)
    time.sleep(0.5)
    assert server.stop() == 143 and server.said() == ""


def test_template_that_makes_no_clones(me):
    with serving(me, *FAKE, "--log", "--", "refuses") as server:
        for _ in range(3):
            assert server.connect().recv(1) == b""
        assert launcher.until(lambda: server.said().count("no clone: Resource temporarily unavailable") == 3), server.said()


@pytest.mark.parametrize("how,says", [("closes-later", "ended with exit code 0"), ("garbage-later", "is no message"), ("dies-later", "killed by signal 9")])
def test_template_that_ends(how, says, me):
    server = Server(me, [*LOCAL, *FAKE, "--json", "log.json", "--", how])
    with server.connect() as s:
        assert s.recv(1) == b""
    assert server.process.wait(launcher.TIMEOUT) == 125
    assert says in server.said() and lines(me.work / "log.json")[0]["error"] == "no clone: the template has ended"


def test_what_the_template_is_given(me):
    with serving(me, *FAKE, "-v", "--env=A=1", "--ro", "/etc:/e", "--mem", "64M", "--timeout", "9", "--strict", "--", "arguments", "--x", "-q") as server:
        with server.connect() as s:
            assert everything(s) == b"--verbose --env=A=1 --ro=/etc:/e --mem=64M --strict -- arguments --x -q"


def test_greeting(me):
    with serving(me, *FAKE, "--", "greets") as server:
        assert server.talk(b"x") == b"220 ready\nx"
        assert server.talk(b"y") == b"220 ready\ny"


def test_signals_of_the_caller(me):
    """What it ignores or blocks is the program's too, and what the server does to itself is not."""
    with serving(me, *FAKE, "--", "grep", "Sig[BI]", "/proc/self/status") as server, server.connect() as s:
        said = everything(s).decode()
    assert re.search(r"SigBlk:\s+0+$", said, re.M), said


def test_a_run_from_the_shell_as_documented(me):
    """docs/serve.md, its first example."""
    script = f"""
        {me.sandbox} serve --listen unix:{me.work}/eval.sock -- {PYTHON} -c 'print(eval(input()))' 2>/dev/null &
        while ! [ -S {me.work}/eval.sock ]; do sleep 0.05; done
        wait
    """
    shell = subprocess.Popen(["/bin/sh", "-c", script], env=me.environment(), start_new_session=True)
    try:
        with socket.socket(socket.AF_UNIX) as s:
            assert launcher.until(lambda: not s.connect_ex(f"{me.work}/eval.sock"))
            s.sendall(b"6 * 7\n")
            assert everything(s) == b"42\n"
    finally:
        os.killpg(shell.pid, signal.SIGTERM)
        shell.wait()
