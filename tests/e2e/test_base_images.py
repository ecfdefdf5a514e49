"""Builder images as other tools make them. The short names are those of docs/layers.md and of
the mistakes that others have made with manifests and configs."""
import gzip
import hashlib
import json
import subprocess

import pytest

from support import clean_env

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."


class Layout:
    """An OCI layout of one image whose documents may be changed."""

    def __init__(self, path):
        self.path = path
        self.index = json.loads((path / "index.json").read_text())
        self.manifest = json.loads(self.read(self.index["manifests"][0]["digest"]))
        self.config = json.loads(self.read(self.manifest["config"]["digest"]))

    def read(self, digest):
        return (self.path / "blobs" / digest.replace(":", "/")).read_bytes()

    def put(self, data, descriptor):
        descriptor["digest"] = "sha256:" + hashlib.sha256(data).hexdigest()
        descriptor["size"] = len(data)
        (self.path / "blobs" / descriptor["digest"].replace(":", "/")).write_bytes(data)

    def tar(self):
        return gzip.decompress(self.read(self.manifest["layers"][0]["digest"]))

    def set_layer(self, data, tar=None, media_type=None):
        layer = self.manifest["layers"][0]
        self.put(data, layer)
        layer["mediaType"] = media_type or layer["mediaType"]
        if tar is not None:
            self.config["rootfs"]["diff_ids"][0] = "sha256:" + hashlib.sha256(tar).hexdigest()

    def save(self):
        self.put(json.dumps(self.config).encode(), self.manifest["config"])
        entry = self.index["manifests"][0]
        self.put(json.dumps(self.manifest).encode(), entry)
        entry["mediaType"] = self.manifest["mediaType"]
        (self.path / "index.json").write_text(json.dumps(self.index))


def as_docker(l):
    l.manifest["mediaType"] = DOCKER + "distribution.manifest.v2+json"
    l.manifest["config"]["mediaType"] = DOCKER + "container.image.v1+json"
    l.manifest["layers"][0]["mediaType"] = DOCKER + "image.rootfs.diff.tar.gzip"


def c1_docker_types(l):
    as_docker(l)


def c1_mixed_types(l):
    as_docker(l)
    l.manifest["layers"][0]["mediaType"] = OCI + "layer.v1.tar+gzip"


def c2_zstd(l):
    data = subprocess.run(["zstd", "-c"], input=l.tar(), capture_output=True, check=True).stdout
    l.set_layer(data, media_type=OCI + "layer.v1.tar+zstd")


def plain(l):
    l.set_layer(l.tar(), media_type=OCI + "layer.v1.tar")


def c3_no_history(l):
    del l.config["history"]


def c3_history_of_empty_layers(l):
    l.config["history"] = [{"created_by": "a", "empty_layer": True}, *l.config["history"],
                           {"created_by": "b", "empty_layer": True}]


def c5_layer_twice(l):
    for list_ in (l.manifest["layers"], l.config["rootfs"]["diff_ids"], l.config["history"]):
        list_ *= 2


def c7_unknown_fields(l):
    l.config["config"].update(Healthcheck={"Test": ["CMD", "x"]}, StopSignal="SIGINT", ArgsEscaped=True,
                              Vendor={"deep": [1.5, None]})
    l.config["os.features"] = ["x"]
    l.config["author"] = "me"


def c13_many_gzip_members(l):
    tar = l.tar()
    half = len(tar) // 2
    l.set_layer(gzip.compress(tar[:half]) + gzip.compress(b"") + gzip.compress(tar[half:]))


def c14_zeros_behind_the_end(l):
    tar = l.tar() + bytes(100 * 512)
    l.set_layer(gzip.compress(tar), tar)


def c14_something_behind_the_end(l):
    tar = l.tar() + bytes(1024) + b"anything" * 64
    l.set_layer(gzip.compress(tar), tar)


