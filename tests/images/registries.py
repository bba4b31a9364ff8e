# SPDX-License-Identifier: Apache-2.0
"""Registries to pull from and push to: Debian's docker-registry, and a server that does what none should."""
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time

import pytest

from handmade import MANIFEST, digest


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


HASH = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW"  # bcrypt of "secret"


class Registry:
    def __init__(self, tmp_path, login=False):
        if not shutil.which("docker-registry"):
            pytest.skip("docker-registry is not installed")
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        config = {"version": 0.1, "log": {"level": "error"}, "http": {"addr": self.host, "secret": "x"},
                  "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")}}}
        if login:
            (tmp_path / "htpasswd").write_text(f"me:{HASH}\n")
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(tmp_path / "htpasswd")}}
        (tmp_path / "registry.yml").write_text(json.dumps(config))
        self.process = subprocess.Popen(["docker-registry", "serve", str(tmp_path / "registry.yml")],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        pytest.fail("docker-registry does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives self.server.image; `tricks` change what it does."""
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def endless(self):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            for _ in range(1 << 14):
                self.wfile.write(bytes(1 << 16))
        except OSError:
            pass  # as it should be: nobody listens to the end

    def blob(self, name):
        t = self.server.tricks
        data = self.server.image.blobs.get(name)
        if data is None:
            return self.answer(404, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"no such blob"}]}')
        large = len(data) > 1000
        if t.get("endless") and large:
            return self.endless()
        if t.get("lies") and large:
            data = bytes(len(data))
        if t.get("elsewhere") and large:
            return self.answer(307, Location=t["elsewhere"] + "/v2/x/blobs/" + name)
        if self.command == "HEAD":
            return self.answer(200)
        start, end, part = 0, len(data), "Range" in self.headers and not t.get("no_ranges")
        if part:
            first, last = self.headers["Range"].split("=")[1].split("-")
            start, end = int(first), int(last) + 1 if last else len(data)
        shown, data = start + t.get("shifted", 0), data[:end]
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {shown}-{end - 1}/{len(self.server.image.blobs[name])}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        self.server.sent += end - start
        if large and t.get("cuts", 0) > 0:
            t["cuts"] -= 1
            self.wfile.write(data[start:start + t["piece"]])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return None
        self.wfile.write(data[start:])
        return None

    def manifest(self):
        t = self.server.tricks
        if t.get("endless_manifest"):
            return self.endless()
        image = self.server.image
        data = image.blobs[image.digest]
        said = t.get("header", image.digest)
        return self.answer(200, data, Content_Type=MANIFEST, Docker_Content_Digest=said)

    def allowed(self):
        t = self.server.tricks
        if not t.get("token") or self.headers.get("Authorization") == "Bearer " + t["token"]:
            return True
        realm = t.get("realm", f"http://{self.headers['Host']}/token")
        self.answer(401, b"{}", WWW_Authenticate=f'Bearer realm="{realm}",service="reg, istry",scope="repository:x:pull"')
        return False

    # -- uploads: one session, its bytes in self.server.upload --

    def body(self, n=None):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)) if n is None else n)

    def do_POST(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        self.server.upload = b""
        self.answer(202, Location=self.server.tricks.get("sends_to", "") + "/v2/x/blobs/uploads/1?state=0")

    def do_PATCH(self):
        t = self.server.tricks
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        if t.get("cuts", 0) > 0:
            t["cuts"] -= 1
            self.server.upload += self.body(t["piece"])
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        assert int(self.headers["Content-Range"].split("-")[0]) == len(self.server.upload)
        self.server.upload += self.body()
        self.answer(202, Location=f"/v2/x/blobs/uploads/1?state={len(self.server.upload)}")

    def do_PUT(self):
        t = self.server.tricks
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        if "/manifests/" in self.path:
            said = t.get("header", digest(self.body()))
            self.answer(201, Docker_Content_Digest=said)
            return
        self.server.upload = (self.server.upload or b"") + self.body()
        if t.get("refuses", 0) > 0:
            t["refuses"] -= 1
            self.answer(500)
            return
        wanted = self.path.split("digest=")[1].replace("%3A", ":")
        data, self.server.upload = self.server.upload, b""
        good = digest(data) == wanted
        if good:
            self.server.image.blobs[wanted] = data
        self.answer(201 if good else 400, b"" if good else b'{"errors":[{"message":"digest mismatch"}]}')

    def do_GET(self):
        t = self.server.tricks
        if "/uploads/" in self.path:
            self.server.seen.append((self.command, self.path, dict(self.headers)))
            return self.answer(204, Range=f"0-{max(len(self.server.upload) - 1, 0)}",
                               Location="/v2/x/blobs/uploads/1?state=asked")
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        if t.get("busy", 0) > 0:
            t["busy"] -= 1
            return self.answer(t.get("status", 503), b"", Retry_After="0")
        if self.path.startswith("/token"):
            return self.answer(200, json.dumps({"token": t["token"]}).encode())
        if self.path.startswith("/loop"):
            return self.answer(302, Location="/loop")
        if not self.allowed():
            return None
        if "/manifests/" in self.path:
            if t.get("redirect"):
                return self.answer(302, Location=t["redirect"])
            return self.manifest()
        return self.blob(self.path.rsplit("/", 1)[1])

    do_HEAD = do_GET


class Fake(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, image, address="127.0.0.1", tls=None, **tricks):
        super().__init__((address, 0), Handler)
        self.image, self.tricks, self.seen, self.upload = image, tricks, [], b""
        self.sent = 0  # bytes of blobs
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.host = f"{address}:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def handle_error(self, *args):
        pass

    def paths(self, part):
        return [p for _, p, _ in self.seen if part in p]
