#!/usr/bin/env python3
"""What an incremental rebuild of a Node.js application with some 200 packages costs after a
change of one line: the whole build, and what of it is not the assemble script.

The first builds fetch the packages from the npm registry; all others have no network to need.

usage: tests/bench/incremental.py [RUNS]      as root, with build/s2c (release) and mmdebstrap
"""
import json
import os
import pathlib
import statistics
import subprocess
import sys

import measure

# With what they need 203 packages at the time of writing; the table says how many it were.
PACKAGES = {"express": "4.21.2", "axios": "1.7.9", "winston": "3.17.0", "jsonwebtoken": "9.0.2", "pg": "8.13.1",
            "socket.io": "4.8.1", "ejs": "3.1.10", "morgan": "1.10.0", "compression": "1.7.5", "lodash": "4.17.21",
            "chalk": "4.1.2", "async": "3.2.6", "multer": "1.4.4"}
LOCKING = "#!/bin/sh\nset -e\ncp -R /tmp/src/. ./\nnpm install --package-lock-only\n"
CACHE = str(pathlib.Path.home() / ".cache/s2c-builders")  # as the tests


def make_builder(root, scratch):
    wrapper = scratch / "s2c"
    wrapper.write_text(f'#!/bin/sh\nexec {measure.S2C} --root {root} "$@"\n')
    wrapper.chmod(0o755)
    subprocess.run([measure.TOP / "builders/make", "node"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "S2C": str(wrapper), "S2C_BUILDERS_CACHE": CACHE})


def make_app(root, scratch):
    """The application with its lock file, which npm makes in the builder image."""
    app = scratch / "app"
    script = app / ".s2i/bin/assemble"
    script.parent.mkdir(parents=True)
    script.write_text(LOCKING)
    script.chmod(0o755)
    (app / "package.json").write_text(json.dumps(
        {"name": "bench", "version": "1.0.0", "private": True, "scripts": {"start": "node server.js"},
         "dependencies": PACKAGES}))
    measure.timed(measure.s2c(root, "build", "--ca-bundle", "host", app, "builder/node", "lock"))
    lock = subprocess.run(measure.s2c(root, "run", "--network", "none", "lock", "--", "cat", "package-lock.json"),
                          check=True, capture_output=True, text=True).stdout
    (app / "package-lock.json").write_text(lock)
    script.unlink()
    return app, len(json.loads(lock)["packages"]) - 1


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    scratch = measure.scratch()
    root = scratch / "store"
    phases = []
    changes = iter(range(1 << 20))
    try:
        make_builder(root, scratch)
        app, packages = make_app(root, scratch)
        clean = measure.timed(measure.s2c(root, "build", "--ca-bundle", "host", app, "builder/node", "bench"))

        def build(*flags):
            """(seconds of the whole build, of its assemble)"""
            (app / "server.js").write_text(f"console.log({next(changes)});\n")
            taken = measure.timed(measure.s2c(root, "build", "--incremental", *flags, "--metadata-file",
                                              scratch / "m.json", app, "builder/node", "bench"))
            took = json.loads((scratch / "m.json").read_text())["milliseconds"]
            if not flags:
                phases.append(took)
            return taken.seconds, took["assemble"] / 1000

        results = measure.in_turn({"s2c build --incremental": build,
                                   "the same, --network none": lambda: build("--network", "none")}, runs)
        rows = [(f"npm ci of {packages} packages, once", f"{clean.seconds:.3f}", "", "")]
        for name, pairs in results.items():
            over = [whole - assemble for whole, assemble in pairs]
            rows.append((name, measure.spread([w for w, _ in pairs]), measure.spread([a for _, a in pairs]),
                         f"{1000 * statistics.median(over):.0f} ms"))
        measure.report(rows, ("work", "seconds: median (min-max)", "of it assemble", "over assemble"))
        names = phases[-1]
        measure.report([[f"{statistics.median(p.get(n, 0) for p in phases):.0f}" for n in names]], list(names))
        with_layer = subprocess.run(measure.s2c(root, "inspect", "--manifest", "bench"), check=True, capture_output=True)
        print("new layers, bytes:", [la["size"] for la in json.loads(with_layer.stdout)["layers"][1:]])
    finally:
        measure.remove(scratch)


if __name__ == "__main__":
    main()
