# SPDX-License-Identifier: Apache-2.0
"""Language runtimes that write machine code of their own: threads, signals and faults that they rely on."""

import shutil
import subprocess
from pathlib import Path

import pytest

import harness

PROGRAMS = harness.ROOT / "tests" / "programs"
NODE, JAVA, LUAJIT = "/usr/bin/node", "/usr/bin/java", "/usr/bin/luajit"
pytestmark = pytest.mark.slow


def run(command, base, status=0, **options):
    def check(outcome):
        if outcome.status != f"exit {status}" or not outcome.stdout:
            pytest.fail("the native run is no model:\n" + "\n".join(outcome.lines()), pytrace=False)

    harness.same(command, base, check=check, **options)


def beside(source):
    """The program lies in the working directory."""
    return lambda directory: shutil.copy(source, directory)


# --- node

NODE_EXITS = {"child": 0, "fs": 0, "gc": 7, "jit": 0, "net": 0, "workers": 0}


@pytest.mark.parametrize("name", NODE_EXITS)
def test_node(name, base):
    run([NODE, f"{name}.js"], base, NODE_EXITS[name], setup=beside(PROGRAMS / "node" / f"{name}.js"))


def test_node_prints(base):
    run([NODE, "-p", "process.platform + process.arch + [1, 2, 3].map(x => x * x)"], base)


# --- java

MILL = PROGRAMS / "java" / "Mill.java"
MILL_EXITS = 3


def test_java_from_source(base):
    run([JAVA, MILL.name], base, MILL_EXITS, setup=beside(MILL))


@pytest.fixture(scope="module")
def jar(tmp_path_factory):
    """Mill, compiled outside of the sandbox."""
    folder = tmp_path_factory.mktemp("java")
    for folder_or_parent in (folder, folder.parent):
        folder_or_parent.chmod(0o755)
    subprocess.run(["javac", "-d", folder / "classes", MILL], check=True)
    words = ["jar", "--create", "--file", folder / "mill.jar", "--main-class", "Mill", "-C", folder / "classes", "."]
    subprocess.run(words, check=True)
    return folder / "mill.jar"


@pytest.mark.parametrize("collector", ["Serial", "Parallel", "G1", "Z"])
def test_java_jar(collector, jar, base):
    run([JAVA, f"-XX:+Use{collector}GC", "-jar", str(jar)], base, MILL_EXITS, readonly=[jar])


def test_java_interpreted(jar, base):
    run([JAVA, "-Xint", "-jar", str(jar)], base, MILL_EXITS, readonly=[jar])


def test_javac_and_jar(base):
    script = (
        "javac -d classes Mill.java && jar --create --file mill.jar --main-class Mill -C classes . && "
        "jar --list --file mill.jar | sort && rm -r classes mill.jar"
    )
    run(["/bin/sh", "-c", script], base, setup=beside(MILL))


# --- luajit


@pytest.mark.parametrize("how", ["-jon", "-joff"])
def test_luajit(how, base):
    run([LUAJIT, how, "jit.lua"], base, setup=beside(PROGRAMS / "luajit" / "jit.lua"))


def test_parts_are_there():
    """One clear failure instead of many when a package is missing."""
    missing = [p for p in (NODE, JAVA, "/usr/bin/javac", LUAJIT) if not Path(p).exists()]
    assert not missing, f"missing: {missing}"
