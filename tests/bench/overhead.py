#!/usr/bin/env python3
"""What s2c adds around assemble: `s2c build` of the quickstart application, minus the same
assemble run bare in the same overlay by chroot; buildah's from, copy, run, commit beside.

usage: tests/bench/overhead.py [RUNS]      as root, with build/s2c (release) and mmdebstrap
"""
import os
import shutil
import statistics
import subprocess
import sys
import time

import measure

APP = measure.TOP / "builders/python/test/app"


def make_builder(root, scratch):
    wrapper = scratch / "s2c"
    wrapper.write_text(f'#!/bin/sh\nexec {measure.S2C} --root {root} "$@"\n')
    wrapper.chmod(0o755)
    subprocess.run([measure.TOP / "builders/make", "python"], check=True, env={**os.environ, "S2C": str(wrapper)},
                   stdout=subprocess.DEVNULL)


def bare(root, scratch):
    """Seconds that assemble takes in a fresh overlay of the builder's layers, by chroot."""
    work = scratch / "bare"
    measure.remove(work)
    for name in ("upper", "work", "merged"):
        (work / name).mkdir(parents=True)
    trees = [p for p in (root / "trees").iterdir() if p.is_dir()]
    assert len(trees) == 1, trees
    script = f"""
import ctypes, os, subprocess, time
os.unshare(0x20000) if hasattr(os, 'unshare') else ctypes.CDLL(None).unshare(0x20000)
subprocess.run(['mount', '--make-rprivate', '/'], check=True)
subprocess.run(['mount', '-t', 'overlay', 'none', '-o', 'lowerdir={trees[0]},upperdir={work}/upper,workdir={work}/work,volatile', '{work}/merged'], check=True)
subprocess.run(['cp', '-a', '{APP}/.', '{work}/merged/tmp/src'], check=True)
subprocess.run(['chown', '-R', '1001:0', '{work}/merged/tmp/src'], check=True)
subprocess.run(['mount', '--bind', '/dev', '{work}/merged/dev'], check=True)
started = time.perf_counter()
subprocess.run(['chroot', '--userspec=1001:0', '{work}/merged', '/bin/sh', '-c',
    'cd /opt/app-root/src && exec /usr/libexec/s2i/assemble'], check=True, stdout=subprocess.DEVNULL,
    env={{'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/opt/app-root/src'}})
print(time.perf_counter() - started)
"""
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return float(done.stdout)


def buildah(scratch, base):
    """Seconds of from, copy, run, commit with its own store on the same tmpfs."""
    command = ["buildah", "--root", f"{scratch}/b", "--runroot", f"{scratch}/br", "--storage-driver", "overlay"]

    def run(*args):
        done = subprocess.run([*command, *map(str, args)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            sys.exit(f"buildah {args}: {done.stderr}")
        return done.stdout.strip()

    started = time.perf_counter()
    name = run("from", "--pull-never", base)
    run("copy", "--chown", "1001:0", name, APP, "/tmp/src")
    run("run", "--isolation", "chroot", "--user", "1001:0", name, "/usr/libexec/s2i/assemble")
    run("commit", "--quiet", name, "bench")
    seconds = time.perf_counter() - started
    run("rm", name)
    return seconds


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    scratch = measure.scratch()
    root = scratch / "store"
    try:
        make_builder(root, scratch)
        build = measure.s2c(root, "build", APP, "builder/python", "bench")
        offline = measure.s2c(root, "build", "--network", "none", APP, "builder/python", "bench")
        measure.timed(build)
        actions = {
            "bare": lambda: bare(root, scratch),
            "s2c": lambda: measure.timed(build).seconds,
            "s2c-none": lambda: measure.timed(offline).seconds,
        }
        if shutil.which("buildah"):
            trees = [p for p in (root / "trees").iterdir() if p.is_dir()]
            subprocess.run(measure.s2c(root, "save", "builder/python", f"docker-archive:{scratch}/p.tar"), check=True,
                           stdout=subprocess.DEVNULL)
            out = subprocess.run(["buildah", "--root", f"{scratch}/b", "--runroot", f"{scratch}/br", "--storage-driver",
                                  "overlay", "pull", "-q", f"docker-archive:{scratch}/p.tar"], check=True,
                                 capture_output=True, text=True).stdout.strip()
            assert trees
            actions["buildah"] = lambda: buildah(scratch, out)
        seconds = measure.in_turn(actions, runs)
        base = statistics.median(seconds["bare"])
        rows = []
        for name, label in (("bare", "assemble bare, by chroot"), ("s2c", "s2c build"),
                            ("s2c-none", "s2c build --network none"), ("buildah", "buildah from, copy, run, commit")):
            if name not in seconds:
                continue
            over = statistics.median(v - b for v, b in zip(seconds[name], seconds["bare"]))
            rows.append((label, measure.spread(seconds[name]), "" if name == "bare" else f"{over * 1000:.0f} ms",
                         f"{statistics.median(seconds[name]) / base:.2f}"))
        measure.report(rows, ("work", "seconds: median (min-max)", "over bare", "ratio to bare"))
    finally:
        measure.remove(scratch)


if __name__ == "__main__":
    main()
