#!/usr/bin/env python3
"""Pulls and pushes of large images with Debian's docker-registry on loopback: s2c beside
buildah, podman, and a bare pipeline of curl, igzip and bsdtar, which does nothing else.

usage: tests/bench/registry.py [--runs N] [--data DIR] [--only NAME,...] [pull-one|pull-many|push|again ...]
       tests/bench/registry.py --data DIR prepare    makes the images only
       tests/bench/registry.py --data DIR serve      has them in a registry until Ctrl-C
--only s2c,bare measures these only, for a quick look.

As root, with build/s2c (release) or the program that S2C names. Every store, the registry's
storage and all temporary files are on tmpfs, in a mount namespace that nobody else sees.
Pulls begin with an empty store. CPU and memory are the client's, not the registry's. Needs the
packages buildah podman skopeo docker-registry curl isal libarchive-tools busybox-static time.
"""
import argparse
import ctypes
import json
import os
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import content
import measure
from measure import Taken

PROGRAMS = {"buildah": "buildah", "podman": "podman", "skopeo": "skopeo", "docker_registry": "docker-registry",
            "curl": "curl", "igzip": "isal", "bsdtar": "libarchive-tools", "busybox": "busybox-static", "time": "time"}
REQUEST = re.compile(r'"(?:GET|HEAD|POST|PUT|PATCH|DELETE) /')
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18


def mount(libc, *args):
    if libc.mount(*args) != 0:
        sys.exit(f"mount {args}: {os.strerror(ctypes.get_errno())}")


