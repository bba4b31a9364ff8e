# SPDX-License-Identifier: Apache-2.0
"""import and export: round trips with real clients, and layouts and archives that lie."""
import json
import os
import shutil
import subprocess
import tarfile
import time

import pytest

from conftest import SANDBOX
from handmade import Image, archive, digest, layer, names, REF

ROOT = os.geteuid() == 0


def client(*args, **kw):
    if not shutil.which(args[0]):
        pytest.skip(f"{args[0]} is not installed")
    r = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, **kw)
    assert r.returncode == 0, f"{' '.join(map(str, args))}: exit {r.returncode}: {r.stderr}"
    return r.stdout


def skopeo(*args):
    return client("skopeo", "--insecure-policy", "--tmpdir", os.environ.get("TMPDIR", "/tmp"), *args)


@pytest.fixture
def image():
    return Image()


@pytest.fixture
def store(tool, tmp_path):
    return tmp_path / "store"


@pytest.fixture
def loaded(tool, image, tmp_path):
    """The tool with image app:1 in its store."""
    image.write(tmp_path / "loaded")
    tool.ok("import", tmp_path / "loaded")
    return tool


# -- what comes in --

def test_a_layout_keeps_digest_and_name(tool, image, store, tmp_path):
    image.write(tmp_path / "in")
    assert image.digest in tool.ok("import", tmp_path / "in")
    assert names(store) == {"app:1": image.digest}


def test_a_tag_alone_gets_the_name_of_the_file(tool, image, store, tmp_path):
    image.write(tmp_path / "My Tool.d", image.index("v2"))
    tool.ok("import", tmp_path / "My Tool.d")
    assert names(store) == {"my-tool:v2": image.digest}


def test_what_docker_and_containerd_save_keeps_its_whole_name(tool, image, store, tmp_path):
    index = image.index("1")
    index["manifests"][0]["annotations"]["io.containerd.image.name"] = "docker.io/library/app:1"
    archive(tmp_path / "saved.tar", {**image.docker_files(), **image.files(index)})
    tool.ok("import", tmp_path / "saved.tar")
    assert names(store) == {"app:1": image.digest}


def test_json_lists_what_was_imported(tool, image, tmp_path):
    image.write(tmp_path / "in")
    assert tool.json("import", tmp_path / "in", "-t", "x:2") == {"images": [{"name": "x:2", "digest": image.digest}]}


@pytest.mark.parametrize("end, mode", [("tar", "w"), ("tar.gz", "w:gz"), ("tar.xz", "w:xz")])
def test_an_archive_of_a_layout_is_known_by_its_content(tool, image, store, tmp_path, end, mode):
    image.write(tmp_path / "in")
    with tarfile.open(tmp_path / "strange.name", mode) as tar:
        tar.add(tmp_path / "in", arcname=".")
    tool.ok("import", tmp_path / "strange.name")
    assert names(store) == {"app:1": image.digest}


def test_an_archive_comes_through_a_pipe(tool, image, store, tmp_path):
    archive(tmp_path / "a.tar", image.files())
    with subprocess.Popen(["cat", str(tmp_path / "a.tar")], stdout=subprocess.PIPE) as cat:
        tool.ok("import", "-", stdin=cat.stdout)
    assert names(store) == {"app:1": image.digest}


def test_one_of_several_images_is_asked_for_by_its_reference(tool, store, tmp_path):
    a, b = Image({"a": b"a"}), Image({"b": b"b"})
    both = a.index("app:1")
    both["manifests"] += b.index("app:2")["manifests"]
    archive(tmp_path / "both.tar", {**a.files(), **b.files(both)})
    tool.ok("import", f"{tmp_path}/both.tar:app:2", "-t", "two")
    assert names(store) == {"two:latest": b.digest}
    assert "there are 2 images in it" in tool.fails("import", tmp_path / "both.tar", "-t", "x")
    tool.ok("import", tmp_path / "both.tar")
    assert names(store) == {"app:1": a.digest, "app:2": b.digest, "two:latest": b.digest}


