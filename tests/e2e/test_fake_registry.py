# SPDX-License-Identifier: Apache-2.0
"""The scripted registry itself, by curl and skopeo: each quirk and fault does what it says,
for a test against a registry that only seems to misbehave proves nothing."""
import json
import re
import shutil
import subprocess
import threading
import urllib.parse

import pytest

from fixtures_registry import (
    ALL, IDENTITY, INDEX, MANIFEST, PASSWORD, USER, Image, describe, users)
from registry import PROFILES
from registry.state import digest_of
from support import clean_env

BLOB = bytes(range(256)) * 40  # every offset of it looks different from its neighbours
OCTETS = ("-H", "Content-Type: application/octet-stream")


def curl(url, *args, body=None):
    """(status, {header: [values]}, body) by curl; status 0 when the connection broke."""
    done = subprocess.run(
        ["curl", "-s", "-i", "--path-as-is", "--max-time", "30", "-H", "Expect:",
         *(["--data-binary", "@-"] if body is not None else []), *args, url],
        input=body, capture_output=True, check=False, env=clean_env())
    head, _, data = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    return (int(lines[0].split()[1]) if done.stdout else 0), headers, data


def put_blob(registry, data=BLOB):
    """URL of a blob that is there."""
    return f"{registry.url}/v2/a/b/blobs/{registry.state.put_blob('a/b', data)}"


def start(registry, name="a/b", query=""):
    """URL of a new upload."""
    url = f"{registry.url}/v2/{name}/blobs/uploads/{query}"
    status, headers, _ = curl(url, "-X", "POST", body=b"")
    assert status == 202
    return resolve(url, headers)


def resolve(url, headers):
    """The Location of an answer."""
    return urllib.parse.urljoin(url, headers["location"][0])


def chunk(url, data, first=None, method="PATCH"):
    """The answer to a chunk, with Content-Range when `first` is given."""
    extra = [] if first is None else ["-H", f"Content-Range: {first}-{first + len(data) - 1}"]
    return curl(url, "-X", method, *OCTETS, *extra, body=data)


def finish(url, digest, data=b""):
    """The answer to the PUT that ends an upload."""
    sep = "&" if "?" in url else "?"
    return curl(f"{url}{sep}digest={digest}", "-X", "PUT", *OCTETS, body=data)


# ---- ranges ----


def test_range(registry):
    url = put_blob(registry)
    status, headers, data = curl(url, "-r", "100-")
    assert (status, data) == (206, BLOB[100:])
    assert headers["content-range"] == [f"bytes 100-{len(BLOB) - 1}/{len(BLOB)}"]
    assert curl(url, "-r", "5-9")[2] == BLOB[5:10]
    assert curl(url, "-r", f"{len(BLOB)}-")[0] == 416
    assert curl(url, "-r", "5-9", "-H", 'If-Range: "other"')[0] == 200
    assert [e.range for e in registry.log] == [(100, None), (5, 9), (len(BLOB), None), (5, 9)]
    assert registry.sent() > len(BLOB)


@pytest.mark.parametrize("how, status, said, data", [
    ("ignore", 200, None, BLOB),
    ("start", 206, "bytes 99-10238/10240", BLOB[99:-1]),
    ("total", 206, "bytes 100-10239/10241", BLOB[100:]),
    ("lie", 206, "bytes 100-10239/10240", BLOB[:-100]),
    ("silent", 206, None, BLOB[100:]),
])
def test_wrong_range(make_registry, how, status, said, data):
    registry = make_registry(ranges=how)
    found = curl(put_blob(registry), "-r", "100-")
    assert (found[0], found[1].get("content-range", [None])[0], found[2]) == (status, said, data)


def test_range_refused(make_registry):
    assert curl(put_blob(make_registry(ranges="refuse")), "-r", "1-")[0] == 416


# ---- other hosts ----


@pytest.mark.parametrize("status", [302, 307])
def test_signed_urls(make_registry, status):
    registry = make_registry(cdn=True, redirect_status=status, expect_violations=True)
    url = put_blob(registry)
    found, headers, _ = curl(url)
    assert found == status
    to = headers["location"][0]
    assert curl(to)[2] == BLOB and curl(to, "-r", "3-4")[2] == BLOB[3:5]
    assert curl(to, "-H", "Authorization: Basic eDp5")[0] == 400
    assert registry.cdn.violations
    registry.cdn.expire()
    found, _, data = curl(to)
    assert found == 403 and b"<Error>" in data
    assert curl(curl(url)[1]["location"][0])[2] == BLOB
    assert curl(url, "-I")[0] == 200
    registry.quirks.redirect_heads = True
    assert curl(url, "-I")[0] == status