def own_namespace(scratch):
    """buildah and podman keep a cache and locks outside of the root they are given: here that
    is a tmpfs of this process and its children."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        sys.exit("this needs root")
    mount(libc, b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    for path in ("/var/lib/containers", "/run/containers", "/run/libpod", "/run/crun"):
        os.makedirs(path, exist_ok=True)
        mount(libc, b"tmpfs", path.encode(), b"tmpfs", 0, b"")
    (scratch / "tmp").mkdir()
    (scratch / "home").mkdir()
    os.environ.update(TMPDIR=str(scratch / "tmp"), HOME=str(scratch / "home"))


class Registry:
    """docker-registry with an access log; a context manager."""

    def __init__(self, scratch):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{s.getsockname()[1]}"
        self.storage, self.log = scratch / "registry", scratch / "access.log"
        self.config = scratch / "registry.yml"
        self.config.write_text(json.dumps({  # JSON is YAML
            "version": 0.1, "log": {"level": "error", "accesslog": {"disabled": False}},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
            "http": {"addr": self.host}}))

    def __enter__(self):
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", self.config], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", int(self.host.split(":")[1])), 1):
                    return self
            except OSError:
                time.sleep(0.05)
        sys.exit("docker-registry does not start")

    def __exit__(self, *exc):
        self.process.terminate()
        self.process.wait()

    def requests(self):
        """How many it has answered so far."""
        return len(REQUEST.findall(self.log.read_text()))

    def clear(self):
        """Forgets all images."""
        measure.remove(self.storage / "docker")

    def load(self, data, *names):
        """Images of the layout, byte for byte."""
        for name in names:
            subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{data}/layout:{name}",
                            f"docker://{self.host}/{name}:1"], check=True)


class Bench:
    """What every row needs."""

    def __init__(self, scratch, data, registry, runs, only):
        self.scratch, self.data, self.registry, self.runs, self.only = scratch, data, registry, runs, only

    def in_turn(self, actions):
        """Those that are wanted."""
        return measure.in_turn({n: a for n, a in actions.items() if not self.only or n in self.only}, self.runs)

    def others(self, program, *args, **kwargs):
        """A timed command of buildah or podman on the store that is measured."""
        return measure.timed([program, "--root", f"{self.scratch}/{program}", "--runroot", f"{self.scratch}/{program}-run",
                              "--storage-driver", "overlay", *args], **kwargs)

    def empty(self, *programs):
        """Nothing of a former turn is known to anybody."""
        for program in programs:
            for path in (self.scratch / program, self.scratch / f"{program}-run"):
                measure.remove(path)
        measure.remove(Path("/var/lib/containers/cache"))
        measure.remove(self.scratch / "store")

    # ---- pull ----

    def pull_s2c(self, name):
        """Pull, until the unpacked trees are there."""
        self.empty()
        store = self.scratch / "store"
        image = f"{self.registry.host}/{name}:1"
        trees = [store / "trees" / d.split(":")[1] for d in content.image(self.data, name)[1]["rootfs"]["diff_ids"]]
        taken = measure.timed(measure.s2c(store, "pull", image))
        self.two_steps = not all(tree.is_dir() for tree in trees)
        if self.two_steps:
            taken += measure.timed(measure.s2c(store, "run", "--network", "none", image, "--", "/bin/true"))
        assert all(any(tree.iterdir()) for tree in trees)
        return taken

    def pull_other(self, program, name):
        self.empty(program)
        taken = self.others(program, "pull", "-q", "--tls-verify=false", f"docker://{self.registry.host}/{name}:1")
        count = len(content.image(self.data, name)[0]["layers"])
        diffs = [p for p in (self.scratch / program / "overlay").glob("*/diff") if any(p.iterdir())]
        assert len(diffs) == count, diffs
        return taken

    def pull_bare(self, name):
        """One layer after the other, each into a directory of its own."""
        target = self.scratch / "bare"
        measure.remove(target)
        url = f"http://{self.registry.host}/v2/{name}/blobs"
        lines = ["set -e -o pipefail"]
        for i, layer in enumerate(content.image(self.data, name)[0]["layers"]):
            lines += [f"mkdir -p {target}/{i}",
                      f"curl -sf {url}/{layer['digest']} | igzip -d -c | bsdtar -x -p -f - -C {shlex.quote(f'{target}/{i}')}"]
        taken = measure.timed(["bash", "-c", "\n".join(lines)])
        measure.remove(target)
        return taken

    def pull(self, name):
        """A table of pulling one image."""
        self.two_steps = False
        results = self.in_turn({
            "s2c": lambda: self.pull_s2c(name),
            "buildah": lambda: self.pull_other("buildah", name),
            "podman": lambda: self.pull_other("podman", name),
            "bare": lambda: self.pull_bare(name)})
        self.empty("buildah", "podman")
        ours = "s2c pull, then a first s2c run that unpacks" if self.two_steps else "s2c pull"
        self.table(results, {"s2c": ours, "buildah": "buildah pull", "podman": "podman pull",
                             "bare": "curl \\| igzip -d \\| bsdtar -x"})

    def table(self, results, labels):
        """Rows of a measurement beside the one they are compared with."""
        base, rows = "buildah" if "buildah" in results else next(iter(results)), []
        for name, taken in results.items():
            label = labels[name]
            rows.append((label, measure.spread([t.seconds for t in taken]),
                         f"{statistics.median(t.cpu for t in taken):.2f}", f"{max(t.peak for t in taken) / 1024:.0f} MiB",
                         f"{measure.ratio(taken, results[base]):.2f}", f"{measure.ratio(taken, results[base], 'cpu'):.2f}"))
        measure.report(rows, ("work", "seconds: median (min-max)", "CPU seconds", "peak memory", f"time to {base}'s",
                              f"CPU to {base}'s"))

    # ---- push ----

    def make_template(self):
        """A store with an unpacked builder, whose assemble moves the source into the image, and
        leaves no trace of when it did."""
        template = self.scratch / "template"
        content.make_builder(template, self.scratch, assemble=f"mv /tmp/src /opt/app\ntouch -d @{content.MTIME} /opt")
        source = self.scratch / "small"
        source.mkdir(exist_ok=True)
        (source / "file").touch()
        measure.timed(measure.s2c(template, "build", "--network", "none", source, "builder/nothing", "warm"))
        measure.timed(measure.s2c(template, "rmi", "warm"))
        measure.timed(measure.s2c(template, "prune"))
        return template

    def s2c_build(self):
        """Build and push from a fresh store, to a registry that has nothing of it."""
        self.registry.clear()
        self.empty()
        store = self.scratch / "store"
        subprocess.run(["cp", "-a", self.scratch / "template", store], check=True)
        return measure.timed(measure.s2c(store, "build", "--push", "--network", "none", self.data / "tree",
                                         "builder/nothing", f"{self.registry.host}/by/s2c:1"))

    def s2c_import(self):
        """The same without container: a tar of the tree becomes an image that is pushed."""
        self.registry.clear()
        self.empty()
        name, store = f"{self.registry.host}/by/import:1", self.scratch / "store"
        line = shlex.join(measure.s2c(store, "import", "-", name))
        taken = measure.timed(["bash", "-c", f"set -o pipefail; tar -C {self.data}/tree -cf - . | {line}"])
        return taken + measure.timed(measure.s2c(store, "push", name))

    def buildah_push(self):
        """The latter half of buildah's way."""
        return self.others("buildah", "push", "-q", "--tls-verify=false", "bench",
                           f"docker://{self.registry.host}/by/buildah:1")

    def buildah_build(self):
        self.registry.clear()
        self.empty("buildah")
        taken = self.others("buildah", "from", "--name", "c", "scratch")
        taken += self.others("buildah", "copy", "-q", "c", self.data / "tree", "/opt/app")
        taken += self.others("buildah", "commit", "-q", "c", "bench")
        return taken + self.buildah_push()

    def last_layer(self, repository):
        """(blob file in the registry's storage) of the last layer of tag 1."""
        manifest = json.loads(subprocess.run(
            ["curl", "-sf", "-H", "Accept: application/vnd.oci.image.manifest.v1+json",
             f"http://{self.registry.host}/v2/{repository}/manifests/1"], check=True, capture_output=True).stdout)
        digest = manifest["layers"][-1]["digest"].split(":")[1]
        return self.storage_of(digest), manifest["layers"][-1]["mediaType"]

    def storage_of(self, digest):
        return self.registry.storage / "docker/registry/v2/blobs/sha256" / digest[:2] / digest / "data"

    def sizes(self, repository):
        """(bytes of the layer as pushed, bytes as gzip -6 would make it of the same tar)."""
        blob, media_type = self.last_layer(repository)
        unpack = "zstd -dc" if "zstd" in media_type else "gzip -dc"
        packed = subprocess.run(["bash", "-c", f"set -o pipefail; {unpack} < {blob} | gzip -6 -n | wc -c"], check=True,
                                capture_output=True).stdout
        return blob.stat().st_size, int(packed)

    def push(self):
        """A table of making a layer of a tree and pushing it."""
        self.make_template()
        found = {}

        def keep(action, repository):
            taken = action()
            if repository not in found:
                found[repository] = self.sizes(repository)
            return taken

        results = self.in_turn({
            "s2c": lambda: keep(self.s2c_build, "by/s2c"),
            "import": lambda: keep(self.s2c_import, "by/import"),
            "buildah": lambda: keep(self.buildah_build, "by/buildah")})
        self.table(results, {"s2c": "s2c build --push, assemble moves the tree", "import": "tar \\| s2c import, s2c push",
                             "buildah": "buildah from, copy, commit, push"})
        measure.report([(name, f"{ours:,}", f"{gzip:,}", f"{100 * (ours / gzip - 1):+.1f} %")
                        for name, (ours, gzip) in found.items()],
                       ("layer", "bytes", "bytes of gzip -6 of the same tar", "difference"))

    def again(self):
        """A table of pushing what is there already."""
        self.make_template()
        self.buildah_build()
        kept = self.scratch / "kept"
        measure.remove(kept)
        shutil.move(self.scratch / "buildah", kept)
        shutil.copytree("/var/lib/containers/cache", self.scratch / "kept-cache", dirs_exist_ok=True)
        self.s2c_build()
        shutil.move(kept, self.scratch / "buildah")
        shutil.copytree(self.scratch / "kept-cache", "/var/lib/containers/cache", dirs_exist_ok=True)
        self.buildah_push()
        counts = {}

        def count(name, action):
            before = self.registry.requests()
            taken = action()
            counts.setdefault(name, set()).add(self.registry.requests() - before)
            return taken

        image = f"{self.registry.host}/by/s2c:1"
        push = measure.s2c(self.scratch / "store", "push", image)
        build = measure.s2c(self.scratch / "store", "build", "--push", "--network", "none", self.data / "tree",
                            "builder/nothing", image)
        results = self.in_turn({
            "s2c": lambda: count("s2c", lambda: measure.timed(push)),
            "build": lambda: count("build", lambda: measure.timed(build)),
            "buildah": lambda: count("buildah", self.buildah_push)})
        labels = {"s2c": "s2c push", "build": "s2c build --push of the same source", "buildah": "buildah push"}
        base = "buildah" if "buildah" in results else next(iter(results))
        rows = [(label, " or ".join(map(str, sorted(counts[name]))),
                 f"{statistics.median(t.seconds for t in results[name]) * 1000:.0f} ms",
                 f"{statistics.median(t.cpu for t in results[name]) * 1000:.0f} ms",
                 f"{max(t.peak for t in results[name]) / 1024:.0f} MiB",
                 f"{measure.ratio(results[name], results[base]):.2f}") for name, label in labels.items() if name in results]
        measure.report(rows, ("push again, nothing changed", "requests", "time", "CPU", "peak memory", f"time to {base}'s"))


