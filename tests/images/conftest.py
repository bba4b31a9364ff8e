# SPDX-License-Identifier: Apache-2.0
"""What the tests of images share: the tool, a store of its own for each test, small trees to pack."""
import json
import os
import subprocess

import pytest

from handmade import Image
from registries import Fake, Registry

SANDBOX = os.path.abspath(os.environ.get("SANDBOX_BIN", "build/sandbox"))


class Tool:
    """`sandbox image …` and `sandbox run …` on one store."""

    def __init__(self, store):
        self.store = str(store)

    def raw(self, *args, timeout=120, text=True, **kw):
        env = dict(os.environ, SANDBOX_STORE=self.store)
        env.update(kw.pop("env", {}))
        return subprocess.run([SANDBOX, *map(str, args)], capture_output=True, text=text, timeout=timeout, env=env,
                              stdin=kw.pop("stdin", subprocess.DEVNULL), **kw)

    def ok(self, *args, **kw):
        """Must succeed; returns stdout."""
        r = self.raw("image", *args, **kw)
        assert r.returncode == 0, f"sandbox image {' '.join(map(str, args))}: exit {r.returncode}: {r.stderr}"
        return r.stdout

    def json(self, *args, **kw):
        return json.loads(self.ok(*args, "--json", **kw))

    def fails(self, *args, code=125, **kw):
        """Must fail with one line that begins with "sandbox: "; returns it."""
        r = self.raw("image", *args, **kw)
        assert r.returncode == code, f"exit {r.returncode}, expected {code}: {r.stdout}{r.stderr}"
        lines = r.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("sandbox: "), f"expected one line, got: {r.stderr!r}"
        return lines[0]


@pytest.fixture
def tool(tmp_path):
    return Tool(tmp_path / "store")


@pytest.fixture
def new_tool(tmp_path):
    """Another store, by name."""
    return lambda name: Tool(tmp_path / name)


@pytest.fixture
def tree(tmp_path):
    """A small tree with a bit of everything that an ordinary user can make."""
    root = tmp_path / "tree"
    (root / "bin").mkdir(parents=True)
    (root / "etc" / "deep" / "er").mkdir(parents=True)
    (root / "bin" / "hello").write_text("#!/bin/sh\necho hello\n")
    (root / "bin" / "hello").chmod(0o755)
    (root / "etc" / "motd").write_text("welcome\n")
    (root / "etc" / "deep" / "er" / "x").write_bytes(os.urandom(10000))
    os.link(root / "etc" / "motd", root / "etc" / "motd.hard")
    os.symlink("../etc/motd", root / "bin" / "link")
    (root / "empty").mkdir()
    (root / "empty-file").touch()
    return root


@pytest.fixture
def quiet_home(tmp_path, monkeypatch):
    """No credentials but those that a test makes."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_RUNTIME_DIR", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def registry(tmp_path, quiet_home):
    r = Registry(tmp_path)
    yield r
    r.stop()


@pytest.fixture
def fake(quiet_home):
    made = []

    def make(image=None, **tricks):
        made.append(Fake(image or Image({"data": os.urandom(3 << 20)}, compress=False), **tricks))
        return made[-1]
    yield make
    for f in made:
        f.shutdown()
        f.server_close()
