"""--inject, --secret, --ssh and --build-env: what a build may see and its image must not hold."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from fixtures_native import UID
from support import PROGRAM

SECRET = "s3cr3t-0123456789-of-nobody"


def ok(done):
    assert done.returncode == 0, done.stderr
    return done.stderr


def denied(done, what, where):
    """Refused with one sentence that tells what and where, but not the secret."""
    assert done.returncode == 4, done.stderr
    last = done.stderr.rstrip("\n").split("\n")[-1]
    assert last.startswith("s2c: ") and what in last and where in last, last
    assert SECRET not in last
    return last


def nothing_named(native):
    native.s2c.fails("inspect", "out", status=1, match="not in the store|no image")


def nowhere_on_disk(native, text=SECRET):
    """Neither as it is nor compressed in a blob: blobs of the store are looked into."""
    found = subprocess.run(["grep", "-rlF", text, str(native.s2c.root)], capture_output=True, text=True)
    assert not found.stdout, found.stdout


def test_injected_files(native):
    native.write("token", SECRET + "\n")
    native.write("conf/a.cfg", "key=abcdefgh-1234\n")
    native.write("conf/sub/tool", "#!/bin/sh\necho tool ran\n", 0o755)
    native.write("conf/..data/hidden", "not taken")
    os.symlink("a.cfg", native.dir / "conf/link")
    err = ok(native.build(
        "-i", f"{native.dir}/token:/run/token",
        "--inject", f"'{native.dir}/conf':\"/etc/conf\";{native.dir}/token:/etc/;{native.dir}/token:",
        assemble="""cat /run/token /etc/token token
