# SPDX-License-Identifier: Apache-2.0
"""Pull and push against everything that registries do differently: one case per quirk, and
every profile. Each ends with the right image or with one clear sentence."""
import re

import pytest

from fixtures_registry import (
    ALL, IDENTITY, INDEX, MANIFEST, USER, Image, describe, login, users)
from registry import PROFILES
from registry.state import digest_of

BEARER = {"auth": "bearer"}
ESC = "\x1b"


# ---- pull ----

# name: (options of the registry, [faults]); the image has to arrive.
PULLS = {
    "challenges in a line each": ({**BEARER, "challenge": "lines"}, []),
    "challenges in one line": ({**BEARER, "challenge": "joined"}, []),
    "challenge without quotes": ({**BEARER, "challenge": "bare"}, []),
    "basic among others, a line each": ({"auth": "basic", "challenge": "lines"}, []),
    "basic among others, one line": ({"auth": "basic", "challenge": "joined"}, []),
    "challenge only where it is due": ({**BEARER, "challenge_on": "real"}, []),
    "access_token": ({**BEARER, "token_field": "access_token"}, []),
    "token without an end": ({**BEARER, "token_expiry": False}, []),
    "token of another age": ({**BEARER, "token_issued": "1971-01-01T00:00:00Z"}, []),
    "token of the future": ({**BEARER, "token_issued": "2971-01-01T00:00:00Z"}, []),
    "token for one request": ({**BEARER, "token_uses": 1}, []),
    "token for two requests": ({**BEARER, "token_uses": 2}, []),
    "only the first scope is read": ({**BEARER, "first_scope": True}, []),
    "token expires in mid-download": (BEARER, [
        ("GET", "/blobs/", "cut", dict(after=20000)),
        ("GET", "/blobs/", "expire", dict(late=True))]),
    "type application/json": ({"manifest_type": "application/json"}, []),
    "no digest is stated": ({"stated_digest": False}, []),
    "one Accept line is read": ({"one_accept": True}, []),
    "HEAD of blobs redirected": ({"cdn": True, "redirect_heads": True}, []),
    **{f"blobs redirected by {status}": ({**BEARER, "cdn": True, "redirect_status": status}, [])
       for status in (301, 302, 303, 307, 308)},
    "Content-Encoding that is none": ({}, [
        ("GET", "/blobs/", "header", dict(name="Content-Encoding", value="gzip", times=ALL))]),
    # A blob that was cut, where ranges do not work as they should.
    **{f"cut, ranges: {how}": ({"ranges": how}, [
        ("GET", "/blobs/", "cut", dict(after=30000, skip=1))])
       for how in ("yes", "ignore", "refuse", "start", "total", "lie", "silent")},
    "cut by a reset": ({}, [("GET", "/blobs/", "cut", dict(after=30000, reset=True))]),
    "429 with seconds": ({}, [("GET", "/blobs/", "status", dict(status=429, retry_after=1))]),
    "429 with a date": ({}, [("GET", "/blobs/", "status", dict(status=429, retry_date=1))]),
    "429 with a date of long ago": ({}, [
        ("GET", "/blobs/", "status", dict(status=429, retry_date=-86400))]),
    "429 with nonsense": ({}, [
        ("GET", "/blobs/", "status", dict(status=429, retry_after="soon"))]),
    "manifests are counted": ({"manifest_limit": 1}, []),
    "a burst of 500 at manifests": ({}, [
        ("HEAD|GET", "/manifests/", "status", dict(status=500, times=3))]),
    "slow": ({}, [("GET", "/blobs/", "slow", dict(rate=200000, times=ALL))]),
}


@pytest.mark.parametrize("name", PULLS)
def test_pull(remote, make_registry, image, authfile, name):
    options, rules = PULLS[name]
    registry = make_registry(**users(**options))
    digest = image.put(registry, "a/b", "1")
    rules = [registry.fault(*rule, **kwargs) for *rule, kwargs in rules]
    flags = login(registry, authfile)
    assert remote.ok("pull", *flags, f"{registry.host}/a/b:1") == digest
    assert all(rule.met for rule in rules)
    for layer in image.layers:
        blob = remote.root / "blobs" / digest_of(layer).replace(":", "/")
        assert blob.read_bytes() == layer


@pytest.mark.parametrize("status", [408, 429, 499, 500, 502, 503, 504, 522])
def test_statuses_that_pass(remote, registry, image, status):
    digest = image.put(registry, "a/b", "1")
    rule = registry.fault("GET", "/blobs/", "status", status=status)
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    assert rule.met == 1


@pytest.mark.parametrize("status", [
    400, 402, 405, 406, 409, 410, 413, 415, 416, 418, 421, 422, 426, 431, 451, 501, 505, 511])
