# SPDX-License-Identifier: Apache-2.0
"""A template and its clones, from the other end of their socket (runtime/abi/template.h)."""
import array
import contextlib
import dataclasses
import json
import os
import socket
import struct
import subprocess

import launcher

MESSAGE = struct.Struct("<IIiiQi20x")
VERSION, READY, CLONE, CLONED, TAKEN = 1, 1, 2, 3, 4
PATIENCE = launcher.TIMEOUT


def request(kind, timeout=0, version=VERSION):
    return MESSAGE.pack(version, kind, 0, 0, int(timeout * 1e9), 0)


def slurp(fd):
    with open(fd, "rb", buffering=0) as f:
        return f.read()


@dataclasses.dataclass
class Clone:
    pid: int
    leader: int
    stdin: int
    stdout: int
    report: int
    messages: int
    until: int

    def tell(self, text, end=True):
        os.write(self.stdin, text.encode())
        if end:
            self.hang_up()

    def hang_up(self):
        os.close(self.stdin)
        self.stdin = -1

    def output(self):
        out, self.stdout = slurp(self.stdout).decode(), -1
        return out

    def end(self):
        """Its report, and what the sandbox said."""
        report, said = slurp(self.report), slurp(self.messages).decode()
        self.report = self.messages = -1
        return json.loads(report) if report else None, said

    def answer(self, text=""):
        """What it prints of this as its stdin, after it has ended well."""
        self.tell(text)
        out = self.output()
        report, said = self.end()
        self.close()
        assert said == "" and report["exit"]["code"] == 0, (report["exit"], said, out)
        return out

    def close(self):
        for fd in (self.stdin, self.stdout, self.report, self.messages, self.until):
            if fd >= 0:
                os.close(fd)
        self.stdin = self.stdout = self.report = self.messages = self.until = -1


class Template:
    def __init__(self, who, backend, words, *options):
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(PATIENCE)
        stdin, self.stdin = os.pipe()
        with open("/dev/null", "wb") as report:
            fds = (report.fileno(), theirs.fileno())
            words = ["run", "--backend", backend, *options, "--json-fd", str(fds[0]), "--template-fd", str(fds[1]), "--", *words]
            self.process = who.start(*words, stdin=stdin, pass_fds=fds)
        os.close(stdin)
        theirs.close()
        self.clones = []

    def said(self):
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out.decode(), err.decode()

    def ready(self):
        data = self.socket.recv(4096)
        assert data, self.said()
        assert MESSAGE.unpack(data)[:2] == (VERSION, READY)

    def ask(self, message, fds):
        self.socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else [])
        version, kind, error, pid, _, leader = MESSAGE.unpack(self.socket.recv(4096))
        assert (version, kind) == (VERSION, CLONED)
        return error, pid, leader

    def taken(self):
        """The last clone's number is not needed any more."""
        self.socket.send(request(TAKEN))

    def clone(self, timeout=0, stdin=None, stdout=None):
        pipes = [os.pipe() for _ in range(5)]
        (in_r, in_w), (out_r, out_w), (rep_r, rep_w), (mess_r, mess_w), (until_r, until_w) = pipes
        with open("/dev/null", "wb") as null:
            fds = [in_r if stdin is None else stdin, out_w if stdout is None else stdout, null.fileno(), rep_w, mess_w, until_r]
            error, pid, leader = self.ask(request(CLONE, timeout), fds)
        for fd in (in_r, out_w, rep_w, mess_w, until_r):
            os.close(fd)
        assert error == 0 and pid > 0
        clone = Clone(pid, leader, in_w, out_r, rep_r, mess_r, until_w)
        self.clones.append(clone)
        return clone

    def close(self):
        self.socket.close()
        os.close(self.stdin)


@contextlib.contextmanager
def template(who, backend, words, *options):
    """One that is ready; at the end its process and those of its clones are gone, and it ended well."""
    t = Template(who, backend, words, *options)
    try:
        t.ready()
        yield t
        t.socket.close()
        assert t.said() == (0, "", "")
        assert all(not os.path.exists(f"/proc/{c.pid}") for c in t.clones)
    finally:
        t.socket.close()
        os.close(t.stdin)
        for c in t.clones:
            c.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            t.process.wait(PATIENCE)
