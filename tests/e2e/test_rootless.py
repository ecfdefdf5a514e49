"""As an ordinary user, with and without ranges, and inside unshare -r."""
import os
import pathlib
import shutil
import subprocess

import pytest

from support import PROGRAM, Builder, S2C, clean_env

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become other users")
UID = 61234


@pytest.fixture
def home(session_dir, tmp_path_factory):
    """A directory that belongs to the ordinary user, who can reach the program."""
    path = pathlib.Path("/tmp") / f"s2c-rootless-{os.getpid()}"
    path.mkdir(mode=0o755)
    os.chown(path, UID, UID)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def tun_is_usable():
    return os.path.exists("/dev/net/tun")


@pytest.fixture
def ranges():
    """subuid ranges for the user, taken back afterwards."""
    saved = {}
    for name in ("/etc/subuid", "/etc/subgid"):
        path = pathlib.Path(name)
        saved[path] = path.read_text() if path.exists() else None
        path.write_text((saved[path] or "") + f"{UID}:6200000:65536\n")
    passwd = pathlib.Path("/etc/passwd")
    saved[passwd] = passwd.read_text()
    passwd.write_text(saved[passwd] + f"s2ctest{UID}:x:{UID}:{UID}::/nonexistent:/bin/sh\n")
    for name in ("/etc/subuid", "/etc/subgid"):
        path = pathlib.Path(name)
        path.write_text((saved[path] or "") + f"s2ctest{UID}:6200000:65536\n")
    yield
    for path, text in saved.items():
        if text is None:
            path.unlink()
        else:
            path.write_text(text)


def user(home, *wrap):
    prefix = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups", *wrap]
    return S2C(home / "store", prefix=prefix)


def check(s2c, home, rootfs_tar):
    app = home / "app"
    app.mkdir()
    (app / "index.html").write_text("rootless\n")
    made = Builder(s2c, rootfs_tar)
    made.make("builder/test")
    s2c.ok("build", app, "builder/test", "myapp", "--network", "none")
    with s2c.layer("myapp") as tar:
        member = tar.getmember("srv/index.html")
        assert (member.uid, member.gid) == (1001, 0)
        assert tar.extractfile("srv/uid").read() == b"1001\n"
        parent = tar.getmember("srv")
        assert (parent.uid, parent.gid) == (1001, 0)
    assert s2c.ok("run", "--network", "none", "myapp") == "run says: rootless \n1001"
    s2c.assert_clean()


def test_with_ranges(home, ranges, rootfs_tar):
    check(user(home), home, rootfs_tar)


def test_with_a_single_id(home, rootfs_tar):
    check(user(home), home, rootfs_tar)


def test_inside_unshare_r(home, rootfs_tar):
    check(user(home, "unshare", "-r", "-m"), home, rootfs_tar)


def test_single_id_keeps_owners_of_the_image(home, rootfs_tar):
    """Directories of the image that a build touches keep their owner in the layer."""
    s2c = user(home)
    app = home / "app2"
    app.mkdir()
    (app / "x").write_text("x")
    made = Builder(s2c, rootfs_tar)
    made.make("builder/test", assemble="#!/bin/sh\nset -e\ncp /tmp/src/x /tmp/kept\n")
    s2c.ok("build", app, "builder/test", "myapp", "--network", "none")
    with s2c.layer("myapp") as tar:
        tmp = tar.getmember("tmp")
        assert (tmp.uid, tmp.gid, tmp.mode) == (0, 0, 0o1777)


NO_NAMESPACES = """
import ctypes, os, sys
if ctypes.CDLL(None).unshare(0x10000000):
    sys.exit("unshare failed")
print("ready", flush=True)
sys.stdin.readline()
os.setresgid(0, 0, 0)
os.setresuid(0, 0, 0)
open("/proc/sys/user/max_user_namespaces", "w").write("0")
os.setgroups([])
os.setresgid({uid}, {uid}, {uid})
os.setresuid({uid}, {uid}, {uid})
os.execv({program!r}, [{program!r}, "--root", {root!r}, "images"])
"""


def test_no_user_namespaces(home):
    """In a user namespace whose own limit of user namespaces is 0."""
    script = NO_NAMESPACES.format(uid=UID, program=PROGRAM, root=str(home / "store"))
    child = subprocess.Popen(["/usr/bin/python3", "-c", script], env=clean_env(), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "ready\n"
    for name in ("uid_map", "gid_map"):
        pathlib.Path(f"/proc/{child.pid}/{name}").write_text("0 0 65536\n")
    _, err = child.communicate("go\n", timeout=60)
    assert child.returncode == 1 and "user namespace" in err, err


def test_no_user_namespaces_inside(home, rootfs_tar):
    """Inside of `unshare -r` an image's uid takes one more."""
    s2c = user(home, "unshare", "-r", "-m", "sh", "-c", """
        [ "$4" != build ] || echo 0 > /proc/sys/user/max_user_namespaces; exec "$@" """, "sh")
    Builder(s2c, rootfs_tar).make("builder/test")
    app = home / "app3"
    app.mkdir()
    (app / "x").write_text("x")
    s2c.fails("build", app, "builder/test", "--network", "none", status=1, match="user.max_user_namespaces")
    s2c.assert_clean()
