"""Every line of --log-format json is an event as docs/events.md has it."""
import json
import re

import pytest

from support import TOP

TEXT = (TOP / "docs/events.md").read_text()
SCHEMA = json.loads(TEXT.split("```json\n")[1].split("```")[0])
PHASES = set(re.findall(r"`([a-z]+)`", TEXT.split("The phases: ")[1].split(". ")[0]))
TYPES = {"string": str, "integer": int, "number": (int, float)}


def check(line):
    """The event of a line, which must be one."""
    event = json.loads(line)
    fields = SCHEMA[event.pop("event")]
    for name, kind in fields.items():
        if name not in event:
            assert kind.endswith("?"), (line, name)
            continue
        assert isinstance(event[name], TYPES[kind.rstrip("?")]) and not isinstance(event[name], bool), (line, name)
    assert set(event) <= set(fields), line
    if "phase" in event:
        assert event["phase"] in PHASES, line
    if "level" in event:
        assert event["level"] in ("error", "warning", "info", "debug"), line
    return json.loads(line)


def events(done):
    assert done.stderr.endswith("\n") or not done.stderr
    return [check(line) for line in done.stderr.splitlines()]


def nested(found):
    """Each phase ends, and those inside of it before."""
    open_phases = []
    for event in found:
        if event["event"] == "phase-begin":
            open_phases.append((event["phase"], event.get("subject")))
        elif event["event"] == "phase-end":
            assert open_phases.pop() == (event["phase"], event.get("subject"))
    assert not open_phases


def test_the_checker_can_fail():
    good = '{"time":1.5,"event":"log","level":"info","text":"x"}'
    check(good)
    for bad in (good.replace('"info"', '"loud"'), good.replace(',"text":"x"', ""), good.replace('"x"', "1"),
                good.replace("}", ',"more":1}'), good.replace('"log"', '"phase-begin"')):
        with pytest.raises(AssertionError):
            check(bad)
    with pytest.raises(KeyError):
        check(good.replace('"log"', '"frob"'))


def test_build(s2c, builder, app):
    (app / "big").write_bytes(b"x" * (8 << 20))
    builder.make("builder/loud", assemble="#!/bin/sh\nprintf 'a\\033[1mb\\377\\tc\\n'; echo aside >&2\ncp -R /tmp/src/. /srv/\n")
    done = s2c.run("--log-format", "json", "--log-level", "debug", "build", app, "builder/loud", "myapp",
                   "-o", f"oci-archive:{app.parent}/out.tar", "--callback-url", "http://127.0.0.1:1/")
    assert done.returncode == 0
    found = events(done)
    nested(found)
    assert {e["event"] for e in found} == set(SCHEMA)
    assert [e["text"] for e in found if e["event"] == "output"] == ["a\\x1b[1mb\\xff\tc", "aside"]
    phases = [e["phase"] for e in found if e["event"] == "phase-end"]
    for phase in ("resolve", "source", "prepare", "assemble", "commit", "layer", "export", "callback"):
        assert phase in phases
    assert all(e["elapsed_ms"] >= 0 for e in found if e["event"] == "phase-end")


@pytest.mark.parametrize("args,status", [
    (["build", "APP", "builder/nothing"], 1), (["build", "APP", "builder/fails"], 3), (["build"], 2),
    (["build", "APP", "builder/test", "--frob"], 2), (["frob"], 2), (["build", "APP", "builder/test", "--memory=x"], 2),
    (["inspect", "nothing"], 1)])
def test_the_last_event_of_a_failure(s2c, builder, app, args, status):
    builder.make("builder/fails", assemble="#!/bin/sh\nexit 7\n")
    done = s2c.run("--log-format", "json", *[str(app) if a == "APP" else a for a in args])
    assert done.returncode == status
    found = events(done)
    assert (found[-1]["event"], found[-1]["level"]) == ("log", "error")


def test_quiet(s2c, builder, app):
    done = s2c.run("--log-format", "json", "-q", "build", app, "builder/test", "myapp")
    assert done.returncode == 0 and done.stderr == ""


@pytest.mark.parametrize("args", [["usage", "builder/test"], ["prune"], ["save", "builder/test", "docker-archive:OUT"],
                                  ["rebuild", "myapp", "--allow-local-source"], ["doctor"]])
def test_other_commands(s2c, builder, app, args):
    s2c.ok("build", app, "builder/test", "myapp")
    done = s2c.run("--log-format", "json", "--log-level=debug", *[a.replace("OUT", f"{app.parent}/out.tar") for a in args])
    nested(events(done))


def test_in_engines(s2c, engine, made, app):
    done = s2c.run("--log-format", "json", "build", app, "builder/test", "--engine", engine.url)
    assert done.returncode == 0
    nested(events(done))


def test_pull_and_push(remote, registry, image):
    image.put(registry, "a/b", "1")
    for args in (["pull", f"{registry.host}/a/b:1"], ["push", f"{registry.host}/a/b:1", f"{registry.host}/a/c:1"]):
        done = remote.run("--log-format", "json", *args)
        found = events(done)
        assert done.returncode == 0 and any(e.get("phase") == args[0] for e in found)
