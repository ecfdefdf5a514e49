"""Builder images with ONBUILD triggers."""
import gzip
import io
import json
import os
import re
import tarfile

import pytest

from onbuild import add_triggers
from support import link


@pytest.fixture
def onbuild(s2c, builder):
    """Makes builder/onbuild with these triggers on a base whose user is 1001."""
    builder.make("builder/base", assemble=None, run=None)

    def make(*triggers, name="builder/onbuild", base="builder/base", **config):
        add_triggers(s2c, base, name, triggers, **config)
        return name
    return make


@pytest.fixture
def runnable(app):
    """A source that can be started."""
    (app / "run").write_text("#!/bin/sh\necho \"started in $PWD: $(cat index.html)\"\nid -u\n")
    (app / "run").chmod(0o755)
    return app


def files(s2c, image):
    """What all layers but those of the base have brought: {path: (mode, uid, gid, content or target)}."""
    found = {}
    for index in range(1, len(s2c.manifest(image)["layers"])):
        with s2c.layer(image, index) as tar:
            for m in tar:
                what = tar.extractfile(m).read() if m.isreg() else m.linkname
                found[m.name] = (m.mode, m.uid, m.gid, what)
    return found


def test_usual_triggers(s2c, onbuild, runnable):
    onbuild("COPY . /srv/app", "WORKDIR /srv/app", "RUN id -u > /srv/uid && cat index.html > /srv/seen",
            "ENV FROM_TRIGGER=1", "LABEL trigger=yes", "EXPOSE 8080")
    image_id = s2c.ok("build", runnable, "builder/onbuild", "myapp", "-e", "GREETING=hi")
    assert s2c.inspect("myapp")["Id"] == image_id
    assert s2c.ok("run", "myapp") == "started in /srv/app: hello\n1001"
    found = files(s2c, "myapp")
    # As with docker, what is copied is root's, and what runs is the image's user.
    assert found["srv/app/index.html"][:3] == (0o644, 0, 0) and found["srv/app/run"][0] == 0o755
    assert found["srv/uid"] == (0o644, 1001, 0, b"1001\n") and found["srv/seen"][3] == b"hello\n"
    config = s2c.config("myapp")["config"]
    assert config["Entrypoint"] == ["./run"] and not config.get("Cmd") and not config.get("OnBuild")
    assert config["WorkingDir"] == "/srv/app" and config["User"] == "1001"
    assert "FROM_TRIGGER=1" in config["Env"] and "GREETING=hi" in config["Env"]
    assert config["ExposedPorts"] == {"8080/tcp": {}} and config["Labels"]["trigger"] == "yes"
    assert config["Labels"]["io.openshift.s2i.build.image"] == "builder/onbuild:latest"
    assert config["Labels"]["io.openshift.s2i.build.source-location"] == str(runnable)
    assert len([l for l in s2c.manifest("myapp")["layers"]]) == 2, "one container, one layer"


