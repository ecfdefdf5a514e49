"""Who may run assemble, and that it really is that user."""
import pytest

from support import link

PROOF = """#!/bin/sh
set -e
{ id -u; id -g; id -G; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; } > /srv/proof
"""


def proof(s2c, image):
    with s2c.layer(image) as tar:
        return tar.extractfile("srv/proof").read().decode().split("\n")


@pytest.mark.parametrize("spec,uid", [("1001", "1001"), ("app", "1001"), ("app:apps", "1001"), ("other", "2000")])
def test_users(s2c, builder, app, spec, uid):
    builder.make("builder/u", "LABEL io.openshift.s2i.assemble-user=" + spec,
                 assemble=PROOF.replace("/srv/proof", "/tmp/proof") + "mkdir -p /tmp/o; cp /tmp/proof /tmp/o/proof\n")
    s2c.ok("build", app, "builder/u", "myapp")
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("tmp/o/proof").read().decode().split("\n")[0] == uid


def test_no_privileges(s2c, builder, app):
    builder.make("builder/p", assemble=PROOF)
    s2c.ok("build", app, "builder/p", "myapp")
    lines = proof(s2c, "myapp")
    assert lines[0] == "1001"
    values = dict(line.split(":", 1) for line in lines if ":" in line)
    for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(values[name], 16) == 0, name
    assert values["NoNewPrivs"].strip() == "1" and values["Seccomp"].strip() == "2"


@pytest.mark.parametrize("spec", ["root", "0", "00", "+0", "sneaky", "0:0", "0x0", "-1", " 0", "4294967296", "nobody-there", "root:app"])
@pytest.mark.parametrize("how", ["label", "flag", "image"])
def test_root_in_every_disguise_is_refused(s2c, builder, app, spec, how):
    if how == "label":
        builder.make("builder/r", f"LABEL io.openshift.s2i.assemble-user='{spec}'")
        args = ()
    elif how == "flag":
        args = (f"--assemble-user={spec}",)
        builder.make("builder/r")
    else:
        args = ()
        builder.make("builder/r", user=spec)
    done = s2c.run("build", app, "builder/r", "myapp", *args)
    assert done.returncode in (1, 2, 4), done.stderr
    assert "assemble runs" not in done.stderr
    assert done.stderr.strip().split("\n")[-1].startswith("s2c: ")


def test_image_without_user_is_refused(s2c, builder, app):
    builder.make("builder/nouser", user=None)
    s2c.fails("build", app, "builder/nouser", status=4, match="--assemble-user")
    s2c.ok("build", app, "builder/nouser", "myapp", "--assemble-user", "1001")
    assert s2c.config("myapp")["config"]["User"].startswith("1001")


@pytest.mark.parametrize("ranges,good", [("1001", True), ("1000-1002", True), ("2000-", False), ("-1000", False), ("5,1001", True)])
def test_allowed_uids(s2c, builder, app, ranges, good):
    if good:
        s2c.ok("build", app, "builder/test", "-u", ranges)
    else:
        s2c.fails("build", app, "builder/test", "-u", ranges, status=4, match="1001")


@pytest.mark.parametrize("ranges", ["x", "4-5-1", "--", "5-4", "1:2"])
def test_bad_ranges(s2c, builder, app, ranges):
    s2c.fails("build", app, "builder/test", f"--allowed-uids={ranges}", status=2, match="allowed-uids|range")


def test_number_that_is_a_name_stays_a_number(s2c, builder, app):
    """CVE-2024-40635 and its kin: passwd has a user called 1002 with uid 0."""
    builder.make("builder/n", user="1002", assemble="#!/bin/sh\nid -u > /tmp/uid-seen\n")
    s2c.ok("build", app, "builder/n", "myapp")
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("tmp/uid-seen").read() == b"1002\n"


def test_passwd_as_symlink_to_the_host(s2c, builder, app):
    """Names come from the image's root, whatever its passwd points to."""
    builder.make("builder/l", files=[link("etc/passwd", "/proc/1/root/etc/passwd")], user="daemon")
    done = s2c.run("build", app, "builder/l", "myapp")
    assert done.returncode != 0 and "assemble runs" not in done.stderr


def test_setuid_program_gains_nothing(s2c, builder, app):
    import tarfile
    info = tarfile.TarInfo("bin/suid")
    data = open("/bin/busybox", "rb").read()
    info.size, info.mode = len(data), 0o4755
    builder.make("builder/s", files=[(info, data)], assemble="#!/bin/sh\n/bin/suid id -u > /srv/suid-uid 2>&1 || true\nid -u >> /srv/suid-uid\n")
    s2c.ok("build", app, "builder/s", "myapp")
    with s2c.layer("myapp") as tar:
        assert b"0\n" != tar.extractfile("srv/suid-uid").read()[:2]