def test_statuses_that_stay(remote, registry, image, status):
    image.put(registry, "a/b", "1")
    registry.fault("GET", "/blobs/", "status", status=status, times=ALL)
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match=f"status {status}")
    assert len(registry.requests("GET", "/blobs/")) == 1


def test_the_same_layer_twice(remote, make_registry, image):
    source, target = make_registry(), make_registry()
    image.raw, image.layers = [image.raw[0]] * 3, [image.layers[0]] * 3
    image.config["rootfs"]["diff_ids"] = [digest_of(raw) for raw in image.raw]
    digest = image.put(source, "a/b", "1")
    assert remote.ok("pull", f"{source.host}/a/b:1") == digest
    assert len(source.requests("GET", digest_of(image.layers[0]))) == 1
    remote.ok("push", f"{source.host}/a/b:1", f"{target.host}/a/b:1")
    image.there(target, "a/b", "1")
    assert len(target.requests("PUT", digest_of(image.layers[0]))) == 1


def test_attestations_are_passed_over(remote, registry, image):
    mine, attest = image.put(registry, "a/b"), Image().put(registry, "a/b")
    registry.state.put_manifest("a/b", "1", INDEX, {
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [
            describe(registry, "a/b", attest, os="unknown", architecture="unknown"),
            describe(registry, "a/b", mine, os="linux", architecture="amd64")]})
    assert remote.ok("pull", f"{registry.host}/a/b:1") == mine


def test_signed_url_is_asked_for_again(remote, make_registry, image, authfile):
    """A transfer from another host that broke goes on at the registry, whose new URL is good;
    the old one has expired."""
    registry = make_registry(cdn=True, **users(**BEARER))
    digest = image.put(registry, "a/b", "1")
    registry.cdn.fault("GET", "", "cut", after=1000, skip=1)
    registry.cdn.fault("GET", "", "expire", late=True, skip=1)
    assert remote.ok("pull", *login(registry, authfile), f"{registry.host}/a/b:1") == digest
    assert not any(e.authorized for e in registry.cdn.log)


@pytest.mark.parametrize("ranges", ["yes", "ignore", "refuse", "start", "total", "lie", "silent"])
def test_large_blob(remote, make_registry, authfile, ranges):
    """However it is fetched, in ranges or not, and however wrong the ranges are."""
    registry = make_registry(cdn=True, ranges=ranges, **users(**BEARER))
    large = Image(layers=1, size=64 << 20)
    digest = large.put(registry, "a/b", "1")
    assert remote.ok("pull", *login(registry, authfile), f"{registry.host}/a/b:1") == digest
    assert not any(e.authorized for e in registry.cdn.log)


def test_head_of_a_stale_cache(remote, registry, image):
    old = Image()
    digest = image.put(registry, "a/b", "1")
    # HEAD states what is not to be had any more.
    registry.state.stale["a/b", "1"] = old.put(registry, "a/b")
    registry.fault("GET", "/manifests/sha256:", "status", status=404, times=1)
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest


# ---- push ----

# name: (options of the registry, [faults])
PUSHES = {
    **{f"Location: {how}": ({**BEARER, "location": how}, [])
       for how in ("path", "relative", "absolute", "bare", "host")},
    "Location on another host, basic": ({"auth": "basic", "location": "host"}, []),
    "no Range, no digest in answers": ({"range_header": False, "stored_digest": False}, []),
    "201 without Location for a blob": ({}, [
        ("PUT", "/uploads/", "header", dict(name="Location", value=None, times=ALL))]),
    "200 for a manifest, with its digest": ({}, [
        ("PUT", "/manifests/", "code", dict(status=200, times=ALL))]),
    "202 for a manifest, with its digest": ({}, [
        ("PUT", "/manifests/", "code", dict(status=202, times=ALL))]),
    "token for one request": ({**BEARER, "token_uses": 1}, []),
    "token expires before the PUT": (BEARER, [
        ("PUT", "/uploads/", "expire", {}), ("PUT", "/uploads/", "expire", dict(skip=3)),
        ("PUT", "/manifests/", "expire", {})]),
    "token expires after every answer": (BEARER, [
        (".*", "/v2/", "expire", dict(times=ALL, late=True))]),
    "chunks are dropped": ({"chunk_drops": True, "patch_status": 201}, []),
    "chunks have a cap": ({"chunk_max": 1000}, []),
    "chunks have a least size": ({"chunk_min": 1 << 20}, []),
    "a tag that may not move does not": ({"immutable": "others"}, []),
    "repositories are made beforehand": ({"auto_create": False}, []),
    "the upload breaks once": ({}, [("PUT", "/uploads/", "take", dict(after=5000))]),
    "the session is gone once": ({}, [("PUT", "/uploads/", "reset", {}),
                                      ("PUT", "/uploads/", "forget", {})]),
    "429 for the PUT, with a date": ({}, [
        ("PUT", "/uploads/", "status", dict(status=429, retry_date=1))]),
    "a burst of 503 at the manifest": ({}, [
        ("PUT", "/manifests/", "status", dict(status=503, times=3))]),
    "the registry reads slowly": ({}, [("PUT", "/uploads/", "wait", dict(seconds=1))]),
}


