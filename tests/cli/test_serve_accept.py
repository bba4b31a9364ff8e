# SPDX-License-Identifier: Apache-2.0
"""sandbox serve --accept: servers that accept connections by themselves, with a clone for each connection."""

import contextlib
import json
import shutil
import socket
import struct
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

import pytest

import harness
import launcher
from serving import LOCAL, Server, everything, serving

PYTHON = "/usr/bin/python3"
SOURCE = harness.ROOT / "tests/programs/accepting.c"


@pytest.fixture(params=["process", "kvm"])
def backend(request, me):
    if me.run("--backend", request.param, "/bin/true").code == 125:
        pytest.skip(f"backend {request.param} cannot be used here")
    return ["--backend", request.param]


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("accepting") / "accepting"
    subprocess.run(["gcc", "-O2", "-static", "-pthread", SOURCE, "-o", path], check=True)
    return path.read_bytes()


def accepting(who, built, *words):
    return ["--", who.file("accepting", built), *words]


def refused(me, *words):
    got = me.call("serve", *LOCAL, *words)
    assert got.code == 125, got
    return got.err


def program(name):
    path = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")
    if not path:
        pytest.skip(f"no {name}")
    return path


# --- what a connection is


def test_for_everybody(who, built):
    with serving(who, "--accept", *accepting(who, built, "echo")) as server:
        assert server.talk(b"hello\n") == b"hello\n"
        assert server.talk(b"") == b""
        assert server.said().count("\n") == 1


@pytest.mark.parametrize("kind", ["echo", "threads", "fork", "prefork", "daemon"])
def test_kinds_of_servers(kind, me, built, backend):
    with serving(me, *backend, "--accept", *accepting(me, built, kind)) as server:
        for data in (b"one", b"two"):
            assert server.talk(data) == data


@pytest.mark.parametrize("address", ["/tmp/socket", "@abstract"])
def test_unix_sockets(address, me, built, backend):
    with serving(me, *backend, "--accept", *accepting(me, built, "echo", address)) as server:
        assert server.talk(b"x") == b"x"
    with serving(me, *backend, f"--accept=unix:{address}", *accepting(me, built, "echo", address)) as server:
        assert server.talk(b"y") == b"y"


def test_none_sees_another(me, built, backend):
    with serving(me, *backend, "--accept", *accepting(me, built, "count")) as server:
        assert [server.talk(b"") for _ in range(5)] == [b"1\n"] * 5


def test_server_that_speaks_first(me, built, backend):
    with serving(me, *backend, "--accept", *accepting(me, built, "greet")) as server, server.connect() as s:
        assert s.recv(100) == b"220 ready\n"
        s.sendall(b"x")
        assert s.recv(100) == b"x"


def test_end_of_input_is_passed_on(me, built, backend):
    with serving(me, *backend, "--accept", *accepting(me, built, "measure")) as server:
        assert server.talk(b"ab") == b"2 %d\n" % (97 * 31 + 98)


ADDRESSES = pytest.mark.parametrize("address", ["9000", "/tmp/socket"])


@ADDRESSES
@pytest.mark.parametrize("at", ["tcp", "unix"])
def test_end_of_output_is_passed_on(at, address, me, built, backend):
    """The server ends its sending side only: the client learns of that at once, and what it sends then arrives."""
    listen = LOCAL if at == "tcp" else ["--listen", f"unix:{me.work}/listen"]
    with serving(me, *backend, "--accept", "--log", *accepting(me, built, "ends", address), at=listen) as server, server.connect() as s:
        assert everything(s) == b"over\n"
        for _ in range(3):
            s.sendall(b"x" * 1000)
            time.sleep(0.1)
        assert " after " not in server.said()
        s.shutdown(socket.SHUT_WR)
        assert launcher.until(lambda: "3000 came\n" in server.said()), server.said()
        assert launcher.until(lambda: "exit code 0 after" in server.said()), server.said()


@ADDRESSES
def test_server_that_ends_its_output_and_leaves(address, me, built, backend):
    """A client that does neither send nor leave keeps no clone."""
    with serving(me, *backend, "--accept", "--log", *accepting(me, built, "leaves", address)) as server, server.connect() as s:
        assert everything(s) == b"over\n"
        assert launcher.until(lambda: "exit code 0 after" in server.said()), server.said()


def test_much_both_ways(me, built, backend):
    data = bytes(i * i % 251 for i in range(1 << 16)) * 64
    with serving(me, *backend, "--accept", *accepting(me, built, "echo")) as server, server.connect() as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        got = everything(s)
        sender.join()
        assert len(got) == len(data) and got == data