cat /etc/conf/a.cfg /etc/conf/link
/etc/conf/sub/tool
ls -A /etc/conf
stat -L -c 'mode %u %a' /run/token /etc/conf/sub/tool
echo done > here
"""))
    assert err.count(SECRET) == 3 and err.count("key=abcdefgh-1234") == 2
    assert "tool ran" in err and "hidden" not in err and "..data" not in err
    assert "mode 1001 400" in err and "mode 1001 500" in err
    names = native.s2c.names_in_layer("out")
    assert "srv/here" in names
    assert not [n for n in names if "token" in n or "conf" in n or n.startswith("run")], names
    nowhere_on_disk(native)


def test_secrets(native):
    native.write("npm", f"//registry.example/:_authToken={SECRET}\n")
    err = ok(native.build(
        "--secret", f"id=npm,src={native.dir}/npm", "--secret", "id=pass,env=BUILD_PASS",
        assemble="cat /run/secrets/npm /run/secrets/pass\necho x > x\n",
        env={"BUILD_PASS": "from-the-environment"}))
    assert SECRET in err and "from-the-environment" in err
    assert native.s2c.names_in_layer("out") == ["srv", "srv/x"]


LEAKS = {
    "copy": ("cp /run/token leak", "'/srv/leak'"),
    "tmp": ("cp /run/token /tmp/forgotten", "'/tmp/forgotten'"),
    "locked away": ("mkdir d; cp /run/token d/f; chmod 0 d/f d", "'/srv/d/f'"),
    "name": ("touch \"x-$(cat /run/token)\"", "a name below '/srv'"),
    "directory": ("mkdir \"$(cat /run/token)\"; touch \"$(cat /run/token)/f\"", "a name below '/srv'"),
    "link": ("ln -s \"$(cat /run/token)\" l", "'/srv/l'"),
    "appended": ("{ dd if=/dev/zero bs=1 count=65530; cat /run/token; } > big 2>/dev/null", "'/srv/big'"),
    "hard links": ("cp /run/token a; ln a b; ln a c", "'/srv/a'"),
    "in a line": ("echo \"password = '$(cat /run/token)';\" > conf.py", "'/srv/conf.py'"),
    "label": ("mkdir -p /tmp/.s2i; echo '{\"labels\":[{\"x\":\"'$(cat /run/token)'\"}]}' "
              "> /tmp/.s2i/image_metadata.json", "configuration"),
}


@pytest.mark.parametrize("how", LEAKS)
def test_a_leak_ends_the_build(native, how):
    script, where = LEAKS[how]
    native.write("token", SECRET + "\n")
    done = native.build("--inject", f"{native.dir}/token:/run/token", assemble=script + "\n")
    denied(done, "--inject", where)
    nothing_named(native)
    nowhere_on_disk(native)


def test_a_line_of_a_file_is_enough(native):
    native.write("creds", f"# credentials\nuser=app\npassword={SECRET}\n")
    done = native.build("--secret", f"id=c,src={native.dir}/creds",
                        assemble="grep password /run/secrets/c | cut -d= -f2 > out.txt\n")
    denied(done, "--secret 'id=c", "'/srv/out.txt'")
    native.write("other", "# credentials\nuser=app\npassword=other-0123456789\n")
    ok(native.build("--secret", f"id=c,src={native.dir}/other",
                    assemble="head -2 /run/secrets/c > out.txt\n"))


def test_variables_may_not_hold_it_either(native):
    native.write("token", SECRET)
    done = native.build("--inject", f"{native.dir}/token:/run/token", "-e", f"TOKEN={SECRET}",
                        assemble="true\n")
    denied(done, "--inject", "configuration")


def test_a_layer_that_is_reused_is_looked_through(native):
    """The same layer as that of the image before would not be written at all."""
    native.write("token", SECRET)
    leak = "cp /tmp/src/token leak\n"
    native.write("app/token", SECRET)
    ok(native.build(assemble=leak))
    done = native.build("--inject", f"{native.dir}/token:/run/token", assemble=leak)
    denied(done, "--inject", "'/srv/leak'")


def test_build_env(native):
    native.make("echo \"a=$A b=$B c=$C\"\necho x > x\n")
    err = ok(native.s2c.run("build", native.app, "builder/test", "out", "-e", "A=image", "--build-env",
                            "A=build", "--build-env", "B=2", "--build-env", "C = x,y=z "))
    assert "a=build b=2 c=x,y=z" in err
    env = native.s2c.config("out")["config"]["Env"]
    assert "A=image" in env and not [e for e in env if e[:2] in ("B=", "C=")]
    native.s2c.fails("build", native.app, "builder/test", "--build-env", "novalue", status=2,
                     match="--build-env: 'novalue' has no '='")


def test_bad_options(native):
    native.write("token", SECRET)
    os.mkfifo(native.dir / "fifo")
    loop = native.dir / "loop"
    loop.mkdir()
    os.symlink(".", loop / "again")
    out = native.dir / "out"
    out.mkdir()
    os.symlink("/etc/passwd", out / "x")
    native.make("true\n")
    for option, text, status, match in (
            ("--inject", "", 2, "write SRC:DST"),
            ("--inject", f"{native.dir}/token:/etc/$x", 2, "characters"),
            ("--inject", f"{native.dir}/none:/etc", 1, "none"),
            ("--inject", f"{native.dir}/fifo:/etc", 2, "not a file"),
            ("--inject", f"{loop}:/etc/loop", 1, "deep|secret files"),
            ("--inject", f"{out}:/etc/out", 1, "no such file"),
            ("--inject", f"{native.dir}/token:/proc/x", 2, "mounts over"),
            ("--inject", f"{native.dir}/token:/etc/hosts", 2, "cannot both be mount points"),
            ("--secret", "src=x", 2, "write id=NAME"),
            ("--secret", "id=../x,src=x", 2, "is no name"),
            ("--secret", f"id=x,src={native.dir}", 2, "is a directory"),
            ("--secret", "id=x,env=NOT_SET", 1, "NOT_SET"),
            ("--secret", "id=x,mode=0400", 2, "'mode' is not known"),
            ("--ssh", "default", 1, "SSH_AUTH_SOCK is not set"),
            ("--ssh", f"{native.dir}/token", 2, "no socket"),
    ):
        native.s2c.fails("build", native.app, "builder/test", "out", option, text, status=status,
                         match=match)
    nothing_named(native)


def test_too_short_to_be_found_is_told(native):
    native.write("pin", "1234\n")
    err = ok(native.build("--secret", f"id=pin,src={native.dir}/pin", assemble="cp /run/secrets/pin p\n"))
    assert "too short" in err


def test_killed_in_the_middle(native):
    """kill -9 while the secret can be read leaves nothing of it anywhere."""
    native.write("token", SECRET)
    native.make("cat /run/token >/dev/null\necho ready\nsleep 100\n")
    process = native.s2c.start("build", native.app, "builder/test", "out", "--inject",
                               f"{native.dir}/token:/run/token")
    for line in process.stderr:
        if "ready" in line:
            break
    else:
        pytest.fail("assemble did not start")
    nowhere_on_disk(native)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    process.stdout.close()
    end = time.monotonic() + 20
    while time.monotonic() < end:
        native.s2c.ok("images")  # sweeps
        if not list((native.s2c.root / "work").iterdir()):
            break
        time.sleep(0.1)
    nowhere_on_disk(native)
    nothing_named(native)


class Agent(threading.Thread):
    """An SSH agent without keys that notes what it was asked."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(4)
        self.asked = []

    def run(self):
        while True:
            client, _ = self.server.accept()
            with client:
                while head := client.recv(4, socket.MSG_WAITALL):
                    body = client.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                    self.asked.append(body[0])
                    client.sendall(b"\0\0\0\x05\x0c\0\0\0\0" if body[0] == 11 else b"\0\0\0\x01\x05")


