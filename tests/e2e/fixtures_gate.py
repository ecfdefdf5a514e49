"""Gates of gates.py as fixtures, and the images that their tests build with."""
import tarfile

import pytest

from engines import base_dir
from gates import BUILDER, Gate, put_image
from support import ASSEMBLE, RUN, add_file


@pytest.fixture(scope="session")
def s2i_rootfs_tar(session_dir, rootfs_tar):
    """The root file system with S2I's scripts in it, as a builder image has them."""
    path = session_dir / "s2i-rootfs.tar"
    path.write_bytes(rootfs_tar.read_bytes())
    with tarfile.open(path, "a") as tar:
        add_file(tar, "usr/libexec/s2i/assemble", ASSEMBLE, 0o755)
        add_file(tar, "usr/libexec/s2i/run", RUN, 0o755)
    return path


def with_images(engine, rootfs):
    """Everything that the policy of the tests names, and what it does not."""
    label = "LABEL io.openshift.s2i.scripts-url=image:///usr/libexec/s2i"
    for name in (BUILDER, "registry.test/builder/s2i", "registry.test/other/private"):
        put_image(engine, rootfs, f"{name}:latest", "USER 1001", "WORKDIR /srv", label)
    put_image(engine, rootfs, "registry.test/builder/rooted:latest", "USER 0", label)
    return engine


@pytest.fixture(scope="session")
def gated_docker(dockerd, s2i_rootfs_tar):
    return with_images(dockerd, s2i_rootfs_tar)


@pytest.fixture(scope="session")
def gated_podman(podman_service, s2i_rootfs_tar):
    return with_images(podman_service, s2i_rootfs_tar)


@pytest.fixture
def new_gate(gated_docker):
    """Makes gates in front of dockerd, or of another socket. What a gate cannot remove, since its
    engine went or lied, is removed here: the engine serves other tests."""
    made = []
    before = gated_docker.containers()

    def make(upstream=None, start=True, **kwargs):
        gate = Gate(base_dir(), upstream or gated_docker.socket, **kwargs)
        made.append(gate)
        return gate.start() if start else gate

    yield make
    for gate in made:
        gate.close()
    gated_docker.sweep(before)


@pytest.fixture(scope="module")
def gate(gated_docker):
    """One gate in front of dockerd for a module."""
    made = Gate(base_dir(), gated_docker.socket)
    yield made.start()
    made.close()
