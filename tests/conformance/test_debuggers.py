# SPDX-License-Identifier: Apache-2.0
"""gdb and strace on programs beside them: the same session natively and in the sandbox."""

import re

import harness
import pytest

DEBUGGED = harness.PROGRAMS / "debugged"
SOURCE = harness.ROOT / "tests" / "programs" / "debugged"
PLAIN = str(DEBUGGED / "plain")
THREADS = str(DEBUGGED / "threads")
pytestmark = pytest.mark.slow

# What differs between two correct runs: ids, addresses, how long something took.
DIFFERS = (
    (r"\(process \d+\)", "(process N)"),
    (r"(LWP|[Pp]rocess|pid|PID) \d+", r"\1 N"),
    (r"0x[0-9a-f]{8,}", "0xN"),
    (r"\[pid +\d+\]", "[pid N]"),
    (r"si_([us])time=\d+( /\* [^*]* \*/)?", r"si_\1time=N"),
    (r" {2,}", " "),
    (r"tgkill\(\d+, \d+", "tgkill(N, N"),
    (r"wait4\(\d+(.*) = \d+", r"wait4(N\1 = N"),
    (r"si_pid=\d+", "si_pid=N"),
)


def normalise(text):
    for pattern, replacement in DIFFERS:
        text = re.sub(pattern, replacement, text)
    return text


def threads_in_any_order(text):
    """How many ends gdb sees, and whether it takes the first to end for a process, is a race of its own."""
    seen = [line for line in normalise(text).splitlines() if not re.match(r"\[(New process|Thread \S+ \(LWP N\) exited)", line)]
    return "\n".join(sorted(seen))


def prompts(outcome):
    """The native run is a model only if the debugger did what it was told."""
    if outcome.status != "exit 0" or "rror" in outcome.stderr or not outcome.stdout:
        pytest.fail("the native run is no model:\n" + "\n".join(outcome.lines()), pytrace=False)


def gdb(base, script, program, arguments=(), change=normalise, options=()):
    commands = ["set pagination off", "set confirm off", "set style enabled off"]
    commands += [line.strip() for line in script.strip().splitlines()]
    words = ["/usr/bin/gdb", "-nx", "-batch", "-x", "script", "--args", program, *arguments]
    harness.same(
        words,
        base,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        setup=lambda where: (where / "script").write_text("\n".join(commands) + "\n"),
        readonly=[DEBUGGED, SOURCE],
        check=prompts,
        change=change,
        options=options,
    )


def test_gdb_breakpoints(base):
    gdb(
        base,
        """
        break factorial if n == 1
        run
        bt
        frame 2
        info locals
        info args
        print counter
        print points[1]
        print *points@2
        print $rip == (long)&factorial || $rip > (long)&factorial
        delete
        finish
        tbreak on_signal
        continue
        bt
        info breakpoints
        continue
        """,
        PLAIN,
    )


def test_gdb_steps(base):
    gdb(
        base,
        """
        break main
        run
        next
        next
        step
        bt
        step
        stepi
        nexti
        x/4i $pc
        x/s points[0].name
        finish
        until
        print sum
        kill
        """,
        PLAIN,
    )


def test_gdb_changes(base):
    gdb(
        base,
        """
        break add
        run
        set var p->x = 100
        print *p
        delete
        print factorial(6)
        call add(&points[1], 1)
        print $rdi = 5
        print $xmm0.v4_int32[0] = 7
        print $xmm0.v4_int32[0]
        return 40
        continue
        """,
        PLAIN,
    )


@pytest.mark.parametrize("hardware", ("1", "0"))
def test_gdb_watchpoints(base, hardware):
    gdb(
        base,
        f"""
        set can-use-hw-watchpoints {hardware}
        break main
        run
        watch counter
        continue
        continue
        delete
        watch points[1].x if points[1].x > 4
        continue
        bt 1
        delete
        continue
        """,
        PLAIN,
    )


def test_gdb_hardware_breakpoint(base):
    gdb(base, "start\nhbreak factorial\ncontinue\nbt\ncontinue\nprint n\ndelete\ncontinue", PLAIN)


def test_gdb_signals(base):
    gdb(
        base,
        """
        handle SIGUSR1 stop print
        run
        print $_siginfo.si_signo
        bt 3
        signal 0
        print $_siginfo.si_signo
        print $_siginfo._sifields._sigfault.si_addr == counter
        info symbol $pc
        continue
        """,
        PLAIN,
        ["crash"],
    )