def test_copy_forms(s2c, onbuild, runnable):
    for name in ("a.js", "b.js", "two words", ".hidden"):
        (runnable / name).write_text(name)
    (runnable / "sub/deep").mkdir()
    (runnable / "sub/deep/x.js").write_text("x")
    (runnable / "link").symlink_to("sub/data")
    (runnable / "dirlink").symlink_to("sub")
    os.link(runnable / "a.js", runnable / "sub/hard.js")
    (runnable / ".s2iignore").write_text("b.js\n")
    onbuild("COPY index.html /d1/name", "COPY index.html /d2/", "COPY index.html /srv",
            "COPY *.js sub/h*.js /d3/", 'COPY ["two words", "/d 4/"]', "COPY sub /d5", "COPY sub/ /d6/",
            "COPY link dirlink /d7/", "COPY /sub/../sub/data /never", name="builder/bad")
    s2c.fails("build", runnable, "builder/bad", "x", status=2, match="leads out of the source")
    onbuild("COPY index.html /d1/name", "COPY index.html /d2/", "COPY index.html /srv",
            "COPY *.js sub/h*.js /d3/", 'COPY ["two words", "/d 4/"]', "COPY sub /d5", "COPY ./sub/ /d6/",
            "COPY link dirlink /d7/", "COPY --chown=1001:0 --chmod=0600 index.html /d8", "COPY --chown=app sub /d9",
            "WORKDIR /w/x", "COPY index.html .", "COPY index.html y", "COPY s?b/[a-d]* /d10/",
            "COPY run /srv/", "WORKDIR /srv")
    s2c.fails("build", runnable, "builder/onbuild", "x", status=1, match="COPY --chown=app sub.*'app' is not in /etc/group")
    onbuild("COPY index.html /d1/name", "COPY index.html /d2/", "COPY index.html /srv",
            "COPY *.js sub/h*.js /d3/", 'COPY ["two words", "/d 4/"]', "COPY sub /d5", "COPY ./sub/ /d6/",
            "COPY link dirlink /d7/", "COPY --chown=1001:0 --chmod=0600 index.html /d8", "COPY --chown=7 sub /d9",
            "WORKDIR /w/x", "COPY index.html .", "COPY index.html y", "COPY s?b/[a-d]* /d10/",
            "COPY run /srv/", "WORKDIR /srv")
    s2c.ok("build", runnable, "builder/onbuild", "myapp")
    found = files(s2c, "myapp")
    content = {n: f[3] for n, f in found.items() if isinstance(f[3], bytes)}
    assert content["d1/name"] == content["d2/index.html"] == content["srv/index.html"] == b"hello\n"
    assert sorted(n for n in content if n.startswith("d3/")) == ["d3/a.js", "d3/hard.js"], "b.js is ignored"
    assert content["d 4/two words"] == b"two words"
    for base in ("d5", "d6"):
        assert {n for n in content if n.startswith(base + "/")} == {f"{base}/data", f"{base}/deep/x.js", f"{base}/hard.js"}
    # A link that is named is followed; what lies in the directory it leads to comes along.
    assert content["d7/link"] == b"data\n" and content["d7/data"] == b"data\n"
    assert found["d8"][:3] == (0o600, 1001, 0)
    assert found["d9"][1:3] == (7, 7) and found["d9/deep/x.js"][1:3] == (7, 7)
    assert content["w/x/index.html"] == content["w/x/y"] == b"hello\n" and found["w/x"][:3] == (0o755, 0, 0)
    assert content["d10/data"] == b"data\n" and content["d10/x.js"] == b"x"


@pytest.mark.parametrize("trigger, match", [
    ("COPY none /x", "there is no 'none' in the source"),
    ("COPY *.none /x/", "there is no '\\*.none'"),
    ("COPY ignored /x", "or it is excluded"),
    ("COPY ../x /x", "leads out of the source"),
    ("COPY out /x", "link 'out' leads out of the source"),
    ("COPY loop1 /x", "leads to too many others"),
    ("COPY index.html sub/data /x", "end '/x' with a '/'"),
    ("COPY [a- /x", "pattern '\\[a-'"),
    ("COPY --from=builder/base /etc/passwd /x", "--from is not supported"),
    ("COPY --chown=nobody index.html /x", "--chown"),
    ("COPY index.html /proc/x", "mounts over|kernel"),
    ("ADD https://example.invalid/x /x", "is no file of the source"),
    ("RUN --mount=type=secret,id=x cat /run/secrets/x", "take it off"),
    ("RUN <<EOF", "heredoc"),
    ("ONBUILD RUN x", "cannot stand here"),
    ("FROM builder/base", "cannot stand here"),
    ("FROB x", "'FROB' is no instruction"),
    ("RUN", "needs an argument"),
    ("USER nobody", "USER: .*nobody"),
    ("WORKDIR /proc/self", "kernel"),
    ('ENV X="${Y?must be given}"', "'Y' has no value: must be given"),
])
def test_refused(s2c, onbuild, runnable, trigger, match):
    (runnable / "ignored").write_text("x")
    (runnable / ".s2iignore").write_text("ignored\n")
    (runnable / "out").symlink_to("../../etc/passwd")
    (runnable / "loop1").symlink_to("loop2")
    (runnable / "loop2").symlink_to("loop1")
    onbuild("RUN echo first >&2", trigger)
    done = s2c.run("build", runnable, "builder/onbuild", "myapp")
    last = done.stderr.rstrip("\n").split("\n")[-1]
    assert done.returncode in (1, 2), done.stderr
    assert re.search(match, last) and f"trigger 'ONBUILD {trigger}' of 'builder/onbuild:latest'" in last, last
    s2c.fails("inspect", "myapp", status=1, match="myapp")


