# SPDX-License-Identifier: Apache-2.0
"""Programs of Debian, unmodified, natively and in the sandbox."""

import os
import shutil
from pathlib import Path

import pytest

import harness
import terminal
from harness import succeeds

SOURCES = harness.ROOT / "tests" / "programs"
MINIPROJ = SOURCES / "miniproj"


def small_tree(directory):
    (directory / "fruit").write_text("pear\napple\nfig\napple\ncherry\nbanana\n")
    (directory / "table").write_text("ann 30 10.5\nbob 25 3.25\ncid 41 7\ndee 25 0.5\n")
    (directory / "sub" / "deep").mkdir(parents=True)
    (directory / "sub" / "one.txt").write_text("first file\n")
    (directory / "sub" / "deep" / "two.txt").write_text("second file\nwith two lines\n")
    (directory / "link").symlink_to("sub/one.txt")
    for path in sorted(directory.rglob("*"), reverse=True):
        os.utime(path, (1_000_000_000, 1_000_000_000), follow_symlinks=False)


def run(command, base, **options):
    options.setdefault("check", succeeds)
    harness.same(command, base, **options)


# --- hello


@pytest.mark.parametrize("variant", ["dynamic", "static", "static-pie", "musl", "musl-static"])
def test_hello(variant, base):
    hello = harness.PROGRAMS / variant / "hello"
    run([str(hello), "one", "two words", ""], base, readonly=[hello.parent])


# --- busybox

