# SPDX-License-Identifier: Apache-2.0
"""Files that the caller opened: their position is shared with whoever else has them, also after copying calls."""

import os

import pytest

from test_signals import PYTHON

# Each reads "bc" from stdin, that stands at 1, and writes it to stdout, that stands at 3.
COPIES = {
    "read-write": "os.write(1, os.read(0, 2))",
    "sendfile-from": "r, w = os.pipe(); os.sendfile(w, 0, None, 2); os.write(1, os.read(r, 2))",
    "sendfile-to": "os.sendfile(1, 0, None, 2)",
    "copy-file-range": "os.copy_file_range(0, 1, 2)",
    "splice": "r, w = os.pipe(); os.splice(0, w, 2); os.splice(r, 1, 2)",
    "vectors": "b = [bytearray(1), bytearray(1)]; os.readv(0, b); os.writev(1, b)",
    "seek": "assert os.lseek(0, 0, os.SEEK_CUR) == 1; d = os.pread(0, 2, 1); os.lseek(0, 2, os.SEEK_CUR); os.write(1, d)",
}


@pytest.mark.parametrize("copy", COPIES)
def test_position_is_shared(who, copy):
    source, target = who.file("source", "abcdef"), who.file("target", "")
    with open(source, "rb", buffering=0) as stdin, open(target, "r+b", buffering=0) as stdout:
        stdin.seek(1)
        stdout.write(b"123")
        got = who.run(PYTHON, "-I", "-c", f"import os\n{COPIES[copy]}", stdin=stdin, stdout=stdout)
        assert (got.code, got.err) == (0, "")
        assert (stdin.tell(), stdout.tell()) == (3, 5), "positions of stdin and stdout afterwards"
        os.write(stdout.fileno(), b"+")
    assert target.read_bytes() == b"123bc+"


def test_appended_file_keeps_what_is_there(who):
    """`>>`: cat copies with copy_file_range, which refuses such a file, and then writes."""
    source, target = who.file("source", "new\n"), who.file("target", "old\n")
    with open(target, "ab") as stdout:
        assert who.run("--ro", source, "/bin/cat", source, stdout=stdout).code == 0
    assert target.read_bytes() == b"old\nnew\n"
