"""Builds written down as Dockerfiles: docker and podman make the same files of them."""
import os
import pathlib
import re
import subprocess

import pytest

from dockerfiles import build, counting, podman, secrets_of, tree, written
from support import S2C, clean_env

USUAL = "image:///usr/libexec/s2i"


def test_same_files_as_a_build(s2c, engine, made, rich_app, tmp_path):
    out = tmp_path / "out"
    written(s2c, rich_app, out, "-e", "GREETING=hi $there \\ 'x'")
    build(engine, out, "as-dockerfile:1")
    s2c.ok("build", rich_app, "builder/test", "natively:1", "-e", "GREETING=hi $there \\ 'x'")
    made.send("natively:1")
    name = "localhost/natively:1" if engine.name == "podman" else "natively:1"
    theirs, ours = tree(engine, "as-dockerfile:1"), tree(engine, name)
    assert theirs == ours
    assert theirs["srv/two words & $x"][2:4] == (1001, 0) and "srv/a.log" not in theirs
    assert "srv/.dockerignore" in theirs, "it is a file like others, for s2c and for whoever builds"
    assert not [n for n in theirs if n.startswith("tmp/")]
    theirs, ours = engine.config("as-dockerfile:1"), engine.config(name)
    for key in ("User", "Cmd", "Entrypoint", "WorkingDir"):
        assert theirs.get(key) == ours.get(key), key
    # Builds of engines give a PATH to images without one.
    assert [v for v in sorted(theirs["Env"]) if not v.startswith("PATH=")] == sorted(ours["Env"])
    wanted = {k: v for k, v in ours["Labels"].items() if k != "io.k8s.display-name"}
    found = {k: v for k, v in theirs["Labels"].items() if not k.startswith("io.buildah")}
    assert found == wanted
    assert engine.run("as-dockerfile:1").startswith("run says: hello hi $there")


def test_entrypoint_of_the_builder_stays(s2c, engine, made, app, tmp_path):
    """As in any build: it is not in the way of assemble, and what starts the command after it."""
    made.make("builder/entry", 'ENTRYPOINT ["/bin/sh", "-c", "echo entered; exec \\"$@\\"", "x"]')
    out = tmp_path / "out"
    written(s2c, app, out, builder="builder/entry")
    build(engine, out, "entered:1")
    s2c.ok("build", app, "builder/entry", "native")
    config, native = engine.config("entered:1"), s2c.config("native")["config"]
    assert config["Entrypoint"] == native["Entrypoint"] and config["Cmd"] == native["Cmd"]
    assert engine.run("entered:1") == "entered\nrun says: hello \n1001\n"


def test_own_scripts(s2c, engine, made, app, tmp_path):
    """Scripts of the source are used, and stay only if the image's command needs them."""
    bin_dir = app / ".s2i/bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "assemble").write_text("#!/bin/sh\nid -u > /srv/mine\n")
    out = tmp_path / "out"
    text = written(s2c, app, out)
    assert "COPY --chown=1001:0 upload/scripts /tmp/scripts\n" in text
    assert "RUN /tmp/scripts/assemble && " in text and 'CMD ["/usr/libexec/s2i/run"]' in text
    build(engine, out, "own:1")
    files = tree(engine, "own:1")
    assert "srv/mine" in files and not [n for n in files if n.startswith("tmp/")]
    (bin_dir / "run").write_text("#!/bin/sh\necho own run\n")
    assert 'CMD ["/tmp/scripts/run"]' in written(s2c, app, out)
    build(engine, out, "own:2")
    files = tree(engine, "own:2")
    assert files["tmp/scripts/run"][1:4] == ("0o755", 1001, 0) and "tmp/src" not in files
    assert engine.run("own:2") == "own run\n"