BUSYBOX = {
    "sh": ["sh", "-c", "for i in 1 2 3; do echo $((i * i)); done; echo ${0##*/}"],
    "sh-pipeline": ["sh", "-c", "sort fruit | uniq -c | sort -rn | head -2"],
    "sh-subshell": ["sh", "-c", "(cd sub && pwd -P | sed 's|.*/||'); x=$(cat fruit | wc -l); echo $x"],
    "sh-trap": ["sh", "-c", "trap 'echo trapped' TERM; kill $$; echo after"],
    "sh-background": ["sh", "-c", "sleep 0.1 & wait $!; echo waited $?"],
    "sh-here-document": ["sh", "-c", "cat <<END\n1 + 1 = $((1 + 1))\nEND"],
    "awk": ["awk", "{ sum += $2 } END { print NR, sum, sum / NR }", "table"],
    "awk-fields": ["awk", "-F", " ", '{ printf "%-5s|%6.2f\\n", $1, $3 }', "table"],
    "sed": ["sed", "-e", "s/a/A/g", "-e", "2d", "fruit"],
    "sed-in-place": ["sed", "-i", "s/apple/orange/", "fruit"],
    "sort": ["sort", "-u", "fruit"],
    "sort-numeric": ["sort", "-k2,2n", "-k1,1r", "table"],
    "uniq": ["uniq", "-c", "fruit"],
    "tar": ["sh", "-c", "tar cf - fruit sub | tar tvf - | awk '{ print $1, $6 }'"],
    "tar-extract": ["sh", "-c", "tar cf a.tar sub && mkdir x && tar xf a.tar -C x && rm a.tar && find x"],
    "gzip": ["sh", "-c", "gzip -c fruit | gunzip -c"],
    "decompress-garbage": ["sh", "-c", "tar cf - sub | bzcat 2>/dev/null; xzcat </dev/null 2>/dev/null; echo $?"],
    "cpio": ["sh", "-c", "find sub | sort | cpio -o -H newc 2>/dev/null | cpio -t 2>/dev/null"],
    "find": ["sh", "-c", "find . -type f | sort"],
    "find-exec": ["sh", "-c", "find . -name '*.txt' -exec wc -l {} \\; | sort"],
    "xargs": ["sh", "-c", "echo a b c d e | xargs -n 2 echo pair"],
    "md5sum": ["md5sum", "fruit", "table"],
    "sha256sum-check": ["sh", "-c", "sha256sum fruit table > sums && sha256sum -c sums"],
    "crc32": ["crc32", "fruit"],
    "ls": ["ls", "-1RF"],
    "ls-long": ["ls", "-l", "--full-time", "fruit", "link"],
    "cp": ["sh", "-c", "cp -a sub copy && diff -r sub copy && ls copy"],
    "mv": ["sh", "-c", "mv fruit sub/ && ls sub"],
    "rm": ["sh", "-c", "rm -r sub && ls"],
    "ln": ["sh", "-c", "ln fruit hard && ln -s hard soft && readlink soft && stat -c %h fruit"],
    "mkdir": ["sh", "-c", "mkdir -p a/b/c && rmdir -p a/b/c && ls"],
    "chmod": ["sh", "-c", "chmod 640 fruit && chmod -R go-rx sub && stat -c '%a %n' fruit sub"],
    "touch": ["sh", "-c", "touch -d '2001-02-03 04:05:06' fruit && stat -c %Y fruit"],
    "dd": ["sh", "-c", "dd if=fruit bs=3 skip=1 count=4 2>/dev/null"],
    "head-tail": ["sh", "-c", "head -n 2 fruit; tail -n 1 fruit; tail -c 4 fruit"],
    "cut-paste": ["sh", "-c", "cut -d' ' -f1,3 table | paste -s -d, -"],
    "tr-rev": ["sh", "-c", "tr a-z A-Z < fruit | rev | tac"],
    "grep": ["grep", "-rn", "file", "sub"],
    "diff": ["diff", "-u", "fruit", "/dev/null"],
    "od": ["od", "-An", "-tx1", "fruit"],
    "xxd": ["xxd", "fruit"],
    "base64": ["sh", "-c", "base64 fruit | base64 -d | cmp - fruit && echo same"],
    "expr-seq": ["sh", "-c", "expr 6 '*' 7; seq -s + 1 9; factor 360360"],
    "bc-dc": ["sh", "-c", "echo '2^100' | bc; echo '2 64 ^ p' | dc"],
    "printf": ["printf", "%05d|%-6s|%x|%c\\n", "42", "ab", "255", "z"],
    "env": ["env"],
    "id-numeric": ["sh", "-c", "test $(id -u) = $(id -u) && echo id works"],
    "ed": ["sh", "-c", "printf '2s/apple/lemon/\\nw\\nq\\n' | ed fruit && cat fruit"],
    "ed-missing-file": ["sh", "-c", "echo unused | busybox ed nothing 2>/dev/null; echo $?"],
    "test": ["sh", "-c", "[ -f fruit ] && [ -d sub ] && [ -L link ] && [ ! -e none ] && echo yes"],
    "timeout": ["sh", "-c", "busybox timeout 1 busybox sleep 10; echo $?"],
    "wc": ["wc", "fruit", "table"],
    "tee": ["sh", "-c", "echo both | tee out | cat - out"],
    "du-free": ["sh", "-c", "free >/dev/null && df . >/dev/null && ps >/dev/null && uptime >/dev/null && echo ok"],
    "names": ["sh", "-c", "basename a/b.c .c; dirname a/b; realpath link | sed 's|.*/||'; readlink -f link | sed 's|.*/||'; which sh"],
    "layout": ["sh", "-c", "nl fruit; fold -w 3 fruit; expand -t 4 table; unexpand -a table; cal 2 2000; ascii | tail -3"],
    "line-ends": ["sh", "-c", "unix2dos < fruit | od -c | head -2; unix2dos < fruit | dos2unix | cmp - fruit && echo same"],
    "hexdump-strings": ["sh", "-c", "hexdump -C fruit; strings -n 5 fruit; uuencode fruit name | uudecode -o - | cmp - fruit && echo same"],
    "more-sums": ["sh", "-c", "sha1sum fruit; sha512sum fruit; sha3sum fruit"],
    "compressors": ["sh", "-c", "bzip2 < fruit | bunzip2; lzop < fruit | lzop -d; gzip < fruit > f.gz && zcat f.gz | wc -c; rm f.gz"],
    "archive-garbage": ["sh", "-c", "ar -t fruit 2>/dev/null; echo $?; printf PK | unzip -l - 2>/dev/null; echo $?; rpm2cpio fruit 2>/dev/null; echo $?"],
    "file-makers": ["sh", "-c", "truncate -s 100 t; fallocate -l 50 u; link fruit l; unlink table; mkfifo p; mknod q p; t=$(mktemp -p .) && rm $t; ls -F; "
        "shred -u -z t; chgrp $(id -g) u; chown $(id -u) u; test -t 0; echo $?"],
    "getopt-run-parts": ["sh", "-c", "getopt -o ab: -- -a -b 1 c; printf '#!/bin/sh\necho part\n' > sub/x; chmod +x sub/x; run-parts sub; rm sub/x"],
    "processes": ["sh", "-c", "exec 2>/dev/null; nohup echo hup; setsid echo session; nice -n 1 echo nice; time true; usleep 1000; "
        "sleep 50 & killall -q no-such-name; kill -0 $! && kill $!; wait $!; echo $?; pidof no-such-name; echo $?"],
    "system": ["sh", "-c", "uname -s; arch; test $(nproc) -ge 1 && hostid > /dev/null && date +%Y > /dev/null && groups > /dev/null && tty; sync; more fruit; less fruit | head -1"],
    "ash-arithmetic": ["ash", "-c", "x=5; while [ $x -gt 0 ]; do x=$((x - 2)); done; echo $x $((x ? 7 : 8)) ${x#-}; case $x in -*) echo less;; esac"],
    "patch": [
        "sh",
        "-c",
        "cp fruit new && echo grape >> new; diff -u fruit new > p; patch fruit < p && rm p && tail -1 fruit",
    ],
}


@pytest.mark.parametrize("name", BUSYBOX)
def test_busybox(name, base):
    check = None if name in ("diff", "sed-in-place", "system") else succeeds
    run(["/usr/bin/busybox", *BUSYBOX[name]], base, setup=small_tree, check=check)


# --- bash

