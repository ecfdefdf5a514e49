"""What is another one's, by each of the names that it has; and who is nobody."""
from attacks import INSPECT_IMAGE, Row, body
from gates import MALLORY

OPERATIONS = [
    ("GET", "/containers/{X}/json"), ("POST", "/containers/{X}/start"), ("POST", "/containers/{X}/wait"),
    ("GET", "/containers/{X}/logs?stdout=1"), ("POST", "/containers/{X}/kill"), ("DELETE", "/containers/{X}?force=1&v=1"),
    ("HEAD", "/containers/{X}/archive?path=/tmp"), ("GET", "/containers/{X}/archive?path=/tmp"),
    ("PUT", "/containers/{X}/archive?path=/tmp"), ("POST", "/commit?container={X}&repo=alice/stolen"),
    ("POST", "/containers/{X}/attach?stream=1&stdout=1"),
]
NAMES = ["{other}", "{other_short}", "{other_name}", "{other_engine_name}", "{foreign}", "{foreign_name}", "{nothing}"]
UPGRADE = ("Connection: Upgrade", "Upgrade: tcp")


def operation(method, target, what, code="not_found", name=None, **kwargs):
    data = b"" if method == "PUT" else None
    headers = UPGRADE if "/attach" in target else ()
    shown = target.replace("{X}", "").split("?")[0]
    return Row(name or f"{method} {shown} of {what}", code, method=method, body=data, headers=headers,
               target="/v1.41" + target.replace("{X}", what), **kwargs)


ROWS = [operation(m, t, what) for what in NAMES for m, t in OPERATIONS]
# Things that look like a name of one's own container.
ROWS += [operation("GET", "/containers/{X}/json", what, code, state="created") for what, code in [
    ("{id_11}", "not_found"), ("{id_upper}", "not_found"), ("{id}0", "not_found"), ("{id_65}", "not_found"),
    ("sha256:{id}", "not_found"), ("{id},{other}", "not_found"), ("{id}@{other}", "not_found"), ("-", "not_found"),
    ("{id}/../{other}", "path_syntax"), ("{id}%2f..%2f{other}", "path_syntax"), ("{id}%00", "path_syntax"),
    ("{id}/{other}", "route_denied"), ("..", "path_syntax"),
]]
ROWS += [
    operation("GET", "/images/{X}/json", "{other_image}", upstream=(INSPECT_IMAGE,)),
    operation("GET", "/images/{X}/json", "{other_image_hex}", upstream=(INSPECT_IMAGE,)),
    operation("GET", "/images/{X}/json", "{private_image}", upstream=(INSPECT_IMAGE,)),
    operation("GET", "/images/{X}/json", "sha256:" + "0" * 64, upstream=(INSPECT_IMAGE,)),
    operation("GET", "/images/{X}/json", "{other_image_short}", "image_not_allowed"),
    operation("GET", "/images/{X}/json", "bobs/image:latest", "image_not_allowed"),
    operation("GET", "/images/{X}/json", "docker.io/bobs/image:latest", "image_not_allowed"),
    operation("GET", "/images/{X}/json", "registry.test/other/private", "image_not_allowed"),
    operation("GET", "/images/{X}/json", "registry.test/other/nothing", "image_not_allowed"),
]
for image in ("{other_image}", "bobs/image:latest", "registry.test/other/private", "registry.test/builder/busybox",
              "{private_image}", "{builder_image}"):
    ROWS += [operation("POST", "/images/{X}/tag?repo=alice/stolen&tag=latest", image),
             operation("GET", "/images/{X}/get", image), operation("DELETE", "/images/{X}?force=1", image)]
    if "{" not in image:
        ROWS.append(operation("POST", "/images/{X}/push", image))
ROWS += [Row(f"a container of {image}", code, body=body(Image=image), upstream=(INSPECT_IMAGE,)) for image, code in [
    ("{other_image}", "not_found"), ("{private_image}", "not_found"), ("bobs/image:latest", "image_not_allowed"),
    ("registry.test/other/private", "image_not_allowed"), ("{other_image_short}", "image_not_allowed")]]
# Who is in no policy, and whom no group may make somebody.
for uid in (MALLORY, 0, 65534):
    ROWS += [Row(f"{method} {target} by user {uid}", "subject_unknown", method=method, target=target, uid=uid, body=data)
             for method, target, data in [
                 ("GET", "/_ping", None), ("GET", "/version", None), ("POST", "/v1.41/containers/create", body()),
                 ("GET", "/v1.41/containers/{other}/json", None), ("POST", "/v1.41/commit?container={other}", None),
                 ("GET", "/v1.41/images/registry.test/builder/busybox/json", None),
                 ("POST", "/v1.41/images/create?fromImage=registry.test/builder/busybox", None),
                 ("PUT", "/v1.41/containers/{other}/archive?path=/tmp", b"")]]
