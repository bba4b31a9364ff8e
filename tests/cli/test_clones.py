# SPDX-License-Identifier: Apache-2.0
"""--template-fd: a program that stops where it asks for its stdin, and what its clones are to each other."""
import errno
import os
import pty
import re
import resource
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import harness
import launcher
import pytest
from cloning import CLONE, Template, request, template

PYTHON = "/usr/bin/python3"
BUILT = harness.PROGRAMS


@pytest.fixture(params=["process", "kvm", "vmx"])
def backend(request, me):
    if me.run("--backend", request.param, "/bin/true").code == 125:
        pytest.skip(f"backend {request.param} cannot be used here")
    return request.param


def shell(script):
    return ["/bin/sh", "-c", script]


def python(source):
    return [PYTHON, "-c", source]


# --- a clone is the program, gone on


def test_goes_on_where_the_template_stopped(me, backend):
    with template(me, backend, shell("a=before; read line; echo $a $line; exit 0")) as t:
        assert t.clone().answer("one\n") == "before one\n"
        assert t.clone().answer("two\n") == "before two\n"


def test_ends_as_the_program_does(me, backend):
    with template(me, backend, shell("read how; eval $how")) as t:
        for how, kind, code, signo in (("exit 7", "exited", 7, None), ("kill -TERM $$", "signaled", 143, 15)):
            clone = t.clone()
            clone.tell(how + "\n")
            report, said = clone.end()
            assert said == "" and report["backend"] == backend
            assert [report["exit"][name] for name in ("kind", "code", "signal")] == [kind, code, signo]


def test_memory_files_and_directories_that_a_clone_changes_are_its_own(me, backend):
    source = ("import os, sys\nseen = []\nos.mkdir('/tmp/own')\nos.chdir('/tmp/own')\nopen('f', 'w').write('x')\nfor line in sys.stdin:\n"
              "    seen.append(line.strip())\n    open('f', 'a').write(line.strip())\n    os.mkdir(line.strip())\n"
              "    print(seen, open('f').read(), sorted(os.listdir('.')))\n")
    with template(me, backend, python(source)) as t:
        clones = [t.clone() for _ in range(3)]
        for name, clone in zip("abc", clones):
            assert clone.answer(name + "\n") == f"['{name}'] x{name} ['{name}', 'f']\n"


def test_random_numbers_differ_from_clone_to_clone(me, backend):
    source = ("import os, sys\nos.urandom(8)\nsys.stdin.read()\n"
              "print(os.urandom(8).hex(), open('/dev/urandom', 'rb').read(8).hex(), open('/proc/sys/kernel/random/uuid').read().strip())")
    with template(me, backend, python(source)) as t:
        words = " ".join(t.clone().answer() for _ in range(4)).split()
        assert len(words) == len(set(words)) == 12


def test_random_numbers_differ_where_the_template_never_asked_for_any(me, backend):
    with template(me, backend, shell("read line; od -An -N16 -tx1 /dev/urandom")) as t:
        assert len({t.clone().answer() for _ in range(4)}) == 4


def test_a_clone_has_an_identity_of_its_own(me, backend):
    """A file that the template opened shows it too, read from its beginning; nothing else tells that it was cloned."""
    source = ("import os, sys\nd = '/proc/sys/kernel/random/'\nkept = [open(d + f) for f in ('boot_id', 'generation')]\n"
              "was = [f.read().strip() for f in kept]\nsys.stdin.read()\n[f.seek(0) for f in kept]\n"
              "now = [open(d + f).read().strip() for f in ('boot_id', 'generation')]\nassert now == [f.read().strip() for f in kept]\nprint(*was, *now)")
    with template(me, backend, python(source)) as t:
        first, *more = [t.clone().answer().split() for _ in range(3)]
        assert [m[:2] for m in more] == [first[:2]] * 2 and first[1] == "0"
        ids, generations = {first[0]}, {"0"}
        for _, _, boot_id, generation in (first, *more):
            assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", boot_id)
            assert 0 < int(generation) < 1 << 64
            ids.add(boot_id)
            generations.add(generation)
        assert len(ids) == len(generations) == 4


