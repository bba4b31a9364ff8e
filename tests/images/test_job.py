# SPDX-License-Identifier: Apache-2.0
"""sandbox job: what a file may say, how its steps run, what is shown and written."""
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import stat
import struct
import subprocess
import termios
import time
import xml.etree.ElementTree as ElementTree

import pytest

SANDBOX = os.path.abspath(os.environ.get("SANDBOX_BIN", "build/sandbox"))


class Job:
    def __init__(self, top):
        self.top = top
        self.env = dict(os.environ, XDG_CACHE_HOME=str(top / "cache"), TMPDIR=str(top / "tmp"), LC_ALL="C.UTF-8",
                        SANDBOX_STORE=str(top / "store"))
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            self.env["SANDBOX_BACKEND"] = "process"  # each step would say that it falls back to it
        (top / "tmp").mkdir()

    def start(self, text, *args, **kw):
        (self.top / "job.yml").write_text(text)
        return subprocess.Popen([SANDBOX, "job", *args, "job.yml"], cwd=self.top, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kw)

    def run(self, text, *args, code=0):
        p = self.start(text, *args)
        out, err = p.communicate(timeout=60)
        assert p.returncode == code, f"exit {p.returncode}, expected {code}: {out}{err}"
        self.out, self.err = out, err
        assert not os.listdir(self.top / "tmp"), "a workspace was left behind"
        return out

    def gc(self):  # a job needs no store
        subprocess.run([SANDBOX, "image", "gc", "--no-wait"], env=self.env, check=False, capture_output=True, timeout=60)

    def refuses(self, text):
        self.run(text, code=125)
        lines = self.err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("sandbox: job.yml"), f"expected one line: {self.err!r}"
        return lines[0][len("sandbox: job.yml"):]

    def summary(self, text, *args, code=0):
        self.run(text, *args, "--json", "summary.json", code=code)
        return json.loads((self.top / "summary.json").read_text())


@pytest.fixture
def job(tmp_path):
    return Job(tmp_path)


def outcomes(summary):
    return [[s["outcome"] for s in e["steps"]] for e in summary["entries"]]


# -- what runs --

def test_steps_share_a_workspace_and_run_in_order(job):
    out = job.run("steps:\n- run: pwd >where\n- run: echo in $(cat where)\n")
    assert "   in /workspace\n" in out


def test_run_is_a_shell_that_stops_at_the_first_failure(job):
    out = job.run("steps:\n- run: |\n    echo before\n    false\n    echo after\n", code=1)
    assert "   before\n" in out and "   after" not in out
    job.run("steps:\n- run: echo $UNSET_VARIABLE_OF_A_TEST\n", code=2)


def test_command_is_run_as_it_is(job):
    assert "   $HOME *\n" in job.run('steps:\n- command: [echo, "$HOME", "*"]\n')


def test_the_exit_code_is_that_of_the_first_step_that_failed(job):
    s = job.summary("steps:\n- run: exit 7\n- run: exit 9\n", code=7)
    assert outcomes(s) == [["failed", "skipped"]] and s["code"] == 7


def test_a_step_may_fail(job):
    s = job.summary("steps:\n- run: exit 7\n  continue-on-error: true\n- run: exit 0\n")
    assert outcomes(s) == [["failed", "passed"]]
    assert [s["entries"][0]["steps"][0][k] for k in ("code", "allowed")] == [7, True]


def test_a_timeout_is_124(job):
    started = time.monotonic()
    s = job.summary("steps:\n- run: sleep 60\n  timeout: 0.5\n", code=124)
    assert time.monotonic() - started < 20 and s["entries"][0]["steps"][0]["code"] == 124


def test_env_of_the_step_wins_over_that_of_the_job(job):
    out = job.run("env: {A: job, B: job}\nsteps:\n- run: echo $A $B\n  env: {B: step}\n- run: echo $A $B\n")
    assert "   job step\n" in out and "   job job\n" in out


def test_mounts_are_read_only_unless_they_say_otherwise(job):
    (job.top / "a:b").mkdir()
    (job.top / "a:b/in").write_text("from outside\n")
    job.run("""steps:
- run: cat /ro/in; ! touch /ro/x; echo back >/rw/out
  mounts:
  - {host: "a:b", path: /ro}
  - {host: "a:b", path: /rw, mode: rw}
""")
    assert "from outside" in job.out
    assert (job.top / "a:b/out").read_text() == "back\n"