def test_users(s2c, builder, app, tmp_path):
    def lines(*args, name="builder/test", out="out"):
        text = written(s2c, app, tmp_path / out, *args, builder=name)
        return re.findall(r"^(?:USER|COPY).*$", text, re.M)

    assert lines() == ["COPY --chown=1001:0 upload/src /tmp/src", "USER 1001"]
    assert lines("--assemble-user", "2000") == [
        "COPY --chown=2000:2000 upload/src /tmp/src", "USER 2000", "USER 1001"]
    # A name is looked up now: what it means later is somebody else's to say.
    assert lines("--assemble-user", "other:apps") == [
        "COPY --chown=2000:3000 upload/src /tmp/src", "USER 2000:3000", "USER 1001"]
    builder.make("builder/named", user="app")
    assert lines(name="builder/named")[1:] == ["USER 1001:0", "USER app"]
    for user in ("0", "sneaky", "root:0"):
        s2c.fails("build", app, "builder/test", "--as-dockerfile", f"{tmp_path}/no/", "--assemble-user", user,
                  status=4, match=r"user 0 \(root\)")
        assert not (tmp_path / "no").exists()
    assert lines("--assemble-user", "0", "--allowed-uids", "0-")[1] == "USER 0"


def test_same_bytes_twice(s2c, builder, app, tmp_path):
    args = ("-e", "B=1", "-e", "A=2")
    assert written(s2c, app, tmp_path / "a", *args) == written(s2c, app, tmp_path / "b", *args)


def test_again(s2c, builder, app, tmp_path):
    """A second run replaces what the first has written, and nothing else."""
    out = tmp_path / "out"
    written(s2c, app, out)
    (app / "index.html").unlink()
    (app / "new").write_text("new\n")
    (out / "README").write_text("mine\n")
    written(s2c, app, out)
    names = sorted(str(p.relative_to(out)) for p in out.rglob("*"))
    assert names == ["Dockerfile", "README", "upload", "upload/src", "upload/src/new", "upload/src/sub",
                     "upload/src/sub/data"]
    assert (out / "Dockerfile").stat().st_mode & 0o777 == 0o644


def test_nothing_of_others_is_replaced(s2c, builder, app, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "Dockerfile").write_text("FROM scratch\n")
    args = ("build", app, "builder/test", "--as-dockerfile")
    s2c.fails(*args, out / "Dockerfile", status=1, match="is there already and was not written by")
    assert (out / "Dockerfile").read_text() == "FROM scratch\n" and not (out / "upload").exists()
    (out / "Dockerfile").unlink()
    (out / "upload").mkdir()
    (out / "upload/precious").write_text("x")
    s2c.fails(*args, f"{out}/", status=1, match="'upload' beside")
    assert (out / "upload/precious").exists()
    (out / "upload/precious").unlink()
    (out / "upload").rmdir()
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (out / "Dockerfile").symlink_to(victim)
    s2c.fails(*args, f"{out}/", status=1, match="is there already")
    assert victim.read_text() == "precious"


def test_failed_write_is_not_in_the_way(s2c, builder, app, tmp_path):
    os.mkfifo(app / "pipe")
    s2c.fails("build", app, "builder/test", "--as-dockerfile", f"{tmp_path}/out/", status=2, match="a fifo")
    (app / "pipe").unlink()
    written(s2c, app, tmp_path / "out")


@pytest.mark.parametrize("name", [".dockerignore", ".containerignore"])
def test_ignore_file_of_the_context(s2c, builder, app, tmp_path, name):
    """That of the source is none; one beside the Dockerfile is somebody else's, and may break it."""
    (app / name).write_text("*\n")
    out = tmp_path / "out"
    done = s2c.run("build", app, "builder/test", "--as-dockerfile", f"{out}/")
    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    assert (out / "upload/src" / name).read_text() == "*\n" and not (out / name).exists()
    (out / name).write_text("upload\n")
    done = s2c.run("build", app, "builder/test", "--as-dockerfile", f"{out}/")
    assert done.returncode == 0 and f"warning: '{name}' beside '{out}/' may leave out" in done.stderr
    assert (out / name).read_text() == "upload\n"


