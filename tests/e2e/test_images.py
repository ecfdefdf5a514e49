"""Images of the store, and what other programs say to them."""
import json
import os
import shutil
import subprocess
import tarfile
import tempfile

import pytest

from support import add_file, clean_env


def tool(*args, **kwargs):
    done = subprocess.run([str(a) for a in args], env=clean_env(**kwargs), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{args}: {done.stderr}"
    return done.stdout


@pytest.fixture
def image(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp")
    return "myapp"


def test_inspect_has_the_shape_of_docker(s2c, image):
    data = s2c.inspect(image)
    for key in ("Id", "RepoTags", "Created", "Architecture", "Os", "Size", "Config", "RootFS"):
        assert key in data, key
    assert data["RepoTags"] == ["myapp:latest"]
    assert len(data["RootFS"]["Layers"]) == 2


def test_list_history_tag_remove(s2c, image):
    listed = json.loads(s2c.ok("images", "--format", "json"))
    assert {i["name"] for i in listed} == {"builder/test:latest", "myapp:latest"}
    assert "s2c build" in s2c.ok("history", image)
    s2c.ok("tag", image, "other:v2")
    assert s2c.inspect("other:v2")["Id"] == s2c.inspect(image)["Id"]
    s2c.ok("rmi", image)
    s2c.fails("inspect", image, status=1, match="myapp")
    s2c.ok("inspect", "other:v2")
    s2c.ok("rmi", "other:v2", "builder/test")
    s2c.ok("prune")
    assert not list((s2c.root / "blobs/sha256").iterdir())
    assert not [p for p in (s2c.root / "trees").iterdir() if len(p.name) == 64]


@pytest.mark.parametrize("form", ["oci:{}/oci:latest", "oci-archive:{}/a.tar", "docker-archive:{}/d.tar"])
def test_round_trip(s2c, image, tmp_path, form):
    place = form.format(tmp_path)
    s2c.ok("save", image, place)
    before = s2c.inspect(image)
    skopeo = json.loads(tool("skopeo", "inspect", "--config", place if not place.startswith("oci:") else place))
    assert skopeo["rootfs"]["diff_ids"] == before["RootFS"]["Layers"]
    s2c.ok("rmi", image)
    s2c.ok("prune")
    s2c.ok("load", place)
    listed = json.loads(s2c.ok("images", "--format", "json"))
    assert any(i["id"] == before["Id"] for i in listed)


def test_saved_archives_are_deterministic(s2c, image, tmp_path):
    for form in ("oci-archive", "docker-archive"):
        for n in "12":
            s2c.ok("save", image, f"{form}:{tmp_path}/{n}.tar")
        assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_the_store_is_an_oci_layout(s2c, image):
    out = json.loads(tool("skopeo", "inspect", f"oci:{s2c.root}:myapp:latest"))
    assert len(out["Layers"]) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="umoci unpacks with owners")
def test_umoci_sees_the_same_tree(s2c, image, tmp_path):
    s2c.ok("save", image, f"oci:{tmp_path}/oci:latest")
    tool("umoci", "unpack", "--image", f"{tmp_path}/oci:latest", tmp_path / "bundle", HOME="/root")
    root = tmp_path / "bundle/rootfs"
    assert (root / "srv/index.html").read_text() == "hello\n"
    assert (root / "srv/index.html").stat().st_uid == 1001
    assert not (root / "tmp/src").exists()
    assert (root / "bin/sh").is_symlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="podman needs root here")
@pytest.mark.parametrize("form", ["docker-archive", "oci-archive"])
def test_podman_runs_it(s2c, image, tmp_path, form):
    s2c.ok("save", image, f"{form}:{tmp_path}/x.tar")
    run = tempfile.mkdtemp(prefix="s2c-p")  # podman wants a short one
    podman = ["podman", "--root", f"{tmp_path}/p", "--runroot", run, "--storage-driver", "vfs",
              "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    try:
        out = tool(*podman, "load", "-q", "-i", tmp_path / "x.tar", HOME="/root")
        name = out.strip().split()[-1]
        ran = tool(*podman, "run", "--rm", "--network", "none", "--runtime", "runc", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", name, HOME="/root")
        assert ran.split("\n")[:2] == ["run says: hello ", "1001"]
    finally:
        subprocess.run([*podman, "system", "reset", "-f"], capture_output=True, env=clean_env(HOME="/root"))
        shutil.rmtree(tmp_path / "p", ignore_errors=True)
        shutil.rmtree(run, ignore_errors=True)


def test_altered_blob_is_found(s2c, image, app):
    digest = s2c.manifest(image)["layers"][-1]["digest"]
    path = s2c.root / "blobs" / digest.replace(":", "/")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    s2c.fails("save", image, f"oci-archive:{s2c.root.parent}/x.tar", status=1, match=digest[7:19])
    assert not (s2c.root.parent / "x.tar").exists()
    done = s2c.run("prune", "--check")
    assert done.returncode == 1 and digest[7:19] in done.stderr


def test_truncated_base_layer_is_not_used(s2c, builder, app):
    digest = s2c.manifest("builder/test")["layers"][0]["digest"]
    path = s2c.root / "blobs" / digest.replace(":", "/")
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-100])
    shutil.rmtree(s2c.root / "trees")
    s2c.fails("build", app, "builder/test", "myapp", status=1, match=digest[7:19])


