"""s2c rebuild: an image remembers what it was built from, and is not trusted with it."""
import json
import re
import subprocess

import pytest

from support import ASSEMBLE, clean_env
from test_build import git

LOCAL = "--allow-local-source"
BUILD = "io.openshift.s2i.build."
TOLD = "io.s2c.build."


@pytest.fixture
def repo(app):
    git(app, "init", "-q", "-b", "main")
    git(app, "add", ".")
    git(app, "commit", "-q", "-m", "first")
    git(app, "tag", "v1")
    (app / "index.html").write_text("second\n")
    git(app, "commit", "-q", "-am", "second")
    return app


def content(s2c, image, name="srv/index.html"):
    with s2c.layer(image) as tar:
        return tar.extractfile(name).read().decode()


def labels(s2c, image):
    return s2c.config(image)["config"]["Labels"]


def test_same_name(s2c, builder, app):
    first = s2c.ok("build", app, "builder/test", "myapp")
    (app / "index.html").write_text("newer\n")
    second = s2c.ok("rebuild", "myapp", LOCAL)
    assert first != second and s2c.inspect("myapp")["Id"] == second
    assert content(s2c, "myapp") == "newer\n"
    assert labels(s2c, "myapp")["io.k8s.display-name"] == "myapp"


def test_new_name(s2c, builder, app):
    first = s2c.ok("build", app, "builder/test", "myapp:v1")
    s2c.ok("rebuild", "myapp:v1", "other:v2", LOCAL)
    assert s2c.inspect("myapp:v1")["Id"] == first
    assert labels(s2c, "other:v2")["io.k8s.display-name"] == "other:v2"


def test_by_id_there_is_no_name(s2c, builder, app):
    first = s2c.ok("build", app, "builder/test")
    second = s2c.ok("rebuild", first[7:19], LOCAL, "-e", "A=b")
    assert "A=b" in s2c.config(second)["config"]["Env"]


def test_plan(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "-e", "A=b")
    plan = json.loads(s2c.ok("rebuild", "myapp", LOCAL, "--dry-run"))
    assert plan["source"]["location"] == str(app) and plan["builder"]["name"] == "builder/test:latest"
    assert plan["image"]["env"] == ["A=b"] and plan["image"]["name"] == "myapp:latest"


def test_scripts_of_the_source_come_first(s2c, builder, app):
    """S2I gives the URL of the image's label the first place, and so loses them."""
    bin_dir = app / ".s2i/bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "assemble").write_text(ASSEMBLE + "echo own > /srv/which\n")
    s2c.ok("build", app, "builder/test", "myapp")
    s2c.ok("rebuild", "myapp", LOCAL)
    assert content(s2c, "myapp", "srv/which") == "own\n"


def test_environment_is_kept(s2c, builder, app):
    builder.make("builder/env", "ENV FROM_BUILDER=1", "ENV BOTH=builder")
    (app / ".s2i").mkdir()
    (app / ".s2i/environment").write_text("FILE=old\n")
    s2c.ok("build", app, "builder/env", "myapp", "-e", "KEPT= a b", "-e", "BOTH=user", "-e", "GIVEN=old")
    builder.make("builder/env", "ENV FROM_BUILDER=2", "ENV BOTH=builder")
    (app / ".s2i/environment").write_text("FILE=new\n")
    done = s2c.run("rebuild", "myapp", LOCAL, "-e", "GIVEN=new")
    assert done.returncode == 0, done.stderr
    env = dict(v.split("=", 1) for v in s2c.config("myapp")["config"]["Env"])
    assert env["KEPT"] == "a b" and env["GIVEN"] == "new" and env["FILE"] == "new"
    assert env["FROM_BUILDER"] == "2" and env["BOTH"] == "builder"
    assert "variable 'BOTH' of the image is not kept" in done.stderr


def test_texts_are_kept(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "-n", "The App", "--description", "does things")
    s2c.ok("rebuild", "myapp", "again", LOCAL)
    found = labels(s2c, "again")
    assert (found["io.k8s.display-name"], found["io.k8s.description"]) == ("The App", "does things")
    s2c.ok("rebuild", "myapp", "again", LOCAL, "-n", "New", "--description", "other")
    found = labels(s2c, "again")
    assert (found["io.k8s.display-name"], found["io.k8s.description"]) == ("New", "other")


def test_context_dir(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "--context-dir", "sub")
    s2c.ok("rebuild", "myapp", LOCAL)
    assert "srv/data" in s2c.names_in_layer("myapp")
    assert "srv/index.html" not in s2c.names_in_layer("myapp")


