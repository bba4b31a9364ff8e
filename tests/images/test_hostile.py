# SPDX-License-Identifier: Apache-2.0
"""Hostile layers: each is refused with one line that names what is wrong with it, and leaves nothing behind: no image, no
flat image, no half-written file, and nothing outside the store."""
import gzip
import io
import os
import subprocess
import tarfile

import pytest

import handmade

DIR, LINK, HARD, CHAR, BLOCK, FIFO = (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE,
                                      tarfile.FIFOTYPE)


def member(name, kind=tarfile.REGTYPE, target="", **kw):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o755
    for key, value in kw.items():
        setattr(info, key, value)
    return info


def archive(*members):
    """Members as they are given: tarfile takes every name. A file has content if it says so."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for m in members:
            t.addfile(m, io.BytesIO(b"x" * m.size))
    return out.getvalue()


@pytest.fixture
def refused(tool, tmp_path):
    """Imports an image, which must fail. Returns the line."""
    def check(image):
        before = set(os.listdir(tmp_path)) | {"layout", "store"}
        image.write(tmp_path / "layout")
        r = tool.raw("image", "import", tmp_path / "layout", "-t", "evil:1", "-q")
        assert r.returncode == 125, f"expected a refusal: {r.stdout}{r.stderr}"
        lines = r.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("sandbox: "), f"expected one line, got {r.stderr!r}"
        store = tool.store
        for place in "flat", "tmp":
            left = os.listdir(os.path.join(store, place)) if os.path.isdir(os.path.join(store, place)) else []
            assert left == [], f"left in {place}: {left}"
        assert set(os.listdir(tmp_path)) == before
        assert tool.raw("run", "-q", "--image", "evil:1", "--", "/bin/true").returncode == 125
        return lines[0]

    return check


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/../evil", "a/.."])
def test_path_through_dot_dot(refused, name):
    assert 'leads through ".."' in refused(handmade.Image(layers=[archive(member(name, size=1))]))


def test_path_through_a_symbolic_link_of_the_same_layer(refused, tmp_path):
    out = str(tmp_path / "evil")
    line = refused(handmade.Image(layers=[archive(member("out", LINK, str(tmp_path)), member("out/evil", size=1))]))
    assert 'member "out/evil" leads through the symbolic link "out"' in line
    assert not os.path.exists(out)


def test_path_through_a_symbolic_link_of_another_layer_stays_inside(tool, tmp_path):
    image = handmade.Image(layers=[archive(member("out", LINK, str(tmp_path))), archive(member("out/evil", size=1))])
    image.write(tmp_path / "layout")
    tool.ok("import", tmp_path / "layout", "-t", "evil:1", "-q")
    tool.ok("extract", "evil:1", "/", tmp_path / "to", "-q")
    assert not (tmp_path / "evil").exists()
    assert [p.read_text() for p in (tmp_path / "to").rglob("evil") if not p.is_symlink()] == ["x"]


@pytest.mark.parametrize("target, sentence", [
    ("/etc/passwd", "is a hard link to an absolute path"),
    ("../../etc/passwd", 'is a hard link whose target leads through ".."'),
    ("etc/passwd", 'is a hard link to "etc/passwd", which no member before it is'),
])
def test_hard_link_to_outside(refused, target, sentence):
    assert sentence in refused(handmade.Image(layers=[archive(member("evil", HARD, target))]))


def test_hard_link_to_what_comes_later(refused):
    line = refused(handmade.Image(layers=[archive(member("a", HARD, "b"), member("b", size=1))]))
    assert "which no member before it is" in line


def test_absolute_paths_are_below_the_root(tool, tmp_path):
    victim = tmp_path / "victim"
    image = handmade.Image(layers=[archive(member(str(victim), size=1))])
    tool.ok("import", image.write(tmp_path / "layout"), "-t", "app:1", "-q")
    tool.ok("flatten", "app:1", "-q")
    assert not victim.exists()
    assert tool.ok("cat", "app:1", str(victim)) == "x"


def test_device_nodes_are_inert(tool, tmp_path):
    """A device in an image is none of the machine's: opening it gives nothing of the host."""
    nodes = [member("disk", BLOCK, devmajor=8, devminor=0), member("mem", CHAR, devmajor=1, devminor=1),
             member("pipe", FIFO)]
    with open("/bin/busybox", "rb") as f:
        shell = f.read()
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        t.addfile(member("sh", size=len(shell)), io.BytesIO(shell))
        for m in nodes:
            m.mode = 0o666
            t.addfile(m)
    image = handmade.Image(layers=[out.getvalue()])
    tool.ok("import", image.write(tmp_path / "layout"), "-t", "app:1", "-q")
    r = tool.raw("run", "-q", "--image", "app:1", "--entrypoint", "/sh", "--", "-c",
                 "for i in /sh /disk /mem; do head -c 1 $i >/dev/null && echo read $i; done; echo end")
    assert r.returncode == 0 and r.stdout == "read /sh\nend\n", f"{r.stdout!r} {r.stderr!r}"


@pytest.mark.parametrize("name", [".wh.", "a/.wh..", "a/.wh...", ".wh.d/x"])
def test_whiteout_of_what_has_no_name(refused, name):
    assert "is no whiteout, but is named like one" in refused(handmade.Image(layers=[archive(member(name))]))


