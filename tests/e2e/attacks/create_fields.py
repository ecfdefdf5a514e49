"""Fields of a creation that are as good as root, or that take from others: in each spelling
that an engine knows for them."""
from attacks import INSPECT_IMAGE, Row, body, host
from gates import CAROL

LOOKED_AT = (INSPECT_IMAGE,)
S2I = "registry.test/builder/s2i"

# By name and value; the gate must not even ask the engine about the image.
HOST = [
    ("Privileged", True), ("Privileged", 1), ("Binds", ["/:/host"]), ("Binds", ["/run/docker.sock:/s:ro"]),
    ("Binds", ["volume:/x"]), ("Binds", [""]), ("Mounts", [{"Type": "bind", "Source": "/", "Target": "/host"}]),
    ("Mounts", [{"type": "bind", "source": "/", "target": "/host"}]),
    ("Mounts", [{"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {
        "Name": "local", "Options": {"type": "none", "o": "bind", "device": "/"}}}}]),
    ("Mounts", [{"Type": "tmpfs", "Target": "/x"}]), ("Mounts", [{"Type": "image", "Source": "x", "Target": "/x"}]),
    ("Mounts", [{"Type": "npipe", "Source": "x", "Target": "/x"}]), ("Mounts", [{}]),
    ("VolumesFrom", ["{other}"]), ("VolumeDriver", "local"), ("Tmpfs", {"/x": "exec,suid"}), ("Tmpfs", {"/x": ""}),
    ("StorageOpt", {"size": "100G"}), ("CapAdd", ["SYS_ADMIN"]), ("CapAdd", ["ALL"]), ("CapAdd", ["cap_sys_admin"]),
    ("Capabilities", ["CAP_SYS_ADMIN"]),
    ("Devices", [{"PathOnHost": "/dev/sda", "PathInContainer": "/dev/sda", "CgroupPermissions": "rwm"}]),
    ("DeviceRequests", [{"Driver": "nvidia", "Count": -1}]), ("DeviceCgroupRules", ["a *:* rwm"]),
    ("GroupAdd", ["0"]), ("GroupAdd", ["docker"]), ("Runtime", "runc"), ("Runtime", "/bin/sh"),
    ("Isolation", "hyperv"), ("Annotations", {"run.oci.handler": "krun"}), ("Sysctls", {"kernel.core_pattern": "|/x"}),
    ("MaskedPaths", []), ("MaskedPaths", ["/proc/kcore"]), ("ReadonlyPaths", []), ("ReadonlyPaths", ["/x"]),
    ("PidMode", "host"), ("PidMode", "container:{other}"), ("PidMode", "ns:/proc/1/ns/pid"), ("IpcMode", "host"),
    ("IpcMode", "container:{other}"), ("IpcMode", "Host"), ("UTSMode", "host"), ("UsernsMode", "host"),
    ("UsernsMode", "keep-id"), ("CgroupnsMode", "host"), ("CgroupnsMode", "ns:/proc/1/ns/cgroup"), ("Cgroup", "host"),
    ("CgroupParent", "/"), ("CgroupParent", "../../system.slice"), ("PortBindings", {"80/tcp": [{"HostPort": "80"}]}),
    ("PublishAllPorts", True), ("Links", ["{other}:db"]), ("Dns", ["8.8.8.8"]), ("DnsSearch", ["corp"]),
    ("DnsOptions", ["ndots:9"]), ("ExtraHosts", ["registry.test:10.0.0.1"]),
    ("SecurityOpt", ["seccomp=unconfined"]), ("SecurityOpt", ["seccomp:unconfined"]),
    ("SecurityOpt", ['seccomp={"defaultAction": "SCMP_ACT_ALLOW"}']), ("SecurityOpt", ["apparmor=unconfined"]),
    ("SecurityOpt", ["label=disable"]), ("SecurityOpt", ["label:disable"]), ("SecurityOpt", ["no-new-privileges=false"]),
    ("SecurityOpt", ["no-new-privileges", "no-new-privileges:false"]), ("SecurityOpt", ["systempaths=unconfined"]),
    ("SecurityOpt", ["writable-cgroups=true"]), ("SecurityOpt", ["NO-NEW-PRIVILEGES"]), ("SecurityOpt", [""]),
    ("SecurityOpt", ["unmask=all"]), ("BlkioWeight", 10), ("BlkioDeviceReadBps", [{"Path": "/etc/shadow", "Rate": 1}]),
    ("BlkioWeightDevice", [{"Path": "/dev/sda", "Weight": 1}]), ("CpuShares", 1024), ("CpuPeriod", 1000),
    ("CpuQuota", -1), ("CpuRealtimeRuntime", 1000), ("CpusetCpus", "0"), ("CpusetMems", "0"), ("KernelMemory", 1),
    ("MemoryReservation", 1), ("OomKillDisable", True), ("OomScoreAdj", -1000),
    ("Ulimits", [{"Name": "nproc", "Soft": -1, "Hard": -1}]), ("IOMaximumBandwidth", 1), ("CpuCount", 1),
]
CONFIG = [
    ("Volumes", {"/x": {}}), ("ExposedPorts", {"80/tcp": {}}), ("Tty", True),
    ("Healthcheck", {"Test": ["CMD-SHELL", "id"]}), ("OnBuild", ["RUN id"]), ("Shell", ["/bin/sh"]),
    ("NetworkDisabled", True), ("MacAddress", "02:42:ac:11:00:02"), ("StopTimeout", 1), ("ArgsEscaped", True),
    ("NetworkingConfig", {"EndpointsConfig": {"x": {"NetworkID": "y"}}}),
    ("NetworkingConfig", {"EndpointsConfig": {"x": {"Links": ["{other}"]}}}),
    ("NetworkingConfig", {"EndpointsConfig": {"x": {"IPAMConfig": {"IPv4Address": "10.0.0.1"}}}}),
    ("Platform", {"os": "windows"}),
]
FUTURE = [
    (None, "Rootfs", "/"), (None, "Secrets", [{"Source": "x"}]), ("HostConfig", "Landlock", {"off": True}),
    ("HostConfig", "Rootless", True), ("HostConfig", "Mount", ["/:/host"]), ("HostConfig", "Init2", 1),
    (None, "NetworkMode", "host"), (None, "Volumes2", {"/x": 1}),
]
USERS = ["0", "root", "00", "+0", "-1", "0:0", "app", "sneaky", "1002x", " 1001", "1001 ", "01001", "0x3e9", "1e3",
         "1001.0", "1001:", ":1001", "1001:root", "1001:0:0", "1001:00", "1001:27", "1000", "4294967295", "4294967296",
         "18446744073709552617", "1001:4294967295", "\u0661\u0660\u0660\u0661"]
