"""Builds by real container engines: the same results as s2c's own."""
import base64
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import tarfile
import time

import pytest

from engines import Engine, base_dir
from fixtures_engine import EngineBuilder
from fixtures_registry import PASSWORD, USER, http_get
from support import ASSEMBLE, S2C, processes_with

# Mount points that podman makes in a container and commits.
PODMAN_MAKES = {"etc", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "run",
                "run/.containerenv", "run/secrets", "dev", "proc", "sys"}
SAME = ("User", "Env", "Cmd", "Entrypoint", "WorkingDir", "Labels")


def native_config(s2c, image):
    config = s2c.config(image)["config"]
    return {k: config[k] for k in SAME if config.get(k)}


def engine_config(engine, image):
    config = engine.config(image)
    config["Env"] = sorted(config.get("Env", []))
    return {k: config[k] for k in SAME if config.get(k)}


def test_same_as_native(s2c, engine, made, app):
    image_id = made.build(app, "builder/test", "myapp", "-e", "GREETING=hi", "-e", "ODD= 'a\"b\\c$d `e` ")
    s2c.ok("build", app, "builder/test", "myapp", "-e", "GREETING=hi", "-e", "ODD= 'a\"b\\c$d `e` ")
    assert engine.image("myapp")["Id"] == image_id
    own = native_config(s2c, "myapp")
    own["Env"] = sorted(own["Env"])
    assert engine_config(engine, "myapp") == own
    with engine.layer("myapp") as theirs, s2c.layer("myapp") as ours:
        files = {n: (m.uid, m.gid, m.mode, m.size) for n, m in ((m.name, m) for m in ours)}
        found = {m.name.rstrip("/"): (m.uid, m.gid, m.mode & 0o7777, m.size) for m in theirs}
        # Files were there and are gone, so that /tmp is newer than it was.
        found.pop("tmp", None)
        if engine.name == "podman":
            assert not any(m.size for m in theirs if m.name.rstrip("/") in PODMAN_MAKES)
            found = {n: m for n, m in found.items() if n not in PODMAN_MAKES}
        assert found == files
        assert theirs.extractfile("srv/uid").read() == b"1001\n"


def test_runs(engine, made, app):
    made.build(app, "builder/test", "myapp", "-e", "GREETING=hi")
    assert engine.run("myapp") == "run says: hello hi\n1001\n"


def test_history_is_the_builds(s2c, made, dockerd, engine, app):
    made.build(app, "builder/test", "myapp")
    if engine.name == "docker":
        line = engine.json("GET", "/images/myapp/history")[0]["CreatedBy"]
        assert line == f"s2c build {app} builder/test:latest"
    assert "GREETING" not in json.dumps(engine.json("GET", "/images/myapp/history"))


def test_exit_status_is_the_scripts(s2c, engine, made, app):
    made.make("builder/seven", assemble="#!/bin/sh\necho says; exit 7\n")
    done = s2c.fails("build", app, "builder/seven", "--engine", engine.url, status=3, match="status 7")
    assert "says" in done.stderr
    made.make("builder/killed", assemble="#!/bin/sh\nkill -9 $$\n")
    s2c.fails("build", app, "builder/killed", "--engine", engine.url, status=3, match="signal 9")
    for status in (125, 126, 127):
        made.make("builder/high", assemble=f"#!/bin/sh\nexit {status}\n")
        s2c.fails("build", app, "builder/high", "--engine", engine.url, status=3, match=f"status {status}")


def test_entrypoint_does_not_swallow_assemble(engine, made, app):
    made.make("builder/entry", 'ENTRYPOINT ["/bin/echo", "swallowed"]')
    made.build(app, "builder/entry", "myapp")
    assert "srv/index.html" in engine.names_in_layer("myapp")
    assert engine.config("myapp")["Entrypoint"] == ["/bin/echo", "swallowed"]
    assert engine.config("myapp")["Cmd"] == ["/usr/libexec/s2i/run"]


