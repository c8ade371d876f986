"""An empty qcow2, as `qemu-img create` makes one, without a process that is started for it.

Called by `layers` for every new volume and while a guest waits for its snapshot. It reads no
file, and none that is there already is touched; the format is that of QEMU's docs/interop/qcow2.
"""

import os
import struct
from pathlib import Path

CLUSTER_BYTES = 1 << 16
REFCOUNT_TABLE_AT, REFCOUNT_BLOCK_AT, FIRST_LEVEL_AT = (n * CLUSTER_BYTES for n in (1, 2, 3))
COVERED_BYTES = CLUSTER_BYTES * (CLUSTER_BYTES // 8)  # per entry of the first level
HEADER = struct.Struct(">4sIQIIQIIQQIIQQQQIIB7x")
VERSION = 3
REFCOUNT_ORDER = 4  # 16 bits each
BACKING_FORMAT = struct.pack(">II8s", 0xE2792ACA, len("qcow2"), b"qcow2")
NO_MORE_EXTENSIONS = bytes(8)


def make_empty(path: Path, size_bytes: int, backing_file: str | None) -> None:
    """Create an empty qcow2. `backing_file` is a qcow2 that need not exist."""
    entries = -(-size_bytes // COVERED_BYTES)
    end = FIRST_LEVEL_AT + entries * 8
    clusters = -(-end // CLUSTER_BYTES)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(header(size_bytes, entries, (backing_file or "").encode()))
        file.seek(REFCOUNT_TABLE_AT)
        file.write(struct.pack(">Q", REFCOUNT_BLOCK_AT))
        file.seek(REFCOUNT_BLOCK_AT)
        file.write(struct.pack(">H", 1) * clusters)
        file.truncate(end)


def header(size_bytes: int, entries: int, name: bytes) -> bytes:
    extensions = (BACKING_FORMAT if name else b"") + NO_MORE_EXTENSIONS
    name_at = HEADER.size + len(extensions) if name else 0
    fields = HEADER.pack(
        *(b"QFI\xfb", VERSION, name_at, len(name), CLUSTER_BYTES.bit_length() - 1, size_bytes),
        *(0, entries, FIRST_LEVEL_AT, REFCOUNT_TABLE_AT, 1),  # not encrypted
        *(0, 0),  # no internal snapshots
        *(0, 0, 0),  # no incompatible features
        *(REFCOUNT_ORDER, HEADER.size, 0),
    )
    return fields + extensions + name