BASH = {
    "pipes": "set -o pipefail; seq 1000 | grep 7 | wc -l; false | true; echo $?",
    "pipestatus": "true | false | (exit 3); echo ${PIPESTATUS[@]}",
    "here_documents": "x=5; cat <<A; cat <<'B'; cat <<<\"string $x\"\nvalue $x $(echo sub)\nA\nvalue $x\nB\n",
    "background_jobs": "for i in 1 2 3; do (sleep 0.$i; exit $i) & p[$i]=$!; done\n"
    "for i in 3 1 2; do wait ${p[$i]}; echo $?; done; jobs; echo done",
    "wait_n": "sleep 1.5 & (sleep 0.2; exit 4) & wait -n; echo $?; wait; echo $?",
    "traps": "trap 'echo usr1' USR1; trap 'echo exit $?' EXIT; kill -USR1 $$; (kill -TERM $BASHPID); echo $?; exit 6",
    "err_trap": "trap 'echo failed at $LINENO' ERR\ntrue\nfalse\necho on",
    "process_substitution": "diff <(printf '1\\n2\\n') <(printf '1\\n3\\n'); echo $?; cat < <(echo in); echo x > >(sed s/x/y/); wait $!",
    "arrays": "a=(one 'two words' three); a+=(four); echo ${#a[@]} \"${a[1]}\" ${a[@]:2}; for i in \"${!a[@]}\"; do echo $i; done; "
    "declare -A m=([k]=v [x]=y); echo ${m[k]} ${#m[@]}",
    "expansions": "s=path/to/file.tar.gz; echo ${s##*/} ${s%%.*} ${s/to/from} ${s^^} ${#s} {a..e}{1..2} $((16#ff))",
    "globs": "shopt -s nullglob extglob globstar\necho *.none **/*.txt !(sub|link); echo [ft]*",
    "redirections": "exec 3>out; echo to three >&3; exec 3>&-; cat out; { echo o; echo e >&2; } 2>&1 | sort; echo a >> out; read -r l < out; echo $l",
    "subshell_isolation": "x=1; (x=2; cd sub; echo $x); echo $x; pwd | sed 's|.*/||'",
    "coproc": "coproc { while read -r l; do echo got $l; done; }; echo hi >&${COPROC[1]}; read -r r <&${COPROC[0]}; echo $r",
    "functions_recursion": "f() { local n=$1; ((n < 2)) && { echo $n; return; }; echo $(($(f $((n-1))) + $(f $((n-2))))); }; f 10",
    "read_loop": "while IFS=' ' read -r name age _; do echo $name:$age; done < table",
    "getopts": "set -- -a -b val rest; while getopts ab: o; do echo $o $OPTARG; done; shift $((OPTIND-1)); echo $1",
    "regex_case": "[[ abc123 =~ ([a-z]+)([0-9]+) ]] && echo ${BASH_REMATCH[2]}; case foo.c in *.c) echo C;; esac",
    "printf_date": "printf '%(%Y-%m-%d)T\\n' 86400; TZ=UTC date -d @1000000000 +%FT%T; printf '%q\\n' 'a b'",
    "many_forks": "n=0; for i in $(seq 300); do n=$((n + $(echo 1))); done; echo $n",
    "kill_background": "sleep 100 & p=$!; kill $p; wait $p; echo $?",
    "sigpipe": "yes | head -3; echo ${PIPESTATUS[0]}",
    "exit_codes": "bash -c 'exit 42'; echo $?; { bash -c 'kill -9 $$'; echo $?; } 2>/dev/null; no_such_command 2>/dev/null; echo $?; ./fruit 2>/dev/null; echo $?",
    "ulimit": "ulimit -n 64; ulimit -n; ulimit -c",
    "time_and_umask": "umask 027; umask; echo x > f; stat -c %a f",
    "mapfile": "mapfile -t l < fruit; echo ${#l[@]} ${l[2]}; printf '%s,' \"${l[@]}\"; echo",
    "exec_replaces": "exec /bin/echo replaced",
    "nested_command_substitution": "echo $(echo $(echo $(cat fruit | head -1)))",
}


@pytest.mark.parametrize("name", BASH)
def test_bash(name, base):
    check = None if name == "traps" else succeeds
    run(["/bin/bash", "-c", BASH[name]], base, setup=small_tree, check=check)


def test_dash_script_file(base):
    def setup(directory):
        script = directory / "script"
        script.write_text('#!/bin/sh -eu\ni=0\nwhile [ $i -lt 5 ]; do i=$((i+1)); done\necho "$i $1"\n')
        script.chmod(0o755)

    run(["./script", "argument"], base, setup=setup)


# --- interpreters

