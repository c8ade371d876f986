"""Finds QEMU processes of this state directory that no guest holds, so that they can be ended.

Called by `driver`, at its start and now and then. Every process is started and recorded with care;
this is for what went wrong nevertheless: such a process keeps its memory, its disks and the
address that another guest gets next. It never finds a process of another state directory, or one
that an operator runs by hand: working directory and arguments must be exactly those of a guest.
"""

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from atoll.drivers.qemu.command_line import PROGRAM, marker

DELETED = " (deleted)"  # as the kernel marks a working directory that no longer exists
PROC = Path("/proc")


class Stray(NamedTuple):
    """A process that may be a stray; `pidfd` refers to it and is to be closed."""

    guest_id: str
    pid: int
    pidfd: int


def find_strays(guests_dir: Path, held: Collection[int]) -> list[Stray]:
    """Return the QEMU processes of guests below this directory, without those in `held`."""
    return list(search(str(guests_dir.resolve()), held))


def search(root: str, held: Collection[int]) -> Iterator[Stray]:
    for entry in PROC.iterdir():
        if not entry.name.isdecimal() or int(entry.name) in held:
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            if guest_of(entry, root) is None:
                continue
            pidfd = os.pidfd_open(int(entry.name))
            guest_id = guest_of(entry, root)  # again, now that the pid cannot be reused
            if guest_id is None:
                os.close(pidfd)
            else:
                yield Stray(guest_id, int(entry.name), pidfd)


def guest_of(entry: Path, root: str) -> str | None:
    """Return the id of the guest whose QEMU this process is, or None."""
    parent, _, name = str((entry / "cwd").readlink()).removesuffix(DELETED).rpartition("/")
    if parent != root or not name or namespace_of(entry) != namespace_of(PROC / "self"):
        return None
    program, *arguments = (entry / "cmdline").read_bytes().split(b"\0")
    is_qemu = Path(os.fsdecode(program)).name == PROGRAM
    return name if is_qemu and marker(name).encode() in arguments else None


def namespace_of(entry: Path) -> str:
    """A path means the same only within one mount namespace."""
    return str((entry / "ns" / "mnt").readlink())
