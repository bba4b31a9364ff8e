# SPDX-License-Identifier: Apache-2.0
"""`sandbox image build`: a subset of Dockerfiles, RUN in sandboxes, a cache by content."""
import json
import os
import subprocess
import time

import pytest

from conftest import SANDBOX
from test_pack import config, manifest

BUSYBOX = "/bin/busybox"


@pytest.fixture
def built(tool, tmp_path):
    """A base with a shell, and a function that builds a file's text on it."""
    root = tmp_path / "box"
    (root / "bin").mkdir(parents=True)
    (root / "usr" / "lib").mkdir(parents=True)
    os.symlink("usr/lib", root / "lib")
    (root / "bin" / "sh").write_bytes(open(BUSYBOX, "rb").read())
    (root / "bin" / "sh").chmod(0o755)
    tool.ok("pack", root, "-t", "box:1", "--env", "PATH=/bin", "--entrypoint", "/bin/sh -c false", "--cmd", "x")
    context = tmp_path / "context"
    context.mkdir()
    (context / "file").write_text("file\n")
    (context / "tree" / "sub").mkdir(parents=True)
    (context / "tree" / "sub" / "leaf").write_text("leaf\n")

    class Built:
        store = tool.store
        dir = context
        file = context / "Dockerfile"

        def __call__(self, text, *options, name="app:1"):
            self.file.write_text(text)
            return tool.json("build", "-t", name, *options, context)

        def fails(self, text, *options):
            self.file.write_text(text)
            return tool.fails("build", "-q", *options, context)

        def run(self, script, name="app:1", code=0):
            r = tool.raw("run", "-q", "--image", name, "--entrypoint", "/bin/sh", "--", "-c", script)
            assert r.returncode == code, r.stderr
            return r.stdout

    b = Built()
    b.tool = tool
    return b


def test_instructions_make_the_image(built):
    built("""# a comment
FROM box:1
ENV A=1 \\
    # in between
    B="two words"
ENV A=2 C=$A-${NONE:-else}-${A:+then}
WORKDIR /srv/app
WORKDIR sub
LABEL who=me
RUN echo "$B" > made && pwd > where
RUN chown 7 . where
USER 7:8
RUN id -u >> where
ENTRYPOINT ["/bin/sh", "-c"]
CMD cat made
""")
    c = config(built, "app:1")["config"]
    assert c["Env"] == ["PATH=/bin", "A=2", "B=two words", "C=1-else-then"]
    assert (c["WorkingDir"], c["User"], c["Labels"]) == ("/srv/app/sub", "7:8", {"who": "me"})
    assert (c["Entrypoint"], c["Cmd"]) == (["/bin/sh", "-c"], ["/bin/sh", "-c", "cat made"])
    assert built.run("cat made where") == "two words\n/srv/app/sub\n7\n"


def test_copy_goes_where_docker_puts_it(built):
    built("""FROM box:1
WORKDIR /app
COPY file .
COPY file other
COPY file /app
COPY tree /data
COPY tree file new/
COPY ["file", "/with blank/"]
COPY --chown=5:6 tree /owned
""")
    assert built.run("cat /app/file /app/other /data/sub/leaf /app/new/sub/leaf /app/new/file '/with blank/file'") == \
        "file\nfile\nleaf\nleaf\nfile\nfile\n"
    assert built.run("stat -c %u:%g /owned/sub/leaf /data/sub/leaf") == "5:6\n0:0\n"


def test_copy_follows_links_of_the_image(built):
    built("FROM box:1\nCOPY file /lib/\nCOPY tree /lib/deep\n")
    assert built.run("readlink /lib; cat /usr/lib/file /usr/lib/deep/sub/leaf") == "usr/lib\nfile\nleaf\n"


def test_copy_on_scratch(built):
    built("FROM scratch\nCOPY tree /\nCOPY file /etc/motd\n")
    assert len(manifest(built, "app:1")["layers"]) == 2
    assert built.tool.ok("cat", "app:1", "/etc/motd") == "file\n"
    assert built.tool.ok("cat", "app:1", "/sub/leaf") == "leaf\n"


def test_copy_does_not_leave_the_context(built):
    os.symlink("/etc", built.dir / "out")
    assert 'Dockerfile:2: COPY: "../x" leads through ".."' in built.fails("FROM scratch\nCOPY ../x /\n")
    assert "leads through a symbolic link" in built.fails("FROM scratch\nCOPY out/passwd /\n")
    assert "No such file" in built.fails("FROM scratch\nCOPY nothing /\n")


def test_cache_is_by_content(built):
    text = "FROM box:1\nCOPY file /file\nRUN head -c 8 /dev/urandom | od -x > /random\n"
    first = built(text)["digest"]
    assert built(text)["digest"] == first
    (built.dir / "other").write_text("unrelated")
    assert built(text)["digest"] == first
    (built.dir / "file").write_text("changed")
    assert built(text)["digest"] != first
    (built.dir / "file").write_text("file\n")
    assert built(text)["digest"] == first
    assert built(text, "--no-cache")["digest"] != first


def test_cache_whose_layer_is_gone_is_no_cache(built):
    text = "FROM box:1\nRUN head -c 8 /dev/urandom | od -x > /random\n"
    first = built(text)["digest"]
    built.tool.ok("rm", "app:1")
    built.tool.ok("gc")
    second = built(text)["digest"]
    assert second != first
    assert built(text)["digest"] == second


def test_same_file_twice_is_the_same_image(built, new_tool, tmp_path):
    text = "FROM box:1\nCOPY tree /t\nRUN echo hi > /b; ln /b /a; rm /t/sub/leaf; mkdir /d\n"
    assert built(text)["digest"] == built(text, "--no-cache")["digest"]


