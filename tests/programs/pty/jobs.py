# SPDX-License-Identifier: Apache-2.0
"""Types at an interactive shell on a pseudo-terminal and prints what a person would see."""

import os
import pty
import re
import select
import time

DIALOGUE = (
    (b"echo $((6 * 7))\r", b"\n42\r\n"),
    (b"stty -a | grep -o 'icanon\\|rows [0-9]*'\r", b"icanon\r\n"),
    (b"sleep 100\r", b"sleep 100\r\n"),
    (b"\x1a", b"Stopped"),
    (b"jobs\r", b"sleep 100\r\n"),
    (b"fg\r", b"sleep 100\r\n"),
    (b"\x03", b"^C"),
    (b"echo st=$?\r", b"\nst=130\r\n"),
    (b"cat\r", b"cat\r\n"),
    (b"lime\x7f\x7fne\r", b"\nline\r\n"),
    (b"\x04", b""),
    (b"trap 'echo size' WINCH; echo ready\r", b"\nready\r\n"),
    (b"exit 5\r", b"exit"),
)


def until(fd, text):
    seen = b""
    while text not in seen and select.select([fd], [], [], 20)[0]:
        try:
            seen += os.read(fd, 4096)
        except OSError:
            break
    print(text in seen, re.sub(rb"\[\d+\] *[+-]? *", b"[job] ", text))


pid, master = pty.fork()
if pid == 0:
    os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], {"PS1": "> ", "PATH": os.environ["PATH"], "TERM": "dumb"})
until(master, b"> ")
for keys, answer in DIALOGUE:
    time.sleep(0.5)  # a job has the terminal a while after its line was echoed
    os.write(master, keys)
    until(master, answer)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