def test_process_has_no_rights(engine, made, app):
    script = ASSEMBLE + "grep -E '^(Cap|NoNew)' /proc/self/status > /srv/rights\n"
    made.make("builder/rights", assemble=script)
    made.build(app, "builder/rights", "myapp")
    with engine.layer("myapp") as tar:
        lines = tar.extractfile("srv/rights").read().decode().split("\n")
    rights = dict(line.split(":\t") for line in lines if line)
    assert rights.pop("NoNewPrivs") == "1"
    assert set(rights.values()) == {"0" * 16} and len(rights) == 5


HOSTS_PROBE = ASSEMBLE + """
grep -q '127.0.0.1.*localhost' /etc/hosts; grep ' /etc/hosts ' /proc/self/mountinfo >/srv/mount
tail -n +3 /proc/net/dev | cut -d: -f1 >/srv/interfaces
(echo x >>/etc/hosts) 2>/dev/null && exit 9
:
"""


@pytest.mark.parametrize("installed", [False, True])
def test_no_network_has_a_localhost(engine, made, app, hosts_file, installed):
    """Whoever sees to it: the engine, or with docker a file that is installed with s2c."""
    made.make("builder/hosts", assemble=HOSTS_PROBE)
    env = {"S2C_GATE_HOSTS": hosts_file if installed else "/nonexistent"}
    made.build(app, "builder/hosts", "myapp", "--network", "none", env=env)
    with engine.layer("myapp") as tar:
        names = {m.name.rstrip("/") for m in tar}
        mount = tar.extractfile("srv/mount").read().decode()
        assert tar.extractfile("srv/interfaces").read().split() == [b"lo"]
    ours = installed and engine.name == "docker"
    assert (f"{hosts_file} /etc/hosts ro" in mount) == ours, mount
    assert engine.name == "podman" or not {n for n in names if n.startswith("etc")}, names
    assert engine.run("myapp", "cat", "/srv/index.html")


@pytest.mark.parametrize("user,uid", [("app", "1001"), ("other:apps", "2000"), ("2000:5", "2000")])
def test_users(engine, made, app, user, uid):
    made.make("builder/user", user=user, assemble="#!/bin/sh\nid -u > /tmp/uid; id -g >> /tmp/uid\n")
    made.build(app, "builder/user", "myapp")
    with engine.layer("myapp") as tar:
        assert tar.extractfile("tmp/uid").read().split()[0].decode() == uid


def test_a_user_without_account(s2c, engine, made, app):
    """podman gives it a line in /etc/passwd, which must not be in the image."""
    made.make("builder/tmp", assemble="#!/bin/sh\nset -e\ncp -R /tmp/src/. /tmp/out\n")
    made.build(app, "builder/tmp", "myapp", "--assemble-user", "3333:4444")
    assert engine.run("myapp", "cat", "/etc/passwd") == engine.run("builder/test", "cat", "/etc/passwd")
    with engine.layer("myapp") as tar:
        assert (tar.getmember("tmp/out/index.html").uid, tar.getmember("tmp/out/index.html").gid) == (3333, 4444)


@pytest.mark.parametrize("user", ["0", "root", "sneaky", "00", ""])
def test_root_is_refused(s2c, engine, made, app, user):
    made.make("builder/root", user=user)
    s2c.fails("build", app, "builder/root", "--engine", engine.url, status="00" == user and 2 or 4, match="root|uid 0|00")


