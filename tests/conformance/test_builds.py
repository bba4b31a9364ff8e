# SPDX-License-Identifier: Apache-2.0
"""Real C projects from Debian's sources, configured, built and tested: the same binaries, bit by bit."""

import shutil
import subprocess
from pathlib import Path

import pytest

import harness

FETCH = Path(__file__).with_name("debian_source")

UNPACK = """
set -e
mkdir src
tar xf source.tar -C src --strip-components=1 --no-same-owner
cd src
"""

# What is built is compared by its sums; logs and objects stay out of the comparison.
ZLIB = """
CFLAGS=-O1 ./configure >configure.out
make -j4 >make.out
make check 2>&1 | grep -c 'test OK'
sha256sum libz.a libz.so.* minigzip example
seq 20000 >numbers
./minigzip <numbers | tee numbers.gz | wc -c
gzip -dc numbers.gz | cmp - numbers && echo same
make clean >make.out
ls | wc -l
"""

LUA = """
make -j4 linux MYCFLAGS=-O1 >make.out 2>&1
sha256sum src/lua src/luac src/liblua.a
cat >test.lua <<'END'
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print(_VERSION, fib(22), ("x"):rep(5), math.type(2^53), 7 // 2, 7 % -3)
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(co(), co(), co())
print(pcall(error, {code = 1}), select("#", table.unpack({1, 2, 3})))
for line in io.popen("echo from a shell; exit 3"):lines() do print(line) end
print(io.popen("exit 3"):close())
local name = os.tmpname(); local f = io.open(name, "w"); f:write("text"); f:close()
print(io.open(name):read("a"), os.remove(name), io.open(name) == nil)
local t = {}; for i = 1, 100000 do t[i] = tostring(i) end
t = nil; collectgarbage(); print(collectgarbage("count") < 4096)
END
src/lua test.lua
src/luac -o test.luac test.lua && src/lua test.luac | tail -1
make test
make install INSTALL_TOP="$PWD/top" >make.out && find top -type f | sort
"""

SQLITE = """
mkdir out && cd out
CFLAGS=-O0 ../configure --disable-tcl --disable-shared --disable-readline >configure.out 2>&1
make -j4 sqlite3 >make.out 2>&1
sha256sum sqlite3.c sqlite3
for journal in delete wal; do
	./sqlite3 $journal.db <<END
pragma journal_mode=$journal;
create table t(a integer primary key, b text);
with recursive n(i) as (values(1) union all select i+1 from n where i<20000) insert into t select i, hex(i*i) from n;
create index tb on t(b);
begin; delete from t where a % 3 = 0; rollback;
begin; delete from t where a % 7 = 0; commit;
select count(*), sum(a), min(b), max(length(b)) from t;
pragma integrity_check;
vacuum;
END
	for i in 1 2 3 4; do ./sqlite3 -cmd '.timeout 20000' $journal.db "update t set a = -a where a = $i" & done
	wait
	./sqlite3 $journal.db 'select count(*) from t where a < 0; select count(*) from t'
done
"""

PROJECTS = {"zlib": ("zlib", ZLIB), "lua": ("lua5.4", LUA), "sqlite": ("sqlite3", SQLITE)}


def fetch(package):
    done = subprocess.run([str(FETCH), package], capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.fail(done.stderr, pytrace=False)
    return Path(done.stdout.strip())


@pytest.mark.slow
@pytest.mark.large
@pytest.mark.parametrize("name", PROJECTS)
def test_build_of_debian_source(name, base):
    package, steps = PROJECTS[name]
    source = fetch(package)

    def setup(directory):
        shutil.copy(source, directory / "source.tar")

    script = f"({UNPACK}{steps})\nstatus=$?\nrm -rf src\nexit $status"
    harness.same(
        ["/bin/bash", "-c", script], base, setup=setup, check=harness.succeeds, timeout=280, options=["--cpus", "2"]
    )
