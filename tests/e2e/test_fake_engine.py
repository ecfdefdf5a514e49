"""Engines that misbehave: a clear error, and nothing left in them. And good ones that see to it
that s2c asks for nothing but what a gate lets through, and its gate for what it should."""
import io
import os
import pathlib
import re
import sys
import tarfile
import tempfile
import shutil

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "fakes"))

from engine import FakeEngine, LAYER  # noqa: E402


@pytest.fixture(params=["direct", "gate"])
def fake(request):
    """A scripted engine that is spoken to as it is, and one behind the gate of the build."""
    yield from scripted(request.param == "gate")


@pytest.fixture
def direct():
    """For answers that a gate never passes on."""
    yield from scripted(False)


def scripted(gate):
    directory = tempfile.mkdtemp(prefix="s2c-f")  # the path of a socket has to be short
    engine = FakeEngine(pathlib.Path(directory) / "sock", gate=gate)
    with engine:
        yield engine
        assert not engine.violations, engine.violations
    shutil.rmtree(directory)


def build(s2c, fake, app, *args, **kwargs):
    done = s2c.run("build", app, "builder/test", "myapp", "--engine", fake.url, *args, **kwargs)
    s2c.assert_clean()
    return done


def fails(s2c, fake, app, match, *args, status=1, left=0):
    """The build fails with a sentence; containers are gone, and so is every image it made."""
    done = build(s2c, fake, app, *args)
    last = done.stderr.strip().split("\n")[-1]
    assert done.returncode == status, done.stderr
    assert last.startswith("s2c: ") and re.search(match, last), done.stderr
    assert "gate.sock" not in done.stderr
    assert len(fake.containers) == left, done.stderr
    assert len(fake.images) == 1 and "myapp:latest" not in fake.names
    return done


def test_good_build(s2c, fake, app):
    fake.metadata = b'{"labels":[{"a":"b"}]}'
    done = build(s2c, fake, app, "-e", "A=b", "--memory", "64m", "--cpus", "1.5", "--network", "none")
    assert done.returncode == 0, done.stderr
    assert "assemble runs" in done.stderr
    image = fake.images[fake.names["myapp:latest"]]
    assert image["Config"]["Labels"]["a"] == "b"
    assert sorted(image["Config"]["Env"]) == ["A=b", "PATH=/bin"]
    assert image["RootFS"]["Layers"][0] == LAYER
    assert not fake.containers


@pytest.fixture
def hosts(hosts_file):
    """An engine behind a gate that has a file of hosts."""
    for engine in scripted(True):
        engine.hosts = True
        yield engine, {"S2C_GATE_HOSTS": hosts_file}


def mount(hosts_file):
    return [{"Type": "bind", "Source": hosts_file, "Target": "/etc/hosts", "ReadOnly": True}]


def test_no_network_is_not_set_up(s2c, hosts, hosts_file, app):
    engine, env = hosts
    assert build(s2c, engine, app, "--network", "none", env=env).returncode == 0
    # What the image is looked at by has no network either.
    assert [(c.get("NetworkDisabled"), c["HostConfig"].get("Mounts")) for c in engine.created] == [
        (True, mount(hosts_file))] * 2
    assert all(c["HostConfig"]["NetworkMode"] == "none" for c in engine.created)


def test_a_network_is_set_up(s2c, hosts, app):
    engine, env = hosts
    assert build(s2c, engine, app, env=env).returncode == 0
    assert [c["HostConfig"]["NetworkMode"] for c in engine.created] == ["none", "default"]
    assert "NetworkDisabled" not in engine.created[1] and "Mounts" not in engine.created[1]["HostConfig"]


def test_engine_that_does_not_see_the_file(s2c, hosts, app):
    engine, env = hosts
    engine.fault("POST", "/containers/create", "status", times=1, status=400,
                 body=b'{"message":"invalid mount config for type \\"bind\\": bind source path does not exist"}')
    assert build(s2c, engine, app, "--network", "none", env=env).returncode == 0
    # Asked once, and never again.
    assert ["Mounts" in c["HostConfig"] for c in engine.created] == [True, False, False]


def test_engine_that_refuses_all_containers(s2c, hosts, app):
    engine, env = hosts
    engine.fault("POST", "/containers/create", "status", status=400, body=b'{"message":"no containers today"}')
    done = build(s2c, engine, app, "--network", "none", env=env)
    assert done.returncode == 1 and "no containers today" in done.stderr
    assert ["Mounts" in c["HostConfig"] for c in engine.created] == [True, False]


