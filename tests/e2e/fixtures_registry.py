# SPDX-License-Identifier: Apache-2.0
"""Fixtures for tests that need a registry: scripted ones, Debian's docker-registry, images
in them, auth files; and a program that fails the test when it shows a secret."""
import base64
import gzip
import io
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "fakes"))

from registry import Cdn, Registry  # noqa: E402
from registry.server import make_certificate  # noqa: E402
from registry.state import digest_of  # noqa: E402
from support import S2C, add_file  # noqa: E402

USER, PASSWORD, IDENTITY = "user", "canary-password", "canary-identity"
SECRETS = [PASSWORD, IDENTITY, "canary-signature", "tok-",
           base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


ALL = -1  # a fault that meets every request


def users(**kwargs):
    """Options of a registry with our user."""
    return {"users": {USER: PASSWORD}, **kwargs}


def stored(program):
    """Digests of the blobs in a store."""
    blobs = program.root / "blobs" / "sha256"
    return {f"sha256:{b.name}" for b in blobs.iterdir()} if blobs.is_dir() else set()


def login(registry, authfile):
    """Flags with our credentials, where any are wanted."""
    return ["--authfile", authfile(registry.host)] if registry.access.kind else []


class QuietS2C(S2C):
    """The program with all its tracing on; none of our secrets may be in what it says."""

    def run(self, *args, env=None, **kwargs):
        """See S2C.run."""
        done = super().run(*args, env={"S2C_TRACE": "all", **(env or {})}, **kwargs)
        for secret in SECRETS:
            assert secret not in done.stdout, f"{secret} in the output"
            assert secret not in done.stderr, f"{secret} in {done.stderr}"
        return done


class Image:
    """A small image of random content, ready to be put in registries."""

    def __init__(self, layers=2, size=50000, architecture="amd64"):
        self.raw = [self.tar(f"file{i}", os.urandom(size)) for i in range(layers)]
        self.layers = [gzip.compress(raw, 1, mtime=0) for raw in self.raw]
        self.config = {"architecture": architecture, "os": "linux", "config": {"User": "1001"},
                       "rootfs": {"type": "layers",
                                  "diff_ids": [digest_of(raw) for raw in self.raw]}}
        self.config_type, self.layer_type = CONFIG, LAYER

    @staticmethod
    def tar(name, data):
        """A tar with one file."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            add_file(tar, name, data, 0o644)
        return out.getvalue()

    @property
    def config_bytes(self):
        """The config document."""
        return json.dumps(self.config).encode()

    def manifest(self):
        """The manifest document, as dict."""
        def describe(media_type, data):
            return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}
        return {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": describe(self.config_type, self.config_bytes),
                "layers": [describe(self.layer_type, data) for data in self.layers]}

    def put(self, registry, repository, tag=None, document=None):
        """Into a scripted registry; returns the manifest's digest."""
        for data in [self.config_bytes, *self.layers]:
            registry.state.put_blob(repository, data)
        return registry.state.put_manifest(repository, tag, MANIFEST,
                                           document or self.manifest())

    def there(self, registry, repository, reference):
        """Asserts that a registry has it all."""
        _, media_type, data = registry.state.manifest(repository, reference)
        assert media_type == MANIFEST
        assert json.loads(data) == self.manifest()
        for blob in [self.config_bytes, *self.layers]:
            assert registry.state.blob(repository, digest_of(blob)) == blob


def describe(registry, repository, digest, media_type=MANIFEST, **platform):
    """An index entry for a manifest of a scripted registry."""
    data = registry.state.manifest(repository, digest)[2]
    entry = {"mediaType": media_type, "digest": digest, "size": len(data)}
    return {**entry, "platform": platform} if platform else entry


@pytest.fixture
def remote(tmp_path):
    """The program on an empty store; at the end nothing may be left behind."""
    program = QuietS2C(tmp_path / "store")
    yield program
    program.assert_clean()
    blobs = program.root / "blobs" / "sha256"
    for blob in blobs.iterdir() if blobs.is_dir() else []:
        assert digest_of(blob.read_bytes()) == f"sha256:{blob.name}", "an unverified blob"
    shutil.rmtree(program.root, ignore_errors=True)


@pytest.fixture
def make_registry():
    """Starts scripted registries; none of them may have seen a violation."""
    running = []

    def make(expect_violations=False, cls=Registry, **kwargs):
        registry = cls(**kwargs).__enter__()
        running.append((registry, expect_violations))
        return registry

    yield make
    for registry, _ in running:
        registry.__exit__()
    for registry, expected in running:
        assert expected or not registry.violations, registry.violations
        assert not registry.broken


@pytest.fixture
def registry(make_registry):
    """A scripted registry without authentication."""
    return make_registry()


@pytest.fixture
def make_cdn(make_registry):
    """Another host for the blobs of a registry."""
    def make(registry):
        registry.cdn = make_registry(cls=Cdn, registry=registry)
        return registry.cdn
    return make


@pytest.fixture
def image():
    """A fresh image."""
    return Image()


@pytest.fixture
def pulled(remote, make_registry, image):
    """The image in the store, from a registry that is no part of the test; its name there."""
    source = make_registry()
    image.put(source, "a/b", "1")
    remote.ok("pull", f"{source.host}/a/b:1")
    return f"{source.host}/a/b:1"


@pytest.fixture
def authfile(tmp_path):
    """Writes an auth file with the right, or other, credentials for a registry's host."""
    def write(host, password=PASSWORD, identity=None, name="auth.json"):
        entry = {"auth": base64.b64encode(f"{USER}:{password}".encode()).decode()}
        if identity:
            entry = {"identitytoken": identity}
            if password is None:  # with the name of the user, as some logins leave it
                entry["auth"] = base64.b64encode(f"{USER}:".encode()).decode()
        path = tmp_path / name
        path.write_text(json.dumps({"auths": {host: entry}}))
        path.chmod(0o600)
        return path
    return write


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """(cert, key) for 127.0.0.1, signed by nobody that anybody trusts."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_listener(host, process, why):
    """Returns `host` (address:port) once `process` listens there; why() tells why it ended."""
    address, _, port = host.rpartition(":")
    for _ in range(200):
        try:
            with socket.create_connection((address, int(port)), 1):
                return host
        except OSError:
            assert process.poll() is None, why()
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {host}")


@pytest.fixture
def docker_registry(tmp_path, certificate):
    """Starts Debian's docker-registry; returns its host. `tls` is True or (cert, key)."""
    program = shutil.which("docker-registry")
    if not program:
        pytest.skip("docker-registry is not installed")
    running = []

    def start(users=False, tls=False):
        host = f"127.0.0.1:{free_port()}"
        config = {"version": 0.1, "log": {"level": "error"},
                  "storage": {"filesystem": {"rootdirectory": str(tmp_path / "registry")},
                              "delete": {"enabled": True}},
                  "http": {"addr": host}}
        if users:
            htpasswd = tmp_path / "htpasswd"
            htpasswd.write_bytes(subprocess.run(
                ["htpasswd", "-niB", USER], input=PASSWORD.encode(), capture_output=True,
                check=True).stdout)
            config["auth"] = {"htpasswd": {"realm": "debian", "path": str(htpasswd)}}
        if tls:
            cert, key = certificate if tls is True else tls
            config["http"]["tls"] = {"certificate": str(cert), "key": str(key)}
        path = tmp_path / "registry.yml"
        path.write_text(json.dumps(config))  # JSON is YAML
        process = subprocess.Popen([program, "serve", str(path)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        running.append(process)
        return await_listener(host, process, lambda: "docker-registry did not start")

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


def http_get(url, **headers):
    """(status, body) of a plain GET by another client."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()