def test_not_into_the_source(s2c, builder, app, tmp_path):
    args = ("build", app, "builder/test", "--as-dockerfile")
    for path in (f"{app}/", app / "deeper/out/Dockerfile"):
        s2c.fails(*args, path, status=2, match="lies in the source")
    (tmp_path / "alias").symlink_to(app)
    s2c.fails(*args, f"{tmp_path}/alias/out/", status=2, match="lies in the source")
    # A name that only begins like the source's is another directory.
    written(s2c, app, f"{app}-out")


@pytest.mark.parametrize("option", [["--push"], ["-o", "oci:x"], ["--iidfile", "x"], ["--digest-file", "x"],
                                    ["--metadata-file", "x"], ["--dry-run"]])
def test_options_that_want_an_image(s2c, builder, app, tmp_path, option):
    s2c.fails("build", app, "builder/test", "registry.invalid/x:1", "--as-dockerfile", f"{tmp_path}/out/", *option,
              status=2, match="builds no image: leave out " + option[0].replace("-o", "--output"))
    assert not (tmp_path / "out").exists()


def test_bad_input(s2c, builder, app, tmp_path):
    out = f"{tmp_path}/out/"
    s2c.fails("build", app, "UPPER", "--as-dockerfile", out, status=2, match="BUILDER")
    s2c.fails("build", app, "builder/test", "--as-dockerfile", "", status=2, match="is empty")
    s2c.fails("build", app, "builder/test", "--as-dockerfile", f"{tmp_path}/out/..", status=2,
              match="is a directory: write")
    s2c.fails("build", app, "builder/test", "--as-dockerfile", out, "-e", "A=two\nlines", status=2,
              match="variable 'A' holds a control character")
    s2c.fails("build", app, "builder/test", "--as-dockerfile", out, "-e", "A#B=1", status=2, match="the name 'A#B'")
    s2c.fails("build", app, "builder/test", "x", "--image-scripts-url", USUAL, status=2, match="--as-dockerfile")
    assert not (tmp_path / "out").exists()


def test_builder_of_an_engine(s2c, engine, made, app, tmp_path):
    """The image is where builds have their images; nothing is made there."""
    s2c.ok("rmi", "builder/test")
    before = engine.images()
    text = written(s2c, app, tmp_path / "out", "--engine", engine.url, "--assemble-user", "other")
    assert "FROM builder/test:latest\n" in text and "USER 2000:2000\n" in text
    assert engine.images() == before


def test_runtime_image(s2c, engine, made, app, tmp_path):
    """Two stages: what assemble made goes into the runtime image, as in a build."""
    made.make("builder/slim", assemble=None, user="2000")
    bin_dir = app / ".s2i/bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "assemble-runtime").write_text("#!/bin/sh\nid -u > /tmp/made && ls /srv/app >> /tmp/made\n")
    args = ("--runtime-image", "builder/slim", "-a", "/srv/index.html:app", "-a", "/srv/sub:app")
    out = tmp_path / "out"
    text = written(s2c, app, out, *args)
    assert text.count("\nFROM ") == 2 and "COPY --from=built --chown=2000:2000 /srv/sub /srv/app/sub\n" in text
    build(engine, out, "extended:1")
    s2c.ok("build", app, "builder/test", "native", *args)
    with s2c.layer("native") as tar:
        native = {m.name: (oct(m.mode), m.uid, m.gid) for m in tar}
    found = tree(engine, "extended:1")
    for name in ("tmp/made", "srv/app/index.html", "srv/app/sub/data"):
        assert found[name][1:4] == native[name], name
    assert engine.run("extended:1", "cat", "/tmp/made") == "2000\nindex.html\nsub\n"
    assert engine.config("extended:1")["User"] == "2000" and "srv/uid" not in found