# Any user can do this.
ANYONE = "#!/bin/sh\nid -u > /tmp/uid\necho $0 > /tmp/which\ncp /tmp/src/index.html /tmp/page\n"


def scripts_at(directory, mark):
    """assemble and run that leave a mark, for --scripts-url."""
    directory.mkdir()
    (directory / "assemble").write_text(f"#!/bin/sh\nid -u > /tmp/uid\necho {mark} $0 > /tmp/which\n")
    (directory / "run").write_text("#!/bin/sh\necho own run\n")
    return f"file://{directory}"


def told(s2c, image):
    return {k.removeprefix(TOLD): v for k, v in labels(s2c, image).items() if k.startswith(TOLD)}


def test_options_are_kept(s2c, builder, app, tmp_path):
    builder.make("builder/open", assemble=ANYONE)
    url = scripts_at(tmp_path / "scripts", "mine")
    s2c.ok("build", app, "builder/open", "myapp", "-s", url, "--assemble-user", "2000", "-d", "/opt/in")
    assert told(s2c, "myapp") == {"scripts-url": url, "assemble-user": "2000", "destination": "/opt/in"}
    s2c.ok("rebuild", "myapp", "again", LOCAL)
    assert content(s2c, "again", "tmp/which") == "mine /opt/in/scripts/assemble\n"
    assert content(s2c, "again", "tmp/uid") == "2000\n"
    assert told(s2c, "again") == told(s2c, "myapp")
    # What is given wins, and "" is nothing.
    s2c.ok("rebuild", "again", "new", LOCAL, "-s", scripts_at(tmp_path / "other", "theirs"), "--assemble-user=", "-d", "")
    assert content(s2c, "new", "tmp/which") == "theirs /tmp/scripts/assemble\n"
    assert content(s2c, "new", "tmp/uid") == "1001\n" and set(told(s2c, "new")) == {"scripts-url"}
    s2c.ok("rebuild", "again", "none", LOCAL, "--builder", "builder/open")
    assert told(s2c, "none") == {}, "what was said of one builder image is nothing to another"
    assert content(s2c, "none", "tmp/which") == "/usr/libexec/s2i/assemble\n"


def test_runtime_image_is_kept(s2c, builder, app):
    builder.make("builder/slim", assemble=None, user="0")
    s2c.ok("build", app, "builder/test", "myapp", "--runtime-image", "builder/slim", "-a", "/srv/index.html:a",
           "-a", "/srv/sub;/srv/uid:b", "--assemble-runtime-user", "2000")
    assert told(s2c, "myapp") == {"runtime-image": "builder/slim", "assemble-runtime-user": "2000",
                                  "runtime-artifacts": "/srv/index.html:a;/srv/sub;/srv/uid:b"}
    s2c.ok("rebuild", "myapp", "again", LOCAL)
    names = {"srv/a/index.html", "srv/sub/data", "srv/b/uid"}
    assert names <= set(s2c.names_in_layer("again")) and told(s2c, "again") == told(s2c, "myapp")
    assert s2c.config("again")["config"]["User"] == "2000:2000"
    s2c.ok("rebuild", "myapp", "whole", LOCAL, "--runtime-image=")
    assert "srv/index.html" in s2c.names_in_layer("whole") and told(s2c, "whole") == {}


def test_what_the_builder_was_told(s2c, builder, app, tmp_path):
    """An image that was built, as a builder image: its own build is not that of the next one."""
    s2c.ok("build", app, "builder/test", "base", "--context-dir", "sub", "--assemble-user", "1001:0")
    s2c.ok("build", app, "base", "upper")
    found = labels(s2c, "upper")
    assert found[BUILD + "source-context-dir"] == "" and found[TOLD + "assemble-user"] == ""
    s2c.ok("rebuild", "upper", LOCAL)
    assert content(s2c, "upper") == "hello\n"


def test_user_of_images_of_s2i(s2c, builder, app):
    """They do not say who assembled, but where the builder image has no USER the image has got that one."""
    builder.make("builder/rooted", user="0")
    for user, status in (("1001:0", 0), ("0", 4), ("root", 4), ("", 4)):
        builder.make("old/app", f"LABEL {BUILD}image=builder/rooted", f"LABEL {BUILD}source-location={app}", user=user)
        if status:
            s2c.fails("rebuild", "old/app", "new", LOCAL, status=status, match="USER of the .*image")
            continue
        s2c.ok("rebuild", "old/app", "new", LOCAL)
        assert content(s2c, "new", "srv/uid") == "1001\n" and s2c.config("new")["config"]["User"] == "1001:0"
    s2c.fails("rebuild", "new", "newer", LOCAL, "-u", "2000-", status=4, match="USER of the image that is built again")


