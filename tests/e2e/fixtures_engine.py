"""The engines of engines.py as fixtures, and builder images in them."""
import pathlib
import shutil
import tempfile

import pytest

from engines import Engine, base_dir
from support import Builder

TOP = pathlib.Path(__file__).resolve().parents[2]


def running(name):
    made = Engine(name, base_dir())
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def hosts_file():
    """A file of hosts as it is installed: where only root can put files, so not in /tmp."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="s2c-test-", dir="/var/lib"))
    shutil.copy(TOP / "src/gate/hosts", directory / "hosts")
    (directory / "hosts").chmod(0o644)
    yield str(directory / "hosts")
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def dockerd():
    yield from running("docker")


@pytest.fixture(scope="session")
def podman_service():
    yield from running("podman")


@pytest.fixture(params=["docker", "podman"])
def engine(request):
    """Each of the engines in turn; a test leaves no container of ours in it."""
    found = request.getfixturevalue({"docker": "dockerd", "podman": "podman_service"}[request.param])
    before = found.containers()
    yield found
    left = found.sweep(before)
    assert not left, f"containers left behind: {left}"


class EngineBuilder:
    """Makes builder images in a store, and the same ones in an engine."""

    def __init__(self, engine, s2c, rootfs_tar):
        self.engine, self.s2c = engine, s2c
        self.local = Builder(s2c, rootfs_tar)

    def make(self, name, *changes, **kwargs):
        image_id = self.local.make(name, *changes, **kwargs)
        self.send(name)
        return image_id

    def send(self, name):
        archive = self.s2c.root.parent / "send.tar"
        self.s2c.ok("save", name, f"docker-archive:{archive}")
        self.engine.load(archive)
        archive.unlink()

    def build(self, *args, **kwargs):
        return self.s2c.ok("build", *args, "--engine", self.engine.url, **kwargs)


@pytest.fixture
def made(engine, s2c, rootfs_tar):
    """builder/test, here and in the engine."""
    builder = EngineBuilder(engine, s2c, rootfs_tar)
    builder.make("builder/test")
    return builder


@pytest.fixture
def made_in_podman(podman_service, s2c, rootfs_tar):
    """The same for what only podman does."""
    before = podman_service.containers()
    builder = EngineBuilder(podman_service, s2c, rootfs_tar)
    builder.make("builder/test")
    yield builder
    assert not podman_service.sweep(before)
