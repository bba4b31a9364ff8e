# SPDX-License-Identifier: Apache-2.0
"""`sandbox image commit`: what a sandbox changed becomes an image."""
import io
import os
import shutil
import subprocess
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


ROOT = r"""
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    struct timespec ts[2] = {{100, 0}, {200, 0}};
    struct stat st;
    char value[8] = "";
    if (argc > 1 && (chmod("/", 02751) || chown("/", 11, 12) || setxattr("/", "user.of", "root", 4, 0) || utimensat(0, "/", ts, 0)))
        perror("/");
    stat("/", &st);
    getxattr("/", "user.of", value, sizeof value);
    printf("%o %d:%d %s %d\n", st.st_mode & 07777, st.st_uid, st.st_gid, value, (int)st.st_mtime);
    return 0;
}"""


@pytest.fixture
def rooted(box, tmp_path):
    """An image of which a sandbox changed "/" itself, and nothing else but a name that sorts before "."."""
    (tmp_path / "x.c").write_text(ROOT)
    subprocess.run(["musl-gcc", "-static", "-w", tmp_path / "x.c", "-o", tmp_path / "box/bin/x"], check=True)
    box.ok("pack", tmp_path / "box", "-t", "box:1", "--env", "PATH=/bin", "--compression", "gzip")  # umoci knows no zstd
    assert change(box, tmp_path / "up", "echo ! > '/!'; x change") == "2751 11:12 root 200\n"
    return box


def test_attributes_of_the_root_are_kept(rooted, tmp_path):
    with tarfile.open(tmp_path / "up/1.tar") as t:
        first = t.getmembers()[0]
    assert (first.name, first.isdir(), first.mode, first.uid, first.gid, first.mtime) == (".", True, 0o2751, 11, 12, 200)
    assert change(rooted, tmp_path / "up", "x; cat '/!'") == "2751 11:12 root 200\n!\n"
    with tarfile.open(tmp_path / "up/2.tar") as t:
        assert t.getnames() == []


def test_attributes_of_the_root_become_a_layer(rooted, tmp_path):
    rooted.ok("commit", "box:1", "--upper", tmp_path / "up", "-t", "box:2")
    assert run(rooted, "box:2", "x; cat '/!'") == "2751 11:12 root 0\n!\n"  # times of a layer are those that its maker says


@pytest.mark.skipif(not shutil.which("umoci") or not shutil.which("skopeo"), reason="no umoci or no skopeo")
def test_other_tools_read_the_root_of_a_layer(rooted, tmp_path):
    rooted.ok("commit", "box:1", "--upper", tmp_path / "up", "-t", "box:2", "--compression", "gzip")
    copy = tmp_path / "copy"
    subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", f"oci:{rooted.store}:box:2", f"oci:{copy}:box:2"], check=True)
    subprocess.run(["umoci", "unpack", *([] if os.geteuid() == 0 else ["--rootless"]), "--image", f"{copy}:box:2", tmp_path / "bundle"],
                   check=True, capture_output=True)
    st = os.stat(tmp_path / "bundle/rootfs")
    assert st.st_mode & 0o7777 == 0o2751
    if os.geteuid() == 0:
        assert (st.st_uid, st.st_gid) == (11, 12)
        assert os.getxattr(tmp_path / "bundle/rootfs", "user.of") == b"root"


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
