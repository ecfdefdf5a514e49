# SPDX-License-Identifier: Apache-2.0
"""Who is asked for an image: mirrors and their order, rewriting, blocked places, aliases.
And with which trust: certs.d, client certificates, insecure registries."""
import shutil
import subprocess
import tempfile

import pytest

from fixtures_registry import ALL, INDEX, PASSWORD, USER, Image, QuietS2C, describe
from registry.state import digest_of
from support import clean_env


def mirror_of(registry, *mirrors, **kwargs):
    """registries.conf with mirrors of a registry's host."""
    text = f'[[registry]]\nlocation = "{registry.host}"\n'
    for key, value in kwargs.items():
        text += f"{key.replace('_', '-')} = {value}\n"
    for mirror in mirrors:
        where = mirror if isinstance(mirror, str) else mirror.host
        text += f'[[registry.mirror]]\nlocation = "{where}"\n'
    return text


@pytest.fixture
def pair(make_registry):
    """(mirror, registry)"""
    return make_registry(), make_registry()


# ---- mirrors ----


def test_mirror_first(remote, pair, image, conf):
    mirror, registry = pair
    digest = image.put(mirror, "a/b", "1")
    env = conf(mirror_of(registry, mirror))
    ref = f"{registry.host}/a/b:1"
    assert remote.ok("pull", ref, env=env) == digest
    assert not registry.log
    # It has the name that was asked for.
    assert remote.inspect(ref)["RepoTags"] == [ref]


def test_mirror_with_a_path(remote, pair, image, conf):
    mirror, registry = pair
    image.put(mirror, "cache/of/b", "1")
    env = conf(f'[[registry]]\nprefix = "{registry.host}/a"\nlocation = "{registry.host}/a"\n'
               f'[[registry.mirror]]\nlocation = "{mirror.host}/cache/of"\n')
    remote.ok("pull", f"{registry.host}/a/b:1", env=env)
    assert not registry.log
    assert all(e.path.startswith("/v2/cache/of/b/") for e in mirror.log)


def test_order_of_mirrors(remote, make_registry, image, conf):
    first, second, third, registry = (make_registry() for _ in range(4))
    image.put(third, "a/b", "1")
    image.put(registry, "a/b", "1")
    env = conf(mirror_of(registry, second, third))
    done = remote.run("pull", "--registry-mirror", f"{registry.host}={first.host}",
                      f"{registry.host}/a/b:1", env=env)
    assert done.returncode == 0
    assert [len(r.requests("HEAD")) for r in (first, second, third, registry)] == [1, 1, 1, 0]
    assert f"trying '{third.host}/a/b'" in done.stderr
    assert len(third.requests("GET", "/blobs/")) == 3


def test_flag_alone(remote, pair, image, conf):
    mirror, registry = pair
    image.put(mirror, "hub/a/b", "1")
    remote.ok("pull", f"--registry-mirror={registry.host}/a={mirror.host}/hub/a",
              f"{registry.host}/a/b:1", env=conf(""))
    assert not registry.log
    remote.fails("pull", "--registry-mirror", registry.host, f"{registry.host}/a/b:1",
                 status=2, match="REGISTRY=MIRROR was expected")


FAILURES = {
    "nothing there": None,
    "500": {"action": "status", "status": 500},
    "503": {"action": "status", "status": 503},
    "401": {"action": "status", "status": 401},
    "403": {"action": "status", "status": 403},
    "reset": {"action": "reset"},
    "garbage": {"action": "garbage", "raw": b"SSH-2.0-OpenSSH\r\n"},
    "redirect to nowhere": {"action": "redirect", "to": "http://127.0.0.1:1/x"},
}


@pytest.mark.parametrize("failure", FAILURES)
def test_fallback(remote, pair, image, conf, failure):
    mirror, registry = pair
    digest = image.put(registry, "a/b", "1")
    if FAILURES[failure]:
        image.put(mirror, "a/b", "1")
        mirror.fault(".*", ".*", times=ALL, **FAILURES[failure])
    done = remote.run("pull", f"{registry.host}/a/b:1", env=conf(mirror_of(registry, mirror)))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == digest
    assert f"trying '{registry.host}/a/b'" in done.stderr
    # The place that has the manifest is asked for all the rest.
    assert not mirror.requests("GET", "/blobs/")


def test_fallback_from_nobody(remote, registry, image, conf):
    image.put(registry, "a/b", "1")
    done = remote.run("pull", f"{registry.host}/a/b:1",
                      env=conf(mirror_of(registry, "127.0.0.1:1/x")))
    assert done.returncode == 0
    assert "cannot reach '127.0.0.1' port 1" in done.stderr


