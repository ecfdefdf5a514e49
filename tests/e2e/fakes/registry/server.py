# SPDX-License-Identifier: Apache-2.0
"""The wire: HTTP/1.1 in threads, routes, faults, and the log of requests."""
import contextlib
import dataclasses
import http.server
import json
import re
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.parse

from . import faults
from .access import Access
from .state import INDEX_TYPES, NAME, Refused, State

BODY_MAX = 4 << 30


@dataclasses.dataclass
class Entry:
    """One request as it came, and the status it got."""
    method: str
    path: str
    query: str
    headers: list
    length: int = 0
    status: int = 0

    def header(self, name):
        """The first value of a header, or None."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @property
    def authorized(self):
        """Whether credentials came with it."""
        return self.header("authorization") is not None


@dataclasses.dataclass
class Answer:
    """What goes back."""
    status: int
    headers: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""


class Stop(Exception):
    """The connection ends here."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection. The registry is `self.server.owner`."""
    protocol_version = "HTTP/1.1"
    timeout = 60

    def setup(self):
        super().setup()
        self.owner = self.server.owner
        self.entry = self.body = None

    def log_message(self, *args):
        pass

    def handle_one_request(self):
        try:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or self.raw_requestline[0] == 0x16:
                if self.raw_requestline:  # somebody tries TLS first
                    self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\nno TLS here\n")
                self.close_connection = True
                return
            if not self.parse_request():
                self.owner.violation("a request that does not parse")
                return
            self.serve()
        except (Stop, ConnectionError, TimeoutError, ssl.SSLError):
            self.close_connection = True

    # ---- the request ----

    def serve(self):
        split = urllib.parse.urlsplit(self.path)
        self.entry = Entry(self.command, split.path, split.query, list(self.headers.items()))
        self.owner.record(self.entry)
        met = [f for f in self.owner.faults if f.meets(self.command, self.path)]
        for fault in met:
            if fault.action == "expire":
                self.owner.access.expire()
            elif fault.action == "wait":
                self.owner.stopping.wait(fault.options.get("seconds", 1))
        try:
            early = next((f for f in met if f.options.get("read_body") is False), None)
            if early:
                self.close_connection = True
            else:
                self.read_body()
            special = next((f for f in met if f.action in faults.ANSWERS), None)
            answer = self.instead(special) if special else self.owner.handle(self)
        except Refused as e:
            if e.violation:
                self.owner.violation(f"{self.command} {self.path}: {e.message}")
            document = {"errors": [{"code": e.code, "message": e.message, "detail": None}]}
            answer = Answer(e.status, {"Content-Type": "application/json", **e.headers},
                            json.dumps(document).encode())
        self.send_answer(answer, [f for f in met if f.action in faults.ALTERS])

    def read_body(self):
        """The body by its length or chunks; a violation where none may be."""
        lengths = self.headers.get_all("Content-Length", [])
        coding = self.headers.get("Transfer-Encoding")
        if self.headers.get("Expect"):
            raise Refused(417, "UNSUPPORTED", "Expect", violation=True)
        if len(self.headers.get_all("Host", [])) != 1:
            raise Refused(400, "UNSUPPORTED", "one Host header is due", violation=True)
        if len(self.headers.get_all("Authorization", [])) > 1:
            raise Refused(400, "UNSUPPORTED", "two Authorization headers", violation=True)
        if self.command in ("GET", "HEAD") and (lengths or coding):
            self.close_connection = True
            raise Refused(400, "UNSUPPORTED", "a body with GET or HEAD", violation=True)
        self.body = b""
        if coding:
            if coding.lower() != "chunked" or lengths:
                self.close_connection = True
                raise Refused(400, "UNSUPPORTED", "bad framing", violation=True)
            self.body = self.read_chunks()
        elif lengths:
            if len(lengths) > 1 or not lengths[0].isdigit() or int(lengths[0]) > BODY_MAX:
                self.close_connection = True
                raise Refused(400, "UNSUPPORTED", "bad Content-Length", violation=True)
            self.body = self.rfile.read(int(lengths[0]))
            if len(self.body) != int(lengths[0]):
                raise Stop
        elif self.command in ("POST", "PUT", "PATCH"):
            raise Refused(411, "UNSUPPORTED", "Content-Length is due", violation=True)
        self.entry.length = len(self.body)

    def read_chunks(self):
        data = bytearray()
        while True:
            line = self.rfile.readline(64)
            if not re.fullmatch(rb"[0-9A-Fa-f]+\r\n", line):
                raise Stop
            size = int(line, 16)
            data += self.rfile.read(size)
            if self.rfile.read(2) != b"\r\n":
                raise Stop
            if size == 0:
                return bytes(data)

    # ---- the answer ----

    def instead(self, fault):
        """The answer of a fault that speaks for the registry."""
        options = fault.options
        if fault.action == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
            self.connection.close()
            raise Stop
        if fault.action == "hang":
            self.owner.stopping.wait()
            raise Stop
        if fault.action == "garbage":
            self.wfile.write(options["raw"])
            self.wfile.flush()
            raise Stop
        if fault.action == "redirect":
            to = options["to"].format(path=self.entry.path, query=self.entry.query)
            return Answer(options.get("status", 307), {"Location": to})
        if fault.action == "echo":
            message = f"bad header {self.headers.get('Authorization')}"
            document = {"errors": [{"code": "UNSUPPORTED", "message": message}]}
            return Answer(options.get("status", 400), {}, json.dumps(document).encode())
        return Answer(options.get("status", 500), options.get("headers", {}),
                      options.get("body", b""))

    def send_answer(self, answer, altering):
        head_only = self.command == "HEAD"
        body, headers = answer.body, dict(answer.headers)
        if head_only:
            headers.setdefault("Content-Length", str(len(body)))
        cut, rate, endless = None, None, None
        for fault in altering:
            options = fault.options
            if fault.action == "cut":
                cut = options.get("after", 0)
            elif fault.action == "truncate":
                body = body[:-options.get("by", 1)]
            elif fault.action == "extend":
                body += b"x" * options.get("by", 1)
            elif fault.action == "swap":
                body = bytes(b ^ 1 for b in body)
            elif fault.action == "endless":
                endless = options.get("total", 1 << 30)
            elif fault.action == "slow":
                rate = options.get("rate", 1024)
            elif fault.action == "header":
                headers = {k: v for k, v in headers.items()
                           if k.lower() != options["name"].lower()}
                if options["value"] is not None:
                    headers[options["name"]] = options["value"]
            elif fault.action == "flood":
                headers |= {f"X-Flood-{i}": "x" * options.get("width", 10)
                            for i in range(options.get("lines", 1000))}
        self.entry.status = answer.status
        self.send_response(answer.status)
        for name, value in headers.items():
            self.send_header(name, value)
        if endless is not None:
            self.send_header("Transfer-Encoding", "chunked")
        elif not head_only:
            self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if head_only:
            return
        if endless is not None:
            self.send_endless(endless)
        if cut is not None and cut < len(body):
            self.wfile.write(body[:cut])
            self.wfile.flush()
            raise Stop
        if rate is None:
            self.wfile.write(body)
            return
        for at in range(0, len(body), rate):
            self.wfile.write(body[at:at + rate])
            self.wfile.flush()
            if self.owner.stopping.wait(1):
                raise Stop

    def send_endless(self, total):
        piece = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
        for _ in range(total // 65536):
            self.wfile.write(piece)
        raise Stop


class Server(http.server.ThreadingHTTPServer):
    """Threads that do not outlive the tests."""
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        self.owner.broken.append(f"{client_address}")
        super().handle_error(request, client_address)


class Server6(Server):
    """The same on IPv6."""
    address_family = socket.AF_INET6


def make_certificate(directory, names=("localhost", "127.0.0.1")):
    """A self-signed certificate and its key in a directory: (cert, key) paths."""
    alt = ",".join(f"IP:{n}" if re.fullmatch(r"[\d.:]+", n) else f"DNS:{n}" for n in names)
    cert, key = f"{directory}/cert.pem", f"{directory}/key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "30", "-subj", f"/CN={names[0]}", "-addext",
         f"subjectAltName={alt}", "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    return cert, key


class Base:
    """A server on a free port of 127.0.0.1; a context manager."""

    def __init__(self, tls=None, address="127.0.0.1", port=0):
        self.log, self.violations, self.broken, self.faults = [], [], [], []
        self.stopping = threading.Event()
        self.server = (Server6 if ":" in address else Server)((address, port), Handler)
        self.server.owner = self
        self.tls = tls
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(
                self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_address[1]
        self.host = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self.thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def fault(self, method, path, action, times=1, skip=0, **options):
        """Adds a rule to the script; see faults.py."""
        rule = faults.Fault(method, path, action, times, skip, options)
        self.faults.append(rule)
        return rule

    def record(self, entry):
        """Keeps a request."""
        self.log.append(entry)

    def violation(self, text):
        """Keeps what a client may not do."""
        self.violations.append(text)

    def requests(self, method=".*", path=""):
        """Requests of the log that match."""
        return [e for e in self.log
                if re.fullmatch(method, e.method) and re.search(path, e.path)]


class Cdn(Base):
    """Another host that blobs are redirected to. Credentials must never get here."""

    def __init__(self, registry, **kwargs):
        super().__init__(**kwargs)
        self.registry = registry
        self.access = registry.access

    def handle(self, handler):
        """GET /<digest>?sig=..."""
        if handler.headers.get("Authorization") or handler.headers.get("Cookie"):
            raise Refused(400, "UNSUPPORTED", "credentials at a foreign host",
                          violation=True)
        digest = handler.entry.path.lstrip("/")
        if "sig=" not in handler.entry.query or digest not in self.registry.state.blobs:
            raise Refused(403, "DENIED", "no signature")
        return Answer(200, {"Content-Type": "binary/octet-stream"},
                      self.registry.state.blobs[digest])


class Registry(Base):
    """The registry. auth: None, "basic" or "bearer". location: "absolute", "path" or
    "relative" upload Locations. mounts: "yes", "refuse" (202) or "forbid" (403)."""

    def __init__(self, auth=None, users=None, anonymous_pull=False, expires_in=300,
                 location="path", mounts="yes", **kwargs):
        super().__init__(**kwargs)
        self.state = State()
        self.access = Access(auth, users, anonymous_pull, expires_in)
        self.location, self.mounts = location, mounts
        self.cdn = None  # blobs come from there
        self.realm = f"{self.url}/token"
        # Some registries say less than they should.
        self.state_digest_header = True

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

    def check(self, handler, *needs):
        """Authentication of a registry request."""
        self.access.check(handler.headers.get("Authorization"), set(needs), self.realm)

    def ping(self, handler, query):
        """GET /v2/"""
        self.check(handler)
        return Answer(200, {"Content-Type": "application/json"}, b"{}")

    def token(self, handler, query):
        """The token endpoint."""
        if handler.command == "POST":
            if handler.headers.get("Content-Type") != "application/x-www-form-urlencoded":
                raise Refused(400, "UNSUPPORTED", "no form", violation=True)
            document = self.access.grant_refresh(handler.body)
        else:
            user = self.access.user_of(handler.headers.get("Authorization"))
            document = self.access.grant(user, query)
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(document).encode())

    def tags(self, handler, query, name):
        """GET tags/list"""
        self.check(handler, (name, "pull"))
        document = {"name": name, "tags": sorted(self.state.tags.get(name, {}))}
        return Answer(200, {"Content-Type": "application/json"}, json.dumps(document).encode())

    # ---- manifests ----

    def get_manifest(self, handler, query, name, reference):
        """GET and HEAD."""
        self.check(handler, (name, "pull"))
        digest, media_type, data = self.state.manifest(name, reference)
        accept = [a.strip().split(";")[0] for v in handler.headers.get_all("Accept", [])
                  for a in v.split(",")]
        if media_type not in accept and "*/*" not in accept:
            raise Refused(404, "MANIFEST_UNKNOWN", f"it is {media_type}, which is not accepted")
        headers = {"Content-Type": media_type}
        if self.state_digest_header:
            headers["Docker-Content-Digest"] = digest
        return Answer(200, headers, data)

    def put_manifest(self, handler, query, name, reference):
        """PUT"""
        self.check(handler, (name, "pull"), (name, "push"))
        media_type = handler.headers.get("Content-Type", "")
        digest = self.state.accept_manifest(name, reference, media_type, handler.body)
        if media_type in INDEX_TYPES and ":" not in reference:
            pass  # an index may be tagged like a manifest
        return Answer(201, {"Location": f"/v2/{name}/manifests/{digest}",
                            "Docker-Content-Digest": digest})

    # ---- blobs ----

    def get_blob(self, handler, query, name, digest):
        """GET, HEAD and ranges; or a redirect to the other host."""
        self.check(handler, (name, "pull"))
        data = self.state.blob(name, digest)
        if self.cdn and handler.command == "GET":
            return Answer(307, {"Location": f"{self.cdn.url}/{digest}?sig=canary-signature"})
        headers = {"Content-Type": "application/octet-stream", "Accept-Ranges": "bytes",
                   "Docker-Content-Digest": digest}
        wanted = handler.headers.get("Range")
        if wanted and handler.command == "GET":
            match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
            if not match or int(match[1]) >= len(data):
                raise Refused(416, "RANGE_INVALID", "bad range")
            end = min(int(match[2] or len(data) - 1), len(data) - 1)
            headers["Content-Range"] = f"bytes {match[1]}-{end}/{len(data)}"
            return Answer(206, headers, data[int(match[1]):end + 1])
        return Answer(200, headers, data)

    def place(self, upload):
        """The Location of a session in the chosen style."""
        path = f"{upload.id}?_state={upload.turn}&x=%2F%3D"
        full = f"/v2/{upload.repository}/blobs/uploads/{path}"
        if self.location == "absolute":
            return self.url + full
        # Relative to ".../blobs/uploads/" for POST, to ".../blobs/uploads/<id>" for PATCH:
        # the same directory.
        return path if self.location == "relative" else full

    def start_upload(self, handler, query, name):
        """POST: a mount, or a session."""
        needs = {(name, "pull"), (name, "push")}
        if "from" in query:
            needs.add((query["from"][0], "pull"))
        self.check(handler, *needs)
        if handler.body:
            raise Refused(400, "UNSUPPORTED", "a body with POST", violation=True)
        if set(query) - {"mount", "from"}:
            raise Refused(400, "UNSUPPORTED", "unknown parameters", violation=True)
        if ("from" in query) != ("mount" in query):
            raise Refused(400, "UNSUPPORTED", "mount and from belong together", violation=True)
        if "mount" in query:
            digest = query["mount"][0]
            if self.mounts == "forbid":
                raise Refused(403, "DENIED", "no mounts here")
            if self.mounts == "yes" and self.state.mount(name, digest, query["from"][0]):
                return Answer(201, {"Location": f"/v2/{name}/blobs/{digest}",
                                    "Docker-Content-Digest": digest})
        return self.accepted(self.state.open_upload(name))

    def accepted(self, upload, status=202):
        """The answer to a step of an upload."""
        return Answer(status, {"Location": self.place(upload), "Docker-Upload-UUID": upload.id,
                               "Range": f"0-{max(len(upload.data) - 1, 0)}"})

    def session(self, handler, query, name, upload):
        """The session of a request, after its authentication."""
        self.check(handler, (name, "pull"), (name, "push"))
        if query.get("x") != ["/="]:
            raise Refused(400, "BLOB_UPLOAD_INVALID", "the query was altered", violation=True)
        return self.state.upload(name, upload, query.get("_state", [""])[0])

    def patch(self, handler, query, name, upload):
        """A chunk."""
        session = self.session(handler, query, name, upload)
        if handler.headers.get("Content-Type") != "application/octet-stream":
            raise Refused(400, "UNSUPPORTED", "wrong Content-Type", violation=True)
        self.state.append(session, handler.body, handler.headers.get("Content-Range"))
        return self.accepted(session)

    def finish_upload(self, handler, query, name, upload):
        """PUT, with or without the last bytes."""
        session = self.session(handler, query, name, upload)
        if handler.body and handler.headers.get("Content-Type") != "application/octet-stream":
            raise Refused(400, "UNSUPPORTED", "wrong Content-Type", violation=True)
        if len(query.get("digest", [])) != 1:
            raise Refused(400, "DIGEST_INVALID", "one digest is due", violation=True)
        digest = query["digest"][0]
        if handler.body:
            self.state.append(session, handler.body, handler.headers.get("Content-Range"))
        self.state.close_upload(session, digest)
        return Answer(201, {"Location": f"/v2/{name}/blobs/{digest}",
                            "Docker-Content-Digest": digest})

    def cancel(self, handler, query, name, upload):
        """DELETE"""
        session = self.session(handler, query, name, upload)
        with self.state.lock:
            self.state.uploads.pop(session.id, None)
        return Answer(204)

    def progress(self, handler, query, name, upload):
        """GET: where an upload stands."""
        return self.accepted(self.session(handler, query, name, upload), 204)


@contextlib.contextmanager
def with_cdn(registry):
    """A registry whose blobs are on another host."""
    with Cdn(registry) as cdn:
        registry.cdn = cdn
        yield cdn
    registry.cdn = None


def wait_forever():
    """For __main__: until a signal."""
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            time.sleep(3600)
