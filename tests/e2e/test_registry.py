# SPDX-License-Identifier: Apache-2.0
"""Pull and push: with a registry that behaves, with every kind that does not, and with
Debian's docker-registry. The fixtures see to it that the store stays whole, that nothing is
left behind, that the protocol is kept and that no secret is shown."""
import base64
import gzip
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from fixtures_registry import (
    ALL, CONFIG, IDENTITY, INDEX, LAYER, MANIFEST, PASSWORD, SECRETS, USER, Image, describe,
    http_get, stored, users)
from registry.state import digest_of
from support import clean_env

# ---- the plain way ----


def test_pull(remote, registry, image):
    digest = image.put(registry, "a/b", "1")
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    want = {digest, digest_of(image.config_bytes), *map(digest_of, image.layers)}
    assert stored(remote) == want
    agent = registry.log[0].header("user-agent")
    assert agent.startswith("s2c/") and len(agent) > 4
    assert not any(e.authorized for e in registry.log)


def test_pull_again_asks_once(remote, registry, image):
    digest = image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    registry.log.clear()
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    assert [e.method for e in registry.log] == ["HEAD"]


def test_pull_by_digest(remote, registry, image):
    digest = image.put(registry, "a/b")
    assert remote.ok("pull", f"{registry.host}/a/b@{digest}") == digest
    registry.log.clear()
    assert remote.ok("pull", f"{registry.host}/a/b@{digest}") == digest
    assert not registry.log


def test_pull_fetches_only_what_is_missing(remote, registry, image):
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    more = Image(layers=1)
    more.raw, more.layers = image.raw + more.raw, image.layers + more.layers
    more.config["rootfs"]["diff_ids"] = [digest_of(raw) for raw in more.raw]
    more.put(registry, "a/b", "2")
    registry.log.clear()
    remote.ok("pull", f"{registry.host}/a/b:2")
    got = [e.path.rsplit("/", 1)[1] for e in registry.requests("GET", "/blobs/")]
    assert sorted(got) == sorted([digest_of(more.layers[-1]), digest_of(more.config_bytes)])


def test_tag_that_moved(remote, registry, image):
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    other = Image().put(registry, "a/b", "1")
    assert remote.ok("pull", f"{registry.host}/a/b:1") == other


@pytest.mark.parametrize("location", ["path", "relative", "absolute"])
def test_push(remote, make_registry, image, location):
    source, target = make_registry(), make_registry(location=location)
    digest = image.put(source, "a/b", "1")
    remote.ok("pull", f"{source.host}/a/b:1")
    pushed = remote.ok("push", f"{source.host}/a/b:1", f"{target.host}/x/y/z:t")
    assert pushed == f"{target.host}/x/y/z@{digest}"
    image.there(target, "x/y/z", "t")
    image.there(target, "x/y/z", digest)
    puts = [e.path.rsplit("/", 1)[1] for e in target.requests("PUT", "/manifests/")]
    assert puts == [digest, "t"], "the digest first, then the tag"
    assert target.log[-1].path.endswith("/manifests/t")


def test_push_again_uploads_nothing(remote, make_registry, image):
    source, target = make_registry(), make_registry()
    image.put(source, "a/b", "1")
    remote.ok("pull", f"{source.host}/a/b:1")
    for _ in range(2):
        target.log.clear()
        remote.ok("push", f"{source.host}/a/b:1", f"{target.host}/a/b:1")
    assert not target.requests("POST") and not target.requests("PUT", "/uploads/")


def test_push_mounts_from_the_repository_it_came_from(remote, registry, image):
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    remote.ok("push", f"{registry.host}/a/b:1", f"{registry.host}/a/c:1")
    image.there(registry, "a/c", "1")
    mounts = [e for e in registry.requests("POST") if "mount=" in e.query]
    assert len(mounts) == 3 and all(e.status == 201 for e in mounts)


@pytest.mark.parametrize("mounts, sessions", [("refuse", 3), ("forbid", 4)])
def test_mount_refused(remote, make_registry, image, mounts, sessions):
    registry = make_registry(mounts=mounts)
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    remote.ok("push", f"{registry.host}/a/b:1", f"{registry.host}/a/c:1")
    image.there(registry, "a/c", "1")
    # A session that a refused mount opened is used and not left lying about; and where
    # mounts are forbidden, one of them is enough to know.
    assert len(registry.requests("POST")) == sessions
    assert not registry.state.uploads


def test_empty_blob_and_deep_names(remote, make_registry, image):
    source, target = make_registry(), make_registry()
    name = "a0.b_c/d__e/f---g/" + "h" * 60
    image.put(source, name, "T_x.y-z")
    remote.ok("pull", f"{source.host}/{name}:T_x.y-z")
    remote.ok("push", f"{source.host}/{name}:T_x.y-z", f"{target.host}/{name}:T_x.y-z")
    image.there(target, name, "T_x.y-z")


# ---- documents ----


def make_index(registry, repository, entries, tag="1"):
    return registry.state.put_manifest(repository, tag, INDEX, {
        "schemaVersion": 2, "mediaType": INDEX, "manifests": entries})


def test_index(remote, registry, image):
    other = Image(architecture="riscv64")
    mine, theirs = image.put(registry, "a/b"), other.put(registry, "a/b")
    attest = Image().put(registry, "a/b")
    inner = make_index(registry, "a/b", [
        describe(registry, "a/b", attest, os="unknown", architecture="unknown"),
        describe(registry, "a/b", theirs, os="linux", architecture="riscv64"),
        describe(registry, "a/b", mine, os="linux", architecture="amd64")])
    assert remote.ok("pull", f"{registry.host}/a/b:1") == mine
    registry.log.clear()
    # Pinned to the index, it is the same image.
    assert remote.ok("pull", f"{registry.host}/a/b@{inner}") == mine
    assert not registry.requests("GET", "/blobs/")


