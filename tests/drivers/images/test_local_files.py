"""Images from paths on the host: only plain files below the directories that the operator named."""

import os
from pathlib import Path

import pytest

from atoll.domain.errors import DriverRefused
from atoll.drivers.images.checksums import Expected
from atoll.drivers.images.local_files import LocalFiles


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    folder = tmp_path / "imports"
    folder.mkdir()
    return folder


def copy(allowed: Path, location: str | Path, bytes_max: int = 1 << 20) -> bytes:
    target = allowed.parent / "copy"
    LocalFiles([allowed], bytes_max).copy(str(location), target, Expected(None), lambda *_: None)
    return target.read_bytes()


def refusal(allowed: Path, location: str | Path, bytes_max: int = 1 << 20) -> str:
    with pytest.raises(DriverRefused) as caught:
        copy(allowed, location, bytes_max)
    return caught.value.message


def test_a_file_below_an_allowed_directory_is_copied(allowed: Path) -> None:
    (allowed / "a.qcow2").write_bytes(b"image")
    assert copy(allowed, allowed / "a.qcow2") == b"image"


def test_a_file_elsewhere_is_refused_and_the_directories_are_named(allowed: Path) -> None:
    assert str(allowed) in refusal(allowed, "/etc/passwd")
    assert "outside" in refusal(allowed, f"{allowed}/../../../../../../../etc/passwd")


def test_a_symlink_that_leads_out_is_refused(allowed: Path) -> None:
    (allowed / "link").symlink_to("/etc/passwd")
    (allowed / "folder").symlink_to("/etc")
    assert "outside" in refusal(allowed, allowed / "link")
    assert "outside" in refusal(allowed, allowed / "folder" / "passwd")


def test_a_symlink_that_stays_inside_is_followed(allowed: Path) -> None:
    (allowed / "a").write_bytes(b"image")
    (allowed / "link").symlink_to("a")
    assert copy(allowed, allowed / "link") == b"image"


def test_pipes_directories_and_devices_are_refused_without_waiting(allowed: Path) -> None:
    os.mkfifo(allowed / "pipe")
    assert "regular file" in refusal(allowed, allowed / "pipe")
    assert "regular file" in refusal(allowed, allowed)
    assert "outside" in refusal(allowed, "/dev/zero")


@pytest.mark.parametrize("location", ["a.qcow2", "", "/x\0y"])
def test_what_is_no_full_path_is_refused(allowed: Path, location: str) -> None:
    assert "absolute path" in refusal(allowed, location)


def test_a_missing_file_and_a_circle_of_symlinks_are_refused(allowed: Path) -> None:
    (allowed / "circle").symlink_to("circle")
    assert "cannot be read" in refusal(allowed, allowed / "none")
    assert "cannot be read" in refusal(allowed, allowed / "circle")


def test_a_file_that_is_too_large_is_refused(allowed: Path) -> None:
    (allowed / "a").write_bytes(bytes(101))
    assert "larger than 100 bytes" in refusal(allowed, allowed / "a", bytes_max=100)


def test_without_allowed_directories_nothing_is_copied(tmp_path: Path) -> None:
    files = LocalFiles([], 1 << 20)
    with pytest.raises(DriverRefused, match="none"):
        files.copy("/etc/passwd", tmp_path / "copy", Expected(None), lambda *_: None)