NETWORKS = ["host", "Host", "bridge", "container:{other}", "container:{id}", "ns:/proc/1/ns/net", "slirp4netns",
            "pasta", "private", "none ", "x" * 300]
WORKDIRS = ["/proc/self/fd/7", "/proc/self/fd/7/../..", "/sys", "/dev/shm", "srv", "/srv/..", "/srv/../proc", "//proc",
            "/./proc", "/srv/.", "/proc/"]
ENVS = [(["A"], "field_value"), (["=x"], "field_value"), (["A B=c"], "field_value"), (["1A=b"], "field_value"),
        ([""], "field_value"), (["A\nB=c"], "field_value"), (["\u00e4=c"], "field_value"), (["A$=x"], "field_value"),
        (["N" * 300 + "=x"], "field_value"), ([f"A{i}=x" for i in range(65)], "quota_env"),
        (["A=" + "x" * 9000, "B=" + "x" * 9000], "quota_env")]
# What a subject with "cmd: s2i" may not run, by Cmd and Entrypoint.
ASSEMBLE = "/usr/libexec/s2i/assemble"
COMMANDS = [
    (["/bin/sh", "-c", "id"], None), (["/bin/sh"], None), ([], None), (["id"], None), ([ASSEMBLE, "x"], None),
    (["/bin/sh", "-c", ASSEMBLE + "; id"], None), (["/bin/sh", "-c", ASSEMBLE + "\nid"], None),
    (["/bin/sh", "-c", "tar -C /tmp -xf - && " + ASSEMBLE + " && id"], None),
    (["/bin/sh", "-c", "tar -C /tmp -xf - && id"], None), (["/bin/sh", "-c", "tar -C $(id) -xf - && " + ASSEMBLE], None),
    (["/bin/sh", "-c", "tar -C /tmp -xf - --to-command=id && " + ASSEMBLE], None),
    (["/bin/bash", "-c", ASSEMBLE], None), (["/bin/sh", "-c", ASSEMBLE, "x"], None),
    (["/bin/sh", "-ic", ASSEMBLE], None), (["/usr/libexec/../../tmp/assemble"], None), (["assemble"], None),
    (["/tmp/x/assemble2"], None), (["/bin/sh", "-c", " " + ASSEMBLE], None),
    ([ASSEMBLE], ["/bin/sh", "-c", "id"]), ([ASSEMBLE], ["/bin/busybox"]), ([], ["/bin/sh"]),
    (["/bin/sh", "-c", ASSEMBLE], ["/usr/bin/env", "-S"]),
]

