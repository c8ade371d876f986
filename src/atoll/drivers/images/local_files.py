"""Copies an image from a path on this host. Called by the image store.

The path comes from a user, so it must be in a directory that the operator configured and be a
regular file, and both are checked again after opening it.
"""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from atoll.domain.errors import DriverRefused
from atoll.drivers.images.checksums import CHUNK_BYTES, Expected
from atoll.drivers.images.fetch import OnBytes


class LocalFiles:
    def __init__(self, directories: Sequence[Path], bytes_max: int) -> None:
        self._directories = tuple(directory.resolve() for directory in directories)
        self._bytes_max = bytes_max

    def copy(self, location: str, target: Path, expected: Expected, on_bytes: OnBytes) -> None:
        """Copy the file. Blocking: run it in a thread."""
        source = self._open(location)
        with os.fdopen(source, "rb") as file, target.open("xb") as copy:
            total = os.fstat(source).st_size
            done = 0
            while chunk := file.read(CHUNK_BYTES):
                done += len(chunk)
                if done > self._bytes_max:  # also if it grows during the copy
                    raise DriverRefused(f"{location} is larger than {self._bytes_max} bytes")
                expected.update(chunk)
                copy.write(chunk)
                on_bytes(done, total)
        expected.verify(location)

    def _open(self, location: str) -> int:
        path = Path(location)
        if "\0" in location or not path.is_absolute():
            raise DriverRefused(f"{location!r} is not an absolute path on the host")
        try:
            real = path.resolve(strict=True)
            self._require_allowed(location, real)
            # O_NONBLOCK: opening a FIFO must not wait for a writer.
            handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, RuntimeError) as error:
            raise DriverRefused(f"{location} cannot be read on the host: {error}") from error
        try:
            # A directory may have become a symlink since `resolve`.
            self._require_allowed(location, Path(f"/proc/self/fd/{handle}").readlink())
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise DriverRefused(
                    f"{location} is a directory, device or pipe: give a regular file"
                )
        except BaseException:
            os.close(handle)
            raise
        return handle

    def _require_allowed(self, location: str, real: Path) -> None:
        if any(real.is_relative_to(directory) for directory in self._directories):
            return
        allowed = ", ".join(str(directory) for directory in self._directories) or "none"
        raise DriverRefused(
            f"{location} is outside the directories from which images may be imported: {allowed}"
        )