@pytest.mark.parametrize("ref", ["v1", "main", "id", None])
def test_refs(s2c, builder, repo, ref):
    """What was built: a tag and a commit stay what they are, a branch goes on."""
    word = git(repo, "rev-parse", "v1") if ref == "id" else ref
    s2c.ok("build", f"file://{repo}" + (f"#{word}" if word else ""), "builder/test", "myapp")
    (repo / "index.html").write_text("third\n")
    git(repo, "commit", "-q", "-am", "third")
    s2c.ok("rebuild", "myapp", LOCAL)
    assert content(s2c, "myapp") == ("hello\n" if ref in ("v1", "id") else "third\n")
    s2c.ok("rebuild", "myapp", LOCAL, "--ref", "v1")
    assert content(s2c, "myapp") == "hello\n"


def test_commit_that_s2i_forgot(s2c, builder, repo):
    """S2I writes HEAD for what was neither a branch nor nothing."""
    first = git(repo, "rev-parse", "v1")
    builder.make("old/app", f"LABEL {BUILD}image=builder/test", f"LABEL {BUILD}source-location=file://{repo}",
                 f"LABEL {BUILD}commit.ref=HEAD", f"LABEL {BUILD}commit.id={first}")
    s2c.ok("rebuild", "old/app", "new", LOCAL)
    assert content(s2c, "new") == "hello\n"
    assert labels(s2c, "new")[BUILD + "commit.id"] == first


def test_uncommitted_changes_are_built(s2c, builder, repo):
    """A directory stays a directory, though a branch is known of it."""
    s2c.ok("build", repo, "builder/test", "myapp")
    (repo / "index.html").write_text("not committed\n")
    done = s2c.run("rebuild", "myapp", LOCAL)
    assert done.returncode == 0 and "uncommitted" in done.stderr
    assert content(s2c, "myapp") == "not committed\n"


# ---- what an image may not say ----

def remembers(builder, source=None, image="builder/test", **more):
    changes = [f"LABEL {BUILD}image={image}"] if image is not None else []
    changes += [f"LABEL {BUILD}source-location={source}"] if source is not None else []
    changes += [f"LABEL {BUILD}{k.replace('_', '-')}={v}" for k, v in more.items()]
    builder.make("evil/app", *changes)


def test_paths_of_this_host(s2c, builder, app):
    for source in (app, f"file://{app}", "./app", "app", "/etc"):
        remembers(builder, source)
        s2c.fails("rebuild", "evil/app", "out", status=4, match="--allow-local-source")
    assert "out" not in s2c.ok("images")


def test_source_of_the_users(s2c, builder, app):
    remembers(builder, "/etc", **{"source_context_dir": "sub"})
    s2c.ok("rebuild", "evil/app", "out", "--source", app)
    assert content(s2c, "out") == "hello\n", "the image's directory is not that of another source"


@pytest.mark.parametrize("key", ["source-location", "image", "commit.ref", "source-context-dir"])
@pytest.mark.parametrize("value,match", [("-oProxyCommand=x", "begins with '-'"), ("a\tb", "control characters"),
                                         ("x" * 4097, "4097 bytes")])
def test_hostile_labels(s2c, builder, repo, key, value, match):
    known = {"source-location": f"file://{repo}", "image": "builder/test", key: value}
    builder.make("evil/app", *[f"LABEL {BUILD}{k}='{v}'" for k, v in known.items()])
    s2c.fails("rebuild", "evil/app", "out", LOCAL, status=4, match=match)


@pytest.mark.parametrize("key,value,match", [
    ("scripts-url", "-x", "begins with '-'"), ("scripts-url", "a\tb", "control characters"),
    ("scripts-url", "file:///etc", "must not.*--scripts-url"), ("scripts-url", "http://127.0.0.1:1/x", "address of this host"),
    ("scripts-url", "http://169.254.169.254/x", "address of this host"), ("assemble-user", "0", "user 0"),
    ("assemble-user", "sneaky", "user 0"), ("assemble-user", "-1", "begins with '-'"),
    ("runtime-image", "-x", "begins with '-'"), ("destination", "x" * 4097, "4097 bytes")])
def test_hostile_options(s2c, builder, repo, key, value, match):
    """Whoever made the image does not get more than who makes a builder image."""
    url = f"file://{repo}"
    builder.make("evil/app", f"LABEL {BUILD}image=builder/test", f"LABEL {BUILD}source-location={url}",
                 f"LABEL {TOLD}{key}='{value}'")
    done = s2c.run("rebuild", "evil/app", "out", "--source", url)
    assert done.returncode == 4 and re.search(match, done.stderr), done.stderr
    assert "out" not in s2c.ok("images")


