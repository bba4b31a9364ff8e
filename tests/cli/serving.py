# SPDX-License-Identifier: Apache-2.0
"""`sandbox serve` as a server that is started, talked to, and ended."""

import contextlib
import os
import re
import signal
import socket
from pathlib import Path

import launcher

LOCAL = ["--listen", "127.0.0.1:0"]


class Server:
    def __init__(self, me, words, **popen):
        self.err = me.work / "stderr"
        with open(self.err, "wb") as err:
            self.process = me.start("serve", *words, stderr=popen.pop("stderr", err), **popen)
        self.pid = self.process.pid

    def said(self):
        return self.err.read_text()

    def serving(self):
        """Waits until it is; its address."""
        assert launcher.until(lambda: "serving on" in self.said() or self.process.poll() is not None), self.said()
        found = re.search(r"^sandbox: serving on (.*) \(pid (\d+)\)$", self.said(), re.M)
        assert found and int(found[2]) == self.pid, self.said()
        return found[1]

    def connect(self):
        at = self.serving()
        if at.startswith("unix:"):
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(launcher.TIMEOUT)
            s.connect(at[5:])
            return s
        host, port = at.rsplit(":", 1)
        host = {"0.0.0.0": "127.0.0.1", "[::]": "127.0.0.1"}.get(host, host)
        return socket.create_connection((host.strip("[]"), int(port)), timeout=launcher.TIMEOUT)

    def talk(self, data):
        """What a client gets that sends this and then waits for the end."""
        with self.connect() as s:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            return everything(s)

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(launcher.TIMEOUT)

    def fds(self):
        return sorted(os.listdir(f"/proc/{self.pid}/fd"), key=int)


def everything(s):
    parts = []
    while part := s.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def in_session(pid):
    """Processes of the template's session, which the server has started."""
    found = set()
    for entry in os.listdir("/proc"):
        with contextlib.suppress(ValueError, OSError):
            words = Path(f"/proc/{int(entry)}/stat").read_text().rpartition(")")[2].split()
            if int(words[3]) == pid:
                found.add(int(entry))
    return found


def children(pid):
    return {int(word) for task in os.listdir(f"/proc/{pid}/task") for word in Path(f"/proc/{pid}/task/{task}/children").read_text().split()}


@contextlib.contextmanager
def serving(me, *words, at=LOCAL, **popen):
    """A server, and that it leaves nothing when it is told to end."""
    server = Server(me, [*at, *words], **popen)
    try:
        server.serving()
        (template,) = children(server.pid)
        yield server
        if server.process.poll() is None:
            assert server.stop() == 0, server.said()
        assert launcher.until(lambda: not in_session(template)), in_session(template)
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()
