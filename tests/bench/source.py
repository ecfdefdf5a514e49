#!/usr/bin/env python3
"""Large sources: 100,000 small files and one file of 1 GB, with half of each to see that
time is linear. Beside it `tar c | tar x` of the same tree; assemble does nothing.

usage: tests/bench/source.py [RUNS]      as root, with build/s2c (release) and busybox
"""
import os
import statistics
import sys

import content
import measure


def many_files(path, count):
    """`count` files of 100 to 8,000 bytes in directories of 500."""
    block = os.urandom(8192)
    for i in range(count):
        if i % 500 == 0:
            directory = path / f"d{i // 500:04}"
            directory.mkdir(parents=True)
        (directory / f"file{i}.js").write_bytes(block[: 100 + (i * 7919) % 7900])


def one_file(path, size):
    path.mkdir()
    with open(path / "big", "wb") as f:
        for _ in range(size >> 20):
            f.write(os.urandom(1 << 20))


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    scratch = measure.scratch()
    root = scratch / "store"
    rows = []
    try:
        content.make_builder(root, scratch)
        cases = (("50,000 small files", many_files, 50000), ("100,000 small files", many_files, 100000),
                 ("one file of 512 MB", one_file, 512 << 20), ("one file of 1 GB", one_file, 1 << 30))
        for label, make, size in cases:
            source = scratch / "source"
            make(source, size)
            build = measure.s2c(root, "build", "--network", "none", source, "builder/nothing", "bench")
            copy = ["sh", "-c", f"rm -rf {scratch}/out; mkdir {scratch}/out; tar -C {source} -cf - . | tar -C {scratch}/out -xf -"]
            peak = 0

            def run_build():
                nonlocal peak
                taken = measure.timed(build)
                peak = max(peak, taken.peak)
                return taken.seconds

            def run_copy():
                measure.remove(scratch / "out")
                return measure.timed(copy).seconds

            seconds = measure.in_turn({"s2c": run_build, "tar": run_copy}, runs)
            ratio = statistics.median(a / b for a, b in zip(seconds["s2c"], seconds["tar"]))
            rows.append((label, measure.spread(seconds["s2c"]), measure.spread(seconds["tar"]), f"{ratio:.2f}",
                         f"{peak / 1024:.0f} MiB"))
            measure.remove(source)
            measure.remove(scratch / "out")
        measure.report(rows, ("source", "s2c build, seconds", "tar c \\| tar x, seconds", "ratio", "peak memory of s2c"))
    finally:
        measure.remove(scratch)


if __name__ == "__main__":
    main()
