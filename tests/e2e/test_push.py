# SPDX-License-Identifier: Apache-2.0
"""Pushing: what is asked and what is sent, in parallel, in pieces, under many names, and
across every kind of break. test_registry_quirks.py has the registries that people have."""
import json
import re
import shutil
import signal
import subprocess
import time

import pytest

from fixtures_registry import (
    ALL, INDEX, MANIFEST, Image, describe, login, stored, users)
from registry.state import digest_of
from support import clean_env

MB = 1 << 20
BEARER = {"auth": "bearer"}
OTHER = "sha256:" + "0" * 64


@pytest.fixture
def large():
    """An image with one layer of 6 MiB."""
    return Image(layers=1, size=6 * MB)


@pytest.fixture
def fetch(remote, make_registry):
    """Puts an image into the store, from a registry that is no part of the test; its name."""
    def pull(image, repository="a/b"):
        source = make_registry()
        image.put(source, repository, "1")
        remote.ok("pull", f"{source.host}/{repository}:1")
        source.state.members[repository].clear()  # a layer that is lost is lost there too
        return f"{source.host}/{repository}:1"
    return pull


def layer_path(image, index=0):
    """A pattern for requests about a layer: also the PUT that ends its upload."""
    return digest_of(image.layers[index]).replace(":", "(:|%3[Aa])")


def sent(registry):
    """Bytes of uploads."""
    return registry.received("PUT|PATCH", "/uploads/")


def whole(image):
    """Bytes of an image's blobs."""
    return len(image.config_bytes) + sum(map(len, image.layers))


# ---- what is asked ----


@pytest.mark.parametrize("auth, requests", [
    (None, ["HEAD"]), ("basic", ["HEAD", "HEAD"]), ("bearer", ["HEAD", "GET", "HEAD"])])
def test_push_of_what_is_there(remote, make_registry, image, pulled, authfile, auth, requests):
    target = make_registry(auth=auth, **users())
    flags = login(target, authfile)
    for _ in range(2):
        target.log.clear()
        pushed = remote.ok("push", *flags, pulled, f"{target.host}/c/d:1")
    assert pushed == f"{target.host}/c/d@{digest_of(json.dumps(image.manifest()).encode())}"
    # With a login, one request asks for it; and a token is fetched.
    assert [e.method for e in target.log] == requests