def test_workdir(job):
    assert "   /usr\n" in job.run("steps:\n- run: pwd\n  workdir: /usr\n")


def test_limits_reach_the_sandbox(job):
    job.run("steps:\n- command: [python3, -c, 'x = bytearray(1 << 29)']\n  mem: 128M\n", code=137)
    assert "ran out of memory (128.0 MiB)" in job.out
    out = job.run("steps:\n- run: nproc\n  cpus: 2\n")
    assert "   2\n" in out


def test_a_cache_is_there_the_next_time(job):
    text = "name: my job\nsteps:\n- run: cat /c/x 2>/dev/null || echo new; echo old >/c/x\n  cache: [{name: c, path: /c}]\n"
    assert "   new\n" in job.run(text)
    assert "   old\n" in job.run(text)
    assert (job.top / "cache/sandbox/job/my%20job/c/x").exists()


def test_links_in_a_cache_lead_to_nothing_of_this_machine(job, tmp_path_factory):
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("secret\n")
    text = "name: j\nsteps:\n- {run: '%s', cache: [{name: c, path: /c}]}\n"
    up = "../" * len((job.top / "cache/sandbox/job/j/c").parts)
    job.run(text % f"ln -s {secret} /c/absolute; ln -s {up}{str(secret)[1:]} /c/relative")
    assert (job.top / "cache/sandbox/job/j/c/absolute").read_text() == "secret\n"
    assert (job.top / "cache/sandbox/job/j/c/relative").read_text() == "secret\n"
    out = job.run(text % "ls /c; ! cat /c/absolute; ! cat /c/relative")
    assert "   absolute\n   relative\n" in out and "   secret\n" not in out


def test_the_host_stays_as_it_was(job):
    job.run("steps:\n- run: touch here || true; touch /etc/x || true; rm -rf / 2>/dev/null || true\n")
    assert sorted(os.listdir(job.top)) == ["job.yml", "tmp"]


# -- images --

@pytest.fixture
def image(job, tool):
    """A static busybox, in the store of the job."""
    if not os.path.exists("/bin/busybox"):
        pytest.skip("busybox is not installed")
    (job.top / "tree/bin").mkdir(parents=True)
    for name in ("sh", "echo", "cat", "ls", "pwd"):
        os.symlink("busybox", job.top / "tree/bin" / name)
    shutil.copy("/bin/busybox", job.top / "tree/bin/busybox")
    tool.ok("pack", job.top / "tree", "-t", "busy:1", "--entrypoint", "/bin/echo own", "--cmd", "command", "--workdir", "/bin")
    return "busy:1"


def test_a_step_runs_in_an_image_and_shares_the_workspace(job, image):
    out = job.run("""matrix: {tag: [1]}
steps:
- {image: "busy:${{ matrix.tag }}", run: "ls /; pwd; echo from the image >file"}
- {run: cat file}
- {image: "busy:1", command: [cat, file]}
""")
    assert "   usr\n" not in out and "   /workspace\n" in out
    assert out.count("   from the image\n") == 2


def test_an_image_runs_its_own_command_if_the_step_says_none(job, image):
    assert "   own command\n" in job.run("steps:\n- image: busy:1\n")


def test_an_image_that_is_not_there_fails_the_step(job, tool):
    tool.ok("ls")
    job.run("steps:\n- {image: 'nope:1', run: x}\n", code=125)
    assert "nope:1" in job.out


# -- artifacts --

def test_artifacts_are_copied_out(job):
    job.run("""steps:
- run: mkdir -p d/e; echo 1 >d/e/f; ln -s e/f d/link; echo 2 >file; chmod 751 file
  artifacts:
  - {path: d, to: out/tree}
  - {path: file, to: out/named}
  - {path: /workspace/file, to: out/}
""")
    out = job.top / "out"
    assert (out / "tree/e/f").read_text() == "1\n" and os.readlink(out / "tree/link") == "e/f"
    assert (out / "named").read_text() == "2\n" and (out / "file").read_text() == "2\n"
    assert stat.S_IMODE((out / "named").stat().st_mode) == 0o751


def test_artifacts_of_a_failed_step_are_copied_as_far_as_they_are_there(job):
    job.run("""steps:
- run: echo report >report; exit 3
  artifacts: [{path: report, to: report}, {path: never, to: never}]
""", code=3)
    assert (job.top / "report").read_text() == "report\n" and not (job.top / "never").exists()


