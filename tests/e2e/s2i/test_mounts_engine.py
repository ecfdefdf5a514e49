"""Secrets, volumes, caches and hosts for builds by engines, through a gate of their own."""
import os
import pathlib
import re
import shutil
import tarfile

import pytest

from gates import ALICE, BUILDER
from support import S2C

SECRET = "s3cr3t-0123456789-of-nobody"


def script(text):
    return "#!/bin/sh\nset -e\n" + text


def build(made, *args, **kwargs):
    return made.s2c.run("build", *args, "--engine", made.engine.url, **kwargs)


def ok(done):
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture
def token(tmp_path):
    path = tmp_path / "token"
    path.write_text(SECRET + "\n")
    return path


def test_secrets(made, app, token, tmp_path):
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "odd").write_bytes(b"a'b\\c\n.\n%s $HOME \x00\xff\n")
    made.make("builder/test", assemble=script("""cat /run/app/token /srv/creds token
od -An -tx1 /etc/x/odd
stat -L -c 'mode %u %a' token
echo x > x
"""))
    err = ok(build(made, app, "builder/test", "out", "-i", f"{token}:/run/app/token;{token}:", "--secret",
                   f"id=npm,src={token}", "-i", f"{token}:/srv/creds;{conf}:/etc/x"))
    assert err.count(SECRET) == 3 and "mode 1001 400" in err
    assert "61 27 62 5c 63 0a 2e 0a 25 73 20 24 48 4f 4d 45\n" in err.replace("  ", "")
    assert "20 00 ff 0a" in err
    names = made.engine.names_in_layer("out")
    assert "srv/x" in names and not [n for n in names if "token" in n or "creds" in n], names
    assert SECRET not in str(made.engine.image("out"))


def test_a_leak_ends_the_build(made, app, token):
    before = made.engine.images()
    for leak, where in (("cp /run/token leak", "'/srv/leak'"),
                        ("touch x$(cat /run/token)", "a name below '/srv'"),
                        ("mkdir -p /tmp/.s2i; echo '{\"labels\":[{\"x\":\"'$(cat /run/token)'\"}]}' "
                         "> /tmp/.s2i/image_metadata.json", "configuration")):
        made.make("builder/leaky", assemble=script(leak + "\n"))
        here = made.engine.images()
        done = build(made, app, "builder/leaky", "leaked", "--inject", f"{token}:/run/token")
        last = done.stderr.rstrip("\n").split("\n")[-1]
        assert done.returncode == 4 and where in last and "--inject" in last and SECRET not in last, last
        assert made.engine.images() == here, "the image stays"
    assert made.engine.ask("GET", "/v1.41/images/leaked/json").status == 404
    assert before <= made.engine.images()


def test_what_an_engine_cannot(made, app, token):
    made.make("builder/test", assemble=script("true\n"))
    big = token.parent / "big"
    big.write_bytes(b"0123456789abcdef" * 20000)
    for args, match in ((("-i", f"{token}:/etc/passwd"), "cannot hide"),
                        (("-i", f"{big}:/srv/big"), "secrets of 262144 bytes"),
                        (("--ssh", "/none"), "none")):
        done = build(made, app, "builder/test", "out", *args)
        assert done.returncode != 0 and match in done.stderr.rstrip("\n").split("\n")[-1], done.stderr


def test_volumes(made, app, tmp_path):
    ro, rw = tmp_path / "ro", tmp_path / "rw"
    ro.mkdir()
    rw.mkdir()
    (ro / "f").write_text("from the host\n")
    rw.chmod(0o777)
    made.make("builder/test", assemble=script("""cat /opt/ro/f
{ echo x > /opt/ro/x; } 2>/dev/null || echo read-only
echo new > /srv/rw/new
echo x > x
"""))
    err = ok(build(made, app, "builder/test", "out", "-v", f"{ro}:/opt/ro:ro", "-v", f"{rw}:/srv/rw:Z"))
    assert "from the host" in err and "read-only" in err
    assert (rw / "new").read_text() == "new\n" and not (ro / "x").exists()
    names = made.engine.names_in_layer("out")
    assert "srv/x" in names and not [n for n in names if n.endswith("/new") or n.endswith("/f")], names


def test_hosts(made, app):
    made.make("builder/test", assemble=script("cat /etc/hosts\necho x > x\n"))
    err = ok(build(made, app, "builder/test", "out", "--network", "none", "--add-host", "db.example:192.0.2.7",
                   "--cap-drop", "all"))
    assert "192.0.2.7\tdb.example" in err


def directory(name):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid = tarfile.DIRTYPE, 0o755, 1001
    return (info, None)


