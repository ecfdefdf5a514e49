"""What must not get through a gate, as data: one module for each class, each with ROWS.

A row is one request and what has to come of it. Places in braces are filled in when it is
sent: {id} {short} {name} are a container of the asker's own in the row's state, {other...}
one of another user's, {foreign...} one that came to be without the gate; {image} {other_image}
{private_image} are ids of images: the asker's own, another user's, one that is in no policy;
{registry} is the host of the registry that the policy knows.
"""
import dataclasses
import json
import typing

from gates import ALICE, BUILDER

CREATE = "/v1.41/containers/create"
INSPECT_IMAGE = r"GET /images/[^?]*/json"

STATUS = {
    "framing": 400, "method": 405, "target_form": 400, "path_syntax": 400, "version": 400,
    "query_syntax": 400, "query_dup": 400, "query_unknown": 403, "head_size": 431,
    "body_size": 413, "body_not_allowed": 400, "content_type": 400, "timeout": 408,
    "route_denied": 403, "json_syntax": 400, "key_case": 400, "key_syntax": 400,
    "json_type": 400, "field_unknown": 403, "field_denied": 403, "field_value": 400,
    "subject_unknown": 403, "command_denied": 403, "user_denied": 403, "network_denied": 403,
    "workdir_denied": 403, "label_reserved": 403, "image_not_allowed": 403,
    "output_not_allowed": 403, "commit_config": 403, "auth_denied": 403, "archive_path": 403,
    "tar": 403, "quota_memory": 403, "quota_env": 403, "quota": 429, "deadline": 504,
    "not_found": 404, "state": 409,
}


@dataclasses.dataclass
class Row:
    name: str
    code: str                   # of the answer and of the one line in the audit log
    method: str = "POST"
    target: str = CREATE
    body: typing.Any = None     # bytes as they are, or an object as JSON
    headers: tuple = ()
    raw: bytes = None           # all of the bytes, instead of the four above
    state: str = None           # of {id}: created, running, exited, failed, fresh (for this row)
    uid: int = ALICE
    upstream: tuple = ()        # what may go to the engine nevertheless, as expressions
    status: int = None          # if it is not the code's


def body(**changes):
    """The body of a creation that would be fine without the changes."""
    return {"Image": BUILDER, "User": "1001", "Cmd": ["/bin/true"], **changes}


def host(**changes):
    return body(HostConfig=changes)


def text(changes, **base):
    """JSON as text: a fine creation, with members put in as they are written."""
    fine = json.dumps(body(**base))
    return fine[:-1].encode() + b", " + (changes if isinstance(changes, bytes) else changes.encode()) + b"}"


def as_json(name, code, data, **kwargs):
    data = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    return Row(name, code, body=data, headers=("Content-Type: application/json",), **kwargs)