def test_failing_run(s2c, onbuild, runnable):
    onbuild("COPY . /srv", "RUN echo out; echo err >&2; exit 7")
    done = s2c.fails("build", runnable, "builder/onbuild", "myapp", status=3,
                     match="trigger 'ONBUILD RUN echo.*' of 'builder/onbuild:latest': RUN: it failed with status 7")
    assert "out\n" in done.stderr and "err\n" in done.stderr
    onbuild("RUN kill -9 $$", name="builder/killed")
    s2c.fails("build", runnable, "builder/killed", "myapp", status=3, match="ended by signal 9")
    onbuild('RUN ["/none"]', name="builder/none")
    s2c.fails("build", runnable, "builder/none", "myapp", status=1, match="cannot execute '/none'")


# ---- users ----


@pytest.mark.parametrize("user", ["0", "root", "0:1001", "sneaky", "root:root", "00"])
def test_users_that_are_root(s2c, onbuild, runnable, user):
    """Found before anything runs, whatever comes before it."""
    onbuild("RUN echo must not run >&2", f"USER {user}", "RUN id")
    done = s2c.run("build", runnable, "builder/onbuild", "myapp")
    assert done.returncode in (2, 4) and "must not run\n" not in done.stderr
    assert f"trigger 'ONBUILD USER {user}'" in done.stderr.split("\n")[-2], done.stderr
    if user != "00":
        assert done.returncode == 4 and "root" in done.stderr and "--allowed-uids" in done.stderr


def test_user_by_a_variable(s2c, onbuild, runnable):
    onbuild("ENV WHO=ro", "ARG REST=ot", "USER $WHO${REST}", "RUN id")
    s2c.fails("build", runnable, "builder/onbuild", "myapp", status=4, match=r"user 0 \(root\) is not among the allowed")


def test_root_image(s2c, builder, onbuild, runnable):
    """An image without USER runs its triggers as root: not here, unless that is allowed."""
    builder.make("builder/root", user=None, assemble=None, run=None)
    onbuild("COPY . /srv", "RUN id -u > /srv/uid", base="builder/root")
    s2c.fails("build", runnable, "builder/onbuild", "myapp", status=4,
              match=r"trigger 'ONBUILD RUN id -u > /srv/uid'.* user 0 \(root\).*--assemble-user")
    s2c.ok("build", runnable, "builder/onbuild", "myapp", "--assemble-user", "1001")
    assert files(s2c, "myapp")["srv/uid"][3] == b"1001\n"
    assert s2c.config("myapp")["config"]["User"] == "1001:0"
    s2c.ok("build", runnable, "builder/onbuild", "rootapp", "--allowed-uids", "0-")
    assert files(s2c, "rootapp")["srv/uid"][3] == b"0\n"


def test_users_of_triggers(s2c, onbuild, runnable):
    """Each RUN has the user in force; the last one stays."""
    onbuild("COPY --chown=1001:0 . /srv", "RUN id -u > /srv/first", "USER other:apps",
            "RUN mkdir -p /tmp/d && id -u > /tmp/d/second && id -g >> /tmp/d/second", "USER app",
            "RUN id -u > /srv/third; cat /tmp/d/second >> /srv/third; touch /tmp/d/x || echo refused >> /srv/third")
    s2c.ok("build", runnable, "builder/onbuild", "myapp")
    found = files(s2c, "myapp")
    assert found["srv/first"][3] == b"1001\n"
    assert found["tmp/d/second"] == (0o644, 2000, 3000, b"2000\n3000\n")
    assert found["srv/third"][3] == b"1001\n2000\n3000\nrefused\n"
    assert s2c.config("myapp")["config"]["User"] == "app"
    history = s2c.config("myapp")["history"]
    assert len(history) == len(s2c.manifest("myapp")["layers"])
    assert [h["created_by"] for h in history[1:-1]] == ["COPY --chown=1001:0 . /srv", "RUN mkdir -p /tmp/d && id -u > /tmp/d/second && id -g >> /tmp/d/second"]
    s2c.fails("build", runnable, "builder/onbuild", "no", "--allowed-uids", "1001", status=4,
              match="trigger 'ONBUILD USER other:apps'.*user 2000 is not among the allowed ones \\(1001\\)")


# ---- after the triggers ----