def test_gdb_catchpoints(base):
    gdb(
        base,
        """
        handle SIGUSR1 nostop noprint
        catch fork
        catch syscall getpid
        run
        bt 1
        delete
        set follow-fork-mode child
        set detach-on-fork off
        break factorial if n == 3
        continue
        info inferiors
        bt 2
        """,
        PLAIN,
    )


def test_gdb_follows_exec(base):
    gdb(base, "catch exec\nhandle SIGUSR1 nostop\nrun\nbreak main\ncontinue\nbt\ncontinue", "/bin/sh", ["-c", "exec " + PLAIN])


@pytest.mark.parametrize("cpus", ("1", "2"))
def test_gdb_threads(base, cpus):
    gdb(
        base,
        """
        break all_wait
        run
        info threads
        thread apply all bt 3
        thread 3
        frame function work
        print (int)(long)arg
        delete
        tbreak count if by == 2
        continue
        bt
        set scheduler-locking on
        next
        print by
        set scheduler-locking off
        continue
        """,
        THREADS,
        change=threads_in_any_order,
        options=["--cpus", cpus],
    )


ATTACH = f"""
{PLAIN} wait > started & p=$!
until grep -q child started 2> /dev/null; do sleep 0.1; done
until grep -q ') S ' /proc/$p/stat; do sleep 0.1; done
gdb -nx -batch -p $p -ex bt -ex 'print counter' -ex 'print points[0]' -ex 'set var counter = 5' -ex detach 2>&1 |
    grep -v '^warning'
gdb -nx -batch -p $p -ex 'print counter' -ex kill | tail -n 2
wait $p; echo $?
"""


def test_gdb_attaches(base):
    harness.same(
        ["/bin/sh", "-c", ATTACH],
        base,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        readonly=[DEBUGGED, SOURCE],
        change=normalise,
        check=harness.succeeds,
    )


# -- strace --


def strace(base, words, change=normalise, check=harness.succeeds):
    harness.same(["/bin/sh", "-c", words], base, readonly=[DEBUGGED, SOURCE], change=change, check=check)


def test_strace_calls(base):
    strace(base, "echo text > file; strace -e trace=openat,read,pread64,close,write,exit_group cat file 2>&1")


def test_strace_shows_structures(base):
    strace(base, f"strace -e trace=rt_sigaction,rt_sigprocmask,tgkill,wait4,sigreturn -e signal=USR1 {PLAIN} 2>&1; echo $?")


def test_strace_follows(base):
    strace(
        base,
        "strace -f -e trace=execve,exit_group -e signal=none -o trace sh -c 'true; (cat < /dev/null); /bin/echo x | cat';"
        # a call that another thread's line came into has two
        r" sed -E 's/^[0-9]+ +//; s/, 0x[0-9a-f]+ .*//; s/ += .*//' trace | grep -v resumed | sort; rm trace",
    )


def test_strace_threads(base):
    strace(
        base,
        f"strace -f -e trace=clone3,exit -e signal=none -o trace {THREADS}; cut -d'(' -f1 trace |"
        " sed -E 's/^[0-9]+ +//' | grep -v resumed | sort | uniq -c; grep -c exited trace; rm trace",
    )


def test_strace_counts(base):
    strace(base, f"strace -c -f -U calls,errors,name -e trace=write,wait4,rt_sigaction,exit_group {PLAIN} 2>&1 | sort")


def test_strace_injects(base):
    for what in (
        "getpid:retval=4711",
        "write:error=ENOSPC:when=2",
        "write:signal=USR1:when=1",
        "rt_sigaction:error=EPERM",
        "fork,clone:error=EAGAIN",
        "write:delay_enter=1000",
    ):
        base_of = base / re.sub(r"\W", "-", what)
        base_of.mkdir()
        name = what.split(":")[0]
        strace(base_of, f"strace -e trace={name} -e inject={what} {PLAIN} 2>&1; echo $?")


STRACE_ATTACH = f"""
shows() {{ until [ "$(grep -c "$1" trace 2> /dev/null)" = "$2" ]; do sleep 0.1; done; }}
{PLAIN} wait > started & p=$!
until grep -q child started 2> /dev/null; do sleep 0.1; done
strace -o trace -p $p & s=$!
shows pause 1
kill -USR1 $p; shows pause 2; kill -STOP $p; shows 'stopped by' 1; kill -CONT $p; shows pause 3
kill -INT $s; wait $s; echo strace $?
kill -KILL $p; wait $p 2> /dev/null
cat trace; rm trace
"""


def test_strace_attaches(base):
    strace(base, STRACE_ATTACH)
