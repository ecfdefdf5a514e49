"""What the benchmarks work on: a builder that does nothing, and images of real files, which
are taken from this machine's /usr in an order that depends on nothing but their names."""
import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import measure

FILES, BYTES = 13000, 240 << 20
LAYERS = 8
FILE_MAX = 16 << 20
PLACES = ("/usr/lib", "/usr/share", "/usr/bin", "/usr/sbin")
MTIME = 1700000000
OCI = "application/vnd.oci.image."


def make_builder(root, scratch, name="builder/nothing", assemble="true"):
    """An image of busybox alone, whose assemble is one line of shell."""
    path = scratch / "rootfs.tar"
    with tarfile.open(path, "w") as tar:
        for directory, owner in (("tmp", 0), ("scripts", 0), ("opt", 1001)):
            info = tarfile.TarInfo(directory)
            info.type, info.mode, info.uid = tarfile.DIRTYPE, 0o1777, owner
            tar.addfile(info)
        data = Path(shutil.which("busybox")).read_bytes()
        for file in ("bin/sh", "bin/true", "bin/mv", "bin/touch"):
            info = tarfile.TarInfo(file)
            info.size, info.mode = len(data), 0o755
            tar.addfile(info, io.BytesIO(data))
        for file, line in (("scripts/assemble", assemble), ("scripts/run", "true")):
            text = f"#!/bin/sh\nset -e\n{line}\n".encode()
            info = tarfile.TarInfo(file)
            info.size, info.mode = len(text), 0o755
            tar.addfile(info, io.BytesIO(text))
    subprocess.run(measure.s2c(root, "import", path, name, "--change", "USER 1001", "--change",
                               "LABEL io.openshift.s2i.scripts-url=image:///scripts"), check=True, stdout=subprocess.DEVNULL)
    path.unlink()


# ---- a tree ----


def candidates():
    """(hash of the directory's name, path, size) of usable files of this machine, sorted: the
    directories are in disorder, but the files of one stay together, as in any real tree."""
    found = []
    for place in PLACES:
        for directory, _, names in os.walk(place):
            order = hashlib.sha256(os.fsencode(directory)).digest()
            for name in names:
                path = f"{directory}/{name}"
                info = os.lstat(path)
                relative = stat.S_ISLNK(info.st_mode) and not os.readlink(path).startswith("/")
                if relative or (stat.S_ISREG(info.st_mode) and info.st_size <= FILE_MAX and os.access(path, os.R_OK)):
                    found.append((order, path, 0 if relative else info.st_size))
    return sorted(found)


def choose():
    """FILES paths of together about BYTES: large ones are left out while there are too many."""
    chosen, total = [], 0
    for _, path, size in candidates():
        if len(chosen) == FILES:
            break
        if total + size <= BYTES * (len(chosen) + 1) / FILES + (4 << 20):
            chosen.append(path)
            total += size
    return chosen


def split(paths):
    """LAYERS lists of about the same number of bytes."""
    lists, total = [[] for _ in range(LAYERS)], 0
    for path in paths:
        lists[min(total * LAYERS // BYTES, LAYERS - 1)].append(path)
        total += os.lstat(path).st_size
    return lists


def copy(paths, tree):
    """The files below `tree`, with modes and times that are the same everywhere."""
    for path in paths:
        target = Path(f"{tree}{path}")
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.islink(path):
            os.symlink(os.readlink(path), target)
        else:
            shutil.copyfile(path, target)
            target.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
        os.utime(target, (MTIME, MTIME), follow_symlinks=False)
    for directory, _, _ in os.walk(tree, topdown=False):
        os.utime(directory, (MTIME, MTIME))


# ---- images ----


def sha256_of(path):
    """The hex digest of a file."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else hash_of(f)


def hash_of(file):
    """The same for older Pythons."""
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()


def make_layer(tree, blobs, scratch):
    """A gzip -6 blob of a tree, owned by root: (diffID, digest, size), both in hex."""
    plain, packed = scratch / "layer.tar", scratch / "layer.tar.gz"

    def as_root(info):
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        return info

    with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry in sorted(os.listdir(tree)):
            tar.add(f"{tree}/{entry}", entry, filter=as_root)
    with open(plain, "rb") as source, open(packed, "wb") as target:
        subprocess.run(["gzip", "-6", "-n"], stdin=source, stdout=target, check=True)
    diff_id, digest, size = sha256_of(plain), sha256_of(packed), packed.stat().st_size
    packed.rename(blobs / digest)
    plain.unlink()
    return diff_id, digest, size


def put_json(blobs, media_type, document):
    """A descriptor of a JSON blob."""
    data = json.dumps(document).encode()
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": OCI + media_type, "digest": f"sha256:{digest}", "size": len(data)}


def make_image(trees, layout, name, scratch):
    """Adds an image with a layer for each tree to an OCI layout."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    layers = [make_layer(tree, blobs, scratch) for tree in trees]
    config = put_json(blobs, "config.v1+json", {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine), "os": "linux",
        "config": {"User": "1001", "Cmd": ["/bin/true"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}" for diff_id, _, _ in layers]}})
    manifest = put_json(blobs, "manifest.v1+json", {
        "schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": config,
        "layers": [{"mediaType": OCI + "layer.v1.tar+gzip", "digest": f"sha256:{digest}", "size": size}
                   for _, digest, size in layers]})
    manifest["annotations"] = {"org.opencontainers.image.ref.name": name}
    index = layout / "index.json"
    entries = json.loads(index.read_text())["manifests"] if index.exists() else []
    index.write_text(json.dumps({"schemaVersion": 2, "manifests": [*entries, manifest]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')


def busybox_true(tree):
    """A program to run, for a client that unpacks no sooner than it has to."""
    (tree / "bin").mkdir()
    shutil.copy(shutil.which("busybox"), tree / "bin/true")
    (tree / "bin/true").chmod(0o755)


def prepare(data, scratch):
    """Makes in `data`: `tree`, the files themselves, and `layout` with the images `one`
    (a single layer of the tree) and `many` (the same files in LAYERS layers)."""
    if (data / "done").exists():
        return
    measure.remove(data / "tree")
    measure.remove(data / "layout")
    chosen = choose()
    tree = data / "tree"
    copy(chosen, tree)
    busybox_true(tree)
    make_image([tree], data / "layout", "one", scratch)
    parts = []
    for paths in split(chosen):
        part = scratch / f"part{len(parts)}"
        copy(paths, part)
        if not parts:
            busybox_true(part)
        parts.append(part)
    make_image(parts, data / "layout", "many", scratch)
    for part in parts:
        measure.remove(part)
    (data / "done").touch()


def image(data, name):
    """(manifest, config) documents of an image of the layout."""
    layout = data / "layout"
    for entry in json.loads((layout / "index.json").read_text())["manifests"]:
        if entry["annotations"]["org.opencontainers.image.ref.name"] == name:
            manifest = json.loads((layout / "blobs" / entry["digest"].replace(":", "/")).read_text())
            config = json.loads((layout / "blobs" / manifest["config"]["digest"].replace(":", "/")).read_text())
            return manifest, config
    raise KeyError(name)