def test_ssh_agent(native):
    """Lists keys, and then tries to remove all of them and to lock the agent."""
    probe = pathlib.Path(PROGRAM).parent / "tests/contract/contract_probe"
    path = native.dir / "agent"
    agent = Agent(path)
    if native.who != "root":
        os.chown(path, UID, UID)
    os.chmod(path, 0o600)
    agent.start()
    shutil.copy(probe, native.app / "probe")
    native.make("echo socket $SSH_AUTH_SOCK\n/tmp/src/probe agent $SSH_AUTH_SOCK 11 19 22 13 > answers\n"
                "cat answers\n")
    err = ok(native.s2c.run("build", native.app, "builder/test", "out", "--ssh", "default",
                            env={"SSH_AUTH_SOCK": str(path)}))
    assert "socket /run/s2c/ssh-agent" in err
    assert "12\n5\n5\n5\n" in err
    assert agent.asked == [11, 13]
    assert not [e for e in native.s2c.config("out")["config"].get("Env", []) if "SSH" in e]
    assert native.s2c.names_in_layer("out") == ["srv", "srv/answers"]


def test_lines_that_the_source_has_too(native):
    """An .npmrc with a token in place of that of the source: what both say is no secret."""
    plain = "registry=https://registry.example/npm/\nalways-auth=true\n"
    token = f"//registry.example/npm/:_authToken={SECRET}\n"
    native.write("given/.npmrc", plain + token)
    native.write("app/.npmrc", plain)
    inject = ("-i", f"{native.dir}/given/.npmrc:/opt/home/.npmrc")
    ok(native.build(*inject, assemble="grep -q _authToken /opt/home/.npmrc\ncp /tmp/src/.npmrc .\n"))
    assert "srv/.npmrc" in native.s2c.names_in_layer("out")
    native.s2c.ok("rmi", "out")
    denied(native.build(*inject, assemble="cp /opt/home/.npmrc .\n"), "--inject", "'/srv/.npmrc'")
    # The same line of a file with another name, or one that is left out of the source, is not the source's.
    (native.app / ".npmrc").rename(native.app / "npmrc")
    denied(native.build(*inject, assemble="cp /tmp/src/npmrc .\n"), "--inject", "'/srv/npmrc'")
    (native.app / "npmrc").rename(native.app / ".npmrc")
    native.write("app/.s2iignore", ".npmrc\n")
    denied(native.build(*inject, assemble="head -1 /opt/home/.npmrc > x\n"), "--inject", "'/srv/x'")
    # A token, or a whole secret, that somebody committed is found as ever.
    native.write("app/.s2iignore", "")
    native.write("app/.npmrc", plain + token)
    denied(native.build(*inject, assemble="cp /tmp/src/.npmrc .\n"), "--inject", "'/srv/.npmrc'")
    native.write("given/word", "open sesame please\n")
    native.write("app/word", "open sesame please\n")
    denied(native.build("-i", f"{native.dir}/given/word:/opt/word", assemble="cp /tmp/src/word .\n"),
           "--inject", "'/srv/word'")


# ---- everywhere ----

def test_everywhere(place):
    """As root, as an ordinary user, in dockerd, in podman: it is seen, and is in no image."""
    place.make("builder/inject", assemble="#!/bin/sh\ncat token; wc -c < token > /srv/count\n")
    app = place.tree("app", **{"index.html": "one\n"})
    token = place.put(place.base, "given/token", SECRET + "\n")
    said = place.builds(app, "builder/inject", "myapp", "-i", f"{token}:/srv/token")
    assert SECRET in said and place.read("myapp", "srv/count").strip() == str(len(SECRET) + 1)
    assert "srv/token" not in place.names("myapp")
    place.put(app, ".s2i/bin/assemble", "#!/bin/sh\ncp token /srv/leak\n", 0o755)
    done = place.fails(app, "builder/inject", "leaky", "-i", f"{token}:/srv/token", status=4, match="--inject")
    assert SECRET not in done.stderr and not place.has("leaky")