def test_variables_for_the_build_alone(s2c, engine, made, app, tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.write_text("certificates\n")
    script = ASSEMBLE + 'cat "$SSL_CERT_FILE" > /srv/seen; echo "$HTTPS_PROXY" >> /srv/seen\n'
    made.make("builder/ca", assemble=script)
    env = {"HTTPS_PROXY": "http://user:secret@proxy.invalid"}
    made.build(app, "builder/ca", "myapp", "--ca-bundle", bundle, env=env)
    with engine.layer("myapp") as tar:
        assert tar.extractfile("srv/seen").read() == b"certificates\n" + env["HTTPS_PROXY"].encode() + b"\n"
        names = tar.getnames()
    assert not [n for n in names if n.startswith("tmp/")], names
    shown = json.dumps([engine.image("myapp"), engine.json("GET", "/images/myapp/history")])
    assert "secret" not in shown and "SSL_CERT_FILE" not in shown


def test_build_files_do_not_stay(engine, made, app):
    (app / "locked").mkdir(mode=0o755)
    (app / "locked" / "file").write_text("x")
    (app / "locked").chmod(0o555)
    made.make("builder/opt", assemble=ASSEMBLE.replace("/tmp", "/opt/build"))
    done = made.s2c.run("build", app, "builder/opt", "myapp", "--destination", "/opt/build",
                        "--engine", engine.url)
    # Its parent is root's, so that nothing but the directory itself is left.
    assert done.returncode == 0 and "'/opt/build/src' could not be removed" in done.stderr, done.stderr
    names = engine.names_in_layer("myapp")
    assert [n.rstrip("/") for n in names if n.startswith("opt/build/src")] == ["opt/build/src"], names
    made.build(app, "builder/test", "kept", "--keep-build-files")
    assert "tmp/src/index.html" in engine.names_in_layer("kept")


def test_labels_of_the_script(engine, made, app):
    meta = '{"labels":[{"a.b":"c d"},{"quote":"say \\\\"hi\\\\""}]}'
    script = ASSEMBLE + f"mkdir /tmp/.s2i\nprintf '{meta}' > /tmp/.s2i/image_metadata.json\nprintf 'no newline'\n"
    made.make("builder/labels", assemble=script)
    made.build(app, "builder/labels", "myapp")
    labels = engine.config("myapp")["Labels"]
    assert labels["a.b"] == "c d" and labels["quote"] == 'say "hi"'
    assert not [n for n in engine.names_in_layer("myapp") if n.startswith("tmp/")]


def test_scripts_of_the_source(engine, made, app):
    (app / ".s2i/bin").mkdir(parents=True)
    for name, text in (("assemble", "#!/bin/sh\necho mine > /srv/mine\n"), ("run", "#!/bin/sh\necho my run\n")):
        (app / ".s2i/bin" / name).write_text(text)
    made.build(app, "builder/test", "myapp")
    assert "srv/mine" in engine.names_in_layer("myapp")
    assert engine.run("myapp") == "my run\n"


def test_destination_behind_a_link(engine, made, app):
    """/data leads to a directory that is not there."""
    info = tarfile.TarInfo("data")
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, "/var/elsewhere", 0o777
    made.make("builder/link", files=[(info, None)],
              assemble="#!/bin/sh\nset -e\nls -ld /var/elsewhere/src > /srv/ls\ncp -R /data/src/. /srv/\n")
    made.build(app, "builder/link", "myapp", "--destination", "/data")
    with engine.layer("myapp") as tar:
        assert b" 1001 " in tar.extractfile("srv/ls").read() or b" app " in tar.extractfile("srv/ls").read()
        assert tar.extractfile("srv/index.html").read() == b"hello\n"


def executable(name, size=0):
    info = tarfile.TarInfo(name)
    info.mode, info.size = 0o755, size
    return info


def gnu_tar():
    """The host's tar, which is GNU's, with what it is linked to: for Builder.make(files=...)."""
    found = subprocess.run(["ldd", "/usr/bin/tar"], check=True, capture_output=True, text=True).stdout
    libraries = {word for word in found.split() if word.startswith("/")}
    files = []
    for path in ["/usr/bin/tar", *sorted(libraries)]:
        data = pathlib.Path(path).read_bytes()
        files.append((executable(path.lstrip("/"), len(data)), data))
    return files


LISTS = """#!/bin/sh
set -e
(cd /tmp; find src scripts | sort | while IFS= read -r f; do stat -c '%n %F %a %u %g %s %h %y %N' "$f"; done; cd src; \
find . -type f | sort | while IFS= read -r f; do md5sum "$f" 2>/dev/null || :; done) > /srv/list
if read -r line; then echo "$line" > /srv/line; fi
"""


def odd_source(app):
    """All that a tar may lose: modes, times, links, empty directories, long and odd names."""
    (app / "empty/below").mkdir(parents=True)
    (app / "empty").chmod(0o700)
    for name, mode in (("tool", 0o755), ("secret", 0o400), ("l" * 200, 0o644), ("\u00e9\t'\" $(x)", 0o644)):
        (app / name).write_text(name)
        (app / name).chmod(mode)
    (app / ("d" * 120) / ("e" * 120)).mkdir(parents=True)
    (app / ("d" * 120) / ("e" * 120) / "deep").write_text("deep")
    with open(os.fsencode(app) + b"/\xff\xfe", "w", encoding="ascii") as odd:
        odd.write("odd")
    (app / "link").symlink_to("tool")
    (app / "away").symlink_to("/etc/passwd")
    (app / "up").symlink_to("empty/../nowhere")
    os.link(app / "tool", app / "same")
    (app / ".s2i/bin").mkdir(parents=True)
    (app / ".s2i/bin/assemble").write_text(LISTS)
    # Engines that get a tar round times to microseconds.
    for at, (parent, directories, files) in enumerate(os.walk(os.fsencode(app), topdown=False)):
        for path in [os.path.join(parent, name) for name in directories + files] + [parent]:
            os.utime(path, ns=(0, 1_500_000_000_123_457_000 + at * 1_000_001_000), follow_symlinks=False)


def test_by_the_images_tar(s2c, engine, made, app):
    """A small source goes to the image's tar where that is GNU's, with the same result."""
    odd_source(app)
    made.make("builder/gnu", files=gnu_tar())
    made.build(app, "builder/gnu", "cold")
    done = s2c.run("build", app, "builder/gnu", "piped", "--engine", engine.url, "--log-level", "debug", env={"S2C_TRACE": "http"})
    assert done.returncode == 0, done.stderr
    assert "http: PUT " not in done.stderr and "http: POST " in done.stderr
    sent = s2c.run("build", app, "builder/test", "sent", "--engine", engine.url, "--log-level", "debug", env={"S2C_TRACE": "http"})
    assert "http: PUT " in sent.stderr and sent.returncode == 0, sent.stderr
    lists = []
    for name in ("cold", "piped", "sent"):
        with engine.layer(name) as tar:
            lists.append(tar.extractfile("srv/list").read().split(b"\n"))
            assert "srv/line" not in tar.getnames()
            assert not [n for n in tar.getnames() if n.startswith("tmp/")]
    assert lists[0] == lists[1] == lists[2]
    assert len(lists[0]) > 25


def test_a_large_source_is_sent(s2c, engine, made, app):
    (app / "large").write_bytes(os.urandom(9 << 20))
    made.make("builder/gnu", files=gnu_tar(), assemble="#!/bin/sh\nmd5sum /tmp/src/large > /srv/sum\n")
    made.build(app, "builder/gnu", "myapp")
    want = hashlib.md5((app / "large").read_bytes(), usedforsecurity=False).hexdigest().encode()
    with engine.layer("myapp") as tar:
        assert tar.extractfile("srv/sum").read().startswith(want)


FALSE_TAR = b"#!/bin/sh\n# GNU tar\necho cannot >&2; exit 2\n"


def test_a_tar_that_fails(s2c, engine, made, app):
    """It says that it is GNU's, and is not."""
    made.make("builder/false", files=[(executable("usr/bin/tar", len(FALSE_TAR)), FALSE_TAR)])
    done = s2c.fails("build", app, "builder/false", "--engine", engine.url, status=1, match="could not unpack")
    assert "cannot" in done.stderr


def test_image_without_shell(s2c, engine, made, app, tmp_path):
    path = tmp_path / "bare.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("scripts/assemble", "scripts/run"):
            tar.add("/bin/busybox", name)
    s2c.ok("import", path, "builder/bare", "--change", "USER 1001",
           "--change", "LABEL io.openshift.s2i.scripts-url=image:///scripts")
    made.send("builder/bare")
    # busybox called as "assemble" is an unknown applet: it ran, which is what counts here.
    s2c.fails("build", app, "builder/bare", "--engine", engine.url, status=3, match="127|assemble")


def test_missing_assemble(s2c, engine, made, app):
    made.make("builder/none", assemble=None)
    s2c.fails("build", app, "builder/none", "--engine", engine.url, status=1, match="no executable file")


def test_volume_is_refused(s2c, engine, made, app):
    made.make("builder/volume", "VOLUME /srv")
    s2c.fails("build", app, "builder/volume", "--engine", engine.url, status=1, match="declares volume '/srv'")


def test_volume_elsewhere(s2c, engine, made, app):
    """podman lists it among the binds of the container; it goes with it."""
    made.make("builder/other", "VOLUME /data")
    done = s2c.run("build", app, "builder/other", "myapp", "--engine", engine.url)
    assert done.returncode == 0 and "declares volume '/data'" in done.stderr, done.stderr
    assert not engine.json("GET", "/volumes")["Volumes"]


def test_names_and_ids(s2c, engine, made, app):
    image_id = made.build(app, "builder/test", "localhost/one:v1", "--tag", "localhost/two:v2")
    assert engine.image("localhost/one:v1")["Id"] == engine.image("localhost/two:v2")["Id"] == image_id
    untagged = made.build(app, "builder/test")
    assert engine.image(untagged)["Id"] == untagged
    by_id = engine.image("builder/test")["Id"]
    made.build(app, by_id, "from-id")


def test_no_such_builder(s2c, engine, made, app):
    s2c.fails("build", app, "builder/absent", "--engine", engine.url, status=1, match="not in the engine")
    s2c.fails("build", app, "localhost:1/absent", "--engine", engine.url, "--pull-policy", "never",
              status=1, match="not in the engine")


def test_outputs(s2c, engine, made, app, tmp_path):
    image_id = made.build(app, "builder/test", "myapp", "--output", f"oci:{tmp_path}/oci",
                          "--output", f"docker-archive:{tmp_path}/docker.tar")
    other = S2C(tmp_path / "other")
    other.ok("load", f"docker-archive:{tmp_path}/docker.tar")
    assert other.inspect("myapp")["Id"] == image_id
    assert "srv/index.html" in other.names_in_layer("myapp")
    other.ok("load", f"oci:{tmp_path}/oci")


def test_metadata_file(s2c, engine, made, app, tmp_path):
    image_id = made.build(app, "builder/test", "myapp", "--iidfile", tmp_path / "id",
                          "--digest-file", tmp_path / "digest", "--metadata-file", tmp_path / "meta")
    assert (tmp_path / "id").read_text() == image_id and (tmp_path / "digest").read_text() == ""
    assert json.loads((tmp_path / "meta").read_text())["containerimage.config.digest"] == image_id


def test_dry_run(s2c, engine, made, app):
    plan = json.loads(made.build(app, "builder/test", "myapp", "--dry-run"))
    assert plan["builder"]["name"] == "builder/test:latest"


def test_failed_build_leaves_no_image(s2c, engine, made, app):
    made.make("builder/bad", assemble="#!/bin/sh\nexit 1\n")
    before = engine.images()
    s2c.run("build", app, "builder/bad", "myapp", "--engine", engine.url)
    assert engine.images() == before


def wait_for(text, process):
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"no '{text}'")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_cancel(s2c, engine, made, app, how):
    made.make("builder/slow", assemble="#!/bin/sh\necho begun; sleep 1000\n")
    process = s2c.start("build", app, "builder/slow", "--engine", engine.url)
    wait_for("begun", process)
    process.send_signal(how)
    assert process.wait(60) != 0
    process.communicate()


