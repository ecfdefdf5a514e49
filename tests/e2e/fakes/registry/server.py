# SPDX-License-Identifier: Apache-2.0
"""The routes of the registry, and the other host that some registries send clients to."""
import contextlib
import dataclasses
import json
import re
import time
import urllib.parse

from .access import Access
from .quirks import PROFILES, Quirks
from .state import NAME, Refused, State
from .wire import Answer, Base, make_certificate

__all__ = ["Cdn", "Registry", "make_certificate", "wait_forever"]

JSON = {"Content-Type": "application/json"}
INDEX = "application/vnd.oci.image.index.v1+json"


def ranged(handler, data, headers, how):
    """The answer with all of the data, or the part that is asked for; `how` as
    Quirks.ranges. If-Range is honoured."""
    wanted = handler.entry.range
    condition = handler.headers.get("If-Range")
    if condition and condition != headers.get("ETag"):
        wanted = None
    if how != "ignore":
        headers["Accept-Ranges"] = "bytes"
    if handler.headers.get("Range") and not handler.entry.range and how != "ignore":
        raise Refused(416, "RANGE_INVALID", "only bytes=N- and bytes=N-M here")
    if not wanted or handler.command != "GET" or how == "ignore":
        return Answer(200, headers, data)
    first, last = wanted
    total = len(data)
    if how == "refuse" or first >= total or (last is not None and last < first):
        raise Refused(416, "RANGE_INVALID", "bad range",
                      headers={"Content-Range": f"bytes */{total}"})
    last = min(total - 1 if last is None else last, total - 1)
    if how == "start" and first:
        first, last = first - 1, last - 1
    said = total + 1 if how == "total" else total
    if how != "silent":
        headers["Content-Range"] = f"bytes {first}-{last}/{said}"
    if how == "lie":
        return Answer(206, headers, memoryview(data)[:last - first + 1])
    return Answer(206, headers, memoryview(data)[first:last + 1])


class Cdn(Base):
    """Another host that blobs are redirected to, and uploads with location="host". A URL is
    good by its signature, until expire(); credentials must never get here."""

    def __init__(self, registry, **kwargs):
        super().__init__(**kwargs)
        self.registry = registry
        self.signature = 0

    def expire(self):
        """URLs that were signed so far are good no more."""
        self.signature += 1

    def sign(self, path):
        """A URL here."""
        sep = "&" if "?" in path else "?"
        return f"{self.url}{path}{sep}sig=canary-signature{self.signature}"

    def handle(self, handler):
        """GET or HEAD /<digest>?sig=..., or a step of an upload."""
        if handler.headers.get("Authorization") or handler.headers.get("Cookie"):
            raise Refused(400, "InvalidArgument", "Only one auth mechanism allowed",
                          violation=True)
        query = urllib.parse.parse_qs(handler.entry.query, keep_blank_values=True)
        if query.get("sig") != [f"canary-signature{self.signature}"]:
            return Answer(403, {"Content-Type": "application/xml"},
                          b"<Error><Code>AccessDenied</Code><Message>Request has expired"
                          b"</Message></Error>")
        if "/blobs/uploads/" in handler.entry.path:
            handler.trusted = True
            return self.registry.handle(handler)
        digest = handler.entry.path.lstrip("/")
        data = self.registry.state.blobs.get(digest)
        if data is None:
            raise Refused(404, "NoSuchKey", "no such key")
        headers = {"Content-Type": "binary/octet-stream", "ETag": f'"{digest}"'}
        return ranged(handler, data, headers, self.registry.quirks.ranges)

    def take(self, handler, keep):
        """As the registry does."""
        handler.trusted = True
        self.registry.take(handler, keep)


