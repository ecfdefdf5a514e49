"""Timing for the benchmarks: whole processes, in turn, medians, ratios in one run."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

TOP = Path(__file__).resolve().parents[2]
S2C = os.environ.get("S2C", str(TOP / "build" / "s2c"))
TIME = "/usr/bin/time"


class Taken(NamedTuple):
    """What a command took: seconds by the clock, seconds of CPU (user and system, of the
    process and all that it waited for), peak resident KiB of the largest process."""
    seconds: float = 0.0
    cpu: float = 0.0
    peak: int = 0

    def __add__(self, other):
        return Taken(self.seconds + other.seconds, self.cpu + other.cpu, max(self.peak, other.peak))


def scratch():
    """A directory on tmpfs: the disk's noise is not what is measured."""
    return Path(tempfile.mkdtemp(prefix="s2c-bench-", dir="/dev/shm"))


def need(**programs):
    """Ends with a sentence when a program is missing; need(buildah="buildah", ...)."""
    missing = [package for program, package in programs.items() if not shutil.which(program.replace("_", "-"))]
    if missing:
        sys.exit(f"missing programs; install the packages {' '.join(sorted(missing))}")


def timed(argv, **kwargs):
    """Taken, of one run that must succeed. GNU time stands between, because a process counts
    the memory of the one that started it as its own peak, and Python is a large one."""
    need(time="time")
    with tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile("r") as out:
        started = time.perf_counter()
        process = subprocess.Popen([TIME, "-q", "-f", "%M", "-o", out.name, *map(str, argv)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=err, **kwargs)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            err.seek(0)
            sys.exit(f"{argv}: {process.returncode}\n{err.read().decode(errors='replace')}")
        return Taken(seconds, usage.ru_utime + usage.ru_stime, int(out.read()))


def in_turn(actions, runs):
    """Runs each action `runs` times, one after the other in turns; {name: [what it returned]}."""
    results = {name: [] for name in actions}
    for turn in range(runs + 1):
        for name, action in actions.items():
            took = action()
            if turn:  # the first turn warms up
                results[name].append(took)
    return results


def ratio(ours, theirs, of="seconds"):
    """The median of the ratios turn by turn."""
    pairs = zip(ours, theirs)
    return statistics.median(getattr(a, of) / max(getattr(b, of), 1e-9) for a, b in pairs)


def report(rows, header):
    """A Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")
    print(flush=True)


def spread(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def s2c(root, *args):
    return [S2C, "--root", str(root), "--progress", "none", *map(str, args)]


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
