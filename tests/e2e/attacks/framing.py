"""HTTP that two programs see two requests in, or a request where there is none."""
import json

from attacks import Row, body

JSON = json.dumps(body())
BAD = json.dumps(body(HostConfig={"Privileged": True}))
HEAD = "POST /v1.41/containers/create HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n"
SMUGGLED = f"{HEAD}Content-Length: {len(JSON)}\r\n\r\n{JSON}"
PING = "GET /_ping HTTP/1.1\r\nHost: gate\r\n\r\n"


def raw(name, code, data, **kwargs):
    return Row(name, code, raw=data if isinstance(data, bytes) else data.encode(), **kwargs)


def head(name, code, *lines, start="GET /_ping HTTP/1.1", host="Host: gate"):
    """A request without a body, of these lines."""
    return raw(name, code, "\r\n".join([start, *([host] if host else []), *lines]) + "\r\n\r\n")


def sized(name, code, *lines, data=JSON):
    """A creation whose length is told by these lines."""
    return raw(name, code, HEAD + "".join(line + "\r\n" for line in lines) + "\r\n" + data + SMUGGLED)


CHUNKED = f"{len(JSON):x}\r\n{JSON}\r\n0\r\n\r\n"

ROWS = [
    sized("CL.TE", "framing", "Content-Length: 5", "Transfer-Encoding: chunked", data="0\r\n\r\n"),
    sized("TE.CL", "framing", "Transfer-Encoding: chunked", f"Content-Length: {len(JSON)}", data=CHUNKED),
    sized("two lengths", "framing", f"Content-Length: {len(JSON)}", "Content-Length: 0"),
    sized("the same length twice", "framing", *[f"Content-Length: {len(JSON)}"] * 2),
    sized("two lengths in one line", "framing", f"Content-Length: {len(JSON)}, {len(JSON)}"),
    sized("a length with a plus", "framing", f"Content-Length: +{len(JSON)}"),
    sized("a length with a minus", "framing", "Content-Length: -1"),
    sized("a hexadecimal length", "framing", f"Content-Length: 0x{len(JSON):x}"),
    sized("a length with a zero before it", "framing", f"Content-Length: 0{len(JSON)}"),
    sized("a length with a blank in it", "framing", "Content-Length: 1 0"),
    sized("no length", "framing", "Content-Length:"),
    sized("a length of 20 digits", "head_size", "Content-Length: 18446744073709551617"),
    sized("chunked and identity", "framing", "Transfer-Encoding: chunked, identity", data=CHUNKED),
    sized("gzip and chunked", "framing", "Transfer-Encoding: gzip, chunked", data=CHUNKED),
    sized("identity", "framing", "Transfer-Encoding: identity"),
    sized("xchunked", "framing", "Transfer-Encoding: xchunked", data=CHUNKED),
    sized("chunked with a vertical tab", "framing", "Transfer-Encoding: \vchunked", data=CHUNKED),
    sized("chunked twice", "framing", *["Transfer-Encoding: chunked"] * 2, data=CHUNKED),
    sized("chunked in quotes", "framing", 'Transfer-Encoding: "chunked"', data=CHUNKED),
    sized("a blank before the colon", "framing", "Transfer-Encoding : chunked", data=CHUNKED),
    sized("an underscore for the hyphen, and no other length", "json_syntax", "Transfer_Encoding: chunked", data=""),
    sized("an extension of a chunk", "framing", "Transfer-Encoding: chunked",
          data=f"{len(JSON):x};a=b\r\n{JSON}\r\n0\r\n\r\n"),
    sized("a trailer", "framing", "Transfer-Encoding: chunked",
          data=f"{len(JSON):x}\r\n{JSON}\r\n0\r\nX-Registry-Auth: e30K\r\n\r\n"),
    sized("a trailer that was announced", "framing", "Transfer-Encoding: chunked", "Trailer: X-A", data=CHUNKED),
    sized("a chunk with a plus", "framing", "Transfer-Encoding: chunked", data=f"+{CHUNKED}"),
    sized("a chunk with 0x", "framing", "Transfer-Encoding: chunked", data=f"0x{CHUNKED}"),
    sized("a chunk with a blank", "framing", "Transfer-Encoding: chunked",
          data=f"{len(JSON):x} \r\n{JSON}\r\n0\r\n\r\n"),
    sized("a chunk that wraps around", "framing", "Transfer-Encoding: chunked", data=f"1000000000000000{len(JSON):x}\r\n{JSON}"),
    sized("a chunk without its line end", "framing", "Transfer-Encoding: chunked", data=f"{len(JSON):x}\r\n{JSON}0\r\n\r\n"),
    sized("a chunk line that ends with LF", "framing", "Transfer-Encoding: chunked", data=f"{len(JSON):x}\n{JSON}\r\n0\r\n\r\n"),
    sized("a chunk of no size", "framing", "Transfer-Encoding: chunked", data=f"\r\n{JSON}\r\n0\r\n\r\n"),
    raw("LF for CRLF", "framing", PING.replace("\r\n", "\n")),
    raw("one LF for CRLF", "framing", "GET /_ping HTTP/1.1\nHost: gate\r\n\r\n"),
    raw("a CR in a line", "framing", "GET /_ping HTTP/1.1\r\nHost: gate\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n"),
    head("a folded line", "framing", "X-A: b", " Transfer-Encoding: chunked"),
    head("a line folded with a tab", "framing", "X-A: b", "\tc"),
    head("NUL in a header", "framing", "X-A: b\0c"),
    head("DEL in a header", "framing", "X-A: b\x7fc"),
    raw("a byte beyond ASCII in a header", "framing", b"GET /_ping HTTP/1.1\r\nHost: gate\r\nX-A: \xff\r\n\r\n"),
    head("a header without name", "framing", ": b"),
    head("a header without colon", "framing", "X-A"),
    head("a header with a blank in its name", "framing", "X A: b"),
    head("a header with a bracket in its name", "framing", "X[A]: b"),
    head("HTTP/1.0", "framing", start="GET /_ping HTTP/1.0"),
    head("HTTP/1.2", "framing", start="GET /_ping HTTP/1.2"),
    head("HTTP/2.0", "framing", start="GET /_ping HTTP/2.0"),
    head("HTTP/1.1 with a zero", "framing", start="GET /_ping HTTP/01.1"),
    head("http/1.1", "framing", start="GET /_ping http/1.1"),
    raw("HTTP/0.9", "framing", "GET /_ping\r\n\r\n"),
    raw("the preface of HTTP/2", "framing", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    raw("an empty line first", "framing", "\r\n" + PING),
    raw("TLS", "framing", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\n" * 200),
    head("two blanks", "framing", start="GET  /_ping HTTP/1.1"),
    head("a tab for a blank", "framing", start="GET\t/_ping HTTP/1.1"),
    head("a blank at the end", "framing", start="GET /_ping HTTP/1.1 "),
    head("a blank in the target", "framing", start="GET /_ping x HTTP/1.1"),
    head("the whole URL", "target_form", start="GET http://gate/_ping HTTP/1.1"),
    head("a URL of a socket", "target_form", start="GET unix:///run/docker.sock HTTP/1.1"),
    head("a host for a target", "method", start="CONNECT gate:80 HTTP/1.1"),
    head("a star", "method", start="OPTIONS * HTTP/1.1"),
    head("a target without slash", "target_form", start="GET _ping HTTP/1.1"),
    head("a fragment", "target_form", start="GET /_ping#x HTTP/1.1"),
    head("a backslash", "target_form", start="GET \\_ping HTTP/1.1"),
    head("get", "method", start="get /_ping HTTP/1.1"),
    head("TRACE", "method", start="TRACE /_ping HTTP/1.1"),
    head("PATCH", "method", start="PATCH /_ping HTTP/1.1"),
    head("LINK", "method", start="LINK /_ping HTTP/1.1"),
    head("a method of 100 letters", "method", start="G" * 100 + " /_ping HTTP/1.1"),
    head("a method by a header is none", "route_denied", "X-HTTP-Method-Override: GET", start="POST /_ping HTTP/1.1"),
    head("no host", "framing", host=None),
    head("two hosts", "framing", "Host: other"),
    head("a host with a path", "framing", host="Host: gate/x"),
    head("a host with a blank", "framing", host="Host: ga te"),
    head("a body behind GET", "framing", "Content-Length: 3"),
    head("chunks behind GET", "framing", "Transfer-Encoding: chunked"),
    head("an upgrade to h2c", "framing", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQ"),
    head("an upgrade to websocket", "framing", "Connection: Upgrade", "Upgrade: websocket"),
    head("an upgrade of ping", "framing", "Connection: Upgrade", "Upgrade: tcp"),
    head("an upgrade of a session", "route_denied", "Connection: Upgrade", "Upgrade: tcp", start="POST /v1.41/grpc HTTP/1.1"),
    head("an upgrade without its Connection", "framing", "Upgrade: tcp"),
    head("a Connection without its upgrade", "framing", "Connection: Upgrade"),
    head("two upgrades", "framing", "Connection: Upgrade", "Upgrade: tcp, h2c"),
    head("a header that Connection takes away", "framing", "Connection: close, Content-Length"),
    Row("an upgrade of a start", "framing", target="/v1.41/containers/{id}/start", state="created",
        headers=("Connection: Upgrade", "Upgrade: tcp")),
    Row("an upgrade of a creation", "framing", body=body(), headers=("Connection: Upgrade", "Upgrade: tcp")),
    Row("attach without an upgrade", "framing", target="/v1.41/containers/{id}/attach?stream=1&stdin=1", state="created"),
    Row("attach to a websocket", "framing", target="/v1.41/containers/{id}/attach?stream=1", state="created",
        headers=("Connection: Upgrade", "Upgrade: websocket")),
    Row("a request behind an upgrade", "framing", state="created", raw=(
        "POST /v1.41/containers/{id}/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: gate\r\nConnection: Upgrade\r\n"
        "Upgrade: tcp\r\n\r\n" + PING).encode()),
    Row("a body behind an upgrade", "framing", state="created", target="/v1.41/containers/{id}/attach?stream=1",
        headers=("Connection: Upgrade", "Upgrade: tcp", "Content-Length: 5"), body=b"hello"),
    Row("a body to start", "body_not_allowed", target="/v1.41/containers/{id}/start", state="created",
        body={"Binds": ["/:/host"]}),
    Row("an empty chunked body to start", "body_not_allowed", target="/v1.41/containers/{id}/start", state="created",
        headers=("Transfer-Encoding: chunked",), body=b"0\r\n\r\n"),
    Row("a form to pull", "body_not_allowed", target="/v1.41/images/create?fromImage=registry.test/builder/busybox",
        body=b"fromImage=registry.test/other/private", headers=("Content-Type: application/x-www-form-urlencoded",)),
    Row("a form to tag", "body_not_allowed", target="/v1.41/images/x/tag?repo=y",
        body=b"repo=registry.test/builder/busybox", headers=("Content-Type: application/x-www-form-urlencoded",)),
    Row("Expect at a creation", "framing", body=body(), headers=("Expect: 100-continue",)),
    head("Expect of something else", "framing", "Expect: 200-ok"),
    head("65 headers", "head_size", *[f"X-{i}: y" for i in range(64)]),
    head("a header of 20,000 bytes", "head_size", "X-A: " + "b" * 20000),
    head("a head of 200,000 bytes", "head_size", *["X-A: " + "b" * 2000] * 100),
    head("a target of 5,000 bytes", "head_size", start="GET /" + "a" * 5000 + " HTTP/1.1"),
]
