"""What a build can reach."""
import os
import re
import socket
import threading

import pytest

PROBE = """#!/bin/sh
nc -w 2 127.0.0.1 %d </dev/null >/dev/null 2>&1 && echo REACHED
ip -o addr > /srv/addr 2>/dev/null || cat /proc/net/dev > /srv/addr
true
"""


@pytest.fixture
def listener():
    sock = socket.create_server(("127.0.0.1", 0))
    sock.settimeout(0.2)
    stop = threading.Event()

    def serve():
        while not stop.is_set():
            try:
                sock.accept()[0].close()
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    yield sock.getsockname()[1]
    stop.set()
    thread.join()
    sock.close()


@pytest.mark.parametrize("mode", ["default", "isolated", "none"])
def test_no_way_to_the_hosts_loopback(s2c, builder, app, listener, mode):
    if mode == "isolated" and not os.path.exists("/dev/net/tun"):
        pytest.skip("no /dev/net/tun")
    builder.make("builder/net", assemble=PROBE % listener)
    args = () if mode == "default" else ("--network", mode)
    done = s2c.run("build", app, "builder/net", "myapp", *args)
    assert done.returncode == 0, done.stderr
    assert "REACHED" not in done.stderr


def test_host_network_when_asked(s2c, builder, app, listener):
    builder.make("builder/net", assemble=PROBE % listener)
    done = s2c.run("build", app, "builder/net", "myapp", "--network", "host")
    assert done.returncode == 0 and "REACHED" in done.stderr


def test_none_has_only_loopback(s2c, builder, app):
    builder.make("builder/net", assemble="#!/bin/sh\ngrep -c : /proc/net/dev > /srv/n\n")
    s2c.ok("build", app, "builder/net", "myapp", "--network", "none")
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("srv/n").read() == b"1\n"


def test_published_port(s2c, builder, app):
    if not os.path.exists("/dev/net/tun"):
        pytest.skip("no /dev/net/tun")
    import time
    import urllib.request
    builder.make("builder/web", run="#!/bin/sh\nexec httpd -f -p 8080 -h /srv\n")
    s2c.ok("build", app, "builder/web", "web")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = s2c.start("run", "-p", f"{port}:8080", "web")
    try:
        for _ in range(100):
            try:
                page = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    f"http://127.0.0.1:{port}/index.html", timeout=2).read()
                break
            except OSError:
                assert process.poll() is None, process.communicate()
                time.sleep(0.1)
        assert page == b"hello\n"
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.parametrize("port", ["80", "foo", "0:80", "80:0", "70000:80", "80:80:", ":80:80", "1:2:3", "localhost:80:80",
                                  "::1:80:80", "[127.0.0.1]:80:80", "[::1:80:80", "1.2.3.4.5:80:80", "80:80/udp"])
def test_bad_ports(s2c, builder, port):
    s2c.fails("run", f"--publish={port}", "builder/test", status=2, match=f"--publish '{re.escape(port)}' is not")


def test_ca_bundle_reaches_the_build_and_not_the_image(s2c, builder, app, tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n")
    builder.make("builder/ca", assemble='#!/bin/sh\nset -e\ngrep -q canary "$SSL_CERT_FILE"\necho "proxy $https_proxy"\n: > /srv/done\n')
    done = s2c.run("build", app, "builder/ca", "myapp", "--ca-bundle", bundle, env={"https_proxy": "http://proxy.invalid:3128"})
    assert done.returncode == 0, done.stderr
    assert "proxy http://proxy.invalid:3128" in done.stderr
    config = s2c.ok("inspect", "--config", "myapp")
    assert "proxy.invalid" not in config and "SSL_CERT_FILE" not in config
    assert s2c.names_in_layer("myapp") == ["srv", "srv/done"]
