# SPDX-License-Identifier: Apache-2.0
"""A person at a terminal: sizes, keys, job control, hang-up; what is printed for people fits their window."""

import subprocess
import termios
import time

import pytest

import launcher
import terminal

PYTHON = "/usr/bin/python3"
SHELL = ["/bin/bash", "--norc", "--noediting", "-i"]


def on_terminal(who, *words, size=(24, 80)):
    env = who.environment(TERM="xterm", PS1="$ ", HISTFILE="")
    return terminal.Terminal([str(w) for w in words], who.work, env, size)


def run_on_terminal(who, *arguments, size=(24, 80)):
    return on_terminal(who, *who.words("run", *arguments), size=size)


class Jobs:
    """A shell with job control, in which `sandbox run` is typed."""

    def __init__(self, who):
        self.terminal = on_terminal(who, *SHELL)
        self.run = " ".join(who.words("run"))

    def __enter__(self):
        self.terminal.expect(b"$ ")
        return self

    def __exit__(self, *_):
        self.terminal.__exit__()

    def type(self, line):
        self.terminal.send(line.encode() + b"\n")


# --- what the program sees


def test_size(who):
    with run_on_terminal(who, "/bin/stty", "size", size=(33, 101)) as t:
        t.expect(b"33 101")
        assert t.code() == 0


def test_size_changes(who):
    script = """if True:
        import os, signal
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGWINCH])
        print('ready', flush=True)
        while signal.sigwait([signal.SIGWINCH]): print(*os.get_terminal_size(0), flush=True)"""
    with run_on_terminal(who, PYTHON, "-c", script) as t:
        t.expect(b"ready")
        t.resize(40, 120)
        t.expect(b"120 40")
        t.resize(7, 9)
        t.expect(b"9 7")
        t.send(b"\x1c")
        assert t.code() == 131


def test_it_is_a_terminal(who):
    with run_on_terminal(who, "/bin/sh", "-c", "test -t 0 && test -t 1 && test -t 2 && tty && echo yes") as t:
        t.expect(b"/dev/pts/")
        t.expect(b"yes")
        assert t.code() == 0


def test_terminal_and_pipe(who):
    """Only stderr is the terminal: `sandbox run x <in >out`."""
    who.file("in", "input\n")
    command = " ".join(who.words("run", "/bin/sh", "-c", "'cat; test -t 2 && stty size <&2 >&2'"))
    with on_terminal(who, "/bin/sh", "-c", f"{command} <in >out; echo code $?", size=(5, 6)) as t:
        t.expect(b"5 6")
        t.expect(b"code 0")
    assert (who.work / "out").read_text() == "input\n"


def test_typed_lines_and_end_of_file(who):
    with run_on_terminal(who, "/bin/cat") as t:
        t.send(b"one\n")
        t.expect(b"one\r\none\r\n")
        t.send(b"\x04")
        assert t.code() == 0


# --- keys


@pytest.mark.parametrize("key,code", [(b"\x03", 130), (b"\x1c", 131)])
def test_key_kills(key, code, who):
    script = "import signal, time; signal.signal(2, signal.SIG_DFL); print('ready', flush=True); time.sleep(100)"
    with run_on_terminal(who, PYTHON, "-c", script) as t:
        t.expect(b"ready")
        t.send(key)
        assert t.code() == code


def test_interrupt_is_caught(who):
    with run_on_terminal(who, "/bin/sh", "-c", "trap 'echo caught; exit 3' INT; echo ready; sleep 100 & wait") as t:
        t.expect(b"ready")
        t.send(b"\x03")
        t.expect(b"caught")
        assert t.code() == 3


def test_interrupt_reaches_all_in_the_foreground(who):
    """Also when stdin is a pipe: the terminal still controls the launcher."""
    child = "(trap 'echo child; exit' INT; echo ready; while :; do sleep 0.1; done)"
    who.file("program", f"#!/bin/bash\ntrap 'echo parent' INT\n{child} & wait; wait; echo end\n")
    who.file("out", "")
    command = " ".join(who.words("run", "./program"))
    with on_terminal(who, "/bin/sh", "-c", f"trap : INT; true | {command} >out; echo code $?") as t:
        assert launcher.until(lambda: "ready" in (who.work / "out").read_text(), 20)
        t.send(b"\x03")
        t.expect(b"code 0")
    assert sorted((who.work / "out").read_text().split()) == ["child", "end", "parent", "ready"]


def _answer_in_the_foreground(jobs):
    """The job that waits for input gets it, after `fg`."""
    jobs.type("fg")
    jobs.terminal.expect(b"input())")
    jobs.terminal.send(b"typed\n")
    jobs.terminal.expect(b"got typed")


def test_stop_and_foreground(who):
    with Jobs(who) as jobs:
        t = jobs.terminal
        jobs.type(f"{jobs.run} {PYTHON} -c \"print('rea' + 'dy', flush=True); print('got', input())\"")
        t.expect(b"ready")
        t.send(b"\x1a")
        t.expect(b"Stopped")
        jobs.type("echo shell is ba''ck")
        t.expect(b"shell is back")
        _answer_in_the_foreground(jobs)
        jobs.type("echo code $?")
        t.expect(b"code 0")


