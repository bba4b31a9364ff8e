#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Speaks a template's side of runtime/abi/template.h, for `sandbox serve --template-program`: right, or with one mistake, which
is the program's name. What are clones here runs outside of any sandbox, cold: these are tests of the server."""

import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time

MESSAGE = struct.Struct("=IIiiQ3Q")
READY, CLONE, CLONED, TAKEN = 1, 2, 3, 4
FDS = 6
signal.signal(signal.SIGCHLD, signal.SIG_IGN)


def message(kind, error=0, pid=0, version=1):
    return MESSAGE.pack(version, kind, error, pid, 0, 0, 0, 0)


def report(fd, kind, code, sig=None):
    ends = {"kind": kind, "code": code, "signal": sig, "out_of_memory": False, "error": None}
    os.write(fd, (json.dumps({"exit": ends, "denied": [], "denied_total": 0}) + "\n").encode())


def clone(words, fds, timeout_ns):
    """One clone, in a process of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    stdin, stdout, stderr, said, _, until = fds
    program = subprocess.Popen(words, stdin=stdin, stdout=stdout, stderr=stderr)
    os.close(stdin)
    os.close(stdout)
    poll = select.poll()
    poll.register(until, select.POLLIN)
    poll.register(os.pidfd_open(program.pid), select.POLLIN)
    over = poll.poll(timeout_ns / 1e6 if timeout_ns else None)
    if program.poll() is None:
        program.kill()
        program.wait()
        if not over:
            report(said, "timeout", 124)
        os._exit(137)
    code = program.returncode
    report(said, "signaled" if code < 0 else "exited", 128 - code if code < 0 else code, -code if code < 0 else None)
    os._exit(0)


def serve(sock, words):
    while True:
        data, fds, _, _ = socket.recv_fds(sock, 4096, FDS)
        if not data:
            return
        version, kind, _, _, timeout_ns, *_ = MESSAGE.unpack(data)
        if kind == TAKEN:
            continue
        assert (version, kind, len(fds)) == (1, CLONE, FDS)
        pid = os.fork()
        if not pid:
            sock.close()
            clone(words, fds, timeout_ns)
        for fd in fds:
            os.close(fd)
        sock.send(message(CLONED, pid=pid))


def refuse(sock):
    for _ in range(3):
        _, fds, _, _ = socket.recv_fds(sock, 4096, FDS)
        for fd in fds:
            os.close(fd)
        sock.send(message(CLONED, error=-11))
    sock.recv(1)


def main():
    arguments = sys.argv[1:]
    assert arguments[0] == "run" and arguments[1] == "--template-fd" and arguments[3] == "--json-fd"
    sock, said = socket.socket(fileno=int(arguments[2])), int(arguments[4])
    words = arguments[arguments.index("--") + 1 :]
    match words[0]:
        case "ended":
            os.write(1, b"goodbye\n")
            report(said, "exited", 3)
            sys.exit(3)
        case "crashed":
            report(said, "signaled", 139, 11)
            sys.exit(139)
        case "not-started":
            os.write(2, b"sandbox: nothing: not found\n")
            report(said, "not-started", 127)
            sys.exit(127)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "closes":  # and stays
            sock.close()
            time.sleep(600)
        case "garbage":
            sock.send(b"hello")
        case "version":
            sock.send(message(READY, version=2))
        case "unasked":
            sock.send(message(CLONED, pid=1))
        case "never":
            sock.recv(1)
            return
        case "talks":
            os.write(1, b"x" * 10000)
            sock.recv(1)
            return
        case "arguments":
            os.write(1, " ".join(arguments[5:]).encode())
            words = ["true"]
        case "greets":
            os.write(1, b"220 ready\n")
            words = ["cat"]
    sock.send(message(READY))
    match words[0]:
        case "refuses":
            refuse(sock)
        case "closes-later" | "garbage-later" | "dies-later":
            _, fds, _, _ = socket.recv_fds(sock, 4096, FDS)
            if words[0] == "garbage-later":
                sock.send(b"hello")
            if words[0] == "dies-later":
                os.kill(os.getpid(), signal.SIGKILL)
        case _:
            serve(sock, words)


main()
