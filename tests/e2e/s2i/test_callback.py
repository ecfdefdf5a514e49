"""--callback-url: whoever asked is told how the build ended, and that changes nothing."""
import http.server
import json
import socket
import threading

import pytest

from onbuild import add_triggers


class Listener:
    """An HTTP server that keeps what it is told and answers as planned, then with 200."""

    def __init__(self, *plan):
        self.told, self.plan = [], list(plan)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.told.append((self.path, self.headers["Content-Type"], body))
                answer = outer.plan.pop(0) if outer.plan else 200
                if answer == "hang up":
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer)
                if answer == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/done?job=1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def listen():
    made = []

    def make(*plan):
        made.append(Listener(*plan))
        return made[-1]

    yield make
    for listener in made:
        listener.close()


def test_success(s2c, builder, app, listen):
    listener = listen()
    s2c.ok("build", app, "builder/test", "myapp", "--callback-url", listener.url, "--label", "a=ü")
    [(path, kind, body)] = listener.told
    assert (path, kind) == ("/done?job=1", "application/json")
    assert body.startswith(b'{"labels":{') and body.endswith(b',"success":true}\n')
    labels = json.loads(body)["labels"]
    assert labels == s2c.config("myapp")["config"]["Labels"] and labels["a"] == "ü"


@pytest.mark.parametrize("kind", ["assemble", "source", "image", "timeout"])
def test_failure(s2c, builder, app, listen, kind):
    listener = listen()
    builder.make("builder/fails", assemble="#!/bin/sh\nexit 7\n")
    builder.make("builder/slow", assemble="#!/bin/sh\nsleep 60\n")
    args, status = {"assemble": ([app, "builder/fails"], 3), "source": (["/nowhere", "builder/test"], 1),
                    "image": ([app, "nothing"], 1),
                    "timeout": ([app, "builder/slow", "--timeout", "assemble=1"], 124)}[kind]
    done = s2c.run("build", *args, "--callback-url", listener.url)
    assert done.returncode == status, done.stderr
    assert [body for _, _, body in listener.told] == [b'{"success":false}\n']


@pytest.mark.parametrize("plan", [(500, 503), ("hang up", "hang up"), (429,)])
def test_tried_again_with_the_whole_body(s2c, builder, app, listen, plan):
    listener = listen(*plan)
    done = s2c.run("build", app, "builder/test", "myapp", "--callback-url", listener.url)
    assert done.returncode == 0 and "was not told" not in done.stderr
    bodies = [body for _, _, body in listener.told]
    assert len(bodies) == len(plan) + 1 and len(set(bodies)) == 1 and len(bodies[0]) > 50


@pytest.mark.parametrize("plan,tries", [((500, 500, 500), 3), ((404,), 1), ((302,), 1), ((401,), 1)])
def test_in_vain(s2c, builder, app, listen, plan, tries):
    """A warning, and nothing else: neither another status nor a redirect that is followed."""
    listener = listen(*plan)
    done = s2c.run("build", app, "builder/test", "myapp", "--callback-url", listener.url)
    assert done.returncode == 0 and f"warning: callback 'http://127.0.0.1" in done.stderr
    assert f"status {plan[0]}" in done.stderr and "job=1" not in done.stderr
    assert len(listener.told) == tries
    assert s2c.config("myapp")


def test_nobody_listens(s2c, builder, app):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        done = s2c.run("build", app, "builder/test", "myapp", "--callback-url", url)
    assert done.returncode == 0 and "was not told" in done.stderr


@pytest.mark.parametrize("url", ["ftp://h/", "file:///etc/passwd", "x", "", "http://user:pass@h/", "https://"])
def test_no_url(s2c, builder, app, url):
    done = s2c.fails("build", app, "builder/test", "myapp", "--callback-url", url, status=2, match="--callback-url")
    assert "pass@" not in done.stderr
    assert not s2c.root.joinpath("work").exists() or not list(s2c.root.joinpath("work").iterdir())


def test_rebuild_calls_back(s2c, builder, app, listen):
    listener = listen()
    s2c.ok("build", app, "builder/test", "myapp")
    s2c.ok("rebuild", "myapp", "--allow-local-source", "--callback-url", listener.url)
    assert json.loads(listener.told[0][2])["success"] is True


def test_triggers_call_back(s2c, builder, app, listen):
    """S2I does not tell of builds by ONBUILD."""
    (app / "run").write_text("#!/bin/sh\n")
    (app / "run").chmod(0o755)
    builder.make("builder/base", assemble=None, run=None)
    for triggers, status in ((["COPY . /srv/"], 0), (["RUN exit 7"], 3)):
        listener = listen()
        add_triggers(s2c, "builder/base", "builder/onbuild", triggers)
        done = s2c.run("build", app, "builder/onbuild", "trig", "--callback-url", listener.url, "--label", "a=b")
        assert done.returncode == status, done.stderr
        [(_, _, body)] = listener.told
        assert json.loads(body)["success"] is (status == 0)
        assert (b'"a":"b"' in body) == (status == 0)


def test_everywhere(place, listen):
    """As root, as an ordinary user, in dockerd, in podman."""
    place.make("builder/called")
    app = place.tree("app", **{"index.html": "one\n"})
    listener = listen()
    place.build(app, "builder/called", "myapp", "--callback-url", listener.url, "--label", "a=b")
    [(_, _, body)] = listener.told
    told = json.loads(body)
    assert told["success"] is True and told["labels"]["a"] == "b"
    assert told["labels"].items() <= place.config("myapp")["Labels"].items()
    place.put(app, ".s2i/bin/assemble", "#!/bin/sh\nexit 7\n", 0o755)
    place.fails(app, "builder/called", "other", "--callback-url", listener.url, status=3, match="status 7")
    assert listener.told[1][2] == b'{"success":false}\n' and len(listener.told) == 2