def test_artifacts_of_a_label_stay_in_the_build(s2c, builder, app):
    builder.make("builder/slim", assemble=None, user="2000")
    for value in ("/srv/index.html:../../x", "srv"):
        builder.make("evil/app", f"LABEL {BUILD}image=builder/test", f"LABEL {TOLD}runtime-image=builder/slim",
                     f"LABEL {TOLD}runtime-artifacts={value}")
        s2c.fails("rebuild", "evil/app", "out", "--source", app, status=2, match="--runtime-artifact")


@pytest.mark.parametrize("source", ["ext::sh -c touch% /tmp/x", "ssh://-oProxyCommand=x/y", "https://h/a%0ab", "-"])
def test_hostile_sources(s2c, builder, source):
    remembers(builder)
    builder.make("evil/app", f"LABEL {BUILD}image=builder/test", f"LABEL '{BUILD}source-location={source}'")
    done = s2c.run("rebuild", "evil/app", "out", LOCAL)
    assert done.returncode in (1, 2, 4) and "out" not in s2c.ok("images"), done.stderr


@pytest.mark.parametrize("ref", ["a..b", "a b", "refs/heads/../x", "@{u}", "a:b"])
def test_hostile_refs(s2c, builder, repo, ref):
    builder.make("evil/app", f"LABEL {BUILD}image=builder/test", f"LABEL {BUILD}source-location=file://{repo}",
                 f"LABEL '{BUILD}commit.ref={ref}'")
    s2c.fails("rebuild", "evil/app", "out", LOCAL, status=2, match="commit.ref")


def test_hostile_directory(s2c, builder, app):
    builder.make("evil/app", f"LABEL {BUILD}image=builder/test", f"LABEL {BUILD}source-location={app}",
                 f"LABEL {BUILD}source-context-dir=../../etc")
    s2c.fails("rebuild", "evil/app", "out", LOCAL, status=2, match="leaves the source")


def test_images_that_say_nothing(s2c, builder, app):
    s2c.fails("rebuild", "builder/test", "out", status=2, match="source-location.*--source")
    s2c.fails("rebuild", "builder/test", "out", "--source", app, status=2, match="build.image.*--builder")
    s2c.ok("rebuild", "builder/test", "out", "--source", app, "--builder", "builder/test")
    assert content(s2c, "out") == "hello\n"
    remembers(builder, app, image="s2i-layered-temp-image-1234567")
    s2c.fails("rebuild", "evil/app", "out", LOCAL, status=2, match="temporary image of S2I.*--builder")


def test_unknown_image(s2c, builder):
    s2c.fails("rebuild", "nothing", status=1, match="^s2c: image 'nothing' is not in the store")


def test_standard_input_cannot_be_read_again(s2c, builder, app):
    tar = subprocess.run(["tar", "c", "-C", app, "."], capture_output=True, check=True, env=clean_env()).stdout
    s2c.ok("build", "-", "builder/test", "myapp", input=tar)
    s2c.fails("rebuild", "myapp", LOCAL, status=4, match="--source")


# ---- engines ----

def test_in_engines(s2c, engine, made, app):
    made.build(app, "builder/test", "again", "-e", "KEPT=1")
    s2c.fails("rebuild", "again", "--engine", engine.url, status=4, match="--allow-local-source")
    (app / "index.html").write_text("newer\n")
    s2c.ok("rebuild", "again", LOCAL, "--engine", engine.url)
    assert "KEPT=1" in engine.config("again")["Env"]
    with engine.layer("again") as tar:
        assert tar.extractfile("srv/index.html").read() == b"newer\n"
    s2c.fails("rebuild", "nothing/here", "--engine", engine.url, status=1, match="image 'nothing/here' is not in the engine")
    engine.remove("again")


def test_everywhere(place):
    """As root, as an ordinary user, in dockerd, in podman."""
    place.make("builder/again", assemble=ANYONE)
    app = place.tree("app", **{"index.html": "one\n"})
    place.build(app, "builder/again", "againapp", "-e", "KEPT=1", "--label", "a=b", "--assemble-user", "2000")
    place.put(app, "index.html", "two\n")
    place.s2c.ok("rebuild", "againapp", LOCAL, *place.flags)
    assert place.read("againapp", "tmp/page") == "two\n"
    assert "KEPT=1" in place.config("againapp")["Env"]
    assert place.read("againapp", "tmp/uid") == "2000\n"
