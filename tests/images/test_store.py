# SPDX-License-Identifier: Apache-2.0
"""The store by its command line: what it shows, what survives writers, kills, full disks and damage."""
import fcntl
import json
import os
import pathlib
import pty
import random
import resource
import signal
import struct
import subprocess
import termios
import time

import pytest

from conftest import SANDBOX
from layout import INDEX, MANIFEST, Layout


@pytest.fixture
def store(tool):
    """The tool's store, made by hand: a Layout."""
    return Layout(pathlib.Path(tool.store))


def start(tool, *args, **kw):
    return subprocess.Popen([SANDBOX, "image", *map(str, args)], env=dict(os.environ, SANDBOX_STORE=tool.store),
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def left_in_tmp(store):
    return list((store.path / "tmp").iterdir()) if (store.path / "tmp").exists() else []


# -- what it shows --

def test_ls_of_no_store_is_empty_and_makes_none(tool):
    assert tool.json("ls") == []
    assert not os.path.exists(tool.store)


def test_ls_says_when_there_is_no_place_for_a_store(tool):
    assert "give --store DIR" in tool.fails("ls", env={"SANDBOX_STORE": "", "XDG_DATA_HOME": "", "HOME": ""})


def test_ls_shows_every_name_with_its_digest(tool, store):
    d = store.image("app:1")
    store.name(d, "app:2")
    rows = tool.json("ls")
    assert [r["name"] for r in rows] == ["app:1", "app:2"]
    assert all(r["digest"] == d["digest"] and r["layers"] == 1 and r["error"] is None for r in rows)
    assert rows[0]["size"] == d["size"] + sum(p["size"] for p in store.parts(d))
    text = tool.ok("ls").splitlines()
    assert text[0].split() == ["NAME", "DIGEST", "CREATED", "LAYERS", "SIZE"]
    assert text[1].split()[:4] == ["app:1", d["digest"][:19], "2026-01-02", "03:04"]


def test_ls_shows_the_others_beside_an_image_that_cannot_be_read(tool, store):
    store.image("good:1")
    bad = store.image("bad:1", layers=[{"x": b"y"}])
    store.blob_path(bad).unlink()
    r = tool.raw("image", "ls")
    assert r.returncode == 0 and len(r.stdout.splitlines()) == 3
    assert r.stderr.startswith("sandbox: bad:1: blob sha256:"), r.stderr
    assert [bool(row["error"]) for row in tool.json("ls")] == [True, False]


def columns_of_ls(tool, columns):
    """The longest line of ls in a window of that width."""
    try:
        master, slave = pty.openpty()
    except OSError:
        pytest.skip("no terminals for this user here")
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    p = subprocess.Popen([SANDBOX, "image", "ls"], env=dict(os.environ, SANDBOX_STORE=tool.store), stdout=slave)
    os.close(slave)
    out = b""
    while chunk := os.read(master, 65536) if not out.endswith(b"B\r\n") else b"":
        out += chunk
    os.close(master)
    assert p.wait(10) == 0
    return out.decode()


def test_ls_fits_the_window(tool, store):
    store.image("registry.example.org/a-team/with-a-very-long-name-indeed:1.2.3-rc4")
    text = columns_of_ls(tool, 80)
    assert max(map(len, text.splitlines())) == 80
    assert "registry.example.org/a" in text and ".." in text
    assert "a-team/with-a-very-long-name-indeed:1.2.3-rc4" in columns_of_ls(tool, 120)


def test_inspect_shows_configuration_and_layers(tool, store):
    d = store.image("app:1", Cmd=["echo", "a b"], Env=["A=1", "B="], User="7", WorkingDir="/w",
                    Labels={"who": "me\x1b[2J"})
    j = tool.json("inspect", "app:1")
    assert j["digest"] == d["digest"] and j["config"]["config"]["Cmd"] == ["echo", "a b"]
    assert j["manifest"]["layers"] == store.parts(d)[1:]
    text = tool.ok("inspect", d["digest"])
    for part in ('["echo", "a b"]', "A=1", "B=", "who=me?[2J", "/w", store.parts(d)[1]["digest"]):
        assert part in text, text
    assert "\x1b" not in text


def test_history_has_the_last_step_first_and_a_layer_for_each_that_has_one(tool, store):
    d = store.image("app:1", layers=[{"a": b"1"}, {"b": b"2"}],
                    history=[{"created_by": "first", "comment": "c"}, {"created_by": "env", "empty_layer": True}])
    steps = tool.json("history", "app:1")
    layers = [p["digest"] for p in store.parts(d)[1:]]
    assert [(s.get("created_by"), s["layer"]) for s in steps] == [
        (None, layers[1]), ("env", None), ("first", layers[0])]
    assert "first (c)" in tool.ok("history", "app:1")


def test_image_for_another_machine_is_said_to_be_that(tool, store):
    store.image("arm:1", arch="arm64")
    assert "image for linux/arm64; only linux/amd64 runs here" in tool.fails("inspect", "arm:1")
    d = store.manifest([{}], arch="arm64")
    store.name(store.blob({"schemaVersion": 2, "manifests": [
        dict(d, platform={"os": "linux", "architecture": "arm64"})]}, INDEX), "arm:2")
    assert "no image for linux/amd64, only for linux/arm64" in tool.fails("inspect", "arm:2")
    assert tool.json("verify")["ok"]


# -- names --

def test_tag_and_rm_change_names_only(tool, store):
    d = store.image("app:1")
    assert tool.json("tag", "app:1", "other") == {"name": "other:latest", "digest": d["digest"]}
    assert tool.json("rm", "app:1") == {"removed": ["app:1"]}
    assert [r["name"] for r in tool.json("ls")] == ["other:latest"]
    assert 'no image "app:1" here' in tool.fails("rm", "app:1")
    assert store.blob_path(d).exists()
    tool.ok("tag", d["digest"], "app:3")
    tool.ok("rm", d["digest"])
    assert tool.json("ls") == []


def test_name_that_is_none_is_refused(tool, store):
    store.image("app:1")
    for bad in ("App", "../x", "a b", "app:", "", "a:b:c", "sha256:" + "0" * 64):
        assert "is no name of an image" in tool.fails("tag", "app:1", bad)


def test_directory_that_is_no_store_is_left_alone(tool, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "x.tex").write_text("x")
    for verb in (["gc"], ["verify"], ["rm", "a"]):
        assert "no image store at" in tool.fails(*verb, "--store", tmp_path / "thesis")
    assert os.listdir(tmp_path / "thesis") == ["x.tex"]


# -- many at once, and kills --

def test_names_given_at_once_are_all_there(tool, store):
    store.image("app:1")
    writers = [start(tool, "tag", "app:1", f"app:new-{i}") for i in range(12)]
    for w in writers:
        assert w.wait(30) == 0, w.stderr.read()
    assert {r["name"] for r in tool.json("ls")} == {"app:1", *(f"app:new-{i}" for i in range(12))}


def test_imports_at_once_leave_a_store_that_verifies(tool, tmp_path):
    sources = []
    for i in range(4):
        source = Layout(tmp_path / f"src{i}")
        source.image(f"app:{i}", layers=[{"shared": b"s" * 100000}, {"own": os.urandom(100000)}])
        sources.append(source)
    writers = [start(tool, "import", s.path) for s in sources * 2]
    for w in writers:
        assert w.wait(30) == 0, w.stderr.read()
    assert tool.json("verify")["ok"]
    assert [r["name"] for r in tool.json("ls")] == [f"app:{i}" for i in range(4)]
    assert os.listdir(os.path.join(tool.store, "tmp")) == []


def test_import_killed_again_and_again_leaves_a_store_that_verifies(tool, tmp_path):
    source = Layout(tmp_path / "src")
    source.image("app:1", layers=[{f"file{i}": os.urandom(200000)} for i in range(8)])
    rng = random.Random(7)
    began = time.monotonic()
    tool.ok("import", source.path, "--store", tmp_path / "other")
    whole = time.monotonic() - began
    killed = tries = 0
    while killed < 4:
        tries += 1
        assert tries <= 200, f"only {killed} of {tries} imports were killed before their end"
        p = start(tool, "import", source.path)
        time.sleep(rng.uniform(0, whole))
        p.kill()
        killed += p.wait() == -signal.SIGKILL
        p.communicate()
        if os.path.exists(os.path.join(tool.store, "oci-layout")):
            v = tool.json("verify")
            assert v["ok"], v
            tool.ok("gc")
            assert os.listdir(os.path.join(tool.store, "tmp")) == []
            assert len(os.listdir(os.path.join(tool.store, "blobs", "sha256"))) == (10 if tool.json("ls") else 0)
        for row in tool.json("ls"):
            assert row["error"] is None, row
        if killed % 2 and tool.json("ls"):
            tool.ok("rm", "app:1")
    tool.ok("import", source.path)
    tool.ok("gc")
    assert os.listdir(os.path.join(tool.store, "tmp")) == []
    assert tool.json("verify")["ok"]
    assert len(os.listdir(os.path.join(tool.store, "blobs", "sha256"))) == 10


# -- gc --

def test_gc_removes_what_no_name_leads_to_and_nothing_else(tool, store):
    keep = store.image("keep:1", layers=[{"shared": b"s"}, {"a": b"1"}])
    go = store.image("go:1", layers=[{"shared": b"s"}, {"b": b"2"}])
    arm = store.manifest([{"arm": b"3"}], arch="arm64")
    store.name(store.blob({"schemaVersion": 2, "manifests": [dict(arm, platform={
        "os": "linux", "architecture": "arm64"})]}, INDEX), "multi:1")
    before = set(os.listdir(store.blobs))
    (store.path / "flat").mkdir()
    stale = [f"{go['digest'][7:]}-1.erofs", f"{keep['digest'][7:]}-0.erofs"]
    for name in [*stale, f"{keep['digest'][7:]}-1.erofs"]:
        (store.path / "flat" / name).write_bytes(b"x" * 5000)
    (store.path / "tmp").mkdir()
    (store.path / "tmp" / "left").write_bytes(b"x")
    (store.path / "cache").mkdir()
    for i, image in enumerate((keep, go)):
        (store.path / "cache" / f"{i}").write_text(json.dumps({"layers": store.parts(image)[1:]}))
    tool.ok("rm", "go:1")
    plan = tool.json("gc", "--dry-run")
    assert set(os.listdir(store.blobs)) == before and (store.path / "tmp" / "left").exists()
    gone = {go["digest"][7:], store.parts(go)[0]["digest"][7:], store.parts(go)[2]["digest"][7:]}
    assert {os.path.basename(p) for p in plan["blobs"]} == gone
    done = tool.json("gc")
    assert dict(done, dry_run=True) == plan and done["bytes"] >= 10000
    assert set(os.listdir(store.blobs)) == before - gone
    assert os.listdir(store.path / "flat") == [f"{keep['digest'][7:]}-1.erofs"]
    assert os.listdir(store.path / "cache") == ["0"]
    assert left_in_tmp(store) == []
    assert tool.json("gc")["bytes"] == 0
    assert tool.ok("gc").startswith("freed 0 B: 0 blobs")


def test_gc_waits_for_who_uses_the_store(tool, store):
    store.image("app:1")
    tool.ok("rm", "app:1")
    with open(store.path / ".lock", "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert "is in use by another sandbox" in tool.fails("gc", "--no-wait")
        p = start(tool, "gc")
        assert p.stderr.readline() == b"sandbox: gc: waiting for others who use the image store\n"
        assert p.poll() is None and len(os.listdir(store.blobs)) == 3
    assert p.wait(10) == 0
    p.communicate()
    assert os.listdir(store.blobs) == []


def test_gc_removes_nothing_when_it_cannot_tell_what_is_needed(tool, store):
    bad = store.image("bad:1")
    blobs = set(os.listdir(store.blobs))
    store.blob({}, "x")
    store.blob_path(bad).write_bytes(b"{}")
    assert "what image bad:1 needs cannot be told" in tool.fails("gc")
    assert blobs < set(os.listdir(store.blobs))
    tool.ok("rm", "bad:1")
    tool.ok("gc")
    assert os.listdir(store.blobs) == []


# -- full disks --

SMALL_DISK = """
mount -t tmpfs -o size=256k none "$1" || exit 99
"$2" image import "$3" --store "$1/store"
code=$?
find "$1/store/tmp" -type f
"$2" image verify --store "$1/store" && "$2" image gc --store "$1/store" >/dev/null && find "$1/store/blobs" -type f
exit $code
"""


@pytest.fixture
def big(tmp_path):
    """An image larger than the disk and the limit below."""
    source = Layout(tmp_path / "big")
    source.image("app:1", layers=[{"big": os.urandom(1 << 20)}])
    return source.path


def one_sentence(r, why):
    assert r.returncode == 125, r
    lines = r.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("sandbox: ") and why in lines[0], r.stderr


def test_full_disk_is_one_sentence_and_leaves_nothing_that_gc_would_not_free(big, tmp_path):
    (tmp_path / "disk").mkdir()
    r = subprocess.run(["unshare", "-m", "sh", "-c", SMALL_DISK, "sh", tmp_path / "disk", SANDBOX, big],
                       capture_output=True, text=True, timeout=60)
    if r.returncode in (1, 99):
        pytest.skip("may not mount: test_limit_on_files… does the like")
    one_sentence(r, "No space left on device; `sandbox image gc` frees what no image needs")
    assert r.stdout == ""


def test_limit_on_files_is_one_sentence_and_leaves_nothing_half_written(tool, big):
    r = tool.raw("image", "import", big, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000)))
    one_sentence(r, "File too large")
    assert os.listdir(os.path.join(tool.store, "tmp")) == [] and tool.json("ls") == [] and tool.json("verify")["ok"]


