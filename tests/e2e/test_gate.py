"""The gate in front of real engines: what clients do in their order, what users see, limits,
and what happens when something of it goes wrong."""
import io
import json
import os
import resource
import signal
import socket
import subprocess
import tarfile
import threading
import time

import pytest

from engines import base_dir
from gates import (ALICE, BOB, BUILDER, CAROL, MALLORY, Gate, acting_as, archive, frames, policy, request,
                   wait_for)
from support import PROGRAM, add_file, clean_env

CREATE = "/v1.41/containers/create"
DOCKER = ("Host: api.moby.localhost", "User-Agent: Docker-Client/28.2.2 (linux)")
# What the docker client 28 and S2I send: everything that they know, and most of it says nothing.
HOST_CONFIG = {
    "Binds": None, "ContainerIDFile": "", "LogConfig": {"Type": "", "Config": {}}, "NetworkMode": "default",
    "PortBindings": {}, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}, "AutoRemove": False,
    "VolumeDriver": "", "VolumesFrom": None, "ConsoleSize": [0, 0], "CapAdd": None, "CapDrop": None,
    "CgroupnsMode": "", "Dns": [], "DnsOptions": [], "DnsSearch": [], "ExtraHosts": None, "GroupAdd": None,
    "IpcMode": "", "Cgroup": "", "Links": None, "OomScoreAdj": 0, "PidMode": "", "Privileged": False,
    "PublishAllPorts": False, "ReadonlyRootfs": False, "SecurityOpt": None, "UTSMode": "", "UsernsMode": "",
    "ShmSize": 0, "Isolation": "", "CpuShares": 0, "Memory": 0, "NanoCpus": 0, "CgroupParent": "",
    "BlkioWeight": 0, "BlkioWeightDevice": [], "BlkioDeviceReadBps": [], "BlkioDeviceWriteBps": [],
    "BlkioDeviceReadIOps": [], "BlkioDeviceWriteIOps": [], "CpuPeriod": 0, "CpuQuota": 0, "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0, "CpusetCpus": "", "CpusetMems": "", "Devices": [], "DeviceCgroupRules": None,
    "DeviceRequests": None, "MemoryReservation": 0, "MemorySwap": 0, "MemorySwappiness": -1,
    "OomKillDisable": False, "PidsLimit": 0, "Ulimits": [], "CpuCount": 0, "CpuPercent": 0, "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0, "MaskedPaths": None, "ReadonlyPaths": None}
