# SPDX-License-Identifier: Apache-2.0
"""pull and push: with Debian's docker-registry, and with a server that does what none should."""
import base64
import json
import os
import shutil
import subprocess

import pytest

from handmade import Image, digest, names
from registries import Registry, free_port


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


def load(tool, tmp_path, image, name="app:1"):
    image.write(tmp_path / "loaded")
    tool.ok("import", tmp_path / "loaded", "-t", name)


# -- Debian's docker-registry --

@pytest.fixture
def locked_registry(tmp_path, quiet_home):
    r = Registry(tmp_path, login=True)
    yield r
    r.stop()


def test_push_and_pull_keep_the_digest(tool, new_tool, registry, tmp_path):
    image = Image()
    load(tool, tmp_path, image)
    assert image.digest in tool.ok("push", "app:1", f"{registry.host}/team/app:1")
    other = new_tool("other")
    assert other.json("pull", f"{registry.host}/team/app:1") == {"name": f"{registry.host}/team/app:1", "digest": image.digest}
    assert names(tmp_path / "other") == {f"{registry.host}/team/app:1": image.digest}


def test_a_target_that_ends_with_a_slash_keeps_the_name(tool, registry, tmp_path):
    load(tool, tmp_path, Image(), "tools:3")
    assert tool.json("push", "tools:3", f"{registry.host}/team/")["name"] == f"{registry.host}/team/tools:3"


def test_a_large_layer_goes_in_chunks_and_comes_back(tool, new_tool, registry, tmp_path):
    image = Image({"big": os.urandom(33 << 20)}, compress=False)
    load(tool, tmp_path, image)
    tool.ok("push", "app:1", f"{registry.host}/big")
    new_tool("other").ok("pull", f"{registry.host}/big", "-t", "big")
    assert names(tmp_path / "other") == {"big:latest": image.digest}


def test_pull_by_digest_wants_a_name_or_a_tag(tool, new_tool, registry, tmp_path):
    image = Image()
    load(tool, tmp_path, image)
    tool.ok("push", "app:1", f"{registry.host}/app:1")
    other = new_tool("other")
    assert "-t" in other.fails("pull", f"{registry.host}/app@{image.digest}")
    other.ok("pull", f"{registry.host}/app@{image.digest}", "-t", "mine")
    other.ok("pull", f"{registry.host}/app:9@{image.digest}")
    assert names(tmp_path / "other") == {"mine:latest": image.digest, f"{registry.host}/app:9": image.digest}


