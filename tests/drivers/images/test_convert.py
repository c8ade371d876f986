"""qemu-img on images of strangers: bounded, unprivileged, and quoted where it fails."""

import os
import subprocess
from pathlib import Path

import pytest

from atoll.domain.errors import DriverRefused
from atoll.drivers.disk_room import DiskRoom
from atoll.drivers.images.check import DiskFormat
from atoll.drivers.images.convert import Converter, ConvertLimits
from tests.drivers.images.conftest import make_qcow2

pytestmark = pytest.mark.anyio

NOBODY = 65534
LIMITS = ConvertLimits(cpu_s=60, total_s=60)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
async def test_qemu_img_runs_as_an_unprivileged_user_below_a_closed_folder(tmp_path: Path) -> None:
    """pytest's own folders are closed to other users, as /root is."""
    folder = make_qcow2(tmp_path / "source").parent
    assert folder.parent.stat().st_mode & 0o077 == 0
    converter = Converter(LIMITS, DiskRoom(tmp_path, 0), uid=NOBODY)
    await converter.convert(folder, "source", "disk.qcow2", DiskFormat.QCOW2, 4 << 20)
    assert (folder / "disk.qcow2").stat().st_uid == 0
    assert folder.stat().st_uid == 0


async def test_an_image_that_grows_beyond_its_size_is_stopped(tmp_path: Path) -> None:
    raw = tmp_path / "source"
    with raw.open("wb") as file:
        for _ in range(300):
            file.write(b"x" * (1 << 20))
    with pytest.raises(DriverRefused, match="damaged or has another format"):
        await Converter(LIMITS, DiskRoom(tmp_path, 0), uid=None).convert(
            tmp_path, "source", "disk.qcow2", DiskFormat.RAW, 1 << 20
        )


async def test_a_conversion_without_end_is_stopped(tmp_path: Path) -> None:
    make_qcow2(tmp_path / "source")
    limits = ConvertLimits(cpu_s=60, total_s=0)
    with pytest.raises(DriverRefused, match="took more than 0 s"):
        await Converter(limits, DiskRoom(tmp_path, 0), uid=None).convert(
            tmp_path, "source", "disk.qcow2", DiskFormat.QCOW2, 4 << 20
        )


def packed(folder: Path) -> bytes:
    """What is now in `source`, packed."""
    (folder / "raw").write_bytes(b"atoll" * (1 << 20))
    subprocess.run(["zstd", "-q", "raw", "-o", "source"], cwd=folder, check=True)
    return (folder / "raw").read_bytes()


@pytest.mark.parametrize("uid", [None, NOBODY])
async def test_what_grows_beyond_all_bounds_as_it_is_unpacked_is_stopped(
    tmp_path: Path, uid: int | None
) -> None:
    if uid is not None and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    plain = packed(tmp_path)
    converter = Converter(LIMITS, DiskRoom(tmp_path, 0), uid=uid)
    with pytest.raises(DriverRefused, match="more than 1048576 bytes when it is decompressed"):
        await converter.decompress(tmp_path, "source", "target", 1 << 20)
    (tmp_path / "target").unlink(missing_ok=True)
    await converter.decompress(tmp_path, "source", "target", 8 << 20)
    assert (tmp_path / "target").read_bytes() == plain
    assert (tmp_path / "target").stat().st_uid == os.geteuid()
