# SPDX-License-Identifier: Apache-2.0
"""A scripted container engine on a unix socket. It runs nothing: a started container says
what the test wants and ends with the status that the test wants. It keeps count of containers
and images, and holds s2c to the requests that it may make (ALLOWED, FIELDS): everything else
is a violation.

    rule = engine.fault("POST", "/start", "drop", skip=0, times=1)

Method and path are regular expressions. Actions:
    drop     closes the connection without an answer
    garbage  `raw` bytes instead of an answer
    status   `status` and `body`
    hang     says nothing until the server ends
    cut      only the first `after` bytes of the answer, head included
    edit     `do(document)` changes the JSON of the answer before it goes
    header   sets header `name` to `value` (None removes it)
    die      the whole engine is gone from here on
"""
import base64
import copy
import dataclasses
import io
import json
import os
import re
import socket
import tarfile
import threading
import urllib.parse

ALLOWED = [
    ("HEAD", r"/_ping", set()),
    ("GET", r"/_ping", set()),  # for the words of a refusal
    ("GET", r"/version", set()),
    ("GET", r"/images/.+/json", set()),
    ("GET", r"/images/sha256:[0-9a-f]{64}/get", set()),
    ("POST", r"/images/create", {"fromImage", "tag"}),
    ("POST", r"/images/.+/tag", {"repo", "tag"}),
    ("POST", r"/images/.+/push", {"tag"}),
    ("DELETE", r"/images/.+", set()),
    ("POST", r"/containers/create", {"name"}),
    ("GET", r"/containers/[0-9a-f]{64}/json", set()),
    ("POST", r"/containers/[0-9a-f]{64}/attach", {"stream", "stdin", "stdout", "stderr"}),
    ("POST", r"/containers/[0-9a-f]{64}/start", set()),
    ("POST", r"/containers/[0-9a-f]{64}/wait", {"condition"}),
    ("POST", r"/containers/[0-9a-f]{64}/kill", {"signal"}),
    ("HEAD", r"/containers/[0-9a-f]{64}/archive", {"path"}),
    ("GET", r"/containers/[0-9a-f]{64}/archive", {"path"}),
    ("PUT", r"/containers/[0-9a-f]{64}/archive", {"path", "noOverwriteDirNonDir"}),
    ("DELETE", r"/containers/([0-9a-f]{64}|s2c-build-[0-9a-f]{16}-\d+)", {"v", "force"}),
    ("POST", r"/commit", {"container"}),
]
FIELDS = {"Image", "User", "Env", "Cmd", "Entrypoint", "WorkingDir", "Labels", "OpenStdin",
          "StdinOnce", "AttachStdin", "AttachStdout", "AttachStderr", "HostConfig"}
HOST_FIELDS = {"NetworkMode", "Memory", "MemorySwap", "NanoCpus", "PidsLimit", "CapDrop",
               "SecurityOpt", "LogConfig"}
# What a gate of s2c asks for, and the fields that it always writes.
GATE_ALLOWED = [a for a in ALLOWED if a[1] not in (r"/version", r"/containers/create", r"/commit") and a[0] != "DELETE"] + [
    ("GET", r"/containers/json", {"all", "filters"}),
    ("POST", r"/containers/create", {"name"}),
    ("DELETE", r"/images/.+", set()),
    ("DELETE", r"/containers/([0-9a-f]{64}|s2c-gate-[0-9a-f-]+)", {"v", "force"}),
    ("GET", r"/version", set()),
    ("POST", r"/commit", {"container", "pause"}),
]
GATE_FIELDS = FIELDS | {"Tty", "Healthcheck"}
# Where it has a file of hosts for containers without a network.
HOSTS_FIELDS, HOSTS_HOST_FIELDS = {"NetworkDisabled"}, {"Mounts"}
GATE_HOST_FIELDS = HOST_FIELDS | {
    "Binds", "Privileged", "CapAdd", "PidMode", "IpcMode", "UTSMode", "UsernsMode", "CgroupnsMode",
    "RestartPolicy", "AutoRemove", "PublishAllPorts", "PortBindings", "GroupAdd", "MaskedPaths",
    "ReadonlyPaths", "ShmSize"}
DIR, LINK = 1 << 31, 1 << 27
LAYER = "sha256:" + "1" * 64


