""".s2ifile and --use-config: what was typed once need not be typed again."""
import json
import os
import re

import pytest


@pytest.fixture
def here(tmp_path, app):
    """A directory to type commands in."""
    path = tmp_path / "here"
    path.mkdir()
    return path


def written(here):
    return json.loads((here / ".s2ifile").read_text())


def env(s2c, image):
    return s2c.config(image)["config"].get("Env", [])


def test_round_trip(s2c, builder, app, here):
    s2c.ok("build", "--use-config", app, "builder/test", "myapp", "-e", "A= [1],\"x\"", "--env=B=2", "--label", "l=1",
           "-n", "The App", "-p", "never", "--exclude=", "--keep-build-files=false", "-q", cwd=here)
    assert written(here) == {
        "source": str(app), "builderImage": "builder/test", "tag": "myapp", "flags": {
            "env-0": "A= [1],\"x\"", "env-1": "B=2", "label-0": "l=1", "application-name": "The App",
            "pull-policy": "never", "exclude": "", "keep-build-files": "false", "quiet": "true"}}
    assert (here / ".s2ifile").stat().st_mode & 0o777 == 0o644
    before = s2c.config("myapp")["config"]
    s2c.ok("rmi", "myapp")
    done = s2c.run("build", "--use-config", cwd=here)
    assert done.returncode == 0 and done.stderr == "", "quiet is kept too"
    assert s2c.config("myapp")["config"] == before
    assert written(here)["flags"]["env-1"] == "B=2"


def test_it_is_only_touched_when_asked(s2c, builder, app, here):
    s2c.ok("build", app, "builder/test", "myapp", cwd=here)
    assert not list(here.iterdir())
    (here / ".s2ifile").write_text("{")
    s2c.ok("build", app, "builder/test", "myapp", cwd=here)
    assert (here / ".s2ifile").read_text() == "{"


def test_of_s2i(s2c, builder, app, here):
    """As S2I writes it: all values of a flag as one."""
    (here / ".s2ifile").write_text(json.dumps({
        "source": str(app), "builderImage": "builder/test", "tag": "myapp",
        "flags": {"env-0": "A=1", "env-1": "B=x,y", "pull-policy": "never", "use-config": "true",
                  "quiet": "false", "destination": "/tmp", "keep-build-files": "true"}}))
    done = s2c.run("build", "--use-config", cwd=here)
    assert done.returncode == 0 and "'.s2ifile' was used" in done.stderr, done.stderr
    assert {"A=1", "B=x,y"} <= set(env(s2c, "myapp"))
    assert "tmp/src/index.html" in s2c.names_in_layer("myapp")


def test_old_name(s2c, builder, app, here):
    (here / ".stifile").write_text(json.dumps({"source": str(app), "builderImage": "builder/test", "tag": "old"}))
    s2c.ok("build", "--use-config", cwd=here)
    assert "old:latest" in s2c.ok("images") or s2c.inspect("old")
    assert written(here)["tag"] == "old"
    (here / ".stifile").write_text("{")
    s2c.ok("build", "--use-config", cwd=here)


def test_what_is_typed_wins(s2c, builder, app, here):
    stored = {"source": "/nowhere", "builderImage": "nothing", "tag": "stored",
              "flags": {"env-0": "STORED=1", "label-0": "stored=1", "engine": "unix:///nowhere"}}
    (here / ".s2ifile").write_text(json.dumps(stored))
    s2c.fails("build", "--use-config", app, "builder/test", cwd=here, status=1, match="nowhere")
    s2c.ok("build", "--use-config", app, "builder/test", "typed", "-e", "TYPED=1", "--url=", cwd=here)
    assert "TYPED=1" in env(s2c, "typed") and "STORED=1" not in env(s2c, "typed")
    assert s2c.config("typed")["config"]["Labels"]["stored"] == "1"
    assert "stored" not in s2c.ok("images")
    kept = written(here)
    assert kept["flags"]["env-0"] == "TYPED=1" and kept["tag"] == "typed"


def test_secrets_are_not_kept(s2c, builder, app, here):
    done = s2c.run("build", "--use-config", "https://user:hunter2@host.invalid/r#v1", "builder/test", cwd=here)
    assert done.returncode != 0
    assert "hunter2" not in (here / ".s2ifile").read_text()
    assert written(here)["source"] == "https://host.invalid/r#v1"


def test_a_wrong_line_is_not_kept(s2c, builder, app, here):
    for wrong in (["--label", "x"], ["-e", "x"], ["--frob"], ["--pull-policy", "maybe"], ["--memory", "lots"]):
        assert s2c.run("build", "--use-config", app, "builder/test", *wrong, cwd=here).returncode == 2
    assert not list(here.iterdir())


@pytest.mark.parametrize("text,match", [
    ("{", "'.s2ifile'"), ("[]", "must be an object"), ('{"source":1}', "'source' must be a string"),
    ('{"source":"a","builderImage":"b","flags":{"frob":"x"}}', "flag 'frob'.* does not know"),
    ('{"source":"a","builderImage":"b","flags":{"env-0":["x"]}}', "must be a string"),
    ('{"source":"a","builderImage":"b","flags":{"pull-policy":"maybe"}}', "none of"),
    ('{"source":"a","builderImage":"b","flags":{"push":"yes"}}', "'true' or 'false'"),
    ('{"builderImage":"b"}', "no source"), ('{"source":"a"}', "no builderImage"), ("{}", "no source"),
    ('{"source":"--push","builderImage":"b"}', "looks like an option"),
    (" " * (1024 * 1024 + 1), "'.s2ifile'"),
])
def test_bad_files(s2c, here, text, match):
    (here / ".s2ifile").write_text(text)
    s2c.fails("build", "--use-config", cwd=here, status=2, match=match)
    assert (here / ".s2ifile").read_text() == text


def test_no_file_and_no_words(s2c, here):
    s2c.fails("build", "--use-config", cwd=here, status=2, match="too few arguments")
    s2c.fails("build", cwd=here, status=2, match="too few arguments")
    s2c.fails("build", "--use-config", "one", cwd=here, status=2, match="too few arguments")


def test_strange_files(s2c, here):
    os.mkfifo(here / ".s2ifile")
    s2c.fails("build", "--use-config", cwd=here, status=2, match="regular file|'.s2ifile'")
    (here / ".s2ifile").unlink()
    (here / ".s2ifile").mkdir()
    s2c.fails("build", "--use-config", cwd=here, status=2, match=r"\.s2ifile")


def test_it_cannot_be_written(s2c, builder, app, here):
    """Not even root writes to /proc."""
    done = s2c.run("build", "--use-config", app, "builder/test", "myapp", cwd="/proc")
    assert done.returncode == 0 and re.search("warning: '.s2ifile' is not written", done.stderr)
