# SPDX-License-Identifier: Apache-2.0
"""What running sandboxes show of themselves: ps, top, metrics, trace; and that nothing of it stays or is the guest's."""

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

import launcher
import terminal

WORK = ["/bin/sh", "-c", "echo ready; while :; do cat /etc/passwd >/dev/null; done"]
IDLE = ["/bin/sh", "-c", "echo ready; exec sleep 60"]


@pytest.fixture
def mine(who, monkeypatch):
    """A caller whose state is nobody else's: XDG_RUNTIME_DIR of its own."""
    place = who.home / "runtime"
    place.mkdir(mode=0o700)
    os.chown(place, who.uid, who.uid)
    plain = who.environment
    monkeypatch.setattr(who, "environment", lambda **more: plain(XDG_RUNTIME_DIR=str(place), **more))
    who.state = place / "sandbox"
    return who


def listed(who, *ours):
    """Those of `ours`: other sandboxes of this user may run on the machine."""
    found = json.loads(who.call("ps", "--json").out)
    return [s for s in found if s["name"] in ours]


def test_ps_lists_sandboxes_with_names_until_they_end(mine):
    with launcher.running(mine, "--name", "first", *WORK), launcher.running(mine, "--name", "second", "--mem", "256M", *IDLE) as second:
        first, other = listed(mine, "first", "second")
        assert (first["name"], other["name"]) == ("first", "second")
        assert first["program"] == "/bin/sh" and first["id"] != other["id"]
        assert other["limits"]["memory_bytes"] == 256 << 20
        assert first["guest_memory_bytes"] > 0 and first["resident_bytes"] > 0 and first["system_calls"] > 0
        assert sum(first["exits"].values()) > 0 and first["channel"]["open"]["count"] > 0
        text = mine.call("ps").out
        assert re.search(rf"^{first['id']}  first +\S+ +\d+s +[\d.]+s +[\d.]+ \w+  /bin/sh$", text, re.M), text
        os.killpg(second.pid, signal.SIGTERM)
        second.wait()
        assert [s["name"] for s in listed(mine, "first", "second")] == ["first"]
    assert listed(mine, "first", "second") == []


def test_counts_grow(mine):
    with launcher.running(mine, "--name", "busy", *WORK):
        before = listed(mine, "busy")[0]
        assert launcher.until(lambda: listed(mine, "busy")[0]["channel"]["open"]["count"] > before["channel"]["open"]["count"])
        after = listed(mine, "busy")[0]
        assert after["system_calls"] > before["system_calls"] and sum(after["exits"].values()) > sum(before["exits"].values())


def test_denials_are_counted(mine):
    with launcher.running(mine, "--name", "denied", "/bin/sh", "-c", "echo x >/usr/forbidden; echo ready; exec sleep 60"):
        assert listed(mine, "denied")[0]["denials"] == 1


def test_the_state_is_its_users_alone(mine):
    with launcher.running(mine, *IDLE):
        assert stat.S_IMODE(mine.state.stat().st_mode) == 0o700 and mine.state.stat().st_uid == mine.uid
        assert [stat.S_IMODE(f.stat().st_mode) for f in mine.state.iterdir()] == [0o600]