ENDPOINT = {"IPAMConfig": None, "Links": None, "Aliases": None, "MacAddress": "", "DriverOpts": None,
            "GwPriority": 0, "NetworkID": "", "EndpointID": "", "Gateway": "", "IPAddress": "", "IPPrefixLen": 0,
            "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0, "DNSNames": None}


@pytest.fixture(scope="module", params=["docker", "podman"])
def front(request):
    """A gate in front of each of the engines; `engine` is what is behind it."""
    engine = request.getfixturevalue(f"gated_{request.param}")
    gate = Gate(base_dir(), engine.socket)
    gate.engine = engine
    yield gate.start()
    gate.close()


class Wire:
    """One connection for requests one after the other, as Go's client keeps it."""

    def __init__(self, gate, uid, headers):
        self.client, self.headers = gate.client(uid, timeout=60), headers

    def ask(self, method, target, body=None, more=(), status=200):
        host, *others = self.headers
        if method == "POST" and body is None:
            more = ("Content-Length: 0", *more)
        self.client.send(request(method, target, body, (*others, *more), host=host.split(" ")[1]))
        answer = self.client.answer(method)
        assert answer and answer.status == status, f"{method} {target}: {answer}"
        return answer


def create_body(image, **changes):
    return {
        "Hostname": "", "Domainname": "", "User": "1001", "AttachStdin": True, "AttachStdout": True,
        "AttachStderr": True, "Tty": False, "OpenStdin": True, "StdinOnce": True, "Env": None, "Cmd": ["/bin/true"],
        "Image": image, "Volumes": {}, "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": {},
        "HostConfig": HOST_CONFIG, "NetworkingConfig": {"EndpointsConfig": {"default": ENDPOINT}}, **changes}


def upgrade(gate, uid, container, headers, query="stderr=1&stdin=1&stdout=1&stream=1"):
    stream = gate.client(uid, timeout=60)
    host, *others = headers
    stream.send(request("POST", f"/v1.41/containers/{container}/attach?{query}", None, (
        *others, "Content-Length: 0", "Connection: Upgrade", "Content-Type: text/plain", "Upgrade: tcp"),
        host=host.split(" ")[1]))
    answer = stream.answer("POST")
    assert answer.status == 101 and answer.headers["upgrade"] == "tcp", answer
    return stream


# ---- clients ----

def test_what_s2i_sends(front):
    moby = ("Host: api.moby.localhost", "User-Agent: moby-client/v0.5.0 linux/amd64")
    wire = Wire(front, ALICE, moby)
    assert wire.ask("HEAD", "/_ping").headers["api-version"] == "1.41"
    wire.ask("GET", "/v1.41/version")
    for _ in range(10):
        found = wire.ask("GET", f"/v1.41/images/{BUILDER}:latest/json").json()
    assert found["Config"]["Labels"]["io.openshift.s2i.scripts-url"]
    container = wire.ask("POST", f"{CREATE}?name=s2i_builder_busybox_latest_0a1b2c3d", create_body(
        f"{BUILDER}:latest", AttachStdin=False, AttachStderr=False, Env=["A=b", "LINE=a b"],
        HostConfig={**HOST_CONFIG, "ShmSize": 67108864, "CapDrop": ["KILL", "MKNOD", "SETGID", "SETUID"]},
        Cmd=["/bin/sh", "-c", "tar -C /tmp -xf - && /usr/libexec/s2i/assemble"]), status=201).json()["Id"]
    stream = upgrade(front, ALICE, container, moby)
    wire.ask("POST", f"/v1.41/containers/{container}/start", status=204)
    stream.send(archive(("src/index.html", b"by s2i\n")))
    stream.half_close()
    ended = wire.ask("POST", f"/v1.41/containers/{container}/wait?condition=not-running").json()
    assert ended["StatusCode"] == 0 and not ended.get("Error")
    assert frames(stream.rest()) == b"assemble runs\n"
    wire.ask("GET", f"/v1.41/containers/{container}/archive?path=%2Ftmp%2F.s2i%2Fimage_metadata.json", status=404)
    output = f"s2i-{front.engine.name}"
    made = wire.ask("POST", f"/v1.41/commit?author=&comment=&container={container}&repo=docker.io%2Flibrary%2F"
                    f"{output}&tag=latest", {
                        "Hostname": "", "Domainname": "", "User": "1001", "AttachStdin": False, "AttachStdout": False,
                        "AttachStderr": False, "Tty": False, "OpenStdin": False, "StdinOnce": False,
                        "Env": ["A=b", "LINE=a b"], "Cmd": ["/usr/libexec/s2i/run"], "Image": "", "Volumes": None,
                        "WorkingDir": "", "Entrypoint": [], "OnBuild": None,
                        "Labels": {"io.openshift.s2i.build.image": BUILDER, "quoted": 'a "b" $c \\d'}}, status=201)
    wire.ask("POST", f"/v1.41/containers/{container}/kill?signal=SIGKILL", status=409)
    wire.ask("DELETE", f"/v1.41/containers/{container}?v=1", status=204)
    config = front.engine.image(made.json()["Id"])["Config"]
    assert config["Cmd"] == ["/usr/libexec/s2i/run"] and config["User"] == "1001" and not config["Entrypoint"]
    assert config["Labels"]["quoted"] == 'a "b" $c \\d' and "A=b" in config["Env"]
    assert front.engine.run(output).startswith("run says: by s2i")
    front.ok("DELETE", f"/v1.41/images/{output}:latest")


def test_what_the_docker_client_sends(front):
    wire = Wire(front, ALICE, DOCKER)
    wire.ask("HEAD", "/_ping")
    name = f"docker-{front.engine.name}"
    container = wire.ask("POST", f"{CREATE}?name={name}", create_body(
        BUILDER, Cmd=["/bin/sh", "-c", "cat /tmp/x -; exit 3"]), status=201).json()["Id"]
    wire.ask("HEAD", f"/v1.41/containers/{name}/archive?path=%2Ftmp")
    tar = archive(("x", b"from a file\n"))
    wire.ask("PUT", f"/v1.41/containers/{name}/archive?noOverwriteDirNonDir=true&path=%2Ftmp",
             b"".join(b"200\r\n" + tar[i:i + 512] + b"\r\n" for i in range(0, len(tar), 512)) + b"0\r\n\r\n",
             ("Transfer-Encoding: chunked", "Content-Type: text/plain"))
    wire.ask("GET", f"/v1.41/containers/{name}/json")
    # It waits before it starts, on a connection of its own.
    waiting = Wire(front, ALICE, DOCKER)
    waiting.client.send(request("POST", f"/v1.41/containers/{container}/wait?condition=next-exit"))
    status, _ = waiting.client.head()
    assert status == 200
    stream = upgrade(front, ALICE, container, DOCKER)
    wire.ask("POST", f"/v1.41/containers/{container}/start", status=204)
    stream.send(b"from the terminal\n")
    stream.half_close()
    assert frames(stream.rest()) == b"from a file\nfrom the terminal\n"
    body, complete = waiting.client.chunks()
    assert complete and json.loads(body)["StatusCode"] == 3
    logs = wire.ask("GET", f"/v1.41/containers/{container}/logs?stderr=1&stdout=1&tail=all").body
    assert frames(logs) == b"from a file\nfrom the terminal\n"
    files = wire.ask("GET", f"/v1.41/containers/{name}/archive?path=%2Ftmp%2Fx")
    assert "x-docker-container-path-stat" in files.headers
    with tarfile.open(fileobj=io.BytesIO(files.body)) as found:
        assert found.extractfile("x").read() == b"from a file\n"
    # What failed is not kept.
    refused = wire.ask("POST", f"/v1.41/commit?author=&comment=&container={name}&repo=docker.io%2Falice%2Fx&tag=1",
                       status=409)
    assert refused.code == "state"
    wire.ask("DELETE", f"/v1.41/containers/{name}", status=204)


def test_users_see_only_what_is_theirs(front):
    mine = front.create(name="app")
    theirs = front.create(BOB, name="app")  # the name is free for everybody
    assert front.ok("GET", "/v1.41/containers/app/json").json()["Id"] == mine
    assert front.ok("GET", "/v1.41/containers/app/json", uid=BOB).json()["Id"] == theirs
    # A name that looks like another one's id, or like one's own, is but a name.
    shadow = front.create(name=theirs[:12])
    assert front.ok("GET", f"/v1.41/containers/{theirs[:12]}/json").json()["Id"] == shadow
    assert front.ask("GET", f"/v1.41/containers/{theirs}/json").code == "not_found"
    there, nowhere = (front.ask("GET", f"/v1.41/containers/{x}/json") for x in (theirs, "f" * 64))
    assert there.body.replace(theirs.encode(), b"X").split(b"(req")[0] == \
        nowhere.body.replace(b"f" * 64, b"X").split(b"(req")[0]
    for container, uid in ((mine, ALICE), (shadow, ALICE), (theirs, BOB)):
        front.remove(container, uid)
    image = front.build("mine/app:latest")
    assert front.ask("GET", "/v1.41/images/mine/app:latest/json", uid=BOB).code == "image_not_allowed"
    assert front.ask("GET", f"/v1.41/images/{image}/json", uid=BOB).code == "not_found"
    assert front.ok("GET", f"/v1.41/images/{image}/json").json()["Id"] == image
    front.ok("DELETE", "/v1.41/images/mine/app:latest")


def test_an_archive_loses_what_root_could_use(front):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, mode, kind, link in (("tool", 0o6755, tarfile.REGTYPE, ""), ("/abs/x", 0o4755, tarfile.REGTYPE, ""),
                                       ("d", 0o3777, tarfile.DIRTYPE, ""), ("l", 0o777, tarfile.SYMTYPE, "/etc/passwd"),
                                       ("h", 0o6755, tarfile.LNKTYPE, "tool"), (".", 0o700, tarfile.DIRTYPE, "")):
            info = tarfile.TarInfo(name)
            info.mode, info.type, info.linkname, info.uname = mode, kind, link, "root"
            info.pax_headers = {"SCHILY.xattr.security.capability": "x", "SCHILY.xattr.user.a": "b"}
            tar.addfile(info)
    container = front.create(Cmd=["/bin/sh", "-c", "cd /tmp && stat -c '%n %a %u:%g' tool abs/x d l h && stat -c %a ."])
    front.ok("PUT", f"/v1.41/containers/{container}/archive?path=/tmp", out.getvalue())
    front.ok("POST", f"/v1.41/containers/{container}/start")
    assert front.wait(container) == 0
    text = frames(front.ok("GET", f"/v1.41/containers/{container}/logs?stdout=1&stderr=1").body).decode()
    front.remove(container)
    assert text == ("tool 755 1001:0\nabs/x 755 1001:0\nd 777 1001:0\nl 777 1001:0\nh 755 1001:0\n1777\n")


def test_an_image_of_roots_is_nobody_else_than_others(front):
    """Nothing of root's, also not by a setuid file: the user is the policy's, and stays so."""
    container = front.create(User="", Image="registry.test/builder/rooted", Cmd=[
        "/bin/sh", "-c", "id -u; grep -E '^(NoNewPrivs|CapEff|CapBnd):' /proc/self/status"])
    front.ok("POST", f"/v1.41/containers/{container}/start")
    assert front.wait(container) == 0
    text = frames(front.ok("GET", f"/v1.41/containers/{container}/logs?stdout=1").body).decode().split()
    front.remove(container)
    zero = "0" * 16
    assert text == ["1001", "CapEff:", zero, "CapBnd:", zero, "NoNewPrivs:", "1"]


# ---- limits ----

def test_a_deadline_ends_a_container(new_gate):
    gate = new_gate(make_policy=lambda d: policy(d, deadline="1s"))
    container = gate.create(Cmd=["/bin/sleep", "1000"])
    gate.ok("POST", f"/v1.41/containers/{container}/start")
    assert gate.wait(container) == 137
    assert gate.ask("POST", f"/v1.41/commit?container={container}&repo=x").code == "state"
    gate.remove(container)


def test_containers_wait_for_their_turn(new_gate):
    gate = new_gate()
    image = "registry.test/builder/s2i"
    body = {"Image": image, "Cmd": ["/usr/libexec/s2i/assemble"]}
    first = gate.ok("POST", CREATE, body, uid=CAROL).json()["Id"]
    waiting, gone = gate.client(CAROL, timeout=60), gate.client(CAROL)
    gone.send(request("POST", CREATE, body))
    waiting.send(request("POST", CREATE, body))
    # Another user does not wait, and who leaves the queue does not get a container.
    gate.remove(gate.create(BOB), BOB)
    gone.close()
    gate.remove(first, CAROL)
    second = waiting.answer("POST")
    assert second.status == 201, second
    gate.remove(second.json()["Id"], CAROL)


def test_connections_of_one_user(new_gate):
    gate = new_gate()
    held = [gate.client() for _ in range(24)]
    answer = wait_for(lambda: refused_at_once(gate))
    assert (answer.status, answer.code) == (429, "quota")
    assert gate.audit("decision")[-1]["code"] == "quota"
    assert gate.ok("GET", "/_ping", uid=BOB).body == b"OK"
    for client in held:
        client.close()
    wait_for(lambda: gate.ask("GET", "/_ping").status == 200)


def refused_at_once(gate):
    """The answer of a gate that does not wait for a question; None if it waits for one."""
    client = gate.client(timeout=2)
    try:
        return client.answer()
    except TimeoutError:
        return None
    finally:
        client.close()


def test_a_thousand_connections(new_gate):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4096 <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, hard))
    gate = new_gate()
    users = (ALICE, BOB, MALLORY, *range(30000, 30020))
    held = []
    for i in range(1000):
        held.append(gate.client(users[i % len(users)]))
        if i % 3 == 0:
            held[-1].send_gently(b"GET /_ping HT")
    assert gate.process.poll() is None
    for client in held:
        client.close()
    wait_for(lambda: (found := gate.ask("GET", "/_ping")) and found.status == 200)
    gate.build("after/all:latest")
    gate.ok("DELETE", "/v1.41/images/after/all:latest")