def test_environment(s2c, onbuild, runnable, tmp_path):
    """The user's variables are seen by triggers, and win over theirs."""
    (runnable / ".s2i").mkdir()
    (runnable / ".s2i/environment").write_text("FROM_FILE=f\nX=file\n")
    (tmp_path / "vars").write_text("FROM_E=e\n")
    onbuild("ENV X=trigger Y=$FROM_FILE", "ARG Z=arg", "RUN echo $X $Y $Z $GREETING $FROM_E > /srv/seen",
            "COPY . /srv")
    s2c.ok("build", runnable, "builder/onbuild", "myapp", "-e", "GREETING=hi", "-E", tmp_path / "vars")
    assert files(s2c, "myapp")["srv/seen"][3] == b"trigger f arg hi e\n"
    env = s2c.config("myapp")["config"]["Env"]
    assert {"X=file", "Y=f", "GREETING=hi", "FROM_E=e", "FROM_FILE=f"} <= set(env)
    assert not [v for v in env if v.startswith("Z=")]


def test_own_assemble_and_run(s2c, onbuild, app):
    """Scripts of the source come along with it; assemble runs last."""
    (app / ".s2i/bin").mkdir(parents=True)
    (app / ".s2i/bin/assemble").write_text("echo \"assembled $(cat index.html) in $PWD\" > /srv/done\n")
    (app / ".s2i/bin/run").write_text("#!/bin/sh\ncat /srv/done\n")
    (app / "assemble").write_text("the source's own, which the script takes the place of\n")
    onbuild("WORKDIR /srv", "COPY . .")
    s2c.ok("build", app, "builder/onbuild", "myapp")
    assert s2c.config("myapp")["config"]["Entrypoint"] == ["./run"]
    assert s2c.ok("run", "myapp") == "assembled hello in /srv"
    (app / ".s2i/bin/assemble").write_text("exit 9\n")
    s2c.fails("build", app, "builder/onbuild", "myapp", status=3, match=r"assemble \(.s2i/bin\): RUN: it failed with status 9")


@pytest.mark.parametrize("names, entrypoint", [
    (["run"], "run"), (["start.sh", "run.sh"], "run.sh"), (["execute", "start"], "execute"),
    (["exec.sh", "run"], "exec.sh"), (["run.sh.bak", "runs", "start"], "start")])
def test_entrypoint(s2c, onbuild, app, names, entrypoint):
    for name in names:
        (app / name).write_text("#!/bin/sh\necho $0\n")
        (app / name).chmod(0o755)
    (app / "execute.sh").write_text("not executable\n")
    (app / "sub/exec").write_text("not at the top\n")
    (app / "sub/exec").chmod(0o755)
    onbuild("COPY . /srv")
    s2c.ok("build", app, "builder/onbuild", "myapp")
    assert s2c.config("myapp")["config"]["Entrypoint"] == ["./" + entrypoint]
    assert s2c.ok("run", "myapp") == "./" + entrypoint


def test_without_entrypoint(s2c, onbuild, app):
    onbuild("COPY . /srv")
    s2c.fails("build", app, "builder/onbuild", "myapp", status=2, match="no valid entrypoint")
    onbuild("COPY . /srv", 'CMD ["cat", "/srv/index.html"]', name="builder/cmd")
    done = s2c.run("build", app, "builder/cmd", "myapp")
    assert done.returncode == 0 and "starts with 'cat'" in done.stderr
    assert s2c.ok("run", "myapp") == "hello"
    onbuild("COPY . /srv", name="builder/image-cmd", Cmd=["cat", "sub/data"])
    s2c.ok("build", app, "builder/image-cmd", "myapp")
    assert s2c.ok("run", "myapp") == "data"
    # Not copied to the working directory: then it is no entrypoint either.
    (app / "run").write_text("#!/bin/sh\n")
    (app / "run").chmod(0o755)
    onbuild("COPY sub /srv/sub", name="builder/part", Cmd=["cat", "sub/data"])
    done = s2c.run("build", app, "builder/part", "myapp")
    assert done.returncode == 0 and "'run' of the source was not copied to '/srv'" in done.stderr


