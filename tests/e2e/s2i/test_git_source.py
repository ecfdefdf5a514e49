"""Git sources as S2I takes them: with their submodules, and credentials when asked for."""
import http.server
import socket
import subprocess
import threading
import time

import pytest

from support import clean_env
from test_build import git


@pytest.fixture
def serve(tmp_path):
    """A git server on loopback for the repositories below tmp_path/repos."""
    (tmp_path / "repos").mkdir(exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # It allows commits to be fetched by id, as hosting platforms do.
    env = clean_env(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="uploadpack.allowAnySHA1InWant", GIT_CONFIG_VALUE_0="true")
    daemon = subprocess.Popen(["/usr/lib/git-core/git-daemon", "--reuseaddr", "--export-all", "--listen=127.0.0.1",
                               f"--port={port}", f"--base-path={tmp_path}/repos"], env=env,
                              stderr=subprocess.DEVNULL)
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield f"git://127.0.0.1:{port}"
    daemon.terminate()
    daemon.wait()


def make(tmp_path, name, files, modules=()):
    """A repository with files, and submodules (path, URL, repository whose tip is meant)."""
    path = tmp_path / "repos" / name
    path.mkdir(parents=True)
    git(path, "init", "-q", "-b", "main")
    for file, text in files.items():
        (path / file).write_text(text)
    text = "".join(f'[submodule "{p}"]\n\tpath = {p}\n\turl = {u}\n' for p, u, _ in modules)
    if modules:
        (path / ".gitmodules").write_text(text)
    git(path, "add", ".")
    for where, _, of in modules:
        tip = git(tmp_path / "repos" / of, "rev-parse", "HEAD")
        git(path, "update-index", "--add", "--cacheinfo", f"160000,{tip},{where}")
    git(path, "commit", "-q", "-m", "first")
    return path


@pytest.fixture
def nested(tmp_path):
    make(tmp_path, "inner", {"deep": "inner\n"})
    make(tmp_path, "lib", {"code": "lib\n"}, [("more/inner", "../inner", "inner")])
    make(tmp_path, "app", {"index.html": "hello\n"}, [("vendor/lib", "../lib", "lib")])
    return tmp_path / "repos"


def test_submodules(s2c, builder, nested, serve):
    s2c.ok("build", f"{serve}/app", "builder/test", "myapp")
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("srv/vendor/lib/code").read() == b"lib\n"
        assert tar.extractfile("srv/vendor/lib/more/inner/deep").read() == b"inner\n"
        assert not [n for n in tar.getnames() if ".git/" in n or n.endswith("/.git")]
    first = s2c.inspect("myapp")["Id"]
    # The commit says which one; its repository may have gone on.
    (nested / "lib/code").write_text("newer\n")
    git(nested / "lib", "commit", "-q", "-am", "newer")
    s2c.ok("build", f"{serve}/app", "builder/test", "again")
    with s2c.layer("again") as tar:
        assert tar.extractfile("srv/vendor/lib/code").read() == b"lib\n"
    assert first


def test_ignored(s2c, builder, nested, serve):
    s2c.ok("build", f"{serve}/app", "builder/test", "myapp", "--ignore-submodules")
    names = s2c.names_in_layer("myapp")
    assert "srv/vendor/lib" in names and "srv/vendor/lib/code" not in names


def test_from_a_local_repository(s2c, builder, nested, serve):
    """Whoever made a repository does not get to see others of this host."""
    s2c.fails("build", f"file://{nested}/app#main", "builder/test", "myapp", status=4,
              match="submodule 'vendor/lib' .*a path of this host.*--ignore-submodules")
    s2c.ok("build", f"file://{nested}/app#main", "builder/test", "myapp", "--ignore-submodules")


@pytest.mark.parametrize("url,match", [
    ("file:///etc", "not of the protocol"), ("/etc", "not of the protocol"), ("https://h.invalid/x", "not of the protocol"),
    ("../../x", "leaves the host"), ("ext::sh -c touch% pwned", "ext"), ("-x", "submodule 'vendor/lib'")])
def test_hostile_urls(s2c, builder, tmp_path, serve, url, match):
    make(tmp_path, "lib", {"code": "lib\n"})
    make(tmp_path, "app", {"index.html": "hello\n"}, [("vendor/lib", url, "lib")])
    done = s2c.run("build", f"{serve}/app", "builder/test", "myapp")
    assert done.returncode in (2, 4) and match in done.stderr, done.stderr
    assert "myapp" not in s2c.ok("images")


def test_submodule_that_is_gone(s2c, builder, nested, serve):
    subprocess.run(["rm", "-rf", nested / "inner"], check=True)
    done = s2c.run("build", f"{serve}/app", "builder/test", "myapp")
    assert done.returncode != 0 and "submodule 'vendor/lib/more/inner'" in done.stderr


def test_too_deep(s2c, builder, tmp_path, serve):
    make(tmp_path, "m0", {"x": "0"})
    for i in range(1, 12):
        make(tmp_path, f"m{i}", {"x": str(i)}, [("m", f"../m{i - 1}", f"m{i - 1}")])
    s2c.ok("build", f"{serve}/m7", "builder/test", "myapp")
    s2c.fails("build", f"{serve}/m11", "builder/test", "myapp", status=1, match="inside each other")


# ---- credentials ----

@pytest.fixture
def guarded():
    """An HTTP server that wants a password, keeps what it got and knows no repository."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append(self.headers["Authorization"])
            self.send_response(404 if self.headers["Authorization"] else 401)
            self.send_header("WWW-Authenticate", 'Basic realm="x"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port, seen
    server.shutdown()
    server.server_close()


@pytest.fixture
def home(tmp_path, guarded):
    """A home whose git has a helper that knows the server."""
    path = tmp_path / "home"
    path.mkdir()
    helper = path / "helper"
    helper.write_text(f"#!/bin/sh\necho \"$1\" >>{path}/asked\n"
                      "[ \"$1\" = get ] && printf 'username=me\\npassword=secret word\\n'\nexit 0\n")
    helper.chmod(0o755)
    (path / ".gitconfig").write_text(f'[credential "http://127.0.0.1:{guarded[0]}"]\n\thelper = "{helper}"\n'
                                     f'[core]\n\thooksPath = {path}\n[alias]\n\tx = !x\n')
    return path


BASIC = "Basic bWU6c2VjcmV0IHdvcmQ="


def test_helpers_are_asked_when_that_is_said(s2c, builder, guarded, home):
    port, seen = guarded
    url = f"http://127.0.0.1:{port}/r"
    s2c.run("build", url, "builder/test", "myapp", env={"HOME": str(home)})
    assert not any(seen) and not (home / "asked").exists()
    done = s2c.run("build", url, "builder/test", "myapp", "--git-credentials", env={"HOME": str(home)})
    assert done.returncode != 0 and BASIC in seen, (done.stderr, seen)
    assert "secret word" not in done.stderr


def test_netrc(s2c, builder, guarded, home):
    port, seen = guarded
    (home / ".gitconfig").unlink()
    (home / ".netrc").write_text("machine 127.0.0.1 login net password rc\n")
    url = f"http://127.0.0.1:{port}/r"
    s2c.run("build", url, "builder/test", "myapp", env={"HOME": str(home)})
    assert not any(seen)
    s2c.run("build", url, "builder/test", "myapp", "--git-credentials", env={"HOME": str(home)})
    assert "Basic bmV0OnJj" in seen


def test_helper_of_nobody_else(s2c, builder, guarded, home):
    """A helper that is bound to one server says nothing to another."""
    port, seen = guarded
    (home / ".gitconfig").write_text((home / ".gitconfig").read_text().replace(f":{port}", ":1"))
    s2c.run("build", f"http://127.0.0.1:{port}/r", "builder/test", "myapp", "--git-credentials", env={"HOME": str(home)})
    assert seen and not any(seen) and not (home / "asked").exists()
