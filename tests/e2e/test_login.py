# SPDX-License-Identifier: Apache-2.0
"""Login and logout: what is kept, where, and that nobody else sees it."""
import base64
import json
import os
import pathlib
import pty
import select
import shutil
import signal
import stat
import subprocess
import termios
import threading
import time

import pytest

from fixtures_registry import ALL, IDENTITY, PASSWORD, SECRETS, USER
from support import clean_env

AUTH = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


def guarded(make_registry, kind="basic", **kwargs):
    """A registry with our user."""
    return make_registry(auth=kind, users={USER: PASSWORD}, **kwargs)


@pytest.fixture
def home(tmp_path):
    """An environment with a home and a runtime directory of its own."""
    (tmp_path / "run").mkdir()
    return {"HOME": str(tmp_path / "home"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}


def log_in(remote, host, env, *args, password=PASSWORD, user=USER, **kwargs):
    """s2c login with the password on standard input; the result."""
    return remote.run("login", host, "-u", user, "--password-stdin", *args, env=env,
                      input=password, **kwargs)


def kept(path):
    """The auths of a file, which must be for its owner only."""
    path = pathlib.Path(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    return json.loads(path.read_text())["auths"]


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_login_and_logout(remote, make_registry, image, home, tmp_path, kind):
    registry = guarded(make_registry, kind)
    image.put(registry, "a/b", "1")
    file = tmp_path / "run/containers/auth.json"
    done = log_in(remote, registry.host, home)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"logged in to {registry.host} as {USER}; kept in '{file}'\n"
    assert kept(file) == {registry.host: {"auth": AUTH}}
    assert sorted(p.name for p in file.parent.iterdir()) == ["auth.json"]
    assert [e.path for e in registry.log if e.path == "/v2/"] == ["/v2/", "/v2/"]
    remote.ok("pull", f"{registry.host}/a/b:1", env=home)
    remote.ok("push", f"{registry.host}/a/b:1", f"{registry.host}/a/c:1", env=home)
    assert remote.ok("login", registry.host, "--get-login", env=home) == USER
    assert remote.ok("logout", registry.host, env=home) == f"logged out of {registry.host}"
    assert kept(file) == {}
    remote.fails("pull", f"{registry.host}/a/d:1", status=4, match="none were found", env=home)
    remote.fails("logout", registry.host, status=1, match="nobody is logged in", env=home)
    remote.fails("login", registry.host, "--get-login", status=1, match="nobody", env=home)


@pytest.mark.parametrize("kind", ["basic", "bearer"])
def test_refused(remote, make_registry, home, tmp_path, kind):
    registry = guarded(make_registry, kind)
    done = log_in(remote, registry.host, home, password="canary-wrong")
    assert done.returncode == 4
    assert f"'{registry.host}' refused user '{USER}', nothing was kept" in done.stderr
    assert "canary-wrong" not in done.stderr + done.stdout
    assert not (tmp_path / "run/containers").exists()
    # And what worked before stays.
    assert log_in(remote, registry.host, home).returncode == 0
    assert log_in(remote, registry.host, home, password="canary-wrong").returncode == 4
    assert kept(tmp_path / "run/containers/auth.json") == {registry.host: {"auth": AUTH}}


@pytest.mark.parametrize("fault, status, match", [
    ({"action": "status", "status": 500}, 1, "status 500"),
    ({"action": "status", "status": 404}, 1, "is no registry: there is no /v2/"),
    ({"action": "status", "status": 403}, 4, "refused user"),
    ({"action": "reset"}, 1, "connection"),
    ({"action": "echo", "status": 400}, 1, "status 400"),
])
def test_no_answer(remote, make_registry, home, tmp_path, fault, status, match):
    registry = guarded(make_registry)
    registry.fault("GET", "/v2/", times=ALL, skip=1, **fault)
    done = log_in(remote, registry.host, home)
    assert done.returncode == status, done.stderr
    assert match in done.stderr
    assert not (tmp_path / "run/containers").exists()


def test_nobody_asks(remote, registry, home, tmp_path):
    done = log_in(remote, registry.host, home)
    assert done.returncode == 0
    assert "asks for no login" in done.stderr
    assert not any(e.authorized for e in registry.log)
    assert kept(tmp_path / "run/containers/auth.json")


@pytest.mark.parametrize("args, password, match", [
    (["-u", USER], "x", "no terminal to ask for the password"),
    (["--password-stdin"], "x", "needs a user: -u USER"),
    (["-u", USER, "--password-stdin"], "", "the password is empty"),
    (["-u", USER, "--password-stdin"], "\r\n", "the password is empty"),
    (["-u", "", "--password-stdin"], "x", "the user name is empty"),
    (["-u", "a:b", "--password-stdin"], "x", "holds a ':'"),
    (["-u", "a\nb", "--password-stdin"], "x", "control character"),
    (["-u", USER, "--password-stdin"], "a\0b", "holds a NUL byte"),
])
def test_bad_input(remote, registry, home, args, password, match):
    remote.fails("login", registry.host, *args, status=2, match=match, env=home, input=password)
    assert not registry.log


def test_bad_names(remote, home):
    for name, match in [("https://r.example", "scheme"), ("name", "must come first"),
                        ("r.example/A", "lower case"), ("r.example/a:1", "r.example/a:1")]:
        done = log_in(remote, name, home)
        assert done.returncode == 2 and match in done.stderr, done.stderr
    remote.fails("login", status=2, match="too few", env=home)
    remote.fails("logout", status=2, match="REGISTRY or --all", env=home)
    remote.fails("logout", "r.example", "--all", status=2, match="REGISTRY or --all", env=home)


def test_long_passwords(remote, make_registry, home, tmp_path):
    """A whole key file is a password; a disk is none."""
    registry = guarded(make_registry)
    key = json.dumps({"key": "x" * 3000}, indent=2) + "\n\n"
    registry.access.users["_json_key"] = key[:-1]
    done = log_in(remote, registry.host, home, user="_json_key", password=key)
    assert done.returncode == 0, done.stderr
    auth = kept(tmp_path / "run/containers/auth.json")[registry.host]["auth"]
    assert base64.b64decode(auth).decode() == "_json_key:" + key[:-1]
    done = log_in(remote, registry.host, home, password="x" * 65537)
    assert done.returncode == 1 and "larger than 65536 bytes" in done.stderr


def test_identity_token(remote, make_registry, image, home, tmp_path):
    registry = guarded(make_registry, "bearer")
    registry.access.refresh[IDENTITY] = USER
    image.put(registry, "a/b", "1")
    done = log_in(remote, registry.host, home, user="<token>", password=IDENTITY)
    assert done.returncode == 0, done.stderr
    entry = kept(tmp_path / "run/containers/auth.json")[registry.host]
    assert entry["identitytoken"] == IDENTITY
    remote.ok("pull", f"{registry.host}/a/b:1", env=home)
    assert remote.ok("login", registry.host, "--get-login", env=home) == "<token>"
    assert log_in(remote, registry.host, home, user="<token>", password="canary-x").returncode == 4


# ---- where to ----


def test_paths(remote, make_registry, image, home, tmp_path):
    """A login for a part of a registry is used for that part."""
    registry = guarded(make_registry)
    registry.access.users["other"] = PASSWORD + "2"
    image.put(registry, "team/a", "1")
    assert log_in(remote, f"{registry.host}/team", home).returncode == 0
    assert log_in(remote, registry.host, home, user="other", password=PASSWORD + "2").returncode == 0
    assert set(kept(tmp_path / "run/containers/auth.json")) == {
        registry.host, f"{registry.host}/team"}
    assert remote.ok("login", f"{registry.host}/team", "--get-login", env=home) == USER
    assert remote.ok("login", f"{registry.host}/x", "--get-login", env=home) == "other"
    remote.ok("logout", registry.host, env=home)
    remote.ok("pull", f"{registry.host}/team/a:1", env=home)
    remote.ok("logout", "--all", env=home)
    remote.fails("logout", "--all", status=1, match="nobody is logged in", env=home)


def test_other_content_stays(remote, make_registry, home, tmp_path):
    registry = guarded(make_registry)
    path = tmp_path / "config.json"
    before = {"HttpHeaders": {"X": "y"}, "auths": {"r.example": {"auth": "eDp5", "email": "e"}},
              "psFormat": "table", "number": 1.5}
    path.write_text(json.dumps(before))
    path.chmod(0o644)
    link = tmp_path / "link.json"
    link.symlink_to("config.json")
    assert log_in(remote, registry.host, home, "--authfile", link).returncode == 0
    assert link.is_symlink()
    assert kept(path) == {**before["auths"], registry.host: {"auth": AUTH}}
    remote.ok("logout", registry.host, "--authfile", link, env=home)
    assert json.loads(path.read_text()) == before


def test_many_at_once(remote, make_registry, home, tmp_path):
    registry = guarded(make_registry)
    paths = [f"{registry.host}/p{i}" for i in range(6)]
    threads = [threading.Thread(target=log_in, args=(remote, p, home)) for p in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(kept(tmp_path / "run/containers/auth.json")) == paths


def test_no_room(remote, make_registry, home, tmp_path):
    """Nowhere to write is an error, not a login that is gone tomorrow."""
    registry = guarded(make_registry)
    (tmp_path / "run/containers").write_text("a file")
    done = log_in(remote, registry.host, home)
    assert done.returncode == 1 and "auth file" in done.stderr


def test_every_step_fails(remote, make_registry, home, tmp_path):
    """Whatever goes wrong: the old login or the new one is there, and nothing else."""
    registry = guarded(make_registry)
    registry.access.users["other"] = PASSWORD
    file, points = tmp_path / "run/containers/auth.json", tmp_path / "points"
    assert log_in(remote, registry.host, home).returncode == 0
    done = log_in(remote, registry.host, {**home, "S2C_FAULT_LOG": str(points)})
    assert done.returncode == 0
    names = points.read_text().split() if points.exists() else []
    if not names:
        pytest.skip("a build without fault points")
    assert {"fs.write", "fs.sync", "fs.rename", "fs.lock"} <= set(names)
    for number in range(1, len(names) + 1):
        before = kept(file)
        user = "other" if before == {registry.host: {"auth": AUTH}} else USER
        done = log_in(remote, registry.host, {**home, "S2C_FAULT": str(number)}, user=user)
        assert done.returncode in (0, 1, 4), done.stderr
        assert done.returncode == 0 or done.stderr.rstrip().split("\n")[-1].startswith("s2c: ")
        after = kept(file)
        assert done.returncode != 0 or after != before
        assert len(after) == 1
        assert [p.name for p in file.parent.iterdir()] == ["auth.json"], names[number - 1]


HELPER = """#!/bin/sh
dir="$(dirname "$0")/kept"; mkdir -p "$dir"; echo "$#:$*" >> "$dir/../log"
case $1 in
store) cat > "$dir/entry" ;;
get) cat > /dev/null; cat "$dir/entry" 2>/dev/null || { echo credentials not found in native keychain; exit 1; } ;;
erase) cat > /dev/null; rm "$dir/entry" ;;
esac
"""


def test_helper(remote, make_registry, image, home, tmp_path):
    registry = guarded(make_registry)
    image.put(registry, "a/b", "1")
    program = tmp_path / "bin/docker-credential-test"
    program.parent.mkdir()
    program.write_text(HELPER)
    program.chmod(0o755)
    env = {**home, "PATH": f"{program.parent}:{clean_env()['PATH']}"}
    file = tmp_path / "run/containers/auth.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"credHelpers": {registry.host: "test"}}))
    done = log_in(remote, registry.host, env)
    assert done.returncode == 0, done.stderr
    assert "kept in credential helper 'test'" in done.stdout
    assert AUTH not in file.read_text()
    assert json.loads((program.parent / "kept/entry").read_text()) == {
        "ServerURL": registry.host, "Username": USER, "Secret": PASSWORD}
    remote.ok("pull", f"{registry.host}/a/b:1", env=env)
    remote.ok("logout", registry.host, env=env)
    assert not (program.parent / "kept/entry").exists()
    assert {line.split(":")[0] for line in (program.parent / "log").read_text().split()} == {"1"}
    program.write_text("#!/bin/sh\ncat >&2\nexit 2\n")
    done = log_in(remote, registry.host, env)
    assert done.returncode == 4 and "helper 'test' failed" in done.stderr


# ---- who sees it ----


def test_nobody_sees_it(remote, make_registry, home):
    """While the registry takes its time: no argument, no variable, no log has the password."""
    registry = guarded(make_registry)
    registry.fault("GET", "/v2/", "hang", times=ALL, skip=1)
    process = remote.start("login", registry.host, "-u", USER, "--password-stdin",
                           stdin=subprocess.PIPE, env=clean_env(S2C_TRACE="all", **home))
    process.stdin.write(PASSWORD)
    process.stdin.close()
    while len(registry.log) < 2:
        assert process.poll() is None
        time.sleep(0.02)
    seen = b""
    for name in ("cmdline", "environ"):
        seen += pathlib.Path(f"/proc/{process.pid}/{name}").read_bytes()
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    seen += (process.stdout.read() + process.stderr.read()).encode()
    process.stdout.close()
    process.stderr.close()
    for secret in SECRETS:
        assert secret.encode() not in seen
    assert not (pathlib.Path(home["XDG_RUNTIME_DIR"]) / "containers").exists()


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, remote, *args, env):
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            remote.command(*args), stdin=theirs, stdout=theirs, stderr=theirs,
            env=clean_env(**env), start_new_session=True)
        self.theirs = theirs
        self.text = ""

    def wait_for(self, text, seconds=30):
        """Until the program has said it."""
        end = time.monotonic() + seconds
        while text not in self.text:
            ready, _, _ = select.select([self.ours], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {text!r} in {self.text!r}"
            self.text += os.read(self.ours, 4096).decode()

    def say(self, line):
        """Types a line."""
        os.write(self.ours, line.encode() + b"\n")

    @property
    def echo(self):
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self.theirs)[3] & termios.ECHO)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def end(self):
        """Its exit status, with all its words in `text`."""
        status = self.process.wait(30)
        while select.select([self.ours], [], [], 0)[0]:
            self.text += os.read(self.ours, 4096).decode()
        os.close(self.theirs)
        os.close(self.ours)
        return status


