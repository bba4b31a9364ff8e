# SPDX-License-Identifier: Apache-2.0
"""Flat images and the verbs that read them: layers of tar members go into a store by hand, so that each member is
exactly what the test says; `fsck.erofs` and the kernel (where it has EROFS and we are root) are the judges."""
import gzip
import hashlib
import io
import json
import os
import resource
import shutil
import stat
import subprocess
import tarfile

import pytest


def blob(store, data):
    digest = hashlib.sha256(data).hexdigest()
    path = os.path.join(store, "blobs", "sha256", digest)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    return {"digest": f"sha256:{digest}", "size": len(data)}


def member(name, data=b"", mode=0o644, **kw):
    """A member and its content. kw: fields of tarfile.TarInfo."""
    t = tarfile.TarInfo(name)
    t.mode = mode
    t.size = len(data)
    for k, v in kw.items():
        setattr(t, k, v)
    return t, data


def directory(name, mode=0o755, **kw):
    return member(name, mode=mode, type=tarfile.DIRTYPE, **kw)


def symlink(name, target):
    return member(name, mode=0o777, type=tarfile.SYMTYPE, linkname=target)


def hardlink(name, target):
    return member(name, type=tarfile.LNKTYPE, linkname=target)


def layer(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as t:
        for info, data in members:
            t.addfile(info, io.BytesIO(data))
    return out.getvalue()


def image(tool, name, *layers):
    """An image of tar archives, base first, into the tool's store."""
    store = tool.store
    os.makedirs(store, exist_ok=True)
    config = {"architecture": "amd64", "os": "linux", "config": {},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(x).hexdigest() for x in layers]}}
    config = dict(blob(store, json.dumps(config).encode()), mediaType="application/vnd.oci.image.config.v1+json")
    media = "application/vnd.oci.image.layer.v1.tar+gzip"
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                "layers": [dict(blob(store, gzip.compress(x, 1)), mediaType=media) for x in layers]}
    manifest = dict(blob(store, json.dumps(manifest).encode()), mediaType=manifest["mediaType"],
                    annotations={"org.opencontainers.image.ref.name": name})
    index = os.path.join(store, "index.json")
    entries = []
    if os.path.exists(index):
        with open(index, encoding="utf-8") as f:
            entries = json.load(f)["manifests"]
    with open(os.path.join(store, "oci-layout"), "w", encoding="utf-8") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    with open(index, "w", encoding="utf-8") as f:
        json.dump({"schemaVersion": 2, "manifests": entries + [manifest]}, f)


def flatten(tool, name):
    """Its path; fsck.erofs found nothing."""
    path = tool.ok("flatten", name).strip()
    r = subprocess.run(["fsck.erofs", path], capture_output=True, text=True, check=False)
    assert r.returncode == 0, f"fsck.erofs: {r.stdout}{r.stderr}"
    return path


def listing(root):
    """What a directory holds, for comparison: names to type, mode, size or link, number of links, content's digest."""
    out = {}
    root = os.fsencode(root)
    for at, dirs, files in os.walk(root):
        for name in dirs + files:
            path = os.path.join(at, name)
            st = os.lstat(path)
            what = [stat.S_IFMT(st.st_mode)]
            if stat.S_ISLNK(st.st_mode):
                what.append(os.readlink(path))
            else:
                what.append(stat.S_IMODE(st.st_mode))
            if stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    what += [st.st_size, hashlib.sha256(f.read()).hexdigest()]
            out[os.path.relpath(path, root)] = what
    return out


def unpacked(tool, name, tmp_path):
    """What fsck.erofs --extract makes of the image."""
    out = tmp_path / f"{name.replace(':', '_')}.tree"
    subprocess.run(["fsck.erofs", f"--extract={out}", "--no-preserve-owner", flatten(tool, name)], check=True, capture_output=True)
    return out


def names(tool, name, tmp_path):
    return sorted(os.fsdecode(p) for p in listing(unpacked(tool, name, tmp_path)))


def test_what_is_packed_comes_out_again(tool, tree, tmp_path):
    long = "n" * 255
    (tree / long).write_text("long")
    with open(os.fsencode(tree) + b"/\xff\xfe\x80", "wb") as f:
        f.write(b"not UTF-8")
    for size in (1, 4031, 4032, 4033, 4095, 4096, 4097, 8192, 1 << 20, (1 << 20) + 1):
        (tree / f"size-{size}").write_bytes(os.urandom(size))
    (tree / "-dash").write_text("sorts before the dots")
    os.symlink("x" * 4000, tree / "long-link")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", encoding="utf-8", errors="surrogateescape") as t:
        t.add(tree, arcname=".")
    image(tool, "app:1", out.getvalue())
    assert listing(unpacked(tool, "app:1", tmp_path)) == listing(tree)
    (tmp_path / "mine").mkdir()
    tool.ok("extract", "app:1", "/", tmp_path / "mine")
    assert listing(tmp_path / "mine") == listing(tree)


