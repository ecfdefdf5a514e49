"""Every row of the tables in attacks/: the right code, nothing for the engine, nothing changed
that is somebody else's, one line in the audit log; and after each class a build as ever."""
import importlib
import json
import os
import pathlib
import pkgutil
import re
import shutil
import tempfile

import pytest

import attacks
from attacks import STATUS
from gates import ALICE, BOB, BUILDER, CAROL, Gate, archive, policy, request
from engines import base_dir

REGISTRY = "127.0.0.1:1"
CLASSES = sorted(m.name for m in pkgutil.iter_modules(attacks.__path__))
GOOD = "a build as ever"


def parameters():
    for name in CLASSES:
        for row in importlib.import_module(f"attacks.{name}").ROWS:
            yield pytest.param(row, id=re.sub(r"[^ -~]", "?", f"{name}: {row.name}"))
        yield pytest.param(GOOD, id=f"{name}: {GOOD}")


class Bed:
    """A gate with containers and images of two users behind it, and what must stay as it is."""

    def __init__(self, engine):
        self.engine = engine
        self.gate = Gate(base_dir(), engine.socket).start()
        self.canary = pathlib.Path(tempfile.mkdtemp(prefix="s2c-canary", dir="/tmp"))
        self.canary.chmod(0o755)
        (self.canary / "file").write_text("untouched\n")
        self.places = {"registry": REGISTRY, "nothing": "f" * 64}
        gate = self.gate
        self.ids = {
            "created": gate.create(name="mine"),
            "exited": gate.run(),
            "failed": gate.run(Cmd=["/bin/false"]),
            "running": self.start(Cmd=["/bin/sleep", "1000"]),
        }
        bob = gate.create(BOB, name="bobs", Cmd=["/bin/sleep", "1000"])
        gate.ok("POST", f"/v1.41/containers/{bob}/start", uid=BOB)
        self.names("other", bob)
        self.places["other_name"] = "bobs"
        self.places["other_engine_name"] = engine.json("GET", f"/containers/{bob}/json")["Name"].lstrip("/")
        self.foreign = engine.json("POST", "/containers/create?name=foreign", {
            "Image": BUILDER, "Cmd": ["/bin/true"]})["Id"]
        self.places |= {"foreign": self.foreign, "foreign_name": "foreign", "name": "mine"}
        for key, image in (("image", gate.build("alices/image:latest")),
                           ("other_image", gate.build("bobs/image:latest", uid=BOB)),
                           ("private_image", engine.image("registry.test/other/private")["Id"]),
                           ("builder_image", engine.image(BUILDER)["Id"])):
            self.places |= {key: image, f"{key}_hex": image[7:], f"{key}_short": image[7:19]}
        self.before = self.look()

    def start(self, **changes):
        """A container that runs, with its standard input given away."""
        made = self.gate.create(**changes)
        self.stream, answer = self.gate.attach(made)
        assert answer.status == 101, answer
        self.gate.ok("POST", f"/v1.41/containers/{made}/start")
        return made

    def names(self, key, container):
        self.places |= {key: container, f"{key}_short": container[:12], f"{key}_11": container[:11],
                        f"{key}_upper": container.upper(), f"{key}_65": container + container[0]}

    def look(self):
        """What there is on the engine and on the host, as far as nobody may change it."""
        containers = self.engine.json("GET", "/containers/json?all=1")
        images = self.engine.json("GET", "/images/json?all=1")
        return {
            "containers": sorted((c["Id"], c["State"]) for c in containers),
            "images": sorted((i["Id"], sorted(i["RepoTags"] or [])) for i in images),
            "volumes": self.engine.json("GET", "/volumes")["Volumes"],
            "networks": sorted(n["Id"] for n in self.engine.json("GET", "/networks")),
            "canary": ((self.canary / "file").read_text(), os.stat(self.canary / "file").st_mtime_ns,
                       sorted(os.listdir(self.canary))),
        }

    def fill(self, text):
        """Puts ids in the places of a text or of bytes."""
        if isinstance(text, bytes):
            return self.fill(text.decode("latin-1")).encode("latin-1")
        return re.sub(r"\{([a-z_0-9]+)\}", lambda m: self.places.get(m[1], m[0]), text)

    def body(self, body):
        if body is None or isinstance(body, bytes):
            return body
        return json.loads(self.fill(json.dumps(body)))

    def bytes_of(self, row):
        if row.raw is not None:
            return self.fill(row.raw) if row.state else row.raw
        return request(row.method, self.fill(row.target), self.body(row.body), row.headers)

    def method_of(self, row):
        return row.method if row.raw is None else "GET"

    def close(self):
        try:
            self.engine.json("DELETE", f"/containers/{self.foreign}?force=1")
        finally:
            self.gate.close()
            shutil.rmtree(self.canary)


@pytest.fixture(scope="module")
def bed(gated_docker):
    made = Bed(gated_docker)
    yield made
    made.close()


def audit_since(bed, from_line):
    text = (bed.gate.audit_dir / "log.jsonl").read_bytes()[from_line:]
    return [json.loads(line) for line in text.splitlines()]


def audit_end(bed):
    return os.stat(bed.gate.audit_dir / "log.jsonl").st_size


def good_build(bed):
    output = "alices/again:latest"
    image = bed.gate.build(output, source=b"a good build\n")
    shown = bed.gate.ok("GET", f"/v1.41/images/{output}/json").json()
    assert shown["Id"] == image and shown["Config"]["Labels"]["made.by"] == "a test"
    bed.gate.ok("DELETE", f"/v1.41/images/{output}")
    assert bed.look() == bed.before


def attack(bed, row):
    line, mark = audit_end(bed), bed.gate.recorder.mark()
    client = bed.gate.client(row.uid)
    client.send_gently(bed.bytes_of(row))
    if row.raw is not None:
        client.half_close()
    answer = client.answer(bed.method_of(row))
    client.close()
    if answer and answer.status == 201 and b'"Id":"' in answer.body:
        bed.gate.remove(answer.json()["Id"], row.uid)
    assert answer, "no answer at all"
    assert (answer.code, answer.status) == (row.code, row.status or STATUS[row.code]), answer
    for sent in bed.gate.recorder.since(mark):
        assert any(re.fullmatch(allowed, sent) for allowed in row.upstream), f"for the engine: {sent}"
    found = audit_since(bed, line)
    assert [d["code"] for d in found if d.get("code")] == [row.code], found
    assert len([d for d in found if d["event"] == "decision"]) == 1, found


@pytest.mark.parametrize("row", parameters())
def test_attack(bed, row):
    if row is GOOD:
        good_build(bed)
        return
    fresh = None
    if row.state == "fresh":
        fresh = bed.gate.create()
        bed.names("id", fresh)
    elif row.state:
        bed.names("id", bed.ids[row.state])
    try:
        attack(bed, row)
    finally:
        if fresh:
            bed.gate.remove(fresh)
    assert bed.look() == bed.before
