# SPDX-License-Identifier: Apache-2.0
"""The binding: the same ABI as C callers have, and what Python adds."""
import asyncio
import gc
import os
import signal
import threading
import time

import pytest

import sandbox
from sandbox import End, Mount, Sandbox, SandboxError, run


def sh(script, **options):
    return run("/bin/sh", "-c", script, **options)


def test_output_and_exit_code():
    r = sh("echo out; echo err >&2; exit 3")
    assert (r.end, r.exit_code, r.stdout, r.stderr) == (End.EXITED, 3, b"out\n", b"err\n")
    assert r.wall > r.start > 0 and r.output == 8 and r.message is None


def test_input():
    assert sh("cat", stdin=b"a\0b").stdout == b"a\0b"
    assert sh("cat").stdout == b""


def test_descriptors():
    ours, theirs = os.pipe()
    r = run("/bin/echo", "hi", stdout=theirs)
    os.close(theirs)
    assert os.read(ours, 100) == b"hi\n" and r.stdout is None
    os.close(ours)


def test_files_given_and_taken():
    r = run("/in/program", files={"/in/data": b"1\0002"}, programs={"/in/program": b"#!/bin/sh\ncat /in/data >/out/x"},
            take=["/out/x", "/out/y"])
    assert r.exit_code == 0 and r.files == {"/out/x": b"1\0002", "/out/y": b""}


def test_mounts(tmp_path):
    (tmp_path / "file").write_text("x")
    r = sh("cat /a/file; touch /a/new; touch /b/new; touch /c/new", mounts=[Mount(str(tmp_path), "/a"), Mount(str(tmp_path), "/b", True), Mount(target="/c")])
    assert r.stdout == b"x" and (tmp_path / "new").exists()
    assert [(d.operation, d.allowed_by) for d in r.denials if "new" in d.path] == [("open", f"--rw {tmp_path}")]


def test_environment_and_user():
    r = sh("echo $A $(pwd) $(id -u)", env={"A": "ä"}, cwd="/usr", user="77:77")
    assert r.stdout.decode() == "ä /usr 77\n"


@pytest.mark.parametrize(
    "program, options, end",
    [
        ("sleep 50", {"wall": 0.3}, End.WALL_TIME),
        ("while :; do :; done", {"cpu": 0.2}, End.CPU_TIME),
        ("yes", {"output": 5000}, End.OUTPUT),
        ("kill -ABRT $$", {}, End.SIGNALLED),
        ("exit 1", {"user": "nobody-knows-him"}, End.FAILED),
    ],
)
def test_ends(program, options, end):
    r = sh(program, **options)
    assert r.end == end
    assert (r.message is None) == (end == End.SIGNALLED) and (r.signal == signal.SIGABRT) == (end == End.SIGNALLED)


def test_truncated_output():
    r = sh("head -c 1000 /dev/zero", limit=10)
    assert r.stdout == bytes(10) and r.truncated


def test_error_is_an_exception_with_its_cause():
    with pytest.raises(SandboxError, match="program") as e:
        run("./relative")
    assert e.value.code == sandbox.Code.INVALID
    with pytest.raises(SandboxError) as e:
        run("/bin/echo", "x" * 200000)
    assert "execve: Argument list too long" in str(e.value.__cause__)


def test_kill_pause_resume_and_timeout():
    with Sandbox("/bin/sleep", "50") as s:
        with pytest.raises(TimeoutError):
            s.wait(0.1)
        with pytest.raises(ValueError):
            s.result()
        s.pause()
        s.resume()
        s.kill()
        assert s.wait().end == End.KILLED
        with pytest.raises(SandboxError):
            s.pause()
    with pytest.raises(ValueError):
        s.wait()


def test_nothing_is_left(held):
    sh("true")
    gc.collect()  # what earlier tests left to it
    me = held(os.getpid())
    before = me.now()
    for _ in range(5):
        sh("echo x")
        Sandbox("/bin/sleep", "50")  # nobody keeps it: it ends
        with Sandbox("/bin/sleep", "50"):
            pass
    gc.collect()
    me.comes_back_to(before)


def test_asyncio_runs_many_at_once_and_goes_on_meanwhile():
    async def one(n):
        async with Sandbox("/bin/sh", "-c", f"sleep 0.3; exit {n}") as s:
            return (await s.wait_async()).exit_code

    async def main():
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticker = asyncio.create_task(tick())
        codes = await asyncio.gather(*(one(n) for n in range(10)))
        ticker.cancel()
        return codes, ticks

    codes, ticks = asyncio.run(main())
    assert codes == list(range(10)) and ticks > 10


def test_asyncio_cancelled():
    async def main():
        async with Sandbox("/bin/sleep", "50") as s:
            await asyncio.wait_for(s.wait_async(), 0.2)

    began = time.monotonic()
    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(main())
    assert time.monotonic() - began < 20


def test_threads():
    codes = []
    threads = [threading.Thread(target=lambda n=n: codes.append(sh(f"exit {n}").exit_code)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(codes) == list(range(8))