def test_kill_ends_the_build(s2c, engine, made, app):
    """The gate of the build outlives it by as long as it takes to remove the container."""
    made.make("builder/slow", assemble="#!/bin/sh\necho begun; sleep 1000\n")
    process = s2c.start("build", app, "builder/slow", "--engine", engine.url)
    wait_for("begun", process)
    process.kill()
    process.communicate()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if not engine.containers() and not processes_with(str(s2c.root)):
            break
        time.sleep(0.1)
    assert engine.containers() == []
    # The next command clears away what was on this side; the gate has gone by itself.
    s2c.ok("images")
    s2c.assert_clean()


def test_kill_of_both_ends_the_build(s2c, engine, made, app):
    """With the gate killed as well nothing runs any more, and the next build removes the rest."""
    made.make("builder/slow", assemble="#!/bin/sh\necho begun; sleep 1000\n")
    process = s2c.start("build", app, "builder/slow", "--engine", engine.url)
    wait_for("begun", process)
    for pid in [p for p in processes_with(str(s2c.root)) if p != process.pid]:
        os.kill(pid, signal.SIGKILL)
    process.kill()
    process.communicate()
    s2c.ok("build", app, "builder/test", "--engine", engine.url)
    end = time.monotonic() + 60
    while engine.containers() and time.monotonic() < end:
        s2c.ok("build", app, "builder/test", "--engine", engine.url)
    assert engine.containers() == []