def describe(data):
    """What was measured on."""
    sizes = {name: [layer["size"] for layer in content.image(data, name)[0]["layers"]] for name in ("one", "many")}
    files = [path for path in (data / "tree").rglob("*") if not path.is_dir() or path.is_symlink()]
    total = sum(path.lstat().st_size for path in files)
    print(f"{len(files):,} files of {total / 1e6:.0f} MB; as one gzip -6 layer {sum(sizes['one']) / 1e6:.0f} MB, "
          f"as {len(sizes['many'])} layers {sum(sizes['many']) / 1e6:.0f} MB.\n", flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", type=lambda names: set(names.split(",")), default=set())
    parser.add_argument("what", nargs="*", default=[])
    args = parser.parse_args()
    rows = {"pull-one": lambda b: b.pull("one"), "pull-many": lambda b: b.pull("many"), "push": Bench.push,
            "again": Bench.again}
    unknown = set(args.what) - {*rows, "prepare", "serve"}
    if unknown:
        parser.error(f"no such measurement: {' '.join(unknown)}")
    measure.need(**PROGRAMS)
    scratch = measure.scratch()
    try:
        data = (args.data or scratch / "data").resolve()
        data.mkdir(exist_ok=True, parents=True)
        content.prepare(data, scratch)
        if args.what == ["prepare"]:
            return
        own_namespace(scratch)
        with Registry(scratch) as registry:
            registry.load(data, "one", "many")
            if args.what == ["serve"]:
                print(f"{registry.host}/one:1\n{registry.host}/many:1", flush=True)
                ends = {signal.SIGINT, signal.SIGTERM}
                signal.pthread_sigmask(signal.SIG_BLOCK, ends)
                signal.sigwait(ends)
                return
            describe(data)
            for name in args.what or rows:
                print(f"### {name}\n", flush=True)
                rows[name](Bench(scratch, data, registry, args.runs, args.only))
    finally:
        measure.remove(scratch)


if __name__ == "__main__":
    main()
