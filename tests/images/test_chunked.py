# SPDX-License-Identifier: Apache-2.0
"""Layers in the form zstd:chunked: their table says what is in them, and a pull fetches what it lacks."""
import io
import json
import os
import shutil
import socket
import struct
import subprocess
import tarfile
import threading

import pytest

from handmade import digest

POSITION = "io.github.containers.zstd-chunked.manifest-position"
CHECKSUM = "io.github.containers.zstd-chunked.manifest-checksum"
SKIP, MAGIC = 0x184D2A50, b"GNUlInUx"


def zstd(data, *args):
    return subprocess.run(["zstd", "-q", "-c", *args], input=data, stdout=subprocess.PIPE, check=True).stdout


class Stored:
    """An image of a store, as a registry has it; `edit` may change the table of its only layer."""

    def __init__(self, tool, name="app:1"):
        entry = next(m for m in json.loads(open(f"{tool.store}/index.json").read())["manifests"]
                     if m["annotations"]["org.opencontainers.image.ref.name"] == name)
        self.blobs = {}
        self.digest = entry["digest"]
        self.document = json.loads(self.take(tool, self.digest))
        self.config, self.layers = self.document["config"], self.document["layers"]
        for d in [self.config, *self.layers]:
            self.take(tool, d["digest"])

    def take(self, tool, name):
        with open(f"{tool.store}/blobs/sha256/{name[7:]}", "rb") as f:
            self.blobs[name] = f.read()
        return self.blobs[name]

    @property
    def layer(self):
        return self.blobs[self.layers[0]["digest"]]

    def table(self):
        start, packed, size, _ = map(int, self.layers[0]["annotations"][POSITION].split(":"))
        text = zstd(self.layer[start:start + packed], "-d")
        assert len(text) == size and digest(self.layer[start:start + packed]) == self.layers[0]["annotations"][CHECKSUM]
        return start, json.loads(text)

    def put_table(self, table=None, text=None, position=None, checksum=None):
        """The layer with another table, and all that follows from that."""
        start, _ = self.table()
        text = json.dumps(table).encode() if text is None else text
        packed = zstd(text)
        footer = struct.pack("<7Q8s", start, len(packed), len(text), 1, 0, 0, 0, MAGIC)
        blob = (self.layer[:start - 8] + struct.pack("<II", SKIP, len(packed)) + packed +
                struct.pack("<II", SKIP, len(footer)) + footer)
        self.layers[0] = dict(self.layers[0], digest=digest(blob), size=len(blob), annotations={
            POSITION: position or f"{start}:{len(packed)}:{len(text)}:1", CHECKSUM: checksum or digest(packed)})
        self.blobs[digest(blob)] = blob
        manifest = json.dumps(dict(self.document, layers=self.layers)).encode()
        self.digest = digest(manifest)
        self.blobs[self.digest] = manifest
        return self


def parts_of(table, i):
    """An entry and the parts that follow it."""
    n = i + 1
    while n < len(table) and table[n]["type"] == "chunk":
        n += 1
    return table[i:n]


def content_of(blob, parts):
    out = b""
    for i, p in enumerate(parts):
        assert p.get("chunkOffset", 0) == len(out)
        if p.get("chunkType") == "zeros":
            out += bytes(p["chunkSize"])
            continue
        end = parts[i + 1]["offset"] if i + 1 < len(parts) else parts[0]["endOffset"]
        piece = zstd(blob[p["offset"]:end], "-d")
        assert digest(piece) == p.get("chunkDigest", p["digest"] if i == 0 else None)
        out += piece
    return out


@pytest.fixture
def big(tmp_path):
    """A tree of many small files and a few large ones."""
    root = tmp_path / "big"
    for i in range(200):
        path = root / f"d{i % 7}" / f"f{i}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(9000))
    (root / "large").write_bytes(os.urandom(2 << 20))
    (root / "text").write_text("a line that comes again\n" * 90000)
    return root


def test_the_table_says_what_is_in_the_layer(tool, tree):
    with open(tree / "holes", "wb") as f:
        f.write(b"begin")
        f.seek(3 << 20)
        f.write(b"middle")
        f.truncate(5 << 20)
    (tree / "zeros").write_bytes(bytes(1 << 20))
    (tree / "half").write_bytes(os.urandom(1 << 19))
    (tree / "large").write_bytes(os.urandom((1 << 20) + 77))
    tool.ok("pack", tree, "-t", "app:1")
    image = Stored(tool)
    table = image.table()[1]["entries"]
    tar = tarfile.open(fileobj=io.BytesIO(zstd(image.layer, "-d")))
    members = tar.getmembers()
    assert [e["name"].rstrip("/") for e in table if e["type"] != "chunk"] == [m.name for m in members]
    for i, e in enumerate(table):
        if e["type"] == "reg" and e.get("size"):
            content = content_of(image.layer, parts_of(table, i))
            assert content == (tree / e["name"]).read_bytes() and digest(content) == e["digest"]
        elif e["type"] in ("symlink", "hardlink"):
            assert e["linkName"] == tar.getmember(e["name"]).linkname