def test_an_ordinary_sandbox_has_generation_0_and_an_identity(me, backend):
    script = "cd /proc/sys/kernel/random; cat generation boot_id boot_id"
    zero, one, same = me.run("--backend", backend, *shell(script)).out.split()
    other = me.run("--backend", backend, *shell(script)).out.split()
    assert zero == other[0] == "0" and one == same and one != other[1]


def test_children_and_pipes_of_the_template_live_on_in_each_clone(me, backend):
    script = "mkfifo /tmp/q; (while read w </tmp/q; do echo child $w; done) & read line; echo $line >/tmp/q; sleep 0.1; kill $!; wait; echo end"
    with template(me, backend, shell(script)) as t:
        assert [t.clone().answer(f"{i}\n") for i in range(3)] == [f"child {i}\nend\n" for i in range(3)]


def test_threads_of_the_template_live_on_in_each_clone(me, backend):
    source = ("import queue, sys, threading\nq, out = queue.Queue(), queue.Queue()\n"
              "def work():\n    while True: out.put(q.get() * 2)\n"
              "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
              "q.put(1); out.get()\nfor line in sys.stdin:\n    q.put(int(line)); print(out.get())\n")
    with template(me, backend, python(source)) as t:
        assert [t.clone().answer(f"{i}\n") for i in range(3)] == ["0\n", "2\n", "4\n"]


@pytest.mark.parametrize("way", ["select.select([0], [], [])", "select.poll().register(0)", "s.register(0, selectors.EVENT_READ); s.select()"])
def test_stops_too_where_the_program_waits_for_its_stdin(me, backend, way):
    if "poll()" in way:
        way = "p = select.poll(); p.register(0, select.POLLIN); p.poll()"
    source = f"import os, select, selectors\ns = selectors.EpollSelector()\n{way}\nprint(os.read(0, 100).decode())"
    with template(me, backend, python(source)) as t:
        assert [t.clone().answer(w) for w in ("a", "b")] == ["a\n", "b\n"]


def test_a_timer_that_was_set_before_interrupts_a_clone_that_only_computes(me, backend):
    source = ("import signal, sys, time\nrang = []\nsignal.signal(signal.SIGALRM, lambda *_: rang.append(1))\n"
              "signal.setitimer(signal.ITIMER_REAL, 1)\nsys.stdin.readline()\nend = time.monotonic() + 5\n"
              "while not rang and time.monotonic() < end: pass\nprint(rang)")
    with template(me, backend, python(source)) as t:
        assert t.clone().answer() == "[1]\n"


def test_an_open_directory_is_read_on_by_each_clone_alone(me, backend):
    for i in range(300):
        me.file(f"file{i:03}", "")
    source = ("import os, sys\nit = os.scandir('.')\nseen = [next(it).name for _ in range(5)]\nsys.stdin.read()\n"
              "seen += [e.name for e in it]\nprint(len(seen), len(set(seen)))")
    with template(me, backend, python(source)) as t:
        assert [t.clone().answer() for _ in range(3)] == ["300 300\n"] * 3


def test_what_was_mapped_of_files_and_shared_between_processes_is_copied(me, backend):
    me.file("data", b"d" * 10000)
    source = ("import mmap, os, sys\nf = open('data', 'rb')\nm = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)\ns = mmap.mmap(-1, 8192)\n"
              "s[0:1] = b'0'\nline = sys.stdin.readline().strip()\n"
              "if not os.fork():\n    s[0:1] = line.encode()\n    os._exit(0)\nos.wait()\nprint(m[9999:], s[0:1])")
    with template(me, backend, python(source)) as t:
        assert [t.clone().answer(f"{i}\n") for i in range(3)] == [f"b'd' b'{i}'\n" for i in range(3)]