ROWS = [Row(f"HostConfig.{k}: {v!r}", "field_denied", body=host(**{k: v})) for k, v in HOST]
ROWS += [Row(f"{k}: {v!r}", "field_denied", body=body(**{k: v})) for k, v in CONFIG]
ROWS += [Row(f"the unknown {where or 'field'} {k}: {v!r}", "field_unknown",
             body=host(**{k: v}) if where else body(**{k: v})) for where, k, v in FUTURE]
ROWS += [Row(f"User: {u!r}", "user_denied", body=body(User=u), upstream=LOOKED_AT) for u in USERS]
ROWS += [Row(f"User: {u!r} of an image of root's", "user_denied", body=body(User=u, Image="registry.test/builder/rooted"),
             upstream=LOOKED_AT) for u in ("0", "root")]
ROWS += [Row(f"NetworkMode: {n[:40]!r}", "network_denied", body=host(NetworkMode=n), state="created",
             upstream=LOOKED_AT) for n in NETWORKS]
ROWS += [Row(f"WorkingDir: {w!r}", "workdir_denied", body=body(WorkingDir=w), upstream=LOOKED_AT) for w in WORKDIRS]
ROWS += [Row(f"Env: {str(e)[:40]}", code, body=body(Env=e), upstream=LOOKED_AT) for e, code in ENVS]
ROWS += [Row(f"Cmd: {c!r}, Entrypoint: {e!r}", "command_denied", uid=CAROL, upstream=LOOKED_AT, body={
    "Image": S2I, "User": "1001", "Cmd": c, **({} if e is None else {"Entrypoint": e})}) for c, e in COMMANDS]
ROWS += [Row(f"Labels: {label!r}", "label_reserved", body=body(Labels={label: "x"}), upstream=LOOKED_AT)
         for label in ("dev.s2c.gate.owner", "dev.s2c.gate.", "dev.s2c.gate.mac")]
ROWS += [
    Row("1 byte of memory", "quota_memory", body=host(Memory=1), upstream=LOOKED_AT),
    Row("less than no memory", "field_value", body=host(Memory=-1)),
    Row("less than no processor", "field_value", body=host(NanoCpus=-1)),
    Row("no image", "field_value", body={"Cmd": ["/bin/true"]}),
]
for target in ("/v1.41/containers/create?name=../x", "/v1.41/containers/create?name=a%2Fb",
               "/v1.41/containers/create?name=a%20b", "/v1.41/containers/create?name=" + "x" * 200):
    ROWS.append(Row(f"name {target[30:50]}", "field_value", target=target, body=body()))