def test_timeout(s2c, engine, made, app):
    made.make("builder/slow", assemble="#!/bin/sh\ntrap 'echo told; exit 3' TERM\necho begun\nwhile :; do sleep 1; done\n")
    done = s2c.run("build", app, "builder/slow", "--engine", engine.url, "--timeout", "5")
    assert done.returncode == 124, done.stderr
    assert "told" in done.stderr


def test_the_engine_dies(s2c, rootfs_tar, app):
    engine = Engine("docker", base_dir())
    try:
        engine.start()
        made = EngineBuilder(engine, s2c, rootfs_tar)
        made.make("builder/slow", assemble="#!/bin/sh\necho begun; sleep 1000\n")
        process = s2c.start("build", app, "builder/slow", "--engine", engine.url)
        wait_for("begun", process)
        engine.process.kill()
        _, err = process.communicate(timeout=60)
        assert process.returncode == 1
        assert "engine at" in err.strip().split("\n")[-1], err
    finally:
        engine.stop()


def test_environment_names_the_engine(s2c, engine, made, app):
    s2c.ok("build", app, "builder/test", "by-env", env={"S2C_ENGINE": engine.url})
    name = {"docker": "DOCKER_HOST", "podman": "CONTAINER_HOST"}[engine.name]
    s2c.ok("build", app, "builder/test", "by-host", "--engine", engine.name, env={name: engine.url})
    s2c.ok("build", app, "builder/test", "by-url", "-U", engine.url)