PYTHON = {
    "json_re": "import json, re; d = json.loads('{\"a\": [1, 2.5, null, true], \"b\": \"\\u00e9\"}'); "
    "print(json.dumps(d, sort_keys=True), re.sub(r'(\\d+)', r'<\\1>', 'a1b22'), re.findall(r'\\w+', 'x y-z'))",
    "subprocess": "import subprocess as s; print(s.run(['sort'], input=b'b\\na\\n', capture_output=True).stdout, "
    "s.run('exit 5', shell=True).returncode, s.check_output(['/bin/echo', 'hi'], text=True)); "
    "p = s.Popen(['sleep', '100']); p.terminate(); print(p.wait())",
    "subprocess_pipeline": "import subprocess as s; a = s.Popen(['seq', '100000'], stdout=s.PIPE); "
    "b = s.Popen(['tail', '-1'], stdin=a.stdout, stdout=s.PIPE); a.stdout.close(); print(b.communicate()[0], a.wait())",
    "threading": "import threading, queue; q = queue.Queue(); r = []; "
    "w = lambda: [r.append(i * i) or q.task_done() for i in iter(q.get, None)]; "
    "t = [threading.Thread(target=w) for _ in range(4)]; [x.start() for x in t]; [q.put(i) for i in range(500)]; "
    "q.join(); [q.put(None) for _ in t]; [x.join() for x in t]; print(sum(r), len(r))",
    "tempfile": "import tempfile, os; f = tempfile.NamedTemporaryFile(); f.write(b'abc'); f.flush(); "
    "print(os.path.getsize(f.name), os.path.dirname(f.name)); d = tempfile.TemporaryDirectory(); "
    "open(d.name + '/x', 'w').write('y'); print(os.listdir(d.name)); d.cleanup(); print(os.path.exists(d.name))",
    "sqlite3": "import sqlite3; c = sqlite3.connect('db'); c.execute('create table t(a integer primary key, b)'); "
    "c.executemany('insert into t(b) values(?)', [(str(i),) for i in range(2000)]); c.commit(); "
    "print(c.execute('select count(*), sum(a), max(b) from t').fetchone()); c.close(); import os; os.remove('db')",
    "hashlib_zlib": "import hashlib, zlib, bz2, lzma; d = bytes(range(256)) * 4000; "
    "print(hashlib.sha256(d).hexdigest(), hashlib.blake2b(d).hexdigest()[:20], len(zlib.compress(d)), "
    "bz2.decompress(bz2.compress(d)) == d, lzma.decompress(lzma.compress(d)) == d)",
    "os_walk": "import os; os.makedirs('a/b/c'); [open(f'a/b/f{i}', 'w').write('x' * i) for i in range(20)]; "
    "print(sorted((r, sorted(d), len(f)) for r, d, f in os.walk('a')), sum(e.stat().st_size for e in os.scandir('a/b')))",
    "fork_and_pipe": "import os; r, w = os.pipe(); p = os.fork(); "
    "p or (os.write(w, b'child'), os._exit(3)); print(os.read(r, 9), os.waitstatus_to_exitcode(os.waitpid(p, 0)[1]))",
    "signals": "import signal, time, os; s = []; signal.signal(signal.SIGALRM, lambda n, f: s.append(n)); "
    "signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.3); print(s); "
    "signal.signal(signal.SIGUSR1, lambda n, f: s.append(n)); os.kill(os.getpid(), signal.SIGUSR1); print(s)",
    "mmap": "import mmap; f = open('m', 'w+b'); f.write(b'0' * 8192); f.flush(); m = mmap.mmap(f.fileno(), 0); "
    "m[5000:5005] = b'hello'; m.flush(); f.seek(5000); print(f.read(5), m.find(b'hello')); m.close()",
    "selectors_socketpair": "import selectors, socket; a, b = socket.socketpair(); s = selectors.DefaultSelector(); "
    "s.register(b, selectors.EVENT_READ); print(s.select(0)); a.send(b'x'); print(len(s.select(5)), b.recv(9))",
    "asyncio": "import asyncio\nasync def w(i):\n await asyncio.sleep(0.01 * i); return i\n"
    "async def main():\n print(await asyncio.gather(*[w(i) for i in range(20)]))\n"
    " p = await asyncio.create_subprocess_exec('echo', 'async', stdout=-1); print(await p.communicate())\nasyncio.run(main())",
    "unicode_files": "import os; open('na\\u00efve', 'w').write('\\u2603'); print(os.listdir('.'), open('na\\u00efve').read()); "
    "import sys; print(sys.getfilesystemencoding(), sys.stdout.encoding)",
    "exceptions_exit": "import sys\ntry:\n open('missing')\nexcept OSError as e: print(e.errno, e)\n"
    "try:\n open('/proc/nothing', 'w')\nexcept OSError as e: print(type(e).__name__ in ('FileNotFoundError', 'PermissionError'))",
    "decimal_fraction": "from decimal import Decimal, getcontext; getcontext().prec = 50; print(Decimal(2).sqrt()); "
    "from fractions import Fraction; print(sum(Fraction(1, i) for i in range(1, 40))); import math; print(math.factorial(60), math.sin(1))",
    "datetime_environ": "import datetime, os, time; print(datetime.datetime.fromtimestamp(0, datetime.timezone.utc), os.environ['LANG'], "
    "abs(time.time() - datetime.datetime.now().timestamp()) < 5)",
    "shutil_archive": "import shutil, os; os.makedirs('s/t'); open('s/t/u', 'w').write('v'); shutil.make_archive('z', 'zip', 's'); "
    "shutil.unpack_archive('z.zip', 'o'); print(open('o/t/u').read()); shutil.rmtree('o'); os.remove('z.zip')",
}


@pytest.mark.parametrize("name", PYTHON)
def test_python(name, base):
    run(["/usr/bin/python3", "-I", "-c", PYTHON[name]], base)


@pytest.mark.slow
def test_python_multiprocessing(base):
    def setup(directory):
        (directory / "pool.py").write_text(
            "import multiprocessing as m\n"
            "def square(x): return x * x\n"
            "if __name__ == '__main__':\n"
            "    with m.Pool(2) as p: print(sum(p.map(square, range(200))))\n"
            "    q = m.Queue(); w = m.Process(target=q.put, args=('from worker',))\n"
            "    w.start(); print(q.get()); w.join(); print(w.exitcode)\n"
        )

    run(["/usr/bin/python3", "pool.py"], base, setup=setup)