def test_docker_archive_keeps_the_configuration(tool, image, store, tmp_path):
    archive(tmp_path / "d.tar", image.docker_files(["docker.io/library/app:1", "app:other"]))
    tool.ok("import", tmp_path / "d.tar")
    assert set(names(store)) == {"app:1", "app:other"}
    manifest = json.loads((store / "blobs/sha256" / names(store)["app:1"].split(":")[1]).read_text())
    assert manifest["config"]["digest"] == image.config["digest"]
    assert [x["digest"] for x in manifest["layers"]] == [digest(t) for t in image.tars]


def test_docker_archive_with_links_to_layers(tool, store, tmp_path):
    image = Image(layers=[layer({"a": b"a"}), layer({"a": b"a"}), layer({"b": b"b"})])
    files = image.docker_files(names=["one/layer.tar", "two/layer.tar", "three/layer.tar"])
    del files["two/layer.tar"]
    archive(tmp_path / "d.tar", files, {"two/layer.tar": "../one/layer.tar"})
    tool.ok("import", tmp_path / "d.tar")
    manifest = json.loads((store / "blobs/sha256" / names(store)["app:1"].split(":")[1]).read_text())
    assert [x["digest"] for x in manifest["layers"]] == [digest(t) for t in image.tars]


def test_a_damaged_blob_in_the_store_is_healed_by_importing_again(loaded, image, store, tmp_path):
    blob = store / "blobs/sha256" / image.layers[0]["digest"].split(":")[1]
    blob.chmod(0o644)
    blob.write_bytes(b"x" * blob.stat().st_size)
    loaded.ok("import", tmp_path / "loaded")
    assert digest(blob.read_bytes()) == image.layers[0]["digest"]


# -- what is refused; and then the store has no name for it --

def spoil(image, which, data):
    image.blobs[which["digest"]] = data


def lies(image):
    """{what: (damage, words of the sentence)}"""
    data = image.blobs[image.layers[0]["digest"]]
    return {
        "another content": (lambda: spoil(image, image.layers[0], bytes(len(data))), "sha256:"),
        "a cut layer": (lambda: spoil(image, image.layers[0], data[:-1]), "sha256:"),
        "a longer layer": (lambda: spoil(image, image.layers[0], data + b"x"), "larger"),
        "a missing layer": (lambda: image.blobs.pop(image.layers[0]["digest"]), "missing"),
        "a missing config": (lambda: image.blobs.pop(image.config["digest"]), "missing"),
        "a damaged manifest": (lambda: spoil(image, image.manifest, b"{}"), "sha256:"),
    }


@pytest.mark.parametrize("what", lies(Image()))
@pytest.mark.parametrize("form", ["directory", "archive"])
def test_content_that_is_not_what_its_digest_says_is_refused(tool, store, tmp_path, what, form):
    image = Image()
    damage, words = lies(image)[what]
    damage()
    if form == "directory":
        image.write(tmp_path / "in")
    else:
        archive(tmp_path / "in", image.files())
    assert words in tool.fails("import", tmp_path / "in")
    assert names(store) == {}


def test_a_layer_of_an_unknown_kind_is_refused_by_its_name(tool, store, tmp_path):
    image = Image()
    image.layers[0]["mediaType"] = "application/x-strange"
    image.make_manifest()
    image.write(tmp_path / "in")
    assert "application/x-strange" in tool.fails("import", tmp_path / "in")
    assert names(store) == {}


def test_an_image_for_another_machine_is_refused(tool, store, tmp_path):
    Image(arch="arm64").write(tmp_path / "in")
    assert "arm64" in tool.fails("import", tmp_path / "in")
    assert names(store) == {}


def test_an_index_gives_the_image_for_this_machine(tool, store, tmp_path):
    arm, amd = Image({"x": b"arm"}, arch="arm64"), Image({"x": b"amd"})
    inner = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        dict(arm.manifest, platform={"os": "linux", "architecture": "arm64"}),
        dict(amd.manifest, platform={"os": "linux", "architecture": "amd64"})]}
    entry = amd.add(json.dumps(inner).encode(), inner["mediaType"])
    index = {"schemaVersion": 2, "manifests": [dict(entry, annotations={REF: "multi:1"})]}
    amd.write(tmp_path / "in", index)  # arm64's blobs are not even there
    tool.ok("import", tmp_path / "in")
    assert names(store) == {"multi:1": amd.digest}


