"""s2c dockerfile: what --as-dockerfile and generate write, built without an engine.

Each variant is built three times: by an engine from the Dockerfile, by s2c from the same
file, and by s2c build. The files are the same, and what the images say of themselves.
"""
import json
import os
import pathlib
import re

import pytest

from dockerfiles import build, counting, podman, secrets_of, tree, written
from onbuild import add_triggers
from support import Builder, S2C

SAID = ("User", "Cmd", "Entrypoint", "WorkingDir", "ExposedPorts", "Volumes", "StopSignal", "Healthcheck")


def dockerfile(s2c, out, *args):
    """The id of what s2c makes of the Dockerfile."""
    return s2c.ok("dockerfile", "--network", "none", *args[1:], out, *args[:1])


def known_as(engine, name):
    """What an engine calls an image that it was handed under this name."""
    return f"localhost/{name}" if engine.name == "podman" else name


def says(config):
    """What an image says of itself, without what builds of engines add."""
    labels = {k: v for k, v in (config.get("Labels") or {}).items()
              if k != "io.k8s.display-name" and not k.startswith("io.buildah")}
    env = sorted(v for v in config.get("Env") or [] if not v.startswith("PATH="))
    return {**{k: config.get(k) or None for k in SAID}, "Labels": labels, "Env": env}


def add_scripts(app):
    bin_dir = app / ".s2i/bin"
    bin_dir.mkdir(parents=True, exist_ok=True)
    (bin_dir / "assemble").write_text("#!/bin/sh\nid -u > /srv/mine\necho $ONLY >> /srv/mine\ncp -r /tmp/src/. /srv/\n")
    (bin_dir / "run").write_text("#!/bin/sh\necho own run\n")


def add_script_for(place):
    """An assemble that needs neither /srv nor /tmp/src."""
    def add(app):
        bin_dir = app / ".s2i/bin"
        bin_dir.mkdir(parents=True, exist_ok=True)
        (bin_dir / "assemble").write_text(f"#!/bin/sh\nmkdir /tmp/out && cp -r {place}/src /tmp/out\n")
    return add


def add_runtime(app):
    bin_dir = app / ".s2i/bin"
    bin_dir.mkdir(parents=True, exist_ok=True)
    (bin_dir / "assemble-runtime").write_text("#!/bin/sh\nid -u > /tmp/made && ls /srv/app >> /tmp/made\n")


VARIANTS = {
    "plain": ([], None),
    "variables": (["-e", "GREETING=hi $there \\ 'x' \"y\"", "--label", "a.b=c $d \"e\""], None),
    "scripts": (["--build-env", "ONLY=for assemble"], add_scripts),
    "user": (["--assemble-user", "other:apps"], add_script_for("/tmp")),
    "root": (["--assemble-user", "0", "--allowed-uids", "0-"], None),
    "kept": (["--keep-build-files"], None),
    "destination": (["--destination", "/opt/new/place"], add_script_for("/opt/new/place")),
    "runtime": (["--runtime-image", "builder/slim", "-a", "/srv/sub:app", "-a", "/srv/index.html:app",
                 "-a", "/srv/run-me", "-a", "/srv/empty"], add_runtime),
}


