# SPDX-License-Identifier: Apache-2.0
"""The example of a judge: what it answers, what it refuses, how it ends."""
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

import judge_load
from judge import Judge

HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }'
LOOP = "int main(void) { for (;;); }"


def state(pid):
    """As in proc(5); Z where there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def children(pid):
    """Numbers and command lines."""
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                found.append((int(child), Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")))
        except OSError:
            continue
    return found


@pytest.fixture(scope="module")
def judge(build):
    with Judge(build, "--cpu", "1", "--wall", "20") as j:
        yield j


def test_program_runs(judge):
    answer = judge.run(HELLO)
    assert answer["compile"]["exit_code"] == 0 and answer["accepted"] is None
    r = answer["run"]
    assert (r["end"], r["exit_code"], r["signal"], r["stdout"], r["stderr"]) == ("exited", 0, None, "hello\n", "")
    assert r["memory"] > 0 and r["wall_ms"] >= 0 and not r["truncated"]


@pytest.mark.parametrize("given, accepted", [("40 2", True), ("40 3", False)])
def test_output_is_compared(judge, given, accepted):
    source = '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }'
    assert judge.run(source, stdin=given, expected="42")["accepted"] is accepted


def test_output_longer_than_what_is_shown_is_compared(judge):
    source = '#include <stdio.h>\nint main(void) { for (int i = 0; i < 100000; i++) putchar(120); puts("%s"); }'
    for end, accepted in (("y", True), ("z", False)):
        answer = judge.run(source % "y", expected="x" * 100000 + end)
        assert answer["accepted"] is accepted
        assert answer["run"]["truncated"] and answer["run"]["stdout"] == "x" * (64 << 10)


def test_zero_at_the_end_is_no_blank(judge):
    assert judge.run('#include <stdio.h>\nint main(void) { fwrite("a\\0", 1, 2, stdout); }', expected="a")["accepted"] is False


def test_compile_errors(judge):
    answer = judge.run("int main(void) { return x; }")
    assert answer["run"] is None and answer["compile"]["exit_code"] == 1 and "‘x’ undeclared" in answer["compile"]["stderr"]


@pytest.mark.parametrize(
    "source, end",
    [
        (LOOP, "cpu-time"),
        ('#include <stdio.h>\nint main(void) { for (;;) puts("spam"); }', "output"),
        ("#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) memset(malloc(1 << 20), 1, 1 << 20); }", "memory"),
        ("#include <stdlib.h>\nint main(void) { abort(); }", "signalled"),
    ],
)
def test_bad_programs_are_an_answer(judge, source, end):
    r = judge.run(source)["run"]
    assert r["end"] == end and (r["signal"] == "SIGABRT") == (end == "signalled")
    assert len(r["stdout"]) <= 64 << 10


def test_denials_have_the_option_that_helps(judge):
    r = judge.run('#include <fcntl.h>\nint main(void) { return open("/usr/new", O_CREAT | O_WRONLY, 0600) >= 0; }')["run"]
    assert {"operation": "open", "path": "/usr/new", "allowed_by": "--rw /usr"} in r["denied"]


def test_output_of_any_bytes_is_json(judge):
    r = judge.run('#include <stdio.h>\nint main(void) { fwrite("a\\0\\xff\\xed\\xa0\\x80\\xc3\\xa4\\xf0\\x9f", 1, 10, stdout); }')["run"]
    assert r["stdout"] == "a\0" + "\ufffd" * 4 + "ä" + "\ufffd" * 2


@pytest.mark.parametrize("path", ["/etc/shadow", "/proc/1/environ", "/home"])
def test_compiler_cannot_read_what_is_the_hosts(judge, path):
    answer = judge.run(f'#include "{path}"\nint main(void) {{ }}')
    assert answer["run"] is None and "root:" not in json.dumps(answer)


@pytest.mark.parametrize(
    "body, kind, status",
    [
        (b"{", "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"source": 1}', "application/json", 400),
        (b'{"source": "x", "stdin": []}', "application/json", 400),
        (b"[" * 100000, "application/json", 400),
        (b'{"source": "x", "stdin": {}}', "application/json", 400),
        (b'{"source": "x", "other": "y"}', "application/json", 400),
        (b'{"source": "x", "source": "y"}', "application/json", 400),
        (b'{"source": "x", "stdin": "", "expected": "", "other": 1}', "application/json", 400),
        (b'{"source": "x\\', "application/json", 400),
        (b'{"source": "\xff"}', "application/json", 400),
        (b"", "application/json", 400),
        (b'{"source": "x"}', "text/plain", 415),
        (b'{"source": "' + b"x" * (256 << 10) + b'"}', "application/json", 413),
    ],
)
def test_refused(judge, body, kind, status):
    got, _, answer = judge.post(body, kind)
    assert got == status and json.loads(answer)["error"]


def test_other_requests(judge):
    assert judge.request("GET", "/nothing")[0] == 404
    assert judge.request("POST", "/", b"", {"Content-Type": "application/json"})[0] == 404
    assert judge.request("DELETE", "/run")[0] == 405
    status, headers, page = judge.request("GET", "/")
    assert status == 200 and b"<textarea" in page and "default-src 'none'" in headers["Content-Security-Policy"]
    assert judge.request("HEAD", "/")[2] == b""


def test_body_without_an_end_is_cut(judge):
    """Chunks, of which no header says how many."""
    with socket.create_connection(("127.0.0.1", judge.port), timeout=60) as s:
        s.sendall(b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(20):
            s.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
        s.sendall(b"0\r\n\r\n")
        assert b" 413 " in s.recv(100)


def test_body_that_goes_on_for_long_is_closed(judge):
    with socket.create_connection(("127.0.0.1", judge.port), timeout=60) as s:
        s.sendall(b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        with pytest.raises(OSError):
            for _ in range(10000):
                s.sendall(b"8000\r\n" + b"x" * 0x8000 + b"\r\n")
    assert not any(judge.status().values())


def test_quotes_and_brackets_in_texts_are_texts(judge):
    source = '#include <stdio.h>\nint main(void) { int a[] = {1, 2, 3}, b[] = {4}; printf("\\"%d,{[\\\\\\"\\n", a[2] + b[0]); }'
    assert judge.run(source, expected='"7,{[\\"')["accepted"] is True


def test_too_few_descriptors_are_said_at_the_start(build):
    done = subprocess.run(["prlimit", "--nofile=130", build / "sandbox-judge", "--listen", "127.0.0.1:0", "--workers", "1", "--queue", "64"],
                          capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and "--queue" in done.stderr, done.stderr


def test_low_limit_of_descriptors_is_raised(build):
    low = ["prlimit", "--nofile=130:4096", build / "sandbox-judge", "--listen", "127.0.0.1:0", "--workers", "1", "--queue", "64"]
    with subprocess.Popen(low, stdout=subprocess.PIPE, text=True) as p:
        assert p.stdout.readline().startswith("http://")
        p.terminate()
        assert p.wait(60) == 0


def post_at_once(judge, source, n, got):
    """The threads that do; answers go to got."""
    threads = [threading.Thread(target=lambda: got.append(judge.post({"source": source}))) for _ in range(n)]
    for t in threads:
        t.start()
    return threads


def test_full_line_is_503_with_retry_after(build):
    got = []
    with Judge(build, "--workers", "1", "--queue", "1", "--cpu", "1") as judge:
        for t in post_at_once(judge, HELLO, 12, got):
            t.join()
    statuses = [status for status, _, _ in got]
    assert set(statuses) == {200, 503} and len(got) == 12
    for status, headers, body in got:
        assert (headers["Retry-After"] == "1") == (status == 503)
        assert status == 503 or json.loads(body)["run"]["stdout"] == "hello\n"


def until(condition, what, seconds=120):
    """What is true of the condition, once it is."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"never came: {what}"
        time.sleep(0.02)
    return found


