"""Headers of disk images: what is let in, and what hostile files are told."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_utils.imageutils import format_inspector

from atoll.domain.errors import DriverRefused
from atoll.drivers.images.check import (
    DiskFacts,
    DiskFormat,
    check_image,
    check_volume,
    declared_format,
)
from tests.drivers.images.conftest import make_qcow2, qemu_img

LIMIT = 100 << 30
VMDK_DESCRIPTOR = (
    b"# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
    b'createType="monolithicFlat"\nRW 8 FLAT "/etc/passwd" 0\n'
)


def refusal(path: Path, declared: DiskFormat | None = None) -> str:
    with pytest.raises(DriverRefused) as caught:
        check_image(path, declared=declared, virtual_size_max_bytes=LIMIT)
    assert "Allowed are qcow2 and raw disk images" in caught.value.message
    return caught.value.message


def patch(path: Path, offset: int, data: bytes) -> Path:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)
    return path


def test_an_honest_qcow2_is_let_in(tmp_path: Path) -> None:
    found = check_image(
        make_qcow2(tmp_path / "a"), declared=DiskFormat.QCOW2, virtual_size_max_bytes=LIMIT
    )
    assert (found.format, found.virtual_size_bytes) == (DiskFormat.QCOW2, 4 << 20)


def test_a_zstd_compressed_qcow2_is_let_in(tmp_path: Path) -> None:
    path = make_qcow2(tmp_path / "a", "-o", "compression_type=zstd")
    check_image(path, declared=None, virtual_size_max_bytes=LIMIT)


def test_a_raw_disk_with_a_boot_sector_is_let_in(tmp_path: Path) -> None:
    boot = bytearray(1 << 20)
    struct.pack_into("<B3xB3xII", boot, 446, 0x80, 0x83, 2048, 4096)
    boot[510:512] = b"\x55\xaa"
    path = tmp_path / "disk.img"
    path.write_bytes(boot)
    found = check_image(path, declared=None, virtual_size_max_bytes=LIMIT)
    assert (found.format, found.virtual_size_bytes) == (DiskFormat.RAW, 1 << 20)


def test_a_raw_disk_without_one_is_let_in_only_when_it_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(1 << 20))
    assert "Name it .raw" in refusal(path)
    check_image(path, declared=DiskFormat.RAW, virtual_size_max_bytes=LIMIT)


def test_a_backing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    qemu_img("create", "-q", "-f", "qcow2", "-u", "-F", "raw", "-b", "/etc/passwd", path, "1M")
    assert "backing file" in refusal(path)


def test_an_external_data_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    options = f"data_file={tmp_path}/outside,data_file_raw=on"
    qemu_img("create", "-q", "-f", "qcow2", "-o", options, path, "1M")
    assert "external file" in refusal(path)


def test_unknown_features_are_refused(tmp_path: Path) -> None:
    path = patch(make_qcow2(tmp_path / "a"), 72, struct.pack(">Q", 1 << 40))
    assert "not known here" in refusal(path)


def test_a_vmdk_descriptor_of_a_file_of_the_host_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (VMDK_DESCRIPTOR, VMDK_DESCRIPTOR.ljust(512, b"\0"), VMDK_DESCRIPTOR * 512):
        path.write_bytes(content)
        for declared in (None, DiskFormat.RAW, DiskFormat.QCOW2):
            assert "vmdk" in refusal(path, declared).lower()


@pytest.mark.parametrize("other", ["vmdk", "vdi", "vpc", "vhdx", "qed"])
def test_other_formats_are_refused_by_name(tmp_path: Path, other: str) -> None:
    path = tmp_path / "a"
    qemu_img("create", "-q", "-f", other, path, "4M")
    found = refusal(path)
    assert {"vpc": "vhd"}.get(other, other) in found
    assert "qemu-img convert" in found


def test_a_qcow2_that_is_named_raw_is_refused(tmp_path: Path) -> None:
    found = refusal(make_qcow2(tmp_path / "a"), DiskFormat.RAW)
    assert "name says raw, but its content is qcow2" in found


def test_a_raw_disk_that_is_named_qcow2_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(1 << 20))
    refusal(path, DiskFormat.QCOW2)


def test_content_of_two_formats_at_once_is_refused(tmp_path: Path) -> None:
    path = patch(make_qcow2(tmp_path / "a"), 510, b"\x55\xaa")
    assert "gpt and qcow2 at the same time" in refusal(path)


def test_a_disk_of_an_exbibyte_is_refused(tmp_path: Path) -> None:
    path = patch(make_qcow2(tmp_path / "a"), 24, struct.pack(">Q", 1 << 60))
    assert f"{1 << 60} bytes" in refusal(path)


def test_an_encrypted_qcow2_is_refused(tmp_path: Path) -> None:
    path = patch(make_qcow2(tmp_path / "a"), 32, struct.pack(">I", 2))
    assert "encrypted" in refusal(path)


@pytest.mark.parametrize("kept_bytes", [0, 3, 40, 511, 600, 70_000])
def test_a_qcow2_that_is_cut_short_is_refused(tmp_path: Path, kept_bytes: int) -> None:
    path = make_qcow2(tmp_path / "a")
    path.write_bytes(path.read_bytes()[:kept_bytes])
    refusal(path)
    refusal(path, DiskFormat.QCOW2)


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"\x1f\x8b" + b"x" * 5000, b"QFI\xfb"])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    refusal(path)


def test_only_a_clear_ending_declares_a_format() -> None:
    assert declared_format("https://x/debian.qcow2") is DiskFormat.QCOW2
    assert declared_format("/imports/disk.RAW") is DiskFormat.RAW
    assert declared_format("ubuntu.img") is None
    assert declared_format("no-ending") is None


def overlay(path: Path, base: Path) -> Path:
    qemu_img("create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, path, "8M")
    return path


def check(volume: Path, backing_file: str | None) -> DiskFacts:
    return check_volume(
        volume, what="volume x", backing_files=[backing_file], virtual_size_max_bytes=LIMIT
    )


def test_a_volume_keeps_the_backing_file_that_we_gave_it(tmp_path: Path) -> None:
    base = make_qcow2(tmp_path / "base")
    volume = overlay(tmp_path / "volume", base)
    found = check(volume, str(base))
    assert found.virtual_size_bytes == 8 << 20


def test_a_volume_with_another_backing_file_is_refused(tmp_path: Path) -> None:
    base = make_qcow2(tmp_path / "base")
    volume = overlay(tmp_path / "volume", base)
    qemu_img("rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", volume)
    for expected in (str(base), None):
        with pytest.raises(DriverRefused, match="/etc/passwd"):
            check(volume, expected)


def test_a_volume_that_is_no_longer_qcow2_is_refused(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.write_bytes(bytes(1 << 20))
    with pytest.raises(DriverRefused, match="no longer qcow2"):
        check(volume, None)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_qcow2(tmp_path_factory.mktemp("honest") / "a").read_bytes()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(offset=st.integers(0, 600), garbage=st.binary(min_size=1, max_size=64))
def test_whatever_the_header_holds_the_answer_is_facts_or_a_refusal(
    tmp_path: Path, honest: bytes, offset: int, garbage: bytes
) -> None:
    path = tmp_path / "a"
    path.write_bytes(honest[:offset] + garbage + honest[offset + len(garbage) :])
    try:
        found = check_image(path, declared=None, virtual_size_max_bytes=LIMIT)
    except DriverRefused:
        return
    assert 0 < found.virtual_size_bytes <= LIMIT


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("disk.raw", content)
    return file.getvalue()


def tarred(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("disk.raw")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zip": zipped,
    "tar": tarred,
    "7z": lambda content: b"7z\xbc\xaf\x27\x1c\0\4" + content,
}


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("declared", [None, DiskFormat.RAW, DiskFormat.QCOW2])
def test_an_image_that_is_packed_is_told_by_what_and_how_to_unpack_it(
    tmp_path: Path, name: str, declared: DiskFormat | None
) -> None:
    path = tmp_path / "disk"
    path.write_bytes(PACKERS[name](bytes(1 << 20)))
    told = refusal(path, declared)
    assert f"packed by {name}" in told
    assert "unpack it with" in told
    assert ".raw" not in told


def test_a_page_instead_of_an_image_is_told_to_be_none(tmp_path: Path) -> None:
    page = tmp_path / "page"
    text = "<!DOCTYPE html>" + "<p>text</p>" * 60 + "<p>Bitte w\u00e4hlen</p>\n"
    page.write_bytes(text.encode())
    assert "it is not an image of a disk" in refusal(page)


@pytest.mark.parametrize("place", ["eat_chunk", "safety_check"])
def test_whatever_the_library_stumbles_over_is_a_reason_to_refuse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def stumble(*_: object) -> None:
        raise AttributeError("'VMDKInspector' object has no attribute 'vmdktype'")

    monkeypatch.setattr(format_inspector.QcowInspector, place, stumble)
    told = refusal(make_qcow2(tmp_path / "a"), DiskFormat.QCOW2)
    assert "attribute" not in told


def test_a_qcow2_with_extended_entries_is_let_in_and_unknown_features_are_not(
    tmp_path: Path,
) -> None:
    path = make_qcow2(tmp_path / "a", "-o", "extended_l2=on,cluster_size=128k")
    found = check_image(path, declared=DiskFormat.QCOW2, virtual_size_max_bytes=LIMIT)
    assert found.virtual_size_bytes == 4 << 20
    assert "features of qcow2" in refusal(patch(path, 79, b"\x30"))
    assert "external file" in refusal(patch(path, 79, b"\x14"))
