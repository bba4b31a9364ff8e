# SPDX-License-Identifier: Apache-2.0
"""The example of a function server."""
import http.client
import os
import signal
import subprocess
import threading
import time

import pytest

FUNCTION = """#!/usr/bin/python3
import json, os, signal, sys, time
calls = []
what = sys.stdin.read()
calls.append(what)
print("said", file=sys.stderr)
if what == "crash":
    os.kill(os.getpid(), signal.SIGSEGV)
if what == "hang":
    time.sleep(50)
if what == "fail":
    sys.exit(3)
while what == "flood":
    print("x" * 1000)
if what == "wait":
    time.sleep(1)
sys.stdout.write(f"{len(calls)} {what.upper()}")
"""


class Server:
    def __init__(self, build, *words):
        self.process = subprocess.Popen([build / "sandbox-faas", "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env={**os.environ, "SANDBOX_BACKEND": "process"})
        url = self.process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), (url, self.process.stderr.read())
        self.port = int(url.rstrip("/").rsplit(":", 1)[1])

    def request(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def post(self, body, name="upper"):
        return self.request("POST", f"/{name}", body)

    def stop(self):
        """Its exit code, and what it said."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@pytest.fixture(scope="module")
def function(tmp_path_factory):
    path = tmp_path_factory.mktemp("functions") / "upper.py"
    path.write_text(FUNCTION)
    path.chmod(0o755)
    return path


@pytest.fixture
def serve(build, function):
    started = []

    def start(*words):
        started.append(Server(build, *words, f"upper={function}"))
        return started[-1]

    yield start
    for s in started:
        s.process.kill()
        s.process.communicate()


@pytest.mark.parametrize("words", [[], ["--warm", "3"]], ids=["cold", "warm"])
def test_answers_and_failures(serve, words):
    s = serve(*words, "--wall", "1", "--output", "64", "--body", "256")
    assert [s.post(f"word {n}") for n in range(10)] == [(200, f"1 WORD {n}") for n in range(10)]
    assert s.post("y" * 200000) == (500, "it wrote more output than was wanted\n")
    assert s.post("y" * 50000) == (200, "1 " + "Y" * 50000)
    assert s.post("crash") == (500, "signal 11\n")
    assert s.post("fail") == (500, "exit code 3\n")
    assert s.post("flood") == (500, "it wrote more output than was wanted\n")
    assert s.post("hang") == (504, "it ran longer than wall_ns allows\n")
    assert s.post("") == (200, "1 ")
    assert s.stop()[0] == 0


def test_what_it_does_not_serve(serve):
    s = serve("--body", "1")
    assert s.post("", "nothing")[0] == 404
    assert s.request("GET", "/upper")[0] == 405
    assert s.post("x" * 1025)[0] == 413
    assert s.post("x" * 1024)[0] == 200


def test_stderr_is_the_servers(serve):
    s = serve()
    s.post("x")
    code, said = s.stop()
    assert (code, said) == (0, "upper: said\n")


def test_calls_at_the_same_time(serve):
    s, got = serve("--calls", "4"), []
    threads = [threading.Thread(target=lambda: got.append(s.post("wait"))) for _ in range(4)]
    began = time.monotonic()
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == [(200, "1 WAIT")] * 4 and time.monotonic() - began < 3.5


def test_template_that_is_gone_is_started_again(serve, held):
    s = serve()
    before = held(s.process.pid).descriptors()
    [child] = [int(pid) for pid in open(f"/proc/{s.process.pid}/task/{s.process.pid}/children").read().split()]
    os.kill(child, signal.SIGKILL)
    assert s.post("again") == (200, "1 AGAIN")
    assert s.post("again") == (200, "1 AGAIN")
    end = time.monotonic() + 10
    while held(s.process.pid).descriptors() != before and time.monotonic() < end:
        time.sleep(0.05)  # the client's connection goes
    assert held(s.process.pid).descriptors() == before


def test_terminated_when_what_runs_is_done(serve, held):
    s, got = serve(), []
    t = threading.Thread(target=lambda: got.append(s.post("wait")))
    t.start()
    time.sleep(0.5)
    assert s.stop()[0] == 0
    t.join()
    assert got == [(200, "1 WAIT")]


@pytest.mark.parametrize(
    "words, said",
    [
        (["no=/no/such/file"], "sandbox-faas: no: /no/such/file: No such file or directory\n"),
        (["early=/bin/true"], "sandbox-faas: early: the program ended before it read its stdin: exit code 0\n"),
    ],
)
def test_program_that_does_not_get_ready(build, words, said):
    done = subprocess.run([build / "sandbox-faas", *words], capture_output=True, text=True, timeout=60, env={**os.environ, "SANDBOX_BACKEND": "process"})
    assert (done.returncode, done.stderr) == (1, said)


def test_help_and_mistakes(build):
    for words, code, said in ((["--help"], 0, "NAME=PROGRAM"), ([], 64, "NAME=PROGRAM"), (["x"], 64, "NAME=PROGRAM"), (["--wall", "0", "a=b"], 64, "want a number")):
        done = subprocess.run([build / "sandbox-faas", *words], capture_output=True, text=True, timeout=60)
        assert done.returncode == code and said in done.stdout + done.stderr
