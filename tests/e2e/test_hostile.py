"""Builder images that try to reach the host."""
import io
import os
import tarfile

import pytest

from support import ASSEMBLE, add_file, link


@pytest.mark.parametrize("name", ["dev", "proc", "sys", "tmp", "etc", "srv", "run"])
@pytest.mark.parametrize("target", ["/", "/tmp", "../../../../../../tmp"])
def test_top_directories_as_symlinks(s2c, app, tmp_path, name, target):
    """Either a clear refusal or a build confined to the image's own root."""
    marker = f"pwned-{os.getpid()}-{name}"
    path = tmp_path / "hostile.tar"
    busybox = open("/bin/busybox", "rb").read()
    with tarfile.open(path, "w") as tar:
        for directory in ("bin", "dev", "proc", "sys", "tmp", "etc", "srv", "run", "usr/libexec/s2i"):
            if directory == name:
                tar.addfile(link(name, target)[0])
                continue
            info = tarfile.TarInfo(directory)
            info.type, info.mode = tarfile.DIRTYPE, 0o777
            tar.addfile(info)
        info = tarfile.TarInfo("bin/sh")
        info.size, info.mode = len(busybox), 0o755
        tar.addfile(info, io.BytesIO(busybox))
        add_file(tar, "usr/libexec/s2i/assemble", f"#!/bin/sh\nread x < /dev/null; : > /tmp/{marker}; : > /{name}/{marker}\ntrue\n", 0o755)
        add_file(tar, "usr/libexec/s2i/run", "#!/bin/sh\n", 0o755)
    s2c.ok("import", path, "builder/hostile", "--change", "USER 1001",
           "--change", "LABEL io.openshift.s2i.scripts-url=image:///usr/libexec/s2i")
    done = s2c.run("build", app, "builder/hostile", "myapp")
    if name in ("dev", "proc", "sys"):
        last = done.stderr.rstrip("\n").split("\n")[-1]
        assert done.returncode == 2 and f"image 'builder/hostile:latest': it has '/{name}' as" in last, done.stderr
    assert done.returncode in (0, 1, 2, 3), done.stderr
    for place in ("/tmp", "/", "/etc", "/dev", "/proc", "/sys", "/srv", "/run"):
        assert not os.path.lexists(os.path.join(place, marker)), place
    assert not os.path.lexists("/tmp/src/index.html")


@pytest.mark.parametrize("workdir", [f"/proc/self/fd/{n}" for n in (3, 5, 7, 8, 9, 12)] + ["/proc/1/root", "relative"])
def test_workdir(s2c, builder, app, workdir):
    """CVE-2024-21626."""
    builder.make("builder/w", f"WORKDIR {workdir}", assemble="#!/bin/sh\n: > ./pwned-cwd; cat ../../../../../../../etc/hostname-of-host 2>/dev/null\ntrue\n")
    done = s2c.run("build", app, "builder/w", "myapp")
    assert done.returncode in (0, 1, 2, 3), done.stderr
    assert not os.path.exists("/pwned-cwd")


@pytest.mark.parametrize("entries", [
    [("../evil", tarfile.REGTYPE, "")],
    [("/evil-abs", tarfile.REGTYPE, "")],
    [("l", tarfile.SYMTYPE, "/tmp"), ("l/evil-through", tarfile.REGTYPE, "")],
    [("h", tarfile.LNKTYPE, "../../../../../../etc/passwd")],
    [("h", tarfile.LNKTYPE, "/etc/passwd")],
    [(".", tarfile.SYMTYPE, "/tmp")],
])
def test_layer_entries(s2c, app, tmp_path, entries):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind, target in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.mode = kind, target, 0o755
            tar.addfile(info)
        add_file(tar, "s/assemble", "x", 0o755)
        add_file(tar, "s/run", "x", 0o755)
    done = s2c.run("import", path, "builder/x", "--change", "USER 1001", "--change",
                   "LABEL io.openshift.s2i.scripts-url=image:///s")
    if done.returncode == 0:
        done = s2c.run("build", app, "builder/x", "myapp")
    assert done.returncode in (1, 2, 3), done.stderr
    for name in ("/tmp/evil", "/evil-abs", "/tmp/evil-through", str(tmp_path / "evil")):
        assert not os.path.exists(name)


def test_host_files_are_out_of_reach(s2c, builder, app, tmp_path):
    secret = tmp_path / "host-secret"
    secret.write_text("canary")
    builder.make("builder/look", assemble=ASSEMBLE + f"""
set +e
for p in {secret} /proc/1/root{secret} /proc/self/root{secret} /proc/*/cwd/{secret.name}; do
  cat $p 2>/dev/null && echo "READ $p"
done
for f in /proc/self/fd/*; do readlink $f; done > /srv/fds
mount -t tmpfs none /srv 2>&1 && echo MOUNTED
echo x > /proc/sys/kernel/hostname 2>/dev/null && echo WROTE
true
""")
    done = s2c.run("build", app, "builder/look", "myapp")
    assert done.returncode == 0, done.stderr
    for word in ("canary", "READ", "MOUNTED", "WROTE"):
        assert word not in done.stderr, word
    with s2c.layer("myapp") as tar:
        fds = tar.extractfile("srv/fds").read().decode()
    assert str(s2c.root) not in fds, fds


def test_huge_passwd(s2c, builder, app):
    builder.make("builder/huge", files=[("etc/passwd", "x" * (3 << 20))], user="app")
    s2c.fails("build", app, "builder/huge", status=1,
              match="image 'builder/huge:latest': its '/etc/passwd' is larger than")


def test_bomb_layer(s2c, app, tmp_path):
    """A sparse file of many terabytes in a small tar."""
    path = tmp_path / "bomb.tar"
    with tarfile.open(path, "w") as tar:
        info = tarfile.TarInfo("big")
        info.size = 1 << 50
        tar.addfile(info)
    done = s2c.run("import", path, "builder/bomb", timeout=60)
    assert done.returncode in (1, 2), done.stderr