def test_kill_9_leaves_nothing_behind_the_next_ps(mine):
    with launcher.running(mine, "--name", "killed", *IDLE) as process:
        pid = listed(mine, "killed")[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        process.wait()
        assert len(list(mine.state.iterdir())) == 1
        assert listed(mine, "killed") == []
        assert list(mine.state.iterdir()) == []


def test_kill_9_leaves_a_file_that_the_next_run_or_ps_takes_away(mine):
    """Killed launchers' places are taken over; that a clean end leaves few files is the next test's."""
    for _ in range(12):
        with launcher.running(mine, "--name", "killed", *IDLE) as process:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
    assert 1 <= len(list(mine.state.iterdir())) <= 8
    assert listed(mine, "killed") == [] and list(mine.state.iterdir()) == []


def test_files_of_ended_runs_do_not_pile_up(mine):
    for _ in range(12):
        assert mine.run("/bin/true").code == 0
    assert len(list(mine.state.iterdir())) <= 8


def test_a_guest_cannot_reach_the_state_although_what_is_above_is_granted(mine):
    name = mine.state.parent
    script = f"ls -d {name}/sandbox; ls {name}/sandbox/; echo x >{name}/sandbox/0; rm -rf {name}/sandbox; mv {name}/sandbox {name}/gone; true"
    got = mine.run("--rw", name, "/bin/sh", "-c", script)
    assert got.code == 0 and "Permission denied" in got.err
    assert mine.state.is_dir() and not (name / "gone").exists()
    assert all(f.name.isdigit() and not any(f.read_bytes()) for f in mine.state.iterdir())


def test_the_state_cannot_be_granted(mine):
    assert mine.run("/bin/true").code == 0
    for name in (mine.state, next(mine.state.iterdir())):
        got = mine.run("--rw", name, "/bin/true")
        assert (got.code, got.line()) == (125, f"sandbox: cannot grant {name}: sandboxes show their state there, which none may reach")


def test_a_guest_cannot_make_a_place_that_is_not_there_yet(mine):
    """Each directory that the state could be in is there when the program runs, and not the program's."""
    name = Path(f"/tmp/sandbox-{mine.uid}")
    got = mine.run("--rw", "/tmp", "/bin/sh", "-c", f"mkdir {name} && echo made; ls {name}")
    assert got.out == "" and "Permission denied" in got.err and name.is_dir()


def test_a_directory_by_two_names_is_listed_once(root):
    other = root.elsewhere("--bind", f"{root.sandbox.parent}:/mnt", "--tmpfs", "/run", "--tmpfs", "/tmp")
    script = 'mkdir -p -m 700 /run/user/0; mkfifo /run/go; /mnt/sandbox run --name twice /bin/sh -c "echo ready; read x; true" </run/go >/run/out & exec 3>/run/go\n' \
             'until grep -q ready /run/out; do sleep 0.1; done; XDG_RUNTIME_DIR=/run/user/0/ /mnt/sandbox ps --json; echo >&3; wait'
    done = subprocess.run([*other.wrapper, "/bin/sh", "-c", script], capture_output=True, text=True, env=root.environment(), cwd="/", timeout=60, check=False)
    assert [s["name"] for s in json.loads(done.stdout)] == ["twice"], done


def test_a_limit_on_files_is_a_sentence_not_a_signal(mine):
    script = 'ulimit -f 0; exec "$@"'
    words = ["/bin/sh", "-c", script, "sh", *mine.words("run", "-v", "/bin/echo", "ran")]
    done = subprocess.run(words, capture_output=True, text=True, env=mine.environment(), cwd=mine.work, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (125, ""), done
    assert "no place for the state that `sandbox ps` shows: File too large" in done.stderr
    assert done.stderr.endswith("sandbox: cannot map 1024 MiB of guest memory: File too large (ulimit -f)\n")


@pytest.mark.parametrize("name", ["", "a b", "-x", "a/b", "x" * 65, "a\n"])
def test_names_that_are_none(name, me):
    assert me.refused(125, f"--name={name}", "/bin/true").startswith("sandbox: --name ")


def test_hostile_files_are_not_shown_and_harm_nobody(mine):
    mine.run("/bin/true")
    (mine.state / "101").write_bytes(os.urandom(5000))
    (mine.state / "102").symlink_to("/etc/passwd")
    os.mkfifo(mine.state / "103")
    (mine.state / "keep").write_text("mine")
    for path in mine.state.iterdir():
        os.chown(path, mine.uid, mine.uid, follow_symlinks=False)
    got = mine.call("ps", "--json", timeout=10)
    assert got.code == 0 and json.loads(got.out) is not None
    assert (mine.state / "keep").exists() and os.path.exists("/etc/passwd") and not (mine.state / "101").exists()


def test_a_directory_that_others_can_enter_is_not_used(mine):
    mine.state.mkdir()
    mine.state.chmod(0o755)
    os.chown(mine.state, mine.uid, mine.uid)
    assert mine.run("/bin/true").code == 0
    assert list(mine.state.iterdir()) == []


def test_a_run_goes_on_where_there_is_no_place(root):
    """Everything that could hold it is full: -v says so."""
    # the sandbox's own binary lies below /tmp, which is replaced: it is mounted again beside it
    other = root.elsewhere("--bind", f"{root.sandbox.parent}:/mnt", "--tmpfs", "/run:8k", "--tmpfs", "/tmp:8k")
    fill = 'for d in /run /tmp; do dd if=/dev/zero of=$d/full bs=4k count=9 2>/dev/null; done; exec /mnt/sandbox run "$@"'
    words = [*other.wrapper, "/bin/sh", "-c", fill, "sh", "-v", "/bin/echo", "ran"]
    done = subprocess.run(words, capture_output=True, text=True, env=root.environment(), cwd="/", check=False)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done
    assert "no place for the state that `sandbox ps` shows: No space left on device" in done.stderr


def on_terminal(who, *words, size):
    return terminal.Terminal(who.words(*words), who.work, who.environment(TERM="xterm"), size)


def screen(shown):
    """The lines of the last picture, as they stand on the screen."""
    last = shown.decode().split("\x1b[H")[-1].split("\x1b[J")[0]
    return [re.sub(r"\x1b\[[?\d]*[A-Za-z]", "", line).rstrip("\r") for line in last.split("\n")]


@pytest.mark.parametrize("columns", [80, 200])
def test_top_fits_its_window_and_obeys_keys(columns, mine):
    with launcher.running(mine, "--name", "worker", *WORK), launcher.running(mine, "--name", "idler", *IDLE):
        with on_terminal(mine, "top", "-d", "0.3", size=(24, columns)) as t:
            t.expect(b"by CPU")
            t.expect(b"worker")
            t.send(b"m")
            t.expect(b"by memory")
            t.send(b"a")
            t.expect(b"by age")
            t.expect(b"by age")
            t.expect(b"\x1b[J")
            lines = screen(t.shown)
            assert max(map(len, lines)) < columns and len(lines) <= 24
            rows = [line for line in lines if line.startswith(("worker", "idler"))]
            assert [row.split()[0] for row in rows][:2] == ["worker", "idler"]
            assert ("EXITS/s BY REASON" in lines[1]) == (columns == 200)
            assert any("/bin/sh" in line for line in lines)
            before = t.mode()
            t.send(b"q")
            assert t.code() == 0
            t.collect(0.1, 1)
            assert t.shown.endswith(b"\x1b[?25h\x1b[?1049l")
            assert t.mode()[3] & ~before[3], "echo and lines are back"


def test_top_fits_a_window_that_is_narrower_than_its_numbers(mine):
    with launcher.running(mine, "--name", "worker", *WORK):
        with on_terminal(mine, "top", "-d", "0.3", size=(24, 40)) as t:
            t.expect(b"worker")
            t.expect(b"\x1b[J")
            assert max(map(len, screen(t.shown))) < 40
            t.send(b"q")
            assert t.code() == 0


def test_top_follows_a_change_of_size(mine):
    with launcher.running(mine, "--name", "worker", *WORK):
        with on_terminal(mine, "top", "-d", "5", size=(24, 80)) as t:
            t.expect(b"worker")
            t.resize(24, 200)
            t.expect(b"BY REASON", patience=4)
            t.send(b"q")
            assert t.code() == 0


def test_top_prints_plain_lines_where_there_is_no_terminal(mine):
    with launcher.running(mine, "--name", "worker", *WORK):
        got = mine.call("top", "-n", "2", "-d", "0.2")
        assert got.code == 0 and "\x1b" not in got.out
        assert len(re.findall(r"^worker ", got.out, re.M)) == 2
        pictures = [json.loads(line) for line in mine.call("top", "-n", "2", "-d", "0.3", "--json").out.splitlines()]
        rates = [s for s in pictures[1]["sandboxes"] if s["name"] == "worker"][0]
        assert rates["channel_operations_per_second"] > 0 and sum(rates["exits_per_second"].values()) > 0


@pytest.mark.parametrize("words", [["top", "-n", "0"], ["top", "-d", "0"], ["top", "x"], ["ps", "x"], ["metrics", "x"], ["metrics", "--listen", "x"],
                                   ["metrics", "--listen", "127.0.0.1:65536"], ["metrics", "--listen", "127.0.0.1:+1"], ["metrics", "--listen", "127.0.0.1:"],
                                   ["metrics", "--json", "--listen", "127.0.0.1:0"], ["trace"], ["trace", "x"], ["trace", "--host", "no-such"]], ids=" ".join)
def test_mistakes_are_one_line(words, me):
    got = me.call(*words)
    assert got.code == 125 and got.out == "" and got.line().startswith("sandbox: ")


def check_metrics(text):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_metrics_are_what_prometheus_wants(mine):
    with launcher.running(mine, "--name", "measured", *WORK):
        got = mine.call("metrics")
        assert got.code == 0 and got.err == ""
        assert re.search(r'^sandbox_channel_operations_total\{id="\w{12}",name="measured",operation="open"\} [1-9]', got.out, re.M)
        assert re.search(r'^sandbox_exits_total\{id="\w{12}",name="measured",reason="[\w-]+"\} [1-9]', got.out, re.M)
        assert json.loads(mine.call("metrics", "--json").out)["running"] >= 1
        check_metrics(got.out)


def test_metrics_without_a_sandbox(mine):
    check_metrics(mine.call("metrics").out)


def test_metrics_are_served_while_sandboxes_come_and_go(mine):
    server = mine.start("metrics", "--listen", "127.0.0.1:0")
    url = re.search(r"http://127.0.0.1:\d+/metrics", server.stderr.readline().decode()).group()

    def get():
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return answer.read().decode()

    assert 'name="served"' not in get()
    with launcher.running(mine, "--name", "served", *IDLE):
        assert 'name="served"' in get()
    assert 'name="served"' not in get()
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(url.removesuffix("metrics"), timeout=10)
    assert e.value.code == 404
    server.terminate()
    assert server.wait(10) == 0


def test_trace_without_rights_says_what_is_missing_and_shows_counts(mine):
    if mine.uid == 0:
        pytest.skip("root may use BPF")
    with launcher.running(mine, "--name", "traced", *WORK):
        begin = time.monotonic()
        got = mine.call("trace", "--host", "traced", "-n", "1")
        assert got.code == 0 and time.monotonic() - begin < 10
        assert re.fullmatch(r"sandbox: trace: host calls cannot be seen: this needs .*: the launcher's own counts\n", got.err)
        assert re.fullmatch(r"exits: .+; channel: .*open \d+.*\n", got.out)