def test_only_configuration(s2c, onbuild, app):
    """Triggers that touch no file add no layer."""
    onbuild("ENV A=1", 'CMD ["echo", "x"]', "VOLUME /data", "STOPSIGNAL SIGINT",
            "HEALTHCHECK --interval=3s CMD true", 'SHELL ["/bin/sh", "-ec"]', "MAINTAINER me")
    s2c.ok("build", app, "builder/onbuild", "myapp")
    assert len(s2c.manifest("myapp")["layers"]) == 1
    config = s2c.config("myapp")
    assert config["config"]["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 3000000000}
    assert config["config"]["Shell"] == ["/bin/sh", "-ec"] and config["author"] == "me"
    assert config["config"]["Volumes"] == {"/data": {}} and config["config"]["StopSignal"] == "SIGINT"


def test_add_of_archives(s2c, onbuild, runnable):
    def tar(mode):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as made:
            for name, bits in (("in/tool", 0o4755), ("in/text", 0o644)):
                info = tarfile.TarInfo(name)
                info.size, info.mode, info.uid = 2, bits, 4711
                made.addfile(info, io.BytesIO(b"x\n"))
        return out.getvalue()

    (runnable / "plain.tar").write_bytes(tar("w"))
    (runnable / "packed.bin").write_bytes(tar("w:gz"))
    (runnable / "no.tar").write_text("no archive\n")
    onbuild("ADD plain.tar /a", "ADD packed.bin /b/", "ADD no.tar plain.tar /c/", "ADD sub /d", "COPY plain.tar /e/",
            "COPY . /srv")
    s2c.ok("build", runnable, "builder/onbuild", "myapp")
    found = files(s2c, "myapp")
    # The source's author gives nobody's files away, and no rights of others.
    assert found["a/in/tool"] == (0o755, 0, 0, b"x\n") and found["b/in/text"][:3] == (0o644, 0, 0)
    assert found["c/no.tar"][3] == b"no archive\n" and "c/in/tool" in found and found["d/data"][3] == b"data\n"
    assert "e/plain.tar" in found and "e/in" not in found
    (runnable / "evil.tar").write_bytes(b"")
    with tarfile.open(runnable / "evil.tar", "w") as made:
        info = tarfile.TarInfo("../../escape")
        made.addfile(info)
    onbuild("ADD evil.tar /a", "COPY . /srv", name="builder/evil")
    s2c.fails("build", runnable, "builder/evil", "no", status=2, match="archive 'evil.tar'")
    (runnable / "packed.xz").write_bytes(tar("w:xz"))
    onbuild("ADD packed.xz /a", name="builder/xz")
    s2c.fails("build", runnable, "builder/xz", "no", status=1, match="bzip2 or xz.*COPY")


def test_links_of_the_image_are_followed_inside(s2c, builder, onbuild, runnable):
    builder.make("builder/linked", assemble=None, run=None, files=[link("app", "/srv/real"), link("out", "/../../../tmp/z")])
    onbuild("COPY . /app/", "COPY index.html /out/", "WORKDIR /app", base="builder/linked")
    s2c.ok("build", runnable, "builder/onbuild", "myapp")
    found = files(s2c, "myapp")
    assert "srv/real/index.html" in found and "tmp/z/index.html" in found
    assert s2c.ok("run", "myapp").startswith("started in")


def test_mounts(s2c, onbuild, runnable, tmp_path):
    """Triggers see what the build is given, and no layer of the way may hold it."""
    (tmp_path / "token").write_text("a very secret token of this build\n")
    args = ("--inject", f"{tmp_path}/token:/etc/token", "--cache-mount", "mine:/tmp/cache",
            "--build-env", "ONLY=here", "--add-host", "there:10.1.2.3")
    onbuild("RUN wc -c < /etc/token > /srv/count; echo $ONLY > /srv/only; grep -c there /etc/hosts > /srv/hosts",
            "USER 2000:0", "RUN wc -c < /etc/token > /tmp/again && id -u > /tmp/uid", "COPY . /srv")
    s2c.ok("build", runnable, "builder/onbuild", "myapp", *args)
    found = files(s2c, "myapp")
    assert found["srv/count"][3] == found["tmp/again"][3] == b"34\n" and found["tmp/uid"][3] == b"2000\n"
    assert found["srv/only"][3] == b"here\n" and found["srv/hosts"][3] == b"1\n"
    assert not {"etc/token", "tmp/cache"} & set(found)
    assert not [v for v in s2c.config("myapp")["config"].get("Env", []) if v.startswith("ONLY")]
    onbuild("RUN cat /etc/token > /srv/leak", "USER 2000:0", "RUN echo goes on >&2", name="builder/leak")
    done = s2c.run("build", runnable, "builder/leak", "leaked", *args)
    assert done.returncode in (1, 4) and "srv/leak" in done.stderr and "goes on\n" not in done.stderr, done.stderr
    s2c.fails("inspect", "leaked", status=1, match="leaked")
    for blob in (s2c.root / "blobs/sha256").iterdir():
        data = blob.read_bytes()
        assert b"a very secret" not in (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)


def test_plan(s2c, onbuild, runnable):
    onbuild("COPY . /srv", "RUN id")
    plan = json.loads(s2c.ok("build", runnable, "builder/onbuild", "myapp", "--dry-run"))
    assert plan["triggers"] == ["COPY . /srv", "RUN id"] and plan["user"]["uid"] == 1001
    onbuild("COPY . /srv", "USER 0", name="builder/bad")
    s2c.fails("build", runnable, "builder/bad", "myapp", "--dry-run", status=4, match="trigger 'ONBUILD USER 0'")


def test_not_as_dockerfile(s2c, onbuild, runnable, tmp_path):
    onbuild("COPY . /srv")
    s2c.fails("build", runnable, "builder/onbuild", "--as-dockerfile", f"{tmp_path}/out/", status=1,
              match="run at FROM by themselves")


def test_same_digest_twice(s2c, onbuild, runnable):
    onbuild("COPY . /srv", "USER 2000:0", "RUN echo x > /srv/y || true", "USER 1001", "RUN true")
    env = {"SOURCE_DATE_EPOCH": "1000000000"}
    first = s2c.ok("build", runnable, "builder/onbuild", "one", env=env)
    assert s2c.ok("build", runnable, "builder/onbuild", "one", env=env) == first


def test_prune_after_a_failure(s2c, onbuild, runnable):
    """What was committed on the way does not stay for ever."""
    onbuild("COPY . /srv", "USER 2000", "RUN echo x > /tmp/x", "USER 1001", "RUN exit 3")
    s2c.fails("build", runnable, "builder/onbuild", "myapp", status=3, match="status 3")
    before = s2c.ok("images", "-q")
    assert not s2c.ok("prune").startswith("removed 0 blobs")
    assert s2c.ok("images", "-q") == before
    assert s2c.ok("prune").startswith("removed 0 blobs, 0 trees")


# ---- wherever images are built ----

everywhere = pytest.mark.parametrize("place", ["native", "rootless", "docker", "podman"], indirect=True)


def place_with(place, *triggers, **config):
    """builder/onbuild with these triggers, where the place builds."""
    local = getattr(place.builder, "local", place.builder)
    local.make("builder/base", assemble=None, run=None)
    add_triggers(place.s2c, "builder/base", "builder/onbuild", triggers, **config)
    if place.kind in ("docker", "podman"):
        place.builder.send("builder/onbuild")


@everywhere
def test_everywhere(place):
    app = place.tree("app", sub__data="data\n")
    place.put(app, "index.html", "hello\n")
    place.put(app, "run", "#!/bin/sh\necho \"$(cat index.html) $(cat /srv/log/uid) $V\"\n", 0o755)
    place_with(place, "ENV V=1", "WORKDIR /srv/app", "COPY . .", "COPY --chown=1001:0 sub /srv/log/",
               "RUN id -u > /srv/log/uid; touch no 2>/dev/null || echo readonly >> /srv/log/uid",
               "COPY index.html /srv/later", "RUN cat /srv/later >> /srv/log/uid", "LABEL x=y", "EXPOSE 81")
    place.build(app, "builder/onbuild", "myapp", "-e", "V=2")
    # With a single id all files have one owner while it runs, whatever the layers say.
    readonly = "" if place.kind == "rootless" else "readonly\n"
    assert place.run("myapp") == f"hello 1001\n{readonly}hello 2"
    config = place.config("myapp")
    assert config["User"] == "1001" and config["WorkingDir"] == "/srv/app" and config["Entrypoint"] == ["./run"]
    assert config["Labels"]["x"] == "y" and not config.get("OnBuild") and not config.get("Cmd")


@everywhere
def test_users_everywhere(place):
    app = place.tree("app")
    place.put(app, "run", "#!/bin/sh\nstat -c %u:%g /tmp/a /tmp/b/c; id -u\n", 0o755)
    place_with(place, "COPY run /srv/", "RUN touch /tmp/a", "USER other", "RUN mkdir /tmp/b && touch /tmp/b/c")
    place.build(app, "builder/onbuild", "myapp")
    if place.kind != "rootless":
        assert place.run("myapp").split() == ["1001:0", "2000:2000", "2000"]
        return
    owners = {}
    for index in (1, 2, 3):
        with place.s2c.layer("myapp", index) as tar:
            owners.update({m.name: (m.uid, m.gid) for m in tar})
    assert (owners["srv/run"], owners["tmp/a"], owners["tmp/b/c"]) == ((0, 0), (1001, 0), (2000, 2000))


@everywhere
def test_root_is_refused_everywhere(place):
    app = place.tree("app")
    place.put(app, "run", "#!/bin/sh\n", 0o755)
    place_with(place, "RUN echo must not run >&2", "USER root", "RUN id")
    done = place.fails(app, "builder/onbuild", "myapp", status=4, match="trigger 'ONBUILD USER root'.*--allowed-uids")
    assert "must not run\n" not in done.stderr and not place.has("myapp")


@everywhere
def test_failure_everywhere(place):
    app = place.tree("app")
    place.put(app, "run", "#!/bin/sh\n", 0o755)
    place_with(place, "COPY . /srv", "RUN true", "COPY run /srv/again", "RUN exit 5")
    before = place.engine.images() if place.kind in ("docker", "podman") else None
    place.fails(app, "builder/onbuild", "myapp", status=3, match="RUN: it failed with status 5")
    assert not place.has("myapp")
    if before is not None:
        assert place.engine.images() == before, "images of the way are left behind"


@pytest.mark.parametrize("place", ["native", "docker", "podman"], indirect=True)
def test_caches_of_triggers(place):
    """Each RUN sees what the one before has left, in this build and in the next one."""
    app = place.tree("app")
    place.put(app, "run", "#!/bin/sh\n", 0o755)
    place_with(place, "COPY . /srv/a/", "RUN echo \"first $(cat /tmp/c/* 2>/dev/null)\"; echo 1 > /tmp/c/one", "USER 2000:0",
               "USER 1001:0", "COPY run /srv/run", "RUN echo \"second $(cat /tmp/c/*)\"; echo 2 > /tmp/c/two")
    args = (app, "builder/onbuild", "myapp", "--cache-mount", "c:/tmp/c")
    said = place.builds(*args)
    assert "\nfirst \n" in said and "\nsecond 1\n" in said, said
    said = place.builds(*args)
    assert "\nfirst 1\n2\n" in said and "\nsecond 1\n2\n" in said, said
    assert not [name for name in place.names("myapp") if name.startswith("tmp/c")]


READ = "has triggers: that is read out of its export, once"


@pytest.mark.parametrize("place", ["podman"], indirect=True)
def test_podman_is_asked_once(place):
    """Its API does not tell of triggers, and its commit would keep them: the image has none."""
    app = place.tree("app")
    place.put(app, "run", "#!/bin/sh\necho started\n", 0o755)
    place_with(place, "COPY . /srv", "RUN echo x > /srv/x || true", "COPY run /srv/again")
    assert not place.engine.image("builder/onbuild")["Config"]["OnBuild"]
    assert READ in place.builds(app, "builder/onbuild", "myapp")
    assert not place.engine.whole_config("myapp").get("OnBuild") and place.run("myapp") == "started"
    assert READ not in place.builds(app, "builder/onbuild", "myapp")
    place_with(place, "COPY . /srv", "RUN exit 3")
    assert READ in place.fails(app, "builder/onbuild", "myapp2", status=3, match="failed with status 3").stderr


@pytest.mark.parametrize("place", ["podman"], indirect=True)
def test_podman_runtime_image_with_triggers(place):
    """They are of no use in the result, which begins with that image."""
    app = place.tree("app", x="x")
    place.make("builder/test", "ENV A=b", assemble="echo built > /srv/built\n", run="cat built\n")
    place_with(place, "RUN must not run", WorkingDir="/srv", Cmd=["true"])
    place.build(app, "builder/test", "myapp", "--runtime-image", "builder/onbuild", "-a", "/srv/built")
    assert not place.engine.whole_config("myapp").get("OnBuild")


@pytest.mark.parametrize("place", ["podman"], indirect=True)
def test_podman_metadata(place):
    """What its commit has no words for is told, once; the rest is there."""
    app = place.tree("app")
    place.put(app, "run", "#!/bin/sh\n", 0o755)
    place_with(place, "COPY . /srv", *METADATA, "EXPOSE 83/sctp", "RUN mkdir -p /tmp/d; echo x > /tmp/d/x",
               "COPY run /data/file")
    said = place.builds(app, "builder/onbuild", "myapp")
    assert said.count("the image does not get") == 3, said
    for what in ("EXPOSE 83/sctp", "HEALTHCHECK", "SHELL"):
        assert said.count(f"the image does not get {what}:") == 1, said
    config = place.config("myapp")
    assert config["ExposedPorts"] == {"81/tcp": {}, "82/udp": {}}
    assert config["Volumes"] == {"/data": {}, "/more": {}} and config["StopSignal"] == "2"
    assert not place.engine.whole_config("myapp").get("OnBuild")


METADATA = ("EXPOSE 81 82/udp", "VOLUME /data /more", "STOPSIGNAL SIGINT",
            "HEALTHCHECK --interval=3s --retries=2 CMD true", 'SHELL ["/bin/sh", "-ec"]')


@pytest.mark.parametrize("place", ["native", "docker"], indirect=True)
def test_metadata(place):
    """What triggers say of the image is the image's, also where files of it are committed on the way."""
    app = place.tree("app")
    place.put(app, "run", "#!/bin/sh\n", 0o755)
    place_with(place, "COPY . /srv", *METADATA, "RUN mkdir -p /tmp/d; echo x > /tmp/d/x", "COPY run /data/file",
               "RUN echo y > /tmp/d/y")
    assert "does not get" not in place.builds(app, "builder/onbuild", "myapp")
    config = place.config("myapp")
    assert config["ExposedPorts"] == {"81/tcp": {}, "82/udp": {}}
    assert config["Volumes"] == {"/data": {}, "/more": {}} and config["StopSignal"] == "SIGINT"
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 3000000000, "Retries": 2}
    assert config["Shell"] == ["/bin/sh", "-ec"] and not config.get("OnBuild")
    place_with(place, "COPY . /srv", "EXPOSE 81", 'SHELL ["/bin/sh", "-ec"]', "RUN false; true && true")
    place.fails(app, "builder/onbuild", "myapp2", status=3, match="failed with status 1")


