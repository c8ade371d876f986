"""The free disk space of a host, of which a reserve is kept for the guests that already run.

Called by the drivers' image store, transfers and capacity. Nothing that a user can repeat at will
(imports, copies, new instances) may take the reserve; the disks of running guests may.
"""

import errno
import os
from pathlib import Path

from atoll.domain.errors import DriverRefused

MIB = 2**20
# What a file system answers if there is no space: its own, or that of the user's quota.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def free_bytes(path: Path) -> int:
    """Return the free space that users other than root may use."""
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


class DiskRoom:
    """The file system of a path. `reserve_bytes` are kept free."""

    def __init__(self, path: Path, reserve_bytes: int) -> None:
        self._path = path
        self._reserve_bytes = reserve_bytes

    def spare_bytes(self) -> int:
        """Return the free space without the reserve: negative if guests have taken some of it."""
        return free_bytes(self._path) - self._reserve_bytes

    def require(self, more_bytes: int = 0) -> None:
        """Raises DriverRefused if that many bytes more would take some of the reserve."""
        if self.spare_bytes() < max(1, more_bytes):
            raise self.refusal()

    def refusal(self) -> DriverRefused:
        left_mib = max(0, self.spare_bytes()) // MIB
        return DriverRefused(
            f"the host's disk is full: {left_mib} MiB are left besides the "
            f"{self._reserve_bytes // MIB} MiB that are kept free for running guests. Delete "
            "images or snapshots, or enlarge the disk"
        )


def is_full(error: OSError) -> bool:
    return error.errno in FULL
