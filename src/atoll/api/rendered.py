"""The JSON of rows, kept until the row changes.

A row's version rises with each change of it, so an id and a version name one text. Only what shows
nothing but its own row may be kept here.
"""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

BYTES_MAX = 16 * 1024 * 1024
OVERHEAD_BYTES = 200  # of an entry, beside its text


class Versioned(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def version(self) -> int: ...


T = TypeVar("T", bound=Versioned)


class Rendered(Generic[T]):
    """At most `bytes_max` bytes; the texts that were made first go first."""

    def __init__(self, show: Callable[[T], object], bytes_max: int = BYTES_MAX) -> None:
        self._show = show
        self._bytes_max = bytes_max
        self._bytes = 0
        self._kept: dict[str, tuple[int, bytes]] = {}

    def part_of(self, thing: T) -> msgspec.Raw:
        """The JSON, to stand in that of a list."""
        return msgspec.Raw(self.json_of(thing))

    def json_of(self, thing: T) -> bytes:
        kept = self._kept.get(thing.id)
        if kept is not None and kept[0] == thing.version:
            return kept[1]
        text = msgspec.json.encode(self._show(thing))
        self._keep(thing.id, thing.version, text)
        return text

    def _keep(self, thing_id: str, version: int, text: bytes) -> None:
        self._forget(thing_id)
        self._kept[thing_id] = (version, text)
        self._bytes += len(text) + OVERHEAD_BYTES
        while self._bytes > self._bytes_max:
            self._forget(next(iter(self._kept)))

    def _forget(self, thing_id: str) -> None:
        gone = self._kept.pop(thing_id, None)
        if gone is not None:
            self._bytes -= len(gone[1]) + OVERHEAD_BYTES
