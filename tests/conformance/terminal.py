# SPDX-License-Identifier: Apache-2.0
"""Drives a program on a pseudo-terminal: wait until it is quiet or until something shows, send keys, and again."""

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


def set_size(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    """A program that leads the session of a terminal of its own. In `with`, so that nothing of it stays."""

    def __init__(self, command, cwd, env, size=(24, 80)):
        self.shown = b""
        self._looked_at = 0
        self._code = None
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                set_size(0, *size)  # before the program can ask
                os.chdir(cwd)
                os.execve(command[0], [str(word) for word in command], env)
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hang_up()
        if self._code is None:
            os.kill(self.pid, signal.SIGKILL)
            self._code = os.waitpid(self.pid, 0)[1]

    def resize(self, rows, columns):
        set_size(self.master, rows, columns)

    def mode(self):
        return termios.tcgetattr(self.master)

    def send(self, keys):
        os.write(self.master, keys)

    def hang_up(self):
        """The terminal goes away, as when its window is closed."""
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    def _read(self, patience):
        """False: nothing came, or nothing will."""
        ready, _, _ = select.select([self.master], [], [], max(patience, 0))
        if not ready:
            return False
        try:
            chunk = os.read(self.master, 65536)
        except OSError:  # all who had it open are gone
            return False
        self.shown += chunk
        return bool(chunk)

    def collect(self, quiet=QUIET, patience=PATIENCE):
        """Until nothing came for a while; the first byte may take long to come."""
        before = len(self.shown)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not self._read(quiet if len(self.shown) > before else patience):
                break

    def expect(self, text, patience=PATIENCE):
        """Until text shows, behind what was expected before."""
        deadline = time.monotonic() + patience
        while (at := self.shown.find(text, self._looked_at)) < 0:
            more = self._read(deadline - time.monotonic())
            assert more, f"{text!r} did not show; all that did: {self.shown!r}"
        self._looked_at = at + len(text)

    def code(self, patience=PATIENCE):
        """Exit code as of a shell; None: it did not end."""
        deadline = time.monotonic() + patience
        while self._code is None and time.monotonic() < deadline:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                self._code = status
            elif self.master >= 0:
                self.collect(0.05, 0.1)
            else:
                time.sleep(0.02)
        if self._code is None:
            return None
        code = os.waitstatus_to_exitcode(self._code)
        return 128 - code if code < 0 else code


def run(command, cwd, env, keys, size=(24, 80)):
    """Returns (exit status as of a shell, all that was shown). A key is bytes, ("size", rows, columns), or
    ("expect", text): the next one is typed when that shows."""
    with Terminal(command, cwd, env, size) as terminal:
        terminal.collect()
        for key in keys:
            if key[0] == "expect":
                terminal.expect(key[1])
                continue
            if key[0] == "size":
                terminal.resize(*key[1:])
                terminal.collect(patience=1)
                continue
            terminal.send(key)
            terminal.collect(patience=PATIENCE if key is not keys[-1] else 5)
        shown = terminal.shown
        code = terminal.code()
    return f"no end within {PATIENCE} s" if code is None else f"exit {code}", shown
