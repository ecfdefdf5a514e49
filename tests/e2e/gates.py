"""Gates in front of engines, what stands between the two, and clients that are anybody."""
import contextlib
import ctypes
import gzip
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import threading
import time

from support import PROGRAM, SANITIZER, add_file, clean_env

ALICE, BOB, CAROL, MALLORY = 21001, 21002, 21003, 65533  # mallory is in no policy
START_SECONDS = 30
BUILDER = "registry.test/builder/busybox"

LIBC = ctypes.CDLL(None, use_errno=True)
SETGROUPS, SETRESUID, SETRESGID = 116, 117, 119  # of x86_64; for one thread, as libc's are not


def syscall(*args):
    if LIBC.syscall(*args) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def acting_as(uid):
    """This thread, and no other one, is the user for a while."""
    syscall(SETGROUPS, 0, None)
    syscall(SETRESGID, -1, uid, -1)
    syscall(SETRESUID, -1, uid, -1)
    try:
        yield
    finally:
        syscall(SETRESUID, -1, 0, -1)
        syscall(SETRESGID, -1, 0, -1)


# ---- clients ----

class Response:
    """One answer as it came. `complete` is false if it was cut off."""

    def __init__(self, status, headers, body, complete):
        self.status, self.headers, self.body, self.complete = status, headers, body, complete

    @property
    def code(self):
        return self.headers.get("s2c-gate-code")

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.code} {self.body[:300]!r}{'' if self.complete else ' CUT OFF'}>"


class Client:
    """A connection on which any bytes can be sent, and answers be read one by one."""

    def __init__(self, path, uid, timeout=20):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.held = b""
        end = time.monotonic() + timeout
        while True:
            try:
                with acting_as(uid):
                    return self.sock.connect(path)
            except BlockingIOError:  # more come than are taken
                if time.monotonic() > end:
                    raise
                time.sleep(0.005)

    def send(self, data):
        self.sock.sendall(data)

    def send_gently(self, data):
        """Who is told no may find the connection closed before all was sent."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.sock.sendall(data)

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def more(self):
        """Receives; false at the end."""
        try:
            data = self.sock.recv(65536)
        except ConnectionResetError:
            data = b""
        self.held += data
        return bool(data)

    def take(self, size):
        while len(self.held) < size and self.more():
            pass
        out, self.held = self.held[:size], self.held[size:]
        return out

    def line(self):
        while b"\r\n" not in self.held:
            if not self.more():
                return None
        out, self.held = self.held.split(b"\r\n", 1)
        return out

    def rest(self):
        while self.more():
            pass
        return self.take(len(self.held))

    def head(self):
        """Status and headers of the next answer, or None when there is none."""
        first = self.line()
        if first is None:
            return None
        headers = {}
        while line := self.line():
            name, value = line.decode("latin-1").split(":", 1)
            headers[name.lower()] = value.strip()
        return int(first.split(b" ")[1]), headers

    def answer(self, method="GET"):
        """The next answer that is not 100 Continue, or None at the end of the connection."""
        head = self.head()
        while head and head[0] == 100:
            head = self.head()
        if not head:
            return None
        status, headers = head
        if method == "HEAD" or status in (101, 204, 304):
            return Response(status, headers, b"", True)
        if headers.get("transfer-encoding") == "chunked":
            return Response(status, headers, *self.chunks())
        if "content-length" in headers:
            size = int(headers["content-length"])
            body = self.take(size)
            return Response(status, headers, body, len(body) == size)
        return Response(status, headers, self.rest(), True)

    def chunks(self):
        body = b""
        while (line := self.line()) is not None:
            size = int(line, 16)
            piece = self.take(size)
            body += piece
            end = self.line()
            if size == 0 or len(piece) < size or end is None:
                return body, size == 0 and end is not None
        return body, False


def request(method, target, body=None, headers=(), host="gate"):
    """The bytes of a request; `body` may be bytes, or an object, which is sent as JSON."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    names = {h.split(":")[0].lower() for h in headers}
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        if "content-type" not in names:
            lines.append("Content-Type: application/json")
    if body is not None and not names & {"content-length", "transfer-encoding"}:
        lines.append(f"Content-Length: {len(body)}")
    lines += headers
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (body or b"")


def frames(data):
    """The text of a stream of frames."""
    text = b""
    while len(data) >= 8:
        size = int.from_bytes(data[4:8], "big")
        text, data = text + data[8:8 + size], data[8 + size:]
    return text


# ---- between gate and engine ----

