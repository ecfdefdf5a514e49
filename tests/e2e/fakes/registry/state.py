# SPDX-License-Identifier: Apache-2.0
"""What the registry holds, and the rules about it. No HTTP in here: methods return values
or raise Refused."""
import hashlib
import json
import mmap
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
FOREIGN = re.compile(r"\.nondistributable\.|\.foreign\.")
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
        self.chunks = 0
        self.small = False  # the last chunk was smaller than it may be, unless it is the last
        self.data = bytearray()

    @property
    def range(self):
        """The Range header's value: what is there."""
        return f"0-{max(len(self.data) - 1, 0)}"


class State:
    """Blobs, repositories and sessions; `quirks` see quirks.py."""

    def __init__(self, quirks):
        self.quirks = quirks
        self.lock = threading.RLock()
        self.blobs = {}  # digest -> bytes, or a memoryview of a file
        self.members = {}  # repository -> set of blob digests
        self.manifests = {}  # repository -> {digest: (type, bytes)}
        self.tags = {}  # repository -> {tag: digest}
        self.uploads = {}  # id -> Upload
        self.stale = {}  # (repository, tag) -> digest that HEAD says

    # ---- for tests ----

    def create(self, repository):
        """An empty repository."""
        with self.lock:
            self.members.setdefault(repository, set())
            self.manifests.setdefault(repository, {})

    def put_blob(self, repository, data):
        """Puts a blob there without a request; returns its digest."""
        digest = digest_of(data)
        with self.lock:
            self.blobs[digest] = bytes(data)
            self.members.setdefault(repository, set()).add(digest)
        return digest

    def put_file(self, repository, path, digest=None):
        """The same for a large file, which is served from where it is."""
        with open(path, "rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        digest = digest or digest_of(data)
        with self.lock:
            self.blobs[digest] = data
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

    def put_layout(self, repository, tag, layout, name=None):
        """An image of an OCI layout directory; `name` is its ref.name there, if there are
        several. Returns the manifest's digest."""
        index = json.loads((layout / "index.json").read_text())["manifests"]
        entry = next(e for e in index if name in (
            None, e.get("annotations", {}).get("org.opencontainers.image.ref.name")))
        data = (layout / "blobs" / entry["digest"].replace(":", "/")).read_bytes()
        document = json.loads(data)
        for part in [document["config"], *document["layers"]]:
            path = layout / "blobs" / part["digest"].replace(":", "/")
            self.put_file(repository, path, part["digest"])
        return self.put_manifest(repository, tag, entry["mediaType"], data)

    def forget_uploads(self):
        """All sessions are gone."""
        with self.lock:
            self.uploads.clear()

    # ---- blobs ----

    def blob(self, repository, digest):
        """Bytes of a blob of a repository."""
        with self.lock:
            if check_digest(digest) not in self.members.get(repository, ()):
                raise Refused(404, "BLOB_UNKNOWN", "blob unknown to registry")
            return self.blobs[digest]

    def check_repository(self, repository):
        """For a push: it has to be there where they are not made by themselves."""
        with self.lock:
            if not self.quirks.auto_create and repository not in self.manifests:
                raise Refused(404, "NAME_UNKNOWN", f"The repository with name '{repository}' "
                              "does not exist in the registry")

    def _referenced(self, repository, digest):
        return any(digest.encode() in data
                   for _, data in self.manifests.get(repository, {}).values())

    def mount(self, repository, digest, source):
        """True if the blob is there now because `source` (None: any) had it."""
        with self.lock:
            check_digest(digest)
            sources = [source] if source is not None else list(self.members)
            if not any(digest in self.members.get(s, ()) and (
                    not self.quirks.mount_referenced or self._referenced(s, digest))
                    for s in sources):
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

    def append(self, upload, data, content_range, last=False):
        """A chunk; out of order or of a wrong size is 416 with what is there."""
        with self.lock:
            start = len(upload.data)
            if content_range is not None:
                match = re.fullmatch(r"(\d+)-(\d+)", content_range)
                if not match or int(match[2]) - int(match[1]) + 1 != len(data):
                    raise Refused(400, "BLOB_UPLOAD_INVALID", "bad Content-Range",
                                  violation=True)
                if int(match[1]) != start:
                    raise Refused(416, "BLOB_UPLOAD_INVALID", "chunk out of order",
                                  headers={"Range": upload.range})
            if not last:
                self._check_chunk(upload, len(data), content_range)
                upload.chunks += 1
            if last or not self.quirks.chunk_drops or upload.chunks == 1:
                upload.data += data
            upload.turn += 1

    def _check_chunk(self, upload, size, content_range):
        # A stream without Content-Range, as docker sends it, is no chunk.
        cap = self.quirks.chunk_max
        if cap is not None and size > cap and content_range is not None:
            raise Refused(416, "SIZE_INVALID", "chunk too large",
                          headers={"Range": upload.range})
        # Only the last one may be smaller, and that one may come with the PUT. So what makes
        # a small chunk wrong is another chunk after it.
        if self.quirks.chunk_min is not None:
            if upload.small:
                raise Refused(416, "SIZE_INVALID", "the chunk before was too small",
                              violation=True, headers={"Range": upload.range})
            upload.small = size < self.quirks.chunk_min

    def close_upload(self, upload, digest):
        """Ends a session with the digest of its content."""
        algo = check_digest(digest).split(":")[0]
        with self.lock:
            found = digest_of(upload.data, algo)
            if found != digest:
                raise Refused(400, "DIGEST_INVALID", f"content is {found}")
            self.uploads.pop(upload.id, None)
            self.blobs[digest] = bytes(upload.data)
            self.members.setdefault(upload.repository, set()).add(digest)

    # ---- manifests ----

    def manifest(self, repository, reference, head=False):
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
                if head:
                    digest = self.stale.get((repository, reference), digest)
            else:
                check_digest(reference)
            if digest not in documents:
                raise Refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
            return (digest, *documents[digest])

    def _parts(self, media_type, data):
        """(is an index, [descriptor of each part]) of a document that makes sense."""
        try:
            document = json.loads(data)
            described = document.get("mediaType", media_type)
            parts = document.get("manifests", [])
            blobs = []
            if media_type not in INDEX_TYPES:
                blobs = [document["config"], *document["layers"]]
            found = [(p["digest"], p["size"], p["mediaType"]) for p in [*parts, *blobs]]
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise Refused(400, "MANIFEST_INVALID", f"no manifest: {e!r}",
                          violation=True) from e
        if described != media_type or media_type not in MANIFEST_TYPES | INDEX_TYPES:
            raise Refused(400, "MANIFEST_INVALID",
                          f"Content-Type {media_type!r}, mediaType {described!r}",
                          violation=True)
        return media_type in INDEX_TYPES, found

    def _check_manifest(self, repository, media_type, data):
        is_index, parts = self._parts(media_type, data)
        for digest, size, kind in parts:
            check_digest(digest)
            if FOREIGN.search(kind) and not self._foreign_required():
                continue
            if is_index:
                known = self.manifests.get(repository, {}).get(digest, (None, b""))[1]
            else:
                known = self.blobs.get(digest, b"")
                if digest not in self.members.get(repository, ()):
                    known = None
            if known is None or len(known) != size:
                raise Refused(404 if is_index else 400, "MANIFEST_BLOB_UNKNOWN",
                              f"{digest} of {size} bytes is not there")
        if self.quirks.strict_history and not is_index:
            self._check_history(parts[0][0])

    def _foreign_required(self):
        how = self.quirks.foreign
        if how == "refuse":
            raise Refused(400, "MANIFEST_INVALID", "foreign layers are not supported")
        if isinstance(how, int):
            raise Refused(how, "UNKNOWN", "unknown error")
        return how == "require"

    def _check_history(self, config):
        try:
            document = json.loads(bytes(self.blobs[config]))
            layers = len(document["rootfs"]["diff_ids"])
            filled = [h for h in document["history"] if not h.get("empty_layer")]
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # no image, or one without history, which is fine
        if len(filled) != layers:
            raise Refused(400, "MANIFEST_INVALID",
                          f"manifest invalid: {len(filled)} history entries, {layers} layers")

    def _check_tag(self, repository, tag, digest):
        if not TAG.fullmatch(tag):
            raise Refused(400, "TAG_INVALID", "bad tag", violation=True)
        old = self.tags.get(repository, {}).get(tag)
        how = self.quirks.immutable
        if old and (how == "all" or (how == "others" and old != digest)):
            raise Refused(400, "ImageTagAlreadyExistsException" if how == "all"
                          else "TAG_INVALID",
                          f"The image tag '{tag}' already exists in the '{repository}' "
                          "repository and cannot be overwritten because the repository is "
                          "immutable.")

    def accept_manifest(self, repository, reference, media_type, data, if_match=None):
        """Takes a PUT; returns the digest."""
        digest = digest_of(data)
        if len(data) > MANIFEST_MAX:
            raise Refused(413, "SIZE_INVALID", "manifest too large", violation=True)
        with self.lock:
            if ":" in reference:
                algo = check_digest(reference).split(":")[0]
                digest = digest_of(data, algo)
                if reference != digest:
                    raise Refused(400, "DIGEST_INVALID", f"content is {digest}",
                                  violation=True)
            else:
                self._check_tag(repository, reference, digest)
                if if_match and if_match.strip('"') != self.tags.get(repository, {}).get(
                        reference):
                    raise Refused(412, "PRECONDITION_FAILED", "the tag has moved")
            self._check_manifest(repository, media_type, data)
            self.manifests.setdefault(repository, {})[digest] = (media_type, data)
            if ":" not in reference:
                self.tags.setdefault(repository, {})[reference] = digest
        return digest

    def referrers(self, repository, digest, artifact_type=None):
        """Descriptors of the manifests whose subject this is, oldest first."""
        found = []
        with self.lock:
            documents = list(self.manifests.get(repository, {}).items())
        for own, (media_type, data) in documents:
            try:
                document = json.loads(data)
                if document["subject"]["digest"] != check_digest(digest):
                    continue
            except (ValueError, KeyError, TypeError):
                continue
            kind = document.get("artifactType") or document.get("config", {}).get("mediaType")
            entry = {"mediaType": media_type, "digest": own, "size": len(data)}
            if kind:
                entry["artifactType"] = kind
            if document.get("annotations"):
                entry["annotations"] = document["annotations"]
            if not artifact_type or kind == artifact_type:
                found.append(entry)
        return found