def test_a_missing_artifact_fails_the_step(job):
    s = job.summary("steps:\n- run: 'true'\n  artifacts: [{path: x, to: x}]\n", code=125)
    assert "no such file" in s["entries"][0]["steps"][0]["error"]


@pytest.mark.parametrize("make, words", [
    ("ln -s /etc/passwd x", "neither"), ("mkdir x; ln -s /etc/passwd x/l", "leads out"),
    ("mkdir x; ln -s ../../y x/l", "leads out"), ("mkdir x; ln -s . x/b; ln -s b/b/b/../../../etc/passwd x/l", "leads out"), ("mkfifo x", "neither"), ("mkdir x; mkfifo x/p", "neither"),
    ("mkdir y; echo 1 >y/f; ln -s y x; rm -rf x2", "neither")])
def test_artifacts_cannot_bring_out_what_is_not_theirs(job, make, words):
    s = job.summary(f"steps:\n- run: {make}\n  artifacts: [{{path: x, to: out}}]\n", code=125)
    error = s["entries"][0]["steps"][0]["error"]
    assert words in error or "a link" in error, error
    assert not (job.top / "out").is_file()


def test_an_artifact_does_not_write_through_links_that_an_earlier_one_left(job):
    (job.top / "victim").mkdir()
    (job.top / "out").mkdir()
    os.symlink(job.top / "victim", job.top / "out/d")
    job.run("steps:\n- run: mkdir -p t/d; echo 1 >t/d/f\n  artifacts: [{path: t, to: out}]\n")
    assert (job.top / "out/d/f").read_text() == "1\n" and not os.listdir(job.top / "victim")


def test_holes_stay_holes(job):
    job.run("steps:\n- run: truncate -s 1T sparse; echo x >>sparse\n  artifacts: [{path: sparse, to: sparse}]\n")
    st = (job.top / "sparse").stat()
    assert st.st_size == (1 << 40) + 2 and st.st_blocks < 1000


def test_a_deep_and_locked_workspace_goes_away(job):
    job.run("""steps:
- command:
  - python3
  - -c
  - |
    import os
    for i in range(300):
        os.mkdir("d" * 50)
        os.chdir("d" * 50)
    os.chdir("/workspace")
    os.makedirs("locked/inside")
    open("locked/inside/file", "w")
    os.chmod("locked/inside", 0)
    os.chmod("locked", 0)
""")


# -- the matrix --

MATRIX = "matrix:\n  a: [1, 2]\n  b: [x, y]\nsteps:\n- run: echo ${{ matrix.a }}-${{matrix.b}}\n"


def test_every_combination_runs(job):
    s = job.summary(MATRIX)
    assert [e["matrix"] for e in s["entries"]] == [{"a": a, "b": b} for a in "12" for b in "xy"]
    assert [e["steps"][0]["output"] for e in s["entries"]] == ["1-x\n", "1-y\n", "2-x\n", "2-y\n"]


def test_entries_that_run_at_once_say_whose_line_it_is(job):
    out = job.run(MATRIX, "-j", "4")
    assert sorted(line for line in out.splitlines() if line.startswith("[")) == [
        f"[a={a} b={b}] {a}-{b}" for a in "12" for b in "xy"]


def test_names_that_a_step_chose_are_shown_and_written_safely(job):
    s = job.summary("""steps:
- run: mkdir x; mkfifo "x/$(printf 'a\\033[2Jb\\377')"
  artifacts: [{path: x, to: out}]
- run: echo next
""", code=125)
    steps = s["entries"][0]["steps"]
    assert len(steps) == 2 and "neither file" in steps[0]["error"]
    assert "\x1b" not in job.out + job.err + steps[0]["error"]


@pytest.mark.parametrize("file, name", [("unit.yml", "unit"), ("unit.a.yml", "unit.a"), (".ci.yml", ".ci"), ("plain", "plain")])
def test_a_job_without_a_name_is_called_as_its_file(job, file, name):
    (job.top / file).write_text("steps:\n- run: 'true'\n")
    subprocess.run([SANDBOX, "job", "--json", "s.json", file], cwd=job.top, env=job.env, check=True, capture_output=True, timeout=60)
    assert json.loads((job.top / "s.json").read_text())["name"] == name


