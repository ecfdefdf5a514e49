"""OCI runtimes: none at all, ones that do nothing, and ones s2c does not know by name."""
import os
import pathlib
import shutil
import subprocess

import pytest

from support import PROGRAM, clean_env

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def unknown(s2c, tmp_path):
    """crun under a name that says nothing, as runsc or kata would be."""
    if "control groups" not in s2c.run("doctor").stdout.split("limits")[1]:
        pytest.skip("without control groups crun has to be told so")
    path = tmp_path / "some-runtime"
    path.symlink_to(shutil.which("crun"))
    return path


@pytest.mark.parametrize("program", ["/bin/true", "/bin/false"])
def test_a_runtime_that_starts_nothing(s2c, builder, app, program):
    """Whatever its exit status says: without the init's report nothing was built."""
    s2c.fails("build", app, "builder/test", "myapp", "--oci-runtime", program, status=1,
              match=f"'{program}' could not start the container")
    s2c.fails("inspect", "myapp", status=1, match="myapp")
    s2c.fails("run", "--oci-runtime", program, "builder/test", "--", "true", status=1, match="could not start")


def test_a_runtime_that_is_not_there(s2c, builder, app):
    s2c.fails("build", app, "builder/test", "--oci-runtime", "no-such-runtime", status=1,
              match="'no-such-runtime' is not installed; .*'crun'")


def test_an_unknown_runtime(s2c, builder, app, unknown):
    s2c.ok("build", app, "builder/test", "myapp", "--oci-runtime", unknown)
    with s2c.layer("myapp") as tar:
        assert tar.extractfile("srv/uid").read() == b"1001\n"
        assert not [n for n in tar.getnames() if ".s2c" in n]
    done = s2c.run("run", "--oci-runtime", unknown, "myapp", "--", "sh", "-c", "exit 125")
    assert done.returncode == 125, "no status of the program is taken for a refusal"
    s2c.fails("run", "--oci-runtime", unknown, "myapp", "--", "no-such-program", status=1,
              match="cannot execute 'no-such-program'")
    builder.make("builder/bad", assemble="#!/bin/sh\nexit 42\n")
    s2c.fails("build", app, "builder/bad", "--oci-runtime", unknown, status=3, match="status 42")


def test_what_a_runtime_is_told(s2c, builder, app, unknown, tmp_path):
    """No variable of ours, and its temporary files go where they are swept."""
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(f'#!/bin/sh\nenv > {tmp_path}/env\nexec {shutil.which("crun")} "$@"\n')
    wrapper.chmod(0o755)
    s2c.ok("build", app, "builder/test", "myapp", "--oci-runtime", wrapper, env={"SECRET": "canary"})
    env = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines())
    assert set(env) - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "HOME", "_LIBCONTAINER_STATEDIR"}
    assert pathlib.Path(env["_LIBCONTAINER_STATEDIR"]).parent == s2c.root / "work"


def test_a_runtime_by_a_relative_path(s2c, builder, app, unknown):
    s2c.ok("build", app, "builder/test", "myapp", "--oci-runtime", f"./{unknown.name}", cwd=unknown.parent)


@needs_root
def test_no_runtime_at_all(s2c, builder, app):
    """In a mount namespace where no known runtime can be executed."""
    script = """
for p in /usr/bin/crun /usr/sbin/runc; do
    [ ! -e $p ] || mount --bind /dev/null $p
done
exec "$@"
"""
    def hidden(*args):
        return subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh", PROGRAM,
                               "--root", s2c.root, *args], env=clean_env(), capture_output=True, text=True, timeout=60)

    for args in (("build", app, "builder/test", "myapp"), ("run", "builder/test")):
        done = hidden(*args)
        assert done.returncode == 1, done.stderr
        assert done.stderr.rstrip().split("\n")[-1].startswith("s2c: no OCI runtime found: install 'crun'")
    doctor = hidden("doctor")
    assert doctor.returncode == 1 and "FAIL  oci-runtime" in doctor.stdout
    plan = hidden("build", app, "builder/test", "myapp", "--dry-run")
    assert plan.returncode == 0 and '"assemble"' in plan.stdout, "a plan needs none"
