"""Volumes on a disk, made by the real qemu-img."""

import json
import subprocess
from pathlib import Path

import pytest

from atoll.domain import ids
from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.images import ImageSource, SourceKind
from atoll.drivers.qemu_disks import GIB, Volumes, write_atomically
from atoll.messages import ImageSpec, VolumeSpec
from tests.contract.drivers import GUEST_UID, new_id

IMAGE = ImageSpec(
    id=new_id(ids.IMAGE),
    name="mini",
    source=ImageSource(kind=SourceKind.RECIPE, location="mini"),
)


@pytest.fixture
def volumes(tmp_path: Path) -> Volumes:
    return Volumes(tmp_path / "state", GUEST_UID)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "state" / "images" / IMAGE.id / "disk.qcow2"
    path.parent.mkdir(parents=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1G"], check=True)
    return path


def wish(size_gib: int = 2) -> VolumeSpec:
    return VolumeSpec(id=new_id(ids.VOLUME), size_gib=size_gib, image=IMAGE)


def info(volumes: Volumes, volume_id: str) -> dict[str, object]:
    done = subprocess.run(
        ["qemu-img", "info", "--output=json", volumes.disk_of(volume_id)],
        capture_output=True,
        check=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_volume_is_an_overlay_of_the_size_asked_for(volumes: Volumes, base: Path) -> None:
    volume = wish()
    volumes.ensure(volume, base, GIB)
    found = info(volumes, volume.id)
    assert found["virtual-size"] == 2 * GIB
    assert found["backing-filename"] == f"../../images/{IMAGE.id}/disk.qcow2"
    assert found["backing-filename-format"] == "qcow2"


def test_a_volume_smaller_than_its_image_is_refused(volumes: Volumes, base: Path) -> None:
    with pytest.raises(DriverRefused, match="ask for at least that"):
        volumes.ensure(wish(size_gib=1), base, GIB + 1)


def test_a_half_made_volume_is_made_again(volumes: Volumes, base: Path) -> None:
    volume = wish()
    volumes.folder_of(volume.id).mkdir(parents=True)
    volumes.disk_of(volume.id).write_bytes(b"QFI\xfb and no more")
    volumes.ensure(volume, base, GIB)
    assert info(volumes, volume.id)["virtual-size"] == 2 * GIB


def test_an_empty_volume_has_no_base(volumes: Volumes) -> None:
    volume = VolumeSpec(id=new_id(ids.VOLUME), size_gib=1)
    volumes.ensure(volume, None, 0)
    assert "backing-filename" not in info(volumes, volume.id)


def test_only_qemus_user_may_read_a_disk(volumes: Volumes, base: Path) -> None:
    volume = wish()
    volumes.ensure(volume, base, GIB)
    stat = volumes.disk_of(volume.id).stat()
    assert stat.st_mode & 0o777 == 0o600
    assert GUEST_UID is None or stat.st_uid == GUEST_UID


def test_what_qemu_img_says_is_passed_on(volumes: Volumes, tmp_path: Path) -> None:
    with pytest.raises(DriverUnavailable, match="Could not open"):
        volumes.ensure(wish(), tmp_path / "missing.qcow2", 0)


@pytest.mark.parametrize("name", ["../../etc", "vol", "", "../" + new_id(ids.VOLUME)])
def test_no_id_leads_out_of_the_state_directory(volumes: Volumes, name: str) -> None:
    with pytest.raises(DriverRefused):
        volumes.folder_of(name)


def test_a_write_replaces_the_whole_file_and_follows_no_link(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("untouched")
    (tmp_path / ".record.part").symlink_to(secret)
    write_atomically(tmp_path / "record", b"new")
    assert (tmp_path / "record").read_bytes() == b"new"
    assert secret.read_text() == "untouched"