def test_a_failed_entry_does_not_stop_the_others(job):
    s = job.summary("matrix: {n: [0, 3, 0]}\nsteps:\n- run: exit ${{ matrix.n }}\n", code=3)
    assert outcomes(s) == [["passed"], ["failed"], ["passed"]]


def test_entries_run_side_by_side(job):
    """Each waits for the three others, which never come if they run one after another."""
    job.run("""matrix: {n: [1, 2, 3, 4]}
steps:
- run: touch /meet/${{ matrix.n }}; while [ "$(ls /meet | wc -l)" -lt 4 ]; do sleep 0.1; done
  timeout: 50
  cache: [{name: meet, path: /meet}]
""", "-j4")


# -- what is refused, with the line --

@pytest.mark.parametrize("text, words", [
    ("", ":1: empty"),
    ("steps: []", ":1: steps must be a list of at least one"),
    ("name: x", ":1: a job needs steps"),
    ("steps:\n- rnu: x", ':2: a step has no key "rnu"; is "run" meant?'),
    ("step:\n- run: x", ':1: a job has no key "step"; is "steps" meant?'),
    ("steps:\n- run: x\n  zzzzzz: 1", 'there are: name, image'),
    ("steps:\n- run: x\n  command: [y]", ":2: a step has run or command"),
    ("steps:\n- name: x", ":2: a step needs run"),
    ("steps:\n- run: x\n  mem: lots", ':3: mem: "lots" is no size'),
    ("steps:\n- run: x\n  timeout: 0", ":3: timeout"),
    ("steps:\n- run: x\n  cpus: 1.5", ":3: cpus"),
    ("steps:\n- run: x\n  env: {1A: b}", ':3: env: "1A" is no name'),
    ("steps:\n- run: x\n  env: [a]", ":3: env must be a map, not a list"),
    ("steps:\n- run: x\n  mounts: [{path: /x}]", "a mount needs host"),
    ("steps:\n- run: x\n  mounts: [{host: x, path: y}]", "absolute"),
    ("steps:\n- run: x\n  mounts: [{host: x, path: /y, mode: w}]", "mode must be ro or rw"),
    ("steps:\n- run: x\n  cache: [{name: ../x, path: /y}]", "cache name"),
    ("steps:\n- run: x\n  artifacts: [{path: ../x, to: y}]", '".."'),
    ("steps:\n- run: x\n  artifacts: [{path: /etc/passwd, to: y}]", "/workspace"),
    ("steps:\n- run: x\n  continue-on-error: maybe", "true or false"),
    ("steps:\n- run: ${{ matrix.x }}", ':2: no value "matrix.x"'),
    ("matrix: {a: [1]}\nsteps:\n- run: ${{ matrix.b }}", "there are: matrix.a"),
    ("steps:\n- run: ${{ x", ':2: "${{" without "}}"'),
    ("matrix: {a: []}\nsteps:\n- run: x", "must be a list of values"),
    ("matrix: {a: [1, 2]}\nsteps:\n- run: x\n  artifacts: [{path: x, to: y}]", "the same place"),
    ("a: &x 1\nb: *x\n", ":1: anchors"),
    ("a: !!int 3\n", ":1: tags"),
    ("steps:\n- run: x\n---\nsteps: []", ":3: a second document"),
    ("name: a\nname: b\n", ':2: "name" is here twice, first in line 1'),
    ("steps: [", "not YAML"),
    ("a: [" * 40, "nested too deeply"),
    ("? [a]\n: b\n", "a key must be plain text"),
    ('name: "\\0"\nsteps:\n- run: x\n', "NUL"),
    ("matrix: {a: [1,2,3,4,5,6,7,8], b: [1,2,3,4,5,6,7,8], c: [1,2,3,4,5,6,7,8]}\nsteps:\n- run: x", "combinations"),
])
def test_a_mistake_is_told_with_its_line(job, text, words):
    assert words in job.refuses(text)


def test_a_file_that_would_grow_without_bound_is_refused(job):
    text = "matrix: {a: ['" + "x" * 100000 + "']}\nsteps:\n- run: " + "${{matrix.a}}" * 10000 + "\n"
    assert "too large" in job.refuses(text)


def test_a_file_that_is_not_there_is_one_sentence(job):
    r = subprocess.run([SANDBOX, "job", "nothing.yml"], capture_output=True, text=True, cwd=job.top)
    assert r.returncode == 125 and r.stderr == "sandbox: cannot read nothing.yml: No such file or directory\n"


