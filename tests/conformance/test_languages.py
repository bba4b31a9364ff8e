# SPDX-License-Identifier: Apache-2.0
"""Languages with their own tools: what they build and run natively, they build and run in the sandbox."""

import shutil

import pytest

import harness
from harness import succeeds

PROGRAMS = harness.ROOT / "tests" / "programs"
TIMEOUT = 240  # compilers start cold
pytestmark = pytest.mark.slow


def run(script, base, folder=None, **options):
    """A script of sh(1) beside a copy of the folder's files."""

    def setup(directory):
        if folder:
            shutil.copytree(PROGRAMS / folder, directory, dirs_exist_ok=True)

    harness.same(["/bin/sh", "-c", script], base, setup=setup, check=succeeds, timeout=TIMEOUT, **options)


CPUS = ["--cpus", "2"]


def test_tools_are_there():
    """One clear failure instead of many when a package is missing."""
    wanted = ("go", "cargo", "ruby", "php", "npm", "python3", "gcc", "clang", "convert", "ffmpeg", "dpkg-deb")
    missing = [tool for tool in wanted if not shutil.which(tool)]
    assert not missing, f"missing: {missing}"


def test_go_builds_and_runs(base):
    run("CGO_ENABLED=0 go build -o many . && ./many && ./many; rm -f many", base, "go", options=CPUS)


def test_go_test(base):
    run("go vet . && go test . | cut -f1,2", base, "go", options=CPUS)


def test_cargo_builds_runs_and_tests(base):
    run("cargo build -q --offline 2>&1 && ./target/debug/threads 2>/dev/null && cargo test -q --offline 2>&1 | grep -c 'test result: ok. 1 passed'; "
        "rm -rf target", base, "rust", options=CPUS)


def test_ruby(base):
    run("ruby all.rb", base, "ruby")


def test_php(base):
    run("php all.php", base, "php")


def test_python_processes_and_events(base):
    run("python3 -I many.py", base, "python", options=CPUS)


def test_npm_version(base):
    run("npm --version", base)


def test_npm_runs_a_packages_tests(base):
    run("npm start --silent && npm test --silent | grep -E '^# (tests|pass|fail) '", base, "package", options=CPUS)


# --- sanitizers

MEMORY = ("none", "overflow", "stack", "leak", "use-after-free", "double-free", "undefined")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_address_sanitizer(compiler, base):
    script = (
        f"{compiler} -w -g -O0 -fsanitize=address,undefined -fno-sanitize-recover=undefined memory.c -o memory -pthread || exit 1\n"
        f"for what in {' '.join(MEMORY)}; do ./memory $what >out 2>err; echo $what $?; cat out; "
        "grep -oE '(ERROR: (Address|Leak)Sanitizer|runtime error): [a-z-]+' err; done; rm -f memory out err"
    )
    run(script, base, "sanitizers")


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_thread_sanitizer(compiler, base):
    script = (
        f"{compiler} -w -g -fsanitize=thread race.c -o race -pthread || exit 1\n./race; echo $?; ./race without >out 2>&1; echo $?\n"
        "grep -c '^WARNING: ThreadSanitizer: data race' out | grep -v ^0; rm -f race out"
    )
    run(script, base, "sanitizers", options=CPUS)


# --- media, packages


def test_imagemagick_and_ffmpeg(base):
    script = (
        "convert -size 64x64 gradient:red-blue -resize 32x32 -rotate 90 a.png && identify -format '%m %w %h\\n' a.png && "
        "convert a.png b.jpg && identify -format '%m %w %h\\n' b.jpg && "
        "ffmpeg -v error -f lavfi -i testsrc=duration=1:size=128x96:rate=10 -c:v libx264 -threads 2 o.mp4 && "
        "ffprobe -v error -count_frames -show_entries stream=codec_name,width,height,nb_read_frames -of csv o.mp4; rm -f a.png b.jpg o.mp4"
    )
    run(script, base, options=CPUS)


def test_dpkg_builds_shows_and_unpacks(base):
    script = (
        "mkdir -p t/DEBIAN t/usr/bin && printf 'Package: tiny\\nVersion: 1\\nArchitecture: all\\nMaintainer: me <me@localhost>\\nDescription: tiny\\n' "
        ">t/DEBIAN/control && printf '#!/bin/sh\\necho tiny runs\\n' >t/usr/bin/tiny && chmod 755 t/usr/bin/tiny && "
        "dpkg-deb --root-owner-group -Zxz -b t tiny.deb >/dev/null && dpkg-deb -f tiny.deb Package Version && dpkg -x tiny.deb x && x/usr/bin/tiny && "
        "rm -r t x tiny.deb"
    )
    run(script, base)
