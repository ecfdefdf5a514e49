"""The scaffold of s2c create: what it writes is right as it is, and works as it is."""
import shutil
import subprocess

import pytest

from support import PROGRAM, S2C, Builder, clean_env, link

SCRIPTS = ["s2i/bin/assemble", "s2i/bin/run", "s2i/bin/usage", "s2i/bin/save-artifacts", "test/run"]
BASE = "localhost/base:1"


def create(*args, **kwargs):
    env = clean_env(**kwargs.pop("env", {}))
    return subprocess.run([PROGRAM, "create", *map(str, args)], env=env, capture_output=True, text=True, timeout=60,
                          **kwargs)


def content(directory):
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_scripts_are_sound(tmp_path):
    done = create("builder/x", tmp_path / "x")
    assert (done.returncode, done.stdout) == (0, "") and "make -C" in done.stderr
    checked = subprocess.run(["shellcheck", *SCRIPTS], cwd=tmp_path / "x", capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    for script in SCRIPTS[:4]:
        said = subprocess.run([tmp_path / "x" / script, "-h"], capture_output=True, text=True, timeout=30)
        assert said.returncode == 0 and "This is the builder image builder/x." in said.stdout


def test_nothing_is_overwritten(tmp_path):
    directory = tmp_path / "x"
    directory.mkdir()
    (directory / "Makefile").write_text("mine\n")
    done = create("builder/x", directory)
    assert done.returncode == 1 and "has Makefile already" in done.stderr and "--force" in done.stderr
    assert content(directory) == {"Makefile": b"mine\n"}
    assert create("--force", "builder/x", directory).returncode == 0
    first = content(directory)
    assert len(first) == 12 and first["Makefile"] != b"mine\n"
    assert create("builder/y", directory).returncode == 1
    assert content(directory) == first


@pytest.mark.parametrize("args", [["Builder/X", "d"], ["x y", "d"], ["$(id)", "d"], ["--from", "A B", "x", "d"],
                                  ["x"], [], ["x", "d", "e"]])
def test_bad_words(tmp_path, args):
    done = create(*args, cwd=tmp_path)
    assert done.returncode == 2 and not list(tmp_path.iterdir())


def test_failures_leave_nothing(tmp_path):
    """At each point where the system can refuse, what was made is gone again."""
    log = tmp_path / "points"
    assert create("x", tmp_path / "a", env={"S2C_FAULT_LOG": str(log)}).returncode == 0
    points = len(log.read_text().split())
    assert points > 30
    for number in range(1, points + 1):
        done = create("x", tmp_path / "b", env={"S2C_FAULT": str(number)})
        assert done.returncode != 0 and "injected fault" in done.stderr, number
        assert not (tmp_path / "b").exists(), number
    assert create("x", tmp_path / "b").returncode == 0


@pytest.fixture(params=["docker", "podman", "none", "s2i"])
def scaffold(request, tmp_path, rootfs_tar):
    """A scaffold whose base image is in an engine, and the words and variables for make."""
    kind = request.param
    engine = request.getfixturevalue("podman_service" if kind == "podman" else "dockerd")
    s2c = S2C(tmp_path / "store")
    Builder(s2c, rootfs_tar).make(BASE, assemble=None, run=None, user=None, files=[link("bin/date", "busybox")])
    s2c.ok("save", BASE, f"docker-archive:{tmp_path}/base.tar")
    engine.load(tmp_path / "base.tar")
    tool = tmp_path / ("s2i" if kind == "s2i" else "s2c")
    tool.symlink_to(PROGRAM)
    client = f"podman --url {engine.url}" if kind == "podman" else f"docker -H {engine.url}"
    assert create("--from", BASE, "builder/made", tmp_path / "made").returncode == 0
    words = ["make", "-C", str(tmp_path / "made"), f"ENGINE={client}"]
    # The engines of these tests have no network of their own.
    env = clean_env(HOME=str(tmp_path), TOOL=str(tool), S2C_ROOT=str(s2c.root), TEST_NETWORK="host",
                    S2C_ENGINE="none" if kind == "none" else engine.url)
    yield engine, tmp_path / "made", words, env
    for name in ("localhost/s2i-candidate:test", "localhost/builder/made:latest", "builder/made:latest", BASE):
        engine.remove(name)
    s2c.assert_clean()
    shutil.rmtree(s2c.root, ignore_errors=True)


def make(words, env, *more):
    return subprocess.run([*words, *more], env=env, capture_output=True, text=True, timeout=300)


def test_scaffold_works(scaffold):
    engine, directory, words, env = scaffold
    before = content(directory)
    done = make(words, env, "test")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().split("\n")[-1] in ("==> passed", f"make: Leaving directory '{directory}'")
    assert "==> passed" in done.stdout
    assert content(directory) == before, "a test leaves nothing"
    left = [tag for image in engine.json("GET", "/images/json") for tag in image["RepoTags"] or []]
    assert not [tag for tag in left if "test-app" in tag], left
    done = make(words, env, "build")
    assert done.returncode == 0, done.stdout + done.stderr
    config = engine.config("builder/made")
    assert config["User"] == "1001" and config["WorkingDir"] == "/opt/app-root/src"
    assert config["Labels"]["io.openshift.s2i.scripts-url"] == "image:///usr/libexec/s2i"
    assert "8080/tcp" in config["ExposedPorts"]


@pytest.mark.parametrize("scaffold", ["docker"], indirect=True)
@pytest.mark.parametrize("script,old,new,word", [
    ("s2i/bin/save-artifacts", "exec tar", "exec false", "did not use what the first one left"),
    ("s2i/bin/usage", "This is the builder image", "What", "that is not the usage"),
    ("s2i/bin/assemble", "cp -R /tmp/src/. ./", "exit 4", ""),
    ("s2i/bin/assemble", "cp -R /tmp/src/. ./", "echo wrong >index.html", "not the page"),
])
def test_scaffold_finds_faults(scaffold, script, old, new, word):
    """test/run fails for a script that is wrong."""
    _, directory, words, env = scaffold
    text = (directory / script).read_text()
    assert old in text
    (directory / script).write_text(text.replace(old, new))
    done = make(words, env, "test")
    assert done.returncode != 0 and "passed" not in done.stdout
    assert word in done.stderr, done.stderr
