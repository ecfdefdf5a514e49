"""Images and references: what may be pulled, looked at and used as a builder."""
from attacks import INSPECT_IMAGE, Row, body
from gates import CAROL

LOOKED_AT = (INSPECT_IMAGE,)
B = "registry.test/builder/busybox"
ZEROS, ONES = "sha256:" + "0" * 64, "sha256:" + "1" * 64
USED = [
    ("busybox", "image_not_allowed"), ("library/busybox", "image_not_allowed"), ("docker.io/library/busybox", "image_not_allowed"),
    ("docker.io/other/busybox", "image_not_allowed"), ("index.docker.io/builder/other", "image_not_allowed"),
    ("registry.test/builder", "image_not_allowed"), ("registry.test/builder/busybox2", "image_not_allowed"),
    ("registry.test/builder/busybox/x", "image_not_allowed"), ("registry.test/other/busybox", "image_not_allowed"),
    ("registry.test:443/builder/busybox", "image_not_allowed"), ("registry.test:5000/builder/busybox", "image_not_allowed"),
    ("registry.test.evil.test/builder/busybox", "image_not_allowed"), ("evil.test/registry.test/builder/busybox", "image_not_allowed"),
    ("localhost/builder/busybox", "image_not_allowed"), ("registry.test/builder/s2i", "image_not_allowed"),
    ("REGISTRY.TEST/builder/busybox2", "image_not_allowed"),
    ("registry.test/Builder/busybox", "field_value"), ("registry.test/builder/BusyBox", "field_value"),
    (B + ":../x", "field_value"), (B + ":", "field_value"), (B + ":a b", "field_value"), (B + ":" + "x" * 129, "field_value"),
    (B + "@", "field_value"), (B + "@sha256:0", "field_value"), (B + "@md5:" + "0" * 32, "field_value"),
    (B + "@sha256:" + "G" * 64, "field_value"), (B + "@sha256:" + "A" * 64, "field_value"),
    (B + "@" + ZEROS + "@" + ONES, "field_value"), (B + ":latest:latest", "field_value"),
    ("registry.test/builder/../other/private", "field_value"), ("registry.test//builder/busybox", "field_value"),
    ("/registry.test/builder/busybox", "field_value"), ("registry.test/builder/busybox/", "field_value"),
    ("http://registry.test/builder/busybox", "field_value"), ("docker://" + B, "field_value"), ("docker-archive:/etc/passwd", "field_value"),
    (B + "\n", "field_value"), (B + " ", "field_value"), (" " + B, "field_value"), (B + "?x=y", "field_value"),
    (B + "#x", "field_value"), (B + "%00", "field_value"), (B + "/json", "image_not_allowed"), ("a" * 4000, "field_value"),
    ("registry.test/builder/b\u00fcsybox", "field_value"), ("registry.test/builder/busybo\uff58", "field_value"),
    ("-", "field_value"), (".", "field_value"), ("sha256:" + "0" * 63, "image_not_allowed"), ("sha256:", "field_value"),
    ("registry.test/builder/pinned@" + ONES, "image_not_allowed"), ("@" + ZEROS, "field_value"),
]
ROWS = [Row(f"a container of {name[:60]!r}", code, body=body(Image=name)) for name, code in USED]
ROWS += [
    Row("a pinned builder that is not there", "not_found", body=body(Image="registry.test/builder/pinned"), upstream=LOOKED_AT),
    Row("a pinned builder by tag", "not_found", body=body(Image="registry.test/builder/pinned:other"), upstream=LOOKED_AT),
    Row("a builder by the digest of another image", "not_found", body=body(Image=B + "@{private_image}"), upstream=LOOKED_AT),
    Row("a builder by a tag that it does not have", "not_found", body=body(Image=B + ":other"), upstream=LOOKED_AT),
    Row("a tag that the policy does not have", "image_not_allowed", uid=CAROL, body=body(Image="registry.test/builder/s2i:dev")),
    Row("a digest where the policy wants a tag", "image_not_allowed", uid=CAROL, body=body(Image="registry.test/builder/s2i@" + ZEROS)),
    Row("another user's builder", "image_not_allowed", uid=CAROL, body=body()),
]


def pull(name, code, query, *headers):
    return Row(name, code, target="/v1.41/images/create?" + query, headers=headers)


ROWS += [
    pull("a pull of another image", "image_not_allowed", "fromImage=registry.test/other/private&tag=latest"),
    pull("a pull from another registry", "image_not_allowed", "fromImage=evil.test/builder/busybox&tag=latest"),
    pull("a pull of a short name", "image_not_allowed", "fromImage=busybox&tag=latest"),
    pull("a pull of nothing", "field_value", "fromImage="),
    pull("a pull of a tag alone", "field_value", "tag=latest"),
    pull("a pull with the digest of another", "image_not_allowed", f"fromImage=registry.test/builder/pinned&tag={ONES.replace(':', '%3A')}"),
    pull("a pull with a tag that is a name", "field_value", f"fromImage={B}&tag=../../other/private"),
    pull("a pull with a tag twice over", "field_value", f"fromImage={B}:latest&tag=latest:x"),
    pull("a pull by URL", "field_value", "fromImage=http://registry.test/builder/busybox"),
    pull("a pull of all tags of another", "image_not_allowed", "fromImage=registry.test/other/private"),
    pull("a pull with credentials of 5,000 bytes", "auth_denied", f"fromImage={B}&tag=latest", "X-Registry-Auth: " + "A" * 5000),
    pull("two credentials", "framing", f"fromImage={B}&tag=latest", "X-Registry-Auth: e30K", "X-Registry-Auth: e30K"),
]
