"""What S2I's command line has, and what its users asked for: labels, names, platforms."""
import json
import signal
import subprocess

import pytest

from fixtures_registry import INDEX, Image, describe
from support import PROGRAM, clean_env
from test_build import git


def labels(s2c, image):
    return s2c.config(image)["config"]["Labels"]


def test_labels(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "--label", "a=1", "--label", "b=x=y", "--label", "a=2",
           "--label", "empty=", "--label", "text=two words\nand a line")
    found = labels(s2c, "myapp")
    assert (found["a"], found["b"], found["empty"]) == ("2", "x=y", "")
    assert found["text"] == "two words\nand a line"


def test_label_order(s2c, builder, app):
    """The builder's labels, then generated ones, then the user's, then those of assemble."""
    metadata = json.dumps({"labels": [{"d": "assemble"}]})
    builder.make("builder/order", "LABEL a=base", "LABEL b=base", "LABEL c=base", "LABEL d=base",
                 "LABEL io.k8s.display-name=base", "LABEL io.openshift.s2i.build.image=base",
                 assemble=f"#!/bin/sh\nmkdir -p /tmp/.s2i\necho '{metadata}' >/tmp/.s2i/image_metadata.json\n")
    s2c.ok("build", app, "builder/order", "myapp", "--label", "b=user", "--label", "d=user",
           "--label", "io.k8s.display-name=user")
    found = labels(s2c, "myapp")
    assert [found[k] for k in "abcd"] == ["base", "user", "base", "assemble"]
    assert found["io.k8s.display-name"] == "user"
    assert found["io.openshift.s2i.build.image"] == "builder/order:latest"


@pytest.mark.parametrize("word", ["a", "=v", "a b=v", "a\tb=v", "", "a\x7f=v"])
@pytest.mark.parametrize("option", ["--label", "--annotation"])
def test_bad_pairs(s2c, builder, app, option, word):
    s2c.fails("build", app, "builder/test", "myapp", option, word, status=2, match=f"{option} .*KEY=VALUE")
    assert "myapp" not in s2c.ok("images")


def test_label_limit(s2c, builder, app):
    s2c.fails("build", app, "builder/test", "myapp", "--label", "k=" + "v" * 10240, status=1, match="10240")


def test_name_and_description(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "-n", "The App", "--description", "does things")
    assert labels(s2c, "myapp")["io.k8s.display-name"] == "The App"
    assert labels(s2c, "myapp")["io.k8s.description"] == "does things"
    s2c.ok("build", app, "builder/test", "myapp", "--application-name=")
    assert labels(s2c, "myapp")["io.k8s.display-name"] == "myapp"


def test_annotations(s2c, builder, app):
    def build(b):
        return s2c.run("build", app, "builder/test", "myapp", "--annotation", f"b={b}",
                       "--annotation", "org.example/a=1", env={"SOURCE_DATE_EPOCH": "1000000000"}).stderr

    build("ü")
    assert s2c.manifest("myapp")["annotations"] == {"org.example/a": "1", "b": "ü"}
    assert "nothing has changed" in build("ü")
    assert "nothing has changed" not in build("other")
    assert s2c.manifest("myapp")["annotations"]["b"] == "other"


def test_annotations_are_not_for_engines(s2c, engine, made, app):
    s2c.fails("build", app, "builder/test", "myapp", "--annotation", "a=b", "--engine", engine.url,
              status=1, match="--annotation: .*--label")


def test_labels_in_engines(s2c, engine, made, app):
    made.build(app, "builder/test", "labelled", "--label", "a=x=y", "-n", "The App", "--description", "text")
    found = engine.config("labelled")["Labels"]
    assert (found["a"], found["io.k8s.display-name"], found["io.k8s.description"]) == ("x=y", "The App", "text")
    engine.remove("labelled")


def test_plan_shows_labels(s2c, builder, app):
    plan = json.loads(s2c.ok("build", app, "builder/test", "myapp", "--label", "a=1", "--annotation", "b=2", "--dry-run"))
    assert plan["image"]["labels"]["a"] == "1"
    assert plan["image"]["annotations"] == {"b": "2"}


# ---- platforms ----



@pytest.mark.parametrize("word,match", [("arm64", "OS/ARCH"), ("linux/", "OS/ARCH"), ("linux/a/b/c", "OS/ARCH")])
def test_bad_platform(s2c, builder, app, word, match):
    s2c.fails("build", app, "builder/test", "myapp", "--platform", word, status=2, match=f"--platform: .*{match}")


