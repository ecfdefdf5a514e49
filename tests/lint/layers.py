#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every #include of the tree against src/FLOORS: rooms include downwards only, public
headers belong to a room, backend.h stays at home, libraries have one owner, no cycles.
Does not look at function calls: that is banned.py."""
import fnmatch
import pathlib
import re
import sys

# Headers of libraries and the only files that may include them.
OWNERS = [
    (r"(cjson/)?cJSON\.h", ["codec/json.c"]),
    (r"archive(_entry)?\.h", []),
    (r"openssl/ssl.h", ["http/client_tunnel.c"]),
    (r"openssl/(?!ssl\.h).*", ["codec/digest.c"]),
    (r"curl/.*", ["http/client*.c", "http/client_lane.h"]),
    (r"(zlib|zstd|zstd_errors|libdeflate|igzip_lib|isa-l)\.h|isa-l/.*", ["codec/compress*.c"]),
    (r"(pthread|threads)\.h", ["util/pool.c"]),
    (r"yaml\.h", ["codec/yaml.c"]),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def read_floors(path):
    """Rooms with their floor and what they may include; public headers with their room."""
    floor, allowed, public, bad = {}, {}, {}, []
    for line in path.read_text().splitlines():
        line = line.split("#")[0]
        if m := re.match(r"floor\s+(\d+)\s+(\w+):(.*)$", line):
            floor[m[2]], allowed[m[2]] = int(m[1]), set(m[3].split())
        elif m := re.match(r"public\s+(\w+):(.*)$", line):
            public.update({name: m[1] for name in m[2].split()})
        elif line.strip():
            bad.append(f"src/FLOORS: cannot read '{line.strip()}'")
    for room, rooms in allowed.items():
        bad += [f"src/FLOORS: '{room}' may not name '{r}', which is not below it"
                for r in sorted(rooms) if floor.get(r, 99) >= floor[room]]
    return allowed, public, bad


def check_local(where, room, name, allowed, src):
    """An include in quotes, "room/file.h"."""
    other, _, base = name.rpartition("/")
    if not (src / name).is_file():
        return [f"{where}: \"{name}\" is no header of src/"]
    if room is None:
        return [f"{where}: a public header may not include \"{name}\""]
    if other != room and base == "backend.h":
        return [f"{where}: \"{name}\" is for the room '{other}' only"]
    if other != room and other not in allowed[room]:
        return [f"{where}: room '{room}' may not include \"{name}\" (src/FLOORS)"]
    return []


def check_system(where, room, rel, name, allowed, public):
    """An include in angle brackets: ours or a library's. `room` owns the file."""
    if name.startswith("s2c/"):
        owner = public.get(name[4:])
        if owner is None:
            return [f"{where}: <{name}> has no room in src/FLOORS"]
        if room not in (owner, "cli") and owner not in allowed[room]:
            return [f"{where}: room '{room}' may not include <{name}> of '{owner}'"]
    for pattern, files in OWNERS:
        if re.fullmatch(pattern, name) and not any(fnmatch.fnmatch(rel, f) for f in files):
            return [f"{where}: <{name}> belongs to {', '.join(files)}"]
    return []


def cycles(graph):
    """Every file that includes itself by way of others, as a readable path."""
    found, done = [], set()

    def visit(node, path):
        if node in path:
            found.append("include cycle: " + " -> ".join(path[path.index(node):] + [node]))
        elif node not in done:
            for other in graph.get(node, []):
                visit(other, path + [node])
            done.add(node)

    for node in sorted(graph):
        visit(node, [])
    return found


def main(root):
    src, pub = root / "src", root / "include" / "s2c"
    allowed, public, bad = read_floors(src / "FLOORS")
    graph = {}
    files = [(p, p.relative_to(src).as_posix()) for p in sorted(src.rglob("*.[ch]"))]
    files += [(p, "s2c/" + p.name) for p in sorted(pub.glob("*.h"))]
    for path, rel in files:
        room, is_public = rel.split("/")[0], rel.startswith("s2c/")
        if is_public:
            room = public.get(path.name)
        if room not in allowed:
            bad.append(f"{path.relative_to(root)}: no room of src/FLOORS owns this file")
            continue
        text = path.read_text()
        for m in INCLUDE.finditer(text):
            where = f"{path.relative_to(root)}:{text.count(chr(10), 0, m.start(1)) + 1}"
            graph.setdefault(rel, []).append(m[2])
            if m[1] == '"':
                bad += check_local(where, None if is_public else room, m[2], allowed, src)
            else:
                bad += check_system(where, room, rel, m[2], allowed, public)
    bad += cycles(graph)
    print("\n".join(bad) if bad else f"{len(files)} files keep to src/FLOORS")
    return 1 if bad else 0


if __name__ == "__main__":
    here = pathlib.Path(__file__).resolve().parents[2]
    sys.exit(main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here))