def test_vector_registers_are_as_they_were(me, backend):
    """python's floats live in them across the read; a long sum shows a lost one."""
    source = "import sys\nx = sum(i / 3 for i in range(1000))\nsys.stdin.readline()\nprint(x + sum(i / 7 for i in range(1000)))"
    native = subprocess.run(python(source), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True).stdout
    with template(me, backend, python(source)) as t:
        assert {t.clone().answer() for _ in range(3)} == {native}


@pytest.mark.parametrize("program", ["mm_mmap", "mm_fault", "proc_fork_wait", "proc_exec", "sig_basic", "sig_altstack", "thread_pthread", "time_sleep",
                                     "futex_op", "pipe", "epoll", "eventfd", "fs_rw", "fs_dir", "cpu_vector", "procfs", "sock_unix", "sig_restart"])
def test_what_a_clone_executes_behaves_as_in_any_sandbox(me, backend, program):
    path = BUILT / "dynamic" / program
    if not path.exists():
        pytest.skip(f"{program} is not built")
    words = shell(f"cd /tmp; read go; exec {path}")
    plain = me.run("--backend", backend, "--ro", BUILT, *shell(f"cd /tmp; exec {path}"))
    with template(me, backend, words, "--ro", str(BUILT)) as t:
        clone = t.clone()
        clone.tell("go\n")
        out = clone.output()
        report, said = clone.end()
        assert (report["exit"]["code"], said) == (plain.code, "")
        assert out == plain.out


def test_a_socket_where_the_template_has_a_pipe(me, backend):
    with template(me, backend, shell("read a; echo $a again")) as t:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.settimeout(20)
            clone = t.clone(stdin=theirs.fileno(), stdout=theirs.fileno())
            theirs.close()
            ours.sendall(b"once\n")
            assert ours.recv(100) == b"once again\n"
            report, said = clone.end()
            assert (report["exit"]["code"], said) == (0, "")


# --- what they share


def test_what_one_clone_writes_no_other_sees(me, backend):
    """By the program, by the kernel for it (read, a pipe, wait's status), in children, on pages that the template wrote."""
    source = ("import ctypes, mmap, os, sys\nm = mmap.mmap(-1, 16 * 4096, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\nm[:] = b'.' * len(m)\n"
              "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\nr, w = os.pipe()\nlibc = ctypes.CDLL(None)\n"
              "libc.read(0, ctypes.c_void_p(at), 1)\nassert m[1:] == b'.' * (len(m) - 1), 'seen'\nc = m[0:1]\n"
              "m[4096:4097] = c\nos.write(w, c)\nassert libc.read(r, ctypes.c_void_p(at + 8192), 1) == 1\n"
              "if not os.fork():\n    assert m[8192:8193] == c\n    m[12288:12289] = c\n    os._exit(int(c))\n"
              "libc.wait(ctypes.c_void_p(at + 16384))\nassert m[12288:12289] == b'.'\n"
              "print([m[i * 4096:i * 4096 + 2] for i in range(4)], m[16385], set(m[20480:]) == {46}, flush=True)\n"
              "while os.read(0, 1): pass\nprint([m[i * 4096:i * 4096 + 1] for i in range(4)])\n")
    with template(me, backend, python(source)) as t:
        clones = [t.clone() for _ in range(4)]
        for i, clone in enumerate(clones):
            clone.tell(str(i), end=False)
            c = str(i).encode()
            assert os.read(clone.stdout, 200).decode() == f"{[c + b'.', c + b'.', c + b'.', b'..']} {i} True\n"
        for i, clone in enumerate(clones):
            c = str(i).encode()
            clone.hang_up()
            assert clone.output() == f"{[c, c, c, b'.']}\n"
            assert clone.end()[0]["exit"]["code"] == 0


def test_locks_and_threads_work_on_shared_pages(me, backend):
    source = ("import sys, threading\nlocks = [threading.Lock() for _ in range(50)]\nfor l in locks: l.acquire()\nout = []\n"
              "def work(i):\n    with locks[i]: out.append(i)\n"
              "ts = [threading.Thread(target=work, args=(i,)) for i in range(50)]\nfor t in ts: t.start()\n"
              "sys.stdin.read()\nfor l in locks: l.release()\nfor t in ts: t.join()\nprint(sorted(out) == list(range(50)))\n")
    with template(me, backend, python(source)) as t:
        assert [t.clone().answer() for _ in range(3)] == ["True\n"] * 3


