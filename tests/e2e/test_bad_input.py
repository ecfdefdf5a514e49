"""Bad input ends with one clear sentence, a status, and nothing left behind."""
import os
import socket
import subprocess
import tarfile
import threading

import pytest

from support import S2C, clean_env, processes_with


def blobs(s2c):
    directory = s2c.root / "blobs/sha256"
    return sorted(p.name for p in directory.iterdir())


@pytest.fixture
def unchanged(s2c, builder):
    """The store has the same blobs and names before and after."""
    before = (blobs(s2c), s2c.ok("images"))
    yield
    assert (blobs(s2c), s2c.ok("images")) == before


def test_missing_source(s2c, builder, unchanged, tmp_path):
    s2c.fails("build", tmp_path / "nowhere", "builder/test", status=1, match="nowhere")


def test_empty_source(s2c, builder, unchanged, tmp_path):
    (tmp_path / "empty").mkdir()
    s2c.fails("build", tmp_path / "empty", "builder/test", status=2, match="empty")


def test_builder_not_found(s2c, builder, unchanged, app):
    s2c.fails("build", app, "builder/nothing", status=1, match="builder/nothing.*(store|registry)")


def test_builder_registry_offline(s2c, builder, unchanged, app):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    s2c.fails("build", app, f"127.0.0.1:{port}/b", status=1, match=f"127.0.0.1:{port}")


def test_bad_tag_is_refused_before_anything_runs(s2c, builder, unchanged, app):
    for tag in ("UPPER", "a b", "x:y:z", "-x", "../x", "a//b", "x@sha256:12"):
        done = s2c.run("build", app, "builder/test", "--", tag) if tag[0] != "-" else \
            s2c.run("build", "--", str(app), "builder/test", tag)
        assert done.returncode == 2 and "assemble runs" not in done.stderr, (tag, done.stderr)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_special_files(s2c, builder, unchanged, app, kind):
    path = app / "odd"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(path))
    else:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
    s2c.fails("build", app, "builder/test", status=2, match="odd.*(exclude|ignore)")


def test_special_file_may_be_excluded(s2c, builder, app):
    os.mkfifo(app / "odd")
    s2c.ok("build", app, "builder/test", "--exclude", "odd")


@pytest.mark.parametrize("name", [".wh.passwd", ".wh..wh..opq", "sub/.wh.x"])
def test_whiteout_names(s2c, builder, unchanged, app, name):
    (app / name).write_text("x")
    s2c.fails("build", app, "builder/test", status=2, match=r"\.wh\.")


def test_whiteout_name_made_by_assemble(s2c, builder, app):
    builder.make("builder/wh", assemble="#!/bin/sh\ntouch /srv/.wh.index.html\n")
    s2c.fails("build", app, "builder/wh", "myapp", status=2, match=r"\.wh\.index")
    s2c.fails("inspect", "myapp", status=1, match="myapp")


@pytest.mark.parametrize("mode", [0o000, 0o200, 0o044])
def test_unreadable_file(s2c, builder, unchanged, app, mode):
    """Also for root, who can read it: assemble is somebody else."""
    (app / "sub" / "private").write_text("x")
    (app / "sub" / "private").chmod(mode)
    s2c.fails("build", app, "builder/test", status=2, match=r"'sub/private'.*(readable|exclude)")
    s2c.ok("build", app, "builder/test", "x", "--exclude", "private")
    s2c.ok("rmi", "x")
    s2c.ok("prune")


def test_unreadable_directory(s2c, builder, unchanged, app):
    (app / "sub").chmod(0o300)
    s2c.fails("build", app, "builder/test", status=2, match="'sub'.*(readable|exclude)")


def test_source_that_grows(s2c, builder, unchanged, app):
    """A log that is written to during the build."""
    log, stop = app / "log", threading.Event()
    log.write_bytes(b"x" * (64 << 20))

    def grow():
        with log.open("ab", buffering=0) as f:
            while not stop.is_set():
                f.write(b"line\n")

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        s2c.fails("build", app, "builder/test", status=2, match="'log' changed while it was read")
    finally:
        stop.set()
        writer.join()


def test_no_assemble(s2c, builder, unchanged, app):
    builder.make("builder/noasm", assemble=None)
    s2c.fails("build", app, "builder/noasm", status=1, match="no executable file.*assemble")
    s2c.ok("rmi", "builder/noasm")
    s2c.ok("prune")


def test_assemble_not_executable(s2c, builder, app):
    info = tarfile.TarInfo("usr/libexec/s2i/assemble")
    data = b"#!/bin/sh\ntrue\n"
    info.size, info.mode = len(data), 0o644
    builder.make("builder/noexec", assemble=None, files=[(info, data)])
    s2c.fails("build", app, "builder/noexec", status=1, match="no executable file.*assemble")


def test_assemble_with_a_missing_interpreter(s2c, builder, app):
    builder.make("builder/noint", assemble="#!/no/such/shell\n")
    s2c.fails("build", app, "builder/noint", status=1, match="assemble")


def test_fork_bomb_is_bounded(s2c, builder, app):
    """Whoever forks without end is told, and all of it ends with the container."""
    marker = str(500000 + os.getpid())
    builder.make("builder/bomb", assemble=f"#!/bin/sh\nwhile true; do sleep {marker} & done\n")
    done = s2c.fails("build", app, "builder/bomb", "--pids-limit", "64", "--timeout", "100", status=3,
                     match="assemble of 'builder/bomb:latest' failed with status")
    assert "can't fork" in done.stderr, done.stderr
    assert not processes_with(marker)
    builder.make("builder/bomb2", assemble="#!/bin/sh\nf() { f | f & }\nf 2>/dev/null\nsleep 1\nexit 9\n")
    s2c.fails("build", app, "builder/bomb2", "--pids-limit", "64", "--timeout", "100", status=3, match="status")


