"""The builder images that are shipped, made once for each machine and put into stores of tests."""
import pathlib
import subprocess

from support import PROGRAM, S2C, TOP, clean_env

# Root file systems, under names that change with what they are made of.
CACHE = str(pathlib.Path.home() / ".cache/s2c-builders")
MAKE_SECONDS = 1200  # hundreds of packages, on a slow network


def shipped(directory, name):
    """The program on a store below `directory` that has builder/NAME, made by builders/make."""
    s2c = S2C(directory / f"{name}-store")
    wrapper = directory / f"s2c-{name}"
    wrapper.write_text(f'#!/bin/sh\nexec {PROGRAM} --root {s2c.root} "$@"\n')
    wrapper.chmod(0o755)
    env = clean_env(S2C=str(wrapper), HOME="/root", S2C_BUILDERS_CACHE=CACHE)
    for _ in range(2):
        done = subprocess.run([TOP / "builders/make", name], env=env, capture_output=True, text=True,
                              timeout=MAKE_SECONDS)
        assert done.returncode == 0, done.stderr
    assert "up to date" in done.stdout, "made from the same inputs it is reused"
    return s2c
