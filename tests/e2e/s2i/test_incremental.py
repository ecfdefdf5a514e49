"""Incremental builds: what save-artifacts of the previous image saves reaches assemble."""
import base64
import gzip
import io
import json
import re
import shutil
import tarfile

import pytest

from support import add_file

ASSEMBLE = """#!/bin/sh
set -e
n=0
if [ -d /tmp/artifacts/deps ]; then
	n=$(cat /tmp/artifacts/deps/count)
	ls -l /tmp/artifacts/deps/twin | awk '{ print $2 }' 2>/dev/null || true
	[ /tmp/artifacts/deps/count -ef /tmp/artifacts/deps/twin ] && echo linked > /srv/linked
	[ -z "$(find /tmp/artifacts ! -user 1001)" ] || exit 9
fi
mkdir -p /srv/deps
echo $((n + 1)) > /srv/deps/count
rm -f /srv/deps/twin
ln /srv/deps/count /srv/deps/twin
cp -R /tmp/src/. /srv/
"""
SAVE = "#!/bin/sh\necho saving >&2\ncd /srv && tar cf - deps\n"


def with_save(place, save=SAVE, name="builder/inc", **kwargs):
    place.make(name, assemble=ASSEMBLE, **kwargs)
    files = place.tree("app", index="one\n")
    if save is not None:
        place.put(files, ".s2i/bin/save-artifacts", save, 0o755)
    return files


def count(place, image="myapp"):
    return place.read(image, "srv/deps/count").strip()


def test_artifacts_arrive(place):
    app = with_save(place)
    said = place.builds(app, "builder/inc", "myapp", "--incremental")
    assert "a clean build" in said and count(place) == "1"
    said = place.builds(app, "builder/inc", "myapp", "--incremental")
    assert "a clean build" not in said and "saving" in said
    assert count(place) == "2"
    assert place.read("myapp", "srv/linked") == "linked\n"
    assert not [n for n in place.names("myapp") if n.startswith("tmp/")]
    place.build(app, "builder/inc", "myapp")
    assert count(place) == "1", "without --incremental"


def test_script_of_the_image(place):
    info = tarfile.TarInfo("usr/libexec/s2i/save-artifacts")
    info.size, info.mode = len(SAVE), 0o755
    app = with_save(place, save=None, files=[(info, SAVE.encode())])
    place.build(app, "builder/inc", "myapp", "--incremental")
    place.build(app, "builder/inc", "myapp", "--incremental")
    assert count(place) == "2"


def test_no_script(place):
    app = with_save(place, save=None)
    place.build(app, "builder/inc", "myapp", "--incremental")
    said = place.builds(app, "builder/inc", "myapp", "--incremental")
    assert "a clean build" in said and "save-artifacts" in said
    assert count(place) == "1"


@pytest.mark.parametrize("save, why", [
    ("#!/bin/sh\ncd /srv; tar cf - deps; exit 3\n", "failed with status 3"),
    ("#!/bin/sh\necho hello, I am saving; cd /srv; tar cf - deps\n", "standard output"),
    ("#!/bin/sh\ncd /srv; tar cf - deps | head -c 700\n", "standard output"),
    ("#!/bin/sh\ncd /srv; tar cf - deps; echo done\n", "standard output"),
    ("#!/bin/sh\nkill -9 $$\n", "failed with status 137"),
    ("#!/no/such/shell\n", "save-artifacts|deps"),
])
def test_failing_save_is_a_clean_build(place, save, why):
    app = with_save(place)
    place.build(app, "builder/inc", "myapp", "--incremental")
    place.put(app, ".s2i/bin/save-artifacts", save, 0o755)
    done = place.s2c.run("build", *place.words([app, "builder/inc", "myapp", "--incremental"]))
    assert done.returncode == 0, done.stderr
    assert "a clean build" in done.stderr
    assert re.search(why, done.stderr), done.stderr
    assert count(place) == "1", "no half of an artifact was seen"


def test_nothing_saved(place):
    app = with_save(place, save="#!/bin/sh\nexit 0\n")
    place.build(app, "builder/inc", "myapp", "--incremental")
    said = place.builds(app, "builder/inc", "myapp", "--incremental")
    assert count(place) == "1" and "a clean build" not in said