def test_memory_limit(s2c, builder, app):
    builder.make("builder/mem", assemble="#!/bin/sh\nexec dd if=/dev/zero of=/dev/null bs=200M count=1\n")
    s2c.ok("build", app, "builder/mem", "enough", "--memory", "400m")
    s2c.fails("build", app, "builder/mem", "myapp", "--memory", "64m", status=3,
              match="signal 9 .*--memory|failed with status 1$")
    s2c.fails("inspect", "myapp", status=1, match="myapp")


def test_context_dir_outside(s2c, builder, unchanged, app, tmp_path):
    (tmp_path / "outside").mkdir()
    (app / "link").symlink_to(tmp_path / "outside")
    for bad in ("..", "../outside", "link", "sub/../../outside"):
        s2c.fails("build", app, "builder/test", "--context-dir", bad, status=2, match="context|symbolic link|outside|leaves")
    s2c.fails("build", app, "builder/test", "--context-dir", "nothing", status=1, match="nothing")


def test_ignore_file_cannot_reach_out(s2c, builder, app, tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("still here")
    (app / ".s2iignore").write_text("../victim\n../../../../../../../../../../" + str(victim)[1:] + "\n/" + str(victim)[1:] + "\n")
    s2c.ok("build", app, "builder/test")
    assert victim.read_text() == "still here"


def test_hostile_source_tar(s2c, builder, unchanged, tmp_path):
    cases = {
        "dotdot": [("../evil", tarfile.REGTYPE, "")],
        "absolute-link": [("l", tarfile.SYMTYPE, "/tmp"), ("l/evil", tarfile.REGTYPE, "")],
        "hardlink": [("h", tarfile.LNKTYPE, "/etc/passwd")],
        "hardlink-up": [("h", tarfile.LNKTYPE, "../../etc/passwd")],
        "device": [("d", tarfile.CHRTYPE, "")],
    }
    for name, entries in cases.items():
        path = tmp_path / f"{name}.tar"
        with tarfile.open(path, "w") as tar:
            for entry, kind, target in entries:
                info = tarfile.TarInfo(entry)
                info.type, info.linkname = kind, target
                tar.addfile(info)
        done = s2c.run("build", path, "builder/test")
        assert done.returncode in (1, 2), (name, done.returncode, done.stderr)
    assert not os.path.exists("/tmp/evil") and not (tmp_path / "evil").exists()


@pytest.mark.parametrize("data,match", [
    (b"", "is empty"), (b"not a tar at all", "no tar archive"), (b"#!/bin/sh\n" * 100, "no tar archive"),
    (b"\x1f\x8b\x08\x00broken", "gzip"), (b"\x28\xb5\x2f\xfdbroken", "zstd"),
    (b"\xfd7zXZ\x00" + b"\1" * 600, "no tar archive, neither plain nor compressed with gzip or zstd"),
])
def test_broken_source_tar(s2c, builder, unchanged, tmp_path, data, match):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(data)
    done = s2c.run("build", path, "builder/test")
    assert done.returncode in (1, 2), done.stderr
    last = done.stderr.strip().split("\n")[-1]
    assert last.startswith("s2c: ") and str(path) in last and match in last, last


@pytest.mark.parametrize("spec", ["ext::sh -c touch% /tmp/pwned", "--upload-pack=x", "ssh://-oProxyCommand=x/y", "https://host/%0a", "git@-x:y"])
def test_hostile_git(s2c, builder, unchanged, spec):
    done = s2c.run("build", "--", spec, "builder/test")
    assert done.returncode in (1, 2), done.stderr
    assert not os.path.exists("/tmp/pwned")


def test_hostile_ref(s2c, builder, unchanged, app):
    subprocess.run(["git", "init", "-q", str(app)], check=True, env=clean_env())
    s2c.fails("build", app, "builder/test", "--ref=--upload-pack=x", status=2, match="ref")



@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small tmpfs")
@pytest.mark.parametrize("fill", ["assemble", "commit"])
def test_store_on_a_full_disk(tmp_path, rootfs_tar, app, fill):
    """A store on 24 MiB; assemble writes more than fits, or the layer does not fit beside it."""
    small = tmp_path / "small"
    small.mkdir()
    megabytes = {"assemble": 64, "commit": 11}[fill]
    from support import Builder
    made = S2C(tmp_path / "big")
    Builder(made, rootfs_tar).make(
        "builder/full", assemble=f"#!/bin/sh\nset -e\ndd if=/dev/urandom of=/srv/big bs=1M count={megabytes}\n")
    made.ok("save", "builder/full", f"oci-archive:{tmp_path}/full.tar")
    script = f"""
set -e
mount -t tmpfs -o size=24m none {small}
export S2C_ROOT={small}/store
$S2C load oci-archive:{tmp_path}/full.tar
before=$($S2C images)
if $S2C build {app} builder/full myapp; then echo "built on a full disk"; exit 1; fi
[ "$before" = "$($S2C images)" ]
$S2C prune --check
[ -z "$(find {small}/store/work {small}/store/tmp -mindepth 1)" ]
"""
    from support import PROGRAM
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "bash", "-c", script],
                          env=clean_env(S2C=PROGRAM), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line for line in done.stderr.split("\n") if line.startswith("s2c: ")]
    assert len(said) == 1 and "'s2c prune' may help" in said[0], done.stderr
    assert ("status 1: the disk of the store is full" if fill == "assemble" else "no space left") in said[0]