@pytest.mark.parametrize("edit", [
    lambda c: c["HostConfig"].pop("Mounts"),
    lambda c: c["HostConfig"]["Mounts"][0].update(Source="/etc/passwd"),
    lambda c: c["HostConfig"]["Mounts"][0].update(ReadOnly=False),
    lambda c: c["HostConfig"]["Mounts"].append({"Type": "bind", "Source": "/", "Target": "/host"}),
    lambda c: c["Mounts"].append({"Type": "bind", "Source": "/", "Destination": "/host", "RW": False})])
def test_engine_that_mounts_something_else(s2c, hosts, app, edit):
    engine, env = hosts
    engine.fault("GET", "/containers/.*/json", "edit", do=edit)
    done = build(s2c, engine, app, "--network", "none", env=env)
    assert done.returncode == 1 and "'Mounts' is something else" in done.stderr, done.stderr
    assert not engine.containers


def test_a_file_of_hosts_that_others_may_write(s2c, hosts_file, fake, app):
    os.chmod(hosts_file, 0o666)
    assert build(s2c, fake, app, "--network", "none", env={"S2C_GATE_HOSTS": hosts_file}).returncode == 0
    assert all("Mounts" not in c["HostConfig"] for c in fake.created)


def test_push_and_pull(s2c, fake, app):
    done = s2c.run("build", app, "builder/test", "localhost:1/x:v1", "--push", "--engine", fake.url)
    assert done.returncode == 0 and done.stdout.strip() == "localhost:1/x@sha256:" + "a" * 64, done.stderr


def test_output_in_odd_pieces(s2c, fake, app):
    frame = fake.frame(2, b"one\ntwo")
    fake.output = [(None, frame[:3]), (None, frame[3:9]), (None, frame[9:]), (1, b""), (2, b" three\n"),
                   (1, b"x" * 40000 + b"\n"), (1, b"no newline")]
    done = build(s2c, fake, app)
    assert done.returncode == 0, done.stderr
    assert "one\ntwo" in done.stderr and "no newline" in done.stderr and "s2c-" not in done.stderr


STEPS = [("HEAD|GET", "_ping"), ("GET", "/images/builder"), ("POST", "/containers/create"),
         ("HEAD", "archive"), ("GET", r"archive"), ("GET", "/containers/.*/json"), ("PUT", "archive"),
         ("POST", "/attach"), ("POST", "/start"), ("POST", "/wait"), ("POST", "/commit"), ("POST", "/tag")]


@pytest.mark.parametrize("method,path", STEPS)
@pytest.mark.parametrize("action", ["drop", "die", "garbage", "status", "refuse"])
def test_fails_at_every_step(s2c, fake, app, method, path, action):
    how = {"garbage": {"raw": b"\x00\xff nonsense\r\n\r\n" * 10}, "drop": {}, "die": {},
           "status": {"status": 500, "body": b'{"message":"out of luck"}'},
           "refuse": {"status": 403, "body": b"route_denied\n"}}[action]
    rule = fake.fault(method, path, "status" if action == "refuse" else action, **how)
    done = build(s2c, fake, app)
    assert rule.met
    # Where a path is looked at, 500 is how dockerd says that it is below a file.
    assert done.returncode in (1, 4), done.stderr
    last = done.stderr.strip().split("\n")[-1]
    assert last.startswith("s2c: "), done.stderr
    if action != "die":
        assert not fake.containers, done.stderr
    assert "myapp:latest" not in fake.names


@pytest.mark.parametrize("after", [0, 5, 20, 60])
@pytest.mark.parametrize("method,path", [s for s in STEPS if s[1] != "/attach"])
def test_answers_cut_short(s2c, fake, app, method, path, after):
    rule = fake.fault(method, path, "cut", after=after)
    done = build(s2c, fake, app)
    # The answer to HEAD, and those without a body, may be whole by then.
    assert rule.met
    assert done.stderr.strip() and not fake.containers
    assert done.returncode in (0, 1), done.stderr


def set_in(*path, to):
    def change(document):
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = to
    return change


