"""The command line itself."""
import json
import os
import pty
import re
import subprocess
import tarfile

import pytest

from support import PROGRAM, add_file, clean_env

COMMANDS = """build rebuild usage create generate dockerfile run shell images inspect history tag rmi pull push referrers login logout import save load prune gate doctor
completion version help""".split()


def call(*args, **kwargs):
    return subprocess.run([PROGRAM, *args], env=clean_env(), capture_output=True, text=True, timeout=60, **kwargs)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command):
    for args in ((command, "--help"), ("help", command), (command, "-h")):
        done = call(*args)
        assert done.returncode == 0 and done.stderr == ""
        assert done.stdout.startswith(f"Usage: s2c {command} ")
        assert max(map(len, done.stdout.split("\n"))) < 80


def test_overview_names_every_command():
    out = call("--help").stdout
    assert [line.split()[0] for line in out.split("Commands:\n")[1].split("\n\n")[0].split("\n")] == COMMANDS


@pytest.mark.parametrize("args", [(), ("frob",), ("build",), ("build", "a"), ("build", "--frob", "a", "b"),
                                  ("build", "--pull-policy", "maybe", "a", "b"), ("build", "--timeout", "x", "a", "b"),
                                  ("build", "--timeout"), ("build", "--timeout", "0", "a", "b"),
                                  ("build", "--pids-limit", "0", "a", "b"), ("run", "--pids-limit=-1", "a"), ("tag", "a"), ("images", "x"), ("--frob",), ("-Z",),
                                  ("completion", "tcsh"), ("help", "frob"), ("build", "a", "b", "c", "d")])
def test_wrong_usage(args):
    done = call(*args)
    assert done.returncode == 2 and done.stdout == ""


def test_help_covers_every_option_in_man_and_completion():
    for command in COMMANDS:
        options = set(re.findall(r"--[a-z][a-z-]+", call(command, "--help").stdout.split("Options:")[-1].split("Examples:")[0]))
        page = call("help", "--man", command).stdout.replace("\\-", "-")
        bash = call("completion", "bash").stdout
        for option in options:
            assert option in bash
            assert option in page or option in call("help", "--man").stdout.replace("\\-", "-"), (command, option)


@pytest.mark.parametrize("shell", ["bash"])
def test_completion_is_a_script(shell):
    out = call("completion", shell).stdout
    assert subprocess.run([shell, "-n"], input=out, text=True).returncode == 0
    script = out + '\nCOMP_WORDS=(s2c bui); COMP_CWORD=1; _s2c; echo "${COMPREPLY[@]}"' + \
        '\nCOMP_WORDS=(s2c build --pull-policy ""); COMP_CWORD=3; _s2c; echo "${COMPREPLY[@]}"'
    done = subprocess.run([shell], input=script, text=True, capture_output=True)
    assert done.stdout.split("\n")[:2] == ["build", "always if-not-present never"]


def test_json_events(s2c, builder, app):
    done = s2c.run("--log-format", "json", "build", app, "builder/test", "myapp")
    assert done.returncode == 0
    events = [json.loads(line) for line in done.stderr.strip().split("\n")]
    phases = [e["phase"] for e in events if e["event"] == "phase-end"]
    assert "assemble" in phases and "commit" in phases
    assert any(e["event"] == "output" and e["text"] == "assemble runs" for e in events)
    done = s2c.run("--log-format", "json", "build", app, "builder/nothing")
    last = json.loads(done.stderr.strip().split("\n")[-1])
    assert (last["event"], last["level"]) == ("log", "error")


def test_quiet(s2c, builder, app):
    done = s2c.run("-q", "build", app, "builder/test", "myapp")
    assert done.returncode == 0 and done.stderr == "" and done.stdout.startswith("sha256:")


def test_output_of_scripts_cannot_drive_the_terminal(s2c, builder, app):
    builder.make("builder/esc", assemble="#!/bin/sh\nprintf 'a\\033]0;owned\\007b\\n'\n")
    done = s2c.run("build", app, "builder/esc")
    assert done.returncode == 0 and "\033" not in done.stderr and "\007" not in done.stderr


def on_terminal(s2c, *args):
    """What a terminal gets to see: the pieces between "back to the start, clear the line"."""
    parent, child = pty.openpty()
    process = subprocess.Popen(s2c.command(*args), env=clean_env(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=child)
    os.close(child)
    seen = b""
    while True:
        try:
            piece = os.read(parent, 65536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    os.close(parent)
    assert process.wait(timeout=60) == 0
    return seen.decode().replace("\r\n", "\n").split("\r\033[K")


def test_terminal_shows_live_lines(s2c, builder, app):
    seen = on_terminal(s2c, "build", app, "builder/test", "myapp")
    for phase in ("resolve", "source", "prepare", "unpack", "assemble", "commit", "layer"):
        assert any(line.startswith(phase) and not line.endswith("\n") for line in seen), (phase, seen)
    # Output goes above the live line, which then is there again; so does an inner phase.
    after = seen[seen.index("assemble runs\n") + 1]
    assert after.startswith("assemble  builder/test"), seen
    unpacked = [i for i, line in enumerate(seen) if line.startswith("unpack") and line.endswith("\n")]
    assert seen[unpacked[-1] + 1].startswith("prepare   builder/test"), seen
    assert seen[-1].endswith("\n"), "no live line is left at the end"


def test_terminal_shows_bytes_and_a_bar(s2c, tmp_path):
    """Where the size is known: a bar that grows."""
    path = tmp_path / "rootfs.tar"
    with tarfile.open(path, "w") as tar:
        add_file(tar, "big", os.urandom(48 << 20), 0o644)
    seen = on_terminal(s2c, "import", path, "a/b")
    bars = [line for line in seen if re.match(r"import    \[#*\.*\] [0-9.]+ MiB / 48.0 MiB  /", line)]
    assert bars, seen
    filled = [line.count("#") for line in bars]
    assert filled == sorted(filled)


def test_json_progress(s2c, tmp_path, builder, app):
    """A single large file is told of while it is packed, not at its end."""
    (app / "big").write_bytes(os.urandom(48 << 20))
    done = s2c.run("--log-format", "json", "build", app, "builder/test", "myapp")
    events = [json.loads(line) for line in done.stderr.strip().split("\n")]
    told = [e["current"] for e in events if e["event"] == "progress" and e["phase"] == "layer"]
    assert done.returncode == 0 and told and min(told) < 48 << 20, events


def test_doctor(s2c):
    done = s2c.run("doctor")
    assert done.returncode in (0, 1)
    assert "oci-runtime" in done.stdout


def test_version():
    assert re.fullmatch(r"s2c \d+\.\d+\.\d+", call("version").stdout.strip())


def test_store_of_someone_else(tmp_path):
    root = tmp_path / "store"
    root.mkdir()
    root.chmod(0o777)
    done = call("--root", str(root), "images")
    assert done.returncode == 4 and str(root) in done.stderr
