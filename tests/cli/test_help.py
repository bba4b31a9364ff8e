# SPDX-License-Identifier: Apache-2.0
"""Verbs, help, man pages and completion: they agree with each other, and are what `make install` puts in place."""

import copy
import json
import os
import re
import resource
import shutil
import subprocess

import pytest

import harness
from serving import serving

VERBS = ["run", "serve", "snapshot", "restore", "image", "job", "ps", "top", "metrics", "trace", "profile", "doctor", "version", "help", "completion"]
MAN = harness.ROOT / "docs" / "man"


def options_of(verb, me):
    """Long options that --help shows."""
    return set(re.findall(r"--([a-z][a-z-]*)", options_text(me.call(verb, "--help").out)))


def options_text(text):
    return "\n".join(line for line in text.splitlines() if re.match(r" {2,6}-", line))


def man_text(page):
    done = subprocess.run(["man", "--warnings", "-l", str(MAN / page)], capture_output=True, text=True, env={"PATH": os.environ["PATH"], "MANWIDTH": "80", "LANG": "C.UTF-8"}, check=True)
    assert done.stderr == ""
    return re.sub(r".\x08", "", done.stdout)


# --- verbs


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(verb, me):
    got = me.call(verb, "--help")
    assert got.code == 0 and got.err == "" and got.out.startswith(f"Usage: sandbox {verb}")
    assert me.call("help", verb) == got
    assert me.call(verb, "-h") == got


def test_overview(me):
    got = me.call("--help")
    assert got.code == 0 and all(re.search(rf"^  {verb} ", got.out, re.M) for verb in VERBS)
    assert me.call("help") == got and me.call("-h") == got


def test_version(me):
    got = me.call("version")
    assert got.code == 0 and re.fullmatch(r"sandbox \d+\.\d+\.\d+ \(channel ABI \d+\)\n", got.out)
    assert me.call("--version") == got


