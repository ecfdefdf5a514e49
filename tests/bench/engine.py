#!/usr/bin/env python3
"""What the gate costs: `s2c build --engine` through the gate that it starts for the build,
against the same build with nothing between it and the engine.

To say that the engine's socket is a gate (--engine gate:///PATH) is how s2c is made to speak
to it as it is: then s2c starts no gate of its own, and sends the same requests.

usage: tests/bench/engine.py [RUNS [docker|podman]]      as root, with build/s2c (release)
       and mmdebstrap
"""
import os
import pathlib
import statistics
import sys

import measure
from overhead import APP, make_builder

sys.path.insert(0, str(measure.TOP / "tests/e2e"))
from engines import Engine  # noqa: E402

SMALL_FILES, LARGE_FILES, MB = 2000, 64, 1 << 20


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


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    scratch = measure.scratch()
    root = scratch / "store"
    engine = Engine(sys.argv[2] if len(sys.argv) > 2 else "docker", "/dev/shm")
    try:
        make_builder(root, scratch)
        archive = pathlib.Path(scratch / "builder.tar")
        measure.timed(measure.s2c(root, "save", "builder/python", f"docker-archive:{archive}"))
        engine.start()
        engine.load(archive)
        archive.unlink()
        rows = []
        for label, source in make_sources(scratch).items():
            ways = {"direct": f"gate://{engine.socket}", "gate": engine.url}
            actions = {name: lambda url=url, source=source: measure.timed(
                measure.s2c(root, "build", source, "builder/python", "bench", "--network", "none",
                            "--engine", url)) for name, url in ways.items()}
            taken = measure.in_turn(actions, runs)
            seconds = {name: [t.seconds for t in all_of_it] for name, all_of_it in taken.items()}
            more = statistics.median(seconds["gate"]) - statistics.median(seconds["direct"])
            rows.append((label, measure.spread(seconds["direct"]), measure.spread(seconds["gate"]),
                         f"{more * 1000:+.0f} ms", f"{100 * more / statistics.median(seconds['direct']):+.1f} %"))
        measure.report(rows, ("source", "nothing between: seconds, median (min-max)", "through the gate",
                              "difference", "of it"))
    finally:
        engine.stop()
        measure.remove(scratch)


if __name__ == "__main__":
    main()
