"""Queries: twice, unknown, encoded in several ways, in the body instead."""
from attacks import CREATE, Row, body

PULL = "/v1.41/images/create"
BUSYBOX = "fromImage=registry.test/builder/busybox"


def get(name, code, target, method="POST", **kwargs):
    return Row(name, code, method=method, target=target, **kwargs)


ROWS = [
    get("name twice", "query_dup", f"{CREATE}?name=a&name=b", body=body()),
    get("name twice, once encoded", "query_dup", f"{CREATE}?name=a&%6eame=b", body=body()),
    get("name twice, the same", "query_dup", f"{CREATE}?name=a&name=a", body=body()),
    get("fromImage twice", "query_dup", f"{PULL}?{BUSYBOX}&fromImage=registry.test/other/private"),
    get("tag twice", "query_dup", f"{PULL}?{BUSYBOX}&tag=latest&tag=x"),
    get("container twice", "query_dup", "/v1.41/commit?container={id}&container={other}", state="exited"),
    get("path twice", "query_dup", "/v1.41/containers/{id}/archive?path=/tmp&path=/etc", "GET", state="exited"),
    get("stdin twice", "query_dup", "/v1.41/containers/{id}/attach?stream=1&stdin=0&stdin=1", state="created"),
    get("Name", "query_unknown", f"{CREATE}?Name=a", body=body()),
    get("an unknown parameter", "query_unknown", f"{CREATE}?x=y", body=body()),
    get("another platform", "query_unknown", f"{CREATE}?platform=windows", body=body()),
    get("a parameter of podman", "query_unknown", f"{CREATE}?validate=false", body=body()),
    get("an empty key", "query_syntax", f"{CREATE}?=a", body=body()),
    get("an ampersand too many", "query_syntax", f"{CREATE}?name=a&&platform=", body=body()),
    get("a semicolon", "query_syntax", f"{CREATE}?name=a;name=b", body=body()),
    get("an encoded semicolon", "field_value", f"{CREATE}?name=a%3bname=b", body=body()),
    get("U+0000", "query_syntax", f"{CREATE}?name=a%00b", body=body()),
    get("a newline", "query_syntax", f"{CREATE}?name=a%0ab", body=body()),
    get("CRLF", "query_syntax", f"{PULL}?{BUSYBOX}%0d%0aX-A:%20b"),
    get("a percent sign", "query_syntax", f"{CREATE}?name=a%", body=body()),
    get("half an escape", "query_syntax", f"{CREATE}?name=a%4", body=body()),
    get("an escape that is none", "query_syntax", f"{CREATE}?name=a%zz", body=body()),
    get("an escape of IIS", "query_syntax", f"{CREATE}?name=a%u0041", body=body()),
    get("bytes that are no UTF-8", "query_syntax", f"{CREATE}?name=a%ff", body=body()),
    get("an overlong slash", "query_syntax", f"{CREATE}?name=a%c0%af", body=body()),
    get("two question marks", "query_unknown", f"{CREATE}??name=a", body=body()),
    get("100 parameters", "head_size", f"{CREATE}?" + "&".join(f"x{i}=y" for i in range(100)), body=body()),
    get("an import", "query_unknown", f"{PULL}?fromSrc=-&repo=x"),
    get("an import from a URL", "query_unknown", f"{PULL}?fromSrc=http://127.0.0.1/x"),
    get("changes at a pull", "query_unknown", f"{PULL}?{BUSYBOX}&changes=USER%20root"),
    get("changes at a commit", "query_unknown", "/v1.41/commit?container={id}&changes=USER%20root", state="exited"),
    get("lines of changes at a commit", "query_syntax", "/v1.41/commit?container={id}&changes=LABEL%20a=b%0aUSER%20root",
        state="exited"),
    get("a line in the author", "query_syntax", "/v1.41/commit?container={id}&author=a%0aUSER%20root", state="exited"),
    get("a format of podman", "query_unknown", "/v1.41/commit?container={id}&format=docker", state="exited"),
    get("squash", "query_unknown", "/v1.41/commit?container={id}&squash=1", state="exited"),
    get("another platform of a pull", "field_value", f"{PULL}?{BUSYBOX}&platform=linux/s390x"),
    get("a push to a directory", "query_unknown", "/v1.41/images/x/push?destination=dir:/tmp/x"),
    get("a push without TLS", "query_unknown", "/v1.41/images/x/push?tlsVerify=false"),
    get("a push of all", "query_unknown", "/v1.41/images/x/push?all=1"),
    get("attach with logs", "query_unknown", "/v1.41/containers/{id}/attach?stream=1&logs=1", state="created",
        headers=("Connection: Upgrade", "Upgrade: tcp")),
    get("a flag that is none", "query_unknown", "/v1.41/containers/{id}/attach?stream=yes", state="created",
        headers=("Connection: Upgrade", "Upgrade: tcp")),
    get("a start with other keys", "query_unknown", "/v1.41/containers/{id}/start?detachKeys=x", state="created"),
    get("a start from a checkpoint", "query_unknown", "/v1.41/containers/{id}/start?checkpoint=x", state="created"),
    get("wait for removal", "field_value", "/v1.41/containers/{id}/wait?condition=removed", state="created"),
    get("wait for anything", "field_value", "/v1.41/containers/{id}/wait?condition=x", state="created"),
    get("a signal that is none", "field_value", "/v1.41/containers/{id}/kill?signal=SIGSEGV", state="running"),
    get("signal 0", "field_value", "/v1.41/containers/{id}/kill?signal=0", state="running"),
    get("signal 9 with a zero before it", "field_value", "/v1.41/containers/{id}/kill?signal=09", state="running"),
    get("a signal that stops", "field_value", "/v1.41/containers/{id}/kill?signal=STOP", state="running"),
    get("a link", "query_unknown", "/v1.41/containers/{id}?link=1", "DELETE", state="created"),
    get("sizes", "query_unknown", "/v1.41/containers/{id}/json?size=1", "GET", state="created"),
    get("logs since", "query_unknown", "/v1.41/containers/{id}/logs?stdout=1&since=1", "GET", state="exited"),
    get("parameters of ping", "query_unknown", "/_ping?x=y", "GET"),
]