@pytest.mark.parametrize("word,match", [
    ("rkt", "no engine"), ("unix://relative", "absolute"), ("ssh://127.0.0.1:1", "no way to an engine"),
    ("unix:///nonexistent/sock", "no engine's socket")])
def test_bad_engines(s2c, builder, app, word, match):
    done = s2c.run("build", app, "builder/test", "--engine", word)
    assert done.returncode in (1, 2) and match in done.stderr, done.stderr


def test_many_files(engine, made, app):
    for i in range(300):
        (app / f"file{i}").write_text(f"{i}\n" * i)
    (app / "big").write_bytes(b"\0" * 5_000_000)
    made.build(app, "builder/test", "myapp")
    with engine.layer("myapp") as tar:
        assert tar.extractfile("srv/file299").read() == b"299\n" * 299
        assert tar.getmember("srv/big").size == 5_000_000


# ---- registries ----


@pytest.fixture(params=["docker", "podman"])
def place(request, s2c, rootfs_tar, docker_registry, authfile):
    """(engine, host, flags): a registry that wants a login and has builder/test as b/test:1."""
    host = docker_registry(users=True)
    flags = ["--authfile", authfile(host)]
    if request.param == "docker":
        found = request.getfixturevalue("dockerd")
    else:
        found = Engine("podman", base_dir(), plain=[host])
        request.addfinalizer(found.stop)
        found.start()
    EngineBuilder(found, s2c, rootfs_tar).local.make("builder/test")
    s2c.ok("push", "builder/test", f"{host}/b/test:1", *flags)
    yield found, host, flags
    assert not found.containers()


