"""Commits, names and pushes: nobody's name but one's own, and no setting that a container may
not have."""
from attacks import INSPECT_IMAGE, Row

REFRESH = r"GET /containers/[0-9a-f]{64}/json"
COMMIT = "/v1.41/commit?container={id}"


def name(repo, tag, code, upstream=(), **kwargs):
    query = f"&repo={repo}" + (f"&tag={tag}" if tag is not None else "")
    return Row(f"the name {repo[:60]!r} {tag!r}"[:100], code, target=COMMIT + query, state="exited", upstream=upstream, **kwargs)


def config(what, code, body):
    return Row(f"a commit with {what}", code, target=COMMIT + "&repo=alice/x", state="exited", body=body)


ROWS = [
    name("registry.test/builder/busybox", "latest", "output_not_allowed"),
    name("registry.test/builder/busybox", "other", "output_not_allowed"),
    name("registry.test/builder/busybox", None, "output_not_allowed"),
    name("REGISTRY.TEST/builder/busybox", "latest", "output_not_allowed"),
    name("registry.test/builder/s2i", "latest", "output_not_allowed"),
    name("registry.test/builder/pinned", "latest", "output_not_allowed"),
    name("builder/busybox", "latest", "output_not_allowed"),
    name("docker.io/builder/busybox", "latest", "output_not_allowed"),
    name("{registry}/bob/app", "latest", "output_not_allowed"),
    name("{registry}/bob/x/y", "latest", "output_not_allowed"),
    name("registry.test/other/private", "latest", "output_not_allowed", (INSPECT_IMAGE,)),
    name("bobs/image", "latest", "output_not_allowed", (INSPECT_IMAGE,)),
    name("docker.io/bobs/image", "latest", "output_not_allowed", (INSPECT_IMAGE,)),
    name("docker.io/bobs/image", None, "output_not_allowed", (INSPECT_IMAGE,)),
    name("index.docker.io/bobs/image", "latest", "output_not_allowed", (INSPECT_IMAGE,)),
    name("alice/x", "sha256%3A" + "0" * 64, "output_not_allowed"),
    name("alice/x@sha256:" + "0" * 64, None, "output_not_allowed"),
    name("sha256", "0" * 64, "output_not_allowed"),
    name("Alice/x", "latest", "field_value"),
    name("alice/../x", "latest", "field_value"),
    name("alice//x", "latest", "field_value"),
    name("/alice/x", "latest", "field_value"),
    name("alice/x", "a/b", "field_value"),
    name("alice/x", "-a", "field_value"),
    name("alice/x", "a%20b", "field_value"),
    name("alice/x", "x" * 129, "field_value"),
    name("alice/x", "a%0Ab", "query_syntax"),
    name("alice/x:a", "b", "field_value"),
    name("a" * 300, "latest", "field_value"),
    config("a reserved label", "label_reserved", {"Labels": {"dev.s2c.gate.owner": "u:0"}}),
    config("a HostConfig", "field_unknown", {"HostConfig": {"Privileged": True}}),
    config("Privileged", "field_unknown", {"Privileged": True}),
    config("a hostconfig", "field_unknown", {"hostconfig": {"Privileged": True}}),
    config("OnBuild", "field_denied", {"OnBuild": ["RUN id"]}),
    config("a health check", "field_denied", {"Healthcheck": {"Test": ["CMD-SHELL", "id"]}}),
    config("a shell", "field_denied", {"Shell": ["/bin/sh"]}),
    config("a terminal", "field_denied", {"Tty": True}),
    config("user", "key_case", {"user": "root"}),
    config("a variable without value", "commit_config", {"Env": ["A"]}),
    config("a variable without name", "commit_config", {"Env": ["=A"]}),
    config("a command that is text", "json_type", {"Cmd": "id"}),
    config("ports that say more", "json_type", {"ExposedPorts": {"80/tcp": {"HostPort": "80"}}}),
    config("volumes with lines", "key_syntax", {"Volumes": {"/x\nUSER root": {}}}),
    config("a list", "json_type", []),
    config("an unknown field", "field_unknown", {"Rootfs": "/"}),
    Row("a commit in no JSON", "json_syntax", target=COMMIT, state="exited", body=b"{",
        headers=("Content-Type: application/json",)),
    Row("a commit in a form", "content_type", target=COMMIT, state="exited", body=b"changes=USER%20root",
        headers=("Content-Type: application/x-www-form-urlencoded",)),
    Row("a commit of nothing", "not_found", target="/v1.41/commit?repo=alice/x"),
    Row("a commit of an empty name", "not_found", target="/v1.41/commit?container=&repo=alice/x"),
    Row("a commit of a container that waits", "state", target=COMMIT, state="created"),
    Row("a commit of a container that runs", "state", target=COMMIT, state="running", upstream=(REFRESH,)),
    Row("a commit of a container that failed", "state", target=COMMIT, state="failed"),
]
ROWS += [Row(f"tag as {repo}", code, target=f"/v1.41/images/{{image}}/tag?repo={repo}&tag=latest", upstream=upstream)
         for repo, code, upstream in [
             ("registry.test/builder/busybox", "output_not_allowed", ()), ("builder/busybox", "output_not_allowed", ()),
             ("{registry}/bob/app", "output_not_allowed", ()), ("bobs/image", "output_not_allowed", (INSPECT_IMAGE,)),
             ("registry.test/other/private", "output_not_allowed", (INSPECT_IMAGE,)), ("", "field_value", ()),
             ("x@sha256:" + "0" * 64, "field_value", ())]]
ROWS += [Row(f"push of {what}", code, target=f"/v1.41/images/{what}/push{query}") for what, query, code in [
    ("alices/image", "?tag=latest", "output_not_allowed"), ("alices/image", "", "output_not_allowed"),
    ("docker.io/alices/image", "?tag=latest", "output_not_allowed"), ("alices/image", "?tag=other", "not_found"),
    ("{registry}/alice/app", "?tag=latest", "not_found"), ("{registry}/bob/app", "?tag=latest", "not_found"),
    ("evil.test/alices/image", "?tag=latest", "not_found"), ("alices/image", "?tag=sha256%3A" + "0" * 64, "not_found"),
    ("{image}", "", "output_not_allowed"), ("alices/image:latest", "?tag=latest", "field_value")]]
ROWS += [
    Row("start again", "state", target="/v1.41/containers/{id}/start", state="running"),
    Row("start what has ended", "state", target="/v1.41/containers/{id}/start", state="exited"),
    Row("attach to what has ended", "state", target="/v1.41/containers/{id}/attach?stream=1&stdout=1", state="exited",
        headers=("Connection: Upgrade", "Upgrade: tcp")),
    Row("standard input again", "state", target="/v1.41/containers/{id}/attach?stream=1&stdin=1", state="running",
        headers=("Connection: Upgrade", "Upgrade: tcp")),
    Row("kill what waits", "state", target="/v1.41/containers/{id}/kill", state="created"),
    Row("kill what has ended", "state", target="/v1.41/containers/{id}/kill", state="exited"),
    Row("remove what runs", "state", method="DELETE", target="/v1.41/containers/{id}", state="running", upstream=(REFRESH,)),
    Row("a name twice", "state", target="/v1.41/containers/create?name={name}", state="created", body={
        "Image": "registry.test/builder/busybox", "Cmd": ["/bin/true"]}),
]
