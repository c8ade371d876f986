"""A file whose space is given up when the disk is full, so that this can still be recorded.

Called by `driver`. The database is often on the same disk as the guests: without any space, it
could not even record that a full disk has paused them. Guests that are paused do not take the
space: they go on when there is more of it (`run_state.ROOM_BYTES`).
"""

import contextlib
import os
from pathlib import Path

import structlog

from atoll.domain.instances import HALTS, Halt
from atoll.drivers.disk_room import free_bytes
from atoll.drivers.qemu import run_state
from atoll.messages import GuestFacts

SIZE_BYTES = 16 * 2**20
NOTHING_BYTES = 2**20  # with less, the disk counts as full
log = structlog.get_logger()


class Ballast:
    def __init__(self, path: Path) -> None:
        self._path = path

    def note(self, facts: GuestFacts) -> None:
        """Log that a guest does not execute, and make space for recording it."""
        if facts.halt is not None:
            log.warning("a guest does not execute", guest=facts.id, why=HALTS[facts.halt])
        if facts.halt is Halt.DISK_FULL:
            self._path.unlink(missing_ok=True)

    def keep(self) -> None:
        """Take the space if there is plenty, or give it up if there is none."""
        free = free_bytes(self._path.parent)
        if free < NOTHING_BYTES:
            self._path.unlink(missing_ok=True)
        elif free > SIZE_BYTES + 2 * run_state.ROOM_BYTES and not self._path.exists():
            with contextlib.suppress(OSError):
                take(self._path)


def take(path: Path) -> None:
    """Reserve the space. The name appears at once or not at all."""
    part = path.with_name(f".{path.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb"):
            os.posix_fallocate(descriptor, 0, SIZE_BYTES)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
