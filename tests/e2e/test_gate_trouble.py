"""What goes wrong with a gate: it is killed, its policy is bad, its engine goes or lies, its disk
is full."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from engines import base_dir
from gates import (ALICE, BOB, BUILDER, Gate, Recorder, acting_as, archive, policy, request, wait_for)
from support import PROGRAM, clean_env

CREATE = "/v1.41/containers/create"


def gate_command(*args):
    return subprocess.run([PROGRAM, "gate", *map(str, args)], env=clean_env(), capture_output=True, text=True,
                          timeout=60)


def does_not_start(gate, words):
    with pytest.raises(RuntimeError) as failure:
        gate.start()
    assert gate.process.wait(10) != 0
    assert words in str(failure.value)


def children(pid):
    """Processes whose parent is this one."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            if int(pathlib.Path("/proc", name, "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(name))
    return found


def workers(gate):
    [zygote] = children(gate.process.pid)
    return set(children(zygote))


# ---- the gate itself ----

def test_the_sandbox_holds():
    done = gate_command("selftest")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout and done.stdout.count("ok ") >= 5


def test_a_worker_dies_alone(new_gate):
    gate = new_gate()
    others = gate.client(BOB)
    others.send(request("GET", "/_ping"))
    assert others.answer().status == 200
    before = workers(gate)
    victim = gate.client()
    victim.send(request("GET", "/_ping"))
    assert victim.answer().status == 200
    [worker] = workers(gate) - before
    os.kill(worker, signal.SIGKILL)
    assert victim.rest() == b""
    [line] = wait_for(lambda: gate.audit("worker"))
    assert line["signal"] == 9
    others.send(request("GET", "/_ping"))
    assert others.answer().status == 200
    assert gate.ok("GET", "/_ping").body == b"OK"


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_what_a_killed_gate_leaves_is_removed(request, new_gate, name):
    engine = request.getfixturevalue(f"gated_{name}")
    gate = new_gate(engine.socket)
    mine = [gate.create(), gate.create(BOB, Cmd=["/bin/sleep", "1000"])]
    gate.ok("POST", f"/v1.41/containers/{mine[1]}/start", uid=BOB)
    real = engine.json("GET", f"/containers/{mine[0]}/json")["Name"].lstrip("/")
    # Others may call theirs as they like: without the gate's proof it is not the gate's.
    forged = engine.json("POST", f"/containers/create?name={real[:-4]}{'0000' if real[-4:] != '0000' else '1111'}", {
        "Image": BUILDER, "Cmd": ["/bin/true"]})["Id"]
    gate.kill()
    gate.start()

    def left():
        return {c["Id"] for c in engine.json("GET", "/containers/json?all=1")}

    wait_for(lambda: not left() & set(mine))
    assert forged in left()
    assert len(wait_for(lambda: gate.audit("reap"))) >= 1
    engine.json("DELETE", f"/containers/{forged}?force=1")
    assert gate.ask("GET", f"/v1.41/containers/{mine[0]}/json").code == "not_found"
    assert gate.ok("GET", "/_ping").body == b"OK"


def test_the_end_of_a_gate_removes_its_containers(new_gate, gated_docker):
    gate = new_gate()
    mine = gate.create(Cmd=["/bin/sleep", "1000"])
    gate.ok("POST", f"/v1.41/containers/{mine}/start")
    assert gate.stop() in (0, 130, 143, -signal.SIGTERM)
    assert mine not in {c["Id"] for c in gated_docker.json("GET", "/containers/json?all=1")}
    assert gate.audit()[-1]["event"] == "stop"
    assert gate_command("audit", "verify", gate.audit_dir / "log.jsonl").returncode == 0


# ---- the policy ----

