"""Paths and versions in spellings that some engine takes for a route, and routes that no build
needs."""
from attacks import Row, body

C = "/containers/create"
PATHS = [
    # What an engine takes for a version, or for none.
    ("/v1.41." + C, "version"), ("/v01.41" + C, "version"), ("/v1.041" + C, "version"), ("/v1A" + C, "version"),
    ("/v1" + C, "version"), ("/v1." + C, "version"), ("/v1.4" + C, "version"), ("/v1.141" + C, "version"),
    ("/v1.41.1" + C, "version"), ("/v1.41a" + C, "version"), ("/v2.41" + C, "version"), ("/v9.99" + C, "version"),
    ("/v4.0.0/libpod" + C, "version"), ("/v1.41-" + C, "version"), ("/v11.41" + C, "version"), ("/v1,41" + C, "version"),
    ("/v1.23" + C, "version"), ("/v1.12" + C, "version"), ("/v0.1" + C, "version"), ("/v1.0" + C, "version"),
    ("/v1.41", "version"), ("/V1.41" + C, "route_denied"), ("/v" + C, "route_denied"), ("/x1.41" + C, "route_denied"),
    ("/v1.41/v1.41" + C, "route_denied"), ("/v1.41/v1.23" + C, "route_denied"),
    # Encodings and segments.
    ("/v1.41/containers/%63reate", "path_syntax"), ("/v1.41/%63ontainers/create", "path_syntax"),
    ("/v1.41/containers%2fcreate", "path_syntax"), ("/v1.41/containers%2Fcreate", "path_syntax"),
    ("/v1.41/containers/create%00", "path_syntax"), ("/v1.41/containers/create%20", "path_syntax"),
    ("/v1.41/%2e%2e/v1.41/containers/create", "path_syntax"), ("/v1.41/containers/create%3fname=x", "path_syntax"),
    ("/v1.41/containers/%2563reate", "path_syntax"), ("/%76%31.41" + C, "path_syntax"),
    ("//v1.41" + C, "path_syntax"), ("/v1.41//containers/create", "path_syntax"), ("/v1.41/containers//create", "path_syntax"),
    ("/v1.41/./containers/create", "path_syntax"), ("/v1.41/containers/../containers/create", "path_syntax"),
    ("/../v1.41" + C, "path_syntax"), ("/v1.41/containers/create/..", "path_syntax"), ("/v1.41/containers/create/.", "path_syntax"),
    ("/v1.41/containers/create//", "path_syntax"), ("/v1.41/containers/create/", "route_denied"),
    ("/v1.41/Containers/create", "route_denied"), ("/v1.41/containers/Create", "route_denied"),
    ("/v1.41/containers/create.json", "route_denied"), ("/containers/creat", "route_denied"), ("/", "route_denied"),
    ("/v1.41/containers/create;x=y", "target_form"), ("/v1.41\\containers\\create", "target_form"),
    ("/v1.41/containers/create\t", "target_form"), ("/v1.41/containers/cr\u00e9ate", "target_form"), ("/v1.41/*", "target_form"),
    # podman's own.
    ("/libpod" + C, "route_denied"), ("/v1.41/libpod" + C, "route_denied"), ("/v1.41/libpod/play/kube", "route_denied"),
    ("/v1.41/libpod/images/load", "route_denied"), ("/v1.41/libpod/local/images/load?path=/etc", "route_denied"),
]
# Everything else that there is; a gate has none of it.
ROUTES = [
    ("POST", "/containers/{id}/exec"), ("POST", "/exec/0/start"), ("GET", "/exec/0/json"), ("POST", "/containers/{id}/update"),
    ("POST", "/containers/{id}/rename?name=x"), ("POST", "/containers/{id}/restart"), ("POST", "/containers/{id}/stop"),
    ("POST", "/containers/{id}/pause"), ("POST", "/containers/{id}/unpause"), ("POST", "/containers/{id}/resize?h=1&w=1"),
    ("GET", "/containers/{id}/top"), ("GET", "/containers/{id}/stats"), ("GET", "/containers/{id}/changes"),
    ("GET", "/containers/{id}/export"), ("GET", "/containers/{id}/attach/ws"), ("GET", "/containers/json?all=1"),
    ("GET", "/containers/ps"), ("POST", "/containers/prune"), ("POST", "/containers/{id}/copy"), ("PUT", "/containers/{id}"),
    ("POST", "/containers/{id}/checkpoints"), ("POST", "/build?remote=http://x"), ("POST", "/build/prune"),
    ("POST", "/build/cancel"), ("POST", "/session"), ("POST", "/grpc"), ("GET", "/images/json"), ("GET", "/images/search?term=x"),
    ("POST", "/images/load"), ("GET", "/images/get?names=x"), ("POST", "/images/prune"), ("GET", "/images/x/history"),
    ("GET", "/info"), ("GET", "/events"), ("GET", "/system/df"), ("POST", "/auth"), ("GET", "/volumes"),
    ("POST", "/volumes/create"), ("DELETE", "/volumes/x"), ("GET", "/networks"), ("POST", "/networks/create"),
    ("POST", "/networks/none/connect"), ("GET", "/plugins"), ("POST", "/plugins/pull?remote=x"), ("POST", "/swarm/init"),
    ("GET", "/swarm"), ("POST", "/services/create"), ("GET", "/nodes"), ("GET", "/tasks"), ("POST", "/secrets/create"),
    ("POST", "/configs/create"), ("GET", "/distribution/x/json"), ("GET", "/debug/pprof/"), ("GET", "/metrics"),
    ("HEAD", "/containers/create"), ("GET", "/containers/create"), ("DELETE", "/images"), ("POST", "/_ping"), ("PUT", "/version"),
    ("DELETE", "/containers/"), ("GET", "/containers//json"), ("GET", "/containers/{id}/x/json"),
]

ROWS = [Row(f"POST {path}", code, target=path, body=body()) for path, code in PATHS]
ROWS += [Row(f"{method} {path}", "path_syntax" if "//" in path.split("?")[0] else "route_denied", method=method,
             target="/v1.41" + path, state="created") for method, path in ROUTES]
# A start of these versions takes a HostConfig.
ROWS += [Row(f"start with a body in version 1.{minor}", "version", target=f"/v1.{minor}/containers/{{id}}/start",
             body={"Binds": ["/:/host"], "Privileged": True}, state="created") for minor in range(12, 24)]
ROWS += [Row(f"start without a body in version 1.{minor}", "version", target=f"/v1.{minor}/containers/{{id}}/start",
             state="created") for minor in (12, 23)]