def memory_fds(pid):
    """(inode, is it open to write) of each descriptor of a sandbox's memory that a process has."""
    try:
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(fd).startswith("/memfd:sandbox-ram"):
                yield os.stat(fd).st_ino, bool(os.lstat(fd).st_mode & stat.S_IWUSR)
    except OSError:  # it ended, or is another user's
        return


def ram_of(pid):
    """Bytes that a clone's own memory holds, of backend process."""
    sizes = [os.stat(fd).st_blocks * 512 for fd in Path(f"/proc/{pid}/fd").iterdir()
             if os.readlink(fd).startswith("/memfd:sandbox-ram") and os.lstat(fd).st_mode & stat.S_IWUSR]
    assert len(sizes) == 1
    return sizes[0]


def test_what_clones_share_none_of_their_processes_can_write_to(me, backend):
    if backend != "process":
        pytest.skip("of backend process")
    with template(me, backend, shell("read line; echo $line; read more")) as t:
        memory = {inode for inode, _ in memory_fds(t.process.pid)}
        assert len(memory) == 1

        def holders(write):
            pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
            return {pid for pid in pids if any(inode in memory and w == write for inode, w in memory_fds(pid))}

        writers, readers = holders(True), holders(False)
        clones = [t.clone() for _ in range(2)]
        for clone in clones:
            clone.tell("begun\n", end=False)
            assert os.read(clone.stdout, 100) == b"begun\n"
        found = holders(True) - writers, holders(False) - readers
        for clone in clones:
            clone.hang_up()
            clone.end()
    assert not found[0]
    assert len(found[1]) >= 6  # launcher, zygote and program of each


def test_only_what_cannot_be_shared_is_copied(me, backend):
    """As much for a template of a few pages as for one of 32 MiB; what its processes share is copied."""
    if backend != "process":
        pytest.skip("of backend process")
    source = ("import mmap, sys\na = bytearray(b'x') * (int(sys.argv[1]) << 20)\ns = mmap.mmap(-1, max(int(sys.argv[2]) << 20, 1))\n"
              "s[:] = b'y' * len(s)\nprint(sys.stdin.readline(), flush=True)\nsys.stdin.read()\n")
    sizes = []
    for private, shared in ((0, 0), (32, 0), (0, 8)):
        with template(me, backend, [*python(source), str(private), str(shared)], "--mem", "512M") as t:
            clone = t.clone()
            clone.tell("begun\n", end=False)
            assert os.read(clone.stdout, 100).startswith(b"begun")
            sizes.append(ram_of(clone.pid))
            clone.hang_up()
            clone.end()
    few, private, shared = sizes
    assert few < 4 << 20 and abs(private - few) < 1 << 20, sizes
    assert abs(shared - few - (8 << 20)) < 1 << 20, sizes


def test_a_clone_that_runs_out_of_memory_is_alone(me, backend):
    source = ("import sys\na = bytearray(b'x') * (8 << 20)\nline = sys.stdin.readline().strip()\nb = []\n"
              "while line == 'eat': b.append(bytearray(b'y') * (1 << 20))\n"
              "for i in range(0, len(a), 4096): a[i] = 122\nprint(a.count(b'z'), a.count(b'x') + a.count(b'z') == len(a))\n")
    with template(me, backend, python(source), "--mem", "64M") as t:
        for _ in range(2):
            other, eater = t.clone(), t.clone()
            eater.tell("eat\n")
            assert eater.end()[0]["exit"]["out_of_memory"]
            assert other.answer("go\n") == "2048 True\n"


# --- streams


def test_large_input_and_output_pass(me, backend):
    data = "0123456789abcdef" * 65536
    with template(me, backend, ["/bin/cat"]) as t:
        for _ in range(2):
            clone = t.clone()
            if not os.fork():
                clone.tell(data)
                os._exit(0)
            clone.hang_up()
            assert clone.output() == data
            os.wait()


