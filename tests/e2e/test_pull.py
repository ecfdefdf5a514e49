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

from fixtures_registry import ALL, Image, login, stored, users
from registry.state import digest_of

MIB = 1 << 20
BEARER = {"auth": "bearer"}
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
    wrong = "7" * 64
    image.config["rootfs"]["diff_ids"][1] = f"sha256:{wrong}"
    image.put(registry, "a/b", "1")
    ref = f"{registry.host}/a/b:1"
    remote.fails("pull", ref, status=1, match="its content is .* the image's config says")
    remote.fails("inspect", ref, status=1, match="a/b")
    assert not partials(remote)
    assert not (remote.root / "trees" / wrong).exists()


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
    # Pieces of 16 MiB, and at the end what is less than two.
    assert len(asked) == (6 if ranges == "yes" else 1)
    assert {first_byte(e) for e in asked} <= {i * 16 * MIB for i in range(6)}
    assert (tree_of(remote, image) / "big").stat().st_size == 100 * MIB
    assert digest_of(image.layers[0]) in stored(remote)


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
    assert first_byte(again) >= 8 * MIB
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


def test_range_that_is_refused(remote, registry):
    """What was left cannot be gone on with: the whole blob is asked for."""
    image = large_image(20 * MIB)
    image.put(registry, "a/b", "1")
    killed_pull(remote, registry, image)
    registry.fault("GET", digest_of(image.layers[0]), "status", status=416)
    remote.ok("pull", f"{registry.host}/a/b:1")
    assert [bool(e.header("range")) for e in layer_requests(registry, image)] == [True, False]


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


@pytest.fixture
def large():
    """An image with one layer of 6 MiB."""
    return Image(layers=1, size=6 * MIB)


def layer_path(image, index=0):
    """A pattern for requests about a layer."""
    return digest_of(image.layers[index]).replace(":", "(:|%3[Aa])")


@pytest.mark.parametrize("options", [{}, {"cdn": True, **BEARER}])
@pytest.mark.parametrize("reset", [False, True])
def test_download_goes_on(remote, make_registry, large, authfile, options, reset):
    registry = make_registry(**users(**options))
    digest = large.put(registry, "a/b", "1")
    host = registry.cdn or registry
    host.fault("GET", layer_path(large), "cut", after=4 * MIB, reset=reset)
    assert remote.ok("pull", *login(registry, authfile), f"{registry.host}/a/b:1") == digest
    first, *others = host.requests("GET", layer_path(large))
    assert not first.range or first.range[0] == 0
    assert others and all(e.range and e.status == 206 for e in others)
    assert host.sent("GET", layer_path(large)) < 9 * MIB


def test_token_expires_between_two_parts(remote, make_registry, large, authfile):
    registry = make_registry(**users(**BEARER))
    digest = large.put(registry, "a/b", "1")
    registry.fault("GET", layer_path(large), "cut", after=4 * MIB)
    registry.fault("GET", layer_path(large), "expire", late=True)
    assert remote.ok("pull", *login(registry, authfile), f"{registry.host}/a/b:1") == digest
    assert [e.status for e in registry.requests("GET", layer_path(large))][-2:] == [401, 206]


def test_layers_come_in_parallel(remote, registry):
    image = Image(layers=8)
    digest = image.put(registry, "a/b", "1")
    layers = "|".join(layer_path(image, i) for i in range(8))
    rule = registry.fault("GET", layers, "gather", times=ALL, count=3, seconds=1)
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    assert rule.most >= 3
    assert registry.most_connections <= 6


def test_a_large_blob_comes_in_parts(remote, registry):
    image = Image(layers=1, size=64 * MIB)
    digest = image.put(registry, "a/b", "1")
    rule = registry.fault("GET", layer_path(image), "gather", times=ALL, count=2, seconds=1)
    assert remote.ok("pull", f"{registry.host}/a/b:1") == digest
    assert rule.most >= 2
    assert registry.sent("GET", layer_path(image)) < 66 * MIB, "no byte twice"


def test_signed_url_has_expired(remote, make_registry, image, authfile):
    registry = make_registry(cdn=True, **users(**BEARER))
    digest = image.put(registry, "a/b", "1")
    registry.cdn.fault("GET", "", "expire")
    assert remote.ok("pull", *login(registry, authfile), f"{registry.host}/a/b:1") == digest