def test_the_same_tree_has_the_same_table_whatever_the_threads(tool, new_tool, big):
    digests = set()
    for i in range(2):
        t = new_tool(f"s{i}")
        cpus = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if i else []
        r = subprocess.run([*cpus, os.environ.get("SANDBOX_BIN", "build/sandbox"), "image", "pack", "--store", t.store, big,
                            "-t", "app:1", "--json"], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        digests.add(json.loads(r.stdout)["digest"])
    assert len(digests) == 1


def test_names_that_json_cannot_say_make_a_layer_without_a_table(tool, tree):
    open(os.fsencode(tree) + b"/\xff\xfe", "w").close()
    tool.ok("pack", tree, "-t", "app:1")
    image = Stored(tool)
    assert "annotations" not in image.layers[0]
    assert b"\xff\xfe" in zstd(image.layer, "-d")
    tool.ok("flatten", "app:1")


# -- pulls --

class Proxy:
    """Hands on to a port and counts what comes from there."""

    def __init__(self, port):
        self.port, self.count = port, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.port))
            threading.Thread(target=self.pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, True), daemon=True).start()

    def pump(self, a, b, counted):
        try:
            while data := a.recv(1 << 16):
                self.count += len(data) * counted
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self):
        self.listener.close()


def change(root):
    (root / "d3" / "f3").write_bytes(os.urandom(5000))
    (root / "new").write_text("new\n")
    (root / "d1" / "f1").unlink(missing_ok=True)
    with open(root / "large", "r+b") as f:
        f.seek(600000)
        f.write(b"changed")


def test_a_pull_from_a_registry_fetches_what_the_store_lacks(tool, new_tool, registry, big):
    tool.ok("pack", big, "-t", "app:1")
    change(big)
    tool.ok("pack", big, "-t", "app:2")
    for n in "12":
        tool.ok("push", f"app:{n}", f"{registry.host}/app:{n}")
    proxy, other, empty = Proxy(registry.port), new_tool("other"), new_tool("empty")
    counts = []
    for store, n in (other, "1"), (other, "2"), (empty, "2"):
        before = proxy.count
        store.ok("pull", f"{proxy.host}/app:{n}", "-t", f"app:{n}")
        counts.append(proxy.count - before)
    proxy.close()
    size = Stored(tool, "app:2").layers[0]["size"]
    print(f"layer of {size} bytes: first image {counts[0]}, second {counts[1]}, into an empty store {counts[2]}")
    assert counts[2] > size and counts[0] > size
    assert counts[1] < size // 4, f"{counts[1]} bytes came for a layer of {size} of which nearly all was there"
    assert Stored(other, "app:2").digest == Stored(tool, "app:2").digest
    assert other.json("verify")["ok"]


@pytest.fixture
def two(tool, new_tool, big):
    """A store with the first of two images, and the second."""
    tool.ok("pack", big, "-t", "app:1")
    maker = new_tool("maker")
    change(big)
    maker.ok("pack", big, "-t", "app:2")
    return Stored(maker, "app:2")


def test_a_server_without_ranges_sends_all_of_it(tool, fake, two):
    f = fake(two, no_ranges=True)
    tool.ok("pull", f"{f.host}/x:1", "-t", "app:2")
    assert Stored(tool, "app:2").layer == two.layer


def test_a_cut_connection_between_parts_goes_on(tool, fake, two):
    f = fake(two, cuts=3, piece=3000)
    tool.ok("pull", f"{f.host}/x:1", "-t", "app:2")
    assert Stored(tool, "app:2").layer == two.layer
    assert f.sent < len(two.layer) // 2


def test_a_damaged_layer_of_the_store_spoils_nothing(tool, fake, two):
    image = Stored(tool)
    path = f"{tool.store}/blobs/sha256/{image.layers[0]['digest'][7:]}"
    os.chmod(path, 0o644)
    with open(path, "r+b") as f:
        f.seek(300000)
        f.write(bytes(1000))
    f = fake(two)
    tool.ok("pull", f"{f.host}/x:1", "-t", "app:2")
    assert Stored(tool, "app:2").layer == two.layer


def test_a_table_that_lies_spoils_nothing(tool, fake, two):
    """It says that other content is what the store has."""
    _, table = two.table()
    _, ours = Stored(tool).table()
    theirs = {e["name"]: e for e in ours["entries"] if e["type"] == "reg"}
    for e in table["entries"]:
        if e["name"] == "d3/f3":
            e.update(size=9000, digest=theirs["d0/f0"]["digest"])
        elif e["name"] == "large":
            e.update(chunkDigest=parts_of(ours["entries"], ours["entries"].index(theirs["large"]))[1]["chunkDigest"])
    two.put_table(table)
    f = fake(two)
    tool.ok("pull", f"{f.host}/x:1", "-t", "app:2")
    assert Stored(tool, "app:2").layer == two.layer
    assert f.sent > len(two.layer), "the lie was believed without the whole blob's digest"


