# SPDX-License-Identifier: Apache-2.0
"""An OCI image layout written here, byte by byte, without the tool: for tests of what it reads."""
import gzip
import hashlib
import io
import json
import tarfile

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
NAME = "org.opencontainers.image.ref.name"


def tar(files):
    """A tar archive of {path: content}."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as t:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            t.addfile(member, io.BytesIO(content))
    return out.getvalue()


class Layout:
    def __init__(self, path):
        self.path = path
        self.blobs = path / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        self.index([])

    def index(self, entries):
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))

    def blob(self, data, media_type):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self.blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def blob_path(self, descriptor):
        return self.blobs / descriptor["digest"].split(":")[1]

    def manifest(self, layers, history=None, arch="amd64", **config):
        """An image of these layers, each {path: content}; config: Cmd, Env, … Its descriptor."""
        tars = [tar(files) for files in layers]
        document = {"os": "linux", "architecture": arch, "created": "2026-01-02T03:04:05Z", "config": config,
                    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(t).hexdigest()}" for t in tars]}}
        if history:
            document["history"] = history
        return self.blob({"schemaVersion": 2, "mediaType": MANIFEST, "config": self.blob(document, CONFIG),
                          "layers": [self.blob(gzip.compress(t, mtime=0), LAYER + "+gzip") for t in tars]}, MANIFEST)

    def name(self, descriptor, name):
        entries = json.loads((self.path / "index.json").read_text())["manifests"]
        self.index(entries + [dict(descriptor, annotations={NAME: name})])
        return descriptor

    def image(self, name, layers=({"etc/motd": b"welcome\n"},), **kw):
        return self.name(self.manifest(layers, **kw), name)

    def parts(self, descriptor):
        """Its manifest's configuration and layers."""
        m = json.loads(self.blob_path(descriptor).read_bytes())
        return [m["config"], *m["layers"]]
