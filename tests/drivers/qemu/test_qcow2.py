"""Empty disks of our own making, in the eyes of QEMU's tools."""

import json
from pathlib import Path

import pytest

from atoll.drivers.qemu.qcow2 import CLUSTER_BYTES, make_empty
from tests.drivers.qemu.disk_files import info, qemu_img, write_pattern

GIB = 2**30
SIZES = [512, GIB, 10 * GIB, 5 * 1024 * GIB + 512, 64 * 1024 * GIB]
NOT_COMPARED = ("filename", "full-backing-filename", "actual-size", "children")


@pytest.fixture(params=[None, "base.qcow2"], ids=["over nothing", "over another"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> str | None:
    qemu_img("create", "-q", "-f", "qcow2", tmp_path / "base.qcow2", "1G")
    found: str | None = request.param
    return found


@pytest.mark.parametrize("size_bytes", SIZES)
def test_an_empty_disk_is_what_qemu_img_would_have_made(
    tmp_path: Path, size_bytes: int, base: str | None
) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    make_empty(ours, size_bytes, base)
    over = ["-F", "qcow2", "-b", base] if base else []
    qemu_img("create", "-q", "-f", "qcow2", *over, theirs, str(size_bytes))
    assert ours.read_bytes()[CLUSTER_BYTES:] == theirs.read_bytes()[CLUSTER_BYTES:]
    mine, its = info(ours), info(theirs)
    for name in NOT_COMPARED:
        mine.pop(name, None), its.pop(name, None)
    assert mine == its


@pytest.mark.parametrize("size_bytes", SIZES[1:])
def test_what_is_written_to_one_leaves_it_without_fault(
    tmp_path: Path, size_bytes: int, base: str | None
) -> None:
    disk = tmp_path / "disk"
    make_empty(disk, size_bytes, base)
    write_pattern(disk, 7)
    write_pattern(disk, 8, at_kib=size_bytes // 1024 - 64)
    said = json.loads(qemu_img("check", "-f", "qcow2", "--output=json", disk))
    assert (said["check-errors"], said["allocated-clusters"]) == (0, 2)
    assert not {"corruptions", "leaks"} & set(said)


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    secret, disk = tmp_path / "secret", tmp_path / "disk"
    secret.write_text("untouched")
    disk.symlink_to(secret)
    for path in (secret, disk):
        with pytest.raises(FileExistsError):
            make_empty(path, GIB, None)
    assert secret.read_text() == "untouched"
