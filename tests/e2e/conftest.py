"""What every end-to-end test stands on: the program, a store of its own, builder images
made here, and a check that nothing is left behind."""
import pathlib
import shutil
import subprocess

import pytest

from support import Builder, S2C, busybox_rootfs, mounts_below, tar_of

pytest_plugins = ["fixtures_engine", "fixtures_gate", "fixtures_native", "fixtures_registry",
                  "fixtures_trust"]


@pytest.fixture(scope="session")
def session_dir(tmp_path_factory):
    """A directory for what is made once; world-searchable for ordinary users."""
    path = tmp_path_factory.mktemp("s2c")
    for parent in [path, *path.parents]:
        if parent == pathlib.Path("/tmp") or not parent.is_relative_to("/tmp"):
            break
        parent.chmod(0o755)
    return path


@pytest.fixture(scope="session")
def rootfs_tar(session_dir):
    """A root file system of busybox with a user 1001 and S2I scripts."""
    tree = session_dir / "rootfs"
    busybox_rootfs(tree)
    return tar_of(tree, session_dir / "rootfs.tar")


@pytest.fixture
def s2c(tmp_path):
    """The program on an empty store; at the end nothing may be left behind."""
    root = tmp_path / "store"
    program = S2C(root)
    yield program
    program.assert_clean()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def builder(s2c, rootfs_tar):
    """builder/test in the store, and how to make variants of it."""
    made = Builder(s2c, rootfs_tar)
    made.make("builder/test")
    return made


@pytest.fixture
def app(tmp_path):
    """A small application source."""
    path = tmp_path / "app"
    path.mkdir()
    (path / "index.html").write_text("hello\n")
    (path / "sub").mkdir()
    (path / "sub" / "data").write_text("data\n")
    return path


@pytest.fixture(autouse=True)
def no_mounts_left(tmp_path):
    """No test may leave a mount of ours in the host's mount namespace."""
    yield
    left = mounts_below(tmp_path)
    assert not left, f"left behind: {left}"


def pytest_configure(config):
    if not shutil.which("busybox"):
        raise pytest.UsageError("busybox is missing; tests/run installs it")
    subprocess.run(["busybox", "true"], check=True)
