"""What is kept for those who look why a build failed, and how it goes away again."""
import os
import pathlib
import re

import pytest

from test_build import git

FAILS = """#!/bin/sh
echo made >/srv/made
cd /srv
exit 7
"""


def kept(s2c, *words, **kwargs):
    return s2c.ok("shell", "--last", "--", *words, **kwargs)


@pytest.fixture
def failed(s2c, builder, app):
    builder.make("builder/fails", "ENV OF_IMAGE=1", 'ENTRYPOINT ["/bin/echo", "swallowed"]', assemble=FAILS)
    done = s2c.fails("build", app, "builder/fails", "myapp", "--keep-failed", "-e", "GREETING= two  words ",
                     "--build-env", "TOKEN=only", status=3, match="status 7")
    assert "'s2c shell --last' goes into it" in done.stderr
    return s2c


def test_shell(failed):
    assert kept(failed, "cat", "/srv/made") == "made"
    assert kept(failed, "cat", "/tmp/src/index.html") == "hello"
    assert kept(failed, "sh", "-c", "id -u; id -g; pwd; echo $OF_IMAGE $GREETING $TOKEN") == \
        "1001\n0\n/srv\n1 two words only"
    assert failed.run("shell", "--last", "--", "sh", "-c", "exit 5").returncode == 5
    # Without a command it is a shell, and nothing that it writes stays.
    assert failed.ok("shell", "--last", input="echo hi >/srv/new; cat /srv/new\n") == "hi"
    assert failed.run("shell", "--last", "--", "cat", "/srv/new").returncode == 1


def test_one_at_a_time(failed, builder, app):
    assert [line for line in failed.ok("images").splitlines() if line.startswith("s2c/failed")]
    builder.make("builder/fails", assemble=FAILS.replace("made >", "newer >"))
    failed.fails("build", app, "builder/fails", "--keep-failed", status=3, match="status 7")
    assert kept(failed, "cat", "/srv/made") == "newer"
    names = [line for line in failed.ok("images").splitlines() if "s2c/failed" in line]
    assert len(names) == 1


def test_prune(failed):
    record = failed.root / "failed"
    assert record.stat().st_mode & 0o777 == 0o600
    failed.ok("prune", "--dry-run")
    assert kept(failed, "cat", "/srv/made") == "made"
    failed.ok("prune")
    assert not record.exists() and "s2c/failed" not in failed.ok("images")
    failed.fails("shell", "--last", status=1, match="no failed build is kept: .*--keep-failed")


def test_removed_by_name(failed):
    failed.ok("rmi", "s2c/failed")
    failed.ok("prune")
    assert not (failed.root / "failed").exists()


def test_only_for_the_asking(s2c, builder, app):
    builder.make("builder/fails", assemble=FAILS)
    s2c.fails("build", app, "builder/fails", status=3, match="status 7")
    s2c.fails("shell", "--last", status=1, match="no failed build is kept")
    s2c.ok("build", app, "builder/test", "myapp", "--keep-failed")
    s2c.fails("shell", "--last", status=1, match="no failed build is kept")


def test_after_a_timeout(s2c, builder, app):
    builder.make("builder/slow", assemble="#!/bin/sh\necho made >/srv/made\nsleep 60\n")
    s2c.fails("build", app, "builder/slow", "--keep-failed", "--timeout", "assemble=1", status=124, match="assemble")
    assert kept(s2c, "cat", "/srv/made") == "made"


def test_secrets_are_not_kept(s2c, builder, app, tmp_path):
    """A script that copies one away: then nothing is kept at all."""
    (tmp_path / "secret").write_text("correct horse battery staple\n")
    for copy in (False, True):
        builder.make("builder/leaks", assemble="#!/bin/sh\n" + ("cat /run/secrets/s >/srv/leak\n" if copy else "") + "exit 7\n")
        done = s2c.fails("build", app, "builder/leaks", "--keep-failed", "--secret", f"id=s,src={tmp_path}/secret",
                         status=3, match="status 7")
        assert ("warning: the failed container is not kept" in done.stderr) == copy, done.stderr
    for blob in (s2c.root / "blobs").rglob("*"):
        assert blob.is_dir() or b"battery staple" not in blob.read_bytes()


def test_wrong_use(s2c, builder, app):
    s2c.fails("shell", status=2, match="--last")
    s2c.fails("build", app, "builder/test", "--keep-failed", "--engine", "unix:///x", status=1, match="--keep-failed: .*--engine")
    (s2c.root / "failed").write_text("{")
    s2c.fails("shell", "--last", status=1, match="record 'failed'")
    (s2c.root / "failed").write_text('{"image":"sha256:' + "0" * 64 + '","env":[]}')
    s2c.fails("shell", "--last", status=1, match="")


# ---- the work directory ----

def test_save_temp_dir(s2c, builder, app):
    git(app, "init", "-q", "-b", "main")
    git(app, "add", ".")
    git(app, "commit", "-q", "-m", "first")
    done = s2c.run("build", f"file://{app}#main", "builder/test", "myapp", "--save-temp-dir")
    assert done.returncode == 0
    path = pathlib.Path(re.search("the work directory is kept: '(.*?)'", done.stderr)[1])
    assert (path / "source/tree/index.html").read_text() == "hello\n"
    s2c.ok("images")
    assert path.exists(), "no sweep takes it"
    builder.make("builder/fails", assemble=FAILS)
    done = s2c.fails("build", app, "builder/fails", "--save-temp-dir", status=3, match="status 7")
    assert "the work directory is kept" in done.stderr
    assert len(list((s2c.root / "saved").iterdir())) == 2
    s2c.ok("prune", "--dry-run")
    assert path.exists()
    s2c.ok("prune")
    assert not (s2c.root / "saved").exists()


def test_save_temp_dir_of_an_engines_build(s2c, engine, made, app):
    done = s2c.run("build", app, "builder/test", "--save-temp-dir", "--engine", engine.url)
    assert done.returncode == 0 and "the work directory is kept" in done.stderr
    assert os.listdir(s2c.root / "saved")
