"""Real container engines, dockerd and podman's service, on sockets and data of their own."""
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.parse

START_SECONDS = 60
# crun finds no cgroup of its own where version 2 is only mounted beside version 1.
PODMAN = """umount /sys/fs/cgroup/unified 2>/dev/null
exec podman --root "$1/data" --runroot "$1/run" --tmpdir "$1/tmp" --storage-driver overlay \\
  system service -t 0 "unix://$1/engine.sock"
"""


class UnixConnection(http.client.HTTPConnection):
    """HTTP to a socket of this machine."""

    def __init__(self, path):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    """A running engine. `name` is "docker" or "podman"; `plain` are registries without TLS,
    which dockerd takes for granted on loopback."""

    def __init__(self, name, base, plain=()):
        self.name, self.plain = name, plain
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="s2c-e", dir=base))
        self.socket = str(self.dir / "engine.sock")
        self.url = f"unix://{self.socket}"
        self.process = None

    def start(self):
        log = open(self.dir / "log", "ab")
        env = {"PATH": os.environ["PATH"], "HOME": str(self.dir), "TMPDIR": str(self.dir)}
        # It ends with the tests, however they end.
        command = ["setpriv", "--pdeathsig", "TERM", *self.command(env)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                        stderr=log, env=env, start_new_session=True)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if self.ask("GET", "/_ping").status == 200:
                    return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"{self.name} does not start:\n{self.log()}")

    def command(self, env):
        if self.name == "docker":
            return ["dockerd", "-H", self.url, "--data-root", f"{self.dir}/data", "--exec-root",
                    f"{self.dir}/run", "--pidfile", f"{self.dir}/pid", "--storage-driver=overlay2",
                    "--iptables=false", "--ip6tables=false", "--bridge=none", "--log-level=warn"]
        # It would raise the limits of its containers above its own.
        env["CONTAINERS_CONF"] = f"{self.dir}/containers.conf"
        (self.dir / "containers.conf").write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n')
        env["CONTAINERS_REGISTRIES_CONF"] = f"{self.dir}/registries.conf"
        (self.dir / "registries.conf").write_text("".join(
            f'[[registry]]\nlocation = "{host}"\ninsecure = true\n' for host in self.plain))
        return ["unshare", "-m", "sh", "-c", PODMAN, "sh", str(self.dir)]

    def log(self):
        return (self.dir / "log").read_text(errors="replace")[-4000:]

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.kill_rest()
        mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
        for mount in sorted((m for m in mounts if m.startswith(str(self.dir))), reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def kill_rest(self):
        """What an engine that was killed leaves running: its helpers, and their containers."""
        parents, ours = {}, set()
        for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
            try:
                parents[pid] = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
                if str(self.dir).encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                    ours.add(pid)
            except OSError:
                continue  # it has ended
        ours.discard(os.getpid())
        while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
            ours |= more
        for pid in ours:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    # ---- the API ----

    def ask(self, method, target, body=None, headers=None):
        """The response; its body is in .data."""
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            response.data = response.read()
            return response
        finally:
            connection.close()

    def json(self, method, target, body=None):
        """The answer of the API, which must be a good one."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        text = json.dumps(body) if body is not None else None
        response = self.ask(method, f"/v1.41{target}", text, headers)
        assert response.status < 300, f"{method} {target}: {response.status} {response.data}"
        return json.loads(response.data) if response.data.strip() else None

    def load(self, path):
        response = self.ask("POST", "/v1.41/images/load", open(path, "rb"),
                            {"Content-Type": "application/x-tar", "Content-Length": str(os.stat(path).st_size)})
        assert response.status == 200 and b"error" not in response.data, response.data

    def image(self, name):
        return self.json("GET", f"/images/{name}/json")

    def config(self, name):
        """What an image says of itself, empty members left out."""
        return {k: v for k, v in self.image(name)["Config"].items() if v}

    def whole_config(self, name):
        """The configuration itself, of which an engine does not tell all."""
        response = self.ask("GET", f"/v1.41/images/{name}/get")
        assert response.status == 200, response.data
        with tarfile.open(fileobj=io.BytesIO(response.data)) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))[0]
            return json.load(archive.extractfile(manifest["Config"]))["config"]

    def layer(self, name, index=-1):
        """A layer of an image as an open tarfile."""
        response = self.ask("GET", f"/v1.41/images/{name}/get")
        assert response.status == 200, response.data
        with tarfile.open(fileobj=io.BytesIO(response.data)) as archive:
            manifest = json.load(archive.extractfile("manifest.json"))[0]
            member = archive.getmember(manifest["Layers"][index])
            if member.issym():
                member = archive.getmember(os.path.normpath(
                    os.path.join(os.path.dirname(member.name), member.linkname)))
            return tarfile.open(fileobj=io.BytesIO(archive.extractfile(member).read()))

    def names_in_layer(self, name, index=-1):
        with self.layer(name, index) as tar:
            return tar.getnames()

    def containers(self):
        """Names of all containers that s2c made."""
        found = self.json("GET", "/containers/json?all=1")
        return sorted(n for c in found for n in c["Names"] if n.lstrip("/").startswith("s2c-"))

    def sweep(self, before):
        """Removes the containers of s2c that are not among these; their names."""
        left = [name for name in self.containers() if name not in before]
        for name in left:
            self.ask("DELETE", f"/v1.41/containers/{name.lstrip('/')}?force=1&v=1")
        return left

    def images(self):
        return {i["Id"] for i in self.json("GET", "/images/json")}

    def run(self, image, *argv):
        """Output of a container of the image, which must end well."""
        body = {"Image": image, "HostConfig": {"NetworkMode": "none"}}
        if argv:
            body["Cmd"] = list(argv)
        made = self.json("POST", "/containers/create", body)["Id"]
        try:
            self.json("POST", f"/containers/{made}/start")
            status = self.json("POST", f"/containers/{made}/wait")["StatusCode"]
            out = self.ask("GET", f"/v1.41/containers/{made}/logs?stdout=1&stderr=1").data
            text = b""
            while len(out) >= 8:
                size = int.from_bytes(out[4:8], "big")
                text, out = text + out[8:8 + size], out[8 + size:]
            assert status == 0, text
            return text.decode()
        finally:
            self.json("DELETE", f"/containers/{made}?force=1&v=1")

    def remove(self, name):
        self.ask("DELETE", f"/v1.41/images/{urllib.parse.quote(name)}?force=1")


def base_dir():
    """Where data of engines goes: memory, if there is enough of it."""
    free = shutil.disk_usage("/dev/shm").free if os.path.isdir("/dev/shm") else 0
    return "/dev/shm" if free > 1 << 30 else "/tmp"
