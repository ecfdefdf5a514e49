# SPDX-License-Identifier: Apache-2.0
"""The wire: HTTP/1.1 in threads, faults, and the log of requests. What is asked for is no
business of this file: the owner's handle() gives the Answer."""
import collections
import dataclasses
import fcntl
import http.server
import json
import re
import socket
import ssl
import struct
import subprocess
import termios
import threading
import time

from . import faults
from .state import Refused

BODY_MAX = 4 << 30
TOGETHER_MAX = 16384  # a body up to this goes out in one packet with its head
LINGER_SECONDS = 10


@dataclasses.dataclass
class Entry:
    """One request as it came, and what it got."""
    method: str
    path: str
    query: str
    headers: list
    length: int = 0  # bytes of its body that were read
    status: int = 0
    sent: int = 0  # bytes of the answer's body; counted before they go, so no test waits
    complete: bool = False  # the whole answer went out
    connection: int = 0  # which connection of the server, from 1
    begun: int = 0  # the server's count of beginnings and ends of requests
    ended: int = 0
    faults: list = dataclasses.field(default_factory=list)  # actions that it met

    def header(self, name):
        """The first value of a header, or None."""
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @property
    def authorized(self):
        """Whether credentials came with it."""
        return self.header("authorization") is not None

    @property
    def range(self):
        """(first, last or None) of a Range, or None."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.header("range") or "")
        return match and (int(match[1]), int(match[2]) if match[2] else None)

    @property
    def kind(self):
        """What it is about: "ping", "token", "manifest", "blob", "upload", "tags",
        "referrers" or "other"."""
        if self.path in ("/v2/", "/token"):
            return {"/v2/": "ping", "/token": "token"}[self.path]
        kinds = {"/manifests/": "manifest", "/blobs/uploads/": "upload", "/blobs/": "blob",
                 "/tags/": "tags", "/referrers/": "referrers", "sha256:": "blob"}
        return next((kind for part, kind in kinds.items() if part in self.path), "other")


@dataclasses.dataclass
class Answer:
    """What goes back. A header's value may be a list, for several lines."""
    status: int
    headers: dict = dataclasses.field(default_factory=dict)
    body: object = b""  # bytes or a memoryview


