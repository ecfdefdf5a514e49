"""Helpers of the end-to-end tests; no fixtures and no tests here."""
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

TOP = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("S2C") or str(TOP / "build-test" / "s2c")
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:")

ASSEMBLE = """#!/bin/sh
set -e
echo "assemble runs"
cp -R /tmp/src/. /srv/
id -u > /srv/uid
"""
RUN = """#!/bin/sh
echo "run says: $(cat /srv/index.html 2>/dev/null) ${GREETING:-}"
id -u
"""
APPLETS = """sh awk base64 gzip cat cp mv ls id echo mkdir rm ln sleep env true false grep sed tar touch chmod
chown find head tail wc printf test pwd kill ps stat dd ping wget nc hostname mount umount
readlink rmdir mkfifo truncate dirname basename tr cut sort uniq od ip httpd setsid sync""".split()


def clean_env(**extra):
    """An environment without the host's proxies, homes and locale surprises."""
    env = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
        "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99:print_stacktrace=1",
    }
    env.update({k: v for k, v in extra.items() if v is not None})
    return env


def process_line(pid):
    """The command line of a process as bytes; empty when it has ended."""
    try:
        return pathlib.Path("/proc", str(pid), "cmdline").read_bytes()
    except OSError:
        return b""


def processes_with(text):
    """Processes whose command line holds the text. By listdir: a glob fails when one ends."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if text.encode() in process_line(pid)]


class S2C:
    """Runs the program on one store."""

    def __init__(self, root, prefix=()):
        self.root = pathlib.Path(root)
        self.prefix = list(prefix)

    def command(self, *args):
        return [*self.prefix, PROGRAM, "--root", str(self.root), *map(str, args)]

    def start(self, *args, **kwargs):
        kwargs.setdefault("env", clean_env())
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            self.command(*args), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs
        )

    def run(self, *args, env=None, input=None, timeout=120, **kwargs):
        """Any exit status; sanitizer reports fail the test."""
        if input is None:
            kwargs.setdefault("stdin", subprocess.DEVNULL)
        text = not isinstance(input, bytes)
        done = subprocess.run(
            self.command(*args), env=clean_env(**(env or {})), input=input,
            capture_output=True, timeout=timeout, text=text, **kwargs
        )
        err = done.stderr if text else done.stderr.decode(errors="replace")
        assert not SANITIZER.search(err), err
        return done

    def ok(self, *args, **kwargs):
        """Must succeed; returns standard output without the last newline."""
        done = self.run(*args, **kwargs)
        assert done.returncode == 0, f"{args}: {done.returncode}\n{done.stderr}"
        out = done.stdout if isinstance(done.stdout, str) else done.stdout.decode()
        return out.rstrip("\n")

    def fails(self, *args, status, match, **kwargs):
        """Must fail with this status and one sentence that matches; returns the result."""
        done = self.run(*args, **kwargs)
        err = done.stderr if isinstance(done.stderr, str) else done.stderr.decode(errors="replace")
        assert done.returncode == status, f"{args}: {done.returncode}\n{err}"
        last = err.rstrip("\n").split("\n")[-1]
        assert last.startswith("s2c: "), err
        assert re.search(match, last), f"no {match!r} in {last!r}"
        return done

    def inspect(self, image):
        return json.loads(self.ok("inspect", image))[0]

    def config(self, image):
        return json.loads(self.ok("inspect", "--config", image))

    def manifest(self, image):
        return json.loads(self.ok("inspect", "--manifest", image))

    def layer(self, image, index=-1):
        """A layer of an image as an open tarfile."""
        digest = self.manifest(image)["layers"][index]["digest"]
        blob = (self.root / "blobs" / digest.replace(":", "/")).read_bytes()
        assert "sha256:" + hashlib.sha256(blob).hexdigest() == digest
        return tarfile.open(fileobj=io.BytesIO(blob))

    def names_in_layer(self, image, index=-1):
        with self.layer(image, index) as tar:
            return tar.getnames()

    def assert_clean(self):
        """No unfinished work, no temp files, no process of this store."""
        for name in ("work", "tmp"):
            directory = self.root / name
            left = sorted(p.name for p in directory.iterdir()) if directory.is_dir() else []
            assert not left, f"{name}/ still holds {left}"
        lines = [process_line(pid) for pid in processes_with(str(self.root))]
        assert not any(lines), f"still running: {lines}"


class Builder:
    """Makes builder images of the busybox root file system."""

    def __init__(self, s2c, rootfs_tar):
        self.s2c = s2c
        self.rootfs_tar = rootfs_tar
        self.count = 0

    def make(self, name, *changes, assemble=ASSEMBLE, run=RUN, files=(), user="1001", s2c=None):
        """`files` are (TarInfo or path, data) put on top of the root file system."""
        tar_path = self.s2c.root.parent / f"builder{self.count}.tar"
        self.count += 1
        shutil.copy(self.rootfs_tar, tar_path)
        with tarfile.open(tar_path, "a") as tar:
            for path, text in (("assemble", assemble), ("run", run)):
                if text is not None:
                    add_file(tar, f"usr/libexec/s2i/{path}", text, 0o755)
            for what, data in files:
                if isinstance(what, tarfile.TarInfo):
                    tar.addfile(what, io.BytesIO(data) if data else None)
                else:
                    add_file(tar, what, data, 0o644)
        words = ["LABEL io.openshift.s2i.scripts-url=image:///usr/libexec/s2i"]
        words += [f"USER {user}"] if user else []
        words += ["WORKDIR /srv", *changes]
        args = [x for change in words for x in ("--change", change)]
        id_ = (s2c or self.s2c).ok("import", tar_path, name, *args)
        tar_path.unlink()
        return id_


def add_file(tar, name, text, mode):
    data = text if isinstance(text, bytes) else text.encode()
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(data), mode
    tar.addfile(info, io.BytesIO(data))


def link(name, target):
    """A symlink entry for Builder.make(files=...)."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = tarfile.SYMTYPE, target, 0o777
    return (info, None)


def busybox_rootfs(tree):
    for name in ("bin", "etc", "tmp", "usr/libexec/s2i", "srv", "proc", "sys", "dev", "home/app"):
        (tree / name).mkdir(parents=True)
    (tree / "tmp").chmod(0o1777)
    os.chown(tree / "srv", 1001, 0)
    (tree / "srv").chmod(0o775)
    shutil.copy(shutil.which("busybox"), tree / "bin/busybox")
    for applet in APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")
    (tree / "etc/passwd").write_text(
        "root:x:0:0:root:/root:/bin/sh\napp:x:1001:0:app:/srv:/bin/sh\nsneaky:x:0:0::/:/bin/sh\n"
        "1002:x:0:0:a name that looks like a number:/:/bin/sh\nother:x:2000:2000::/:/bin/sh\n"
    )
    (tree / "etc/group").write_text("root:x:0:\napps:x:3000:\n")


def tar_of(tree, path):
    with tarfile.open(path, "w") as tar:
        tar.add(tree, ".", filter=lambda i: i)
    return path


def mounts_below(directory):
    """Overlay mounts that the host sees and that lie in, or are made of, this directory."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
    return {line.split()[4] for line in lines if " - overlay " in line and str(directory) in line}