def test_never_after_a_wrong_digest(remote, pair, image, conf):
    mirror, registry = pair
    digest = image.put(registry, "a/b", "1")
    image.put(mirror, "a/b", "1")
    mirror.fault("GET", "/blobs/", "swap")
    env = conf(mirror_of(registry, mirror))
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="digest", env=env)
    mirror.fault("GET", "/manifests/", "swap")
    remote.fails("pull", f"{registry.host}/a/b@{digest}", status=1, match="sent other bytes",
                 env=env)
    assert not registry.log


def test_blob_that_the_mirror_lost(remote, pair, image, conf):
    mirror, registry = pair
    image.put(registry, "a/b", "1")
    image.put(mirror, "a/b", "1")
    lost = digest_of(image.layers[1])
    mirror.fault("GET", f"/blobs/{lost}", "status", times=ALL, status=404)
    remote.ok("pull", f"{registry.host}/a/b:1", env=conf(mirror_of(registry, mirror)))
    assert [e.path for e in registry.log] == [f"/v2/a/b/blobs/{lost}"]


def test_blob_cut_at_the_mirror(remote, pair, image, conf):
    mirror, registry = pair
    image.put(registry, "a/b", "1")
    image.put(mirror, "a/b", "1")
    mirror.fault("GET", f"/blobs/{digest_of(image.layers[0])}", "cut", times=ALL, after=100)
    remote.ok("pull", f"{registry.host}/a/b:1", env=conf(mirror_of(registry, mirror)))
    assert len(registry.requests("GET", "/blobs/")) == 1


def test_index_through_a_mirror(remote, pair, image, conf):
    """The index is there, its manifest only at home."""
    mirror, registry = pair
    digest = image.put(registry, "a/b")
    entry = describe(registry, "a/b", digest, os="linux", architecture="amd64")
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}
    image.put(mirror, "a/b")
    mirror.state.put_manifest("a/b", "1", INDEX, document)
    mirror.fault("GET", f"/manifests/{digest}", "status", times=ALL, status=404)
    assert remote.ok("pull", f"{registry.host}/a/b:1",
                     env=conf(mirror_of(registry, mirror))) == digest
    assert not mirror.requests("GET", "/blobs/")


def test_all_fail(remote, pair, conf):
    mirror, registry = pair
    registry.fault(".*", ".*", "status", times=ALL, status=403)
    done = remote.fails("pull", f"{registry.host}/a/b:1", status=4,
                        match=f"no place has it; '{mirror.host}/a/b': .*not in.*; "
                              f"'{registry.host}/a/b': .*denies access",
                        env=conf(mirror_of(registry, mirror)))
    assert done.stderr.count("s2c: ") == 1


def test_by_digest_only(remote, pair, image, conf):
    mirror, registry = pair
    digest = image.put(registry, "a/b", "1")
    image.put(mirror, "a/b", "1")
    env = conf(mirror_of(registry, mirror, mirror_by_digest_only="true"))
    remote.ok("pull", f"{registry.host}/a/b:1", env=env)
    assert not mirror.log
    remote.ok("rmi", f"{registry.host}/a/b:1")
    remote.ok("prune", "--all")
    registry.log.clear()
    remote.ok("pull", f"{registry.host}/a/b@{digest}", env=env)
    assert mirror.log and not registry.log


# ---- credentials ----


def test_credentials_are_those_of_the_place(remote, make_registry, image, conf, authfile):
    """The registry's never go to its mirror, nor the other way."""
    login = {"auth": "basic", "users": {USER: PASSWORD}}
    mirror, registry = make_registry(**login), make_registry(**login)
    image.put(mirror, "a/b", "1")
    image.put(registry, "a/b", "1")
    env = conf(mirror_of(registry, mirror))
    ref = f"{registry.host}/a/b:1"
    done = remote.run("pull", "--authfile", authfile(registry.host), ref, env=env)
    assert done.returncode == 0
    assert f"'{mirror.host}/a/b': " in done.stderr and "none were found" in done.stderr
    assert not any(e.authorized for e in mirror.log)
    remote.ok("rmi", ref)
    remote.ok("prune", "--all")
    registry.log.clear()
    remote.ok("pull", "--authfile", authfile(mirror.host), ref, env=env)
    assert not registry.log


# ---- rewriting and blocking ----


