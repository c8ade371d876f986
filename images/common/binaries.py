"""Reads ELF files and writes cpio archives, so that recipes need neither binutils nor cpio."""

import gzip
import re
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

LOAD, DYNAMIC = 1, 2
NEEDED, STRTAB = 1, 5


def needed_libraries(path: Path) -> list[str]:
    """The names of the shared libraries that a 64-bit ELF file asks for."""
    data = path.read_bytes()
    headers = list(_program_headers(data))
    tags = list(_dynamic_tags(data, headers))
    table = next((value for tag, value in tags if tag == STRTAB), 0)
    strings = next(
        (
            offset + table - address
            for kind, offset, address, size in headers
            if kind == LOAD and address <= table < address + size
        ),
        0,
    )
    names = [strings + value for tag, value in tags if tag == NEEDED]
    return [data[start : data.index(b"\0", start)].decode() for start in names]


def _program_headers(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """(kind, offset in the file, address, size in the file) of each segment."""
    if data[:5] != b"\x7fELF\x02":
        return
    (first,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for number in range(count):
        kind, _, offset, address, _, length = struct.unpack_from(
            "<IIQQQQ", data, first + number * size
        )
        yield kind, offset, address, length


def _dynamic_tags(
    data: bytes, headers: list[tuple[int, int, int, int]]
) -> Iterator[tuple[int, int]]:
    for kind, offset, _, size in headers:
        if kind == DYNAMIC:
            yield from struct.iter_unpack("<qQ", data[offset : offset + size])


def needed_modules(path: Path) -> list[str]:
    """The names of the kernel modules that a module asks for."""
    found = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
    return found.group(1).decode().split(",") if found and found.group(1) else []


def write_initrd(root: Path, archive: Path) -> None:
    """The tree as a gzipped cpio archive in the `newc` form, all of it owned by root."""
    with gzip.GzipFile(archive, "wb", compresslevel=9, mtime=0) as out:
        for number, path in enumerate(sorted(root.rglob("*")), start=1):
            out.write(_cpio_entry(path.relative_to(root).as_posix(), path, number))
        out.write(_cpio_header("TRAILER!!!", 0, 0, 0))


def _cpio_entry(name: str, path: Path, number: int) -> bytes:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        body = str(path.readlink()).encode()
    else:
        body = path.read_bytes() if stat.S_ISREG(mode) else b""
    return _cpio_header(name, number, mode, len(body)) + body + bytes(-len(body) % 4)


def _cpio_header(name: str, number: int, mode: int, size: int) -> bytes:
    # inode, mode, uid, gid, links, mtime, size, device numbers (4), length of the name, checksum
    fields = (number, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
    return header + bytes(-len(header) % 4)