def test_only_names_that_documents_ask_for_are_taken_from_an_archive(tool, image, store, tmp_path):
    files = image.files()
    files["../outside"] = files["/tmp/../etc/absolute"] = b"evil"
    files["blobs/sha256/" + digest(b"unasked").split(":")[1]] = b"unasked"
    archive(tmp_path / "in.tar", files, {"blobs/sha256/link": "/etc/passwd"})
    tool.ok("import", tmp_path / "in.tar")
    assert not (tmp_path / "outside").exists()
    assert {b.name for b in (store / "blobs/sha256").iterdir()} == {d.split(":")[1] for d in image.blobs}


def test_a_docker_archive_whose_layer_leads_out_is_refused(tool, image, store, tmp_path):
    files = image.docker_files(names=["a/layer.tar"])
    del files["a/layer.tar"]
    archive(tmp_path / "d.tar", files, {"a/layer.tar": "../../../../etc/passwd"})
    assert "a/layer.tar is missing" in tool.fails("import", tmp_path / "d.tar")


def test_links_in_a_circle_are_refused(tool, image, tmp_path):
    files = image.docker_files(names=["a/layer.tar"])
    del files["a/layer.tar"]
    archive(tmp_path / "d.tar", files, {"a/layer.tar": "../b/layer.tar", "b/layer.tar": "../a/layer.tar"})
    assert "circle" in tool.fails("import", tmp_path / "d.tar")


def test_a_docker_layer_that_the_configuration_does_not_know_is_refused(tool, image, store, tmp_path):
    files = image.docker_files(names=["a/layer.tar"])
    files["a/layer.tar"] = layer({"evil": b"evil"})
    archive(tmp_path / "d.tar", files)
    assert "should be" in tool.fails("import", tmp_path / "d.tar")
    assert names(store) == {}


def test_a_document_that_is_twice_in_an_archive_is_refused(tool, image, tmp_path):
    archive(tmp_path / "a.tar", image.files())
    with tarfile.open(tmp_path / "a.tar", "a") as tar:
        tar.add(__file__, arcname="index.json")
    assert "twice" in tool.fails("import", tmp_path / "a.tar")


def test_a_bomb_is_given_up_early(tool, tmp_path):
    member = tarfile.TarInfo("zeros")
    member.size = 1 << 40
    (tmp_path / "head").write_bytes(member.tobuf(tarfile.GNU_FORMAT))
    with open(tmp_path / "bomb", "wb") as bomb:
        subprocess.run(f"(cat {tmp_path}/head; head -c 600M /dev/zero) | zstd -q -1", shell=True, stdout=bomb, check=True)
    assert "times its size" in tool.fails("import", tmp_path / "bomb")


def test_a_bomb_of_holes_is_given_up_early(tool, image, tmp_path):
    """A sparse member costs its archive nothing."""
    top = tmp_path / "saved"
    for name, data in image.docker_files(names=["a/layer.tar"]).items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(data)
    os.truncate(top / "a/layer.tar", 1 << 40)
    subprocess.run(["tar", "-C", top, "--sparse", "--format=gnu", "-cf", tmp_path / "d.tar", "."], check=True)
    assert (tmp_path / "d.tar").stat().st_size < 1 << 20
    assert "times its size" in tool.fails("import", tmp_path / "d.tar")


@pytest.mark.parametrize("outside", ["../secret/layer.tar.gz", "{top}/secret/layer.tar.gz", "link/layer.tar.gz"])
def test_a_directory_does_not_lead_to_files_outside_it(tool, image, store, tmp_path, outside):
    packed = image.blobs[image.layers[0]["digest"]]
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/layer.tar.gz").write_bytes(packed)
    top = tmp_path / "saved"
    top.mkdir()
    os.symlink("../secret", top / "link")
    files = image.docker_files(names=["PLACE"])
    files = {name: data.replace(b"PLACE", outside.format(top=tmp_path).encode()) for name, data in files.items() if name != "PLACE"}
    for name, data in files.items():
        (top / name).write_bytes(data)
    tool.fails("import", top)
    assert names(store) == {}
    assert not (store / "blobs/sha256" / digest(packed).split(":")[1]).exists(), "a file from outside came in"