def test_rewritten(remote, registry, image, conf):
    image.put(registry, "internal/b", "1")
    env = conf(f'[[registry]]\nprefix = "r.invalid/a"\nlocation = "{registry.host}/internal"\n')
    remote.ok("pull", "r.invalid/a/b:1", env=env)
    assert remote.inspect("r.invalid/a/b:1")["RepoTags"] == ["r.invalid/a/b:1"]


def test_pushes_go_to_the_name_itself(remote, pair, image, conf, make_registry):
    mirror, registry = pair
    elsewhere = make_registry()
    image.put(registry, "a/b", "1")
    ref = f"{registry.host}/a/b:1"
    remote.ok("pull", ref, env=conf(""))
    registry.log.clear()
    env = conf(mirror_of(registry, mirror, prefix=f'"{registry.host}/a"')
               .replace(f'location = "{registry.host}"', f'location = "{elsewhere.host}"', 1))
    remote.ok("push", ref, f"{registry.host}/a/c:1", env=env)
    image.there(registry, "a/c", "1")
    assert not mirror.log and not elsewhere.log


@pytest.mark.parametrize("command", ["pull", "push", "login"])
def test_blocked(remote, registry, image, conf, command):
    image.put(registry, "a/b", "1")
    ref = f"{registry.host}/a/b:1"
    remote.ok("pull", ref, env=conf(""))
    registry.log.clear()
    env = conf(f'[[registry]]\nlocation = "{registry.host}"\nblocked = true\n')
    args = {"pull": [ref], "push": [ref],
            "login": [registry.host, "-u", USER, "--password-stdin"]}[command]
    remote.fails(command, *args, status=4, env=env, input=PASSWORD,
                 match="is blocked by '.*registries.conf'")
    assert not registry.log


def test_blocked_below(remote, registry, image, conf):
    image.put(registry, "a/b", "1")
    image.put(registry, "a/bc", "1")
    env = conf(f'[[registry]]\nprefix = "{registry.host}/a/b"\nblocked = true\n')
    remote.fails("pull", f"{registry.host}/a/b:1", status=4, match="blocked", env=env)
    remote.ok("pull", f"{registry.host}/a/bc:1", env=env)


# ---- short names ----


def test_alias(remote, registry, image, conf):
    digest = image.put(registry, "deep/python", "3")
    env = conf(f'unqualified-search-registries = ["{registry.host}"]\n'
               f'[aliases]\npython = "{registry.host}/deep/python"\n')
    assert remote.ok("pull", "python:3", env=env) == digest
    assert remote.inspect(f"{registry.host}/deep/python:3")
    registry.log.clear()
    # Nothing but the alias: no stranger is asked for what looks like it.
    remote.fails("pull", "deep/python:3", status=2, match="no registry and has no alias",
                 env=env)
    done = remote.fails("--log-level", "debug", "pull", "ruby", status=2, match="has no alias",
                        env=env)
    assert "'unqualified-search-registries' is ignored" in done.stderr
    assert not registry.log
    remote.fails("push", f"{registry.host}/deep/python:3", "python:3", status=2,
                 match="names no registry", env=env)


def test_build_with_an_alias(s2c, builder, app, registry, conf):
    env = conf(f'[aliases]\n"team/builder" = "{registry.host}/x/builder"\n')
    s2c.ok("push", "builder/test", f"{registry.host}/x/builder:1")
    s2c.ok("build", app, "team/builder:1", "app1", env=env)
    # The store goes first: under the full name, too.
    registry.log.clear()
    s2c.ok("build", app, "team/builder:1", "app2", env=env)
    s2c.ok("tag", "builder/test", "team/builder:2")
    s2c.ok("build", app, "team/builder:2", "app3", env=env)
    assert not registry.log
    s2c.ok("build", "-p", "always", app, "team/builder:1", "app4", env=env)
    assert registry.log
    s2c.fails("build", "-p", "never", app, "team/builder:9", "app5", status=1,
              match="not in the store", env=env)
    s2c.fails("build", app, "team/other", "app5", status=1, match="has no alias", env=env)
    plan = s2c.ok("build", "--dry-run", app, "team/builder:1", "app6", env=env)
    assert "team/builder" in plan or f"{registry.host}/x/builder" in plan


