"""Checks the header of a disk image before QEMU or qemu-img reads it.

Called by the image store for external images, and for a volume after a guest has used it. An image
that refers to another file (backing file, external data file, VMDK extent) would make QEMU expose
that file of the host to the guest.
"""

import contextlib
import logging
import re
import struct
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec
from oslo_utils.imageutils import format_inspector

from atoll.domain.errors import DriverRefused

PREFIX_BYTES = 1 << 20  # all formats are recognizable within this size
CHUNK_BYTES = 64 << 10
SECTOR_BYTES = 512
QCOW2_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
ZSTD_MAGIC, ZSTD_SUFFIX = b"\x28\xb5\x2f\xfd", ".zst"
QCOW2_MAGIC = b"QFI\xfb"
QCOW2_VERSION = (3).to_bytes(4)
NAME_BYTES_MAX = 1023  # maximum length of a backing file name, by the specification

# QEMU accepts this as a VMDK descriptor with any bytes after it; the library requires text.
VMDK_TEXT = re.compile(rb"\s*(?:#[^\n]*\n\s*)*version\s*=")
VMDK_TEXT_BYTES = 4096

REASONS = {
    "backing_file": "it has a backing file, another file of the host that it would read",
    "data_file": "it keeps its data in an external file",
    "unknown_features": "it uses features of qcow2 that are not known here",
    "mbr": "its partition table is not a sound one",
}
# What else images come packed in, by their first bytes: the name, and how to unpack it.
PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip"),
    b"BZh": ("bzip2", "bunzip2"),
    b"\xfd7zXZ\x00": ("xz", "unxz"),
    b"\x5d\x00\x00\x80\x00": ("lzma", "unlzma"),
    b"LZIP": ("lzip", "lzip -d"),
    b"\x04\x22\x4d\x18": ("lz4", "lz4 -d"),
    b"PK\x03\x04": ("zip", "unzip"),
    b"7z\xbc\xaf\x27\x1c": ("7z", "7z x"),
    b"Rar!\x1a\x07": ("rar", "unrar x"),
    b"\x1f\x9d": ("compress", "uncompress"),
}
TAR_MAGIC, TAR_OFFSET = b"ustar", 257
# Incompatible features of qcow2 that QEMU handles and that need no other file: dirty, corrupt,
# compression type, extended L2 entries. (An external data file is bit 2.)
HARMLESS_FEATURES = 0b11011
FEATURES_OFFSET = 72
ALLOWED = "Allowed are qcow2 and raw disk images, also compressed by zstd"


class Unsound(Exception):
    """The reason why a disk is rejected. Not raised outside of this module."""


class DiskFormat(StrEnum):
    QCOW2 = "qcow2"
    RAW = "raw"


class DiskFacts(msgspec.Struct, frozen=True, kw_only=True):
    format: DiskFormat
    virtual_size_bytes: int


class Qcow2Header(msgspec.Struct, frozen=True, kw_only=True):
    """The fields that determine if a qcow2 is safe; see QEMU's docs/interop/qcow2."""

    backing_file: str
    cluster_bits: int
    virtual_size_bytes: int
    crypt_method: int
    first_level_entries: int
    first_level_offset: int
    refcount_offset: int


def is_compressed(path: Path) -> bool:
    """Whether zstd compressed the file, by its magic (RFC 8878). No bootable disk starts so."""
    with path.open("rb") as file:
        return file.read(len(ZSTD_MAGIC)) == ZSTD_MAGIC


def packing_of(path: Path) -> tuple[str, str] | None:
    """Return the compression or archive format that the first bytes show, and how to unpack it."""
    with path.open("rb") as file:
        start = file.read(SECTOR_BYTES)
    if start[TAR_OFFSET:].startswith(TAR_MAGIC):
        return "tar", "tar -xf"
    return next((how for magic, how in PACKED.items() if start.startswith(magic)), None)


