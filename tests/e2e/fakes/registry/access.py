# SPDX-License-Identifier: Apache-2.0
"""Who may do what: Basic against a table of users, Bearer with tokens of our own making.
Tokens are random, know their scopes and their end, and are forgotten with the server."""
import base64
import binascii
import dataclasses
import re
import secrets
import threading
import time
import urllib.parse

from .state import NAME, Refused


@dataclasses.dataclass
class Token:
    """What a token is good for."""
    end: float
    granted: set
    uses: int = 0


class Access:
    """`kind` is None, "basic" or "bearer"; `quirks` see quirks.py."""

    def __init__(self, quirks, kind=None, users=None, anonymous_pull=False, expires_in=300):
        self.quirks, self.kind, self.users = quirks, kind, users or {}
        self.anonymous_pull, self.expires_in = anonymous_pull, expires_in
        self.refresh = {}  # identity token -> user
        self.tokens = {}
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
        # An identity token is a password too: what is left when OAuth2 is not spoken.
        if password in self.refresh and user in ("<token>", self.refresh[password]):
            return self.refresh[password]
        if user not in self.users or self.users[user] != password:
            raise Refused(401, "UNAUTHORIZED", "wrong user or password")
        return user

    # ---- token endpoint ----

    def _scopes(self, values):
        granted = set()
        scopes = " ".join(values).split()
        for scope in scopes[:1] if self.quirks.first_scope else scopes:
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
        if self.quirks.no_delete and any(action == "delete" for _, action in asked):
            raise Refused(400, "UNSUPPORTED", "delete is not to be had")
        asked = {(n, a) for n, a in asked if not (a == "push" and n in self.denied)}
        token = "tok-" + secrets.token_urlsafe(24)
        with self.lock:
            self.tokens[token] = Token(time.monotonic() + self.expires_in, asked)
        document = {self.quirks.token_field: token}
        if self.quirks.token_expiry:
            document["expires_in"] = self.expires_in
        if self.quirks.token_issued:
            document["issued_at"] = self.quirks.token_issued
        return document

    def grant_refresh(self, body):
        """OAuth2: grant_type=refresh_token."""
        if self.quirks.token_post:
            raise Refused(self.quirks.token_post, "UNSUPPORTED", "no OAuth2 here")
        form = urllib.parse.parse_qs(body.decode(), strict_parsing=True)
        if form.get("grant_type") != ["refresh_token"] or "client_id" not in form:
            raise Refused(400, "UNSUPPORTED", "bad grant", violation=True)
        user = self.refresh.get(form.get("refresh_token", [""])[0])
        if user is None:
            raise Refused(401, "UNAUTHORIZED", "unknown refresh token")
        return self.grant(user, form)

    # ---- the registry's own requests ----

    def check(self, header, needs, realm, ping=False):
        """Passes, or raises Refused with the challenge. `needs` is a set of
        (repository, action), empty for /v2/, which is `ping`."""
        if ping and self.quirks.challenge_on == "real":
            return
        try:
            if self.kind == "basic":
                self._check_basic(header, needs)
            elif self.kind == "bearer":
                self._check_bearer(header, needs, realm)
            elif header is not None:
                raise Refused(400, "UNSUPPORTED", "credentials nobody asked for",
                              violation=True)
        except Refused as e:
            if not ping and self.quirks.challenge_on == "ping":
                e.headers.pop("WWW-Authenticate", None)
            raise

    def _check_basic(self, header, needs):
        challenge = {"WWW-Authenticate": self.challenge('Basic realm="fake, registry"')}
        if header is None and self.anonymous_pull and needs and all(
                a == "pull" for _, a in needs):
            return
        try:
            if self.user_of(header) is None:
                raise Refused(401, "UNAUTHORIZED", "authentication required")
        except Refused as e:
            e.headers.update(challenge)
            raise
        self._check_denied(needs)

    def _check_denied(self, needs):
        if any(a == "push" and n in self.denied for n, a in needs):
            raise Refused(403, "DENIED", "requested access to the resource is denied")

    def challenge(self, own, basic=False):
        """The header's value, or a list of values for a line each."""
        style = self.quirks.challenge
        if style == "bare":
            return re.sub(r'"([^", ]*)"', r"\1", own)
        others = ["Negotiate", 'Digest realm="a, b=\\"c\\"", nonce="x,y", qop="auth,auth-int"']
        if basic:
            others.append('Basic realm="fake, registry"')
        if style == "lines":
            return [*others, own]
        return ", ".join([*others, own]) if style == "joined" else own

    def _check_bearer(self, header, needs, realm):
        scopes = {}
        for name, action in sorted(needs):
            scopes.setdefault(name, []).append(action)
        scope = " ".join(f"repository:{n}:{','.join(a)}" for n, a in scopes.items())
        text = f'Bearer realm="{realm}",service="{self.service}"'
        text += f',scope="{scope}"' if scope else ""

        def refuse(message, extra=""):
            code = "DENIED" if "scope" in extra else "UNAUTHORIZED"
            offer = self.challenge(text + extra, basic=True)
            return Refused(401, code, message, headers={"WWW-Authenticate": offer})

        if header is None:
            raise refuse("authentication required")
        scheme, _, token = header.partition(" ")
        if scheme == "Basic" and self.quirks.challenge in ("lines", "joined"):
            if self.user_of(header):  # it was offered too
                return self._check_denied(needs)
        if scheme != "Bearer":
            raise Refused(400, "UNSUPPORTED", "Bearer was asked for", violation=True)
        with self.lock:
            known = self.tokens.get(token, Token(0, set()))
            known.uses += 1
            spent = self.quirks.token_uses and known.uses > self.quirks.token_uses
        if time.monotonic() >= known.end or spent:
            raise refuse("invalid token", ',error="invalid_token"')
        if not needs <= known.granted:
            raise refuse("insufficient scope", ',error="insufficient_scope"')
        return None