def private(name, text):
    """A file of root that nobody else can read."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(text), 0o600
    return (info, text.encode())


COUNT = """n=0; [ ! -f $c/count ] || n=$(cat $c/count)
echo "runs before: $n in $(stat -c '%u:%g %a' $c)"
echo $((n + 1)) > $c/count
echo x > x
"""


def caches(made):
    return sorted((made.s2c.root / "caches").iterdir())


def test_a_cache_survives(made, app):
    """As with builds without an engine: by its ID, its image and its user; and no image has anything of it."""
    made.make("builder/test", assemble=script("c=/srv/home/.cache/npm\n" + COUNT))
    args = (app, "builder/test", "out", "--cache-mount", "npm:/srv/home/.cache/npm")
    assert "runs before: 0 in 1001:0 755" in ok(build(made, *args))
    assert "runs before: 1 in 1001:0 755" in ok(build(made, *args))
    names = made.engine.names_in_layer("out")
    assert "srv/x" in names and not [n for n in names if "cache" in n or "home" in n], names
    assert "runs before: 0" in ok(build(made, *args[:-1], "other:/srv/home/.cache/npm"))
    assert "runs before: 0" in ok(build(made, *args, "--assemble-user", "2000:0"))
    assert "runs before: 2" in ok(build(made, *args))
    assert [(c / "about").read_text() for c in caches(made)].count("npm\n") == 2 and len(caches(made)) == 3
    assert "3 caches" in made.s2c.ok("prune", "--caches") and not caches(made)


def test_a_cache_has_all_kinds_of_files(made, app):
    """Modes, links, dates and odd names come back; what a gate lets nobody put in does not stay."""
    made.make("builder/test", "LABEL io.s2c.cache-mounts=all:.cache", assemble=script("""c=/srv/.cache
if [ -d $c/d ]; then
  cd $c; stat -c '%n %u:%g %a %Y' d d/f "odd
name" | tr '\\n' ';'; echo; readlink up; readlink gone; cat hard; stat -c 'links %h' hard; ls -A | wc -l; [ ! -e pipe ]; cd -
else
  mkdir -p $c/d $c/locked/x; echo x > $c/d/f; chmod 640 $c/d/f; touch -d @1000000000 $c/d/f "$c/odd
name"
  ln $c/d/f $c/hard; ln -s ../../etc $c/up; ln -s nowhere $c/gone; mkfifo $c/pipe; chmod 4755 $c/hard
  touch -d @1000000000 $c/d/f; chmod 0 $c/locked
fi
echo x > x
"""))
    ok(build(made, app, "builder/test", "out"))
    said = ok(build(made, app, "builder/test", "out"))
    assert "d 1001:0 755 " in said and "d/f 1001:0 755 1000000000;odd" in said, said
    assert "../../etc\nnowhere\nx\nlinks 2\n6\n" in said, said
    assert not [n for n in made.engine.names_in_layer("out") if "cache" in n]


def test_a_failed_build_keeps_its_cache(made, app):
    made.make("builder/test", assemble=script("c=/srv/.cache\n" + COUNT + "exit 3\n"))
    args = (app, "builder/test", "out", "--cache-mount", "c:/srv/.cache")
    assert build(made, *args).returncode == 3
    done = build(made, *args)
    assert done.returncode == 3 and "runs before: 1" in done.stderr


def test_a_cache_where_the_image_has_something(made, app):
    """An empty directory of the image is as good as none, and stays; another one is the image's."""
    made.make("builder/test", files=[directory("srv/empty"), directory("srv/full"), ("srv/full/f", "of the image\n")],
              assemble=script("c=/srv/empty\n" + COUNT + "cat /srv/full/f; ls /srv/full\n"))
    args = (app, "builder/test", "out", "--cache-mount", "c:/srv/empty", "--cache-mount", "d:/srv/full")
    assert "runs before: 0 in 1001:0" in ok(build(made, *args))
    said = ok(build(made, *args))
    assert "runs before: 1 in 1001:0" in said and "of the image\nf\n" in said
    assert "cache 'd' is not used: the image has something at '/srv/full'" in said
    assert made.engine.run("out", "/bin/ls", "/srv") == "empty\nfull\nx\n"
    assert made.engine.run("out", "/bin/ls", "-A", "/srv/empty") == ""


@pytest.mark.parametrize("trick", ["rm -rf $c; ln -s /root $c", "rm -rf /srv/way; ln -s /root /srv/way",
                                   "rm -rf $c; echo x > $c", "rm -rf $c"])
def test_links_in_the_place_of_a_cache(made, app, trick):
    """An engine reads files as root: it is not sent where a build wants it to go."""
    made.make("builder/test", files=[directory("srv/way"), private("root/dir/secret", "for root alone\n")],
              assemble=script(f"""c=/srv/way/dir
if [ -f /tmp/src/trick ]; then {trick}; else ls -A $c; cat $c/* || true; fi
"""))
    args = (app, "builder/test", "out", "--cache-mount", "c:/srv/way/dir")
    ok(build(made, *args))
    (app / "trick").write_text("")
    done = build(made, *args)
    assert "cache 'c' stays as it was before: " in done.stderr, done.stderr
    (app / "trick").unlink()
    said = ok(build(made, *args))
    assert "secret" not in said and "for root alone" not in said


