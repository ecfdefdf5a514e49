"""The native runtime as everybody who may run it: root, and a user with a single id."""
import os
import pathlib
import shutil

import pytest

from support import Builder, S2C

UID = 61235


class Native:
    """s2c as somebody, with builder/test in the store and a directory that is theirs."""

    def __init__(self, who, directory, rootfs_tar):
        self.who, self.dir = who, directory
        prefix = [] if who == "root" else [
            "setpriv", f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]
        self.s2c = S2C(directory / "store", prefix=prefix)
        self.builder = Builder(self.s2c, rootfs_tar)
        self.app = directory / "app"
        self.app.mkdir()
        self.write("app/index.html", "hello\n")

    def write(self, name, text, mode=0o644):
        """A file of theirs below the directory."""
        path = self.dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        if self.who != "root":
            for p in (path, *path.parents):
                if p == self.dir.parent:
                    break
                os.chown(p, UID, UID)
        return path

    def build(self, *args, assemble=None, changes=(), **kwargs):
        """Builds with this assemble script; standard error is the build's output."""
        self.make(assemble, *changes)
        return self.s2c.run("build", self.app, "builder/test", "out", *args, **kwargs)

    def make(self, assemble, *changes):
        if assemble is not None:
            self.builder.make("builder/test", *changes, assemble="#!/bin/sh\nset -e\n" + assemble)


@pytest.fixture(params=["root", "user"])
def native(request, rootfs_tar, session_dir, tmp_path):
    directory = tmp_path
    if request.param == "user":
        if os.geteuid() != 0:
            pytest.skip("needs root to become another user")
        directory = pathlib.Path("/tmp") / f"s2c-native-{os.getpid()}"
        directory.mkdir(mode=0o755)
        os.chown(directory, UID, UID)
    made = Native(request.param, directory, rootfs_tar)
    yield made
    made.s2c.assert_clean()
    if request.param == "user":
        shutil.rmtree(directory, ignore_errors=True)
