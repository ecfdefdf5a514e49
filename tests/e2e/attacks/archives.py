"""Archives into containers, which an engine unpacks as root, and files out of them."""
import io
import tarfile

from attacks import Row
from gates import archive

PUT = r"PUT /containers/[0-9a-f]{64}/archive\?path=%2Ftmp&noOverwriteDirNonDir=true"
TYPES = {"a device of characters": tarfile.CHRTYPE, "a device of blocks": tarfile.BLKTYPE, "a fifo": tarfile.FIFOTYPE}


def entry(name, kind=tarfile.REGTYPE, link="", size=0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, size, 0o755
    info.devmajor, info.devminor = (8, 0) if kind in TYPES.values() else (0, 0)
    return info


def put(name, code, data, **kwargs):
    # What came before the bad entry is with the engine by then: it gets no end of it.
    return Row(name, code, method="PUT", body=data, state="fresh", upstream=(PUT,),
               target="/v1.41/containers/{id}/archive?path=/tmp", **kwargs)


def damaged(at, value, data=None):
    out = bytearray(data or archive(("a", b"hello")))
    out[at:at + len(value)] = value
    return bytes(out)


def links(*members):
    return archive(*[m if isinstance(m, (tarfile.TarInfo, tuple)) else entry(m) for m in members])


def unknown_type():
    info = entry("a")
    info.type = b"Z"
    return info.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 1024


def pax(**headers):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, pax_headers=headers) as tar:
        tar.addfile(entry("a"))
    return out.getvalue()


SYM, LNK, DIR = tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
ROWS = [put(name, "tar", links("a", entry("x", kind))) for name, kind in TYPES.items()]
ROWS += [
    put("a name with ..", "tar", links(entry("../etc/passwd"))),
    put("a name with .. in the middle", "tar", links(entry("a/../../etc/passwd"))),
    put("a name that ends with ..", "tar", links(entry("a/.."))),
    put("the name ..", "tar", links(entry("..", DIR))),
    put("a file below a symbolic link", "tar", links(entry("l", SYM, "/etc"), entry("l/passwd"))),
    put("a file deep below a symbolic link", "tar", links(entry("l", SYM, "/"), entry("l/etc/cron.d/x"))),
    put("a file below a link of a link", "tar", links(entry("a", SYM, "b"), entry("b", SYM, "/etc"), entry("a/x"))),
    put("a directory below a symbolic link", "tar", links(entry("l", SYM, "/etc"), entry("l/x", DIR))),
    put("a link below a symbolic link", "tar", links(entry("l", SYM, "/etc"), entry("l/x", SYM, "y"))),
    put("a file below ./ and a link", "tar", links(entry("l", SYM, "/etc"), entry("./l/passwd"))),
    put("a hard link out of it", "tar", links(entry("h", LNK, "/etc/passwd"))),
    put("a hard link with ..", "tar", links(entry("h", LNK, "../etc/passwd"))),
    put("a hard link to what is not there", "tar", links(entry("h", LNK, "etc/passwd"))),
    put("a hard link to a symbolic link", "tar", links(entry("l", SYM, "/etc/passwd"), entry("h", LNK, "l"))),
    put("a hard link through a symbolic link", "tar", links("a", entry("l", SYM, "/etc"), entry("h", LNK, "l/passwd"))),
    put("a hard link to itself", "tar", links(entry("h", LNK, "h"))),
    put("a hard link to a directory", "tar", links(entry("d", DIR), entry("h", LNK, "d"))),
    put("more bytes than are allowed", "tar", links(entry("a", size=9 << 20))),
    put("more entries than are allowed", "tar", links(*[f"f{i}" for i in range(1001)])),
    put("a size that is a lie", "tar", damaged(124, b"77777777777\0")),
    put("a size below zero", "tar", damaged(124, b"\xff" * 12)),
    put("a bad checksum", "tar", damaged(148, b"000000\0 ")),
    put("the end cut off", "tar", archive(("a", b"hello" * 400))[:1500]),
    put("no end", "tar", archive(("a", b"hello"))[:1024]),
    put("half a header", "tar", archive(("a", b"hello"))[:100]),
    put("nothing", "tar", b""),
    put("another archive behind the end", "tar", archive(("a", b"x")) + archive(("b", b"y"))),
    put("garbage behind the end", "tar", archive(("a", b"x")) + b"x" * 512),
    put("a request behind the end", "tar", archive(("a", b"x")) + b"GET /_ping HTTP/1.1\r\nHost: gate\r\n\r\n"),
    put("garbage", "tar", b"garbage" * 500),
    put("a compressed archive", "tar", archive(("a", b"x"), gz=True)),
    put("zstd", "tar", b"\x28\xb5\x2f\xfd" + b"\0" * 1020),
    put("a type that is none", "tar", unknown_type()),
    put("a name of 10,000 bytes", "tar", links(entry("d/" * 4000 + "x"))),
    put("a NUL in a name of a PAX header", "tar", pax(path="a\0b")),
    put("a size in a PAX header that is none", "tar", pax(size="x")),
]
WRONG = ["/etc", "/", "/usr", "/tmp/../etc", "tmp", "", "/tmp2", "/tmp/./x", "//tmp", "/proc/self/root", "/sys", "/dev/shm",
         "/TMP", "/srv"]
ROWS += [Row(f"an archive into {path!r}", "archive_path", method="PUT", body=archive(("a", b"x")), state="created",
             target=f"/v1.41/containers/{{id}}/archive?path={path.replace('/', '%2F')}") for path in WRONG]
ROWS += [Row("an archive into nowhere", "archive_path", method="PUT", body=archive(("a", b"x")), state="created",
             target="/v1.41/containers/{id}/archive")]
ROWS += [Row(f"files out of {path!r}", "archive_path", method=method, state="exited",
             target=f"/v1.41/containers/{{id}}/archive?path={path.replace('/', '%2F')}")
         for path in ("/proc/1/environ", "/sys", "/dev/null", "/tmp/../proc", "/proc", "tmp", "", "//proc", "/./proc")
         for method in ("GET", "HEAD")]
REFRESH = (r"GET /containers/[0-9a-f]{64}/json",)
ROWS += [
    Row("an archive into a container that runs", "state", method="PUT", body=archive(("a", b"x")), state="running",
        target="/v1.41/containers/{id}/archive?path=/tmp"),
    Row("an archive into a container that has ended", "state", method="PUT", body=archive(("a", b"x")), state="exited",
        target="/v1.41/containers/{id}/archive?path=/tmp"),
    Row("files out of a container that runs", "state", method="GET", state="running", upstream=REFRESH,
        target="/v1.41/containers/{id}/archive?path=/tmp"),
    Row("files of a container that runs", "state", method="HEAD", state="running", upstream=REFRESH,
        target="/v1.41/containers/{id}/archive?path=/tmp"),
]
