"""The main job: source and builder image in, runnable image out."""
import io
import json
import subprocess
import tarfile

import pytest

from support import ASSEMBLE, clean_env


def test_directory(s2c, builder, app):
    image_id = s2c.ok("build", app, "builder/test", "myapp")
    assert image_id.startswith("sha256:") and len(image_id) == 71
    names = s2c.names_in_layer("myapp")
    assert "srv/index.html" in names and "srv/sub/data" in names
    assert not [n for n in names if n.startswith("tmp")], names
    with s2c.layer("myapp") as tar:
        member = tar.getmember("srv/index.html")
        assert (member.uid, member.gid) == (1001, 0)
        assert tar.extractfile("srv/uid").read() == b"1001\n"
    config = s2c.config("myapp")["config"]
    assert config["Cmd"] == ["/usr/libexec/s2i/run"]
    assert config["User"] == "1001"
    assert config["Labels"]["io.openshift.s2i.build.image"] == "builder/test:latest"
    assert config["Labels"]["io.openshift.s2i.build.source-location"] == str(app)


def test_run_result(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "-e", "GREETING=hi")
    assert s2c.ok("run", "myapp") == "run says: hello hi\n1001"
    assert s2c.ok("run", "-e", "GREETING=other", "myapp").startswith("run says: hello other")
    assert s2c.ok("run", "myapp", "--", "echo", "a", "b") == "a b"
    assert s2c.run("run", "myapp", "--", "sh", "-c", "exit 7").returncode == 7


def test_without_tag(s2c, builder, app):
    image_id = s2c.ok("build", app, "builder/test")
    assert s2c.inspect(image_id[7:19])["Id"] == image_id
    s2c.ok("prune")
    assert s2c.inspect(image_id[7:19])["Id"] == image_id, "prune keeps images without a name"
    s2c.ok("prune", "--all")
    s2c.fails("inspect", image_id[7:19], status=1, match="no image|not in the store")


@pytest.mark.parametrize("kind", ["tar", "gz", "zst", "stdin"])
def test_tar(s2c, builder, app, tmp_path, kind):
    path = tmp_path / f"src.{kind}"
    with tarfile.open(tmp_path / "plain.tar", "w") as tar:
        tar.add(app, ".")
    data = (tmp_path / "plain.tar").read_bytes()
    if kind == "gz":
        data = subprocess.run(["gzip", "-c"], input=data, capture_output=True, check=True).stdout
    if kind == "zst":
        data = subprocess.run(["zstd", "-c"], input=data, capture_output=True, check=True).stdout
    if kind == "stdin":
        s2c.ok("build", "-", "builder/test", "myapp", input=data)
    else:
        path.write_bytes(data)
        s2c.ok("build", path, "builder/test", "myapp")
    assert "srv/sub/data" in s2c.names_in_layer("myapp")


