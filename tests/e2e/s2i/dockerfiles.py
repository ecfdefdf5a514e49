"""Dockerfiles that s2c writes, and what engines make of them."""
import hashlib
import io
import os
import pathlib
import re
import subprocess
import tarfile

# What engines make in every container, and times that a removal leaves behind.
MADE_BY_ENGINES = re.compile(r"\.dockerenv$|(dev|proc|sys|run)(/|$)|etc/(hosts|hostname|resolv\.conf|mtab)$|etc$")


def context_of(directory):
    """The directory as the tar that POST /build takes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(directory, ".")
    return out.getvalue()


def build(engine, directory, tag, **query):
    """Builds the directory's Dockerfile; returns what the engine says."""
    query = {"t": tag, "networkmode": "none", "rm": "1", "forcerm": "1", **query}
    text = "&".join(f"{k}={v}" for k, v in query.items())
    answer = engine.ask("POST", f"/v1.41/build?{text}", context_of(directory),
                        {"Content-Type": "application/x-tar"})
    said = answer.data.decode(errors="replace")
    assert answer.status == 200 and '"error"' not in said, f"{said}\n{(directory / 'Dockerfile').read_text()}"
    return said


def podman(engine, *args):
    """podman's own command on the data of its service."""
    script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec podman --root "$0/data" --runroot "$0/run" ' \
             '--tmpdir "$0/tmp" --storage-driver overlay "$@"'
    env = {"PATH": os.environ["PATH"], "HOME": str(engine.dir), "TMPDIR": str(engine.dir),
           "CONTAINERS_CONF": f"{engine.dir}/containers.conf",
           "CONTAINERS_REGISTRIES_CONF": f"{engine.dir}/registries.conf"}
    return subprocess.run(["unshare", "-m", "sh", "-c", script, str(engine.dir), *args], env=env,
                          capture_output=True, text=True, timeout=120)


def tree(engine, image):
    """All files of an image: {path: (kind, mode, uid, gid, content or target)}."""
    made = engine.json("POST", "/containers/create", {"Image": image, "Cmd": ["x"]})["Id"]
    try:
        data = engine.ask("GET", f"/v1.41/containers/{made}/export").data
    finally:
        engine.json("DELETE", f"/containers/{made}?force=1&v=1")
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        for m in tar:
            name = m.name.lstrip("./").rstrip("/")
            if not name or MADE_BY_ENGINES.match(name):
                continue
            what = hashlib.sha256(tar.extractfile(m).read()).hexdigest() if m.isreg() else m.linkname
            found[name] = (m.type, oct(m.mode & 0o7777), m.uid, m.gid, what)
    return found


def written(s2c, app, out, *args, builder="builder/test"):
    path = s2c.ok("build", app, builder, "--as-dockerfile", f"{out}/", *args)
    assert path == f"{out}/Dockerfile"
    return pathlib.Path(path).read_text()


ASK = """#!/bin/sh
set -e
cat /etc/token > /dev/null
cat /run/secrets/key /opt/dir/a /opt/dir/sub/b | wc -c > /srv/count
echo $ONLY > /srv/only
mkdir -p /tmp/cache && echo x >> /tmp/cache/x && wc -l < /tmp/cache/x > /srv/lines
"""


def counting(app):
    """Scripts that count builds, by an artifact."""
    bin_dir = app / ".s2i/bin"
    bin_dir.mkdir(parents=True)
    (bin_dir / "assemble").write_text(
        "#!/bin/sh\nn=$(cat /tmp/artifacts/n 2>/dev/null || echo 0)\necho $((n + 1)) > /srv/n\n")
    (bin_dir / "save-artifacts").write_text("#!/bin/sh\ncd /srv && tar -cf - n\n")


def secrets_of(app, tmp_path):
    (app / ".s2i/bin").mkdir(parents=True)
    (app / ".s2i/bin/assemble").write_text(ASK)
    files = tmp_path / "given"
    (files / "sub").mkdir(parents=True)
    for name in ("a", "sub/b"):
        (files / name).write_text(f"very secret {name}\n")
    (tmp_path / "token").write_text("very secret token\n")
    (tmp_path / "key").write_text("very secret key\n")
    return ["--inject", f"{tmp_path}/token:/etc/token", "--inject", f"{files}:/opt/dir",
            "--secret", f"id=key,src={tmp_path}/key", "--cache-mount", "mine:/tmp/cache", "--build-env", "ONLY=here"]