class Stop(Exception):
    """The connection ends here."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One connection. The registry is `self.server.owner`."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def setup(self):
        super().setup()
        self.owner = self.server.owner
        self.entry = self.body = None
        self.trusted = False  # a signed request: no other authentication is due
        self.broken = False  # the body of the request was not read to its end
        self.number = self.owner.connected()

    def finish(self):
        try:
            super().finish()
        finally:
            self.owner.disconnected()

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
        path, _, query = self.path.partition("?")
        self.entry = Entry(self.command, path, query, list(self.headers.items()),
                           connection=self.number)
        self.trusted = False
        self.owner.record(self.entry)
        met = [f for f in self.owner.faults if f.meets(self.command, self.path)]
        self.entry.faults = [f.action for f in met]
        try:
            for fault in met:
                self.beside(fault, late=False)
            self.send_answer(self.find_answer(met),
                             [f for f in met if f.action in faults.ALTERS])
            self.entry.complete = True
        finally:
            for fault in met:
                self.beside(fault, late=True)
            self.owner.done(self.entry)

    def beside(self, fault, late):
        """What happens beside an answer, before it or after it."""
        options = fault.options
        if bool(options.get("late")) != late:
            return
        if fault.action == "expire":
            self.owner.expire()
        elif fault.action == "forget":
            self.owner.forget()
        elif fault.action == "wait":
            self.owner.stopping.wait(options.get("seconds", 1))
        elif fault.action == "gather":
            fault.gather(self.owner.stopping)
        elif fault.action == "call":
            options["do"](self.owner, self.entry)

    def find_answer(self, met):
        """The registry's answer, or that of a fault instead."""
        special = next((f for f in met if f.action in faults.ANSWERS), None)
        try:
            taking = special.options.get("after", 0) if (
                special and special.action == "take") else None
            if taking is None and self.owner.breaks_bodies and self.command in ("PUT", "PATCH"):
                taking = self.owner.breaks_bodies
            if special and special.options.get("read_body") is False:
                self.close_connection = True
            else:
                self.read_body(taking)
            if taking is not None and self.broken:
                keep = special is None or special.options.get("keep", True)
                self.owner.take(self, keep)
                self.reset()
            if special and special.action != "take":
                return self.instead(special)
            return self.owner.handle(self)
        except Refused as e:
            if e.violation:
                self.owner.violation(f"{self.command} {self.path}: {e.message}")
            document = {"errors": [{"code": e.code, "message": e.message, "detail": None}]}
            return Answer(e.status, {"Content-Type": "application/json", **e.headers},
                          json.dumps(document).encode())

    def read_body(self, taking=None):
        """The body by its length or chunks; a violation where none may be. With `taking` no
        more than so many bytes; `broken` tells whether there were more."""
        self.body, self.broken = b"", False
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
        if coding:
            if coding.lower() != "chunked" or lengths:
                self.close_connection = True
                raise Refused(400, "UNSUPPORTED", "bad framing", violation=True)
            self.body = self.read_chunks(taking)
        elif lengths:
            if len(lengths) > 1 or not lengths[0].isdigit() or int(lengths[0]) > BODY_MAX:
                self.close_connection = True
                raise Refused(400, "UNSUPPORTED", "bad Content-Length", violation=True)
            size = int(lengths[0])
            self.check_size(size)
            self.broken = taking is not None and taking < size
            due = taking if self.broken else size
            self.body = self.rfile.read(due)
            if len(self.body) != due:
                self.entry.length = len(self.body)
                raise Stop
        elif self.command in ("POST", "PUT", "PATCH"):
            raise Refused(411, "UNSUPPORTED", "Content-Length is due", violation=True)
        self.entry.length = len(self.body)

    def check_size(self, size):
        """A proxy before the registry has no patience with large bodies, and hangs up."""
        if self.owner.body_max is None or size <= self.owner.body_max:
            return
        self.entry.length = size
        self.close_connection = True
        page = b"<html><head><title>413 Request Entity Too Large</title></head></html>"
        self.send_answer(Answer(413, {"Content-Type": "text/html"}, page), [])
        # Without this the answer may be lost in the reset that unread bytes cause.
        try:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            while self.rfile.read1(65536):
                pass
        except OSError:
            pass  # a client that took the answer may have hung up already
        raise Stop

    def read_chunks(self, taking):
        data = bytearray()
        while True:
            line = self.rfile.readline(64)
            if not re.fullmatch(rb"[0-9A-Fa-f]+\r\n", line):
                raise Stop
            size = int(line, 16)
            data += self.rfile.read(size)
            self.check_size(len(data))
            if taking is not None and len(data) > taking:
                self.broken = True
                return bytes(data[:taking])
            if self.rfile.read(2) != b"\r\n":
                raise Stop
            if size == 0:
                return bytes(data)

    # ---- the answer ----

    def delivered(self):
        """Waits until the peer's side has all that was sent: a reset throws away the rest."""
        end = time.monotonic() + LINGER_SECONDS
        while time.monotonic() < end and not self.owner.stopping.wait(0.005):
            left = fcntl.ioctl(self.connection.fileno(), termios.TIOCOUTQ, b"\0" * 4)
            if not any(left):
                return

    def reset(self):
        """RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                   struct.pack("ii", 1, 0))
        self.connection.close()
        raise Stop

    def instead(self, fault):
        """The answer of a fault that speaks for the registry."""
        options = fault.options
        if fault.action == "reset":
            self.reset()
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
        return Answer(*fault.answer())

    def send_answer(self, answer, altering):
        """With all that alters it."""
        head_only = self.command == "HEAD" or answer.status in (204, 304)
        body, headers, status = memoryview(answer.body), dict(answer.headers), answer.status
        if self.command == "HEAD":
            headers.setdefault("Content-Length", str(len(body)))
        end, rate, endless, last = None, None, None, None
        for fault in altering:
            options = fault.options
            if fault.action in ("cut", "stall"):
                end, last = options.get("after", 0), fault
            elif fault.action == "truncate":
                body = body[:-options.get("by", 1)]
            elif fault.action == "extend":
                body = memoryview(bytes(body) + b"x" * options.get("by", 1))
            elif fault.action == "swap":
                body = memoryview(bytes(b ^ 1 for b in body))
            elif fault.action == "endless":
                endless = options.get("total", 1 << 30)
            elif fault.action == "slow":
                rate = options.get("rate", 1024)
            elif fault.action == "code":
                status = options["status"]
            elif fault.action == "header":
                headers = {k: v for k, v in headers.items()
                           if k.lower() != options["name"].lower()}
                if options["value"] is not None:
                    headers[options["name"]] = options["value"]
            elif fault.action == "flood":
                headers |= {f"X-Flood-{i}": "x" * options.get("width", 10)
                            for i in range(options.get("lines", 1000))}
        if endless is not None:
            headers["Transfer-Encoding"] = "chunked"
        elif not head_only:
            headers["Content-Length"] = str(len(body))
        if self.close_connection:
            headers["Connection"] = "close"
        head = self.head(status, headers)
        if endless is not None and not head_only:
            self.wfile.write(head)
            self.send_endless(endless)
        if head_only:
            body = memoryview(b"")
        self.send_body(head, body, rate, end)
        if end is not None and end < len(body):
            self.wfile.flush()
            if last.action == "stall":
                self.owner.stopping.wait()
            if last.options.get("reset"):
                self.delivered()
                self.reset()
            raise Stop

    def head(self, status, headers):
        """Bytes of the status line and the headers."""
        self.entry.status = status
        self.send_response(status)
        for name, value in headers.items():
            for line in value if isinstance(value, list) else [value]:
                self.send_header(name, line)
        self._headers_buffer.append(b"\r\n")
        data, self._headers_buffer = b"".join(self._headers_buffer), []
        return data

    def send_body(self, head, body, rate, end):
        """Up to `end` bytes of it, slowly or at once."""
        if end is not None:
            body = body[:end]
        if rate is None:
            self.entry.sent += len(body)
            if len(body) <= TOGETHER_MAX:
                self.wfile.write(head + body)
            else:
                self.wfile.write(head)
                self.wfile.write(body)
            return
        self.wfile.write(head)
        step = max(rate // 10, 1)
        for at in range(0, len(body), step):
            self.entry.sent += len(body[at:at + step])
            self.wfile.write(body[at:at + step])
            if self.owner.stopping.wait(step / rate):
                raise Stop

    def send_endless(self, total):
        piece = b"%x\r\n" % 65536 + b"x" * 65536 + b"\r\n"
        for _ in range(total // 65536):
            self.entry.sent += 65536
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
    body_max = None  # larger request bodies are 413
    breaks_bodies = None  # uploads break after so many bytes

    def __init__(self, tls=None, address="127.0.0.1", port=0):
        self.log, self.violations, self.broken, self.faults = [], [], [], []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.clock = self.connections = self.connections_open = 0
        self.most_connections = 0  # open at once
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

    # ---- for faults ----

    def expire(self):
        """What gave access gives none any more."""

    def forget(self):
        """Open uploads are gone."""

    def take(self, handler, keep):
        """A part of an upload's body came, and no more."""

    # ---- the log ----

    def connected(self):
        """A connection begins; its number."""
        with self.lock:
            self.connections += 1
            self.connections_open += 1
            self.most_connections = max(self.most_connections, self.connections_open)
            return self.connections

    def disconnected(self):
        """It ends."""
        with self.lock:
            self.connections_open -= 1

    def record(self, entry):
        """Keeps a request."""
        with self.lock:
            self.clock += 1
            entry.begun = self.clock
            self.log.append(entry)

    def done(self, entry):
        """It was answered, or never will be."""
        with self.lock:
            self.clock += 1
            entry.ended = self.clock

    def violation(self, text):
        """Keeps what a client may not do."""
        self.violations.append(text)

    def requests(self, method=".*", path=""):
        """Requests of the log that match; the path is searched in the query too."""
        return [e for e in list(self.log) if re.fullmatch(method, e.method)
                and re.search(path, f"{e.path}?{e.query}" if e.query else e.path)]

    def counts(self):
        """{"GET blob": 3, ...} of the log."""
        return collections.Counter(f"{e.method} {e.kind}" for e in list(self.log))

    def sent(self, method=".*", path=""):
        """Bytes of the bodies of answers that match."""
        return sum(e.sent for e in self.requests(method, path))

    def received(self, method=".*", path=""):
        """Bytes of the bodies of requests that match."""
        return sum(e.length for e in self.requests(method, path))

    def most_at_once(self, method=".*", path=""):
        """How many requests that match were being answered at the same time, at the most."""
        found = self.requests(method, path)
        return max((sum(o.begun <= e.begun < (o.ended or self.clock + 1) for o in found)
                    for e in found), default=0)
