# SPDX-License-Identifier: Apache-2.0
"""sandbox-cc: a static program that needs nothing of the host."""
import subprocess

import pytest

from conftest import ROOT
from sandbox import run

CC = ROOT / "sdk" / "bin" / "sandbox-cc"


def cc(*words, **env):
    return subprocess.run([CC, *map(str, words)], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **env})


@pytest.fixture
def source(tmp_path):
    (tmp_path / "main.c").write_text('#include <stdio.h>\nint other(void);\nint main(void) { printf("%d\\n", other()); return 3; }\n')
    (tmp_path / "other.c").write_text("int other(void) { return 42; }\n")
    return tmp_path


def test_program_runs_where_there_is_nothing_else(source):
    done = cc(source / "main.c", source / "other.c", "-o", source / "program")
    assert (done.returncode, done.stderr) == (0, "")
    (source / "root").mkdir()
    (source / "program").rename(source / "root" / "program")
    r = run("/program", root=str(source / "root"))
    assert (r.exit_code, r.stdout) == (3, b"42\n")
    headers = subprocess.run(["readelf", "-lW", source / "root" / "program"], capture_output=True, text=True, check=True).stdout
    assert "INTERP" not in headers and "DYNAMIC" not in headers and "EXEC (Executable file)" in headers


def test_compiles_and_links_in_two_steps(source):
    for name in ("main", "other"):
        assert cc("-c", source / f"{name}.c", "-o", source / f"{name}.o").returncode == 0
    assert cc("-O1", source / "main.o", source / "other.o", "-o", source / "program").returncode == 0
    assert run("/p", programs={"/p": (source / "program").read_bytes()}).stdout == b"42\n"


def test_mistakes_are_a_line(source):
    for done in (cc(), cc("-shared", source / "other.c"), cc(source / "main.c", SANDBOX_MUSL_CC="no-such-cc")):
        assert done.returncode == 125
        assert done.stderr.startswith("sandbox-cc: ") and done.stderr.count("\n") == 1
