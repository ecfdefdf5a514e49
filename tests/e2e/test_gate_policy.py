"""Looking at a gate's policy and audit log: s2c gate check, explain, diff, audit verify."""
import hashlib
import json
import os
import pwd
import re

import pytest

from support import TOP
from test_cli import call

ME = pwd.getpwuid(os.geteuid())
DIGEST = "sha256:" + "a" * 64
POLICY = f"""\
version: 1
audit: {{path: /var/log/s2c/audit.jsonl}}
upstream: {{socket: /run/docker.sock}}
defaults:
  uids: [1001]
  networks: [none, egress]
  memory: 1Gi
  cpus: 1.5
builders:
- {{name: python, ref: registry.example/builder/python, digest: "{DIGEST}"}}
- {{name: ubi, ref: "registry.example/ubi9/*"}}
aliases: {{builder/python: python}}
push:
- {{name: team, to: "registry.example/team/**", tags: ["v*"]}}
subjects:
- {{user: {ME.pw_name}, builders: [python, ubi], push: [team]}}
"""
# What the docker client sends has every field that it knows, nearly all of them empty.
CREATE = {"Hostname": "", "User": "1001", "AttachStdin": False, "AttachStdout": True, "Tty": False, "OpenStdin": True,
          "StdinOnce": True, "Env": ["A=secret"], "Cmd": ["/usr/libexec/s2i/assemble"], "Image": "builder/python",
          "Volumes": {}, "WorkingDir": "", "Labels": {},
          "HostConfig": {"Binds": None, "Privileged": False, "NetworkMode": "default", "Memory": 9 << 30,
                         "NanoCpus": 500000000}}


@pytest.fixture
def policy(tmp_path):
    tmp_path.chmod(0o700)

    def write(text=POLICY, name="policy.yaml"):
        path = tmp_path / name
        path.write_text(text)
        path.chmod(0o600)
        return path
    return write


