"""The shipped Python builder image, made of Debian packages, and its test application."""
import json
import os
import re
import socket
import subprocess
import time
import urllib.request

import pytest

from builders import shipped
from support import TOP


@pytest.fixture(scope="module")
def python(session_dir):
    """builder/python in a store of this module."""
    s2c = shipped(session_dir, "python")
    yield s2c
    s2c.assert_clean()


def fetch(port, process):
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(150):
        try:
            return opener.open(f"http://127.0.0.1:{port}/x", timeout=2).read().decode()
        except OSError:
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
    raise AssertionError("the application never answered")


@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="no /dev/net/tun")
def test_application_answers(python):
    python.ok("build", TOP / "builders/python/test/app", "builder/python", "myapp")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = python.start("run", "-p", f"{port}:8080", "myapp")
    try:
        page = fetch(port, process)
        assert re.search(r"Hello from s2c!\npython 3\.\d+\.\d+, uid 1001, path /x", page)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_same_source_same_layer(python):
    """Bytecode is hash based and source times are kept: only directories know the day."""
    app = TOP / "builders/python/test/app"
    for name in ("r1", "r2"):
        python.ok("build", app, "builder/python", name)
    trees = []
    for name in ("r1", "r2"):
        with python.layer(name) as tar:
            trees.append({m.name: (m.mode, m.uid, m.gid, m.isfile() and tar.extractfile(m).read()) for m in tar})
    assert trees[0] == trees[1]


def test_arbitrary_uid(python):
    """Platforms run images as any uid of group 0."""
    python.ok("build", TOP / "builders/python/test/app", "builder/python", "anyuid")
    out = python.ok("run", "--network", "none", "-u", "54321:0", "anyuid", "--", "sh", "-c",
                    "id -u; touch /opt/app-root/src/new && echo writable")
    assert out.split("\n") == ["54321", "writable"]


def test_requirements(python, tmp_path):
    """A package from the index, through whatever proxy the host has."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "requirements.txt").write_text("six==1.16.0\n")
    (app / "app.py").write_text("import six; print('six', six.__version__)\n")
    probe = subprocess.run(["curl", "-sS", "-m", "10", "-o", "/dev/null", "https://pypi.org/simple/six/"], capture_output=True,
                           env={**os.environ})
    if probe.returncode != 0:
        pytest.skip("the package index cannot be reached: " + probe.stderr.decode().strip())
    proxies = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    index = {k: v for k, v in os.environ.items() if k in ("PIP_INDEX_URL",)}
    args = [x for k, v in index.items() for x in ("-e", f"{k}={v}")]
    done = python.run("build", app, "builder/python", "withsix", "--ca-bundle", "host", *args, env=proxies, timeout=300)
    assert done.returncode == 0, done.stderr
    assert python.ok("run", "--network", "none", "withsix") == "six 1.16.0"
    assert json.dumps(proxies) == "{}" or "proxy" not in python.ok("inspect", "--config", "withsix")