def test_reload(new_gate):
    gate = new_gate()
    client = gate.client(BOB)
    client.send(request("GET", "/_ping"))
    assert client.answer().status == 200
    good = gate.policy.read_text()
    gate.write_policy("\n".join(line for line in good.split("\n") if f"uid: {BOB}," not in line))
    assert "code" not in gate.reload()
    # Also on a connection that was there before.
    client.send(request("GET", "/_ping"))
    assert client.answer().code == "subject_unknown"
    for bad in (good + "\nunknown: 1\n", good.replace("version: 1", "version: 2"), "", "{", good + "\tx: y\n"):
        gate.write_policy(bad)
        assert gate.reload()["code"] == "refused"
        assert gate.ask("GET", "/_ping", uid=BOB).code == "subject_unknown"
        assert gate.ok("GET", "/_ping").body == b"OK"
    gate.write_policy(good)
    gate.policy.chmod(0o666)
    assert gate.reload()["code"] == "refused"
    gate.policy.chmod(0o600)
    assert "code" not in gate.reload()
    assert gate.ok("GET", "/_ping", uid=BOB).body == b"OK"


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_policy_that_others_may_write(new_gate, mode):
    gate = new_gate(start=False)
    gate.policy.chmod(mode)
    does_not_start(gate, "may be written by others")
    gate.policy.chmod(0o600)
    os.chown(gate.policy, ALICE, -1)
    does_not_start(gate, f"is of user {ALICE}")
    os.chown(gate.policy, 0, -1)
    gate.dir.chmod(0o777)
    does_not_start(gate, "may be written by others")
    gate.dir.chmod(0o755)
    gate.start()


def test_no_policy(new_gate):
    gate = new_gate(start=False)
    gate.policy.unlink()
    does_not_start(gate, "policy.yaml")
    gate.policy.symlink_to("/dev/null")
    does_not_start(gate, "policy.yaml")


# ---- the engine ----

class Impostor:
    """A socket of another user in the place of the engine's."""

    def __init__(self, path, uid):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        with acting_as(uid):
            self.listener.listen(8)
        os.chmod(path, 0o777)

    def heard(self):
        """All that anybody said to it."""
        said = b""
        self.listener.settimeout(0.2)
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                client.settimeout(0.2)
                with contextlib.suppress(OSError):
                    said += client.recv(65536)
                client.close()
        return said


def test_an_engine_of_somebody_else(new_gate):
    gate = new_gate(start=False)
    gate.recorder.stop()
    impostor = Impostor(gate.upstream, ALICE)
    does_not_start(gate, f"{ALICE}")
    assert impostor.heard() == b""
    impostor.listener.close()
    os.unlink(gate.upstream)
    gate.recorder = Recorder(gate.upstream, gate.recorder.upstream)
    gate.start()
    container = gate.create()
    gate.recorder.stop()
    impostor = Impostor(gate.upstream, ALICE)
    for target in (f"/v1.41/containers/{container}/start", f"/v1.41/containers/{container}/wait"):
        answer = gate.ask("POST", target)
        assert (answer.status, answer.code) == (502, "upstream_down"), answer
    assert impostor.heard() == b""
    impostor.listener.close()


def test_no_engine(new_gate):
    gate = new_gate(start=False)
    gate.recorder.stop()
    does_not_start(gate, gate.upstream)


