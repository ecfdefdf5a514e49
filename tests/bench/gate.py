#!/usr/bin/env python3
"""Many builds at once through one gate: 64 by 8 users, before one dockerd. Prints how many
succeeded, how long it took, and what memory the gate's processes had at the most.

usage: tests/bench/gate.py [BUILDS [USERS]]      as root, with build/s2c (release) and docker.io
"""
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

import measure

sys.path.insert(0, str(measure.TOP / "tests/e2e"))
import engines  # noqa: E402

FIRST_UID = 30001
IMAGE = "builder.example/bench"
ASSEMBLE = "#!/bin/sh\ncp -r /tmp/src/. /opt/app/\ni=0; while [ $i -lt 20000 ]; do i=$((i+1)); done\n"


def rootfs():
    """A builder image of busybox alone, as a tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        def add(name, kind=tarfile.DIRTYPE, mode=0o755, data=b"", link="", uid=0):
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.size, info.linkname, info.uid = kind, mode, len(data), link, uid
            tar.addfile(info, io.BytesIO(data))
        for name in ("bin", "etc", "usr", "usr/libexec", "usr/libexec/s2i", "opt"):
            add(name)
        add("tmp", mode=0o1777)
        add("opt/app", uid=1001)
        add("bin/busybox", tarfile.REGTYPE, data=pathlib.Path("/bin/busybox").read_bytes())
        for name in ("sh", "cp", "tar", "rm", "mkdir", "cat", "id", "ls", "grep", "sed", "head", "kill", "mv", "dd"):
            add(f"bin/{name}", tarfile.SYMTYPE, link="busybox")
        add("etc/passwd", tarfile.REGTYPE, 0o644, b"root:x:0:0::/:/bin/sh\napp:x:1001:0::/opt/app:/bin/sh\n")
        add("usr/libexec/s2i/assemble", tarfile.REGTYPE, data=ASSEMBLE.encode())
        add("usr/libexec/s2i/run", tarfile.REGTYPE, data=b"#!/bin/sh\nls /opt/app\n")
    return out.getvalue()


def load_builder(engine, scratch):
    image = scratch / "rootfs.tar"
    image.write_bytes(rootfs())
    subprocess.run(["docker", "-H", engine.url, "import", "--change", "USER 1001", "--change", "WORKDIR /opt/app",
                    "--change", "LABEL io.openshift.s2i.scripts-url=image:///usr/libexec/s2i", image, IMAGE],
                   check=True, stdout=subprocess.DEVNULL)


def start_gate(engine, scratch, users):
    subjects = "".join(f"- {{uid: {FIRST_UID + i}, builders: [bench]}}\n" for i in range(users))
    policy = scratch / "policy.yaml"
    policy.write_text(f"""version: 1
upstream: {{socket: {engine.socket}, owner_uid: 0}}
audit: {{path: {scratch}/audit/audit.jsonl}}
limits: {{connections: 512, connections_per_user: 64, containers: 32}}
defaults: {{cmd: any, entrypoint: clear, containers: 8}}
builders:
- {{name: bench, ref: {IMAGE}}}
subjects:
{subjects}""")
    (scratch / "audit").mkdir(mode=0o700)
    gate = subprocess.Popen([measure.S2C, "gate", "--policy", policy, "--listen", f"unix://{scratch}/gate.sock",
                             "--state", scratch / "state"], stderr=subprocess.PIPE, text=True)
    line = gate.stderr.readline()
    assert "is open" in line, line + gate.stderr.read()
    threading.Thread(target=gate.stderr.read, daemon=True).start()
    return gate


def family(pid):
    found = [pid]
    for child in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            for one in child.read_text().split():
                found += family(int(one))
        except OSError:
            pass
    return found


def memory(pid):
    """MiB of the process and all below it, shared pages counted once."""
    total = 0
    for one in family(pid):
        try:
            for line in open(f"/proc/{one}/smaps_rollup"):
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total / 1024


def one_build(scratch, app, number, users, results):
    uid = FIRST_UID + number % users
    root = scratch / f"store-{number}"
    root.mkdir()
    os.chown(root, uid, uid)
    done = subprocess.run(
        ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", measure.S2C, "--root", root / "s", "build", app,
         IMAGE, f"team-{uid}/app-{number}", "--engine", f"gate://{scratch}/gate.sock", "--network", "none", "-q"],
        capture_output=True, text=True, env={"PATH": os.environ["PATH"], "HOME": str(root)}, stdin=subprocess.DEVNULL)
    results[number] = done.returncode == 0 or done.stderr


def main():
    builds, users = ([int(a) for a in sys.argv[1:]] + [64, 8][len(sys.argv) - 1:])[:2]
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="s2c-gate-", dir="/dev/shm"))
    scratch.chmod(0o755)
    engine = engines.Engine("docker", "/dev/shm").start()
    gate = None
    try:
        load_builder(engine, scratch)
        app = scratch / "app"
        app.mkdir()
        for i in range(50):
            (app / f"file{i}").write_text(f"{i}\n" * 200)
        gate = start_gate(engine, scratch, users)
        results, peak = {}, 0.0
        threads = [threading.Thread(target=one_build, args=(scratch, app, i, users, results)) for i in range(builds)]
        started = time.perf_counter()
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            peak = max(peak, memory(gate.pid))
            time.sleep(0.1)
        seconds = time.perf_counter() - started
        good = sum(1 for r in results.values() if r is True)
        for r in [r for r in results.values() if r is not True][:3]:
            print(r, file=sys.stderr)
        names = subprocess.run(["docker", "-H", engine.url, "images", "--format", "{{.Repository}}"], check=True,
                               capture_output=True, text=True).stdout.split()
        left = subprocess.run(["docker", "-H", engine.url, "ps", "-aq"], check=True, capture_output=True, text=True).stdout.split()
        print(f"{builds} builds by {users} users: {good} succeeded, {len([n for n in names if n.startswith('team-')])} images, "
              f"{len(left)} containers left, {seconds:.1f} s; the gate had {peak:.0f} MiB at the most")
        sys.exit(0 if good == builds else 1)
    finally:
        if gate:
            gate.terminate()
            gate.wait()
        engine.stop()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