ON_THE_WAY = {
    "runtime": ["srv/app"],
    "destination": ["opt", "opt/new", "opt/new/place"],
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_same_as_engines_and_build(s2c, engine, made, rich_app, tmp_path, variant):
    args, prepare = VARIANTS[variant]
    if prepare:
        prepare(rich_app)
    if variant == "runtime":
        made.make("builder/slim", assemble=None, user="2000")
    out = tmp_path / "out"
    written(s2c, rich_app, out, *args)
    build(engine, out, "theirs:1")
    uids = ["--allowed-uids", "0-"] if variant == "root" else []
    dockerfile(s2c, out, "ours:1", *uids)
    s2c.ok("build", rich_app, "builder/test", "natively:1", "--network", "none", *args)
    for name in ("ours:1", "natively:1"):
        made.send(name)
    theirs = tree(engine, "theirs:1")
    ours, native = (tree(engine, known_as(engine, name)) for name in ("ours:1", "natively:1"))
    if engine.name == "docker":
        # Its classic builder gives directories on the way to root, podman and BuildKit as --chown says.
        for name in ON_THE_WAY.get(variant, ()):
            assert theirs.pop(name)[2:4] == (0, 0) and ours.pop(name)[2:4] != (0, 0)
            native.pop(name, None)
        # So what is in them can be emptied by the user, but not be removed.
        theirs = {n: v for n, v in theirs.items() if n not in ("opt/new/place/src", "opt/new/place/scripts")}
    elif variant == "destination":
        # So does s2c build, which makes no way for a COPY; only what it left out of the image lay there.
        for name in ON_THE_WAY[variant]:
            assert native.pop(name, None) in (None, ("5", "0o755", 0, 0, ""), (b"5", "0o755", 0, 0, "")), name
            assert ours[name] == theirs[name]
            native[name] = ours[name]
    assert ours == native
    assert ours == theirs
    assert "srv/a.log" not in ours
    said = says(s2c.config("ours:1")["config"])
    assert said == says(engine.config("theirs:1"))
    assert said == says(s2c.config("natively:1")["config"])
    # What a RUN removes is in no layer: there is one more than the image has that it begins with.
    base = "builder/slim" if variant == "runtime" else "builder/test"
    assert len(s2c.manifest("ours:1")["layers"]) == len(s2c.manifest(base)["layers"]) + 1
    assert engine.run(known_as(engine, "ours:1")) == engine.run("theirs:1")


def test_generate(s2c, engine, made, app, tmp_path):
    out = tmp_path / "gen"
    s2c.ok("generate", "builder/test", out / "Dockerfile", "-e", "GREETING=hi", "--assemble-user", "app")
    (out / "upload/src/index.html").write_text("any source\n")
    build(engine, out, "theirs:1")
    dockerfile(s2c, out, "ours:1")
    made.send("ours:1")
    assert tree(engine, known_as(engine, "ours:1")) == tree(engine, "theirs:1")
    assert says(s2c.config("ours:1")["config"]) == says(engine.config("theirs:1"))
    assert s2c.ok("run", "--network", "none", "ours:1").startswith("run says: any source hi")


def test_incremental(s2c, engine, made, app, tmp_path):
    """Artifacts come out of the stage of the image so far."""
    counting(app)
    out, name = tmp_path / "out", "localhost/counted:1"
    written(s2c, app, out)
    build(engine, out, name)
    dockerfile(s2c, out, name)
    s2c.ok("build", app, "builder/test", name, "--incremental", "--as-dockerfile", f"{out}/")
    for count in ("2\n", "3\n"):
        build(engine, out, name)
        dockerfile(s2c, out, name)
        assert engine.run(name, "cat", "/srv/n") == count
        with s2c.layer(name) as tar:
            assert tar.extractfile("srv/n").read().decode() == count
    theirs = tree(engine, name)
    s2c.ok("tag", name, "ours:1")
    made.send("ours:1")
    assert tree(engine, known_as(engine, "ours:1")) == theirs
    (app / ".s2i/bin/save-artifacts").write_text("#!/bin/sh\ncd /srv && tar -cf - n\nexit 3\n")
    s2c.ok("build", app, "builder/test", name, "--incremental", "--as-dockerfile", f"{out}/")
    dockerfile(s2c, out, name)
    with s2c.layer(name) as tar:
        assert tar.extractfile("srv/n").read() == b"1\n"


# ---- what only a RUN sees ----

GIVEN = {"inject-0-token": "token", "inject-1-a": "given/a", "inject-2-b": "given/sub/b", "key": "key"}


def given(tmp_path, leave_out=""):
    return [x for i, f in GIVEN.items() if i != leave_out for x in ("--secret", f"id={i},src={tmp_path}/{f}")]


def everything_in(root):
    return b"".join(p.read_bytes() for p in root.rglob("*") if p.is_file() and "caches" not in p.parts)


def test_secrets_and_caches(s2c, builder, app, tmp_path):
    out = tmp_path / "out"
    args = secrets_of(app, tmp_path)
    written(s2c, app, out, *args)
    for lines in ("1\n", "2\n"):
        dockerfile(s2c, out, "ours:1", *given(tmp_path))
        with s2c.layer("ours:1") as tar:
            read = {name: tar.extractfile(f"srv/{name}").read().decode() for name in ("count", "only", "lines")}
            assert read == {"count": "48\n", "only": "here\n", "lines": lines}
            assert not [n for n in tar.getnames() if re.match("run|opt|etc|tmp/.", n)]
    s2c.ok("save", "ours:1", f"oci:{tmp_path}/image")
    config = s2c.config("ours:1")
    assert "ONLY" not in json.dumps(config["config"]) and "very secret" not in json.dumps(config)
    assert b"very secret" not in everything_in(s2c.root)
    # The same directory is what a build with the same builder image and user gets.
    s2c.ok("build", app, "builder/test", "built:1", "--network", "none", *args)
    with s2c.layer("built:1") as tar:
        assert tar.extractfile("srv/lines").read() == b"3\n"


def test_secrets_as_podman(s2c, made_in_podman, app, tmp_path):
    engine = made_in_podman.engine
    out = tmp_path / "out"
    written(s2c, app, out, *secrets_of(app, tmp_path))
    done = podman(engine, "build", "-t", "localhost/theirs:1", "--network", "none", *given(tmp_path), str(out))
    assert done.returncode == 0, done.stderr
    dockerfile(s2c, out, "ours:1", *given(tmp_path))
    made_in_podman.send("ours:1")
    theirs, ours = tree(engine, "localhost/theirs:1"), tree(engine, "localhost/ours:1")
    # How often builds had that cache, which podman keeps for all of them.
    assert theirs.pop("srv/lines")[:4] == ours.pop("srv/lines")[:4]
    # What buildah leaves of its mounts: empty files and directories.
    points = [n for n in set(theirs) - set(ours) if re.match("opt(/|$)|etc/token$|tmp/cache$", n)]
    assert {k: v for k, v in theirs.items() if k not in points} == ours


def test_required_and_optional_secrets(s2c, builder, app, tmp_path):
    out = tmp_path / "out"
    written(s2c, app, out, *secrets_of(app, tmp_path))
    s2c.fails("dockerfile", *given(tmp_path, leave_out="key"), out, status=1,
              match=r"line \d+: RUN: --mount of 'key': secret 'key' is required: give it with --secret id=key,src=FILE")
    done = s2c.run("dockerfile", "--network", "none", *given(tmp_path), "--secret", f"id=more,src={tmp_path}/key", out)
    assert done.returncode == 0 and "--secret 'more' is not used" in done.stderr
    s2c.fails("dockerfile", "--secret", f"id=key,src={tmp_path}/key,dst=/x", out, status=2, match="leave out dst")
    write(tmp_path, "FROM builder/test\nRUN --mount=type=secret,id=key --mount=type=ssh test ! -e /run/secrets/key\n")
    dockerfile(s2c, tmp_path, "optional:1")


def test_a_secret_that_was_copied_makes_no_image(s2c, builder, tmp_path):
    (tmp_path / "key").write_text("very secret key\n")
    write(tmp_path, "FROM builder/test\nRUN --mount=type=secret,id=key cat /run/secrets/key > /srv/key\n")
    s2c.fails("dockerfile", "--network", "none", "--secret", f"id=key,src={tmp_path}/key", tmp_path, "leak:1", status=4,
              match="srv/key.*secret")
    assert s2c.run("inspect", "leak:1").returncode != 0


def test_mounts_are_of_their_run_alone(s2c, builder, tmp_path):
    """One RUN sees what it asks for, the next one nothing of it, and a COPY between goes where it should."""
    (tmp_path / "key").write_text("very secret key\n")
    (tmp_path / "ctx").mkdir()
    (tmp_path / "ctx/file").write_text("file\n")
    write(tmp_path / "ctx", """FROM builder/test
RUN --mount=type=secret,id=key,target=/opt/key,uid=1001 --mount=type=cache,target=/tmp/c wc -c < /opt/key > /srv/first
COPY --chown=1001 file /srv/file
RUN test ! -e /opt/key && test ! -e /tmp/c && test -e /srv/file && echo none > /srv/second
USER 2000
RUN --mount=type=secret,id=key wc -c < /run/secrets/key > /tmp/third
""")
    s2c.ok("dockerfile", "--network", "none", "--secret", f"id=key,src={tmp_path}/key", tmp_path / "ctx", "m:1")
    found = {}
    for index in range(1, len(s2c.manifest("m:1")["layers"])):
        with s2c.layer("m:1", index) as tar:
            found.update({m.name: (m.uid, tar.extractfile(m).read().decode()) for m in tar if m.isreg()})
    assert found == {"srv/first": (1001, "16\n"), "srv/file": (1001, "file\n"), "srv/second": (1001, "none\n"),
                     "tmp/third": (2000, "16\n")}


# ---- instructions ----


def write(directory, text):
    (directory / "Dockerfile").write_text(text)
    return directory


ALL = """# escape=\\
ARG BASE=builder/none
ARG WORD=first
FROM ${BASE} AS one
ARG WORD
ARG OTHER=default
ENV SEEN="$WORD $OTHER"
RUN mkdir /srv/made
WORKDIR /srv/made
COPY --chown=1001:0 [ "a file", "b", "dir/" ]
RUN ["/bin/sh", "-c", "echo exec $OTHER > exec"]
RUN echo shell $WORD > shell \\
    # a comment between
    && echo $OTHER >> shell && ln shell hard && ln -s shell soft
FROM builder/test
COPY --from=one /srv/made /srv/out
COPY --from=0 /srv/made/soft /srv/single
SHELL ["/bin/sh", "-ec"]
LABEL one=1 two="2 3"
EXPOSE 8080 53/udp
VOLUME ["/data"]
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=5s --retries=2 CMD true
USER 2000:3000
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["id"]
"""


def test_all_instructions(s2c, engine, made, tmp_path):
    (tmp_path / "a file").write_text("a\n")
    (tmp_path / "b").write_text("b\n")
    write(tmp_path, ALL)
    args = {"BASE": "builder/test", "OTHER": "given"}
    build(engine, tmp_path, "theirs:1", buildargs=json.dumps(args).replace(" ", "").replace('"', "%22"))
    s2c.ok("dockerfile", "--network", "none", "--build-arg", "BASE=builder/test", "--build-arg", "OTHER", tmp_path, "ours:1",
           env={"OTHER": "given"})
    made.send("ours:1")
    theirs, ours = tree(engine, "theirs:1"), tree(engine, known_as(engine, "ours:1"))
    wanted = {n: v for n, v in ours.items() if n.startswith("srv/")}
    assert wanted["srv/out/hard"][1:4] == ("0o644", 1001, 0) and wanted["srv/single"][0] == b"0"
    theirs = {n: v for n, v in theirs.items() if n.startswith("srv/")}
    for files in (theirs, wanted):
        # One of two names is the link, whichever comes first.
        files["srv/out/hard"] = files["srv/out/shell"] = None
    assert wanted == theirs
    ours, theirs = says(s2c.config("ours:1")["config"]), says(engine.config("theirs:1"))
    if engine.name == "podman":
        # The images of buildah have no place for it.
        theirs["Healthcheck"] = {"Test": ["CMD-SHELL", "true"], "Interval": 5000000000, "Retries": 2}
    assert ours == theirs


@pytest.mark.parametrize("uid", [61235, 61236])
def test_as_an_ordinary_user(user_dir, rootfs_tar, uid):
    """With ranges of ids the files are the same; with a single id they are one owner's."""
    base = user_dir / "base"
    base.mkdir()
    os.chown(base, uid, uid)
    s2c = S2C(base / "store", prefix=["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"])
    Builder(s2c, rootfs_tar).make("builder/test")
    (base / "key").write_text("very secret key\n")
    (base / "key").chmod(0o644)
    (base / "other").write_text("no secret\n")
    write(base, """FROM builder/test AS one
COPY --chown=1001 other /srv/copied
RUN --mount=type=secret,id=key --mount=type=cache,target=/c,id=c cat /run/secrets/key | wc -c > /srv/count && ls -A /c >> /srv/count
FROM builder/test
WORKDIR /srv/made
COPY --from=one /srv/count .
RUN cat count > /srv/again
""")
    s2c.ok("dockerfile", "--network", "none", "--secret", f"id=key,src={base}/key", base, "mine:1")
    text = b"".join((lambda tar: tar.extractfile("srv/again").read() if "srv/again" in tar.getnames() else b"")(s2c.layer("mine:1", i))
                    for i in range(1, len(s2c.manifest("mine:1")["layers"])))
    assert text == b"16\n"
    s2c.assert_clean()


def test_owner_of_a_stage_stays_without_chown(s2c, builder, tmp_path):
    write(tmp_path, """FROM builder/test AS one
USER 2000:3000
RUN mkdir /tmp/x && echo 1 > /tmp/x/f
FROM builder/test
COPY --from=one /tmp/x /opt/kept
COPY --from=one --chown=app:apps /tmp/x /opt/given/
""")
    dockerfile(s2c, tmp_path, "owners:1")
    with s2c.layer("owners:1") as tar:
        owners = {m.name: (m.uid, m.gid) for m in tar if m.isreg()}
    assert owners == {"opt/kept/f": (2000, 3000), "opt/given/f": (1001, 3000)}


def test_mount_points_are_no_files_of_a_stage(s2c, builder, tmp_path):
    """A directory that is copied has nothing of what a container needs for its mounts."""
    (tmp_path / "key").write_text("very secret key\n")
    write(tmp_path, """FROM builder/test AS one
RUN --mount=type=secret,id=key,target=/etc/sub/key --mount=type=cache,target=/etc/c true
FROM builder/test
COPY --from=one --chown=1001 /etc /srv/etc
""")
    dockerfile(s2c, tmp_path, "points:1", "--secret", f"id=key,src={tmp_path}/key")
    assert sorted(n for n in s2c.names_in_layer("points:1") if n.startswith("srv/etc/")) == ["srv/etc/group", "srv/etc/passwd"]


def test_build_args(s2c, builder, tmp_path):
    write(tmp_path, "ARG A=1\nFROM builder/test\nARG A\nARG B=2\nARG C\nRUN echo $A $B $C. > /srv/args\n")

    def args(*given, **env):
        s2c.ok("dockerfile", "--network", "none", *(x for a in given for x in ("--build-arg", a)), tmp_path, "args:1", env=env)
        with s2c.layer("args:1") as tar:
            return tar.extractfile("srv/args").read().decode()

    assert args() == "1 2 .\n"
    assert args("A=x", "B=y", "C=z") == "x y z.\n"
    assert args("C", C="from outside") == "1 2 from outside.\n"
    assert not [v for v in s2c.config("args:1")["config"].get("Env", []) if v.startswith(("A=", "B=", "C="))]
    done = s2c.run("dockerfile", "--network", "none", "--build-arg", "D=1", tmp_path)
    assert done.returncode == 0 and "--build-arg 'D' is not used" in done.stderr


def test_records_and_labels(s2c, builder, tmp_path):
    """The options of build mean the same here."""
    write(tmp_path, "FROM builder/test\nLABEL a=1 b=1\n")
    id_ = s2c.ok("dockerfile", "--label", "b=2", "--annotation", "n=v", "-t", "more:1", "--iidfile", tmp_path / "iid", "--metadata-file",
                 tmp_path / "meta", "-o", f"oci:{tmp_path}/out", tmp_path, "r:1")
    assert (tmp_path / "iid").read_text() == id_ and (tmp_path / "out/index.json").exists()
    meta = json.loads((tmp_path / "meta").read_text())
    assert meta["image.name"] == "r:1" and meta["names"] == ["r:1", "more:1"] and meta["builder"]["name"] == "builder/test:latest"
    labels = s2c.config("more:1")["config"]["Labels"]
    assert labels["a"] == "1" and labels["b"] == "2" and s2c.manifest("r:1")["annotations"]["n"] == "v"


# ---- .dockerignore ----


IGNORED = """# comment
*
!keep
keep/*.log
!keep/important.log
!deep/er/file
**/secret
"""


def test_dockerignore(s2c, engine, made, tmp_path):
    """What it leaves out is not there for COPY, as with engines."""
    ctx = tmp_path / "ctx"
    for name in ("keep/a", "keep/x.log", "keep/important.log", "keep/sub/x.log", "keep/sub/secret", "deep/er/file",
                 "deep/er/other", "deep/no", "gone", "excluded/dir/x"):
        (ctx / name).parent.mkdir(parents=True, exist_ok=True)
        (ctx / name).write_text(f"{name}\n")
    (ctx / ".dockerignore").write_text(IGNORED + "!Dockerfile\n")
    write(ctx, "FROM builder/test\nCOPY . /srv/\n")
    build(engine, ctx, "theirs:1")
    s2c.ok("dockerfile", ctx, "ours:1")
    made.send("ours:1")
    theirs, ours = ({n for n in tree(engine, name) if n.startswith("srv/")}
                    for name in ("theirs:1", known_as(engine, "ours:1")))
    assert ours == {"srv/Dockerfile", "srv/keep", "srv/keep/a", "srv/keep/important.log", "srv/keep/sub", "srv/keep/sub/x.log",
                    "srv/deep", "srv/deep/er", "srv/deep/er/file"}
    # By POST /build it is the client that leaves files out, so an engine shows them all.
    assert ours <= theirs
    write(ctx, "FROM builder/test\nCOPY gone /srv/\n")
    s2c.fails("dockerfile", ctx, status=1, match="there is no 'gone' in the context, or it is excluded")


# ---- what is refused ----


FROM = "FROM builder/test\n"
BAD = [
    ("", 2, "there is no FROM"),
    ("# only a comment\n", 2, "there is no FROM"),
    ("RUN true\n", 2, "line 1: RUN stands before the first FROM"),
    ("FROM\n", 2, "line 1: FROM needs an argument"),
    ("FROM none/such\n", 1, "line 1: FROM: image 'none/such'.*not in the store"),
    ("FROM builder/test one\n", 2, "FROM: it takes IMAGE or IMAGE AS NAME"),
    ("FROM builder/test AS 1x\n", 2, "no name of a stage"),
    ("FROM builder/test AS a\nFROM builder/test AS A\n", 2, "line 2: FROM: there is a stage 'a' already"),
    ("FROM builder/test AS a\nFROM a\n", 1, "line 2: FROM: 'a' is a stage"),
    ("FROM scratch\n", 1, "'scratch' is not supported"),
    ("FROM $NONE\n", 2, "the image's name is empty"),
    ("FROM UPPER\n", 2, "line 1: FROM: image: "),
    ("FROM --platform=linux/none builder/test\n", 1, "line 1: FROM: "),
    ("FROM --pull builder/test\n", 2, "FROM has no flag '--pull'"),
    (FROM + "FROB x\n", 2, "line 2: 'FROB' is no instruction"),
    (FROM + "ONBUILD RUN true\n", 1, "line 2: ONBUILD is not supported"),
    (FROM + "ADD https://example.invalid/x /x\n", 1, "line 2: ADD: .*is no file of the source"),
    (FROM + "ADD --from=x a /x\n", 1, "line 2: ADD: --from is not supported"),
    (FROM + "RUN <<EOF\ntrue\nEOF\n", 2, "line 2: RUN with a heredoc"),
    (FROM + "COPY <<EOF /x\ntrue\nEOF\n", 2, "line 2: COPY with a heredoc"),
    (FROM + "COPY --from=registry.invalid/x /a /b\n", 2, "line 2: COPY: --from: 'registry.invalid/x' is no stage"),
    (FROM + "COPY --from=0 /a /b\n", 2, "'0' is no stage before this one"),
    (FROM + "COPY --from=late /a /b\nFROM builder/test AS late\n", 2, "'late' is no stage before this one"),
    ("FROM builder/test AS a\n" + FROM + "COPY --from=a /s* /b/\n", 1, "line 3: COPY: '/s\\*' is a pattern"),
    ("FROM builder/test AS a\n" + FROM + "COPY --from=a / /b/\n", 1, "all files of a stage"),
    ("FROM builder/test AS a\n" + FROM + "COPY --from=a /none /b/\n", 1, "line 3: COPY: --from=a: .*no '/none'"),
    ("FROM builder/test AS a\nRUN ln -s loop /srv/loop\n" + FROM + "COPY --from=a /srv/loop /b/\n", 2, "too many others"),
    (FROM + "COPY ../outside /x\n", 2, "line 2: COPY: '../outside' leads out of the context"),
    (FROM + "COPY out /x\n", 2, "link 'out' leads out of the context"),
    (FROM + "COPY none /x\n", 1, "line 2: COPY: there is no 'none' in the context"),
    (FROM + "COPY --exclude=x a /x\n", 2, "COPY has no flag '--exclude=x'"),
    (FROM + "USER root\n", 4, r"line 2: USER: user 0 \(root\) is not among the allowed ones"),
    (FROM + "USER sneaky\nRUN true\n", 4, r"user 0 \(root\)"),
    ("FROM builder/root\nRUN true\n", 4, r"line 2: RUN: user 0 \(root\).*--chown"),
    (FROM + "USER nobody-there\n", 1, "line 2: USER: "),
    (FROM + "RUN exit 7\n", 3, "line 2: RUN: it failed with status 7"),
    (FROM + "RUN --network=host true\n", 1, "the flag '--network=host' is not supported"),
    (FROM + "RUN --mount=type=bind,target=/x true\n", 1, "line 2: RUN: --mount: a bind of the context"),
    (FROM + "RUN --mount=target=/x true\n", 1, "a bind of the context"),
    (FROM + "RUN --mount=type=tmpfs,target=/x true\n", 1, "type=tmpfs is not supported"),
    (FROM + "RUN --mount=type=frob true\n", 2, "type 'frob' is not known"),
    (FROM + "RUN --mount=type=cache true\n", 2, "type=cache needs a target"),
    (FROM + "RUN --mount=type=cache,target=/x,sharing=locked true\n", 1, "'sharing' is not supported"),
    (FROM + "RUN --mount=type=cache,target=/x,uid=5 true\n", 1, "its uid is 5, but this RUN's user is 1001"),
    (FROM + "RUN --mount=type=secret,id=x,mode=0444 true\n", 1, "has mode 0400"),
    (FROM + "RUN --mount=type=secret,id=x,required=true true\n", 1, "secret 'x' is required"),
    (FROM + "RUN --mount=type=ssh,required true\n", 1, "give it with --ssh default"),
    (FROM + "RUN --mount=type=cache,target=/proc/x true\n", 2, "mount point ./proc/x. lies in"),
    (FROM + "ENV A\n", 2, "line 2: ENV: it takes NAME=VALUE"),
    (FROM + "RUN true\n" * 5000, 1, "line 4097: more than 4096 instructions"),
    (FROM * 70, 1, "line 65: FROM: more than 64 stages"),
    (FROM + "#" * (1024 * 1024), 1, "larger than 1048576 bytes"),
    (FROM + "RUN " + "x" * 140000 + "\n", 1, "line 2: "),
    (b"FROM builder/test\nRUN \xff\n", 2, "no UTF-8 text"),
    ("FROM triggers/test\n", 1, "has ONBUILD triggers"),
]


def test_refused(s2c, builder, tmp_path):
    """One sentence with the line; nothing is left behind."""
    builder.make("builder/root", user="0")
    builder.make("triggers/test")
    add_triggers(s2c, "triggers/test", "triggers/test", ["RUN true"])
    before = s2c.ok("images")
    (tmp_path / "outside").write_text("x")
    ctx = tmp_path / "ctx"
    ctx.mkdir()
    (ctx / "a").write_text("a")
    (ctx / "out").symlink_to("../outside")
    for text, status, match in BAD:
        (ctx / "Dockerfile").write_bytes(text if isinstance(text, bytes) else text.encode())
        s2c.fails("dockerfile", "--network", "none", "--pull-policy", "never", ctx, "bad:1", status=status, match=match)
        s2c.assert_clean()
    assert s2c.ok("images") == before


@pytest.mark.parametrize("args, status, match", [
    (["--build-arg", "NONE"], 2, "--build-arg 'NONE' has no value"),
    (["--build-arg", "=x"], 2, "--build-arg: a variable without a name"),
    (["--build-arg", "a b=x"], 2, "no name of a variable"),
    (["--engine", "docker"], 1, "engines build Dockerfiles by themselves"),
    (["--file", "/none/such"], 1, "'/none/such'"),
    (["--secret", "id=x,src=/none/such"], 1, "--secret"),
    (["--allowed-uids", "x"], 2, "--allowed-uids"),
    (["--push"], 2, "names no registry"),
    (["--timeout", "frob=1"], 2, "--timeout"),
])
def test_options_that_are_wrong(s2c, builder, tmp_path, args, status, match):
    write(tmp_path, FROM)
    s2c.fails("dockerfile", *args, tmp_path, "bad:1", status=status, match=match)
    assert s2c.run("inspect", "bad:1").returncode != 0


def test_contexts_that_are_wrong(s2c, builder, tmp_path):
    s2c.fails("dockerfile", tmp_path / "none", status=1, match="context '.*none'")
    (tmp_path / "file").write_text("x")
    s2c.fails("dockerfile", tmp_path / "file", status=2, match="is no directory")
    ctx = tmp_path / "ctx"
    ctx.mkdir()
    s2c.fails("dockerfile", ctx, status=1, match="there is no 'Dockerfile' in context")
    (tmp_path / "Dockerfile").write_text(FROM)
    (ctx / "Dockerfile").symlink_to("../Dockerfile")
    s2c.fails("dockerfile", ctx, status=2, match="symbolic link")
    s2c.ok("dockerfile", "-f", tmp_path / "Dockerfile", ctx)
    (ctx / ".dockerignore").write_text("[a\n")
    s2c.fails("dockerfile", "-f", tmp_path / "Dockerfile", ctx, status=2, match=r"\.dockerignore line 1: '\[a'")
    s2c.fails("dockerfile", "-f", tmp_path / "Dockerfile", ctx, status=1, match="S2C_ENGINE|by themselves", env={"S2C_ENGINE": "docker"})
    (ctx / ".dockerignore").unlink()
    s2c.ok("dockerfile", "--engine", "", "-f", tmp_path / "Dockerfile", ctx, env={"S2C_ENGINE": "docker"})


def test_root_where_it_is_allowed(s2c, builder, tmp_path):
    write(tmp_path, FROM + "USER 0\nRUN id -u > /root-was-here && chown 1001 /root-was-here || echo no > /cap\nUSER 1001\n")
    s2c.ok("dockerfile", "--network", "none", "--allowed-uids", "0-", tmp_path, "root:1")
    with s2c.layer("root:1") as tar:
        # As any process of a build it has no capability.
        assert tar.extractfile("root-was-here").read() == b"0\n" and tar.extractfile("cap").read() == b"no\n"
