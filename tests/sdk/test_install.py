# SPDX-License-Identifier: Apache-2.0
"""What `make install` leaves is enough to build and run a program with the library."""
import os
import re
import subprocess

import pytest

from conftest import BUILD, ROOT

EXPORTED = re.findall(r"\b(sb_[a-z_]+)\(", re.sub(r"/\*.*?\*/", "", (ROOT / "sdk/include/sandbox.h").read_text(), flags=re.S))


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    subprocess.run(["make", "-s", "-C", ROOT, f"B={os.path.relpath(BUILD, ROOT)}", f"DESTDIR={root}", "PREFIX=/opt/sb", "install"], check=True, capture_output=True)
    return root / "opt/sb"


def example():
    """The man page's, as a program."""
    page = (ROOT / "docs/man/libsandbox.3").read_text()
    body = page.split(".Bd -literal\n")[1].split(".Ed")[0].replace("\\e", "\\")
    return f"#include <err.h>\n#include <stdio.h>\n#include <sandbox.h>\nint main(void)\n{{\n{body}return 0;\n}}\n"


def flags(prefix, *words):
    env = dict(os.environ, PKG_CONFIG_LIBDIR=str(prefix / "lib/pkgconfig"))
    # where it is now, not where it would be in the end
    done = subprocess.run(["pkg-config", f"--define-variable=prefix={prefix}", *words, "libsandbox"], capture_output=True, text=True, check=True, env=env)
    return done.stdout.split()


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
@pytest.mark.parametrize("compiler", [["cc", "-std=c11"], ["c++", "-xc++", "-std=c++20"]], ids=["c", "c++"])
def test_program_is_built_and_runs(prefix, tmp_path, static, compiler):
    source = example()
    if compiler[0] == "c++":
        if not subprocess.run(["sh", "-c", "command -v c++"], capture_output=True).stdout:
            pytest.skip("no C++ compiler")
    (tmp_path / "prog.c").write_text(source)
    words = flags(prefix, "--cflags", "--libs", *(["--static"] if static else []))
    if static:
        words = [str(prefix / "lib/libsandbox.a") if w == "-lsandbox" else w for w in words]
    subprocess.run([*compiler, "-Wall", "-Wextra", "-Wno-missing-field-initializers", tmp_path / "prog.c", "-xnone", *words, "-o", tmp_path / "prog"], check=True)
    env = {"PATH": os.environ["PATH"], "LD_LIBRARY_PATH": str(prefix / "lib")}
    if static:
        env["SANDBOX_EXECUTABLE"] = str(prefix / "bin/sandbox")
    done = subprocess.run([tmp_path / "prog"], capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0: 42\n", "")


def test_exported_names_are_those_of_the_header_with_their_version(prefix):
    listed = subprocess.run(["nm", "-D", "--defined-only", prefix / "lib/libsandbox.so.0"], capture_output=True, text=True, check=True).stdout
    names = {line.split()[2] for line in listed.splitlines() if " T " in line}
    assert names == {f"{name}@@SANDBOX_0" for name in EXPORTED}
    dynamic = subprocess.run(["readelf", "-d", prefix / "lib/libsandbox.so"], capture_output=True, text=True, check=True).stdout
    assert "[libsandbox.so.0]" in dynamic


def test_man_page_has_every_call():
    page = (ROOT / "docs/man/libsandbox.3").read_text()
    assert set(EXPORTED) == set(re.findall(r"^\.Fn (sb_[a-z_]+) ", page, flags=re.M))
    done = subprocess.run(["man", "--warnings", "-l", ROOT / "docs/man/libsandbox.3"], capture_output=True, text=True, env={"PATH": os.environ["PATH"], "MANWIDTH": "80"})
    assert done.returncode == 0 and done.stderr == ""