@pytest.mark.slow
def test_python_shared_memory(base):
    def setup(directory):
        (directory / "share.py").write_text(
            "import ctypes, multiprocessing as m, os\n"
            "from multiprocessing import shared_memory\n"
            "libc = ctypes.CDLL(None, use_errno=True)\n"
            "libc.shmat.restype = ctypes.c_void_p\n"
            "def fill(name, id):\n"
            "    s = shared_memory.SharedMemory(name); s.buf[:5] = b'hello'; s.close()\n"
            "    ctypes.memmove(libc.shmat(id, None, 0), b'System V', 8)\n"
            "if __name__ == '__main__':\n"
            "    s = shared_memory.SharedMemory(create=True, size=100)\n"
            "    id = libc.shmget(0, 4096, 0o1600)\n"
            "    w = m.Process(target=fill, args=(s.name, id)); w.start(); w.join()\n"
            "    print(bytes(s.buf[:5]), ctypes.string_at(libc.shmat(id, None, 0))); s.close(); s.unlink()\n"
            "    print(libc.shmctl(id, 0, None), libc.shmctl(id, 0, None))\n"
            "    name = b'/conf%d' % os.getpid()\n"
            "    q = libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o600, None)\n"
            "    buf = ctypes.create_string_buffer(8192)\n"
            "    print(libc.mq_send(q, b'text', 4, 5), libc.mq_receive(q, buf, 8192, None), buf.value)\n"
            "    print(libc.mq_unlink(name), libc.mq_unlink(name), ctypes.get_errno())\n"
        )

    run(["/usr/bin/python3", "share.py"], base, setup=setup)


# Of a program in the background: what it writes to a file.
SHOWS = "shows() { until grep -q $1 $2 2>/dev/null; do sleep 0.1; done; }; "
IPC_TOOLS = {
    "shm": "id=$(ipcmk -M 5000 -p 640 | sed 's/.*: //'); ipcs -m -i $id | sed -n 's/cpid=[0-9]*//;/mode\\|bytes/p'; "
    "ipcrm -v -m $id | tr -d 0-9; ipcrm -m $id 2>&1 | tr -d 0-9",
    "sem": "id=$(ipcmk -S 3 -p 600 | sed 's/.*: //'); ipcs -s -i $id | grep -E 'mode|nsems|^[0-2] '; ipcrm -s $id; echo $?",
    "msg": "id=$(ipcmk -Q | sed 's/.*: //'); ipcs -q -i $id | grep -E 'mode|qnum'; ipcrm -q $id; echo $?",
    "limits": "ipcs -l",
    "inotifywait": SHOWS + "inotifywait -m sub >events 2>notes & shows established notes; "
    "echo x >sub/new; mv sub/new sub/newer; rm sub/newer; shows DELETE events; kill $!; cat events; rm events notes",
    "inotifywait-recursive": SHOWS + "inotifywait -r -e create sub >events 2>notes & shows established notes; "
    "touch sub/deep/x; wait; cat events; rm events notes sub/deep/x",
    "tail-follow": SHOWS + "echo one >log; tail -f log >out & shows one out; echo two >>log; shows two out; "
    "echo three >>log; shows three out; kill $!; cat out; rm log out",
}


@pytest.mark.parametrize("name", IPC_TOOLS)
def test_ipc_tools(name, base):
    run(["sh", "-c", IPC_TOOLS[name]], base, setup=small_tree, check=None)


PERL = {
    "hashes_regex": 'my %h; $h{$_}++ for split /\\W+/, "the cat the hat"; print "$_=$h{$_}\\n" for sort keys %h; '
    '(my $s = "a1b2") =~ s/(\\d)/<$1>/g; print "$s\\n"',
    "files": 'open my $f, ">", "out" or die; print $f "line $_\\n" for 1..100; close $f; open $f, "<", "out"; my @l = <$f>; '
    'print scalar(@l), " $l[-1]"; print -s "out", "\\n"; unlink "out"; print -e "out" ? 1 : 0, "\\n"',
    "fork_pipe": 'pipe my $r, my $w; if (!fork) { close $r; print $w "child\\n"; exit 3 } close $w; print <$r>; wait; print $? >> 8, "\\n"',
    "backticks": 'my @l = `ls -1 /usr/bin/perl /bin/sh`; print @l; system("exit 4"); print $? >> 8, "\\n"',
    "sort_pack": 'print join(",", sort { $b <=> $a } map { $_ * 7 % 11 } 1..10), " ", unpack("H*", pack("NnC", 1, 2, 3)), "\\n"',
    "signals": '$SIG{ALRM} = sub { print "alarm\\n"; exit 0 }; alarm 1; select undef, undef, undef, 5; print "late\\n"',
    "digest": 'use Digest::SHA qw(sha1_hex); use List::Util qw(sum); use POSIX qw(floor); print sha1_hex("x"), sum(1..10), floor(2.7), "\\n"',
}


@pytest.mark.parametrize("name", PERL)
def test_perl(name, base):
    run(["/usr/bin/perl", "-e", PERL[name]], base)


