"""Checks ISO images for the CD drives of guests.

Called by the image store. QEMU always opens an ISO as raw and never writes to it, so its contents
cannot make QEMU open another file: only files that are not ISO 9660 are rejected.
"""

from pathlib import Path

from atoll.domain.errors import DriverRefused

SECTOR_BYTES = 2048
# ECMA-119 (ISO 9660), 8.1 and 8.4: descriptors begin at sector 16, a type before each identifier.
FIRST_DESCRIPTOR = 16 * SECTOR_BYTES
IDENTIFIER = b"CD001"
# "El Torito" Bootable CD-ROM Format Specification 1.0, figure 7: the boot record is at sector 17.
BOOT_RECORD = 17 * SECTOR_BYTES
BOOT_SYSTEM = b"\0" + IDENTIFIER + b"\1" + b"EL TORITO SPECIFICATION"


def check_disc(path: Path, *, size_max_bytes: int) -> int:
    """Return the size in bytes. Raises DriverRefused."""
    size = path.stat().st_size
    if bytes_at(path, FIRST_DESCRIPTOR + 1, len(IDENTIFIER)) != IDENTIFIER:
        raise DriverRefused(
            "the image is refused: it is not an ISO 9660 file system. "
            "Import a disk image with the kind disk"
        )
    if size > size_max_bytes:
        raise DriverRefused(
            f"the image is refused: it has {size} bytes, at most {size_max_bytes} are allowed"
        )
    return size


def can_be_started(path: Path) -> bool:
    """Whether the ISO is bootable."""
    return bytes_at(path, BOOT_RECORD, len(BOOT_SYSTEM)) == BOOT_SYSTEM


def bytes_at(path: Path, offset: int, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(count)