def test_build_through_a_mirror(s2c, builder, app, pair, conf):
    mirror, registry = pair
    env = conf(mirror_of(registry, mirror))
    s2c.ok("push", "builder/test", f"{mirror.host}/x/builder:1")
    s2c.ok("build", app, f"{registry.host}/x/builder:1", f"{registry.host}/x/app:1", "--push",
           env=env)
    assert all(e.method != "GET" for e in registry.log)
    assert "app" in " ".join(registry.state.tags)
    s2c.ok("build", "-p", "always", f"--registry-mirror=r.invalid={mirror.host}", app,
           "r.invalid/x/builder:1", "app2", env=conf(""))


# ---- files ----


@pytest.mark.parametrize("text, status, match", [
    ("\n\nx", 1, "registries.conf': line 3: '=' was expected"),
    ('[registries.search]\nregistries = ["r.example"]\n', 1, "old format 1.*write .*registry"),
    ('[[registry]]\nlocation = "https://r.example"\n', 2, "must not have a scheme"),
    ('[[registry]]\nprefix = "r.example"\nblocked = "yes"\n', 1, "must be a boolean"),
    ('[aliases]\n"a:b" = "r.example/a"\n', 2, "alias 'a:b'"),
])
def test_bad_file(remote, registry, conf, text, status, match):
    remote.fails("pull", f"{registry.host}/a/b:1", status=status, match=match, env=conf(text))
    assert not registry.log


def test_missing_file(remote, registry):
    remote.fails("pull", "--registries-conf", "/nonexistent", f"{registry.host}/a/b:1",
                 status=1, match="registry configuration: cannot open '/nonexistent'")


def test_unknown_keys_are_told(remote, registry, image, conf):
    image.put(registry, "a/b", "1")
    done = remote.run("pull", f"{registry.host}/a/b:1", env=conf(
        f'[[registry]]\nlocation = "{registry.host}"\nblocket = true\n'))
    assert done.returncode == 0
    assert "key 'blocket' is unknown and ignored" in done.stderr


def test_drop_ins(remote, pair, image, tmp_path):
    mirror, registry = pair
    image.put(mirror, "a/b", "1")
    directory = tmp_path / "config" / "containers"
    (directory / "registries.conf.d").mkdir(parents=True)
    (directory / "registries.conf").write_text(mirror_of(registry, "m.invalid"))
    (directory / "registries.conf.d" / "50-mirror.conf").write_text(mirror_of(registry, mirror))
    remote.ok("pull", f"{registry.host}/a/b:1",
              env={"XDG_CONFIG_HOME": str(tmp_path / "config")})
    assert not registry.log


# ---- trust ----