def test_a_truncated_archive_is_refused(tool, image, store, tmp_path):
    archive(tmp_path / "a.tar", image.files())
    data = (tmp_path / "a.tar").read_bytes()
    for n in (700, 2000, len(data) // 3):
        (tmp_path / "cut.tar").write_bytes(data[:n])
        tool.fails("import", tmp_path / "cut.tar")
    assert names(store) == {}


def test_a_fifo_in_a_layout_does_not_hang(tool, image, tmp_path):
    image.write(tmp_path / "in")
    blob = tmp_path / "in/blobs/sha256" / image.layers[0]["digest"].split(":")[1]
    blob.unlink()
    os.mkfifo(blob)
    assert "no regular file" in tool.fails("import", tmp_path / "in")


def test_what_is_no_image_is_said_to_be_none(tool, tmp_path):
    (tmp_path / "text").write_text("no archive")
    (tmp_path / "dir").mkdir()
    assert "neither an OCI layout" in tool.fails("import", tmp_path / "dir")
    assert "archive" in tool.fails("import", tmp_path / "text")
    assert "No such file" in tool.fails("import", tmp_path / "nothing")


def test_an_import_that_is_killed_leaves_no_name(tool, store, tmp_path):
    image = Image({"big": os.urandom(30 << 20)}, compress=False)
    archive(tmp_path / "a.tar", image.files())
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1):
        p = subprocess.Popen([SANDBOX, "image", "import", "--store", store, tmp_path / "a.tar"], stdout=subprocess.DEVNULL)
        time.sleep(delay)
        p.kill()
        if p.wait() == 0:
            break  # it was faster
        assert names(store) in ({}, {"app:1": image.digest})
    tool.ok("import", tmp_path / "a.tar")
    assert names(store) == {"app:1": image.digest}
    tool.ok("gc")
    assert {b.name for b in (store / "blobs/sha256").iterdir()} == {d.split(":")[1] for d in image.blobs}


# -- what goes out --

def test_export_to_a_directory_and_back_keeps_everything(loaded, new_tool, image, tmp_path):
    loaded.ok("export", "app:1", f"{tmp_path}/out/")
    other = new_tool("other")
    other.ok("import", tmp_path / "out")
    assert names(tmp_path / "other") == {"app:1": image.digest}


def test_export_adds_to_a_layout_that_is_there(loaded, image, tmp_path):
    Image({"x": b"x"}).write(tmp_path / "out", Image({"x": b"x"}).index("old"))
    loaded.ok("export", "app:1", f"{tmp_path}/out:new")
    assert names(tmp_path / "out") == {"old": Image({"x": b"x"}).digest, "new": image.digest}