def test_platform(s2c, engine, made, app, tmp_path):
    """Only if it was asked for, and then of every stage."""
    made.make("builder/slim", assemble=None, user="2000")
    assert "--platform" not in written(s2c, app, tmp_path / "out")
    host = s2c.config("builder/test")
    asked = f"{host['os']}/{host['architecture']}"
    out = tmp_path / "out"
    text = written(s2c, app, out, "--platform", asked, "--runtime-image", "builder/slim", "-a", "/srv/index.html")
    assert re.findall(r"^FROM (.*)$", text, re.M) == [
        f"--platform={asked} builder/test:latest AS built", f"--platform={asked} builder/slim:latest"]
    build(engine, out, "asked:1")
    assert "srv/index.html" in tree(engine, "asked:1")
    s2c.fails("build", app, "builder/test", "--as-dockerfile", f"{tmp_path}/no/", "--platform", "x y", status=2,
              match="--platform")


# ---- what only the build sees ----


def test_incremental(s2c, engine, made, app, tmp_path):
    """Artifacts come out of the image so far, by the script that is there now."""
    counting(app)
    out = tmp_path / "out"
    name = "localhost/counted:1"
    text = written(s2c, app, out, builder="builder/test")
    build(engine, out, name)
    assert engine.run(name, "cat", "/srv/n") == "1\n"
    path = s2c.ok("build", app, "builder/test", name, "--incremental", "--as-dockerfile", f"{out}/")
    text = pathlib.Path(path).read_text()
    assert f"FROM {name} AS cached" in text
    for wanted in ("2\n", "3\n"):
        build(engine, out, name)
        assert engine.run(name, "cat", "/srv/n") == wanted
    assert not [n for n in tree(engine, name) if n.startswith("tmp/")]
    # A script that fails, or half an archive, is a clean build.
    (app / ".s2i/bin/save-artifacts").write_text("#!/bin/sh\ncd /srv && tar -cf - n\nexit 3\n")
    s2c.ok("build", app, "builder/test", name, "--incremental", "--as-dockerfile", f"{out}/")
    build(engine, out, name)
    assert engine.run(name, "cat", "/srv/n") == "1\n"


def test_secrets_and_caches(s2c, builder, app, tmp_path):
    args = secrets_of(app, tmp_path)
    text = written(s2c, app, tmp_path / "out", *args)
    assert text.startswith("# syntax=docker/dockerfile:1\n# Written by s2c build;")
    assert sorted(re.findall(r"--mount=(\S+)", text)) == sorted([
        "type=cache,id=mine,target=/tmp/cache,uid=1001,mode=0755",
        *(f"type=secret,id={i},target={t},uid=1001,mode=0400,required=true" for i, t in (
            ("inject-0-token", "/etc/token"), ("inject-1-a", "/opt/dir/a"), ("inject-2-b", "/opt/dir/sub/b"),
            ("key", "/run/secrets/key")))])
    assert 'ARG ONLY="here"\n' in text and "#     --secret id=key,src=FILE\n" in text
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or b"very secret" not in path.read_bytes(), path
    s2c.fails("build", app, "builder/test", "--as-dockerfile", f"{tmp_path}/no/", "--volume", "/usr/share:/mnt",
              status=1, match="no directories of the host")