def declared_format(location: str) -> DiskFormat | None:
    """Return the format of a file extension, ignoring `.zst`. `.img` has none: both formats use
    it."""
    suffix = Path(location.removesuffix(ZSTD_SUFFIX)).suffix.lower().removeprefix(".")
    return DiskFormat(suffix) if suffix in set(DiskFormat) else None


def check_image(
    path: Path, *, declared: DiskFormat | None, virtual_size_max_bytes: int
) -> DiskFacts:
    """Raise DriverRefused unless this is a self-contained disk of an allowed size and format."""
    try:
        facts = facts_of_image(path, declared)
        require_size(facts.virtual_size_bytes, virtual_size_max_bytes)
    except Unsound as error:
        raise DriverRefused(f"the image is refused: {error}. {ALLOWED}") from error
    return facts


def facts_of_image(path: Path, declared: DiskFormat | None) -> DiskFacts:
    packing = packing_of(path)
    if packing is not None:
        name, how = packing
        raise Unsound(f"its content is packed by {name}: unpack it with {how}, or use zstd instead")
    inspector = inspect(path)
    if str(inspector) == "raw" and is_vmdk_text(path):
        raise Unsound("it is a VMDK descriptor, which names other files")
    found = allowed_format(inspector, declared)
    if declared is not None and found is not declared:
        raise Unsound(f"its name says {declared}, but its content is {found}")
    if found is DiskFormat.QCOW2 or str(inspector) != "raw":
        harmless = {"unknown_features"} if has_known_features(path) else set()
        require_safe(inspector, except_for=harmless)
    size = path.stat().st_size
    if found is DiskFormat.QCOW2:
        size = require_whole(read_qcow2_header(path), size)
    elif size == 0 or size % SECTOR_BYTES:
        raise Unsound(f"a raw disk consists of whole sectors of {SECTOR_BYTES} bytes")
    return DiskFacts(format=found, virtual_size_bytes=size)


def check_volume(
    path: Path, *, what: str, backing_files: Sequence[str | None], virtual_size_max_bytes: int
) -> DiskFacts:
    """Check our own qcow2 after a guest has used it: its backing file must be exactly one that we
    set, or none where that is allowed. `what` names the disk in errors."""
    try:
        size = size_of_overlay(path, backing_files)
        require_size(size, virtual_size_max_bytes)
    except Unsound as error:
        raise DriverRefused(
            f"the disk of {what} is refused: {error}. The disk was "
            "changed from outside the guest: restore a snapshot"
        ) from error
    return DiskFacts(format=DiskFormat.QCOW2, virtual_size_bytes=size)


def size_of_overlay(path: Path, backing_files: Sequence[str | None]) -> int:
    inspector = inspect(path)
    if str(inspector) != DiskFormat.QCOW2:
        raise Unsound(f"it is no longer qcow2 but {inspector}")
    header = read_qcow2_header(path)
    backing_file = header.backing_file or None
    if backing_file not in backing_files:
        raise Unsound(f"its backing file is {backing_file!r}, not {backing_files[0]!r}")
    harmless = {"unknown_features"} if has_known_features(path) else set()
    require_safe(inspector, except_for=harmless | ({"backing_file"} if backing_file else set()))
    return require_whole(header, path.stat().st_size)