@pytest.mark.parametrize("how", ["gone", "longer"])
def test_missing_base_layer_is_found_before_the_work(s2c, builder, app, how):
    """Also when the layer is unpacked already, so that assemble could run."""
    s2c.ok("build", app, "builder/test", "one")
    digest = s2c.manifest("builder/test")["layers"][0]["digest"]
    path = s2c.root / "blobs" / digest.replace(":", "/")
    if how == "gone":
        path.unlink()
    else:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes() + b"x")
    done = s2c.fails("build", app, "builder/test", "myapp", status=1,
                     match=f"'builder/test:latest' must be pulled or built again: .*{digest[7:19]}")
    assert "assemble runs" not in done.stderr


def test_missing_base_layer_is_pulled_again(s2c, builder, app, make_registry):
    name = f"{make_registry().host}/builder/test:1"
    s2c.ok("push", "builder/test", name)
    s2c.ok("tag", "builder/test", name)
    digest = s2c.manifest(name)["layers"][0]["digest"]
    path = s2c.root / "blobs" / digest.replace(":", "/")
    path.unlink()
    s2c.fails("build", app, name, "myapp", "-p", "never", status=1, match="must be pulled or built again")
    s2c.ok("build", app, name, "myapp")
    assert path.exists()


def test_import_changes(s2c, rootfs_tar):
    s2c.ok("import", rootfs_tar, "x/y:1", "--change", "USER 5", "--change", 'ENV A="b c"', "--change",
           'CMD ["/bin/sh", "-c", "echo hi"]', "--change", "WORKDIR /srv", "--change", "LABEL k=v",
           "--change", "EXPOSE 80", "--change", 'ENTRYPOINT ["/bin/env"]')
    config = s2c.config("x/y:1")["config"]
    assert config["User"] == "5" and "A=b c" in config["Env"] and config["Cmd"][2] == "echo hi"
    assert config["WorkingDir"] == "/srv" and config["Labels"]["k"] == "v"
    assert "80/tcp" in config["ExposedPorts"] and config["Entrypoint"] == ["/bin/env"]
    s2c.fails("import", rootfs_tar, "x/z", "--change", "FROB x", status=2, match="FROB")


@pytest.mark.parametrize("data", [b"", b"junk" * 1000])
def test_import_of_no_tar(s2c, tmp_path, data):
    path = tmp_path / "x.tar"
    path.write_bytes(data)
    done = s2c.run("import", path, "x/y")
    assert done.returncode in (1, 2), done.stderr
    s2c.fails("inspect", "x/y", status=1, match="x/y")


def test_load_of_hostile_layout(s2c, tmp_path):
    layout = tmp_path / "oci"
    (layout / "blobs/sha256").mkdir(parents=True)
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    digest = "0" * 64
    (layout / "blobs/sha256" / digest).symlink_to("/etc/shadow")
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{digest}",
        "size": os.stat("/etc/passwd").st_size}]}))
    done = s2c.run("load", f"oci:{layout}")
    assert done.returncode in (1, 2), done.stderr
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:../../../etc/passwd", "size": 10}]}))
    assert s2c.run("load", f"oci:{layout}").returncode in (1, 2)


def test_load_of_hostile_docker_archive(s2c, tmp_path):
    path = tmp_path / "d.tar"
    with tarfile.open(path, "w") as tar:
        add_file(tar, "manifest.json", json.dumps([{"Config": "../../etc/passwd", "RepoTags": ["x:y"], "Layers": []}]), 0o644)
    assert s2c.run("load", f"docker-archive:{path}").returncode in (1, 2)