@dataclasses.dataclass
class Fault:
    """One rule."""
    method: str
    path: str
    action: str
    skip: int = 0
    times: int = -1
    met: int = 0
    status: int = 500
    body: bytes = b""
    raw: bytes = b""
    after: int = 0
    name: str = ""
    value: object = None
    do: object = None

    def fits(self, method, target):
        if not re.fullmatch(self.method, method) or not re.search(self.path, target):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times == 0:
            return False
        self.times -= self.times > 0
        self.met += 1
        return True


class Gone(Exception):
    """The connection ends here."""


class FakeEngine:
    """See above. `files` are of every container: path to bytes, None for a directory, or
    a str for a link. With `gate` s2c starts a gate of its own before it, without one it
    speaks to it as if it were a gate."""

    def __init__(self, path, gate=False):
        self.path, self.gate = str(path), gate
        self.url = f"{'unix' if gate else 'gate'}://{path}"
        self.lock = threading.RLock()
        self.faults, self.violations, self.log = [], [], []
        self.containers, self.images, self.names = {}, {}, {}
        self.hosts = False  # the gate has a file of hosts
        self.created = []   # bodies of creations
        self.files = {"/": None, "/bin": None, "/bin/sh": b"#!", "/etc": None, "/tmp": None, "/srv": None,
                      "/etc/passwd": b"root:x:0:0::/:/bin/sh\napp:x:1001:0::/srv:/bin/sh\n",
                      "/usr/libexec/s2i/assemble": b"#!", "/usr/libexec/s2i/run": b"#!"}
        self.output = [(1, b"assemble runs\n")]
        self.status = 0
        self.status_again = 0  # of a second process in the same container
        self.metadata = None  # text of the file of labels that assemble leaves
        self.count = 0
        self.version = "1.41"
        self.streams = {"create": b'{"status":"ok"}\r\n',
                        "push": b'{"aux":{"Tag":"v1","Digest":"sha256:%s","Size":1}}' % (b"a" * 64)}
        self.closing = threading.Event()
        self.image("builder/test:latest", {
            "User": "1001", "WorkingDir": "/srv", "Env": ["PATH=/bin"],
            "Labels": {"io.openshift.s2i.scripts-url": "image:///usr/libexec/s2i"}})

    # ---- life ----

    def __enter__(self):
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen(64)
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.die()

    def die(self):
        self.closing.set()
        try:
            self.server.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.server.close()
        if os.path.exists(self.path):
            os.unlink(self.path)

    def accept(self):
        while not self.closing.is_set():
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def fault(self, method, path, action, **kwargs):
        rule = Fault(method, path, action, **kwargs)
        self.faults.append(rule)
        return rule

    def image(self, name, config, layers=(LAYER,)):
        self.count += 1
        image_id = "sha256:" + f"{self.count:064x}"
        self.images[image_id] = {
            "Id": image_id, "Os": "linux", "Architecture": "amd64", "Created": "2026-01-01T00:00:00Z",
            "RepoTags": [name] if name else [], "RepoDigests": [], "Config": config,
            "RootFS": {"Type": "layers", "Layers": list(layers)}}
        if name:
            self.names[name] = image_id
        return image_id

    # ---- one connection ----

    def serve(self, connection):
        reader = connection.makefile("rb")
        try:
            while self.one(connection, reader):
                pass
        except (Gone, OSError):
            pass
        finally:
            reader.close()
            connection.close()

    def read(self, reader):
        """(method, target, headers, body) of the next request."""
        line = reader.readline()
        if not line:
            raise Gone
        method, target, _ = line.decode().split(" ")
        headers = {}
        while (line := reader.readline().strip()):
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while (size := int(reader.readline(), 16)):
                body += reader.read(size)
                reader.readline()
            reader.readline()
        elif "content-length" in headers:
            body = reader.read(int(headers["content-length"]))
        return method, target, headers, body

    def one(self, connection, reader):
        method, target, headers, body = self.read(reader)
        with self.lock:
            self.log.append((method, target))
            path, _, query = target.partition("?")
            path = re.sub(r"^/v1\.\d+(?=/)", "", path)
            parameters = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
            self.check(method, path, parameters, headers, body)
            rules = [f for f in self.faults if f.fits(method, target)]
            for rule in rules:
                self.before(connection, rule)
            if headers.get("upgrade"):
                return self.attach(connection, reader, path)
            status, extra, data = self.handle(method, path, parameters, body)
        for rule in rules:
            if rule.action == "edit":
                document = json.loads(data)
                rule.do(document)
                data = json.dumps(document).encode()
            if rule.action == "header":
                extra[rule.name] = rule.value
        answer = self.answer(status, extra, data, method == "HEAD")
        for rule in rules:
            if rule.action == "cut":
                connection.sendall(answer[:rule.after])
                return False
        connection.sendall(answer)
        return True

    @staticmethod
    def answer(status, headers, data, head):
        lines = [f"HTTP/1.1 {status} Some Reason"]
        # An answer without a body has no length of one (RFC 9110, 8.6).
        lines += [f"Content-Length: {len(data)}"] if status != 204 else []
        lines += [f"{k}: {v}" for k, v in headers.items() if v is not None]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + (b"" if head else data)

    def before(self, connection, rule):
        if rule.action == "die":
            self.die()
            raise Gone
        if rule.action == "drop":
            raise Gone
        if rule.action == "garbage":
            connection.sendall(rule.raw)
            raise Gone
        if rule.action == "status":
            connection.sendall(self.answer(rule.status, {"Content-Type": "application/json"}, rule.body, False))
            raise Gone
        if rule.action == "hang":
            self.lock.release()
            self.closing.wait(120)
            self.lock.acquire()
            raise Gone

    def check(self, method, path, parameters, headers, body):
        """Only what a gate lets through, or what one writes itself."""
        for allowed, pattern, keys in GATE_ALLOWED if self.gate else ALLOWED:
            if method == allowed and re.fullmatch(pattern, path) and set(parameters) <= keys:
                break
        else:
            self.violations.append(f"{method} {path} {parameters}")
        if path == "/containers/create":
            document = json.loads(body)
            fields, host_fields = (GATE_FIELDS, GATE_HOST_FIELDS) if self.gate else (FIELDS, HOST_FIELDS)
            if self.hosts:
                fields, host_fields = fields | HOSTS_FIELDS, host_fields | HOSTS_HOST_FIELDS
            strange = (set(document) - fields) | (set(document["HostConfig"]) - host_fields)
            self.created.append(document)
            if strange:
                self.violations.append(f"fields of create: {strange}")
        if path.endswith("/start") and body:
            self.violations.append("a body of start")

    # ---- what an engine does ----

    def handle(self, method, path, parameters, body):
        """(status, headers, body)."""
        def answer(document, status=200):
            return status, {"Content-Type": "application/json"}, json.dumps(document).encode()

        if path == "/_ping":
            return 200, {"Api-Version": self.version, "Ostype": "linux"}, b""
        if path == "/version":
            return answer({"ApiVersion": self.version, "MinAPIVersion": "1.24"})
        if path == "/containers/json":
            return answer([{"Id": i, "Names": [f"/{c['name']}"]} for i, c in self.containers.items()])
        if path == "/containers/create":
            return answer(self.create(json.loads(body), parameters["name"]), 201)
        if path == "/commit":
            return answer(self.commit(self.containers[parameters["container"]], json.loads(body)), 201)
        parts = path.strip("/").split("/")
        if parts[0] == "images":
            return self.handle_image(method, parts, parameters, answer)
        container = next((c for i, c in self.containers.items() if parts[1] in (i, c["name"])), None)
        if not container:
            return answer({"message": f"No such container: {parts[1]}"}, 404)
        if len(parts) == 2:
            del self.containers[container["inspect"]["Id"]]
            container["ended"].set()
            return 204, {}, b""
        return self.handle_container(method, parts[2], container, parameters, answer)

    def handle_container(self, method, verb, container, parameters, answer):
        if verb == "json":
            return answer(container["inspect"])
        if verb == "start":
            container["started"].set()
            return 204, {}, b""
        if verb == "kill":
            self.end(container, 137)
            return 204, {}, b""
        if verb == "wait":
            self.lock.release()
            container["ended"].wait(60)
            self.lock.acquire()
            return answer({"StatusCode": container["inspect"]["State"]["ExitCode"], "Error": None})
        if method == "PUT":
            return 200, {}, b""
        return self.archive(parameters["path"], answer)

    def archive(self, path, answer):
        if path not in self.files:
            return answer({"message": f"Could not find the file {path}"}, 404)
        data = self.files[path]
        mode = DIR | 0o755 if data is None else LINK | 0o777 if isinstance(data, str) else 0o755
        stat = {"name": os.path.basename(path), "size": len(data or b""), "mode": mode,
                "mtime": "2026-01-01T00:00:00Z", "linkTarget": data if isinstance(data, str) else ""}
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            info = tarfile.TarInfo(os.path.basename(path) or "/")
            info.size = len(data) if isinstance(data, bytes) else 0
            info.type = tarfile.DIRTYPE if data is None else tarfile.REGTYPE
            tar.addfile(info, io.BytesIO(data) if isinstance(data, bytes) else None)
        header = base64.b64encode(json.dumps(stat).encode()).decode()
        return 200, {"X-Docker-Container-Path-Stat": header}, out.getvalue()

    def handle_image(self, method, parts, parameters, answer):
        if parts[1] == "create":
            return 200, {}, self.streams["create"]
        verb = parts[-1]
        name = "/".join(parts[1:-1] if method != "DELETE" else parts[1:])
        name = name if name in self.images or ":" in name else f"{name}:latest"
        if verb == "push":
            return 200, {}, self.streams["push"]
        image = self.images.get(self.names.get(name, name))
        if not image:
            return answer({"message": f"No such image: {name}"}, 404)
        if verb == "tag":
            self.names[f"{parameters['repo']}:{parameters['tag']}"] = image["Id"]
            return 201, {}, b""
        if method == "DELETE":
            del self.images[image["Id"]]
            return answer([{"Deleted": image["Id"]}])
        return answer(image)

    def create(self, body, name):
        image = self.images[self.names.get(body["Image"], body["Image"])]
        config = {**image["Config"], **{k: v for k, v in body.items() if k != "HostConfig"}}
        config["Image"] = body["Image"]
        self.count += 1
        container_id = f"{self.count:064x}"
        host = {"Privileged": False, "Binds": None, "CapAdd": None, "PidMode": "", "IpcMode": "private",
                "UTSMode": "", "UsernsMode": "", **body["HostConfig"]}
        self.containers[container_id] = {
            "name": name,
            "inspect": {"Id": container_id, "Image": image["Id"], "Config": config, "HostConfig": host,
                        "Mounts": [], "State": {"Status": "created", "Running": False, "ExitCode": 0,
                                                "OOMKilled": False}},
            "started": threading.Event(), "ended": threading.Event()}
        return {"Id": container_id, "Warnings": []}

    def commit(self, container, body):
        base = self.images[container["inspect"]["Image"]]
        config = copy.deepcopy(container["inspect"]["Config"])
        config.update({k: v for k, v in body.items() if k not in ("Labels", "Env")})
        config["Labels"] = {**(config.get("Labels") or {}), **(body.get("Labels") or {})}
        names = {v.split("=")[0] for v in body.get("Env") or []}
        config["Env"] = (body.get("Env") or []) + [
            v for v in config.get("Env") or [] if v.split("=")[0] not in names]
        return {"Id": self.image(None, config, [*base["RootFS"]["Layers"], "sha256:" + "2" * 64])}

    def end(self, container, status):
        container["inspect"]["State"].update(Status="exited", Running=False, ExitCode=status)
        container["ended"].set()

    # ---- attach ----

    @staticmethod
    def frame(stream, data):
        return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data

    def attach(self, connection, reader, path):
        """The stream of a container: the script comes in, the output goes out."""
        container = self.containers[path.split("/")[2]]
        connection.sendall(b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
                           b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n")
        self.lock.release()
        try:
            while not container["started"].wait(0.05):
                if container["ended"].is_set() or self.closing.is_set():
                    raise Gone
            script = b""
            while not script.endswith(b"\n.\n"):
                piece = reader.readline()
                if not piece:
                    raise Gone
                script += piece
            nonce = re.search(rb"'(s2c-[0-9a-fx-]+)'", script)[1]
            for stream, data in self.output:
                if data is None:  # never ends by itself
                    container["ended"].wait(120)
                    raise Gone
                connection.sendall(self.frame(stream, data) if stream is not None else data)
            if self.metadata is None:
                connection.sendall(self.frame(1, nonce + b" none\n"))
            else:
                connection.sendall(self.frame(1, nonce + b" file\n" + self.metadata + nonce + b" end\n"))
        finally:
            self.lock.acquire()
            again = container["ended"].is_set() and self.status_again
            self.end(container, again or self.status)
        raise Gone