@pytest.mark.parametrize(
    "words,says",
    [
        (["nothing"], 'no command "nothing"; `sandbox --help` lists them'),
        (["./a.out"], "to run a program: sandbox run PROGRAM"),
        (["help", "nothing"], 'no command "nothing"'),
        (["help", "run", "doctor"], "takes one command"),
        (["version", "x"], "takes no argument"),
        (["doctor", "x"], "takes no argument"),
        (["doctor", "--nothing"], "nothing"),
        (["completion"], "want one shell: bash, zsh or fish"),
        (["completion", "tcsh"], 'no script for "tcsh"'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_usage_errors(words, says, me):
    got = me.call(*words)
    assert got.code == 125 and got.out == "" and says in got.line()


def test_no_command(me):
    done = subprocess.run([me.sandbox], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (125, "")
    assert done.stderr == "sandbox: no command given; `sandbox --help` lists them\n"


@pytest.mark.parametrize("words", [["--help"], ["help"], ["help", "run"], ["run", "--help"], ["version"], ["doctor"], ["doctor", "--json"], ["completion", "bash"]], ids=" ".join)
def test_output_that_nobody_takes(words, me):
    with open("/dev/full", "wb") as full:
        got = me.call(*words, stdout=full)
    assert got.code == 125
    assert got.line() == "sandbox: cannot write to standard output: No space left on device"


# --- doctor


def test_doctor(who):
    got = who.call("doctor")
    assert got.code == 0 and got.err == ""
    for word in ("kernel", "CPU", "memory", "/dev/kvm", "kvm", "process", "backend", "home", "jail", "`sandbox run` works here."):
        assert word in got.out
    assert len(re.findall(r"^(?:ok|--)  (?:kvm|process)\b.* (?:not )?usable: \S", got.out, re.M)) >= 2
    assert "\x1b" not in got.out


def test_doctor_json(who):
    got = who.call("doctor", "--json")
    found = json.loads(got.out)
    assert {"usable", "kernel", "cpu", "kvm", "backend", "backends", "jail", "memory_bytes", "nofile"} == set(found)
    assert found["usable"] is (got.code == 0)
    report = json.loads(who.run("--backend", "auto", "-q", "--json", "-", "/bin/true").out)
    assert report["backend"] == found["backend"]["name"] and report["home"] == found["backend"]["home"]


def test_doctor_is_right_about_each_backend(who):
    backends = json.loads(who.call("doctor", "--json").out)["backends"]
    places = [("vmx", "guest"), ("kvm", "guest"), ("kvm", "host"), ("process", "host")]
    assert [(b["name"], b["home"]) for b in backends] == places
    for b in backends:
        got = who.run("--backend", b["name"], "--home", b["home"], "/bin/echo", "in")
        assert (got.code, got.out) == ((0, "in\n") if b["usable"] else (125, ""))
        assert b["why"] and (b["usable"] or b["why"] in got.err)


def test_doctor_and_few_files(who):
    got = who.call("doctor", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
    assert "-- " in got.out and "ulimit -n" in got.out


# --- man pages


@pytest.mark.parametrize("page", sorted(p.name for p in MAN.iterdir()))
def test_man_page_renders(page):
    text = man_text(page)
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", *(["EXIT STATUS"] if page.endswith(".1") else [])):
        assert re.search(rf"^{section}$", text, re.M), section
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.parametrize("page", sorted(p.name for p in MAN.iterdir()))
def test_man_page_is_found(page):
    """By whatis and apropos, which ask lexgrog."""
    done = subprocess.run(["lexgrog", MAN / page], capture_output=True, text=True)
    assert f'"{page[:-2]} - ' in done.stdout, done.stdout


@pytest.mark.parametrize("verb", ["run", "doctor"])
def test_man_page_has_every_option(verb, me):
    text = man_text(f"sandbox-{verb}.1")
    listed = set(re.findall(r"--([a-z][a-z-]*)", text)) - {"help"}
    assert options_of(verb, me) - {"help"} == listed & options_of(verb, me)
    assert not listed - set.union(*(options_of(v, me) for v in VERBS)), "options that do not exist"


def test_man_page_of_serve_has_its_own_options(me):
    """Those of `sandbox run` are on its page."""
    listed = set(re.findall(r"--([a-z][a-z-]*)", man_text("sandbox-serve.1")))
    own = options_of("serve", me) - options_of("run", me)
    assert own and own <= listed and not listed - set.union(*(options_of(v, me) for v in VERBS))


def test_man_page_of_snapshot_has_its_own_options(me):
    """For restore too; those of `sandbox run` are on its page."""
    listed = set(re.findall(r"--([a-z][a-z-]*)", man_text("sandbox-snapshot.1")))
    own = (options_of("snapshot", me) - options_of("run", me)) | options_of("restore", me)
    assert own - {"help"} <= listed and not listed - set.union(*(options_of(v, me) for v in VERBS))


def test_readme_uses_options_that_exist(me):
    text = (harness.ROOT / "README.md").read_text()
    used = set(re.findall(r"(?<![-\w])--([a-z][a-z-]*)", text))
    assert used <= set.union(*(options_of(v, me) for v in VERBS)) | {"help"}


# --- completion


def complete(me, line):
    """What bash offers for the last word of line."""
    script = f"""
        source <("{me.sandbox}" completion bash)
        COMP_LINE={line!r}; COMP_POINT=${{#COMP_LINE}}
        read -ra COMP_WORDS <<<"$COMP_LINE"
        [[ $COMP_LINE == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
        _sandbox; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["/bin/bash", "--norc", "-c", script], cwd=me.work, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_completion_of_verbs(me):
    assert complete(me, "sandbox ") == {*VERBS, "--help"}
    assert complete(me, "sandbox do") == {"doctor"}


def test_completion_of_options(me):
    assert complete(me, "sandbox run --") == {f"--{option}" for option in options_of("run", me)} | {"--help"}
    assert complete(me, "sandbox run --env-") == {"--env-clear"}
    assert complete(me, "sandbox serve --") == {f"--{option}" for option in options_of("serve", me)} | {"--help"}


def test_completion_of_values(me):
    assert complete(me, "sandbox run --backend ") == {"auto", "kvm", "process", "vmx"}
    os.mkdir(me.work / "directory")
    me.file("file", "")
    assert complete(me, "sandbox run --root ") == {"directory"}
    assert complete(me, "sandbox run --ro ") == {"directory", "file"}
    assert complete(me, "sandbox completion ") == {"bash", "zsh", "fish"}
    assert complete(me, "sandbox help ru") == {"run"}


def test_completion_behind_the_program(me):
    """Everything there is the program's: files."""
    me.file("file", "")
    assert complete(me, "sandbox run --mem 1G ls --") == set()
    assert complete(me, "sandbox run --mem 1G ls fi") == {"file"}
    assert complete(me, "sandbox serve --listen :80 ls --") == set()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_good_shell(shell, me):
    script = me.call("completion", shell)
    assert script.code == 0 and script.err == ""
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script.out, text=True, check=True)


# --- installation


def make(target, destination):
    words = ["make", "-s", "-C", harness.ROOT, target, f"DESTDIR={destination}", "PREFIX=/usr", f"B={harness.BUILD}"]
    subprocess.run([str(w) for w in words], check=True, capture_output=True)


def files_in(destination):
    return {str(p.relative_to(destination)) for p in destination.rglob("*") if p.is_file()}


def test_install(me, tmp_path):
    make("install", tmp_path)
    found = files_in(tmp_path)
    sdk = {f for f in found if re.search("libsandbox|sandbox(-guest)?[.]h|sandbox-cc|sandbox[.]py", f)}
    assert "usr/include/sandbox.h" in sdk, "tests/sdk looks at the rest"
    assert found - sdk == {
        "usr/bin/sandbox",
        *(f"usr/libexec/sandbox/sandbox-{tool}" for tool in ("image", "trace", "metrics", "profile", "relay")),
        *(f"usr/share/man/man1/{p.name}" for p in MAN.glob("*.1")),
        "usr/share/bash-completion/completions/sandbox",
    }
    done = subprocess.run([tmp_path / "usr/bin/sandbox", "version"], capture_output=True, text=True, check=True)
    assert done.stdout == me.call("version").out
    installed = copy.copy(me)
    installed.sandbox = tmp_path / "usr/bin/sandbox"
    with serving(installed, "--accept", "--", "/usr/bin/python3", "-c", "import socket\nsocket.create_server(('', 80)).accept()[0].sendall(b'found')") as server:
        assert server.talk(b"") == b"found"


def test_uninstall(tmp_path):
    """What was installed, and nothing of others."""
    make("install", tmp_path)
    other = tmp_path / "usr/share/man/man1/other.1"
    other.touch()
    make("uninstall", tmp_path)
    assert files_in(tmp_path) == {"usr/share/man/man1/other.1"}
    make("uninstall", tmp_path)
