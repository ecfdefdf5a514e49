# SPDX-License-Identifier: Apache-2.0
"""What refers to an image: pushing it, and listing it, where the registry keeps the list and
where clients do."""
import json

import pytest

from fixtures_registry import ALL, INDEX, MANIFEST, Image, describe, login, users
from registry.state import digest_of

BEARER = {"auth": "bearer"}
SBOM = "application/vnd.example.sbom"


def listed(remote, name, *flags):
    """Digests of what refers to an image of a registry."""
    return [entry["digest"] for entry in json.loads(remote.ok("referrers", *flags, name))]


@pytest.fixture
def artifacts(remote, make_registry):
    """Puts images into the store that are there to refer to others; their names."""
    def make(count):
        source = make_registry()
        for number in range(count):
            Image(layers=1, size=1000).put(source, "x/y", str(number))
            remote.ok("pull", f"{source.host}/x/y:{number}")
        return [f"{source.host}/x/y:{number}" for number in range(count)]
    return make


@pytest.mark.parametrize("options", [{}, {"referrers": False}, {"referrers": 406},
                                     {"oci_subject": False}, {"referrers": False, **BEARER}])
def test_referrers(remote, make_registry, pulled, artifacts, authfile, options):
    registry = make_registry(**users(**options))
    flags = login(registry, authfile)
    remote.ok("push", *flags, pulled, f"{registry.host}/c/d:1")
    digest = registry.state.manifest("c/d", "1")[0]
    assert listed(remote, f"{registry.host}/c/d:1", *flags) == []
    for count, name in enumerate(artifacts(2), 1):
        pushed = remote.ok("push", *flags, "--subject", f"{registry.host}/c/d:1", name)
        own = pushed.partition("@")[2]
        document = json.loads(registry.state.manifest("c/d", own)[2])
        assert document["subject"] == describe(registry, "c/d", digest)
        found = listed(remote, f"{registry.host}/c/d@{digest}", *flags)
        assert len(found) == count and own in found
        # Once more changes nothing.
        assert remote.ok("push", *flags, "--subject", f"{registry.host}/c/d@{digest}",
                         name) == pushed
        assert listed(remote, f"{registry.host}/c/d:1", *flags) == found
    assert set(found) == {r["digest"] for r in registry.state.referrers("c/d", digest)}
    # Only where the registry does not keep the list is there a tag with it.
    fallback = digest.replace(":", "-")
    kept = options.get("referrers") not in (None, True) or "oci_subject" in options
    assert (fallback in registry.state.tags["c/d"]) == kept
    if kept:
        _, kind, data = registry.state.manifest("c/d", fallback)
        assert kind == INDEX
        entry = json.loads(data)["manifests"][0]
        assert entry["artifactType"] == "application/vnd.oci.image.config.v1+json"


def test_where_it_goes(remote, make_registry, pulled, artifacts):
    registry, (name,) = make_registry(), artifacts(1)
    remote.ok("push", pulled, f"{registry.host}/c/d:1")
    subject = f"{registry.host}/c/d:1"
    remote.ok("push", "--subject", subject, name, f"{registry.host}/c/d:sbom", "-t", "more")
    digest = registry.state.tags["c/d"]["sbom"]
    assert registry.state.tags["c/d"]["more"] == digest
    assert listed(remote, subject) == [digest]
    registry.log.clear()
    for flags in (["-t", f"{registry.host}/e:1"], [f"{registry.host}/e:1"]):
        remote.fails("push", "--subject", subject, name, *flags, status=2,
                     match="in its repository '.*/c/d', and not in '.*/e'")
    remote.fails("push", "--subject", "c/d", name, status=2, match="--subject.*no registry")
    assert not registry.log
    remote.fails("push", "--subject", f"{registry.host}/c/d:none", name, status=1,
                 match="--subject.*not in")


def fill(registry, count):
    """A registry's list of referrers; returns (subject, [entries])."""
    image = Image()
    subject = image.put(registry, "a/b", "1")
    entries = []
    for number in range(count):
        kind = SBOM if number % 2 else "application/vnd.example.signature"
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind,
                    "config": image.manifest()["config"], "layers": image.manifest()["layers"],
                    "annotations": {"number": str(number)},
                    "subject": describe(registry, "a/b", subject)}
        registry.state.put_manifest("a/b", None, MANIFEST, document)
        data = json.dumps(document).encode()
        entries.append({"mediaType": MANIFEST, "digest": digest_of(data), "size": len(data),
                        "artifactType": kind, "annotations": {"number": str(number)}})
    return subject, entries