def test_run_leaves_what_it_changed(built):
    built('FROM box:1\nCOPY tree /t\nRUN ["/bin/sh", "-c", "rm -r /t/sub; echo $0 > /zero", "arg"]\n')
    assert built.run("ls /t; cat /zero") == "arg\n"
    assert len(manifest(built, "app:1")["layers"]) == 3


def test_what_run_prints_is_no_output(built):
    built.file.write_text("FROM box:1\nRUN echo noise\n")
    r = built.tool.raw("image", "build", "--json", built.dir)
    assert json.loads(r.stdout)["name"] is None
    assert "noise" in r.stderr and "2/2: RUN echo noise" in r.stderr


def test_what_a_killed_build_left_goes_with_the_next_one(built, tmp_path):
    left = tmp_path / "tmp" / "sandbox-build-abcdef"
    (left / "deep" / "er").mkdir(parents=True)
    (left / "1.tar").write_bytes(b"half")
    built.file.write_text("FROM box:1\nRUN : something\n")
    built.tool.ok("build", "-q", "-t", "app:1", built.dir, env={"TMPDIR": str(tmp_path / "tmp")})
    assert os.listdir(tmp_path / "tmp") == []


@pytest.fixture
def waiting(built, tmp_path):
    """A build in the middle of a RUN, and the place where its work space is."""
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    (tmp_path / "waits").write_text("FROM box:1\nRUN while :; do :; done\n")
    p = subprocess.Popen([SANDBOX, "image", "build", "-q", "-f", tmp_path / "waits", built.dir], stdin=subprocess.DEVNULL,
                         stderr=subprocess.DEVNULL, env=dict(os.environ, SANDBOX_STORE=built.store, TMPDIR=str(tmp)))
    try:
        deadline = time.monotonic() + 60
        while not list(tmp.glob("sandbox-build-*/1.tar")):
            assert p.poll() is None and time.monotonic() < deadline, "the build never came to its RUN"
            time.sleep(0.05)
        yield p, tmp
    finally:
        p.kill()
        p.wait()


def another(built, tmp):
    built.file.write_text("FROM box:1\nRUN : something\n")
    built.tool.ok("build", "-q", "-t", "app:1", built.dir, env={"TMPDIR": str(tmp)})


def test_work_space_of_a_killed_build_goes_with_the_next_one(built, waiting):
    p, tmp = waiting
    p.kill()
    p.wait()
    assert len(os.listdir(tmp)) == 1
    another(built, tmp)
    assert os.listdir(tmp) == []


def test_work_space_of_a_killed_build_goes_with_gc(built, waiting):
    p, tmp = waiting
    p.kill()
    p.wait()
    (tmp / "sandbox-job-abcdef" / "of a job").mkdir(parents=True)
    built.tool.ok("gc", "--dry-run", env={"TMPDIR": str(tmp)})
    assert len(os.listdir(tmp)) == 2
    built.tool.ok("gc", env={"TMPDIR": str(tmp)})
    assert os.listdir(tmp) == []


def test_work_space_of_a_running_build_stays(built, waiting):
    p, tmp = waiting
    before = os.listdir(tmp)
    another(built, tmp)
    assert p.poll() is None and os.listdir(tmp) == before, "another build took its work space away"


def test_failing_run_fails_the_build_and_leaves_nothing(built, tmp_path):
    tmp = tmp_path / "tmp"
    tmp.mkdir()
    built.file.write_text("FROM box:1\nRUN exit 3\n")
    line = built.tool.fails("build", "-q", "-t", "app:1", built.dir, env={"TMPDIR": str(tmp)})
    assert "Dockerfile:2: RUN: the command ended with exit code 3" in line
    assert os.listdir(tmp) == []
    assert [i["name"] for i in built.tool.json("ls")] == ["box:1"]


@pytest.mark.parametrize("text, sentence", [
    ("", "no instruction in it"),
    ("RUN x", ":1: FROM must be the first instruction"),
    ("FROM box:1\n\nADD x /", ':3: "ADD" is no instruction of build files'),
    ("FROM box:1\nFROM box:1", ":2: only one FROM"),
    ("FROM box:1 AS x", ":1: FROM: want one image"),
    ("FROM no:1", ":1: FROM: "),
    ("FROM box:1\nENV A", ':2: ENV: "A": want NAME=VALUE'),
    ("FROM box:1\nENV A='x", ":2: ENV: a quote is not closed"),
    ("FROM box:1\nENV A=${B", ':2: ENV: "${B": want ${NAME}'),
    ("FROM box:1\nRUN \\\n\\\n", ":2: RUN says nothing"),
    ("FROM box:1\nCOPY x", ":2: COPY: want SOURCE... and a destination"),
    ("FROM box:1\nCOPY --from=x a b", ":2: COPY: --from=x is not supported"),
    ("FROM box:1\nCOPY --chown=me a b", ":2: COPY: --chown=me: want numbers"),
    ("FROM box:1\nRUN <<EOF", ":2: RUN of a here-document is not supported"),
    ("# escape=`\nFROM box:1", ":1: another escape character"),
    ("FROM scratch\nRUN true", ":2: RUN: there is nothing in the image yet"),
    ("FROM box:1\nWORKDIR /bin/sh", ":2: WORKDIR: /bin/sh in the image is no directory"),
])
def test_mistakes_are_said_with_file_and_line(built, text, sentence):
    assert sentence in built.fails(text)


def test_dockerignore_is_not_ignored(built):
    (built.dir / ".dockerignore").write_text("secret\n")
    assert ".dockerignore is not supported" in built.fails("FROM box:1")