def test_streams_have_an_end(new_gate):
    gate = new_gate(make_policy=lambda d: policy(d, log_bytes="1Mi", source_bytes="1Mi", copy_out_bytes="1Mi"))
    loud = gate.create(Cmd=["/bin/sh", "-c", "dd if=/dev/zero bs=1024 count=4096 2>/dev/null"])
    stream, _ = gate.attach(loud)
    gate.ok("POST", f"/v1.41/containers/{loud}/start")
    assert len(stream.rest()) <= 2 << 20
    gate.remove(loud)
    greedy = gate.create(Cmd=["/bin/cat"])
    stream, _ = gate.attach(greedy, query="stream=1&stdin=1")
    gate.ok("POST", f"/v1.41/containers/{greedy}/start")
    stream.send_gently(b"x" * (2 << 20))
    assert stream.rest() == b""
    gate.remove(greedy)
    big = gate.run(Cmd=["/bin/sh", "-c", "dd if=/dev/zero of=/tmp/big bs=1024 count=4096"])
    answer = gate.ask("GET", f"/v1.41/containers/{big}/archive?path=/tmp/big")
    assert not answer.complete and len(answer.body) <= 1 << 20
    gate.remove(big)


# ---- slow and half clients ----

def test_a_slow_head(new_gate):
    gate = new_gate(make_policy=lambda d: policy(d).replace("containers: 32", "containers: 32\n  header_timeout: 1s"))
    client = gate.client()
    client.send(b"GET /_ping HTTP/1.1\r\nHost: ")
    answer = client.answer()
    assert (answer.status, answer.code) == (408, "timeout")
    assert gate.audit("decision")[-1]["code"] == "timeout"
    # Who says nothing at all has nothing to be told.
    assert gate.ok("GET", "/_ping").body == b"OK"


