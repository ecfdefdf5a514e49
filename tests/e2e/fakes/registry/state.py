# SPDX-License-Identifier: Apache-2.0
"""What the registry holds, and the rules about it. No HTTP in here: methods return values
or raise Refused."""
import hashlib
import json
import re
import threading
import uuid

NAME = re.compile(r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
MANIFEST_TYPES = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}
INDEX_TYPES = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
}
MANIFEST_MAX = 4 << 20


class Refused(Exception):
    """The answer is an error; `violation` when no client may ask this."""

    def __init__(self, status, code, message, violation=False, headers=()):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.violation, self.headers = violation, dict(headers)


def digest_of(data, algo="sha256"):
    """The digest text of bytes."""
    return f"{algo}:{hashlib.new(algo, data).hexdigest()}"


def check_digest(text):
    """The digest, or Refused for bad grammar."""
    if not text or not DIGEST.fullmatch(text):
        raise Refused(400, "DIGEST_INVALID", f"bad digest {text!r}", violation=True)
    return text


class Upload:
    """An open upload session; `turn` changes with each step, so that only the newest
    Location works."""

    def __init__(self, repository):
        self.repository = repository
        self.id = str(uuid.uuid4())
        self.turn = 0
        self.data = bytearray()


class State:
    """Blobs, repositories and sessions."""

    def __init__(self):
        self.lock = threading.RLock()
        self.blobs = {}  # digest -> bytes
        self.members = {}  # repository -> set of blob digests
        self.manifests = {}  # repository -> {digest: (type, bytes)}
        self.tags = {}  # repository -> {tag: digest}
        self.uploads = {}  # id -> Upload

    # ---- for tests ----

    def put_blob(self, repository, data):
        """Puts a blob there without a request; returns its digest."""
        digest = digest_of(data)
        with self.lock:
            self.blobs[digest] = bytes(data)
            self.members.setdefault(repository, set()).add(digest)
        return digest

    def put_manifest(self, repository, tag, media_type, document):
        """The same for a manifest, given as dict or bytes; returns its digest."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        digest = digest_of(data)
        with self.lock:
            self.manifests.setdefault(repository, {})[digest] = (media_type, data)
            if tag:
                self.tags.setdefault(repository, {})[tag] = digest
        return digest

    # ---- blobs ----

    def blob(self, repository, digest):
        """Bytes of a blob of a repository."""
        with self.lock:
            if check_digest(digest) not in self.members.get(repository, ()):
                raise Refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return self.blobs[digest]

    def mount(self, repository, digest, source):
        """True if the blob is there now because `source` had it."""
        with self.lock:
            if check_digest(digest) not in self.members.get(source, ()):
                return False
            self.members.setdefault(repository, set()).add(digest)
            return True

    def open_upload(self, repository):
        """A new session."""
        upload = Upload(repository)
        with self.lock:
            self.uploads[upload.id] = upload
        return upload

    def upload(self, repository, upload_id, turn):
        """An open session, when this is its newest Location."""
        with self.lock:
            upload = self.uploads.get(upload_id)
        if not upload or upload.repository != repository:
            raise Refused(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        if str(upload.turn) != turn:
            raise Refused(400, "BLOB_UPLOAD_INVALID", "not the newest Location",
                          violation=True)
        return upload

    def append(self, upload, data, content_range):
        """A chunk; out of order is 416 with what is there."""
        with self.lock:
            start = len(upload.data)
            if content_range is not None:
                match = re.fullmatch(r"(\d+)-(\d+)", content_range)
                if not match or int(match[2]) - int(match[1]) + 1 != len(data):
                    raise Refused(400, "BLOB_UPLOAD_INVALID", "bad Content-Range",
                                  violation=True)
                if int(match[1]) != start:
                    raise Refused(416, "BLOB_UPLOAD_INVALID", "chunk out of order",
                                  headers={"Range": f"0-{max(start - 1, 0)}"})
            upload.data += data
            upload.turn += 1

    def close_upload(self, upload, digest):
        """Ends a session with the digest of its content."""
        algo = check_digest(digest).split(":")[0]
        with self.lock:
            found = digest_of(bytes(upload.data), algo)
            if found != digest:
                raise Refused(400, "DIGEST_INVALID", f"content is {found}")
            del self.uploads[upload.id]
            self.blobs[digest] = bytes(upload.data)
            self.members.setdefault(upload.repository, set()).add(digest)

    # ---- manifests ----

    def manifest(self, repository, reference):
        """(digest, type, bytes)."""
        with self.lock:
            documents = self.manifests.get(repository)
            if documents is None:
                raise Refused(404, "NAME_UNKNOWN", "repository name not known to registry")
            digest = reference
            if ":" not in reference:
                if not TAG.fullmatch(reference):
                    raise Refused(400, "TAG_INVALID", "bad tag", violation=True)
                digest = self.tags.get(repository, {}).get(reference)
            else:
                check_digest(reference)
            if digest not in documents:
                raise Refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return (digest, *documents[digest])

    def _check_manifest(self, repository, media_type, data):
        try:
            document = json.loads(data)
            described = document.get("mediaType", media_type)
            parts = document.get("manifests", [])
            blobs = [document["config"], *document["layers"]] if not parts else []
            digests = [(p["digest"], p["size"]) for p in [*parts, *blobs]]
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise Refused(400, "MANIFEST_INVALID", f"no manifest: {e!r}",
                          violation=True) from e
        if described != media_type or media_type not in MANIFEST_TYPES | INDEX_TYPES:
            raise Refused(400, "MANIFEST_INVALID",
                          f"Content-Type {media_type!r}, mediaType {described!r}",
                          violation=True)
        for digest, size in digests:
            check_digest(digest)
            if parts:
                known = self.manifests.get(repository, {}).get(digest, (None, b""))[1]
            else:
                known = self.blobs.get(digest, b"")
                if digest not in self.members.get(repository, ()):
                    known = None
            if known is None or len(known) != size:
                raise Refused(404 if parts else 400, "MANIFEST_BLOB_UNKNOWN",
                              f"{digest} of {size} bytes is not there")

    def accept_manifest(self, repository, reference, media_type, data):
        """Takes a PUT; returns the digest."""
        digest = digest_of(data)
        if len(data) > MANIFEST_MAX:
            raise Refused(413, "SIZE_INVALID", "manifest too large", violation=True)
        if ":" in reference:
            algo = check_digest(reference).split(":")[0]
            digest = digest_of(data, algo)
            if reference != digest:
                raise Refused(400, "DIGEST_INVALID", f"content is {digest}",
                              violation=True)
        elif not TAG.fullmatch(reference):
            raise Refused(400, "TAG_INVALID", "bad tag", violation=True)
        with self.lock:
            self._check_manifest(repository, media_type, data)
            self.manifests.setdefault(repository, {})[digest] = (media_type, data)
            if ":" not in reference:
                self.tags.setdefault(repository, {})[reference] = digest
        return digest