def test_secrets_by_podman(s2c, made_in_podman, app, tmp_path):
    """buildah has mounts of its own: what was given is seen, and is nowhere afterwards."""
    engine = made_in_podman.engine
    args = secrets_of(app, tmp_path)
    text = written(s2c, app, tmp_path / "out", *args)
    given = {"inject-0-token": "token", "inject-1-a": "given/a", "inject-2-b": "given/sub/b", "key": "key"}
    assert set(given) <= set(re.findall(r"id=([^,]+),", text)), text
    done = podman(engine, "build", "-t", "localhost/secret:1", "--network", "none",
                  *[x for i, f in given.items() for x in ("--secret", f"id={i},src={tmp_path}/{f}")], str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert engine.run("localhost/secret:1", "cat", "/srv/count", "/srv/only") == "48\nhere\n"
    data = engine.ask("GET", "/v1.41/images/localhost/secret:1/get").data
    assert b"very secret" not in data
    assert not [v for v in engine.config("localhost/secret:1")["Env"] if v.startswith("ONLY")]


# ---- generate ----


def test_generate(s2c, engine, made, app, tmp_path):
    out = tmp_path / "gen"
    path = s2c.ok("generate", "builder/test", out / "Dockerfile", "-e", "GREETING=hi", "--assemble-user", "2000")
    text = pathlib.Path(path).read_text()
    assert text.startswith("# Written by s2c generate;") and 'ENV GREETING="hi"\n' in text
    assert re.findall(r"^USER.*$", text, re.M) == ["USER 2000", "USER 1001"]
    src = out / "upload/src"
    assert list(src.iterdir()) == []
    (src / "index.html").write_text("any source\n")
    # Whatever was put there stays when it is written anew.
    s2c.ok("generate", "builder/test", out / "Dockerfile", "-e", "GREETING=ho")
    assert (src / "index.html").read_text() == "any source\n"
    build(engine, out, "generated:1")
    assert engine.run("generated:1").startswith("run says: any source ho")


def test_generate_without_the_image(s2c, tmp_path):
    """Nobody has the image: that is said, and the usual places are taken."""
    done = s2c.run("generate", "localhost:1/builder/none", tmp_path / "Dockerfile")
    assert done.returncode == 0 and "the labels of builder image" in done.stderr
    text = (tmp_path / "Dockerfile").read_text()
    assert "FROM localhost:1/builder/none\n" in text and "USER 1001\n" in text
    assert "RUN /usr/libexec/s2i/assemble && " in text and 'CMD ["/usr/libexec/s2i/run"]\n' in text
    done = s2c.run("generate", "only-local", tmp_path / "Dockerfile", "--image-scripts-url", "image:///opt/s2i")
    assert done.returncode == 0 and "RUN /opt/s2i/assemble" in (tmp_path / "Dockerfile").read_text()


def test_generate_bad_input(s2c, builder, tmp_path):
    """S2I ends with status 0 on these."""
    for name in ("UPPER", "a:b:c", "-x/y", ""):
        s2c.fails("generate", "--", name, tmp_path / "Dockerfile", status=2, match="BUILDER")
    s2c.fails("generate", "builder/test", tmp_path / "Dockerfile", "--assemble-user", "0", status=4, match=r"user 0 \(root\)")
    s2c.fails("generate", "builder/test", tmp_path / "Dockerfile", "-e", "X", status=2, match="--env")
    assert not (tmp_path / "Dockerfile").exists() and not (tmp_path / "upload").exists()
    assert subprocess.run([*s2c.command("generate", "builder/test")], env=clean_env(), capture_output=True,
                          timeout=60).returncode == 2


def test_generate_asks_the_registry_for_labels_alone(s2c, builder, registry, tmp_path):
    """Manifest and config are enough: no layer is fetched."""
    name = f"{registry.host}/builder/test:1"
    builder.make("builder/other", "LABEL io.openshift.s2i.destination=/opt/app",
                 "LABEL io.openshift.s2i.assemble-user=3000")
    s2c.ok("tag", "builder/other", name)
    s2c.ok("push", name)
    fresh = S2C(tmp_path / "fresh")
    done = fresh.run("generate", name, tmp_path / "Dockerfile")
    assert done.returncode == 0 and "labels" not in done.stderr, done.stderr
    text = (tmp_path / "Dockerfile").read_text()
    assert "COPY --chown=3000:0 upload/src /opt/app/src\n" in text and "USER 3000\n" in text
    assert f"FROM {name}\n" in text
    # A name says nothing without the image's passwd.
    fresh.fails("generate", name, tmp_path / "other/Dockerfile", "--assemble-user", "app", status=1,
                match="'s2c pull' gets the rest.*'app'")
    large = [p for p in (tmp_path / "fresh").rglob("*") if p.is_file() and p.stat().st_size > 100_000]
    assert not large, large
    assert fresh.ok("images", "-q") == ""