def test_streams_that_the_template_opened_once_more_are_a_clones_own(me, backend):
    """Else what clones write to one of them reaches the template's own stream, for all of them the same."""
    source = ("import os\nagain, out = os.open('/dev/stdin', os.O_RDONLY), os.open('/dev/stdout', os.O_WRONLY)\n"
              "data = os.read(0, 1) + os.read(again, 1) + os.read(os.open('/proc/self/fd/0', os.O_RDONLY), 1)\nos.write(out, data)")
    with template(me, backend, python(source)) as t:
        assert [t.clone().answer(w) for w in ("abc", "def")] == ["abc", "def"]


def test_stops_where_it_reads_its_stdin_by_name(me, backend):
    with template(me, backend, ["/bin/cat", "/dev/stdin"]) as t:
        assert [t.clone().answer(w) for w in ("a", "b")] == ["a", "b"]


def test_sockets_and_files_can_be_a_clones_streams(me, backend):
    path = me.file("in", "from a file\n")
    with template(me, backend, shell("read line; echo got $line")) as t:
        with open(path, "rb") as f:
            clone = t.clone(stdin=f.fileno())
        assert clone.output() == "got from a file\n"
        clone.end()


def test_a_terminal_is_refused_in_words(me, backend):
    master, slave = pty.openpty()
    with template(me, backend, shell("read line; echo $line")) as t:
        clone = t.clone(stdin=slave)
        report, said = clone.end()
        assert report is None and said.startswith("sandbox: the clone could not begin: ")
    os.close(master)
    os.close(slave)


# --- its end


def test_the_time_limit_is_each_clones_own(me, backend):
    with template(me, backend, shell("read line; sleep $line; echo slept"), "--timeout", "60") as t:
        slow, quick = t.clone(timeout=0.3), t.clone(timeout=30)
        slow.tell("20\n")
        quick.tell("0.5\n")
        assert quick.output() == "slept\n"
        report, said = slow.end()
        assert report["exit"]["kind"] == "timeout" and said.startswith("sandbox: killed after 0.3 s (--timeout)\n")
        assert t.clone().answer("0\n") == "slept\n"


def test_files_are_limited_in_each_clone(me, backend):
    script = "read line; ulimit -f; head -c 2000000 /dev/zero >big 2>/dev/null; stat -c %s big; read line"
    with template(me, backend, shell(script), "--rw", ".", "--file-size", "1M") as t:
        for _ in range(2):
            clone = t.clone()
            clone.tell("\n", end=False)
            assert os.read(clone.stdout, 100) == b"2048\n"
            assert os.read(clone.stdout, 100) == b"1048576\n"
            with open(f"/proc/{clone.pid}/limits", encoding="ascii") as f:
                assert re.search(r"^Max file size +1048576 ", f.read(), re.M)
            clone.close()


def test_ends_when_nobody_holds_it_any_more(me, backend):
    with template(me, backend, shell("read line; echo $line")) as t:
        clone = t.clone()
        os.close(clone.until)
        clone.until = -1
        assert clone.end() == (None, "")
        assert t.clone().answer("next\n") == "next\n"


def test_is_told_of_signals(me, backend):
    with template(me, backend, shell("trap 'echo told; exit 0' TERM; read line; echo ready; while :; do sleep 0.01; done")) as t:
        clone = t.clone()
        clone.tell("\n", end=False)
        assert os.read(clone.stdout, 100) == b"ready\n"
        os.kill(clone.pid, signal.SIGTERM)
        assert clone.output() == "told\n"