def test_image_for_another_platform(s2c, builder, app):
    s2c.fails("build", app, "builder/test", "myapp", "--platform", "linux/s390x", status=1,
              match="builder image 'builder/test' is not in the store")


def index_of(registry, name, *architectures):
    """An index in the registry, with an image for each architecture."""
    entries = []
    for architecture in architectures:
        digest = Image(layers=1, architecture=architecture).put(registry, name)
        entries.append(describe(registry, name, digest, os="linux", architecture=architecture))
    registry.state.put_manifest(name, "1", INDEX, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    return f"{registry.host}/{name}:1"


def test_platform_is_chosen_from_an_index(remote, registry, app):
    """Neither image has scripts; which of them it was shows in the store."""
    name = index_of(registry, "a/b", "amd64", "riscv64")
    remote.fails("build", app, name, "myapp", "--platform", "linux/amd64", status=1, match="no assemble script")
    assert remote.config(name)["architecture"] == "amd64"
    remote.fails("build", app, name, "myapp", "--platform", "linux/riscv64", status=1,
                 match="is for 'linux/riscv64', whose programs this host .* not run: .*binfmt_misc")
    assert remote.config(name)["architecture"] == "riscv64"
    remote.fails("build", app, name, "myapp", "--platform", "linux/s390x", status=1, match="no image for platform")
    # What is in the store now is for another host.
    remote.fails("build", app, name, "myapp", status=1, match="is for 'linux/riscv64'")
    done = remote.run("build", app, name, "myapp", "--dry-run")
    assert "is for 'linux/riscv64'" in done.stderr
    remote.fails("build", app, name, "myapp", "-p", "never", "--platform", "linux/amd64", status=1, match="not in the store")


def test_platform_of_a_runtime_image(remote, registry, builder, app):
    """It is for the same platform as the builder image: one of another counts as absent."""
    name = index_of(registry, "a/rt", "riscv64", "amd64")
    words = ["build", app, "builder/test", "myapp", "--runtime-image", name, "-a", "/srv/index.html",
             "--platform", "linux/amd64"]
    remote.ok("pull", name, "--platform", "linux/riscv64")
    remote.fails(*words, "--runtime-pull-policy", "never", status=1, match=f"runtime image '{name}' is not in the store")
    remote.ok(*words)
    assert remote.config("myapp")["architecture"] == "amd64"


def test_platform_of_an_engines_image(s2c, engine, made, app):
    made.build(app, "builder/test", "plat", "--platform", "linux/amd64")
    engine.remove("plat")
    s2c.fails("build", app, "builder/test", "plat", "--platform", "linux/s390x", "--engine", engine.url, status=1,
              match="not in the engine")


# ---- names of flags ----

def test_old_names_warn(s2c, builder, app):
    done = s2c.run("build", app, "builder/test", "myapp", "-l", "/tmp", "--scripts=image:///usr/libexec/s2i")
    assert done.returncode == 0
    assert "warning: option '--location' is deprecated: write '--destination'" in done.stderr
    assert "warning: option '--scripts' is deprecated: write '--scripts-url'" in done.stderr
    done = s2c.run("build", app, "builder/test", "myapp", "-d", "/tmp", "-s", "image:///usr/libexec/s2i")
    assert "deprecated" not in done.stderr


def test_loglevel(s2c, builder, app):
    quiet = s2c.run("--loglevel", "1", "build", app, "builder/test", "myapp", env={"S2C_TRACE": ""})
    assert quiet.returncode == 0
    assert s2c.run("build", app, "builder/test", "myapp", "--loglevel=5").returncode == 0
    s2c.fails("build", app, "builder/test", "--loglevel=6", status=2, match="none of 0")


def test_accepted(s2c, builder, app, tmp_path):
    (tmp_path / "auth.json").write_text('{"auths":{}}')
    s2c.ok("build", app, "builder/test", "myapp", "--keep-symlinks", "--dockercfg-path", tmp_path / "auth.json")


def test_copy(s2c, builder, app):
    git(app, "init", "-q", "-b", "main")
    git(app, "add", ".")
    git(app, "commit", "-q", "-m", "first")
    (app / "index.html").write_text("changed\n")
    s2c.ok("build", app, "builder/test", "myapp", "-c")
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("srv/index.html").read() == b"changed\n"
    for args in ([app, "builder/test", "-r", "main"], [f"file://{app}#main", "builder/test"]):
        s2c.fails("build", *args, "--copy", status=2, match="--copy builds .* as it is")
    bare = app.parent / "bare.git"
    git(app, "clone", "-q", "--bare", app, bare)
    s2c.ok("build", bare, "builder/test", "myapp", "--copy", "--exclude=")
    assert "srv/HEAD" in s2c.names_in_layer("myapp")


def test_run(s2c, builder, app):
    out = s2c.ok("build", app, "builder/test", "myapp", "-e", "GREETING=hi", "--run").split("\n")
    assert out[0].startswith("sha256:") and out[1:] == ["run says: hello hi", "1001"]
    builder.make("builder/seven", run="#!/bin/sh\nexit 7\n")
    assert s2c.run("build", app, "builder/seven", "--run").returncode == 7
    s2c.fails("build", app, "builder/test", "--run", "--engine", "unix:///nowhere", status=1, match="--run .*docker run")


def test_run_until_somebody_ends_it(s2c, builder, app):
    builder.make("builder/waits", run="#!/bin/sh\necho waiting\nexec sleep 600\n")
    process = s2c.start("build", app, "builder/waits", "--run")
    for line in process.stdout:
        if line == "waiting\n":
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130


# ---- time ----

def test_timeout_of_a_phase(s2c, builder, app):
    builder.make("builder/slow", assemble="#!/bin/sh\nsleep 60\n")
    s2c.fails("build", app, "builder/slow", "--timeout", "assemble=1", "--timeout", "commit=600", status=124,
              match="phase 'assemble', under --timeout")
    s2c.fails("build", app, "builder/slow", "--timeout", "assemble=600", "--timeout", "1", status=124, match="--timeout")
    s2c.ok("build", app, "builder/test", "myapp", "--timeout=resolve=60", "--timeout=assemble=60", "--timeout", "600")


@pytest.mark.parametrize("word,match", [
    ("frob=1", "resolve, source, prepare, restore, assemble, extend, commit, export, push"), ("=1", "resolve, "),
    ("assemble=", "number from 1"), ("assemble=0", "number from 1"), ("assemble=-1", "number from 1"),
    ("assemble=1s", "number from 1"), ("assemble=99999999999", "number from 1"), ("0", "from 1 on"),
    ("", "from 1 on"), ("1h", "from 1 on")])
def test_wrong_times(s2c, builder, app, word, match):
    s2c.fails("build", app, "builder/test", "--timeout", word, status=2, match=match)
    assert not list((s2c.root / "work").iterdir())


# ---- S2I's flags, all of them ----

GLOBAL = "--loglevel=1"
BEFORE = "--url= --cert=x --key=x --ca=x --tls --tlsverify".split()
COMMON = """--quiet --incremental=false --rm=false --callback-url= --pull-policy=never --incremental-pull-policy=never
--runtime-pull-policy=never --save-temp-dir=false --dockercfg-path= --destination=/tmp""".split()
BUILD = """--run=false --ignore-submodules --env=A=b --environment-file=/dev/null --ref=x --assemble-user=1001
--assemble-runtime-user=1001 --context-dir=sub --exclude=x --image-scripts-url=image:///x --scripts-url=image:///x --scripts=image:///x
--use-config=false --application-name=x --description=x --allowed-uids=1- --inject=/x:/y --volume=/x:/y --cap-drop=ALL --location=/tmp
--copy --runtime-image=x --runtime-artifact=/x --network=none --as-dockerfile=x --keep-symlinks --add-host=a:1.2.3.4""".split()
LETTERS = "-q -p=never -d/tmp -eA=b -E/dev/null -rx -simage:///x -nx -u1- -i/x:/y -v/x:/y -l/tmp -c -a/x".split()


def is_known(command, word):
    """Whether a flag is one of a command's: then what is missing are the arguments."""
    done = subprocess.run([PROGRAM, command, word], env=clean_env(), capture_output=True, text=True)
    assert done.returncode == 2
    return "unknown option" not in done.stderr


@pytest.mark.parametrize("word", [GLOBAL, *BEFORE, *COMMON, *BUILD, *LETTERS])
def test_every_flag_of_s2i(word):
    assert is_known("build", word)
    if word in COMMON + BEFORE + [GLOBAL]:
        assert is_known("rebuild", word)


def test_conflicts(s2c, builder, app, tmp_path):
    for word in ("--run", "--keep-failed", "--save-temp-dir", "--callback-url=http://127.0.0.1:1/", "--dry-run"):
        s2c.fails("build", app, "builder/test", "--as-dockerfile", tmp_path / "out/", word, status=2, match="leave out " + word.split("=")[0])
    s2c.fails("build", app, "builder/test", "--dry-run", "--run", status=2, match="--dry-run")
    assert not (tmp_path / "out").exists()