def test_push_again_takes_two_requests(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    target.log.clear()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    assert 1 <= len(target.log) <= 2
    # What was believed is not there any more: it is sent again, and nobody is lied to.
    target.state.members["c/d"].clear()
    target.state.manifests["c/d"].clear()
    target.state.tags["c/d"].clear()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")


def test_another_tag_of_what_is_there(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    target.log.clear()
    remote.ok("push", pulled, f"{target.host}/c/d:2")
    image.there(target, "c/d", "2")
    assert [e.method for e in target.log] == ["HEAD", "HEAD", "PUT"]


def test_blobs_are_gone_behind_their_manifest(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    target.state.members["c/d"].clear()
    remote.ok("push", pulled, f"{target.host}/c/d:2")
    image.there(target, "c/d", "2")


@pytest.mark.parametrize("status", [401, 403])
def test_denied_is_not_missing(remote, make_registry, pulled, status):
    target = make_registry()
    target.fault("HEAD", "/blobs/", "status", status=status, times=ALL)
    remote.fails("push", pulled, f"{target.host}/c/d:1", status=4, match="blob 'sha256:")
    assert not target.requests("POST")


@pytest.mark.parametrize("status", [400, 403, 405, 406])
def test_reading_the_tag_is_denied(remote, make_registry, image, pulled, status):
    target = make_registry()
    target.fault("HEAD", "/manifests/", "status", status=status, times=ALL)
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")


def test_push_by_digest(remote, make_registry, image, pulled):
    target, digest = make_registry(), digest_of(json.dumps(image.manifest()).encode())
    for _ in range(2):
        remote.ok("push", pulled, f"{target.host}/c/d@{digest}")
        image.there(target, "c/d", digest)
        assert not target.state.tags.get("c/d")
    remote.fails("push", pulled, f"{target.host}/c/d@{OTHER}", status=2, match="and not")


# ---- names ----


def test_several_tags(remote, make_registry, image, pulled):
    target = make_registry()
    pushed = remote.ok("push", "--tag", "1.2", "-t", "latest", "--tag",
                       f"{target.host}/c/d:1.2", pulled, f"{target.host}/c/d:1")
    for tag in ("1", "1.2", "latest"):
        image.there(target, "c/d", tag)
    assert sent(target) == whole(image)
    assert len(target.requests("HEAD", "/blobs/")) <= 3, "each blob once"
    assert len(target.requests("PUT", "/manifests/")) == 4
    assert len(pushed.splitlines()) == 1
    target.log.clear()
    remote.ok("push", "-t", "1.2", "-t", "new", pulled, f"{target.host}/c/d:1")
    assert [e.method for e in target.log] == ["HEAD", "HEAD", "HEAD", "PUT"]
    image.there(target, "c/d", "new")


def test_several_repositories(remote, make_registry, image, pulled):
    target, other = make_registry(), make_registry()
    pushed = remote.ok("push", pulled, "--tag", f"{target.host}/c/d:1", "--tag",
                       f"{target.host}/e/f:2", "--tag", f"{other.host}/g:3", "--tag",
                       f"{target.host}/c/d:4")
    digest = digest_of(json.dumps(image.manifest()).encode())
    host = pulled.split("/")[0]
    assert pushed.splitlines() == [f"{host}/a/b@{digest}", f"{target.host}/c/d@{digest}",
                                   f"{target.host}/e/f@{digest}", f"{other.host}/g@{digest}"]
    image.there(target, "c/d", "1")
    image.there(target, "c/d", "4")
    image.there(target, "e/f", "2")
    image.there(other, "g", "3")
    assert sent(target) == sent(other) == whole(image), "the second one is mounted"


def test_names_of_an_image_without_registry(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("tag", pulled, "local/name")
    remote.fails("push", "local/name", status=2, match="names no registry")
    remote.fails("push", "local/name", "-t", "x", status=2, match="--tag.*names no registry")
    remote.fails("push", "local/name", "-t", f"{target.host}/c/d:1", "-t", "x/y", status=2,
                 match="'x/y' names no registry")
    assert not target.log
    remote.ok("push", "local/name", "-t", f"{target.host}/c/d:1", "-t", "x")
    image.there(target, "c/d", "x")


def test_second_name_fails(remote, make_registry, image, pulled):
    target, other = make_registry(), make_registry()
    other.fault("PUT", "/manifests/", "status", status=400, times=ALL)
    remote.fails("push", pulled, f"{target.host}/c/d:1", "-t", f"{other.host}/e:1", status=1,
                 match=f"push '{other.host}/e:1'")
    image.there(target, "c/d", "1")


# ---- mounts ----


def test_mount_from_where_it_was_pushed(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    target.log.clear()
    remote.ok("push", pulled, f"{target.host}/e/f:1")
    image.there(target, "e/f", "1")
    assert not target.requests("PUT", "/uploads/")


def test_mount_from_where_it_is_no_more(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    target.state.members["c/d"].clear()
    target.log.clear()
    remote.ok("push", pulled, f"{target.host}/e/f:1")
    image.there(target, "e/f", "1")
    assert len(target.requests("POST")) == 3, "the session that it got instead is used"
    assert not target.state.uploads
    # And it is forgotten: the next one is mounted from where it is.
    remote.ok("push", pulled, f"{target.host}/g:1")
    assert sent(target) == whole(image)


def test_mount_wants_more_permission(remote, make_registry, image, pulled, authfile):
    target = make_registry(auth="bearer", **users())
    flags = login(target, authfile)
    remote.ok("push", *flags, pulled, f"{target.host}/c/d:1")
    remote.ok("push", *flags, pulled, f"{target.host}/e/f:1")
    image.there(target, "e/f", "1")
    assert sent(target) == whole(image)
    scopes = [e.query for e in target.requests("GET", "/token")]
    assert re.search(r"repository%3Ae%2Ff%3Apull%2Cpush.*repository%3Ac%2Fd%3Apull", scopes[-1])


def test_what_is_known_is_damaged(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    text = (remote.root / "known").read_text()
    assert f"{target.host}/c/d" in text
    (remote.root / "known").write_text(text[:-20])
    done = remote.run("push", "--log-level", "debug", pulled, f"{target.host}/e/f:1")
    assert done.returncode == 0 and "known' is ignored" in done.stderr
    image.there(target, "e/f", "1")
    assert f"{target.host}/e/f" in (remote.root / "known").read_text()


# ---- in parallel ----


def test_layers_go_in_parallel(remote, make_registry, fetch):
    target, image = make_registry(), Image(layers=8)
    name = fetch(image)
    rule = target.fault("PUT|PATCH", "/uploads/", "gather", times=ALL, count=3, seconds=1)
    remote.ok("push", name, f"{target.host}/a/b:1")
    image.there(target, "a/b", "1")
    assert rule.most >= 3
    assert target.most_connections <= 6
    assert "/manifests/" in target.log[-1].path, "the manifest comes last"


def test_the_first_failure_ends_the_others(remote, make_registry, fetch):
    target, image = make_registry(), Image(layers=3)
    name = fetch(image)
    rule = target.fault("PUT", "/uploads/", "gather", times=ALL, count=4)
    target.fault("PUT", layer_path(image, 0), "hang", times=ALL)
    target.fault("PUT", layer_path(image, 1), "hang", times=ALL)
    target.fault("PUT", layer_path(image, 2), "status", status=400, times=ALL,
                 error=("NO_WAY", "not this one"))
    done = remote.fails("push", name, f"{target.host}/c/d:1", status=1,
                        match="NO_WAY: not this one")
    assert digest_of(image.layers[2]) in done.stderr.splitlines()[-1]
    assert rule.most == 4 and not target.requests("PUT", "/manifests/")
    assert not target.state.uploads, "sessions are cancelled"


def test_cancel(remote, make_registry, image, pulled):
    target = make_registry()
    rule = target.fault("PUT", "/uploads/", "hang", times=ALL)
    process = remote.start("push", pulled, f"{target.host}/c/d:1")
    deadline = time.monotonic() + 60
    while rule.met < 3:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert not target.state.uploads, "sessions are cancelled"
    target.faults.clear()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")


# ---- in pieces ----


def pieces(registry):
    """[(first, last)] of the PATCHes that were answered with 2xx."""
    found = [e.header("content-range") for e in registry.requests("PATCH")
             if 200 <= e.status < 300]
    return [tuple(map(int, text.split("-"))) for text in found]


@pytest.mark.parametrize("options", [
    {}, {"location": "relative"}, {"location": "host", "auth": "basic"},
    {"range_header": False}, {"patch_status": 201}, {"patch_status": 204}, BEARER])
def test_chunks(remote, make_registry, large, fetch, authfile, options):
    target, name = make_registry(**users(**options)), fetch(large)
    remote.ok("push", "--chunk-size", "1m", *login(target, authfile), name,
              f"{target.host}/c/d:1")
    large.there(target, "c/d", "1")
    host = target.own_cdn or target
    size = len(large.layers[0])
    cuts = [(at, min(at + MB, size) - 1) for at in range(0, size, MB)]
    config = (0, len(large.config_bytes) - 1)
    assert sorted(pieces(host)) == sorted([*cuts, config])
    assert sent(host) == whole(large)
    assert len(host.requests("PUT", "/uploads/")) == 2


def test_chunk_size_that_is_none(remote, make_registry, pulled):
    target = make_registry()
    remote.fails("push", "--chunk-size", "many", pulled, f"{target.host}/c/d:1", status=2,
                 match="--chunk-size: .*'many'")
    remote.fails("push", "--chunk-size", "100", pulled, f"{target.host}/c/d:1", status=2,
                 match="--chunk-size '100' is smaller than 4096 bytes")
    assert not target.log


@pytest.mark.parametrize("options", [{}, {"chunk_max": 4 * MB}, {"chunk_min": 2 * MB},
                                     {"location": "relative", "range_header": False}])
def test_proxy_with_a_cap(remote, make_registry, fetch, options):
    target, image = make_registry(body_max=5 * MB, **options), Image(layers=1, size=12 * MB)
    remote.ok("push", fetch(image), f"{target.host}/a/b:1")
    image.there(target, "a/b", "1")
    assert len(target.requests("PATCH")) >= 2


def test_neither_in_one_piece_nor_in_many(remote, make_registry, large, fetch):
    target = make_registry(body_max=1000)
    remote.fails("push", fetch(large), f"{target.host}/a/b:1", status=1, match="status 413")
    assert not target.state.uploads and len(target.log) < 30


def test_chunks_of_the_registrys_size(remote, make_registry, large, fetch):
    # Too large for it, said by 416; too small for it, said by a header.
    name = fetch(large)
    target = make_registry(chunk_max=600000)
    remote.ok("push", "--chunk-size", "2m", name, f"{target.host}/c/d:1")
    large.there(target, "c/d", "1")
    assert max(last - first for first, last in pieces(target)) < 600000
    other = make_registry(chunk_min=2 * MB)
    remote.ok("push", "--chunk-size", "1m", name, f"{other.host}/c/d:1")
    large.there(other, "c/d", "1")
    assert max(last - first for first, last in pieces(other)) == 2 * MB - 1


def test_registry_that_talks_of_chunks_gets_them(remote, make_registry, fetch):
    target, image = make_registry(chunk_min=1 * MB), Image(layers=1, size=20 * MB)
    remote.ok("push", fetch(image), f"{target.host}/a/b:1")
    image.there(target, "a/b", "1")
    assert len(pieces(target)) == 2, "what is small goes in one piece all the same"


def test_chunks_are_dropped(remote, make_registry, large, fetch):
    target = make_registry(chunk_drops=True, patch_status=201)
    remote.ok("push", "--chunk-size", "2m", fetch(large), f"{target.host}/c/d:1")
    large.there(target, "c/d", "1")
    assert not target.state.uploads
    # It is seen by the second chunk, and not at the end.
    assert sent(target) < whole(large) + 5 * MB


def test_chunks_are_dropped_without_a_word(remote, make_registry, large, fetch):
    target = make_registry(chunk_drops=True, range_header=False)
    remote.ok("push", "--chunk-size", "2m", fetch(large), f"{target.host}/c/d:1")
    large.there(target, "c/d", "1")


def test_chunk_out_of_order(remote, make_registry, large, fetch):
    # The registry has another idea of where things are: its idea counts.
    target, name = make_registry(), fetch(large)

    def lose(owner, _):
        for upload in owner.state.uploads.values():
            del upload.data[MB:]

    target.fault("PATCH", "/uploads/", "call", skip=4, do=lose)
    remote.ok("push", "--chunk-size", "1m", name, f"{target.host}/c/d:1")
    large.there(target, "c/d", "1")
    assert [e.status for e in target.requests("PATCH")].count(416) == 1


@pytest.mark.parametrize("value", ["0-0", "0-99999999999", "bytes 5-6", "", "0-12345"])
def test_range_that_cannot_be(remote, make_registry, large, fetch, value):
    target, name = make_registry(), fetch(large)
    rule = target.fault("PATCH", "/uploads/", "header", skip=1, times=ALL, name="Range",
                        value=value)
    remote.ok("push", "--chunk-size", "1m", name, f"{target.host}/c/d:1")
    large.there(target, "c/d", "1")
    assert rule.met and not target.state.uploads


# ---- going on where it broke ----


@pytest.mark.parametrize("options", [{}, BEARER, {"location": "host", "auth": "basic"}])
def test_upload_goes_on(remote, make_registry, large, fetch, authfile, options):
    target, name = make_registry(**users(**options)), fetch(large)
    host = target.own_cdn or target
    host.fault("PUT", layer_path(large), "take", after=4 * MB)
    remote.ok("push", *login(target, authfile), name, f"{target.host}/a/b:1")
    large.there(target, "a/b", "1")
    assert host.received("PUT|PATCH", "/uploads/") < 9 * MB
    assert host.requests("GET", "/uploads/"), "the registry knows how much it has"


def test_chunk_goes_on(remote, make_registry, large, fetch):
    target, name = make_registry(), fetch(large)
    target.fault("PATCH", "/uploads/", "take", skip=3, times=1, after=300000)
    remote.ok("push", "--chunk-size", "1m", name, f"{target.host}/a/b:1")
    large.there(target, "a/b", "1")
    assert sent(target) == whole(large), "no byte twice"


def test_upload_goes_on_as_long_as_it_gets_on(remote, make_registry, large, fetch):
    target = make_registry(body_bytes=1 * MB)
    remote.ok("push", fetch(large), f"{target.host}/a/b:1")
    large.there(target, "a/b", "1")


@pytest.mark.parametrize("options, fault", [
    ({"progress": 404}, {}), ({"progress": 405}, {}), ({"range_header": False}, {}),
    ({}, {"keep": False})])
def test_upload_begins_anew(remote, make_registry, large, fetch, options, fault):
    target, name = make_registry(**options), fetch(large)
    target.fault("PUT", layer_path(large), "take", after=4 * MB, **fault)
    remote.ok("push", name, f"{target.host}/a/b:1")
    large.there(target, "a/b", "1")
    # Where a registry cannot be asked, the session is left to it.
    assert len(target.state.uploads) <= (1 if options else 0)


def test_sessions_are_forgotten(remote, make_registry, large, fetch):
    target, name = make_registry(), fetch(large)
    target.fault("PATCH", "/uploads/", "forget", skip=2)
    remote.ok("push", "--chunk-size", "1m", name, f"{target.host}/a/b:1")
    large.there(target, "a/b", "1")


def test_sessions_are_always_forgotten(remote, make_registry, image, pulled):
    target = make_registry()
    target.fault("PUT", "/uploads/", "forget", times=ALL)
    remote.fails("push", "--retry", "1", pulled, f"{target.host}/a/b:1", status=1,
                 match="forgot an upload")


def test_answer_is_lost(remote, make_registry, image, pulled):
    # The blob arrived, and the connection broke before that was said.
    target = make_registry()
    target.fault("PUT", "/uploads/", "cut", times=3)
    rule = target.fault("PUT", "/uploads/", "reset", times=3)
    remote.ok("push", pulled, f"{target.host}/a/b:1")
    image.there(target, "a/b", "1")
    assert rule.met == 3


def test_token_expires_between_chunks(remote, make_registry, large, fetch, authfile):
    target, name = make_registry(**users(**BEARER)), fetch(large)
    target.fault("PATCH", "/uploads/", "expire", skip=3)
    target.fault("PUT", layer_path(large), "expire")
    remote.ok("push", "--chunk-size", "1m", *login(target, authfile), name,
              f"{target.host}/a/b:1")
    large.there(target, "a/b", "1")
    refused = [e.method for e in target.requests("PUT|PATCH", "/uploads/") if e.status == 401]
    assert sorted(refused) == ["PATCH", "PUT"]
    assert len(target.requests("POST")) == 2, "the session is the same"


# ---- registries that err ----


def test_registry_claims_too_much(remote, make_registry, image, pulled):
    target = make_registry()
    rule = target.fault("HEAD", "/blobs/", "status", status=200, times=3)
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")
    assert rule.met


def test_registry_claims_too_much_for_ever(remote, make_registry, image, pulled):
    target = make_registry()
    target.fault("HEAD", "/blobs/", "status", status=200, times=ALL)
    target.fault("PUT", "/manifests/", "status", status=400, times=ALL,
                 error=("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry"))
    remote.fails("push", pulled, f"{target.host}/c/d:1", status=1, match="BLOB_UNKNOWN")
    # All was sent once more, and once only.
    assert len(target.requests("PUT", "/uploads/")) == 3
    assert len(target.requests("PUT", "/manifests/")) == 2


def test_mounts_that_are_none(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    rule = target.fault("POST", "mount=", "status", status=201, times=ALL)
    remote.ok("push", pulled, f"{target.host}/e/f:1")
    image.there(target, "e/f", "1")
    assert rule.met == 3


def test_immutable_tag_that_is_right(remote, make_registry, image, pulled, authfile):
    target = make_registry(profile="ecr", **users())
    target.state.create("c/d")
    for _ in range(2):
        remote.ok("push", *login(target, authfile), pulled, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")
    other = Image()
    digest = other.put(target, "x/y", "1")
    remote.ok("pull", *login(target, authfile), f"{target.host}/x/y:1")
    remote.fails("push", *login(target, authfile), f"{target.host}/x/y:1",
                 f"{target.host}/c/d:1", status=1, match="immutable.*use another tag")
    assert target.state.tags["c/d"]["1"] != digest


def test_immutable_tag_that_came_meanwhile(remote, make_registry, image, pulled):
    target = make_registry(immutable="all")
    # Somebody else pushes the very same between our question and our answer.
    target.fault("PUT", "/manifests/t$", "call",
                 do=lambda owner, _: image.put(owner, "c/d", "t"))
    remote.ok("push", pulled, f"{target.host}/c/d:t")
    assert target.requests("PUT", "/manifests/t$")[0].status == 400
    image.there(target, "c/d", "t")


@pytest.mark.parametrize("status", [200, 202])
def test_manifest_is_stored_without_a_proof(remote, make_registry, image, pulled, status):
    target = make_registry(stored_digest=False)
    target.fault("PUT", "/manifests/", "code", status=status, times=ALL)
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")
    assert len(target.requests("HEAD", "/manifests/")) == 3, "it was looked for"


@pytest.mark.parametrize("status", [307, 308])
def test_upload_is_redirected(remote, make_registry, image, pulled, status):
    target, other = make_registry(), make_registry()
    other.state = target.state
    target.fault("PUT", "/uploads/", "redirect", status=status, times=ALL,
                 to=other.url + "{path}?{query}")
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")
    assert len(other.requests("PUT", "/uploads/")) == 3


def test_no_credentials_along_a_redirect(remote, make_registry, image, pulled, authfile):
    target, other = make_registry(auth="basic", **users()), make_registry()
    other.state = target.state
    for method in ("PUT|PATCH", "POST"):
        target.fault(method, "/uploads/", "redirect", times=ALL,
                     to=other.url + "{path}?{query}")
    remote.ok("push", *login(target, authfile), "--chunk-size", "16k", pulled,
              f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")
    assert other.requests("POST") and not any(e.authorized for e in other.log)


# ---- tries and time ----


@pytest.mark.parametrize("number, requests", [("0", 1), ("1", 2), (None, 4)])
def test_retries(remote, make_registry, image, pulled, number, requests):
    target = make_registry()
    target.fault("HEAD", "/manifests/", "status", status=503, times=ALL)
    flags = ["--retry", number] if number else []
    remote.fails("push", *flags, pulled, f"{target.host}/c/d:1", status=1, match="status 503")
    assert len(target.log) == requests
    target.log.clear()
    remote.fails("pull", *flags, f"{target.host}/c/d:1", status=1, match="status 503")
    assert len(target.log) == requests


def test_retry_of_uploads(remote, make_registry, image, pulled):
    target = make_registry()
    target.fault("PUT", layer_path(image), "status", status=500, times=ALL)
    remote.fails("push", "--retry", "0", pulled, f"{target.host}/c/d:1", status=1,
                 match="status 500")
    assert len(target.requests("PUT", layer_path(image))) <= 1
    remote.fails("push", "--retry", "x", pulled, f"{target.host}/c/d:1", status=2,
                 match="'x' is not a whole number")


@pytest.mark.parametrize("command", ["push", "pull"])
def test_timeout(remote, make_registry, pulled, command):
    target = make_registry()
    target.fault(".*", "", "hang", times=ALL)
    image = [pulled] if command == "push" else []
    remote.fails(command, "--timeout", "1", *image, f"{target.host}/c/d:1", status=124,
                 match="not done after 1 s")


# ---- what the store has not got ----


@pytest.fixture
def incomplete(remote, make_registry, fetch):
    """An image that lost a layer on the disk: (source registry, image, its name)."""
    source, image = make_registry(), Image(layers=2, size=300000)
    image.put(source, "a/b", "1")
    name = fetch(image)
    remote.ok("push", name, f"{source.host}/a/b:1")
    path = remote.root / "blobs" / digest_of(image.layers[0]).replace(":", "/")
    path.write_bytes(b"x" * len(image.layers[0]))
    remote.fails("prune", "--check", status=1, match="1 blobs were damaged")
    assert digest_of(image.layers[0]) not in stored(remote)
    source.log.clear()
    return source, image, name


def test_missing_layer_is_mounted(remote, incomplete):
    source, image, name = incomplete
    remote.ok("push", name, f"{source.host}/c/d:1")
    image.there(source, "c/d", "1")
    assert not source.requests("GET", "/blobs/")


@pytest.mark.parametrize("flags", [[], ["--chunk-size", "64k"]])
def test_missing_layer_comes_from_elsewhere(remote, make_registry, incomplete, flags):
    (source, image, name), target = incomplete, make_registry()
    remote.ok("push", *flags, name, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")
    # It is passed on, and does not come into the store.
    assert len(source.requests("GET", layer_path(image))) == 1
    assert digest_of(image.layers[0]) not in stored(remote)


def test_missing_layer_where_mounts_are_refused(remote, incomplete):
    source, image, name = incomplete
    source.quirks.mounts = "forbid"
    remote.ok("push", name, f"{source.host}/c/d:1")
    image.there(source, "c/d", "1")


def test_missing_layer_breaks_on_its_way(remote, make_registry, incomplete):
    (source, image, name), target = incomplete, make_registry()
    source.fault("GET", layer_path(image), "cut", after=100000, times=2)
    target.fault("PUT", layer_path(image), "take", after=200000)
    remote.ok("push", name, f"{target.host}/c/d:1")
    image.there(target, "c/d", "1")


def test_missing_layer_is_another_one(remote, make_registry, incomplete):
    (source, image, name), target = incomplete, make_registry()
    source.fault("GET", layer_path(image), "swap", times=ALL)
    remote.fails("push", name, f"{target.host}/c/d:1", status=1, match="sha256:.*digest")
    assert not target.state.uploads and not target.state.tags.get("c/d")
    assert digest_of(image.layers[0]) not in target.state.blobs


def test_missing_layer_is_nowhere(remote, make_registry, incomplete):
    (source, image, name), target = incomplete, make_registry()
    source.state.members["a/b"].clear()
    for path in ("", "x"):  # from where it was known to be; then nothing is known any more
        remote.fails("push", name, f"{target.host}/c/d{path}:1", status=1,
                     match="not in the store")
    assert len(source.requests("GET", layer_path(image))) == 1


def test_damaged_layer_is_not_sent(remote, make_registry, image, pulled):
    target = make_registry()
    path = remote.root / "blobs" / digest_of(image.layers[0]).replace(":", "/")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    remote.fails("push", pulled, f"{target.host}/c/d:1", status=1,
                 match="was altered.*prune --check")
    assert not target.state.uploads and not target.state.tags.get("c/d")
    assert not target.requests("PUT", "/manifests/")
    path.write_bytes(data)


# ---- in another compression ----

PLAIN = "application/vnd.oci.image.layer.v1.tar"


@pytest.fixture
def plain():
    """An image whose layers are not compressed."""
    image = Image(layers=2, size=300000)
    image.raw = [image.tar(f"file{i}", b"abc %d " % i * 50000) for i in range(2)]
    image.config["rootfs"]["diff_ids"] = [digest_of(raw) for raw in image.raw]
    image.layers, image.layer_type = image.raw, PLAIN
    return image


def unpacked(registry, repository, tag):
    """(manifest, [content of each layer]) of an image in a scripted registry."""
    _, media_type, data = registry.state.manifest(repository, tag)
    manifest, contents = json.loads(data), []
    assert media_type == manifest["mediaType"] == MANIFEST
    for layer in manifest["layers"]:
        blob = bytes(registry.state.blob(repository, layer["digest"]))
        assert len(blob) == layer["size"]
        program = {"gzip": ["gzip", "-dc"], "zstd": ["zstd", "-dcq"]}.get(
            layer["mediaType"].rpartition("+")[2], ["cat"])
        contents.append(subprocess.run(program, input=blob, capture_output=True,
                                       check=True).stdout)
    return manifest, contents


def compressed(done):
    """How many layers a command compressed."""
    assert done.returncode == 0, done.stderr
    return len(re.findall("^compress ", done.stderr, re.M))


@pytest.mark.parametrize("method", ["gzip", "zstd", "zstd:9", "gzip:1"])
def test_compression(remote, make_registry, plain, fetch, method):
    target, name = make_registry(), fetch(plain)
    flags = ["--compression", method]
    assert compressed(remote.run("push", *flags, name, f"{target.host}/c/d:1")) == 2
    manifest, contents = unpacked(target, "c/d", "1")
    assert contents == plain.raw
    assert all(layer["mediaType"] == f"{PLAIN}+{method[:4]}" for layer in manifest["layers"])
    assert manifest["config"] == plain.manifest()["config"], "the image is the same"
    # Never twice: not for the same place, not for another, not under another name.
    target.log.clear()
    assert compressed(remote.run("push", *flags, name, f"{target.host}/c/d:1")) == 0
    assert [e.method for e in target.log] == ["HEAD"]
    other = make_registry()
    assert compressed(remote.run("push", *flags, name, f"{other.host}/x:1")) == 0
    assert unpacked(other, "x", "1") == (manifest, contents)
    # Without the option it is still what it was.
    remote.ok("push", name, f"{target.host}/plain:1")
    plain.there(target, "plain", "1")


def test_layers_that_are_compressed_stay(remote, make_registry, image, pulled):
    target = make_registry()
    assert compressed(remote.run("push", "--compression", "zstd", pulled,
                                 f"{target.host}/c/d:1")) == 0
    image.there(target, "c/d", "1")


@pytest.mark.parametrize("docker", [False, True])
def test_force_compression(remote, make_registry, image, docker):
    source, target = make_registry(), make_registry()
    document = image.manifest()
    if docker:
        kinds = "application/vnd.docker.distribution.manifest.v2+json"
        document["mediaType"] = kinds
        document["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
        for layer in document["layers"]:
            layer["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    document["annotations"] = {"a": "b"}
    document["layers"][0]["annotations"] = {"of": "the old bytes"}
    image.put(source, "a/b")
    digest = source.state.put_manifest("a/b", "1", document["mediaType"], document)
    remote.ok("pull", f"{source.host}/a/b:1")
    flags = ["--force-compression", "--compression", "zstd", f"{source.host}/a/b:1"]
    for count in (2, 0):
        assert compressed(remote.run("push", *flags, f"{target.host}/c/d:1")) == count
    manifest, contents = unpacked(target, "c/d", "1")
    assert contents == image.raw
    assert [layer["mediaType"] for layer in manifest["layers"]] == [PLAIN + "+zstd"] * 2
    assert manifest["config"]["mediaType"].startswith("application/vnd.oci.")
    assert manifest["annotations"] == {"a": "b"}
    assert not any("annotations" in layer for layer in manifest["layers"])
    # Another level is another form, and the method alone stands for one level.
    assert compressed(remote.run("push", "--force-compression", "--compression", "zstd:1",
                                 f"{source.host}/a/b:1", f"{target.host}/c/d:2")) == 2
    assert remote.inspect(f"{source.host}/a/b:1")["RepoDigests"][0].endswith(digest)


def test_own_layers_are_not_compressed_again(s2c, builder, make_registry, app):
    target = make_registry()
    s2c.ok("build", "--compression", "zstd", app, "builder/test", "app")
    done = s2c.run("push", "--compression", "zstd", "--force-compression", "app",
                   f"{target.host}/app:1")
    assert compressed(done) == 1, "only that of the builder"
    done = s2c.run("push", "--compression", "gzip", "--force-compression", "app",
                   f"{target.host}/app:2")
    assert compressed(done) == 1, "only the new one"
    unpacked(target, "app", "1")


def test_forms_outlive_their_blobs(remote, make_registry, plain, fetch):
    first, other, third = make_registry(), make_registry(), make_registry()
    name = fetch(plain)
    flags = ["--compression", "zstd", name]
    assert compressed(remote.run("push", *flags, f"{first.host}/c/d:1")) == 2
    before = len(stored(remote))
    remote.ok("prune")
    assert len(stored(remote)) == before - 2
    first.log.clear()
    assert compressed(remote.run("push", *flags, f"{first.host}/c/d:1")) == 0
    assert len(first.log) == 1
    # Another registry gets them out of the first one.
    assert compressed(remote.run("push", *flags, f"{other.host}/e/f:1")) == 0
    assert unpacked(other, "e/f", "1") == unpacked(first, "c/d", "1")
    # Or, when they are nowhere any more, they are made again.
    first.state.members.clear()
    other.state.members.clear()
    assert compressed(remote.run("push", *flags, f"{third.host}/g:1")) == 2
    assert unpacked(third, "g", "1")[1] == plain.raw


def test_damaged_layer_is_not_compressed(remote, make_registry, image, tmp_path):
    # A layout that says of a layer that its content is another one.
    layout = tmp_path / "layout"
    image.config["rootfs"]["diff_ids"].reverse()
    (layout / "blobs" / "sha256").mkdir(parents=True)
    manifest = json.dumps(image.manifest()).encode()
    for data in [*image.layers, image.config_bytes, manifest]:
        (layout / "blobs" / digest_of(data).replace(":", "/")).write_bytes(data)
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": MANIFEST, "digest": digest_of(manifest), "size": len(manifest),
         "annotations": {"org.opencontainers.image.ref.name": "x:1"}}]}))
    remote.ok("load", f"oci:{layout}")
    target = make_registry()
    remote.fails("push", "--compression", "zstd", "--force-compression", "x:1",
                 f"{target.host}/c/d:1", status=1, match="content is 'sha256:.*config says")
    assert not target.log


def test_compression_that_is_none(remote, make_registry, pulled):
    target = make_registry()
    for flags, match in ((["--compression", "xz"], "neither gzip nor zstd"),
                         (["--compression", "zstd:99"], "levels of zstd"),
                         (["--force-compression"], "needs --compression")):
        remote.fails("push", *flags, pulled, f"{target.host}/c/d:1", status=2, match=match)
    assert not target.log


def test_compressed_for_other_programs(remote, plain, fetch, docker_registry, tmp_path):
    if not shutil.which("skopeo") or not shutil.which("umoci"):
        pytest.skip("skopeo and umoci are wanted")
    host, name = docker_registry(), fetch(plain)
    for method in ("gzip", "zstd"):
        remote.ok("push", "--compression", method, name, f"{host}/a/b:{method}")
        layout, tree = tmp_path / method, tmp_path / f"{method}-tree"
        subprocess.run(["skopeo", "copy", "--src-tls-verify=false",
                        f"docker://{host}/a/b:{method}", f"oci:{layout}:1"], check=True,
                       capture_output=True, env=clean_env())
        if method == "gzip":  # umoci of Debian 12 reads no zstd
            subprocess.run(["umoci", "raw", "unpack", "--rootless", "--image", f"{layout}:1",
                            tree], check=True, capture_output=True, env=clean_env())
            assert (tree / "file1").read_bytes() == b"abc 1 " * 50000


# ---- indexes ----


def put_document(remote, name, media_type, document):
    """Puts a document into the store under a name, as another tool that knows OCI layouts
    would."""
    data = json.dumps(document).encode()
    digest = digest_of(data)
    (remote.root / "blobs" / digest.replace(":", "/")).write_bytes(data)
    path = remote.root / "index.json"
    index = json.loads(path.read_text())
    index["manifests"].append({
        "mediaType": media_type, "digest": digest, "size": len(data),
        "annotations": {"org.opencontainers.image.ref.name": name}})
    path.write_text(json.dumps(index))
    return digest


def put_index(remote, name, manifests):
    """The same for an index."""
    return put_document(remote, name, INDEX, {
        "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests})


def test_index(remote, make_registry, fetch):
    images = {"amd64": Image(), "riscv64": Image(architecture="riscv64")}
    source, target, entries = make_registry(), make_registry(), []
    for architecture, image in images.items():
        fetch(image, architecture)
        digest = image.put(source, "a/b")
        entries.append(describe(source, "a/b", digest, os="linux", architecture=architecture))
    digest = put_index(remote, "both:latest", entries)
    pushed = remote.ok("push", "both", f"{target.host}/c/d:1", "-t", "2")
    assert pushed == f"{target.host}/c/d@{digest}"
    for tag in ("1", "2"):
        _, kind, data = target.state.manifest("c/d", tag)
        assert kind == INDEX and digest_of(data) == digest
    for entry, image in zip(entries, images.values()):
        image.there(target, "c/d", entry["digest"])
    target.log.clear()
    remote.ok("push", "both", f"{target.host}/c/d:1")
    assert len(target.log) == 1


def test_index_with_images_that_are_not_there(remote, make_registry, image, fetch):
    source, target = make_registry(), make_registry()
    fetch(image)
    mine, other = image.put(source, "a/b"), Image().put(source, "a/b")
    put_index(remote, "both:latest", [
        describe(source, "a/b", mine, os="linux", architecture="amd64"),
        describe(source, "a/b", other, os="linux", architecture="riscv64")])
    done = remote.run("push", "both", f"{target.host}/c/d:1")
    assert done.returncode == 0 and "only the image for this machine" in done.stderr
    image.there(target, "c/d", "1")


def test_artifact(remote, make_registry, pulled):
    target, parts = make_registry(), {}
    for name, data in (("config", b"{}"), ("layer", b"anything" * 1000)):
        (remote.root / "blobs" / digest_of(data).replace(":", "/")).write_bytes(data)
        parts[name] = {"mediaType": f"application/vnd.example.{name}",
                       "digest": digest_of(data), "size": len(data)}
    digest = put_document(remote, "artifact:latest", MANIFEST, {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example",
        "config": parts["config"], "layers": [parts["layer"]]})
    assert remote.ok("push", "artifact", f"{target.host}/c/d:1") == f"{target.host}/c/d@{digest}"
    assert target.state.manifest("c/d", "1")[0] == digest
    assert target.state.blob("c/d", parts["layer"]["digest"]) == b"anything" * 1000
    # Once more as something that refers to an image, which keeps what it says of itself.
    remote.ok("push", pulled, f"{target.host}/c/d:image")
    own = remote.ok("push", "artifact", "--subject", f"{target.host}/c/d:image")
    document = json.loads(target.state.manifest("c/d", own.partition("@")[2])[2])
    assert document["artifactType"] == "application/vnd.example"
    assert document["subject"]["digest"] == target.state.tags["c/d"]["image"]
    remote.fails("push", "artifact", "--compression", "zstd", f"{target.host}/c/d:2", status=1,
                 match="no container image but an artifact")


# ---- builds ----


def test_build_with_several_names(s2c, builder, make_registry, app, tmp_path):
    target, other = make_registry(), make_registry()
    pushed = s2c.ok("build", app, "builder/test", f"{target.host}/app:1", "--push", "-t",
                    f"{target.host}/app:latest", "-t", f"{other.host}/team/app:1", "-t",
                    "local/app", "--metadata-file", tmp_path / "metadata")
    digest = target.state.manifest("app", "1")[0]
    assert target.state.manifest("app", "latest")[0] == digest
    assert other.state.manifest("team/app", "1")[0] == digest
    lines = [f"{target.host}/app@{digest}", f"{other.host}/team/app@{digest}"]
    assert pushed.splitlines() == lines
    metadata = json.loads((tmp_path / "metadata").read_text())
    assert metadata["pushed"] == lines[0] and metadata["pushedTo"] == lines
    assert len(metadata["names"]) == 4
    assert len({s2c.inspect(name)["Id"] for name in metadata["names"]}) == 1
    asked = [e.path for e in target.requests("POST") + other.requests("POST")
             if e.status == 202]
    assert asked.count("/v2/app/blobs/uploads/") >= 1
    assert not target.state.uploads and not other.state.uploads
    # The first of the names may be one of --tag.
    pushed = s2c.ok("build", app, "builder/test", "-t", f"{target.host}/app:2", "--push")
    assert pushed == f"{target.host}/app@{target.state.manifest('app', '2')[0]}"


def test_build_that_may_not_push_to_one_name(s2c, builder, make_registry, app):
    target, other = make_registry(), make_registry()
    other.fault("POST", "/uploads/", "status", status=403, times=ALL)
    done = s2c.fails("build", app, "builder/test", f"{target.host}/app:1", "--push", "-t",
                     f"{other.host}/app:1", status=4, match=f"push to '{other.host}/app:1'")
    assert "assemble runs" not in done.stderr
    s2c.fails("build", app, "builder/test", "x", "--push", "-t", f"{target.host}/app:1",
              status=2, match="'x' names no registry")
    s2c.fails("build", app, "builder/test", f"{target.host}/app:1", "-t", f"x@{OTHER}",
              status=2, match="--tag 'x@.*digest")
    s2c.fails("build", app, "builder/test", f"{target.host}/app:1", "--push", "--chunk-size",
              "1", status=2, match="--chunk-size")


# ---- other people's programs ----


@pytest.mark.parametrize("flags", [[], ["--chunk-size", "1m"]])
def test_docker_registry(remote, large, fetch, docker_registry, tmp_path, flags):
    host, name = docker_registry(), fetch(large)
    remote.ok("push", *flags, name, f"{host}/a/b:1", "-t", "2", "-t", f"{host}/c/d:1")
    remote.ok("push", *flags, name, f"{host}/a/b:1")
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    for number, source in enumerate(["a/b:1", "a/b:2", "c/d:1"]):
        target = tmp_path / f"copy{number}"
        subprocess.run(["skopeo", "copy", "--src-tls-verify=false", f"docker://{host}/{source}",
                        f"dir:{target}"], check=True, capture_output=True, env=clean_env())
        layer = large.layers[0]
        assert (target / digest_of(layer).split(":")[1]).read_bytes() == layer
        manifest = (target / "manifest.json").read_bytes()
        assert json.loads(manifest) == large.manifest()
        assert large.manifest()["mediaType"] == MANIFEST