def overlap(table):
    regular = [e for e in table["entries"] if e.get("offset")]
    regular[5]["offset"] = regular[4]["offset"] + 1
    return json.dumps(table).encode()


def outside(table):
    [e for e in table["entries"] if e.get("offset")][3]["endOffset"] = 1 << 40
    return json.dumps(table).encode()


def negative(table):
    [e for e in table["entries"] if e.get("offset")][3]["offset"] = -1
    return json.dumps(table).encode()


def pulled_whole(tool, fake, image, words):
    """A table that cannot be used costs a note: the blob's digest decides."""
    f = fake(image)
    r = tool.raw("image", "pull", f"{f.host}/x:1", "-t", "app:2")
    assert r.returncode == 0, r.stderr
    assert words in r.stderr and "all of it is fetched" in r.stderr, r.stderr
    assert len(r.stderr.splitlines()) == 1, r.stderr
    assert Stored(tool, "app:2").layer == image.layer
    assert f.sent >= len(image.layer)


@pytest.mark.parametrize("text, words", [
    (lambda t: b"[]", "is no JSON object"),
    (lambda t: b"{}" + bytes(10), "is no JSON object"),
    (lambda t: b'{"version":1,"entries":[{"type":"reg"', "cut short"),
    (lambda t: b'{"version":1,"entries":[{"type":"chunk","name":"x"}]}', "part of no file"),
    (lambda t: b'{"version":1,"entries":[{"name":"x"}]}', "without a type"),
    (lambda t: b'{"version":1,"entries":[' + b"[" * 5000 + b"]" * 5000 + b"]}", "nested deeper"),
    (lambda t: b'{"version":1,"entries":[{"type":"reg","name":"' + b"x" * (2 << 20) + b'"}]}', "more than 1 MiB"),
    (overlap, "overlap"), (outside, "outside"), (negative, "no number"),
])
def test_with_a_hostile_table_a_layer_is_pulled_whole(tool, fake, two, text, words):
    pulled_whole(tool, fake, two.put_table(text=text(two.table()[1])), words)


@pytest.mark.parametrize("position, checksum, words", [
    ("1:2", None, "no position"),
    ("7:100:100:1", None, "outside"),
    ("99999999999:100:100:1", None, "outside"),
    ("18446744073709551615:18446744073709551615:1:1", None, "outside"),
    ("100:100:99999999999999:1", None, "larger than"),
    (None, "sha256:" + "0" * 64, "not sha256:000"),
    (None, "md5:1", "no position or no digest"),
])
def test_with_a_table_that_is_not_where_it_should_be_a_layer_is_pulled_whole(tool, fake, two, position, checksum, words):
    pulled_whole(tool, fake, two.put_table(two.table()[1], position=position, checksum=checksum), words)


def test_with_a_table_that_unpacks_to_more_than_it_says_a_layer_is_pulled_whole(tool, fake, two):
    start, _ = two.table()
    packed = len(zstd(bytes(200 << 20)))
    pulled_whole(tool, fake, two.put_table(text=bytes(200 << 20), position=f"{start}:{packed}:1000:1"),
                 "is damaged or has another size")


# -- other programs --

def skopeo(*args):
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    r = subprocess.run(["skopeo", "--insecure-policy", *map(str, args)], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr


def test_skopeo_unpacks_the_layer(tool, big, tmp_path):
    tool.ok("pack", big, "-t", "app:1")
    image = Stored(tool)
    skopeo("copy", "--dest-decompress", f"oci:{tool.store}:app:1", f"dir:{tmp_path}/dir")
    plain = json.loads(image.blobs[image.config["digest"]])["rootfs"]["diff_ids"]
    with open(tmp_path / "dir" / plain[0][7:], "rb") as f:
        assert digest(f.read()) == plain[0]


def test_layers_that_skopeo_made_are_put_together_too(tool, new_tool, registry, big):
    for n in "12":
        tool.ok("pack", big, "-t", f"app:{n}", "--compression", "gzip")
        skopeo("copy", "--dest-tls-verify=false", "--dest-compress-format", "zstd:chunked", f"oci:{tool.store}:app:{n}",
               f"docker://{registry.host}/theirs:{n}")
        change(big)
    proxy, other, counts = Proxy(registry.port), new_tool("other"), []
    for n in "12":
        before = proxy.count
        other.ok("pull", f"{proxy.host}/theirs:{n}", "-t", f"app:{n}")
        counts.append(proxy.count - before)
    proxy.close()
    layer = Stored(other, "app:2").layers[0]
    assert any(key.endswith("zstd-chunked.manifest-position") for key in layer["annotations"])
    assert counts[1] < layer["size"] // 2, f"{counts} bytes came"
    assert other.json("verify")["ok"]
