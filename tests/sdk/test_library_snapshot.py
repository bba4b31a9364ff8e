# SPDX-License-Identifier: Apache-2.0
"""Snapshots by the library. Where there are none, that is said, and what cannot go on is refused all the same."""
import os

import pytest

from sandbox import Code, End, Mount, Sandbox, SandboxError


def make(path, script, **options):
    with Sandbox.snapshot(str(path), "/bin/sh", "-c", script, **options) as s:
        return s.wait(100)


def go_on(path, stdin=b"", **options):
    with Sandbox.restore(str(path), stdin, **options) as s:
        return s.wait(100)


@pytest.fixture
def snap(tmp_path):
    """Makes one and returns its path and what it ended with; skips where there are none."""
    if "has no snapshots" in (make(tmp_path / "try", "read a").message or ""):
        pytest.skip("no backend here has snapshots")

    def made(script, **options):
        r = make(tmp_path / "x.snap", script, **options)
        assert r.end == End.SNAPSHOT, r
        return tmp_path / "x.snap", r

    return made


def test_goes_on(snap, tmp_path):
    path, r = snap("a=before; echo start; echo err >&2; read l; echo $a $l; exit 7")
    assert (r.stdout, r.stderr, r.message, r.signal) == (b"start\n", b"err\n", None, 0)
    assert oct(path.stat().st_mode & 0o777) == "0o600" and set(os.listdir(tmp_path)) == {"try", "x.snap"}
    for word in (b"one", b"two"):
        r = go_on(path, word + b"\n")
        assert (r.end, r.exit_code, r.stdout) == (End.EXITED, 7, b"before " + word + b"\n"), r


def test_compressed_with_mounts(snap, tmp_path):
    (tmp_path / "data").write_bytes(b"x" * 10000)
    path, _ = snap("read l; wc -c </in/data", mounts=[Mount(str(tmp_path), "/in")], compress=True)
    assert go_on(path, b"\n").stdout == b"10000\n"


def test_handle(snap):
    path, _ = snap("read l; case $l in spin) while :; do :; done;; flood) yes;; denied) touch /usr/x;; *) sleep 100;; esac")
    assert go_on(path, b"spin\n", wall=1).end == End.WALL_TIME
    assert go_on(path, b"spin\n", cpu=0.5).end == End.CPU_TIME
    assert go_on(path, b"flood\n", output=5000).end == End.OUTPUT
    assert "/usr/x" in [d.path for d in go_on(path, b"denied\n").denials]
    with Sandbox.restore(str(path), b"sleep\n") as s:
        s.pause()
        s.resume()
        s.kill()
        assert s.wait(60).end == End.KILLED


def test_no_snapshot(snap, tmp_path):
    bad = tmp_path / "no.snap"
    r = make(bad, "exit 3")
    assert r.end == End.FAILED and r.message.endswith("no snapshot (exit code 3)") and not bad.exists()
    assert make(bad, "sleep 50; read a", wall=1).end == End.WALL_TIME and not bad.exists()


def test_damaged(snap):
    path, _ = snap("read l")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    r = go_on(path)
    assert r.end == End.NOT_STARTED and r.message == f"{path} is damaged: its head"


def test_where_there_are_none(tmp_path, monkeypatch):
    monkeypatch.setenv("SANDBOX_BACKEND", "process")
    monkeypatch.delenv("SANDBOX_HOME_KIND", raising=False)
    r = make(tmp_path / "x", "read a")
    assert r.end == End.NOT_STARTED and "has no snapshots" in r.message and not os.listdir(tmp_path)


def test_refused(tmp_path):
    path = tmp_path / "foreign"
    assert go_on(path).message == f"{path}: No such file or directory"
    path.write_bytes(b"x" * 9000)
    path.chmod(0o600)
    r = go_on(path)
    assert r.end == End.NOT_STARTED and "is not a snapshot" in r.message
    path.chmod(0o622)
    assert "can be written by others" in go_on(path).message


def test_errors(tmp_path):
    with pytest.raises(SandboxError, match="path: must be an absolute path") as e:
        Sandbox.restore("x")
    assert e.value.code == Code.INVALID
    with pytest.raises(SandboxError, match="cannot be made"):
        make(tmp_path / "no" / "x", "read a")