def test_a_cache_that_is_damaged(made, app):
    """The build that has got half of one ends; the next one has none."""
    made.make("builder/test", assemble=script("c=/srv/.cache\n" + COUNT))
    args = (app, "builder/test", "out", "--cache-mount", "c:/srv/.cache")
    ok(build(made, *args))
    (packed,) = (c / "packed" for c in caches(made))
    packed.write_bytes(b"x" * 4096)
    done = build(made, *args)
    assert done.returncode == 1 and "cache 'c'" in done.stderr.split("\n")[-2]
    assert "runs before: 0" in ok(build(made, *args))


def test_two_builds_with_one_cache(made, app, tmp_path):
    """The second one does not wait, and has one for itself."""
    made.make("builder/test", assemble=script("""if [ -f /tmp/src/first ]; then
echo half > /srv/.cache/f; echo first is there; while [ ! -f /srv/go/on ]; do sleep 0.05; done
else ls -A /srv/.cache; echo second is there; fi
echo x > x
"""))
    go, second = tmp_path / "go", tmp_path / "second"
    go.mkdir()
    second.mkdir()
    (second / "x").write_text("")
    (app / "first").write_text("")
    flags = ("--engine", made.engine.url, "--cache-mount", "c:/srv/.cache")
    first = made.s2c.start("build", app, "builder/test", *flags, "-v", f"{go}:/srv/go:ro")
    for line in first.stderr:
        if "first is there" in line:
            break
    said = ok(made.s2c.run("build", second, "builder/test", "out", *flags))
    assert "is used by another build" in said and "second is there" in said and "\nf\n" not in said
    assert not [n for n in made.engine.names_in_layer("out") if "cache" in n]
    (go / "on").write_text("")
    first.stderr.read()
    assert first.wait() == 0
    first.stdout.close()
    first.stderr.close()


def test_a_cache_that_is_too_large(made, app):
    """What is there stays as it was, and the build goes on."""
    made.make("builder/test", assemble=script("c=/srv/.cache\n" + COUNT + "[ ! -f /tmp/src/large ] || "
                                              "truncate -s 3G $c/large\n"))
    args = (app, "builder/test", "out", "--cache-mount", "c:/srv/.cache")
    ok(build(made, *args))
    (app / "large").write_text("")
    said = ok(build(made, *args))
    assert "cache 'c' stays as it was before: " in said and "runs before: 1" in said
    assert not [n for n in made.engine.names_in_layer("out") if "cache" in n]
    (app / "large").unlink()
    assert "runs before: 1" in ok(build(made, *args))


@pytest.fixture
def alice(tmp_path_factory):
    """s2c of a user whom a platform's gate knows, with an application of hers."""
    base = pathlib.Path("/tmp") / f"s2c-alice-{os.getpid()}"
    base.mkdir(mode=0o755)
    s2c = S2C(base / "store", prefix=["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups"])
    (base / "app/.s2i/bin").mkdir(parents=True)
    (base / "token").write_text(SECRET)
    yield s2c, base
    shutil.rmtree(base, ignore_errors=True)


def test_a_platforms_gate(gate, alice):
    """Secrets need nothing of it; volumes and hosts it does not give."""
    s2c, base = alice
    (base / "app/.s2i/bin/run").write_text(script("true\n"))
    (base / "app/.s2i/bin/assemble").write_text(script("cat creds\necho x > x\n[ ! -f /tmp/src/leak ] || "
                                                       "cp creds copy\n"))
    for path in [base, *base.rglob("*")]:
        os.chown(path, ALICE, ALICE)
    args = ("build", base / "app", BUILDER, "--engine", f"gate://{gate.socket}", "--network", "none",
            "--keep-build-files")
    err = ok(s2c.run(*args, "--secret", f"id=creds,src={base}/token,dst=creds"))
    assert SECRET in err
    for extra, match in (
            (("--secret", f"id=creds,src={base}/token"), "choose a destination"),
            (("-v", f"{base}/app:/opt/app"), "field_denied|Binds"),
            (("--add-host", "a:192.0.2.1"), "field_denied|ExtraHosts")):
        done = s2c.run(*args, *extra)
        assert done.returncode != 0 and re.search(match, done.stderr.rstrip("\n").split("\n")[-1]), done.stderr
    (base / "app/leak").write_text("")
    done = s2c.run(*args, "--secret", f"id=creds,src={base}/token,dst=creds")
    assert done.returncode == 4 and "'/srv/copy'" in done.stderr, done.stderr
