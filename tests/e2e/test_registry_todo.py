# SPDX-License-Identifier: Apache-2.0
"""What the registry client has to do and does not do yet. Each test fails today, strictly: who
makes it work takes the mark away, and moves the test to where its like are."""
import pathlib
import re
import signal
import time

import pytest

from fixtures_registry import (
    ALL, IDENTITY, USER, Image, login, users)
from registry.state import digest_of

MB = 1 << 20
BEARER = {"auth": "bearer"}


def todo(reason):
    """The mark."""
    return pytest.mark.xfail(strict=True, reason=reason)


@pytest.fixture
def large():
    """An image with one layer of 6 MiB."""
    return Image(layers=1, size=6 * MB)


def layer_path(image, index=0):
    """A pattern for requests about a layer."""
    return digest_of(image.layers[index]).replace(":", "(:|%3[Aa])")


# ---- going on where it broke ----




# ---- in parallel ----




# ---- registries that err ----


@todo("the digest that a stale cache states is the only one that is asked for")
def test_head_of_a_stale_cache(remote, registry, image):
    old = Image()
    digest = image.put(registry, "a/b", "1")
    # HEAD states what is not to be had any more.
    registry.state.stale["a/b", "1"] = old.put(registry, "a/b")
    registry.fault("GET", "/manifests/sha256:", "status", status=404, times=1)
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest




@todo("a 403 to HEAD has no words, and nobody asks for any")
def test_words_of_a_denial(remote, registry, image):
    image.put(registry, "a/b", "1")
    for method in ("HEAD", "GET"):
        registry.fault(method, "/manifests/", "status", status=403, times=ALL,
                       error=("DENIED", "the free plan has ended"))
    remote.fails("pull", f"{registry.host}/a/b:1", status=4, match="the free plan has ended")


# ---- who you are ----


@todo("a 401 without a challenge is the end, where /v2/ would have one")
@pytest.mark.parametrize("options", [{"profile": "gcr"}, {"auth": "basic",
                                                          "challenge_on": "ping"}])
def test_challenge_only_at_the_ping(remote, make_registry, image, authfile, options):
    registry = make_registry(**users(**options))
    image.put(registry, "a/b", "1")
    flags = ["--authfile", authfile(registry.host)]
    remote.ok("pull", *flags, f"{registry.host}/a/b:1")
    remote.ok("push", *flags, f"{registry.host}/a/b:1", f"{registry.host}/c/d:1")
    image.there(registry, "c/d", "1")
    assert len(registry.requests("GET", "/v2/$")) == 1


@todo("a token server that knows no OAuth2 is not asked in the other way")
@pytest.mark.parametrize("status", [400, 401, 404, 405])
def test_no_oauth2(remote, make_registry, image, authfile, status):
    registry = make_registry(token_post=status, **users(**BEARER))
    registry.access.refresh[IDENTITY] = USER
    image.put(registry, "a/b", "1")
    path = authfile(registry.host, password=None, identity=IDENTITY)
    remote.ok("pull", "--authfile", path, f"{registry.host}/a/b:1")
    assert registry.requests("POST", "/token") and registry.requests("GET", "/token")


@todo("a token server that is down is taken for a refusal")
def test_token_server_is_down(remote, make_registry, image, authfile):
    registry = make_registry(**users(**BEARER))
    image.put(registry, "a/b", "1")
    registry.fault("GET", "/token", "status", status=503, times=ALL)
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=1, match="token server.*status 503.*try again later")