@pytest.mark.parametrize("change,match", [
    (set_in("HostConfig", "Privileged", to=True), "Privileged"),
    (set_in("HostConfig", "CapDrop", to=[]), "CapDrop"),
    (set_in("HostConfig", "CapDrop", to=["CHOWN"]), "CapDrop"),
    (set_in("HostConfig", "CapAdd", to=["SYS_ADMIN"]), "CapAdd"),
    (set_in("HostConfig", "SecurityOpt", to=[]), "SecurityOpt"),
    (set_in("HostConfig", "SecurityOpt", to=["no-new-privileges", "seccomp=unconfined"]), "SecurityOpt"),
    (set_in("HostConfig", "Binds", to=["/:/host"]), "Binds"),
    (set_in("HostConfig", "PidMode", to="host"), "PidMode"),
    (set_in("HostConfig", "IpcMode", to="container:x"), "IpcMode"),
    (set_in("HostConfig", "NetworkMode", to="host"), "NetworkMode"),
    (set_in("HostConfig", "NetworkMode", to="ns:/proc/1/ns/net"), "NetworkMode"),
    (set_in("HostConfig", "Devices", to=[{"PathOnHost": "/dev/sda"}]), "Devices"),
    (set_in("Mounts", to=[{"Type": "bind", "Source": "/"}]), "ount"),
    (set_in("Config", "User", to="0"), "User"),
    (set_in("Config", "User", to=""), "User"),
    (set_in("Config", "Entrypoint", to=["/bin/echo"]), "Entrypoint"),
    (set_in("Config", "Cmd", to=["x"]), "Cmd"),
    (set_in("Image", to="sha256:" + "3" * 64), "Image"),
    (set_in("Image", to="something"), "id"),
    (set_in("HostConfig", to=None), "Privileged|HostConfig|CapDrop"),
])
def test_other_container_than_asked_for(s2c, fake, app, change, match):
    fake.fault("GET", "/containers/.*/json", "edit", do=change)
    done = build(s2c, fake, app)
    last = done.stderr.strip().split("\n")[-1]
    assert done.returncode in (1, 4) and re.search(match, last), done.stderr
    assert not fake.containers and not any("/start" in t for _, t in fake.log)


@pytest.mark.parametrize("key,value,match", [
    ("User", "0", "[uU]ser"), ("Cmd", ["/bin/sh", "-c", "x"], "command|Cmd"),
    ("Entrypoint", ["/x"], "[eE]ntrypoint"), ("WorkingDir", "/elsewhere", "directory|WorkingDir"),
    ("Env", ["PATH=/bin", "TOKEN=x"], "TOKEN"), ("Env", [], "PATH|Env"),
    ("Labels", {}, "[lL]abel"), ("Labels", {"x": "y"}, "[lL]abel")])
def test_other_image_than_asked_for(s2c, fake, app, key, value, match):
    def change(document):
        document["Config"][key] = value
        if key == "Labels" and value:
            document["Config"][key] = {**fake.images[document["Id"]]["Config"]["Labels"], **value}
    fake.fault("GET", "/images/sha256:", "edit", do=change)
    fails(s2c, fake, app, match)


@pytest.mark.parametrize("layers,match", [([], "fewer layers"), (["sha256:" + "9" * 64] * 2, "on top")])
def test_image_of_other_layers(s2c, fake, app, layers, match):
    fake.fault("GET", "/images/sha256:", "edit", do=set_in("RootFS", "Layers", to=layers))
    fails(s2c, fake, app, match)


@pytest.mark.parametrize("body", [
    b"[]", b"null", b'"x"', b"{", b'{"Id":1}', b'{"Id":"short"}', b'{"Id":"' + b"g" * 64 + b'"}',
    b'{"Id":"a","Id":"b"}', b'{"Id":"sha256:' + b"a" * 63 + b'"}', b'{"a":' * 100, b"\xff\xfe"])
@pytest.mark.parametrize("path", ["/containers/create", "/commit"])
def test_strange_json(s2c, fake, app, path, body):
    fake.fault("POST", path, "status", status=201, body=body)
    done = build(s2c, fake, app)
    assert done.returncode == 1 and done.stderr.strip().split("\n")[-1].startswith("s2c: "), done.stderr


@pytest.mark.parametrize("data,match", [
    (b"this is no frame at all", "not in frames"), (b"\x07\0\0\0\0\0\0\1x", "not in frames"),
    (b"HTTP/1.1 200 OK\r\n\r\n", "not in frames")])
def test_output_without_frames(s2c, fake, app, data, match):
    fake.output = [(None, data), (1, None)]
    fails(s2c, fake, app, match)