# -- what is shown --

def test_output_cannot_pass_for_lines_of_the_job(job):
    out = job.run("steps:\n- run: printf '== step 2 of 2\\n-- x; passed\\n\\033[2J\\033]0;t\\007\\na\\rb\\033[31mred\\n'\n")
    assert [line for line in out.splitlines() if line.startswith(("==", "--"))][1:-1] == []
    assert "\x1b[2J" not in out and "\x07" not in out and "\x1b[31mred" in out


def test_junit_has_a_case_for_each_step(job):
    job.run("matrix: {n: [1, 2]}\nsteps:\n- {name: 'a <&\">', run: 'echo \"<&>\"'}\n"
            "- run: exit ${{matrix.n}}\n- run: x\n", "--junit", "out.xml", code=1)
    suites = ElementTree.parse(job.top / "out.xml").getroot().findall("testsuite")
    assert [s.get("failures") for s in suites] == ["1", "1"] and suites[0].get("tests") == "3"
    cases = suites[1].findall("testcase")
    assert cases[0].get("name") == 'a <&">' and cases[0].find("system-out").text == "<&>\n"
    assert cases[1].find("failure").get("message") == "exit code 2" and cases[2].find("skipped") is not None


def test_json_to_stdout_is_only_json(job):
    out = job.run("steps:\n- run: echo hello\n", "--json", "-")
    assert json.loads(out)["code"] == 0 and "hello" in job.err


def test_a_summary_that_cannot_be_written_is_said_before_anything_runs(job):
    job.run("steps:\n- run: echo ran\n", "--json", "/nowhere/x", code=125)
    assert "/nowhere/x" in job.err and "ran" not in job.out


def test_much_output_is_cut_in_summaries_only(job):
    s = job.summary("steps:\n- run: seq 1 30000\n")
    step = s["entries"][0]["steps"][0]
    assert step["output_cut"] and step["output"].endswith("\n30000\n") and len(step["output"]) < 65536
    assert job.out.count("\n") > 30000


class Terminal:
    """sandbox job on a terminal of its own."""

    def __init__(self, job, text, *args, columns=60, rows=20):
        (job.top / "job.yml").write_text(text)
        try:
            self.pid, self.fd = pty.fork()
        except OSError as e:
            pytest.skip(f"no terminal to be had: {e}")
        if not self.pid:
            os.chdir(job.top)
            os.execve(SANDBOX, ["sandbox", "job", *args, "job.yml"], dict(job.env, TERM="xterm"))
        self.resize(columns, rows)
        self.out = ""

    def resize(self, columns, rows):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, until=None, timeout=20):
        end = time.monotonic() + timeout
        while time.monotonic() < end and not (until and until in self.out):
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:
                    break
                self.out += data.decode(errors="replace")
        return self.out

    def end(self):
        self.read()
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_terminal_shows_what_runs_and_what_came_of_it(job):
    t = Terminal(job, "steps:\n- {name: first, run: echo one; sleep 1}\n- {name: second, run: echo why; exit 4}\n")
    t.read("    one")
    assert t.end() == 4
    assert "✓\x1b[0m first" in t.out and "✗\x1b[0m second" in t.out and "failed with code 4" in t.out
    assert "    why" in t.out.split("✗")[-1], "the output of a failed step stays"


def test_no_line_is_wider_than_the_window(job):
    t = Terminal(job, "steps:\n- {name: n, run: 'printf \"%0300d\\n\" 0; sleep 1'}\n", columns=30)
    t.read("000")
    t.resize(25, 10)
    t.end()
    assert "0" * 30 not in t.out and "0" * 20 in t.out


def test_ctrl_c_ends_the_steps_and_says_so(job):
    t = Terminal(job, "matrix: {n: [1, 2]}\nsteps:\n- run: echo up; sleep 100\n- run: x\n", "-j2")
    t.read("    up")
    os.write(t.fd, b"\x03")
    started = time.monotonic()
    assert t.end() == 130
    assert time.monotonic() - started < 10
    assert "ended by SIGINT" in t.out and "interrupted" in t.out
    assert not os.listdir(job.top / "tmp")


def wait_for(p, word):
    """Until a step printed this; a step without a name is called as its first line, so that the word alone would not do."""
    for line in p.stdout:
        if line == f"   {word}\n":
            return
    pytest.fail(f"the step never said {word!r}: {p.stderr.read()}")