def test_half_closed_clients(gate):
    for data, status in ((request("GET", "/_ping"), 200), (request("GET", "/x"), 403), (b"GET /_ping", 400),
                         (request("POST", CREATE, {"Image": BUILDER})[:-3], 400)):
        client = gate.client()
        client.send(data)
        client.half_close()
        assert client.answer().status == status
        assert client.rest() == b""
    client = gate.client()
    client.half_close()
    assert client.rest() == b""


def test_pipelined_requests(gate):
    client = gate.client()
    client.send(request("GET", "/_ping") * 20 + request("GET", "/nothing") + request("GET", "/_ping"))
    assert [client.answer().status for _ in range(20)] == [200] * 20
    assert client.answer().code == "route_denied"
    # A no is the end of the connection: what came behind is not read.
    assert client.answer() is None


# ---- two at once ----

def at_once(*things):
    """What each returns, begun at the same time."""
    barrier, found = threading.Barrier(len(things)), [None] * len(things)

    def run(i):
        barrier.wait()
        found[i] = things[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(things))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def ask(gate, *args, **kwargs):
    return lambda: gate.ask(*args, **kwargs)


def test_two_starts_at_once(gate):
    for _ in range(5):
        container = gate.create()
        answers = at_once(*[ask(gate, "POST", f"/v1.41/containers/{container}/start")] * 4)
        assert sorted(a.status for a in answers) == [204, 409, 409, 409], answers
        gate.remove(container)


