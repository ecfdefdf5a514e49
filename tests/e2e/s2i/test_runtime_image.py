"""Builds with a runtime image: what assemble made, on another image than the builder's."""
import pytest

from support import RUN

ASSEMBLE = """#!/bin/sh
set -e
mkdir -p /srv/out/deep /tmp/kept
cp -R /tmp/src/. /srv/out/
echo built > /srv/out/deep/artifact
echo one > /tmp/kept/single
ln -s deep/artifact /srv/out/way
echo "builder says ${GREETING:-nothing}" > /srv/out/greeting
"""
RUNTIME = """#!/bin/sh
set -e
test "$(id -u)" = 1001
test "$(cat out/deep/artifact)" = built
echo "runtime of ${GREETING:-nothing}" > /srv/by-runtime
mkdir -p /tmp/.s2i
echo '{"labels":[{"by":"runtime"}]}' > /tmp/.s2i/image_metadata.json
"""


@pytest.fixture
def app(place):
    place.make("builder/big", assemble=ASSEMBLE)
    place.make("base/slim", "LABEL its.own=yes", "ENV FROM_SLIM=1", assemble=None)
    return place.tree("app", index="hello\n")


def test_artifacts_and_script(place, app):
    place.put(app, ".s2i/bin/assemble-runtime", RUNTIME, 0o755)
    place.build(app, "builder/big", "myapp", "--runtime-image", "base/slim",
                "-a", "/srv/out", "-a", "/tmp/kept/single:sub/dir", "-e", "GREETING=hi")
    names = place.names("myapp")
    assert "srv/out/index" in names and "srv/out/way" in names
    assert place.read("myapp", "srv/out/deep/artifact") == "built\n"
    assert place.read("myapp", "srv/sub/dir/single") == "one\n"
    assert place.read("myapp", "srv/out/greeting") == "builder says hi\n"
    assert place.read("myapp", "srv/by-runtime") == "runtime of hi\n"
    assert not [n for n in names if n.startswith("tmp/")], names
    with place.layer("myapp") as tar:
        owner = tar.getmember("srv/out/deep/artifact")
        assert (owner.uid, owner.gid) == (1001, 0)
    config = place.config("myapp")
    labels = config["Labels"]
    assert labels["its.own"] == "yes" and labels["by"] == "runtime"
    assert labels["io.openshift.s2i.build.image"].endswith("builder/big:latest")
    assert "FROM_SLIM=1" in config["Env"] and "GREETING=hi" in config["Env"]
    assert config["Cmd"] == ["/usr/libexec/s2i/run"] and config["User"] == "1001"


def test_label_says_what(place, app):
    place.make("base/label", "LABEL io.openshift.s2i.assemble-input-files=/srv/out/deep;/tmp/kept:k",
               assemble=None)
    place.build(app, "builder/big", "myapp", "--runtime-image", "base/label")
    names = place.names("myapp")
    assert "srv/deep/artifact" in names and "srv/k/kept/single" in names


def test_run_script_of_the_source(place, app):
    place.put(app, ".s2i/bin/run", RUN, 0o755)
    place.build(app, "builder/big", "myapp", "--runtime-image", "base/slim", "-a", "/srv/out")
    assert place.config("myapp")["Cmd"] == ["/tmp/scripts/run"]
    assert "tmp/scripts/run" in place.names("myapp")
    assert place.run("myapp").startswith("run says:")


def test_incremental_too(place, app):
    place.put(app, ".s2i/bin/save-artifacts",
              "#!/bin/sh\ncd /srv/out && echo saved > saved && tar cf - saved\n", 0o755)
    args = [app, "builder/big", "myapp", "--runtime-image", "base/slim", "-a", "/srv/out", "--incremental"]
    place.build(*args)
    place.put(app, ".s2i/bin/assemble",
              "#!/bin/sh\nmkdir -p /srv/out; cp /tmp/artifacts/saved /srv/out/got\n", 0o755)
    place.build(*args)
    assert place.read("myapp", "srv/out/got") == "saved\n"


def test_failing_script(place, app):
    place.put(app, ".s2i/bin/assemble-runtime", "#!/bin/sh\nexit 9\n", 0o755)
    place.fails(app, "builder/big", "myapp", "--runtime-image", "base/slim", "-a", "/srv/out",
                status=3, match="assemble-runtime in .*base/slim.* failed with status 9")
    assert not place.has("myapp")


@pytest.mark.parametrize("args, status, match", [
    (["-a", "/srv/none"], 1, "'/srv/none' of the build"),
    ([], 2, "--runtime-artifact SRC"),
    (["-a", "srv/out"], 2, "not the absolute path"),
    (["-a", "/srv/out:../x"], 2, "not a directory below WORKDIR"),
    (["-a", "/srv/out:/x"], 2, "not a directory below WORKDIR"),
    (["-a", "/"], 2, "not the absolute path"),
    (["-a", "/srv/$x"], 2, "not allowed here"),
    (["-a", "/srv/out", "--assemble-runtime-user", "root"], 4, "assemble-runtime-user"),
    (["-a", "/srv/out", "--assemble-runtime-user", "0"], 4, "assemble-runtime-user"),
])
def test_wrong(place, app, args, status, match):
    place.fails(app, "builder/big", "myapp", "--runtime-image", "base/slim", *args,
                status=status, match=match)
    assert not place.has("myapp")


def test_root_of_the_runtime_image_is_refused(place, app):
    """S2I lets it through."""
    place.make("base/root", assemble=None, user="0")
    place.fails(app, "builder/big", "myapp", "--runtime-image", "base/root", "-a", "/srv/out",
                status=4, match="USER of the runtime image")


def test_pull_policy_holds(place, app):
    """S2I pulls all the same."""
    place.fails(app, "builder/big", "myapp", "--runtime-image", "registry.invalid/x/slim", "-a", "/srv/out",
                "--runtime-pull-policy", "never", status=1, match="runtime image .* without '--runtime-pull-policy never'")


def test_options_that_need_it(place, app):
    place.fails(app, "builder/big", "myapp", "-a", "/srv/out", status=2, match="--runtime-image")
    place.fails(app, "builder/big", "myapp", "--assemble-runtime-user", "5", status=2, match="--runtime-image")