def hostile(*entries):
    """A save-artifacts that writes this archive, in pieces a shell can hold."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w", format=tarfile.PAX_FORMAT) as tar:
        add_file(tar, "deps/count", "41\n", 0o644)
        for entry in entries:
            if isinstance(entry, tuple):
                add_file(tar, entry[0], entry[1], 0o644)
            else:
                tar.addfile(entry)
    packed = base64.b64encode(gzip.compress(data.getvalue())).decode()
    return f"#!/bin/sh\necho {packed} | base64 -d | gzip -dc\n"


def special(kind, name, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o777
    return info


@pytest.mark.parametrize("entries", [
    [("../escaped", "x")],
    [("/etc/escaped", "x"), ("a/../../b", "x")],
    [special(tarfile.LNKTYPE, "deps/hard", "../../../etc/passwd")],
    [special(tarfile.LNKTYPE, "deps/hard", "deps/nowhere")],
    [("deps/count/below-a-file", "x"), special(tarfile.LNKTYPE, "x", "y")],
], ids=["dotdot", "absolute", "hardlink-out", "hardlink-dangling", "below-a-file"])
def test_hostile_artifacts(place, entries):
    app = with_save(place)
    place.build(app, "builder/inc", "myapp", "--incremental")
    place.put(app, ".s2i/bin/save-artifacts", hostile(*entries), 0o755)
    said = place.builds(app, "builder/inc", "myapp", "--incremental")
    # Refused as a whole, or brought inside: never something outside of the directory.
    assert count(place) in ("1", "42"), said
    assert not [n for n in place.names("myapp") if "escaped" in n or n.startswith("etc/esc")]


def test_links_lead_nowhere(place):
    """Through a link in the archive nothing is written: the link gives way."""
    app = with_save(place)
    place.build(app, "builder/inc", "myapp", "--incremental")
    place.put(app, ".s2i/bin/save-artifacts",
              hostile(special(tarfile.SYMTYPE, "out", "/srv"), ("out/pwned", "x"),
                      special(tarfile.FIFOTYPE, "deps/fifo")), 0o755)
    place.builds(app, "builder/inc", "myapp", "--incremental")
    assert "srv/pwned" not in place.names("myapp")


def test_needs_a_name(place):
    app = with_save(place)
    place.fails(app, "builder/inc", "--incremental", status=2, match="--incremental needs TAG")


def test_rm(place):
    app = with_save(place)
    first = place.build(app, "builder/inc", "myapp", "--incremental", "--rm")
    second = place.build(app, "builder/inc", "myapp", "--incremental", "--rm")
    assert first != second
    if place.kind in ("docker", "podman"):
        assert first not in place.engine.images() and second in place.engine.images()
    else:
        place.s2c.ok("prune")
        assert not place.has(first[7:19])
    assert count(place) == "2"


def test_pull_policy_never(place):
    app = with_save(place)
    said = place.builds(app, "builder/inc", "registry.invalid/x/myapp", "--incremental",
                        "--incremental-pull-policy", "never")
    assert "a clean build" in said


def test_user_and_environment(place):
    """As the assemble user, with what the previous image says and nothing of this build."""
    app = with_save(place, save="#!/bin/sh\nmkdir -p /tmp/x/deps; id -u >/tmp/x/deps/count\n"
                                "echo ${SEEN:-none} ${SECRETIVE:-none} >/tmp/x/deps/seen\n"
                                "ln /tmp/x/deps/count /tmp/x/deps/twin\ncd /tmp/x; tar cf - deps\n")
    place.build(app, "builder/inc", "myapp", "--incremental", "-e", "SEEN=before")
    place.put(app, ".s2i/bin/assemble", "#!/bin/sh\ncp -R /tmp/artifacts/deps /srv/got\n", 0o755)
    place.build(app, "builder/inc", "myapp", "--incremental", "-e", "SEEN=after", "-e", "SECRETIVE=1")
    assert place.read("myapp", "srv/got/count") == "1001\n"
    assert place.read("myapp", "srv/got/seen") == "before none\n"


def test_plan(place):
    app = with_save(place)
    out = place.s2c.ok("build", *place.words([app, "builder/inc", "myapp", "--incremental", "--dry-run"]))
    assert '"artifactsOf": "myapp"' in out


# Without what is mounted, and the times of directories: some are made for the container.
LISTING = ("cd /; find . -xdev | grep -v -e ^./proc -e ^./dev -e ^./sys -e ^./.s2c -e ^./etc/ | sort | while read f; do"
           " stat -c '%n %a %u %g %F' $f; [ -d $f ] || stat -c '%s %h %Y' $f; done")


def test_tree_of_the_result(s2c, builder, app):
    """What the build leaves unpacked is what unpacking its layer would make."""
    builder.make("builder/tree", assemble="""#!/bin/sh
set -e
cp -R /tmp/src /srv/app
mkdir -p /srv/a/b /tmp/mine && echo x >/srv/a/b/f && ln /srv/a/b/f /srv/twin && ln -s twin /srv/link
rm -rf /home/app/gone && rm -rf /home/app/again && mkdir /home/app/again && echo new >/home/app/again/new
chmod 700 /srv/a && touch -d @1000000 /srv/a/b/f && echo left >/tmp/mine/file
""", files=[owned(name) for name in ("home/app/", "home/app/gone/", "home/app/gone/x", "home/app/again/",
                                     "home/app/again/old", "home/app/stays")])
    s2c.ok("build", app, "builder/tree", "first")
    s2c.ok("build", app, "builder/tree", "second", "--incremental")
    top = json.loads(s2c.ok("inspect", "second"))[0]["RootFS"]["Layers"][-1].partition(":")[2]
    tree = s2c.root / "trees" / top
    assert tree.is_dir(), "the next build would have to unpack it"
    assert not (tree / "tmp/src").exists()
    kept = s2c.ok("run", "--network", "none", "second", "--", "sh", "-c", LISTING)
    shutil.rmtree(tree)
    assert s2c.ok("run", "--network", "none", "second", "--", "sh", "-c", LISTING) == kept
    assert tree.is_dir()
    assert "./srv/app/index.html " in kept and "again/old" not in kept and "./home/app/gone" not in kept


def owned(name):
    """A file of the assemble user; with / at the end a directory."""
    info = tarfile.TarInfo(name.rstrip("/"))
    info.uid, info.mode = 1001, 0o755
    if name.endswith("/"):
        info.type = tarfile.DIRTYPE
        return info, None
    info.size = 1
    return info, b"x"
