# SPDX-License-Identifier: Apache-2.0
"""Templates and their clones, with the real executable: on backend `process`, which is the one that has them."""
import asyncio
import gc
import json
import os
import select
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from sandbox import Code, End, Mount, Sandbox, SandboxError, Template

# Answers with what it was sent, what it has seen before, and random numbers of the kernel's.
ECHO = """
import json, os, sys
seen = []
request = json.load(sys.stdin)
seen.append(request)
json.dump({"request": request, "seen": seen, "random": os.urandom(16).hex()}, sys.stdout)
"""
# Does what its stdin says, as Python.
DOES = "import json, os, signal, sys, time\nexec(sys.stdin.read())"


@pytest.fixture(scope="module", autouse=True)
def backend():
    with pytest.MonkeyPatch.context() as m:
        m.setenv("SANDBOX_BACKEND", "process")
        yield


def python(code, **options):
    return Template("/usr/bin/python3", "-c", code, timeout=60, **options)


@pytest.fixture(scope="module")
def echo(backend):
    with python(ECHO) as t:
        yield t


@pytest.fixture(scope="module")
def does(backend):
    with python(DOES) as t:
        yield t


def answer(result):
    assert (result.end, result.exit_code, result.stderr) == (End.EXITED, 0, b""), result
    return json.loads(result.stdout)


def children():
    return {int(pid) for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_hundred_calls_of_which_none_sees_another(echo):
    answers = [answer(echo.call(json.dumps(n).encode())) for n in range(100)]
    assert [a["request"] for a in answers] == list(range(100))
    assert all(a["seen"] == [a["request"]] for a in answers)
    assert len({a["random"] for a in answers}) == 100


def test_large_request_and_answer(echo):
    text = "x" * 300000
    assert answer(echo.call(json.dumps(text).encode()))["request"] == text


def test_clones_at_the_same_time(echo):
    pipes = [os.pipe() for _ in range(4)]
    clones = [echo.clone(stdin=theirs) for theirs, _ in pipes]
    for n, (theirs, ours) in reversed(list(enumerate(pipes))):
        os.close(theirs)
        os.write(ours, str(n).encode())
        os.close(ours)
    for n, clone in enumerate(clones):
        with clone:
            assert answer(clone.wait())["seen"] == [n]


def test_threads_on_one_template(echo):
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(answer(echo.call(str(n).encode()))["seen"])) for n in range(6)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(answers) == [[n] for n in range(6)]


def test_result(does):
    r = does.call(b"print('x' * 10)\nsum(range(3000000))\nsys.exit(3)")
    assert (r.end, r.exit_code, r.output, r.message) == (End.EXITED, 3, 11, None)
    assert r.cpu > 0.02 and r.wall > r.start > 0 and r.memory_peak > 0  # it is no child: these are the report's


def test_crash_does_not_hurt_the_template(does):
    r = does.call(b"os.kill(os.getpid(), signal.SIGSEGV)")
    assert (r.end, r.signal) == (End.SIGNALLED, signal.SIGSEGV)
    assert does.call(b"print(1)").stdout == b"1\n"


def test_denials_are_those_of_the_clone(does):
    r = does.call(b"open('/usr/made', 'w')")
    assert r.exit_code == 1 and "/usr/made" in [d.path for d in r.denials]
    assert not does.call(b"").denials


@pytest.mark.parametrize("rest", ["", "os.fork()\n"], ids=["one process", "two"])
def test_limit_of_wall_time(does, rest):
    began = time.monotonic()
    r = does.call(rest.encode() + b"time.sleep(50)", wall=0.5)
    assert r.end == End.WALL_TIME and 0.4 < time.monotonic() - began < 20


def test_limit_of_wall_time_of_all_clones_is_not_the_templates():
    with python("import sys, time\ntime.sleep(0.5)\nexec(sys.stdin.read())", wall=0.4) as t:
        time.sleep(0.5)
        assert t.call(b"print(2)").stdout == b"2\n"
        assert t.call(b"time.sleep(50)").end == End.WALL_TIME


def test_limit_of_output(does):
    assert does.call(b"while True: print('x' * 1000)", output=50000).end == End.OUTPUT


def test_kill(does, held):
    time.sleep(0.5)  # for what earlier tests killed
    me = held(os.getpid())
    before = me.now()
    with does.clone(b"print('on', flush=True)\nos.fork()\ntime.sleep(50)") as s:
        with pytest.raises(TimeoutError):
            s.wait(0.5)
        s.kill()
        r = s.wait()
        assert (r.end, r.stdout) == (End.KILLED, b"on\n")
    me.comes_back_to(before)


COUNTS = b"os.fork()\nn = 0\nwhile True:\n    n += 1\n    if not n % 200000: print(n, flush=True)"


