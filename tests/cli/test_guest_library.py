# SPDX-License-Identifier: Apache-2.0
"""sandbox-guest.h: a program that says itself when it is ready, and answers a request."""
import subprocess

import harness
import pytest
from cloning import template

SOURCE = r"""
#include <stdio.h>
#include <string.h>
#include "sdk/include/sandbox-guest.h"
int main(void)
{
	void *request;
	size_t size;
	char head[64];
	uint64_t before = sb_generation(), after;

	sb_ready();
	after = sb_generation();
	if (before || after != sb_generation())
		return 2;
	if (sb_respond(after ? "clone " : "on ", after ? 6 : 3) || sb_request(&request, &size))
		return 1;
	snprintf(head, sizeof(head), "%zu ", size);
	return sb_respond(head, strlen(head)) || sb_respond(request, size);
}
"""


@pytest.fixture(scope="module", params=[["gcc", "-std=c11", "-D_POSIX_C_SOURCE=200809L"], ["g++", "-std=c++11"], ["musl-gcc"]],
                ids=["C", "C++", "musl"])
def program(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("guest") / "program"
    source = path.with_suffix(".cc" if "++" in request.param[0] else ".c")
    source.write_text(SOURCE)
    try:
        subprocess.run([*request.param, "-O2", "-static", "-Wall", "-Wextra", "-Werror", f"-I{harness.ROOT}", "-o", path, source], check=True)
    except FileNotFoundError:
        pytest.skip(f"no {request.param[0]}")
    return path.read_bytes()


@pytest.mark.parametrize("backend", ["process", "kvm"])
def test_a_clone_goes_on_where_it_said_that_it_is_ready(me, backend, program):
    if me.run("--backend", backend, "/bin/true").code == 125:
        pytest.skip(f"backend {backend} cannot be used here")
    with template(me, backend, [str(me.file("program", program))]) as t:
        for request in ("", "one", "x" * 100000):
            assert t.clone().answer(request) == f"clone {len(request)} {request}"


def test_it_is_a_filter_where_there_is_no_template(program, me):
    path = me.file("program", program)
    got = subprocess.run([path], input=b"hello", capture_output=True, check=True)
    assert got.stdout == b"on 5 hello"
