"""More than there may be, in one request. What takes several is in test_gate.py."""
from attacks import Row, as_json, body
import json

BIG = json.dumps(body(Labels={f"l{i}": "x" * 1000 for i in range(300)}))
HEAD = "POST {} HTTP/1.1\r\nHost: gate\r\nContent-Type: application/json\r\n"

ROWS = [
    as_json("a creation of 300 KB", "body_size", BIG),
    as_json("a commit of 300 KB", "body_size", BIG, target="/v1.41/commit?container={id}", state="exited"),
    as_json("a creation of blanks", "body_size", " " * 300000),
    as_json("a string of 70,000 bytes", "json_syntax", json.dumps(body(Labels={"a": "x" * 70000}))),
    as_json("2,000 variables", "json_syntax", json.dumps(body(Env=["A=b"] * 5000))),
    Row("a length of 9 GB", "body_size", raw=(HEAD.format("/v1.41/containers/create") +
        "Content-Length: 9999999999\r\n\r\n").encode() + b" " * 300000),
    Row("chunks without end", "body_size", raw=(HEAD.format("/v1.41/containers/create") +
        "Transfer-Encoding: chunked\r\n\r\n").encode() + (b"1000\r\n" + b" " * 4096 + b"\r\n") * 70),
    Row("a chunk of 200 MB", "body_size", raw=(HEAD.format("/v1.41/containers/create") +
        "Transfer-Encoding: chunked\r\n\r\nc000000\r\n").encode() + b" " * 300000),
    Row("a creation of chunks of 1 byte", "body_size", raw=(HEAD.format("/v1.41/containers/create") +
        "Transfer-Encoding: chunked\r\n\r\n").encode() + b"1\r\n \r\n" * 270000),
    Row("half a head, and no more", "framing", raw=b"GET /_ping HTTP/1.1\r\nHost: ga"),
    Row("half a body, and no more", "framing", raw=(HEAD.format("/v1.41/containers/create") +
        "Content-Length: 1000\r\n\r\n{").encode()),
]