def test_a_signal_to_the_template_is_not_for_its_clones(me, backend):
    with template(me, backend, shell("read line; sleep 0.1; echo $line")) as t:
        for signo in (signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            os.kill(t.process.pid, signo)
        time.sleep(0.1)
        assert [t.clone().answer("on\n") for _ in range(2)] == ["on\n"] * 2


def test_a_clone_that_is_killed_is_nobody_elses_matter(me, backend):
    with template(me, backend, shell("read line; echo $line; read more; echo $more")) as t:
        a, b = t.clone(), t.clone()
        for clone in (a, b):
            clone.tell("1\n", end=False)
            assert os.read(clone.stdout, 100) == b"1\n"
        os.kill(a.pid, signal.SIGKILL)
        assert a.end() == (None, "")
        b.tell("2\n")
        assert b.output() == "2\n"


def test_stopping_itself_stops_no_host_process(me, backend):
    with template(me, backend, shell("read line; kill -STOP $$; echo on")) as t:
        clone = t.clone(timeout=0.5)
        clone.tell("\n")
        assert clone.end()[0]["exit"]["kind"] == "timeout"
        assert launcher.status_of(t.process.pid, "State")[0] in "SR"


def test_a_template_that_is_not_wanted_any_more_waits_for_its_clones(me, backend):
    t = Template(me, backend, shell("read line; sleep 0.3; echo $line"))
    t.ready()
    clone = t.clone()
    t.close()
    assert clone.answer("late\n") == "late\n"
    assert t.said() == (0, "", "")


def test_a_template_that_waits_for_its_last_clones_holds_no_streams(me, backend):
    """Who started it need not wait for those."""
    t = Template(me, backend, shell("read line; read more; echo $line"))
    t.ready()
    clone = t.clone()
    os.write(clone.stdin, b"late\n")
    t.close()
    assert t.process.stdout.read() == t.process.stderr.read() == b""
    assert t.process.poll() is None
    assert clone.answer("more\n") == "late\n"
    assert t.process.wait(launcher.TIMEOUT) == 0


def test_a_clone_may_less_than_its_template(me, backend):
    """Its launcher closes one more filter (Linux 5.9 tells how many): it makes no clones itself."""
    with template(me, backend, ["/bin/cat"]) as t:
        clone = t.clone()
        filters = int(launcher.status_of(t.process.pid, "Seccomp_filters")[0])
        assert launcher.until(lambda: launcher.status_of(clone.pid, "Seccomp_filters") == [str(filters + 1)])
        clone.answer("x")


def test_hundreds_of_clones_leave_nothing_behind(me, backend):
    with template(me, backend, shell("read line; echo $line")) as t:
        t.clone().answer("first\n")
        fds = len(os.listdir(f"/proc/{t.process.pid}/fd"))
        for i in range(200):
            assert t.clone().answer(f"{i}\n") == f"{i}\n"
        assert len(os.listdir(f"/proc/{t.process.pid}/fd")) == fds


def test_a_clone_holds_nothing_by_which_the_template_is_shown(me, backend):
    with template(me, backend, shell("read line; echo $line; read more")) as t:
        clone = t.clone()
        clone.tell("1\n", end=False)
        assert os.read(clone.stdout, 100) == b"1\n"
        held = {os.readlink(f"/proc/{clone.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{clone.pid}/fd")}
        clone.close()
        assert not [path for path in held if re.fullmatch(r"(/run(/user/\d+)?|/tmp)/sandbox(-\d+)?/\w+|/proc", path)]


def test_clones_that_ended_are_reaped_at_once(me, backend):
    """The last one's number is not reused before who asked for it has said that he has what he wants."""
    with template(me, backend, shell("read line; echo $line")) as t:
        for n in range(3):
            clones = [t.clone() for _ in range(n + 1)]
            t.taken()
            for clone in clones:
                assert clone.answer("x\n") == "x\n"
            assert launcher.until(lambda: not any(os.path.exists(f"/proc/{c.pid}") for c in t.clones))
        held = t.clone()
        held.answer("x\n")
        assert launcher.until(lambda: launcher.status_of(held.pid, "State")[0] == "Z")
        time.sleep(0.2)
        assert launcher.status_of(held.pid, "State")[0] == "Z"
        t.taken()
        assert launcher.until(lambda: not os.path.exists(f"/proc/{held.pid}"))
        assert t.clone().answer("on\n") == "on\n"


def takes(pid, signo):
    """A thread of it has that signal not blocked."""
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        try:
            blocked = int(status.read_text().split("SigBlk:")[1].split()[0], 16)
        except OSError:  # it has ended meanwhile
            continue
        if not blocked >> signo - 1 & 1:
            return True
    return False


@pytest.mark.parametrize("signo", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_template_that_waits_for_its_last_clones_ends_by_a_signal(me, backend, signo):
    t = Template(me, backend, shell("read line; sleep 50"))
    t.ready()
    clone = t.clone()
    clone.tell("\n")
    t.close()
    assert launcher.until(lambda: takes(t.process.pid, signo))
    os.kill(t.process.pid, signo)
    assert t.said()[0] == -signo
    os.close(clone.until)  # in a virtual machine it is its caller's to end
    clone.until = -1
    assert launcher.until(lambda: launcher.status_of(clone.pid, "State")[:1] in ([], ["Z"]))
    clone.close()


def test_the_group_of_a_clone_is_named(me, backend):
    """With which its programs can be stopped (runtime/abi/template.h); where there is a virtual machine there is none."""
    with template(me, backend, shell("read line; echo $line; read more")) as t:
        clones = [t.clone() for _ in range(2)]
        for clone in clones:
            clone.tell("x\n", end=False)
            assert os.read(clone.stdout, 10) == b"x\n"
        for clone in clones:
            clone.hang_up()
        leaders = [c.leader for c in clones]
        assert leaders == [0, 0] if backend == "kvm" else len(set(leaders)) == 2 and all(leaders)


# --- what cannot be a template, or is no request


def test_a_program_that_does_not_ask_ends_like_any_other(me, backend):
    t = Template(me, backend, shell("exit 3"))
    assert t.socket.recv(4096) == b""
    t.close()
    assert t.said()[0] == 3


@pytest.mark.parametrize("options, why", [
    (["--cpus", "2"], "a template has one processor (--cpus 1)"),
    (["--json", "/dev/null"], "--template-fd: not together with --json"),
])
def test_what_a_template_cannot_have_is_refused(me, backend, options, why):
    if "--json" in options:
        got = me.run("--backend", backend, *options, "--template-fd", "0", "/bin/cat", stdin=subprocess.DEVNULL)
        assert got.code == 125
        return
    t = Template(me, backend, ["/bin/cat"], *options)
    assert t.socket.recv(4096) == b""
    t.close()
    code, _, err = t.said()
    assert (code, err) == (125, f"sandbox: {why}\n")


def test_a_full_table_of_descriptors_is_told_from_nonsense(me, backend):
    with template(me, backend, shell("read line; echo $line")) as t:
        before = sorted(os.listdir(f"/proc/{t.process.pid}/fd"), key=int)
        limit = resource.prlimit(t.process.pid, resource.RLIMIT_NOFILE, (int(before[-1]) + 3, 4096))
        with open("/dev/null", "rb") as null:
            assert t.ask(request(CLONE), [null.fileno()] * 6)[0] == -errno.EMFILE
        resource.prlimit(t.process.pid, resource.RLIMIT_NOFILE, (limit[0], 4096))
        assert sorted(os.listdir(f"/proc/{t.process.pid}/fd"), key=int) == before
        assert t.clone().answer("again\n") == "again\n"


def test_nonsense_on_the_socket_is_answered_and_its_descriptors_are_closed(me, backend):
    with template(me, backend, shell("read line; echo $line")) as t:
        before = sorted(os.listdir(f"/proc/{t.process.pid}/fd"))
        with open("/dev/null", "rb") as null:
            fd = null.fileno()
            for message, fds in ((b"x", []), (b"", []), (b"y" * 4000, [fd] * 6), (request(CLONE), [fd] * 5),
                                 (request(99), [fd] * 6), (request(CLONE, version=7), [fd] * 6),
                                 (request(CLONE), [fd] * 12)):
                if message:
                    assert t.ask(message, fds)[0] < 0
        assert sorted(os.listdir(f"/proc/{t.process.pid}/fd")) == before
        assert t.clone().answer("still here\n") == "still here\n"