def stopped_sandbox(judge):
    """Stops one that is at work; None if there is none that could be."""
    for pid, _ in children(judge.pid):
        os.kill(pid, signal.SIGSTOP)
        until(lambda: state(pid) in "TZ", f"process {pid} is stopped")
        if state(pid) == "T":
            return pid
    return None


def test_terminated_when_what_runs_is_done(build):
    """The first one is held by its sandbox until the others are in line."""
    got = []
    with Judge(build, "--workers", "1", "--cpu", "1", "--wall", "120") as judge:
        threads = post_at_once(judge, LOOP, 3, got)
        pid = until(lambda: stopped_sandbox(judge), "a sandbox at work")
        until(lambda: judge.status() == {"running": 1, "waiting": 2}, "one runs, two wait")
        judge.process.terminate()
        os.kill(pid, signal.SIGCONT)
        for t in threads:
            t.join()
        assert judge.process.wait(120) == 0
    assert sorted(status for status, _, _ in got) == [200, 503, 503]


def in_run_stage(judge):
    return [pid for pid, words in children(judge.pid) if b"/submission/program" in words and b"/usr/bin/gcc" not in words]


def test_second_signal_ends_it_at_once_with_its_sandboxes(build):
    with Judge(build, "--workers", "1", "--cpu", "3600", "--wall", "3600") as judge:
        client = threading.Thread(target=lambda: pytest.raises(OSError, judge.post, {"source": "#include <unistd.h>\nint main(void) { pause(); }"}))
        client.start()
        sandboxes = until(lambda: in_run_stage(judge), "the program runs")
        judge.process.terminate()
        # taken when it is pending no more
        until(lambda: not int(re.search(r"ShdPnd:\s*(\w+)", Path(f"/proc/{judge.pid}/status").read_text()).group(1), 16), "the signal is taken")
        time.sleep(0.3)
        assert judge.process.poll() is None
        judge.process.terminate()
        assert judge.stop() == -signal.SIGTERM
        client.join()
    until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") for pid in sandboxes), "the sandboxes' end", 30)


def test_help_and_mistakes(build):
    done = subprocess.run([build / "sandbox-judge", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--queue" in done.stdout
    for words in (["--listen", "nowhere"], ["--workers", "0"], ["--cpu", "x"], ["what"], ["--listen", "300.1.1.1:80"]):
        done = subprocess.run([build / "sandbox-judge", *words], capture_output=True, text=True)
        assert done.returncode and "sandbox-judge: " in done.stderr


@pytest.mark.skipif(not shutil.which("wrk"), reason="package wrk is not installed")
def test_hostile_load():
    said, answers, wrong = judge_load.load(20)
    print(said)
    assert not wrong and answers["good"], said
