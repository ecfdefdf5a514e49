# SPDX-License-Identifier: Apache-2.0
"""How layers arrive: side by side, in pieces, across cuts and kills, and unpacked meanwhile."""
import gzip
import os
import re
import signal
import subprocess
import tarfile
import time

import pytest

from fixtures_registry import ALL, Image, stored
from registry.state import digest_of

MIB = 1 << 20
PLAIN = "application/vnd.oci.image.layer.v1.tar"


def large_image(size=100 * MIB):
    """One layer that is not compressed, of bytes that differ everywhere and cost little."""
    image = Image(layers=0)
    block = os.urandom(MIB)
    data = b"".join(block[i % 997:] + block[:i % 997] for i in range(size // MIB))
    image.raw = image.layers = [Image.tar("big", data)]
    image.layer_type = PLAIN
    image.config["rootfs"]["diff_ids"] = [digest_of(image.raw[0])]
    return image


def tree_of(program, image, layer=0):
    """The directory that a layer was unpacked to."""
    return program.root / "trees" / digest_of(image.raw[layer]).split(":")[1]


def partials(program):
    """What has arrived and is not whole, without the notes."""
    directory = program.root / "partial"
    return [p for p in directory.iterdir() if p.suffix != ".length"] if directory.is_dir() else []


def layer_requests(registry, image, layer=0):
    """The requests for a layer."""
    return registry.requests("GET", digest_of(image.layers[layer]))


def first_byte(entry):
    """Where the range of a request begins; 0 without one."""
    found = re.fullmatch(r"bytes=(\d+)-\d+", entry.header("range") or "bytes=0-0")
    return int(found.group(1))


def wait_until(what, process):
    """Until something has happened; the process must live on."""
    end = time.monotonic() + 60
    while not what():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)


def test_layers_side_by_side(remote, registry):
    image = Image(layers=6)
    image.put(registry, "a/b", "1")
    rule = registry.fault("GET", "/blobs/", "gather", count=4, skip=1, times=ALL)
    remote.ok("pull", f"{registry.host}/a/b:1")
    assert rule.most == 4


def test_layers_are_unpacked(remote, registry):
    image = Image(layers=3)
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    for i in range(3):
        assert [p.name for p in tree_of(remote, image, i).iterdir()] == [f"file{i}"]
    assert not partials(remote)


def test_layer_that_occurs_twice(remote, registry):
    image = Image(layers=1)
    image.raw, image.layers = image.raw * 2, image.layers * 2
    image.config["rootfs"]["diff_ids"] *= 2
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    assert len(layer_requests(registry, image)) == 1


def test_blob_without_its_tree(remote, registry, image):
    """Blobs that are there are unpacked, and not fetched again."""
    image.put(registry, "a/b", "1")
    remote.ok("pull", f"{registry.host}/a/b:1")
    subprocess.run(["rm", "-rf", str(tree_of(remote, image))], check=True)
    registry.log.clear()
    remote.ok("pull", f"{registry.host}/a/b:1")
    assert (tree_of(remote, image) / "file0").is_file()
    assert not registry.requests("GET", "")


def test_content_that_is_not_the_configs(remote, registry, image):
    image.config["rootfs"]["diff_ids"][1] = "sha256:" + "7" * 64
    image.put(registry, "a/b", "1")
    ref = f"{registry.host}/a/b:1"
    remote.fails("pull", ref, status=1, match="its content is .* the image's config says")
    remote.fails("inspect", ref, status=1, match="a/b")
    assert not partials(remote)
    assert not list((remote.root / "trees").glob("7*"))


def test_layer_that_is_no_tar(remote, registry, image):
    image.layers[1] = image.layers[1][:20] + b"\0" * 2000
    image.put(registry, "a/b", "1")
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="gzip data|tar")
    assert not partials(remote)


@pytest.mark.parametrize("ranges", ["yes", "ignore"])
def test_large_blob(remote, registry, ranges):
    image = large_image()
    image.put(registry, "a/b", "1")
    registry.quirks.ranges = ranges
    remote.ok("pull", f"{registry.host}/a/b:1")
    asked = layer_requests(registry, image)
    # Three pieces of 32 MiB and what is left, which is less than two.
    assert len(asked) == (3 if ranges == "yes" else 1)
    assert {first_byte(e) for e in asked} <= {0, 32 * MIB, 64 * MIB}
    assert (tree_of(remote, image) / "big").stat().st_size == 100 * MIB
    assert digest_of(image.layers[0]) in stored(remote)


@pytest.mark.parametrize("lie,match", [
    ("start", "asked for bytes|digest"), ("total", "asked for bytes"),
    ("silent", "does not say which part"), ("lie", "digest|sha256"), ("refuse", "ends after 0")])
def test_ranges_that_are_wrong(remote, registry, lie, match):
    image = large_image(70 * MIB)
    image.put(registry, "a/b", "1")
    registry.quirks.ranges = lie
    ref = f"{registry.host}/a/b:1"
    done = remote.run("pull", ref)
    # Lying about the first piece may be true by accident.
    if lie not in ("start", "lie") or done.returncode:
        assert done.returncode == 1 and re.search(match, done.stderr), done.stderr
    assert not partials(remote)
    registry.quirks.ranges = "yes"
    remote.ok("pull", ref)


@pytest.mark.parametrize("ranges", ["yes", "ignore"])
def test_goes_on_after_a_cut(remote, registry, image, ranges):
    digest = image.put(registry, "a/b", "1")
    registry.quirks.ranges = ranges
    layer = digest_of(image.layers[0])
    registry.fault("GET", layer, "cut", after=30000)
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    first, second = layer_requests(registry, image)
    assert not first.header("range")
    assert second.header("range") == f"bytes=30000-{len(image.layers[0]) - 1}"