def test_stream_ends_in_a_frame(s2c, fake, app):
    """What came is shown; that the process has ended, the engine says itself."""
    fake.output = [(None, b"\1\0\0\0\0\1\0\0partial")]
    done = build(s2c, fake, app)
    assert "partial" in done.stderr


def test_statuses_that_differ(s2c, fake, app):
    fake.fault("POST", "/wait", "edit", do=set_in("StatusCode", to=0))
    fake.status = 3
    fails(s2c, fake, app, "contradicts itself")


def test_running_after_the_wait(s2c, fake, app):
    fake.fault("GET", "/containers/.*/json", "edit", skip=1, do=set_in("State", "Running", to=True))
    fails(s2c, fake, app, "contradicts itself")


@pytest.mark.parametrize("path", ["/attach", "/start", "/wait", "/commit", "/containers/create", "_ping"])
def test_engine_that_never_answers(s2c, fake, app, path):
    fake.fault(".*", path, "hang", times=1)
    done = build(s2c, fake, app, "--timeout", "2")
    assert done.returncode == 124, done.stderr


def test_process_that_never_ends(s2c, fake, app):
    fake.output = [(1, b"begun\n"), (1, None)]
    done = build(s2c, fake, app, "--timeout", "2")
    assert done.returncode == 124, done.stderr
    assert not fake.containers
    assert any("/kill?signal=SIGTERM" in target for _, target in fake.log)


@pytest.mark.parametrize("version,match", [
    ("1.39", "at least 1.4[01]"), ("2.0", "at least"), ("1.x", "at least"), (None, "no container engine"),
    ("1.99999999999", "at least")])
def test_versions_that_cannot_be_spoken(s2c, fake, app, version, match):
    fake.fault("HEAD", "_ping", "header", name="Api-Version", value=version)
    fails(s2c, fake, app, match)


@pytest.mark.parametrize("newest,least,spoken", [("1.41", None, "1.41"), ("1.52", "1.44", "1.44"),
                                                ("1.47", "1.24", "1.41")])
def test_versions(s2c, fake, app, newest, least, spoken):
    fake.fault("HEAD", "_ping", "header", name="Api-Version", value=newest)
    if least:
        fake.fault("GET", "/version", "edit", do=set_in("MinAPIVersion", to=least))
    assert build(s2c, fake, app).returncode == 0
    versions = {t.split("/")[1] for _, t in fake.log if t.startswith("/v1.")}
    assert versions == {f"v{spoken}"}


def test_the_oldest_version(s2c, direct, app):
    direct.fault("HEAD", "_ping", "header", name="Api-Version", value="1.40")
    assert build(s2c, direct, app).returncode == 0
    assert {t.split("/")[1] for _, t in direct.log if t.startswith("/v1.")} == {"v1.40"}


def test_windows_is_no_place(s2c, fake, app):
    fake.fault("HEAD", "_ping", "header", name="Ostype", value="windows")
    fails(s2c, fake, app, "'windows'")


STREAMS = [
    (b'{"errorDetail":{"message":"denied: no"},"error":"denied: no"}', 4, "denied: no"),
    (b'{"status":"a"}{"error":"toomanyrequests"}\r\n', 1, "toomanyrequests"),
    (b'{"errorDetail":{}}', 1, "does not say why"),
    (b'{"status":"a"}\nnot json', 1, "something else"), (b'{"status":', 1, "ends inside"),
    (b'{"a":"' + b"x" * 300000, 1, "larger than"), (b"<html>", 1, "something else"), (b"[]", 1, "something else")]
STREAM_IDS = [str(i) for i in range(len(STREAMS))]


@pytest.mark.parametrize("stream,status,match", STREAMS, ids=STREAM_IDS)
def test_pull_streams(s2c, fake, app, stream, status, match):
    fake.streams["create"] = stream
    done = s2c.run("build", app, "localhost:1/b:1", "--engine", fake.url)
    assert done.returncode == status and match in done.stderr.strip().split("\n")[-1], done.stderr


@pytest.mark.parametrize("stream,status,match", STREAMS + [
    (b"", 1, "does not say what"), (b'{"aux":{"Digest":"sha256:zz"}}', 1, "does not say what"),
    (b'{"aux":{"Tag":"v1"}}', 1, "does not say what")], ids=[*STREAM_IDS, "empty", "bad", "none"])
