# SPDX-License-Identifier: Apache-2.0
"""--until-fd: a sandbox that ends with somebody who holds a descriptor."""
import os
import subprocess

import pytest


def test_ends_when_the_other_end_is_closed(me):
    ours, theirs = os.pipe()
    words = [me.sandbox, "run", "--until-fd", str(ours), "/bin/sh", "-c", "ls /proc/self/fd; exec sleep 300"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, pass_fds=(ours,)) as p:
        os.close(ours)
        assert [p.stdout.readline() for _ in range(4)] == ["0\n", "1\n", "2\n", "3\n"]  # 3 is that of ls
        os.close(theirs)
        assert p.wait(30) == 137
        assert p.stdout.read() == ""


def test_runs_to_its_end_while_it_is_held(me):
    ours, theirs = os.pipe()
    got = me.run("--until-fd", str(ours), "/bin/sh", "-c", "exit 3", pass_fds=(ours,))
    os.close(ours)
    os.close(theirs)
    assert (got.code, got.err) == (3, "")


@pytest.mark.parametrize("fd", ["2", "77", "x"])
def test_descriptor_that_cannot_be_it(me, fd):
    assert me.refused(125, "--until-fd", fd, "/bin/true").startswith(f"sandbox: --until-fd {fd}: ")


def test_a_file_never_ends_anything_and_is_refused(me):
    with open("/etc/passwd", "rb") as f:
        assert "want" in me.refused(125, "--until-fd", str(f.fileno()), "/bin/true", pass_fds=(f.fileno(),))