def test_skopeo_and_we_read_each_other_in_a_registry(tool, new_tool, registry, tmp_path):
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    image = Image()
    load(tool, tmp_path, image)
    tool.ok("push", "app:1", f"{registry.host}/ours:1")
    for args in (["inspect", "--tls-verify=false", f"docker://{registry.host}/ours:1"],
                 ["--insecure-policy", "copy", "--dest-tls-verify=false", f"oci:{tmp_path}/loaded:app:1",
                  f"docker://{registry.host}/theirs:1"]):
        r = subprocess.run(["skopeo", *args], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        assert args[0] != "inspect" or json.loads(r.stdout)["Digest"] == image.digest
    other = new_tool("other")
    other.ok("pull", f"{registry.host}/theirs:1", "-t", "x:1")
    assert names(tmp_path / "other") == {"x:1": image.digest}


def test_what_is_not_there_is_said_to_be_not_there(tool, registry, store):
    assert "not there" in tool.fails("pull", f"{registry.host}/nothing:1")
    assert names(store) == {}


def test_basic_login_from_the_command_line(tool, locked_registry, tmp_path):
    load(tool, tmp_path, Image())
    target = f"{locked_registry.host}/app:1"
    assert "--password-stdin" in tool.fails("push", "app:1", target)
    (tmp_path / "right").write_text("secret\n")
    (tmp_path / "wrong").write_text("guess\n")
    with open(tmp_path / "wrong") as f:
        assert "not allowed" in tool.fails("push", "app:1", target, "--user", "me", "--password-stdin", stdin=f)
    with open(tmp_path / "right") as f:
        tool.ok("push", "app:1", target, "--user", "me", "--password-stdin", stdin=f)


@pytest.mark.parametrize("where", ["docker", "podman"])
def test_login_that_other_tools_left(tool, locked_registry, tmp_path, quiet_home, where):
    load(tool, tmp_path, Image())
    auths = json.dumps({"auths": {locked_registry.host: {"auth": base64.b64encode(b"me:secret").decode()}}})
    path = quiet_home / (".docker/config.json" if where == "docker" else "run/containers/auth.json")
    path.parent.mkdir(parents=True)
    path.write_text(auths)
    tool.ok("push", "app:1", f"{locked_registry.host}/app:1", env={"XDG_RUNTIME_DIR": str(quiet_home / "run")})


def test_a_damaged_blob_is_not_pushed(tool, registry, store, tmp_path):
    image = Image()
    load(tool, tmp_path, image)
    blob = store / "blobs/sha256" / image.layers[0]["digest"].split(":")[1]
    blob.chmod(0o644)
    blob.write_bytes(b"x" * blob.stat().st_size)
    assert "sha256:" in tool.fails("push", "app:1", f"{registry.host}/app:1")
    assert "not there" in tool.fails("pull", f"{registry.host}/app:1", "-t", "x")


# -- a server that does what none should --

def test_a_cut_connection_goes_on_where_it_was_cut(tool, fake, store):
    f = fake(cuts=3, piece=1 << 20)
    tool.ok("pull", f"{f.host}/x:1", "-t", "x")
    assert names(store) == {"x:latest": f.image.digest}
    ranges = [h.get("Range") for _, p, h in f.seen if f.image.layers[0]["digest"] in p]
    assert ranges[0] is None and len(ranges) == 4
    assert ranges[1:] == ["bytes=1048576-", "bytes=2097152-", "bytes=3145728-"]


def test_a_later_pull_goes_on_where_the_first_was_given_up(tool, fake, store):
    f = fake(cuts=5, piece=1000)  # five times too little to count as getting on
    tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    assert names(store) == {}
    f.seen.clear()
    tool.ok("pull", f"{f.host}/x:1", "-t", "x")
    assert [h.get("Range") for _, p, h in f.seen if f.image.layers[0]["digest"] in p] == ["bytes=5000-"]
    assert names(store) == {"x:latest": f.image.digest}


def test_a_server_without_ranges_is_read_again_from_its_beginning(tool, fake, store):
    f = fake(cuts=2, piece=1 << 20, no_ranges=True)
    tool.ok("pull", f"{f.host}/x:1", "-t", "x")
    assert names(store) == {"x:latest": f.image.digest}


def test_another_range_than_was_asked_for_is_refused(tool, fake, store):
    f = fake(cuts=1, piece=1 << 20, shifted=1)
    assert "another part" in tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    assert names(store) == {}


def test_a_layer_that_is_not_what_its_digest_says_is_refused(tool, fake, store):
    f = fake(lies=True)
    assert f.image.layers[0]["digest"].split(":")[1] in tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    assert names(store) == {}
    f.tricks.clear()
    tool.ok("pull", f"{f.host}/x:1", "-t", "x")  # and nothing of the lie was kept


@pytest.mark.parametrize("what", ["endless", "endless_manifest"])
def test_an_endless_answer_is_cut_off(tool, fake, store, what):
    f = fake(**{what: True})
    assert "more than it should" in tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    assert names(store) == {}


def test_a_manifest_with_another_digest_than_the_header_says_is_refused(tool, fake, store):
    f = fake(header=digest(b"something else"))
    assert "it sends " + f.image.digest in tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    assert names(store) == {}


def test_a_manifest_that_is_not_of_the_digest_asked_for_is_refused(tool, fake, store):
    f = fake()
    del f.image.blobs[f.image.digest]
    f.image.blobs[f.image.digest] = b"{}"
    f.tricks["header"] = ""
    assert "for a manifest that is " + f.image.digest in tool.fails("pull", f"{f.host}/x@{f.image.digest}", "-t", "x")


def test_a_busy_server_is_asked_again(tool, fake, store):
    for status in (429, 503):
        f = fake(busy=2, status=status)
        tool.ok("pull", f"{f.host}/x:1", "-t", f"x:{status}")


def test_a_server_that_stays_broken_is_given_up(tool, fake):
    f = fake(busy=1000, status=500)
    assert "500" in tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    assert len(f.seen) == 5


def test_a_token_is_fetched_and_used(tool, fake):
    f = fake(token="t0ken")
    tool.ok("pull", f"{f.host}/x:1", "-t", "x")
    asked = f.paths("/token")
    assert asked == ["/token?service=reg%2C%20istry&scope=repository%3Ax%3Apull"]
    assert all("Authorization" not in h for _, p, h in f.seen if p.startswith("/token"))


def test_the_password_goes_to_where_tokens_come_from(tool, fake, tmp_path):
    f = fake(token="t0ken")
    (tmp_path / "pw").write_text("secret")
    with open(tmp_path / "pw") as pw:
        tool.ok("pull", f"{f.host}/x:1", "-t", "x", "--user", "me", "--password-stdin", stdin=pw)
    sent = [h["Authorization"] for _, p, h in f.seen if p.startswith("/token")]
    assert sent == ["Basic " + base64.b64encode(b"me:secret").decode()]


def test_no_password_goes_unencrypted_to_another_host(tool, fake, tmp_path):
    thief = fake(token="t0ken")
    f = fake(token="t0ken", realm=f"http://{thief.host}/token")
    (tmp_path / "pw").write_text("secret")
    with open(tmp_path / "pw") as pw:
        tool.ok("pull", f"{f.host}/x:1", "-t", "x", "--user", "me", "--password-stdin", stdin=pw)
    assert thief.paths("/token") and all("Authorization" not in h for _, _, h in thief.seen)


def test_a_token_cannot_smuggle_headers(tool, fake):
    f = fake(token="t0ken\r\nX-Evil: 1")
    tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    assert all("X-Evil" not in h for _, _, h in f.seen)


def test_a_redirect_takes_no_credentials_to_another_host(tool, fake, store):
    other = fake()
    f = fake(other.image, token="t0ken", elsewhere=f"http://{other.host}")
    tool.ok("pull", f"{f.host}/x:1", "-t", "x")
    assert other.seen and all("Authorization" not in h for _, _, h in other.seen)
    assert names(store) == {"x:latest": f.image.digest}


@pytest.mark.parametrize("where, words", [("file:///etc/passwd", "no HTTP address"), ("/loop", "circles"),
                                          ("gopher://x/", "no HTTP address")])
def test_redirects_go_only_where_they_may(tool, fake, where, words):
    f = fake(redirect=where)
    assert words in tool.fails("pull", f"{f.host}/x:1", "-t", "x")


def empty_server(fake, **tricks):
    f = fake(Image(), **tricks)
    f.image.blobs.clear()
    return f


def test_an_upload_that_is_cut_goes_on_where_it_was_cut(tool, fake, tmp_path):
    image = Image({"big": os.urandom(20 << 20)}, compress=False)
    load(tool, tmp_path, image)
    f = empty_server(fake, cuts=2, piece=1 << 20)
    tool.ok("push", "app:1", f"{f.host}/x:1")
    assert [h["Content-Range"].split("-")[0] for m, _, h in f.seen if m == "PATCH"] == ["0", "1048576", "2097152"]
    assert f.image.blobs[image.layers[0]["digest"]] == image.blobs[image.layers[0]["digest"]]


def test_an_upload_that_fails_at_its_end_begins_again(tool, fake, tmp_path):
    load(tool, tmp_path, Image())
    f = empty_server(fake, refuses=1)
    tool.ok("push", "app:1", f"{f.host}/x:1")


def test_what_the_registry_has_is_not_sent_again(tool, fake, tmp_path):
    image = Image()
    load(tool, tmp_path, image)
    f = fake(image)
    tool.ok("push", "app:1", f"{f.host}/x:1")
    assert [m for m, _, _ in f.seen] == ["HEAD", "HEAD", "PUT"]


def test_a_registry_that_stores_another_manifest_is_told_of(tool, fake, tmp_path):
    load(tool, tmp_path, Image())
    f = empty_server(fake, header=digest(b"other"))
    assert "has made " + digest(b"other") in tool.fails("push", "app:1", f"{f.host}/x:1")


def test_an_upload_that_is_sent_elsewhere_takes_no_credentials(tool, fake, tmp_path, quiet_home):
    load(tool, tmp_path, Image())
    other = empty_server(fake)
    f = empty_server(fake, token="t0ken", sends_to=f"http://{other.host}")
    tool.ok("push", "app:1", f"{f.host}/x:1")
    assert other.paths("/uploads/") and all("Authorization" not in h for _, _, h in other.seen)


def test_two_pulls_of_one_image_at_once_both_succeed(tool, fake, store):
    f = fake(Image({"data": os.urandom(8 << 20)}, compress=False))
    both = [subprocess.Popen([os.path.abspath(os.environ.get("SANDBOX_BIN", "build/sandbox")), "image", "pull",
                              "--store", str(store), f"{f.host}/x:1", "-t", f"x:{i}"], stdout=subprocess.DEVNULL)
            for i in range(2)]
    assert [p.wait(timeout=30) for p in both] == [0, 0]
    assert names(store) == {"x:0": f.image.digest, "x:1": f.image.digest}


def test_a_failing_connection_is_one_sentence(tool, quiet_home):
    assert "connect" in tool.fails("pull", f"127.0.0.1:{free_port()}/x:1").lower()


# -- encryption --

@pytest.fixture
def certificate(tmp_path):
    path = tmp_path / "cert.pem"
    r = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", tmp_path / "key.pem", "-out", path, "-days", "2", "-subj", "/CN=test",
                        "-addext", "subjectAltName=IP:127.0.0.2"], capture_output=True, text=True)
    assert r.returncode == 0, r.stderr
    both = tmp_path / "both.pem"
    both.write_text(path.read_text() + (tmp_path / "key.pem").read_text())
    return path, both