@pytest.mark.parametrize("name", PUSHES)
def test_push(remote, make_registry, image, pulled, authfile, name):
    options, rules = PUSHES[name]
    target = make_registry(**users(**options))
    target.state.create("c/d")
    rules = [target.fault(*rule, **kwargs) for *rule, kwargs in rules]
    remote.ok("push", *login(target, authfile), pulled, f"{target.host}/c/d:t")
    image.there(target, "c/d", "t")
    assert all(rule.met for rule in rules)
    # Where a token is good for one request, there may be none to cancel a session with.
    assert not target.state.uploads or name.startswith("token")
    # And once more: now all is there.
    target.faults.clear()
    before = target.received("PUT", "/uploads/")
    remote.ok("push", *login(target, authfile), pulled, f"{target.host}/c/d:t")
    assert target.received("PUT", "/uploads/") == before


MOUNTS = {
    "works": ({}, [], True),
    "opens a session": ({"mounts": "refuse"}, [], False),
    "is denied": ({"mounts": "forbid"}, [], False),
    **{f"fails with {status}": ({"mounts": status}, [], False)
       for status in (400, 401, 404, 405, 500, 503)},
    "breaks": ({}, [("POST", "mount=", "reset", dict(times=ALL))], False),
    "only what is referred to": ({"mount_referenced": True}, [], True),
    "wants two scopes, one is read": ({**BEARER, "first_scope": True}, [], False),
    "wants two scopes": (BEARER, [], True),
}


@pytest.mark.parametrize("name", MOUNTS)
def test_mount(remote, make_registry, image, authfile, name):
    options, rules, mounted = MOUNTS[name]
    registry = make_registry(**users(**options))
    image.put(registry, "a/b", "1")
    rules = [registry.fault(*rule, **kwargs) for *rule, kwargs in rules]
    flags = login(registry, authfile)
    remote.ok("pull", *flags, f"{registry.host}/a/b:1")
    remote.ok("push", *flags, f"{registry.host}/a/b:1", f"{registry.host}/c/d:1")
    image.there(registry, "c/d", "1")
    assert registry.requests("POST", "mount=")
    sent = {e.path for e in registry.requests("PUT", "/blobs/uploads/")}
    assert len(sent) == (0 if mounted else len(image.layers) + 1)
    assert not registry.state.uploads


def test_mounts_stay_in_the_registry(remote, make_registry, image, pulled):
    target = make_registry()
    remote.ok("push", pulled, f"{target.host}/c/d:1")
    assert not target.requests("POST", "mount=")


# ---- what cannot work ----


def test_repository_that_is_not_made(remote, make_registry, pulled):
    target = make_registry(auto_create=False)
    remote.fails("push", pulled, f"{target.host}/c/d:1", status=1,
                 match="NAME_UNKNOWN.*'c/d' does not exist")
    assert not target.state.blobs


def test_tag_that_may_not_move(remote, make_registry, image, pulled):
    target = make_registry(immutable="others")
    old = Image().put(target, "c/d", "1")
    remote.fails("push", pulled, f"{target.host}/c/d:1", status=1,
                 match="manifest '1'.*already exists.*immutable")
    assert target.state.tags["c/d"]["1"] == old


def test_body_that_is_too_large(remote, make_registry, pulled):
    target = make_registry(body_max=10000)
    remote.fails("push", pulled, f"{target.host}/c/d:1", status=1, match="status 413")
    assert "1" not in target.state.tags.get("c/d", {})


def test_denied_without_a_word(remote, registry, image):
    image.put(registry, "a/b", "1")
    registry.fault("HEAD|GET", "", "status", status=403, times=ALL)
    remote.fails("pull", f"{registry.host}/a/b:1", status=4,
                 match="denies access to repository 'a/b'")


def test_denied_with_words(remote, registry, image):
    image.put(registry, "a/b", "1")
    for method in ("HEAD", "GET"):
        registry.fault(method, "/manifests/", "status", status=403, times=ALL,
                       error=("DENIED", "the free plan has ended"))
    remote.fails("pull", f"{registry.host}/a/b:1", status=4, match="the free plan has ended")


