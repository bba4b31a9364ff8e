# SPDX-License-Identifier: Apache-2.0
"""The example's judge as a process of a test's own: started, asked, counted, stopped."""
import http.client
import json
import os
import subprocess
import time
from pathlib import Path

TEMPORARY = ["/tmp", "/var/tmp", "/dev/shm"]
# What it might leave lies in directories of its own, where nobody else does; only root can have such. The build is found at
# another place then: it may be in one of them.
PRIVATE = 'mount --bind "$1" /mnt && shift && ' + "".join(f"mount -t tmpfs private {d} && " for d in TEMPORARY) + 'exec /mnt/sandbox-judge "$@"'


def command(build):
    return ["unshare", "-m", "sh", "-c", PRIVATE, "judge", build] if os.geteuid() == 0 else [build / "sandbox-judge"]


class Judge:
    def __init__(self, build, *words):
        self.process = subprocess.Popen([*command(build), "--listen", "127.0.0.1:0", *words], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http://127.0.0.1:"), self.url
        self.port = int(self.url.rstrip("/").rsplit(":", 1)[1])
        self.pid = self.process.pid

    def request(self, method, path, body=None, headers=None):
        """Status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=180)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def post(self, body, kind="application/json"):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", "/run", data, {"Content-Type": kind})

    def run(self, source, **more):
        """The answer to a submission that is taken."""
        status, _, body = self.post({"source": source, **more})
        assert status == 200, (status, body)
        return json.loads(body)

    def status(self):
        return json.loads(self.request("GET", "/status")[2])

    def wait_idle(self, seconds=120):
        end = time.monotonic() + seconds
        while any(self.status().values()):
            assert time.monotonic() < end, f"still at work: {self.status()}"
            time.sleep(0.1)

    def files(self):
        """In its own temporary directories; in those of everybody nobody knows whose they are."""
        root = f"/proc/{self.pid}/root"
        return sorted(os.path.join(at, n) for top in TEMPORARY for at, d, f in os.walk(root + top) for n in d + f) if os.geteuid() == 0 else []

    def memory(self):
        """Bytes in RAM, its own."""
        pages = Path(f"/proc/{self.pid}/statm").read_text().split()
        return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGESIZE")

    def threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def stop(self, seconds=60):
        """Its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