def test_push_streams(s2c, fake, app, stream, status, match):
    fake.streams["push"] = stream
    done = s2c.run("build", app, "builder/test", "localhost:1/b:1", "--push", "--engine", fake.url)
    assert done.returncode == status and match in done.stderr.strip().split("\n")[-1], done.stderr
    assert "in the engine, but not pushed" in done.stderr and not fake.containers


def test_links_in_a_ring(s2c, fake, app):
    fake.files.update({"/tmp": "/a", "/a": "/b", "/b": "/tmp"})
    fails(s2c, fake, app, "too many links")


@pytest.mark.parametrize("header", ["!!!", "e30=", "bnVsbA==", "eyJtb2RlIjotMX0=",
                                    "eyJtb2RlIjoxMzQyMTgyMzksImxpbmtUYXJnZXQiOiJyZWwifQ=="])
def test_strange_stats(s2c, fake, app, header):
    fake.fault("HEAD", "archive", "header", name="X-Docker-Container-Path-Stat", value=header)
    done = build(s2c, fake, app)
    assert done.returncode == 1 and not fake.containers, done.stderr


def test_metadata_too_large(s2c, fake, app):
    fake.metadata = b'{"labels":[]}' + b" " * (1 << 21) + b"\n"
    fails(s2c, fake, app, "larger than")


def test_metadata_is_no_json(s2c, fake, app):
    fake.metadata = b"no json"
    fails(s2c, fake, app, "image_metadata.json")


def test_passwd_too_large(s2c, fake, app):
    fake.files["/etc/passwd"] = b"x" * (2 << 20)
    fails(s2c, fake, app, "larger than")


def test_no_space_for_more_names(s2c, fake, app):
    fake.fault("POST", "/tag", "status", status=409, body=b'{"message":"conflict"}')
    done = build(s2c, fake, app)
    assert done.returncode == 1 and "not under all its names: " in done.stderr and "conflict" in done.stderr
    assert not fake.containers


def test_what_is_known_is_not_asked_again(s2c, fake, app):
    assert build(s2c, fake, app).returncode == 0
    first, config = list(fake.log), fake.images[fake.names["myapp:latest"]]["Config"]
    fake.log.clear()
    assert build(s2c, fake, app).returncode == 0
    asked = [method for method, target in fake.log if "/archive" in target]
    assert asked == ["PUT"], fake.log
    assert sum("/containers/create" in t for _, t in first) == 2
    assert sum("/containers/create" in t for _, t in fake.log) == 1
    assert fake.images[fake.names["myapp:latest"]]["Config"] == config


def test_prune_forgets(s2c, fake, app):
    assert build(s2c, fake, app).returncode == 0
    assert list((s2c.root / "engine").iterdir())
    s2c.ok("prune")
    assert not (s2c.root / "engine").exists()
    fake.log.clear()
    fake.files["/etc/passwd"] = b"app:x:1001:7::/srv:/bin/sh\n"
    assert build(s2c, fake, app).returncode == 0
    assert any("passwd" in t for _, t in fake.log)


def test_facts_of_another_image_are_not_taken(s2c, fake, app):
    """The same name means another image now, which has no shell and no assemble."""
    assert build(s2c, fake, app).returncode == 0
    fake.image("builder/test:latest", {"User": "1001", "Labels": {
        "io.openshift.s2i.scripts-url": "image:///usr/libexec/s2i"}})
    del fake.files["/usr/libexec/s2i/assemble"]
    done = build(s2c, fake, app)
    assert done.returncode == 1 and "no executable file" in done.stderr, done.stderr