def test_two_attaches_at_once(gate):
    for _ in range(5):
        container = gate.create(Cmd=["/bin/cat"])
        found = at_once(*[lambda: gate.attach(container)] * 4)
        assert sorted(a.status for _, a in found) == [101, 409, 409, 409], found
        gate.remove(container)


def test_two_commits_of_one_name_at_once(gate, gated_docker):
    """Two users give the same name: one gets it, the other is told; nobody has both."""
    mine, theirs = gate.run(), gate.run(BOB)
    for i in range(10):
        query = f"&repo=race/x{i}&tag=latest"
        answers = at_once(ask(gate, "POST", f"/v1.41/commit?container={mine}{query}"),
                          ask(gate, "POST", f"/v1.41/commit?container={theirs}{query}", uid=BOB))
        won = [a for a in answers if a.status == 201]
        assert len(won) == 1 and {a.code for a in answers} == {None, "output_not_allowed"}, answers
        assert gated_docker.image(f"race/x{i}:latest")["Id"] == won[0].json()["Id"]
        gated_docker.remove(f"race/x{i}:latest")
    gate.remove(mine)
    gate.remove(theirs, BOB)


def test_a_start_while_files_come(gate):
    """An engine must not be at the files of a container that runs (CVE-2018-15664)."""
    container = gate.create(Cmd=["/bin/cat", "/tmp/a"])
    tar = archive(("a", b"hello"))
    client = gate.client()
    client.send(request("PUT", f"/v1.41/containers/{container}/archive?path=/tmp", headers=[
        f"Content-Length: {len(tar)}"]) + tar[:600])
    wait_for(lambda: any("PUT" in line for line in gate.recorder.since(gate.recorder.mark() - 1)))
    answer = gate.ask("POST", f"/v1.41/containers/{container}/start")
    assert answer.code == "state", answer
    client.send(tar[600:])
    assert client.answer("PUT").status == 200
    gate.ok("POST", f"/v1.41/containers/{container}/start")
    assert gate.wait(container) == 0
    gate.remove(container)


def test_a_wait_that_came_too_early_decides_nothing(gate):
    for _ in range(10):
        container, client = gate.create(Cmd=["/bin/sleep", "1000"]), gate.client()
        wait = request("POST", f"/v1.41/containers/{container}/wait?condition=not-running")
        at_once(lambda: client.send(wait), ask(gate, "POST", f"/v1.41/containers/{container}/start"))
        assert client.head()[0] == 200
        assert gate.ask("POST", f"/v1.41/commit?container={container}&repo=x").code == "state"
        assert gate.ask("GET", f"/v1.41/containers/{container}/archive?path=/tmp").code == "state"
        gate.remove(container)
        client.close()


def test_removal_while_somebody_waits(gate):
    container = gate.create(Cmd=["/bin/sleep", "1000"])
    gate.ok("POST", f"/v1.41/containers/{container}/start")
    client = gate.client(timeout=60)
    client.send(request("POST", f"/v1.41/containers/{container}/wait"))
    assert client.head()[0] == 200
    gate.remove(container)
    body, complete = client.chunks()
    assert not complete or json.loads(body)["StatusCode"] == 137
    assert gate.ask("GET", f"/v1.41/containers/{container}/json").code == "not_found"