def test_insecure_by_configuration(remote, make_registry, image, conf, certificate):
    registry = make_registry(tls=certificate)
    image.put(registry, "a/b", "1")
    ref = f"{registry.host}/a/b:1"
    remote.fails("pull", ref, status=4, match="not trusted", env=conf(""))
    env = conf(f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n')
    remote.ok("pull", ref, env=env)
    remote.ok("push", ref, f"{registry.host}/a/c:1", env=env)


def test_insecure_is_for_the_registry_only(remote, make_registry, image, conf, certificate):
    """Not for where it sends us: its blobs are on another name with a bad certificate."""
    registry, other = make_registry(tls=certificate), make_registry(tls=certificate)
    image.put(registry, "a/b", "1")
    image.put(other, "a/b", "1")
    to = f"https://localhost:{other.port}" + "{path}"
    registry.fault("GET", "/blobs/", "redirect", times=ALL, to=to)
    env = conf(f'[[registry]]\nlocation = "{registry.host}"\ninsecure = true\n')
    remote.fails("pull", f"{registry.host}/a/b:1", status=4,
                 match="certificate of 'localhost' is not trusted", env=env)
    assert not other.log
    remote.ok("pull", "--tls-verify=false", f"{registry.host}/a/b:1", env=env)


def test_certs_d(remote, registry, image, docker_registry, server_pair, authority, certs,
                 authfile, conf):
    host = docker_registry(users=True, tls=server_pair)
    digest = image.put(registry, "a/b", "1")
    source = f"{registry.host}/a/b:1"
    remote.ok("pull", source)
    flags = ["--authfile", authfile(host)]
    remote.fails("push", *flags, source, f"{host}/a/b:1", status=4, match="is not trusted")
    env = certs(host, ca_crt=authority.cert)
    assert remote.ok("push", *flags, source, f"{host}/a/b:1", env=env) == f"{host}/a/b@{digest}"
    assert remote.ok("pull", *flags, f"{host}/a/b:1", env=env) == digest
    # It is trusted for this registry, not for its name on another port.
    other = host.replace("127.0.0.1", "localhost")
    remote.fails("pull", *flags, f"{other}/a/b:1", status=4, match="is not trusted", env=env)
    remote.fails("pull", *flags, "--cert-dir", "/nonexistent", f"{host}/a/b:1", status=1,
                 match="certificates for .*cannot open '/nonexistent'", env=env)


def test_cert_dir(remote, make_registry, image, server_pair, authority, tmp_path):
    registry = make_registry(tls=server_pair)
    digest = image.put(registry, "a/b", "1")
    directory = tmp_path / "certs"
    directory.mkdir()
    shutil.copy(authority.cert, directory / "authority.crt")
    ref = f"{registry.host}/a/b:1"
    assert remote.ok("pull", "--cert-dir", directory, ref) == digest
    (directory / "half.cert").write_text("x")
    remote.fails("pull", "--cert-dir", directory, ref, status=1,
                 match="'half.cert' is there without 'half.key'")
    (directory / "half.cert").unlink()
    (directory / "binary.crt").write_bytes(b"\x30\x82\x01")
    remote.fails("pull", "--cert-dir", directory, ref, status=2,
                 match="'binary.crt' holds nothing in PEM")


@pytest.fixture
def guarded_nginx(nginx, registry, server_pair, authority):
    """nginx that wants a client certificate of our CA, before a scripted registry."""
    return nginx(registry.url, server=f"""
        ssl_certificate {server_pair[0]}; ssl_certificate_key {server_pair[1]};
        ssl_client_certificate {authority.cert}; ssl_verify_client on;""")


def test_client_certificate(remote, registry, image, guarded_nginx, certs, authority,
                            client_pair):
    host = guarded_nginx
    digest = image.put(registry, "a/b", "1")
    env = certs(host, ca_crt=authority.cert)
    remote.fails("pull", f"{host}/a/b:1", status=1, match="400", env=env)
    assert not registry.log
    certs(host, me_cert=client_pair[0])
    remote.fails("pull", f"{host}/a/b:1", status=1, match="'me.cert' is there without 'me.key'",
                 env=env)
    certs(host, me_key=client_pair[1])
    assert remote.ok("pull", f"{host}/a/b:1", env=env) == digest
    remote.ok("push", f"{host}/a/b:1", f"{host}/a/c:1", env=env)
    image.there(registry, "a/c", "1")
    remote.ok("login", host, "-u", USER, "--password-stdin", input=PASSWORD, env={
        **env, "REGISTRY_AUTH_FILE": str(remote.root.parent / "auth.json")})


def test_client_certificate_that_is_none(remote, guarded_nginx, certs, authority, client_pair,
                                         server_pair):
    """The key of another pair: the file at fault is ours, so no mirror is tried for it."""
    env = certs(guarded_nginx, ca_crt=authority.cert, me_cert=client_pair[0],
                me_key=server_pair[1])
    remote.fails("pull", f"{guarded_nginx}/a/b:1", status=2,
                 match="client certificate for '127.0.0.1' cannot be used", env=env)


def test_client_certificate_stays_at_home(remote, make_registry, image, nginx, certs, authority,
                                          client_pair, server_pair):
    """Another host that would like to see it does not get it."""
    registry, other = make_registry(tls=server_pair), make_registry()
    image.put(registry, "a/b", "1")
    image.put(other, "a/b", "1")
    curious = nginx(other.url, server=f"""
        ssl_certificate {server_pair[0]}; ssl_certificate_key {server_pair[1]};
        ssl_client_certificate {authority.cert}; ssl_verify_client optional;
        if ($ssl_client_verify = SUCCESS) {{ return 418; }}""")
    to = "https://" + curious.replace("127.0.0.1", "localhost") + "{path}"
    registry.fault("GET", "/blobs/", "redirect", times=ALL, to=to)
    env = certs(registry.host, ca_crt=authority.cert, me_cert=client_pair[0],
                me_key=client_pair[1])
    remote.ok("pull", f"{registry.host}/a/b:1", env=env)
    assert other.requests("GET", "/blobs/")
    # To the same host it is shown.
    registry.faults.clear()
    registry.fault("GET", "/blobs/", "redirect", times=ALL,
                   to=f"https://{curious}" + "{path}")
    remote.ok("rmi", f"{registry.host}/a/b:1")
    remote.ok("prune", "--all")
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="418", env=env)


# ---- other people's programs ----