def test_upload_on_another_host(make_registry):
    registry = make_registry(location="host", auth="basic", expect_violations=True, **users())
    url = f"{registry.url}/v2/a/b/blobs/uploads/"
    _, headers, _ = curl(url, "-X", "POST", "-u", f"{USER}:{PASSWORD}", body=b"")
    to = headers["location"][0]
    assert registry.host not in to
    status, headers, _ = chunk(to, BLOB)
    assert status == 202
    to = headers["location"][0]
    assert curl(to, "-X", "PUT", "-u", "a:b", body=b"")[0] == 400
    assert finish(to, digest_of(BLOB))[0] == 201
    assert registry.state.blob("a/b", digest_of(BLOB)) == BLOB


# ---- uploads ----


@pytest.mark.parametrize("location", ["path", "relative", "absolute", "bare"])
def test_chunks(make_registry, location):
    registry = make_registry(location=location)
    url = start(registry)
    status, headers, _ = chunk(url, BLOB[:1000], 0)
    assert (status, headers["range"]) == (202, ["0-999"])
    url = resolve(url, headers)
    status, headers, _ = chunk(url, BLOB[5000:], 5000)
    assert (status, headers["range"]) == (416, ["0-999"])
    status, headers, _ = curl(url)
    assert (status, headers["range"]) == (204, ["0-999"])
    url = resolve(url, headers)
    status, headers, _ = chunk(url, BLOB[1000:9000], 1000)
    assert (status, headers["range"]) == (202, ["0-8999"])
    assert finish(resolve(url, headers), digest_of(BLOB), BLOB[9000:])[0] == 201
    assert registry.state.blob("a/b", digest_of(BLOB)) == BLOB
    assert registry.received("PATCH|PUT") == len(BLOB) + len(BLOB[5000:])


def test_only_the_newest_location_is_good(make_registry):
    registry = make_registry(expect_violations=True)
    url = start(registry)
    chunk(url, BLOB[:10], 0)
    assert chunk(url, BLOB[10:], 10)[0] == 400
    assert registry.violations


def test_chunk_sizes(make_registry):
    registry = make_registry(chunk_max=4000, chunk_min=100, expect_violations=True)
    post = curl(f"{registry.url}/v2/a/b/blobs/uploads/", "-X", "POST", body=b"")
    assert post[1]["oci-chunk-min-length"] == ["100"]
    url = start(registry)
    status, headers, _ = chunk(url, BLOB[:5000], 0)
    assert (status, headers["range"]) == (416, ["0-0"])
    status, headers, _ = chunk(url, BLOB[:50], 0)
    assert status == 202 and not registry.violations, "it may be the last"
    assert chunk(resolve(url, headers), BLOB[50:200], 50)[0] == 416
    assert registry.violations
    # A stream is no chunk.
    assert chunk(start(registry), BLOB)[0] == 202


def test_chunks_are_dropped(make_registry):
    registry = make_registry(chunk_drops=True, patch_status=201, range_header=False)
    url = start(registry)
    for at in (0, 6000):
        status, headers, _ = chunk(url, BLOB[at:at + 6000], at)
        assert status == 201 and "range" not in headers
        url = resolve(url, headers)
    assert finish(url, digest_of(BLOB))[0] == 400
    assert finish(start(registry), digest_of(BLOB), BLOB)[0] == 201, "one PUT is fine"


def test_upload_that_breaks_goes_on(registry):
    rule = registry.fault("PATCH", "", "take", after=3000)
    url = start(registry)
    assert chunk(url, BLOB, 0)[0] == 0, "the connection was reset"
    assert rule.met == 1
    status, headers, _ = curl(url)
    assert (status, headers["range"]) == (204, ["0-2999"])
    status, headers, _ = chunk(resolve(url, headers), BLOB[3000:], 3000)
    assert status == 202 and finish(resolve(url, headers), digest_of(BLOB))[0] == 201


def test_upload_that_breaks_is_lost(registry):
    registry.fault("PATCH", "", "take", after=3000, keep=False)
    url = start(registry)
    assert chunk(url, BLOB, 0)[0] == 0
    assert not any(u.data for u in registry.state.uploads.values())
    registry.fault("GET", "/uploads/", "forget")
    assert curl(url)[0] == 404