PHASES = {
    "inspect an image": lambda gate, x: ("GET", f"/v1.41/images/{BUILDER}/json", None),
    "pull": lambda gate, x: ("POST", f"/v1.41/images/create?fromImage={BUILDER}&tag=latest", None),
    "create": lambda gate, x: ("POST", CREATE, {"Image": BUILDER, "Cmd": ["/bin/true"]}),
    "inspect": lambda gate, x: ("GET", f"/v1.41/containers/{x}/json", None),
    "put files": lambda gate, x: ("PUT", f"/v1.41/containers/{x}/archive?path=/tmp", archive(("a", b"x"))),
    "look at files": lambda gate, x: ("HEAD", f"/v1.41/containers/{x}/archive?path=/tmp", None),
    "get files": lambda gate, x: ("GET", f"/v1.41/containers/{x}/archive?path=/tmp", None),
    "attach": lambda gate, x: ("POST", f"/v1.41/containers/{x}/attach?stream=1&stdout=1", None),
    "start": lambda gate, x: ("POST", f"/v1.41/containers/{x}/start", None),
    "wait": lambda gate, x: ("POST", f"/v1.41/containers/{x}/wait", None),
    "logs": lambda gate, x: ("GET", f"/v1.41/containers/{x}/logs?stdout=1", None),
    "remove": lambda gate, x: ("DELETE", f"/v1.41/containers/{x}?force=1", None),
}
ENDED = {
    "commit": lambda gate, x: ("POST", f"/v1.41/commit?container={x}&repo=gone/x", None),
    "tag": lambda gate, x: ("POST", "/v1.41/images/gone/image/tag?repo=gone/y", None),
    "export": lambda gate, x: ("GET", "/v1.41/images/gone/image/get", None),
}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
# What an engine might say instead, and whether it may look like a good answer that was cut off.
LIES = {
    "nothing": b"", "no HTTP": b"hello\r\n\r\n", "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-", "HTTP/0.9": b"{}", "HTTP/2": b"\0\0\x12\x04\0\0\0\0\0" + b"\0" * 18,
    "status 999": b"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", "status 100 for ever": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a head of 1 MB": HEAD + b"X-A: " + b"b" * 1000000 + b"\r\n\r\n", "a folded head": HEAD + b"X-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
    "a body that is cut off": HEAD + b"Content-Length: 500\r\n\r\n{}",
    "chunks that are cut off": HEAD + b"Transfer-Encoding: chunked\r\n\r\n50\r\n{}",
    "chunks that are none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "no JSON": HEAD + b"Content-Length: 5\r\n\r\nhello", "a list": HEAD + b"Content-Length: 2\r\n\r\n[]",
    "an id that is none": HEAD.replace(b"200", b"201") + b'Content-Length: 21\r\n\r\n{"Id":"../../x/../y"}',
    "numbers for texts": HEAD + b'Content-Length: 32\r\n\r\n{"Id":1,"State":2,"Config":3    }',
    "deep JSON": HEAD + b"Content-Length: 100000\r\n\r\n" + b"[" * 100000,
    "JSON of 8 MB": HEAD + b"Content-Length: 8000002\r\n\r\n\"" + b"x" * 8000000 + b'"',
    "an error in HTML": b"HTTP/1.1 500 X\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>",
    "an error of 1 MB": b"HTTP/1.1 500 X\r\nContent-Length: 1000013\r\n\r\n{\"message\":\"" + b"x" * 1000000 + b'"}',
    "an error with controls": b"HTTP/1.1 500 X\r\nContent-Length: 26\r\n\r\n{\"message\":\"\\u001b[31m\\n\"}  ",
    "an upgrade": b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello",
}


@pytest.fixture(scope="module")
def troubled(gated_docker):
    before = gated_docker.containers()
    gate = Gate(base_dir(), gated_docker.socket).start()
    gate.build("gone/image:latest")
    yield gate
    gate.recorder.instead = None
    gate.close()
    gated_docker.sweep(before)


def tell(gate, phase, container):
    method, target, body = phase(gate, container)
    headers = ("Connection: Upgrade", "Upgrade: tcp") if "/attach" in target else ()
    return gate.ask(method, target, body, headers)


@pytest.mark.parametrize("name", [*PHASES, *ENDED])
def test_an_engine_that_goes_or_lies(troubled, name):
    gate = troubled
    phase = PHASES.get(name) or ENDED[name]
    container = None
    for lie, said in LIES.items():
        container = container or (gate.run() if name == "commit" else gate.create())
        gate.recorder.instead = said
        answer = tell(gate, phase, container)
        gate.recorder.instead = None
        check_trouble(name, lie, answer)
        assert gate.ok("GET", "/_ping").body == b"OK"
        if name in CHANGES:
            gate.ask("DELETE", f"/v1.41/containers/{container}?force=1")
            container = None
    if container:
        gate.remove(container)
    gate.build("gone/again:latest")
    gate.ok("DELETE", "/v1.41/images/gone/again:latest")


# Answers that have no content that could be wrong, or whose content is for people.
STREAMS = {"pull", "get files", "logs", "export", "wait", "look at files", "attach"}
CHANGES = {"start", "attach", "put files", "remove"}
EMPTY = {"start", "tag", "remove", "put files", "kill"}


def check_trouble(name, lie, answer):
    """A no that names the engine; or, of what was begun by then, an end that shows."""
    assert answer is not None, lie
    if answer.status in (502, 504):
        assert answer.code in ("upstream_down", "upstream_refused", "upstream_mismatch"), f"{lie}: {answer}"
        assert all(0x20 <= b < 0x7f or b > 0x7f for b in answer.body), f"{lie}: {answer}"
        assert len(answer.body) < 4096
    elif name in EMPTY:
        # A status that says that it is done is believed.
        assert said_done(lie) and answer.status < 300, f"{lie}: {answer}"
    elif name in STREAMS:
        assert answer.status in (101, 200), f"{lie}: {answer}"
    else:
        raise AssertionError(f"{lie}: {answer}")


