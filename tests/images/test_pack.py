# SPDX-License-Identifier: Apache-2.0
"""`sandbox image pack`: directories and programs as images, the same everywhere."""
import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile

import pytest

from conftest import SANDBOX, Tool

NOBODY = 65534


def blob(tool, digest):
    with open(os.path.join(tool.store, "blobs", "sha256", digest.split(":")[1]), "rb") as f:
        return f.read()


def manifest(tool, name):
    entry = next(m for m in json.load(open(os.path.join(tool.store, "index.json")))["manifests"]
                 if m["annotations"]["org.opencontainers.image.ref.name"] == name)
    return json.loads(blob(tool, entry["digest"]))


def config(tool, name):
    return json.loads(blob(tool, manifest(tool, name)["config"]["digest"]))


def members(tool, name, layer=-1):
    """Of an image that was packed with --compression none."""
    digest = manifest(tool, name)["layers"][layer]["digest"].split(":")[1]
    with tarfile.open(os.path.join(tool.store, "blobs", "sha256", digest), "r:") as t:
        return {m.name: m for m in t}


def compile_c(path, source, *flags):
    subprocess.run(["gcc", "-x", "c", "-o", path, "-", *flags], input=source, text=True, check=True)


def test_names_digest_and_layers_are_said(tool, tree):
    out = tool.json("pack", tree, "-t", "app:1")
    assert out["name"] == "app:1"
    assert out["digest"] == "sha256:" + hashlib.sha256(blob(tool, out["digest"])).hexdigest()
    assert [la["mediaType"] for la in out["layers"]] == ["application/vnd.oci.image.layer.v1.tar+zstd"]
    assert out["digest"] in tool.ok("pack", tree, "-t", "app:1")