def inspect(path: Path) -> format_inspector.FileInspector:
    """Detect the format. A file that matches more than one is rejected as an attack."""
    with path.open("rb") as file, only_unsound():
        wrapper = format_inspector.InspectWrapper(file)
        for _ in range(PREFIX_BYTES // CHUNK_BYTES):
            if not wrapper.read(CHUNK_BYTES):
                break
        wrapper.close()
        found = wrapper.formats or []
    if len(found) != 1:
        names = " and ".join(sorted(str(inspector) for inspector in found)) or "nothing"
        raise Unsound(f"its content is {names} at the same time")
    return found[0]


@contextlib.contextmanager
def only_unsound() -> Iterator[None]:
    """The library's parsers stumble over what they were not made for, in many ways, and log each
    failed check, including irrelevant ones."""
    logging.getLogger(format_inspector.__name__).setLevel(logging.CRITICAL)
    try:
        yield
    except (format_inspector.SafetyCheckFailed, format_inspector.ImageFormatError, OSError):
        raise
    except Exception as error:
        raise Unsound("it is not an image of a disk") from error


def has_known_features(path: Path) -> bool:
    """Whether a qcow2 has only features that QEMU handles within the file, and that may be newer
    than the library."""
    with path.open("rb") as file:
        header = file.read(FEATURES_OFFSET + 8)
    if len(header) < FEATURES_OFFSET + 8 or header[:8] != QCOW2_MAGIC + QCOW2_VERSION:
        return False
    return int.from_bytes(header[FEATURES_OFFSET:]) & ~HARMLESS_FEATURES == 0


def is_vmdk_text(path: Path) -> bool:
    with path.open("rb") as file:
        return VMDK_TEXT.match(file.read(VMDK_TEXT_BYTES)) is not None


def allowed_format(
    inspector: format_inspector.FileInspector, declared: DiskFormat | None
) -> DiskFormat:
    name = str(inspector)
    if name == DiskFormat.QCOW2:
        return DiskFormat.QCOW2
    if name == "gpt":  # the name in the library for a disk with a boot sector
        return DiskFormat.RAW
    if name != "raw":
        raise Unsound(f"its format is {name}: convert it to qcow2 with qemu-img convert")
    if declared is DiskFormat.RAW:
        return DiskFormat.RAW
    raise Unsound(
        "its format is not recognized, and it has no boot sector. Name it .raw if it is a raw disk"
    )


def require_safe(
    inspector: format_inspector.FileInspector, *, except_for: set[str] | None = None
) -> None:
    try:
        with only_unsound():
            inspector.safety_check()
    except format_inspector.SafetyCheckFailed as error:
        failures = [name for name in error.failures if name not in (except_for or set())]
        if failures:
            reasons = [REASONS.get(name, name) for name in failures]
            raise Unsound("; ".join(reasons)) from error
    except format_inspector.ImageFormatError as error:
        raise Unsound(f"its header is incomplete ({error})") from error


def read_qcow2_header(path: Path) -> Qcow2Header:
    with path.open("rb") as file:
        start = file.read(QCOW2_HEADER.size)
        if len(start) < QCOW2_HEADER.size or start[:4] != QCOW2_MAGIC:
            raise Unsound("its qcow2 header is incomplete")
        fields = QCOW2_HEADER.unpack(start)
        _, _, name_offset, name_size, cluster_bits, size, crypt, entries, first, refcounts = fields[
            :10
        ]
        if name_size > NAME_BYTES_MAX:
            raise Unsound("the name of its backing file is too long")
        file.seek(min(name_offset, PREFIX_BYTES * 2))
        name = file.read(name_size) if name_offset else b""
    return Qcow2Header(
        backing_file=name.decode("utf-8", "replace"),
        cluster_bits=cluster_bits,
        virtual_size_bytes=size,
        crypt_method=crypt,
        first_level_entries=entries,
        first_level_offset=first,
        refcount_offset=refcounts,
    )


def require_whole(header: Qcow2Header, file_size_bytes: int) -> int:
    """Return the virtual size of a qcow2; its tables must be within the file."""
    if not 9 <= header.cluster_bits <= 21:
        raise Unsound("its cluster size is not valid for qcow2")
    if header.crypt_method != 0:
        raise Unsound("it is encrypted")
    tables_end = max(
        header.first_level_offset + header.first_level_entries * 8, header.refcount_offset + 8
    )
    if tables_end > file_size_bytes:
        raise Unsound("it is truncated: its tables lie beyond its end")
    return header.virtual_size_bytes


def require_size(size_bytes: int, max_bytes: int) -> None:
    if not 0 < size_bytes <= max_bytes:
        raise Unsound(
            f"the disk has a virtual size of {size_bytes} bytes, 1 to {max_bytes} are allowed"
        )