class Registry(Base):
    """The registry. auth: None, "basic" or "bearer"; profile: see quirks.PROFILES; all other
    names are fields of Quirks."""

    def __init__(self, profile=None, users=None, tls=None, address="127.0.0.1", port=0,
                 **options):
        super().__init__(tls=tls, address=address, port=port)
        options = {**(PROFILES[profile] if profile else {}), **options}
        names = {f.name for f in dataclasses.fields(Quirks)}
        self.quirks = Quirks(**{k: v for k, v in options.items() if k in names})
        access = {k: v for k, v in options.items() if k not in names}
        self.state = State(self.quirks)
        self.access = Access(self.quirks, access.pop("auth", None), users, **access)
        self.cdn = None  # blobs come from there
        self.own_cdn = None
        self.realm = f"{self.url}/token"
        self.manifest_gets = 0

    def __enter__(self):
        super().__enter__()
        if self.quirks.cdn or self.quirks.location == "host":
            self.own_cdn = Cdn(self, tls=self.tls).__enter__()
            self.cdn = self.own_cdn if self.quirks.cdn else None
        return self

    def __exit__(self, *exc):
        super().__exit__(*exc)
        if self.own_cdn:
            self.own_cdn.__exit__()
            self.violations += self.own_cdn.violations
            self.broken += self.own_cdn.broken

    @property
    def body_max(self):
        """See wire.Base."""
        return self.quirks.body_max

    @property
    def breaks_bodies(self):
        """See wire.Base."""
        return self.quirks.body_bytes

    def expire(self):
        """Tokens."""
        self.access.expire()

    def forget(self):
        """Sessions."""
        self.state.forget_uploads()

    # ---- routes ----

    ROUTES = [
        (r"/v2/", {"GET": "ping", "HEAD": "ping"}),
        (r"/token", {"GET": "token", "POST": "token"}),
        (r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)",
         {"GET": "get_manifest", "HEAD": "get_manifest", "PUT": "put_manifest"}),
        (r"/v2/(?P<name>.+)/blobs/uploads/", {"POST": "start_upload"}),
        (r"/v2/(?P<name>.+)/blobs/uploads/(?P<upload>[^/]+)",
         {"PATCH": "patch", "PUT": "finish_upload", "DELETE": "cancel", "GET": "progress"}),
        (r"/v2/(?P<name>.+)/blobs/(?P<digest>[^/]+)", {"GET": "get_blob", "HEAD": "get_blob"}),
        (r"/v2/(?P<name>.+)/tags/list", {"GET": "tags"}),
        (r"/v2/(?P<name>.+)/referrers/(?P<digest>[^/]+)", {"GET": "referrers"}),
    ]

    def handle(self, handler):
        """The answer to a request."""
        for pattern, methods in self.ROUTES:
            match = re.fullmatch(pattern, handler.entry.path)
            if not match:
                continue
            if handler.command not in methods:
                raise Refused(405, "UNSUPPORTED", "method not allowed", violation=True)
            parts = match.groupdict()
            if "name" in parts and not NAME.fullmatch(parts["name"]):
                raise Refused(400, "NAME_INVALID", "bad repository name", violation=True)
            query = urllib.parse.parse_qs(handler.entry.query, keep_blank_values=True)
            return getattr(self, methods[handler.command])(handler, query, **parts)
        raise Refused(404, "UNSUPPORTED", "no such path", violation=True)

    def check(self, handler, *needs, ping=False):
        """Authentication of a registry request."""
        if not handler.trusted:
            self.access.check(handler.headers.get("Authorization"), set(needs), self.realm,
                              ping)

    def ping(self, handler, query):
        """GET /v2/"""
        self.check(handler, ping=True)
        return Answer(200, {**JSON, "Docker-Distribution-API-Version": "registry/2.0"}, b"{}")

    def token(self, handler, query):
        """The token endpoint."""
        if handler.command == "POST":
            if handler.headers.get("Content-Type") != "application/x-www-form-urlencoded":
                raise Refused(400, "UNSUPPORTED", "no form", violation=True)
            document = self.access.grant_refresh(handler.body)
        else:
            user = self.access.user_of(handler.headers.get("Authorization"))
            document = self.access.grant(user, query)
        return Answer(200, JSON, json.dumps(document).encode())

    def tags(self, handler, query, name):
        """GET tags/list"""
        self.check(handler, (name, "pull"))
        how, found = self.quirks.tags, sorted(self.state.tags.get(name, {}))
        wanted = query.get("n", [""])[0]
        if how == "digests":
            found = sorted([*found, *self.state.manifests.get(name, {})])
        if wanted.isdigit() and self.quirks.tags_max_n and (
                int(wanted) > self.quirks.tags_max_n):
            raise Refused(405, "UNSUPPORTED", f"n is at most {self.quirks.tags_max_n}")
        last = query.get("last", [None])[0]
        rest = [tag for tag in found if last is None or tag > last]
        size = min(int(wanted) if wanted.isdigit() else len(rest) or 1,
                   self.quirks.tags_page or len(rest) or 1)
        page, headers = rest[:size], dict(JSON)
        if len(rest) > size and page:
            where = f"list?last={urllib.parse.quote(page[-1])}&n={size}"
            start = {"path": f"/v2/{name}/tags/", "relative": "",
                     "absolute": f"{self.url}/v2/{name}/tags/"}[self.quirks.tags_link]
            headers["Link"] = f'<{start}{where}>; rel="next"'
        if how == "holes":
            page = [x for tag in page for x in (None, tag, "")]
        document = {"name": name, "tags": None if how == "null" and not page else page}
        return Answer(200, headers, json.dumps(document).encode())

    def referrers(self, handler, query, name, digest):
        """GET referrers"""
        self.check(handler, (name, "pull"))
        if self.quirks.referrers is not True:
            status = self.quirks.referrers or 404
            raise Refused(status, "UNSUPPORTED", "404 page not found")
        kind = query.get("artifactType", [None])[0]
        found = self.state.referrers(name, digest, kind)
        headers = {"Content-Type": INDEX}
        if kind:
            headers["OCI-Filters-Applied"] = "artifactType"
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found}
        return Answer(200, headers, json.dumps(document).encode())

    # ---- manifests ----

    def get_manifest(self, handler, query, name, reference):
        """GET and HEAD."""
        self.check(handler, (name, "pull"))
        head = handler.command == "HEAD"
        if not head and self.quirks.manifest_limit is not None:
            self.manifest_gets += 1
            if self.manifest_gets > self.quirks.manifest_limit:
                raise Refused(429, "TOOMANYREQUESTS", "You have reached your pull rate limit.",
                              headers={"Retry-After": "1", "RateLimit-Remaining": "0"})
        digest, media_type, data = self.state.manifest(name, reference, head)
        lines = handler.headers.get_all("Accept", [])
        if self.quirks.one_accept:
            lines = lines[:1]
        accept = [a.strip().split(";")[0] for v in lines for a in v.split(",")]
        if media_type not in accept and "*/*" not in accept:
            raise Refused(404, "MANIFEST_UNKNOWN", f"it is {media_type}, which is not accepted")
        headers = {"Content-Type": self.quirks.manifest_type or media_type}
        if self.quirks.stated_digest:
            headers["Docker-Content-Digest"] = digest
        if self.quirks.etags:
            headers["ETag"] = f'"{digest}"'
        return Answer(200, headers, data)

    def put_manifest(self, handler, query, name, reference):
        """PUT"""
        self.check(handler, (name, "pull"), (name, "push"))
        self.state.check_repository(name)
        media_type = handler.headers.get("Content-Type", "")
        if_match = handler.headers.get("If-Match") if self.quirks.etags else None
        digest = self.state.accept_manifest(name, reference, media_type, handler.body, if_match)
        headers = {"Location": f"/v2/{name}/manifests/{digest}"}
        if self.quirks.stored_digest:
            headers["Docker-Content-Digest"] = digest
        says = self.quirks.oci_subject
        subject = json.loads(handler.body).get("subject")
        if subject and (says if says is not None else self.quirks.referrers is True):
            headers["OCI-Subject"] = subject["digest"]
        return Answer(201, headers)

    # ---- blobs ----

    def get_blob(self, handler, query, name, digest):
        """GET, HEAD and ranges; or a redirect to the other host."""
        self.check(handler, (name, "pull"))
        data = self.state.blob(name, digest)
        if self.cdn and (handler.command == "GET" or self.quirks.redirect_heads):
            return Answer(self.quirks.redirect_status,
                          {"Location": self.cdn.sign(f"/{digest}")})
        headers = {"Content-Type": "application/octet-stream",
                   "Docker-Content-Digest": digest, "ETag": f'"{digest}"'}
        return ranged(handler, data, headers, self.quirks.ranges)

    # ---- uploads ----

    def place(self, upload):
        """The Location of a session in the chosen style."""
        path = f"{upload.id}?_state={upload.turn}&x=%2F%3D"
        if self.quirks.location == "bare":
            path = f"{upload.id}.{upload.turn}"
        full = f"/v2/{upload.repository}/blobs/uploads/{path}"
        if self.quirks.location == "host":
            return self.own_cdn.sign(full)
        if self.quirks.location == "absolute":
            return self.url + full
        # Relative to ".../blobs/uploads/" for POST, to ".../blobs/uploads/<id>" for PATCH:
        # the same directory.
        return path if self.quirks.location == "relative" else full

    def start_upload(self, handler, query, name):
        """POST: a mount, a whole blob, or a session."""
        needs = {(name, "pull"), (name, "push")}
        if "from" in query:
            needs.add((query["from"][0], "pull"))
        self.check(handler, *needs)
        self.state.check_repository(name)
        if set(query) - {"mount", "from", "digest"}:
            raise Refused(400, "UNSUPPORTED", "unknown parameters", violation=True)
        if "from" in query and "mount" not in query:
            raise Refused(400, "UNSUPPORTED", "from without mount", violation=True)
        if "mount" in query:
            answer = self.mount(name, query["mount"][0], query.get("from", [None])[0])
            if answer:
                return answer
        if "digest" in query and self.quirks.single_post == "yes":
            upload = self.state.open_upload(name)
            self.state.append(upload, handler.body, None, last=True)
            self.state.close_upload(upload, query["digest"][0])
            return self.stored(name, query["digest"][0])
        if handler.body and "digest" not in query:
            raise Refused(400, "UNSUPPORTED", "a body with POST", violation=True)
        answer = self.accepted(self.state.open_upload(name))
        if self.quirks.chunk_min is not None:
            answer.headers["OCI-Chunk-Min-Length"] = str(self.quirks.chunk_min)
        return answer

    def mount(self, name, digest, source):
        """The answer to a mount; None: a session instead."""
        how = self.quirks.mounts
        if how == "forbid":
            raise Refused(403, "DENIED", "no mounts here")
        if isinstance(how, int):
            raise Refused(how, "UNKNOWN", "unknown error")
        if source is None and self.quirks.mount_anywhere == "fail":
            raise Refused(500, "UNKNOWN", "from is missing")
        if source is None and self.quirks.mount_anywhere != "yes":
            return None
        if how == "yes" and self.state.mount(name, digest, source):
            return self.stored(name, digest)
        return None

    def stored(self, name, digest):
        """201 for a blob."""
        headers = {"Location": f"/v2/{name}/blobs/{digest}"}
        if self.quirks.stored_digest:
            headers["Docker-Content-Digest"] = digest
        return Answer(201, headers)

    def accepted(self, upload, status=202):
        """The answer to a step of an upload."""
        headers = {"Location": self.place(upload), "Docker-Upload-UUID": upload.id}
        if self.quirks.range_header:
            headers["Range"] = upload.range
        return Answer(status, headers)

    def session(self, handler, query, name, upload):
        """The session of a request, after its authentication."""
        self.check(handler, (name, "pull"), (name, "push"))
        if self.quirks.location == "bare":
            upload, _, turn = upload.partition(".")
            return self.state.upload(name, upload, turn)
        if query.get("x") != ["/="]:
            raise Refused(400, "BLOB_UPLOAD_INVALID", "the query was altered", violation=True)
        return self.state.upload(name, upload, query.get("_state", [""])[0])

    def take(self, handler, keep):
        """What came of a body that broke off stays in its session, where it came from; its
        Location stays too, for nobody was told another."""
        match = re.fullmatch(r"/v2/(.+)/blobs/uploads/([^/]+)", handler.entry.path)
        if not keep or not match:
            return
        query = urllib.parse.parse_qs(handler.entry.query, keep_blank_values=True)
        with contextlib.suppress(Refused), self.state.lock:
            session = self.session(handler, query, match[1], match[2])
            start = re.match(r"\d+", handler.headers.get("Content-Range", ""))
            if not start or int(start[0]) == len(session.data):
                session.data += handler.body

    def patch(self, handler, query, name, upload):
        """A chunk."""
        session = self.session(handler, query, name, upload)
        if handler.headers.get("Content-Type") != "application/octet-stream":
            raise Refused(400, "UNSUPPORTED", "wrong Content-Type", violation=True)
        self.state.append(session, handler.body, handler.headers.get("Content-Range"))
        return self.accepted(session, self.quirks.patch_status)

    def finish_upload(self, handler, query, name, upload):
        """PUT, with or without the last bytes."""
        session = self.session(handler, query, name, upload)
        if handler.body and handler.headers.get("Content-Type") != "application/octet-stream":
            raise Refused(400, "UNSUPPORTED", "wrong Content-Type", violation=True)
        if len(query.get("digest", [])) != 1:
            raise Refused(400, "DIGEST_INVALID", "one digest is due", violation=True)
        if handler.body:
            self.state.append(session, handler.body, handler.headers.get("Content-Range"),
                              last=True)
        self.state.close_upload(session, query["digest"][0])
        return self.stored(name, query["digest"][0])

    def cancel(self, handler, query, name, upload):
        """DELETE"""
        session = self.session(handler, query, name, upload)
        if self.quirks.cancel_needs_delete and self.access.kind == "bearer":
            self.check(handler, (name, "delete"))
        with self.state.lock:
            self.state.uploads.pop(session.id, None)
        return Answer(204)

    def progress(self, handler, query, name, upload):
        """GET: where an upload stands."""
        session = self.session(handler, query, name, upload)
        if self.quirks.progress != 204:
            raise Refused(self.quirks.progress, "UNSUPPORTED", "no such thing")
        return self.accepted(session, 204)


def wait_forever():
    """For __main__: until a signal."""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
