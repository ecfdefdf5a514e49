"""What S2I does, wherever s2c builds: as root, as an ordinary user, in dockerd, in podman."""
import os
import pathlib
import shutil
import tarfile

import pytest

from fixtures_engine import EngineBuilder
from support import Builder, S2C

UID = 61235
ALL = ["native", "rootless", "docker", "podman"]


class Native:
    """A place to build in: s2c by itself."""

    def __init__(self, kind, s2c, base, rootfs_tar):
        self.kind, self.s2c, self.base = kind, s2c, base
        self.builder = Builder(s2c, rootfs_tar)
        self.flags = ["--network", "none"]

    def make(self, name, *changes, **kwargs):
        """A builder image; see support.Builder.make()."""
        return self.builder.make(name, *changes, **kwargs)

    def maker(self):
        return self.builder

    def strip(self, *names):
        """Builder images that are made from now on lack these files."""
        maker = self.maker()
        stripped = maker.s2c.root.parent / "stripped.tar"
        with tarfile.open(maker.rootfs_tar) as old, tarfile.open(stripped, "w") as new:
            for member in old:
                if member.name.removeprefix("./") not in names:
                    new.addfile(member, old.extractfile(member) if member.isreg() else None)
        maker.rootfs_tar = stripped

    def tree(self, name, **files):
        """A source directory that whoever builds can read; keys are paths with '/' as '__'."""
        path = self.base / name
        path.mkdir(exist_ok=True)
        for key, text in files.items():
            self.put(path, key.replace("__", "/"), text)
        return path

    @staticmethod
    def put(path, name, text, mode=0o644):
        target = path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
        return target

    def words(self, args):
        return [args[0], *args[1:], *self.flags]

    def build(self, *args, **kwargs):
        """The id of what was built."""
        return self.s2c.ok("build", *self.words(args), **kwargs)

    def builds(self, *args, **kwargs):
        """Builds, and returns what was said on the way."""
        done = self.s2c.run("build", *self.words(args), **kwargs)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def fails(self, *args, **kwargs):
        return self.s2c.fails("build", *self.words(args), **kwargs)

    def config(self, image):
        return self.s2c.config(image)["config"]

    def layer(self, image):
        """The newest layer as an open tarfile."""
        return self.s2c.layer(image)

    def names(self, image):
        with self.layer(image) as tar:
            return [name.rstrip("/") for name in tar.getnames()]

    def read(self, image, name):
        """A file of the newest layer."""
        with self.layer(image) as tar:
            return tar.extractfile(name).read().decode()

    def run(self, image):
        return self.s2c.ok("run", "--network", "none", image)

    def has(self, image):
        return self.s2c.run("inspect", image).returncode == 0


class InEngine(Native):
    """The same by way of a container engine."""

    def __init__(self, kind, engine, s2c, base, rootfs_tar):
        super().__init__(kind, s2c, base, rootfs_tar)
        self.engine = engine
        self.builder = EngineBuilder(engine, s2c, rootfs_tar)
        self.flags = ["--engine", engine.url, "--network", "none"]

    def maker(self):
        return self.builder.local

    def config(self, image):
        return self.engine.config(image)

    def layer(self, image):
        return self.engine.layer(image)

    def run(self, image):
        return self.engine.run(image).rstrip("\n")

    def has(self, image):
        return self.engine.ask("GET", f"/v1.41/images/{image}/json").status == 200


@pytest.fixture
def user_dir():
    """A directory of an ordinary user who can reach the program."""
    path = pathlib.Path("/tmp") / f"s2c-s2i-{os.getpid()}"
    path.mkdir(mode=0o755)
    os.chown(path, UID, UID)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(params=ALL)
def place(request, tmp_path, rootfs_tar):
    """Each of the places in turn, without any image in it."""
    kind = request.param
    if kind == "rootless":
        base = request.getfixturevalue("user_dir")
        prefix = ["setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        s2c = S2C(base / "store", prefix=prefix)
        yield Native(kind, s2c, base, rootfs_tar)
        s2c.assert_clean()
        return
    s2c = request.getfixturevalue("s2c")
    if kind == "native":
        yield Native(kind, s2c, tmp_path, rootfs_tar)
        return
    engine = request.getfixturevalue({"docker": "dockerd", "podman": "podman_service"}[kind])
    before = engine.containers()
    yield InEngine(kind, engine, s2c, tmp_path, rootfs_tar)
    # The engine serves other tests too, which know nothing of an image of this name.
    engine.ask("DELETE", "/v1.41/images/myapp?force=1")
    left = engine.sweep(before)
    assert not left, f"containers left behind: {left}"


@pytest.fixture
def rich_app(app):
    """A source with what is easily lost: modes, links, an empty directory, odd names."""
    (app / "empty").mkdir()
    (app / "run-me").write_text("#!/bin/sh\n")
    (app / "run-me").chmod(0o755)
    (app / "link").symlink_to("sub/data")
    (app / "dangling").symlink_to("/nowhere")
    (app / "two words & $x").write_text("odd\n")
    (app / ".s2i").mkdir()
    (app / ".s2i/environment").write_text("FROM_FILE=it's \"quoted\" $5\n")
    (app / ".s2iignore").write_text("*.log\n")
    (app / "a.log").write_text("ignored\n")
    (app / ".dockerignore").write_text("*\n")
    return app