def test_nginx_as_caching_mirror(remote, registry, image, nginx, conf, tmp_path):
    host = nginx(registry.url, location="""
        proxy_cache blobs; proxy_cache_valid 200 10m; proxy_cache_key $request_method$uri;
        proxy_cache_convert_head off;""")
    image.put(registry, "a/b", "1")
    env = conf(mirror_of(registry, host))
    remote.ok("pull", f"{registry.host}/a/b:1", env=env)
    assert len(registry.requests("GET", "/blobs/")) == 3
    registry.log.clear()
    again = QuietS2C(tmp_path / "again")
    again.ok("pull", f"{registry.host}/a/b:1", env=env)
    assert not registry.log, "all of it came out of the cache"
    again.assert_clean()


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed")
def test_podman_reads_it_the_same_way(registry, remote, image, conf, tmp_path, make_registry):
    """One file: both programs end up at the same places."""
    mirror, fallback = make_registry(), make_registry()
    image.put(fallback, "internal/b", "1")
    env = conf(f'[[registry]]\nprefix = "r.invalid/a"\nlocation = "{fallback.host}/internal"\n'
               f'insecure = true\n[[registry.mirror]]\nlocation = "{mirror.host}/cache"\n'
               f'insecure = true\n[[registry]]\nprefix = "*.bad.invalid"\nblocked = true\n'
               '[aliases]\nshort = "r.invalid/a/b"\n')
    run_root = tempfile.mkdtemp(prefix="s2c-p")  # podman wants a short one
    podman = ["podman", "--root", f"{tmp_path}/p", "--runroot", run_root,
              "--storage-driver", "vfs", "pull", "-q"]
    asked = []
    for name in ("r.invalid/a/b:1", "short:1"):
        for run in (lambda n: subprocess.run([*podman, n], env=clean_env(HOME="/root", **env),
                                             capture_output=True, text=True, check=False),
                    lambda n: remote.run("pull", n, env=env)):
            for server in (mirror, fallback):
                server.log.clear()
            done = run(name)
            assert done.returncode == 0, done.stderr
            asked.append([{e.path.rsplit("/", 2)[0] for e in r.log if "/manifests/" in e.path}
                          for r in (mirror, fallback)])
        remote.ok("rmi", "r.invalid/a/b:1")
        remote.ok("prune", "--all")
    assert all(a == [{"/v2/cache/b"}, {"/v2/internal/b"}] for a in asked), asked
    blocked = subprocess.run([*podman, "x.bad.invalid/b"], capture_output=True, text=True,
                             env=clean_env(HOME="/root", **env), check=False)
    assert blocked.returncode != 0 and "blocked" in blocked.stderr
    remote.fails("pull", "x.bad.invalid/b", status=4, match="blocked", env=env)
    shutil.rmtree(run_root, ignore_errors=True)


@pytest.mark.parametrize("auth", [None, "basic", "bearer"])
def test_image_of_many_layers_from_two_places(remote, make_registry, conf, authfile, auth):
    """Every second layer is lost at the mirror, and all of them are asked for at once."""
    mirror, registry = make_registry(), make_registry(auth=auth, users={USER: PASSWORD})
    image = Image(layers=6, size=5000)
    image.put(registry, "a/b", "1")
    image.put(mirror, "a/b", "1")
    lost = [digest_of(layer) for layer in image.layers[::2]]
    for digest in lost:
        mirror.fault("GET", f"/blobs/{digest}", "status", times=ALL, status=404)
    remote.ok("pull", "--authfile", authfile(registry.host), f"{registry.host}/a/b:1",
              env=conf(mirror_of(registry, mirror)))
    got = [e.path.rsplit("/", 1)[1] for e in registry.requests("GET", "/blobs/")
           if e.status == 200]
    assert sorted(got) == sorted(lost)
    assert not any(e.authorized for e in mirror.log)


def test_large_blob_from_two_places(remote, pair, conf):
    """The mirror breaks after the first of three pieces."""
    mirror, registry = pair
    image = Image(layers=1, size=40 << 20)
    image.put(registry, "a/b", "1")
    image.put(mirror, "a/b", "1")
    layer = digest_of(image.layers[0])
    mirror.fault("GET", f"/blobs/{layer}", "status", times=ALL, skip=1, status=503)
    remote.ok("pull", f"{registry.host}/a/b:1", env=conf(mirror_of(registry, mirror)))
    first, *rest = mirror.requests("GET", f"/blobs/{layer}")
    assert first.status == 206 and rest and all(e.status == 503 for e in rest)
    assert {e.status for e in registry.requests("GET", f"/blobs/{layer}")} == {206}
