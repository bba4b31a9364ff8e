# SPDX-License-Identifier: Apache-2.0
"""`sandbox image commit`: what a sandbox changed becomes an image."""
import io
import os
import tarfile

import pytest

BUSYBOX = "/bin/busybox"


@pytest.fixture
def box(tool, tmp_path):
    """An image with a shell."""
    root = tmp_path / "box"
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "sh").write_bytes(open(BUSYBOX, "rb").read())
    (root / "bin" / "sh").chmod(0o755)
    (root / "etc").mkdir()
    for name in "motd", "issue":
        (root / "etc" / name).write_text(name)
    tool.ok("pack", root, "-t", "box:1", "--env", "PATH=/bin")
    return tool


def run(tool, name, script, *options):
    r = tool.raw("run", "-q", "--image", name, *options, "--", "/bin/sh", "-c", script)
    assert r.returncode == 0, r.stderr
    return r.stdout


CHANGE = """echo new > /etc/new; rm /etc/motd; mkdir /d; echo x > /d/b; ln /d/b /d/a
echo more >> /etc/issue; chmod 600 /etc/issue"""


def change(tool, upper, script):
    return run(tool, "box:1", "set -e; " + script, "--upper", upper)


def test_changes_become_a_layer(box, tmp_path):
    change(box, tmp_path / "up", CHANGE)
    out = box.json("commit", "box:1", "--upper", tmp_path / "up", "-t", "box:2")
    assert len(out["layers"]) == 2
    assert run(box, "box:2", "cat /etc/new /etc/issue /d/a; test ! -e /etc/motd") == "new\nissuemore\nx\n"
    assert run(box, "box:2", "test /d/a -ef /d/b; stat -c %a /etc/issue") == "600\n"


def test_same_changes_are_the_same_image(box, tmp_path):
    digests = set()
    for i in "12":
        change(box, tmp_path / i, CHANGE)
        digests.add(box.json("commit", "box:1", "--upper", tmp_path / i, "-t", "box:2")["digest"])
    assert len(digests) == 1


def test_each_sandbox_has_a_layer(box, tmp_path):
    change(box, tmp_path / "up", "echo 1 > /one")
    change(box, tmp_path / "up", "cat /one; rm /one; echo 2 > /two")
    assert len(box.json("commit", "box:1", "--upper", tmp_path / "up", "-t", "box:2")["layers"]) == 3
    assert run(box, "box:2", "test ! -e /one; cat /two") == "2\n"


def test_nothing_kept_is_said(box, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "holds no changes" in box.fails("commit", "box:1", "--upper", tmp_path / "empty", "-t", "x:1")
    assert "no --upper DIR given" in box.fails("commit", "box:1", "-t", "x:1")
    assert "no NAME given" in box.fails("commit", "--upper", tmp_path, "-t", "x:1")


def test_archive_that_leads_out_is_refused(box, tmp_path):
    up = tmp_path / "up"
    up.mkdir()
    with tarfile.open(up / "1.tar", "w") as t:
        info = tarfile.TarInfo("../evil")
        info.size = 1
        t.addfile(info, io.BytesIO(b"x"))
    assert 'leads through ".."' in box.fails("commit", "box:1", "--upper", up, "-t", "x:1")
    assert [i["name"] for i in box.json("ls")] == ["box:1"]
    assert os.listdir(os.path.join(box.store, "tmp")) == []