LUA = {
    "tables": "local t = {} for i = 1, 1000 do t[i] = i * i end table.sort(t, function(a, b) return a > b end) print(#t, t[1], t[1000])",
    "strings": 'print(("hello world"):gsub("o", "0"), string.format("%5.2f|%q|%x", 3.14159, "a\\nb", 255), utf8.len("\\u{2603}"))',
    "io": 'local f = assert(io.open("out", "w")) f:write("a\\n", 1, "\\n") f:close() for l in io.lines("out") do print(l) end print(os.remove("out"))',
    "coroutines": "local c = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(c(), c(), c())",
    "popen": 'local p = io.popen("echo from shell; exit 3") print(p:read("a")) print(p:close()) print(os.execute("true"))',
    "integers": "print(math.maxinteger, 7 // 2, 7 % -3, 1 << 40, 2^53, 10 / 2, pcall(error, {code = 1}))"
    .replace("pcall(error, {code = 1})", "(pcall(error, 'x'))"),
}


@pytest.mark.parametrize("name", LUA)
def test_lua(name, base):
    run(["/usr/bin/lua5.4", "-e", LUA[name]], base)


SQLITE = {
    "memory": ([":memory:"], "create table t(a,b); insert into t values(1,'x'),(2,'y'); select sum(a), group_concat(b) from t;"),
    "file": (["db"], "create table t(a integer primary key, b text); begin; with recursive n(i) as (select 1 union all select i+1 "
     "from n where i < 5000) insert into t(b) select 'row ' || i from n; commit; create index ib on t(b); "
     "select count(*), max(b) from t; pragma integrity_check;\n.mode csv\nselect * from t where a % 1000 = 0;"),
    "wal": (["db"], "pragma journal_mode=wal; create table t(a); insert into t values(1),(2); select * from t; pragma wal_checkpoint; vacuum;"),
    "json": ([":memory:"], "select json_extract('{\"a\":[1,2,{\"b\":3}]}', '$.a[2].b'); select json_group_array(value) from json_each('[3,1,2]');"),
}


@pytest.mark.parametrize("name", SQLITE)
def test_sqlite(name, base):
    arguments, text = SQLITE[name]
    run(["/bin/sh", "-c", 'sqlite3 "$@" && rm -f db*', "sh", *arguments], base, stdin=text.encode())


# --- sockets: servers and their clients in one sandbox

SERVERS = {
    "http": """
import http.server, threading, urllib.request, urllib.error
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200); self.end_headers(); self.wfile.write(body[::-1])
open('file.txt', 'w').write('line\\n' * 100000)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = 'http://127.0.0.1:%d/' % server.server_port
for i in range(10):
    assert len(urllib.request.urlopen(url + 'file.txt').read()) == 500000
print(urllib.request.urlopen(url, b'reversed').read())
try: urllib.request.urlopen(url + 'missing')
except urllib.error.HTTPError as e: print(e.code)
server.shutdown()
""",
    "fork_tcp": """
import socket, os
for family, host in ((socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')):
    listener = socket.create_server((host, 0), family=family)
    if not os.fork():
        c = socket.create_connection(listener.getsockname()[:2])
        c.sendall(bytes(range(256)) * 8000); c.shutdown(socket.SHUT_WR)
        os._exit(c.makefile().read() != 'got 2048000')
    s, _ = listener.accept(); n = 0
    while d := s.recv(50000): n += len(d)
    s.sendall(b'got %d' % n); s.close()
    print(host, n, os.waitstatus_to_exitcode(os.wait()[1]))
""",
    "unix_socketserver": """
import socketserver, socket, threading, os
class Upper(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile: self.wfile.write(line.upper())
server = socketserver.ThreadingUnixStreamServer('server.sock', Upper)
threading.Thread(target=server.serve_forever, daemon=True).start()
def client(i):
    c = socket.socket(socket.AF_UNIX); c.connect('server.sock')
    f = c.makefile('rw'); out.append([(f.write('line %d\\n' % i), f.flush(), f.readline())[2] for _ in range(50)])
out = []; threads = [threading.Thread(target=client, args=(i,)) for i in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(o[-1] for o in out), sum(map(len, out))); server.shutdown(); os.unlink('server.sock')
""",
    "asyncio_streams": """
import asyncio
async def upper(r, w):
    w.write((await r.readline()).upper()); await w.drain(); w.close()
async def ask(opened, text):
    r, w = opened; w.write(text + b'\\n'); d = await r.readline(); w.close(); return d
async def main():
    s = await asyncio.start_server(upper, '127.0.0.1', 0); port = s.sockets[0].getsockname()[1]
    async def one(i): return await ask(await asyncio.open_connection('127.0.0.1', port), b'line %d' % i)
    print((await asyncio.gather(*[one(i) for i in range(40)]))[::13])
    u = await asyncio.start_unix_server(upper, 'u.sock')
    print(await ask(await asyncio.open_unix_connection('u.sock'), b'unix')); u.close()
    loop = asyncio.get_running_loop(); answer = loop.create_future()
    class Back(asyncio.DatagramProtocol):
        def connection_made(self, t): self.t = t
        def datagram_received(self, d, a): self.t.sendto(d[::-1], a)
    class Take(asyncio.DatagramProtocol):
        def datagram_received(self, d, a): answer.set_result(d)
    t, _ = await loop.create_datagram_endpoint(Back, local_addr=('127.0.0.1', 0))
    c, _ = await loop.create_datagram_endpoint(Take, remote_addr=t.get_extra_info('sockname'))
    c.sendto(b'abc'); print(await answer)
    try: await asyncio.open_connection('127.0.0.1', 1)
    except OSError as e: print(type(e).__name__)
asyncio.run(main()); import os; os.unlink('u.sock')
""",
    "passing_descriptors": """
import socket, os
a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
r, w = os.pipe()
if not os.fork():
    msg, fds, flags, _ = socket.recv_fds(b, 100, 4)
    os.write(fds[0], b'through ' + msg); os._exit(len(fds))
socket.send_fds(a, [b'the pipe'], [w]); os.close(w)
print(os.read(r, 100), os.waitstatus_to_exitcode(os.wait()[1]))
""",
    "xmlrpc": """
import xmlrpc.server, xmlrpc.client, threading
s = xmlrpc.server.SimpleXMLRPCServer(('localhost', 0), logRequests=False)
s.register_function(pow); s.register_function(lambda *a: list(a), 'pack')
threading.Thread(target=s.serve_forever, daemon=True).start()
p = xmlrpc.client.ServerProxy('http://localhost:%d' % s.server_address[1])
print(p.pow(2, 20), p.pack(1, 'x', [2.5])); s.shutdown()
""",
}