def test_index_without_our_platform(remote, registry, image):
    theirs = image.put(registry, "a/b")
    make_index(registry, "a/b", [
        describe(registry, "a/b", theirs, os="linux", architecture="s390x")])
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="no image for platform")


def test_index_inside_itself_too_often(remote, registry, image):
    digest = image.put(registry, "a/b")
    media_type = MANIFEST
    for depth in range(6):
        entry = describe(registry, "a/b", digest, media_type, os="linux", architecture="amd64")
        digest, media_type = make_index(registry, "a/b", [entry], f"d{depth}"), INDEX
    remote.fails("pull", f"{registry.host}/a/b:d5", status=1, match="indexes inside each other")
    assert not registry.requests("GET", "/blobs/")


def change(**kwargs):
    return lambda document: document.update(kwargs)


def first_layer(**kwargs):
    return lambda document: document["layers"][0].update(kwargs)


DOCUMENTS = {
    "foreign layer": (first_layer(
        mediaType="application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"),
        "not distributable"),
    "unknown layer": (first_layer(mediaType="application/x-thing"), "unknown type|x-thing"),
    "artifact": (lambda d: d["config"].update(mediaType="application/vnd.oci.empty.v1+json"),
                 "artifact|config"),
    "type confusion": (change(mediaType=INDEX), "calls itself"),
    "both kinds": (change(manifests=[]), "manifests"),
    "digest with a path": (first_layer(digest="sha256:../../x"), "digest"),
    "digest in upper case": (first_layer(digest="sha256:" + "A" * 64), "digest"),
    "short digest": (first_layer(digest="sha256:abc"), "digest"),
    "negative size": (first_layer(size=-1), "size"),
    "huge size": (first_layer(size=1 << 62), "size"),
    "size too small": (first_layer(size=10), "larger than 10 bytes"),
    "size too large": (first_layer(size=1 << 20), "size|bytes"),
    "layer left out": (lambda d: d["layers"].pop(), "1 layers|layers"),
    "huge config": (lambda d: d["config"].update(size=1 << 30), "larger|config"),
    "no layers at all": (lambda d: d.pop("layers"), "layers"),
    "list of wrong things": (change(layers=[1, 2]), "must be an object"),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_bad_manifest(remote, registry, image, name):
    alter, match = DOCUMENTS[name]
    document = image.manifest()
    alter(document)
    image.put(registry, "a/b", "1", document)
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match=match)
    remote.fails("inspect", f"{registry.host}/a/b:1", status=1, match="a/b")


@pytest.mark.parametrize("data, match", [
    (b"{}", "a/b"), (b"", "a/b"), (b"[]", "a/b"), (b"<html>", "a/b"),
    (b'{"schemaVersion":1,"fsLayers":[]}', "schema|a/b"),
    (b'{"layers":[],"layers":[]}', "a/b"), (b'{"schemaVersion":2}' + b" " * (5 << 20), "larger"),
])
def test_no_manifest(remote, registry, data, match):
    registry.state.put_manifest("a/b", "1", MANIFEST, data)
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match=match)
    assert not stored(remote)


def test_type_that_says_nothing(remote, registry, image):
    digest = image.put(registry, "a/b", "1")
    for value in ("application/json", None):
        registry.fault("HEAD|GET", "/manifests/", "header", times=2, name="Content-Type",
                       value=value)
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest


def test_digest_that_is_not_stated(remote, registry, image):
    digest = image.put(registry, "a/b", "1")
    registry.quirks.stated_digest = False
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest


def test_no_such_image(remote, registry, image):
    image.put(registry, "a/b", "1")
    for name in ("a/b:2", "a/c:1", f"a/b@sha256:{'0' * 64}"):
        remote.fails("pull", f"{registry.host}/{name}", status=1,
                     match=f"image '{registry.host}/{name}'.*not in")


def test_local_name(remote):
    remote.fails("pull", "just/a/name", status=2, match="names no registry")


# ---- who you are ----


@pytest.fixture(params=["basic", "bearer"])
def guarded(request, make_registry):
    return make_registry(auth=request.param, **users())


def test_login(remote, guarded, image, authfile):
    image.put(guarded, "a/b", "1")
    path = authfile(guarded.host)
    remote.ok("pull", "--authfile", path, f"{guarded.host}/a/b:1")
    assert guarded.requests("GET", "/blobs/")
    remote.ok("push", "--authfile", path, f"{guarded.host}/a/b:1", f"{guarded.host}/x:1")
    image.there(guarded, "x", "1")
    # The first request asks; after that nobody has to be told twice about the same scope.
    refused = [e for e in guarded.log if e.status == 401]
    assert len(refused) <= 4, [(e.method, e.path) for e in refused]


@pytest.mark.parametrize("variable", ["REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR",
                                      "HOME"])
def test_where_credentials_are_found(remote, guarded, image, authfile, tmp_path, variable):
    image.put(guarded, "a/b", "1")
    home = tmp_path / "home"
    places = {"REGISTRY_AUTH_FILE": (home / "x.json", home / "x.json"),
              "DOCKER_CONFIG": (home, home / "config.json"),
              "XDG_RUNTIME_DIR": (home, home / "containers/auth.json"),
              "HOME": (home, home / ".docker/config.json")}
    value, path = places[variable]
    path.parent.mkdir(parents=True)
    authfile(guarded.host).rename(path)
    remote.ok("pull", f"{guarded.host}/a/b:1", env={variable: str(value)})