def test_a_step_that_ignores_the_end_is_ended(job):
    p = job.start("steps:\n- run: \"trap '' TERM INT; echo up; while :; do sleep 1; done\"\n")
    wait_for(p, "up")
    p.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    p.send_signal(signal.SIGTERM)
    second = time.monotonic()
    assert p.wait(timeout=60) == 143
    assert time.monotonic() - second < 4.5, "the second signal did not end it: the time after the first did"
    assert "ended by SIGTERM: 1 step stopped" in p.stderr.read()
    assert not os.listdir(job.top / "tmp")


def test_a_step_has_time_to_end_itself(job):
    p = job.start("steps:\n- run: \"trap 'sleep 1; echo cleaned up; exit 3' TERM; echo up; while :; do sleep 0.1; done\"\n")
    wait_for(p, "up")
    p.send_signal(signal.SIGTERM)
    out, err = p.communicate(timeout=60)
    assert p.returncode == 143 and "   cleaned up\n" in out, f"exit {p.returncode}: {out}{err}"


def test_a_step_that_takes_too_long_to_end_is_ended(job):
    p = job.start("steps:\n- run: \"trap 'echo asked' TERM; echo up; while :; do sleep 0.1; done\"\n")
    wait_for(p, "up")
    asked = time.monotonic()
    p.send_signal(signal.SIGTERM)  # once
    out, err = p.communicate(timeout=60)
    assert p.returncode == 143 and "   asked\n" in out, f"exit {p.returncode}: {out}{err}"
    assert time.monotonic() - asked >= 5, "it had less time than it should have"
    assert "ended by SIGTERM: 1 step stopped" in err
    assert not os.listdir(job.top / "tmp")


def started(job):
    """A job whose step writes a file again and again, and that file."""
    p = job.start("steps:\n- run: while :; do sleep 0.1; date +%s%N >/workspace/alive; done\n")
    deadline = time.monotonic() + 30
    while not (found := list((job.top / "tmp").rglob("alive"))):
        assert time.monotonic() < deadline, "the step never wrote its file"
        time.sleep(0.05)
    return p, found


def test_workspace_of_a_killed_job_goes_with_the_next_one(job):
    p, found = started(job)
    p.kill()
    p.wait()
    assert found[0].parent.is_dir()
    job.run("steps:\n- run: 'true'\n")  # which looks for what is left


def test_workspace_of_a_killed_job_goes_with_gc(job):
    p, found = started(job)
    p.kill()
    p.wait()
    job.gc()
    assert os.listdir(job.top / "tmp") == []


def test_workspace_of_a_running_job_stays(job):
    p, found = started(job)
    try:
        other = job.start("steps:\n- run: 'true'\n")
        assert other.wait(timeout=60) == 0
        job.gc()
        assert found[0].parent.is_dir(), "another job or gc took its workspace away"
    finally:
        p.send_signal(signal.SIGTERM)
        p.communicate(timeout=30)


def test_directories_that_only_look_like_workspaces_stay(job):
    names = ["sandbox-job-abc", "sandbox-job-abcdefg", "sandbox-jobs-abcdef", "sandbox-build-abcdef"]
    for name in names:
        (job.top / "tmp" / name).mkdir()
    (job.top / "elsewhere").mkdir()
    os.symlink(job.top / "elsewhere", job.top / "tmp" / "sandbox-job-link00")
    p = job.start("steps:\n- run: 'true'\n")
    assert p.wait(timeout=60) == 0
    assert sorted(os.listdir(job.top / "tmp")) == sorted([*names, "sandbox-job-link00"])
    assert (job.top / "elsewhere").is_dir()


def test_steps_end_with_a_job_that_is_killed(job):
    p, found = started(job)
    p.kill()
    p.wait()
    time.sleep(1)
    before = found[0].stat().st_mtime_ns
    time.sleep(1)
    assert found[0].stat().st_mtime_ns == before, "the step outlives its job"


def test_a_reader_that_goes_away_ends_the_job(job):
    p = job.start("steps:\n- run: while :; do echo line; sleep 0.05; done\n")
    p.stdout.readline()
    p.stdout.close()
    assert p.wait(timeout=15) == 128 + signal.SIGPIPE
    assert not os.listdir(job.top / "tmp")