def test_client_that_reads_slowly(me, built, backend):
    want = b"".join(b"%09d\n" % i for i in range(400000))
    with serving(me, *backend, "--accept", *accepting(me, built, "much")) as server, server.connect() as s:
        time.sleep(0.5)
        assert everything(s) == want


def test_server_that_does_not_read(me, built):
    """What it has answered still comes."""
    with serving(me, "--accept", *accepting(me, built, "refuse")) as server, server.connect() as s:
        with contextlib.suppress(OSError):
            s.sendall(b"x" * 100000)
        assert s.recv(10) == b"no\n"


@pytest.mark.parametrize("kind", ["echo", "much", "greet"])
def test_clients_that_break_off(kind, me, built):
    with serving(me, "--log", "--accept", *accepting(me, built, kind)) as server:
        for _ in range(10):
            s = server.connect()
            s.sendall(b"x")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            s.close()
        assert launcher.until(lambda: server.said().count(" after ") == 10), server.said()


def test_client_that_does_not_wait(me, built):
    """All that it sent is the server's."""
    with serving(me, "--accept", *accepting(me, built, "note")) as server:
        server.connect().sendall(b"noted\n")
        assert launcher.until(lambda: "noted\n" in server.said())


def test_fifty_at_the_same_time(me, built, backend):
    with serving(me, *backend, "--accept", *accepting(me, built, "threads")) as server:
        connections = [server.connect() for _ in range(50)]
        for n, s in enumerate(connections):
            s.sendall(b"%d" % n)
        for n, s in enumerate(connections):
            assert s.recv(10) == b"%d" % n
            s.close()


def test_crash_is_told(me, built, backend):
    with serving(me, *backend, "--log", "--accept", *accepting(me, built, "crash")) as server:
        assert server.talk(b"") == b"so long\n"
        assert launcher.until(lambda: ": signal 11 after" in server.said()), server.said()


def test_report_names_the_server(me, built):
    with serving(me, "--accept", "--json", "log.json", *accepting(me, built, "echo")) as server:
        server.talk(b"")
        assert "/accepting\n" in me.call("ps").out
    (line,) = (me.work / "log.json").read_text().splitlines()
    report = json.loads(line)["report"]
    assert report["program"].endswith("/accepting") and report["exit"]["code"] == 0 and report["denied_total"] == 0


def test_root_of_its_own(me, built, backend):
    """The relay is the only other file there."""
    (me.work / "root").mkdir()
    me.file("root/accepting", built)
    with serving(me, *backend, "--accept", "--root", me.work / "root", "--", "/accepting", "echo") as server:
        assert server.talk(b"x") == b"x"


def test_image_that_says_itself_what_to_run(me, built):
    (me.work / "image").mkdir()
    me.file("image/accepting", built)
    me.file("image/Dockerfile", 'FROM scratch\nCOPY accepting /accepting\nENTRYPOINT ["/accepting"]\nCMD ["greet"]\n')
    store = me.work / "store"
    assert me.call("image", "build", "--store", store, "-t", "greets", me.work / "image").code == 0
    with serving(me, "--accept", "--store", store, "--image", "greets") as server:
        assert server.talk(b"x") == b"220 ready\nx"


# --- when it is ready


def test_it_is_not_ready_while_it_works(me, built, backend):
    """It has a sleep in its start, with the socket open, and works after that: once for all."""
    with serving(me, *backend, "--accept", *accepting(me, built, "slow")) as server:
        assert server.talk(b"") == server.talk(b"") == b""
        assert server.said().count("made\n") == 1


def test_which_listener(me, built):
    said = refused(me, "--accept", *accepting(me, built, "two"))
    assert "listens on 9001, 9002, unix:/tmp/third: --accept= says which is meant" in said and said.count("\n") == 1
    for where, answer in (("9001", b"one\n"), ("9002", b"two\n"), ("unix:/tmp/third", b"three\n")):
        with serving(me, f"--accept={where}", *accepting(me, built, "two")) as server:
            assert server.talk(b"") == answer


def test_server_that_never_listens(me):
    said = refused(me, "--accept", "--accept-within", "0.3", "--", "/bin/sleep", "100")
    assert said == "sandbox: /bin/sleep did not listen within 0.3 s (--accept-within)\n"


def test_server_that_listens_elsewhere(me, built):
    said = refused(me, "--accept=80", "--accept-within", "0.3", *accepting(me, built, "echo"))
    assert "did not listen on 80 within 0.3 s (--accept-within): it listens on 9000\n" in said


