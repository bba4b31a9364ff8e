# SPDX-License-Identifier: Apache-2.0
"""An OCI layout made by hand, so that a test can damage any part of it."""
import gzip
import hashlib
import io
import json
import tarfile

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
REF = "org.opencontainers.image.ref.name"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer(files):
    """A tar of {name: bytes}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


class Image:
    """Blobs of one image; `blobs` is what a layout or a registry has to give."""

    def __init__(self, files=None, layers=None, compress=True, arch="amd64"):
        tars = layers or [layer(files or {"bin/hello": b"#!/bin/sh\necho hello\n"})]
        self.blobs = {}
        self.layers = []
        for tar in tars:
            data = gzip.compress(tar, mtime=0) if compress else tar
            self.layers.append(self.add(data, LAYER + ("+gzip" if compress else "")))
        self.config = self.add(json.dumps({
            "architecture": arch, "os": "linux", "config": {"Cmd": ["/bin/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [digest(t) for t in tars]}}).encode(), CONFIG)
        self.tars = tars
        self.make_manifest()

    def make_manifest(self):
        self.manifest = self.add(json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": self.config, "layers": self.layers}).encode(), MANIFEST)
        self.digest = self.manifest["digest"]

    def add(self, data, media_type):
        self.blobs[digest(data)] = data
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def index(self, ref="app:1"):
        return {"schemaVersion": 2, "mediaType": INDEX, "manifests": [dict(self.manifest, annotations={REF: ref})]}

    def files(self, index=None):
        """{path: bytes} of the layout."""
        out = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": json.dumps(index or self.index()).encode()}
        for name, data in self.blobs.items():
            out["blobs/sha256/" + name.split(":")[1]] = data
        return out

    def write(self, path, index=None):
        for name, data in self.files(index).items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        return path

    def docker_files(self, tags=("app:1",), names=None):
        """{path: bytes} of a docker-archive."""
        names = names or [digest(t).split(":")[1] + "/layer.tar" for t in self.tars]
        config = self.config["digest"].split(":")[1] + ".json"
        out = dict(zip(names, self.tars))
        out[config] = self.blobs[self.config["digest"]]
        out["manifest.json"] = json.dumps([{"Config": config, "RepoTags": list(tags), "Layers": names}]).encode()
        return out


def names(store):
    """{name: digest} of a layout; without an index there are none."""
    try:
        index = json.loads((store / "index.json").read_text())
    except FileNotFoundError:
        return {}
    return {m["annotations"][REF]: m["digest"] for m in index["manifests"]}


def archive(path, files, links=None):
    """A tar of {name: bytes} and of symbolic links {name: target}."""
    with tarfile.open(path, "w") as tar:
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path