def test_same_tree_on_another_path_is_the_same_image(tool, new_tool, tree, tmp_path):
    other = tmp_path / "some" / "where" / "else"
    other.parent.mkdir(parents=True)
    shutil.copytree(tree, other, symlinks=True)
    (other / "etc" / "motd.hard").unlink()
    os.link(other / "etc" / "motd", other / "etc" / "motd.hard")
    os.utime(other / "etc" / "motd", (5, 5))
    a = tool.json("pack", tree, "-t", "app:1")
    b = new_tool("other").json("pack", other, "-t", "app:1")
    assert a["digest"] == b["digest"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_another_user_packs_the_same_image(tree, tool):
    with tempfile.TemporaryDirectory() as shared:
        os.chmod(shared, 0o755)
        for name in "sandbox", "sandbox-image":
            shutil.copy(os.path.join(os.path.dirname(SANDBOX), name), shared)
        shutil.copytree(tree, shared + "/tree", symlinks=True)
        os.unlink(shared + "/tree/etc/motd.hard")
        os.link(shared + "/tree/etc/motd", shared + "/tree/etc/motd.hard")
        subprocess.run(["chown", "-hR", f"{NOBODY}:{NOBODY}", shared + "/tree"], check=True)
        os.mkdir(shared + "/store")
        os.chown(shared + "/store", NOBODY, NOBODY)
        r = subprocess.run([shared + "/sandbox", "image", "pack", shared + "/tree", "-t", "app:1", "--json", "--store",
                            shared + "/store"], user=NOBODY, group=NOBODY, extra_groups=[], umask=0o077,
                           capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        assert json.loads(r.stdout)["digest"] == tool.json("pack", tree, "-t", "app:1")["digest"]


def test_times_are_those_of_source_date_epoch(tool, tree):
    tool.ok("pack", tree, "-t", "a:1", "--compression", "none")
    tool.ok("pack", tree, "-t", "b:1", "--compression", "none", env={"SOURCE_DATE_EPOCH": "86400"})
    assert config(tool, "a:1")["created"] == "1970-01-01T00:00:00Z"
    assert config(tool, "b:1")["created"] == "1970-01-02T00:00:00Z"
    assert {m.mtime for m in members(tool, "a:1").values()} == {0}
    assert {m.mtime for m in members(tool, "b:1").values()} == {86400}
    assert "SOURCE_DATE_EPOCH=soon" in tool.fails("pack", tree, "-t", "a:1", env={"SOURCE_DATE_EPOCH": "soon"})


def test_members_are_sorted_owned_by_nobody_and_linked(tool, tree):
    tool.ok("pack", tree, "-t", "a:1", "--compression", "none")
    m = members(tool, "a:1")
    assert list(m) == ["bin", "bin/hello", "bin/link", "empty", "empty-file", "etc", "etc/deep", "etc/deep/er",
                       "etc/deep/er/x", "etc/motd", "etc/motd.hard"]
    assert {(i.uid, i.gid, i.uname, i.gname) for i in m.values()} == {(0, 0, "", "")}
    assert m["etc/motd.hard"].islnk() and m["etc/motd.hard"].linkname == "etc/motd"
    assert m["bin/link"].linkname == "../etc/motd"
    assert m["bin/hello"].mode == 0o755


def test_configuration_is_what_was_asked_for(tool, tree):
    tool.ok("pack", tree, "-t", "a:1", "--entrypoint", "/bin/hello 'two words'", "--cmd", '["a", "b c"]', "--env", "A=1",
            "--env", "B=x=y", "--env", "A=2", "--workdir", "/etc", "--user", "7:8", "--label", "who=me")
    c = config(tool, "a:1")
    assert (c["architecture"], c["os"]) == ("amd64", "linux")
    assert c["config"] == {"Entrypoint": ["/bin/hello", "two words"], "Cmd": ["a", "b c"], "Env": ["A=2", "B=x=y"],
                           "WorkingDir": "/etc", "User": "7:8", "Labels": {"who": "me"}}
    assert len(c["rootfs"]["diff_ids"]) == len(c["history"]) == 1


def test_base_is_reused_as_it_is(tool, tree, tmp_path):
    tool.ok("pack", tree, "-t", "base:1", "--entrypoint", "/bin/hello", "--cmd", "x", "--env", "A=1")
    top = tmp_path / "top"
    top.mkdir()
    (top / "new").write_text("new")
    tool.ok("pack", top, "-t", "app:1", "--from", "base:1", "--env", "B=2", "--entrypoint", "/new", "--compression",
            "gzip")
    base, app = manifest(tool, "base:1"), manifest(tool, "app:1")
    assert app["layers"][:-1] == base["layers"]
    assert app["layers"][-1]["mediaType"].endswith("tar+gzip")
    c = config(tool, "app:1")["config"]
    assert c["Env"] == ["A=1", "B=2"] and c["Entrypoint"] == ["/new"] and "Cmd" not in c
    assert config(tool, "app:1")["rootfs"]["diff_ids"][:-1] == config(tool, "base:1")["rootfs"]["diff_ids"]


def test_directory_of_a_layer_of_its_own_is_in_no_other(tool, tree):
    tool.ok("pack", tree, "-t", "a:1", "--layer-per", "etc/deep", "--compression", "none")
    assert list(members(tool, "a:1", 0)) == ["etc/deep", "etc/deep/er", "etc/deep/er/x"]
    assert [n for n in members(tool, "a:1", 1) if n.startswith("etc")] == ["etc", "etc/motd", "etc/motd.hard"]
    os.symlink("/etc", tree / "out")
    assert "leads through a symbolic link" in tool.fails("pack", tree, "-t", "a:1", "--layer-per", "out")
    assert 'leads through ".."' in tool.fails("pack", tree, "-t", "a:1", "--layer-per", "../x")


def test_exclude_leaves_out(tool, tree):
    tool.ok("pack", tree, "-t", "a:1", "--exclude", "deep", "--exclude", "/bin/h*", "--compression", "none")
    assert list(members(tool, "a:1")) == ["bin", "bin/link", "empty", "empty-file", "etc", "etc/motd", "etc/motd.hard"]


def test_mistakes_are_one_line(tool, tree):
    (tree / ".wh.x").touch()
    assert ".wh.x: names that begin with" in tool.fails("pack", tree, "-t", "a:1")
    assert "no name given" in tool.fails("pack", tree)
    assert "no DIR given" in tool.fails("pack", "-t", "a:1")
    assert "No such file" in tool.fails("pack", tree / "no", "-t", "a:1")
    assert "want zstd, gzip or none" in tool.fails("pack", tree, "-t", "a:1", "--compression", "xz")
    assert "gzip has 1 to 9" in tool.fails("pack", tree, "-t", "a:1", "--compression", "gzip", "--level", "12")
    assert "quote is not closed" in tool.fails("pack", tree, "-t", "a:1", "--exclude", ".wh.x", "--cmd", "'x")
    assert "want an absolute path" in tool.fails("pack", tree, "-t", "a:1", "--exclude", ".wh.x", "--workdir", "x")
    assert "nothing:1" in tool.fails("pack", tree, "-t", "a:1", "--from", "nothing:1")
    assert json.load(open(os.path.join(tool.store, "index.json")))["manifests"] == []


def test_other_tools_read_what_is_packed(tool, tree, tmp_path):
    out = tool.json("pack", tree, "-t", "app:1", "--compression", "gzip")
    copy = tmp_path / "copy"
    subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", f"oci:{tool.store}:app:1", f"oci:{copy}:app:1"],
                   check=True)
    index = json.load(open(copy / "index.json"))
    assert index["manifests"][0]["digest"] == out["digest"]
    args = [] if os.geteuid() == 0 else ["--rootless"]
    subprocess.run(["umoci", "unpack", *args, "--image", f"{copy}:app:1", tmp_path / "bundle"], check=True,
                   capture_output=True)
    root = tmp_path / "bundle" / "rootfs"
    assert (root / "etc" / "deep" / "er" / "x").read_bytes() == (tree / "etc" / "deep" / "er" / "x").read_bytes()
    assert os.path.samefile(root / "etc" / "motd", root / "etc" / "motd.hard")


# -- programs --


def test_program_comes_with_what_its_loader_needs_and_nothing_else(tool, tmp_path):
    compile_c(tmp_path / "app", '#include <math.h>\n#include <stdio.h>\nint main(int c, char **v)'
              '{ printf("%.1f\\n", sqrt(c * 16)); return 7; }', "-Wl,--no-as-needed", "-lm")
    tool.ok("pack", "--binary", tmp_path / "app", "-t", "app:1", "--compression", "none")
    files = {n for n, m in members(tool, "app:1").items() if m.isfile()}
    assert {os.path.basename(n) for n in files} == {"app", "libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"}
    assert config(tool, "app:1")["config"] == {"Entrypoint": ["/app/bin/app"]}
    r = tool.raw("run", "-q", "--image", "app:1")
    assert (r.returncode, r.stdout) == (7, "4.0\n"), r.stderr


def test_links_of_libraries_are_kept(tool, tmp_path):
    compile_c(tmp_path / "app", "int main(void) { return 0; }", "-Wl,--no-as-needed", "-l:libz.so.1")
    tool.ok("pack", "--binary", tmp_path / "app", "-t", "app:1", "--compression", "none")
    m = members(tool, "app:1")
    link = next(n for n in m if n.endswith("/libz.so.1"))
    assert m[link].issym()
    assert m[os.path.join(os.path.dirname(link), m[link].linkname)].isfile()


def origin_program(where):
    (where / "bin").mkdir(parents=True)
    (where / "lib").mkdir()
    compile_c(where / "lib" / "libmine.so.1.2", "int mine(void) { return 42; }", "-shared", "-fPIC",
              "-Wl,-soname,libmine.so.1")
    os.symlink("libmine.so.1.2", where / "lib" / "libmine.so.1")
    compile_c(where / "bin" / "app", "int mine(void); int main(void) { return mine(); }", "-L", where / "lib",
              "-l:libmine.so.1", "-Wl,-rpath,$ORIGIN/../lib")
    return where / "bin" / "app"


def test_libraries_beside_the_program_stay_beside_it(tool, new_tool, tmp_path):
    app = origin_program(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "the" / "other", symlinks=True)
    a = tool.json("pack", "--binary", app, "-t", "app:1", "--compression", "none")
    b = new_tool("b").json("pack", "--binary", tmp_path / "the" / "other" / "bin" / "app", "-t", "app:1", "--compression",
                           "none")
    m = members(tool, "app:1")
    assert m["app/lib/libmine.so.1"].linkname == "libmine.so.1.2" and m["app/lib/libmine.so.1.2"].isfile()
    assert a["digest"] == b["digest"]
    assert tool.raw("run", "-q", "--image", "app:1").returncode == 42


def test_a_library_path_through_a_directory_and_back_is_there(tool, tmp_path):
    app = origin_program(tmp_path / "one")
    compile_c(app, "int mine(void); int main(void) { return mine(); }", "-L", tmp_path / "one/lib", "-l:libmine.so.1",
              "-Wl,-rpath,$ORIGIN/plugins/../../lib")
    (app.parent / "plugins").mkdir()
    tool.ok("pack", "--binary", app, "-t", "app:1")
    assert tool.raw("run", "-q", "--image", "app:1").returncode == 42


def test_nothing_of_the_program_is_run(tool, tmp_path):
    evil = tmp_path / "evil"
    compile_c(evil, f'#include <fcntl.h>\nint main(void) {{ creat("{tmp_path}/ran", 0600); return 0; }}', "-static")
    compile_c(tmp_path / "app", "int main(void) { return 0; }", f"-Wl,-dynamic-linker,{evil}")
    tool.ok("pack", "--binary", tmp_path / "app", "-t", "app:1", "--compression", "none")
    assert not (tmp_path / "ran").exists()
    assert str(evil)[1:] in members(tool, "app:1")


def test_what_is_missing_or_no_program_is_said(tool, tmp_path):
    app = origin_program(tmp_path / "one")
    os.unlink(tmp_path / "one" / "lib" / "libmine.so.1")
    assert "libmine.so.1, which" in tool.fails("pack", "--binary", app, "-t", "app:1")
    (tmp_path / "script").write_text("#!/bin/sh\n")
    assert "is no ELF program" in tool.fails("pack", "--binary", tmp_path / "script", "-t", "a:1")
    (tmp_path / "cut").write_bytes(app.read_bytes()[:100])
    assert "damaged ELF file" in tool.fails("pack", "--binary", tmp_path / "cut", "-t", "a:1")


def test_static_program_is_alone(tool, tmp_path):
    compile_c(tmp_path / "app", "int main(void) { return 3; }", "-static")
    tool.ok("pack", "--binary", tmp_path / "app", "-t", "app:1", "--compression", "none")
    assert list(members(tool, "app:1")) == ["app", "app/bin", "app/bin/app"]
    assert isinstance(tool, Tool) and tool.raw("run", "-q", "--image", "app:1").returncode == 3