def test_export_does_not_write_into_a_strange_directory(loaded, tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/file").write_text("mine")
    assert "neither empty nor an OCI layout" in loaded.fails("export", "app:1", tmp_path / "home")
    assert os.listdir(tmp_path / "home") == ["file"]


def test_an_archive_is_the_same_bytes_each_time(loaded, tmp_path):
    for name in ("a.tar", "b.tar"):
        loaded.ok("export", "app:1", tmp_path / name)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_export_to_stdout_is_the_archive(loaded, tmp_path):
    loaded.ok("export", "app:1", tmp_path / "a.tar")
    r = loaded.raw("image", "export", "app:1", "-", text=False)
    assert r.returncode == 0 and r.stdout == (tmp_path / "a.tar").read_bytes()


def test_a_damaged_blob_is_not_exported(loaded, image, store, tmp_path):
    blob = store / "blobs/sha256" / image.layers[0]["digest"].split(":")[1]
    blob.chmod(0o644)
    blob.write_bytes(b"x" * blob.stat().st_size)
    assert "damaged" in loaded.fails("export", "app:1", f"{tmp_path}/out/")
    assert not (tmp_path / "out").exists()
    assert "damaged" in loaded.fails("export", "app:1", tmp_path / "out.tar")
    assert not [n for n in os.listdir(tmp_path) if "out" in n or "export" in n], "half an archive was left behind"


def test_a_full_disk_is_said_and_leaves_nothing(loaded):
    assert "No space left" in loaded.fails("export", "app:1", "/dev/full")


def test_an_unknown_image_is_said_to_be_unknown(loaded, tmp_path):
    assert "nope" in loaded.fails("export", "nope:1", tmp_path / "x.tar")
    assert not (tmp_path / "x.tar").exists()


def test_docker_archive_has_plain_layers(loaded, image, tmp_path):
    loaded.ok("export", "app:1", "--format", "docker-archive", tmp_path / "d.tar")
    with tarfile.open(tmp_path / "d.tar") as tar:
        listed = json.load(tar.extractfile("manifest.json"))
        assert listed[0]["RepoTags"] == ["app:1"]
        assert [tar.extractfile(n).read() for n in listed[0]["Layers"]] == image.tars
        assert digest(tar.extractfile(listed[0]["Config"]).read()) == image.config["digest"]


# -- real clients --

def test_skopeo_reads_our_layout(loaded, image, tmp_path):
    loaded.ok("export", "app:1", f"{tmp_path}/out/")
    assert json.loads(skopeo("inspect", f"oci:{tmp_path}/out:app:1"))["Digest"] == image.digest
    skopeo("copy", f"oci:{tmp_path}/out:app:1", f"oci:{tmp_path}/copy:x")
    assert names(tmp_path / "copy") == {"x": image.digest}


def test_skopeo_reads_our_archives(loaded, image, tmp_path):
    loaded.ok("export", "app:1", tmp_path / "o.tar")
    skopeo("copy", f"oci-archive:{tmp_path}/o.tar", f"oci:{tmp_path}/copy:x")
    assert names(tmp_path / "copy") == {"x": image.digest}
    loaded.ok("export", "app:1", "-f", "docker-archive", tmp_path / "d.tar")
    config = json.loads(skopeo("inspect", "--config", "--raw", f"docker-archive:{tmp_path}/d.tar:app:1"))
    assert config["rootfs"]["diff_ids"] == [digest(t) for t in image.tars]


@pytest.mark.parametrize("form", ["oci:{}:app:1", "oci-archive:{}:app:1"])
def test_we_read_what_skopeo_copies(image, new_tool, tmp_path, form):
    image.write(tmp_path / "in")
    skopeo("copy", f"oci:{tmp_path}/in:app:1", form.format(tmp_path / "out"))
    new_tool("other").ok("import", tmp_path / "out")
    assert names(tmp_path / "other") == {"app:1": image.digest}


def test_we_read_skopeos_docker_archive(image, new_tool, tmp_path):
    image.write(tmp_path / "in")
    skopeo("copy", f"oci:{tmp_path}/in:app:1", f"docker-archive:{tmp_path}/d.tar:app:1")
    other = new_tool("other")
    other.ok("import", tmp_path / "d.tar")
    manifest = names(tmp_path / "other")["app:1"].split(":")[1]
    read = json.loads((tmp_path / "other/blobs/sha256" / manifest).read_text())
    assert [x["digest"] for x in read["layers"]] == [digest(t) for t in image.tars]


def test_umoci_unpacks_our_layout(loaded, tmp_path):
    loaded.ok("export", "app:1", f"{tmp_path}/out:one", "-f", "oci")
    client("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/out:one", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/bin/hello").read_text() == "#!/bin/sh\necho hello\n"


def test_we_read_what_umoci_packs(new_tool, tmp_path):
    client("umoci", "init", "--layout", tmp_path / "u")
    client("umoci", "new", "--image", f"{tmp_path}/u:one")
    client("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/u:one", tmp_path / "b")
    (tmp_path / "b/rootfs/file").write_text("from umoci\n")
    client("umoci", "repack", "--image", f"{tmp_path}/u:one", tmp_path / "b")
    new_tool("other").ok("import", tmp_path / "u")
    assert names(tmp_path / "other") == {"u:one": names(tmp_path / "u")["one"]}


@pytest.mark.skipif(not ROOT, reason="buildah needs root, or user namespaces and /etc/subuid, which a test cannot set up")
def test_buildah_takes_our_archive_as_a_base(loaded, image, tmp_path):
    loaded.ok("export", "app:1", f"{tmp_path}/out/")
    policy = tmp_path / "policy.json"
    policy.write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
    where = ("--root", tmp_path / "b-root", "--runroot", tmp_path / "b-run", "--storage-driver", "vfs")
    name = client("buildah", *where, "from", "--signature-policy", policy, f"oci:{tmp_path}/out:app:1").strip()
    said = json.loads(client("buildah", *where, "inspect", name))
    client("buildah", *where, "rm", name)
    assert said["FromImageDigest"] == image.digest
    assert said["OCIv1"]["config"]["Cmd"] == ["/bin/hello"]
