"""Ctrl-C, SIGTERM and kill -9 leave nothing that the next command does not clean up."""
import os
import pathlib
import signal
import time

import pytest

from support import mounts_below, processes_with


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():
            return
        time.sleep(0.02)
    raise AssertionError("did not happen in time")


def clean_after_kill(s2c):
    """Every command sweeps what killed ones left, as soon as the kernel has ended the
    container that died with them."""
    def swept():
        s2c.ok("images")
        return not any((s2c.root / name).is_dir() and list((s2c.root / name).iterdir()) for name in ("work", "tmp"))

    wait_for(swept)
    s2c.assert_clean()


@pytest.fixture
def running(s2c, builder, app):
    """A build whose assemble sleeps for a time that no one else sleeps."""
    seconds = str(100000 + os.getpid())
    builder.make("builder/sleep", assemble=f"#!/bin/sh\nsleep {seconds} & sleep {seconds}\n")
    process = s2c.start("build", str(app), "builder/sleep", "myapp")
    wait_for(lambda: processes_with(f"sleep\0{seconds}"))
    yield process, seconds
    process.kill()
    process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal(s2c, running, number):
    process, seconds = running
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert not processes_with(f"sleep\0{seconds}")
    s2c.assert_clean()
    s2c.fails("inspect", "myapp", status=1, match="myapp")


def test_sigkill_during_assemble(s2c, running):
    process, seconds = running
    process.kill()
    process.communicate()
    wait_for(lambda: not processes_with(f"sleep\0{seconds}"))
    assert not mounts_below(s2c.root)
    assert list((s2c.root / "work").iterdir()), "the test killed too late"
    clean_after_kill(s2c)
    groups = [p for p in pathlib.Path("/sys/fs/cgroup").glob("**/s2c/*") if p.is_dir()]
    assert not groups


def test_sigkill_at_any_moment(s2c, builder, app):
    """Killed after ever longer times; the store stays whole and the next build works."""
    for i in range(200):
        (app / f"f{i}").write_text("x" * 1000)
    finished = False
    delay = 0.0
    while not finished and delay < 20:
        process = s2c.start("build", str(app), "builder/test", "killed")
        try:
            process.communicate(timeout=delay)
            finished = True
        except Exception:
            process.kill()
            process.communicate()
        delay = delay * 1.25 + 0.02
        clean_after_kill(s2c)
    assert finished
    s2c.ok("prune", "--check")
    s2c.ok("build", app, "builder/test", "after")
    assert s2c.ok("run", "after").startswith("run says: hello")


def test_cancel_while_source_is_read(s2c, builder, tmp_path):
    """A tar on standard input that never ends."""
    import subprocess
    process = s2c.start("build", "-", "builder/test", "myapp", stdin=subprocess.PIPE)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()
    assert process.returncode == 130
