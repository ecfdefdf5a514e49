#!/usr/bin/env python3
"""What the gate costs: `s2c build --engine` through the gate that it starts for the build,
against the same build with nothing between it and the engine, against the native runtime, and
against S2I if there is one.

To say that the engine's socket is a gate (--engine gate:///PATH) is how s2c is made to speak
to it as it is: then s2c starts no gate of its own, and sends the same requests. A gate may spare
dockerd the network of a container that has none (docs/gate.md), which would hide what the gate
itself costs, so it is measured without that and with it.

usage: [S2I=/path/of/s2i] tests/bench/engine.py [RUNS [docker|podman]]      as root, with
       build/s2c (release) and mmdebstrap
"""
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

import measure
from overhead import APP, make_builder

sys.path.insert(0, str(measure.TOP / "tests/e2e"))
from engines import Engine  # noqa: E402

SMALL_FILES, LARGE_FILES, MB = 2000, 64, 1 << 20
NO_HOSTS = "/nonexistent"


def make_sources(scratch):
    """{label: directory} of sources for an assemble that is not to work much."""
    small, large = scratch / "small", scratch / "large"
    for directory in (small, large):
        (directory / ".s2i/bin").mkdir(parents=True)
        script = directory / ".s2i/bin/assemble"
        script.write_text("#!/bin/sh\nexit 0\n")
        script.chmod(0o755)
    for i in range(SMALL_FILES):
        (small / f"d{i % 20}").mkdir(exist_ok=True)
        (small / f"d{i % 20}/f{i}").write_bytes(os.urandom(1000))
    for i in range(LARGE_FILES):
        (large / f"f{i}").write_bytes(os.urandom(MB))
    return {"the quickstart application": APP, f"{SMALL_FILES} small files": small,
            f"{LARGE_FILES} files of 1 MB": large}


def actions(engine, root, source, hosts):
    """{name: what takes the time}, each s2c with a store of its own."""
    def s2c(name, url, hosts_file):
        command = measure.s2c(root / name, "build", source, "builder/python", "bench", "--network", "none",
                              "--engine", url)
        return lambda: measure.timed(command, env={**os.environ, "S2C_GATE_HOSTS": hosts_file})
    ways = {"direct": s2c("direct", f"gate://{engine.socket}", NO_HOSTS),
            "gate": s2c("gate", engine.url, NO_HOSTS), "installed": s2c("installed", engine.url, hosts)}
    native = measure.s2c(root / "store", "build", source, "builder/python", "bench", "--network", "none")
    ways["native"] = lambda: measure.timed(native)
    if os.environ.get("S2I"):
        command = [os.environ["S2I"], "build", source, "builder/python", "bench-s2i", "--copy", "--pull-policy", "never",
                   "-U", engine.url, "--network", "none"]
        ways["s2i"] = lambda: measure.timed(command)
    return ways


def rows(label, taken):
    seconds = {name: [t.seconds for t in runs] for name, runs in taken.items()}
    direct = statistics.median(seconds["direct"])
    names = {"direct": "nothing between", "gate": "a gate of its own", "installed": "the same, network not set up",
             "native": "no engine", "s2i": "S2I"}
    for name, of_it in seconds.items():
        more = statistics.median(of_it) - direct
        yield (label, names[name], measure.spread(of_it), f"{more * 1000:+.0f} ms", f"{100 * more / direct:+.1f} %",
               f"{measure.ratio(taken[name], taken['s2i']):.2f}" if "s2i" in taken else "",
               f"{statistics.median(t.cpu for t in taken[name]) * 1000:.0f} ms")


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    scratch = measure.scratch()
    root = scratch / "store"
    engine = Engine(sys.argv[2] if len(sys.argv) > 2 else "docker", "/dev/shm")
    # Where only root can put files, as where it is installed.
    installed = pathlib.Path(tempfile.mkdtemp(prefix="s2c-bench-", dir="/var/lib"))
    try:
        shutil.copy(measure.TOP / "src/gate/hosts", installed / "hosts")
        make_builder(root, scratch)
        archive = pathlib.Path(scratch / "builder.tar")
        measure.timed(measure.s2c(root, "save", "builder/python", f"docker-archive:{archive}"))
        engine.start()
        engine.load(archive)
        archive.unlink()
        table = []
        for label, source in make_sources(scratch).items():
            ways = actions(engine, scratch, source, installed / "hosts")
            table += rows(label, measure.in_turn(ways, runs))
        measure.report(table, ("source", "between", "seconds: median (min-max)", "difference", "of it", "ratio to S2I",
                               "CPU of the client and its gate"))
    finally:
        engine.stop()
        measure.remove(installed)
        measure.remove(scratch)


if __name__ == "__main__":
    main()
