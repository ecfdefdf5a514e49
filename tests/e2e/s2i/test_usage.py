"""s2c usage: the builder image's own words, and nothing else."""
import io
import re
import socket
import tarfile

import pytest

USAGE = "#!/bin/sh\necho \"usage: $(id -u) $PWD ${GREETING:-}\"\necho aside >&2\n"


def script(text=USAGE, mode=0o755, name="usr/libexec/s2i/usage"):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(text), mode
    return (info, text.encode())


def test_usage(s2c, builder):
    builder.make("builder/usage", files=[script()])
    before = s2c.ok("images"), sorted(p.name for p in (s2c.root / "blobs/sha256").iterdir())
    done = s2c.run("usage", "builder/usage", "-e", "GREETING=hi")
    assert (done.returncode, done.stdout) == (0, "usage: 1001 /srv hi\n"), done.stderr
    assert "aside" in done.stderr
    assert before == (s2c.ok("images"), sorted(p.name for p in (s2c.root / "blobs/sha256").iterdir()))


def test_quiet(s2c, builder):
    builder.make("builder/usage", files=[script()])
    done = s2c.run("-q", "usage", "builder/usage")
    assert (done.stdout, done.stderr) == ("usage: 1001 /srv \n", "")


def test_scripts_url(s2c, builder, tmp_path):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "usage").write_text("#!/bin/sh\necho mine $0\n")
    assert s2c.ok("usage", "-s", f"file://{scripts}", "builder/test") == "mine /tmp/scripts/usage"
    assert s2c.ok("usage", "-s", f"file://{scripts}", "-d", "/opt", "builder/test") == "mine /opt/scripts/usage"
    builder.make("builder/else", files=[script(name="opt/s/usage")])
    assert s2c.ok("usage", "--scripts-url=image:///opt/s", "builder/else").startswith("usage: 1001")


def test_it_is_the_assemble_user(s2c, builder):
    builder.make("builder/usage", "LABEL io.openshift.s2i.assemble-user=2000", files=[script()])
    assert s2c.ok("usage", "builder/usage").startswith("usage: 2000")
    assert s2c.ok("usage", "builder/usage", "--assemble-user", "1500").startswith("usage: 1500")
    builder.make("builder/rooted", user="0", files=[script()])
    s2c.fails("usage", "builder/rooted", status=4, match="uid 0|root")


def test_failures(s2c, builder):
    s2c.fails("usage", "builder/test", status=1, match="no executable file '/usr/libexec/s2i/usage'")
    builder.make("builder/seven", files=[script("#!/bin/sh\necho said\nexit 7\n")])
    done = s2c.fails("usage", "builder/seven", status=3, match="status 7")
    assert done.stdout == "said\n"
    s2c.fails("usage", "builder/nothing", status=1, match="not in the store")
    builder.make("builder/bare", "LABEL io.openshift.s2i.scripts-url=")
    s2c.fails("usage", "builder/bare", status=1, match="no usage script: the builder image")


def test_flags_of_s2i(s2c, builder):
    """Its command takes all that its others take, and has no use for some."""
    builder.make("builder/usage", files=[script()])
    said = "usage: 1001 /srv "
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.settimeout(0)
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        assert s2c.ok("usage", "--incremental", "--rm=true", "--callback-url", url, "--incremental-pull-policy=always",
                      "--runtime-pull-policy", "never", "--save-temp-dir=false", "builder/usage") == said
        with pytest.raises(BlockingIOError):
            nobody.accept()
    assert not list(s2c.root.glob("saved/*"))
    s2c.fails("usage", "--runtime-pull-policy=sometimes", "builder/usage", status=2, match="runtime-pull-policy")


def test_work_directory_is_kept(s2c, builder):
    builder.make("builder/usage", files=[script()])
    done = s2c.run("usage", "--save-temp-dir", "builder/usage")
    assert done.returncode == 0 and done.stdout == "usage: 1001 /srv \n"
    [kept] = s2c.root.glob("saved/*")
    assert f"the work directory is kept: '{kept}'" in done.stderr
    s2c.ok("prune")
    assert not kept.exists()


@pytest.mark.parametrize("option", ["--push", "--tag=x", "--label=a=b", "--ref=x"])
def test_options_of_builds(s2c, option):
    s2c.fails("usage", option, "builder/test", status=2, match="unknown option")


def test_every_option_is_there(s2c):
    """Its table is taken from that of build by names."""
    words = set(re.findall(r"--([a-z][a-z-]+)", s2c.ok("usage", "--help").split("Options of all")[0]))
    assert {"env", "scripts-url", "pull-policy", "engine", "registry-mirror", "platform"} <= words
    assert {"incremental", "rm", "callback-url", "save-temp-dir"} <= words
    assert len(words) >= 34


def test_in_engines(s2c, engine, made, tmp_path):
    made.make("builder/usage", files=[script()])
    images = engine.images()
    done = s2c.run("usage", "builder/usage", "--engine", engine.url, "-e", "GREETING=hi")
    assert (done.returncode, done.stdout) == (0, "usage: 1001 /srv hi\n"), done.stderr
    (tmp_path / "usage").write_text("#!/bin/sh\necho mine\n")
    assert s2c.ok("usage", "builder/usage", "--engine", engine.url, "-s", f"file://{tmp_path}") == "mine"
    assert engine.images() == images
    s2c.fails("usage", "builder/test", "--engine", engine.url, status=1, match="no executable file")


def test_everywhere(place):
    place.make("builder/usage", files=[script()])
    assert place.s2c.ok("usage", "builder/usage", *place.flags) == "usage: 1001 /srv "
