"""File operations of the QEMU driver: safe names, durable writes, and qemu-img.

Called by the modules that manage records and disks. qemu-img never guesses a format: callers give
all formats.
"""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from atoll.domain.errors import DriverRefused, DriverUnavailable
from atoll.domain.ids import bits_of
from atoll.drivers.qemu.process import Privileges, find_program

QEMU_IMG_S = 60.0


def require_id(thing_id: str) -> None:
    """Validate an id, because ids become file names."""
    try:
        bits_of(thing_id)
    except ValueError as error:
        raise DriverRefused(str(error)) from error
    if not thing_id.replace("-", "").isalnum():
        raise DriverRefused(f"{thing_id!r} is not an id")


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file atomically, even across a crash."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    part.rename(path)


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def run_qemu_img(
    arguments: Sequence[str],
    folder: Path,
    *,
    privileges: Privileges,
    timeout_s: float = QEMU_IMG_S,
) -> None:
    """Run qemu-img, with few privileges, on files that a guest could write to."""
    command = privileges.wrap([find_program("qemu-img"), *arguments])
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DriverUnavailable(
            f"qemu-img {arguments[0]} took longer than {timeout_s:g} s in {folder}"
        ) from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise DriverUnavailable(f"qemu-img {arguments[0]} failed in {folder}: {said}")
