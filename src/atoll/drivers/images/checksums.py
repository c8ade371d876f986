"""Checksums in the form `sha256:…` or `sha512:…`.

Used by all modules of this package that read images. Raises DriverRefused.
"""

import hashlib
import re
from pathlib import Path

from atoll.domain.errors import DriverRefused

FORM = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
CHUNK_BYTES = 1 << 20


class Expected:
    """Hashes the bytes of an image as they arrive and finally compares the checksum."""

    def __init__(self, checksum: str | None) -> None:
        self._checksum = checksum.lower() if checksum else None
        if self._checksum is not None and not FORM.fullmatch(self._checksum):
            raise DriverRefused(
                f"{checksum!r} is not a checksum: it must be sha256: and 64 hexadecimal digits, "
                "or sha512: and 128 hexadecimal digits"
            )
        self._name = self._checksum.partition(":")[0] if self._checksum else "sha256"
        self._hash = hashlib.new(self._name)

    def update(self, chunk: bytes) -> None:
        self._hash.update(chunk)

    def verify(self, source: str) -> None:
        found = f"{self._name}:{self._hash.hexdigest()}"
        if self._checksum is not None and found != self._checksum:
            raise DriverRefused(
                f"{source} has the checksum {found}, not {self._checksum}: "
                "it was changed during the transfer, or the checksum of the image is out of date"
            )


def checksum_of(path: Path) -> str:
    return f"sha256:{digest_of(path, 'sha256')}"


def digest_of(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
