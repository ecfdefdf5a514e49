"""A layer with all that layers can hold: umoci, podman and s2c's own overlay must unpack the
same tree from it, and that tree must be what the container left."""
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile

import pytest

from support import clean_env

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="unpacking with owners needs root")
CAPS = "\1\0\0\2\0\x20" + "\0" * 14

ASSEMBLE = r"""#!/bin/sh
set -e
cd /srv
echo data > file; ln file second; ln -s file link; ln link link2
chmod 4755 file; chmod 1777 .
/bin/busybox mkfifo pipe; ln pipe pipe2
: > "caf$(printf '\303\251')"; : > "cafe$(printf '\314\201')"   # two names, one look
: > "latin$(printf '\351')"; : > "$(printf 'line\nbreak')"
long=$(printf '%0255d' 7); echo x > "$long"
deep=d; for i in 1 2 3 4 5 6 7 8; do deep=$deep/$(printf '%040d' $i); done
mkdir -p $deep; echo deep > $deep/file
dd if=/dev/zero of=holes bs=1 count=1 seek=5000000 2>/dev/null
rm base/gone; rm -r base/tree                           # deletions
rm -r base/again; mkdir base/again; echo new > base/again/new
rm -r base/tofile; echo f > base/tofile
rm -r base/tolink; ln -s again base/tolink
rm base/todir; mkdir base/todir; echo x > base/todir/x
chmod 700 base/mode; touch -d 2001-02-03 base/mode
mv base/moved tmp; mv tmp base/moved                    # no change
cp base/same same2 && cat same2 > base/same             # same content, new mtime
rm same2; touch -d 1969-12-31 base/old
"""

# Prints a line for each name below a directory: everything but the times of directories.
MTREE = r"""
import hashlib, os, stat, sys
top = os.fsencode(sys.argv[1])
def show(path):
    st = os.lstat(path)
    what = [path[len(top):], oct(st.st_mode), st.st_uid, st.st_gid, st.st_rdev]
    what.append(0 if stat.S_ISDIR(st.st_mode) else st.st_mtime_ns)
    if stat.S_ISREG(st.st_mode):
        with open(path, "rb") as f:
            what += [st.st_size, hashlib.sha256(f.read()).hexdigest()[:16]]
    if stat.S_ISLNK(st.st_mode):
        what.append(os.readlink(path))
    else:
        for name in sorted(os.listxattr(path, follow_symlinks=False)):
            if name.startswith("user.") and "overlay" not in name and "s2c" not in name \
                    and "umoci" not in name or name == "security.capability":
                what.append((name, os.getxattr(path, name, follow_symlinks=False)))
    print(what)
    if stat.S_ISDIR(st.st_mode):
        for name in sorted(os.listdir(path)):
            if path != top or name not in (b"proc", b"sys", b"dev", b"run"):
                show(os.path.join(path, name))
show(top)
"""


def in_base(name, data=b"base\n", **fields):
    info = tarfile.TarInfo(f"srv/base/{name}")
    info.size = len(data) if fields.get("type", tarfile.REGTYPE) == tarfile.REGTYPE else 0
    info.mode, info.uid, info.mtime = 0o644, 1001, 1000000000
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data if info.size else None


def a_dir(name, **fields):
    return in_base(name, type=tarfile.DIRTYPE, mode=0o755, **fields)


