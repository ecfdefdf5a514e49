"""What the gate sends means the same to other parsers: to Python's, and to the engine's own.

A client's values are odd on purpose. What went upstream is taken from the recorder and read
by a second parser; what the engine made of it is asked of the engine itself, not of the gate.
"""
import json
import urllib.parse

import pytest

from engines import base_dir
from gates import Gate

ODD = ["plain", "two words", "", "'single' \"double\"", "back\\slash \\n \\u0041", "tab\there", "two\nlines",
       "ümläut €", "\U0001f680", "</script>&amp;", "$HOME `id` $(id)", "{\"json\": [1, 2]}", "a=b=c", "%41%2f+",
       "ſ K", "\u2028\u2029", "\x1b[31m", "x" * 2000]


@pytest.fixture(scope="module")
def gate(gated_docker):
    made = Gate(base_dir(), gated_docker.socket)
    made.engine = gated_docker
    yield made.start()
    made.close()


def upstream_body(gate, mark, path):
    """The JSON of the one request to that path, by another parser; its keys are once there."""
    def once(pairs):
        assert len({k for k, _ in pairs}) == len(pairs), pairs
        return dict(pairs)

    found = [bytes(s) for s in gate.recorder.sent[mark:] if bytes(s).split(b" ")[1].startswith(path.encode())]
    assert len(found) == 1, found
    head, _, body = found[0].partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    assert [int(line.split(b":")[1]) for line in lengths] == [len(body)]
    assert b"transfer-encoding" not in head.lower()
    return json.loads(body, object_pairs_hook=once)


def engine_inspect(gate, container):
    return gate.engine.json("GET", f"/containers/{container}/json")


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_create(gate, value):
    mark = gate.recorder.mark()
    label = value.replace("\x1b", "").replace("\n", " ").replace("\t", " ")
    container = gate.create(Env=[f"ODD={value}"], Cmd=["/bin/echo", value], Entrypoint=["/bin/env", "--", value],
                            Labels={"odd": label})
    try:
        sent = upstream_body(gate, mark, "/v1.41/containers/create")
        made = engine_inspect(gate, container)["Config"]
        assert sent["Env"] == [f"ODD={value}"] and f"ODD={value}" in made["Env"]
        assert sent["Cmd"] == made["Cmd"] == ["/bin/echo", value]
        assert sent["Entrypoint"] == made["Entrypoint"] == ["/bin/env", "--", value]
        assert sent["Labels"]["odd"] == made["Labels"]["odd"] == label
        assert sent["User"] == made["User"] == "1001:0"
    finally:
        gate.remove(container)


def test_the_template_is_all_there_is(gate):
    """Whatever a client sends, the engine gets these keys and no others, with these values."""
    mark = gate.recorder.mark()
    container = gate.create(Hostname="host", StopSignal="SIGINT", HostConfig={
        "NetworkMode": "none", "Memory": 64 << 20, "MemorySwap": -1, "PidsLimit": 7, "CapDrop": ["KILL"],
        "AutoRemove": True, "RestartPolicy": {"Name": "always"}, "LogConfig": {"Type": "syslog", "Config": {"a": "b"}}})
    try:
        sent = upstream_body(gate, mark, "/v1.41/containers/create")
        host = engine_inspect(gate, container)["HostConfig"]
    finally:
        gate.remove(container)
    assert set(sent) == {"Image", "User", "Env", "Cmd", "WorkingDir", "Tty", "OpenStdin", "StdinOnce", "AttachStdin",
                         "AttachStdout", "AttachStderr", "Healthcheck", "Labels", "HostConfig"}
    for read in (sent["HostConfig"], host):
        assert read["CapDrop"] == ["ALL"] and read["SecurityOpt"] == ["no-new-privileges"]
        assert read["Memory"] == read["MemorySwap"] == 64 << 20 and read["PidsLimit"] == 7
        assert read["RestartPolicy"]["Name"] == "no" and read["AutoRemove"] is False
        assert read["LogConfig"]["Type"] == "json-file" and read["NetworkMode"] == "none"
        assert not read["Privileged"] and not read["Binds"] and not read["CapAdd"]


@pytest.mark.parametrize("value", [v for v in ODD if "\x1b" not in v], ids=str.__len__)
def test_commit(gate, value):
    container = gate.run(Cmd=["/bin/true"])
    mark = gate.recorder.mark()
    try:
        image = gate.ok("POST", f"/v1.41/commit?container={container}", {
            "Env": [f"ODD={value}"], "Cmd": ["/bin/echo", value], "Labels": {"odd": value}, "User": "1001",
            "ExposedPorts": {"8080/tcp": {}}}).json()["Id"]
        sent = upstream_body(gate, mark, "/v1.41/commit")
        made = gate.engine.json("GET", f"/images/{image}/json")["Config"]
        gate.ok("DELETE", f"/v1.41/images/{image}")
    finally:
        gate.remove(container)
    assert sent["Env"] == [f"ODD={value}"] and f"ODD={value}" in made["Env"]
    assert sent["Cmd"] == made["Cmd"] == ["/bin/echo", value]
    assert sent["Labels"]["odd"] == made["Labels"]["odd"] == value
    assert sent["ExposedPorts"] == made["ExposedPorts"] == {"8080/tcp": {}}
    assert made["User"] == "1001"


def test_names_in_targets(gate):
    """What clients put into queries comes out of a target the way it went in."""
    container = gate.create()
    try:
        for path in ("/tmp/a b", "/tmp/ü", "/tmp/a&path=/etc", "/tmp/a%2f..", "/tmp/a+b", "/tmp/#x?y=z"):
            gate.ask("HEAD", "/v1.41/containers/%s/archive?path=%s" % (container, "".join(
                f"%{b:02X}" for b in path.encode())))
            last = bytes(gate.recorder.sent[-1]).split(b" ")[1].decode()
            query = urllib.parse.parse_qs(urllib.parse.urlsplit(last).query, strict_parsing=True)
            assert query == {"path": [path]}, last
    finally:
        gate.remove(container)
