# SPDX-License-Identifier: Apache-2.0
"""Fixtures for who is asked and with which trust: a CA of our own, directories of
certificates, nginx in front of a registry, registries.conf."""
import pathlib
import shutil
import subprocess

import pytest

from fixtures_registry import await_listener, free_port


class Authority:
    """A CA, and pairs (certificate, key) that it signs."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.cert, self.key = self.dir / "ca.crt", self.dir / "ca.key"
        self._openssl("req", "-x509", *self._new(self.key), "-days", "30",
                      "-subj", "/CN=test authority", "-out", self.cert)

    @staticmethod
    def _openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)

    @staticmethod
    def _new(key):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", key)

    def sign(self, name, usage, names="IP:127.0.0.1,DNS:localhost"):
        """A pair for "serverAuth" or "clientAuth"."""
        cert, key = self.dir / f"{name}.pem", self.dir / f"{name}.key"
        request, extensions = self.dir / f"{name}.csr", self.dir / f"{name}.ext"
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage={usage}\n")
        self._openssl("req", "-new", *self._new(key), "-subj", f"/CN={name}", "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
                      "-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", cert)
        return cert, key


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A CA that no system trusts."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def server_pair(authority):
    """A certificate for 127.0.0.1 and localhost, by our CA."""
    return authority.sign("server", "serverAuth")


@pytest.fixture(scope="session")
def client_pair(authority):
    """A client certificate by our CA."""
    return authority.sign("client", "clientAuth")


@pytest.fixture
def certs(tmp_path):
    """Writes certs.d of a host below a configuration directory; returns the environment."""
    def write(host, **files):
        directory = tmp_path / "config" / "containers" / "certs.d" / host
        directory.mkdir(parents=True, exist_ok=True)
        for name, source in files.items():
            shutil.copy(source, directory / name.replace("_", "."))
        return {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    return write


@pytest.fixture
def conf(tmp_path):
    """Writes a registries.conf; returns the environment that names it."""
    def write(text, name="registries.conf"):
        path = tmp_path / name
        path.write_text(text)
        return {"CONTAINERS_REGISTRIES_CONF": str(path)}
    return write


@pytest.fixture
def nginx(tmp_path):
    """Starts nginx in front of a URL; returns its host. `server` are lines more of its
    server section, `location` of its location section."""
    program = shutil.which("nginx")
    if not program:
        pytest.skip("nginx is not installed")
    running = []

    def start(upstream, server="", location=""):
        port = free_port()
        directory = tmp_path / f"nginx{port}"
        directory.mkdir()
        temp = "\n".join(f"{kind}_temp_path {directory}/{kind};" for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = f"""
            daemon off; master_process off; pid {directory}/pid; error_log {directory}/error.log;
            events {{ }}
            http {{
                access_log off; {temp}
                proxy_cache_path {directory}/cache keys_zone=blobs:1m;
                server {{
                    listen 127.0.0.1:{port}{" ssl" if "ssl_certificate" in server else ""};
                    client_max_body_size 0; {server}
                    location / {{
                        proxy_pass {upstream}; proxy_set_header Host $http_host; {location}
                    }}
                }}
            }}"""
        (directory / "nginx.conf").write_text(config)
        process = subprocess.Popen(
            [program, "-e", f"{directory}/error.log", "-p", str(directory), "-c",
             f"{directory}/nginx.conf"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        running.append(process)
        return await_listener(f"127.0.0.1:{port}", process, (directory / "error.log").read_text)

    yield start
    for process in running:
        process.terminate()
        process.wait(10)