class Recorder:
    """A socket in front of the engine's that keeps what goes to it: one entry of bytes for
    each connection, of which the gate makes one for each request."""

    def __init__(self, path, upstream):
        self.path, self.upstream = path, upstream
        self.sent, self.lock = [], threading.Lock()
        self.instead = None  # what every request is answered with; b"": nothing
        self.open = set()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(256)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            kept = bytearray()
            if self.instead is not None:
                self.sent.append(kept)
                threading.Thread(target=self.answer, args=(client, kept), daemon=True).start()
                continue
            engine = socket.socket(socket.AF_UNIX)
            try:
                engine.connect(self.upstream)
            except OSError:
                client.close()
                engine.close()
                continue
            with self.lock:
                self.sent.append(kept)
                self.open |= {client, engine}
            threading.Thread(target=self.pump, args=(client, engine, kept), daemon=True).start()
            threading.Thread(target=self.pump, args=(engine, client, None), daemon=True).start()

    def pump(self, source, sink, kept):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if kept is not None:
                    kept += data
                sink.sendall(data)
        # An end of one side is passed on; when both have ended nothing is left to do.
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        with self.lock:
            self.open.discard(source)
        if sink not in self.open:
            source.close()
            sink.close()

    def answer(self, client, kept):
        """Speaks for the engine."""
        with contextlib.suppress(OSError):
            while b"\r\n\r\n" not in kept and (data := client.recv(65536)):
                kept += data
            client.sendall(self.instead)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        client.close()

    def cut(self):
        """The engine is gone, in the middle of whatever it did."""
        with self.lock:
            for sock in self.open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def stop(self):
        self.listener.close()
        self.cut()
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def mark(self):
        return len(self.sent)

    def since(self, mark):
        """What went to the engine: "METHOD /path" of each request, without version."""
        lines = [bytes(s).split(b"\r\n")[0].decode() for s in self.sent[mark:]]
        return [" ".join(line.split(" ")[:2]).replace("/v1.41/", "/") for line in lines if line]


# ---- the gate ----

POLICY = """version: 1
upstream: {{owner_uid: 0}}
limits:
  connections: 96
  connections_per_user: 24
  containers: 32
audit: {{path: "{dir}/audit/log.jsonl", max: 64Mi}}
defaults:
  uids: ["1001-1001", "5000-6000"]
  gids: ["0-0", "1001-1001"]
  containers: 12
  memory: 256Mi
  pids: 64
  deadline: 10m
  source_bytes: 8Mi
  source_entries: 1000
  log_bytes: 1Mi
  copy_out_bytes: 4Mi
  env_vars: 64
  env_bytes: 16Ki
  networks: [none]
  cmd: any
builders:
  - {{name: busybox, ref: "{builder}"}}
  - {{name: s2i, ref: "registry.test/builder/s2i", tags: ["latest"]}}
  - {{name: pinned, ref: "registry.test/builder/pinned", digest: "sha256:{zeros}"}}
  - {{name: rooted, ref: "registry.test/builder/rooted"}}
aliases: {{builder/busybox: busybox}}
push:
  - {{name: alice, to: "{registry}/alice/**"}}
  - {{name: bob, to: "{registry}/bob/**"}}
subjects:
  - {{uid: {alice}, builders: [busybox, pinned, rooted], push: [alice]}}
  - {{uid: {bob}, builders: [busybox], push: [bob]}}
  - {{uid: {carol}, builders: [s2i], push: [], cmd: s2i, containers: 1}}
"""


def policy(directory, registry="127.0.0.1:1", text=POLICY, **changes):
    """The policy of the tests; a change replaces a line of `defaults` by its key."""
    out = text.format(dir=directory, builder=BUILDER, zeros="0" * 64, registry=registry,
                      alice=ALICE, bob=BOB, carol=CAROL)
    lines = out.split("\n")
    for key, value in changes.items():
        found = [i for i, line in enumerate(lines) if line.startswith(f"  {key}:")]
        assert found, key
        lines[found[0]] = f"  {key}: {value}"
    return "\n".join(lines)


