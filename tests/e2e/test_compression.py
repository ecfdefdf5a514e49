# SPDX-License-Identifier: Apache-2.0
"""How layers are compressed: --compression, and what other programs say to a gzip of many
members and to zstd. Layers here are larger than a block, so that there are several."""
import gzip
import hashlib
import json
import os
import random
import shutil
import subprocess
import tempfile

import pytest

from support import clean_env

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
MEMBER = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x0a\0SC\x06\0"  # how each of ours begins


def tool(*args, input=None, **env):
    done = subprocess.run([str(a) for a in args], env=clean_env(**env), input=input,
                          capture_output=True, timeout=300)
    assert done.returncode == 0, f"{args}: {done.stderr.decode(errors='replace')}"
    return done.stdout


@pytest.fixture
def app(app):
    """An application of 5 MiB that compress well, but not to nothing."""
    words = [f"{n:x}" for n in range(4096)]
    text = " ".join(random.Random(1).choices(words, k=5 << 18))
    (app / "words").write_text(text)
    return app


def blob(s2c, layer):
    return s2c.root / "blobs" / layer["digest"].replace(":", "/")


def last_layer(s2c, image):
    """(descriptor, path of the blob, diffID) of the layer that a build made."""
    layer = s2c.manifest(image)["layers"][-1]
    return layer, blob(s2c, layer), s2c.config(image)["rootfs"]["diff_ids"][-1]


def diff_id(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def runs(s2c, image):
    assert s2c.ok("run", image).split("\n")[0] == "run says: hello "


def test_gzip_of_many_members(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp")
    layer, path, want = last_layer(s2c, "myapp")
    assert layer["mediaType"] == GZIP
    data = path.read_bytes()
    assert data.count(MEMBER) >= 5
    tool("gzip", "-t", path)
    assert diff_id(gzip.decompress(data)) == want
    assert diff_id(tool("gzip", "-dc", path)) == want
    assert diff_id(tool("busybox", "zcat", path)) == want
    assert diff_id(tool("busybox", "gunzip", "-c", input=data)) == want
    runs(s2c, "myapp")


def test_zstd(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "--compression", "zstd")
    layer, path, want = last_layer(s2c, "myapp")
    assert layer["mediaType"] == ZSTD
    assert diff_id(tool("zstd", "-dc", path)) == want
    # The builder's layers stay what they are.
    assert s2c.manifest("myapp")["layers"][0]["mediaType"] == GZIP
    runs(s2c, "myapp")


def test_the_content_is_the_same(s2c, builder, app):
    """Levels and methods change the blob and never the image's files."""
    fixed = "#!/bin/sh\ncd /srv\ncp /tmp/src/words .\ntouch -d @978307200 words .\n"
    builder.make("builder/fixed", assemble=fixed)
    sizes, diff_ids = {}, set()
    for how in (None, "gzip:1", "gzip:3", "gzip:9", "zstd:1", "zstd:9"):
        s2c.ok("build", app, "builder/fixed", "x", *(["--compression", how] if how else []))
        layer, _, one = last_layer(s2c, "x")
        sizes[how] = layer["size"]
        diff_ids.add(one)
    assert len(diff_ids) == 1
    assert sizes["gzip:9"] < sizes["gzip:3"] < sizes["gzip:1"]
    assert sizes["gzip:3"] == sizes[None]
    assert sizes["zstd:9"] != sizes["zstd:1"]


def test_bytes_do_not_depend_on_the_number_of_cpus(s2c, rootfs_tar):
    cpu = min(os.sched_getaffinity(0))
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("there is one CPU only")
    for how in ("gzip", "zstd"):
        digests = set()
        for prefix in ([], ["taskset", "-c", str(cpu)]):
            s2c.prefix = prefix
            s2c.ok("import", rootfs_tar, "one/cpu", "--compression", how)
            digests.add(s2c.manifest("one/cpu")["layers"][0]["digest"])
        assert len(digests) == 1, how


@pytest.mark.parametrize("how, media_type", [(None, GZIP), ("gzip:1", GZIP), ("zstd:5", ZSTD)])
def test_import(s2c, rootfs_tar, how, media_type):
    s2c.ok("import", rootfs_tar, "base", *(["--compression", how] if how else []))
    layer, path, want = last_layer(s2c, "base")
    assert layer["mediaType"] == media_type
    with open(rootfs_tar, "rb") as f:
        assert diff_id(f.read()) == want
    if media_type == GZIP:
        assert path.read_bytes().count(MEMBER) >= 2
    assert s2c.ok("run", "base", "/bin/echo", "it runs") == "it runs"


def test_what_is_no_compression(s2c, builder, app, rootfs_tar):
    for word, match in (("xz", "neither gzip nor zstd"), ("zstd:20", "1 to 19"), ("gzip:0", "1 to 9")):
        for command in (["build", app, "builder/test", "x"], ["import", rootfs_tar, "x"]):
            s2c.fails(*command, "--compression", word, status=2,
                      match=f"--compression: compression '{word}'.*{match}")
    s2c.fails("inspect", "x", status=1, match="x")


def test_the_plan_says_so(s2c, builder, app):
    plan = json.loads(s2c.ok("build", app, "builder/test", "x", "--dry-run", "--compression", "zstd:3"))
    assert plan["compression"] == "zstd:3"
    plan = json.loads(s2c.ok("build", app, "builder/test", "x", "--dry-run"))
    assert plan["compression"] == "gzip:3"


def test_docker_archives_hold_no_zstd(s2c, builder, app, tmp_path):
    """docker load knows gzip only."""
    s2c.ok("build", app, "builder/test", "myapp", "--compression", "zstd",
           "--output", f"docker-archive:{tmp_path}/x.tar")
    want = s2c.inspect("myapp")["Id"]
    inspected = json.loads(tool("skopeo", "inspect", f"docker-archive:{tmp_path}/x.tar"))
    assert "zstd" not in json.dumps(inspected)
    s2c.ok("rmi", "myapp")
    s2c.ok("load", f"docker-archive:{tmp_path}/x.tar")
    assert s2c.inspect("myapp")["Id"] == want
    runs(s2c, "myapp")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("podman"), reason="needs podman, and root")
@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_by_a_registry_to_podman_and_back(s2c, builder, app, docker_registry, tmp_path, how):
    host = docker_registry()
    name = f"{host}/a/{how}:1"
    s2c.ok("build", app, "builder/test", name, "--push", "--compression", how, "--tls-verify=false")
    run = tempfile.mkdtemp(prefix="s2c-p")  # podman wants a short one
    podman = ["podman", "--root", f"{tmp_path}/p", "--runroot", run, "--storage-driver", "vfs",
              "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    try:
        tool(*podman, "pull", "-q", "--tls-verify=false", name, HOME="/root")
        where = tool(*podman, "image", "mount", name, HOME="/root").decode().strip()
        with open(f"{where}/srv/words", "rb") as theirs:
            assert theirs.read() == (app / "words").read_bytes()
    finally:
        subprocess.run([*podman, "system", "reset", "-f"], capture_output=True, env=clean_env(HOME="/root"))
        shutil.rmtree(tmp_path / "p", ignore_errors=True)
        shutil.rmtree(run, ignore_errors=True)
    s2c.ok("rmi", name)
    s2c.ok("prune")
    s2c.ok("pull", name, "--tls-verify=false")
    runs(s2c, name)
