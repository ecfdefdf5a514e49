"""--volume, --add-host, --cap-drop and --network."""
import os
import socket

import pytest


def ok(done):
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_volumes(native):
    native.write("ro/file", "from the host\n")
    native.write("one", "a file\n")
    native.write("rw/old", "old\n")
    (native.dir / "rw").chmod(0o777)
    err = ok(native.build(
        "-v", f"{native.dir}/ro:/opt/ro:ro", "--volume", "./rw:/srv/rw", "-v", f"{native.dir}/one:/etc/one:Z",
        assemble="cat /opt/ro/file /srv/rw/old /etc/one\n"
                 "echo new > /srv/rw/new\n"
                 "{ echo x > /opt/ro/x; } 2>/dev/null || echo read-only\n"
                 "echo x > x\n", cwd=native.dir))
    assert "from the host" in err and "old" in err and "a file" in err and "read-only" in err
    assert (native.dir / "rw/new").read_text() == "new\n"
    assert not (native.dir / "ro/x").exists()
    assert native.s2c.names_in_layer("out") == ["srv", "srv/x"]


def test_refused_volumes(native):
    native.make("true\n")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(native.dir / "sock"))
    os.mkfifo(native.dir / "fifo")
    (native.dir / "to-etc").symlink_to("/etc")
    (native.dir / "to-store").symlink_to(native.s2c.root / "blobs")
    for volume, status, match in (
            ("/:/host", 4, "name what of it"),
            ("/etc:/x", 4, "name what of it"),
            (f"{native.dir}/to-etc:/x", 4, "name what of it"),
            ("/proc/1:/x", 4, "the kernel's"),
            ("/sys:/x", 4, "the kernel's"),
            ("/dev/null:/x", 4, "the kernel's"),
            (f"{native.dir}/sock:/x", 4, "reaches out"),
            (f"{native.dir}/fifo:/x", 4, "neither a file nor a directory"),
            (f"{native.s2c.root}:/x", 4, "own store"),
            (f"{native.dir}/to-store:/x", 4, "own store"),
            (f"{native.dir}:/x", 4, "own store"),
            (f"{native.dir}/none:/x", 1, "cannot find"),
            (f"{native.app}:/proc/x", 2, "mounts over"),
            (f"{native.app}:/", 2, "cannot be a mount point"),
            (f"{native.app}:/etc", 2, "cannot both be mount points"),
            (f"{native.app}:/usr/libexec/s2i/assemble", 2, "not a directory"),
            ("data:/x", 2, "volume of an engine"),
            (f"{native.app}:/x:shared", 2, "'shared' is not known"),
    ):
        native.s2c.fails("build", native.app, "builder/test", "out", "-v", volume, status=status,
                         match=match)


def test_a_volume_in_a_volume(native):
    """Its mount point would be made in the host's directory."""
    native.make("true\n")
    native.write("outer/x", "")
    native.s2c.fails("build", native.app, "builder/test", "out", "-v", f"{native.dir}/outer:/a", "-v",
                     f"{native.app}:/a/b", status=2, match="cannot both be mount points")
    assert os.listdir(native.dir / "outer") == ["x"]


def test_hosts(native):
    err = ok(native.build("--add-host", "db.example:192.0.2.7", "--add-host", "six:2001:db8::6", "--network",
                          "none", assemble="cat /etc/hosts\necho x > x\n"))
    assert "192.0.2.7\tdb.example" in err and "2001:db8::6\tsix" in err
    assert native.s2c.names_in_layer("out") == ["srv", "srv/x"]
    for text, match in (("db", "NAME:ADDRESS"), ("db:1.2.3", "is not an address"), ("d b:1.2.3.4", "not a host"),
                        ("db:1.2.3.4\n::1 x", "is not an address")):
        native.s2c.fails("build", native.app, "builder/test", "--add-host", text, status=2, match=match)


def test_words_of_s2i(native):
    native.make("grep CapBnd /proc/self/status\n")
    err = ok(native.s2c.run("build", native.app, "builder/test", "out", "--cap-drop", "all,NET_RAW",
                            "--cap-drop", "CAP_MKNOD"))
    assert "CapBnd:\t0000000000000000" in err
    native.s2c.fails("build", native.app, "builder/test", "--cap-drop", "NET_ROW", status=2,
                     match="'NET_ROW' is no capability")
    plan = native.s2c.ok("build", native.app, "builder/test", "--network", "bridge", "--dry-run")
    assert '"network": "isolated"' in plan.replace('":\t"', '": "')
    native.s2c.fails("build", native.app, "builder/test", "--network", "container:x", status=2,
                     match="container:x")


def test_the_plan_tells(native):
    native.make("true\n", "LABEL io.s2c.cache-mounts=npm:/srv/.npm")
    native.write("token", "s3cr3t-0123456789")
    plan = native.s2c.ok("build", native.app, "builder/test", "--dry-run", "--secret",
                         f"id=t,src={native.dir}/token", "--build-env", "PASS=hidden-value")
    assert "/run/secrets/t" in plan and "/srv/.npm" in plan and "PASS" in plan
    assert "s3cr3t" not in plan and "hidden-value" not in plan


@pytest.mark.parametrize("label", ["x", "../../etc:/x", "a:/", "a:../..", ";;a"])
def test_hostile_labels(native, label):
    native.make("true\n", f"LABEL io.s2c.cache-mounts={label}")
    native.s2c.fails("build", native.app, "builder/test", status=2, match="io.s2c.cache-mounts")
    assert native.s2c.ok("build", native.app, "builder/test", "--no-cache-mounts")


def test_save_artifacts_has_them_too(place):
    """As with S2I, in all four places; and nothing of them is in the image."""
    place.make("builder/vol", assemble="#!/bin/sh\ncp /tmp/artifacts/saved /srv/saved 2>/dev/null || echo none > /srv/saved\n")
    app = place.tree("app", **{"index.html": "one\n"})
    place.put(app, ".s2i/bin/save-artifacts",
              "#!/bin/sh\ncd /tmp && cat /opt/shown/file > saved && { echo x > /opt/shown/x; } 2>/dev/null; "
              "tar -cf - saved\n", 0o755)
    shown = place.put(place.base, "shown/file", "of the host\n").parent
    words = (app, "builder/vol", "myapp", "--incremental", "-v", f"{shown}:/opt/shown:ro")
    place.build(*words)
    assert place.read("myapp", "srv/saved") == "none\n"
    place.build(*words)
    assert place.read("myapp", "srv/saved") == "of the host\n" and not (shown / "x").exists()
    assert "opt/shown/file" not in place.names("myapp")
