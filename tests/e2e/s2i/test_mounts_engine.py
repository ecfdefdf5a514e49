"""Secrets, volumes, caches and hosts for builds by engines, through a gate of their own."""
import os
import pathlib
import re
import shutil

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


def test_caches_are_empty_and_go(made, app):
    made.make("builder/test", "LABEL io.s2c.cache-mounts=npm:/srv/.npm", assemble=script(
        "ls -A /srv/.npm; echo kept > /srv/.npm/f; echo x > x\n"))
    for _ in range(2):
        err = ok(build(made, app, "builder/test", "out"))
        assert "cache 'npm' is empty" in err and "\nf\n" not in err
    names = made.engine.names_in_layer("out")
    assert "srv/x" in names and not [n for n in names if "npm" in n], names



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