def said_done(lie):
    return LIES[lie].startswith(b"HTTP/1.1 20") or lie == "an upgrade"


def test_an_engine_that_goes_while_a_build_runs(troubled):
    gate = troubled
    container = gate.create(Cmd=["/bin/sh", "-c", "echo begun; sleep 1000"])
    stream, _ = gate.attach(container)
    waiting = gate.client(timeout=60)
    waiting.send(request("POST", f"/v1.41/containers/{container}/wait?condition=next-exit"))
    gate.ok("POST", f"/v1.41/containers/{container}/start")
    assert stream.take(8 + 6)[8:] == b"begun\n"
    files = gate.client()
    fresh = gate.create()
    files.send(request("PUT", f"/v1.41/containers/{fresh}/archive?path=/tmp", headers=[
        "Content-Length: 100000"]) + archive(("a", b"x" * 50000))[:20000])
    wait_for(lambda: any("PUT" in line for line in gate.recorder.since(0)[-1:]))
    gate.recorder.cut()
    assert stream.rest() == b""
    assert waiting.head()[0] == 200 and not waiting.chunks()[1]
    files.send_gently(b"x" * 80000)
    answer = files.answer("PUT")
    assert answer and answer.code in ("upstream_down", "tar"), answer
    # Half of an archive is no good: that container can only be removed.
    assert gate.ask("POST", f"/v1.41/containers/{fresh}/start").code == "state"
    gate.remove(fresh)
    gate.remove(container)


# ---- the audit log ----

def test_a_full_disk(new_gate):
    gate = new_gate(audit_mount="size=256k")
    assert gate.ok("GET", "/_ping").body == b"OK"
    filler = gate.audit_dir / "filler"
    fd = os.open(filler, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(fd, b"x" * 4096)
    os.close(fd)
    answers = [gate.ask("POST", CREATE, {"Image": BUILDER, "Cmd": ["/bin/true"]}) for _ in range(3)]
    while answers[-1].code != "audit_failed":
        assert len(answers) < 64
        mark = gate.recorder.mark()
        answers.append(gate.ask("GET", "/_ping"))
    assert answers[-1].status == 503
    for method, target, body in (("GET", "/_ping", None), ("POST", CREATE, {"Image": BUILDER, "Cmd": ["/bin/true"]})):
        mark = gate.recorder.mark()
        answer = gate.ask(method, target, body)
        assert (answer.status, answer.code) == (503, "audit_failed"), answer
        assert not [line for line in gate.recorder.since(mark) if not line.startswith("GET /images/")]
    assert gate.ask("GET", "/nothing").code == "route_denied"
    filler.unlink()
    gate.build("after/full:latest")
    gate.ok("DELETE", "/v1.41/images/after/full:latest")
    done = gate_command("audit", "verify", gate.audit_dir / "log.jsonl")
    assert done.returncode == 0, done.stderr


def test_the_audit_log_says_what_was_and_no_secret(new_gate):
    gate = new_gate()
    container = gate.create(Env=["TOKEN=hunter2"])
    gate.ask("POST", f"/v1.41/images/create?fromImage={BUILDER}&tag=none", headers=["X-Registry-Auth: aHVudGVyMg=="])
    gate.ask("GET", "/x%0ay")
    gate.remove(container)
    text = (gate.audit_dir / "log.jsonl").read_text()
    assert "hunter2" not in text and "aHVudGVyMg" not in text
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    [made] = [line for line in lines if line.get("route") == "container.create"]
    assert made["peer"]["uid"] == ALICE and made["decision"] == "allow"
    assert gate_command("audit", "verify", gate.audit_dir / "log.jsonl").returncode == 0
    tampered = gate.audit_dir / "tampered.jsonl"
    tampered.write_text(text.replace("container.create", "container.wait  "))
    assert gate_command("audit", "verify", tampered).returncode != 0
