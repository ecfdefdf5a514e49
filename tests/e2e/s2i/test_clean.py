"""The clean strategy, everywhere: scripts, users, labels, environment, what is left out."""
import http.server
import threading

import pytest

from support import RUN, link

SAY = "#!/bin/sh\nset -e\ncp -R /tmp/src/. /srv/\necho {} > /srv/by\nid -u > /srv/uid\n"


@pytest.fixture
def app(place):
    place.make("builder/test")
    return place.tree("app", index="hello\n")


# ---- scripts ----

def test_scripts_of_the_image(place, app):
    place.build(app, "builder/test", "myapp")
    assert place.config("myapp")["Cmd"] == ["/usr/libexec/s2i/run"]
    assert not [n for n in place.names("myapp") if n.startswith("tmp/")]
    assert place.read("myapp", "srv/uid") == "1001\n"


def test_scripts_of_the_source(place, app):
    place.put(app, ".s2i/bin/assemble", SAY.format("source"), 0o755)
    place.build(app, "builder/test", "myapp")
    assert place.read("myapp", "srv/by") == "source\n"
    assert place.config("myapp")["Cmd"] == ["/usr/libexec/s2i/run"], "one may be the image's"


def test_scripts_of_a_file_url(place, app):
    scripts = place.tree("scripts", assemble=SAY.format("file"), run=RUN)
    place.put(app, ".s2i/bin/assemble", SAY.format("source"), 0o755)
    place.build(app, "builder/test", "myapp", "-s", f"file://{scripts}")
    assert place.read("myapp", "srv/by") == "file\n", "the option comes first"
    assert place.config("myapp")["Cmd"] == ["/tmp/scripts/run"]
    assert place.run("myapp").startswith("run says:")


def test_scripts_of_an_http_url(place, app):
    class Scripts(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            text = {"/x/assemble": SAY.format("http"), "/x/run": RUN}.get(self.path, "").encode()
            self.send_response(200 if text else 404)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripts) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place.build(app, "builder/test", "myapp", "-s", f"http://127.0.0.1:{server.server_port}/x")
        server.shutdown()
    assert place.read("myapp", "srv/by") == "http\n"


def test_scripts_of_another_place_in_the_image(place, app):
    place.make("builder/else", "LABEL io.openshift.s2i.scripts-url=image:///opt/none",
               "LABEL io.openshift.s2i.destination=/opt/in", files=[link("opt/s2i", "/usr/libexec/s2i")],
               assemble=SAY.replace("/tmp/src", "/opt/in/src").format("opt"))
    place.build(app, "builder/else", "myapp", "-s", "image:///opt/s2i")
    assert place.read("myapp", "srv/by") == "opt\n"
    assert place.config("myapp")["Cmd"] == ["/opt/s2i/run"]
    place.fails(app, "builder/else", "other", status=1, match="no executable file '/opt/none/assemble'")


# ---- users ----

@pytest.mark.parametrize("spec, uid", [("2000", "2000"), ("other", "2000"), ("1500:0", "1500"), ("app", "1001")])
def test_users(place, spec, uid):
    app = place.tree("app", index="hello\n")
    place.make("builder/user", assemble="#!/bin/sh\nmkdir /tmp/out; id -u > /tmp/out/uid\n")
    place.build(app, "builder/user", "myapp", "--assemble-user", spec)
    assert place.read("myapp", "tmp/out/uid").strip() == uid
    assert place.config("myapp")["User"] == "1001", "that of the image stays"


@pytest.mark.parametrize("label, option, ranges, good", [
    (None, None, None, True),
    (None, None, "1001", True),
    (None, None, "2000-", False),
    ("0", None, None, False),
    ("sneaky", None, None, False),
    ("2000", None, "2000", True),
    ("2000", "1001", "2000", False),
    (None, "other", "1-1001", False),
    (None, "0", None, False),
    (None, "431:0", "431", True),
])
def test_allowed_uids(place, label, option, ranges, good):
    app = place.tree("app", index="hello\n")
    labels = [f"LABEL io.openshift.s2i.assemble-user={label}"] if label else []
    place.make("builder/uids", *labels, assemble="#!/bin/sh\nexit 0\n")
    args = [app, "builder/uids", "myapp"]
    args += ["--assemble-user", option] if option else []
    args += ["-u", ranges] if ranges else []
    if good:
        place.build(*args)
    else:
        place.fails(*args, status=4, match="allow|uid 0|root")
        assert not place.has("myapp")


