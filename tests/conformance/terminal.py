# SPDX-License-Identifier: Apache-2.0
"""Drives a program on a pseudo-terminal: wait until it is quiet, send keys, and again."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

# Longer on slow machines: a program has to have started before the next key.
QUIET = float(os.environ.get("CONFORMANCE_QUIET", "0.4"))
PATIENCE = 30


def _collect(master, quiet=QUIET, patience=PATIENCE):
    """Output until nothing came for a while; the first byte may take long to come."""
    data = b""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], quiet if data else patience)
        if not ready:
            break
        try:
            chunk = os.read(master, 65536)
        except OSError:
            break
        if not chunk:
            break
        data += chunk
    return data


def _set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def run(command, cwd, env, keys, size=(24, 80)):
    """Returns (exit status as of a shell, all that was shown). A key is bytes or ("size", rows, columns)."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            os.chdir(cwd)
            os.execve(command[0], [str(word) for word in command], env)
        finally:
            os._exit(127)
    _set_size(master, *size)
    shown = _collect(master)
    for key in keys:
        if isinstance(key, tuple):
            _set_size(master, *key[1:])
            shown += _collect(master, patience=1)
            continue
        os.write(master, key)
        shown += _collect(master, patience=PATIENCE if key is not keys[-1] else 5)
    return _status(pid, master), shown


def _status(pid, master):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            os.close(master)
            if os.WIFSIGNALED(status):
                return f"exit {128 + os.WTERMSIG(status)}"
            return f"exit {os.WEXITSTATUS(status)}"
        _collect(master, 0.05, 0.1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(master)
    return f"no end within {PATIENCE} s"