def test_tag_on_a_full_disk_changes_nothing(tool, store):
    store.image("app:1")
    before = (store.path / "index.json").read_bytes()
    r = tool.raw("image", "tag", "app:1", "app:2",
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
    one_sentence(r, "File too large")
    assert (store.path / "index.json").read_bytes() == before and left_in_tmp(store) == []


# -- damage --

def test_verify_names_each_damage(tool, store):
    good = store.image("good:1", layers=[{"x": b"1"}])
    flipped = store.image("flipped:1", layers=[{"x": b"2"}])
    missing = store.image("missing:1", layers=[{"x": b"3"}])
    short = store.image("short:1", layers=[{"x": b"4"}])
    assert tool.json("verify") == {"ok": True, "blobs": 12, "bytes": sum(
        p.stat().st_size for p in store.blobs.iterdir()), "damage": [], "removed": False}
    for descriptor, part in ((flipped, 1), (short, 1)):
        path = store.blob_path(store.parts(descriptor)[part])
        data = bytearray(path.read_bytes())
        data[20] ^= 1
        path.write_bytes(data if descriptor is flipped else data[:-1])
    store.blob_path(store.parts(missing)[0]).unlink()
    r = tool.raw("image", "verify")
    assert r.returncode == 1 and r.stderr == ""
    lines = r.stdout.splitlines()
    assert len(lines) == 4, r.stdout
    assert sum("is damaged" in line for line in lines) == 2
    assert any(line.startswith("missing:1: blob sha256:") for line in lines)
    assert any(line.startswith("short:1: layer 1: ") and "were promised" in line for line in lines)
    assert good["digest"][7:] not in r.stdout
    assert tool.raw("image", "verify", "--json").returncode == 1


def test_verify_removes_damaged_blobs_so_that_import_mends_them(tool, tmp_path):
    source = Layout(tmp_path / "src")
    d = source.image("app:1")
    tool.ok("import", source.path)
    layer = os.path.join(tool.store, "blobs", "sha256", source.parts(d)[1]["digest"][7:])
    os.unlink(layer)
    with open(layer, "wb") as f:
        f.write(b"damaged")
    assert tool.raw("image", "verify", "--remove").returncode == 1
    assert not os.path.exists(layer)
    tool.ok("import", source.path)
    assert tool.json("verify")["ok"]


@pytest.mark.parametrize("text, says", [
    ("", "not valid JSON"),
    ("{}", "schemaVersion"),
    ('{"schemaVersion":2,"manifests":{}}', '"manifests" is not an array'),
    ('{"schemaVersion":2,"manifests":[],"manifests":[]}', "duplicate"),
    ("[" * 100000, "nested deeper"),
    ('{"schemaVersion":2,"manifests":[{"mediaType":"m","size":1,"digest":"sha256:../../x"}]}', "is no digest"),
    ('{"schemaVersion":2,"manifests":[' + "1," * 300000 + "1]}", "more than 200000 values"),
    ("x" * (5 << 20), "larger than such a document may be"),
], ids=["empty", "object", "no-array", "twice", "deep", "digest", "many", "large"])
def test_damaged_index_is_one_sentence_and_stays(tool, store, text, says):
    store.image("app:1")
    (store.path / "index.json").write_text(text)
    for verb in (["ls"], ["inspect", "app:1"], ["tag", "app:1", "app:2"], ["rm", "app:1"], ["gc"], ["verify"]):
        line = tool.fails(*verb)
        assert says in line and "index.json" in line, line
    assert (store.path / "index.json").read_text() == text


def test_manifest_that_is_not_what_its_digest_says_is_refused(tool, store):
    d = store.image("app:1")
    path = store.blob_path(d)
    path.write_bytes(path.read_bytes().replace(b'"schemaVersion"', b'"schemaversion"'))
    assert "is damaged" in tool.fails("inspect", "app:1")


def test_media_type_that_is_unknown_is_named(tool, store):
    config, layer = store.parts(store.image("app:1"))
    for odd in (dict(layer, mediaType="application/x-rar"), dict(layer, mediaType="application/vnd.oci.image.layer.v1.tar+xz")):
        store.name(store.blob({"schemaVersion": 2, "config": config, "layers": [odd]}, MANIFEST), "odd:1")
        assert f'unknown media type "{odd["mediaType"]}"' in tool.fails("inspect", "odd:1")
        tool.ok("rm", "odd:1")
    store.name(store.blob(json.dumps({"a": 1}).encode(), "text/html"), "page:1")
    assert 'unknown media type "text/html"' in tool.fails("inspect", "page:1")