# ---- images of all kinds ----

def test_without_tar(place):
    app = place.tree("app", index="hello\n")
    place.strip("bin/tar")
    place.make("builder/bare",
               assemble="#!/bin/sh\ncat /tmp/src/index > /srv/copy\n")
    place.build(app, "builder/bare", "myapp")
    assert place.read("myapp", "srv/copy") == "hello\n"


def test_entrypoint(place):
    app = place.tree("app", index="hello\n")
    place.make("builder/entry", 'ENTRYPOINT ["/bin/echo", "swallowed"]')
    place.build(app, "builder/entry", "myapp")
    assert place.read("myapp", "srv/uid") == "1001\n"


def test_failing(place):
    app = place.tree("app", index="hello\n")
    place.make("builder/seven", assemble="#!/bin/sh\necho said; exit 7\n")
    assert "said" in place.fails(app, "builder/seven", "myapp", status=3, match="status 7").stderr
    assert not place.has("myapp")


# ---- what the image remembers ----

def test_labels(place, app):
    place.put(app, ".s2i/bin/assemble",
              "#!/bin/sh\nmkdir -p /tmp/.s2i\n"
              'echo \'{"labels":[{"mine":"script"},{"script":"yes"}]}\' > /tmp/.s2i/image_metadata.json\n', 0o755)
    place.build(app, "builder/test", "myapp", "--label", "mine=option", "--label", "option=yes",
                "-n", "shown", "--description", "what it is")
    labels = place.config("myapp")["Labels"]
    assert labels["mine"] == "script" and labels["script"] == "yes" and labels["option"] == "yes"
    assert labels["io.k8s.display-name"] == "shown" and labels["io.k8s.description"] == "what it is"
    assert labels["io.openshift.s2i.build.source-location"] == str(app)
    assert labels["io.openshift.s2i.build.image"].endswith("builder/test:latest")


def test_environment(place, app, tmp_path):
    file = place.put(app.parent, "more.env", "# a comment\nFILE=file\nALL=file\n")
    place.put(app, ".s2i/environment", "SOURCE=source\nALL=source\nFLAG=source\n")
    place.put(app, ".s2i/bin/assemble", "#!/bin/sh\necho $SOURCE $FLAG $FILE $ALL $ONLY > /srv/env\n", 0o755)
    place.build(app, "builder/test", "myapp", "-e", "FLAG=flag", "-e", "ALL=flag", "-E", file,
                "--build-env", "ONLY=build")
    assert place.read("myapp", "srv/env") == "source flag file file build\n"
    env = place.config("myapp")["Env"]
    assert {"SOURCE=source", "FLAG=flag", "FILE=file", "ALL=file"} <= set(env)
    assert not [e for e in env if e.startswith("ONLY=")]


# ---- what is left out ----

def test_ignored(place, app):
    for name in ("a.log", "keep.log", "node_modules/x", "deep/a.log", ".git/config", "secret.txt"):
        place.put(app, name, "x\n")
    outside = place.put(app.parent, "victim", "untouched\n")
    place.put(app, ".s2iignore", "# logs\n*.log\n!keep.log\nnode_modules/\n../victim\n")
    place.build(app, "builder/test", "myapp", "--exclude", r"(^|/)\.git(/|$)|^secret")
    names = place.names("myapp")
    assert "srv/keep.log" in names and "srv/deep/a.log" in names and "srv/index" in names
    for name in ("a.log", "node_modules", ".git", "secret.txt"):
        assert f"srv/{name}" not in names
    assert outside.read_text() == "untouched\n"


def test_hostile_links(place, app):
    (app / "out").symlink_to("/etc/hostname")
    (app / "dangling").symlink_to("nowhere")
    place.build(app, "builder/test", "myapp")
    with place.layer("myapp") as tar:
        for name, target in (("srv/out", "/etc/hostname"), ("srv/dangling", "nowhere")):
            member = tar.getmember(name)
            assert member.issym() and member.linkname == target