def test_another_host_is_asked_with_encryption(tool, fake, store, certificate):
    cert, both = certificate
    f = fake(address="127.0.0.2", tls=both)
    assert "certificate" in tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    assert not f.seen
    tool.ok("pull", f"{f.host}/x:1", "-t", "x", env={"SSL_CERT_FILE": str(cert)})
    assert names(store) == {"x:latest": f.image.digest}


def test_plain_http_elsewhere_only_when_asked_for(tool, fake, store):
    f = fake(address="127.0.0.2")
    tool.fails("pull", f"{f.host}/x:1", "-t", "x")
    tool.ok("pull", f"{f.host}/x:1", "-t", "x", "--plain-http")


def test_encryption_is_not_given_up_by_a_redirect(tool, fake, certificate):
    cert, both = certificate
    plain = fake()
    f = fake(address="127.0.0.2", tls=both, redirect=f"http://{plain.host}/v2/x/manifests/1")
    line = tool.fails("pull", f"{f.host}/x:1", "-t", "x", env={"SSL_CERT_FILE": str(cert)})
    assert "not encrypted" in line and not plain.seen


# -- names --

@pytest.mark.parametrize("name", ["UPPER/x:1", "x@sha256:12", "x@md5:1", "host:port/x", "a//b", "../x", "x:"])
def test_bad_names_are_refused_before_anything_is_asked(tool, name, quiet_home):
    tool.fails("pull", name, "-t", "x")


def test_user_and_password_go_together(tool):
    assert "go together" in tool.fails("pull", "localhost:1/x", "--user", "me")