def cpu_of_all():
    """Seconds that this process's descendants that live have used."""
    parents, ticks = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(name)], ticks[int(name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    found, size = {os.getpid()}, 0
    while len(found) != size:
        size = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return sum(ticks[pid] for pid in found - {os.getpid()}) / os.sysconf("SC_CLK_TCK")


def bytes_of(fd):
    """That come within a while."""
    got = b""
    end = time.monotonic() + 0.4
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.05)[0]:
            got += os.read(fd, 4096)
    return got


def test_pause_and_resume(does):
    """Programs that only compute stop too, those of its children; and no other clone does."""
    ours, theirs = os.pipe()
    with does.clone(COUNTS, stdout=theirs) as s:
        os.close(theirs)
        assert bytes_of(ours)
        s.pause()
        bytes_of(ours)  # what it had printed before
        spent = cpu_of_all()
        assert not bytes_of(ours)
        assert cpu_of_all() - spent < 0.2
        assert does.call(b"print(1)").stdout == b"1\n"
        s.resume()
        assert bytes_of(ours)
        s.pause()
        s.kill()
        assert s.wait(20).end == End.KILLED
        with pytest.raises(SandboxError) as e:
            s.pause()
        assert e.value.code == Code.ENDED
    os.close(ours)


def test_paused_clone_ends_at_its_time(does):
    with does.clone(b"while True: pass", wall=1) as s:
        time.sleep(0.3)
        s.pause()
        assert s.wait(30).end == End.WALL_TIME


def test_limit_of_cpu_time(does):
    began = time.monotonic()
    r = does.call(b"os.fork()\nwhile True: pass", cpu=0.5)
    assert r.end == End.CPU_TIME and 0.5 <= r.cpu < 5 and time.monotonic() - began < 30
    assert does.call(b"time.sleep(0.7)\nprint(2)", cpu=0.5).stdout == b"2\n"


def test_limit_of_cpu_time_of_all_clones(backend):
    with python("import sys, time\nsum(range(9000000))\nexec(sys.stdin.read())", cpu=0.3) as t:
        assert t.call(b"print(2)").stdout == b"2\n"  # what the template took is not the clone's
        assert t.call(b"while True: pass").end == End.CPU_TIME
        t.warm(1)
        assert t.call(b"while True: pass").end == End.CPU_TIME


def test_reset(does, held):
    gc.collect()
    before = held(os.getpid()).now()
    with does.clone(b"open('/tmp/own', 'w').write('x')\nprint(os.listdir('/tmp'), os.urandom(8).hex())") as s:
        fd, seen = s.fileno(), set()
        for _ in range(5):
            r = s.wait(20)
            assert r.stdout.startswith(b"['own'] ") and not r.denials
            seen.add(r.stdout)
            s.reset(b"open('/usr/made', 'w')")
            assert s.wait(20).exit_code == 1 and s.fileno() == fd
            s.reset(b"os.fork()\nwhile True: print('x' * 1000)", output=10000)
            s.reset(b"print(os.listdir('/tmp'))", wall=20)
            assert s.wait(20).stdout == b"[]\n"
            s.reset(b"open('/tmp/own', 'w').write('x')\nprint(os.listdir('/tmp'), os.urandom(8).hex())")
        assert len(seen) == 5
    with pytest.raises(ValueError):
        s.reset()
    with Sandbox("/bin/true") as s, pytest.raises(ValueError):
        s.reset()
    held(os.getpid()).comes_back_to(before)


def test_generation(does):
    source = b"print(open('/proc/sys/kernel/random/generation').read())"
    with does.clone(source) as s:
        seen = {s.wait(20).stdout}
        s.reset(source)
        seen.add(s.wait(20).stdout)
    assert len(seen) == 2 and b"0\n\n" not in seen


def test_event_loop(does):
    async def one(n):
        async with does.clone(f"time.sleep(0.2)\nsys.exit({n})".encode()) as s:
            return (await s.wait_async()).exit_code

    async def main():
        return await asyncio.gather(*(one(n) for n in range(5)))

    assert asyncio.run(main()) == list(range(5))


def test_end_before_stdin_is_read():
    with pytest.raises(SandboxError, match="ended before it read its stdin: exit code 3") as e:
        python("import sys\nprint('of no use')\nprint('why it ends', file=sys.stderr)\nsys.exit(3)")
    assert e.value.code == Code.ENDED and str(e.value.__cause__) == "why it ends"
    with pytest.raises(SandboxError, match="could not be started: .*/no/such/program"):
        Template("/no/such/program")
    with pytest.raises(SandboxError, match="within 300 ms"):
        Template("/bin/sleep", "50", timeout=0.3)


def test_freed_with_a_clone_alive(held):
    gc.collect()
    before = held(os.getpid()).now()
    theirs, ours = os.pipe()
    t = python(ECHO)
    clone = t.clone(stdin=theirs)
    os.close(theirs)
    t.close()
    with pytest.raises(ValueError):
        t.call(b"1")
    time.sleep(0.3)
    os.write(ours, b"7")
    os.close(ours)
    with clone:
        assert answer(clone.wait(20))["seen"] == [7]
    held(os.getpid()).comes_back_to(before)


def test_nothing_is_left(held):
    gc.collect()
    me = held(os.getpid())
    before = me.now()
    for _ in range(3):
        with python(DOES) as t:
            t.call(b"print(1)")
            t.clone(b"time.sleep(50)")  # nobody keeps it: it ends
            with t.clone(b"os.fork()\ntime.sleep(50)"):
                pass
        python(DOES).clone(b"time.sleep(50)").close()
    gc.collect()
    me.comes_back_to(before)


def test_template_that_was_killed(held):
    before, others = held(os.getpid()).now(), children()
    with python(DOES) as t:
        [child] = children() - others
        os.kill(child, signal.SIGKILL)
        with pytest.raises(SandboxError) as e:
            t.call(b"")
        assert e.value.code == Code.ENDED
        with pytest.raises(SandboxError):
            t.clone()
    held(os.getpid()).comes_back_to(before)


def test_clones_made_in_advance(held):
    gc.collect()
    before = held(os.getpid()).now()
    with python(DOES) as t:
        t.warm(2)
        time.sleep(0.7)
        assert [t.call(b"print(%d)" % n).stdout for n in range(6)] == [b"%d\n" % n for n in range(6)]
        assert len({t.call(b"print(os.urandom(9))").stdout for _ in range(4)}) == 4
        r = t.call(b"print(1, flush=True)\ntime.sleep(50)", wall=0.5)
        assert (r.end, r.stdout) == (End.WALL_TIME, b"1\n") and 0.4 < r.wall < 20
        time.sleep(1)
        assert t.call(b"", wall=20).wall < 1  # without the time that it waited
        t.warm(0)
        t.warm(1)
    held(os.getpid()).comes_back_to(before)


def test_files_and_mounts(tmp_path):
    (tmp_path / "word").write_text("of the host")
    with python("import sys\na = open('/in/a').read()\nsys.stdin.read()\nprint(a, open('/m/word').read(), open('/in/b').read())",
                files={"/in/a": b"given", "/in/b": b"later"}, mounts=[Mount(str(tmp_path), "/m")]) as t:
        assert [t.call(b"").stdout for _ in range(2)] == [b"given of the host later\n"] * 2


def test_what_a_clone_writes_in_memory_is_its_own():
    with python("import os, sys\nopen('/tmp/x', 'w').write('begun')\nn = sys.stdin.read()\n"
                "print(open('/tmp/x').read())\nopen('/tmp/x', 'w').write(n)\nprint(open('/tmp/x').read())") as t:
        assert [t.call(n).stdout for n in (b"1", b"2")] == [b"begun\n1\n", b"begun\n2\n"]


def test_streams_are_the_clones():
    with pytest.raises(TypeError):
        python(ECHO, stdin=b"")


# Counts connections, and answers with what it was sent.
SERVER = """
import socket, sys
s = socket.create_server(("127.0.0.1", 8000))
for n in range(100):
    c, peer = s.accept()
    data = b""
    while part := c.recv(1 << 16):
        data += part
    c.sendall(b"%d %s " % (n, peer[0].encode()) + data)
    print("logged", flush=True)
    c.close()
"""


@pytest.mark.parametrize("accept", ["", "8000"])
def test_server_that_accepts_by_itself(held, accept):
    before = held(os.getpid()).now()
    with python(SERVER, accept=accept) as t:
        for data in (b"one", b"two" * 200000):
            r = t.call(data)
            assert (r.end, r.exit_code, r.stdout, r.stderr) == (End.EXITED, 0, b"0 127.0.0.1 " + data, b"logged\n")
        t.warm(2)
        assert [t.call(b"x").stdout for _ in range(4)] == [b"0 127.0.0.1 x"] * 4
    held(os.getpid()).comes_back_to(before)


def test_connection_of_a_clients_socket():
    ours, theirs = socket.socketpair()
    with python(SERVER, accept="") as t, theirs, t.clone(stdin=theirs.fileno(), stdout=theirs.fileno()) as clone:
        theirs.close()
        ours.sendall(b"x")
        ours.shutdown(socket.SHUT_WR)
        assert ours.recv(100) == b"0 127.0.0.1 x"
        assert clone.wait(20).exit_code == 0 and ours.recv(1) == b""


def test_servers_that_do_not_accept():
    with pytest.raises(SandboxError, match="ended before it listened: exit code 3") as e:
        python("import sys\nprint('why')\nsys.exit(3)", accept="")
    assert str(e.value.__cause__) == "why"
    with pytest.raises(SandboxError, match="did not listen within 900 ms"):
        Template("/bin/sleep", "50", timeout=0.9, accept="")
    with pytest.raises(SandboxError, match="ended before it listened: exit code 125") as e:
        python("import socket, time\na, b = [socket.create_server(('127.0.0.1', p)) for p in (81, 82)]\na.accept()", accept="")
    assert "listens on 81, 82: " in str(e.value.__cause__)
    with pytest.raises(SandboxError, match="could not be started: .*--accept x: want a port"):
        Template("/bin/cat", accept="x")