def test_server_that_is_never_at_rest(me, built):
    assert "listens, but was never at rest within 0.3 s" in refused(me, "--accept", "--accept-within", "0.3", *accepting(me, built, "spin"))


@pytest.mark.parametrize("script,says", [("exit 3", "ended with exit code 3"), ("exit 0", "ended with exit code 0"), ("kill -9 $$", "was killed by signal 9"), ("exit 125", "ended with exit code 125")])
def test_server_that_ends(script, says, me):
    said = refused(me, "--accept", "--", "/bin/sh", "-c", f"echo why; echo more >&2; {script}")
    assert f"sh {says} before it listened" in said and "why\nmore\n" in said and said.count("\n") == 3


def test_program_that_is_not_there(me):
    got = me.call("serve", *LOCAL, "--accept", "--", "/nothing")
    assert (got.code, got.line()) == (127, "sandbox: /nothing: not found")


def test_waiting_is_said(me):
    server = Server(me, [*LOCAL, "--accept", "--", "/bin/sleep", "100"])
    assert launcher.until(lambda: "sandbox: waiting for /bin/sleep to listen\n" in server.said())
    assert server.stop() == 143


@pytest.mark.parametrize("where", ["0", "65536", "x", "unix:", "unix:/" + "x" * 107, "080", "-1"])
def test_bad_places(where, me):
    got = me.call("serve", *LOCAL, f"--accept={where}", "/bin/cat")
    assert got.code == 125 and got.line().startswith(f"sandbox: --accept {where}: want a port of the server")


def test_bad_options(me):
    assert me.call("serve", *LOCAL, "--accept", "--accept-within", "x", "/bin/cat").line().startswith("sandbox: --accept-within x: want a duration")
    assert me.refused(125, "--accept", "/bin/cat") == "sandbox: --accept: only with --template-fd; sandbox serve has it too"


# --- servers of the world


def get(server, path):
    with urllib.request.urlopen(f"http://{server.serving()}{path}", timeout=launcher.TIMEOUT) as answer:
        return answer.read()


def test_python_http(me, backend):
    me.file("page", "of the host")
    with serving(me, *backend, "--accept", "--", PYTHON, "-m", "http.server", "8000") as server:
        assert get(server, "/page") == b"of the host"
        assert get(server, "/page") == b"of the host"


def test_busybox_http(me, backend):
    me.file("page", "of the host")
    with serving(me, *backend, "--accept", "--", program("busybox"), "httpd", "-f", "-p", "8080") as server:
        assert get(server, "/page") == b"of the host"


def ask(server, *words):
    """A command of Redis, and its answer."""
    request = b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)
    with server.connect() as s:
        s.sendall(request)
        return s.recv(1000)


# --- who the client is


def test_proxy_protocol(me, built, backend):
    with serving(me, *backend, "--accept", "--proxy-protocol", *accepting(me, built, "echo")) as server, server.connect() as s:
        s.sendall(b"x")
        s.shutdown(socket.SHUT_WR)
        (here, port), (there, theirs) = s.getsockname(), s.getpeername()
        assert everything(s) == b"PROXY TCP4 %s %s %d %d\r\nx" % (here.encode(), there.encode(), port, theirs)


def test_proxy_protocol_comes_before_the_client_speaks(me, built):
    with serving(me, "--accept", "--proxy-protocol=v1", *accepting(me, built, "echo")) as server, server.connect() as s:
        assert s.recv(100).startswith(b"PROXY TCP4 127.0.0.1 ")


SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def test_proxy_protocol_v2(me, built, backend):
    with serving(me, *backend, "--accept", "--proxy-protocol=v2", *accepting(me, built, "echo")) as server, server.connect() as s:
        s.shutdown(socket.SHUT_WR)
        ends = socket.inet_aton("127.0.0.1") * 2 + struct.pack(">HH", s.getsockname()[1], s.getpeername()[1])
        assert everything(s) == SIGNATURE + b"\x21\x11\x00\x0c" + ends


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_proxy_protocol_ipv6(version, me, built):
    if not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    with serving(me, "--accept", f"--proxy-protocol={version}", *accepting(me, built, "echo"), at=["--listen", "[::1]:0"]) as server, server.connect() as s:
        s.shutdown(socket.SHUT_WR)
        here, there = s.getsockname()[1], s.getpeername()[1]
        ends = socket.inet_pton(socket.AF_INET6, "::1") * 2 + struct.pack(">HH", here, there)
        want = {"v1": b"PROXY TCP6 ::1 ::1 %d %d\r\n" % (here, there), "v2": SIGNATURE + b"\x21\x21\x00\x24" + ends}
        assert everything(s) == want[version]