def test_goes_on_as_long_as_it_gets_ahead(remote, registry):
    """More cuts than retries, but each try brings a megabyte or more."""
    image = large_image(20 * MIB)
    image.put(registry, "a/b", "1")
    rule = registry.fault("GET", digest_of(image.layers[0]), "cut", after=3 * MIB, times=6)
    remote.ok("pull", f"{registry.host}/a/b:1")
    assert rule.met == 6


def test_link_that_expires(remote, make_registry, make_cdn, image):
    """The storage a blob was redirected to refuses: the registry gives a new link."""
    registry = make_registry()
    cdn = make_cdn(registry)
    registry.quirks.cdn = True
    digest = image.put(registry, "a/b", "1")
    layer = digest_of(image.layers[0])
    cdn.fault("GET", layer, "status", status=403)
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    assert len(registry.requests("GET", layer)) == 2


def killed_pull(remote, registry, image, number=signal.SIGKILL):
    """A pull that ends by a signal after 9 MiB of its layer."""
    rule = registry.fault("GET", digest_of(image.layers[0]), "stall", after=9 * MIB)
    process = remote.start("pull", f"{registry.host}/a/b:1")
    wait_until(lambda: partials(remote) and partials(remote)[0].stat().st_size >= 9 * MIB,
               process)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert rule.met
    registry.faults.clear()
    registry.log.clear()
    return process.returncode


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_goes_on_where_a_dead_one_ended(remote, registry, number):
    image = large_image(20 * MIB)
    image.put(registry, "a/b", "1")
    assert killed_pull(remote, registry, image, number) in (-signal.SIGKILL, 130)
    remote.ok("pull", f"{registry.host}/a/b:1")
    (again,) = layer_requests(registry, image)
    assert first_byte(again) >= 4 * MIB
    assert digest_of(image.layers[0]) in stored(remote)
    assert not list((remote.root / "partial").iterdir())


def test_damage_of_what_was_left(remote, registry):
    image = large_image(20 * MIB)
    image.put(registry, "a/b", "1")
    killed_pull(remote, registry, image)
    with open(partials(remote)[0], "r+b") as file:
        file.seek(2 * MIB)
        file.write(b"damage")
    done = remote.run("pull", f"{registry.host}/a/b:1")
    assert done.returncode == 0 and "fetched again" in done.stderr
    assert [first_byte(e) > 0 for e in layer_requests(registry, image)] == [True, False]


def test_what_was_left_of_another_blob(remote, registry):
    """The blob is shorter than what was left: the registry cannot send such a range."""
    image = large_image(20 * MIB)
    image.put(registry, "a/b", "1")
    killed_pull(remote, registry, image)
    registry.fault("GET", digest_of(image.layers[0]), "status", status=416)
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="ends after")
    assert not partials(remote)
    remote.ok("pull", f"{registry.host}/a/b:1")


def test_prune_takes_what_was_left(remote, registry):
    image = large_image(20 * MIB)
    image.put(registry, "a/b", "1")
    killed_pull(remote, registry, image)
    assert partials(remote)
    remote.ok("images")
    assert partials(remote), "young ones stay"
    remote.ok("prune")
    assert not list((remote.root / "partial").iterdir())


def test_two_pulls_at_once(remote, registry):
    image = large_image(20 * MIB)
    digest = image.put(registry, "a/b", "1")
    registry.fault("GET", digest_of(image.layers[0]), "gather", count=2, times=2)
    both = [remote.start("pull", f"{registry.host}/a/b:1") for _ in range(2)]
    for process in both:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        assert (out if isinstance(out, str) else out.decode()).strip() == digest
    assert not list((remote.root / "partial").iterdir())


def bomb(size):
    """A gzip that says it holds a file of `size` bytes, and the first GiB of it."""
    info = tarfile.TarInfo("zeros")
    info.size = size
    head = info.tobuf(tarfile.GNU_FORMAT)
    return gzip.compress(head, 1, mtime=0) + gzip.compress(bytes(64 * MIB), 9, mtime=0) * 16


def test_bomb(remote, registry):
    """More bytes than any layer may have: refused as soon as that is said."""
    image = Image(layers=1)
    image.layers = [bomb(70 << 30)]
    image.put(registry, "a/b", "1")
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="more than|larger than")
    assert not partials(remote)
    assert not list((remote.root / "tmp").iterdir())


def test_bomb_that_ends(remote, registry):
    """Zeros within the limits take no space, and their digest shows that they are wrong."""
    image = Image(layers=1)
    image.layers = [bomb(1 << 30)]
    image.put(registry, "a/b", "1")
    remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="its content is|tar")
    assert not partials(remote)


def test_full_disk(remote, registry, tmp_path):
    if os.getuid():
        pytest.skip("mounting a small file system needs root")
    image = large_image(40 * MIB)
    image.put(registry, "a/b", "1")
    remote.root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m,mode=0700", "none",
                    str(remote.root)], check=True)
    try:
        remote.fails("pull", f"{registry.host}/a/b:1", status=1, match="no space left")
        remote.assert_clean()
        assert not list((remote.root / "partial").iterdir())
        small = Image(layers=1)
        small.put(registry, "a/small", "1")
        remote.ok("pull", f"{registry.host}/a/small:1")
    finally:
        subprocess.run(["umount", str(remote.root)], check=True)


def test_other_platform(remote, registry):
    arm = Image(layers=1, architecture="arm64")
    arm.put(registry, "a/arm", "1")
    done = remote.run("pull", f"{registry.host}/a/arm:1")
    assert done.returncode == 0 and "platform 'linux/arm64'" in done.stderr