def test_ten_thousand_files_in_a_directory(tool, tmp_path):
    image(tool, "many:1", layer(*(member(f"d/{i}-{'x' * (i % 200)}", b"%d" % i) for i in range(10000))))
    image(tool, "none:1", layer())
    flatten(tool, "many:1")
    r = tool.raw("image", "diff", "none:1", "many:1")
    assert r.stdout.splitlines() == ["A\td/"] + [f"A\td/{x}" for x in sorted(f"{i}-{'x' * (i % 200)}" for i in range(10000))]
    assert tool.ok("cat", "many:1", "/d/7777-" + "x" * (7777 % 200)) == "7777"


def test_same_layers_same_bytes(tool, new_tool):
    layers = [layer(member("a/b", b"1" * 5000), member("c", b"2")), layer(member("c", b"3"))]
    other = new_tool("other")
    image(tool, "x:1", *layers)
    image(other, "x:1", *layers)
    with open(flatten(tool, "x:1"), "rb") as a, open(flatten(other, "x:1"), "rb") as b:
        assert a.read() == b.read()


def test_a_whiteout_removes_what_is_below(tool, tmp_path):
    base = layer(directory("d"), member("d/gone", b"x"), member("d/stays", b"y"), member("f", b"z"), directory("t"), member("t/x", b""))
    image(tool, "w:1", base, layer(member("d/.wh.gone"), member(".wh.f"), member(".wh.t")))
    assert names(tool, "w:1", tmp_path) == ["d", "d/stays"]


def test_a_whiteout_leaves_what_its_own_layer_adds(tool, tmp_path):
    base = layer(directory("d"), member("d/old", b"x"))
    image(tool, "before:1", base, layer(member(".wh.d"), directory("d"), member("d/new", b"y")))
    image(tool, "after:1", base, layer(directory("d"), member("d/new", b"y"), member(".wh.d")))
    assert names(tool, "before:1", tmp_path) == ["d", "d/new"]
    assert names(tool, "after:1", tmp_path) == ["d", "d/new"]


def test_an_opaque_directory_hides_lower_layers_only(tool, tmp_path):
    base = layer(directory("d"), member("d/old", b"x"), directory("d/sub"), member("d/sub/old", b"x"))
    top = layer(directory("d"), member("d/first", b"1"), member("d/.wh..wh..opq"), directory("d/sub"), member("d/sub/last", b"2"))
    image(tool, "o:1", base, top)
    assert names(tool, "o:1", tmp_path) == ["d", "d/first", "d/sub", "d/sub/last"]


def test_types_replace_each_other(tool, tmp_path):
    base = layer(directory("d"), member("d/x", b""), member("f", b"file"), symlink("l", "f"))
    top = layer(member("d", b"now a file"), directory("f"), member("f/y", b""), member("l", b"now a file"))
    image(tool, "t:1", base, top)
    assert names(tool, "t:1", tmp_path) == ["d", "f", "f/y", "l"]
    assert tool.ok("cat", "t:1", "l") == "now a file"


def test_a_path_through_a_link_of_a_lower_layer_stays_inside(tool, tmp_path):
    base = layer(directory("usr"), directory("usr/lib"), symlink("lib", "usr/lib"), symlink("out", "../../../tmp"), symlink("abs", "/new"))
    image(tool, "l:1", base, layer(member("lib/x", b"1"), member("out/y", b"2"), member("abs/z", b"3")))
    assert names(tool, "l:1", tmp_path) == ["abs", "lib", "new", "new/z", "out", "tmp", "tmp/y", "usr", "usr/lib", "usr/lib/x"]
    assert tool.ok("cat", "l:1", "lib/x") == "1"
    assert not os.path.exists("/tmp/y")


def test_a_circle_of_links_is_refused(tool):
    image(tool, "c:1", layer(symlink("a", "b"), symlink("b", "a")), layer(member("a/x", b"")))
    assert "symbolic links" in tool.fails("flatten", "c:1")
    assert not [f for _, _, files in os.walk(os.path.join(tool.store, "flat")) for f in files]


