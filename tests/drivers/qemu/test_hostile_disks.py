"""Volumes that try to have the host read its own files, as they did elsewhere.

CVE-2024-32498: a qcow2 with an external data file or a backing file. CVE-2022-47951: a VMDK
descriptor that names an extent. CVE-2024-40767: what is taken for raw at one time and for another
format at another.
"""

import asyncio
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from atoll.domain.errors import DriverRefused
from atoll.drivers.qemu.layers import GIB
from atoll.drivers.qemu.merge import Merger, find_merges
from atoll.messages import ImageSpec, VolumeSpec
from tests.contract.drivers import SystemClock
from tests.drivers.qemu.disk_files import content, info, qemu_img, write_content
from tests.drivers.qemu.shelf import IMAGE, Shelf

SECRET = b"what only the host may know" * 100
VIRTUAL_SIZE_AT = 24


def qcow2_over_a_backing_file(path: Path, secret: Path) -> None:
    qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", secret, path, "2G")


def qcow2_with_a_data_file(path: Path, secret: Path) -> None:
    """QEMU makes the data file anew, so it is made first and the secret put there afterwards."""
    options = f"data_file={secret},data_file_raw=on"
    secret.unlink()
    qemu_img("create", "-q", "-f", "qcow2", "-o", options, path, "2G")
    secret.write_bytes(SECRET)


def qcow2_over_json(path: Path, secret: Path) -> None:
    name = f'json:{{"driver":"raw","file":{{"driver":"file","filename":"{secret}"}}}}'
    qemu_img("create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", name, path, "2G")


def vmdk_descriptor(path: Path, secret: Path) -> None:
    path.write_text(
        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
        f'createType="monolithicFlat"\nRW 5 FLAT "{secret}" 0\n'
    )


def raw_bytes(path: Path, secret: Path) -> None:
    path.write_bytes(b"\xeb\x63\x90" + bytes(509) + bytes(1 << 20))


TRICKS = [
    pytest.param(qcow2_over_a_backing_file, id="CVE-2024-32498-backing-file"),
    pytest.param(qcow2_with_a_data_file, id="CVE-2024-32498-data-file"),
    pytest.param(qcow2_over_json, id="CVE-2024-32498-json"),
    pytest.param(vmdk_descriptor, id="CVE-2022-47951-vmdk"),
    pytest.param(raw_bytes, id="CVE-2024-40767-raw-for-qcow2"),
]
Trick = Callable[[Path, Path], None]


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state")


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(SECRET)
    return path


def grow(shelf: Shelf, volume: str, size_gib: int) -> None:
    wish = VolumeSpec(id=volume, size_gib=size_gib, image=IMAGE)
    asyncio.run(shelf.disks.ensure_volume(wish, None))


def replace_file(disk: Path, trick: Trick, secret: Path) -> None:
    """As QEMU's user could, if it were no longer QEMU: it writes to the file that is there."""
    made = secret.with_name("made")
    trick(made, secret)
    disk.chmod(0o600)  # whoever has it open needs no permission any more
    with disk.open("r+b") as file:
        file.write(made.read_bytes())
        file.truncate()


@pytest.mark.parametrize("trick", TRICKS)
def test_what_a_guest_writes_on_its_disk_is_never_taken_for_a_disk(
    shelf: Shelf, secret: Path, tmp_path: Path, trick: Trick
) -> None:
    trick(tmp_path / "made", secret)
    written = (tmp_path / "made").read_bytes()[: 1 << 20]
    volume = shelf.new_volume()
    write_content(shelf.disk_of(volume), written, tmp_path / "scratch")
    snapshot = shelf.snapshot(volume)
    grow(shelf, volume, 3)
    copy = shelf.new_volume(image=None, snapshot_id=snapshot, size_gib=4)
    shelf.layers.remove_volume(copy)
    shelf.layers.remove_snapshot(snapshot)
    for merge in find_merges(shelf.layers, longer_than=1):
        asyncio.run(Merger(shelf.layers, SystemClock()).merge(merge, volume, None))
    assert len(shelf.files()) == 2, "one volume of one layer"
    assert content(shelf.disk_of(volume), len(written)) == written
    assert info(shelf.disk_of(volume))["virtual-size"] == 3 * GIB
    files = [path for path in shelf.state.rglob("*") if path.is_file()]
    assert not any(SECRET in path.read_bytes() for path in files)


@pytest.mark.parametrize("image", [IMAGE, None], ids=["over an image", "empty"])
@pytest.mark.parametrize("trick", TRICKS)
def test_a_disk_that_is_no_longer_ours_is_used_for_nothing(
    shelf: Shelf, secret: Path, tmp_path: Path, trick: Trick, image: ImageSpec | None
) -> None:
    volume = shelf.new_volume(image=image)
    shelf.layers.check(shelf.layers.get_volume(volume))
    replace_file(shelf.disk_of(volume), trick, secret)
    for use in (
        lambda: shelf.snapshot(volume),
        lambda: grow(shelf, volume, 3),
        lambda: shelf.disks.chain_for(volume, tmp_path, None),
    ):
        with pytest.raises(DriverRefused, match=f"the disk of volume {volume} is refused: "):
            use()


@pytest.mark.parametrize("trick", TRICKS)
def test_a_snapshot_that_is_no_longer_ours_is_used_for_nothing(
    shelf: Shelf, secret: Path, tmp_path: Path, trick: Trick
) -> None:
    """A QEMU keeps its open file, so what has become a snapshot may still change."""
    volume = shelf.new_volume()
    below = shelf.disk_of(volume)
    snapshot = shelf.snapshot(volume)
    replace_file(below, trick, secret)
    for use in (
        lambda: shelf.new_volume(image=None, snapshot_id=snapshot),
        lambda: shelf.snapshot(volume),
        lambda: grow(shelf, volume, 3),
        lambda: shelf.disks.chain_for(volume, tmp_path, None),
    ):
        with pytest.raises(DriverRefused, match="is refused: "):
            use()


def test_a_disk_that_claims_more_than_it_was_given_is_refused(shelf: Shelf) -> None:
    volume = shelf.new_volume()
    with shelf.disk_of(volume).open("r+b") as file:
        file.seek(VIRTUAL_SIZE_AT)
        file.write(struct.pack(">Q", 1 << 40))
    with pytest.raises(DriverRefused, match="the volume has 2 GiB"):
        shelf.snapshot(volume)