def test_bomb(refused):
    zeros = io.BytesIO()
    with gzip.GzipFile(fileobj=zeros, mode="wb", mtime=0, compresslevel=1) as z:
        header = member("zeros", size=1 << 40).tobuf(tarfile.GNU_FORMAT)
        z.write(header)
        z.write(bytes(1 << 20))
    image = handmade.Image()
    image.layers = [image.add(zeros.getvalue(), handmade.LAYER + "+gzip")]
    image.make_manifest()
    assert "unpack to more than the limit" in refused(image)


def test_bomb_of_nothing_but_zeros(refused):
    zstd = subprocess.run(["zstd", "-q", "-1", "-c"], stdout=subprocess.PIPE, check=True,
                          input=archive(member("zeros", size=0)).rstrip(b"\0") + bytes(100 << 20)).stdout
    image = handmade.Image()
    image.layers = [image.add(zstd, handmade.LAYER + "+zstd")]
    image.make_manifest()
    assert "as only bombs do" in refused(image)


def test_truncated_layer(refused):
    data = archive(member("a", size=5000))
    for cut in 100, 700, len(data) - 9000:
        image = handmade.Image()
        image.layers = [image.add(data[:cut], handmade.LAYER)]
        image.make_manifest()
        assert "layer sha256:" in refused(image)


def test_truncated_compression(refused):
    image = handmade.Image()
    image.layers = [image.add(gzip.compress(os.urandom(4000))[:1000], handmade.LAYER + "+gzip")]
    image.make_manifest()
    assert "cut short" in refused(image)


def test_layer_that_is_not_its_digest(refused):
    image = handmade.Image()
    digest = image.layers[0]["digest"]
    image.blobs[digest] = gzip.compress(archive(member("evil", size=1)), mtime=0)
    image.layers[0]["size"] = len(image.blobs[digest])
    image.make_manifest()
    assert digest.split(":")[1] in refused(image)


def test_layer_that_is_not_its_diff_id(refused):
    image = handmade.Image()
    image.layers = [image.add(archive(member("evil", size=1)), handmade.LAYER)]
    image.make_manifest()
    assert "unpacked archive has the digest" in refused(image)


def test_unknown_media_type(refused):
    image = handmade.Image()
    image.layers[0]["mediaType"] = "application/x-evil"
    image.make_manifest()
    assert "application/x-evil" in refused(image)


def test_media_type_that_lies(refused):
    image = handmade.Image(compress=True)
    image.layers[0]["mediaType"] = handmade.LAYER + "+zstd"
    image.make_manifest()
    assert "its media type says zstd, but by its first bytes it is gzip" in refused(image)


def test_another_architecture(refused):
    assert "arm64" in refused(handmade.Image(arch="arm64"))


def test_something_behind_the_end(refused):
    evil = archive(member("seen", size=1)).rstrip(b"\0") + bytes(4096) + archive(member("hidden", size=1))
    assert "something follows the end" in refused(handmade.Image(layers=[evil]))


@pytest.mark.parametrize("layers, sentence", [
    ([[member("a", LINK, "b"), member("b", LINK, "a")], [member("a/x", size=1)]], "symbolic links"),
    ([[member("a", DIR), member("b", HARD, "a")]], "hard link"),
    ([[member("a")], [member("b", HARD, "a")]], "which no member before it is"),
    ([[member("n" * 256)]], "a component of more than 255 bytes"),
    ([[member("c", CHAR, devmajor=4096, devminor=0)]], "numbers end at"),
], ids=["circle of links", "hard link to a directory", "hard link to another layer", "long name", "device number"])
def test_what_could_never_be_flattened_gets_no_name(refused, layers, sentence):
    assert sentence in refused(handmade.Image(layers=[archive(*members) for members in layers]))


EVIL = handmade.Image(layers=[archive(member("../evil", size=1))])


def test_hostile_layer_of_a_docker_archive_is_refused(tool, tmp_path):
    path = handmade.archive(tmp_path / "evil.tar", EVIL.docker_files())
    assert 'leads through ".."' in tool.fails("import", path, "-t", "evil:1", "-q")
    assert tool.json("ls") == []


def test_hostile_layer_of_a_registry_is_refused(tool, fake):
    f = fake(EVIL)
    assert 'leads through ".."' in tool.fails("pull", f"{f.host}/x", "-t", "evil:1", "-q")
    assert tool.json("ls") == []


def test_hostile_layer_stays_refused_once_it_is_in_the_store(tool, tmp_path):
    EVIL.write(tmp_path / "layout")
    for _ in range(2):
        assert 'leads through ".."' in tool.fails("import", tmp_path / "layout", "-t", "evil:1", "-q")


def test_what_got_its_name_another_way_is_refused_when_it_is_to_run(tool, tmp_path):
    """A store is a directory of files: somebody else may have put the image there."""
    EVIL.write(tmp_path / "store", EVIL.index("evil:1"))
    assert 'leads through ".."' in tool.fails("flatten", "evil:1", "-q")
    assert tool.raw("run", "-q", "--image", "evil:1", "--", "/bin/true").returncode == 125


def test_json_of_a_refusal_is_no_document(tool, tmp_path):
    image = handmade.Image(layers=[archive(member("../evil", size=1))])
    r = tool.raw("image", "import", image.write(tmp_path / "layout"), "-t", "evil:1", "--json")
    assert r.returncode == 125 and r.stdout == ""
    assert len(r.stderr.splitlines()) == 1 and r.stderr.startswith("sandbox: "), f"expected one line, got {r.stderr!r}"