def test_proxy_protocol_of_both_families(me, built):
    """A socket for both has clients of IPv4 too, and says so."""
    with serving(me, "--accept", "--proxy-protocol", *accepting(me, built, "echo"), at=["--listen", ":0"]) as server:
        assert server.talk(b"").startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")


@pytest.mark.parametrize("version,want", [("v1", b"PROXY UNKNOWN\r\n"), ("v2", SIGNATURE + b"\x20\0\0\0")])
def test_proxy_protocol_of_unix_clients(version, want, me, built):
    at = ["--listen", f"unix:{me.work}/listen"]
    with serving(me, "--accept", f"--proxy-protocol={version}", *accepting(me, built, "echo"), at=at) as server:
        assert server.talk(b"x") == want + b"x"


def test_proxy_protocol_without_accept(who):
    with serving(who, "--proxy-protocol", "--", "/bin/sh", "-c", "read x; echo $x; cat") as server, server.connect() as s:
        here, there = s.getsockname()[1], s.getpeername()[1]
        s.sendall(b"more")
        s.shutdown(socket.SHUT_WR)
        assert everything(s) == b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nmore" % (here, there)


@pytest.mark.parametrize("wait", ["select.select([0], [], [])", "e = select.epoll(); e.register(0, 1 | 1 << 31); e.poll()"], ids=["select", "epoll"])
def test_proxy_protocol_is_waited_for(wait, me, backend):
    script = f"import os, select; {wait}; os.write(1, os.read(0, 5)); {wait.replace('[], [])', '[], [], 5)')}; os.write(1, os.read(0, 100))"
    with serving(me, *backend, "--proxy-protocol", PYTHON, "-c", script) as server, server.connect() as s:
        assert s.recv(5) == b"PROXY"
        assert s.recv(100).startswith(b" TCP4 127.0.0.1 ")


def test_proxy_protocol_of_another_version(me):
    got = me.call("serve", *LOCAL, "--proxy-protocol=v3", "/bin/cat")
    assert (got.code, got.line()) == (125, "sandbox: --proxy-protocol v3: want v1 or v2")
    assert me.refused(125, "--proxy-protocol", "/bin/cat") == "sandbox: --proxy-protocol: only with --template-fd; sandbox serve has it too"


def test_redis_is_another_for_each_connection(me, backend):
    words = ["--", program("redis-server"), "--port", "6379", "--save", "", "--dir", "/tmp", "--io-threads", "1"]
    with serving(me, *backend, "--accept", *words) as server:
        assert ask(server, b"GET", b"key") == b"$-1\r\n"
        assert ask(server, b"SET", b"key", b"of the first") == b"+OK\r\n"
        assert ask(server, b"GET", b"key") == b"$-1\r\n"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_nginx_learns_who_the_client_is(version, me, backend):
    words = nginx(me, "log_format who '$proxy_protocol_addr $proxy_protocol_port'; access_log /dev/stderr who;", "listen 127.0.0.1:8080 proxy_protocol")
    with serving(me, *backend, "--accept", f"--proxy-protocol={version}", "--", *words) as server, server.connect() as s:
        s.sendall(b"GET /page HTTP/1.0\r\n\r\n")
        assert everything(s).endswith(b"\r\n\r\nof the host")
        assert launcher.until(lambda: f"127.0.0.1 {s.getsockname()[1]}\n" in server.said()), server.said()


def nginx(me, more, listen):
    """Words that start it."""
    me.file("page", "of the host")
    me.file("nginx.conf", f"daemon off; worker_processes 2; error_log stderr; pid /tmp/nginx.pid; events {{}} http {{ {more} "
            "client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s; "
            f"server {{ {listen}; root {me.work}; }} }}")
    return [program("nginx"), "-e", "stderr", "-c", me.work / "nginx.conf"]


def test_nginx(me, backend):
    with serving(me, *backend, "--accept", "--", *nginx(me, "access_log off;", "listen 127.0.0.1:8080")) as server:
        assert get(server, "/page") == b"of the host"
        assert get(server, "/page") == b"of the host"


def test_without_its_relay_it_is_refused(me):
    alone = me.work / "sandbox"
    shutil.copy(me.sandbox, alone)
    alone.chmod(0o755)
    words = [*me.wrapper, alone, "serve", *LOCAL, "--accept", "--", "/bin/true"]
    done = subprocess.run(words, capture_output=True, text=True, env=me.environment(), cwd=me.work, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "sandbox: --accept: sandbox-relay is not installed beside sandbox\n"