def test_stop_without_a_terminal_inside(who):
    """Ctrl-Z gives the prompt back although none of the standard streams is the terminal."""
    with Jobs(who) as jobs:
        t = jobs.terminal
        jobs.type(f"{jobs.run} /bin/sh -c 'echo x >/tmp/x; sleep 2; exit 9' </dev/null >out 2>&1")
        assert launcher.until(lambda: _state_of_child(t.pid) == "S", 20)
        time.sleep(0.5)
        t.send(b"\x1a")
        t.expect(b"Stopped")
        jobs.type("fg; echo code $?")
        t.expect(b"code 9")


def test_background_and_foreground(who):
    with Jobs(who) as jobs:
        t = jobs.terminal
        jobs.type(f"{jobs.run} /bin/sh -c 'echo in the ba\"\"ckground; sleep 2; exit 4' &")
        t.expect(b"in the background")
        jobs.type("wait $!; echo code $?")
        t.expect(b"code 4")


def test_background_read_stops(who):
    """SIGTTIN: a job of the background that reads from the terminal waits for `fg`."""
    with Jobs(who) as jobs:
        t = jobs.terminal
        jobs.type(f"{jobs.run} {PYTHON} -c \"print('got', input())\" &")
        assert launcher.until(lambda: _state_of_child(t.pid) == "T", 20)
        assert launcher.until(lambda: _shell_says_stopped(jobs), 20)
        _answer_in_the_foreground(jobs)


def _shell_says_stopped(jobs):
    """What the shell takes for running gets no SIGCONT from `fg`."""
    jobs.type("jobs")
    try:
        jobs.terminal.expect(b"Stopped", 1)
    except AssertionError:
        return False
    jobs.terminal.expect(b"input())")
    return True


def _state_of_child(pid):
    found = subprocess.run(["ps", "-o", "stat=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return found.stdout.strip()[:1]


# --- the terminal's mode

RAW = "import sys, termios, tty, time; tty.setraw(0); sys.stdout.write('raw'); sys.stdout.flush(); "


def echoes(t):
    return bool(t.mode()[3] & termios.ECHO)


def test_mode_is_put_back(who):
    """After any end that the launcher sees."""
    for then, code in (("sys.exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)):
        with on_terminal(who, *SHELL) as t:
            t.expect(b"$ ")
            before = t.mode()
            t.send(" ".join(who.words("run", PYTHON, "-c", f'"{RAW}{then}"')).encode() + b"; echo code $?\n")
            t.expect(b"code %d" % code)
            t.expect(b"$ ")
            assert t.mode() == before


def test_mode_is_put_back_at_the_time_limit(who):
    with run_on_terminal(who, "--timeout", "1", PYTHON, "-c", RAW + "time.sleep(100)") as t:
        before = t.mode()
        t.expect(b"raw")
        assert not echoes(t)
        assert t.code() == 124
        assert t.mode() == before


def test_mode_while_stopped(who):
    """The shell gets its own mode, the program its own again."""
    with Jobs(who) as jobs:
        t = jobs.terminal
        script = RAW + "import os, signal; os.kill(0, signal.SIGTSTP); print(termios.tcgetattr(0)[3] & termios.ECHO)"
        jobs.type(f'{jobs.run} {PYTHON} -c "{script}"')
        t.expect(b"raw")
        t.expect(b"Stopped")
        jobs.type("stty -a | grep -o ' echo '; fg")
        t.expect(b" echo ")
        t.expect(b"\n0")


# --- the end of the terminal


def test_hang_up(who):
    """The window is closed: the program gets SIGHUP, and nothing goes on."""
    with run_on_terminal(who, "/bin/sh", "-c", "echo ready; sleep 100 & wait") as t:
        t.expect(b"ready")
        t.hang_up()
        assert t.code() == 129


def test_hang_up_of_a_shell(who):
    with Jobs(who) as jobs:
        t = jobs.terminal
        jobs.type(f"{jobs.run} --rw . {PYTHON} -c \"print('rea' + 'dy', flush=True); input()\"")
        t.expect(b"ready")
        job = int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(t.pid)], capture_output=True, check=True).stdout)
        t.hang_up()
        assert launcher.until(lambda: launcher.ended(job), 20)


def test_program_outlives_a_hang_up_that_it_ignores(who):
    script = "trap '' HUP; echo ready; sleep 1; echo survived >survived"
    with run_on_terminal(who, "--rw", ".", "/bin/sh", "-c", script) as t:
        t.expect(b"ready")
        t.hang_up()
        assert t.code() == 0
    assert (who.work / "survived").read_text() == "survived\n"


# --- a narrow window

VERBS = ["run", "doctor", "version", "help", "completion"]


@pytest.mark.parametrize("columns", [40, 60, 80])
@pytest.mark.parametrize("words", [["--help"], ["doctor"], *(["help", verb] for verb in VERBS)], ids=" ".join)
def test_fits_the_window(words, columns, me):
    with on_terminal(me, me.sandbox, *words, size=(24, columns)) as t:
        assert t.code() == 0
        lines = t.shown.decode().replace("\r\n", "\n").split("\n")
    wide = [line for line in lines if len(line) > columns]
    assert not wide
