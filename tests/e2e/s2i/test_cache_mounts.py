"""--cache-mount: directories that survive builds, and never enter an image."""
import os
import time

COUNT = """c=/srv/.cache/count
n=0; [ -f $c ] && n=$(cat $c)
echo "runs before: $n"
echo $((n + 1)) > $c
echo x > x
"""


def ok(done):
    assert done.returncode == 0, done.stderr
    return done.stderr


def caches(native):
    path = native.s2c.root / "caches"
    return sorted(path.iterdir()) if path.exists() else []


def test_a_cache_survives(native):
    native.make(COUNT)
    args = ("build", native.app, "builder/test", "out", "--cache-mount", "c:/srv/.cache")
    assert "runs before: 0" in ok(native.s2c.run(*args))
    assert "runs before: 1" in ok(native.s2c.run(*args))
    assert native.s2c.names_in_layer("out") == ["srv", "srv/x"]
    # Another name, another image, or none at all.
    assert "runs before: 0" in ok(native.s2c.run(*args[:-1], "d:/srv/.cache"))
    native.s2c.ok("tag", "builder/test", "builder/other")
    assert "runs before: 0" in ok(native.s2c.run("build", native.app, "builder/other", "--cache-mount",
                                                 "c:/srv/.cache"))
    done = native.s2c.run(*args, "--no-cache-mounts")
    assert done.returncode != 0 and "can't create" in done.stderr
    assert "runs before: 2" in ok(native.s2c.run(*args))
    assert len(caches(native)) == 3


def test_of_the_builder_image(native):
    native.make(COUNT, "LABEL io.s2c.cache-mounts=count:.cache")
    assert "runs before: 0" in ok(native.s2c.run("build", native.app, "builder/test", "out"))
    assert "runs before: 1" in ok(native.s2c.run("build", native.app, "builder/test", "out"))
    # The user's own in its place.
    assert "runs before: 0" in ok(native.s2c.run("build", native.app, "builder/test", "out", "--cache-mount",
                                                 "mine:.cache"))


def test_of_another_user(native):
    """What one uid left could be anything to another one."""
    native.make("id -u > /srv/.cache/$(id -u)\nls /srv/.cache | tr '\\n' ' '; echo .\n")
    args = ("build", native.app, "builder/test", "--cache-mount", "c:/srv/.cache")
    if native.who == "root":
        assert "1001 ." in ok(native.s2c.run(*args))
        assert "\n2000 ." in "\n" + ok(native.s2c.run(*args, "--assemble-user", "2000"))
    else:
        assert "1001 ." in ok(native.s2c.run(*args))


def test_a_failed_build_keeps_what_it_has(native):
    native.make(COUNT + "exit 3\n")
    args = ("build", native.app, "builder/test", "out", "--cache-mount", "c:/srv/.cache")
    assert native.s2c.run(*args).returncode == 3
    assert "runs before: 1" in native.s2c.run(*args).stderr


def test_two_builds_at_once(native):
    """The second one does not wait, and does not see half of what the first one does."""
    native.make("""if [ -f /tmp/src/first ]; then
echo half > /srv/.cache/f; echo first is there; while [ ! -f /srv/go/on ]; do sleep 0.05; done
else ls -A /srv/.cache; echo second is there; fi
""")
    go = native.dir / "go"
    go.mkdir()
    native.write("app/first", "")
    second = native.dir / "second"
    second.mkdir()
    (second / "x").write_text("")
    flags = ("--cache-mount", "c:/srv/.cache")
    first = native.s2c.start("build", native.app, "builder/test", *flags, "-v", f"{go}:/srv/go:ro")
    for line in first.stderr:
        if "first is there" in line:
            break
    err = ok(native.s2c.run("build", second, "builder/test", *flags))
    assert "is used by another build" in err and "second is there" in err and "\nf\n" not in err
    (go / "on").write_text("")
    first.stderr.read()
    assert first.wait() == 0
    first.stdout.close()
    first.stderr.close()


def test_links_lead_nowhere(native):
    """A hostile build fills it with links; neither the next build nor prune follows them."""
    native.write("victim/file", "keep me\n")
    native.make(f"""[ -L /srv/.cache/l ] && exit
ln -s {native.dir}/victim /srv/.cache/l; ln -s /etc /srv/.cache/etc
mkdir -p /srv/.cache/locked/x; chmod 0 /srv/.cache/locked
""")
    args = ("build", native.app, "builder/test", "--cache-mount", "c:/srv/.cache")
    ok(native.s2c.run(*args))
    ok(native.s2c.run(*args))
    assert "1 caches" in native.s2c.ok("prune", "--caches")
    assert not caches(native)
    assert (native.dir / "victim/file").read_text() == "keep me\n"


def test_prune(native):
    native.make(COUNT)
    for name in ("old", "new"):
        ok(native.s2c.run("build", native.app, "builder/test", "--cache-mount", f"{name}:/srv/.cache"))
    for cache in caches(native):
        if (cache / "about").read_text() == "old\n":
            past = time.time() - 31 * 24 * 3600
            os.utime(cache / "about", (past, past))
    assert "would remove" in native.s2c.ok("prune", "--dry-run") and len(caches(native)) == 2
    assert "1 caches" in native.s2c.ok("prune")
    assert [(c / "about").read_text() for c in caches(native)] == ["new\n"]
    assert "1 caches" in native.s2c.ok("prune", "--caches")