def git(cwd, *args):
    env = clean_env(GIT_AUTHOR_NAME="A", GIT_AUTHOR_EMAIL="a@example.invalid", GIT_COMMITTER_NAME="A",
                    GIT_COMMITTER_EMAIL="a@example.invalid", GIT_CONFIG_GLOBAL="/dev/null")
    return subprocess.run(["git", *args], cwd=cwd, env=env, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repo(app):
    git(app, "init", "-q", "-b", "main")
    git(app, "add", ".")
    git(app, "commit", "-q", "-m", "first")
    git(app, "tag", "v1")
    (app / "index.html").write_text("second\n")
    git(app, "commit", "-q", "-am", "second")
    return app


def test_git_ref(s2c, builder, repo):
    s2c.ok("build", repo, "builder/test", "myapp", "--ref", "v1")
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("srv/index.html").read() == b"hello\n"
    labels = s2c.config("myapp")["config"]["Labels"]
    assert labels["io.openshift.s2i.build.commit.id"] == git(repo, "rev-parse", "v1")
    assert labels["io.openshift.s2i.build.commit.ref"] == "v1"


def test_git_url_with_fragment(s2c, builder, repo):
    s2c.ok("build", f"file://{repo}#v1", "builder/test", "myapp")
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("srv/index.html").read() == b"hello\n"
        assert not [n for n in tar.getnames() if ".git" in n]


def test_local_repository_with_uncommitted_changes(s2c, builder, repo):
    (repo / "index.html").write_text("not yet committed\n")
    done = s2c.run("build", repo, "builder/test", "myapp")
    assert done.returncode == 0 and "uncommitted" in done.stderr
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("srv/index.html").read() == b"not yet committed\n"
        assert not [n for n in tar.getnames() if ".git" in n]


def test_context_dir(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "--context-dir", "sub")
    names = s2c.names_in_layer("myapp")
    assert "srv/data" in names and "srv/index.html" not in names
    labels = s2c.config("myapp")["config"]["Labels"]
    assert labels["io.openshift.s2i.build.source-context-dir"] == "sub"


def test_ignore_and_exclude(s2c, builder, app):
    (app / ".s2iignore").write_text("*.log\n# comment\n!keep.log\n")
    for name in ("a.log", "keep.log", "b.tmp"):
        (app / name).write_text("x")
    s2c.ok("build", app, "builder/test", "myapp", "--exclude", r"\.tmp$")
    names = s2c.names_in_layer("myapp")
    assert "srv/keep.log" in names
    assert "srv/a.log" not in names and "srv/b.tmp" not in names


def test_environment_order(s2c, builder, app, tmp_path):
    (app / ".s2i").mkdir()
    (app / ".s2i/environment").write_text("A=file\nB=file\nC=file\n# no\n")
    extra = tmp_path / "extra.env"
    extra.write_text("C=extra\n")
    builder.make("builder/env", "ENV A=image", "ENV Z=image",
                 assemble=ASSEMBLE + 'echo "$A $B $C $Z" > /srv/env\n')
    s2c.ok("build", app, "builder/env", "myapp", "-e", "B=flag", "-e", "C=flag", "-E", extra)
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("srv/env").read() == b"file flag extra image\n"
    env = dict(e.split("=", 1) for e in s2c.config("myapp")["config"]["Env"])
    assert (env["A"], env["B"], env["C"], env["Z"]) == ("file", "flag", "extra", "image")


def test_scripts_of_the_source_win(s2c, builder, app):
    (app / ".s2i/bin").mkdir(parents=True)
    script = app / ".s2i/bin/assemble"
    script.write_text("#!/bin/sh\necho mine > /srv/mine\n")
    script.chmod(0o755)
    s2c.ok("build", app, "builder/test", "myapp")
    assert "srv/mine" in s2c.names_in_layer("myapp")


def test_scripts_url_file(s2c, builder, app, tmp_path):
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    (scripts / "assemble").write_text("#!/bin/sh\necho url > /srv/url\n")
    (scripts / "run").write_text("#!/bin/sh\necho from url\n")
    s2c.ok("build", app, "builder/test", "myapp", "--scripts-url", f"file://{scripts}")
    assert "srv/url" in s2c.names_in_layer("myapp")
    assert s2c.ok("run", "myapp") == "from url", "a run script that was copied in stays"


def test_entrypoint_does_not_swallow_assemble(s2c, builder, app):
    builder.make("builder/entry", 'ENTRYPOINT ["/bin/echo", "swallowed"]')
    s2c.ok("build", app, "builder/entry", "myapp")
    assert "srv/index.html" in s2c.names_in_layer("myapp")
    assert s2c.config("myapp")["config"]["Entrypoint"] == ["/bin/echo", "swallowed"]


def test_image_without_shell_or_tar(s2c, builder, app, tmp_path):
    """Nothing but one static program that is assemble and run."""
    path = tmp_path / "bare.tar"
    with tarfile.open(path, "w") as tar:
        busybox = open("/bin/busybox", "rb").read()
        for name in ("scripts/assemble", "scripts/run"):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(busybox), 0o755
            tar.addfile(info, io.BytesIO(busybox))
    s2c.ok("import", path, "builder/bare", "--change", "USER 1001",
           "--change", "LABEL io.openshift.s2i.scripts-url=image:///scripts")
    # busybox called as "assemble" is an unknown applet: it ran, which is what counts here.
    s2c.fails("build", app, "builder/bare", "myapp", status=3, match="127|assemble")


def test_keep_build_files(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp", "--keep-build-files")
    assert "tmp/src/index.html" in s2c.names_in_layer("myapp")


def test_volume_does_not_swallow_the_app(s2c, builder, app):
    builder.make("builder/volume", "VOLUME /srv")
    s2c.ok("build", app, "builder/volume", "myapp")
    assert "srv/index.html" in s2c.names_in_layer("myapp")


def test_nothing_of_the_runtime_leaks_into_the_layer(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp")
    tops = {n.split("/")[0] for n in s2c.names_in_layer("myapp")}
    assert tops == {"srv"}, tops


def test_deleted_and_replaced_files(s2c, builder, app):
    builder.make("builder/del", files=[("srv/old", "old"), ("srv/dir/x", "x")],
                 assemble="#!/bin/sh\nset -e\ncd /srv; rm old; rm -r dir; ln -s /nowhere dir; mkdir new; touch new/y; rm new/y\n")
    info = tarfile.TarInfo("srv/dir")
    builder.make("builder/del2", files=[("srv/old", "old")], user="0",
                 assemble="#!/bin/sh\nset -e\nrm /srv/old\n")
    s2c.fails("build", app, "builder/del2", status=4, match="root|uid 0|allowed")
    s2c.ok("build", app, "builder/del2", "gone", "-u", "0-")
    assert "srv/.wh.old" in s2c.names_in_layer("gone")


def test_symlinks_of_the_source_stay_links(s2c, builder, app, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (app / "inside").symlink_to("sub/data")
    (app / "outside").symlink_to(tmp_path / "secret")
    (app / "up").symlink_to("../secret")
    s2c.ok("build", app, "builder/test", "myapp")
    with s2c.layer("myapp") as tar:
        for name in ("inside", "outside", "up"):
            assert tar.getmember(f"srv/{name}").issym()
        blob = b"".join(tar.extractfile(m).read() for m in tar.getmembers() if m.isfile())
    assert b"secret" not in blob


def test_files_asked_for(s2c, builder, app, tmp_path):
    names = {n: tmp_path / n for n in ("iid", "digest", "meta")}
    out = s2c.ok("build", app, "builder/test", "myapp", "--iidfile", names["iid"],
                 "--digest-file", names["digest"], "--metadata-file", names["meta"])
    assert names["iid"].read_text() == out
    digest = names["digest"].read_text()
    assert (s2c.root / "blobs" / digest.replace(":", "/")).exists()
    meta = json.loads(names["meta"].read_text())
    assert meta["containerimage.digest"] == digest or digest in json.dumps(meta)


def test_dry_run(s2c, builder, app):
    plan = json.loads(s2c.ok("build", app, "builder/test", "myapp", "--dry-run"))
    assert "1001" in json.dumps(plan)
    s2c.fails("inspect", "myapp", status=1, match="myapp")


def test_same_source_same_image(s2c, builder, app):
    """assemble keeps times (cp -a), so a second build has nothing new to say; nor has
    another locale."""
    builder.make("builder/same", assemble="#!/bin/sh\ncp -a /tmp/src/. /srv/\n")
    ids = {s2c.ok("build", app, "builder/same", "one", env={"SOURCE_DATE_EPOCH": "1700000000", "LC_ALL": locale})
           for locale in ("C", "C.UTF-8", "C")}
    assert len(ids) == 1


def test_same_content_same_layer(s2c, builder, app):
    """assemble makes files of now, so that only SOURCE_DATE_EPOCH makes two builds the same."""
    builder.make("builder/now", assemble="#!/bin/sh\nsleep 0.01\ncp -r /tmp/src/. /srv/\n")

    def layer(name, **env):
        s2c.ok("build", app, "builder/now", name, env=env)
        return s2c.manifest(name)["layers"][-1]["digest"]

    epoch = {"SOURCE_DATE_EPOCH": "1700000000"}
    assert layer("one", **epoch) == layer("two", **epoch)
    assert layer("one") != layer("two")
    layer("one", **epoch)
    with s2c.layer("one") as tar:
        assert max(m.mtime for m in tar.getmembers()) == 1700000000


def test_nothing_changed(s2c, builder, app):
    """A build that makes what is there already leaves it there, created when it was."""
    builder.make("builder/same", assemble="#!/bin/sh\ncp -a /tmp/src/. /srv/\n")
    first = s2c.ok("build", app, "builder/same", "one", env={"SOURCE_DATE_EPOCH": "4000000000"})  # nothing is newer
    created = s2c.config("one")["created"]
    done = s2c.run("build", app, "builder/same", "one")
    assert done.stdout.strip() == first and "reused" in done.stderr, done.stderr
    assert s2c.config("one")["created"] == created
    # Another image of the same content takes its layer, and one of other content does not.
    done = s2c.run("build", app, "builder/same", "one", "-e", "A=a")
    assert done.stdout.strip() != first and "reused" in done.stderr, done.stderr
    (app / "more").write_text("more")
    done = s2c.run("build", app, "builder/same", "one")
    assert done.stdout.strip() != first and "reused" not in done.stderr, done.stderr
    assert s2c.ok("build", app, "builder/same", "one", "-e", "A=b") != first
    assert s2c.config("one")["created"] != created


def test_timeout(s2c, builder, app):
    builder.make("builder/slow", assemble="#!/bin/sh\necho started\nsleep 600\n")
    done = s2c.fails("build", app, "builder/slow", "myapp", "--timeout", "2", status=124, match="assemble|timeout|deadline")
    assert "started" in done.stderr
    s2c.fails("inspect", "myapp", status=1, match="myapp")


def test_assemble_fails(s2c, builder, app):
    builder.make("builder/bad", assemble="#!/bin/sh\necho one\necho two >&2\nexit 42\n")
    done = s2c.fails("build", app, "builder/bad", "myapp", status=3, match="42")
    assert "one" in done.stderr and "two" in done.stderr
    s2c.fails("inspect", "myapp", status=1, match="myapp")


def test_background_processes_are_killed(s2c, builder, app):
    builder.make("builder/bg", assemble=ASSEMBLE + "setsid sh -c 'sleep 1000; touch /srv/late' >/dev/null 2>&1 &\n")
    s2c.ok("build", app, "builder/bg", "myapp")
    assert "srv/late" not in s2c.names_in_layer("myapp")


def test_two_builds_at_once(s2c, builder, app):
    procs = [s2c.start("build", str(app), "builder/test", f"app{i}") for i in range(4)]
    for p in procs:
        out, err = p.communicate(timeout=120)
        assert p.returncode == 0, err
    ids = {s2c.inspect(f"app{i}")["Id"] for i in range(4)}
    assert len(ids) >= 1 and s2c.ok("run", "app3").startswith("run says")


def test_base_layers_are_kept_as_they_are(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "myapp")
    base = s2c.manifest("builder/test")["layers"]
    assert s2c.manifest("myapp")["layers"][: len(base)] == base
    config = s2c.config("myapp")
    assert len(config["rootfs"]["diff_ids"]) == len(base) + 1
    assert len([h for h in config["history"] if not h.get("empty_layer")]) == len(base) + 1


def test_assemble_changes_nothing(s2c, builder, app):
    builder.make("builder/none", assemble="#!/bin/sh\ntrue\n")
    s2c.ok("build", app, "builder/none", "myapp")
    assert s2c.manifest("myapp")["layers"] == s2c.manifest("builder/none")["layers"]
    assert s2c.config("myapp")["history"][-1].get("empty_layer") is True


def test_build_of_a_built_image(s2c, builder, app):
    s2c.ok("build", app, "builder/test", "one")
    (app / "index.html").write_text("again\n")
    s2c.ok("build", app, "one", "two")
    assert s2c.ok("run", "two").startswith("run says: again")


