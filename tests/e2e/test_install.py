"""`meson install` puts a program, a manual page per command and completions where they belong."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from support import PROGRAM, clean_env
from test_cli import COMMANDS

BUILD = pathlib.Path(PROGRAM).parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    if not (BUILD / "build.ninja").exists():
        pytest.skip("the program under test is not in a build directory")
    dest = tmp_path_factory.mktemp("dest")
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", dest], check=True,
                   capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    return dest / "usr/local"


def test_everything_is_there(installed):
    there = {str(p.relative_to(installed)) for p in installed.rglob("*") if p.is_file()}
    pages = {f"share/man/man1/s2c{name}.1" for name in ["", *(f"-{c}" for c in COMMANDS)]}
    assert there == pages | {
        "bin/s2c", "share/bash-completion/completions/s2c", "share/zsh/site-functions/_s2c",
        "share/fish/vendor_completions.d/s2c.fish",
        "lib/systemd/system/s2c-gate.service", "lib/systemd/system/s2c-gate.socket", "share/s2c/hosts"}
    version = subprocess.run([installed / "bin/s2c", "version"], env=clean_env(), capture_output=True, text=True)
    assert version.stdout.startswith("s2c ")


@pytest.mark.parametrize("shell,path", [
    ("bash", "share/bash-completion/completions/s2c"), ("zsh", "share/zsh/site-functions/_s2c"),
    ("fish", "share/fish/vendor_completions.d/s2c.fish")])
def test_completions_can_be_read(installed, shell, path):
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", installed / path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_fish_completes(installed, tmp_path):
    """bash is tested with the command line."""
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    script = f"source {installed}/share/fish/vendor_completions.d/s2c.fish; " \
        "complete -C 's2c im'; complete -C 's2c build --network '; complete -C 's2c build --pids-l'"
    done = subprocess.run(["fish", "-c", script], capture_output=True, text=True, env=clean_env(HOME=str(tmp_path)))
    words = [line.split("\t")[0] for line in done.stdout.split("\n")]
    assert done.stderr == "" and words[:2] == ["images", "import"], (done.stdout, done.stderr)
    assert {"isolated", "none", "host", "--pids-limit"} <= set(words)


def test_pages_have_no_faults(installed):
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    for page in sorted((installed / "share/man/man1").iterdir()):
        done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", page], capture_output=True, text=True, env=clean_env())
        assert done.returncode == 0 and done.stderr == "", (page.name, done.stderr)
        text = re.sub(".\x08", "", done.stdout)  # bold is written twice
        for word in ("NAME", "SYNOPSIS"):
            assert re.search(f"^{word}", text, re.M), page.name