class Gate:
    """A running gate with a directory of its own and a recorder in front of the engine."""

    def __init__(self, base, upstream, make_policy=policy, record=True, audit_mount=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="s2c-g", dir=base))
        self.dir.chmod(0o755)
        self.audit_dir = self.dir / "audit"
        self.audit_dir.mkdir(mode=0o700)
        self.audit_mount = audit_mount
        if audit_mount:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"{audit_mount},mode=700", "tmpfs",
                            self.audit_dir], check=True)
        self.policy = self.dir / "policy.yaml"
        self.write_policy(make_policy(self.dir))
        self.socket = str(self.dir / "gate.sock")
        self.url = f"unix://{self.socket}"
        self.recorder = Recorder(str(self.dir / "engine.sock"), upstream) if record else None
        self.upstream = self.recorder.path if record else upstream
        self.process = None

    def write_policy(self, text):
        self.policy.write_text(text)
        self.policy.chmod(0o600)

    def command(self):
        return [PROGRAM, "gate", "--policy", str(self.policy), "--listen", self.url,
                "--upstream", f"unix://{self.upstream}", "--state", str(self.dir / "state")]

    def start(self):
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=clean_env(), cwd="/")
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            with contextlib.suppress(OSError):
                self.client(0).close()
                return self
            time.sleep(0.02)
        raise RuntimeError(f"the gate does not start:\n{self.log()}")

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def stop(self):
        """Ends it in an orderly way; its status. A report of a sanitizer is a failure."""
        status = None
        if self.process:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(60)
        assert not SANITIZER.search(self.log()), self.log()
        return status

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        try:
            self.stop()
        finally:
            if self.recorder:
                self.recorder.stop()
            if self.audit_mount:
                subprocess.run(["umount", "-l", self.audit_dir], check=False)
            shutil.rmtree(self.dir, ignore_errors=True)

    def reload(self):
        """Loads the policy anew; what the audit log then says of it."""
        before = len(self.audit("policy"))
        self.process.send_signal(signal.SIGHUP)
        return wait_for(lambda: self.audit("policy")[before:])[0]

    # ---- asking ----

    def client(self, uid=ALICE, timeout=20):
        return Client(self.socket, uid, timeout)

    def ask(self, method, target, body=None, headers=(), uid=ALICE, timeout=20):
        """One request on a connection of its own."""
        client = self.client(uid, timeout)
        try:
            client.send_gently(request(method, target, body, headers))
            return client.answer(method)
        finally:
            client.close()

    def ok(self, method, target, body=None, headers=(), uid=ALICE, timeout=60):
        found = self.ask(method, target, body, headers, uid, timeout)
        assert found and found.status < 300 and found.complete, f"{method} {target}: {found}"
        return found

    # ---- the audit log ----

    def audit(self, event=None):
        text = (self.audit_dir / "log.jsonl").read_text().splitlines()
        lines = [json.loads(line) for line in text]
        return [line for line in lines if event is None or line["event"] == event]

    # ---- building ----

    def create(self, uid=ALICE, name=None, **changes):
        """A container as S2I makes it; its id."""
        body = {"Image": BUILDER, "User": "1001", "Cmd": ["/bin/true"], **changes}
        query = f"?name={name}" if name else ""
        return self.ok("POST", f"/v1.41/containers/create{query}", body, uid=uid).json()["Id"]

    def attach(self, container, uid=ALICE, query="stream=1&stdin=1&stdout=1&stderr=1"):
        client = self.client(uid)
        client.send(request("POST", f"/v1.41/containers/{container}/attach?{query}", headers=[
            "Connection: Upgrade", "Upgrade: tcp"]))
        return client, client.answer("POST")

    def wait(self, container, uid=ALICE):
        return self.ok("POST", f"/v1.41/containers/{container}/wait", uid=uid).json()["StatusCode"]

    def run(self, uid=ALICE, **changes):
        """A container that ran to its end; its id."""
        container = self.create(uid, **changes)
        self.ok("POST", f"/v1.41/containers/{container}/start", uid=uid)
        self.wait(container, uid)
        return container

    def remove(self, container, uid=ALICE):
        self.ok("DELETE", f"/v1.41/containers/{container}?force=1&v=1", uid=uid)

    def build(self, output, uid=ALICE, source=b"hello\n"):
        """A whole build in the order of S2I; the id of the image."""
        container = self.create(uid, Cmd=[
            "/bin/sh", "-c", "tar -C /tmp -xf - && /usr/libexec/s2i/assemble"],
            OpenStdin=True, StdinOnce=True, AttachStdin=True, AttachStdout=True, AttachStderr=True)
        stream, answer = self.attach(container, uid)
        assert answer.status == 101, answer
        self.ok("POST", f"/v1.41/containers/{container}/start", uid=uid)
        stream.send(archive(("src/index.html", source)))
        stream.half_close()
        output_text = frames(stream.rest())
        stream.close()
        assert self.wait(container, uid) == 0, output_text
        assert b"assemble runs" in output_text
        repo, tag = output.rsplit(":", 1)
        image = self.ok("POST", f"/v1.41/commit?container={container}&repo={repo}&tag={tag}", {
            "Cmd": ["/usr/libexec/s2i/run"], "User": "1001", "Labels": {"made.by": "a test"}},
            uid=uid).json()["Id"]
        self.remove(container, uid)
        return image


def archive(*members, gz=False):
    """A tar of (name, bytes) or of TarInfo."""
    import io
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member, io.BytesIO(b"\0" * member.size) if member.size else None)
            else:
                add_file(tar, member[0], member[1], 0o644)
    return gzip.compress(out.getvalue()) if gz else out.getvalue()


def wait_for(what, seconds=30):
    """What `what` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to that")


def put_image(engine, rootfs_tar, name, *changes):
    """An image of a root file system, by the engine's own import; its id."""
    repo, _, tag = name.rpartition(":")
    query = "&".join([f"fromSrc=-&repo={repo}&tag={tag}", *(
        "changes=" + c.replace(" ", "%20").replace("[", "%5B").replace('"', "%22") for c in changes)])
    with open(rootfs_tar, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        answer = engine.ask("POST", f"/v1.41/images/create?{query}", file, {
            "Content-Type": "application/x-tar", "Content-Length": str(size)})
    assert answer.status == 200 and b'"error"' not in answer.data, answer.data
    return engine.image(name)["Id"]
