# SPDX-License-Identifier: Apache-2.0
"""Who may do what: Basic against a table of users, Bearer with tokens of our own making.
Tokens are random, know their scopes and their end, and are forgotten with the server."""
import base64
import binascii
import secrets
import threading
import time
import urllib.parse

from .state import NAME, Refused


class Access:
    """`kind` is None, "basic" or "bearer"."""

    def __init__(self, kind=None, users=None, anonymous_pull=False, expires_in=300):
        self.kind, self.users = kind, users or {}
        self.anonymous_pull, self.expires_in = anonymous_pull, expires_in
        self.refresh = {}  # identity token -> user
        self.tokens = {}  # token -> (end, {(repository, action)})
        self.denied = set()  # repositories that nobody may push to
        self.lock = threading.Lock()
        self.service = "fake-registry"

    def expire(self):
        """Every token is worthless from now on."""
        with self.lock:
            self.tokens.clear()

    def user_of(self, header):
        """The user of a Basic header; None without one; Refused when it is wrong."""
        if header is None:
            return None
        scheme, _, value = header.partition(" ")
        try:
            if scheme != "Basic":
                raise ValueError
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (ValueError, binascii.Error) as e:
            raise Refused(400, "UNAUTHORIZED", "no Basic header", violation=True) from e
        if user == "<token>" and password in self.refresh:
            return self.refresh[password]
        if user not in self.users or self.users[user] != password:
            raise Refused(401, "UNAUTHORIZED", "wrong user or password")
        return user

    # ---- token endpoint ----

    def _scopes(self, values):
        granted = set()
        for scope in " ".join(values).split():
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            if kind != "repository" or not NAME.fullmatch(name):
                raise Refused(400, "UNSUPPORTED", f"bad scope {scope!r}", violation=True)
            granted |= {(name, action) for action in actions.split(",")}
        return granted

    def grant(self, user, query):
        """The answer document of the token endpoint."""
        if query.get("service") != [self.service]:
            raise Refused(400, "UNSUPPORTED", "wrong service", violation=True)
        asked = self._scopes(query.get("scope", []))
        if user is None:
            if not self.anonymous_pull:
                raise Refused(401, "UNAUTHORIZED", "login first")
            asked = {(name, action) for name, action in asked if action == "pull"}
        asked = {(n, a) for n, a in asked if not (a == "push" and n in self.denied)}
        token = "tok-" + secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = (time.monotonic() + self.expires_in, asked)
        return {"token": token, "expires_in": self.expires_in}

    def grant_refresh(self, body):
        """OAuth2: grant_type=refresh_token."""
        form = urllib.parse.parse_qs(body.decode(), strict_parsing=True)
        if form.get("grant_type") != ["refresh_token"] or "client_id" not in form:
            raise Refused(400, "UNSUPPORTED", "bad grant", violation=True)
        user = self.refresh.get(form.get("refresh_token", [""])[0])
        if user is None:
            raise Refused(401, "UNAUTHORIZED", "unknown refresh token")
        return self.grant(user, form)

    # ---- the registry's own requests ----

    def check(self, header, needs, realm):
        """Passes, or raises Refused with the challenge. `needs` is a set of
        (repository, action), empty for /v2/."""
        if self.kind == "basic":
            self._check_basic(header, needs)
        elif self.kind == "bearer":
            self._check_bearer(header, needs, realm)
        elif header is not None:
            raise Refused(400, "UNSUPPORTED", "credentials nobody asked for", violation=True)

    def _check_basic(self, header, needs):
        challenge = {"WWW-Authenticate": 'Basic realm="fake, registry"'}
        if header is None and self.anonymous_pull and needs and all(
                a == "pull" for _, a in needs):
            return
        try:
            if self.user_of(header) is None:
                raise Refused(401, "UNAUTHORIZED", "authentication required")
        except Refused as e:
            e.headers.update(challenge)
            raise
        if any(a == "push" and n in self.denied for n, a in needs):
            raise Refused(403, "DENIED", "requested access to the resource is denied")

    def _check_bearer(self, header, needs, realm):
        scopes = {}
        for name, action in sorted(needs):
            scopes.setdefault(name, []).append(action)
        scope = " ".join(f"repository:{n}:{','.join(a)}" for n, a in scopes.items())
        challenge = f'Bearer realm="{realm}",service="{self.service}"'
        challenge += f',scope="{scope}"' if scope else ""
        if header is None:
            raise Refused(401, "UNAUTHORIZED", "authentication required",
                          headers={"WWW-Authenticate": challenge})
        scheme, _, token = header.partition(" ")
        if scheme != "Bearer":
            raise Refused(400, "UNSUPPORTED", "Bearer was asked for", violation=True)
        with self.lock:
            end, granted = self.tokens.get(token, (0, set()))
        if time.monotonic() >= end:
            raise Refused(401, "UNAUTHORIZED", "invalid token", headers={
                "WWW-Authenticate": challenge + ',error="invalid_token"'})
        if not needs <= granted:
            raise Refused(401, "DENIED", "insufficient scope", headers={
                "WWW-Authenticate": challenge + ',error="insufficient_scope"'})