def test_denied_is_not_missing(remote, make_registry, image, pulled):
    target = make_registry()
    target.fault("HEAD", "/blobs/", "status", status=403, times=ALL)
    remote.fails("push", pulled, f"{target.host}/c/d:1", status=4, match="denies access")
    assert not target.requests("POST") and not target.requests("PUT")


WORDS = {
    "none": b"", "a page": b"<html><body>Bad <b>Gateway</b></body></html>",
    "bytes": bytes(range(256)) * 10, "terminal codes": b"\x1b[2J\x1b]0;x\x07bad\r\nmore",
    "a lot": b"x" * (3 << 20), "a list": b'["errors"]', "errors of nothing": b'{"errors":[]}',
    "errors that are none": b'{"errors":[1,null,{"code":7,"message":{}}]}',
    "half a document": b'{"errors":[{"code":"X","mess',
    "codes in its words": b'{"errors":[{"code":"\\u001b[1m","message":"\\u001b]0;x\\u0007\\n"}]}',
}


@pytest.mark.parametrize("name", WORDS)
def test_words_of_a_failure(remote, registry, image, name):
    image.put(registry, "a/b", "1")
    registry.fault("GET", "/blobs/", "status", status=400, times=ALL, body=WORDS[name])
    done = remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="status 400")
    last = done.stderr.rstrip("\n").split("\n")[-1]
    assert len(last) < 2000 and ESC not in done.stderr
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", last)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_token_server_says_no(remote, make_registry, image, authfile, status):
    registry = make_registry(**users(**BEARER))
    image.put(registry, "a/b", "1")
    registry.fault("GET", "/token", "status", status=status, times=ALL)
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=4 if status in (401, 403) else 1, match="token server")


@pytest.mark.parametrize("status", [400, 401, 404, 405])
def test_no_oauth2(remote, make_registry, image, authfile, status):
    registry = make_registry(token_post=status, **users(**BEARER))
    registry.access.refresh[IDENTITY] = USER
    image.put(registry, "a/b", "1")
    path = authfile(registry.host, password=None, identity=IDENTITY)
    remote.ok("pull", "--authfile", path, f"{registry.host}/a/b:1")
    assert registry.requests("POST", "/token") and registry.requests("GET", "/token")


# ---- profiles ----


@pytest.mark.parametrize("profile", sorted(set(PROFILES) - {"gcr"}))
def test_profile(remote, make_registry, image, authfile, profile):
    """There and back, and into a second repository."""
    registry = make_registry(profile=profile, **users())
    image.config["history"] = [{"created_by": "x"}] * 2
    digest = image.put(registry, "a/b", "1")
    registry.state.create("c/d")
    flags, name = ["--authfile", authfile(registry.host)], f"{registry.host}/c/d:2"
    assert remote.ok("pull", *flags, f"{registry.host}/a/b:1") == digest
    remote.ok("push", *flags, f"{registry.host}/a/b:1", name)
    image.there(registry, "c/d", "2")
    remote.ok("rmi", f"{registry.host}/a/b:1")
    remote.ok("prune", "--all")
    assert remote.ok("pull", *flags, name) == digest
    assert registry.most_connections <= 6 and not registry.state.uploads


@pytest.mark.parametrize("profile", ["quay", "distribution", "harbor"])
def test_build_and_push_to(remote, s2c, builder, make_registry, app, authfile, profile):
    """The question for permission opens an upload, which some do not let everybody cancel."""
    source, target = make_registry(), make_registry(profile=profile, **users())
    s2c.ok("push", "builder/test", f"{source.host}/builder/test:1")
    remote.ok("build", "--push", "--authfile", authfile(target.host), app,
              f"{source.host}/builder/test:1", f"{target.host}/team/app:1")
    assert target.state.manifest("team/app", "1")[1] == MANIFEST


# ---- who you are ----


@pytest.mark.parametrize("options", [{"profile": "gcr"}, {"auth": "basic",
                                                          "challenge_on": "ping"}])
def test_challenge_only_at_the_ping(remote, make_registry, image, authfile, options):
    registry = make_registry(**users(**options))
    image.put(registry, "a/b", "1")
    name, flags = f"{registry.host}/a/b:1", login(registry, authfile)
    for args in (["pull", *flags, name], ["push", *flags, name, f"{registry.host}/c/d:1"]):
        registry.log.clear()
        remote.ok(*args)
        assert len(registry.requests("GET", "/v2/$")) <= 1
    image.there(registry, "c/d", "1")


def test_token_server_is_down(remote, make_registry, image, authfile):
    registry = make_registry(**users(**BEARER))
    image.put(registry, "a/b", "1")
    registry.fault("GET", "/token", "status", status=503, times=ALL)
    remote.fails("pull", *login(registry, authfile), f"{registry.host}/a/b:1",
                 status=1, match="token server.*status 503.*try again later")