def test_uploads_that_always_break(make_registry):
    registry = make_registry(body_bytes=4000)
    url = start(registry)
    for at in (0, 4000):
        assert chunk(url, BLOB[at:], at)[0] == 0
    status, headers, _ = chunk(url, BLOB[8000:], 8000)
    assert status == 202 and finish(resolve(url, headers), digest_of(BLOB))[0] == 201


@pytest.mark.parametrize("extra", [(), ("-H", "Transfer-Encoding: chunked")])
def test_bodies_have_a_cap(make_registry, extra):
    registry = make_registry(body_max=5000)
    url = start(registry)
    status, headers, data = curl(url, "-X", "PATCH", *OCTETS, *extra, body=BLOB)
    assert status == 413 and data.startswith(b"<html>") and headers["connection"] == ["close"]
    assert chunk(url, BLOB[:5000], 0)[0] == 202


def test_progress_may_be_unknown(make_registry):
    assert curl(start(make_registry(progress=404)))[0] == 404


def test_a_whole_blob_with_post(make_registry):
    for how, status in (("yes", 201), ("session", 202)):
        registry = make_registry(single_post=how)
        url = f"{registry.url}/v2/a/b/blobs/uploads/?digest={digest_of(BLOB)}"
        found, headers, _ = curl(url, "-X", "POST", *OCTETS, body=BLOB)
        assert found == status
        if how == "session":
            assert finish(resolve(url, headers), digest_of(BLOB), BLOB)[0] == 201
        assert registry.state.blob("a/b", digest_of(BLOB)) == BLOB


# ---- mounts ----


@pytest.mark.parametrize("options, source, status", [
    ({}, "&from=a/b", 201), ({}, "&from=a/x", 202), ({"mounts": "refuse"}, "&from=a/b", 202),
    ({"mounts": "forbid"}, "&from=a/b", 403), ({"mounts": 503}, "&from=a/b", 503),
    ({}, "", 202), ({"mount_anywhere": "yes"}, "", 201), ({"mount_anywhere": "fail"}, "", 500),
    ({"mount_referenced": True}, "&from=a/b", 202),
])
def test_mounts(make_registry, options, source, status):
    registry = make_registry(**options)
    digest = registry.state.put_blob("a/b", BLOB)
    url = f"{registry.url}/v2/c/d/blobs/uploads/?mount={digest}{source}"
    assert curl(url, "-X", "POST", body=b"")[0] == status
    assert (digest in registry.state.members.get("c/d", ())) == (status == 201)


def test_mounts_of_what_a_manifest_names(make_registry, image):
    registry = make_registry(mount_referenced=True)
    image.put(registry, "a/b", "1")
    url = f"{registry.url}/v2/c/d/blobs/uploads/?mount={digest_of(image.layers[0])}&from=a/b"
    assert curl(url, "-X", "POST", body=b"")[0] == 201


# ---- manifests, tags, referrers ----