BASE = [
    a_dir("."), in_base("gone"), a_dir("tree"), in_base("tree/x"), a_dir("again"), in_base("again/old"),
    a_dir("again/sub"), in_base("again/sub/x"), a_dir("tofile"), in_base("tofile/x"), a_dir("tolink"),
    in_base("tolink/x"), in_base("todir"), a_dir("mode"), in_base("moved"), in_base("same"), in_base("old"),
    in_base("huge_ids", uid=1000240000, gid=4294967294),
    in_base("ping", mode=0o755, pax_headers={"SCHILY.xattr.security.capability": CAPS}),
    in_base("attr", pax_headers={"SCHILY.xattr.user.k": "a\nb=\0c"}),
    in_base("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    in_base("hard", type=tarfile.LNKTYPE, linkname="srv/base/same"),
]


def tool(*args, **env):
    done = subprocess.run([str(a) for a in args], env=clean_env(**env), capture_output=True, timeout=300)
    assert done.returncode == 0, f"{args}: {done.stderr.decode(errors='replace')}"
    return done.stdout.decode(errors="surrogateescape")


def mtree(root):
    return tool(sys.executable, "-c", MTREE, root).splitlines()


@pytest.fixture
def image(s2c, builder, app):
    builder.make("builder/layers", assemble=ASSEMBLE, files=BASE)
    s2c.ok("build", app, "builder/layers", "all")
    return "all"


def own_view(s2c, image, tmp_path):
    """The overlay of the store's trees, mounted where only the child sees it."""
    s2c.ok("run", image)  # unpacks the new layer
    diff_ids = s2c.config(image)["rootfs"]["diff_ids"]
    trees = [str(s2c.root / "trees" / d.split(":")[1]) for d in reversed(diff_ids)]
    view = tmp_path / "view"
    view.mkdir()
    script = 'mount -t overlay overlay -o "lowerdir=$1" "$2" && exec "$3" -c "$4" "$2"'
    return tool("unshare", "-m", "sh", "-c", script, "sh", ":".join(trees), view, sys.executable, MTREE).splitlines()


def compare(a, b):
    only_a, only_b = sorted(set(a) - set(b)), sorted(set(b) - set(a))
    assert not only_a and not only_b, "\n".join(["---", *only_a, "+++", *only_b])


def test_umoci_unpacks_the_same_tree(s2c, image, tmp_path):
    s2c.ok("save", image, f"oci:{tmp_path}/oci:latest")
    tool("umoci", "unpack", "--image", f"{tmp_path}/oci:latest", tmp_path / "bundle", HOME="/root")
    compare(own_view(s2c, image, tmp_path), mtree(tmp_path / "bundle/rootfs"))


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")
def test_podman_unpacks_the_same_tree(s2c, image, tmp_path):
    s2c.ok("save", image, f"docker-archive:{tmp_path}/x.tar")
    run = tempfile.mkdtemp(prefix="s2c-p")
    podman = ["podman", "--root", f"{tmp_path}/p", "--runroot", run, "--storage-driver", "vfs",
              "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
    try:
        name = tool(*podman, "load", "-q", "-i", tmp_path / "x.tar", HOME="/root").split()[-1]
        where = tool(*podman, "image", "mount", name, HOME="/root").strip()
        # It has no time before 1970.
        views = own_view(s2c, image, tmp_path), mtree(where)
        compare(*([line for line in view if "/srv/base/old" not in line] for view in views))
    finally:
        subprocess.run([*podman, "system", "reset", "-f"], capture_output=True, env=clean_env(HOME="/root"))
        shutil.rmtree(tmp_path / "p", ignore_errors=True)
        shutil.rmtree(run, ignore_errors=True)


def test_gnu_tar_lists_the_same_layer(s2c, image, tmp_path):
    digest = s2c.manifest(image)["layers"][-1]["digest"]
    blob = s2c.root / "blobs" / digest.replace(":", "/")
    names = tool("tar", "--quoting-style=literal", "--show-transformed-names", "-tzf", blob)
    with s2c.layer(image) as tar:
        ours = [m.name + ("/" if m.isdir() else "") for m in tar]
    assert names == "".join(n + "\n" for n in ours)


def test_the_layer_says_what_changed(s2c, image):
    with s2c.layer(image) as tar:
        members = {m.name: m for m in tar}
    names = set(members)
    base = {n[len("srv/base/"):] for n in names if n.startswith("srv/base/")}
    assert base == {".wh.gone", ".wh.tree", "again", "again/.wh.old", "again/.wh.sub", "again/new", "tofile",
                    "tolink", "todir", "todir/x", "mode", "same", "old"}
    assert not {n for n in names if n.split("/")[0] not in ("srv", "home")}, names
    assert members["srv/second"].islnk() and members["srv/second"].linkname == "srv/file"
    assert members["srv/link2"].islnk() and members["srv/link2"].linkname == "srv/link"
    assert members["srv/file"].mode == 0o4755 and members["srv"].mode == 0o1777
    assert members["srv/base/.wh.gone"].mtime == 0
    assert all(not m.uname and not m.gname for m in members.values())
    order = list(members)
    assert order.index("srv/base/.wh.tree") < order.index("srv/base/again")


def test_the_same_build_gives_the_same_layer(s2c, builder, app):
    """Another day, locale, time zone and number of cores: what carries no time of its own is
    the same, compressed too."""
    fixed = "#!/bin/sh\ncd /srv\nrm -r base/tree\nmkdir n\necho 1 > n/f\ntouch -d @978307200 n/f n base .\n"
    builder.make("builder/fixed", assemble=fixed, files=BASE)
    ids = set()
    for env, cores in (({"LC_ALL": "C", "TZ": "UTC"}, []),
                       ({"LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}, ["taskset", "-c", "0"])):
        s2c.prefix = cores
        s2c.ok("build", app, "builder/fixed", "fixed", env=env)
        ids.add(json.dumps(s2c.manifest("fixed")["layers"]))
    assert len(ids) == 1
