# SPDX-License-Identifier: Apache-2.0
"""The example of a host with an untrusted image filter."""
import subprocess

import pytest

IMAGE = b"P6 3 2 255\n" + bytes([255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 10, 10, 10])
GREY = b"P6 3 2 255\n" + bytes(v for v in (76, 149, 29, 0, 255, 10) for _ in range(3))


def host(build, *words, image=IMAGE):
    return subprocess.run([build / "plugin-host", *words], input=image, capture_output=True, timeout=60)


def test_filtered(build):
    done = host(build, build / "plugin-filter")
    assert (done.returncode, done.stdout, done.stderr) == (0, GREY, b"")


@pytest.mark.parametrize(
    "word, said",
    [
        ("crash", b"the filter failed"),
        ("loop", b"it used more CPU time than cpu_ns allows"),
        ("flood", b"it wrote more output than was wanted"),
        ("hog", b"it ran out of memory"),
    ],
)
def test_bad_filter_is_a_line_in_the_host(build, word, said):
    done = host(build, build / "plugin-filter", word)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"plugin-host: " + said + b"\n")


def test_no_filter_and_no_image(build):
    assert host(build, "/etc/hostname").returncode == 1
    assert b"the filter failed" in host(build, build / "plugin-filter", image=b"GIF").stderr
    assert b"usage" in host(build, "/no/such/file").stderr