BASE = {"ExposedPorts": {"80/tcp": {}}, "Volumes": {"/v": {}}, "StopSignal": "SIGQUIT", "Shell": ["/bin/sh", "-uc"],
        "Healthcheck": {"Test": ["CMD", "false"], "Interval": 7000000000, "StartPeriod": 5000000000, "Retries": 9}}


@pytest.mark.parametrize("place", ["docker"], indirect=True)
def test_metadata_over_that_of_the_image(place):
    """An engine merges it; what a trigger does not say is not what the image said."""
    app = place.tree("app")
    place.put(app, "run", "#!/bin/sh\n", 0o755)
    place_with(place, "COPY . /srv", "EXPOSE 81", "HEALTHCHECK --timeout=4s CMD true", **BASE)
    place.build(app, "builder/onbuild", "myapp")
    config = place.config("myapp")
    assert config["ExposedPorts"] == {"80/tcp": {}, "81/tcp": {}} and config["Volumes"] == {"/v": {}}
    assert config["StopSignal"] == "SIGQUIT" and config["Shell"] == ["/bin/sh", "-uc"]
    # The numbers are those that an engine takes without any.
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "true"], "Interval": 30000000000, "Timeout": 4000000000,
                                     "StartPeriod": 1000000, "Retries": 3}
    place_with(place, "COPY . /srv", "HEALTHCHECK NONE", **BASE)
    place.build(app, "builder/onbuild", "myapp")
    assert place.config("myapp")["Healthcheck"]["Test"] == ["NONE"]


@pytest.mark.parametrize("place", ["docker", "podman"], indirect=True)
def test_metadata_of_the_image_stays(place):
    """Also without triggers: the containers of a build have no health check, its image has the builder's."""
    app = place.tree("app", x="x")
    local = place.builder.local
    local.make("builder/base", "LABEL a=b")
    add_triggers(place.s2c, "builder/base", "builder/plain", None, **BASE)
    place.builder.send("builder/plain")
    assert "does not get" not in place.builds(app, "builder/plain", "myapp")
    config = place.engine.whole_config("myapp")
    assert {key: config[key] for key in BASE} == BASE
