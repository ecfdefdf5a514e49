# SPDX-License-Identifier: Apache-2.0
"""What the registry client has to do and does not do yet. Each test fails today, strictly: who
makes it work takes the mark away, and moves the test to where its like are."""
import pytest

from fixtures_registry import ALL, users

BEARER = {"auth": "bearer"}


def todo(reason):
    """The mark."""
    return pytest.mark.xfail(strict=True, reason=reason)


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


@todo("a token server that is down is taken for a refusal")
def test_token_server_is_down(remote, make_registry, image, authfile):
    registry = make_registry(**users(**BEARER))
    image.put(registry, "a/b", "1")
    registry.fault("GET", "/token", "status", status=503, times=ALL)
    remote.fails("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
                 status=1, match="token server.*status 503.*try again later")