def digest_in(host, name, tag):
    login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    status, body = http_get(f"http://{host}/v2/{name}/manifests/{tag}", Authorization=f"Basic {login}",
                            Accept="application/vnd.docker.distribution.manifest.v2+json, "
                                   "application/vnd.oci.image.manifest.v1+json")
    assert status == 200, body
    return "sha256:" + hashlib.sha256(body).hexdigest()


def test_pull_and_push(s2c, place, app, tmp_path):
    engine, host, flags = place
    out = s2c.ok("build", app, f"{host}/b/test:1", f"{host}/team/app:v1", "--tag", f"{host}/team/app:v2",
                 "--push", "--engine", engine.url, "--digest-file", tmp_path / "digest", *flags)
    digest = digest_in(host, "team/app", "v1")
    assert digest_in(host, "team/app", "v2") == digest == (tmp_path / "digest").read_text()
    assert out == f"{host}/team/app@{digest}"
    labels = engine.config(f"{host}/team/app:v1")["Labels"]
    assert labels["io.openshift.s2i.build.image"] == f"{host}/b/test:1"


def test_push_with_s2c(s2c, place, app, tmp_path):
    engine, host, flags = place
    done = s2c.run("build", app, f"{host}/b/test:1", f"{host}/team/own:v1", "--push", "--push-with", "s2c",
                   "--engine", engine.url, "--digest-file", tmp_path / "digest", *flags)
    assert done.returncode == 0, done.stderr
    assert digest_in(host, "team/own", "v1") == (tmp_path / "digest").read_text()


def test_wrong_credentials(s2c, place, app, authfile):
    engine, host, flags = place
    wrong = ["--authfile", authfile(host, password="wrong", name="wrong.json")]
    s2c.fails("build", app, f"{host}/b/test:1", "--engine", engine.url, "--pull-policy", "always", *wrong,
              status=4, match="pull '.*unauthorized|pull '.*auth")
    s2c.ok("build", app, f"{host}/b/test:1", "--engine", engine.url, *flags)
    done = s2c.fails("build", app, f"{host}/b/test:1", f"{host}/team/no:1", "--push", "--engine", engine.url,
                     *wrong, status=4, match="in the engine, but not pushed")
    assert PASSWORD not in done.stderr and "wrong\"" not in done.stderr


def test_pull_policies(s2c, place, app):
    engine, host, flags = place
    engine.remove(f"{host}/b/test:1")
    s2c.fails("build", app, f"{host}/b/test:1", "--engine", engine.url, "--pull-policy", "never", *flags,
              status=1, match="not in the engine")
    s2c.fails("build", app, f"{host}/b/none:1", "--engine", engine.url, *flags, status=1, match="pull '")
    first = s2c.run("build", app, f"{host}/b/test:1", "--engine", engine.url, *flags)
    again = s2c.run("build", app, f"{host}/b/test:1", "--engine", engine.url, *flags)
    always = s2c.run("build", app, f"{host}/b/test:1", "--engine", engine.url, "--pull-policy", "always", *flags)
    assert [done.returncode for done in (first, again, always)] == [0, 0, 0], again.stderr + always.stderr
    assert ["pull " in done.stderr for done in (first, again, always)] == [True, False, True]


def test_registry_is_gone(s2c, engine, made, app):
    s2c.fails("build", app, "127.0.0.1:1/b/test:1", "--engine", engine.url, status=1, match="cannot be reached")
