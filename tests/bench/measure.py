"""Timing for the benchmarks: whole processes, in turn, medians, ratios in one run."""
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
S2C = os.environ.get("S2C", str(TOP / "build" / "s2c"))


def scratch():
    """A directory on tmpfs: the disk's noise is not what is measured."""
    return Path(tempfile.mkdtemp(prefix="s2c-bench-", dir="/dev/shm"))


def timed(argv, **kwargs):
    """(seconds, peak resident KiB of the largest process) of one run that must succeed."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err, **kwargs)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            err.seek(0)
            sys.exit(f"{argv}: {process.returncode}\n{err.read().decode(errors='replace')}")
    return seconds, usage.ru_maxrss


def in_turn(actions, runs):
    """Runs each action `runs` times, one after the other in turns; {name: [seconds]}."""
    seconds = {name: [] for name in actions}
    for turn in range(runs + 1):
        for name, action in actions.items():
            took = action()
            if turn:  # the first turn warms up
                seconds[name].append(took)
    return seconds


def report(rows, header):
    """A Markdown table."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def spread(values):
    return f"{statistics.median(values):.3f} ({min(values):.3f}-{max(values):.3f})"


def s2c(root, *args):
    return [S2C, "--root", str(root), "--progress", "none", *map(str, args)]


def remove(path):
    shutil.rmtree(path, ignore_errors=True)