def test_check(policy):
    path = policy()
    done = call("gate", "check", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{path}: 1 subjects, 2 builders, 1 aliases, 1 push rules\n"


def test_check_warns(policy, tmp_path):
    (tmp_path / "auth.json").write_text("{}")
    (tmp_path / "auth.json").chmod(0o644)
    path = policy(POLICY.replace("tags:", f"auth: {tmp_path}/auth.json, tags:")
                  .replace("builders: [python, ubi]", "builders: [python]"))
    path.chmod(0o664)
    done = call("gate", "check", path)
    assert done.returncode == 0
    for part in ("would refuse it: policy", "chmod go-w", "builder 'ubi' is of no subject", "can be read by others (mode 0644)"):
        assert part in done.stdout


@pytest.mark.parametrize("old,new,message", [
    ("version: 1", "version: 2", "version: it must be 1"),
    ("memory: 1Gi", "memory: 1073741824", "defaults: memory: it must be a size with its unit"),
    ("networks: [none, egress]", "networks: [host]", "'host' can be no network of a build"),
    ("uids: [1001]", "uids: [0-]", "user 0 (root) never builds through the gate"),
    ("builders: [python, ubi]", "builder: [python]", "subjects[0]: key 'builder' is not known here"),
    (ME.pw_name, "s2c-nobody-x", "'s2c-nobody-x' is not known on this host"),
    ("uids: [1001]", "uids: *ids", "line 5"),
])
def test_check_refuses(policy, old, new, message):
    done = call("gate", "check", policy(POLICY.replace(old, new)))
    assert done.returncode in (1, 2) and done.stdout == ""
    assert message in done.stderr and len(done.stderr.strip().split("\n")) == 1


def test_explain(policy):
    path = policy()
    done = call("gate", "explain", path, "--as", ME.pw_name)
    assert done.returncode == 0
    assert f"subject: subjects[0] (user {ME.pw_name})\n" in done.stdout
    assert f"may build with registry.example/builder/python (python) only as {DIGEST}\n" in done.stdout
    assert "  cpus            1.500  (defaults)\n" in done.stdout
    assert call("gate", "explain", path, "--as", str(ME.pw_uid)).stdout == done.stdout


def test_explain_answers(policy):
    path = policy()
    done = call("gate", "explain", path, "--as", ME.pw_name, "--builder", "builder/python:3")
    assert done.returncode == 0
    assert f"  image     registry.example/builder/python:3@{DIGEST}\n" in done.stdout
    done = call("gate", "explain", path, "--as", ME.pw_name, "--push", "registry.example/team/app:dev")
    assert done.returncode == 4
    assert "push: denied by subjects[0]/push.team: output_not_allowed:" in done.stdout
    done = call("gate", "explain", path, "--as", "4294967000")
    assert done.returncode == 4 and "subject_unknown" in done.stdout
    assert call("gate", "explain", path, "--socket", "/run/x.sock").returncode == 4
    assert call("gate", "explain", path).returncode == 2
    assert call("gate", "explain", path, "--as", "a", "--socket", "/b").returncode == 2


def explain_request(policy, tmp_path, request):
    file = tmp_path / "create.json"
    file.write_text(request if isinstance(request, str) else json.dumps(request))
    return call("gate", "explain", policy(), "--as", ME.pw_name, "--request", file)


def test_explain_request(policy, tmp_path):
    done = explain_request(policy, tmp_path, CREATE)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (f"  image     registry.example/builder/python:latest@{DIGEST}", "  user      1001:0",
                 "  network   none", "  memory    1073741824", "  cpus      0.500", "  pids      512",
                 "cmd: allowed by defaults.cmd"):
        assert line + "\n" in done.stdout
    assert "secret" not in done.stdout


@pytest.mark.parametrize("change,code", [
    ({"User": "0"}, "user: denied by defaults.uids: user_denied"),
    ({"User": "app"}, "user: denied: user_denied"),
    ({"Image": "other/python"}, "image_not_allowed"),
    ({"HostConfig": {"NetworkMode": "host"}}, "network_denied"),
    ({"HostConfig": {"Privileged": True}}, "request: denied: field_denied: HostConfig.Privileged"),
    ({"Cmd": ["id"]}, "command_denied"),
    ({"hostconfig": {}}, "request: denied: key_case"),
])
def test_explain_request_denied(policy, tmp_path, change, code):
    done = explain_request(policy, tmp_path, CREATE | change)
    assert done.returncode == 4 and code in done.stdout, done.stdout + done.stderr


def test_explain_request_garbage(policy, tmp_path):
    done = explain_request(policy, tmp_path, '{"Image":')
    assert done.returncode == 4 and "request: denied: json_syntax" in done.stdout


def test_diff(policy):
    old = policy()
    new = policy(POLICY.replace("builders: [python, ubi]", "builders: [python]").replace("memory: 1Gi", "memory: 2Gi"), "new")
    done = call("gate", "diff", old, new)
    assert done.returncode == 0
    assert done.stdout == (f"user {ME.pw_name} loses builder registry.example/ubi9/*\n"
                           f"user {ME.pw_name}: memory from 1073741824 to 2147483648 (more)\n")
    same = policy(POLICY.replace(f"user: {ME.pw_name}", f"uid: {ME.pw_uid}").replace("1Gi", "1024Mi"), "same")
    assert call("gate", "diff", old, same).stdout == "nobody gains or loses anything\n"


def log_lines(n):
    lines, prev = [], "0" * 64
    for seq in range(n):
        line = json.dumps({"seq": seq, "prev": prev, "ts": "2026-01-01T00:00:00.000Z", "event": "decision" if seq else "begin"})
        prev = hashlib.sha256(line.encode()).hexdigest()
        lines.append(line)
    return lines, prev


def test_audit_verify(tmp_path):
    """The format is what it is said to be: this log was written without s2c."""
    log = tmp_path / "audit.jsonl"
    lines, last = log_lines(5)
    log.write_text("\n".join(lines) + "\n")
    done = call("gate", "audit", "verify", log)
    assert done.returncode == 0 and f"sound: 5 lines, 0 to 4" in done.stdout and f"last line is sha256:{last}\n" in done.stdout
    log.write_text("\n".join([*lines[:2], lines[2].replace("01-01", "01-02"), *lines[3:]]) + "\n")
    done = call("gate", "audit", "verify", log)
    assert done.returncode == 1 and done.stdout == "" and "line 4: 'prev' is not the hash" in done.stderr
    assert call("gate", "audit", "check", log).returncode == 2
    assert call("gate", "audit", "verify", tmp_path / "none").returncode == 1


@pytest.mark.parametrize("words", [("check",), ("explain",), ("diff",), ("audit",)])
def test_help(words):
    done = call("gate", *words, "--help")
    assert done.returncode == 0 and done.stdout.startswith(f"Usage: s2c gate {words[0]} ")
    assert call("help", "gate", *words).stdout == done.stdout
    assert call("gate", *words).returncode == 2
    page = call("help", "--man", "gate").stdout
    assert f".SH COMMAND {words[0].upper()}\n" in page


def test_unknown_word():
    assert call("gate", "frob").returncode == 2
    assert call("help", "gate", "frob").returncode == 2
    assert call("help", "build", "frob").returncode == 2


def test_documented_values(policy):
    """The reference has every value, and the default that holds."""
    text = (TOP / "docs/gate.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", text, re.M))
    bare = policy(f"version: 1\naudit: {{path: /a}}\nsubjects: [{{uid: {ME.pw_uid}}}]\n")
    shown = dict(re.findall(r"^  (\w+) +(\S+)  \(defaults\)$", call("gate", "explain", bare, "--as", ME.pw_name).stdout, re.M))
    assert len(shown) > 10 and set(shown) <= set(rows)
    written = policy(f"version: 1\naudit: {{path: /a}}\nsubjects: [{{uid: {ME.pw_uid}}}]\ndefaults:\n"
                     + "".join(f"  {key}: {rows[key]}\n" for key in shown), "written")
    assert call("gate", "diff", bare, written).stdout == "nobody gains or loses anything\n"


def test_documented_codes():
    text = (TOP / "docs/gate.md").read_text()
    table = text.split("## Denials")[1].split("\n## ")[0]
    codes = dict(re.findall(r'= \{"(\w+)", (\d+)\}', (TOP / "src/gate/code.c").read_text()))
    documented = {name: status for names, status in re.findall(r"^\| (`[^|]+`) \| (\d+) \|", table, re.M)
                  for name in re.findall(r"`(\w+)`", names)}
    assert documented == {name: status for name, status in codes.items() if name != "ok"}


def test_documented_metrics():
    text = (TOP / "docs/gate.md").read_text()
    names = set(re.findall(r'\{"(s2c_gate_\w+)"', (TOP / "src/gate/metrics.c").read_text()))
    assert len(names) > 10 and names == set(re.findall(r"`(s2c_gate_\w+)`", text.split("## Metrics")[1]))


def test_the_example_is_sound(policy):
    text = (TOP / "docs/gate.md").read_text().split("```yaml\n")[1].split("```")[0]
    example = text.replace("sha256:…", DIGEST).replace("alice", ME.pw_name).replace("group: team-a", "gid: 54321")
    done = call("gate", "check", policy(example))
    assert done.returncode == 0 and "3 subjects, 2 builders, 1 aliases, 2 push rules" in done.stdout, done.stderr
