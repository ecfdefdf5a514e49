"""The shipped Node.js builder image, made of Debian packages, with applications of real packages."""
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile

import pytest

from builders import shipped
from support import TOP
from test_python import fetch

APPS = TOP / "builders/node/test"
SCRIPTS = sorted(str(p.relative_to(TOP)) for b in ("base", "node", "python") for p in (TOP / "builders" / b).glob("s2i/*")
                 if p.suffix != ".js")
MARK = "opt/app-root/src/node_modules/.s2c-installed"


@pytest.fixture(scope="module")
def node(session_dir):
    """builder/node in a store of this module."""
    s2c = shipped(session_dir, "node")
    yield s2c
    s2c.assert_clean()
    shutil.rmtree(s2c.root, ignore_errors=True)


@pytest.fixture(scope="module")
def registry():
    """What a build needs to reach the npm registry: (options, environment)."""
    mirror = os.environ.get("npm_config_registry") or os.environ.get("NPM_CONFIG_REGISTRY")
    where = (mirror or "https://registry.npmjs.org").rstrip("/")
    probe = subprocess.run(["curl", "-sS", "-m", "20", "-o", "/dev/null", f"{where}/ms"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("the npm registry cannot be reached: " + probe.stderr.decode().strip())
    proxies = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    return ["--ca-bundle", "host", *(["-e", f"NPM_MIRROR={mirror}"] if mirror else [])], proxies


def build(node, registry, app, name, *args):
    """What the build said."""
    options, env = registry
    done = node.run("build", app, "builder/node", name, *options, *args, env=env, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def hello(node, registry):
    build(node, registry, APPS / "express", "hello")
    return "hello"


def offline(node, app, name, *args):
    done = node.run("build", app, "builder/node", name, "--network", "none", *args, timeout=300)
    return done


def write_app(path, package, files):
    path.mkdir(exist_ok=True)
    (path / "package.json").write_text(package if isinstance(package, str) else json.dumps(package))
    for name, text in files.items():
        (path / name).write_text(text)
    return path


def shell(node, image, script, *args):
    return node.ok("run", "--network", "none", *args, image, "--", "sh", "-c", script)


def test_scripts_are_sound():
    assert "builders/node/s2i/assemble" in SCRIPTS and "builders/python/s2i/run" in SCRIPTS
    checked = subprocess.run(["shellcheck", *SCRIPTS], cwd=TOP, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_image(node):
    config = node.config("builder/node")["config"]
    assert config["User"] == "1001" and config["ExposedPorts"] == {"8080/tcp": {}}
    labels = config["Labels"]
    assert labels["io.openshift.s2i.assemble-user"] == "1001" and labels["io.openshift.s2i.destination"] == "/tmp"
    assert labels["io.s2c.cache-mounts"] == "npm:/opt/app-root/.npm"
    said = node.ok("run", "--network", "none", "builder/node")
    assert "s2c build SOURCE builder/node NAME" in said
    # What is left out of the packages is nothing that npm would load.
    assert re.fullmatch(r"\d+\.\d+\.\d+", shell(node, "builder/node", "npm --version && exec npm help npm >/dev/null"))


@pytest.mark.skipif(not os.path.exists("/dev/net/tun"), reason="no /dev/net/tun")
def test_application_answers(node, hello):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = node.start("run", "-p", f"{port}:8080", hello)
    try:
        page = fetch(port, process)
        assert re.fullmatch(r"Hello from s2c!\nnode 18\.\d+\.\d+, uid 1001, path /x, 1\.2\.3 production\n", page)
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_signals_arrive(node, hello):
    """The script becomes node, which closes its server and ends well."""
    out = shell(node, hello, "/usr/libexec/s2i/run >/tmp/log & until grep -q listening /tmp/log; do sleep 0.1; done; "
                "kill -TERM $!; wait $!; echo status $?; cat /tmp/log")
    assert out.split("\n") == ["status 0", "listening", "closed"]


def test_nothing_of_the_host_in_the_image(node, hello, registry):
    text = node.ok("inspect", "--config", hello)
    assert "proxy" not in text.lower().replace("io.openshift", "") and "CAFILE" not in text
    names = node.names_in_layer(hello)
    assert MARK in names and "opt/app-root/src/node_modules/express/package.json" in names
    assert not [n for n in names if n.startswith("opt/app-root/.npm") or n.startswith("tmp")], "no cache, no source"


def test_arbitrary_uid(node, hello):
    """Platforms run images as any uid of group 0."""
    out = shell(node, hello, "id -u; find /opt/app-root ! -type l ! -perm -g=w; "
                "touch new node_modules/new .npmrc && echo writable; npm ls >/dev/null && echo listed", "-u", "54321:0")
    assert out.split("\n") == ["54321", "writable", "listed"]


def test_save_artifacts(node, hello):
    done = node.run("run", "--network", "none", hello, "--", "/usr/libexec/s2i/save-artifacts", input=b"")
    assert done.returncode == 0 and done.stderr == b""
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        names = tar.getnames()
    assert "node_modules/.s2c-installed" in names and all(n.split("/")[0] == "node_modules" for n in names)
    empty = node.run("run", "--network", "none", "builder/node", "--", "/usr/libexec/s2i/save-artifacts", input=b"")
    assert (empty.returncode, empty.stdout) == (0, b"")


def test_modules_are_used_again(node, registry, hello, tmp_path):
    """As long as nothing changed that says what is installed: then no registry is needed."""
    app = tmp_path / "app"
    shutil.copytree(APPS / "express", app)
    node.ok("tag", hello, "again")
    (app / "server.js").write_text("console.log('changed', require('express/package.json').version)\n")
    done = offline(node, app, "again", "--incremental")
    assert done.returncode == 0, done.stderr
    assert "node_modules is used as it is" in done.stderr and "npm ci" not in done.stderr
    assert re.fullmatch(r"changed 4\.\d+\.\d+", node.ok("run", "--network", "none", "again"))
    assert {n for n in node.names_in_layer("again") if "/node_modules/" in n} == \
        {n for n in node.names_in_layer(hello) if "/node_modules/" in n}
    package = json.loads((app / "package.json").read_text())
    package["version"] = "1.2.4"
    (app / "package.json").write_text(json.dumps(package))
    lock = json.loads((app / "package-lock.json").read_text())
    lock["version"] = lock["packages"][""]["version"] = "1.2.4"
    (app / "package-lock.json").write_text(json.dumps(lock))
    assert "npm ci, by package-lock.json" in build(node, registry, app, "again", "--incremental")
    done = offline(node, app, "again", "--incremental", "-e", "NODE_ENV=development")
    assert "npm ci" in done.stderr, "other modules are wanted then"


def test_cache(node, registry, hello):
    """npm's cache outlives the build, and is in no image whether there is one or not."""
    done = offline(node, APPS / "express", "cached")
    assert done.returncode == 0 and "npm ci" in done.stderr, done.stderr
    build(node, registry, APPS / "express", "uncached", "--no-cache-mounts")
    assert set(node.names_in_layer("cached")) == set(node.names_in_layer("uncached")) == set(node.names_in_layer(hello))


def test_build_step(node, registry):
    """The compiler is there for the build and not in the image, clean or incremental."""
    for how, word in (((), "npm ci"), (("--incremental",), "adding what only the build needs")):
        said = build(node, registry, APPS / "typescript", "ts", *how)
        assert word in said and "npm run build" in said
        names = node.names_in_layer("ts")
        assert "opt/app-root/src/dist/main.js" in names
        assert not [n for n in names if "node_modules/typescript" in n or "@types/" in n]
        with node.layer("ts") as tar:
            assert tar.extractfile("opt/app-root/src/package-lock.json").read() == \
                (APPS / "typescript/package-lock.json").read_bytes()
        assert shell(node, "ts", "PORT=9000 /usr/libexec/s2i/run & sleep 0.2; for i in $(seq 100); do node -e '"
                     "fetch(\"http://127.0.0.1:9000/\").then((r) => r.text()).then(console.log)' 2>/dev/null && break; "
                     "sleep 0.1; done; kill $!") == "a day is 86400000 ms"
    said = build(node, registry, APPS / "typescript", "ts-dev", "-e", "NODE_ENV=development")
    assert "opt/app-root/src/node_modules/typescript/package.json" in node.names_in_layer("ts-dev")


def test_without_a_lock_file(node, registry, tmp_path):
    said = build(node, registry, APPS / "nolock", "nolock")
    assert "NOTICE: there is no package-lock.json" in said
    names = node.names_in_layer("nolock")
    assert "opt/app-root/src/node_modules/ms/package.json" in names and MARK not in names
    assert "opt/app-root/src/package-lock.json" not in names
    said = build(node, registry, APPS / "nolock", "nolock", "--incremental")
    assert "restoring node_modules" in said and "NOTICE" in said


def test_lock_files_of_others(node, tmp_path):
    for name in ("yarn.lock", "pnpm-lock.yaml", "bun.lockb"):
        app = write_app(tmp_path / name, {"name": "x"}, {name: "", "server.js": ""})
        done = offline(node, app, "foreign")
        assert done.returncode == 3 and f"{name} is the lock file of a package manager" in done.stderr
        assert "npm install --package-lock-only" in done.stderr


LOCK = json.dumps({"name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": {"name": "x"}}})


def test_bad_packages(node, tmp_path):
    for text, word in (("{", "package.json: "), ("[]", "it is no JSON object"), ("null", "it is no JSON object")):
        done = offline(node, write_app(tmp_path / "bad", text, {}), "bad")
        assert done.returncode == 3 and word in done.stderr, done.stderr
    # Hostile names and values are data for the shell.
    app = write_app(tmp_path / "hostile", {"name": "'; touch /tmp/gone; '", "version": "$(touch /tmp/gone)",
                                           "main": "server.js; touch /tmp/gone", "scripts": {"start": 7}},
                    {"server.js": "console.log([process.env.npm_package_name, process.env.npm_package_version])"})
    done = offline(node, app, "hostile")
    assert done.returncode == 0, done.stderr
    out = shell(node, "hostile", "/usr/libexec/s2i/run; ls /tmp")
    assert "gone'" not in out.split("\n")[1:] and "touch /tmp/gone" in out and out.count("\n") <= 3
    assert "\ngone" not in out


def test_no_package(node, tmp_path):
    (tmp_path / "server.js").write_text("console.log('bare', process.env.NODE_ENV)")
    done = offline(node, tmp_path, "bare")
    assert done.returncode == 0 and "no package.json: nothing to install" in done.stderr
    assert node.ok("run", "--network", "none", "bare") == "bare production"
    assert shell(node, "bare", "rm server.js; /usr/libexec/s2i/run; echo $?") == "1"


def test_what_is_started(node, tmp_path):
    scripts = {"start": "node main.js plain", "other": "echo by npm $0; node main.js", "hooked": "node main.js hooked",
               "prehooked": "echo before", "dev": "node main.js dev"}
    app = write_app(tmp_path / "app", {"name": "x", "version": "1.0.0", "scripts": scripts},
                    {"package-lock.json": LOCK, "main.js": "console.log(process.argv[2], process.env.NODE_ENV)"})
    done = offline(node, app, "started")
    assert done.returncode == 0, done.stderr
    run = "/usr/libexec/s2i/run"
    assert shell(node, "started", f"exec {run}").startswith("plain production")
    assert "by npm" in shell(node, "started", f"NPM_RUN=other {run}")
    assert shell(node, "started", f"NPM_RUN=hooked {run}").split("\n")[0] == "before"
    assert "no script 'none', which NPM_RUN names" in shell(node, "started", f"NPM_RUN=none {run} 2>&1 || true")
    out = shell(node, "started", f"DEV_MODE=true {run} >/tmp/log 2>&1 & for i in $(seq 600); do "
                "grep -q dev /tmp/log && break; sleep 0.1; done; kill $!; cat /tmp/log")
    assert "dev development" in out


def test_install_scripts_run_each_time(node, tmp_path):
    """What installs more than node_modules is never left out."""
    app = write_app(tmp_path / "app", {"name": "x", "version": "1.0.0",
                                       "scripts": {"postinstall": "echo post >made", "start": "cat made"}},
                    {"package-lock.json": LOCK})
    for how in ((), ("--incremental",)):
        done = offline(node, app, "post", *how)
        assert done.returncode == 0 and "npm ci" in done.stderr, done.stderr
        assert node.ok("run", "--network", "none", "post") == "post"
        assert MARK not in node.names_in_layer("post")


def test_modules_in_the_source(node, tmp_path):
    """A lock file says what is installed; without one what is there is the beginning."""
    app = write_app(tmp_path / "app", {"name": "x", "version": "1.0.0"},
                    {"server.js": "", "package-lock.json": LOCK})
    (app / "node_modules/mine").mkdir(parents=True)
    (app / "node_modules/mine/index.js").write_text("")
    done = offline(node, app, "mine")
    assert done.returncode == 0 and "leaving out node_modules of the source" in done.stderr, done.stderr
    assert "opt/app-root/src/node_modules/mine/index.js" not in node.names_in_layer("mine")


def test_in_an_engine(node, engine, tmp_path):
    """The same scripts where a container engine builds."""
    node.ok("save", "builder/node", f"docker-archive:{tmp_path}/node.tar")
    engine.load(tmp_path / "node.tar")
    (tmp_path / "node.tar").unlink()
    app = write_app(tmp_path / "app", {"name": "x", "version": "1.0.0", "scripts": {"start": "node main.js"}},
                    {"package-lock.json": LOCK, "main.js": "console.log(process.getuid(), process.env.NODE_ENV)"})
    try:
        for how, word in (((), "npm ci"), (("--incremental",), "node_modules is used as it is")):
            done = offline(node, app, "localhost/engnode:1", "--engine", engine.url, *how)
            assert done.returncode == 0 and word in done.stderr, done.stderr
            assert engine.run("localhost/engnode:1") == "1001 production\n"
            assert not [n for n in engine.names_in_layer("localhost/engnode:1") if "/.npm/" in n or "tmp/src" in n]
    finally:
        for name in ("localhost/engnode:1", "builder/node", "localhost/builder/node"):
            engine.remove(name)
