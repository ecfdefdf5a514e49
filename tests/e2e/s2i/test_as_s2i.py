"""Called as s2i: its command lines, word for word."""
import os
import subprocess

import pytest

from support import PROGRAM, SANITIZER, TOP, clean_env
from test_usage import script


class Named:
    """The program under another name, on the store of s2c."""

    def __init__(self, s2c, base, name="s2i"):
        self.s2c = s2c
        self.path = base / name
        self.path.symlink_to(PROGRAM)

    def run(self, *args, env=None, **kwargs):
        done = subprocess.run([self.path, *map(str, args)], capture_output=True, text=True, timeout=120,
                              env=clean_env(S2C_ROOT=str(self.s2c.root), **(env or {})),
                              stdin=subprocess.DEVNULL, **kwargs)
        assert not SANITIZER.search(done.stderr), done.stderr
        return done

    def ok(self, *args, **kwargs):
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture
def s2i(s2c, tmp_path):
    return Named(s2c, tmp_path)


def config(s2c, image):
    return s2c.config(image)["config"]


def test_build(s2i, s2c, builder, app):
    s2i.ok("build", app, "builder/test", "myapp", "-e=A=B", "-e", "C=D=E", "--env=F=G", "--env", "H=I",
           "-p=if-not-present", "--loglevel=2", "--incremental=false", "-c=true", "-d=/tmp", "-q=0", "--exclude=")
    assert {"A=B", "C=D=E", "F=G", "H=I"} <= set(config(s2c, "myapp")["Env"])


def test_combined_short_flags(s2i, s2c, builder, app):
    done = s2i.ok("build", "-qc", app, "builder/test", "myapp")
    assert done.stderr == ""
    done = s2i.ok("build", "-cl/tmp", app, "builder/test", "myapp")
    assert "'--location' is deprecated" in done.stderr


def test_operands_and_flags_in_any_order(s2i, s2c, builder, app):
    s2i.ok("build", "--pull-policy", "never", app, "-n", "The App", "builder/test", "--description=d", "myapp")
    assert config(s2c, "myapp")["Labels"]["io.k8s.display-name"] == "The App"


@pytest.mark.parametrize("value,status", [("1", 0), ("T", 0), ("True", 0), ("f", 0), ("yes", 2), ("", 2)])
def test_values_of_flags(s2i, builder, app, value, status):
    assert s2i.run("build", app, "builder/test", f"--copy={value}").returncode == status


def test_rebuild_and_usage(s2i, s2c, builder, app):
    s2i.ok("build", app, "builder/test", "myapp")
    s2i.ok("rebuild", "myapp", "new", "--allow-local-source")
    assert s2i.run("usage", "builder/test").returncode == 1
    builder.make("builder/usage", files=[script("#!/bin/sh\necho used so\n")])
    done = s2i.ok("usage", "builder/usage", "--incremental", "--rm", "--callback-url=http://127.0.0.1:1/",
                  "--save-temp-dir=false", "-p=never", "-l", "/tmp", "--loglevel=2")
    assert done.stdout == "used so\n"


def test_version_and_help(s2i, tmp_path, s2c):
    assert s2i.ok("version").stdout.startswith("s2i v")
    assert "Usage: s2c build" in s2i.ok("help", "build").stdout
    assert s2i.ok("build", "--help").stdout == s2i.ok("help", "build").stdout
    assert s2i.run().returncode == 2
    bash = s2i.ok("completion", "bash").stdout
    assert bash.endswith("complete -o filenames -F _s2c s2i\n")
    assert "s2i" not in s2c.ok("completion", "bash").split("complete -o")[-1]
    done = Named(s2c, tmp_path, "sti").ok("version")
    assert "'sti' is deprecated" in done.stderr


def test_an_error_is_never_success(s2i, builder, app):
    """S2I prints these and ends with status 0."""
    for args in (["build"], ["build", app], ["build", "x::y", "builder/test"], ["build", app, "builder/test", "UPPER:x:y"],
                 ["build", app, "builder/test", "a", "-p", "sometimes"], ["frob"], ["build", "--frob"]):
        done = s2i.run(*args)
        assert done.returncode != 0 and done.stderr, args


# ---- which engine ----

def test_docker_host(s2i, s2c, builder, app):
    """Without it s2c builds by itself, whether or not there is a socket of docker's."""
    s2i.ok("build", app, "builder/test", "own")
    assert s2c.config("own")
    nowhere = {"DOCKER_HOST": "unix:///nowhere/engine.sock"}
    done = s2i.run("build", app, "builder/test", "own", env=nowhere)
    assert done.returncode == 1 and "/nowhere/engine.sock" in done.stderr
    s2i.ok("build", app, "builder/test", "own", "--url=", env=nowhere)
    assert s2c.run("build", app, "builder/test", "own", env=nowhere).returncode == 0, "not as s2c"


@pytest.mark.parametrize("before", [["-U", "URL"], ["-UURL"], ["-U=URL"], ["--url", "URL"], ["--url=URL"],
                                    ["--tlsverify", "--cert", "x", "--url", "URL", "--loglevel", "1"]])
def test_flags_before_the_command(s2i, builder, app, before):
    words = [w.replace("URL", "unix:///nowhere/engine.sock") for w in before]
    done = s2i.run(*words, "build", app, "builder/test", "own")
    assert done.returncode == 1 and "/nowhere/engine.sock" in done.stderr
    assert s2i.run(*words, "version").returncode == 0
    assert s2i.run(*words).returncode == 2


def test_in_engines(s2i, engine, made, app):
    s2i.ok("build", app, "builder/test", "ass2i", "-e", "A=B", env={"DOCKER_HOST": engine.url})
    assert "A=B" in engine.config("ass2i")["Env"]
    s2i.ok("-U", engine.url, "build", app, "builder/test", "ass2i")
    engine.remove("ass2i")


# ---- installed ----

def test_install(tmp_path):
    """Only with the option, and as a link."""
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    for wanted in ("true", "false"):
        build, dest = tmp_path / f"build-{wanted}", tmp_path / f"dest-{wanted}"
        subprocess.run(["meson", "setup", build, TOP, f"-Ds2i={wanted}", "-Dtests=false", "-Ddocs=false"],
                       check=True, capture_output=True, env=env)
        # Nothing is built for this: what the link leads to stands in for the program.
        (dest / "usr/local/bin").mkdir(parents=True)
        (dest / "usr/local/bin/s2c").touch()
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--tags", "s2i", "--destdir", dest],
                       check=True, capture_output=True, env=env)
        links = list(dest.rglob("s2i"))
        assert [os.readlink(p) for p in links] == (["s2c"] if wanted == "true" else [])