@pytest.mark.parametrize("name", SERVERS)
def test_servers(name, base):
    def setup(directory):
        (directory / "program.py").write_text(SERVERS[name])

    run(["/usr/bin/python3", "program.py"], base, setup=setup)


def test_python_multiprocessing_connections(base):
    def setup(directory):
        (directory / "talk.py").write_text(
            "import multiprocessing as m\n"
            "from multiprocessing.connection import Listener, Client\n"
            "def square(x): return x * x\n"
            "def serve(family, q):\n"
            "    with Listener(None, family, authkey=b'k') as l:\n"
            "        q.put(l.address)\n"
            "        with l.accept() as c: c.send(c.recv()[::-1])\n"
            "if __name__ == '__main__':\n"
            "    for family in 'AF_INET', 'AF_UNIX':\n"
            "        q = m.Queue(); p = m.Process(target=serve, args=(family, q)); p.start()\n"
            "        with Client(q.get(), authkey=b'k') as c: c.send(family); print(c.recv())\n"
            "        p.join()\n"
            "    with m.Manager() as g: d = g.dict(); d['x'] = 1; print(dict(d))\n"
            "    m.set_start_method('forkserver', force=True)\n"
            "    with m.Pool(2) as p: print(p.map(square, [1, 2, 3]))\n"
        )

    run(["/usr/bin/python3", "talk.py"], base, setup=setup)


# --- building

CC_PROGRAM = r"""
cat > p.c <<'END'
#include <math.h>
#include <stdio.h>
int main(int argc, char **argv) { printf("%s %.6f\n", argc > 1 ? argv[1] : "none", sqrt(2)); return 7; }
END
"""
GCC = {
    "compile_and_run": CC_PROGRAM + "gcc -O2 -o p p.c -lm && ./p works; echo $?; rm p",
    "static": CC_PROGRAM + "gcc -static -o p p.c -lm && ./p static; echo $?; rm p",
    "preprocess": CC_PROGRAM + "gcc -E -P p.c | tail -1",
    "assembly": "echo 'int f(int x) { return x * 9; }' | gcc -O2 -S -fno-asynchronous-unwind-tables -x c - -o - | grep -v ident",
    "error": "echo 'int main(void) { return undeclared; }' > bad.c; gcc bad.c 2>&1; echo $?",
    "shared_library": "echo 'int answer(void) { return 42; }' > l.c; gcc -shared -fPIC -o libl.so l.c; "
    "printf '#include <stdio.h>\\nint answer(void);int main(void){printf(\"%%d\\\\n\", answer());}' > m.c; "
    "gcc -o m m.c -L. -ll -Wl,-rpath,'$ORIGIN' && ./m; rm m libl.so",
    "archive_and_tools": CC_PROGRAM + "gcc -c p.c && ar rcs lib.a p.o && nm p.o | grep main && ar t lib.a && size p.o | tail -1 | cut -f1; rm p.o lib.a",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GCC)
def test_gcc(name, base):
    run(["/bin/sh", "-c", GCC[name]], base)


@pytest.mark.slow
def test_musl_gcc(base):
    run(["/bin/sh", "-c", CC_PROGRAM + "musl-gcc -static -o p p.c && ./p musl; echo $?; rm p"], base)


@pytest.mark.slow
def test_make_parallel(base):
    def setup(directory):
        shutil.copytree(MINIPROJ, directory / "project")

    script = (
        "cd project && make -j2 2>&1 | sort && out/report && make && sleep 0.1 && touch src/gcd.h && "
        "make -n | wc -l && make clean"
    )
    run(["/bin/sh", "-c", script], base, setup=setup)


GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "A U Thor",
    "GIT_AUTHOR_EMAIL": "author@example.org",
    "GIT_COMMITTER_NAME": "C O Mitter",
    "GIT_COMMITTER_EMAIL": "committer@example.org",
    "GIT_AUTHOR_DATE": "2020-01-02T03:04:05Z",
    "GIT_COMMITTER_DATE": "2020-01-02T03:04:05Z",
}


