"""Which users may read a file besides its owner and group: its POSIX access control list.

Called by `layers`, for layers that several guests share, each with a user of its own. The form of
the extended attribute is that of Linux (include/uapi/linux/posix_acl_xattr.h).
"""

import errno
import os
import struct
from collections.abc import Iterable
from pathlib import Path

ATTRIBUTE = "system.posix_acl_access"
VERSION = struct.pack("<I", 2)
ENTRY = struct.Struct("<HHI")
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
NOBODY = 0xFFFFFFFF  # in entries that name no user
READ = 4


def readers_of(path: Path) -> set[int]:
    try:
        listed = os.getxattr(path, ATTRIBUTE)
    except OSError as error:
        if error.errno in {errno.ENODATA, errno.ENOTSUP}:
            return set()
        raise
    return {uid for tag, _, uid in ENTRY.iter_unpack(listed[len(VERSION) :]) if tag == USER}


def set_readers(path: Path, uids: Iterable[int]) -> None:
    """Let these users read a read-only file, besides its owner and its group. Raises OSError if the
    file system has no such lists, or the list is too long."""
    entries = [
        (USER_OBJ, READ, NOBODY),
        *((USER, READ, uid) for uid in sorted(uids)),
        (GROUP_OBJ, READ, NOBODY),
        (MASK, READ, NOBODY),
        (OTHER, 0, NOBODY),
    ]
    os.setxattr(path, ATTRIBUTE, VERSION + b"".join(ENTRY.pack(*one) for one in entries))
