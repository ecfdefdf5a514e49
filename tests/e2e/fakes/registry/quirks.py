# SPDX-License-Identifier: Apache-2.0
"""What a registry does differently all the time, and the registries that people have: each a
named set of such quirks. Registry(chunk_max=4 << 20) sets one, Registry(profile="ghcr") many,
and both together are fine. They may be changed while it runs: registry.quirks.ranges = "ignore".
"""
import dataclasses


@dataclasses.dataclass
class Quirks:
    """The defaults are a registry that does everything, as the specification has it."""

    # ---- reading ----
    # A Range of a blob: "yes"; "ignore": 200 and all of it; "refuse": 416; or a 206 that is
    # wrong: "start" (bytes from elsewhere, said so), "total" (another size), "lie" (the right
    # Content-Range, but bytes from the start), "silent" (no Content-Range).
    ranges: str = "yes"
    # Blobs are redirected to another host by this status, where Authorization is refused.
    cdn: bool = False
    redirect_status: int = 307
    redirect_heads: bool = False  # HEAD of a blob too
    stated_digest: bool = True  # Docker-Content-Digest with manifests
    manifest_type: str = None  # Content-Type of every manifest, such as "application/json"
    one_accept: bool = False  # looks at the first Accept line only
    # After so many GETs of manifests they are 429 with Retry-After 1; HEADs are free. The
    # limit is over with `registry.manifest_gets = 0`.
    manifest_limit: int = None
    # tags/list: "plain"; "null" for a repository without tags; "holes": null and empty
    # entries; "digests": digests among the tags.
    tags: str = "plain"
    tags_page: int = None  # most entries of a page, with a Link to the next
    tags_link: str = "path"  # the Link is "path", "relative" or "absolute"
    tags_max_n: int = None  # a larger n is 405
    referrers: object = True  # the API; False: 404; or another status, such as 406
    oci_subject: bool = None  # OCI-Subject when a subject was seen; None: as `referrers`

    # ---- who you are ----
    # How challenges look: "plain"; "lines": Negotiate, Basic and Bearer in a line each;
    # "joined": all in one line, with commas inside of quotes; "bare": values not quoted.
    challenge: str = "plain"
    # Where: "all"; "ping": only at /v2/, other 401 say nothing; "real": /v2/ is open to all.
    challenge_on: str = "all"
    token_post: int = None  # the status of OAuth2 POSTs; None: they work
    token_field: str = "token"  # or "access_token"
    token_expiry: bool = True  # whether expires_in is said
    token_issued: str = None  # issued_at, which may be of another clock
    token_uses: int = None  # a token is worthless after so many requests
    first_scope: bool = False  # only the first scope is granted
    no_delete: bool = False  # no token at all if "delete" is asked for
    cancel_needs_delete: bool = False  # cancelling an upload wants that scope

    # ---- uploads ----
    # Locations: "path"; "relative"; "absolute"; "bare": a path without query; "host": on
    # another host, which refuses Authorization.
    location: str = "path"
    # POST with a digest and the blob: "yes"; "session": 202, the body is dropped.
    single_post: str = "yes"
    chunk_min: int = None  # OCI-Chunk-Min-Length; smaller ones are 416 and a violation
    chunk_max: int = None  # a larger chunk is 416 with what is there
    chunk_drops: bool = False  # only the first chunk counts, the others are dropped
    patch_status: int = 202
    range_header: bool = True  # Range in the answers of an upload
    progress: int = 204  # the status of GET on an upload; 404: it knows no such thing
    body_max: int = None  # larger bodies are 413 of a proxy before the registry
    body_bytes: int = None  # an upload breaks, and is kept, after so many bytes; see "take"
    stored_digest: bool = True  # Docker-Content-Digest after PUT

    # ---- mounts ----
    mounts: object = "yes"  # "refuse": 202; "forbid": 403; or another status
    # Without `from`: "session": 202; "yes": from anywhere; "fail": 500
    mount_anywhere: str = "session"
    mount_referenced: bool = False  # only what a manifest of `from` refers to

    # ---- manifests ----
    auto_create: bool = True  # else an unknown repository is 404 NAME_UNKNOWN for a push
    # A tag that is there is refused: "none"; "others": if it would move; "all": always.
    immutable: str = "none"
    # A config with another number of non-empty history entries than diffIDs: refused.
    strict_history: bool = False
    # Layers that are not distributable: "accept" without looking for them; "refuse"; "require"
    # them to be there; or a status.
    foreign: object = "accept"
    etags: bool = False  # ETag of manifests, and If-Match


# The registries that people have: what is documented or was reported of each, put together.
# They are no copies; what is not listed is as in the specification.
PROFILES = {
    # Amazon: Basic with user AWS; blobs in S3; repositories are made beforehand; chunks after
    # the first vanish; mounts only what manifests refer to.
    "ecr": {"auth": "basic", "cdn": True, "auto_create": False, "immutable": "all",
            "chunk_drops": True, "patch_status": 201, "mount_referenced": True,
            "tags_max_n": 1000},
    # GitHub: chunks of at most 4 MiB; no OAuth2; no referrers API.
    "ghcr": {"auth": "bearer", "anonymous_pull": True, "cdn": True, "chunk_max": 4 << 20,
             "token_post": 405, "referrers": False},
    # Red Hat: mounts without `from` fail; no token with "delete"; looks into configs.
    "quay": {"auth": "bearer", "anonymous_pull": True, "cdn": True, "redirect_status": 302,
             "mount_anywhere": "fail", "no_delete": True, "strict_history": True},
    # Harbor: one Accept line; a mount that is not allowed is an error, no session.
    "harbor": {"auth": "bearer", "anonymous_pull": True, "one_accept": True, "mounts": 500,
               "cancel_needs_delete": True},
    # JFrog: 401 to OAuth2; digests among the tags; looks into configs.
    "artifactory": {"auth": "bearer", "token_post": 401, "tags": "digests",
                    "strict_history": True},
    # Azure: 400 to OAuth2; access_token without expires_in; blobs in its storage.
    "acr": {"auth": "bearer", "token_post": 400, "token_field": "access_token", "cdn": True,
            "token_expiry": False},
    # Docker Hub: no OAuth2; GETs of manifests are counted; no foreign layers; a CDN.
    "dockerhub": {"auth": "bearer", "anonymous_pull": True, "token_post": 404, "cdn": True,
                  "manifest_limit": 100, "foreign": "refuse", "location": "absolute"},
    # Google: the challenge is only at /v2/.
    "gcr": {"auth": "bearer", "anonymous_pull": True, "token_post": 404,
            "challenge_on": "ping"},
    # Nexus: tags with holes; one Accept line.
    "nexus": {"auth": "basic", "tags": "holes", "one_accept": True, "referrers": False},
    # A plain docker/distribution 2.8: no referrers, cancelling wants a scope.
    "distribution": {"auth": "bearer", "referrers": False, "cancel_needs_delete": True,
                     "location": "absolute", "single_post": "session", "foreign": 500},
    # Any registry behind a proxy of Cloudflare's free plan, with a smaller cap for tests.
    "cloudflare": {"auth": "bearer", "body_max": 1 << 20},
}
