# SPDX-License-Identifier: Apache-2.0
"""Signals and limits of time: what the program gets, and what the caller sees."""

import os
import signal
import subprocess
import time

import pytest

import launcher

PYTHON = "/usr/bin/python3"
# Says "ready", then the name of each signal it gets; ends with 42 when its input ends. Python calls handlers between its own steps only:
# a signal that comes just before it sleeps has to be what wakes it.
ECHO = r"""
import os, select, signal, sys
def say(n, _):
    os.write(1, (signal.Signals(n).name + '\n').encode())
woken, wake = os.pipe()
os.set_blocking(wake, False)
signal.set_wakeup_fd(wake)
for n in (1, 2, 3, 10, 12, 15, 18, 20, 28): signal.signal(n, say)
print('ready', flush=True)
while True:
    ready = select.select([0, woken], [], [])[0]
    if woken in ready:
        os.read(woken, 100)
    elif not os.read(0, 1):
        sys.exit(42)
"""
FORWARDED = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTSTP", "SIGCONT"]


def echo(who, **options):
    process = who.start("run", PYTHON, "-u", "-c", ECHO, stdin=subprocess.PIPE, **options)
    assert process.stdout.readline() == b"ready\n"
    return process


def finish(process):
    process.stdin.close()
    rest = process.stdout.read(), process.stderr.read()
    assert process.wait(launcher.TIMEOUT) == 42
    return rest


@pytest.mark.parametrize("name", FORWARDED)
def test_forwarded(name, who):
    process = echo(who)
    process.send_signal(signal.Signals[name])
    assert process.stdout.readline().decode() == name + "\n"
    assert finish(process) == (b"", b"")


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2"])
def test_killed_by_what_was_forwarded(name, who):
    script = "import signal, time; signal.signal(2, signal.SIG_DFL); print('ready', flush=True); time.sleep(100)"
    process = who.start("run", PYTHON, "-c", script)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.Signals[name])
    assert process.wait(launcher.TIMEOUT) == 128 + signal.Signals[name]
    assert process.stderr.read() == b""


@pytest.mark.parametrize("name", ["SIGHUP", "SIGINT", "SIGTERM", "SIGKILL", "SIGSEGV", "SIGABRT", "SIGPIPE"])
def test_killed_by_itself(name, who):
    got = who.run("/bin/sh", "-c", f"kill -{name[3:]} $$")
    assert got == launcher.Result(128 + signal.Signals[name], "", "")


@pytest.mark.parametrize("code", [0, 1, 42, 124, 125, 126, 127, 137, 255])
def test_own_exit_code(code, me):
    assert me.run("/bin/sh", "-c", f"exit {code}") == launcher.Result(code, "", "")


def test_children_end_with_the_program(who):
    got = who.run("/bin/sh", "-c", "sleep 100 & echo started")
    assert got == launcher.Result(0, "started\n", "")


def stops_itself(who, name, **options):
    script = f"import os, signal; os.kill(os.getpid(), signal.{name}); print('went on')"
    return who.start("run", PYTHON, "-c", script, **options)


def is_stopped(process):
    done, status = os.waitpid(process.pid, os.WNOHANG | os.WUNTRACED)
    return done and os.WIFSTOPPED(status)


def test_program_that_stops_itself(who):
    process = stops_itself(who, "SIGSTOP")
    assert launcher.until(lambda: is_stopped(process), 20)
    process.send_signal(signal.SIGCONT)
    assert process.stdout.read() == b"went on\n"
    assert process.wait(launcher.TIMEOUT) == 0


def test_job_of_a_shell_stops_at_sigtstp(who):
    """In the session of its parent, in a group of its own: what a shell with job control makes of a job."""
    words = who.words("run", PYTHON, "-c", "import os, signal; os.kill(0, signal.SIGTSTP); print('went on')")
    process = subprocess.Popen(
        words, env=who.environment(), cwd=who.work, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
        preexec_fn=lambda: os.setpgid(0, 0),
    )
    assert launcher.until(lambda: is_stopped(process), 20)
    process.send_signal(signal.SIGCONT)
    assert process.stdout.read() == b"went on\n"
    assert process.wait(launcher.TIMEOUT) == 0


def test_nobody_could_continue_it(who):
    """An orphaned group does not stop at SIGTSTP (POSIX 2.4.3): a CI job does not hang for ever."""
    process = stops_itself(who, "SIGTSTP")
    out, _ = process.communicate(timeout=launcher.TIMEOUT)
    assert (process.returncode, out) == (0, b"went on\n")


def inherited(who, script, prepare):
    """The same in the sandbox and natively."""
    native = subprocess.run([PYTHON, "-I", "-c", script], capture_output=True, text=True, preexec_fn=prepare, check=True)
    process = who.start("run", PYTHON, "-I", "-c", script, preexec_fn=prepare)
    out, err = process.communicate(timeout=launcher.TIMEOUT)
    assert (out.decode(), err) == (native.stdout, b"")
    return native.stdout


def test_ignored_signals_are_inherited(who):
    """nohup, and what a shell runs with `&`."""
    script = "import signal; print([n for n in range(1, 32) if signal.getsignal(n) == signal.SIG_IGN])"

    def prepare():
        for n in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
            signal.signal(n, signal.SIG_IGN)

    shown = inherited(who, script, prepare)
    assert "[1, 2, 10," in shown


def test_ignored_signal_does_not_end_it(who):
    process = who.start(
        "run", "/bin/sh", "-c", "echo ready; sleep 1; echo survived",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.stdout.read() == b"survived\n"
    assert process.wait(launcher.TIMEOUT) == 0


def test_blocked_signals_are_inherited(who):
    script = "import signal; print(sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])))"
    shown = inherited(who, script, lambda: signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2]))
    assert "SIGTERM" in shown


# --- the time limit


def test_time_limit(who):
    start = time.monotonic()
    got = who.run("--timeout", "0.7", "/bin/sleep", "100")
    assert got == launcher.Result(124, "", "sandbox: killed after 0.7 s (--timeout)\n")
    assert 0.7 <= time.monotonic() - start < 20


def test_time_limit_of_a_program_that_computes(who):
    assert who.run("--timeout", "0.5", PYTHON, "-c", "while True: pass").code == 124


def test_time_limit_of_a_program_that_ignores_everything(who):
    script = "trap '' HUP INT TERM TSTP; while :; do sleep 1; done"
    assert who.run("--timeout", "0.5", "/bin/sh", "-c", script).code == 124


@pytest.mark.parametrize("name", ["SIGSTOP", "SIGTSTP"])
def test_time_limit_of_a_program_that_stops(name, who):
    """It stops the launcher with it, but not the clock."""
    script = f"import os, signal, time; os.kill(0, signal.{name}); time.sleep(100)"
    process = who.start("run", "--timeout", "1", PYTHON, "-c", script)
    process.communicate(timeout=launcher.TIMEOUT)
    assert process.returncode == 124


def test_time_limit_not_reached(who):
    assert who.run("--timeout", "1h", "/bin/echo", "done") == launcher.Result(0, "done\n", "")


def test_time_limit_is_in_the_report(me):
    got = me.run("-q", "--timeout", "0.2", "--json", "-", "/bin/sleep", "100")
    assert got.code == 124 and '"kind": "timeout"' in got.out and got.err == ""
