"""Engines at tcp://host:port: with TLS that asks for a certificate, and without."""
import contextlib
import select
import socket
import ssl
import subprocess
import threading

import pytest

from fixtures_engine import EngineBuilder


def openssl(*args, cwd):
    subprocess.run(["openssl", *args], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A CA, and certificates of a server at 127.0.0.1 and of a client."""
    at = tmp_path_factory.mktemp("pki")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca-key.pem", "-out", "ca.pem", "-days", "2",
            "-subj", "/CN=test ca", cwd=at)
    (at / "ext").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("server", "client"):
        key = {"server": "server-key.pem", "client": "key.pem"}[name]
        cert = {"server": "server.pem", "client": "cert.pem"}[name]
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", "csr", "-subj", f"/CN={name}", cwd=at)
        openssl("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial", "-out", cert,
                "-days", "2", "-extfile", "ext", cwd=at)
    return at


class Front:
    """Takes connections at a port, with TLS if there is a context, and carries them to a socket.
    One thread for each: an SSLSocket is not for two."""

    def __init__(self, path, context):
        self.path, self.context = path, context
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError), client, socket.socket(socket.AF_UNIX) as engine:
            client.settimeout(60)
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            engine.connect(self.path)
            with client:
                self.carry(client, engine)

    @staticmethod
    def carry(client, engine):
        """Until the engine has no more to say. The client's end is passed on before that."""
        listening = {client, engine}
        while engine in listening:
            pending = isinstance(client, ssl.SSLSocket) and client in listening and client.pending()
            ready = [client] if pending else select.select(list(listening), [], [], 60)[0]
            for source in ready:
                data = source.recv(65536)
                if data:
                    (engine if source is client else client).sendall(data)
                    continue
                listening.discard(source)
                if source is client:
                    engine.shutdown(socket.SHUT_WR)


@pytest.fixture
def builder(dockerd, s2c, rootfs_tar):
    made = EngineBuilder(dockerd, s2c, rootfs_tar)
    made.make("builder/test")
    yield made
    assert not dockerd.containers()


@pytest.fixture
def tls(dockerd, pki):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "server.pem", pki / "server-key.pem")
    context.load_verify_locations(pki / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    front = Front(dockerd.socket, context)
    yield f"tcp://127.0.0.1:{front.port}"
    front.listener.close()


def test_build_over_tls(tls, pki, builder, s2c, dockerd, app):
    s2c.ok("build", app, "builder/test", "over-tls", "-e", "GREETING=tls", "--engine", tls, "--tlsverify",
           "--ca", pki / "ca.pem", "--cert", pki / "cert.pem", "--key", pki / "key.pem")
    assert dockerd.run("over-tls") == "run says: hello tls\n1001\n"


def test_files_of_docker(tls, pki, builder, s2c, dockerd, app):
    """DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH are enough."""
    s2c.ok("build", app, "builder/test", "by-docker", "--engine", "docker",
           env={"DOCKER_HOST": tls, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(pki)})
    assert dockerd.image("by-docker")


@pytest.mark.parametrize("flags, says, status", [
    (["--tlsverify"], "is not trusted", 4),
    (["--tlsverify", "--ca", "{pki}/ca.pem"], "", None),
    (["--tlsverify", "--ca", "{pki}/ca.pem", "--cert", "{pki}/cert.pem"], "--cert and --key go together", 2),
    (["--tlsverify", "--ca", "{pki}/none.pem"], "none.pem", None),
    ([], "", 1),
])
def test_refused(tls, pki, builder, s2c, app, flags, says, status):
    """A CA that is not trusted, no certificate of our own, half of one, no file, no TLS."""
    done = s2c.run("build", app, "builder/test", "never", "--engine", tls, *[f.format(pki=pki) for f in flags])
    assert done.returncode not in (0, 3)
    assert status is None or done.returncode == status, done.stderr
    assert says in done.stderr
    s2c.assert_clean()


def test_without_tls(dockerd, builder, s2c, app):
    front = Front(dockerd.socket, None)
    done = s2c.run("build", app, "builder/test", "in-clear", "--engine", f"tcp://127.0.0.1:{front.port}")
    front.listener.close()
    assert done.returncode == 0, done.stderr
    assert "without encryption" in done.stderr