def test_credential_helper(remote, guarded, image, tmp_path):
    image.put(guarded, "a/b", "1")
    helper = tmp_path / "bin" / "docker-credential-test"
    helper.parent.mkdir()
    helper.write_text(f"""#!/bin/sh
[ "$*" = get ] && [ "$(cat)" = {guarded.host} ] || exit 1
echo '{{"ServerURL":"x","Username":"{USER}","Secret":"{PASSWORD}"}}'
""")
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text('{"credsStore":"test"}')
    env = {"DOCKER_CONFIG": str(tmp_path), "PATH": f"{helper.parent}:/usr/bin:/bin"}
    remote.ok("pull", f"{guarded.host}/a/b:1", env=env)
    helper.write_text(f"#!/bin/sh\necho {PASSWORD}; echo {PASSWORD} >&2; exit 1\n")
    remote.fails("pull", f"{guarded.host}/a/c:1", status=4, match="helper 'test' failed", env=env)


def test_no_credentials(remote, guarded, image, tmp_path):
    image.put(guarded, "a/b", "1")
    remote.fails("pull", f"{guarded.host}/a/b:1", status=4, env={"HOME": str(tmp_path)},
                 match=f"none were found.*looked in '{tmp_path}/.config/containers/auth.json', "
                       f"'{tmp_path}/.docker/config.json'.*s2c login {guarded.host}")
    assert not stored(remote)


@pytest.mark.parametrize("key", ["{}", "https://{}/v1/"])
def test_dockercfg(remote, guarded, image, authfile, app, tmp_path, key):
    """The form that --dockercfg-path of S2I takes too: read by whoever pulls, and never written."""
    image.put(guarded, "a/b", "1")
    path = authfile(guarded.host)
    entry = {**json.loads(path.read_text())["auths"][guarded.host], "email": "a@b.example"}
    path.write_text(json.dumps({key.format(guarded.host): entry}))
    before = path.read_text()
    remote.ok("build", app, f"{guarded.host}/a/b:1", "--as-dockerfile", f"{tmp_path}/out/", "--dockercfg-path", path,
              "--assemble-user", "1001")
    remote.ok("pull", "--authfile", path, f"{guarded.host}/a/b:1")
    for words in (["login", "-u", USER, "--password-stdin"], ["logout"]):
        done = remote.run(*words, guarded.host, "--authfile", path, input=PASSWORD)
        assert done.returncode == 1 and "old form of .dockercfg" in done.stderr, done.stderr
    assert path.read_text() == before
    path.write_text(json.dumps({"127.0.0.1:1": entry}))
    remote.fails("pull", "--authfile", path, f"{guarded.host}/x/y:1", status=4, match="none were found")


def test_wrong_credentials(remote, guarded, image, authfile):
    image.put(guarded, "a/b", "1")
    remote.fails("pull", "--authfile", authfile(guarded.host, "canary-password-x"),
                 f"{guarded.host}/a/b:1", status=4, match="credentials for.*were refused")
    assert len([e for e in guarded.log if e.authorized]) == 1, "refused once is enough"


def test_credentials_of_another_host_stay_home(remote, guarded, image, authfile):
    image.put(guarded, "a/b", "1")
    remote.fails("pull", "--authfile", authfile("127.0.0.1:1"), f"{guarded.host}/a/b:1",
                 status=4, match="none were found")
    assert not any(e.authorized for e in guarded.log)


def test_anonymous_token(remote, make_registry, image):
    registry = make_registry(auth="bearer", anonymous_pull=True, **users())
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    assert len(registry.requests("GET", "/token")) == 1
    remote.fails("push", f"{registry.host}/a/b:1", f"{registry.host}/a/c:1", status=4,
                 match="credentials")


def test_identity_token(remote, make_registry, image, authfile):
    registry = make_registry(auth="bearer", **users())
    registry.access.refresh[IDENTITY] = USER
    image.put(registry, "a/b", "1")
    path = authfile(registry.host, identity=IDENTITY)
    remote.ok("pull", "--authfile", path, f"{registry.host}/a/b:1")
    assert registry.requests("POST", "/token") and not registry.requests("GET", "/token")
    registry.access.refresh.clear()
    remote.fails("pull", "--authfile", path, f"{registry.host}/a/c:1", status=4,
                 match="refused by its token server")


@pytest.mark.parametrize("status", [400, 401, 404, 405])
def test_identity_token_without_post(remote, make_registry, image, authfile, status):
    """Token servers that know GET only, each with its own way to say so."""
    registry = make_registry(auth="bearer", **users())
    registry.access.refresh[IDENTITY] = USER
    digest = image.put(registry, "a/b", "1")
    registry.fault("POST", "^/token", "status", times=ALL, status=status)
    path = authfile(registry.host, identity=IDENTITY)
    assert remote.ok("pull", "--authfile", path, f"{registry.host}/a/b:1") == digest
    assert [e.method for e in registry.requests(path="/token")] == ["POST", "GET"]
    registry.access.refresh.clear()
    remote.fails("pull", "--authfile", path, f"{registry.host}/a/c:1", status=4,
                 match="refused by its token server")


def test_identity_token_and_a_broken_server(remote, make_registry, image, authfile):
    registry = make_registry(auth="bearer", **users())
    registry.access.refresh[IDENTITY] = USER
    image.put(registry, "a/b", "1")
    registry.fault("POST", "^/token", "status", times=ALL, status=403)
    path = authfile(registry.host, identity=IDENTITY)
    remote.fails("pull", "--authfile", path, f"{registry.host}/a/b:1", status=4,
                 match="refused by its token server")
    assert not registry.requests("GET", "/token")


def test_token_expires_in_the_middle(remote, make_registry, image, authfile):
    source, target = make_registry(), make_registry(auth="bearer", **users())
    image.put(source, "a/b", "1")
    remote.ok("pull", f"{source.host}/a/b:1")
    target.fault("PUT", "/uploads/", "expire")
    target.fault("PUT", "/manifests/", "expire")
    remote.ok("push", "--authfile", authfile(target.host), f"{source.host}/a/b:1",
              f"{target.host}/a/b:1")
    image.there(target, "a/b", "1")
    refused = [e.path for e in target.requests("PUT") if e.status == 401]
    assert any("/uploads/" in p for p in refused) and any("/manifests/" in p for p in refused)
    sessions = [e for e in target.requests("POST") if e.status == 202]
    assert len(sessions) == 3, "a refused PUT is all that is repeated"