def test_on_a_terminal(remote, make_registry, home, tmp_path):
    registry = guarded(make_registry)
    with Terminal(remote, "login", registry.host, env=home) as terminal:
        terminal.wait_for("user name: ")
        assert terminal.echo
        terminal.say(USER)
        terminal.wait_for("password: ")
        assert not terminal.echo
        terminal.say(PASSWORD)
        terminal.wait_for("logged in to")
        assert terminal.echo
        assert terminal.end() == 0
    assert PASSWORD not in terminal.text and USER in terminal.text
    assert kept(tmp_path / "run/containers/auth.json") == {registry.host: {"auth": AUTH}}


def test_interrupted_on_a_terminal(remote, make_registry, home):
    registry = guarded(make_registry)
    with Terminal(remote, "login", registry.host, "-u", USER, env=home) as terminal:
        terminal.wait_for("password: ")
        assert not terminal.echo
        terminal.process.send_signal(signal.SIGINT)
        terminal.process.wait(30)
        assert terminal.echo, "the terminal is as it was"
        assert terminal.end() == 130
    assert not registry.log


# ---- other people's programs ----


def test_docker_registry(remote, registry, image, docker_registry, server_pair, authority, certs,
                         home):
    """htpasswd, TLS by a CA of our own out of certs.d, all of it."""
    host = docker_registry(users=True, tls=server_pair)
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    done = log_in(remote, host, home)
    assert done.returncode == 4 and "is not trusted" in done.stderr
    env = {**home, **certs(host, ca_crt=authority.cert)}
    assert log_in(remote, host, env, password="wrong").returncode == 4
    assert log_in(remote, host, env).returncode == 0
    remote.ok("push", f"{registry.host}/a/b:1", f"{host}/a/b:1", env=env)
    remote.ok("pull", f"{host}/a/b:1", env=env)
    remote.ok("logout", host, env=env)
    remote.fails("pull", f"{host}/a/b:1", status=4, match="none were found", env=env)


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")
def test_podman_and_we_share_a_file(remote, make_registry, image, tmp_path, home):
    registry = guarded(make_registry)
    image.put(registry, "a/b", "1")
    ref = f"{registry.host}/a/b:1"
    env = clean_env(HOME=str(tmp_path), XDG_RUNTIME_DIR=home["XDG_RUNTIME_DIR"])

    def podman(*args, **kwargs):
        return subprocess.run(["podman", "--root", f"{tmp_path}/p", "--storage-driver", "vfs",
                               *args], env=env, capture_output=True, text=True, check=False,
                              **kwargs)

    # Theirs is good for us, in the usual place and in one that is named.
    for where in ([], ["--authfile", f"{tmp_path}/theirs.json"]):
        done = podman("login", *where, "--tls-verify=false", "-u", USER, "--password-stdin",
                      registry.host, input=PASSWORD)
        assert done.returncode == 0, done.stderr
        assert remote.ok("login", *where, registry.host, "--get-login", env=home) == USER
        remote.ok("pull", *where, ref, env=home)
        remote.ok("logout", *where, registry.host, env=home)
        assert podman("login", *where, "--get-login", registry.host).returncode != 0
    # Ours is good for them.
    for where in ([], ["--authfile", f"{tmp_path}/ours.json"]):
        assert log_in(remote, registry.host, home, *where).returncode == 0
        done = podman("login", *where, "--get-login", registry.host)
        assert done.stdout.strip() == USER, done.stderr
        done = subprocess.run(["skopeo", "inspect", "--tls-verify=false", *where,
                               f"docker://{ref}"], env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        done = podman("logout", *where, registry.host)
        assert done.returncode == 0, done.stderr
        remote.fails("login", *where, registry.host, "--get-login", status=1, match="nobody",
                     env=home)