@pytest.mark.slow
def test_git(base):
    script = (
        "git -c init.defaultBranch=main init -q . && git add -A && git commit -qm first && "
        "echo more >> fruit && git diff --stat && git commit -qam second && git checkout -qb topic HEAD~1 && "
        "echo t > topic && git add topic && git commit -qm third && git merge -q -m merged main && "
        "git log --graph --format='%H %an %ad %s' && git fsck 2>&1 && git gc -q && git status --short && "
        "git clone -q . clone 2>&1 && git -C clone log --oneline && git worktree add -q tree main 2>&1 && ls tree && "
        "git worktree list | wc -l && git worktree remove tree && git worktree prune -v && rm -rf clone .git"
    )
    run(["/bin/sh", "-c", script], base, env=GIT, setup=small_tree)


# --- terminals


def on_terminal(base, command, keys, setup=None, shown=(), size=(24, 80)):
    """Ends, files and some of what was shown must agree; the order of escape sequences need not."""
    outcomes = []
    env = {"TERM": "xterm", "LESSHISTFILE": "-", "HISTFILE": ""}
    for world in ("native", "sandbox"):
        directory = harness.fresh_directory(base, "work")
        if setup:
            setup(directory)
        if world == "native":
            words, own = command, harness.ENVIRONMENT | env
        else:
            words = harness.sandbox_command(command, directory, env)
            own = {k: os.environ[k] for k in harness.PASSED if k in os.environ} | env
        status, output = terminal.run(words, directory, own, keys, size)
        seen = "".join(f"{text!r} shown: {text in output}\n" for text in shown)
        outcomes.append(harness.Outcome(seen, "", status, harness.describe_tree(directory)))
        harness.remove_tree(directory)
    assert outcomes[0].status == "exit 0", f"native: {outcomes[0]}"
    assert "False" not in outcomes[0].stdout, f"native: {outcomes[0]}"
    report = harness.difference(*outcomes)
    if report:
        pytest.fail(f"{command} on a terminal\n{report}", pytrace=False)


def long_text(directory):
    (directory / "text").write_text("".join(f"line number {i}\n" for i in range(1, 301)))


@pytest.mark.slow
def test_less_on_terminal(base):
    there = [("expect", b"number 222"), b"G", ("expect", b"line number 300")]
    keys = [b" ", b"/number 222\n", *there, b"g", b"q"]
    shown = [b"line number 1", b"number 222", b"line number 300"]
    on_terminal(base, ["/usr/bin/less", "text"], keys, long_text, shown)


@pytest.mark.slow
@pytest.mark.parametrize("editor", [["/usr/bin/vim.tiny", "-u", "NONE", "-n"], ["/usr/bin/busybox", "vi"]])
def test_vi_on_terminal(editor, base):
    keys = [b"3Gdd", b"Oinserted above\x1b", b":%s/number 10$/number TEN/\n", b"Goat the end\x1b", b":wq\n"]
    on_terminal(base, [*editor, "text"], keys, long_text)


@pytest.mark.slow
def test_shell_on_terminal(base):
    # It has the terminal when it says so: what is typed before that is for the shell.
    job = [b"sh -c 'echo in-\"\"front; exec sleep 100'\n", ("expect", b"in-front\r\n")]
    keys = [
        b"stty size; tty -s && echo is-a-tty\n",
        *job,
        b"\x03",
        b"echo interrupted $?\n",
        *job,
        b"\x1a",
        b"jobs | grep -c Stopped\n",
        b"kill %1; wait; echo cat-next\n",
        b"cat > typed\n",
        b"typed text\n",
        b"\x04",
        ("size", 40, 100),
        b"stty size\n",
        b"exit 0\n",
    ]
    shown = [b"24 80", b"is-a-tty", b"interrupted 130", b"40 100"]
    on_terminal(base, ["/bin/bash", "--norc", "--noediting", "-i"], keys, shown=shown)


@pytest.mark.slow
def test_python_prompt_on_terminal(base):
    keys = [b"print(6 * 7)\n", b"import os; os.get_terminal_size()\n", b"open('made', 'w').write('x')\n", b"\x04"]
    on_terminal(base, ["/usr/bin/python3", "-I", "-S", "-q"], keys, shown=[b"42", b"columns=80, lines=24"])


# --- standard streams


def test_stdin_is_passed_through(base):
    data = bytes(range(256)) * 4096
    run(["/usr/bin/sha256sum"], base, stdin=data)


def test_large_output(base):
    run(["/bin/sh", "-c", "seq 200000; seq 1000 >&2"], base)


def test_exit_status_of_signal(base):
    run(["/bin/sh", "-c", "kill -INT $$"], base, check=None)


def test_missing_program_in_shell(base):
    run(["/bin/sh", "-c", "no-such-program-at-all; echo $?"], base)


def test_parts_are_there():
    """One clear failure instead of forty when a package is missing."""
    needed = (
        "/usr/bin/busybox /bin/bash /usr/bin/gcc /usr/bin/musl-gcc /usr/bin/make /usr/bin/git /usr/bin/perl "
        "/usr/bin/lua5.4 /usr/bin/sqlite3 /usr/bin/xz /usr/bin/zstd /usr/bin/less /usr/bin/vim.tiny"
    )
    missing = [p for p in needed.split() if not Path(p).exists()]
    assert not missing, f"missing: {missing}"