def test_token_that_is_never_good(remote, make_registry, image, authfile):
    registry = make_registry(auth="bearer", expires_in=0, **users())
    image.put(registry, "a/b", "1")
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=4, match="refused")
    assert len(registry.log) < 10


def test_push_denied(remote, guarded, image, authfile):
    image.put(guarded, "a/b", "1")
    guarded.access.denied.add("a/c")
    path = authfile(guarded.host)
    remote.ok("pull", "--authfile", path, f"{guarded.host}/a/b:1")
    remote.fails("push", "--authfile", path, f"{guarded.host}/a/b:1", f"{guarded.host}/a/c:1",
                 status=4, match="a/c")
    assert "a/c" not in guarded.state.members


@pytest.mark.parametrize("realm, match", [
    ("http://169.254.169.254/latest/meta-data", "private address"),
    ("http://10.0.0.1/token", "private address"),
    ("https://user:pw@example.com/token", "credentials"),
    ("ftp://127.0.0.1/token", "neither https nor http"),
    ("/token", "neither https nor http"),
])
def test_realm(remote, make_registry, authfile, realm, match):
    registry = make_registry(auth="bearer", **users())
    registry.realm = realm
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=1, match=match)


def test_token_server_redirects(remote, make_registry, authfile):
    registry, thief = make_registry(auth="bearer", **users()), make_registry()
    registry.fault("GET", "/token", "redirect", to=f"{thief.url}/v2/", times=ALL)
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=1, match="token server.*status 307")
    assert not thief.log


@pytest.mark.parametrize("part", ["realm", "service", "scope"])
def test_endless_challenge(remote, registry, authfile, part):
    values = {"realm": f"{registry.url}/token", "service": "s", "scope": "x"}
    values[part] += "/" + "x" * 20000
    challenge = ",".join(f'{k}="{v}"' for k, v in values.items())
    registry.fault(".*", "", "status", times=ALL, status=401,
                   headers={"WWW-Authenticate": f"Bearer {challenge}"})
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=1, match="more than 4096 bytes")
    assert len(registry.log) == 1


@pytest.mark.parametrize("body, match", [
    (b"", "token server"), (b"{}", "neither 'token' nor"), (b'{"token":1}', "must be a string"),
    (b'{"token":"a\\r\\nX: y"}', "printable"), (b"x" * (2 << 20), "larger"),
])
def test_bad_tokens(remote, make_registry, authfile, body, match):
    registry = make_registry(auth="bearer", **users())
    registry.fault("GET", "/token", "status", times=ALL, status=200, body=body)
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=1, match=match)


@pytest.mark.parametrize("challenge, match", [
    ('Basic realm="x', "not closed"), ("Negotiate", "does not know"), ("", "does not know"),
    ('Bearer service="x"', "does not know"),
])
def test_bad_challenges(remote, registry, authfile, challenge, match):
    registry.fault(".*", "", "status", times=ALL, status=401,
                   headers={"WWW-Authenticate": challenge})
    done = remote.run("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1")
    assert done.returncode in (1, 4) and match in done.stderr


def test_words_of_a_registry_are_scrubbed(remote, guarded, authfile):
    guarded.fault("GET", "/manifests/", "echo", skip=1, times=ALL)
    digest = "sha256:" + "0" * 64
    done = remote.fails("pull", "--authfile", authfile(guarded.host),
                        f"{guarded.host}/a/b@{digest}", status=1, match="bad header")
    assert "****" in done.stderr


# ---- bad days ----