GOOD = [c1_docker_types, c1_mixed_types, c2_zstd, plain, c3_no_history, c3_history_of_empty_layers, c5_layer_twice,
        c7_unknown_fields, c13_many_gzip_members, c14_zeros_behind_the_end, c14_something_behind_the_end]


@pytest.fixture
def layout(s2c, builder, tmp_path):
    s2c.ok("save", "builder/test", f"oci:{tmp_path}/layout:base")
    s2c.ok("rmi", "builder/test")
    s2c.ok("prune")
    return Layout(tmp_path / "layout")


@pytest.mark.parametrize("change", GOOD, ids=lambda f: f.__name__)
def test_good_base(s2c, layout, app, tmp_path, change, make_registry):
    change(layout)
    layout.save()
    base = s2c.ok("load", f"oci:{layout.path}")
    s2c.ok("build", app, base, "myapp", env={"SOURCE_DATE_EPOCH": "1700000000"})
    assert s2c.ok("run", "myapp").startswith("run says: hello")

    manifest, config = s2c.manifest("myapp"), s2c.config("myapp")
    n = len(layout.manifest["layers"])
    # Base layers stay as they are (C9, C12); one kind of media types for all (C1).
    assert [d["digest"] for d in manifest["layers"][:n]] == [d["digest"] for d in layout.manifest["layers"]]
    types = [manifest["mediaType"], manifest["config"]["mediaType"], *(d["mediaType"] for d in manifest["layers"])]
    assert all(t.startswith(OCI) for t in types), types
    assert config["rootfs"]["diff_ids"][:n] == layout.config["rootfs"]["diff_ids"]
    # History counts the layers or is not there (C3); the base's is not rewritten (C8).
    if "history" in layout.config:
        assert config["history"][:-1] == layout.config["history"]
        assert config["history"][-1]["created"] == "2023-11-14T22:13:20Z"
        assert len([h for h in config["history"] if not h.get("empty_layer")]) == n + 1
    else:
        assert "history" not in config
    # What s2c does not know survives (C7).
    for key in set(layout.config) - {"config", "history", "rootfs", "created"}:
        assert config[key] == layout.config[key]
    for key in set(layout.config["config"]) - {"Cmd", "Labels"}:
        assert config["config"][key] == layout.config["config"][key]

    s2c.ok("save", "myapp", f"oci:{tmp_path}/out:x")
    subprocess.run(["skopeo", "copy", f"oci:{tmp_path}/out:x", f"dir:{tmp_path}/dir"], check=True, capture_output=True,
                   env=clean_env())
    # To a registry and back it is the same image.
    name = f"{make_registry().host}/a/b:1"
    pushed = s2c.ok("push", "myapp", name).split("@")[1]
    s2c.ok("rmi", "myapp", base)
    s2c.ok("prune")
    assert s2c.ok("pull", name) == pushed
    assert s2c.ok("run", name).startswith("run says: hello")


def other_content(l):
    l.config["rootfs"]["diff_ids"][0] = "sha256:" + "0" * 64


def fewer_diff_ids(l):
    l.config["rootfs"]["diff_ids"].pop()


def c11_schema_1(l):
    l.manifest["schemaVersion"] = 1


def cut_layer(l):
    l.set_layer(l.read(l.manifest["layers"][0]["digest"])[:-200])



BAD = {other_content: "its content is", fewer_diff_ids: "diff", c11_schema_1: "schema",
       cut_layer: "layer 'sha256:.*(truncated|too early|end)"}


@pytest.mark.parametrize("change", BAD, ids=lambda f: f.__name__)
def test_bad_base(s2c, layout, app, change):
    change(layout)
    layout.save()
    done = s2c.run("load", f"oci:{layout.path}")
    if done.returncode == 0:
        s2c.fails("build", app, done.stdout.strip(), "myapp", status=1, match=BAD[change])
    else:
        assert done.returncode == 1, done.stderr
    s2c.fails("inspect", "myapp", status=1, match="myapp")