@pytest.mark.parametrize("referrers", [True, False])
def test_types(remote, make_registry, referrers):
    registry = make_registry(referrers=referrers)
    subject, entries = fill(registry, 4)
    registry.state.put_manifest("a/b", subject.replace(":", "-"), INDEX, {
        "schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    name = f"{registry.host}/a/b:1"
    assert json.loads(remote.ok("referrers", name)) == entries, "nothing of them is lost"
    assert json.loads(remote.ok("referrers", "--artifact-type", SBOM, name)) == entries[1::2]
    assert listed(remote, name, "--artifact-type", "a/b+c d") == []
    if referrers:
        query = registry.requests("GET", "/referrers/")[-1].query
        assert query == "artifactType=a%2Fb%2Bc%20d"


def page(entries, link=None):
    """The answer with a page."""
    headers = {"Content-Type": INDEX, **({"Link": link} if link else {})}
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    return {"status": 200, "headers": headers, "body": body}


def test_pages(remote, registry):
    _, entries = fill(registry, 3)
    name = f"{registry.host}/a/b:1"
    registry.fault("GET", "/referrers/", "status", **page(
        entries[:1], '</v2/a/b/referrers/x?page=2>; rel="next"'))
    registry.fault("GET", "/referrers/x.page=2", "status", **page(
        entries[1:2], f'<{registry.url}/v2/a/b/referrers/x?page=3>; title="a, b"; rel=next'))
    registry.fault("GET", "/referrers/x.page=3", "status", **page(entries[2:]))
    registry.faults.reverse()  # the more special ones first
    assert json.loads(remote.ok("referrers", name)) == entries


@pytest.mark.parametrize("options, match", [
    (page([], '<http://127.0.0.1:1/x>; rel="next"'), "another host: refused"),
    (page([], '</v2/a/b/referrers/x>; rel="next"'), "more than 100 pages"),
    (page([{"mediaType": MANIFEST, "digest": "sha256:../x", "size": 1}]), "digest"),
    ({"status": 200, "body": b"<html>"}, "list of referrers"),
    ({"status": 200, "body": b'{"schemaVersion":2,"layers":[]}'}, "list of referrers"),
    ({"status": 403}, "denies access"),
    ({"status": 500}, "status 500"),
])
def test_lists_that_are_none(remote, registry, options, match):
    fill(registry, 1)
    registry.fault("GET", "/referrers/", "status", times=ALL, **options)
    status = 4 if options["status"] == 403 else 1
    remote.fails("referrers", "--retry", "0", f"{registry.host}/a/b:1", status=status, match=match)


def test_somebody_else_writes_the_list(remote, make_registry, pulled, artifacts):
    registry, (name,) = make_registry(referrers=False), artifacts(1)
    remote.ok("push", pulled, f"{registry.host}/c/d:1")
    digest = registry.state.manifest("c/d", "1")[0]
    tag, other = digest.replace(":", "-"), Image()
    entry = describe(registry, "c/d", other.put(registry, "c/d"))

    def undo(owner, _):
        owner.state.put_manifest("c/d", tag, INDEX, {
            "schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})

    # What we wrote is gone twice, and then it stays.
    rule = registry.fault("PUT", f"/manifests/{tag}", "call", late=True, times=2, do=undo)
    pushed = remote.ok("push", "--subject", f"{registry.host}/c/d:1", name)
    assert rule.met == 2
    assert set(listed(remote, f"{registry.host}/c/d:1")) == {
        entry["digest"], pushed.partition("@")[2]}
    registry.fault("PUT", f"/manifests/{tag}", "call", late=True, times=ALL, do=undo)
    undo(registry, None)
    # The document itself is there, so its digest is, and the list is not looked at again:
    # another one.
    (second,) = artifacts(1)
    remote.fails("push", "--subject", f"{registry.host}/c/d:1", second, status=1,
                 match="does not keep a new entry")


def test_tag_of_the_list_is_something_else(remote, make_registry, pulled, artifacts):
    registry, (name,) = make_registry(referrers=False), artifacts(1)
    remote.ok("push", pulled, f"{registry.host}/c/d:1")
    digest = registry.state.manifest("c/d", "1")[0]
    registry.state.tags["c/d"][digest.replace(":", "-")] = digest
    remote.fails("push", "--subject", f"{registry.host}/c/d:1", name, status=1,
                 match="list of what refers")
    assert registry.state.tags["c/d"][digest.replace(":", "-")] == digest