# name: (fault on the pull of an image with two layers, what is said; None: it works)
PULL_FAULTS = {
    "blob cut once": (("GET", "/blobs/", "cut", dict(after=10000)), None),
    "blob cut at its start": (("GET", "/blobs/", "cut", dict(after=0)), None),
    "blob cut again and again": (("GET", "/blobs/", "cut", dict(after=100, times=ALL)),
                                 "connection to|closed"),
    "manifest cut once": (("GET", "/manifests/", "cut", dict(after=10)), None),
    "connection reset": (("GET", "/blobs/", "reset", dict(times=2)), None),
    "connection always reset": ((".*", "", "reset", dict(times=ALL)), "connection|reset"),
    "429 with a wait": (("GET", "/blobs/", "status",
                         dict(status=429, headers={"Retry-After": "1"})), None),
    "429 for ever": ((".*", "", "status", dict(status=429, times=ALL)), "status 429"),
    "503 twice": (("HEAD", "/manifests/", "status", dict(status=503, times=2)), None),
    "500 for ever": ((".*", "", "status", dict(status=500, times=ALL)), "status 500"),
    "418": ((".*", "", "status", dict(status=418, times=ALL)), "status 418"),
    "200 for everything": ((".*", "", "status", dict(status=200, body=b"hi", times=ALL)),
                           "a/b"),
    "403": ((".*", "", "status", dict(status=403, times=ALL)), None),
    "blob swapped": (("GET", "/blobs/", "swap", dict(times=ALL)), "digest|differ|match"),
    "blob truncated": (("GET", "/blobs/", "truncate", dict(times=ALL, by=5)), "bytes|size"),
    "blob too long": (("GET", "/blobs/", "extend", dict(times=ALL)), "larger than"),
    "blob without end": (("GET", "/blobs/", "endless", dict(times=ALL)), "larger than"),
    "manifest swapped": (("GET", "/manifests/", "swap", dict(times=ALL)), "other bytes"),
    "manifest without end": (("GET", "/manifests/", "endless", dict(times=ALL)), "larger than"),
    "wrong digest stated": (("HEAD", "/manifests/", "header",
                             dict(name="Docker-Content-Digest", value="sha256:" + "0" * 64)),
                            None),  # a stale cache does so
    "digest that is none": ((".*", "/manifests/", "header",
                             dict(name="Docker-Content-Digest", value="sha256:../x",
                                  times=ALL)), "digest"),
    "many headers": ((".*", "", "flood", dict(times=ALL, lines=1000)), "header lines|headers"),
    "long headers": ((".*", "", "flood", dict(times=ALL, lines=90, width=1000)), "head of an"),
    "no http": ((".*", "", "garbage", dict(times=ALL, raw=b"220 ftp ready\r\n")), "proper|HTTP"),
    "folded header": ((".*", "", "garbage", dict(
        times=ALL, raw=b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n")),
        "malformed header"),
    "header without a colon": ((".*", "", "garbage", dict(
        times=ALL, raw=b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n")),
        "malformed header|proper|Header"),
    "interim answers without end": ((".*", "", "garbage", dict(
        times=ALL, raw=b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)), "interim"),
    "redirect without end": (("GET", "/blobs/", "redirect", dict(times=ALL, to="{path}")),
                             "more than 5 redirects"),
    "redirect to nowhere": (("GET", "/blobs/", "status", dict(times=ALL, status=307)),
                            "redirects to nowhere"),
    "redirect to a file": (("GET", "/blobs/", "redirect",
                            dict(times=ALL, to="file:///etc/passwd")), "neither https nor http"),
    "redirect with credentials": (("GET", "/blobs/", "redirect",
                                   dict(times=ALL, to="http://a:b@127.0.0.1/")), "credentials"),
}


@pytest.mark.parametrize("name", PULL_FAULTS)
def test_pull_fault(remote, registry, image, name):
    (method, path, action, options), match = PULL_FAULTS[name]
    digest = image.put(registry, "a/b", "1")
    rule = registry.fault(method, path, action, **options)
    ref = f"{registry.host}/a/b:1"
    if name == "403":
        remote.fails("pull", ref, status=4, match="denies access to repository 'a/b'")
    elif match is None:
        assert remote.ok("pull", ref) == digest
    else:
        remote.fails("pull", ref, status=1, match=match)
        remote.fails("inspect", ref, status=1, match="a/b")
    assert rule.met
    # Afterwards all is as if nothing had been.
    registry.faults.clear()
    assert remote.ok("pull", ref) == digest
    assert not list((remote.root / "tmp").iterdir())


PUSH_FAULTS = {
    "reset while sending": (("PUT", "/uploads/", "reset", dict(read_body=False)), None),
    "answer lost": (("PUT", "/uploads/", "reset", {}), None),
    "500 after the body": (("PUT", "/uploads/", "status", dict(status=500)), None),
    "500 before the body": (("PUT", "/uploads/", "status",
                             dict(status=500, read_body=False)), None),
    "503 for POST": (("POST", "/uploads/", "status", dict(status=503, times=2)), None),
    "429 for PUT": (("PUT", "/uploads/", "status",
                     dict(status=429, headers={"Retry-After": "1"})), None),
    "500 for ever": (("PUT", "/uploads/", "status", dict(status=500, times=ALL)), "status 500"),
    "too large": (("PUT", "/uploads/", "status",
                   dict(status=413, times=ALL, read_body=False)), "status 413"),
    "no Location": (("POST", "/uploads/", "header",
                     dict(name="Location", value=None, times=ALL)), "without Location"),
    "Location of another scheme": (("POST", "/uploads/", "header", dict(
        name="Location", value="file:///etc/passwd", times=ALL)), "neither https nor http"),
    "Location inside of our network": (("POST", "/uploads/", "header", dict(
        name="Location", value="http://169.254.169.254/x", times=ALL)), "private address"),
    "Location without end": (("POST", "/uploads/", "header", dict(
        name="Location", value="/" + "x" * 16300, times=ALL)), "Location of 163.. bytes"),
    "Location with credentials": (("POST", "/uploads/", "header", dict(
        name="Location", value="http://a:b@127.0.0.1/x", times=ALL)), "credentials"),
    "other digest stored": (("PUT", "/uploads/", "header", dict(
        name="Docker-Content-Digest", value="sha256:" + "0" * 64, times=ALL)), "stored"),
    "200 for the upload": (("PUT", "/uploads/", "status", dict(status=200, times=ALL)),
                           "status 200"),
    "200 for the manifest": (("PUT", "/manifests/", "status", dict(status=200, times=ALL)),
                             "stored"),
    "other manifest stored": (("PUT", "/manifests/", "header", dict(
        name="Docker-Content-Digest", value="sha256:" + "0" * 64, times=ALL)), "stored"),
    "tag refused": (("PUT", "/manifests/t$", "status", dict(
        status=400, times=ALL, body=b'{"errors":[{"code":"TAG_INVALID","message":"immutable"}]}'
    )), "TAG_INVALID: immutable"),
    "upload redirected for ever": (("PUT", "/uploads/", "redirect", dict(
        times=ALL, to="{path}?{query}")), "more than 5 redirects"),
    "upload redirected": (("PUT", "/uploads/", "redirect", dict(
        times=2, to="{path}?{query}")), None),
    "session redirected": (("POST", "/uploads/", "redirect", dict(
        times=2, status=308, to="{path}")), None),
    "manifest redirected": (("PUT", "/manifests/", "redirect", dict(
        times=2, to="{path}")), None),
    "upload turned into a GET": (("PUT", "/uploads/", "redirect", dict(
        times=ALL, status=302, to="{path}?{query}")), "redirect of status 302.*refused"),
    "manifest turned into a GET": (("PUT", "/manifests/", "redirect", dict(
        times=ALL, status=303, to="{path}")), "redirect of status 303.*refused"),
    "HEAD lies": (("HEAD", "/blobs/", "status", dict(status=500, times=2)), None),
}


@pytest.mark.parametrize("name", PUSH_FAULTS)
def test_push_fault(remote, make_registry, image, name):
    (method, path, action, options), match = PUSH_FAULTS[name]
    source, target = make_registry(), make_registry()
    image.put(source, "a/b", "1")
    ref = f"{source.host}/a/b:1"
    remote.ok("pull", ref)
    rule = target.fault(method, path, action, **options)
    if match is None:
        remote.ok("push", ref, f"{target.host}/a/b:t")
    else:
        remote.fails("push", ref, f"{target.host}/a/b:t", status=1, match=match)
        assert not target.state.tags.get("a/b") or name == "other manifest stored"
    assert rule.met
    target.faults.clear()
    remote.ok("push", ref, f"{target.host}/a/b:t")
    image.there(target, "a/b", "t")


def test_retries_are_counted(remote, registry, image):
    image.put(registry, "a/b", "1")
    registry.fault("HEAD", "/manifests/", "status", status=503, times=ALL)
    done = remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="503.*try again later")
    assert len(registry.log) == 4
    assert "retry 3 of 3" in done.stderr


def test_404_is_not_tried_again(remote, registry):
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="not in")
    assert len(registry.log) == 1


# ---- other hosts ----


@pytest.mark.parametrize("auth", [None, "basic", "bearer"])
def test_blobs_on_another_host(remote, make_registry, make_cdn, image, authfile, auth):
    registry = make_registry(auth=auth, **users())
    cdn = make_cdn(registry)
    digest = image.put(registry, "a/b", "1")
    flags = ["--authfile", authfile(registry.host)] if auth else []
    assert remote.ok("pull", *flags, f"{registry.host}/a/b:1") == digest
    assert len(cdn.log) == 3 and not any(e.authorized for e in cdn.log)


def test_other_host_asks_for_credentials(remote, make_registry, make_cdn, image, authfile):
    registry = make_registry(auth="bearer", **users())
    cdn = make_cdn(registry)
    image.put(registry, "a/b", "1")
    cdn.fault("GET", "", "status", status=401, times=ALL,
              headers={"WWW-Authenticate": 'Basic realm="give"'})
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=4, match="refused access")
    assert cdn.log and not any(e.authorized for e in cdn.log)


def test_manifest_on_another_host(remote, make_registry, image, authfile):
    first, second = make_registry(auth="basic", **users()), make_registry()
    digest = image.put(second, "a/b", "1")
    first.fault("HEAD|GET", "/", "redirect", skip=1, times=ALL, to=second.url + "{path}")
    path = authfile(first.host)
    assert remote.ok("pull", "--authfile", path, f"{first.host}/a/b:1") == digest
    assert not any(e.authorized for e in second.log)


def test_upload_on_another_host(remote, make_registry, image, authfile):
    source = make_registry()
    target = make_registry(auth="basic", **users())
    other = make_registry()
    image.put(source, "a/b", "1")
    remote.ok("pull", f"{source.host}/a/b:1")
    session = other.state.open_upload("a/b")
    target.fault("POST", "/uploads/", "header", skip=1, times=1, name="Location",
                 value=other.url + other.place(session))
    remote.run("push", "--authfile", authfile(target.host), f"{source.host}/a/b:1",
               f"{target.host}/a/b:1")
    assert other.requests("PUT") and not any(e.authorized for e in other.log)


# ---- TLS and the network ----


def test_tls(remote, make_registry, image, certificate):
    registry = make_registry(tls=certificate)
    digest = image.put(registry, "a/b", "1")
    ref = f"{registry.host}/a/b:1"
    remote.fails("pull", ref, status=4, match="certificate of '127.0.0.1' is not trusted")
    assert not registry.log, "no fall back to plain http when a certificate is bad"
    assert remote.ok("pull", "--ca-file", certificate[0], ref) == digest
    assert remote.ok("pull", "--tls-verify=false", ref) == digest
    assert remote.ok("pull", ref, env={"SSL_CERT_FILE": certificate[0]}) == digest
    remote.ok("push", "--ca-file", certificate[0], ref, f"{registry.host}/x:1")
    image.there(registry, "x", "1")


def test_certificate_for_another_name(remote, make_registry, image, tmp_path):
    from registry.server import make_certificate
    cert = make_certificate(tmp_path, names=("other.example",))
    registry = make_registry(tls=cert)
    remote.fails("pull", "--ca-file", cert[0], f"{registry.host}/a/b:1", status=4,
                 match="not trusted")


def test_https_never_turns_into_http(remote, make_registry, image, certificate):
    registry, plain = make_registry(tls=certificate), make_registry()
    image.put(registry, "a/b", "1")
    image.put(plain, "a/b", "1")
    registry.fault("GET", "/blobs/", "redirect", times=ALL, to=plain.url + "{path}")
    remote.fails("pull", "--ca-file", certificate[0], f"{registry.host}/a/b:1", status=1,
                 match="from https to http")
    assert not plain.log


def test_upload_never_leaves_tls(remote, make_registry, image, certificate):
    registry, plain = make_registry(tls=certificate), make_registry()
    image.put(plain, "a/b", "1")
    remote.ok("pull", f"{plain.host}/a/b:1")
    plain.log.clear()
    registry.fault("POST", "/uploads/", "header", times=ALL, name="Location",
                   value=f"{plain.url}/v2/a/b/blobs/uploads/1")
    remote.fails("push", "--ca-file", certificate[0], f"{plain.host}/a/b:1",
                 f"{registry.host}/a/b:1", status=1, match="plain http: refused")
    assert not plain.log


def own_addresses():
    """IPv4 addresses of this machine that are no loopback ones."""
    done = subprocess.run(["ip", "-j", "-4", "address"], capture_output=True, check=False)
    links = json.loads(done.stdout or "[]")
    found = [a["local"] for link in links for a in link["addr_info"]]
    return [a for a in found if not a.startswith("127.")]


def test_plain_http_only_when_told(remote, make_registry, image, authfile):
    addresses = own_addresses()
    if not addresses:
        pytest.skip("this machine has no address but loopback")
    registry = make_registry(address=addresses[0], auth="basic", **users())
    digest = image.put(registry, "a/b", "1")
    flags = ["--authfile", authfile(registry.host)]
    remote.fails("pull", *flags, f"{registry.host}/a/b:1", status=1,
                 match="does not speak TLS.*--tls-verify=false")
    assert not registry.log
    assert remote.ok("pull", *flags, "--tls-verify=false", f"{registry.host}/a/b:1") == digest


def test_ipv6(remote, make_registry, image):
    try:
        registry = make_registry(address="::1")
    except OSError:
        pytest.skip("this machine has no IPv6")
    digest = image.put(registry, "a/b", "1")
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    remote.ok("push", f"{registry.host}/a/b:1", f"{registry.host}/a/c:1")
    image.there(registry, "a/c", "1")


def test_localhost_by_name(remote, registry, image):
    digest = image.put(registry, "a/b", "1")
    assert remote.ok("pull", f"localhost:{registry.port}/a/b:1") == digest


def test_secret_of_a_proxy(remote):
    env = {"https_proxy": f"http://{USER}:{PASSWORD}@127.0.0.1:1"}
    remote.fails("pull", "registry.invalid/a/b:1", status=1, match="cannot reach", env=env)


def test_nobody_there(remote):
    remote.fails("pull", "127.0.0.1:1/a/b:1", status=1, match="cannot reach '127.0.0.1' port 1")


def test_offline(remote):
    remote.fails("pull", "registry.invalid/a/b:1", status=1,
                 match="cannot reach 'registry.invalid'.*check the name and the network")


def test_proxy_is_not_for_this_machine(remote, registry, image):
    digest = image.put(registry, "a/b", "1")
    env = {"http_proxy": "http://127.0.0.1:1", "https_proxy": "http://127.0.0.1:1",
           "ALL_PROXY": "http://127.0.0.1:1"}
    assert remote.ok("pull", f"{registry.host}/a/b:1", env=env) == digest


def test_netrc_is_not_read(remote, make_registry, image, tmp_path):
    registry = make_registry(auth="basic", **users())
    (tmp_path / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    (tmp_path / ".netrc").chmod(0o600)
    image.put(registry, "a/b", "1")
    remote.fails("pull", f"{registry.host}/a/b:1", status=4, match="none were found",
                 env={"HOME": str(tmp_path)})


@pytest.mark.parametrize("where", ["/manifests/", "/blobs/"])
def test_cancel(remote, registry, image, where):
    image.put(registry, "a/b", "1")
    registry.fault(".*", where, "hang", times=ALL)
    process = remote.start("pull", f"{registry.host}/a/b:1")
    deadline = time.monotonic() + 60
    while not registry.requests(".*", where):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert not list((remote.root / "tmp").iterdir())


def test_cancel_between_retries(remote, registry):
    registry.fault(".*", "", "status", status=503, times=ALL, headers={"Retry-After": "50"})
    process = remote.start("pull", f"{registry.host}/a/b:1")
    deadline = time.monotonic() + 60
    while not registry.log:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_killed_in_the_middle(remote, registry, image):
    digest = image.put(registry, "a/b", "1")
    registry.fault("GET", f"/blobs/{digest_of(image.layers[1])}", "slow", rate=1000)
    process = remote.start("pull", f"{registry.host}/a/b:1")
    deadline = time.monotonic() + 60
    while not (registry.requests("GET", digest_of(image.layers[1])) and
               digest_of(image.layers[0]) in stored(remote)):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.communicate()
    remote.fails("inspect", f"{registry.host}/a/b:1", status=1, match="a/b")
    registry.faults.clear()
    registry.log.clear()
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    assert not registry.requests("GET", digest_of(image.layers[0])), "what was done stays done"
    remote.ok("prune")


# ---- faults of our own side ----


def points_of(remote, log, *args):
    """Names of the fault points that a command passes."""
    remote.ok(*args, env={"S2C_FAULT_LOG": str(log)})
    if not log.exists():
        pytest.skip("this build has no fault points (-Dfault=true)")
    return log.read_text().split("\n")[:-1]


@pytest.mark.parametrize("kill", [False, True])
def test_every_fault_point_of_a_pull(remote, registry, image, tmp_path, kill):
    digest = image.put(registry, "a/b", "1")
    ref = f"{registry.host}/a/b:1"
    points = points_of(remote, tmp_path / "points", "pull", ref)
    assert points.count("http.request") >= 4, points
    failed = 0
    for number, point in enumerate(points, 1):
        shutil.rmtree(remote.root)
        env = {"S2C_FAULT": str(number), **({"S2C_FAULT_KILL": "1"} if kill else {})}
        done = remote.run("pull", ref, env=env)
        failed += done.returncode != 0
        if not kill and done.returncode:  # else it was the tidying up that failed
            remote.assert_clean()
            assert done.stderr.rstrip("\n").split("\n")[-1].startswith(
                "s2c: "), f"{number} {point}: {done.stderr}"
        assert remote.ok("pull", ref) == digest, f"{number} {point}"
        remote.assert_clean()
    assert failed > len(points) / 2


def test_every_fault_point_of_a_push(remote, make_registry, image, tmp_path):
    source = make_registry()
    image.put(source, "a/b", "1")
    ref = f"{source.host}/a/b:1"
    remote.ok("pull", ref)
    target = make_registry()
    points = points_of(remote, tmp_path / "points", "push", ref, f"{target.host}/a/b:1")
    for number, point in enumerate(points, 1):
        name = f"x{number}/y"
        done = remote.run("push", ref, f"{target.host}/{name}:1", env={"S2C_FAULT": str(number)})
        tagged = "1" in target.state.tags.get(name, {})
        if done.returncode == 0 or tagged:
            image.there(target, name, "1")
        remote.ok("push", ref, f"{target.host}/{name}:1")
        image.there(target, name, "1")
        remote.assert_clean()


# ---- the main job ----


@pytest.fixture
def remote_builder(s2c, builder, make_registry):
    """builder/test in a registry where our user may push."""
    registry = make_registry()
    s2c.ok("push", "builder/test", f"{registry.host}/builder/test:1")
    registry.log.clear()
    return f"{registry.host}/builder/test:1"


def test_build_from_and_to_a_registry(remote, remote_builder, guarded, app, authfile, tmp_path):
    name = f"{guarded.host}/team/app"
    pushed = remote.ok("build", "--push", "--authfile", authfile(guarded.host), "--digest-file",
                       tmp_path / "digest", app, remote_builder, f"{name}:1")
    digest, _, manifest = guarded.state.manifest("team/app", "1")
    assert pushed == f"{name}@{digest}"
    assert (tmp_path / "digest").read_text().strip() == digest
    for part in [json.loads(manifest)["config"], *json.loads(manifest)["layers"]]:
        assert len(guarded.state.blob("team/app", part["digest"])) == part["size"]
    assert not guarded.state.uploads, "the upload that asked for permission was cancelled"
    assert remote.ok("pull", "--authfile", authfile(guarded.host), f"{name}:1") == digest


def test_build_that_may_not_push_does_not_begin(remote, remote_builder, guarded, app, authfile):
    guarded.access.denied.add("team/app")
    done = remote.fails("build", "--push", "--authfile", authfile(guarded.host), app,
                        remote_builder, f"{guarded.host}/team/app:1", status=4, match="team/app")
    assert "assemble runs" not in done.stderr
    remote.fails("build", "--push", app, remote_builder, f"{guarded.host}/team/app:1", status=4,
                 match="none were found")


def test_pull_policies(remote, remote_builder, registry, app):
    remote.fails("build", "-p", "never", app, remote_builder, "x", status=1, match="builder/test")
    remote.ok("build", app, remote_builder, "x")
    remote.ok("build", "-p", "never", app, remote_builder, "x")
    gone = remote_builder.replace("builder/test:1", "builder/gone:1")
    remote.fails("build", app, gone, "x", status=1, match="builder/gone.*not in")
    # Nothing listens there any more, and nobody asks.
    remote.ok("tag", remote_builder, "127.0.0.1:1/builder/test:1")
    remote.ok("build", app, "127.0.0.1:1/builder/test:1", "x")
    remote.fails("build", "-p", "always", app, "127.0.0.1:1/builder/test:1", "x", status=1,
                 match="cannot reach '127.0.0.1' port 1")


# ---- other people's programs ----


@pytest.mark.parametrize("tls", [False, True])
def test_docker_registry(remote, registry, image, authfile, certificate, docker_registry, tls):
    host = docker_registry(users=True, tls=tls)
    digest = image.put(registry, "a/b", "1")
    source = f"{registry.host}/a/b:1"
    flags = ["--authfile", authfile(host)] + (["--ca-file", certificate[0]] if tls else [])
    remote.ok("pull", source)
    remote.fails("push", *flags[2:], source, f"{host}/a/b:1", status=4, match="none were found")
    assert remote.ok("push", *flags, source, f"{host}/a/b:1") == f"{host}/a/b@{digest}"
    assert remote.ok("push", *flags, source, f"{host}/a/b:2") == f"{host}/a/b@{digest}"
    remote.ok("push", *flags, f"{source}", f"{host}/c/d:1")
    remote.ok("rmi", source)
    remote.ok("prune", "--all")
    assert not stored(remote)
    assert remote.ok("pull", *flags, f"{host}/a/b:2") == digest
    assert digest_of(image.layers[1]) in stored(remote)
    remote.fails("pull", *flags, f"{host}/a/b:none", status=1, match="not in")
    # Mounts from a/b, where it was pulled from.
    remote.ok("push", *flags, f"{host}/a/b:2", f"{host}/e/f:1")
    if not tls:
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        status, body = http_get(f"http://{host}/v2/e/f/manifests/1",
                                Authorization=f"Basic {login}", Accept=MANIFEST)
        assert status == 200 and digest_of(body) == digest


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
@pytest.mark.parametrize("auth", [None, "basic", "bearer"])
def test_the_scripted_registry_is_one(make_registry, image, auth):
    """Another client finds nothing wrong with it, nor it with that client."""
    registry = make_registry(auth=auth, **users())
    image.put(registry, "a/b", "1")
    login = f"{USER}:{PASSWORD}"
    flags = ["--src-creds", login, "--dest-creds", login] if auth else []
    subprocess.run(["skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", *flags,
                    f"docker://{registry.host}/a/b:1", f"docker://{registry.host}/c/d:2"],
                   check=True, capture_output=True, env=clean_env())
    image.there(registry, "c/d", "2")


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not installed")
def test_skopeo_reads_what_we_push(remote, registry, image, docker_registry, tmp_path):
    host = docker_registry()
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    remote.ok("push", f"{registry.host}/a/b:1", f"{host}/a/b:1")
    target = tmp_path / "copy"
    subprocess.run(["skopeo", "copy", "--src-tls-verify=false", f"docker://{host}/a/b:1",
                    f"dir:{target}"], check=True, capture_output=True, env=clean_env())
    for data in image.layers:
        assert (target / digest_of(data).split(":")[1]).read_bytes() == data
    subprocess.run(["skopeo", "copy", "--dest-tls-verify=false", f"dir:{target}",
                    f"docker://{host}/by/skopeo:1"], check=True, capture_output=True,
                   env=clean_env())
    remote.ok("pull", f"{host}/by/skopeo:1")


def test_a_leaked_secret_would_be_seen(remote):
    """The guard of all the tests above can fail."""
    with pytest.raises(AssertionError):
        remote.run("pull", f"127.0.0.1:1/a/{SECRETS[0]}:1")