def put_manifest(registry, reference, document, *args, kind=MANIFEST, name="a/b"):
    """The answer to PUT."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return curl(f"{registry.url}/v2/{name}/manifests/{reference}", "-X", "PUT", "-H",
                f"Content-Type: {kind}", *args, body=data)


@pytest.mark.parametrize("how, same, other", [
    ("none", 201, 201), ("others", 201, 400), ("all", 400, 400)])
def test_immutable_tags(make_registry, image, how, same, other):
    registry = make_registry(immutable=how)
    image.put(registry, "a/b", "1")
    second = Image()
    second.put(registry, "a/b")
    assert put_manifest(registry, "1", image.manifest())[0] == same
    assert put_manifest(registry, "1", second.manifest())[0] == other
    assert put_manifest(registry, "2", second.manifest())[0] == 201


def test_repositories_are_made_beforehand(make_registry, image):
    registry = make_registry(auto_create=False)
    status, _, data = curl(f"{registry.url}/v2/a/b/blobs/uploads/", "-X", "POST", body=b"")
    assert status == 404 and b"NAME_UNKNOWN" in data
    registry.state.create("a/b")
    start(registry)
    image.put(registry, "c/d")
    assert put_manifest(registry, "1", image.manifest(), name="c/d")[0] == 201


@pytest.mark.parametrize("how, status", [("accept", 201), ("refuse", 400), (500, 500),
                                         ("require", 400)])
def test_foreign_layers(make_registry, image, how, status):
    registry = make_registry(foreign=how)
    image.put(registry, "a/b")
    document = image.manifest()
    document["layers"][0].update(
        digest="sha256:" + "1" * 64, urls=["https://example.com/x"],
        mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
    assert put_manifest(registry, "1", document)[0] == status


@pytest.mark.parametrize("history, status", [(1, 400), (2, 201), (3, 400), (None, 201)])
def test_history_must_fit(make_registry, image, history, status):
    registry = make_registry(strict_history=True)
    if history is not None:
        image.config["history"] = [{"created_by": "x"}] * history + [{"empty_layer": True}]
    image.put(registry, "a/b")
    assert put_manifest(registry, "1", image.manifest())[0] == status


def test_what_head_and_get_say(make_registry, image):
    registry = make_registry(manifest_type="application/json", stated_digest=False, etags=True)
    digest = image.put(registry, "a/b", "1")
    old = Image().put(registry, "a/b")
    registry.state.stale["a/b", "1"] = old
    url = f"{registry.url}/v2/a/b/manifests/1"
    _, head, _ = curl(url, "-I", "-H", f"Accept: {MANIFEST}")
    assert head["etag"] == [f'"{old}"'], "HEAD of a stale cache"
    status, headers, data = curl(url, "-H", f"Accept: {MANIFEST}")
    assert status == 200 and digest_of(data) == digest
    assert headers["content-type"] == ["application/json"]
    assert "docker-content-digest" not in headers
    assert put_manifest(registry, "1", data, "-H", f'If-Match: "{old}"')[0] == 412
    assert put_manifest(registry, "1", data, "-H", f'If-Match: "{digest}"')[0] == 201


def test_one_accept_line(make_registry, image):
    registry = make_registry(one_accept=True)
    image.put(registry, "a/b", "1")
    url = f"{registry.url}/v2/a/b/manifests/1"
    assert curl(url, "-H", "Accept: a/b", "-H", f"Accept: {MANIFEST}")[0] == 404
    assert curl(url, "-H", f"Accept: a/b, {MANIFEST}")[0] == 200


def test_manifests_are_counted(make_registry, image):
    registry = make_registry(manifest_limit=2)
    image.put(registry, "a/b", "1")
    url = f"{registry.url}/v2/a/b/manifests/1"
    for _ in range(3):
        assert curl(url, "-I", "-H", f"Accept: {MANIFEST}")[0] == 200
    assert [curl(url, "-H", f"Accept: {MANIFEST}")[0] for _ in range(3)] == [200, 200, 429]
    assert registry.counts() == {"HEAD manifest": 3, "GET manifest": 3}


def test_tags(make_registry, image):
    registry = make_registry(tags_page=2, tags_max_n=1000)
    digest = image.put(registry, "a/b", "a")
    for tag in "bcde":
        image.put(registry, "a/b", tag)
    found, url = [], f"{registry.url}/v2/a/b/tags/list"
    for link in ("path", "relative", "absolute"):
        registry.quirks.tags_link = link
        status, headers, data = curl(url)
        assert status == 200
        found += json.loads(data)["tags"]
        to = re.fullmatch(r'<(.*)>; rel="next"', headers.get("link", [""])[0])
        assert bool(to) == (len(found) < 5)
        assert not to or to[1].startswith(
            {"path": "/v2/", "relative": "list?", "absolute": registry.url}[link])
        url = to and resolve(url, {"location": [to[1]]})
    assert found == list("abcde")
    assert curl(f"{registry.url}/v2/a/b/tags/list?n=1001")[0] == 405
    registry.quirks.tags_page = None
    assert json.loads(curl(f"{registry.url}/v2/a/b/tags/list?n=3&last=b")[2])["tags"] == [*"cde"]
    registry.quirks.tags = "digests"
    assert digest in json.loads(curl(f"{registry.url}/v2/a/b/tags/list")[2])["tags"]
    registry.quirks.tags = "holes"
    assert None in json.loads(curl(f"{registry.url}/v2/a/b/tags/list")[2])["tags"]
    registry.quirks.tags = "null"
    assert json.loads(curl(f"{registry.url}/v2/x/tags/list")[2])["tags"] is None


def test_referrers(make_registry, image):
    registry = make_registry()
    digest = image.put(registry, "a/b", "1")
    document = {**image.manifest(), "subject": describe(registry, "a/b", digest),
                "artifactType": "application/x", "annotations": {"k": "v"}}
    url = f"{registry.url}/v2/a/b/referrers/{digest}"
    assert json.loads(curl(url)[2])["manifests"] == []
    status, headers, _ = put_manifest(registry, "sbom", document)
    assert status == 201 and headers["oci-subject"] == [digest]
    status, headers, data = curl(url + "?artifactType=application/x")
    assert headers["content-type"] == [INDEX]
    assert headers["oci-filters-applied"] == ["artifactType"]
    (entry,) = json.loads(data)["manifests"]
    assert entry["artifactType"] == "application/x" and entry["annotations"] == {"k": "v"}
    assert json.loads(curl(url + "?artifactType=application/y")[2])["manifests"] == []
    for how, status in ((False, 404), (406, 406)):
        registry.quirks.referrers = how
        assert curl(url)[0] == status
        assert "oci-subject" not in put_manifest(registry, "sbom", document)[1]


# ---- who you are ----


def token(registry, *scopes, field="token", login=f"{USER}:{PASSWORD}"):
    """A token for scopes."""
    query = "".join(f"&scope={s}" for s in scopes)
    status, _, data = curl(f"{registry.realm}?service=fake-registry{query}", "-u", login)
    return json.loads(data)[field] if status == 200 else status


def with_token(registry, path, text, *args):
    """The status of a request with a token."""
    return curl(f"{registry.url}/v2/{path}", "-H", f"Authorization: Bearer {text}", *args)[0]


@pytest.mark.parametrize("style, lines", [("plain", 1), ("lines", 4), ("joined", 1),
                                          ("bare", 1)])
def test_challenges(make_registry, style, lines):
    registry = make_registry(auth="bearer", challenge=style, **users())
    status, headers, _ = curl(f"{registry.url}/v2/a/b/tags/list")
    found = headers["www-authenticate"]
    assert status == 401 and len(found) == lines
    text = ", ".join(found)
    assert "Bearer realm=" in text and ("Negotiate" in text) == (style in ("lines", "joined"))
    assert ('realm="' in text) == (style != "bare")
    assert 'scope="repository:a/b:pull"' in text or style == "bare"


def test_where_challenges_are(make_registry):
    registry = make_registry(auth="bearer", challenge_on="ping", **users())
    assert "www-authenticate" in curl(f"{registry.url}/v2/")[1]
    status, headers, _ = curl(f"{registry.url}/v2/a/b/tags/list")
    assert status == 401 and "www-authenticate" not in headers
    registry.quirks.challenge_on = "real"
    assert curl(f"{registry.url}/v2/")[0] == 200
    assert "www-authenticate" in curl(f"{registry.url}/v2/a/b/tags/list")[1]


def test_tokens(make_registry, image):
    registry = make_registry(auth="bearer", token_uses=2, token_field="access_token",
                             token_expiry=False, **users())
    image.put(registry, "a/b", "1")
    got = token(registry, "repository:a/b:pull", field="access_token")
    assert [with_token(registry, "a/b/tags/list", got) for _ in range(3)] == [200, 200, 401]
    registry.quirks.token_uses = None
    got = token(registry, "repository:a/x:pull", "repository:a/b:pull", field="access_token")
    assert with_token(registry, "a/b/tags/list", got) == 200
    registry.fault("GET", "/tags/", "expire", skip=1)
    registry.fault("GET", "/tags/", "expire", late=True)
    assert with_token(registry, "a/b/tags/list", got) == 200
    assert with_token(registry, "a/b/tags/list", got) == 401
    registry.quirks.first_scope = True
    got = token(registry, "repository:a/x:pull", "repository:a/b:pull", field="access_token")
    assert with_token(registry, "a/b/tags/list", got) == 401
    registry.quirks.no_delete = True
    assert token(registry, "repository:a/b:delete") == 400


@pytest.mark.parametrize("status", [None, 404, 405, 400, 401])
def test_oauth2(make_registry, status):
    registry = make_registry(auth="bearer", token_post=status, **users())
    registry.access.refresh[IDENTITY] = USER
    form = (f"grant_type=refresh_token&client_id=x&service=fake-registry&scope="
            f"repository:a/b:pull&refresh_token={IDENTITY}")
    assert curl(registry.realm, body=form.encode())[0] == (status or 200)
    assert token(registry, "repository:a/b:pull", login=f"{USER}:{IDENTITY}") not in (400, 401)


def test_cancelling_wants_a_scope(make_registry):
    registry = make_registry(auth="bearer", cancel_needs_delete=True, **users())
    got = token(registry, "repository:a/b:pull,push")
    url = f"{registry.url}/v2/a/b/blobs/uploads/"
    _, headers, _ = curl(url, "-X", "POST", "-H", f"Authorization: Bearer {got}", body=b"")
    url = resolve(url, headers)
    assert curl(url, "-X", "DELETE", "-H", f"Authorization: Bearer {got}")[0] == 401
    got = token(registry, "repository:a/b:pull,push,delete")
    assert curl(url, "-X", "DELETE", "-H", f"Authorization: Bearer {got}")[0] == 204


# ---- faults ----


def test_faults_that_answer(registry):
    url = put_blob(registry)
    registry.fault("GET", "", "status", status=429, retry_after=7)
    assert curl(url)[1]["retry-after"] == ["7"]
    registry.fault("GET", "", "status", status=503, retry_date=9, error=("X", "y"))
    _, headers, data = curl(url)
    assert headers["retry-after"][0].endswith("GMT") and b'"code": "X"' in data
    registry.fault("GET", "", "code", status=203)
    assert (curl(url)[0], curl(url)[0]) == (203, 200)
    assert [e.status for e in registry.log] == [429, 503, 203, 200]


def test_faults_that_cut(registry):
    url = put_blob(registry)
    registry.fault("GET", "", "cut", after=100, times=2)
    assert len(curl(url)[2]) == len(curl(url, "-r", "100-")[2]) == 100
    registry.fault("GET", "", "cut", after=50, reset=True)
    assert len(curl(url)[2]) == 50
    registry.fault("GET", "", "stall", after=70)
    assert len(curl(url, "--max-time", "1")[2]) == 70
    assert [e.complete for e in registry.log] == [False] * 4
    assert registry.sent() == 100 + 100 + 50 + 70


def test_fault_that_gathers(registry):
    url = put_blob(registry)
    rule = registry.fault("GET", "/blobs/", "gather", times=ALL, count=3)
    threads = [threading.Thread(target=curl, args=(url,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rule.most == rule.met == 3
    assert registry.most_at_once("GET", "/blobs/") == 3
    assert registry.most_connections >= 3
    alone = registry.fault("HEAD", "", "gather", count=2, seconds=0.2)
    curl(url, "-I")
    assert alone.most == 1


def test_fault_that_calls(registry):
    url, seen = put_blob(registry), []
    registry.fault("GET", "", "call", do=lambda owner, entry: seen.append((owner, entry.path)))
    curl(url)
    assert seen == [(registry, "/v2/a/b/blobs/" + digest_of(BLOB))]


def test_large_files(registry, tmp_path):
    path = tmp_path / "blob"
    with open(path, "wb") as file:
        file.truncate(300 << 20)
    digest = registry.state.put_file("a/b", path, "sha256:" + "0" * 64)
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{size_download}",
                           f"{registry.url}/v2/a/b/blobs/{digest}"], capture_output=True,
                          check=True, text=True, env=clean_env())
    assert done.stdout == f"200 {300 << 20}"


def test_layouts(registry, tmp_path):
    layout = tmp_path / "layout"
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)
    image = Image()
    for data in [json.dumps(image.manifest()).encode(), image.config_bytes, *image.layers]:
        (blobs / digest_of(data).split(":")[1]).write_bytes(data)
    data = json.dumps(image.manifest()).encode()
    entry = {"mediaType": MANIFEST, "digest": digest_of(data), "size": len(data)}
    (layout / "index.json").write_text(json.dumps({"manifests": [entry]}))
    assert registry.state.put_layout("a/b", "1", layout) == digest_of(data)
    image.there(registry, "a/b", "1")


# ---- another client ----


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_skopeo_gets_along(make_registry, image, tmp_path, profile):
    """None of the profiles is so strange that a client in wide use could not push and pull."""
    registry = make_registry(profile=profile, **users())
    image.config["history"] = [{"created_by": "x"}] * 2
    image.put(registry, "a/b", "1")
    registry.state.create("c/d")
    login = f"{USER}:{PASSWORD}"
    subprocess.run(["skopeo", "copy", "--src-tls-verify=false", "--src-creds", login,
                    f"docker://{registry.host}/a/b:1", f"dir:{tmp_path}/x"],
                   check=True, capture_output=True, env=clean_env())
    subprocess.run(["skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", login,
                    f"dir:{tmp_path}/x", f"docker://{registry.host}/c/d:2"],
                   check=True, capture_output=True, env=clean_env())
    image.there(registry, "c/d", "2")


def test_tables(make_registry):
    """A profile that misspells a quirk fails here."""
    for name in PROFILES:
        make_registry(profile=name)
    with pytest.raises(TypeError):
        make_registry(no_such_quirk=True)
    with pytest.raises(ValueError):
        make_registry().fault("GET", "", "no such fault")