def export(*files):
    """The bytes of an export that has these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as made:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


@pytest.mark.parametrize("files, match", [
    ((), "has no configuration of it"),
    ((("manifest.json", b"[]"), ("other.json", b"{}")), "has no configuration of it"),
    ((("ID.json", b'{"config":{}}'),), "the configuration has another digest"),
    ((("blobs/sha256/ID", b'{"config":{}}'),), "the configuration has another digest"),
    ((("ID.json", b"x" * (5 << 20)),), "4194304"),
    (None, "'builder/test:latest' has triggers, nor by its export"),
])
def test_podman_lies_about_an_image(s2c, fake, app, files, match):
    """Triggers are only told by an export, of which the configuration is known by its digest."""
    fake.fault("HEAD|GET", "/_ping", "header", name="Libpod-Api-Version", value="4.3.1")
    if files is None:
        fake.fault("GET", "/get", "garbage", raw=b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nnonsense")
    else:
        (image,) = [i.removeprefix("sha256:") for i in fake.images]
        tar = export(*((name.replace("ID", image), data) for name, data in files))
        fake.fault("GET", "/get", "status", status=200, body=tar)
    done = fails(s2c, fake, app, match)
    assert "nor by its export" in done.stderr
    assert not any("/containers/create" in target for _, target in fake.log), fake.log


def member(name, kind=tarfile.DIRTYPE, link="", data=b""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(data), 0o755
    return info, data


def cache_tar(*members, end=True):
    """The bytes of a cache as an engine hands it out."""
    out = io.BytesIO()
    made = tarfile.open(fileobj=out, mode="w")
    for info, data in members:
        made.addfile(info, io.BytesIO(data))
    if end:
        made.close()
    return out.getvalue()


TOP = member("c/")


@pytest.mark.parametrize("tar, match", [
    (cache_tar(member("c", tarfile.SYMTYPE, "/etc")), "hands out 'c' and not the directory"),
    (cache_tar(member("c", tarfile.REGTYPE, data=b"x")), "hands out 'c' and not the directory"),
    (cache_tar(member("d/")), "hands out 'd' and not the directory"),
    (cache_tar(TOP, member("d", tarfile.REGTYPE, data=b"x")), "hands out 'd' and not the directory"),
    (cache_tar(TOP, member("cc/x", tarfile.REGTYPE, data=b"x")), "hands out 'cc/x' and not the directory"),
    (cache_tar(TOP, member("c/../../x", tarfile.REGTYPE, data=b"x")), "\\.\\."),
    (cache_tar(TOP, member("c/x", tarfile.LNKTYPE, "etc/passwd")), "hands out 'c/x' and not the directory"),
    (cache_tar(TOP, member("c/" + "/".join(["d" * 200] * 21))), "a path in it has more than 4000 bytes"),
    (cache_tar(TOP, *(member(f"c/{i}", tarfile.SYMTYPE, "x") for i in range(60001))), "more than 60000 symbolic links"),
    (cache_tar(TOP, member("c/x", tarfile.REGTYPE, data=b"x" * 3000), end=False)[:2000], "cache 'c' stays as it was before"),
    (b"no tar at all" * 100, "cache 'c' stays as it was before"),
], ids=range(11))
def test_a_cache_that_is_no_directory(s2c, fake, app, tar, match):
    """What comes out of an engine is checked before it is kept; a cache is not worth a build."""
    fake.files.update({"/srv": None, "/srv/c": None})
    args = ("--cache-mount", "c:/srv/c")
    assert build(s2c, fake, app, *args).returncode == 0
    (packed,) = s2c.root.glob("caches/*/packed")
    before = packed.read_bytes()
    fake.fault("GET", "/archive.*path=%2Fsrv%2Fc", "status", skip=1, status=200, body=tar)
    done = build(s2c, fake, app, *args)
    assert done.returncode == 0 and "cache 'c' stays as it was before: " in done.stderr, done.stderr
    assert re.search(match, done.stderr), done.stderr
    assert packed.read_bytes() == before and not list(s2c.root.glob("caches/*/packed.new"))


def test_a_cache_that_stays_in_the_container(s2c, fake, app):
    """No image is made that has something of it."""
    fake.files.update({"/srv": None, "/srv/c": None})
    fake.fault("GET", "/archive.*path=%2Fsrv%2Fc", "status", skip=1, status=200,
               body=cache_tar(TOP, member("c/x", tarfile.REGTYPE, data=b"x")))
    fake.status_again = 125
    fails(s2c, fake, app, "caches could not be removed from the container", "--cache-mount", "c:/srv/c")


@pytest.mark.parametrize("phase,method,path", [("export", "GET", "/get$"), ("push", "POST", "/push")])
def test_time_of_the_last_phases(s2c, fake, app, tmp_path, phase, method, path):
    """The image is made and stays; which time was up is said."""
    rule = fake.fault(method, path, "hang")
    words = {"export": ["-o", f"docker-archive:{tmp_path}/out.tar"], "push": ["--push"]}[phase]
    done = s2c.run("build", app, "builder/test", "r.example/a/b:1", "--engine", fake.url, *words,
                   "--timeout", f"{phase}=1")
    last = done.stderr.strip().split("\n")[-1]
    assert done.returncode == 124 and rule.met, done.stderr
    assert re.search(f"phase '{phase}', under --timeout: the image is in the engine, but .*not done after 1 s", last)
    assert "r.example/a/b:1" in fake.names and not fake.containers