def test_hard_links_share_one_inode(tool, tmp_path):
    image(tool, "h:1", layer(member("a", b"data" * 2000), hardlink("b", "a")), layer(member("x", b"")))
    path = flatten(tool, "h:1")
    out = subprocess.run(["dump.erofs", "--path=/b", path], capture_output=True, text=True, check=True).stdout
    assert "Links: 2" in out
    assert tool.ok("cat", "h:1", "b") == "data" * 2000


def sparse_layer(tmp_path):
    """A file of 3 MiB, most of it holes, as GNU tar writes it; and the file."""
    host = tmp_path / "sparse"
    with open(host, "wb") as f:
        f.truncate(3 << 20)
        f.seek(1 << 20)
        f.write(b"in the middle" * 1000)
    subprocess.run(["tar", "-C", tmp_path, "-Scf", tmp_path / "s.tar", "sparse"], check=True)
    return (tmp_path / "s.tar").read_bytes(), host


def test_a_file_with_holes_reads_as_zeros(tool, tmp_path):
    archive, host = sparse_layer(tmp_path)
    image(tool, "s:1", archive)
    path = flatten(tool, "s:1")
    assert os.path.getsize(path) < 200000, "holes take no space"
    tool.ok("extract", "s:1", "sparse", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == host.read_bytes()
    assert (tmp_path / "again").stat().st_blocks < 1000, "and stay holes"


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_the_kernel_reads_the_same(tool, tree, tmp_path):
    with open("/proc/filesystems", encoding="utf-8") as f:
        if "\terofs\n" not in f.read():
            pytest.skip("no EROFS in this kernel")
    xattrs = {"SCHILY.xattr.user.a": "1", "SCHILY.xattr.security.b": "2" * 3000, "SCHILY.xattr.trusted.c": "3"}
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        t.add(tree, arcname=".")
        t.addfile(member("attrs", b"x" * 3000, pax_headers=xattrs)[0], io.BytesIO(b"x" * 3000))
        t.addfile(member("null", type=tarfile.CHRTYPE, devmajor=1, devminor=300)[0])
        t.addfile(member("own", uid=70000, gid=80000, mode=0o4711)[0])
    holes, host = sparse_layer(tmp_path)
    image(tool, "k:1", out.getvalue(), holes)
    path = flatten(tool, "k:1")
    mnt = tmp_path / "mnt"
    mnt.mkdir()
    r = subprocess.run(["mount", "-t", "erofs", "-o", "loop,ro", path, mnt], capture_output=True, text=True, check=False)
    if r.returncode:
        pytest.skip(f"mounting is not possible here: {r.stderr}")
    try:
        found = listing(mnt)
        for name, what in listing(tree).items():
            assert found[name] == what, name
        assert {k: os.getxattr(mnt / "attrs", k) for k in os.listxattr(mnt / "attrs")} == {
            "user.a": b"1", "security.b": b"2" * 3000, "trusted.c": b"3"}
        assert (mnt / "sparse").read_bytes() == host.read_bytes()
        null, own = os.stat(mnt / "null"), os.stat(mnt / "own")
        assert (os.major(null.st_rdev), os.minor(null.st_rdev)) == (1, 300)
        assert (own.st_uid, own.st_gid, stat.S_IMODE(own.st_mode)) == (70000, 80000, 0o4711)
        assert os.stat(mnt / "etc" / "motd").st_ino == os.stat(mnt / "etc" / "motd.hard").st_ino
    finally:
        subprocess.run(["umount", mnt], check=True)


@pytest.mark.skipif(not shutil.which("umoci"), reason="no umoci")
def test_the_same_tree_as_umoci_unpacks(tool, tree, tmp_path):
    """Layers that umoci makes of changes: files, links and whole directories that come, go and change their type."""
    store, bundle = tool.store, tmp_path / "bundle"

    def umoci(*args):
        subprocess.run(["umoci", *map(str, args)], check=True, capture_output=True)

    def change(work):
        umoci("unpack", "--rootless", "--image", f"{store}:app", bundle)
        work(bundle / "rootfs")
        umoci("repack", "--image", f"{store}:app", bundle)
        shutil.rmtree(bundle)

    def second(root):
        shutil.rmtree(root / "etc" / "deep")
        (root / "etc" / "deep").write_text("a file now")
        (root / "bin" / "link").unlink()
        (root / "bin" / "link").mkdir()
        (root / "bin" / "link" / "x").write_text("x")
        (root / "etc" / "motd").unlink()
        (root / "empty").rmdir()

    def third(root):
        (root / "etc" / "deep").unlink()
        (root / "etc" / "deep").mkdir()
        (root / "etc" / "deep" / "new").write_bytes(os.urandom(5000))
        os.link(root / "etc" / "deep" / "new", root / "again")

    umoci("init", "--layout", store)
    umoci("new", "--image", f"{store}:app")
    change(lambda root: shutil.copytree(tree, root, symlinks=True, dirs_exist_ok=True))
    change(second)
    change(third)
    umoci("unpack", "--rootless", "--image", f"{store}:app", bundle)
    (tmp_path / "mine").mkdir()
    flatten(tool, "app")
    tool.ok("extract", "app", "/", tmp_path / "mine")
    assert listing(tmp_path / "mine") == listing(bundle / "rootfs")
    again, new = (os.stat(tmp_path / "mine" / p) for p in ("again", "etc/deep/new"))
    assert again.st_ino == new.st_ino


def test_attributes_that_have_no_place_are_named(tool):
    image(tool, "a:1", layer(member("f", pax_headers={"SCHILY.xattr.strange.one": "1", "SCHILY.xattr.user.two": "2"})))
    r = tool.raw("image", "flatten", "a:1")
    assert r.returncode == 0
    assert "strange.one" in r.stderr and "user.two" not in r.stderr


def test_cat_writes_bytes_as_they_are(tool):
    data = bytes(range(256)) * 5000
    image(tool, "b:1", layer(member("bin", data), symlink("to", "/bin"), directory("d")))
    assert tool.ok("cat", "b:1", "/to", text=False) == data
    assert "not in the image" in tool.fails("cat", "b:1", "/none")
    assert "directory" in tool.fails("cat", "b:1", "/d")


def test_diff_tells_added_deleted_modified(tool):
    image(tool, "d:1", layer(member("same", b"1", mtime=1), member("gone", b"2"), member("text", b"old"), member("mode"), directory("dir"), member("type")))
    image(tool, "d:2", layer(member("same", b"1", mtime=2), member("text", b"new"), member("mode", mode=0o755), directory("dir"),
                             member("dir/new"), directory("type")))
    r = tool.raw("image", "diff", "d:1", "d:2")
    assert r.returncode == 1, r.stderr
    assert r.stdout.splitlines() == ["A\tdir/new", "D\tgone", "M\tmode", "M\ttext", "D\ttype", "A\ttype/"]
    r = tool.raw("image", "diff", "d:1", "d:2", "--json")
    assert r.returncode == 1
    assert json.loads(r.stdout)["changes"][0] == {"change": "A", "path": "dir/new"}
    assert tool.ok("diff", "d:1", "d:1") == ""


def test_diff_looks_at_what_is_in_files_with_holes(tool, tmp_path):
    archive, host = sparse_layer(tmp_path)
    same = host.read_bytes()
    image(tool, "holes:1", archive)
    image(tool, "full:1", layer(member("sparse", same, mode=host.stat().st_mode & 0o777, uid=host.stat().st_uid, gid=host.stat().st_gid)))
    image(tool, "other:1", layer(member("sparse", same[:-1] + b"x", mode=host.stat().st_mode & 0o777, uid=host.stat().st_uid,
                                        gid=host.stat().st_gid)))
    assert tool.ok("diff", "holes:1", "full:1") == ""
    assert tool.raw("image", "diff", "holes:1", "other:1").stdout == "M\tsparse\n"
    assert tool.raw("image", "diff", "other:1", "holes:1").stdout == "M\tsparse\n"


def test_extract_refuses_what_is_there(tool, tmp_path):
    image(tool, "e:1", layer(member("f", b"new"), member("suid", b"s", mode=0o6755)))
    (tmp_path / "f").write_text("old")
    assert "--force" in tool.fails("extract", "e:1", "f", tmp_path)
    assert (tmp_path / "f").read_text() == "old"
    tool.ok("extract", "e:1", "f", tmp_path, "--force")
    assert (tmp_path / "f").read_text() == "new"
    tool.ok("extract", "e:1", "suid", tmp_path)
    assert (tmp_path / "suid").stat().st_mode & 0o7000 == 0, "set-id bits are not taken along"


def test_extract_follows_no_link_out_of_its_destination(tool, tmp_path):
    image(tool, "e:1", layer(directory("t"), directory("t/sub"), member("t/sub/f", b"data"), symlink("t/out", "/etc/passwd")))
    victim, dest = tmp_path / "victim", tmp_path / "dest"
    victim.mkdir()
    (dest / "t").mkdir(parents=True)
    os.symlink(victim, dest / "t" / "sub")
    assert "no directory" in tool.fails("extract", "e:1", "t", dest)
    assert not list(victim.iterdir())
    os.unlink(dest / "t" / "sub")
    tool.ok("extract", "e:1", "t", dest, "--force")
    assert os.readlink(dest / "t" / "out") == "/etc/passwd"
    assert (dest / "t" / "sub" / "f").read_bytes() == b"data"


def test_extract_keeps_hard_links(tool, tmp_path):
    image(tool, "e:1", layer(member("t/a", b"data"), hardlink("t/sub/b", "t/a"), hardlink("t/sub/c", "t/a"), member("t/d", b"data")))
    tool.ok("extract", "e:1", "t", tmp_path)
    a, b, c, d = (os.stat(tmp_path / "t" / n) for n in ("a", "sub/b", "sub/c", "d"))
    assert a.st_ino == b.st_ino == c.st_ino != d.st_ino
    assert (tmp_path / "t/sub/b").read_bytes() == b"data"


def test_extract_that_fails_leaves_nothing(tool, tmp_path):
    image(tool, "e:1", layer(directory("t", mode=0o500), member("t/a", b"x"), directory("t/ro", mode=0o500), member("t/z", b"z" * 500000)))
    flatten(tool, "e:1")
    dest = tmp_path / "dest"
    dest.mkdir()
    line = tool.fails("extract", "e:1", "t", dest, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
    assert "t/z" in line
    assert not list(dest.iterdir())


def test_extract_leaves_devices_out(tool, tmp_path):
    image(tool, "e:1", layer(member("t/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3), member("t/pipe", type=tarfile.FIFOTYPE), member("t/f", b"x")))
    assert json.loads(tool.ok("extract", "e:1", "t", tmp_path, "--json")) == {"files": 1, "left_out": 2}
    assert os.listdir(tmp_path / "t") == ["f"]
    assert "neither" in tool.fails("extract", "e:1", "t/null", tmp_path / "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_only_root_keeps_modes(tool, tmp_path):
    image(tool, "e:1", layer(member("f", b"x", mode=0o4755)))
    assert "root" in tool.fails("extract", "e:1", "f", tmp_path, "--keep-modes")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_keeps_modes_if_asked(tool, tmp_path):
    image(tool, "e:1", layer(member("f", b"x", mode=0o4711, uid=5, gid=6)))
    tool.ok("extract", "e:1", "f", tmp_path, "--keep-modes")
    st = (tmp_path / "f").stat()
    assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (5, 6, 0o4711)


def test_diff_and_extract_of_a_deep_tree(tool, tmp_path):
    deep = "/".join("d" * 700)
    image(tool, "deep:1", layer(member(deep + "/f", b"bottom")))
    image(tool, "deep:2", layer(directory("d")))
    assert tool.ok("cat", "deep:1", deep + "/f") == "bottom"
    assert len(tool.raw("image", "diff", "deep:1", "deep:2").stdout.splitlines()) == 700
    tool.ok("extract", "deep:1", "d", tmp_path / "out")
    at = os.open(tmp_path / "out", os.O_RDONLY)
    for _ in range(699):
        inner = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    assert os.listdir(at) == ["f"]
    os.close(at)
    subprocess.run(["rm", "-rf", tmp_path / "out"], check=True)


def test_a_damaged_flat_image_is_refused(tool):
    image(tool, "z:1", layer(member("f", b"x")))
    path = flatten(tool, "z:1")
    os.chmod(path, 0o644)
    with open(path, "r+b") as f:
        f.truncate(4096)
    assert "cut off" in tool.fails("cat", "z:1", "f")


def test_two_at_once_both_succeed(tool):
    image(tool, "two:1", layer(*(member(f"f{i}", b"x" * 6000) for i in range(2000))))
    env = dict(os.environ, SANDBOX_STORE=tool.store)
    runs = [subprocess.Popen([os.path.abspath(os.environ.get("SANDBOX_BIN", "build/sandbox")), "image", "flatten", "two:1"],
                             env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    results = [r.communicate(timeout=60) + (r.returncode,) for r in runs]
    assert {code for _, _, code in results} == {0}, results
    assert len({out for out, _, _ in results}) == 1
